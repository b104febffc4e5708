"""In: labels, probabilities and thresholds fixed in training. Out: metrics as a dict
(docs/outputs.md).
Source: TRIPOD+AI (2024) items 12 and 23; requirements EVA-01 to EVA-06, MOD-04.
"""

import numpy as np

from scripts.model import metrics

NOT_ASSESSED = "NOT_ASSESSED"
CURVE_THRESHOLDS = np.round(np.r_[0.01, np.arange(0.05, 0.96, 0.05)], 2)
CALIBRATION_BINS = 8
SUBGROUP_POINT = ("sensitivity", "specificity", "f1", "mcc")


def too_few(y: np.ndarray, minimum: int) -> str:
    """Why labels cannot be assessed, "" when they can."""
    events, others = int((y == 1).sum()), int((y == 0).sum())
    if min(events, others) == 0:
        return f"only one class ({events} hcc, {others} controls)"
    if min(events, others) < minimum:
        return f"too few patients ({events} hcc, {others} controls; at least {minimum} of each)"
    return ""


def choose_thresholds(y: np.ndarray, probability: np.ndarray, settings: dict) -> dict[str, float]:
    """Thresholds from training scores: Youden, and the one that keeps the stated specificity."""
    minimum = float(settings["minimum_specificity"])
    return {
        "youden": metrics.youden_threshold(y, probability),
        "high_specificity": metrics.specificity_threshold(y, probability, minimum),
    }


def evaluate(
    y: np.ndarray, probability: np.ndarray, thresholds: dict[str, float], settings: dict, seed: int
) -> dict:
    """Metrics with intervals, threshold tables, ROC, calibration and decision curve.

    thresholds : {name: threshold}; settings : resamples, prevalences. Resamples are stratified by
    label and reuse the finished scores.
    """
    resamples = int(settings["resamples"])
    counts = metrics.resample_counts(y, resamples, seed)
    linear = metrics.to_logit(probability)
    error = (probability - y) ** 2
    lines = metrics.calibration_lines(y, linear, np.vstack([np.ones(len(y)), counts]))
    weights = counts.astype(float)
    o_e = (weights @ y) / np.maximum(weights @ probability, 1e-9)
    return {
        "n": len(y),
        "events": int(y.sum()),
        "metrics": {
            "auc": metrics.interval(
                metrics.auc(y, probability), metrics.resampled_auc(y, probability, counts)
            ),
            "brier": metrics.interval(float(error.mean()), weights @ error / len(y)),
            "calibration_intercept": metrics.interval(lines[0, 0], lines[1:, 0]),
            "calibration_slope": metrics.interval(lines[0, 1], lines[1:, 1]),
            "o_e": metrics.interval(float(y.sum() / max(probability.sum(), 1e-9)), o_e),
        },
        "thresholds": {
            name: at_threshold(y, probability, threshold, settings, seed)
            for name, threshold in thresholds.items()
        },
        "roc": roc_points(y, probability),
        "calibration": calibration_bins(y, probability),
        "decision_curve": decision_curve(y, probability, weights),
    }


def at_threshold(
    y: np.ndarray, probability: np.ndarray, threshold: float, settings: dict, seed: int
) -> dict:
    """Threshold table; in a stratified resample true positives and negatives are binomial."""
    prevalences = [float(p) for p in settings["prevalences"]]
    tp, fn, tn, fp = metrics.confusion(y, probability >= threshold)
    rng = np.random.default_rng([seed, 1])
    drawn_tp = rng.binomial(tp + fn, tp / (tp + fn), int(settings["resamples"]))
    drawn_tn = rng.binomial(tn + fp, tn / (tn + fp), int(settings["resamples"]))
    cut = min(threshold, 1 - 1e-9)
    value = metrics.classification(*map(float, (tp, fn, tn, fp)), cut, prevalences)
    drawn = metrics.classification(
        drawn_tp, tp + fn - drawn_tp, drawn_tn, tn + fp - drawn_tn, cut, prevalences
    )
    found = {name: metrics.interval(value[name], drawn[name]) for name in value}
    table = {name: entry for name, entry in found.items() if "@" not in name}
    table["at_prevalence"] = {
        f"{p:g}": {name: found[f"{name}@{p:g}"] for name in ("ppv", "npv")} for p in prevalences
    }
    return {"threshold": float(threshold), **table}


def roc_points(y: np.ndarray, probability: np.ndarray) -> list[dict]:
    """Corners of the ROC curve from (0, 0) to (1, 1)."""
    from sklearn.metrics import roc_curve

    fpr, tpr, _ = roc_curve(y, probability)
    return [{"fpr": float(x), "tpr": float(t)} for x, t in zip(fpr, tpr, strict=True)]


def calibration_bins(y: np.ndarray, probability: np.ndarray) -> list[dict]:
    """Observed share in bins of equal size, with Wilson intervals."""
    order = np.argsort(probability, kind="stable")
    bins = [b for b in np.array_split(order, min(CALIBRATION_BINS, len(y) // 5 or 1)) if len(b)]
    out = []
    for members in bins:
        n, share = len(members), float(y[members].mean())
        low, high = wilson(share, n)
        predicted = float(probability[members].mean())
        out.append({"predicted": predicted, "observed": share, "low": low, "high": high, "n": n})
    return out


def wilson(share: float, n: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a proportion."""
    z = 1.959964
    centre = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2)) / (1 + z**2 / n)
    return float(max(0, centre - half)), float(min(1, centre + half))


def decision_curve(y: np.ndarray, probability: np.ndarray, weights: np.ndarray) -> list[dict]:
    """Net benefit of the model (with its interval over the resamples), of treating all and of treating none.

    weights : resamples x patients, how often each patient is in each.
    """
    everyone, points = np.ones(len(y)), []
    for t in CURVE_THRESHOLDS:
        positive = probability >= t
        gain = np.where(positive, np.where(y == 1, 1.0, -t / (1 - t)), 0.0)
        value = metrics.net_benefit(y, probability, t)
        found = metrics.interval(value, weights @ gain / len(y))
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
    y: np.ndarray, probability: np.ndarray, thresholds: dict, settings: dict, seed: int
) -> dict:
    """`evaluate`, or NOT_ASSESSED with n, events and the reason when a class is too small."""
    reason = too_few(y, int(settings["minimum_class"]))
    head = {"status": NOT_ASSESSED if reason else "ASSESSED", "reason": reason}
    if reason:
        return {**head, "n": len(y), "events": int(y.sum())}
    return {**head, **evaluate(y, probability, thresholds, settings, seed)}


def subgroup_table(
    y: np.ndarray,
    probability: np.ndarray,
    groups: dict,
    threshold: float,
    settings: dict,
    seed: int,
) -> list[dict]:
    """AUC, Brier score, calibration, and what the threshold does, in subgroups.

    groups : {(group, value): boolean mask}. A subgroup with fewer than `minimum_class` of a class
    has counts only.
    """
    out = []
    for (group, value), mask in groups.items():
        members, scores = y[mask], probability[mask]
        line = {"group": group, "value": value}
        small = {**settings, "prevalences": []}
        found = assess(members, scores, {"youden": threshold}, small, seed)
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
