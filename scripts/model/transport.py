"""In: the training part, the chosen strategy. Out: how it does in a centre it was not trained in, and with fewer patients.
Source: internal-external validation: Steyerberg and Harrell 2016 (J Clin Epidemiol 69:245); TRIPOD+AI 2024.
"""

import copy

import numpy as np
import pandas as pd

from scripts.core import auc_interval
from scripts.model import fused, metrics, pooling, rules
from scripts.model.cohort_tables import Cohort
from scripts.model.cross_validate import outer_folds
from scripts.model.evaluation import NOT_ASSESSED, assess, too_few
from scripts.model.fit_model import train_chosen

# A learner's chosen parameter and the key of its settings that lists what to choose from.
GRID_KEYS = {"C": "c", "l1_ratio": "l1_ratio", "max_depth": "depth", "min_samples_leaf": "leaf"}


def fixed(settings: dict, trained: fused.TrainedMember) -> dict:
    """The settings with the learner's grid and the screen cut to what the trained member chose."""
    own = copy.deepcopy(settings)
    learner = own.get(trained.member.learner, {})
    for parameter, key in GRID_KEYS.items():
        if isinstance(learner.get(key), list) and parameter in trained.parameters:
            learner[key] = [trained.parameters[parameter]]
    if "screen" in trained.parameters:
        own["screen"] = trained.parameters["screen"]
    return own


def leave_centres_out(strategy: str, train: Cohort, settings: dict, seed: int) -> dict:
    """Every centre scored by a model that saw neither it nor anybody linked to its patients; all steps and choices made anew.

    Returns centres {name: assessed metrics, n, events}, pooled (random effects) and the reason when not assessed.
    """
    centre = train.obs["centre"].fillna("").astype(str)
    found, parts = {}, []
    for name in sorted(set(centre)):
        outside = train.subset(train.obs.index[centre == name])
        inside = train.subset(train.obs.index[~train.obs["group"].isin(outside.obs["group"])])
        small = too_few(inside.labels, int(settings["minimum_class"]))
        model = None if small else _train(strategy, inside, settings, seed)
        if model is None:
            y = outside.labels
            reason = f"without it: {small or 'no block is left'}"
            found[name] = {"status": NOT_ASSESSED, "reason": reason}
            found[name] |= {"n": len(y), "events": int(y.sum())}
            continue
        scores = model.score(outside)["probability"].to_numpy(float)
        kept = np.isfinite(scores)
        y, p = outside.labels[kept], scores[kept]
        groups = outside.obs["group"].to_numpy(str)[kept]
        entry = assess(y, p, {}, settings, seed, groups)
        names = ("status", "reason", "n", "events", "metrics")
        found[name] = {key: entry[key] for key in names if key in entry}
        if entry["status"] != NOT_ASSESSED:
            parts.append((y, p, groups))
    reason = "" if len(found) > 1 else "one centre only"
    reason = reason or ("" if parts else "no centre has enough patients of both classes")
    return {
        "status": NOT_ASSESSED if reason else "ASSESSED",
        "reason": reason,
        "centres": found,
        "pooled": pooling.pooled_auc(parts),
    }


def _train(strategy: str, cohort: Cohort, settings: dict, seed: int):
    try:
        return train_chosen(strategy, cohort, settings, seed)
    except KeyError:  # the block of the strategy lacks patients without this centre
        return None


def subsets(cohort: Cohort, fraction: float, seed: int) -> pd.Index:
    """A share of the patients of each class; smaller shares lie within larger ones."""
    rng = np.random.default_rng(seed)
    kept = []
    for value in (0, 1):
        own = rng.permutation(cohort.obs.index[cohort.labels == value].to_numpy(str))
        kept += list(own[: max(1, round(fraction * len(own)))])
    return pd.Index(sorted(kept))


def learning_curve(
    model: fused.FusedModel, train: Cohort, settings: dict, seed: int, fractions: list[float]
) -> dict:
    """AUC and Brier score, out of fold, of models trained on shares of the training side of every outer fold.

    The learner's settings are those of the final fit; everything else is learned anew. `gain` is the last step of
    the curve on the same patients, `rising` whether its interval lies above 0.
    """
    tuned = [(m.member, fixed(settings, m)) for m in model.members]
    folds = outer_folds(train, int(settings["outer_folds"]), seed)
    scores = pd.DataFrame(index=train.obs.index)
    sizes: dict[float, list[tuple[int, int]]] = {}
    for fraction in fractions:
        column = pd.Series(np.nan, index=train.obs.index)
        for number, (inside, outside) in enumerate(folds):
            whole = train.subset(inside)
            part = whole.subset(subsets(whole, fraction, seed + number))
            sizes.setdefault(fraction, []).append((len(part.obs), int(part.labels.sum())))
            seen = rules.withheld(part, model.rules)
            trained = [fused.train_member(m, seen, own, seed + number) for m, own in tuned]
            smaller = fused.fuse([m for m in trained if m is not None], part, settings)
            if smaller is not None:
                column[outside] = smaller.score(train.subset(outside))["probability"]
        scores[fraction] = column
    groups = train.obs["group"].to_numpy(str)
    return _curve(scores, train.labels, groups, sizes, settings, seed)


def _curve(
    scores: pd.DataFrame, y: np.ndarray, groups: np.ndarray, sizes: dict, settings: dict, seed: int
) -> dict:
    scored = scores.notna().all(axis=1).to_numpy()
    usable = [f for f in scores if scores[f].notna().mean() >= scores.notna().mean().max() - 0.05]
    if len(usable) < len(scores.columns):
        scored = scores[usable].notna().all(axis=1).to_numpy()
    reason = too_few(y[scored], int(settings["minimum_class"]))
    if not reason and len(usable) < 2:
        reason = "smaller shares of the patients train no model"
    if reason:
        return {"status": NOT_ASSESSED, "reason": reason, "points": []}
    y, table = y[scored], scores.loc[scored, usable].to_numpy(float)
    draw = (y, int(settings["resamples"]), seed, groups[scored])
    counts = metrics.resample_counts(*draw)
    free = metrics.resample_counts(*draw, stratify=False)
    points, drawn = [], []
    for column, fraction in enumerate(usable):
        p = table[:, column]
        drawn.append(metrics.resampled_auc(y, p, counts))
        error = (p - y) ** 2
        points.append(
            {
                "fraction": fraction,
                "n": float(np.mean([n for n, _ in sizes[fraction]])),
                "events": float(np.mean([e for _, e in sizes[fraction]])),
                "auc": auc_interval.opened(
                    metrics.interval(metrics.auc(y, p), drawn[-1]),
                    auc_interval.class_sizes(y, groups[scored]),
                ),
                "brier": metrics.interval(float(error.mean()), free @ error / free.sum(axis=1)),
            }
        )
    step = points[-1]["auc"]["value"] - points[-2]["auc"]["value"]
    gain = metrics.interval(step, drawn[-1] - drawn[-2])
    return {
        "status": "ASSESSED",
        "reason": "",
        "points": points,
        "gain": gain,
        "rising": gain["low"] > 0,
        "scored": len(y),
    }
