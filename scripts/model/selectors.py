"""In: prepared features and labels of a training fold. Out: which features reach the learner.
Source: F statistic; mRMR with the quotient FCQ (Ding and Peng 2005, J Bioinform Comput Biol 3:185; Zhao 2019);
stability selection (Meinshausen and Buehlmann 2010, JRSS B 72:417) in complementary halves (Shah and Samworth
2013, JRSS B 75:55).
"""

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.feature_selection import SelectKBest, SelectorMixin, f_classif

POOL = 10  # mRMR looks at this many times k features, those with the largest F statistic


class Strongest(SelectKBest):
    """The k features with the largest F statistic between the classes, all when there are fewer."""

    def __init__(self, k=100):
        super().__init__(score_func=f_classif, k=k)

    def _check_params(self, X, y):
        pass

    def _get_support_mask(self):
        return _largest(np.nan_to_num(self.scores_, nan=-1.0), self.k)


def _largest(scores: np.ndarray, k: int) -> np.ndarray:
    mask = np.zeros(len(scores), bool)
    mask[np.argsort(-scores, kind="stable")[:k]] = True
    return mask


class Mrmr(SelectorMixin, BaseEstimator):
    """k features, one after the other: the largest F statistic over the mean |correlation| with those chosen.

    Correlations smaller than those of independent features count as these, else chance would decide.
    k : number of features, all when there are fewer
    """

    def __init__(self, k=100):
        self.k = k

    def fit(self, X, y):
        """Choose. X : patients x features without missing values, y : 0 or 1."""
        X = np.asarray(X, float)
        self.n_features_in_ = X.shape[1]
        relevance = np.nan_to_num(f_classif(X, y)[0], nan=0.0, posinf=1e12)
        pool = np.argsort(-relevance, kind="stable")[: max(self.k * POOL, self.k)]
        z = X[:, pool] - X[:, pool].mean(0)
        z = z / np.maximum(np.sqrt((z**2).sum(0)), 1e-12)
        strength, overlap = relevance[pool], np.zeros(len(pool))
        chance = np.sqrt(2 / (np.pi * len(X)))  # mean |correlation| of independent features
        free, chosen = np.ones(len(pool), bool), []
        for step in range(min(self.k, len(pool))):
            score = strength / np.maximum(overlap / step, chance) if step else strength
            best = int(np.argmax(np.where(free, score, -1.0)))
            free[best] = False
            chosen.append(best)
            overlap += np.abs(z.T @ z[:, best])
        self.mask_ = np.zeros(X.shape[1], bool)
        self.mask_[pool[chosen]] = True
        return self

    def _get_support_mask(self):
        return self.mask_


class StabilitySelection(SelectorMixin, BaseEstimator):
    """Features that the lasso takes early in most random halves of the patients.

    k : most features kept; threshold : least share of halves; false_positives : bound on the expected
    number of noise features, which sets how many features a half may take (theorem 1); pairs : of
    halves; least : features kept in any case, the most frequent ones; seed
    """

    def __init__(self, k=100, threshold=0.6, false_positives=1.0, pairs=25, least=2, seed=0):
        self.k = k
        self.threshold = threshold
        self.false_positives = false_positives
        self.pairs = pairs
        self.least = least
        self.seed = seed

    def fit(self, X, y):
        """Choose. X : patients x features without missing values, y : 0 or 1."""
        from sklearn.linear_model import lars_path

        X, y = np.asarray(X, float), np.asarray(y, float)
        p = X.shape[1]
        self.n_features_in_ = p
        take = int(np.sqrt(self.false_positives * (2 * self.threshold - 1) * p))
        take = min(max(take, 1), p)
        counts = np.zeros(p)
        rng = np.random.default_rng(self.seed)
        for _ in range(self.pairs):
            for rows in _halves(y, rng):
                half, answer = X[rows], y[rows] - y[rows].mean()
                half = half - half.mean(0)
                half = half / np.maximum(np.sqrt((half**2).sum(0)), 1e-12)
                _, active, _ = lars_path(half, answer, method="lasso", max_iter=take)
                counts[active] += 1
        self.frequency_ = counts / (2 * self.pairs)
        stable = int((self.frequency_ >= self.threshold).sum())
        self.mask_ = _largest(self.frequency_, min(self.k, max(self.least, stable)))
        return self

    def _get_support_mask(self):
        return self.mask_


def _halves(y: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Two disjoint halves of the patients, each class split evenly."""
    first, second = [], []
    for value in np.unique(y):
        members = rng.permutation(np.flatnonzero(y == value))
        middle = len(members) // 2
        first.append(members[:middle])
        second.append(members[middle:])
    return np.sort(np.concatenate(first)), np.sort(np.concatenate(second))


def selector(kind: str, k: int, settings: dict, seed: int):
    """The selection step that the config names: f, mrmr or stability."""
    if kind == "mrmr":
        return Mrmr(k)
    if kind == "stability":
        return StabilitySelection(k, seed=seed, **settings["stability_selection"])
    return Strongest(k)
