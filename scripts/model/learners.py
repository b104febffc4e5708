"""In: a learner's name and its settings. Out: untrained learners to choose from, and the log odds of trained ones.
Source: elastic net: Zou and Hastie 2005; SVM: Cortes and Vapnik 1995, calibrated by Platt 1999; random forest: Breiman
2001; XGBoost: Chen and Guestrin 2016. Which one wins is decided in nested cross-validation, never here.
"""

import contextlib
import warnings

import numpy as np
from scipy.special import logit
from sklearn.linear_model import LogisticRegression

LEARNERS = ("elastic_net", "svm", "forest", "xgboost")
# Their scores are no log odds until a line has been fitted to them.
UNCALIBRATED = ("svm", "forest")
_SHOWN = (
    "C",
    "l1_ratio",
    "kernel",
    "gamma",
    "max_depth",
    "max_features",
    "min_samples_leaf",
    "n_estimators",
    "learning_rate",
)


@contextlib.contextmanager
def plain_fits():
    """Fits on arrays that are ours: without scikit-learn's checks, and without its word on every fit that ends at `max_iter`:
    such a fit is used as it is, and what it is worth is measured out of fold."""
    import sklearn
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        with sklearn.config_context(assume_finite=True, skip_parameter_validation=True):
            yield


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
    if learner == "svm":
        from sklearn.svm import SVC

        return [SVC(C=float(c), kernel=own["kernel"], gamma="scale") for c in own["c"]]
    if learner == "forest":
        from sklearn.ensemble import RandomForestClassifier

        return [
            RandomForestClassifier(
                n_estimators=int(own["trees"]),
                min_samples_leaf=int(leaf),
                max_features="sqrt",
                n_jobs=1,
                random_state=seed,
            )
            for leaf in own["leaf"]
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
    """Log odds of a trained learner; for SVM and forest a score that a line turns into log odds."""
    if hasattr(model, "decision_function"):
        return model.decision_function(X)
    if hasattr(model, "get_booster"):
        return model.predict(X, output_margin=True).astype(float)
    # Half a tree's vote keeps the log odds finite where all trees agree.
    edge = 0.5 / len(model.estimators_)
    return logit(np.clip(model.predict_proba(X)[:, 1], edge, 1 - edge))


def importances(model) -> np.ndarray:
    """One weight a feature: coefficient, share of gain, or the linear part of an SVM's support vectors."""
    if hasattr(model, "support_vectors_"):
        return np.asarray(model.dual_coef_ @ model.support_vectors_)[0]
    return model.coef_[0] if hasattr(model, "coef_") else model.feature_importances_


def parameters(model) -> dict:
    """The settings of a learner that were chosen or matter to a reader."""
    return {k: v for k, v in model.get_params().items() if k in _SHOWN and v is not None}
