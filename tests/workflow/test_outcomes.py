"""Outcomes that need the stage, on a cohort with external patients and a clinical block: planned, and run to the end."""

import csv
import json
from pathlib import Path

import pytest

from scripts.demo.make_cohort import make_cohort
from tests.workflow.runs import planned_jobs, run_snakemake

QUICK = "strategies: [late], repeats: 1, refits: {number: 40}, interval_refits: 3"
PAIR = {"early_hcc_vs_controls": ["control", "early_hcc"]}
STAGES = {"stage": ["control", "early_hcc", "advanced_hcc"]}


@pytest.fixture(scope="module")
def cohort(tmp_path_factory) -> Path:
    """People of the demo's latent model without raw files."""
    folder = tmp_path_factory.mktemp("outcomes")
    make_cohort(folder / "cohort", seed=5, raw=0, table=160, mess=False)
    return folder


def run(folder: Path, name: str, *arguments: str):
    own = folder / f"{name}.yaml"
    text = f"sheets: cohort\nas_of: '2026-03-01'\nmodel: {{outcome: {{name: {name}}}, {QUICK}}}\n"
    own.write_text(text, encoding="utf-8")
    return run_snakemake(folder, *arguments, config=own)


@pytest.mark.parametrize("name", [*PAIR, *STAGES])
def test_classes_of_external_patients_wait_for_the_lock(cohort, name):
    jobs = planned_jobs(run(cohort, name, "--dry-run"))
    assert jobs["define_outcome"] == jobs["define_external_outcome"] == jobs["lock_bundle"] == 1


@pytest.mark.long
@pytest.mark.parametrize(("name", "classes"), [*PAIR.items(), *STAGES.items()])
def test_run_to_the_report(cohort, tmp_path, name, classes):
    (tmp_path / "cohort").symlink_to(cohort / "cohort")
    run(tmp_path, name)
    found = json.loads((tmp_path / "results/external/performance.json").read_text("utf-8"))
    assert found["status"] == "ASSESSED"
    with open(tmp_path / "results/external/outcome.tsv", encoding="utf-8", newline="") as handle:
        rows = list(csv.DictReader(handle, delimiter="\t"))
    assert {row["role"] for row in rows} == {"external"}
    assert {row["class"] for row in rows} - {""} == set(classes)
    assert (tmp_path / "results/report/report.html").is_file()
