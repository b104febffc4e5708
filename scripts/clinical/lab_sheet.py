"""Reading labs.tsv as categories of text: fast for millions of rows, in any of the accepted encodings.

In: labs.tsv. Out: a table of categorical columns with line numbers. Source: docs/inputs.md, "labs.tsv".
"""

import contextlib
import csv
import io
import re
from pathlib import Path

import numpy as np
import pandas as pd

from scripts.core.job import InputDefect
from scripts.core.privacy import identifier_in_words, looks_like_a_name
from scripts.core.sheets import decode, numbered_records

COLUMNS = ("patient_id", "analyte", "value", "unit", "date", "laboratory", "method", "uln")
NEEDED = COLUMNS[:4]
HIDDEN = "(hidden)"
_BLANK = re.compile(r"(?:[ \t]*\n)*")
_HAN = re.compile("[\u4e00-\u9fff]+")


def read_labs(path: str | Path) -> tuple[pd.DataFrame, str]:
    """labs.tsv as categories of text with the line number of each row, and the file's encoding.

    Columns that the sheet does not have are empty. Cells that hold an identifier of a person or
    read like a name are hidden at once. InputDefect when the file is no tab-separated table with the needed columns
    (the plan of a run refuses such a sheet before; a step by hand meets it here).
    """
    try:
        text, encoding = decode(Path(path).read_bytes())
        text = re.sub("\r\n?", "\n", text)
        above = _BLANK.match(text)[0].count("\n")
        table = pd.read_csv(
            io.StringIO(text),
            sep="\t",
            skiprows=above,
            dtype="category",
            na_filter=False,
            skip_blank_lines=False,
            index_col=False,
        )
    except (OSError, UnicodeError, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        line = str(error).splitlines()[0][:120] if str(error) else type(error).__name__
        raise _unusable(f"no tab-separated text ({line})") from None
    header = [cell.strip().strip('"') for cell in text.split("\n")[above].split("\t")]
    table.columns = [str(column).strip() for column in table.columns]
    absent = [column for column in NEEDED if column not in table]
    if absent:
        raise _unusable(f"no column {', '.join(absent)}; is it separated by tabs?")
    twice = sorted({column for column in COLUMNS if header.count(column) > 1})
    if twice:
        raise _unusable(f"column {', '.join(twice)} stands twice; keep one")
    table = pd.DataFrame(
        {
            column: _stripped(table[column])
            if column in table
            else pd.Categorical.from_codes(np.zeros(len(table), dtype=np.int8), [""])
            for column in COLUMNS
        }
    )
    table["line"] = _first_lines(text, len(table), above)
    return table[table["patient_id"] != ""].reset_index(drop=True), encoding


def _first_lines(text: str, rows: int, skipped: int) -> np.ndarray:
    """The line of the site's file in which each row begins, the first line being 1: as in scripts/core/sheets.py.

    A quoted cell may hold line breaks; only then the records are counted one by one. skipped : blank lines above the header.
    """
    lines = text.count("\n") + (not text.endswith("\n"))
    if '"' in text and lines != rows + skipped + 1:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter="\t")
        with contextlib.suppress(csv.Error):
            counted = [line for line, _ in numbered_records(reader)][skipped + 1 :]
            if len(counted) == rows:
                return np.array(counted)
    return np.arange(2 + skipped, rows + 2 + skipped)


def _unusable(reason: str) -> InputDefect:
    return InputDefect(
        f"labs.tsv: {reason}", requirement_id="CLE-01", check="laboratory sheet readable"
    )


def _stripped(column: pd.Series) -> pd.Categorical:
    categories = [str(c).strip() for c in column.cat.categories]
    if column.name != "patient_id":
        inside = column.name == "value"
        categories = [HIDDEN if _is_personal(c, inside) else c for c in categories]
    return recoded(column.cat.codes.to_numpy(), categories)


def _is_personal(cell: str, inside: bool) -> bool:
    """Whether a cell holds an identifier of a person or reads like a name (`inside`: a part of it does): no output has it."""
    if cell.isascii():
        return len(cell) >= 6 and bool(identifier_in_words(cell))
    words = _HAN.findall(cell) if inside else [cell]
    return bool(identifier_in_words(cell)) or any(map(looks_like_a_name, words))


def recoded(codes: np.ndarray, categories: list[str]) -> pd.Categorical:
    """A categorical whose old categories get new names; equal names become one."""
    names = list(dict.fromkeys([*categories, ""]))
    number = {name: i for i, name in enumerate(names)}
    mapping = np.array([number[c] for c in categories] + [number[""]], dtype=np.int32)
    return pd.Categorical.from_codes(mapping[codes], names)
