"""In: out-of-fold scores of every strategy and repeat, the cohort, the audit.
Out: performance.json, oof.parquet.
Source: docs/modelling.md; requirements EVA-01 to EVA-06, FUS-01, FUS-03, FUS-06, MOD-04, MOD-05.
"""

import json
from pathlib import Path

import numpy as np
import pandas as pd

from scripts.core import job as core_job
from scripts.model import (
    class_performance,
    confounding,
    grid_edges,
    increments,
    iterations,
    metrics,
    performance_evidence,
    published,
    selection,
    verdicts,
)
from scripts.model.cohort_tables import predictors, read_cohort
from scripts.model.cross_validate import SCORE_COLUMNS
from scripts.model.evaluation import (
    BINARY_CLASSES,
    NOT_ASSESSED,
    assess,
    choose_thresholds,
    rounded,
    subgroup_table,
    too_few,
)
from scripts.model.strategies import level_of, source_of, split_name
from scripts.model.subgroups import subgroup_masks

FEATURES_SHOWN = 40


def read_runs(scores: list[str], folds: list[str]) -> tuple[pd.DataFrame, list[dict]]:
    """Scores of all cross-validation jobs with their repeat, and the descriptions of their folds."""
    descriptions = [json.loads(Path(path).read_text(encoding="utf-8")) for path in folds]
    tables = [
        pd.read_parquet(path).assign(repeat=description["repeat"])
        for path, description in zip(scores, descriptions, strict=True)
    ]
    if not tables:  # the cohort is too small: nothing was cross-validated
        return pd.DataFrame(columns=[*SCORE_COLUMNS, "repeat"]), []
    return pd.concat(tables, ignore_index=True), descriptions


def why_none(labels_reason: str, no_model: str, runs: list[dict]) -> str:
    """Why no strategy was chosen: the classes, the size of the cohort, or what the cross-validation of the strategies said.

    labels_reason : of the training classes; no_model : of the plan; both "" where they suffice
    """
    said = [run["reason"] for run in runs if run["reason"]]
    most = max(dict.fromkeys(said), key=said.count, default="")
    whole = bool(runs) and len(said) == len(runs)
    return no_model or labels_reason or (most if whole else "") or "no candidate strategy"


def absent(strategy: str, reason: str, settings: dict) -> dict:
    """Entry of a strategy that could not be assessed."""
    return {
        "title": selection.title_of(strategy),
        "kind": selection.kind_of(strategy, settings),
        "level": level_of(strategy),
        "status": NOT_ASSESSED,
        "reason": reason,
        "n": 0,
        "events": 0,
    }


def describe_published(own: pd.DataFrame, settings: dict, seed: int, groups: np.ndarray) -> dict:
    """Figures of a published score or rule at its own cut-off; it is no probability, so there is no calibration."""
    y, p = own["label"].to_numpy(int), own["probability"].to_numpy()
    entry = assess(y, p, {"published": published.CUT}, settings, seed, groups)
    if entry["status"] != NOT_ASSESSED:
        entry["metrics"] = {"auc": entry["metrics"]["auc"]}
        entry["calibration"], entry["decision_curve"] = [], []
    return {"learner": "published", "blocks": [], "features": [], **entry}


def repeat_aucs(scores: pd.DataFrame) -> list[float]:
    """AUC of every repeat by itself; that of the mean over repeats is usually higher, as an ensemble's is."""
    found = []
    for _, own in scores.groupby("repeat", sort=True):
        y = own["label"].to_numpy(int)
        if 0 < y.sum() < len(y):
            found.append(metrics.auc(y, own["probability"].to_numpy()))
    return found


def describe_strategies(
    scores: pd.DataFrame, runs: list[dict], groups: pd.Series, settings: dict, seed: int
) -> tuple[dict, pd.DataFrame]:
    """{strategy: entry of performance.json} and the mean out-of-fold scores.

    groups : group of every training patient, index patient_id
    """
    mean = selection.mean_over_repeats(scores) if len(scores) else scores.assign(pattern="")
    found = {}
    for run in runs:
        if run["status"] == NOT_ASSESSED:
            found[run["strategy"]] = absent(run["strategy"], run["reason"], settings)
    for strategy, own in mean.groupby("strategy", sort=True):
        head = {
            "title": selection.title_of(strategy),
            "kind": selection.kind_of(strategy, settings),
            "level": level_of(strategy),
            "coverage": own["patient_id"].nunique() / max(1, len(groups)),
        }
        linked = groups.loc[own["patient_id"]].to_numpy(str)
        if strategy in settings["published"]:
            found[strategy] = head | describe_published(own, settings, seed, linked)
            continue
        y, p = own["label"].to_numpy(int), own["probability"].to_numpy()
        folds = [
            fold for run in runs if run["strategy"] == source_of(strategy) for fold in run["folds"]
        ]
        features = selection.feature_table(folds, strategy)
        entry = head | {
            "learner": split_name(strategy)[1],
            "blocks": sorted({line["block"] for line in features}),
        }
        small = too_few(y, int(settings["minimum_class"]), settings.get("classes", BINARY_CLASSES))
        cuts = {} if small else choose_thresholds(y, p, settings)
        entry |= assess(y, p, cuts, settings, seed, linked)
        entry["features"] = features[:FEATURES_SHOWN]
        entry["auc_of"] = "mean of the log odds over repeats"
        entry["auc_of_repeats"] = repeat_aucs(scores[scores["strategy"] == strategy])
        entry["grid_edges"] = grid_edges.grid_edges(folds, entry["learner"], settings)
        found[strategy] = entry
    return dict(sorted(found.items())), mean


WHAT = {
    "EVA-01": "AUC, sensitivity, specificity, PPV, NPV, accuracy with 95 % CI",
    "EVA-02": "thresholds from out-of-fold training scores",
    "EVA-03": "calibration, Brier score and decision curve",
    "EVA-06": "PPV and NPV at stated prevalences",
    "FUS-03": "selection frequency of features",
}


def record(step, performance: dict, settings: dict) -> None:
    """QC records of the requirements that internal validation answers."""
    resamples, reason = int(settings["resamples"]), performance["reason"]
    done = performance["status"] == "ASSESSED"

    def check(requirement: str, what: str, verdict: str, **more) -> None:
        more.setdefault("reason", "" if done else reason)
        step.check(requirement, what, verdict if done else NOT_ASSESSED, acts=False, **more)

    verdict = "PASS" if resamples >= 1000 else "FAIL"
    check("MOD-04", "resamples", verdict, value=resamples, threshold=">= 1000")
    entry = performance.get("strategies", {}).get(performance.get("selected"))
    for name, gone in performance_evidence.lacking(entry).items():
        verdict, text = performance_evidence.verdict_of(gone)
        check(name, WHAT[name], verdict, reason=text if done else reason)
    verdict, number, text = performance_evidence.subgroup_verdict(performance.get("subgroups", []))
    check("EVA-04", "subgroups", verdict, value=number, reason=text if done else reason)
    compared = {line["baseline"] for line in performance.get("increments", [])}
    against = compared & (set(settings["baselines"]) | set(settings["published"]))
    check(
        "FUS-06",
        "increment over baselines on the same patients",
        "PASS" if against else NOT_ASSESSED,
        value=", ".join(sorted(against)),
    )
    strategies = performance.get("strategies", {})
    levels = {e["level"] for e in strategies.values() if e["status"] == "ASSESSED"} - {""}
    lacking = sorted({"data", "model", "knowledge"} - levels)
    text = f"not assessed: {', '.join(lacking)}" if lacking and done else ""
    verdict = "WARN" if lacking else "PASS"
    named = ", ".join(sorted(levels))
    check("FUS-01", "levels of fusion", verdict, value=named, reason=text or reason)
    blocks = performance.get("blocks", [])
    dropped, unknown = (
        sum(b[key] for b in blocks) for key in ("unstable", "stability_not_measured")
    )
    total = sum(b["predictors"] for b in blocks)
    step.check(
        "MOD-05",
        "features below the stability limit kept out",
        "PASS" if total and unknown < total else NOT_ASSESSED,
        value=dropped,
        unit="features",
        threshold=f"ICC > {settings['icc_minimum']:g}",
        reason=f"stability of {unknown} of {total} predictors was not measured" if unknown else "",
        acts=False,
    )


def record_folds(step, runs: list[dict]) -> None:
    """QC record: whom every learned step of cross-validation saw, against the fold that it was scored on."""
    folds = [fold for run in runs for fold in run["folds"] if "learned_outside" in fold]
    outside = sum(fold["learned_outside"] + fold["shared_groups"] for fold in folds)
    step.check(
        "FUS-04",
        "learned steps saw the training side of their fold only",
        NOT_ASSESSED if not folds else "FAIL" if outside else "PASS",
        value=len(folds),
        unit="folds",
        reason=f"{outside} patients or groups of the other side were seen" if outside else "",
        acts=False,
    )


def verdict_on(
    performance: dict, mean: pd.DataFrame, audit: dict, table: pd.DataFrame, groups, settings, seed
) -> None:
    """Hold the chosen strategy against every negative control; adds `confounding` and `verdict` to the performance."""
    chosen = performance["selected"]
    entry = performance["strategies"].get(chosen) if chosen else None
    lines, name = [], "AUC"
    if entry is not None and entry["status"] != NOT_ASSESSED:
        ours = mean[mean["strategy"] == chosen].set_index("patient_id").sort_index()
        lines = confounding.judge_controls(
            audit.get("negative_controls", []), table, ours, groups, settings, seed
        )
        if "macro_auc" in entry["metrics"]:
            name = "macro AUC"
            entry = entry | {"metrics": {"auc": entry["metrics"]["macro_auc"]}}
    performance["confounding"] = lines
    leaks = audit.get("separating_features", [])
    performance["verdict"] = verdicts.judge(entry, lines, settings, leaks, name)


def write(step, output, performance: dict, mean: pd.DataFrame) -> None:
    """Write performance and mean out-of-fold scores."""
    mean.to_parquet(step.path(output.oof), index=False)
    text = json.dumps(rounded(performance), sort_keys=True, indent=1, ensure_ascii=False)
    step.path(output.performance).write_text(text + "\n", encoding="utf-8")
    step.log.info("chosen: %s; %s", performance["selected"], performance["verdict"]["text_en"])


def log_iteration(step, job, performance: dict) -> None:
    """Append this development to the optimisation log and record whether all of them can be compared."""
    path = Path(job.params.iterations)
    cells = iterations.line_of(performance, job.input.cohort, dict(job.params.settings))
    iterations.check_iterations(step, path, iterations.record_iteration(path, cells))


def main(job):
    """Compare strategies, choose one, write how well it does.

    input: cohort, audit, controls, scores and folds (lists, one of each per strategy and repeat)
    output: performance (JSON), oof (Parquet), ledger
    params: settings (model), seed, iterations (the optimisation log, locks/iterations.tsv), no_model (of the plan: why the
            cohort is too small, or "")
    """
    with core_job.step(job) as step:
        settings, seed = job.params.settings, int(job.params.seed)
        whole = read_cohort(job.input.cohort)
        train = whole.part("train")
        scores, runs = read_runs(list(job.input.scores), list(job.input.folds))
        no_model = getattr(job.params, "no_model", "")
        settings = {**settings, "classes": whole.outcome["classes"]}
        audit = json.loads(Path(job.input.audit).read_text(encoding="utf-8") or "{}")
        table_of_controls = confounding.read_controls(job.input.controls)
        groups = train.obs.get("group", train.obs.index.to_series())  # nobody: no column
        if whole.multiclass:
            performance, mean = class_performance.internal(whole, scores, runs, settings, seed)
            if performance["status"] == NOT_ASSESSED:
                performance["reason"] = why_none(performance["reason"], no_model, runs)
            verdict_on(performance, mean, audit, table_of_controls, groups, settings, seed)
            class_performance.record(step, performance, settings)
            record_folds(step, runs)
            write(step, job.output, performance, mean)
            log_iteration(step, job, performance)
            return
        as_published, reasons = published.score_table(train, settings)
        scores = pd.concat([t for t in (scores, as_published) if len(t)] or [scores])
        strategies, mean = describe_strategies(scores, runs, groups, settings, seed)
        strategies |= {name: absent(name, why, settings) for name, why in reasons.items()}
        chosen, table = selection.select(scores, len(train.obs), settings)
        entry = strategies.get(chosen) if chosen else None
        if entry is not None and entry["status"] == NOT_ASSESSED:
            chosen, entry, reason = None, None, entry["reason"]
        else:
            small = too_few(train.labels, int(settings["minimum_class"]), whole.outcome["classes"])
            reason = why_none(small, no_model, runs)
        allowed, notes = predictors(train, settings)
        counts = whole.obs.groupby("part")["label"].agg(["size", "sum"]) if len(whole.obs) else None
        performance = {
            "status": "ASSESSED" if chosen else NOT_ASSESSED,
            "reason": "" if chosen else reason,
            "label": dict(zip(("negative", "positive"), whole.outcome["classes"], strict=True)),
            "outcome": whole.outcome,
            "cohort": {
                part: {"n": int(counts.loc[part, "size"]), "events": int(counts.loc[part, "sum"])}
                if counts is not None and part in counts.index
                else {"n": 0, "events": 0}
                for part in ("train", "test")
            },
            "settings": {
                key: settings[key]
                for key in (
                    "outer_folds",
                    "inner_folds",
                    "repeats",
                    "resamples",
                    "prevalences",
                    "minimum_specificity",
                    "net_benefit_thresholds",
                )
            }
            | {"seed": seed},
            "selected": chosen,
            "selection": {"rule": selection.RULE, "table": table},
            "strategies": strategies,
            "blocks": notes,
            "increments": [],
            "subgroups": [],
            "patterns": [],
            "sample_size": selection.sample_size(
                int(train.labels.sum()), len(train.obs), sum(map(len, allowed.values()))
            ),
        }
        verdict_on(performance, mean, audit, table_of_controls, groups, settings, seed)
        if chosen:
            cut = entry["thresholds"]["youden"]["threshold"]
            own = mean[mean["strategy"] == chosen].set_index("patient_id").sort_index()
            performance["increments"] = increments.increments(
                mean, strategies, chosen, cut, settings, seed, groups
            )
            performance["patterns"] = selection.pattern_table(own)
            performance["subgroups"] = subgroup_table(
                own["label"].to_numpy(int),
                own["probability"].to_numpy(),
                subgroup_masks(train.subset(own.index)),
                cut,
                settings,
                seed,
                groups.loc[own.index].to_numpy(str),
            )
        performance["fusion_verdict"] = increments.fusion_verdict(
            performance["increments"], strategies, chosen
        )
        record(step, performance, settings)
        record_folds(step, runs)
        write(step, job.output, performance, mean)
        log_iteration(step, job, performance)


if __name__ == "__main__":
    core_job.entry(main, globals().get("snakemake"))
