"""What a check of the sheets found, and how it becomes QC records.

In: rows of sheets. Out: Check, records of a step. Source: docs/clinical.md; the statuses of resources/requirements.yaml.
"""

import datetime
from dataclasses import dataclass

from scripts.core import sheets

SHOWN = 4  # examples that a reason names


@dataclass(frozen=True)
class Check:
    """One record: `subject` is a patient, a centre or the cohort."""

    subject: str
    requirement_id: str
    check: str
    verdict: str
    value: str | float | None = None
    reason: str = ""
    threshold: str = ""
    unit: str = ""
    evidence: str = ""


def rows_of(paths) -> list[dict] | None:
    """Rows of a sheet given as a path or a list of no or one path; None when the cohort has no such sheet."""
    return sheets.rows_of(paths) if paths else None


def record(step, checks: list[Check]) -> None:
    """Write checks as records of a step. None of them stops the step."""
    for check in checks:
        step.check(
            check.requirement_id,
            check.check,
            check.verdict,
            value=check.value,
            unit=check.unit,
            threshold=check.threshold,
            evidence=check.evidence,
            reason=check.reason,
            subject=check.subject,
            acts=False,
        )
    bad = sum(check.verdict == "FAIL" for check in checks)
    step.log.info("%d checks, %d of them FAIL", len(checks), bad)


def examples(names: list[str]) -> str:
    """The first names, and how many more there are."""
    names = list(dict.fromkeys(names))
    more = len(names) - SHOWN
    return ", ".join(names[:SHOWN]) + (f" and {more} more" if more > 0 else "")


def day_of(text: str) -> datetime.date:
    """The day of an ISO date or time."""
    return datetime.date.fromisoformat(text[:10])
