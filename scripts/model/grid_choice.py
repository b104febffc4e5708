"""The choice of a learner's setting in inner folds.

In: out-of-fold log odds of every grid point. Out: deviances, the place of the chosen one. Source: one-standard-error
rule, Breiman 1984; Hastie 2009, section 7.10.
"""

import numpy as np

from scripts.model import calibrators


def loss_of(linear: np.ndarray, y: np.ndarray, calibrate: bool) -> np.ndarray:
    """Deviance of every patient at every grid point.

    calibrate : the columns are no log odds yet; each gets its line first.
    """
    if calibrate:
        lines = [calibrators.fit_line(column, y) for column in linear.T]
        linear = np.column_stack([a + b * x for (a, b), x in zip(lines, linear.T, strict=True)])
    return np.logaddexp(0, np.where(y[:, None] == 1, -linear, linear))


def best(loss: np.ndarray) -> int:
    """Grid point with the smallest deviance; within one standard error the most regularised."""
    mean = loss.mean(0)
    winner = int(np.argmin(mean))
    difference = loss - loss[:, [winner]]
    error = difference.std(0) / np.sqrt(len(loss))
    return int(np.flatnonzero(mean - mean[winner] <= error)[0])
