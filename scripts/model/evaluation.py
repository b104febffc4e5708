"""In: labels, probabilities and thresholds fixed in training. Out: metrics as a dict
(docs/outputs.md).
Source: TRIPOD+AI (2024) items 12 and 23; requirements EVA-01 to EVA-06, MOD-04.
"""

from collections.abc import Sequence

import numpy as np

from scripts.core import auc_interval
from scripts.model import metrics, proportions

NOT_ASSESSED = "NOT_ASSESSED"
BINARY_CLASSES = ("control", "hcc")
CURVE_THRESHOLDS = np.round(np.r_[0.01, np.arange(0.05, 0.96, 0.05)], 2)
CALIBRATION_BINS = 8
SUBGROUP_POINT = ("sensitivity", "specificity", "f1", "mcc")


def too_few(y: np.ndarray, minimum: int, classes: Sequence[str] = BINARY_CLASSES) -> str:
    """Why labels cannot be assessed, "" when they can; classes : names of label 0 and of label 1."""
    events, others = int((y == 1).sum()), int((y == 0).sum())
    shown = f"{events} {classes[1]}, {others} {classes[0]}{'s' if classes[0] == 'control' else ''}"
    if min(events, others) == 0:
        return f"only one class ({shown})"
    if min(events, others) < minimum:
        return f"too few patients ({shown}; at least {minimum} of each)"
    return ""


def choose_thresholds(y: np.ndarray, probability: np.ndarray, settings: dict) -> dict[str, float]:
    """Thresholds from training scores: Youden, and the one that keeps the stated specificity."""
    minimum = float(settings["minimum_specificity"])
    return {
        "youden": metrics.youden_threshold(y, probability),
        "high_specificity": metrics.specificity_threshold(y, probability, minimum),
    }


def evaluate(
    y: np.ndarray,
    probability: np.ndarray,
    thresholds: dict[str, float],
    settings: dict,
    seed: int,
    groups: np.ndarray | None = None,
    cuts: dict[str, np.ndarray] | None = None,
) -> dict:
    """Metrics with intervals, threshold tables, ROC, calibration and decision curve.

    thresholds : {name: threshold}; settings : resamples, prevalences; groups : (n), linked patients share one;
    cuts : {name: (n) thresholds at which the patients were called}, where they differ from patient to patient.
    Resamples reuse the finished scores: stratified by label for the AUC, free for what depends on the share of events.
    """
    resamples = int(settings["resamples"])
    counts = metrics.resample_counts(y, resamples, seed, groups)
    free = metrics.resample_counts(y, resamples, seed, groups, stratify=False)
    linear = metrics.to_logit(probability)
    error = (probability - y) ** 2
    lines = metrics.calibration_lines(y, linear, np.vstack([np.ones(len(y), free.dtype), free]))
    weights = free.astype(float)
    o_e = (weights @ y) / np.maximum(weights @ probability, 1e-9)
    brier = weights @ error / weights.sum(1)
    return {
        "n": len(y),
        "events": int(y.sum()),
        "metrics": {
            "auc": auc_interval.opened(
                metrics.interval(
                    metrics.auc(y, probability), metrics.resampled_auc(y, probability, counts)
                ),
                auc_interval.class_sizes(y, groups),
            ),
            "brier": metrics.interval(float(error.mean()), brier),
            "calibration_intercept": metrics.interval(lines[0, 0], lines[1:, 0]),
            "calibration_slope": metrics.interval(lines[0, 1], lines[1:, 1]),
            "o_e": metrics.interval(float(y.sum() / max(probability.sum(), 1e-9)), o_e),
        },
        "thresholds": {
            name: at_threshold(
                y,
                probability >= (cuts or {}).get(name, threshold),
                threshold,
                settings,
                seed,
                weights,
                groups,
            )
            | called_otherwise(threshold, (cuts or {}).get(name))
            for name, threshold in thresholds.items()
        },
        "roc": roc_points(y, probability),
        "calibration": calibration_bins(y, probability, groups),
        "decision_curve": decision_curve(y, probability, weights),
    }


def called_otherwise(threshold: float, cut: np.ndarray | None) -> dict:
    """How many patients were called at another threshold than this one; {} when all have the same."""
    return {} if cut is None else {"own_threshold": int((cut != threshold).sum())}


def at_threshold(
    y: np.ndarray,
    positive: np.ndarray,
    threshold: float,
    settings: dict,
    seed: int,
    weights: np.ndarray,
    groups: np.ndarray | None = None,
) -> dict:
    """What is true of the calls: shares with Wilson's intervals, net benefit from resamples.

    positive : boolean (n), who is called; weights : resamples x patients, drawn freely. F1, MCC and the predictive
    values at stated prevalences follow from sensitivity, specificity and share of events, each drawn from its
    posterior.
    """
    prevalences = [float(p) for p in settings["prevalences"]]
    event, cut = y == 1, min(threshold, 1 - 1e-9)
    everyone = np.ones(len(y), bool)
    value = metrics.classification(*map(float, metrics.confusion(y, positive)), cut, prevalences)
    table = {
        "sensitivity": proportions.proportion(positive, event, groups),
        "specificity": proportions.proportion(~positive, ~event, groups),
        "ppv": proportions.proportion(event, positive, groups),
        "npv": proportions.proportion(~event, ~positive, groups),
        "accuracy": proportions.proportion(positive == event, everyone, groups),
    }
    rng, draws = np.random.default_rng([seed, 1]), int(settings["resamples"])
    sensitivity = proportions.posterior(positive, event, groups, draws, rng)
    specificity = proportions.posterior(~positive, ~event, groups, draws, rng)
    share = proportions.posterior(event, everyone, groups, draws, rng)
    hit, cleared = share * sensitivity, (1 - share) * specificity
    drawn = metrics.classification(hit, share - hit, cleared, 1 - share - cleared, cut, prevalences)
    gain = np.where(positive, np.where(event, 1.0, -cut / (1 - cut)), 0.0)
    benefit = weights @ gain / weights.sum(1)
    table |= {name: proportions.opened(value[name], drawn[name]) for name in ("f1", "mcc")}
    table["net_benefit"] = metrics.interval(value["net_benefit"], benefit)
    table["at_prevalence"] = {
        f"{p:g}": {
            name: proportions.opened(value[f"{name}@{p:g}"], drawn[f"{name}@{p:g}"])
            for name in ("ppv", "npv")
        }
        for p in prevalences
    }
    return {"threshold": float(threshold), **table}


def roc_points(y: np.ndarray, probability: np.ndarray) -> list[dict]:
    """Corners of the ROC curve from (0, 0) to (1, 1)."""
    from sklearn.metrics import roc_curve

    fpr, tpr, _ = roc_curve(y, probability)
    return [{"fpr": float(x), "tpr": float(t)} for x, t in zip(fpr, tpr, strict=True)]


def calibration_bins(
    y: np.ndarray, probability: np.ndarray, groups: np.ndarray | None = None
) -> list[dict]:
    """Observed share in bins of equal size, with Wilson intervals; groups : linked patients share one."""
    order = np.argsort(probability, kind="stable")
    bins = [b for b in np.array_split(order, min(CALIBRATION_BINS, len(y) // 5 or 1)) if len(b)]
    out = []
    for members in bins:
        among = np.zeros(len(y), bool)
        among[members] = True
        found = proportions.proportion(y == 1, among, groups)
        out.append(
            {
                "predicted": float(probability[members].mean()),
                "observed": found["value"],
                "low": found["low"],
                "high": found["high"],
                "n": len(members),
            }
        )
    return out


def decision_curve(y: np.ndarray, probability: np.ndarray, weights: np.ndarray) -> list[dict]:
    """Net benefit of the model (with its interval over the resamples), of treating all and of treating none.

    weights : resamples x patients, how often each patient is in each, drawn freely.
    """
    everyone, drawn_n, points = np.ones(len(y)), weights.sum(1), []
    for t in CURVE_THRESHOLDS:
        positive = probability >= t
        gain = np.where(positive, np.where(y == 1, 1.0, -t / (1 - t)), 0.0)
        value = metrics.net_benefit(y, probability, t)
        found = metrics.interval(value, weights @ gain / drawn_n)
        points.append(
            {
                "threshold": float(t),
                "model": found["value"],
                "low": found["low"],
                "high": found["high"],
                "all": metrics.net_benefit(y, everyone, t),
                "none": 0.0,
            }
        )
    return points


def assess(
    y: np.ndarray,
    probability: np.ndarray,
    thresholds: dict,
    settings: dict,
    seed: int,
    groups: np.ndarray | None = None,
    cuts: dict[str, np.ndarray] | None = None,
) -> dict:
    """`evaluate`, or NOT_ASSESSED with n, events and the reason when a class is too small.

    settings : as for `evaluate`, minimum_class and, where they are not hcc and controls, the names of the classes.
    """
    names = settings.get("classes", BINARY_CLASSES)
    reason = too_few(y, int(settings["minimum_class"]), names)
    head = {"status": NOT_ASSESSED if reason else "ASSESSED", "reason": reason}
    if reason:
        return {**head, "n": len(y), "events": int(y.sum())}
    return {**head, **evaluate(y, probability, thresholds, settings, seed, groups, cuts)}


def assess_some(
    mask: np.ndarray,
    y: np.ndarray,
    probability: np.ndarray,
    thresholds: dict,
    settings: dict,
    seed: int,
    groups: np.ndarray | None = None,
    cuts: dict[str, np.ndarray] | None = None,
) -> dict:
    """`assess` of the patients of a boolean mask; the rest as there, of all patients."""
    own = None if groups is None else groups[mask]
    called = None if cuts is None else {name: cut[mask] for name, cut in cuts.items()}
    return assess(y[mask], probability[mask], thresholds, settings, seed, own, called)


def subgroup_table(
    y: np.ndarray,
    probability: np.ndarray,
    masks: dict,
    threshold: float,
    settings: dict,
    seed: int,
    groups: np.ndarray | None = None,
    cut: np.ndarray | None = None,
) -> list[dict]:
    """AUC, Brier score, calibration, and what the calls do, in subgroups.

    masks : {(group, value): boolean mask}; groups, cut : as for `evaluate`. A subgroup with fewer than
    `minimum_class` of a class has counts only.
    """
    out, small = [], {**settings, "prevalences": []}
    cuts = None if cut is None else {"youden": cut}
    for (group, value), mask in masks.items():
        line = {"group": group, "value": value}
        found = assess_some(mask, y, probability, {"youden": threshold}, small, seed, groups, cuts)
        line |= {key: found[key] for key in ("n", "events", "status", "reason")}
        if found["status"] == "ASSESSED":
            line |= found["metrics"]
            for name in SUBGROUP_POINT:
                line[name] = found["thresholds"]["youden"][name]
        out.append(line)
    return out


def rounded(value):
    """A JSON-like value with floats rounded to six decimals and NaN as null."""
    if isinstance(value, dict):
        return {str(key): rounded(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(entry) for entry in value]
    if isinstance(value, float | np.floating):
        return round(float(value), 6) if np.isfinite(value) else None
    if isinstance(value, np.integer | np.bool_):
        return value.item()
    return value
