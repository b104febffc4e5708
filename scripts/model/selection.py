"""In: out-of-fold scores of all strategies. Out: the chosen one, its features, patterns and sample size.
Source: one-standard-error rule (Breiman 1984); sample size: Riley 2020 (BMJ 368:m441).
"""

import numpy as np
import pandas as pd
from scipy.special import expit

from scripts.model import metrics
from scripts.model.strategies import rank_of
from scripts.model.strategies import title_of as title_of

RULE = (
    "1-SE: the simplest candidate within one standard error of the best mean outer-fold AUC; "
    "XGBoost only if it is better than every linear candidate by two standard errors"
)


def kind_of(strategy: str, settings: dict) -> str:
    """fusion, block or baseline."""
    if strategy in settings["baselines"] or strategy in settings["published"]:
        return "baseline"
    return "block" if strategy.startswith("block_") else "fusion"


def mean_over_repeats(scores: pd.DataFrame) -> pd.DataFrame:
    """One out-of-fold probability a patient and strategy: the mean of the log odds over repeats."""
    table = scores.assign(linear=metrics.to_logit(scores["probability"].to_numpy()))
    grouped = table.groupby(["strategy", "patient_id"], sort=True)
    out = grouped.agg(label=("label", "first"), linear=("linear", "mean"))
    out["pattern"] = grouped["pattern"].first()
    out["probability"] = expit(out.pop("linear").to_numpy())
    return out.reset_index()


def fold_aucs(scores: pd.DataFrame) -> np.ndarray:
    """AUC of every outer fold and repeat of one strategy that has both classes."""
    found = []
    for _, fold in scores.groupby(["repeat", "fold"], sort=True):
        y = fold["label"].to_numpy(int)
        if 0 < y.sum() < len(y):
            found.append(metrics.auc(y, fold["probability"].to_numpy()))
    return np.array(found)


def select(
    scores: pd.DataFrame, patients: int, settings: dict, fold_score=fold_aucs
) -> tuple[str | None, list[dict]]:
    """The chosen strategy and the table of candidates.

    scores : strategy, repeat, fold, patient_id, label, probability; fold_score : gives the AUCs of a
    strategy's folds. Baselines are never candidates; a strategy must score `minimum_coverage` of the
    training patients. Simplicity: `rank_of`, one block first; XGBoost is chosen only where it is
    better by more than two standard errors.
    """
    lines = []
    for strategy, own in scores.groupby("strategy", sort=True):
        aucs = fold_score(own)
        coverage = own["patient_id"].nunique() / max(1, patients)
        kind = kind_of(strategy, settings)
        reason = ""
        if kind == "baseline":
            reason = "a baseline, never a candidate"
        elif coverage < float(settings["minimum_coverage"]):
            reason = f"can score only {coverage:.0%} of the training patients"
        elif not len(aucs):
            reason = "no fold has both classes"
        deviation = aucs.std(ddof=1) if len(aucs) > 1 else 0.0
        lines.append(
            {
                "strategy": strategy,
                "auc_mean": float(aucs.mean()) if len(aucs) else None,
                "auc_se": float(deviation / np.sqrt(int(settings["outer_folds"]))),
                "coverage": float(coverage),
                "rank": rank_of(strategy),
                "candidate": not reason,
                "reason": reason,
                "chosen": False,
            }
        )
    candidates = [line for line in lines if line["candidate"]]
    if not candidates:
        return None, lines
    linear = [c for c in candidates if not c["strategy"].endswith("_xgboost")]
    if linear:
        bar = max(c["auc_mean"] for c in linear)
        candidates = linear + [
            c for c in candidates if c not in linear and c["auc_mean"] > bar + 2 * c["auc_se"]
        ]
    best = max(candidates, key=lambda line: (line["auc_mean"], -line["rank"]))
    near = [c for c in candidates if c["auc_mean"] >= best["auc_mean"] - best["auc_se"]]
    chosen = min(near, key=lambda line: (line["rank"], -line["auc_mean"], line["strategy"]))
    chosen["chosen"] = True
    return chosen["strategy"], lines


def feature_table(folds: list[dict], strategy: str) -> list[dict]:
    """Selection frequency and mean weight of every feature over all folds and repeats."""
    block = strategy.removeprefix("block_") if strategy.startswith("block_") else ""
    total = max(1, len(folds))
    found: dict[tuple[str, str], list[float]] = {}
    for fold in folds:
        for member in fold["members"]:
            if block and member["member"] != block:
                continue
            for name, feature, weight in member["weights"]:
                found.setdefault((name, feature), []).append(weight)
    lines = [
        {
            "block": name,
            "feature": feature,
            "selected": len(weights) / total,
            "weight": float(np.sum(weights) / total),
        }
        for (name, feature), weights in found.items()
    ]
    return sorted(
        lines, key=lambda e: (-e["selected"], -abs(e["weight"]), e["block"], e["feature"])
    )


def sample_size(events: int, n: int, predictors: int) -> dict:
    """Patients of the smaller class per variable and the minimum n of Riley 2020 (BMJ 368:m441, criterion 1).

    Shrinkage 0.9; Cox-Snell R2 assumed at 15 % of its maximum, Riley's advice when nothing is known.
    """
    share = min(max(events / max(1, n), 1e-6), 1 - 1e-6)
    null = share * np.log(share) + (1 - share) * np.log(1 - share)
    r2 = 0.15 * (1 - np.exp(2 * null))
    minimum = int(np.ceil(predictors / (-0.1 * np.log(1 - r2 / 0.9))))
    per_variable = min(events, n - events) / max(1, predictors)
    return {
        "events": events,
        "candidate_predictors": predictors,
        "events_per_variable": per_variable,
        "riley_minimum": minimum,
        "verdict": "PASS" if n >= minimum and per_variable >= 10 else "WARN",
    }


def pattern_table(scores: pd.DataFrame, minimum: int = 15) -> list[dict]:
    """AUC, Brier and O/E of every pattern of blocks that enough patients show."""
    lines = []
    for pattern, own in scores.groupby("pattern", sort=True):
        y, p = own["label"].to_numpy(int), own["probability"].to_numpy()
        if len(y) < minimum:
            continue
        both = 0 < y.sum() < len(y)
        lines.append(
            {
                "pattern": pattern,
                "n": len(y),
                "events": int(y.sum()),
                "auc": metrics.auc(y, p) if both else None,
                "brier": float(((p - y) ** 2).mean()),
                "o_e": float(y.sum() / max(p.sum(), 1e-9)),
            }
        )
    return sorted(lines, key=lambda line: -line["n"])
