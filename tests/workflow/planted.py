"""Findings that were planted in a demo cohort, and those of a run."""

import csv
from pathlib import Path


def rows_of(path: Path) -> list[dict]:
    with open(path, encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle, delimiter="\t"))


def failed(run: Path) -> list[dict]:
    rows = rows_of(run / "results/report/findings.tsv")
    return [row for row in rows if row["verdict"] in ("FAIL", "WARN")]


def answers(expected: dict, found: dict) -> bool:
    """Whether a finding is the one that was planted; a check of a sample chain names the tube, not the block."""
    keys = ("requirement_id", "verdict", "step")
    block = found["block"] in ("", expected["block"]) or not expected["block"]
    return (
        block
        and found["subject"].split(".")[0] == expected["subject"]
        and all(found[key] == expected[key] for key in keys)
    )


def missed(run: Path) -> list[dict]:
    """Planted findings that a finished run did not make."""
    found = failed(run)
    expected = rows_of(run / "cohort/expected_findings.tsv")
    return [row for row in expected if not any(answers(row, other) for other in found)]


def strange(run: Path) -> list[dict]:
    """FAILs of a finished run that nobody planted."""
    expected = rows_of(run / "cohort/expected_findings.tsv")
    known = {(row["subject"], row["requirement_id"]) for row in expected}
    return [
        row
        for row in failed(run)
        if row["verdict"] == "FAIL" and (row["subject"], row["requirement_id"]) not in known
    ]
