"""In: finished scores of three or more classes (cross-validation, locked bundle). Out: the contents of performance.json,
test.json and external/performance.json for them.
Source: docs/outputs.md; requirements EVA-01 to EVA-04, FUS-03, FUS-06, MOD-04, MOD-09.
"""

import numpy as np
import pandas as pd

from scripts.model import (
    bundle,
    class_metrics,
    class_selection,
    classes,
    fused,
    performance_evidence,
    rules,
    selection,
)
from scripts.model.cohort_tables import Cohort, predictors
from scripts.model.evaluation import NOT_ASSESSED
from scripts.model.locked import known_centres, reasoned
from scripts.model.subgroups import subgroup_masks

_SETTINGS = ("outer_folds", "inner_folds", "repeats", "resamples")


def count_parts(whole: Cohort) -> dict:
    """{part: n and numbers by class} of the training and the test part."""
    names, found = whole.outcome["classes"], {}
    for part in ("train", "test"):
        labels = whole.part(part).labels
        counts = np.bincount(labels, minlength=len(names)) if len(labels) else [0] * len(names)
        found[part] = {
            "n": len(labels),
            "classes": {name: int(n) for name, n in zip(names, counts, strict=True)},
        }
    return found


def internal(whole: Cohort, scores: pd.DataFrame, runs: list[dict], settings: dict, seed: int):
    """Contents of performance.json without the verdict, and the mean out-of-fold probabilities."""
    train, names = whole.part("train"), whole.outcome["classes"]
    mean = class_selection.mean_over_repeats(scores, names) if len(scores) else scores
    strategies = class_selection.describe_strategies(scores, mean, runs, train, settings, seed)
    chosen, table = selection.select(
        scores, len(train.obs), settings, fold_score=class_selection.fold_aucs
    )
    minimum = int(settings["minimum_class"])
    reason = class_metrics.too_few(train.labels, names, minimum)
    if chosen and strategies[chosen]["status"] == NOT_ASSESSED:
        chosen, reason = None, strategies[chosen]["reason"]
    allowed, notes = predictors(train, settings)
    counts = np.bincount(train.labels, minlength=len(names)).tolist()
    found = {
        "status": "ASSESSED" if chosen else NOT_ASSESSED,
        "reason": "" if chosen else reason,
        "outcome": whole.outcome,
        "cohort": count_parts(whole),
        "settings": {key: settings[key] for key in _SETTINGS} | {"seed": seed},
        "selected": chosen,
        "selection": {"rule": selection.RULE.replace("AUC", "macro AUC"), "table": table},
        "strategies": strategies,
        "blocks": notes,
        "increments": [],
        "subgroups": [],
        "patterns": [],
        "sample_size": class_selection.sample_size(counts, sum(map(len, allowed.values()))),
    }
    if chosen:
        own = mean[mean["strategy"] == chosen].set_index("patient_id").sort_index()
        probability = own[classes.probability_columns(names)].to_numpy(float)
        y = own["label"].to_numpy(int)
        found["increments"] = class_selection.increments(mean, chosen, names, settings, seed)
        found["patterns"] = class_selection.pattern_table(own, names)
        found["subgroups"] = class_selection.subgroup_table(
            y, probability, names, masks_of(train.subset(own.index)), settings
        )
    return found, mean


def masks_of(cohort: Cohort) -> dict:
    """Masks of the subgroups; the stage belongs to the outcome and is none."""
    return {key: mask for key, mask in subgroup_masks(cohort).items() if key[0] != "stage"}


def record(step, performance: dict, settings: dict) -> None:
    """QC records of internal validation; what is defined for two classes only is said to be so."""
    resamples, done = int(settings["resamples"]), performance["status"] == "ASSESSED"

    def check(requirement: str, what: str, verdict: str, **more) -> None:
        more.setdefault("reason", "" if done else performance["reason"])
        step.check(requirement, what, verdict if done else NOT_ASSESSED, acts=False, **more)

    verdict = "PASS" if resamples >= 1000 else "FAIL"
    check("MOD-04", "resamples", verdict, value=resamples, threshold=">= 1000")
    check("EVA-01", "AUC, sensitivity, specificity, PPV of every class with 95 % CI", "PASS")
    check("EVA-02", "the most probable class is called; no threshold", "PASS")
    text = "three or more classes: a decision curve is defined for one event"
    check("EVA-03", "calibration of every class, Brier score", "WARN", reason=text)
    asked = tuple(kind for kind in performance_evidence.SUBGROUPS if kind != "stage")
    verdict, number, text = performance_evidence.subgroup_verdict(performance["subgroups"], asked)
    check(
        "EVA-04", "subgroups", verdict, value=number, reason=text if done else performance["reason"]
    )
    entry = performance["strategies"].get(performance["selected"]) or {}
    listed = any(entry.get("features", {}).values())
    check("FUS-03", "selection frequency of features", "PASS" if listed else NOT_ASSESSED)
    against = {line["baseline"] for line in performance["increments"]} & set(settings["baselines"])
    verdict = "PASS" if against else NOT_ASSESSED
    check("FUS-06", "increment over baselines", verdict, value=", ".join(sorted(against)))


def call(model: classes.ClassModel, description: dict, cohort: Cohort) -> pd.DataFrame:
    """Scores of patients with the flags of locked.score, the most probable class in `class`."""
    out = model.score(cohort)
    seen = rules.withheld(cohort, model.models[0].rules)
    out["out_of_range"] = bundle.out_of_range(description, seen)
    known, flags = known_centres(description), []
    trained = set(description.get("training", {}).get("persons", []))
    for patient, row in out.iterrows():
        own = []
        if "centre" in cohort.obs and str(cohort.obs.loc[patient, "centre"]) not in known:
            centre = str(cohort.obs.loc[patient, "centre"])
            own.append(f"centre {centre or 'not given'} was not in training")
        if bundle.person_hash(patient) in trained:
            own.append("was in training: the probability is too good")
        if row["out_of_range"] > 0.05:
            own.append(f"{row['out_of_range']:.0%} of the features outside the training range")
        if row["class"] and row["calibrated_on"] != row["pattern"]:
            own.append(f"pattern too rare in training; only {row['calibrated_on']} used")
        if row["class"] and row["notes"]:
            own.append(row["notes"])
        flags.append("; ".join(own))
    out["flags"] = flags
    return out


def locked(
    scores: pd.DataFrame, cohort: Cohort, description: dict, settings: dict, seed: int
) -> dict:
    """Flow, pooled metrics, metrics by centre and subgroups of patients that a locked bundle scored."""
    names = description["outcome"]["classes"]
    scored = scores[scores["class"] != ""]
    own = cohort.subset(scored.index)
    probability = scored.loc[own.obs.index, classes.probability_columns(names)].to_numpy(float)
    y, centres = own.labels, own.obs["centre"].astype(str).to_numpy()
    refused = scores.loc[scores["refused"] != "", "refused"].str.split(":").str[0].value_counts()
    groups = own.obs["group"].to_numpy(str) if "group" in own.obs else own.obs.index.to_numpy(str)
    masks = {key: mask for key, mask in masks_of(own).items() if key[0] != "centre"}
    return {
        "outcome": description["outcome"],
        "flow": {
            "admitted": len(scores),
            "scored": len(scored),
            "refused": int(refused.sum()),
            "reasons": {str(k): int(v) for k, v in sorted(refused.items())},
        },
        "pooled": reasoned(
            class_metrics.assess(y, probability, names, settings, seed, groups), scores, description
        ),
        "centres": {
            centre: class_metrics.assess(
                y[mask], probability[mask], names, settings, seed, groups[mask]
            )
            for centre in sorted(set(centres))
            for mask in [centres == centre]
        },
        "subgroups": class_selection.subgroup_table(y, probability, names, masks, settings),
    }


def describe_patterns(model: classes.ClassModel) -> list[dict]:
    """Patterns of blocks that training showed, with their numbers by class."""
    packed = model.packed()
    present = model.models[0].evidence.notna()
    y = pd.Series(packed.y, index=packed.evidence.index).reindex(present.index)
    lines = []
    for key, rows in present.groupby(list(present.columns)):
        key = key if isinstance(key, tuple) else (key,)
        names = [n for n, has in zip(present.columns, key, strict=True) if has]
        own = y[present[names].all(axis=1)] if names else y[:0]
        lines.append(
            {
                "pattern": fused.pattern_name(names),
                "seen": len(rows),
                "n": len(own),
                "classes": [int((own == code).sum()) for code in range(len(model.classes))],
            }
        )
    return sorted(lines, key=lambda line: line["pattern"])
