"""In: a sheet of new patients (patient_id, centre, columns block__feature or "block__feature [unit]"), a bundle's description.
Out: a cohort without labels, or every problem with file, row, column, value and what is allowed.
Source: docs/modelling.md, "Prediction": what the model cannot read as it was trained gets no number.
"""

import difflib
import math
import re
from pathlib import Path

import pandas as pd

from scripts.core.privacy import identifier_in
from scripts.core.sheets import Problem, SheetErrors, read_text_table
from scripts.model.cohort_tables import Cohort

MISSING = ("", "NA")
_HEADER = re.compile(r"(?P<name>[a-z0-9_]+?__.+?)(?: \[(?P<unit>[^\]]*)\])?")
_PATIENT = re.compile(r"[A-Za-z0-9_-]+")


def read_new(path: str | Path, description: dict) -> Cohort:
    """New patients as a cohort without labels: obs with centre, one table per block, missing = NaN.

    A block that has no value for a patient counts as not measured. Raises SheetErrors with all problems: an unknown column, a
    unit that is not the bundle's, a cell that is no number, an id that stands twice or holds an identifier of a person.
    """
    file = Path(path).name
    header, rows, lines, _ = read_text_table(path)
    columns, problems = _columns(file, header, description)
    if "patient_id" in header:
        problems += _ids(file, [row[header.index("patient_id")] for row in rows], lines)
    values: dict[str, dict[str, list[float]]] = {}
    for position, (block, feature) in columns.items():
        numbers = []
        for line, row in zip(lines, rows, strict=True):
            value = _number(row[position])
            if value is None:
                allowed = "allowed: a number, or empty or NA when missing"
                problems.append(Problem(file, line, header[position], row[position], allowed))
            numbers.append(math.nan if value is None else value)
        values.setdefault(block, {})[feature] = numbers
    if not columns and not problems:
        allowed = "no feature of the model; write them as block__feature"
        problems.append(Problem(file, 1, "", "", allowed))
    if not rows and not problems:
        problems.append(Problem(file, 0, "", "", "no patient; it needs one line for each"))
    if problems:
        raise SheetErrors(sorted(problems, key=lambda p: p.row))
    index = pd.Index([row[header.index("patient_id")] for row in rows], name="patient_id")
    centre = [row[header.index("centre")] if "centre" in header else "" for row in rows]
    tables = {
        block: pd.DataFrame(found, index=index, dtype=float).dropna(how="all").sort_index()
        for block, found in sorted(values.items())
    }
    return Cohort(pd.DataFrame({"centre": centre}, index=index).sort_index(), tables, {})


def _columns(file: str, header: list[str], description: dict) -> tuple[dict, list[Problem]]:
    """{position: (block, feature)} of the feature columns, and what is wrong in the header."""
    units = {f"{e['block']}__{e['feature']}": e["unit"] for e in description["features"]}
    found, problems, seen = {}, [], {}
    if "patient_id" not in header:
        problems.append(
            Problem(file, 1, "patient_id", "", "this column is required and is missing")
        )
    for position, column in enumerate(header):
        if column in ("patient_id", "centre"):
            continue
        match = _HEADER.fullmatch(column)
        name = match["name"] if match else column
        if name not in units:
            near = difflib.get_close_matches(name, units, n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            allowed = (
                "unknown column; allowed: patient_id, centre and the model's features as "
                f"block__feature{hint}"
            )
            problems.append(Problem(file, 1, column, column, allowed))
            continue
        unit = match["unit"]
        if unit is not None and unit.strip() != units[name]:
            allowed = f"unit {unit!r}; the model was trained in {units[name]!r}: convert the values"
            problems.append(Problem(file, 1, column, column, allowed))
        if name in seen:
            allowed = f"the same feature as column {seen[name]}; keep one"
            problems.append(Problem(file, 1, column, column, allowed))
        seen[name] = column
        found[position] = tuple(name.split("__", 1))
    return found, problems


def _ids(file: str, ids: list[str], lines: list[int]) -> list[Problem]:
    problems, first = [], {}
    for patient, line in zip(ids, lines, strict=True):
        kinds = identifier_in(patient)
        if kinds:
            allowed = f"looks like {kinds[0]}; use a study id"
            problems.append(Problem(file, line, "patient_id", patient, allowed))
        elif not _PATIENT.fullmatch(patient):
            allowed = "allowed: letters, digits, _ and - (a study id, not empty)"
            problems.append(Problem(file, line, "patient_id", patient, allowed))
        if patient in first:
            allowed = f"already in row {first[patient]}; one row for each patient"
            problems.append(Problem(file, line, "patient_id", patient, allowed))
        first.setdefault(patient, line)
    return problems


def _number(text: str) -> float | None:
    """The number of a cell, NaN when it is missing, None when it is neither."""
    if text in MISSING:
        return math.nan
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) and "_" not in text else None
