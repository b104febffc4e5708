"""In: settings and a learner's name. Out: scikit-learn pipelines; all that learns is a step.
Source: Pedregosa 2011; elastic net: Zou 2005; XGBoost: Chen 2016; block scaling: Westerhuis 1998.
"""

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.compose import ColumnTransformer
from sklearn.feature_selection import SelectKBest, f_classif
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

SCALED_LIMIT = 5.0  # scaled values are cut at this many standard deviations


class UsableFeatures(TransformerMixin, BaseEstimator):
    """Keep features with few missing values and some spread; take the logarithm of skewed ones.

    maximum_missing : largest share of missing values in training
    maximum_same : largest share of one single value among the observed
    maximum_skew : a feature without negative values and more skewed than this is logged, after
        adding half its smallest positive value
    """

    def __init__(self, maximum_missing=0.4, maximum_same=0.95, maximum_skew=2.0):
        self.maximum_missing = maximum_missing
        self.maximum_same = maximum_same
        self.maximum_skew = maximum_skew

    def fit(self, X, y=None):
        """Learn which columns to keep and which to log. X : patients x features, NaN = missing."""
        X = np.asarray(X, dtype=float)
        observed = ~np.isnan(X)
        counts = np.maximum(observed.sum(0), 1)
        self.kept_ = (observed.mean(0) >= 1 - self.maximum_missing) & (
            _largest_share(X, counts) <= self.maximum_same
        )
        filled = np.where(observed, X, 0.0)
        mean = filled.sum(0) / counts
        centred = np.where(observed, X - mean, 0.0)
        variance = (centred**2).sum(0) / counts
        skew = (centred**3).sum(0) / counts / np.maximum(variance**1.5, 1e-300)
        lowest = np.where(observed, X, np.inf).min(0)
        smallest_positive = np.where(observed & (X > 0), X, np.inf).min(0)
        self.logged_ = (lowest >= 0) & (skew > self.maximum_skew) & np.isfinite(smallest_positive)
        self.offset_ = np.where(self.logged_, smallest_positive / 2, 0.0)
        if not self.kept_.any():
            self.kept_ = np.zeros(X.shape[1], bool)
            self.kept_[int(np.argmax(observed.mean(0)))] = True
        self.n_features_in_ = X.shape[1]
        return self

    def transform(self, X):
        """Kept columns, skewed ones logged; a value below zero counts as zero before the log."""
        X = np.array(X, dtype=float)
        logged = self.logged_
        X[:, logged] = np.log(np.maximum(X[:, logged], 0) + self.offset_[logged])
        return X[:, self.kept_]


def _largest_share(X: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Share of the most frequent value of each column among its observed values."""
    ordered = np.sort(X, axis=0)  # NaN last
    change = np.ones(ordered.shape, bool)
    change[1:] = ordered[1:] != ordered[:-1]
    change |= np.isnan(ordered)
    out = np.zeros(X.shape[1])
    for column in range(X.shape[1]):
        starts = np.flatnonzero(change[:, column])
        out[column] = np.diff(np.r_[starts, len(X)]).max() if len(starts) else 1.0
    return out / counts


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
    """Divide a block by the root of its number of features: every block weighs the same."""

    def fit(self, X, y=None):
        """Count the columns."""
        self.n_features_in_ = np.shape(X)[1]
        return self

    def transform(self, X):
        """X divided by the root of its number of columns."""
        return np.asarray(X) / np.sqrt(self.n_features_in_)


class Strongest(SelectKBest):
    """The k features with the largest F statistic between the classes, all when there are fewer."""

    def __init__(self, k=100):
        super().__init__(score_func=f_classif, k=k)

    def _check_params(self, X, y):
        pass

    def _get_support_mask(self):
        scores = np.nan_to_num(self.scores_, nan=-1.0)
        mask = np.zeros(len(scores), bool)
        mask[np.argsort(-scores, kind="stable")[: self.k]] = True
        return mask


def preparation(settings: dict, screen: int) -> Pipeline:
    """Filter, impute (median), scale, cut, screen: the learned steps before the learner."""
    return Pipeline(
        [
            (
                "usable",
                UsableFeatures(
                    float(settings["maximum_missing"]),
                    float(settings["maximum_same"]),
                    float(settings["maximum_skew"]),
                ),
            ),
            ("impute", SimpleImputer(strategy="median", keep_empty_features=True)),
            ("scale", StandardScaler()),
            ("limits", Limits()),
            ("screen", Strongest(k=screen)),
        ]
    )


def joint_preparation(settings: dict, sizes: list[int]) -> Pipeline:
    """Preparation of several blocks side by side, each scaled to the same weight.

    sizes : number of columns of each block, in order.
    """
    screen = max(5, int(settings["screen"]) * 2 // max(1, len(sizes)))
    edges = np.cumsum([0, *sizes])
    parts = []
    for number in range(len(sizes)):
        steps = [*preparation(settings, screen).steps, ("weight", BlockWeight())]
        columns = list(range(int(edges[number]), int(edges[number + 1])))
        parts.append((f"block{number}", Pipeline(steps), columns))
    return Pipeline([("blocks", ColumnTransformer(parts))])


def learner_grid(learner: str, settings: dict, seed: int) -> list:
    """Untrained learners to choose from, the most regularised first."""
    own = settings[learner]
    if learner == "elastic_net":
        return [
            LogisticRegression(
                solver="saga",
                C=float(c),
                l1_ratio=float(ratio),
                max_iter=int(own["max_iter"]),
                tol=1e-3,
                random_state=seed,
            )
            for c in own["c"]
            for ratio in own["l1_ratio"]
        ]
    from xgboost import XGBClassifier

    return [
        XGBClassifier(
            n_estimators=int(own["rounds"]),
            max_depth=int(depth),
            learning_rate=float(own["learning_rate"]),
            subsample=0.8,
            colsample_bytree=0.5,
            min_child_weight=3,
            reg_lambda=5.0,
            tree_method="hist",
            max_bin=64,
            n_jobs=1,
            random_state=seed,
        )
        for depth in own["depth"]
    ]


def decision(model, X: np.ndarray) -> np.ndarray:
    """Log odds of a trained learner."""
    if hasattr(model, "decision_function"):
        return model.decision_function(X)
    return model.predict(X, output_margin=True).astype(float)
