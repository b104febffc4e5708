"""In: out-of-fold scores of the chosen model and of every negative control. Out: whether the model knows more of the label
than the way of recruiting and measuring does, by evidence on the same patients.
Source: paired difference of AUCs over resamples (as increments.py); AUC within strata (van Elteren 1960; interval by
Newcombe 2006); within-centre discrimination: van Klaveren 2014 (BMC Med Res Methodol 14:5); PROBAST+AI 2025.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from scripts.core import auc_interval
from scripts.model import metrics
from scripts.model.evaluation import NOT_ASSESSED

GROUPED = ("centre", "batch")  # controls whose strata are all that they know


def read_controls(path: str | Path) -> pd.DataFrame:
    """Scores of the negative controls; an empty file (no audit could be made) has none."""
    if Path(path).stat().st_size == 0:
        return pd.DataFrame(columns=["model", "patient_id", "stratum", "score0"])
    return pd.read_parquet(path)


def judge_controls(
    controls: list[dict],
    table: pd.DataFrame,
    ours: pd.DataFrame,
    groups: pd.Series,
    settings: dict,
    seed: int,
) -> list[dict]:
    """One line a negative control: its AUC, the model's AUC minus its own with interval, and the AUC within its strata.

    controls : of the audit; table : model, patient_id, stratum, score0 ... (scripts/fusion/negative_controls.py);
    ours : index patient_id; label and the model's out-of-fold score, `probability` or p0, p1 ... of three or more
    classes; groups : of linked patients. `separable` is None where the control was not assessed, True where it does
    no better than chance or the model knows more (`beyond_chance`).
    """
    found = []
    for control in controls:
        line = {key: control[key] for key in ("model", "status", "reason", "flag")}
        line |= {"auc": None, "difference": None, "within": None, "separable": None, "n": 0}
        own = table[table["model"] == control["model"]].set_index("patient_id")
        both = ours.index.intersection(own.index, sort=True)
        if control["status"] != NOT_ASSESSED and len(both):
            line |= compare(ours.loc[both], own.loc[both], groups.loc[both], settings, seed)
            line["separable"] = not control["flag"] or beyond_chance(line)
        found.append(line)
    return found


def beyond_chance(line: dict) -> bool:
    """Whether the model knows more of the label than this control.

    Where patients of one centre or batch can be compared with each other, that decides: the scores of such a control
    are ties but for the noise of its folds, which a difference would count for the model. Else the AUC within strata
    or the difference is enough.
    """
    within = line["within"]
    if within and line["model"] in GROUPED:
        return within["low"] > 0.5
    return line["difference"]["low"] > 0 or bool(within and within["low"] > 0.5)


def columns_of(ours: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """0/1 labels and scores, patients x classes that are told from the rest (one column for two classes)."""
    y = ours["label"].to_numpy(int)
    if "probability" in ours:
        return y[:, None], ours["probability"].to_numpy(float)[:, None]
    names = sorted((c for c in ours if c[0] == "p" and c[1:].isdigit()), key=lambda c: int(c[1:]))
    labels = np.column_stack([(y == code).astype(int) for code in range(len(names))])
    return labels, ours[names].to_numpy(float)


def compare(
    ours: pd.DataFrame, control: pd.DataFrame, groups: pd.Series, settings: dict, seed: int
) -> dict:
    """AUC of the control, difference and AUC within strata on the same patients; means over the classes."""
    labels, scores = columns_of(ours)
    theirs = control[[f"score{column}" for column in range(labels.shape[1])]].to_numpy(float)
    linked = groups.to_numpy(str)
    y = ours["label"].to_numpy(int)
    counts = metrics.resample_counts(y, int(settings["resamples"]), seed, linked)
    values, drawn = [], []
    for label, a, b in zip(labels.T, scores.T, theirs.T, strict=True):
        values.append((metrics.auc(label, a), metrics.auc(label, b)))
        draws = [metrics.resampled_auc(label, score, counts) for score in (a, b)]
        drawn.append(draws)
    mine, other = np.mean(values, axis=0)
    a, b = np.mean(drawn, axis=0)
    sizes = [auc_interval.class_sizes(label, linked) for label in labels.T]
    return {
        "n": len(y),
        "auc": auc_interval.opened(metrics.interval(float(other), b), *sizes),
        "difference": metrics.interval(float(mine - other), a - b),
        "within": within_strata(labels, scores, control["stratum"].to_numpy(str)),
    }


def within_strata(labels: np.ndarray, scores: np.ndarray, strata: np.ndarray) -> dict | None:
    """AUC over all pairs of a case and a control of the same stratum; None where no stratum has both.

    strata : (n), "" is no stratum. Each stratum weighs by its pairs. Returns value, low, high, and how many strata,
    patients and pairs say it; of several classes the mean of the values and limits.
    """
    found = [_within(label, score, strata) for label, score in zip(labels.T, scores.T, strict=True)]
    if not found or any(line is None for line in found):
        return None
    mean = {key: float(np.mean([line[key] for line in found])) for key in ("value", "low", "high")}
    return mean | {key: max(line[key] for line in found) for key in ("strata", "patients", "pairs")}


def _within(label: np.ndarray, score: np.ndarray, strata: np.ndarray) -> dict | None:
    sizes, wins = [], 0.0
    for name in np.unique(strata[strata != ""]):
        own = strata == name
        m = int(label[own].sum())
        n = int(own.sum()) - m
        if min(m, n):
            sizes.append((m, n))
            wins += m * n * metrics.auc(label[own], score[own])
    if not sizes or len(np.unique(strata)) < 2:
        return None
    pairs = sum(m * n for m, n in sizes)
    low, high = auc_interval.score_interval(wins / pairs, sizes)
    patients = sum(m + n for m, n in sizes)
    return {
        "value": wins / pairs,
        "low": low,
        "high": high,
        "strata": len(sizes),
        "patients": patients,
        "pairs": pairs,
    }
