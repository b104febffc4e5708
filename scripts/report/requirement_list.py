"""Every requirement with its text, status, evidence and limit, section by section of the notes.

In: conformance.json, requirements.yaml, findings. Out: tables. Source: the project's reading of
the draft notes; no clause number below chapter 5 and chapter 6 is known, so none is printed.
"""

import re
from collections import Counter

from scripts.core.ledger import STATUSES
from scripts.report.conformity import notes_section, requirement_name, status_cell
from scripts.report.page import Cell, Table, Text, join, reason, same, text
from scripts.report.results import Results

MOST_LIMITS = 4
COLUMNS = ("requirement", "meaning", "severity", "status", "data", "evidence", "counts", "limit")


def limits_of(findings: list[dict]) -> dict[str, list[str]]:
    """{requirement: limits that its checks were held against}, the most frequent first."""
    seen: dict[str, Counter] = {}
    for row in findings:
        if row["threshold"] and row["requirement_id"]:
            seen.setdefault(row["requirement_id"], Counter())[row["threshold"]] += 1
    return {
        name: [limit for limit, _ in sorted(own.items(), key=lambda item: (-item[1], item[0]))]
        for name, own in seen.items()
    }


def limit_source(requirement: dict) -> Text:
    """Who says the limit: the notes only where they state it themselves, else it is a project default.

    A source that the requirement names is added as it is written there.
    """
    written = requirement["default_source"]
    if written == "seed":
        return text("limit.notes")
    named = re.sub(r"\(?from memory\)?", "", written)
    parts = [
        reason(part.strip())
        for part in named.split(";")
        if part.strip() and not re.search(r"\b(inferred|seed|REPORT|brief|I could)\b", part)
    ]
    if "from memory" in written and parts:
        return join([text("limit.default"), *parts, text("limit.unverified")])
    return join([text("limit.default"), *parts])


def evidence_kind(requirement: dict) -> Text:
    """What the evidence is, in words."""
    kind = requirement.get("evidence_kind", "")
    if kind.startswith("measured") and "registered" in kind:
        return text("evidence.both")
    return text(f"evidence.{kind.replace('+', '_')}") if kind else same("–")


def counts_cell(counts: dict[str, int]) -> Text:
    """Number of records by verdict."""
    parts = [join([text(f"status.{s}"), str(counts[s])], " ", " ") for s in STATUSES if s in counts]
    return join(parts, "，", ", ") if parts else same("–")


def _limit(requirement: dict, limits: list[str]) -> Text:
    if not limits:
        return same("–")
    more = len(limits) - MOST_LIMITS
    shown = join([*map(reason, limits[:MOST_LIMITS]), *([f"… (+{more})"] if more > 0 else [])])
    source = limit_source(requirement)
    return Text(f"{shown.zh}（{source.zh}）", f"{shown.en} ({source.en})")


def requirement_table(results: Results, requirements: dict[str, dict], link) -> Table:
    """All requirements under the sections of the notes, in the order of the file.

    requirements : {id: row of requirements.yaml}; link : requirement id -> what its cell shows
    """
    limits = limits_of(results.findings)
    groups: dict[Text, list[list]] = {}
    for name, row in results.conformance["requirements"].items():
        requirement = requirements[name]
        gap = [text("conformance.gap", n=row["missing"])] if row["missing"] else []
        groups.setdefault(notes_section(requirement["clause"]), []).append(
            [
                Cell(link(name), "narrow"),
                requirement_name(row),
                text(f"severity.{row['severity']}"),
                status_cell(row["status"]),
                status_cell(row["data_status"]),
                Cell(evidence_kind(requirement), "narrow"),
                join([counts_cell(row["counts"]), *gap]),
                _limit(requirement, limits.get(name, [])),
            ]
        )
    rows = []
    for title, own in groups.items():
        rows += [[Cell(title, "group", len(COLUMNS))], *own]
    return Table(
        caption=text("conformance.all", n=len(results.conformance["requirements"])),
        columns=[text(f"requirements.{column}") for column in COLUMNS],
        rows=rows,
    )


def status_table(results: Results) -> Table:
    """Requirements by severity and status."""
    counts = Counter(
        (row["severity"], row["status"]) for row in results.conformance["requirements"].values()
    )
    severities = ("block", "exclude", "major", "minor", "info")
    return Table(
        caption=text("requirements.by_severity"),
        columns=[text("column.severity"), *(text(f"status.{s}") for s in STATUSES)],
        rows=[
            [text(f"severity.{severity}"), *(counts[severity, s] or "–" for s in STATUSES)]
            for severity in severities
        ],
        numeric=tuple(range(1, len(STATUSES) + 1)),
        notes=[text("conformance.severity_note")],
    )
