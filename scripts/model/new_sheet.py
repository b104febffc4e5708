"""In: a sheet of new patients, a bundle's description, what the clinical step read of the sheet.
Out: a cohort without labels, or every problem with file, row, column, value and what is allowed.
Source: docs/modelling.md, "Prediction": what the model cannot read as it was trained gets no number.
"""

import difflib
import json
import math
import re
import unicodedata
from dataclasses import replace
from pathlib import Path

import pandas as pd

from scripts.core.sheets import Problem, SheetErrors
from scripts.core.typed_sheet import TypedSheet, is_missing, read_typed
from scripts.model.cohort_tables import Cohort

UNITLESS = ("", "1")
CLINICAL = "clinical"
ALIKE = 6  # headers without a unit that are named one by one
_HEADER = re.compile(
    r"(?P<name>[a-z0-9_]+?__.+?)(?:\s*[\[(（［【]\s*(?P<unit>.*?)\s*[\])）］】])?", re.S
)


class BareHeader(Problem):
    """A header without a unit over numbers that need one."""


def read_new(
    path: str | Path,
    description: dict,
    clinical: pd.DataFrame | None = None,
    reading: dict | None = None,
) -> Cohort:
    """New patients as a cohort without labels: obs with centre, one table per block, missing = NaN.

    clinical, reading : features and reading of the clinical step (scripts/clinical/convert_new_sheet.py); their columns are
    not read again, and blocks that the model does not use are added to `unused` of the reading. A block that has no value for
    a patient counts as not measured. Raises SheetErrors with all problems: an unknown column, a number without its unit, a
    unit that is not the bundle's, a cell that is no number, two columns of one feature, an id that stands twice or holds an
    identifier of a person.
    """
    reading = {"columns": [], "problems": []} if reading is None else reading
    sheet = read_typed(path)
    problems = [*sheet.problems, *(Problem(sheet.file, *p) for p in reading["problems"])]
    names = [name for name in sheet.names if name not in set(reading["columns"])]
    columns, wrong, unused = _columns(sheet, names, description)
    problems += wrong
    reading.setdefault("unused", []).extend(
        f"{block} ({len(own)} columns)" for block, own in unused.items()
    )
    values: dict[str, dict[str, dict[str, float]]] = {}
    for entry in sheet.entries:
        if entry.name not in columns:
            continue
        (block, feature), unit, wanted = columns[entry.name]
        number = _number(entry.value)
        if number is None:
            allowed = "allowed: a number, or empty or NA when missing"
            problems.append(Problem(sheet.file, entry.line, entry.column, entry.value, allowed))
            number = math.nan
        elif not math.isnan(number):
            problems += _unit_problem(sheet, entry, unit or entry.unit, wanted)
        values.setdefault(block, {}).setdefault(feature, {})[entry.patient] = number
    if not columns and not reading["columns"] and not problems:
        allowed = "no feature of the model; write them as block__feature"
        problems.append(Problem(sheet.file, 1, "", "", allowed))
    index = pd.Index(sorted(set(sheet.patients)), name="patient_id")
    tables = {
        block: pd.DataFrame(found).reindex(index).astype(float).dropna(how="all")
        for block, found in sorted(values.items())
    }
    if clinical is not None and len(clinical):
        beside = tables.get(CLINICAL, pd.DataFrame(index=index[:0]))
        joined = clinical.join(beside.drop(columns=clinical.columns, errors="ignore"), how="outer")
        tables[CLINICAL] = joined.rename_axis("patient_id").sort_index()
    centre = [sheet.centre[patient] for patient in index]
    cohort = Cohort(pd.DataFrame({"centre": centre}, index=index), tables, {})
    problems = one_of_many(problems)
    if problems:
        errors = SheetErrors(sorted(dict.fromkeys(problems), key=lambda p: p.row))
        errors.cohort = cohort  # what could be read: the message says what lacks
        raise errors
    return cohort


def one_of_many(problems: list[Problem]) -> list[Problem]:
    """Problems without repetition; headers without a unit are one problem where they are more than ALIKE."""
    bare = [p for p in problems if isinstance(p, BareHeader)]
    if len(dict.fromkeys(p.column for p in bare)) <= ALIKE:
        return list(dict.fromkeys(problems))
    more = len(dict.fromkeys(p.column for p in bare)) - 1
    first = replace(bare[0], allowed=f"{bare[0].allowed}; so have {more} more columns")
    return list(dict.fromkeys([first, *(p for p in problems if p not in bare)]))


def read_reading(path: str | Path) -> dict:
    """What the clinical step says of its reading."""
    return json.loads(Path(path).read_text(encoding="utf-8"))


def _columns(
    sheet: TypedSheet, names: list[str], description: dict
) -> tuple[dict, list[Problem], dict[str, list[str]]]:
    """{header: ((block, feature), unit in the header, unit of the bundle)}, what is wrong in the headers, and {block: headers}
    of blocks that the model does not use."""
    units = {f"{e['block']}__{e['feature']}": e["unit"] for e in description["features"]}
    blocks = {entry["block"] for entry in description["features"]}
    found, problems, seen, unused = {}, [], {}, {}
    for header in names:
        column = sheet.names[header]
        narrow = unicodedata.normalize("NFKC", header)
        match = None if narrow in units else _HEADER.fullmatch(narrow)
        name, unit = (match["name"], match["unit"] or "") if match else (narrow, "")
        if name not in units:
            near = difflib.get_close_matches(name, units, n=1)
            block = name.split("__", 1)[0] if match else ""
            if block and not difflib.get_close_matches(block, blocks, n=1):
                unused.setdefault(block, []).append(header)
                continue
            hint = f"; did you mean {near[0]}?" if near else ""
            allowed = (
                "unknown column; allowed: patient_id, centre and the model's features as "
                f"block__feature{hint}"
            )
            problems.append(Problem(sheet.file, 1, column, header, allowed))
            continue
        if name in seen:
            allowed = f"the same feature as column {seen[name]}; keep one"
            problems.append(Problem(sheet.file, 1, column, header, allowed))
        seen.setdefault(name, header)
        found[header] = (tuple(name.split("__", 1)), unit, units[name])
    return found, problems, unused


def _unit_problem(sheet: TypedSheet, entry, unit: str, wanted: str) -> list[Problem]:
    """Why a number cannot be taken in the unit of its header, column or row; [] when it can."""
    if same_unit(unit, wanted) or not unit and wanted in UNITLESS:
        return []
    if not unit:
        allowed = f"no unit; the model was trained in {wanted!r}: write {entry.name} [{wanted}]"
    else:
        allowed = f"unit {unit!r}; the model was trained in {wanted!r}: convert the values"
    line, kind = entry.line if sheet.long else 1, Problem if unit else BareHeader
    return [kind(sheet.file, line, entry.column, entry.name, allowed)]


def same_unit(one: str, other: str) -> bool:
    """Whether two units are the same but for blanks, width of characters, the sign of micro and case of the litre."""
    return _unit(one) == _unit(other) or {_unit(one), _unit(other)} <= set(UNITLESS)


def _unit(text: str) -> str:
    text = re.sub(r"\s+", "", unicodedata.normalize("NFKC", text)).replace("μ", "u")
    return re.sub(r"(?<=[/mud])l\b", "L", text)


def _number(text: str) -> float | None:
    """The number of a cell, NaN when it is missing, None when it is neither."""
    if is_missing(text):
        return math.nan
    try:
        value = float(unicodedata.normalize("NFKC", text))
    except ValueError:
        return None
    return value if math.isfinite(value) and "_" not in text else None
