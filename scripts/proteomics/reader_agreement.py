"""Agreement of two readers: ICC(2,1) of scores, weighted kappa of grades.

In: paired calls of the same items. Out: one coefficient each, NaN where it is not defined.
Source: Shrout & Fleiss 1979 (Psychol Bull 86:420), ICC(2,1); Cohen 1968 (Psychol Bull 70:213), quadratic weights.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np


def icc_2_1(scores: "np.ndarray") -> float:
    """Two-way random effects, absolute agreement, single reader. `scores` (subjects, readers) without NaN.

    NaN with fewer than 3 subjects or when no score differs from any other.
    """
    import numpy as np

    scores = np.asarray(scores, dtype=float)
    n, k = scores.shape
    if n < 3 or k < 2 or np.ptp(scores) == 0:
        return float("nan")
    grand = scores.mean()
    between = k * ((scores.mean(1) - grand) ** 2).sum() / (n - 1)
    readers = n * ((scores.mean(0) - grand) ** 2).sum() / (k - 1)
    total = ((scores - grand) ** 2).sum()
    error = (total - between * (n - 1) - readers * (k - 1)) / ((n - 1) * (k - 1))
    return float((between - error) / (between + (k - 1) * error + k * (readers - error) / n))


def weighted_kappa(first: "np.ndarray", second: "np.ndarray", grades: int) -> float:
    """Quadratically weighted kappa of grades 0..grades-1; NaN when chance leaves nothing to agree on."""
    import numpy as np

    first, second = np.asarray(first, int), np.asarray(second, int)
    if not first.size:
        return float("nan")
    observed = np.zeros((grades, grades))
    np.add.at(observed, (first, second), 1)
    expected = np.outer(observed.sum(1), observed.sum(0)) / observed.sum()
    weight = (np.arange(grades)[:, None] - np.arange(grades)[None, :]) ** 2
    chance = (weight * expected).sum()
    return float("nan") if chance == 0 else float(1 - (weight * observed).sum() / chance)
