"""In: the lock (or a bundle named in the config) and patients. Out: scores with flags, and their
evaluation.
Source: docs/modelling.md, "Validation": nothing here learns from the data that it scores.
"""

import json
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.special import expit

from scripts.model import bundle, comparators, metrics, patterns, pooling, rules, unscored
from scripts.model.cohort_tables import BINARY, Cohort
from scripts.model.evaluation import NOT_ASSESSED, assess, assess_some, subgroup_table, too_few
from scripts.model.subgroups import subgroup_masks


def open_lock(lock: str, named: str, bundles: str):
    """Model, description and lock; model None with the reason while no model is locked.

    lock : path of locks/bundle.json; named : content hash from the config, or "".
    """
    found = {"bundle": None, "locked_at": None, "reason": "no model is locked"}
    if Path(lock).is_file():
        found = json.loads(Path(lock).read_text(encoding="utf-8"))
    if named and found["bundle"] != named:
        found = {"bundle": named, "locked_at": locked_at(Path(bundles), named), "reason": ""}
    if not found["bundle"]:
        return None, {}, found
    model, description = bundle.load_bundle(Path(bundles) / found["bundle"], found["bundle"])
    return model, description, found


def locked_at(bundles: Path, name: str) -> str | None:
    """When a bundle was first locked, from locks/bundles.tsv beside the folder of bundles."""
    path = bundles.parent / "locks" / "bundles.tsv"
    if path.is_file():
        for line in path.read_text(encoding="utf-8").splitlines()[1:]:
            cells = line.split("\t")
            if cells[0] == name:
                return cells[1]
    return None


def other_outcome(description: dict, configured: dict) -> str:
    """Why a bundle cannot be judged by the outcome of the configuration, "" when it was trained for it.

    description : of the bundle ({} while none is locked); configured : an outcome with its classes
    """
    trained = description.get("outcome") or dict(BINARY)
    if not description or trained["classes"] == configured["classes"]:
        return ""
    apart, asked = (", ".join(outcome["classes"]) for outcome in (trained, configured))
    return (
        f"the locked bundle tells {apart} apart, the configuration asks for {asked}; "
        "lock a new one with relock_bundle or name another bundle"
    )


def score(model, description: dict, cohort: Cohort) -> pd.DataFrame:
    """Probability of every patient with pattern, refusal, call and flags.

    Adds threshold (Youden, of the blocks that were used) and threshold_<name> of every other one, positive (yes / no at
    threshold), out_of_range (share of measured features outside the training range), centre_slope (of the recalibration of
    the patient's centre, else 1) and flags (plain words, "; " between them).
    """
    out = recalibrated(model.score(cohort), description, cohort)
    scored = out["probability"].notna()
    own = {
        used: patterns.thresholds_for(model, description, used)
        for used in sorted(set(out.loc[scored, "calibrated_on"]))
    }
    for name, whole in description["thresholds"].items():
        cuts = {used: found.get(name, whole) for used, found in own.items()}
        out[cut_column(name)] = out["calibrated_on"].map(cuts).astype(float)
    called = np.where(out["probability"] >= out["threshold"], "yes", "no")
    out["positive"] = np.where(scored, called, "")
    out["out_of_range"] = bundle.out_of_range(description, rules.withheld(cohort, model.rules))
    flags = pd.Series([[] for _ in out.index], index=out.index)
    known = known_centres(description)
    trained = set(description.get("training", {}).get("persons", []))
    for patient in out.index:
        if "centre" in cohort.obs:
            centre = str(cohort.obs.loc[patient, "centre"])
            if centre not in known:
                flags[patient].append(f"centre {centre or 'not given'} was not in training")
        if bundle.person_hash(patient) in trained:
            flags[patient].append("was in training: the probability is too good")
        if out.loc[patient, "out_of_range"] > 0.05:
            share = out.loc[patient, "out_of_range"]
            flags[patient].append(f"{share:.0%} of the features outside the training range")
        if scored[patient] and out.loc[patient, "calibrated_on"] != out.loc[patient, "pattern"]:
            used = out.loc[patient, "calibrated_on"]
            flags[patient].append(f"pattern too rare in training; only {used} used")
        if scored[patient] and out.loc[patient, "notes"]:
            flags[patient].append(out.loc[patient, "notes"])
    out["flags"] = ["; ".join(found) for found in flags]
    return out


def cut_column(name: str) -> str:
    """Column of `score` with the threshold at which each patient is called."""
    return "threshold" if name == "youden" else f"threshold_{name}"


def cuts_of(scores: pd.DataFrame, description: dict) -> dict[str, np.ndarray]:
    """{threshold: (patients,) at which each of them is called}; of patients who have a probability."""
    return {name: scores[cut_column(name)].to_numpy(float) for name in description["thresholds"]}


def groups_in(obs: pd.DataFrame) -> np.ndarray | None:
    """Groups of linked patients, in the order of obs; None when none are known."""
    return obs["group"].to_numpy(str) if "group" in obs else None


def known_centres(description: dict) -> set[str]:
    """Centres that a bundle was trained on or recalibrated for."""
    return set(description["centres"]) | set(description.get("recalibration", {}))


def recalibrated(out: pd.DataFrame, description: dict, cohort: Cohort) -> pd.DataFrame:
    """Scores with the line of the patient's centre, where the bundle was recalibrated for it."""
    lines = description.get("recalibration", {})
    centre = cohort.obs["centre"].astype(str) if "centre" in cohort.obs else None
    out["centre_slope"] = 1.0
    for name, line in sorted(lines.items() if centre is not None else ()):
        rows = out.index[(centre == name).to_numpy()]
        linear = metrics.to_logit(out.loc[rows, "probability"].to_numpy(float))
        out.loc[rows, "probability"] = expit(line["intercept"] + line["slope"] * linear)
        out.loc[rows, "centre_slope"] = line["slope"]
    return out


def evaluate_scored(
    scores: pd.DataFrame,
    cohort: Cohort,
    description: dict,
    settings: dict,
    seed: int,
    rivals: dict | None = None,
) -> dict:
    """Flow, pooled metrics, metrics by centre, subgroups, and baselines paired with the model.

    rivals : blocks alone and baselines, as comparators.score gives them.

    What is said of a threshold is true of the calls that are delivered: at the pattern's own threshold.
    """
    if "outcome" in description:
        settings = {**settings, "classes": description["outcome"]["classes"]}
    scored = scores[scores["probability"].notna()]
    obs = cohort.obs.loc[scored.index]
    y, p = obs["label"].to_numpy(int), scored["probability"].to_numpy(float)
    thresholds = {name: float(cut) for name, cut in description["thresholds"].items()}
    cuts, groups = cuts_of(scored, description), groups_in(obs)
    refused = scores.loc[scores["refused"] != "", "refused"].str.split(":").str[0].value_counts()
    centres = obs["centre"].astype(str).to_numpy()
    own = {centre: centres == centre for centre in sorted(set(centres))}
    enough = [
        (y[mask], p[mask], *([] if groups is None else [groups[mask]]))
        for mask in own.values()
        if not too_few(y[mask], int(settings["minimum_class"]))
    ]
    masks = subgroup_masks(cohort.subset(scored.index))
    masks = {key: mask for key, mask in masks.items() if key[0] != "centre"}
    return {
        "flow": {
            "admitted": len(scores),
            "scored": len(scored),
            "refused": int(refused.sum()),
            "reasons": {str(k): int(v) for k, v in sorted(refused.items())},
        },
        "pooled": reasoned(
            assess(y, p, thresholds, settings, seed, groups, cuts), scores, description
        ),
        "centres": {
            centre: assess_some(mask, y, p, thresholds, settings, seed, groups, cuts)
            for centre, mask in own.items()
        },
        "centres_pooled": pooling.pooled_auc(enough),
        "subgroups": subgroup_table(
            y, p, masks, thresholds["youden"], settings, seed, groups, cuts["youden"]
        ),
        "baselines": comparators.judge(
            rivals or {}, scored["probability"], cohort, thresholds["youden"], settings, seed
        ),
    }


def reasoned(pooled: dict, scores: pd.DataFrame, description: dict) -> dict:
    """The pooled entry; where it is not assessed, with the reason that is true of all patients and not of those scored only."""
    if pooled["status"] != NOT_ASSESSED:
        return pooled
    scored = int((scores["refused"] == "").sum())
    reason = unscored.why_unscored(scores, description)
    reason = reason or unscored.among_scored(pooled["reason"], scored, len(scores))
    return {**pooled, "reason": reason}
