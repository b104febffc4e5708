"""In: AUCs of several centres with their labels and scores. Out: their random-effects mean and prediction interval.
Source: DerSimonian and Laird 1986; interval of Hartung, Knapp, Sidik and Jonkman from three centres on; logit of the AUC
and prediction interval: Debray 2017 (BMJ 356:i6460), Higgins 2009.
"""

import numpy as np
from scipy.special import expit, logit
from scipy.stats import norm, t

from scripts.model import metrics

LEAST = 3  # centres: with two, t has one degree of freedom and says nothing


def logit_auc(
    y: np.ndarray, score: np.ndarray, groups: np.ndarray | None = None
) -> tuple[float, float]:
    """Logit of the AUC and its variance by the delta method (DeLong); groups : linked patients share one.

    An AUC of 0 or 1 is moved by half a pair, and its variance is that of a proportion among all patients (groups).
    """
    areas, covariance = metrics.delong(y, score, groups=groups)
    pairs = float(y.sum() * (len(y) - y.sum()))
    area = float(np.clip(areas[0], 0.5 / pairs, 1 - 0.5 / pairs))
    variance = float(covariance[0, 0])
    if variance <= 0:
        variance = area * (1 - area) / len(np.unique(groups) if groups is not None else y)
    return float(logit(area)), variance / (area * (1 - area)) ** 2


def pool(values: np.ndarray, variances: np.ndarray) -> dict:
    """Mean with 95 % interval, 95 % prediction interval for another centre, tau2 and I2, on the scale given."""
    values, variances = np.asarray(values, float), np.asarray(variances, float)
    k = len(values)
    fixed = 1 / variances
    q = float((fixed * (values - (fixed @ values) / fixed.sum()) ** 2).sum())
    excess = fixed.sum() - (fixed**2).sum() / fixed.sum()
    tau2 = max(0.0, (q - (k - 1)) / excess)
    weights = 1 / (variances + tau2)
    mean = float(weights @ values / weights.sum())
    plain = float(1 / weights.sum())
    # Never narrower than without the correction of Hartung and Knapp (Jackson 2017).
    between = float((weights * (values - mean) ** 2).sum() / ((k - 1) * weights.sum()))
    spread = max(between, plain) if k >= LEAST else plain
    quantile = t.ppf(0.975, k - 1) if k >= LEAST else norm.ppf(0.975)
    half = float(quantile * np.sqrt(spread))
    out = {"centres": k, "mean": mean, "low": mean - half, "high": mean + half, "tau2": tau2}
    out["i2"] = max(0.0, (q - (k - 1)) / q) if q > 0 else 0.0
    if k >= LEAST:
        reach = float(t.ppf(0.975, k - 2) * np.sqrt(tau2 + plain))
        out |= {"predicted_low": mean - reach, "predicted_high": mean + reach}
    return out


_SPREAD = ("centres", "tau2", "i2")


def pooled_auc(parts: list[tuple[np.ndarray, ...]]) -> dict | None:
    """AUC over centres, on the AUC's own scale; None with fewer than two.

    parts : (labels, scores) of each centre, or (labels, scores, groups)
    """
    if len(parts) < 2:
        return None
    values, variances = np.array([logit_auc(*part) for part in parts]).T
    found = pool(values, variances)
    back = {name: float(expit(value)) for name, value in found.items() if name not in _SPREAD}
    back = {("value" if name == "mean" else name): value for name, value in back.items()}
    return back | {name: found[name] for name in _SPREAD}
