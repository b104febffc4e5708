"""In: classes (positions) and probabilities of three or more classes. Out: metrics with intervals, curves of every class.
Source: Hand and Till 2001 (Machine Learning 45:171), Provost and Domingos 2000 (one against the rest), Brier 1950 (sum over
the classes); TRIPOD+AI items 12 and 23.
"""

import itertools

import numpy as np

from scripts.core import auc_interval
from scripts.model import metrics, proportions
from scripts.model.evaluation import NOT_ASSESSED, calibration_bins, roc_points

SMALLEST = 1e-12  # a probability is at least this before its logarithm


def too_few(y: np.ndarray, classes: list[str], minimum: int) -> str:
    """Why classes cannot be assessed, "" when they can."""
    counts = np.bincount(y, minlength=len(classes)) if len(y) else np.zeros(len(classes), int)
    shown = ", ".join(f"{n} {name}" for n, name in zip(counts, classes, strict=True))
    if (counts > 0).sum() < 2:
        return f"only one class ({shown})"
    if counts.min() < minimum:
        return f"too few patients ({shown}; at least {minimum} of each class)"
    return ""


def macro_auc(y: np.ndarray, probability: np.ndarray) -> float:
    """Mean over the classes of the AUC of one against the rest."""
    codes = range(probability.shape[1])
    return float(np.mean([metrics.auc((y == c).astype(int), probability[:, c]) for c in codes]))


def pairwise_auc(y: np.ndarray, probability: np.ndarray) -> float:
    """M of Hand and Till: mean over all pairs of classes of (A(i|j) + A(j|i)) / 2."""
    return float(np.mean([value for value, _ in _pairs(y, probability, None)]))


def _pairs(y, probability, counts) -> list[tuple[float, np.ndarray | None]]:
    """A(i|j) of every ordered pair of classes and, with `counts`, its resamples."""
    found = []
    for i in range(probability.shape[1]):
        for j in range(probability.shape[1]):
            if i == j:
                continue
            both = (y == i) | (y == j)
            label, score = (y[both] == i).astype(int), probability[both, i]
            drawn = None
            if counts is not None:
                drawn = metrics.resampled_auc(label, score, counts[:, both])
            found.append((metrics.auc(label, score), drawn))
    return found


def confusion(y: np.ndarray, called: np.ndarray, size: int) -> np.ndarray:
    """Patients by true class (rows) and called class (columns)."""
    return np.bincount(y * size + called, minlength=size * size).reshape(size, size)


def evaluate(
    y: np.ndarray,
    probability: np.ndarray,
    classes: list[str],
    settings: dict,
    seed: int,
    groups: np.ndarray | None = None,
) -> dict:
    """Metrics with intervals, metrics and curves of every class, confusion table.

    y : positions of the classes (n); probability : n x classes; settings : resamples; groups : linked patients share
    one. Resamples reuse the finished scores: stratified by class for AUCs, free for what depends on the shares of the
    classes; shares have Wilson's intervals. A patient is called the most probable class.
    """
    size, draws = len(classes), int(settings["resamples"])
    counts = metrics.resample_counts(y, draws, seed, groups)
    free = metrics.resample_counts(y, draws, seed, groups, stratify=False)
    rng = np.random.default_rng([seed, 1])
    called = probability.argmax(axis=1)
    one_hot = np.eye(size)[y]
    loss = -np.log(np.maximum(probability[np.arange(len(y)), y], SMALLEST))
    brier = ((probability - one_hot) ** 2).sum(axis=1)
    weights = free.astype(np.float32) / free.sum(axis=1, keepdims=True)
    per_class, aucs, sizes, sensitivities = {}, [], [], []
    for code, name in enumerate(classes):
        label, score = one_hot[:, code].astype(int), probability[:, code]
        own, positive = y == code, called == code
        drawn_auc = metrics.resampled_auc(label, score, counts)
        aucs.append(drawn_auc)
        sizes.append(auc_interval.class_sizes(label, groups))
        sensitivities.append(proportions.posterior(positive, own, groups, draws, rng))
        lines = metrics.calibration_lines(
            label, metrics.to_logit(score), np.vstack([np.ones(len(y), free.dtype), free])
        )
        o_e = (weights @ label) / np.maximum(weights @ score, SMALLEST)
        per_class[name] = {
            "n": int(label.sum()),
            "auc": auc_interval.opened(
                metrics.interval(metrics.auc(label, score), drawn_auc), sizes[-1]
            ),
            "sensitivity": proportions.proportion(positive, own, groups),
            "specificity": proportions.proportion(~positive, ~own, groups),
            "ppv": proportions.proportion(own, positive, groups),
            "calibration_intercept": metrics.interval(lines[0, 0], lines[1:, 0]),
            "calibration_slope": metrics.interval(lines[0, 1], lines[1:, 1]),
            "o_e": metrics.interval(float(label.sum() / max(score.sum(), SMALLEST)), o_e),
            "roc": roc_points(label, score),
            "calibration": calibration_bins(label, score, groups),
        }
    pairs = _pairs(y, probability, counts)
    macro = float(np.mean([entry["auc"]["value"] for entry in per_class.values()]))
    balanced = float(np.mean([entry["sensitivity"]["value"] for entry in per_class.values()]))
    return {
        "n": len(y),
        "classes": {name: int((y == code).sum()) for code, name in enumerate(classes)},
        "metrics": {
            "macro_auc": auc_interval.opened(
                metrics.interval(macro, np.mean(aucs, axis=0)), *sizes
            ),
            "pairwise_auc": auc_interval.opened(
                metrics.interval(
                    float(np.mean([value for value, _ in pairs])),
                    np.mean([d for _, d in pairs], axis=0),
                ),
                *itertools.combinations([positive for positive, _ in sizes], 2),
            ),
            "balanced_accuracy": proportions.opened(balanced, np.mean(sensitivities, axis=0)),
            "accuracy": proportions.proportion(called == y, np.ones(len(y), bool), groups),
            "log_loss": metrics.interval(float(loss.mean()), weights @ loss),
            "brier": metrics.interval(float(brier.mean()), weights @ brier),
        },
        "per_class": per_class,
        "confusion": confusion(y, called, size).tolist(),
    }


def assess(
    y: np.ndarray,
    probability: np.ndarray,
    classes: list[str],
    settings: dict,
    seed: int,
    groups: np.ndarray | None = None,
) -> dict:
    """`evaluate`, or NOT_ASSESSED with the numbers and the reason when a class is too small."""
    reason = too_few(y, classes, int(settings["minimum_class"]))
    head = {"status": NOT_ASSESSED if reason else "ASSESSED", "reason": reason}
    if reason:
        counts = {name: int((y == code).sum()) for code, name in enumerate(classes)}
        return {**head, "n": len(y), "classes": counts}
    return {**head, **evaluate(y, probability, classes, settings, seed, groups)}
