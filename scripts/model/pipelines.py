"""In: settings and a block's name. Out: scikit-learn pipelines; all that learns is a step.
Source: Pedregosa 2011; block scaling: Westerhuis 1998; values below the detection limit: Wei 2018 (Sci Rep 8:663).
"""

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from scripts.model.learners import decision as decision
from scripts.model.learners import learner_grid as learner_grid
from scripts.model.selectors import Strongest as Strongest
from scripts.model.selectors import selector

SCALED_LIMIT = 5.0  # scaled values are cut at this many standard deviations


class UsableFeatures(TransformerMixin, BaseEstimator):
    """Keep features with few missing values and some spread; take the logarithm of skewed ones.

    maximum_missing : largest share of missing values in training
    maximum_same : largest share of one single value among the observed
    maximum_skew : a feature without negative values and more skewed than this is logged, after
        adding half its smallest positive value
    below_limit : missing values of a measured patient lie below the detection limit: half the
        smallest positive value (the smallest value where there are negative ones). A patient
        without any value of the block was not measured; those stay missing.
    """

    def __init__(self, maximum_missing=0.4, maximum_same=0.95, maximum_skew=2.0, below_limit=False):
        self.maximum_missing = maximum_missing
        self.maximum_same = maximum_same
        self.maximum_skew = maximum_skew
        self.below_limit = below_limit

    def fit(self, X, y=None):
        """Learn which columns to keep and which to log. X : patients x features, NaN = missing."""
        X = np.asarray(X, dtype=float)
        observed = ~np.isnan(X)
        counts = np.maximum(observed.sum(0), 1)
        self.kept_ = (observed.mean(0) >= 1 - self.maximum_missing) & (
            largest_share(X, counts) <= self.maximum_same
        )
        self.logged_, self.offset_ = skewed_features(X, self.maximum_skew)
        self.limit_ = detection_limits(X)
        if not self.kept_.any():
            self.kept_ = np.zeros(X.shape[1], bool)
            self.kept_[int(np.argmax(observed.mean(0)))] = True
        self.n_features_in_ = X.shape[1]
        return self

    def transform(self, X):
        """Kept columns, skewed ones logged; a value below zero counts as zero before the log."""
        X = np.array(X, dtype=float)
        if self.below_limit:
            X = at_limit(X, self.limit_)
        logged = self.logged_
        X[:, logged] = np.log(np.maximum(X[:, logged], 0) + self.offset_[logged])
        return X[:, self.kept_]


def detection_limits(X: np.ndarray) -> np.ndarray:
    """What a value below the detection limit of each feature is taken for: half the smallest positive value, the smallest
    value where there are negative ones, 0 where there is none. X : patients x features, not logged, NaN = missing.
    """
    observed = ~np.isnan(X)
    lowest = np.where(observed, X, np.inf).min(0)
    positive = np.where(observed & (X > 0), X, np.inf).min(0)
    halved = (lowest >= 0) & np.isfinite(positive)
    return np.where(halved, positive / 2, np.where(np.isfinite(lowest), lowest, 0.0))


def at_limit(X: np.ndarray, limit: np.ndarray) -> np.ndarray:
    """X with the limit where a measured patient lacks a value; who has no value at all was not measured."""
    missing = np.isnan(X)
    missing[missing.all(axis=1)] = False
    return np.where(missing, limit, X)


def skewed_features(X: np.ndarray, maximum_skew: float) -> tuple[np.ndarray, np.ndarray]:
    """Which features are logged (none negative, skewed), and what is added before the logarithm."""
    observed = ~np.isnan(X)
    counts = np.maximum(observed.sum(0), 1)
    mean = np.where(observed, X, 0.0).sum(0) / counts
    centred = np.where(observed, X - mean, 0.0)
    variance = (centred**2).sum(0) / counts
    skew = (centred**3).sum(0) / counts / np.maximum(variance**1.5, 1e-300)
    lowest = np.where(observed, X, np.inf).min(0)
    smallest_positive = np.where(observed & (X > 0), X, np.inf).min(0)
    logged = (lowest >= 0) & (skew > maximum_skew) & np.isfinite(smallest_positive)
    return logged, np.where(logged, smallest_positive / 2, 0.0)


def largest_share(X: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Share of the most frequent value of each column among its observed values."""
    ordered = np.sort(X, axis=0)  # NaN last
    change = np.ones(ordered.shape, bool)
    change[1:] = ordered[1:] != ordered[:-1]
    change |= np.isnan(ordered)
    row = np.arange(len(X))[:, None]
    start = np.maximum.accumulate(np.where(change, row, 0), axis=0)
    longest = np.where(np.isnan(ordered), 0, row - start + 1).max(axis=0)
    return np.where(longest > 0, longest, 1) / counts


class Limits(TransformerMixin, BaseEstimator):
    """Cut scaled values at a limit, so that one wild value of a new patient cannot decide alone."""

    def __init__(self, limit=SCALED_LIMIT):
        self.limit = limit

    def fit(self, X, y=None):
        """Nothing is learned."""
        self.n_features_in_ = np.shape(X)[1]
        return self

    def transform(self, X):
        """X cut at plus and minus the limit."""
        return np.clip(X, -self.limit, self.limit)


class BlockWeight(TransformerMixin, BaseEstimator):
    """Multiply a block by sqrt(reference / number of its features): every block weighs the same.

    reference : features that a block of this joint table has on average. With it the weights stand around 1, and the
    grid of penalties means in a joint model what it means in a block's own; divided by sqrt(p) alone, 60 features
    ask for a C 60 times as large.
    """

    reference = 1.0  # of bundles that were locked before it was a parameter

    def __init__(self, reference=1.0):
        self.reference = reference

    def fit(self, X, y=None):
        """Count the columns."""
        self.n_features_in_ = np.shape(X)[1]
        return self

    def transform(self, X):
        """X times the weight of its number of columns."""
        return np.asarray(X) * np.sqrt(self.reference / self.n_features_in_)


def block_steps(settings: dict, block: str) -> dict:
    """How a block is treated (harmonise, imputation, selection): its own entry over `default`."""
    return {**settings["blocks"]["default"], **settings["blocks"].get(block, {})}


def usable_features(settings: dict, below_limit: bool = False) -> UsableFeatures:
    """The filter and logarithm of the settings."""
    limits = (settings[f"maximum_{name}"] for name in ("missing", "same", "skew"))
    return UsableFeatures(*map(float, limits), below_limit=below_limit)


def preparation(settings: dict, screen: int, block: str = "", seed: int = 0) -> Pipeline:
    """Filter, impute, scale, cut, select: the learned steps before the learner.

    A harmonised block comes with its values below the detection limit filled in, on the scale on which they were measured.
    """
    own = block_steps(settings, block)
    below_limit = own["imputation"] == "detection_limit" and own["harmonise"] == "none"
    return Pipeline(
        [
            ("usable", usable_features(settings, below_limit)),
            ("impute", SimpleImputer(strategy="median", keep_empty_features=True)),
            ("scale", StandardScaler()),
            ("limits", Limits()),
            ("screen", selector(own["selection"], screen, settings, seed)),
        ]
    )


def screens(settings: dict, sizes: list[int]) -> list[int]:
    """Numbers of features a block to choose from in inner folds, ascending; of those that keep everything the smallest only.

    sizes : number of columns of each block.
    """
    asked = settings["screen"]
    asked = sorted({int(s) for s in (asked if isinstance(asked, list) else [asked])})
    kept = {min(per_block(screen, len(sizes)), max(sizes)): screen for screen in reversed(asked)}
    return sorted(kept.values())


def per_block(screen: int, blocks: int) -> int:
    """Features of each of several blocks side by side: twice the share of one, at least 5."""
    return screen if blocks == 1 else max(5, screen * 2 // blocks)


def joint_preparation(
    settings: dict, screen: int, sizes: list[int], blocks: list[str] | None = None, seed: int = 0
) -> Pipeline:
    """Preparation of several blocks side by side, each scaled to the same weight.

    screen : features of a block alone; sizes : number of columns of each block, in order; blocks : their names.
    """
    screen = per_block(screen, len(sizes))
    edges = np.cumsum([0, *sizes])
    reference = float(np.mean([min(size, screen) for size in sizes]))
    parts = []
    for number in range(len(sizes)):
        ready = preparation(settings, screen, blocks[number] if blocks else "", seed)
        columns = list(range(int(edges[number]), int(edges[number + 1])))
        weighted = Pipeline([*ready.steps, ("weight", BlockWeight(reference))])
        parts.append((f"block{number}", weighted, columns))
    return Pipeline([("blocks", ColumnTransformer(parts))])
