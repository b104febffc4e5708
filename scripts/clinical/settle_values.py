"""A cell that needs judgement: outside the hard range, without a unit, or with digits that can be read in two ways.

In: one variable, the readings of its digits, the factor of its unit. Out: a canonical value, or the reason why there is none.
Source: requirements CLE-02 and CLE-03: a repair only where exactly one explanation exists.
"""

import math

import numpy as np
import pandas as pd

from scripts.clinical.terminology import Units, Variable, fold_unit, names_no_unit

# Where an impossible value speaks of a rule between fields and not of one field's range.
_RANGE_REQUIREMENT = {"afp_l3": "CLE-06"}
TWO_READINGS = (
    "digits that can be read in two ways; write them with a decimal point and without thousands separators, "
    "or with one more decimal"
)
ONE_READING = "digits of which one reading only is in range"
_MISTAKEN_FOR = dict.fromkeys(("inr", "pt"), "is it the prothrombin activity in %?")


def settle_cell(
    variable: Variable,
    readings: list[float],
    factor: float | None,
    units: Units,
    below: bool = False,
) -> tuple[float, float, str, str]:
    """Decide about one cell: (canonical value, factor, requirement, reason), NaN with the reason
    when it cannot be decided. `below`: the number is an upper limit of the value (<5), which may be small.

    With a unit: the one reading inside the hard range counts, unless another unit is as likely (`_other_unit`); when none is,
    the one declared alternative unit that explains the value. Without a unit: `_without_unit`.
    """
    low, high = variable.hard

    def inside(x: float) -> bool:
        return not (x < low or x > high)

    unit = f" {variable.unit}" if variable.unit else ""
    allowed = f"{_plain(low)} to {_plain(high)}{unit}"
    if variable.qualitative and factor is None:
        return math.nan, math.nan, "CLE-03", "a number without a unit for a qualitative test"
    if factor is None:
        return _without_unit(variable, readings, units)
    requirement = _RANGE_REQUIREMENT.get(variable.name, "CLE-02")
    fitting = [r for r in readings if inside(r * factor)]
    if len(fitting) == 1:
        small = below and fitting[0] * factor < variable.sure[0]
        doubt = "" if small else _other_unit(variable, fitting[0], factor, units)
        if doubt:
            return math.nan, math.nan, "CLE-02", doubt
        if len(readings) == 1:
            return fitting[0] * factor, factor, "", ""
        return fitting[0] * factor, factor, "CLE-02", ONE_READING
    if len(fitting) > 1:
        return math.nan, math.nan, "CLE-02", TWO_READINGS
    others = [f for f in units.common_factors(variable) if not math.isnan(f) and f != factor]
    fitting = [(r, f) for r in readings for f in others if inside(r * f)]
    if len(fitting) == 1:
        reading, used = fitting[0]
        text = f"outside {allowed}; one other unit explains it: x {used:g}"
        return reading * used, used, requirement, text
    return math.nan, math.nan, requirement, f"outside {allowed}; impossible{_hint(variable)}"


def _without_unit(
    variable: Variable, readings: list[float], units: Units
) -> tuple[float, float, str, str]:
    """Decide about a number without a unit: the one unit in common use that makes it plausible (soft range) counts, and one
    that converts it only where the number as it stands is impossible (hard range)."""
    low, high = (
        h if math.isnan(s) else s for s, h in zip(variable.soft, variable.hard, strict=True)
    )
    common = units.common_factors(variable)
    fitting = [
        (r, f)
        for r in readings
        for f, row in common.items()
        if not (r * f < low or r * f > high or r <= row.numbers[0] or r > row.numbers[1])
    ]
    possible = any(variable.hard[0] <= r <= variable.hard[1] for r in readings)
    if len(fitting) == 1 and (fitting[0][1] == 1 or fitting[0][1] > 0 and not possible):
        reading, used = fitting[0]
        text = f"no unit; only {variable.unit or 'a ratio'} fits (factor {used:g})"
        return reading * used, used, "CLE-03", text
    allowed = ", ".join(units.usable(variable))
    text = f"no unit, and the value does not say which; give one of {allowed}{_hint(variable)}"
    return math.nan, math.nan, "CLE-03", text


def _hint(variable: Variable) -> str:
    """What a value that cannot be taken may be instead."""
    return f"; {_MISTAKEN_FOR[variable.name]}" if variable.name in _MISTAKEN_FOR else ""


def _other_unit(variable: Variable, number: float, factor: float, units: Units) -> str:
    """Why the unit of a possible but hardly credible value is in doubt: outside the sure range, and inside it in another unit
    in common use; "" where it is not."""
    likely = _likely_units(variable, number, factor, units)
    if not likely:
        return ""
    canonical = number * factor
    common = units.common_factors(variable).items()
    # The way of writing it that is in no doubt of its own
    sure = [f for f, _ in common if f > 0 and not _likely_units(variable, canonical / f, f, units)]
    own = variable.unit or "1"
    confirmed = own if 1 in sure else next((row.unit for f, row in common if f in sure), likely[0])
    if any(math.isnan(f) and row.unit in likely for f, row in common):
        return (
            f"hardly possible in {own}, ordinary in {' or '.join(likely)}; is it another quantity?"
        )
    return (
        f"hardly possible in {own}, ordinary in {' or '.join(likely)}; "
        f"correct the unit, or write it in {confirmed} where it is right"
    )


def _likely_units(variable: Variable, number: float, factor: float, units: Units) -> list[str]:
    """Other units in common use in which a number lies inside the sure range, where in its own it lies outside."""
    low, high = variable.sure
    if not outside(number * factor, low, high):
        return []
    common = units.common_factors(variable).items()
    return [
        row.unit
        for f, row in common
        if f != factor
        and (
            low <= number * f <= high or math.isnan(f) and row.numbers[0] < number <= row.numbers[1]
        )
    ]


def outside(value, low, high):
    """Whether values lie outside limits, not by rounding: 50 mg/dL x 17.1 is 855, not more."""
    return (value < low * (1 - 1e-9)) | (value > high * (1 + 1e-9))


def settle_power(
    variable: Variable, readings: list[float], factor: float
) -> tuple[float, float, str, str]:
    """Decide about one cell in a log10 unit, as `settle_cell`: the one reading whose power of ten is inside the hard range."""
    low, high = variable.hard
    top = math.log10(high / factor)
    fitting = [r for r in readings if r <= top and 10.0**r * factor >= low]
    if len(fitting) != 1:
        return math.nan, math.nan, "CLE-02", "10 to this power is outside the hard range"
    note = ONE_READING if len(readings) > 1 else ""
    return 10.0 ** fitting[0] * factor, factor, "CLE-02" if note else "", note


def differing_units(
    subject: np.ndarray,
    unit: pd.Categorical,
    named: list[str],
    code: np.ndarray,
    subjects: list[Variable],
    units: Units,
) -> np.ndarray:
    """Rows where another cell names another unit than `unit`, so that the number could mean two things.

    subject : (rows,) place of the variable in `subjects`, -1 unknown; unit : (rows,); named : the unit in each distinct text
    of the other cell, "" for none; code : (rows,) which of them
    """
    silent = np.array([names_no_unit(text) for text in unit.categories] or [True])[unit.codes]
    names = np.array([bool(text) for text in named] or [False])[code]
    rows = np.flatnonzero(names & ~silent & (subject >= 0))
    shape = (max(len(subjects), 1), max(len(unit.categories), 1), max(len(named), 1))
    keys = np.ravel_multi_index((subject[rows], unit.codes[rows], code[rows]), shape)
    pairs, inverse = np.unique(keys, return_inverse=True)
    differ = np.zeros(len(pairs), dtype=bool)
    for i, (own, one, other) in enumerate(zip(*np.unravel_index(pairs, shape), strict=True)):
        first, second = unit.categories[one], named[other]
        differ[i] = fold_unit(first) != fold_unit(second) and (
            units.conversion(subjects[own], first) != units.conversion(subjects[own], second)
        )
    out = np.zeros(len(subject), dtype=bool)
    out[rows] = differ[inverse]
    return out


def _plain(number: float) -> str:
    return f"{number:.12g}"
