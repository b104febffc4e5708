"""In: the cohort, the chosen strategy, a part of the resamples. Out: how well its refits on them do.
Source: Harrell 1996 (Stat Med 15:361); requirement MOD-04; docs/modelling.md, "Bootstrap refits".
"""

import json
from pathlib import Path

import pandas as pd

from scripts.core import job as core_job
from scripts.model import refits
from scripts.model.cohort_tables import read_cohort
from scripts.model.evaluation import NOT_ASSESSED
from scripts.model.fit_model import train_chosen


def why_not(performance: dict) -> str:
    """Why nothing is refitted, "" when it is: no strategy was chosen, or the outcome has more than two classes."""
    if performance["status"] == NOT_ASSESSED:
        return performance["reason"]
    if len(performance["outcome"]["classes"]) > 2:
        return "refits, centres left out and the learning curve are for outcomes of two classes"
    return ""


def numbers_of(part: int, parts: int, total: int) -> range:
    """The resamples of one of the parts: 0, 1, 2 ... over all parts, each once."""
    return range(part * total // parts, (part + 1) * total // parts)


def main(job):
    """Refit the chosen strategy on a part of the resamples.

    input: cohort, performance
    output: refits (Parquet: number, attempts, apparent_*, original_*, outside_*), apparent (JSON: the trained
            model on its own training patients)
    params: settings (model), refits (model.refits), seed; wildcards: part
    """
    with core_job.step(job) as step:
        settings, seed = job.params.settings, int(job.params.seed)
        performance = json.loads(Path(job.input.performance).read_text(encoding="utf-8"))
        table, ours = pd.DataFrame({"number": []}), {}
        if not why_not(performance):
            train = read_cohort(job.input.cohort).part("train")
            model = train_chosen(performance["selected"], train, settings, seed)
            own = job.params.refits
            numbers = numbers_of(int(job.wildcards.part), int(own["parts"]), int(own["number"]))
            table = refits.resample(model, train, numbers, settings, seed)
            ours = refits.apparent(model, train)
            step.log.info("%d refits of %s", len(table), performance["selected"])
        table.to_parquet(step.path(job.output.refits), index=False)
        text = json.dumps(ours, sort_keys=True) + "\n"
        step.path(job.output.apparent).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    core_job.entry(main, globals().get("snakemake"))
