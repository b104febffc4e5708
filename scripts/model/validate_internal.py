"""In: the cohort, the chosen strategy, its refits on resamples, its AUCs under shuffled labels. Out: results/model/internal.json.
Source: docs/modelling.md, "Internal validation"; requirements MOD-04, EVA-04, FUS-04; TRIPOD+AI 2024.
"""

import json
from pathlib import Path

import pandas as pd

from scripts.core import job as core_job
from scripts.model import refits, sample_size, transport
from scripts.model.cohort_tables import Cohort, predictors, read_cohort
from scripts.model.evaluation import NOT_ASSESSED, rounded
from scripts.model.fit_model import train_chosen
from scripts.model.refit_model import why_not

HELD = (
    "refitted: filters, imputation, scaling, screening and learner; held: strategy, the learner's setting and "
    "the lines that calibrate blocks and patterns"
)
ENOUGH = 1000  # MOD-04
ENOUGH_PERMUTATIONS = 20  # FUS-04


def read_refits(paths: list[str]) -> pd.DataFrame:
    """All refits in the order of their numbers; every number occurs once."""
    table = pd.concat([pd.read_parquet(path) for path in paths], ignore_index=True)
    if table["number"].duplicated().any():
        raise ValueError("a resample stands in two parts of the refits")
    return table.sort_values("number", ignore_index=True)


def sizes(model, train: Cohort, settings: dict) -> dict:
    """Sample size for the chosen strategy's own candidates, and for all that were looked at."""
    allowed, _ = predictors(train, settings)
    own = len({column for member in model.members for column in member.member.columns})
    n, events = len(train.obs), int(train.labels.sum())
    return {
        "chosen": sample_size.judge(n, events, own),
        "all": sample_size.judge(n, events, sum(map(len, allowed.values()))),
    }


def record(step, result: dict) -> None:
    """QC records of what internal validation adds to cross-validation."""
    done = result["status"] == "ASSESSED"
    number = result["refits"]["number"] if done else 0
    verdict = "PASS" if number >= ENOUGH else "FAIL"
    step.check(
        "MOD-04",
        "bootstrap refits of the chosen pipeline",
        verdict if done else NOT_ASSESSED,
        value=number,
        threshold=f">= {ENOUGH}",
        reason=HELD if done else result["reason"],
        acts=False,
    )
    left_out = result["centres"] if done else result
    step.check(
        "EVA-04",
        "every centre scored by a model that never saw it",
        "PASS" if left_out["status"] == "ASSESSED" else NOT_ASSESSED,
        reason=left_out["reason"],
        acts=False,
    )


def permuted(parts: list[dict], limits: list[float]) -> dict:
    """Mean AUC over all permutations of the labels, and whether it lies where chance alone puts it."""
    reason = next((part["reason"] for part in parts if part["reason"]), "")
    found = {n: auc for part in parts for n, auc in part["auc"].items() if auc is not None}
    if not reason and not found:
        reason = "nobody could be scored under shuffled labels"
    if reason:
        return {"status": NOT_ASSESSED, "reason": reason}
    mean = sum(found.values()) / len(found)
    return {
        "status": "ASSESSED",
        "reason": "",
        "number": len(found),
        "mean": mean,
        "lowest": min(found.values()),
        "highest": max(found.values()),
        "limits": [float(limit) for limit in limits],
        "holds": float(limits[0]) <= mean <= float(limits[1]),
    }


def record_permutations(step, found: dict) -> None:
    """QC record of the mean AUC under shuffled labels."""
    done = found["status"] == "ASSESSED"
    enough = done and found["number"] >= ENOUGH_PERMUTATIONS
    reason = found["reason"]
    if done:
        reason = (
            f"{found['number']} permutations, AUC {found['lowest']:.2f} to {found['highest']:.2f}"
        )
    step.check(
        "FUS-04",
        "mean AUC under shuffled labels",
        NOT_ASSESSED if not done else "PASS" if enough and found["holds"] else "FAIL",
        value=round(found["mean"], 3) if done else None,
        threshold="{:g} to {:g}".format(*found["limits"]) if done else "",
        reason=reason,
        acts=False,
    )


def main(job):
    """Join refits and permutations; leave centres out; learning curve; sample size.

    input: cohort, performance, refits (Parquet of every part), apparent (JSON of every part), permuted (JSON of every part)
    output: internal (JSON), ledger
    params: settings (model), refits (model.refits), permutations (model.permutations), seed
    """
    with core_job.step(job) as step:
        settings, seed = job.params.settings, int(job.params.seed)
        performance = json.loads(Path(job.input.performance).read_text(encoding="utf-8"))
        reason = why_not(performance)
        result = {"status": NOT_ASSESSED, "reason": reason, "strategy": None}
        if not reason:
            strategy = performance["selected"]
            train = read_cohort(job.input.cohort).part("train")
            model = train_chosen(strategy, train, settings, seed)
            table = read_refits(_list(job.input.refits))
            ours = json.loads(Path(_list(job.input.apparent)[0]).read_text(encoding="utf-8"))
            result |= {"status": "ASSESSED", "reason": "", "strategy": strategy}
            result["refits"] = {
                "number": len(table),
                "drawn_again": int((table["attempts"] - 1).sum()),
                "held": HELD,
                "quantities": refits.optimism(ours, table),
            }
            result["centres"] = transport.leave_centres_out(strategy, train, settings, seed)
            fractions = [float(f) for f in job.params.refits["learning_fractions"]]
            result["learning_curve"] = transport.learning_curve(
                model, train, settings, seed, fractions
            )
            result["sample_size"] = sizes(model, train, settings)
        parts = [
            json.loads(Path(path).read_text(encoding="utf-8")) for path in _list(job.input.permuted)
        ]
        result["permutations"] = permuted(parts, list(job.params.permutations["mean_auc"]))
        record(step, result)
        record_permutations(step, result["permutations"])
        text = json.dumps(rounded(result), sort_keys=True, indent=1, ensure_ascii=False) + "\n"
        step.path(job.output.internal).write_text(text, encoding="utf-8")


def _list(value) -> list[str]:
    return [value] if isinstance(value, str) else list(value)


if __name__ == "__main__":
    core_job.entry(main, globals().get("snakemake"))
