"""The unit of a column: all rows of one laboratory, analyte and written unit are judged together, before any cell is repaired.

In: numbers of the rows in the canonical unit, what each row belongs to, reference of the analytes. Out: what is done with each
column (nothing, converted whole, parted, set aside) and the evidence. Source: requirements CLE-02 and CLE-03; docs/clinical.md,
"Units of a column"; unit_evidence.py has the statistics.
"""

import math
from dataclasses import dataclass, field

import numpy as np

from scripts.clinical.terminology import Units, Variable
from scripts.clinical.unit_evidence import Reference, clean_split, contamination

KEPT, CONVERTED, PARTED, ASIDE = "kept", "converted", "parted", "set aside"
_LEAST_SHIFT = 0.9  # units nearer than a factor of 2.5 cannot be told apart by values
_WIDE = 3.0  # plausible values reach this far (natural log: a factor of 20) beyond the medians of groups
_LEAST_PART = 8  # rows of a period, a centre or a method that is judged by itself


@dataclass(frozen=True)
class Alternative:
    """Another unit of an analyte. `shift`: what is added to the logarithm of the canonical value where the number was in that
    unit; NaN where it cannot be converted, then `numbers` are the logarithms of the numbers that it has."""

    unit: str
    shift: float
    factor: float
    numbers: tuple[float, float] = (math.nan, math.nan)
    common: bool = True

    def suspects(self, x: np.ndarray, reference: Reference) -> np.ndarray:
        """Rows that are unlikely as written and plausible in this unit."""
        if math.isnan(self.shift):
            fits = (x > self.numbers[0]) & (x <= self.numbers[1])
        else:
            fits = reference.plausible(x + self.shift)
        return ~reference.plausible(x) & fits


@dataclass
class Decision:
    """What becomes of some rows of a column.

    rows : places in the column; other : those of them on the scale of `alternative`; doubtful : those that are set aside
    """

    action: str
    rows: np.ndarray
    alternative: Alternative | None = None
    other: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    doubtful: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    likelihood: float = math.nan
    decisive: bool = True


def reference_of(variable: Variable) -> Reference | None:
    """The reference of an analyte from the variable dictionary; None where no medians of groups are known."""
    if math.isnan(variable.group[0]):
        return None
    group = (math.log(variable.group[0]), math.log(variable.group[1]))
    low, high = (_log(limit) for limit in variable.hard)
    ends = (_log(variable.soft[0]), _log(variable.soft[1]))
    usual = (
        ends[0] if math.isfinite(ends[0]) else group[0] - _WIDE,
        ends[1] if math.isfinite(ends[1]) else group[1] + _WIDE,
    )
    hard = (low if math.isfinite(low) else -math.inf, high if math.isfinite(high) else math.inf)
    return Reference(hard, (max(usual[0], hard[0]), min(usual[1], hard[1])), group)


def _log(value: float) -> float:
    return math.log(value) if value > 0 else math.nan


def alternatives(variable: Variable, factor: float, units: Units) -> list[Alternative]:
    """The other units of an analyte whose values differ enough from those of a unit with `factor`."""
    found: dict[float, Alternative] = {}
    for dimension in variable.dimension.split("|"):
        for row in units.rows.get(dimension, []):
            conversion = units.conversion_of(row)
            if conversion.action == "" and not conversion.becomes:
                shift = math.log(conversion.factor / factor)
                if abs(shift) >= _LEAST_SHIFT:
                    own = Alternative(row.unit, shift, conversion.factor, common=row.common)
                    found.setdefault(round(shift, 6), own)
            elif math.isfinite(row.numbers[1]) and factor == 1:
                low, high = row.numbers
                numbers = (_log(low) if low > 0 else -math.inf, math.log(high))
                own = Alternative(row.unit, math.nan, math.nan, numbers)
                found[len(found) + 1e9] = own
    return list(found.values())


def judge(
    x: np.ndarray,
    reference: Reference,
    others: list[Alternative],
    settings: dict,
    partitions: list[np.ndarray] = (),
    days: np.ndarray | None = None,
) -> list[Decision]:
    """Decide about the rows of one column.

    x : (rows,) natural logarithms in the canonical unit; others : units that it may be in instead; partitions : (rows,) codes of
    centre and method; days : (rows,) collection days as numbers, NaN unknown. A column that cannot be kept or converted whole is
    tried by period, then by each partition; only where every part is beyond doubt these count. Rows of no decision are kept.
    """
    everybody = np.arange(len(x))
    whole = _judge_part(x, everybody, reference, others, settings)
    if whole.action == KEPT or whole.action == CONVERTED and len(whole.doubtful) == 0:
        return [whole] if whole.action != KEPT else []
    candidates = [_periods(x, days, whole, reference)] if days is not None else []
    for parts in [*candidates, *partitions]:
        if parts is None or len(np.unique(parts)) < 2:
            continue
        decisions = [
            _judge_part(x[own], own, reference, others, settings)
            for own in (np.flatnonzero(parts == code) for code in np.unique(parts))
        ]
        if all(_beyond_doubt(d, x, reference, whole.alternative) for d in decisions):
            return [d for d in decisions if d.action != KEPT]
    return [whole]


def _beyond_doubt(
    decision: Decision, x: np.ndarray, reference: Reference, other: Alternative | None
) -> bool:
    """Whether a part is converted, or kept without a single row that points to `other`."""
    if len(decision.rows) < _LEAST_PART:
        return False
    if decision.action == KEPT:
        return other is not None and not other.suspects(x[decision.rows], reference).any()
    return decision.action == CONVERTED


def _judge_part(
    x: np.ndarray, places: np.ndarray, reference: Reference, others: list[Alternative], settings
) -> Decision:
    median = float(np.median(x))
    suspects = {other: other.suspects(x, reference) for other in others}
    enough = len(x) >= settings["fewest"]
    if not reference.of_a_group(median):
        fitting = [o for o in others if _fits_median(o, median, reference)]
        most = [o for o in fitting if suspects[o].mean() >= 0.5 and suspects[o].sum() >= 3]
        fitting = [o for o in fitting if o.common] or most
        most = [o for o in most if o in fitting]
        if len(fitting) == 1 and (most or enough):
            return _other_throughout(x, places, fitting[0], reference, settings)
        if most:
            return Decision(ASIDE, places, most[0], doubtful=places)
    for other in (o for o in others if o.common):
        if math.isnan(other.shift):
            least = max(2, settings["least_share"] * len(x))
            found, likelihood = int(suspects[other].sum()) >= least, math.nan
        else:
            seen = contamination(x, other.shift, reference, settings)
            found, likelihood = seen.found, seen.likelihood
        if not found:
            continue
        apart = _parted(x, other, suspects[other], reference, settings)
        if apart is None:
            return Decision(ASIDE, places, other, doubtful=places, likelihood=likelihood)
        if math.isnan(other.shift):
            return Decision(PARTED, places, other, doubtful=places[apart], likelihood=likelihood)
        return Decision(PARTED, places, other, places[apart], likelihood=likelihood)
    return Decision(KEPT, places)


def _fits_median(other: Alternative, median: float, reference: Reference) -> bool:
    if math.isnan(other.shift):
        return other.numbers[0] < median <= other.numbers[1]
    return reference.of_a_group(median + other.shift)


def _parted(x, other: Alternative, suspects: np.ndarray, reference, settings) -> np.ndarray | None:
    """Rows on the scale of the other unit where nothing lies between them and the rest."""
    if not math.isnan(other.shift):
        return clean_split(x, other.shift, reference, settings)
    inside, rest = x[suspects], x[~suspects]
    apart = len(rest) and (inside.min() > rest.max() + 0.2 or inside.max() < rest.min() - 0.2)
    return suspects if apart else None


def _other_throughout(x, places, other: Alternative, reference, settings) -> Decision:
    """A column whose median is possible in another unit only: converted, but for rows that may be in the written unit after all;
    set aside where these are many, where the unit cannot be converted, or where the column holds both."""
    if math.isnan(other.shift):
        return Decision(ASIDE, places, other, doubtful=places)
    seen = contamination(x + other.shift, -other.shift, reference, settings)
    both = reference.plausible(x)
    decisive = float((~both).mean()) >= 0.5
    if seen.found:
        apart = clean_split(x, other.shift, reference, settings)
        if apart is not None:
            return Decision(PARTED, places, other, places[apart], likelihood=seen.likelihood)
    if seen.found or not other.common or both.mean() > settings["most_doubtful"]:
        return Decision(
            ASIDE, places, other, doubtful=places, likelihood=seen.likelihood, decisive=decisive
        )
    return Decision(CONVERTED, places, other, places[~both], places[both])


def _periods(x, days, whole: Decision, reference: Reference) -> np.ndarray | None:
    """0 before and 1 from the day on which the unit seems to have changed; None where no day parts the column well."""
    if whole.alternative is None or np.isnan(days).any():
        return None
    order = np.argsort(days, kind="stable")
    points = whole.alternative.suspects(x, reference)[order].astype(int)
    before = np.concatenate([[0], np.cumsum(points)])
    place = np.arange(len(x) + 1)
    # Wrong rows where the first part is in the written unit and the second in the other, and the other way round
    wrong = np.minimum(
        before + (len(x) - place) - (before[-1] - before), place - before + before[-1] - before
    )
    changes = np.concatenate([[False], np.diff(days[order]) > 0, [False]])
    if not changes.any():
        return None
    cut = int(np.argmin(np.where(changes, wrong, len(x) + 1)))
    parts = np.zeros(len(x), dtype=int)
    parts[order[cut:]] = 1
    return parts
