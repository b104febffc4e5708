"""In: a cohort of three or more classes, or its out-of-fold scores. Out: scores of cross-validation; the chosen strategy and
performance.json.
Source: as for two classes (selection.py), with the mean AUC of one class against the rest; sample size: Pate 2023
(Stat Methods Med Res 32:555).
"""

import numpy as np
import pandas as pd

from scripts.model import class_metrics, classes, fused, metrics, selection
from scripts.model.cohort_tables import Cohort, predictors
from scripts.model.evaluation import NOT_ASSESSED

FEATURES_SHOWN = 15  # of each class
PATTERN_MINIMUM = 15  # patients of a pattern that is shown


def two_classes_only(strategy: str, settings: dict) -> str:
    """Why a strategy cannot be made of models of every class against the rest, "" when it can."""
    if strategy in settings["baselines"] or strategy.startswith(("late", "early")):
        return ""
    return f"{strategy} is defined for two classes only"


def score_columns(names: list[str]) -> list[str]:
    """Columns of the scores of cross-validation."""
    return [
        "patient_id",
        "strategy",
        "fold",
        "label",
        *classes.probability_columns(names),
        "pattern",
    ]


def learned(model: classes.ClassModel) -> list[dict]:
    """Settings, calibration and weights of every member of every class."""
    return [
        {
            "member": m.member.name,
            "class": name,
            "parameters": m.parameters,
            "slope": m.slope,
            "n": len(m.evidence),
            "weights": [[b, f, w] for (b, f), w in sorted(m.weights.items())],
        }
        for name, own in zip(model.classes, model.models, strict=True)
        for m in own.members
    ]


def views(strategy: str, model: classes.ClassModel, train: Cohort, settings: dict) -> dict:
    """{strategy: model}: the strategy itself and, from late fusion, every block alone."""
    found = {strategy: model}
    if strategy == "late":
        alone = {name: model.alone(name, train, settings) for name in model.members}
        found |= {f"block_{name}": own for name, own in alone.items() if own is not None}
    return found


def learned_from(models: list[fused.FusedModel]) -> set[str]:
    """Patients from whom members and lines of patterns of these models were learned."""
    found = {patient for model in models for patient in model.evidence.index}
    return found.union(*(m.evidence.index for model in models for m in model.members))


def cross_validate(cohort: Cohort, strategy: str, folds: list, settings: dict, seed: int):
    """Out-of-fold scores of the training part and a description of every fold.

    folds : (train, test) patients, grouped and stratified by class
    """
    names = cohort.outcome["classes"]
    allowed, _ = predictors(cohort, settings)
    members = fused.members_of(strategy, allowed, settings)
    columns = score_columns(names)
    scores, described = [], []
    for number, (train, test) in enumerate(folds):
        inside, outside = cohort.subset(train), cohort.subset(test)
        model = classes.train(members, inside, settings, seed + number)
        counts = np.bincount(outside.labels, minlength=len(names))
        fold = {"fold": number, "n_train": len(train), "n_test": len(test), "members": []}
        fold["classes_test"] = counts.tolist()
        fold["classes_train"] = np.bincount(inside.labels, minlength=len(names)).tolist()
        fold["shared_groups"] = len(set(inside.obs["group"]) & set(outside.obs["group"]))
        described.append(fold)
        if model is None:
            continue
        fold["members"] = learned(model)
        fold["learned_outside"] = len(learned_from(model.models) - set(train))
        fold["coupling"] = {"slope": model.slope, "intercepts": model.intercepts.tolist()}
        for name, view in views(strategy, model, inside, settings).items():
            table = view.score(outside)
            table = table[table["p0"].notna()].rename_axis("patient_id").reset_index()
            table["strategy"], table["fold"] = name, number
            table["label"] = outside.obs.loc[table["patient_id"], "label"].to_numpy(int)
            scores.append(table[columns])
    table = pd.concat(scores) if scores else pd.DataFrame(columns=columns)
    return table.sort_values(["strategy", "patient_id"], ignore_index=True), described


def mean_over_repeats(scores: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    """One line a patient and strategy: the probabilities' geometric mean over repeats, adding up to one."""
    columns = classes.probability_columns(names)
    logs = scores.copy()
    logs[columns] = np.log(np.maximum(scores[columns].to_numpy(float), class_metrics.SMALLEST))
    grouped = logs.groupby(["strategy", "patient_id"], sort=True)
    out = grouped[columns].mean()
    out[columns] = np.exp(out[columns].to_numpy())
    out[columns] = out[columns].div(out[columns].sum(axis=1), axis=0)
    out["label"], out["pattern"] = grouped["label"].first(), grouped["pattern"].first()
    return out.reset_index()


def fold_aucs(scores: pd.DataFrame) -> np.ndarray:
    """Macro AUC of every outer fold and repeat of one strategy that has all classes."""
    columns = [c for c in scores if c.startswith("p") and c[1:].isdigit()]
    found = []
    for _, fold in scores.groupby(["repeat", "fold"], sort=True):
        y = fold["label"].to_numpy(int)
        if len(set(y)) == len(columns):
            found.append(class_metrics.macro_auc(y, fold[columns].to_numpy(float)))
    return np.array(found)


def describe_strategies(
    scores: pd.DataFrame,
    mean: pd.DataFrame,
    runs: list[dict],
    train: Cohort,
    settings: dict,
    seed: int,
) -> dict:
    """{strategy: entry of performance.json}."""
    names, found = train.outcome["classes"], {}
    for run in runs:
        if run["status"] == NOT_ASSESSED:
            found[run["strategy"]] = {
                "title": selection.title_of(run["strategy"]),
                "kind": selection.kind_of(run["strategy"], settings),
                "status": NOT_ASSESSED,
                "reason": run["reason"],
                "n": 0,
                "classes": dict.fromkeys(names, 0),
            }
    for strategy, own in mean.groupby("strategy", sort=True):
        source = "late" if strategy.startswith("block_") else strategy
        folds = [fold for run in runs if run["strategy"] == source for fold in run["folds"]]
        features = {name: features_of(folds, strategy, name) for name in names}
        entry = {
            "title": selection.title_of(strategy),
            "kind": selection.kind_of(strategy, settings),
            "blocks": sorted({line["block"] for own in features.values() for line in own}),
            "coverage": own["patient_id"].nunique() / max(1, len(train.obs)),
        }
        probability = own[classes.probability_columns(names)].to_numpy(float)
        groups = train.obs.loc[own["patient_id"], "group"].to_numpy(str)
        entry |= class_metrics.assess(
            own["label"].to_numpy(int), probability, names, settings, seed, groups
        )
        entry["features"] = {name: own[:FEATURES_SHOWN] for name, own in features.items()}
        found[strategy] = entry
    return dict(sorted(found.items()))


def features_of(folds: list[dict], strategy: str, name: str) -> list[dict]:
    """Selection frequency and mean weight of the features that tell one class from the rest."""
    own = [
        {**fold, "members": [m for m in fold["members"] if m["class"] == name]} for fold in folds
    ]
    return selection.feature_table(own, strategy)


def increments(mean: pd.DataFrame, chosen: str, names: list[str], settings: dict, seed: int):
    """The chosen strategy against every other on the patients whom both can score: difference of the macro AUC."""
    columns = classes.probability_columns(names)
    tables = {s: own.set_index("patient_id") for s, own in mean.groupby("strategy", sort=True)}
    lines = []
    for other, table in tables.items():
        shared = tables[chosen].index.intersection(table.index, sort=True)
        y = tables[chosen].loc[shared, "label"].to_numpy(int)
        if other == chosen or class_metrics.too_few(y, names, int(settings["minimum_class"])):
            continue
        counts = metrics.resample_counts(y, int(settings["resamples"]), seed)
        values, drawn = [], []
        for own in (tables[chosen], table):
            p = own.loc[shared, columns].to_numpy(float)
            values.append(class_metrics.macro_auc(y, p))
            labels = [(y == code).astype(int) for code in range(len(names))]
            drawn.append(
                np.mean(
                    [metrics.resampled_auc(v, p[:, c], counts) for c, v in enumerate(labels)],
                    axis=0,
                )
            )
        lines.append(
            {
                "strategy": chosen,
                "baseline": other,
                "n": len(y),
                "macro_auc": values[0],
                "macro_auc_baseline": values[1],
                "delta_macro_auc": metrics.interval(values[0] - values[1], drawn[0] - drawn[1]),
            }
        )
    return lines


def pattern_table(own: pd.DataFrame, names: list[str]) -> list[dict]:
    """Balanced accuracy, log loss and Brier score of every pattern of blocks that enough patients show."""
    lines = []
    for pattern, part in own.groupby("pattern", sort=True):
        y, p = part["label"].to_numpy(int), part[classes.probability_columns(names)].to_numpy(float)
        if len(y) < PATTERN_MINIMUM:
            continue
        right = p.argmax(axis=1) == y
        present = sorted(set(y))
        lines.append(
            {
                "pattern": pattern,
                "n": len(y),
                "macro_auc": class_metrics.macro_auc(y, p) if len(present) == len(names) else None,
                "balanced_accuracy": float(np.mean([right[y == code].mean() for code in present])),
                "brier": float(((p - np.eye(len(names))[y]) ** 2).sum(axis=1).mean()),
            }
        )
    return sorted(lines, key=lambda line: -line["n"])


def subgroup_table(y, probability, names: list[str], masks: dict, settings: dict) -> list[dict]:
    """Macro AUC and balanced accuracy of subgroups that have enough patients of every class."""
    lines = []
    for (group, value), mask in masks.items():
        own, p = y[mask], probability[mask]
        reason = class_metrics.too_few(own, names, int(settings["minimum_class"]))
        line = {"group": group, "value": value, "n": len(own), "reason": reason}
        line["status"] = NOT_ASSESSED if reason else "ASSESSED"
        if not reason:
            table = class_metrics.confusion(own, p.argmax(axis=1), len(names))
            shares = np.diagonal(table) / table.sum(axis=1)
            line["macro_auc"] = class_metrics.macro_auc(own, p)
            line["balanced_accuracy"] = float(shares.mean())
        lines.append(line)
    return lines


def sample_size(counts: list[int], predictors: int) -> dict:
    """Smallest class per variable, and the minimum n of Pate 2023 (criterion 1 for every pair of classes)."""
    total, needed = sum(counts), 0
    for i in range(len(counts)):
        for j in range(i):
            pair = counts[i] + counts[j]
            least = selection.sample_size(counts[i], pair, predictors)["riley_minimum"]
            needed = max(needed, int(np.ceil(least * total / max(1, pair))))
    per_variable = min(counts) / max(1, predictors)
    return {
        "smallest_class": min(counts),
        "candidate_predictors": predictors,
        "per_variable": per_variable,
        "minimum": needed,
        "verdict": "PASS" if total >= needed and per_variable >= 10 else "WARN",
    }
