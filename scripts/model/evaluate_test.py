"""In: the lock, the held-out test part of the cohort. Out: results/model/test.json.
Source: docs/modelling.md, "Split": the test part is scored by the locked bundle only.
"""

import json
from pathlib import Path

from scripts.core import job as core_job
from scripts.model import bundle, class_performance, classes, comparators, locked
from scripts.model.cohort_tables import read_cohort
from scripts.model.evaluation import NOT_ASSESSED, rounded


def main(job):
    """Score the internal test part with the locked bundle.

    input: cohort, lock (locks/bundle.json or the named bundle's SHA256SUMS)
    output: performance (JSON), ledger
    params: settings (model), seed, lock, named (content hash or empty), bundles
    """
    with core_job.step(job) as step:
        params = job.params
        settings, seed = params.settings, int(params.seed)
        model, description, lock = locked.open_lock(params.lock, params.named, params.bundles)
        test = read_cohort(job.input.cohort).part("test")
        result = {"status": NOT_ASSESSED, "reason": lock["reason"], **_lock_of(lock)}
        if model is not None and not len(test.obs):
            result["reason"] = "no patient in the test part"
        elif other := locked.other_outcome(description, test.outcome):
            result["reason"] = other
        elif model is not None:
            trained = set(description["training"]["persons"])
            seen = [p for p in test.obs.index if bundle.person_hash(p) in trained]
            test = test.subset(test.obs.index.difference(seen))
            bundle.check_units(description, test.dictionaries)
            result |= {"status": "ASSESSED", "reason": "", "strategy": description["strategy"]}
            if "coupling" in description:
                model = classes.unpacked(model, description)
                scores = class_performance.call(model, description, test)
                result |= class_performance.locked(scores, test, description, settings, seed)
            else:
                scores = locked.score(model, description, test)
                folder = Path(params.bundles) / lock["bundle"]
                rivals = comparators.score(folder, test, settings)
                result |= locked.evaluate_scored(scores, test, description, settings, seed, rivals)
            if result["pooled"]["status"] == NOT_ASSESSED:
                result |= {"status": NOT_ASSESSED, "reason": result["pooled"]["reason"]}
            step.check(
                "MOD-09",
                "no training patient in the test part",
                "PASS" if not seen else "FAIL",
                value=len(seen),
                threshold="0",
                acts=False,
            )
        text = json.dumps(rounded(result), sort_keys=True, indent=1, ensure_ascii=False) + "\n"
        step.path(job.output.performance).write_text(text, encoding="utf-8")


def _lock_of(lock: dict) -> dict:
    return {"bundle": lock["bundle"], "locked_at": lock["locked_at"]}


if __name__ == "__main__":
    core_job.entry(main, globals().get("snakemake"))
