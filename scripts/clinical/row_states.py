"""The state of every laboratory row while it is cleaned, and what the judgement of whole columns makes of it.

In: arrays of one entry a row, judged columns. Out: states with their reasons, values and factors.
Source: requirements CLE-02 and CLE-03; docs/clinical.md, "Cleaning" and "Units of a column".
"""

import numpy as np
import pandas as pd

from scripts.clinical.column_units import Rows, columns_of, reason_of_strays
from scripts.clinical.conversion_table import ConversionTable

STATUSES = ("ok", "repaired", "missing", "quarantined", "duplicate")


class RowStates:
    """The growing columns of the result; `spoil` puts rows in quarantine once."""

    def __init__(self, size: int):
        self.status = np.zeros(size, dtype=np.int8)
        self.reasons: list[tuple[np.ndarray, str, str]] = []

    def spoil(self, rows: np.ndarray, requirement: str, reason: str, status: str = "quarantined"):
        rows = rows & (self.status == 0)
        if rows.any():
            self.status[rows] = STATUSES.index(status)
            self.reasons.append((np.flatnonzero(rows), requirement, reason))

    def revoke(self, rows: np.ndarray, requirement: str, reason: str):
        """Put repaired rows (places) in quarantine after all."""
        self.status[rows] = STATUSES.index("quarantined")
        self.reasons.append((rows, requirement, reason))


def codes_of(texts: list[str], code: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """Codes and categories of a column, given one text per category of another column and that
    column's codes."""
    categories = list(dict.fromkeys([*texts, ""]))
    number = {text: i for i, text in enumerate(categories)}
    return np.array([number[text] for text in texts] or [0], dtype=np.int32)[code], categories


def centres(patient: pd.Series, centre: pd.Series | None) -> pd.Categorical:
    """The centre of every row's patient, "" where it is not known."""
    names = patient.cat.categories
    known = pd.Series("", names) if centre is None else centre.reindex(names).fillna("")
    return pd.Categorical.from_codes(
        *codes_of(list(known.astype(str)), patient.cat.codes.to_numpy())
    )


def day_numbers(date: np.ndarray) -> np.ndarray:
    """Days since 1970 of dates, NaN where there is none."""
    days = date.astype("datetime64[D]")
    return np.where(np.isnat(days), np.nan, days.astype(np.int64).astype(float))


def countable(number, other, value, table: ConversionTable, censor) -> np.ndarray:
    """Rows whose numbers say something about the unit of their column: exact, of one reading, above 0."""
    exact = np.asarray(censor == "") & np.isnan(other) & (number > 0)
    return exact & (np.isfinite(value) | table.guessing)


def apply_columns(rows, judged, number, value, factor, subject, subjects):
    """Convert the rows of judged columns or put them in quarantine; a converted value outside the hard range is impossible."""
    value, factor = value.copy(), factor.copy()
    for column in judged:
        chosen = np.zeros(len(number), dtype=bool)
        chosen[column.aside] = True
        rows.spoil(chosen, "CLE-03", column.reason_aside)
        own = column.converted
        if not len(own):
            continue
        factor[own] = column.factor
        value[own] = number[own] * column.factor
        low, high = subjects[subject[own[0]]].hard
        chosen[:] = False
        chosen[own] = (value[own] < low) | (value[own] > high)
        rows.spoil(chosen, "CLE-02", f"outside {low:.12g} to {high:.12g}; impossible")
        chosen[:] = False
        chosen[own] = True
        rows.spoil(chosen, "CLE-03", column.reason, "repaired")
    return value, factor


def revoke_strays(rows: RowStates, every: Rows, before: np.ndarray, after: np.ndarray) -> None:
    """Put cells in quarantine that were repaired one by one to another unit where a column has several of them: two scales."""
    named = np.isfinite(before) & np.isfinite(after) & (after != before)
    repaired = (rows.status == STATUSES.index("repaired")) & np.isfinite(after)
    strays = repaired & (named | (every.guessing & np.isnan(before)))
    if not strays.any():
        return
    for members in columns_of(every, repaired | strays):
        own = members[strays[members]]
        guessed = every.guessing[members[0]]
        people = len(np.unique(every.patient.codes[own]))  # one person's repeated slip is no column
        torn = len(np.unique(after[own])) > 1 if guessed else people > 1
        if torn:
            rows.revoke(own, "CLE-03", reason_of_strays(every, own))
