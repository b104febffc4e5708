"""In: out-of-fold log odds and labels. Out: a line from log odds to calibrated log odds.
Source: Platt 1999, with weak Gaussian priors so that separation stays finite.
"""

import numpy as np
from scipy.special import expit, logit

SLOPE_SD = 2.0
INTERCEPT_SD = 2.0
SMALLEST_SLOPE = 1e-3  # a block that ranks the wrong way by chance keeps its order and says nothing


def fit_line(linear: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """Intercept and slope (> 0) of log odds of y on `linear`, maximum a posteriori.

    Priors: slope N(1, 2), intercept N(log odds of the share of events, 2).
    """
    share = float(np.clip(np.mean(y), 1e-3, 1 - 1e-3))
    a, b = float(logit(share)), 1.0
    for _ in range(50):
        p = expit(a + b * linear)
        weight = p * (1 - p)
        g0 = (y - p).sum() - (a - logit(share)) / INTERCEPT_SD**2
        g1 = ((y - p) * linear).sum() - (b - 1) / SLOPE_SD**2
        h00 = weight.sum() + 1 / INTERCEPT_SD**2
        h01 = (weight * linear).sum()
        h11 = (weight * linear**2).sum() + 1 / SLOPE_SD**2
        determinant = h00 * h11 - h01**2
        da = (h11 * g0 - h01 * g1) / determinant
        db = (h00 * g1 - h01 * g0) / determinant
        size = max(abs(da), abs(db))
        shorten = min(1.0, 2.0 / size) if size > 0 else 1.0
        a, b = a + shorten * da, b + shorten * db
        if size < 1e-12:
            break
    if b < SMALLEST_SLOPE:
        return float(logit(share)), SMALLEST_SLOPE
    return float(a), float(b)
