"""Quality control: what passed, what failed and why, block by block, and the audit of the data.

In: Results. Out: the QC section and the audit section. Source: docs/report.md.
"""

from collections import Counter

from scripts.report.flow import block_name
from scripts.report.page import Cell, Paragraph, Section, Table, join, reason, same, text
from scripts.report.results import VERDICTS, Results

MOST_COMMON = 3


def block_summary(results: Results) -> Table:
    """One line a block: patients by verdict, and the most common reasons of warnings and
    failures."""
    rows = []
    for block in results.blocks:
        own = {p: results.verdict(block, p) for p in results.admitted()}
        counts = Counter(verdict for verdict, _ in own.values())
        reasons = Counter(
            why for verdict, found in own.values() if verdict in ("warn", "fail") for why in found
        )
        shown = [
            join([reason(why), f"({n})"], " ", " ") if n > 1 else reason(why)
            for why, n in sorted(reasons.items(), key=lambda item: (-item[1], item[0]))
        ]
        more = len(shown) - MOST_COMMON
        words = [*shown[:MOST_COMMON], *([text("quality.more", n=more)] if more > 0 else [])]
        cells = [Cell(counts[v], v) if counts[v] else "0" for v in VERDICTS]
        rows.append([block_name(block), *cells, join(words) if words else "–"])
    return Table(
        caption=text("quality.blocks"),
        columns=[
            text("column.block"),
            *(text(f"verdict.{v}") for v in VERDICTS),
            text("column.reasons"),
        ],
        rows=rows,
        numeric=(1, 2, 3, 4),
        notes=[text("quality.reasons_note")],
    )


def exceptions(results: Results, wanted: str) -> Table | None:
    """Patients and blocks with one verdict, each with its reasons; None when there are none."""
    rows = [
        [
            patient,
            same(results.plan["patients"][patient]["centre"]),
            block_name(block),
            join([reason(why) for why in reasons]),
        ]
        for block in results.blocks
        for patient in results.admitted()
        for verdict, reasons in [results.verdict(block, patient)]
        if verdict == wanted
    ]
    if not rows:
        return None
    return Table(
        caption=text(f"quality.list_{wanted}", n=len(rows)),
        columns=[text(f"column.{name}") for name in ("patient", "centre", "block", "reasons")],
        rows=sorted(rows, key=lambda row: (row[0], row[2])),
        folded=wanted != "fail" or len(rows) > 25,
        printed=wanted == "fail",
    )


def failed_runs(results: Results) -> Table | None:
    """QC, blank and standard runs, references and cohort-wide steps with a FAIL: what is not about
    one patient."""

    def why(row: dict):
        return reason(row["reason"] or row["check"])

    rows = [
        [row["subject"], row["step"], row["requirement_id"] or "–", why(row)]
        for row in results.findings
        if row["verdict"] == "FAIL" and row["subject"] not in results.patients
    ]
    if not rows:
        return None
    return Table(
        caption=text("quality.list_runs", n=len(rows)),
        columns=[text(f"column.{name}") for name in ("subject", "step", "requirement", "reasons")],
        rows=sorted(rows),
        folded=len(rows) > 25,
    )


def section(results: Results) -> Section:
    """The QC section; without any verdict table it says so."""
    parts: list = [Paragraph(text("quality.intro"))]
    if not results.blocks:
        parts.append(Paragraph(text("quality.nothing"), "note"))
        return Section("quality", text("section.quality"), parts)
    if not any(
        row["subject"] in results.patients and row["step"] != "validate_inputs"
        for row in results.findings
    ):
        parts.append(Paragraph(text("quality.no_ledger"), "note"))
    parts.append(block_summary(results))
    failed = exceptions(results, "fail")
    parts.append(failed or Paragraph(text("quality.none_failed"), "good"))
    parts += [part for part in (failed_runs(results), exceptions(results, "warn")) if part]
    encodings = results.plan.get("encodings", {})
    if encodings:
        names = ", ".join(f"{name}.tsv ({code})" for name, code in sorted(encodings.items()))
        parts.append(Paragraph(text("quality.encodings", names=names), "small"))
    return Section("quality", text("section.quality"), parts)
