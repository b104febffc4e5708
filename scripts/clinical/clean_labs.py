"""Cleaning of laboratory rows: every cell ends as a value, as missing, or in quarantine, and says
why.

In: labs.tsv as text, the variable dictionary, the unit table. Out: one row per row of the sheet,
raw and canonical side by side.
Source: requirements CLE-01 to CLE-06 and CLN-06, CLN-07; docs/clinical.md, "Cleaning".
"""

import math

import numpy as np
import pandas as pd

from scripts.clinical.column_units import (
    ColumnFinding,
    Rows,
    judge_columns,
)
from scripts.clinical.conversion_table import ConversionTable
from scripts.clinical.declared_units import declare
from scripts.clinical.lab_dates import read_dates
from scripts.clinical.lab_sheet import HIDDEN
from scripts.clinical.lab_values import parse_value
from scripts.clinical.masked_cells import masked_values, masked_words
from scripts.clinical.row_states import (
    STATUSES,
    RowStates,
    apply_columns,
    centres,
    codes_of,
    countable,
    day_numbers,
    revoke_strays,
)
from scripts.clinical.settle_values import differing_units, outside, settle_cell, settle_power
from scripts.clinical.terminology import Dictionary, Units, Variable, names_no_unit
from scripts.clinical.upper_limits import upper_limits

FROM_1904 = "date: the serial number counts days from 1904; read so"


def clean(
    labs: pd.DataFrame,
    dictionary: Dictionary,
    units: Units,
    *,
    as_of: str,
    lod_divisor: float = math.sqrt(2),
    dates: dict[str, str] | None = None,
    index_days: dict[str, str] | None = None,
    centre: pd.Series | None = None,
    columns: dict | None = None,
    declared: list[dict] = (),
) -> tuple[pd.DataFrame, list[ColumnFinding]]:
    """Clean laboratory rows.

    Parameters
    ----------
    labs : as `read_labs` gives them
    as_of : ISO date; a collection after it is impossible
    lod_divisor : a value below a limit counts as limit / lod_divisor
    dates : {laboratory: how it writes days}, declared by the site (config key clinical.dates)
    index_days : {patient: ISO day of the work-up}
    centre : {patient: centre}; a column is that of a centre where no laboratory is named
    columns : limits of the judgement of whole columns (config clinical.unit_columns); None judges cell by cell
    declared : units that the site declares (config clinical.units)

    Returns
    -------
    The cleaned rows, and what was found about the units of whole columns.
    One row per row of `labs`, same order: patient_id, line, analyte, value_raw, unit_raw, date_raw,
    laboratory, method,
    variable ("" when unknown), factor, value (canonical unit; 0/1 for qualitative), censor, uln
    (canonical unit), date
    (datetime64), status (ok, repaired, missing, quarantined, duplicate), requirement_id, reason.
    """
    rows = RowStates(len(labs))
    names = list(dictionary.variables)
    subjects, subject, brackets = _subjects(labs["analyte"], dictionary, units)
    variable = np.array([*(names.index(s.name) for s in subjects), -1])[subject]
    parsed = [parse_value(text) for text in labs["value"].cat.categories]
    code = labs["value"].cat.codes.to_numpy()
    number, other, grouped, positive, decimal = (
        np.array([getattr(p, field) for p in parsed] or [0.0], dtype=float)[code]
        for field in ("number", "other", "grouped", "positive", "decimal")
    )
    laboratory = labs["laboratory"].cat.codes.to_numpy()
    known = decimal * (subject >= 0)  # a comma in a remark says nothing about numbers
    commas = np.bincount(laboratory, weights=known, minlength=1)[laboratory] > 0
    other = np.where(commas & np.isfinite(grouped), grouped, other)
    censor = pd.Categorical.from_codes(*codes_of([p.censor for p in parsed], code))
    problem = pd.Categorical.from_codes(*codes_of([p.problem for p in parsed], code))
    inside = [p.unit for p in parsed]
    in_row = _units_in_force(labs["unit"].array, inside, code)
    name = labs["analyte"].cat.codes.to_numpy()
    unit = _units_in_force(in_row, brackets, name)
    read = read_dates(labs, dates or {}, index_days or {})
    date = read.day.astype("datetime64[s]")
    place = centres(labs["patient_id"], centre)
    unit, findings = declare(declared, labs, place, date, subject, subjects, unit, dictionary)

    rows.spoil(
        _is(labs["value"], HIDDEN), "ETH-09", "the cell held an identifier of a person; hidden"
    )
    rows.spoil(variable < 0, "CLE-04", "unknown analyte; not in the variable dictionary")
    rows.spoil(np.asarray(problem == "missing"), "CLE-01", "not measured", "missing")
    qualitative = _flags(names, lambda n: dictionary.variables[n].qualitative, variable)
    no_limit = np.asarray(problem == "not detected") & ~qualitative
    rows.spoil(no_limit, "CLN-07", "not detected, and no limit is stated", "missing")
    for text in sorted(set(problem.categories) - {"", "missing", "not detected"}):
        unread = np.asarray(problem == text) & ~(qualitative & np.isfinite(positive))
        rows.spoil(unread, "CLE-02", text)

    two = differing_units(subject, labs["unit"].array, inside, code, subjects, units)
    rows.spoil(two, "CLE-03", "the unit in the cell is not that of the unit column")
    two = differing_units(subject, in_row, brackets, name, subjects, units)
    rows.spoil(two, "CLE-03", "the unit in the name of the analyte is not that of the value")
    table = ConversionTable(subject, unit, subjects, units, names)
    factor, value = table.apply(number, censor)
    said = qualitative & np.isfinite(positive)
    against = said & table.cut & np.isfinite(value) & (value != positive)
    rows.spoil(against, "CLE-02", "the word and the number of the cell contradict each other")
    value = np.where(said, positive, value)
    beside = table.cut & ~said & np.isfinite(number) & np.isnan(value)
    rows.spoil(beside, "CLE-02", "a limit on the wrong side of the cut-off")
    for numbers, reason in table.refusals():
        rows.spoil(numbers & ~said, "CLE-03", reason)
    words = ~qualitative & np.isnan(number) & np.isfinite(positive)
    rows.spoil(words, "CLE-02", "a word where a number is needed")
    meant = [*subjects, *dictionary.variables.values()]
    became = np.where(table.becomes == variable, subject, len(subjects) + table.becomes)
    below = np.asarray(censor == "<") & ~qualitative
    every = Rows(
        labs["patient_id"].array,
        labs["laboratory"].array,
        place,
        labs["method"].array,
        labs["analyte"].array,
        masked_words(pd.Series(unit), units),
        labs["line"].to_numpy(),
        day_numbers(date),
        np.where(table.becomes == variable, subject, -1),
        number,
        factor,
        countable(number, other, value, table, censor),
        (rows.status == 0) & np.isfinite(number) & table.linear,
        table.guessing,
    )
    if columns is not None:
        judged = judge_columns(every, subjects, units, columns, findings)
        findings += [column.finding for column in judged if column.finding]
        value, factor = apply_columns(rows, judged, number, value, factor, became, meant)
    before = factor
    value, factor = _settle(rows, became, number, other, below, value, factor, table, meant, units)
    if columns is not None:
        revoke_strays(rows, every, before, factor)
    variable = table.becomes
    value = np.where(below, value / lod_divisor, value)
    _dates(read, rows, as_of)
    value = np.where(rows.status <= STATUSES.index("repaired"), value, np.nan)
    requirement, reason = _texts(rows, len(labs))
    out = pd.DataFrame(
        {
            "patient_id": labs["patient_id"],
            "line": labs["line"],
            "analyte": labs["analyte"],
            "value_raw": masked_values(labs["value"], parsed, units),
            "unit_raw": masked_words(labs["unit"], units),
            "date_raw": labs["date"],
            "laboratory": labs["laboratory"],
            "method": labs["method"],
            "variable": pd.Categorical.from_codes(variable + 1, ["", *names]),
            "factor": factor,
            "value": value,
            "censor": censor,
            "uln": upper_limits(labs["uln"]) * np.where(np.isfinite(factor), factor, np.nan),
            "date": date,
            "status": pd.Categorical.from_codes(rows.status, STATUSES),
            "requirement_id": requirement,
            "reason": reason,
        }
    )
    return _mark_duplicates(out, labs), findings


def _is(column: pd.Series, text: str) -> np.ndarray:
    return (column == text).to_numpy()


def _flags(names: list[str], test, variable: np.ndarray) -> np.ndarray:
    """`test(name)` for the variable of each row; False for rows of unknown variable."""
    return np.array([*map(test, names), False])[variable]


def _subjects(
    analyte: pd.Series, dictionary: Dictionary, units: Units
) -> tuple[list[Variable], np.ndarray, list[str]]:
    """The distinct variables that the printed names mean, the place of each row's own (-1 unknown), and the unit in brackets
    behind each distinct name ("" for none)."""
    both = [dictionary.subject_and_unit(text, units) for text in analyte.cat.categories]
    named = [subject for subject, _ in both]
    subjects = [s for s in dict.fromkeys(named) if s is not None]
    number = {s: i for i, s in enumerate(subjects)} | {None: -1}
    found = np.array([number[s] for s in named] or [-1], dtype=np.int32)
    return subjects, found[analyte.cat.codes.to_numpy()], [unit for _, unit in both]


def _units_in_force(unit: pd.Categorical, inside: list[str], value_code: np.ndarray):
    """The unit of each row (categorical): its own, else the one that another cell names (`inside` of each of its texts)."""
    categories = list(dict.fromkeys([*unit.categories, "", *inside]))
    number = {text: i for i, text in enumerate(categories)}
    own = [number["" if names_no_unit(c) else c] for c in unit.categories]
    codes = np.array(own or [0])[unit.codes]
    from_value = np.array([number[text] for text in inside] or [0])[value_code]
    return pd.Categorical.from_codes(
        np.where(codes == number[""], from_value, codes), categories=categories
    )


def _settle(rows, subject, number, other, below, value, factor, table, subjects, units):
    """Rows that need judgement: outside the hard range, no unit, digits that can be read in two
    ways. `subject`: place in `subjects` of what each row means in its unit; `below`: rows below a limit, which may be small."""
    limits = np.array([s.hard for s in subjects])
    low, high = limits[subject, 0], limits[subject, 1]
    open_rows = (rows.status == 0) & np.isfinite(number)
    power = table.power
    sure = np.array([s.sure for s in subjects])[subject]
    unsure = outside(value, np.where(below, -np.inf, sure[:, 0]), sure[:, 1])
    judged = (value < low) | (value > high) | unsure
    judged &= open_rows & np.isfinite(value)
    judged |= open_rows & power & np.isnan(value)
    todo = np.flatnonzero(open_rows & (judged | table.guessing | np.isfinite(other)))
    value, factor = value.copy(), factor.copy()
    cases: dict[tuple, list[int]] = {}
    for i in todo.tolist():
        known = None if table.guessing[i] else factor[i]
        second = None if math.isnan(other[i]) else other[i]
        key = (subject[i], number[i], second, known, power[i], below[i])
        cases.setdefault(key, []).append(i)
    for (own, first, second, known, is_power, is_below), members in cases.items():
        readings = [first] if second is None else [first, second]
        settled, used, requirement, reason = (
            settle_power(subjects[own], readings, known)
            if is_power
            else settle_cell(subjects[own], readings, known, units, is_below)
        )
        chosen = np.zeros(len(number), dtype=bool)
        chosen[members] = True
        if math.isnan(settled):
            rows.spoil(chosen, requirement, reason)
        else:
            value[members], factor[members] = settled, used
            if reason:
                rows.spoil(chosen, requirement, reason, "repaired")
    return value, factor


def _dates(read, rows: RowStates, as_of: str) -> None:
    """Put rows in quarantine whose day cannot be read or lies in the future, and mark those that count from 1904."""
    for text in sorted(set(read.problem.categories) - {""}):
        rows.spoil(np.asarray(read.problem == text), "CLN-06", f"date: {text}")
    if as_of:
        rows.spoil(read.day > np.datetime64(as_of), "CLE-06", f"collected after {as_of}")
    rows.spoil(read.shifted, "CLN-06", FROM_1904, "repaired")


def _texts(rows: RowStates, size: int) -> tuple[pd.Categorical, pd.Categorical]:
    """Requirement and reason of every row as categories; the first reason of a row counts."""
    requirements = ["", *dict.fromkeys(r for _, r, _ in rows.reasons)]
    reasons = ["", *dict.fromkeys(t for _, _, t in rows.reasons)]
    requirement, reason = np.zeros(size, dtype=np.int32), np.zeros(size, dtype=np.int32)
    for members, name, text in rows.reasons:
        requirement[members], reason[members] = requirements.index(name), reasons.index(text)
    return (
        pd.Categorical.from_codes(requirement, requirements),
        pd.Categorical.from_codes(reason, reasons),
    )


def _mark_duplicates(table: pd.DataFrame, labs: pd.DataFrame) -> pd.DataFrame:
    """Rows of one patient that say the same a second time: same variable, value and unit as typed in `labs`, day,
    laboratory."""
    keys = ["patient_id", "value", "unit", "date", "laboratory", "method"]
    codes = pd.DataFrame({k: labs[k].cat.codes for k in keys})
    codes["variable"] = table["variable"].cat.codes
    again = codes.duplicated().to_numpy() & table["status"].isin(["ok", "repaired"]).to_numpy()
    if again.any():
        for column, text in (
            ("status", "duplicate"),
            ("requirement_id", "CLE-05"),
            ("reason", "the same row stands above"),
        ):
            categorical = table[column].cat
            if text not in categorical.categories:
                table[column] = categorical.add_categories([text])
            table.loc[again, column] = text
        table.loc[again, "value"] = np.nan
    return table
