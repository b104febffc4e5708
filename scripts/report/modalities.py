"""Quality control of every modality: verdicts by block and centre, and every measured quantity with its spread.

In: Results (verdicts, findings, plan). Out: the section of the data-quality report. Source: docs/report.md, "Data-quality
report"; the quantities and limits are those that the steps of the modality recorded.
"""

from collections import Counter

import numpy as np

from scripts.report.flow import block_name
from scripts.report.page import Cell, Paragraph, Section, Table, Text, join, reason, text
from scripts.report.results import VERDICTS, Results

# Steps whose records are about data; what the models recorded belongs to the validation report.
SAMPLES = "check_custody"
LABORATORY = "build_clinical_table"


def verdict_table(results: Results) -> Table:
    """Patients by verdict, block by block, centre by centre."""
    rows = []
    for block in results.blocks:
        counts: dict[str, Counter] = {}
        for patient in results.admitted():
            verdict, _ = results.verdict(block, patient)
            counts.setdefault(results.plan["patients"][patient]["centre"], Counter())[verdict] += 1
        for centre, own in sorted(counts.items()):
            measured = sum(own[v] for v in VERDICTS[:3])
            if not measured:
                continue
            cells = [Cell(own[v], v) if own[v] else "0" for v in VERDICTS]
            rows.append([block_name(block), centre, *cells, sum(own.values())])
    return Table(
        caption=text("modalities.verdicts"),
        columns=[
            text("column.block"),
            text("column.centre"),
            *(text(f"verdict.{v}") for v in VERDICTS),
            text("rows.sum"),
        ],
        rows=rows,
        numeric=(2, 3, 4, 5, 6),
        notes=[text("modalities.verdicts_note")],
    )


def measured(results: Results) -> list[tuple[tuple, list[dict]]]:
    """((block, step, check, unit, limit), findings) of every check of a block or sample that holds
    a number."""
    groups: dict[tuple, list[dict]] = {}
    for row in results.findings:
        about_data = row["block"] in results.plan["blocks"] or row["step"] == SAMPLES
        if not about_data or row["step"] == LABORATORY or _number(row["value"]) is None:
            continue
        key = (row["block"], row["step"], row["check"], row["unit"], row["threshold"])
        groups.setdefault(key, []).append(row)
    return sorted(groups.items())


def _number(written: str) -> float | None:
    try:
        value = float(written)
    except (TypeError, ValueError):
        return None
    return value if np.isfinite(value) else None


def measure_table(results: Results) -> Table | None:
    """Every measured quantity: number, median, range, limit, records by verdict."""
    found = measured(results)
    if not found:
        return None
    rows, before = [], None
    for (block, step, check, unit, limit), own in found:
        values = np.array([_number(row["value"]) for row in own])
        verdicts = Counter(row["verdict"] for row in own)
        if block != before:
            title = block_name(block) if block else text("modalities.samples")
            rows.append([Cell(title, "group", 9)])
            before = block
        rows.append(
            [
                join([reason(check), f"({unit})"], " ", " ") if unit else reason(check),
                step,
                len(values),
                f"{np.median(values):.4g}",
                f"{values.min():.4g} – {values.max():.4g}" if len(values) > 1 else "–",
                reason(limit or "–"),
                *(_count(verdicts, *names) for names in _KINDS),
            ]
        )
    return Table(
        caption=text("modalities.measures", n=len(found)),
        columns=[
            text("modalities.measure"),
            text("column.step"),
            text("modalities.n"),
            text("modalities.median"),
            text("modalities.range"),
            text("column.limit"),
            *(text(f"status.{names[0]}") for names in _KINDS),
        ],
        rows=rows,
        numeric=(2, 3, 4, 6, 7, 8),
        notes=[text("modalities.measures_note")],
    )


_KINDS = (("PASS", "ATTESTED"), ("WARN",), ("FAIL",))


def _count(verdicts: Counter, *names: str) -> object:
    n = sum(verdicts[name] for name in names)
    return Cell(n, {"WARN": "warn", "FAIL": "fail"}.get(names[0], "")) if n else "–"


def agreement(results: Results) -> list[tuple[str, Text]]:
    """Which of RSD, depth and ICC this run recorded, with the number of records; what it did not is
    said."""
    words = {"rsd": "RSD", "depth": "depth", "icc": "ICC", "dice": "Dice"}
    found = {
        key: sum(
            len(own)
            for (_, _, check, _, _), own in measured(results)
            if word.lower() in check.lower()
        )
        for key, word in words.items()
    }
    return [
        (key, text(f"modalities.{key}", n=n) if n else text(f"modalities.no_{key}"))
        for key, n in found.items()
    ]


def section(results: Results) -> Section:
    """Verdicts and measured quantities of every modality."""
    title = text("section.modalities")
    if not results.blocks:
        return Section("modalities", title, [Paragraph(text("quality.nothing"), "note")])
    table = measure_table(results)
    parts: list = [verdict_table(results)]
    parts += [Paragraph(words, "small") for _, words in agreement(results)]
    parts.append(table or Paragraph(text("modalities.nothing"), "note"))
    return Section("modalities", title, parts)
