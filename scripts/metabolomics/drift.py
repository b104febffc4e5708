"""Drift of the signal over the injection order of one batch, learned on its QC runs only.

In: log2 areas of QC runs, injection order. Out: the drift curve at any order; leave-one-out residuals to judge it.
Source: QC-based local regression (Dunn et al. 2011, Nat Protoc 6:1060), span by leave-one-out error over all features.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

LEVEL = "level"


@dataclass(frozen=True)
class Drift:
    """The drift of one batch: order (qcs,), values (qcs, features) log2 areas, and the method (`level` or a span)."""

    order: "np.ndarray"
    values: "np.ndarray"
    method: str

    def at(self, order: float) -> "np.ndarray":
        """(features,) expected log2 area of a QC at this place of the batch; NaN where no QC of the batch had a value."""
        return _curve(self.order, self.values, order, self.method)


def _curve(order, values, place: float, method: str):
    """Median (`level`) or local straight line with tricube weights over a share (the span) of the QC runs.

    Outside the QC runs the value at the nearest one is held: a line would run away.
    """
    import warnings

    import numpy as np

    known = np.isfinite(values)
    if method == LEVEL or not np.isfinite(place) or values.shape[0] < 3:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # a feature without any QC value: NaN
            return (
                np.nanmedian(values, axis=0)
                if values.shape[0]
                else np.full(values.shape[1], np.nan)
            )
    place = float(np.clip(place, order.min(), order.max()))
    distance = np.abs(order - place)
    count = max(3, int(np.ceil(float(method) * order.size)))
    reach = np.sort(distance)[min(count, order.size) - 1] * (1.0 + 1e-9) + 1e-9
    if float(method) > 1:
        reach *= float(method)
    weight = (1 - np.minimum(distance / reach, 1.0) ** 3) ** 3
    weights = np.where(known, np.maximum(weight, 1e-6)[:, None], 0.0)
    x = (order - place)[:, None]
    y = np.where(known, values, 0.0)
    s0, s1, s2 = weights.sum(0), (weights * x).sum(0), (weights * x * x).sum(0)
    t0, t1 = (weights * y).sum(0), (weights * x * y).sum(0)
    determinant = s0 * s2 - s1 * s1
    with np.errstate(divide="ignore", invalid="ignore"):
        line = (s2 * t0 - s1 * t1) / determinant
        mean = t0 / s0
    return np.where(determinant > 1e-9 * np.maximum(s0 * s2, 1e-300), line, mean)


def leave_one_out(order: "np.ndarray", values: "np.ndarray", method: str) -> "np.ndarray":
    """(qcs, features) value of each QC minus the curve fitted without it (log2)."""
    import numpy as np

    out = np.full(values.shape, np.nan)
    for held in range(order.size):
        rest = np.arange(order.size) != held
        out[held] = values[held] - _curve(order[rest], values[rest], order[held], method)
    return out


def fit_drift(order: "np.ndarray", values: "np.ndarray", spans: list[float], min_qcs: int) -> Drift:
    """The drift of one batch. The method with the smallest median leave-one-out error over all features is taken.

    With fewer than `min_qcs` QC runs, or without injection order, only the level is taken (no curve).
    """
    import numpy as np

    order = np.asarray(order, dtype="float64")
    methods = [LEVEL]
    if order.size >= min_qcs and np.isfinite(order).all() and np.unique(order).size == order.size:
        methods += [str(float(span)) for span in spans]
    if len(methods) == 1 or values.shape[1] == 0:
        return Drift(order, values, LEVEL)
    errors = [np.nanmedian(np.abs(leave_one_out(order, values, method))) for method in methods]
    return Drift(order, values, methods[int(np.nanargmin(errors))])


def relative_sd(log2_values: "np.ndarray") -> "np.ndarray":
    """(features,) SD / mean of 2**log2_values over rows (sample SD, NaN left out; NaN with fewer than 3 values)."""
    import numpy as np

    linear = 2.0 ** (log2_values - _column_median(log2_values))
    count = np.isfinite(linear).sum(axis=0)
    total = np.nansum(linear, axis=0)
    mean = total / np.maximum(count, 1)
    square = np.nansum((linear - mean) ** 2, axis=0) / np.maximum(count - 1, 1)
    return np.where(count >= 3, np.sqrt(square) / np.where(mean > 0, mean, np.nan), np.nan)


def _column_median(values):
    import numpy as np

    if not values.shape[0]:
        return np.full(values.shape[1], np.nan)
    filled = np.where(np.isfinite(values).any(axis=0), values, 0.0)
    return np.nanmedian(filled, axis=0)
