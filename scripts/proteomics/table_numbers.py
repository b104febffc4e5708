"""Numbers of an exported table, whatever the language of the machine that wrote it.

In: text columns of one table. Out: the same columns as numbers, missing where the table says so; InputDefect for everything
else: a number that cannot be read is never missing. Source: CLDR number symbols (decimal and grouping marks of locales).
"""

import re
import unicodedata
from typing import TYPE_CHECKING

from scripts.core import job as core_job

if TYPE_CHECKING:
    import pandas as pd

REQUIREMENT = "OMX-03"
MISSING = frozenset(
    ("", "-", "nan", "na", "n/a", "#n/a", "null", "none", "filtered", "n. def.", "n.def.")
)
_INFINITE = frozenset(("inf", "+inf", "infinity", "∞", "#div/0!"))
_GAPS = re.compile(r"(?<=\d)[ '’`´](?=\d{3}(?:\D|$))")  # spaces and apostrophes between thousands
_PLAIN = re.compile(r"[+-]?\d+(?:e[+-]?\d+)?", re.IGNORECASE)
_NUMBER = re.compile(r"([+-]?)([\d.,]*\d[.,]?)(e[+-]?\d+)?", re.IGNORECASE)
_GROUPED = {
    mark: re.compile(rf"[1-9]\d{{0,2}}(?:{re.escape(mark)}\d{{3}})+") for mark in (".", ",")
}
_LAKHS = re.compile(r"[1-9]\d?(?:,\d\d)*,\d{3}")  # 12,34,567 of South Asia


def _clean(text: str) -> str:
    """Full-width digits, hard and thin spaces and the minus sign as plain characters; spaces between thousands taken out."""
    plain = unicodedata.normalize("NFKC", text).strip().replace("\u2212", "-")
    return _GAPS.sub("", plain) if re.search("[ '’`´]", plain) else plain


def _is_grouped(digits: str, mark: str) -> bool:
    return bool(_GROUPED[mark].fullmatch(digits) or (mark == "," and _LAKHS.fullmatch(digits)))


def decimal_mark_of(text: str) -> str:
    """What a cleaned number tells of the decimal mark: "." or "," ; "" nothing; "?" either way; "!" it is no number."""
    if _PLAIN.fullmatch(text):
        return ""
    match = _NUMBER.fullmatch(text)
    if not match:
        return "!"
    digits, exponent = match[2], match[3]
    dots, commas = digits.count("."), digits.count(",")
    if dots and commas:
        mark = "." if digits.rindex(".") > digits.rindex(",") else ","
        whole, _, _ = digits.rpartition(mark)
        good = digits.count(mark) == 1 and _is_grouped(whole, "," if mark == "." else ".")
        return mark if good else "!"
    mark, count = (".", dots) if dots else (",", commas)
    other = "," if mark == "." else "."
    if count > 1:
        return other if _is_grouped(digits, mark) else "!"
    return "?" if not exponent and _is_grouped(digits, mark) else mark


def _parse(text: str, decimal: str) -> float:
    grouping = "," if decimal == "." else "."
    sign, digits, exponent = _NUMBER.fullmatch(text).groups()
    whole, mark, rest = digits.partition(decimal)
    whole = whole.replace(grouping, "")
    return float(f"{sign}{whole}{'.' if mark else ''}{rest}{exponent or ''}")


def _defect(reason: str, evidence: str) -> core_job.InputDefect:
    return core_job.InputDefect(
        f"{evidence}: {reason}",
        requirement_id=REQUIREMENT,
        check="numbers of the table",
        evidence=evidence,
    )


def with_numbers(frame: "pd.DataFrame", columns: list[str], evidence: str) -> "pd.DataFrame":
    """The frame with these columns as numbers; the index is the line of the file.

    The decimal mark is decided once for all columns: by numbers that read one way only (0,001; 1.234,5; 1234.5), else by
    thousands that stand without a mark. InputDefect, with line and column, when nothing decides or a cell is no number.
    """
    texts = {}
    for column in dict.fromkeys(columns):
        if frame[column].dtype.kind in "fiub":
            continue
        cells = frame[column].map(lambda cell: "" if cell is None or cell != cell else str(cell))
        texts[column] = {cell: _clean(cell) for cell in cells.unique()}
        frame = frame.assign(**{column: cells})
    told: dict[str, tuple[str, str]] = {}
    for column, cells in texts.items():
        for cell, text in cells.items():
            if text.lower() in MISSING or text.lower() in _INFINITE:
                continue
            mark = decimal_mark_of(text)
            if mark == "!":
                reason = (
                    f"{_place(frame, column, cell)}: {cell!r} is no number; export the table again"
                )
                raise _defect(reason, evidence)
            if not mark and len(text.lstrip("+-")) > 3 and text.lstrip("+-").isdigit():
                mark = "ungrouped"
            told.setdefault(mark, (column, cell))
    if "." in told and "," in told:
        places = " and ".join(f"{told[m][1]!r} ({_place(frame, *told[m])})" for m in ".,")
        raise _defect(f"{places} have different decimal marks; export the table again", evidence)
    if "?" in told and not {".", ",", "ungrouped"} & set(told):
        column, cell = told["?"]
        reason = f"{_place(frame, column, cell)}: {cell!r} may be thousands or a fraction, and no other number tells which"
        raise _defect(
            f"{reason}; export the table with a decimal point and no mark of thousands", evidence
        )
    decimal = "." if "." in told else "," if "," in told else ""
    for column, cells in texts.items():
        known = {cell: _value(text, decimal) for cell, text in cells.items()}
        frame[column] = frame[column].map(known).astype(float)
    return frame


def _value(text: str, decimal: str) -> float:
    """One cleaned number; without a decision every mark is a decimal mark (thousands stand without one)."""
    if text.lower() in MISSING:
        return float("nan")
    if text.lower() in _INFINITE:
        return float("inf")
    return _parse(text, decimal or ("," if "," in text else "."))


def _place(frame: "pd.DataFrame", column: str, cell: str) -> str:
    return f"line {frame.index[frame[column] == cell][0]}, column {column}"
