"""The demo from end to end, as `make demo` runs it: findings, report, reruns; its clean twin."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from scripts.clinical.lab_sheet import HIDDEN
from scripts.core.sheets import decode
from tests.compare import differences
from tests.workflow.planted import failed, missed, rows_of, strange
from tests.workflow.runs import ROOT, planned_jobs, run_snakemake

DEMO = ROOT / "config" / "demo" / "config.yaml"
COHORT_STEPS = {
    "all",
    "evaluate_test",
    "audit_cohort",
    "assemble_cohort",
    "explore_cohort",
    "associate_blocks",
    "cross_validate",
    "select_model",
    "refit_model",
    "permute_labels",
    "validate_internal",
    "audit_external",
    "assess_conformance",
    "write_report",
    "build_store",
    "write_conformance_report",
    "write_quality_report",
    "print_reports",
}


def make_demo(folder: Path) -> str:
    """`make demo` into a folder of its own; returns what a person sees."""
    done = subprocess.run(
        ["make", "demo", f"RUN={folder}", "CORES=2"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, (done.stdout + done.stderr)[-6000:]
    return done.stdout + done.stderr


def demo(folder: Path, *arguments: str, check: bool = True) -> subprocess.CompletedProcess:
    return run_snakemake(folder, *arguments, config=DEMO, check=check)


@pytest.fixture(scope="session")
def finished(tmp_path_factory) -> Path:
    """The demo, made once; tests that change it put it back."""
    folder = tmp_path_factory.mktemp("demo") / "run"
    folder.parent.joinpath("printed.txt").write_text(make_demo(folder), encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def clean(tmp_path_factory) -> Path:
    """The clean twin of the demo."""
    folder = tmp_path_factory.mktemp("clean") / "run"
    folder.mkdir()
    twin = ["--config", "demo={'mess': False}"]
    demo(folder, "make_cohort", *twin)
    demo(folder, *twin)
    return folder


def test_a_person_is_told_what_runs_and_where_the_report_is(finished):
    printed = (finished.parent / "printed.txt").read_text(encoding="utf-8")
    assert re.search(
        r"\d+ patients admitted \(\d+ development, \d+ external\), \d+ refused", printed
    )
    assert re.search(r"Radiomics of ct of P0001 -> \S+ \(log: \S+\)", printed)
    assert re.search(r"of \d+ steps \(100%\) done", printed)
    assert f"The report of the demo: {finished}/results/report/report.html" in printed


def test_every_planted_defect_is_found(finished):
    assert len(rows_of(finished / "cohort/expected_findings.tsv")) > 30
    assert missed(finished) == []


def test_nothing_else_fails_than_what_was_planted(finished):
    assert strange(finished) == []


@pytest.mark.long
def test_clean_twin_fails_only_what_its_size_and_dates_imply(clean):
    expected = rows_of(clean / "cohort/expected_findings.tsv")
    assert {row["requirement_id"] for row in expected} == {"MOD-07", "MOD-08"}
    fails = [row for row in failed(clean) if row["verdict"] == "FAIL"]
    assert [(row["subject"], row["requirement_id"]) for row in fails] == [
        (row["subject"], row["requirement_id"]) for row in expected
    ]
    assert all(row["note"] for row in expected)


def test_demo_fuses_several_blocks_and_no_curve_is_perfect(finished):
    import json

    performance = json.loads((finished / "results/model/performance.json").read_text())
    late = performance["strategies"]["late"]["metrics"]["auc"]["value"]
    afp = performance["strategies"]["afp"]["metrics"]["auc"]["value"]
    assert 0.8 < late < 0.99
    assert 0.6 < afp < late
    blocks = {path.stem for path in (finished / "results/features").glob("*.parquet")}
    assert {"clinical", "lcms", "gcms", "dda", "dia", "wes", "cfdna", "us"} <= blocks
    audit = json.loads((finished / "results/cohort/audit.json").read_text())
    # Index dates are drawn without regard to the class; in this draw they tell it a little (AUC .62, .51 to .73).
    assert {c["model"] for c in audit["negative_controls"] if c["flag"]} <= {"calendar time"}
    assert performance["verdict"]["code"] == "discriminates"


def test_every_reported_line_is_the_line_of_the_file(finished):
    """Rows of withdrawn people stand above most others in the demo's sheets: nothing may be counted without them."""
    import duckdb

    with duckdb.connect(
        str(finished / "results/clinical/clinical.duckdb"), read_only=True
    ) as store:
        labs = store.sql("SELECT line, patient_id, analyte, value_raw FROM labs").fetchall()
        edits = store.sql(
            "SELECT sheet, line, patient_id, raw FROM edit_log WHERE line > 0"
        ).fetchall()
    files = {
        path.stem: decode(path.read_bytes())[0].splitlines()  # one sheet is in GB18030
        for path in (finished / "cohort").glob("*.tsv")
    }
    cells = {name: [line.split("\t") for line in lines] for name, lines in files.items()}
    assert len(labs) > 5000
    for line, *said in labs:
        assert set(said) <= {*cells["labs"][line - 1], HIDDEN}, line
    assert edits
    for sheet, line, patient, raw in edits:
        assert patient in cells[sheet][line - 1], (sheet, line)
        assert set(raw.split()) <= {*" ".join(cells[sheet][line - 1]).split(), HIDDEN}, (
            sheet,
            line,
        )
    told = [
        (match[1], int(match[2]), match[3])
        for row in rows_of(finished / "results/report/findings.tsv")
        for match in re.finditer(r"(\w+)\.tsv row (\d+): (\S+)", row["reason"])
    ]
    assert len(told) >= 5
    for sheet, line, first in told:
        assert first in files[sheet][line - 1], (sheet, line, first)


def test_report_needs_no_network_and_names_every_failed_pair(finished):
    page = (finished / "results/report/report.html").read_text(encoding="utf-8")
    assert not re.search(r'(?:src|href)="(?:https?:)?//', page) and "@import" not in page
    for path in (finished / "results/qc").glob("*.verdicts.tsv"):
        for row in rows_of(path):
            if row["verdict"] == "fail":
                assert row["patient_id"] in page


def test_demo_a_second_time_has_nothing_to_do(finished):
    printed = make_demo(finished)
    assert (
        printed.count("Nothing to be done") == 1
    )  # a cohort newer than the code is not even looked at


def test_touched_sheets_rerun_nothing(finished):
    for path in (finished / "cohort").glob("*.tsv"):
        os.utime(path)
    assert planned_jobs(demo(finished, "--dry-run")) == {}


def test_changed_lcms_file_reruns_that_chain_and_the_cohort_steps_only(finished):
    path = next((finished / "cohort/raw/lcms").glob("*/P0002.mzML.gz"))
    before = path.read_bytes()
    path.write_bytes(before[:1000])
    try:
        jobs = planned_jobs(demo(finished, "--dry-run"))
    finally:
        path.write_bytes(before)
    chain = {"detect_lcms": 1, "apply_lcms": 1, "assess_dispersion": 1, "collect_block": 1}
    assert {rule: count for rule, count in jobs.items() if rule in chain} == chain
    assert set(jobs) - set(chain) <= COHORT_STEPS


def test_demo_made_again_in_another_folder_is_equal(finished, tmp_path):
    demo_cohort = tmp_path / "run"
    demo_cohort.mkdir()
    demo(demo_cohort, "make_cohort")
    assert differences(finished / "cohort", demo_cohort / "cohort") == []
