"""Units that a site declares for a laboratory and an analyte: what is meant, whatever the sheet says.

In: config clinical.units, rows of labs.tsv. Out: the unit in force of every row, one finding a declaration.
Source: requirement CLE-03; docs/clinical.md, "Units of a column".
"""

import numpy as np
import pandas as pd

from scripts.clinical.column_units import DECLARED, ColumnFinding
from scripts.clinical.terminology import Dictionary, Variable, fold_unit


def declare(
    declared: list[dict],
    labs: pd.DataFrame,
    centre: pd.Categorical,
    date: np.ndarray,
    subject: np.ndarray,
    subjects: list[Variable],
    unit: pd.Categorical,
    dictionary: Dictionary,
) -> tuple[pd.Categorical, list[ColumnFinding]]:
    """The unit of every row with the declarations in force, and what each of them changed.

    declared : {analyte, unit, laboratory or centre or neither for all, written: only rows of this unit, since and until: first
    and last day of collection, document}. ValueError on an analyte that nobody knows.
    """
    if not declared:
        return unit, []
    categories = list(dict.fromkeys([*unit.categories, *(entry["unit"] for entry in declared)]))
    codes = np.array([categories.index(text) for text in unit.categories] or [0])[unit.codes]
    folded = np.array([fold_unit(text) for text in categories])
    known = np.array([*(s.name for s in subjects), ""], dtype=object)[subject]
    findings = []
    for entry in declared:
        name = dictionary.resolve(entry["analyte"])
        if not name:
            raise ValueError(
                f"clinical.units: {entry['analyte']!r} is not in the variable dictionary"
            )
        rows = known == name
        if entry.get("laboratory"):
            rows &= np.asarray(labs["laboratory"] == entry["laboratory"])
        if entry.get("centre"):
            rows &= np.asarray(centre == entry["centre"])
        if entry.get("since"):
            rows &= date >= np.datetime64(entry["since"])
        if entry.get("until"):
            rows &= date <= np.datetime64(entry["until"])
        if entry.get("written") is not None:
            rows &= folded[codes] == fold_unit(entry["written"])
        members = np.flatnonzero(rows)
        if not len(members):
            continue
        changed = int((folded[codes[members]] != fold_unit(entry["unit"])).sum())
        before = np.bincount(codes[members]).argmax()
        codes[members] = categories.index(entry["unit"])
        lines = labs["line"].to_numpy()[members]
        findings.append(
            ColumnFinding(
                laboratory=entry.get("laboratory") or "",
                centre=entry.get("centre") or "",
                analyte=entry["analyte"],
                variable=name,
                unit=categories[before],
                other=entry["unit"],
                kind=DECLARED,
                rows=len(members),
                converted=changed,
                aside=0,
                lines=[int(lines.min()), int(lines.max())],
                since=entry.get("since") or "",
                until=entry.get("until") or "",
                document=entry.get("document") or "",
            )
        )
    return pd.Categorical.from_codes(codes, categories), findings
