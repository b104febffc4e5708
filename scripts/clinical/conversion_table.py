"""What the unit of every laboratory row means, worked out once for each pair of variable and unit that occurs.

In: place of the variable and unit of every row. Out: factor and canonical value of every row, refusals.
Source: resources/units.tsv.
"""

import math

import numpy as np
import pandas as pd

from scripts.clinical.terminology import Conversion, Units, Variable


class ConversionTable:
    """What each pair of variable and unit means, worked out once per pair that occurs."""

    def __init__(
        self, subject, unit: pd.Categorical, subjects: list[Variable], units: Units, names
    ):
        size = len(unit.categories)
        keys, self.pair = np.unique(
            subject.astype(np.int64) * size + unit.codes, return_inverse=True
        )
        position = {name: i for i, name in enumerate(names)}
        self.conversions: list[Conversion] = []
        becomes = []
        for key in keys.tolist():
            own, text = key // size, unit.categories[key % size]
            if own < 0:
                self.conversions.append(Conversion("guess"))
                becomes.append(-1)
                continue
            self.conversions.append(units.conversion(subjects[own], text))
            becomes.append(position[self.conversions[-1].becomes or subjects[own].name])
        self.becomes = np.array(becomes or [-1], dtype=np.int32)[self.pair]

    def apply(self, number: np.ndarray, censor) -> tuple[np.ndarray, np.ndarray]:
        """Factor and canonical value of every row; NaN where the unit is refused or not named, and where a limit (`censor`)
        does not say on which side of the cut-off the value lies."""
        factor = np.array([c.factor for c in self.conversions] or [math.nan])[self.pair]
        with np.errstate(over="ignore", invalid="ignore"):
            value = np.where(self.power, 10.0**number, number) * factor
            open_ended = ((censor == "<") & (number > factor)) | (
                (censor == ">") & (number < factor)
            )
            positive = (number >= factor) & (censor != "<")
            value = np.where(self.cut, np.where(open_ended, np.nan, positive), value)
        value = np.where(np.isnan(number) | ~np.isfinite(value), np.nan, value)
        return np.where(self.cut, 1.0, factor), value

    def refusals(self):
        """(rows, reason) of every pair that is refused."""
        for i, conversion in enumerate(self.conversions):
            if conversion.action == "refuse":
                yield self.pair == i, conversion.problem

    @property
    def guessing(self) -> np.ndarray:
        """Rows whose unit is not named."""
        return self._doing("guess")

    @property
    def linear(self) -> np.ndarray:
        """Rows whose number is multiplied, or whose unit is not named."""
        return self._doing("") | self.guessing

    @property
    def power(self) -> np.ndarray:
        """Rows in a log10 unit."""
        return self._doing("log10")

    @property
    def cut(self) -> np.ndarray:
        """Rows whose number is positive from a cut-off on."""
        return self._doing("cut")

    def _doing(self, action: str) -> np.ndarray:
        return np.array([c.action == action for c in self.conversions] or [False])[self.pair]
