"""In: labels (0/1) and scores or probabilities. Out: AUC, DeLong, resampled
intervals, calibration, net benefit.
Source: Sun and Xu 2014 (IEEE SPL 21:1389), Obuchowski 1997 (linked patients), Van Calster 2019 (BMC Med 17:230), Vickers 2006.
"""

import numpy as np
from scipy.special import expit, logit, ndtr
from scipy.stats import rankdata

LOGIT_LIMIT = 1e-6  # probabilities are kept this far from 0 and 1 before a logit
ROWS_AT_ONCE = 50  # resamples that are calibrated together: what fits the processor's cache
STANDS_STILL = 1e-10  # the largest Newton step of a line that is found
DRAWN_AT_ONCE = 200  # resamples that are drawn together: keeps memory small
NO_VARIANCE = 1e-15  # of a difference of two AUCs
NO_DIFFERENCE = 1e-12  # of two AUCs, but for rounding


def auc(y: np.ndarray, score: np.ndarray) -> float:
    """Area under the ROC curve, ties count half (Mann-Whitney)."""
    positives = int(y.sum())
    negatives = len(y) - positives
    ranks = rankdata(score)
    return float((ranks[y == 1].sum() - positives * (positives + 1) / 2) / (positives * negatives))


def linked(groups: np.ndarray | None) -> np.ndarray | None:
    """Groups as codes 0, 1, 2 ...; None when every patient is a group of one."""
    if groups is None:
        return None
    names, codes = np.unique(groups, return_inverse=True)
    return codes if len(names) < len(codes) else None


def delong(
    y: np.ndarray, *scores: np.ndarray, groups: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """AUCs and their covariance matrix, O(n log n).

    groups : linked patients share one; the covariance is then that of Obuchowski 1997 (Biometrics 53:567)
    """
    stacked = np.vstack(scores)
    positive = y == 1
    m, n = int(positive.sum()), int((~positive).sum())
    within_positive = np.vstack([rankdata(s[positive]) for s in stacked])
    within_negative = np.vstack([rankdata(s[~positive]) for s in stacked])
    overall = np.vstack([rankdata(np.r_[s[positive], s[~positive]]) for s in stacked])
    areas = overall[:, :m].sum(1) / m / n - (m + 1) / 2 / n
    v01 = (overall[:, :m] - within_positive) / n
    v10 = 1 - (overall[:, m:] - within_negative) / m
    codes = linked(groups)
    if codes is None:
        covariance = np.atleast_2d(np.cov(v01)) / m + np.atleast_2d(np.cov(v10)) / n
        return areas, covariance
    of_positives = _sums(v01 - areas[:, None], codes[positive], codes) / m
    of_negatives = _sums(v10 - areas[:, None], codes[~positive], codes) / n
    across = of_positives @ of_negatives.T
    return areas, (
        _correction(codes[positive]) * of_positives @ of_positives.T
        + _correction(codes[~positive]) * of_negatives @ of_negatives.T
        + _correction(codes) * (across + across.T)
    )


def _sums(values: np.ndarray, own: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """Sums of every row of values over the groups."""
    return np.vstack([np.bincount(own, weights=row, minlength=codes.max() + 1) for row in values])


def _correction(codes: np.ndarray) -> float:
    """k / (k - 1) of the k groups that occur."""
    k = len(np.unique(codes))
    return k / (k - 1) if k > 1 else np.nan


def delong_test(
    y: np.ndarray, a: np.ndarray, b: np.ndarray, groups: np.ndarray | None = None
) -> dict:
    """Paired comparison of two AUCs: difference, z and two-sided p.

    Without any variance p is 1 when the AUCs are equal, and 0 when they are not (a perfect score against a constant
    one), as in pROC.
    """
    areas, covariance = delong(y, a, b, groups=groups)
    difference = float(areas[0] - areas[1])
    variance = float(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1])
    if variance > NO_VARIANCE:
        z = difference / np.sqrt(variance)
    else:
        z = 0.0 if abs(difference) < NO_DIFFERENCE else float(np.copysign(np.inf, difference))
    return {"difference": difference, "z": float(z), "p": float(2 * ndtr(-abs(z)))}


def resample_counts(
    y: np.ndarray,
    resamples: int,
    seed: int,
    groups: np.ndarray | None = None,
    stratify: bool = True,
) -> np.ndarray:
    """How often each patient is in each resample; uint16 (resamples x patients).

    y : classes (n); groups : linked patients share one and are drawn together, None when nobody is linked.
    stratify : by class (a group counts to the class of most of its patients), for what depends on one class at a time;
    without it the share of events varies as it does from study to study. A resample without one of the classes is
    drawn again. Source: Efron and Tibshirani 1993; groups: Field and Welsh 2007 (JRSS B 69:369).
    """
    rng = np.random.default_rng(seed)
    codes = linked(groups)
    units = np.arange(len(y)) if codes is None else codes
    classes = np.unique(y)
    strata = _strata(y, units) if stratify else np.zeros(int(units.max()) + 1, int)
    counts = _draw(strata, units, resamples, rng)
    while len(again := np.flatnonzero(_lacks_class(y, counts, classes))):
        counts[again] = _draw(strata, units, len(again), rng)
    return counts


def _strata(y: np.ndarray, units: np.ndarray) -> np.ndarray:
    """The class of most patients of every unit; of equally many the higher one (the event)."""
    values, place = np.unique(y, return_inverse=True)
    tally = np.zeros((int(units.max()) + 1, len(values)), int)
    np.add.at(tally, (units, place), 1)
    return len(values) - 1 - tally[:, ::-1].argmax(axis=1)


def _draw(strata: np.ndarray, units: np.ndarray, resamples: int, rng) -> np.ndarray:
    """Units drawn with replacement within their stratum, as counts of patients."""
    drawn = np.zeros((resamples, len(strata)), dtype=np.uint16)
    for value in np.unique(strata):
        members = np.flatnonzero(strata == value)
        size = len(members)
        for start in range(0, resamples, DRAWN_AT_ONCE):
            rows = min(DRAWN_AT_ONCE, resamples - start)
            picked = rng.integers(0, size, (rows, size)) + np.arange(rows)[:, None] * size
            flat = np.bincount(picked.ravel(), minlength=rows * size)
            drawn[start : start + rows, members] = flat.reshape(rows, size)
    return drawn if len(strata) == len(units) else drawn[:, units]


def _lacks_class(y: np.ndarray, counts: np.ndarray, classes: np.ndarray) -> np.ndarray:
    return np.any([~counts[:, y == value].any(axis=1) for value in classes], axis=0)


def resampled_auc(y: np.ndarray, score: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """AUC of every resample without sorting again (counts on the sorted distinct scores)."""
    _, place = np.unique(score, return_inverse=True)
    order = np.argsort(place, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(place[order]) > 0])
    ordered = counts[:, order].astype(np.float64)
    is_positive = y[order] == 1
    positive = np.add.reduceat(ordered * is_positive, starts, axis=1)
    negative = np.add.reduceat(ordered * ~is_positive, starts, axis=1)
    below = np.cumsum(negative, axis=1) - negative
    wins = (positive * (below + negative / 2)).sum(axis=1)
    return wins / (positive.sum(axis=1) * negative.sum(axis=1))


def interval(value: float, resampled: np.ndarray) -> dict:
    """Point estimate with the 2.5 and 97.5 percentiles of its resamples."""
    finite = resampled[np.isfinite(resampled)]
    if not np.isfinite(value) or not len(finite):
        return {
            "value": None if not np.isfinite(value) else float(value),
            "low": None,
            "high": None,
        }
    low, high = np.percentile(finite, [2.5, 97.5])
    return {"value": float(value), "low": float(low), "high": float(high)}


def to_logit(probability: np.ndarray) -> np.ndarray:
    """Log odds, with probabilities kept off 0 and 1."""
    return logit(np.clip(probability, LOGIT_LIMIT, 1 - LOGIT_LIMIT))


def calibration_lines(y: np.ndarray, linear: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Calibration of every row of weights: columns intercept (slope fixed at 1) and slope.

    linear : log odds of the prediction (n), weights : (resamples x n). Newton steps on some rows at
    once, until they stand still; a row that separates the classes has no slope: NaN.
    """
    weights = np.atleast_2d(weights)
    parts = [
        _calibration_lines(y, linear, weights[start : start + ROWS_AT_ONCE].astype(float))
        for start in range(0, len(weights), ROWS_AT_ONCE)
    ]
    return np.concatenate(parts)


def _calibration_lines(y: np.ndarray, linear: np.ndarray, weights: np.ndarray) -> np.ndarray:
    offset = np.zeros(len(weights))
    for _ in range(30):
        p = expit(linear + offset[:, None])
        step = (weights * (y - p)).sum(1) / np.maximum((weights * p * (1 - p)).sum(1), 1e-9)
        step = np.clip(step, -1, 1)
        offset += step
        if np.abs(step).max() < STANDS_STILL:
            break
    # The slope is found from 0 upwards on standardised log odds: from 1 Newton leaps past it where
    # predictions are extreme.
    centre, scale = linear.mean(), max(float(linear.std()), 1e-9)
    z = (linear - centre) / scale
    a, b = logit(np.clip(weights @ y / weights.sum(1), 1e-6, 1 - 1e-6)), np.zeros(len(weights))
    for _ in range(30):
        p = expit(a[:, None] + b[:, None] * z)
        residual, curvature = weights * (y - p), weights * p * (1 - p)
        g0, g1 = residual.sum(1), residual @ z
        h00, h01, h11 = curvature.sum(1), curvature @ z, curvature @ z**2
        determinant = np.maximum(h00 * h11 - h01**2, 1e-9)
        da = np.clip((h11 * g0 - h01 * g1) / determinant, -1, 1)
        db = np.clip((h00 * g1 - h01 * g0) / determinant, -1, 1)
        a += da
        b += db
        if max(np.abs(da).max(), np.abs(db).max()) < STANDS_STILL:
            break
    slope = np.where(np.abs(b) < 15, b / scale, np.nan)
    return np.column_stack([np.where(np.abs(offset) < 20, offset, np.nan), slope])


def confusion(y: np.ndarray, positive: np.ndarray) -> tuple[int, int, int, int]:
    """True positives, false negatives, true negatives, false positives."""
    tp, fp = int((positive & (y == 1)).sum()), int((positive & (y == 0)).sum())
    return tp, int((y == 1).sum()) - tp, int((y == 0).sum()) - fp, fp


def classification(tp, fn, tn, fp, threshold: float, prevalences: list[float]) -> dict:
    """Everything that a confusion table says; arguments may be arrays of resampled tables.

    Net benefit weighs a false positive by the odds of the threshold (Vickers 2006); PPV and NPV at
    a stated prevalence follow from Bayes' rule. What would be 0 / 0 (no negative call: NPV) is NaN.
    """
    tp, fn, tn, fp = (np.asarray(count, dtype="float64") for count in (tp, fn, tn, fp))
    with np.errstate(divide="ignore", invalid="ignore"):
        sensitivity, specificity = tp / (tp + fn), tn / (tn + fp)
        total = tp + fn + tn + fp
        root = np.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn))
        out = {
            "sensitivity": sensitivity,
            "specificity": specificity,
            "ppv": tp / (tp + fp),
            "npv": tn / (tn + fn),
            "accuracy": (tp + tn) / total,
            "f1": 2 * tp / (2 * tp + fp + fn),
            "mcc": (tp * tn - fp * fn) / root,
            "net_benefit": tp / total - fp / total * threshold / (1 - threshold),
        }
        for prevalence in prevalences:
            found = sensitivity * prevalence
            alarm = (1 - specificity) * (1 - prevalence)
            missed = (1 - sensitivity) * prevalence
            clear = specificity * (1 - prevalence)
            out[f"ppv@{prevalence:g}"] = found / (found + alarm)
            out[f"npv@{prevalence:g}"] = clear / (clear + missed)
    return out


def youden_threshold(y: np.ndarray, probability: np.ndarray) -> float:
    """Threshold with the largest sensitivity + specificity - 1, half way to the next lower score."""
    levels = np.unique(probability)
    cuts = np.r_[levels[0], (levels[1:] + levels[:-1]) / 2]
    scores = [_youden(y, probability >= cut) for cut in cuts]
    return float(cuts[int(np.argmax(scores))])


def _youden(y: np.ndarray, positive: np.ndarray) -> float:
    tp, fn, tn, fp = confusion(y, positive)
    return tp / (tp + fn) + tn / (tn + fp) - 1


def specificity_threshold(y: np.ndarray, probability: np.ndarray, minimum: float) -> float:
    """Lowest threshold whose specificity is at least `minimum`."""
    levels = np.unique(probability)
    cuts = np.r_[levels[0], (levels[1:] + levels[:-1]) / 2, levels[-1] + 1e-9]
    negatives = np.sort(probability[y == 0])
    specificity = np.searchsorted(negatives, cuts, side="left") / len(negatives)
    return float(min(1.0, cuts[np.flatnonzero(specificity >= minimum)[0]]))


def net_benefit(y: np.ndarray, probability: np.ndarray, threshold: float) -> float:
    """Net benefit of treating whoever is at or above the threshold."""
    tp, _, _, fp = confusion(y, probability >= threshold)
    return (tp - fp * threshold / (1 - threshold)) / len(y)
