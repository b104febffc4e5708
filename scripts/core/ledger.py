"""QC records: one JSON line per check, the same shape for every step.

In: what a step found. Out: `results/qc/ledger/<step>/<subject>.jsonl`, read by the conformance
join.
Source: statuses and severities of `resources/requirements.yaml`.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

STATUSES = ("PASS", "FAIL", "WARN", "NOT_ASSESSED", "NOT_APPLICABLE", "ATTESTED")


@dataclass(frozen=True)
class Record:
    """One check of one subject. `value` is a number, a text or None; `evidence` names an assay id
    or sha256, never a raw path."""

    requirement_id: str
    subject: str
    check: str
    value: float | int | str | None
    unit: str
    threshold: str
    verdict: str
    evidence: str
    step: str
    version: str
    time: str
    block: str = ""
    reason: str = ""

    def __post_init__(self):
        if self.verdict not in STATUSES:
            raise ValueError(f"verdict {self.verdict!r} is not one of {', '.join(STATUSES)}")


def write_records(path: str | Path, records: Iterable[Record]) -> None:
    """Write records as JSON lines (UTF-8)."""
    with open(path, "w", encoding="utf-8") as handle:
        for record in records:
            handle.write(json.dumps(vars(record), ensure_ascii=False, sort_keys=True) + "\n")


def read_records(paths: Iterable[str | Path]) -> Iterator[dict]:
    """All records of the given ledger files, in the order of the files."""
    for path in paths:
        with open(path, encoding="utf-8") as handle:
            for line in handle:
                if line.strip():
                    yield json.loads(line)
