"""Conformance overview: status of every requirement, what does not conform, verdict of every
centre.

In: conformance.json and findings. Out: the conformance section. Source: the project's reading of
the draft notes (resources/requirements.yaml); no clause number below chapter 5 and chapter 6 is
known, so none is printed.
"""

import re
from collections import Counter

from scripts.core.ledger import STATUSES
from scripts.report.page import (
    Cell,
    Facts,
    Paragraph,
    Section,
    Table,
    Text,
    join,
    reason,
    same,
    text,
    text_or,
)
from scripts.report.results import Results

KIND = {
    "PASS": "pass",
    "ATTESTED": "pass",
    "WARN": "warn",
    "FAIL": "fail",
    "NOT_ASSESSED": "missing",
    "NOT_APPLICABLE": "missing",
}
EXAMPLES = 6


def notes_section(clause: str) -> Text:
    """Section of the notes in words: chapter 5 or 6 where known, never a number below it."""
    parts = clause.split("/")
    chapter = re.match(r"^([56])(\.\d+)?$", parts[0])
    names = parts[1:] if re.match(r"^\d", parts[0]) else parts
    named = [text_or(f"notes.{name}", name) for name in names]
    lead = [text("conformance.chapter", n=chapter.group(1))] if chapter else []
    return join([*lead, *named], " / ", " / ")


def requirement_name(row: dict) -> Text:
    """The requirement in both languages."""
    return Text(row["zh"], row["en"])


def verdict_cell(verdict: str) -> Cell:
    """A verdict of a centre or the cohort, coloured."""
    key = verdict.replace(" ", "_")
    return Cell(text(f"conformance.{key}"), "fail" if key == "not_conformant" else "pass")


def status_cell(status: str) -> Cell:
    """A status word, coloured."""
    return Cell(text(f"status.{status}"), f"status {KIND[status]}")


def _subjects(names: list[str]) -> str:
    more = len(names) - EXAMPLES
    return ", ".join(names[:EXAMPLES]) + (f", … (+{more})" if more > 0 else "")


def nonconformities(results: Results) -> Table | None:
    """Requirements with a FAIL, the decisive severities first; None when there are none."""
    order = ("block", "major", "exclude", "minor", "info")
    reasons: dict[str, Counter] = {}
    for row in results.findings:
        if row["verdict"] == "FAIL":
            reasons.setdefault(row["requirement_id"], Counter())[row["reason"] or row["check"]] += 1
    rows = []
    for name, row in results.conformance["requirements"].items():
        if row["status"] != "FAIL":
            continue
        counted = reasons.get(name, Counter()).items()
        common = [why for why, _ in sorted(counted, key=lambda item: (-item[1], item[0]))]
        shown = join(list(map(reason, common[:2]))) if common else same("–")
        rows.append(
            [
                Cell(name, "narrow"),
                requirement_name(row),
                text(f"severity.{row['severity']}"),
                row["counts"].get("FAIL", 0),
                _subjects(row["failed"]),
                shown,
                (order.index(row["severity"]), name),
            ]
        )
    if not rows:
        return None
    return Table(
        caption=text("conformance.failures", n=len(rows)),
        columns=[
            text(f"column.{c}")
            for c in ("requirement", "meaning", "severity", "failures", "subjects", "reasons")
        ],
        rows=[row[:-1] for row in sorted(rows, key=lambda row: row[-1])],
        numeric=(3,),
        notes=[text("conformance.severity_note")],
    )


def centre_table(results: Results) -> Table:
    """Verdict of the cohort and of every centre: process of the site, and data that were
    analysed."""
    lines = [
        (text("conformance.cohort"), results.conformance["verdict"], len(results.plan["patients"]))
    ]
    lines += [
        (text("flow.centre", centre=centre), verdict, verdict["patients"])
        for centre, verdict in results.conformance["centres"].items()
    ]
    rows = [
        [
            name,
            patients,
            verdict_cell(verdict["process"]),
            verdict_cell(verdict["data"]),
            len(verdict["failed"]),
            verdict["not_assessed"],
        ]
        for name, verdict, patients in lines
    ]
    return Table(
        caption=text("conformance.verdicts"),
        columns=[
            text(f"column.{c}")
            for c in ("unit", "patients", "process", "data", "failed_requirements", "not_assessed")
        ],
        rows=rows,
        numeric=(1, 4, 5),
        notes=[text("conformance.verdict_note")],
    )


def requirement_table(results: Results) -> Table:
    """Every requirement with its status, folded."""
    rows = []
    for name, row in results.conformance["requirements"].items():
        counts = ", ".join(f"{status} {n}" for status, n in row["counts"].items()) or "–"
        gap = [text("conformance.gap", n=row["missing"])] if row["missing"] else []
        rows.append(
            [
                Cell(name, "narrow"),
                requirement_name(row),
                notes_section(row["clause"]),
                text(f"severity.{row['severity']}"),
                status_cell(row["status"]),
                join([counts, *gap]),
                text(f"origin.{row['origin']}"),
            ]
        )
    return Table(
        caption=text("conformance.all", n=len(rows)),
        columns=[
            text(f"column.{c}")
            for c in ("requirement", "meaning", "notes", "severity", "status", "checks", "origin")
        ],
        rows=rows,
        notes=[text("conformance.default_note")],
        folded=True,
    )


def section(results: Results) -> Section:
    """The conformance section; without conformance.json it says so."""
    title = text("section.conformance")
    if not results.conformance:
        return Section("conformance", title, [Paragraph(text("conformance.absent"), "note")])
    counts = results.conformance["counts"]
    parts: list = [
        Paragraph(text("conformance.intro")),
        Facts(
            [(text(f"status.{s}"), str(counts[s]), text(f"status_meaning.{s}")) for s in STATUSES]
        ),
        centre_table(results),
        nonconformities(results) or Paragraph(text("conformance.no_failures"), "note"),
        requirement_table(results),
    ]
    loose = results.conformance.get("unassigned_failures", 0)
    if loose:
        parts.append(Paragraph(text("conformance.unassigned", n=loose), "small"))
    return Section("conformance", title, parts)
