"""Who is in the cohort, and who has which data.

In: Results. Out: the cohort table (role and diagnosis) and the map of patients and blocks. Source:
TRIPOD+AI item 20b. Stage is shown as an annotation; it never reaches a classifier.
"""

import statistics
from collections import Counter

from scripts.report import svg
from scripts.report.flow import block_name
from scripts.report.page import Figure, Section, Table, Text, join, percent, text, text_or
from scripts.report.results import Results

_FILL = {"pass": svg.SKY, "warn": svg.ORANGE, "fail": svg.VERMILION, "missing": svg.PALE}


def _ages(rows: list[dict]) -> str:
    ages = sorted(row["age"] for row in rows if "age" in row)
    if not ages:
        return "–"
    if len(ages) < 4:
        return f"{statistics.median(ages):.0f} ({ages[0]:.0f}–{ages[-1]:.0f})"
    low, middle, high = statistics.quantiles(ages, n=4, method="inclusive")
    return f"{middle:.0f} ({low:.0f}–{high:.0f})"


def _shares(rows: list[dict], column: str, group: str) -> Text:
    counts = Counter(row.get(column, "unknown") for row in rows)
    shown = sorted(counts.items(), key=lambda item: (item[0] == "unknown", -item[1], item[0]))
    if set(counts) == {"unknown"}:
        return text("cohort.not_given")
    return join(
        [join([text_or(f"{group}.{key}", key), str(n)], " ", " ") for key, n in shown], "，", ", "
    )


def groups(results: Results) -> dict[tuple[str, str], list[dict]]:
    """{(role, diagnosis): rows of patients.tsv} of the admitted, hcc first."""
    found: dict[tuple[str, str], list[dict]] = {}
    for patient in results.admitted():
        row = results.patients[patient]
        found.setdefault((row["role"], row["diagnosis"]), []).append(row)
    return dict(sorted(found.items(), key=lambda item: (item[0][0], item[0][1] != "hcc", item[0])))


def cohort_table(results: Results) -> Table:
    """One line a role and diagnosis: n, age, sex, centre, aetiology, stage."""
    rows = []
    for (role, diagnosis), members in groups(results).items():
        sexes = Counter(row.get("sex", "unknown") for row in members)
        known = sexes["male"] + sexes["female"]
        male = f"{sexes['male']} ({percent(sexes['male'] / known)})" if known else "–"
        centres = Counter(row["centre"] for row in members)
        rows.append(
            [
                text(f"role.{role}"),
                text_or(f"diagnosis.{diagnosis}", diagnosis),
                len(members),
                _ages(members),
                male,
                ", ".join(f"{centre} {n}" for centre, n in sorted(centres.items())),
                _shares(members, "aetiology", "aetiology"),
                _shares(members, "stage", "stage") if diagnosis == "hcc" else "–",
            ]
        )
    return Table(
        caption=text("cohort.caption"),
        columns=[
            text(f"column.{name}")
            for name in ("role", "diagnosis", "n", "age", "male", "centre", "aetiology", "stage")
        ],
        rows=rows,
        numeric=(2,),
        notes=[text("cohort.note")],
    )


def availability(results: Results) -> str:
    """Map of blocks (lines) and admitted patients (columns, by role and diagnosis) as SVG."""
    order = [row["patient_id"] for members in groups(results).values() for row in members]
    left, top, step, width = 190, 46, 17, 1000
    draw = svg.Drawing(width, top + step * len(results.blocks) + 40, text("availability.title"))
    wide = (width - left - 10) / max(len(order), 1)
    position = 0
    for (role, diagnosis), members in groups(results).items():
        start, end = left + position * wide, left + (position + len(members)) * wide
        draw.line(start + 1, top - 8, end - 1, top - 8, svg.GREY, 2)
        if end - start > 62:
            draw.text((start + end) / 2, top - 29, text(f"role.{role}"), 10.5, "middle", "#55606b")
            name = text_or(f"diagnosis_short.{diagnosis}", diagnosis)
            draw.text(
                (start + end) / 2,
                top - 14,
                join([name, str(len(members))], " ", " "),
                10.5,
                "middle",
            )
        position += len(members)
    for line, block in enumerate(results.blocks):
        level = top + step * line
        draw.text(left - 8, level + 12, block_name(block), 11.5, "end")
        verdicts = [results.verdict(block, patient)[0] for patient in order]
        for start, length, verdict in runs(verdicts):
            hint = f"{block}: {verdict}"
            draw.box(left + start * wide, level, length * wide, step - 3, _FILL[verdict], hint=hint)
    level = top + step * len(results.blocks) + 24
    x = left
    for verdict in ("pass", "warn", "fail", "missing"):
        draw.box(x, level - 10, 13, 11, _FILL[verdict], svg.RULE)
        draw.text(x + 18, level, text(f"availability.{verdict}"), 11)
        x += 170
    return draw.markup()


def runs(values: list[str]) -> list[tuple[int, int, str]]:
    """Equal neighbours taken together: (start, length, value)."""
    found: list[tuple[int, int, str]] = []
    for position, value in enumerate(values):
        if found and found[-1][2] == value:
            start, length, _ = found[-1]
            found[-1] = (start, length + 1, value)
        else:
            found.append((position, 1, value))
    return found


def section(results: Results) -> Section:
    """The section with table and map."""
    parts: list = [cohort_table(results)]
    if results.blocks:
        parts.append(Figure(text("availability.caption"), availability(results), "wide"))
    return Section("cohort", text("section.cohort"), parts)
