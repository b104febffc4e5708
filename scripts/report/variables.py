"""Every laboratory variable: completeness by centre, state of its rows, units that came, factors that were used.

In: laboratory rows, the variable dictionary, the plan. Out: tables and maps. Source: docs/report.md, "Data-quality report".
"""

import csv
from dataclasses import dataclass

from scripts.report import svg
from scripts.report.lab_rows import STATES
from scripts.report.page import (
    Cell,
    Figure,
    Paragraph,
    Section,
    Table,
    Text,
    join,
    percent,
    same,
    text,
)

WIDEST_MAP = 240  # columns of the map of patients; more patients share a column
_SHADES = ("#0072B2", "#5a9fca", "#a9cbe2", "#e3edf4", "#f6dccb")


@dataclass(frozen=True)
class Variable:
    """One row of the dictionary: name in both languages, canonical unit, hard and soft range."""

    name: Text
    unit: str
    hard: tuple[str, str]
    soft: tuple[str, str]
    log: bool
    qualitative: bool


def read_dictionary(path: str) -> dict[str, Variable]:
    """{variable: Variable} of variable_dictionary.csv."""
    with open(path, encoding="utf-8", newline="") as handle:
        return {
            row["variable"]: Variable(
                Text(row["zh"], row["en"]),
                row["unit"],
                (row["hard_lo"], row["hard_hi"]),
                (row["soft_lo"], row["soft_hi"]),
                row["log10"] == "yes",
                row["kind"] != "number",
            )
            for row in csv.DictReader(handle)
        }


def clinical_patients(plan: dict) -> dict[str, list[str]]:
    """{centre: patients whose clinical data may be used}, both sorted."""
    found: dict[str, list[str]] = {}
    for patient, entry in sorted(plan["patients"].items()):
        if "clinical" in entry["domains"]:
            found.setdefault(entry["centre"], []).append(patient)
    return dict(sorted(found.items()))


def have_value(labs) -> dict[str, set[str]]:
    """{variable: patients with a value that counts}, of every variable that came."""
    found: dict[str, set[str]] = {str(v): set() for v in labs["variable"].unique() if v != ""}
    used = labs[labs["used"]]
    for variable, own in used.groupby("variable", observed=True)["patient_id"]:
        if variable:
            found[str(variable)] = set(own.astype(str))
    return dict(sorted(found.items()))


def completeness(
    have: dict[str, set], centres: dict[str, list[str]]
) -> dict[str, dict[str, float]]:
    """{variable: {centre: share of its patients with a value}}; "*" is the whole cohort."""
    everybody = [p for own in centres.values() for p in own]
    places = {"*": everybody} | centres
    return {
        variable: {c: sum(p in known for p in own) / len(own) for c, own in places.items() if own}
        for variable, known in have.items()
    }


def completeness_map(shares: dict, names: dict[str, Text]) -> str:
    """Variables (lines) by centres (columns) as SVG, the share written into every cell."""
    places = list(next(iter(shares.values())))
    left, top, step = 190, 40, 20
    wide = min(96.0, 800 / len(places))
    draw = svg.Drawing(left + wide * len(places) + 10, top + step * len(shares) + 10)
    draw.title = text("section.gaps")
    for column, place in enumerate(places):
        label = text("conformance.cohort") if place == "*" else same(place)
        draw.text(left + wide * (column + 0.5), top - 10, label, 11, "middle")
    for line, (variable, own) in enumerate(shares.items()):
        level = top + step * line
        draw.text(left - 8, level + 14, names.get(variable, same(variable)), 11, "end")
        for column, place in enumerate(places):
            share, x = own[place], left + wide * column
            draw.box(x + 1, level + 1, wide - 2, step - 2, shade(share), svg.RULE)
            colour = "#fff" if share > 0.8 else svg.BLACK
            draw.text(x + wide / 2, level + 14, percent(share), 10.5, "middle", colour)
    return draw.markup()


def shade(share: float) -> str:
    """Colour of a share of known values, from none to all."""
    limits = (0.95, 0.8, 0.5, 1e-9)
    return next(
        (c for c, least in zip(_SHADES, limits, strict=False) if share >= least), _SHADES[-1]
    )


def patient_map(have: dict[str, set], centres: dict[str, list[str]], names: dict) -> str:
    """Variables (lines) by patients (columns, centre by centre) as SVG; equal neighbours are one
    box, and many patients share a column."""
    total = sum(map(len, centres.values()))
    each = -(-total // WIDEST_MAP)
    groups = [
        (c, own[start : start + each])
        for c, own in centres.items()
        for start in range(0, len(own), each)
    ]
    left, top, step, width = 190, 40, 15, 1000
    wide = (width - left - 10) / len(groups)
    draw = svg.Drawing(width, top + step * len(have) + 34, text("section.gaps"))
    position = 0
    for centre in centres:
        size = sum(c == centre for c, _ in groups)
        start, end = left + position * wide, left + (position + size) * wide
        draw.line(start + 1, top - 6, end - 1, top - 6, svg.GREY, 2)
        draw.text((start + end) / 2, top - 12, centre, 10.5, "middle")
        position += size
    for line, (variable, known) in enumerate(have.items()):
        level = top + step * line
        draw.text(left - 8, level + 11, names.get(variable, same(variable)), 10.5, "end")
        shares = [shade(sum(p in known for p in own) / len(own)) for _, own in groups]
        start = 0
        for column in range(1, len(shares) + 1):
            if column == len(shares) or shares[column] != shares[start]:
                draw.box(
                    left + start * wide, level, (column - start) * wide, step - 2, shares[start]
                )
                start = column
    level, x = top + step * len(have) + 22, left
    for colour, key in zip(_SHADES, ("all", "most", "half", "few", "none"), strict=True):
        draw.box(x, level - 10, 13, 11, colour, svg.RULE)
        draw.text(x + 18, level, text(f"gaps.{key}"), 11)
        x += 130
    return draw.markup()


def row_table(labs, have: dict[str, set], total: int, dictionary: dict[str, Variable]) -> Table:
    """One line a variable: patients with a value, rows by state, rows outside the window."""
    states = labs.groupby(["variable", "status"], observed=False).size()
    outside = labs.groupby("variable", observed=False)["outside_window"].sum()
    rows = []
    for variable in [*have, ""]:
        own = [int(states.get((variable, s), 0)) for s in STATES]
        if not sum(own):
            continue
        known = len(have.get(variable, ()))
        rows.append(
            [
                name_of(variable, dictionary),
                f"{known} / {total}" if variable else "–",
                percent(known / total, 1) if variable and total else "–",
                sum(own),
                *(
                    Cell(n, _KIND[s]) if n and s in _KIND else n
                    for n, s in zip(own, STATES, strict=True)
                ),
                int(outside.get(variable, 0)),
            ]
        )
    return Table(
        caption=text("variables.rows", n=len(have)),
        columns=[
            text("variables.variable"),
            text("variables.patients"),
            text("variables.complete"),
            text("rows.in"),
            *(text(f"state.{s}") for s in STATES),
            text("variables.outside"),
        ],
        rows=rows,
        numeric=tuple(range(1, 5 + len(STATES))),
        notes=[text("variables.rows_note")],
    )


def name_of(variable: str, dictionary: dict[str, Variable]) -> Text:
    """Name of a variable in both languages; of "" that it is in no dictionary."""
    if not variable:
        return text("variables.unknown")
    return dictionary[variable].name if variable in dictionary else same(variable)


def unit_table(labs, dictionary: dict[str, Variable]) -> Table:
    """Raw units and the factors they were multiplied with, variable by variable."""
    read = labs[labs["status"].isin(["ok", "repaired", "duplicate"])]
    pairs = read.groupby(["variable", "unit_raw", "factor"], observed=True, dropna=False).size()
    refused = labs[labs["requirement_id"] == "CLE-03"]
    refused = refused[refused["status"] == "quarantined"]
    bad = refused.groupby(["variable", "unit_raw"], observed=True).size()
    seen: dict[str, dict[str, list]] = {}
    for (variable, unit, factor), n in pairs.items():
        entry = seen.setdefault(str(variable), {"units": [], "refused": []})
        entry["units"].append(
            (-int(n), str(unit) or "–", f"{factor:g}" if factor == factor else "–")
        )
    for (variable, unit), n in bad.items():
        entry = seen.setdefault(str(variable), {"units": [], "refused": []})
        entry["refused"].append(f"{unit or '–'} ({n})")
    rows = []
    for variable, entry in sorted(seen.items()):
        known = dictionary.get(variable)
        said = [f"{unit} × {factor} ({-n})" for n, unit, factor in sorted(entry["units"])]
        mixed = len({factor for _, _, factor in entry["units"]}) > 1
        rows.append(
            [
                name_of(variable, dictionary),
                known.unit or "–" if known else "–",
                Cell("; ".join(said), "warn" if mixed else ""),
                Cell("; ".join(entry["refused"]), "fail") if entry["refused"] else "–",
            ]
        )
    return Table(
        caption=text("variables.units"),
        columns=[text(f"variables.{c}") for c in ("variable", "canonical", "raw_units", "refused")],
        rows=rows,
        notes=[text("variables.units_note")],
    )


def section(labs, dictionary: dict, plan: dict) -> Section:
    """Variables: rows, units, factors."""
    total = sum(map(len, clinical_patients(plan).values()))
    have = have_value(labs)
    parts = [row_table(labs, have, total, dictionary), unit_table(labs, dictionary)]
    return Section("variables", text("section.variables"), parts)


def gap_section(labs, dictionary: dict, plan: dict) -> Section:
    """Where values are missing: by centre and by patient."""
    title, have = text("section.gaps"), have_value(labs)
    centres = clinical_patients(plan)
    if not have or not centres:
        return Section("gaps", title, [Paragraph(text("gaps.nothing"), "note")])
    names = {variable: entry.name for variable, entry in dictionary.items()}
    total = sum(map(len, centres.values()))
    each = -(-total // WIDEST_MAP)
    caption = text("gaps.patients", n=total)
    if each > 1:
        caption = join([caption, text("gaps.shared", n=each)], "", " ")
    parts = [
        Paragraph(text("gaps.intro")),
        Figure(text("gaps.centres"), completeness_map(completeness(have, centres), names), "wide"),
        Figure(caption, patient_map(have, centres, names), "wide"),
    ]
    return Section("gaps", title, parts)


_KIND = {"repaired": "warn", "missing": "missing", "quarantined": "fail"}
