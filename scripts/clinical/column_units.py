"""Columns of labs.tsv whose unit is judged as a whole, and what that makes of their rows.

In: rows of labs.tsv with their numbers, subjects and units in force. Out: factor, rows set aside, one finding a column with its
evidence. Source: requirements CLE-02 and CLE-03; docs/clinical.md, "Units of a column".
"""

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field

import numpy as np
import pandas as pd

from scripts.clinical.judge_columns import (
    ASIDE,
    CONVERTED,
    PARTED,
    Alternative,
    Decision,
    alternatives,
    judge,
    reference_of,
)
from scripts.clinical.terminology import Units, Variable, fold_unit
from scripts.clinical.unit_evidence import Reference

DECLARED = "declared"
_BARS = 24


@dataclass
class ColumnFinding:
    """What was found about the unit of one column (laboratory or centre, analyte, written unit), or of a period of it.

    kind : converted, parted, set aside or declared; rows, converted, aside : numbers of rows; medians and shares of implausible
    values under the written and the other unit; edges, counts : histogram of the numbers as written on a log10 axis
    """

    laboratory: str
    centre: str
    analyte: str
    variable: str
    unit: str
    other: str
    kind: str
    rows: int
    converted: int
    aside: int
    lines: list[int]
    since: str = ""
    until: str = ""
    median: float = math.nan
    median_other: float = math.nan
    implausible: float = math.nan
    implausible_other: float = math.nan
    likelihood: float = math.nan
    document: str = ""
    edges: list[float] = field(default_factory=list)
    counts: list[int] = field(default_factory=list)

    def as_record(self) -> dict:
        """JSON-like, NaN as None."""
        return {
            key: None if isinstance(value, float) and math.isnan(value) else value
            for key, value in asdict(self).items()
        }

    @property
    def place(self) -> str:
        """The laboratory, else the centre, in words."""
        if self.laboratory:
            return f"laboratory {self.laboratory}"
        return f"centre {self.centre}" if self.centre else "the sheet"


@dataclass
class Rows:
    """What the judgement needs of every row: arrays of equal length."""

    patient: pd.Categorical
    laboratory: pd.Categorical
    centre: pd.Categorical
    method: pd.Categorical
    analyte: pd.Categorical
    unit: pd.Categorical
    line: np.ndarray
    days: np.ndarray  # days since 1970, NaN unknown
    subject: np.ndarray  # place in `subjects`, -1 unknown
    number: np.ndarray
    factor: np.ndarray
    countable: np.ndarray  # exact numbers that can be read in one way, in a linear unit
    open: np.ndarray  # rows that nothing has put in quarantine yet
    guessing: np.ndarray  # rows whose unit is not named


@dataclass
class Judged:
    """Rows by what becomes of them: arrays of places; `factor` is that of the unit that they are in, the reasons stand in the
    rows. A column without a name of its unit that can only be in one has no finding."""

    finding: ColumnFinding | None
    converted: np.ndarray
    aside: np.ndarray
    factor: float
    reason: str = ""
    reason_aside: str = ""


def judge_columns(
    rows: Rows,
    subjects: list[Variable],
    units: Units,
    settings: dict,
    declared: list[ColumnFinding] = (),
) -> list[Judged]:
    """Judge every column of an analyte that has another unit in use; columns that are in order are not listed.

    A declared unit is believed, unless more than half of the column is impossible in it and plausible in another.
    """
    found = []
    believed = {(f.laboratory, f.centre, f.variable) for f in declared}
    for members in columns_of(rows, rows.open):
        variable = subjects[rows.subject[members[0]]]
        reference = reference_of(variable)
        guessing = bool(rows.guessing[members[0]])
        written = 1.0 if guessing else float(rows.factor[members[0]])
        counted = members[rows.countable[members]]
        people = len(
            np.unique(rows.patient.codes[counted])
        )  # values of one person are single cells
        if reference is None or not math.isfinite(written) or people < 2:
            continue
        others = alternatives(variable, written, units)
        if not others:
            continue
        x = np.log(rows.number[counted] * written)
        if guessing:
            found += _without_unit(rows, variable, members, counted, x, reference, others, settings)
            continue
        parts = [c.codes[counted] for c in (rows.centre, rows.method)]
        decisions = judge(x, reference, others, settings, parts, rows.days[counted])
        if believed and _declared(rows, members, variable, believed):
            decisions = [
                d for d in decisions if d.decisive and not reference.possible(x).mean() > 0.5
            ]
        found += _judged_all(rows, variable, members, counted, x, decisions, reference, written)
    return found


def _declared(rows: Rows, members: np.ndarray, variable: Variable, believed: set) -> bool:
    places = {(_most(rows.laboratory, members), ""), ("", _only(rows.centre, members)), ("", "")}
    return any((*place, variable.name) in believed for place in places)


def _judged_all(rows, variable, members, counted, x, decisions, reference, written) -> list[Judged]:
    found = []
    rest = members[~rows.countable[members]]
    for decision in decisions:
        whole = len(decision.rows) == len(counted)
        last = whole or decision is decisions[-1]
        found.append(
            _judged(
                rows, variable, counted, rest if last else rest[:0], x, decision, reference, written
            )
        )
        if last and not whole and len(rest):
            found[-1].aside = np.concatenate([found[-1].aside, rest])
    return found


def _without_unit(rows, variable, members, counted, x, reference, others, settings) -> list[Judged]:
    """A column whose unit no cell names: taken in the one unit that its median allows, where its values are in no two."""
    if len(counted) < settings["fewest"]:
        return []
    median = float(np.median(x))
    decisions = judge(x, reference, others, settings)
    fitting = [o for o in others if o.common and reference.of_a_group(median + o.shift)]
    own = reference.of_a_group(median)
    if not decisions and own and not fitting:
        text = f"no unit; the column can only be in {variable.unit or 'a ratio'}"
        inside = members[reference.possible(np.log(np.maximum(rows.number[members], 1e-30)))]
        return [Judged(None, inside, members[:0], 1.0, text)]
    if len(decisions) == 1 and decisions[0].action == CONVERTED and not len(decisions[0].doubtful):
        text = f"no unit; the column can only be in {decisions[0].alternative.unit}"
        return [Judged(None, members, members[:0], decisions[0].alternative.factor, text)]
    if not decisions:
        return []
    aside = Decision(ASIDE, np.arange(len(x)), decisions[0].alternative, doubtful=np.arange(len(x)))
    return _judged_all(rows, variable, members, counted, x, [aside], reference, 1.0)


def columns_of(rows: Rows, chosen: np.ndarray) -> Iterator[np.ndarray]:
    """Places of the chosen rows (bool) of every laboratory or centre, analyte and written unit."""
    names = [fold_unit(text) for text in rows.unit.categories]
    folded = {name: i for i, name in enumerate(dict.fromkeys(names))}
    unit = np.array([folded[name] for name in names] or [0])[rows.unit.codes]
    named = np.array([bool(text) for text in rows.laboratory.categories] or [False])
    place = np.where(
        named[rows.laboratory.codes],
        rows.laboratory.codes,
        len(rows.laboratory.categories) + 1 + rows.centre.codes,
    )
    chosen = np.flatnonzero(chosen & (rows.subject >= 0))
    shape = (int(place.max(initial=0)) + 1, int(rows.subject.max(initial=0)) + 1, len(folded) + 1)
    keys = np.ravel_multi_index((place[chosen], rows.subject[chosen], unit[chosen]), shape)
    order = np.argsort(keys, kind="stable")
    if not len(order):
        return
    starts = np.flatnonzero(np.diff(keys[order], prepend=-1))
    for start, end in zip(starts, [*starts[1:], len(order)], strict=True):
        yield chosen[order[start:end]]


def _judged(
    rows: Rows,
    variable: Variable,
    counted: np.ndarray,
    rest: np.ndarray,
    x: np.ndarray,
    decision: Decision,
    reference: Reference,
    written: float,
) -> Judged:
    other = decision.alternative
    converted, aside = counted[decision.other], counted[decision.doubtful]
    if decision.action == CONVERTED:
        converted = np.concatenate([converted, rest])
    else:
        aside = np.concatenate([aside, rest])
    members = np.concatenate([counted[decision.rows], rest])
    finding = _finding(rows, variable, members, decision.action, other.unit)
    finding.converted, finding.aside = len(converted), len(aside)
    own = x[decision.rows]
    _describe(finding, own, written, other, reference)
    finding.likelihood = decision.likelihood
    if len(decision.rows) < len(counted):
        days = rows.days[counted[decision.rows]]
        if np.isfinite(days).all():
            finding.since, finding.until = (
                str(np.datetime64(int(d), "D")) for d in (days.min(), days.max())
            )
    reasons = reason_of(finding, False), reason_of(finding, True)
    return Judged(finding, converted, aside, other.factor, *reasons)


def _finding(
    rows: Rows, variable: Variable, members: np.ndarray, kind: str, other: str
) -> ColumnFinding:
    """The finding without its evidence."""
    lines = rows.line[members]
    return ColumnFinding(
        laboratory=_most(rows.laboratory, members),
        centre=_only(rows.centre, members),
        analyte=_most(rows.analyte, members),
        variable=variable.name,
        unit=_most(rows.unit, members),
        other=other,
        kind=kind,
        rows=len(members),
        converted=0,
        aside=0,
        lines=[int(lines.min()), int(lines.max())],
    )


def _describe(
    finding: ColumnFinding,
    x: np.ndarray,
    factor: float,
    other: Alternative,
    reference: Reference,
) -> None:
    """Put the evidence into a finding: medians, implausible shares, histogram."""
    finding.median = float(np.exp(np.median(x)))
    finding.implausible = float((~reference.plausible(x)).mean())
    if math.isfinite(other.shift):
        finding.median_other = float(np.exp(np.median(x) + other.shift))
        finding.implausible_other = float((~reference.plausible(x + other.shift)).mean())
    written = (x - math.log(factor)) / math.log(10)
    counts, edges = np.histogram(written, bins=_BARS)
    finding.counts = counts.tolist()
    finding.edges = [float(f"{10**edge:.4g}") for edge in (edges[0], edges[-1])]


def _most(column: pd.Categorical, members: np.ndarray) -> str:
    counts = np.bincount(column.codes[members] + 1, minlength=1)
    code = int(np.argmax(counts)) - 1
    return str(column.categories[code]) if code >= 0 else ""


def _only(column: pd.Categorical, members: np.ndarray) -> str:
    codes = np.unique(column.codes[members])
    return str(column.categories[codes[0]]) if len(codes) == 1 and codes[0] >= 0 else ""


def reason_of(finding: ColumnFinding, aside: bool) -> str:
    """The reason that stands in every row of a column: one cause, one text."""
    where = f"{finding.analyte} of {finding.place}"
    unit = finding.unit or "no unit"
    if not aside and finding.kind == PARTED:
        return (
            f"unit of a column: {where} under {unit} holds {unit} and {finding.other}, "
            f"this value in {finding.other}; converted"
        )
    if not aside:
        return f"unit of a column: {where} under {unit} can only be in {finding.other}; converted as a whole"
    if finding.kind == CONVERTED:
        return (
            f"unit of a column: {where} under {unit} can only be in {finding.other}, but this value may be in {unit}; "
            "correct the unit or declare it (config clinical.units)"
        )
    if finding.kind == PARTED:
        return (
            f"unit of a column: {where} under {unit} holds {unit} and {finding.other}, and this value may be either; "
            "correct the unit or declare it (config clinical.units)"
        )
    return (
        f"unit of a column: {where} under {unit} seems to be in {finding.other}, in whole or in part; "
        "set aside as a whole; correct the unit or declare it (config clinical.units)"
    )


def reason_of_strays(rows: Rows, members: np.ndarray) -> str:
    """The reason of several cells of one column that only another unit explains, in a column that is in order otherwise."""
    laboratory, centre = _most(rows.laboratory, members), _only(rows.centre, members)
    place = (
        f"laboratory {laboratory}" if laboratory else f"centre {centre}" if centre else "the sheet"
    )
    return (
        f"unit of a column: several values of {_most(rows.analyte, members)} of {place} under "
        f"{_most(rows.unit, members) or 'no unit'} can only be in another unit; correct the unit of these rows"
    )
