"""In: out-of-fold evidence of several members. Out: non-negative weights of their sum.
Source: stacked regressions with non-negative weights (Breiman 1996, Machine Learning 24:49); logistic loss, weights
shrunken towards the plain mean.
"""

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit


def member_weights(evidence: np.ndarray, y: np.ndarray, ridge: float) -> np.ndarray:
    """Weights that sum to 1, one a member. All equal when no member says anything.

    evidence : patients x members, out of fold, log odds against the prior, NaN = not measured = no
    evidence (0). ridge : strength of the shrinkage, in units of patients.
    """
    E = np.nan_to_num(evidence, nan=0.0)
    members = E.shape[1]
    equal = np.full(members, 1 / members)
    if members == 1:
        return equal

    def loss(theta):
        linear = theta[0] + E @ theta[1:]
        gap = theta[1:] - theta[1:].mean()
        value = np.logaddexp(0, linear).sum() - y @ linear + 0.5 * ridge * members * gap @ gap
        residual = expit(linear) - y
        gradient = np.r_[residual.sum(), E.T @ residual + ridge * members * gap]
        return value, gradient

    start = np.r_[0.0, equal]
    bounds = [(None, None)] + [(0.0, None)] * members
    found = minimize(loss, start, jac=True, bounds=bounds, method="L-BFGS-B")
    weights = np.round(found.x[1:], 6)  # the last bits depend on the order of sums
    return weights / weights.sum() if weights.sum() > 0 else equal
