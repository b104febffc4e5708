"""In: the cohort, one strategy, one repeat. Out: out-of-fold probabilities of the training
part, and what was learned.
Source: nested, grouped, stratified cross-validation (Varma and Simon 2006);
requirements FUS-04, MOD-03, MOD-09.
"""

import json
from dataclasses import replace

import numpy as np
import pandas as pd

from scripts.core import job as core_job
from scripts.core.cohort_size import FOLDS, training_needed
from scripts.model import class_metrics, class_selection, fused, rules
from scripts.model.cohort_tables import Cohort, in_classes, predictors, read_cohort
from scripts.model.evaluation import NOT_ASSESSED, rounded, too_few
from scripts.model.member_tables import matrix, present
from scripts.model.strategies import STACKING

SCORE_COLUMNS = ["patient_id", "strategy", "fold", "label", "probability", "pattern"]


def missing_features(strategy: str, cohort: Cohort, settings: dict) -> str:
    """Why a baseline or the knowledge level cannot be computed from this cohort, "" when it can."""
    for name in settings["baselines"].get(strategy, []):
        block, feature = name.split("__", 1)
        if feature not in cohort.tables.get(block, pd.DataFrame()).columns:
            return f"feature {feature} of block {block} is not in this cohort"
    if strategy == "knowledge":
        allowed, _ = predictors(cohort, settings)
        if allowed and not fused.members_of(strategy, allowed, settings):
            return "no gene set, metabolite set or published score fits these features"
    return ""


def outer_folds(cohort: Cohort, folds: int, seed: int) -> list[tuple[pd.Index, pd.Index]]:
    """Grouped, stratified outer folds as (train, test) patients; all strategies share them."""
    from sklearn.model_selection import StratifiedGroupKFold

    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    groups = cohort.obs["group"].to_numpy(str)
    index = cohort.obs.index
    found = splitter.split(np.zeros(len(index)), cohort.labels, groups)
    return [(index[a], index[b]) for a, b in found]


def views(strategy: str, model: fused.FusedModel, train: Cohort, settings: dict) -> dict:
    """{strategy: model}: the strategy itself and, from late fusion, its members stacked and each alone."""
    found = {strategy: model}
    if strategy == "late":
        stacked = [replace(m, member=replace(m.member, fusion=STACKING)) for m in model.members]
        found["stacking"] = fused.fuse(stacked, train, settings)
        for member in model.members:
            found[f"block_{member.member.name}"] = fused.fuse([member], train, settings)
    return found


def learned(model: fused.FusedModel) -> list[dict]:
    """Settings, calibration and weights of a model's members."""
    return [
        {
            "member": m.member.name,
            "parameters": m.parameters,
            "slope": m.slope,
            "n": len(m.evidence),
            "weights": [[b, f, w] for (b, f), w in sorted(m.weights.items())],
        }
        for m in model.members
    ]


def cross_validate(
    cohort: Cohort, strategy: str, settings: dict, seed: int
) -> tuple[pd.DataFrame, list[dict]]:
    """Out-of-fold scores of the training part and a description of every fold."""
    if cohort.multiclass:
        shared = outer_folds(cohort, int(settings["outer_folds"]), seed)
        return class_selection.cross_validate(cohort, strategy, shared, settings, seed)
    allowed, _ = predictors(cohort, settings)
    members = fused.members_of(strategy, allowed, settings)
    scores, folds = [], []
    for number, (train, test) in enumerate(outer_folds(cohort, int(settings["outer_folds"]), seed)):
        inside, outside = cohort.subset(train), cohort.subset(test)
        model = fused.train(members, inside, settings, seed + number)
        fold = {"fold": number, "n_train": len(train), "n_test": len(test), "members": []}
        fold["events_test"] = int(outside.labels.sum())
        fold["classes_train"] = np.bincount(inside.labels, minlength=2).tolist()
        fold["shared_groups"] = len(set(inside.obs["group"]) & set(outside.obs["group"]))
        folds.append(fold)
        if model is None:
            continue
        fold["members"] = learned(model)
        fold["learned_outside"] = len(class_selection.learned_from([model]) - set(train))
        shown = views(strategy, model, inside, settings)
        if "stacking" in shown:
            fold["stacking_weights"] = shown["stacking"].weights
        for name, view in shown.items():
            found = view.score(outside)
            found = found[found["probability"].notna()]
            table = found[["probability", "pattern"]].rename_axis("patient_id").reset_index()
            table["strategy"], table["fold"] = name, number
            table["label"] = outside.obs.loc[found.index, "label"].to_numpy(int)
            scores.append(table)
    columns = pd.DataFrame(columns=SCORE_COLUMNS)
    table = pd.concat(scores)[SCORE_COLUMNS] if scores else columns
    return table.sort_values(["strategy", "patient_id"], ignore_index=True), folds


def why_not(cohort: Cohort, minimum: int) -> str:
    """Why the classes of a cohort cannot be assessed, "" when they can."""
    if cohort.multiclass:
        return class_metrics.too_few(cohort.labels, cohort.outcome["classes"], minimum)
    return too_few(cohort.labels, minimum, cohort.outcome["classes"])


def why_no_scores(cohort: Cohort, strategy: str, folds: list[dict], settings: dict) -> str:
    """Why cross-validation scored nobody: the training folds are too small, or hardly anybody has the features."""
    least = max(int(settings["minimum_class"]), int(settings["inner_folds"]))
    classes = range(len(cohort.outcome["classes"]))
    whole = [int((cohort.labels == code).sum()) for code in classes]
    trained = min(min(fold["classes_train"]) for fold in folds)
    needed = training_needed(settings)
    if trained < least:
        return (
            f"a training fold of cross-validation keeps {trained} of the smallest class "
            f"({in_classes(cohort, whole)} in training); at least {least} of each are needed in every fold, "
            f"about {needed} training patients of each class"
        )
    allowed, _ = predictors(cohort, settings)
    found = []
    for member in fused.members_of(strategy, allowed, settings):
        joint = len(member.blocks) > 1
        table = present(matrix(cohort, member.columns), float(settings["minimum_observed"]), joint)
        y = cohort.obs.loc[table.index, "label"].to_numpy(int)
        found.append([int((y == code).sum()) for code in classes])
    best = max(found, key=min, default=[0] * len(whole))
    return (
        f"{in_classes(cohort, best)} have enough of these features; at least {least} of each are needed in every training "
        f"fold, about {needed} of each class"
    )


def has_all_classes(fold: dict) -> bool:
    """Whether the left-out part of a fold has patients of every class."""
    if "classes_test" in fold:
        return min(fold["classes_test"]) > 0
    return 0 < fold["events_test"] < fold["n_test"]


def main(job):
    """Cross-validate one strategy once.

    input: cohort (.h5mu)
    output: scores (Parquet: patient_id, strategy, fold, label, probability, pattern; with three or more
            classes p0, p1 ... in place of probability),
            folds (JSON), ledger
    params: settings (model), seed; wildcards: strategy, repeat
    """
    with core_job.step(job) as step:
        settings, strategy = job.params.settings, job.wildcards.strategy
        seed = int(job.params.seed) + 1000 * int(job.wildcards.repeat)
        whole = read_cohort(job.input.cohort)
        cohort = whole.part("train")
        _, notes = predictors(cohort, settings)
        reason = why_not(cohort, int(settings["minimum_class"]))
        reason = reason or missing_features(strategy, cohort, settings)
        if not reason and cohort.multiclass:
            reason = class_selection.two_classes_only(strategy, settings)
        unknown = sorted(set(settings["blocks"]) - {"default", *cohort.tables})
        if unknown:
            named = ", ".join(unknown)
            step.log.warning("model.blocks names blocks that this cohort has not: %s", named)
        if strategy == "knowledge":
            for text in rules.applicable(settings, cohort)[1]:
                step.log.info("switched off: %s", text)
        if not reason and not any(note["used"] for note in notes):
            reason = "no block may enter a model"
        names, columns = cohort.outcome["classes"], SCORE_COLUMNS
        if cohort.multiclass:
            columns = class_selection.score_columns(names)
        scores, folds = pd.DataFrame(columns=columns), []
        if not reason:
            scores, folds = cross_validate(cohort, strategy, settings, seed)
            if not len(scores):
                reason = why_no_scores(cohort, strategy, folds, settings)
        good = int(settings["outer_folds"]) in FOLDS and bool(folds)
        good = good and all(fold["shared_groups"] == 0 and has_all_classes(fold) for fold in folds)
        step.check(
            "MOD-03",
            f"{strategy}: no group in two folds, {'all' if cohort.multiclass else 'both'} classes in each",
            NOT_ASSESSED if reason else "PASS" if good else "FAIL",
            value=int(settings["outer_folds"]),
            unit="folds",
            threshold="5 or 10",
            acts=False,
            reason=reason,
        )
        kinds = dict.fromkeys(("patient_id", "strategy", "pattern"), str)
        kinds |= dict.fromkeys(("fold", "label"), "int64")
        scores = scores.astype({c: kinds.get(c, "float64") for c in columns})
        scores.to_parquet(step.path(job.output.scores), index=False)
        description = {
            "strategy": strategy,
            "repeat": int(job.wildcards.repeat),
            "status": NOT_ASSESSED if reason else "ASSESSED",
            "reason": reason,
            "blocks": notes,
            "folds": rounded(folds),
        }
        text = json.dumps(description, sort_keys=True, indent=1, ensure_ascii=False) + "\n"
        step.path(job.output.folds).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    core_job.entry(main, globals().get("snakemake"))
