"""In: patients, events, candidate predictors. Out: how many patients a model of this size needs.
Source: Riley 2020 (BMJ 368:m441), the four criteria; Van Smeden 2019 for the second; same as pmsampsize.
"""

import numpy as np

SHRINKAGE = 0.9  # criterion 3
R2_SHARE = 0.15  # Cox-Snell R2 as a share of its maximum, Riley's advice when nothing is known
RISK_MARGIN = 0.05  # criterion 1: half width of the interval of the overall risk
MAPE = 0.05  # criterion 2: mean absolute error of a probability
R2_OPTIMISM = 0.05  # criterion 4: apparent minus adjusted Nagelkerke R2
EVENTS_PER_VARIABLE = 10  # the old rule of thumb, shown beside
MAPE_PREDICTORS = 30  # the second criterion was derived for up to so many predictors


def maximum_r2(share: float) -> float:
    """Largest Cox-Snell R2 at a share of events."""
    return float(1 - (share**share * (1 - share) ** (1 - share)) ** 2)


def needed(share: float, predictors: int, r2: float | None = None) -> dict[str, int | None]:
    """Patients that each criterion asks for.

    share : of events, between 0 and 1; predictors : candidates, before any selection; r2 : expected Cox-Snell R2.
    """
    top = maximum_r2(share)
    r2 = R2_SHARE * top if r2 is None else r2
    shrinkage = r2 / (r2 + R2_OPTIMISM * top)
    exponent = -0.508 + 0.259 * np.log(share) + 0.504 * np.log(predictors) - np.log(MAPE)
    found = {
        "overall risk": (1.959964 / RISK_MARGIN) ** 2 * share * (1 - share),
        "error of a probability": np.exp(exponent / 0.544)
        if predictors <= MAPE_PREDICTORS
        else None,
        "shrinkage": predictors / ((SHRINKAGE - 1) * np.log(1 - r2 / SHRINKAGE)),
        "optimism of R2": predictors / ((shrinkage - 1) * np.log(1 - r2 / shrinkage)),
    }
    return {name: None if n is None else int(np.ceil(n - 1e-9)) for name, n in found.items()}


def judge(n: int, events: int, predictors: int) -> dict:
    """Needed patients by criterion, the largest of them, events per variable, PASS or WARN."""
    share = float(np.clip(events / max(1, n), 1e-6, 1 - 1e-6))
    criteria = needed(share, max(1, predictors))
    minimum = max(v for v in criteria.values() if v is not None)
    per_variable = min(events, n - events) / max(1, predictors)
    enough = n >= minimum and per_variable >= EVENTS_PER_VARIABLE
    return {
        "n": n,
        "events": events,
        "candidate_predictors": predictors,
        "events_per_variable": per_variable,
        "criteria": criteria,
        "minimum": minimum,
        "verdict": "PASS" if enough else "WARN",
    }
