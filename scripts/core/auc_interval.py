"""In: an AUC, the numbers of cases and controls behind it, its resamples. Out: a 95 % interval that is never a point.
Source: Newcombe 2006 (Stat Med 25:559), method 5: a score interval of the Mann-Whitney statistic; at .5 its variance is
that of the rank sum test, over strata that of van Elteren 1960.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

Z = 1.959964  # of a two-sided 95 % interval
HALVINGS = 60
END = 1e-12  # AUCs this close to 0 or 1 lie there but for rounding


def score_interval(value: float, sizes: list[tuple[int, int]]) -> tuple[float, float]:
    """Newcombe's 95 % interval of an AUC.

    sizes : (cases, controls) of every stratum; the AUC is that of all pairs of a case and a control of one stratum.
    Solves |value - t| = z sqrt(V(t)), with V(t) = t (1 - t) (1 + k (1 - t) / (2 - t) + k t / (1 + t)) / (m n) and
    k = (m + n) / 2 - 1 of each stratum, weighted by the square of its share of the pairs.
    """
    pairs = float(sum(m * n for m, n in sizes))

    def spread(t: float) -> float:
        variance = 0.0
        for m, n in sizes:
            k = (m + n) / 2 - 1
            variance += m * n * t * (1 - t) * (1 + k * (1 - t) / (2 - t) + k * t / (1 + t))
        return Z * (max(variance, 0.0) ** 0.5) / pairs

    def limit(end: float) -> float:
        outside, inside = end, value
        for _ in range(HALVINGS):
            middle = (outside + inside) / 2
            if abs(value - middle) > spread(middle):
                outside = middle
            else:
                inside = middle
        return (outside + inside) / 2

    return limit(0.0), limit(1.0)


def opened(found: dict, *sizes: tuple[int, int]) -> dict:
    """A percentile interval {value, low, high} of an AUC, widened to Newcombe's where it touches 0 or 1.

    There the resamples of finished scores say nothing about patients who were not seen: of a perfect score every one
    is perfect, and the interval would be a point. sizes : (cases, controls); several for a mean of several AUCs,
    whose limits are then averaged, as if they went together.
    """
    if found["low"] is None or (found["low"] > END and found["high"] < 1 - END):
        return found
    limits = [score_interval(found["value"], [size]) for size in sizes]
    low, high = (sum(values) / len(limits) for values in zip(*limits, strict=True))
    return found | {"low": min(found["low"], low), "high": max(found["high"], high)}


def class_sizes(y: "np.ndarray", groups: "np.ndarray | None" = None) -> tuple[int, int]:
    """Numbers of cases and controls; of linked patients, the groups that have one."""
    import numpy as np

    found = []
    for value in (1, 0):
        own = y == value
        found.append(int(own.sum()) if groups is None else len(np.unique(groups[own])))
    return found[0], found[1]
