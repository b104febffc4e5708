"""Cells that were changed, set aside or stand twice, and values that are unusual, limits or binned.

In: laboratory rows, findings, the variable dictionary, settings. Out: tables of two sections. Source: docs/report.md,
"Data-quality report"; requirements CLE-02, CLE-03, CLE-05, CLN-07, TRF-01.
"""

from collections import Counter
from itertools import pairwise

from scripts.report.page import Cell, Paragraph, Section, Table, Text, reason, same, text
from scripts.report.variables import Variable, name_of

_KIND = {"repaired": "warn", "quarantined": "fail"}
_PLAUSIBLE = " is plausible"  # how the clinical step names its check for unusual values


def _number(value: object) -> str:
    return "–" if value != value or value is None else f"{value:.6g}"


def kinds_table(labs, dictionary: dict[str, Variable]) -> Table | None:
    """Repaired and quarantined cells by variable and reason."""
    noted = labs[labs["status"].isin(["repaired", "quarantined"])]
    if noted.empty:
        return None
    groups = noted.groupby(["variable", "status", "requirement_id", "reason"], observed=True)
    counts = groups.size()
    rows = [
        [
            name_of(str(variable), dictionary),
            Cell(text(f"state.{status}"), f"status {_KIND[status]}"),
            Cell(requirement or "–", "narrow"),
            reason(words),
            int(n),
        ]
        for (variable, status, requirement, words), n in counts.items()
    ]
    return Table(
        caption=text("repairs.kinds", n=len(noted)),
        columns=[
            text("variables.variable"),
            text("column.status"),
            text("column.requirement"),
            text("column.reasons"),
            text("sheets.rows"),
        ],
        rows=sorted(rows, key=lambda row: (-row[4], row[0].en, row[3].en)),
        numeric=(4,),
    )


def cell_table(labs, dictionary: dict[str, Variable], status: str, most: int) -> Table | None:
    """Rows of one state with their line in labs.tsv, raw and canonical side by side; the first
    `most` of them."""
    noted = labs[(labs["status"] == status).to_numpy()].sort_values("line")
    if noted.empty:
        return None
    columns = ["line", "patient_id", "centre", "variable", "analyte", "value_raw", "unit_raw"]
    columns += ["date_raw", "factor", "value", "reason"]
    rows = [
        [
            row.line,
            Cell(row.patient_id, "narrow"),
            Cell(row.centre, "narrow"),
            name_of(row.variable, dictionary) if row.variable else row.analyte,
            row.value_raw or "–",
            row.unit_raw or "–",
            row.date_raw or "–",
            _number(row.factor) if status == "repaired" else "–",
            _number(row.value) if status == "repaired" else "–",
            reason(row.reason),
        ]
        for row in noted[columns].head(most).astype(object).itertuples(index=False)
    ]
    notes = [text("repairs.cut", most=most, n=len(noted))] if len(noted) > most else []
    names = (
        "line",
        "patient",
        "centre",
        "variable",
        "value",
        "unit",
        "date",
        "factor",
        "canonical",
    )
    return Table(
        caption=text(f"repairs.{status}", n=len(noted)),
        columns=[*(text(f"repairs.column_{c}") for c in names), text("column.reasons")],
        rows=rows,
        numeric=(0, 7, 8),
        notes=notes,
        folded=len(rows) > 25,
    )


def section(labs, dictionary: dict, most: int) -> Section:
    """Repairs, quarantine, duplicates."""
    tables = [kinds_table(labs, dictionary)]
    tables += [cell_table(labs, dictionary, s, most) for s in ("repaired", "quarantined")]
    tables += [cell_table(labs, dictionary, "duplicate", most)]
    parts: list = [Paragraph(text("repairs.intro")), *(table for table in tables if table)]
    if len(parts) == 1:
        parts.append(Paragraph(text("repairs.none"), "good"))
    return Section("repairs", text("section.repairs"), parts)


def unusual(findings: list[dict]) -> dict[str, Counter]:
    """{variable: Counter of "soft" and "robust_z"} of the values that the clinical step flagged and
    kept."""
    found: dict[str, Counter] = {}
    for row in findings:
        if row["requirement_id"] == "CLE-02" and row["check"].endswith(_PLAUSIBLE):
            kind = "robust_z" if "robust z" in row["reason"] else "soft"
            found.setdefault(row["check"].removesuffix(_PLAUSIBLE), Counter())[kind] += 1
    return found


def _range(limits: tuple[str, str]) -> str:
    return f"{limits[0]} – {limits[1]}" if all(limits) else "–"


def outlier_table(labs, findings: list[dict], dictionary: dict[str, Variable], z: float) -> Table:
    """Variable by variable: outside the hard range, outside the soft range, robust z, limits."""
    flagged = unusual(findings)
    outside = labs[labs["reason"].astype(str).str.startswith("outside ")]
    hard = outside.groupby(["variable", "status"], observed=True).size()
    limits = labs[(labs["censor"] != "").to_numpy()]
    signs = limits.groupby(["variable", "value_raw"], observed=True).size()
    said: dict[str, list[str]] = {}
    for (variable, written), n in signs.items():
        said.setdefault(str(variable), []).append(f"{written} ({n})")
    rows = []
    for variable in sorted(str(v) for v in labs["variable"].unique() if v):
        known = dictionary.get(variable)
        if not known or known.qualitative:
            continue
        counts = [int(hard.get((variable, s), 0)) for s in ("repaired", "quarantined")]
        soft, robust = (
            flagged.get(variable, {}).get("soft", 0),
            flagged.get(variable, {}).get("robust_z", 0),
        )
        rows.append(
            [
                known.name,
                known.unit or "–",
                _range(known.hard),
                *(Cell(n, k) if n else 0 for n, k in zip(counts, ("warn", "fail"), strict=True)),
                _range(known.soft),
                Cell(soft, "warn") if soft else 0,
                Cell(robust, "warn") if robust else 0,
                "; ".join(said.get(variable, [])) or "–",
            ]
        )
    names = ("variable", "unit", "hard", "repaired", "quarantined", "soft", "outside_soft")
    return Table(
        caption=text("outliers.caption"),
        columns=[text(f"outliers.{c}") for c in (*names, "robust_z", "limits")],
        rows=rows,
        numeric=(3, 4, 6, 7),
        notes=[text("outliers.note", z=f"{z:g}")],
    )


def bin_table(labs, bins: dict[str, list[float]], dictionary: dict) -> Table | None:
    """Patients in each declared bin, whole cohort and by centre."""
    used = labs[labs["used"]]
    places = sorted(str(c) for c in used["centre"].unique())
    rows = []
    for variable, cuts in bins.items():
        own = used[(used["variable"] == variable).to_numpy()]
        if own.empty:
            continue
        unit = dictionary[variable].unit if variable in dictionary else ""
        edges = [float("-inf"), *map(float, cuts), float("inf")]
        for low, high in pairwise(edges):
            inside = own[((own["value"] >= low) & (own["value"] < high)).to_numpy()]
            by_centre = inside["centre"].value_counts()
            rows.append(
                [
                    name_of(variable, dictionary),
                    _interval(low, high, unit),
                    len(inside),
                    *(int(by_centre.get(place, 0)) for place in places),
                ]
            )
    if not rows:
        return None
    return Table(
        caption=text("outliers.bins"),
        columns=[
            text("variables.variable"),
            text("outliers.bin"),
            text("conformance.cohort"),
            *(text("flow.centre", centre=place) for place in places),
        ],
        rows=rows,
        numeric=tuple(range(2, 3 + len(places))),
        notes=[text("outliers.bins_note")],
    )


def _interval(low: float, high: float, unit: str) -> Text:
    if low == float("-inf"):
        return same(f"< {high:g} {unit}".strip())
    if high == float("inf"):
        return same(f"≥ {low:g} {unit}".strip())
    return same(f"{low:g} – < {high:g} {unit}".strip())


def outlier_section(labs, findings: list[dict], dictionary: dict, settings: dict) -> Section:
    """Unusual values, values that are limits, bins. `settings` is config: clinical."""
    parts = [outlier_table(labs, findings, dictionary, settings["outlier_z"])]
    binned = bin_table(labs, settings["bins"], dictionary)
    return Section("outliers", text("section.outliers"), [*parts, *([binned] if binned else [])])
