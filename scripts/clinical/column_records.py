"""QC records of the units of whole columns: what was wrong, on what evidence, and what the site declared.

In: findings of column_units.py. Out: records through Step.check. Source: requirements CLE-02 and CLE-03.
"""

import math

from scripts.clinical.column_units import CONVERTED, DECLARED, ColumnFinding

BLOCK = "clinical"
IN_ONE_UNIT, AS_WRITTEN = "a column is in one unit", "unit of the column is the one written"


def record(step, findings: list[ColumnFinding], settings: dict) -> None:
    """Two FAILs a column that is not in its written unit, ATTESTED for what the site declares; subject is the centre where there
    is only one."""
    with step.block(BLOCK):
        for finding in findings:
            subject = finding.centre or "cohort"
            where = f"{finding.analyte} of {finding.place} under {finding.unit or 'no unit'}"
            lines = f"lines {finding.lines[0]} to {finding.lines[1]}"
            if finding.kind == DECLARED:
                text = f"{where}: declared as {finding.other}; {finding.rows} rows, {lines}"
                evidence = finding.document or "config clinical.units"
                step.check(
                    "CLE-03", "declared unit", "ATTESTED", value=finding.rows, unit="rows",
                    evidence=evidence, reason=text, subject=subject, acts=False,
                )  # fmt: skip
                continue
            period = f", {finding.since} to {finding.until}" if finding.since else ""
            text = (
                f"{where}: {_what(finding)}; {finding.converted} rows converted, {finding.aside} set aside "
                f"of {finding.rows} ({lines}{period}); {_evidence(finding)}"
            )
            for requirement, check in (("CLE-02", IN_ONE_UNIT), ("CLE-03", AS_WRITTEN)):
                step.check(
                    requirement, check, "FAIL", value=finding.converted + finding.aside, unit="rows",
                    threshold="0", reason=text, subject=subject, acts=False,
                )  # fmt: skip


def _what(finding: ColumnFinding) -> str:
    if finding.kind == CONVERTED:
        return f"can only be in {finding.other}"
    return f"values of {finding.other} stand in it"


def _evidence(finding: ColumnFinding) -> str:
    """Medians and implausible shares under both units."""
    own = f"median {finding.median:.3g} as written, {finding.implausible:.0%} implausible"
    if math.isnan(finding.median_other):
        return own
    other = f"median {finding.median_other:.3g} in {finding.other}, {finding.implausible_other:.0%} implausible"
    return f"{own}; {other}"
