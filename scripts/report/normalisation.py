"""How the sheets were written and how the laboratory values were read.

In: the plan (encodings), laboratory rows. Out: tables of encodings, forms of values, dates and names. Source: docs/report.md,
"Data-quality report"; docs/inputs.md for what is accepted.
"""

import re

from scripts.report.page import Paragraph, Section, Table, Text, same, text

# (key, what the raw text holds); the first that fits counts, so every row is in one line of the table.
FORMS = (
    ("empty", r"\s*"),
    ("plain", r"[+-]?\d+(?:\.\d+)?"),
    ("full_width", r".*[！-～].*"),
    ("limit", r"\s*(?:[<>≤≥]|小于|大于|低于|高于).*"),
    ("comma", r"\s*[+-]?[\d ]+,[\d,. ]*"),
    ("power", r".*\d\s*(?:[eE]\s*[+-]?\d+|[x×*]\s*10\s*\^?\s*[+-]?\d+).*"),
    ("word", r"\D*"),
    ("other", r".*"),
)
_DATES = ((r"\d{4}年\d{1,2}月\d{1,2}日?", "chinese"), (r"\d{4}-\d{1,2}-\d{1,2}", "iso"))
_DATES += ((r"\d{4}/\d{1,2}/\d{1,2}", "slashes"), (r"\d{4}\.\d{1,2}\.\d{1,2}", "dots"))
_DATES += ((r"\d{5}(?:\.\d+)?", "serial"), (r"\s*", "none"))


def form_of(written: str) -> str:
    """Key of the form in which a value was written."""
    return next(
        key for key, pattern in FORMS if re.fullmatch(pattern, written, re.DOTALL | re.ASCII)
    )


def date_form_of(written: str) -> str:
    """Key of the form in which a date was written; a time of day behind it is no matter."""
    day = re.sub(r"[ T]\d{1,2}:\d{2}.*$", "", written)
    return next((key for pattern, key in _DATES if re.fullmatch(pattern, day)), "other")


def by_form(column, form) -> list[tuple[str, int, str]]:
    """(form, rows, an example) of a categorical column, the most frequent first."""
    counts: dict[str, list] = {}
    for written, n in column.value_counts().items():
        if n:
            entry = counts.setdefault(form(str(written)), [0, str(written)])
            entry[0] += int(n)
    return [(k, n, e) for k, (n, e) in sorted(counts.items(), key=lambda i: (-i[1][0], i[0]))]


def encoding_table(plan: dict) -> Table:
    """Every sheet with its encoding; those that were not UTF-8 first."""
    encodings = plan.get("encodings", {})
    names = sorted(plan["sheets"], key=lambda name: (name not in encodings, name))
    return Table(
        caption=text("sheets.caption", n=len(names), other=len(encodings)),
        columns=[text("sheets.sheet"), text("sheets.encoding"), text("sheets.read_as")],
        rows=[
            [
                f"{name}.tsv",
                encodings.get(name, "utf-8").upper(),
                text("sheets.converted") if name in encodings else text("sheets.as_written"),
            ]
            for name in names
        ],
        folded=len(names) > 12,
    )


def _form_table(key: str, rows: list[tuple[str, int, str]]) -> Table:
    return Table(
        caption=text(f"sheets.{key}"),
        columns=[text("sheets.form"), text("sheets.rows"), text("sheets.example")],
        rows=[[text(f"{key}.{form}"), n, example or "–"] for form, n, example in rows],
        numeric=(1,),
    )


def spelling_table(labs, names: dict[str, Text]) -> Table:
    """Names under which each variable came."""
    pairs = labs.groupby(["variable", "analyte"], observed=True).size()
    found: dict[str, list[str]] = {}
    for (variable, analyte), n in pairs.items():
        found.setdefault(str(variable), []).append(f"{analyte} ({n})")
    several = {v: own for v, own in found.items() if v and len(own) > 1}
    return Table(
        caption=text("sheets.spellings", n=len(several)),
        columns=[text("variables.variable"), text("sheets.spelling")],
        rows=[
            [names.get(variable, same(variable)), ", ".join(own)]
            for variable, own in sorted(several.items())
        ],
        folded=True,
    )


def section(plan: dict, labs, names: dict[str, Text]) -> Section:
    """Encodings of all sheets; forms of values, dates and names of the laboratory sheet."""
    parts: list = [Paragraph(text("sheets.intro")), encoding_table(plan)]
    if labs is not None:
        parts += [
            _form_table("value_form", by_form(labs["value_raw"], form_of)),
            _form_table("date_form", by_form(labs["date_raw"], date_form_of)),
            spelling_table(labs, names),
        ]
    return Section("sheets", text("section.sheets"), parts)
