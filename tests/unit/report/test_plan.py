"""What the next run would do: pending jobs by patient and modality, and costs only where there was an earlier run."""

from pathlib import Path

import pytest

from scripts.report import plan

HEADER = "output_file\tdate\trule\tlog-file(s)\tstatus\tplan\n"
PLAN = {
    "patients": {"P1": {}, "P2": {}},
    "assays": {"ct": {"P1": [{"assay_id": "P1_ct"}]}, "lcms": {"P2": [{"assay_id": "run-7"}]}},
}


def summary(*rows: tuple[str, str, str, str]) -> str:
    """Lines of `snakemake --summary`: output, rule, log, plan."""
    lines = [f"{output}\t-\t{rule}\t{log}\tmissing\t{todo}\n" for output, rule, log, todo in rows]
    return HEADER + "".join(lines)


SUMMARY = summary(
    ("results/imaging/ct/P1/meta.json", "prepare_volumes", "logs/a/P1.ct.log", "update pending"),
    ("results/qc/ledger/prepare_volumes/P1.ct.jsonl", "prepare_volumes", "logs/a/P1.ct.log", "update pending"),
    ("results/imaging/ct/P1/row.json", "extract_radiomics", "logs/b/P1.ct.log", "update pending"),
    ("results/metabolomics/lcms/runs/run-7.npz", "detect_lcms", "logs/c/run-7.log", "update pending"),
    ("results/metabolomics/lcms/runs/qc.npz", "detect_lcms", "logs/c/qc.log", "update pending"),
    ("results/clinical/x.tsv", "check_custody", "logs/d/cohort.log", "no update"),
)  # fmt: skip
COSTS = {"prepare_volumes": (4.0, 200.0), "extract_radiomics": (10.0, 300.0)}


def benchmark(path: Path, seconds: str, memory: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"s\th:m:s\tmax_rss\n{seconds}\t0:00:01\t{memory}\n")


def test_job_with_several_outputs_counts_once_and_finished_ones_not_at_all():
    jobs = plan.pending_jobs(SUMMARY)
    assert sorted(rule for rule, _ in jobs) == [
        "detect_lcms",
        "detect_lcms",
        "extract_radiomics",
        "prepare_volumes",
    ]


def test_jobs_are_told_by_patient_and_modality():
    lines = plan.lines_of(plan.pending_jobs(SUMMARY), COSTS, PLAN)
    assert list(lines) == [("P1", "ct"), ("P2", "lcms"), (plan.COHORT, "")]
    ct = lines["P1", "ct"]
    assert (ct.jobs, ct.seconds, ct.memory, ct.unknown) == (2, 14.0, 300.0, 0)


def test_rule_that_never_ran_here_has_no_estimate():
    lines = plan.lines_of(plan.pending_jobs(SUMMARY), COSTS, PLAN)
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


def test_nothing_pending_is_said():
    assert plan.told({}).startswith("Nothing to be done")


@pytest.mark.parametrize(("seconds", "words"), [(59, "59 s"), (1800, "30 min"), (9000, "2.5 h")])
def test_time_is_told_in_one_unit(seconds, words):
    line = plan.Line(jobs=1, seconds=seconds, memory=10)
    assert words in plan.told({("P1", "ct"): line})
