"""In: locks/openings.tsv, an opening of labelled data by a locked bundle. Out: one more line, chained to all before it.
Source: requirement MOD-07; hash chain as in Haber and Stornetta 1991: a line that is changed or taken out breaks all after it.
"""

import datetime
import hashlib
import os
from pathlib import Path

COLUMNS = ["opened_at", "bundle", "data_sha256", "patients", "events", "purpose", "chain"]
UNCHAINED = COLUMNS[:5]  # the header of logs that were begun before lines were chained


def chained(previous: str, cells: list[str]) -> str:
    """First 16 hex digits of the SHA-256 of the previous link and the cells of a line."""
    return hashlib.sha256("\t".join([previous, *cells]).encode()).hexdigest()[:16]


def read_openings(path: Path) -> list[dict[str, str]]:
    """Lines of the log; [] when there is none. A log without chain is read with purpose validation and no chain."""
    if not path.is_file():
        return []
    lines = [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines()]
    if lines[0] == UNCHAINED:
        return [dict(zip(COLUMNS, [*cells, "validation", ""], strict=True)) for cells in lines[1:]]
    return [dict(zip(COLUMNS, cells, strict=True)) for cells in lines[1:]]


def broken_at(rows: list[dict[str, str]]) -> int:
    """Number of the first line (1 = first opening) that does not follow from those before it; 0 when the chain holds."""
    previous = ""
    for number, row in enumerate(rows, start=1):
        if row["chain"] != chained(previous, [row[c] for c in COLUMNS[:-1]]):
            return number
        previous = row["chain"]
    return 0


def check_openings(step, path: Path) -> None:
    """QC record: the log of openings is whole. A log of an earlier version without chain is chained from now on."""
    rows = read_openings(path)
    if rows and not any(row["chain"] for row in rows):
        _write(path, rows)
        rows = read_openings(path)
    broken = broken_at(rows)
    step.check(
        "MOD-07",
        "log of openings unbroken",
        "FAIL" if broken else "PASS",
        value=len(rows),
        unit="openings",
        reason=f"{path}: line {broken + 1} was changed, or one before it taken out" * bool(broken),
        acts=False,
    )


def record_opening(
    path: Path, purpose: str, name: str, data: str, patients: int, events: int
) -> str:
    """Append the first opening of these data by this bundle for this purpose; returns when that was.

    purpose : validation or recalibration.
    """
    rows = read_openings(path)
    for row in rows:
        if (row["bundle"], row["data_sha256"], row["purpose"]) == (name, data, purpose):
            return row["opened_at"]
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    cells = [now, name, data, str(patients), str(events), purpose]
    cells.append(chained(rows[-1]["chain"] if rows else "", cells))
    path.parent.mkdir(parents=True, exist_ok=True)
    head = "" if rows or path.exists() else "\t".join(COLUMNS) + "\n"
    with open(path, "a", encoding="utf-8") as handle:
        handle.write(head + "\t".join(cells) + "\n")
        handle.flush()
        os.fsync(handle.fileno())
    return now


def _write(path: Path, rows: list[dict[str, str]]) -> None:
    lines, previous = ["\t".join(COLUMNS)], ""
    for row in rows:
        cells = [row[c] for c in COLUMNS[:-1]]
        previous = chained(previous, cells)
        lines.append("\t".join([*cells, previous]))
    temporary = path.with_name(f".tmp{os.getpid()}.{path.name}")
    temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")
    os.replace(temporary, path)
