"""Upper limits of normal of laboratory rows: which cells say one, and whether it can be one in the unit of its value.

In: labs.tsv as text, the cleaned rows, limits of the config. Out: the rows with the limits that count, and what was not used.
Source: requirement TRF-02; the limits of the config are those of WS/T 404.1 and 404.2-2012.
"""

import math

import numpy as np
import pandas as pd

from scripts.clinical.lab_values import parse_upper_limit
from scripts.clinical.masked_cells import masked_words
from scripts.clinical.terminology import Dictionary, Units


def upper_limit(text: str) -> tuple[float, str]:
    """The upper limit of normal of a cell, NaN without one, and why a filled cell is not used ("")."""
    try:
        return parse_upper_limit(text), ""
    except ValueError as error:
        return math.nan, str(error)


def upper_limits(column: pd.Series) -> np.ndarray:
    """The limit of every row of a categorical column, in the unit of the sheet; NaN without one."""
    limits = [limit for limit, _ in map(upper_limit, column.cat.categories)]
    return np.array(limits or [math.nan])[column.cat.codes.to_numpy()]


def possible_limits(
    labs: pd.DataFrame,
    raw: pd.DataFrame,
    dictionary: Dictionary,
    units: Units,
    limits: dict[str, dict[str, float]],
    fold: float,
) -> tuple[pd.DataFrame, list[tuple[str, str, int, int, str]]]:
    """Drop the limits that no laboratory has.

    Parameters
    ----------
    labs, raw : cleaned rows (`uln` in the canonical unit) and the same rows of the sheet
    limits : {variable: {sex: limit}} of the config; the only variables whose limit enters an index
    fold : a limit of the sheet lies within limit / fold and limit x fold of these

    Returns
    -------
    `labs` without the limits that lie outside (0.67 is one of ukat/L, 2400 one of U/L under ukat/L), and
    (analyte, cell, first line, rows, reason) of every filled cell that is not used; words of nobody are shown.
    """
    reasons = [reason for _, reason in map(upper_limit, raw["uln"].cat.categories)]
    reason = np.array(reasons or [""], dtype=object)[raw["uln"].cat.codes.to_numpy()]
    uln = labs["uln"].to_numpy(copy=True)
    for name, by_sex in limits.items():
        low, high = min(by_sex.values()) / fold, max(by_sex.values()) * fold
        rows = np.flatnonzero((labs["variable"] == name).to_numpy() & ((uln < low) | (uln > high)))
        unit = dictionary.variables[name].unit
        for limit in np.unique(uln[rows]):
            text = f"{limit:.4g} {unit} is outside {low:.4g} to {high:.4g} {unit}; give it in the unit of the value"
            reason[rows[uln[rows] == limit]] = text
        uln[rows] = np.nan
    found = raw[["analyte", "line"]].assign(cell=masked_words(raw["uln"], units), reason=reason)
    found = found[reason != ""].astype({"analyte": str, "cell": str})
    grouped = found.groupby(["analyte", "cell", "reason"], sort=True)["line"].agg(["min", "size"])
    unused = [
        (analyte, cell, int(first), int(size), text)
        for (analyte, cell, text), first, size in grouped.itertuples()
    ]
    return labs.assign(uln=uln), unused
