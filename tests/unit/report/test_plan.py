"""What the next run would do: pending jobs by patient and modality, and costs only where there was an earlier run."""

from pathlib import Path

import pytest

from scripts.core.job import InputDefect
from scripts.report import plan

PLAN = {
    "patients": {"P1": {}, "P2": {}},
    "assays": {"ct": {"P1": [{"assay_id": "P1_ct"}]}, "lcms": {"P2": [{"assay_id": "run-7"}]}},
}


# As `snakemake -n` of Snakemake 9.27 prints jobs with a message.
DRY_RUN = """Building DAG of jobs...
Job stats:
job                  count
-----------------  -------
detect_lcms              2
extract_radiomics        1
prepare_volumes          1
all                      1
total                    5


[Tue Dec  1 04:19:36 2026]
Job 3: Reading ct images of P1 -> results/imaging/ct/P1/meta.json (log: logs/prepare_volumes/P1.ct.log)
[Tue Dec  1 04:19:36 2026]
Job 5: Radiomics of ct of P1 -> results/imaging/ct/P1/row.json, mask (log: logs/extract_radiomics/P1.ct.log)
[Tue Dec  1 04:19:36 2026]
Job 6: Features of run-7 -> results/metabolomics/lcms/runs/run-7.npz (log: logs/detect_lcms/run-7.log)
Job 7: Features of a QC run (log: logs/detect_lcms/qc.log)
Job stats:
job                  count
-----------------  -------
detect_lcms              2
extract_radiomics        1
prepare_volumes          1
all                      1
total                    5

Reasons:
    (check individual jobs above for details)
"""
COSTS = {"prepare_volumes": (4.0, 200.0), "extract_radiomics": (10.0, 300.0)}


def benchmark(path: Path, seconds: str, memory: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"s\th:m:s\tmax_rss\n{seconds}\t0:00:01\t{memory}\n")


def test_jobs_are_those_of_the_dry_run():
    jobs = plan.pending_jobs(DRY_RUN)
    assert sorted(rule for rule, _ in jobs.values()) == [
        "detect_lcms",
        "detect_lcms",
        "extract_radiomics",
        "prepare_volumes",
    ]


def test_jobs_are_told_by_patient_and_modality():
    lines = plan.lines_of(plan.pending_jobs(DRY_RUN), COSTS, PLAN)
    assert list(lines) == [("P1", "ct"), ("P2", "lcms"), (plan.COHORT, "")]
    ct = lines["P1", "ct"]
    assert (ct.jobs, ct.seconds, ct.memory, ct.unknown) == (2, 14.0, 300.0, 0)


def test_rule_that_never_ran_here_has_no_estimate():
    lines = plan.lines_of(plan.pending_jobs(DRY_RUN), COSTS, PLAN)
    rows = {row[0]: row for row in plan.rows_of(lines)}
    assert rows["P2"][3:6] == ["", "", "1"]
    said = plan.told(lines)
    assert "4 jobs; one after the other about 14 s" in said
    assert "2 of them have no earlier run here" in said


def test_costs_are_medians_of_earlier_jobs(tmp_path):
    for number, (seconds, memory) in enumerate((("1", "100"), ("2", "120"), ("90", "900"))):
        benchmark(tmp_path / f"align_reads/P{number}.tsv", seconds, memory)
    benchmark(tmp_path / "freeze_split.tsv", "0.5", "NA")
    costs = plan.cost_of_rules(tmp_path)
    assert costs == {"align_reads": (2.0, 120.0), "freeze_split": (0.5, 0.0)}


def test_jobs_that_the_dry_run_counts_and_the_plan_does_not_find_are_a_defect():
    with pytest.raises(InputDefect, match="counts 4 jobs and names 3"):
        plan.pending_jobs(DRY_RUN.replace("(log: logs/detect_lcms/qc.log)", ""))


def test_nothing_pending_is_said():
    assert plan.pending_jobs("Building DAG of jobs...\nNothing to be done (all present).\n") == {}
    assert plan.told({}).startswith("Nothing to be done")


@pytest.mark.parametrize(("seconds", "words"), [(59, "59 s"), (1800, "30 min"), (9000, "2.5 h")])
def test_time_is_told_in_one_unit(seconds, words):
    line = plan.Line(jobs=1, seconds=seconds, memory=10)
    assert words in plan.told({("P1", "ct"): line})
