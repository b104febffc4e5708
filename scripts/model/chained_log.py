"""A log that only grows: every line carries a hash over itself and all before it.

In: a TSV below locks/, its columns (the last one is `chain`), a line. Out: one more line. Source: Haber and Stornetta 1991:
a line that is changed or taken out breaks all after it.
"""

import hashlib
import os
from pathlib import Path


def chained(previous: str, cells: list[str]) -> str:
    """First 16 hex digits of the SHA-256 of the previous link and the cells of a line."""
    return hashlib.sha256("\t".join([previous, *cells]).encode()).hexdigest()[:16]


def read_log(path: Path, columns: list[str]) -> list[dict[str, str]]:
    """Lines of the log; [] when there is none."""
    if not path.is_file():
        return []
    lines = [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines()]
    return [dict(zip(columns, cells, strict=True)) for cells in lines[1:]]


def broken_at(rows: list[dict[str, str]], columns: list[str]) -> int:
    """Number of the first line (1 = first entry) that does not follow from those before it; 0 when the chain holds."""
    previous = ""
    for number, row in enumerate(rows, start=1):
        if row["chain"] != chained(previous, [row[c] for c in columns[:-1]]):
            return number
        previous = row["chain"]
    return 0


def damage(path: Path, rows: list[dict[str, str]], columns: list[str]) -> str:
    """Where the chain of a log is broken, in words; "" when it holds."""
    broken = broken_at(rows, columns)
    return f"{path}: line {broken + 1} was changed, or one before it taken out" if broken else ""


def append_line(path: Path, columns: list[str], cells: list[str]) -> None:
    """Append `cells` (all columns but `chain`) and their link; the header comes with the first line."""
    rows = read_log(path, columns)
    link = chained(rows[-1]["chain"] if rows else "", cells)
    path.parent.mkdir(parents=True, exist_ok=True)
    head = "" if path.exists() else "\t".join(columns) + "\n"
    with open(path, "a", encoding="utf-8") as handle:
        handle.write(head + "\t".join([*cells, link]) + "\n")
        handle.flush()
        os.fsync(handle.fileno())
