"""In: locks/openings.tsv, an opening of labelled data by a locked bundle. Out: one more line, chained to all before it.
Source: requirement MOD-07; the chain: chained_log.py.
"""

import datetime
from pathlib import Path

from scripts.core.atomic_file import write_atomically
from scripts.model.chained_log import append_line, chained, damage, read_log

COLUMNS = ["opened_at", "bundle", "data_sha256", "patients", "events", "purpose", "chain"]
UNCHAINED = COLUMNS[:5]  # the header of logs that were begun before lines were chained


def read_openings(path: Path) -> list[dict[str, str]]:
    """Lines of the log; [] when there is none. A log without chain is read with purpose validation and no chain."""
    if not path.is_file():
        return []
    with open(path, encoding="utf-8") as handle:
        old = handle.readline().rstrip("\n").split("\t") == UNCHAINED
    if old:
        return [row | {"purpose": "validation", "chain": ""} for row in read_log(path, UNCHAINED)]
    return read_log(path, COLUMNS)


def check_openings(step, path: Path) -> None:
    """QC record: the log of openings is whole. A log of an earlier version without chain is chained from now on."""
    rows = read_openings(path)
    if rows and not any(row["chain"] for row in rows):
        _write(path, rows)
        rows = read_openings(path)
    broken = damage(path, rows, COLUMNS)
    step.check(
        "MOD-07",
        "log of openings unbroken",
        "FAIL" if broken else "PASS",
        value=len(rows),
        unit="openings",
        reason=broken,
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
    append_line(path, COLUMNS, [now, name, data, str(patients), str(events), purpose])
    return now


def _write(path: Path, rows: list[dict[str, str]]) -> None:
    lines, previous = ["\t".join(COLUMNS)], ""
    for row in rows:
        cells = [row[c] for c in COLUMNS[:-1]]
        previous = chained(previous, cells)
        lines.append("\t".join([*cells, previous]))
    write_atomically(path, "\n".join(lines) + "\n")
