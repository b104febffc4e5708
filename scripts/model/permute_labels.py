"""In: the cohort, the chosen strategy, a part of the permutations. Out: its cross-validated AUC under shuffled labels.
Source: requirement FUS-04: with labels that say nothing, a procedure that learns only inside its folds finds nothing.
"""

import json
from pathlib import Path

import numpy as np

from scripts.core import job as core_job
from scripts.model import class_metrics, classes, metrics
from scripts.model.cohort_tables import Cohort, read_cohort
from scripts.model.cross_validate import cross_validate
from scripts.model.evaluation import NOT_ASSESSED
from scripts.model.refit_model import numbers_of
from scripts.model.strategies import source_of


def permuted_auc(cohort: Cohort, strategy: str, number: int, settings: dict, seed: int) -> float:
    """AUC (macro AUC with three or more classes) of the whole procedure after permutation `number` of the labels; NaN when
    nobody could be scored."""
    shuffled = cohort.subset(cohort.obs.index)
    rng = np.random.default_rng([seed, number])
    shuffled.obs["label"] = rng.permutation(cohort.labels)
    scores, _ = cross_validate(shuffled, source_of(strategy), settings, seed + number)
    own = scores[scores["strategy"] == strategy]
    labels = own["label"].to_numpy(int)
    if not len(own):
        return float("nan")
    if cohort.multiclass:
        columns = classes.probability_columns(cohort.outcome["classes"])
        return class_metrics.macro_auc(labels, own[columns].to_numpy(float))
    return metrics.auc(labels, own["probability"].to_numpy(float))


def why_not(performance: dict, patients: int, minimum: int) -> str:
    """Why nothing is permuted, "" when it is: no strategy was chosen, or there are too few patients for the limits to hold."""
    if performance["status"] == NOT_ASSESSED:
        return performance["reason"]
    if patients < minimum:
        return f"{patients} training patients; the mean of permuted AUCs is judged from {minimum}"
    return ""


def main(job):
    """Cross-validate the chosen strategy on a part of the permutations.

    input: cohort, performance
    output: permuted (JSON: status, reason, auc {number: AUC})
    params: settings (model), permutations (model.permutations), seed; wildcards: part
    """
    with core_job.step(job) as step:
        settings, own = job.params.settings, job.params.permutations
        performance = json.loads(Path(job.input.performance).read_text(encoding="utf-8"))
        train = read_cohort(job.input.cohort).part("train")
        reason = why_not(performance, len(train.obs), int(own["minimum_patients"]))
        found = {}
        if not reason:
            for number in numbers_of(
                int(job.wildcards.part), int(own["parts"]), int(own["number"])
            ):
                auc = permuted_auc(
                    train, performance["selected"], number, settings, int(job.params.seed)
                )
                found[str(number)] = None if np.isnan(auc) else round(auc, 6)
                step.log.info("permutation %d: AUC %.3f", number, auc)
        result = {"status": NOT_ASSESSED if reason else "ASSESSED", "reason": reason, "auc": found}
        text = json.dumps(result, sort_keys=True, indent=1) + "\n"
        step.path(job.output.permuted).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    core_job.entry(main, globals().get("snakemake"))
