"""In: two scaled blocks of the same patients. Out: their regularised canonical correlation, what it is in patients who
took no part in the fit, and its permutation p.
Source: canonical ridge (Vinod 1976, J Econometrics 4:147; cca-zoo's RidgeCCA), shrinkage 1 is block PLS; the penalty with
the largest standardised statistic is chosen and the choice is part of the permutation (Witten and Tibshirani 2009,
SAGMB 8:28; max-T).
"""

from dataclasses import dataclass

import numpy as np

from scripts.fusion.components import decompose

AT_ONCE = 250  # permutations whose matrices are held together


@dataclass
class Half:
    """A block in its principal components: U (n x k, orthonormal), variance of each component over their mean, V (k x p)."""

    U: np.ndarray
    variance: np.ndarray
    V: np.ndarray
    scale: float

    @property
    def scores(self) -> np.ndarray:
        """Component scores with a mean variance of 1."""
        return self.U * np.sqrt(self.variance * (len(self.U) - 1))


def half(X: np.ndarray, k: int, seed: int) -> Half:
    """The first k principal components of a block (n x p, no missing value); columns are centred."""
    X = X - X.mean(axis=0)
    U, s, Vt = decompose(X, min(k, min(X.shape) - 1 or 1), seed)
    keep = s > 1e-8 * max(s.max(initial=0.0), 1e-300)
    variance = s[keep] ** 2 / (len(X) - 1)
    mean = variance.mean() if len(variance) else 1.0
    return Half(U[:, keep], variance / mean, Vt[keep], float(np.sqrt(mean)))


def weight(variance: np.ndarray, shrinkage: float) -> np.ndarray:
    """What the ridge leaves of each component: 1 for shrinkage 0 (canonical correlation), its SD for 1 (covariance)."""
    return np.sqrt(variance / ((1 - shrinkage) * variance + shrinkage))


def permutations(strata: np.ndarray, count: int, seed: int) -> np.ndarray:
    """count x n orders of the patients, each within its stratum; the first is the order as it is."""
    rng = np.random.default_rng(seed)
    n = len(strata)
    base = np.argsort(strata, kind="stable")
    rank = np.unique(strata, return_inverse=True)[1].astype(float)
    drawn = np.argsort(rank + rng.random((count, n)) * 0.999, axis=1, kind="stable")
    orders = np.empty((count + 1, n), int)
    orders[0] = np.arange(n)
    orders[1:, base] = drawn
    return orders


def statistics(x: Half, y: Half, orders: np.ndarray, grid: list[float]) -> np.ndarray:
    """First regularised canonical value for every order of y's patients (row) and shrinkage (column)."""
    out = np.empty((len(orders), len(grid)))
    for start in range(0, len(orders), AT_ONCE):
        some = orders[start : start + AT_ONCE]
        crossed = np.matmul(x.U.T, y.U[some])
        for j, shrinkage in enumerate(grid):
            C = weight(x.variance, shrinkage)[:, None] * crossed * weight(y.variance, shrinkage)
            gram = (
                np.matmul(C, C.swapaxes(1, 2))
                if C.shape[1] <= C.shape[2]
                else np.matmul(C.swapaxes(1, 2), C)
            )
            out[start : start + len(some), j] = np.sqrt(
                np.maximum(np.linalg.eigvalsh(gram)[:, -1], 0.0)
            )
    return out


def permutation_test(
    x: Half, y: Half, strata: np.ndarray, grid: list[float], count: int, seed: int
) -> tuple[float, int]:
    """p of no association, and the position of the shrinkage that stands out most.

    Every shrinkage's statistic is standardised over all orders, the largest is taken: in the order as it is as in the
    permuted ones, so that the choice is paid for. The smallest possible p is 1 / (count + 1).
    """
    values = statistics(x, y, permutations(strata, count, seed), grid)
    spread = values.std(axis=0)
    z = (values - values.mean(axis=0)) / np.where(spread > 1e-12, spread, np.inf)
    largest = z.max(axis=1)
    return float((largest >= largest[0] - 1e-12).mean()), int(z[0].argmax())


def fit_ridge(x: Half, y: Half, shrinkage: float) -> tuple[np.ndarray, np.ndarray]:
    """cca-zoo's weights of the components (k_x, k_y) for the first canonical pair."""
    from cca_zoo.linear import RidgeCCA

    model = RidgeCCA(n_components=1, shrinkage=shrinkage).fit([x.scores, y.scores])
    return model.weights_[0][:, 0], model.weights_[1][:, 0]


def held_out_correlation(
    X: np.ndarray, Y: np.ndarray, shrinkage: float, k: int, folds: int, seed: int
) -> float:
    """Correlation of the first canonical pair in patients who took no part in the fit; mean over folds (Fisher's z)."""
    rng = np.random.default_rng(seed)
    fold = rng.permutation(np.arange(len(X)) % folds)
    found = []
    for f in range(folds):
        train, test = fold != f, fold == f
        x, y = half(X[train], k, seed), half(Y[train], k, seed)
        if not len(x.variance) or not len(y.variance):
            return float("nan")
        a, b = fit_ridge(x, y, shrinkage)
        u = (X[test] - X[train].mean(axis=0)) @ x.V.T @ a
        v = (Y[test] - Y[train].mean(axis=0)) @ y.V.T @ b
        if u.std() > 1e-12 and v.std() > 1e-12:
            found.append(np.arctanh(np.clip(np.corrcoef(u, v)[0, 1], -0.999, 0.999)))
    return float(np.tanh(np.mean(found))) if found else float("nan")


def loadings(X: np.ndarray, variate: np.ndarray) -> np.ndarray:
    """Correlation of every feature with a canonical variate."""
    centred, v = X - X.mean(axis=0), variate - variate.mean()
    lower = np.sqrt((centred**2).sum(axis=0) * (v**2).sum())
    return np.divide(centred.T @ v, lower, out=np.zeros(X.shape[1]), where=lower > 1e-12)


def without(X: np.ndarray, design: np.ndarray) -> np.ndarray:
    """X with the columns of a design (and the mean) taken out."""
    whole = np.hstack([np.ones((len(design), 1)), design])
    return X - whole @ np.linalg.lstsq(whole, X, rcond=None)[0]


def strata_of(*variables) -> np.ndarray:
    """One code per combination of text variables."""
    keys = ["|".join(map(str, row)) for row in zip(*variables, strict=True)]
    return np.unique(keys, return_inverse=True)[1]
