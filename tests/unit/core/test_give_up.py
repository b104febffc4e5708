"""Giving up pairs that cannot be computed: which pair a failed job is about, and what is written."""

import json
from pathlib import Path

import pytest

from scripts.core import give_up
from scripts.core.sheets import read_sheet

PLAN = {
    "folder": "cohort",
    "patients": {"P1": {}, "P2": {}},
    "assays": {
        "ct": {"P1": [{"assay_id": "P1_ct_arterial"}], "P2": [{"assay_id": "P2_ct_arterial"}]},
        "lcms": {"P1": [{"assay_id": "run-7"}]},
        "wes": {"P1": [{"assay_id": "P1_wes"}]},
        "cfdna": {"P1": [{"assay_id": "P1_cfdna"}]},
    },
}
LOG = """Building DAG of jobs...
Error in rule extract_radiomics:
    message: Radiomics of ct of P2 -> results/imaging/ct/P2/row.json
    jobid: 3
    input: results/imaging/ct/P2/volumes
    output: results/imaging/ct/P2/row.json, results/qc/ledger/extract_radiomics/P2.ct.jsonl
    log: logs/extract_radiomics/P2.ct.log (check log file(s) for error details)
Error in rule fit_lcms:
    jobid: 4
    output: results/metabolomics/lcms/reference/lcms.npz
    log: logs/fit_lcms/lcms.log (check log file(s) for error details)
"""


@pytest.fixture
def run(tmp_path, monkeypatch) -> Path:
    """A run folder after a run in which a patient's step was killed and a cohort step failed."""
    monkeypatch.chdir(tmp_path)
    for name, text in (
        (".hcc/plan.json", json.dumps(PLAN)),
        (".snakemake/log/2026-01-01T000000.1.snakemake.log", "an older run\n"),
        (".snakemake/log/2026-01-02T000000.1.snakemake.log", LOG),
        ("logs/extract_radiomics/P2.ct.log", "2026-01-02 10:00:00,1 INFO reading\n"),
        ("cohort/patients.tsv", "patient_id\n"),
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


@pytest.mark.parametrize(
    ("outputs", "pairs"),
    [
        ("results/imaging/ct/P2/row.json, results/qc/ledger/x/P2.ct.jsonl", [("P2", "ct")]),
        ("results/metabolomics/lcms/runs/run-7.npz", [("P1", "lcms")]),
        ("results/genomics/wes/P1/wes.bam", [("P1", "wes")]),
        ("results/genomics/identity/P1.tsv", [("P1", "wes"), ("P1", "cfdna")]),
        ("results/metabolomics/lcms/runs/qc_lcms_1.npz", []),
        ("results/cohort/cohort.h5mu", []),
        ("results/imaging/ct/P2/volumes (directory)", [("P2", "ct")]),
        ("", []),
    ],
)
def test_failed_job_is_about_the_pair_that_its_outputs_name(outputs, pairs):
    assert give_up.pairs_of(outputs, PLAN) == pairs


def test_failed_jobs_of_the_last_run_are_written_and_those_of_the_cohort_told(run, capsys):
    assert give_up.main(["--directory", str(run)]) == 0
    said = capsys.readouterr().out
    [row] = read_sheet(run / "cohort/given_up.tsv", "given_up").rows
    assert (row["patient_id"], row["modality"], row["step"]) == ("P2", "ct", "extract_radiomics")
    assert row["reason"].startswith("stopped without an error of its own (killed, out of memory")
    assert "given up: ct of P2" in said
    assert "step fit_lcms is not about one patient (logs/fit_lcms/lcms.log)" in said


def test_pair_is_written_once(run):
    for _ in range(2):
        assert give_up.main(["--patient", "P1", "--modality", "ct", "--reason", "lost disk"]) == 0
    [row] = read_sheet(run / "cohort/given_up.tsv", "given_up").rows
    assert row["reason"] == "lost disk"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--patient", "P2", "--modality", "lcms", "--reason", "x"], "P2 has ct"),
        (["--patient", "P9", "--modality", "ct", "--reason", "x"], "no patient P9"),
        (["--patient", "P1"], "give all three"),
    ],
)
def test_wrong_pair_is_refused_in_one_line(run, capsys, arguments, words):
    assert give_up.main(arguments) == 2
    said = capsys.readouterr().err
    assert words in said and len(said.splitlines()) == 1
    assert not (run / "cohort/given_up.tsv").exists()


def test_folder_without_a_run_is_refused_in_one_line(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert give_up.main([]) == 2
    assert "name the run folder with --directory" in capsys.readouterr().err


def test_reason_holds_no_identifier_and_no_tab():
    assert give_up.one_line("no\tfile 13800138000\nhere") == "no file (hidden) here"


def test_run_is_found_behind_a_look_at_the_plan(run, capsys):
    look = run / ".snakemake/log/2026-01-03T000000.1.snakemake.log"
    look.write_text("Building DAG of jobs...\nFinished jobid: 0 (Rule: plan)\n")
    assert give_up.main([]) == 0
    assert "given up: ct of P2" in capsys.readouterr().out


def test_second_time_says_so(run, capsys):
    pair = ["--patient", "P1", "--modality", "ct", "--reason", "lost disk"]
    assert give_up.main(pair) == 0
    assert give_up.main(pair) == 0
    assert "Given up before, nothing changed" in capsys.readouterr().out
    plan = PLAN | {"assays": {}, "given_up": {"ct_arterial": {"P1": "lost disk"}}}
    (run / ".hcc/plan.json").write_text(json.dumps(plan))
    assert give_up.main(pair) == 2
    assert "ct of P1 was given up before" in capsys.readouterr().err
