"""A cohort of ready-made tables: features to report in one command; what must and must not rerun."""

import json
import os
import shutil
import subprocess
import sys
import time

import pytest

from tests.workflow.runs import (
    ROOT,
    planned_jobs,
    run_snakemake,
    write_sheet,
    write_table_cohort,
)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A finished run of a cohort of tables with an external centre."""
    folder = tmp_path_factory.mktemp("tables")
    config = write_table_cohort(folder)
    run_snakemake(folder, config=config)
    return folder


@pytest.fixture
def run(finished, tmp_path):
    """A copy of the finished run that a test may change; times are kept."""
    folder = tmp_path / "run"
    shutil.copytree(finished, folder, copy_function=shutil.copy2)
    return folder


def dry_run(folder, *arguments) -> dict[str, int]:
    return planned_jobs(
        run_snakemake(folder, "--dry-run", *arguments, config=folder / "config.yaml")
    )


def split_of(folder) -> dict[str, str]:
    lines = (folder / "results/cohort/split.tsv").read_text(encoding="utf-8").splitlines()
    header = lines[0].split("\t")
    rows = [dict(zip(header, line.split("\t"), strict=True)) for line in lines[1:]]
    return {row["patient_id"]: row["part"] for row in rows}


def bundles_of(folder) -> dict[str, bytes]:
    files = sorted(p for p in (folder / "bundles").rglob("*") if p.is_file())
    return {str(p.relative_to(folder)): p.read_bytes() for p in files}


def edit(path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_one_command_makes_report_bundle_and_external_validation(finished):
    for name in (
        "results/report/report.html",
        "results/model/performance.json",
        "results/external/performance.json",
        "locks/bundle.json",
        "locks/split.tsv",
    ):
        assert (finished / name).stat().st_size > 0, name
    assert bundles_of(finished)


def test_external_tables_are_written_after_the_lock(finished):
    locked = (finished / "locks/bundle.json").stat().st_mtime_ns
    written = [p for p in (finished / "results/external").rglob("*") if p.is_file()]
    assert len(written) > 4 and all(p.stat().st_mtime_ns > locked for p in written)


def test_second_run_has_nothing_to_do(run):
    assert dry_run(run) == {}


def test_touched_sheets_rerun_nothing(run):
    for path in (run / "cohort").rglob("*.tsv"):
        os.utime(path)
    assert dry_run(run) == {}
    run_snakemake(run, config=run / "config.yaml")
    assert dry_run(run) == {}


def test_changed_table_reruns_its_block_and_the_cohort_steps_only(run):
    edit(run / "cohort/features/proteins.tsv", "T000\t", "T000\t9")
    jobs = dry_run(run)
    assert jobs["collect_block"] == 1
    assert "freeze_split" not in jobs
    assert {"assemble_cohort", "cross_validate", "select_model", "write_report"} <= set(jobs)
    assert not {"fit_model", "lock_bundle"} & set(jobs)  # a model is locked: nothing refits it


def test_added_and_withdrawn_patients_move_nobody_and_leave_the_bundle(run):
    before, bundles = split_of(run), bundles_of(run)
    path = run / "cohort/patients.tsv"
    edit(path, "T000\tA\thcc\tdevelopment\n", "")  # withdrawn
    with open(path, "a", encoding="utf-8") as handle:
        handle.write("T900\tA\thcc\tdevelopment\nT901\tB\tcirrhosis\tdevelopment\n")
    for table in ("metabolites", "proteins"):
        table = run / f"cohort/features/{table}.tsv"
        lines = table.read_text(encoding="utf-8").splitlines(keepends=True)
        kept = [line for line in lines if not line.startswith("T000\t")]
        new = [lines[1].replace("T000\t", f"{name}\t1") for name in ("T900", "T901")]
        table.write_text("".join(kept + new), encoding="utf-8")
    run_snakemake(run, config=run / "config.yaml")
    after = split_of(run)
    assert set(after) == set(before) - {"T000"} | {"T900", "T901"}
    assert {p: s for p, s in after.items() if p in before} == {
        p: s for p, s in before.items() if p in after
    }
    assert bundles_of(run) == bundles


def run_and_change(folder, config, change, *targets) -> None:
    """Run, and change inputs as soon as the plan of the run is frozen."""
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile")]
    command += ["--directory", str(folder), "--cores", "1", *targets, "--configfile", str(config)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        deadline = time.monotonic() + 60
        while not (folder / ".hcc/plan.json").exists():
            assert time.monotonic() < deadline and process.poll() is None
            time.sleep(0.05)
        change()
        _, stderr = process.communicate(timeout=600)
        assert process.returncode == 0, stderr[-3000:]


def test_sheet_edited_while_jobs_run_acts_at_the_next_start(tmp_path):
    config = write_table_cohort(tmp_path)
    sheet = tmp_path / "cohort/patients.tsv"
    run_and_change(tmp_path, config, lambda: edit(sheet, "T001\tA\tcirrhosis", "T001\tA\thcc"))
    plan = json.loads((tmp_path / ".hcc/plan.json").read_text(encoding="utf-8"))
    assert plan["patients"]["T001"]["diagnosis"] == "cirrhosis"
    frozen = (tmp_path / ".hcc/sheets/patients.tsv").read_text(encoding="utf-8")
    assert "T001\tA\tcirrhosis" in frozen
    assert "cross_validate" in dry_run(tmp_path)


def verdicts_of(folder) -> dict[str, str]:
    lines = (folder / "results/qc/proteins.verdicts.tsv").read_text(encoding="utf-8").splitlines()
    return {cells[0]: cells[2] for cells in (line.split("\t") for line in lines[1:])}


def test_date_and_consents_changed_while_jobs_run_act_at_the_next_start(tmp_path):
    config = write_table_cohort(tmp_path, development=6, external=2)
    names = [f"T{number:03d}" for number in range(8)]
    shared = {"status": "signed", "signed_date": "2025-01-01", "scope_purposes": "research"}
    shared |= {"scope_modalities": "clinical;proteomics;metabolomics"}
    consents = tmp_path / "cohort/consents.tsv"
    write_sheet(
        consents,
        [
            {"patient_id": name, "kind": kind, "expires": f"20{30 - (name == 'T001')}-12-31"}
            | shared
            for name in names
            for kind in ("base", "data_use")
        ],
    )
    edit(config, "consent: {not_available: drawn numbers, document: none}\n", "")

    def change():
        edit(config, "2026-03-01", "2030-06-01")  # T001 has expired by then
        edit(consents, "T002\tbase\t2030-12-31\tsigned", "T002\tbase\t2030-12-31\twithdrawn")

    run_and_change(tmp_path, config, change, "features", "validate_inputs")
    plan = json.loads((tmp_path / ".hcc/plan.json").read_text(encoding="utf-8"))
    assert plan["as_of"] == "2026-03-01" and set(plan["patients"]) == set(names)
    assert verdicts_of(tmp_path) == dict.fromkeys(names[:6], "pass")
    found = (tmp_path / "results/clinical/validation.tsv").read_text(encoding="utf-8")
    assert "T001\tETH-06\tconsent in force\tPASS" in found
    run_snakemake(tmp_path, "features", "validate_inputs", config=config)
    left = [name for name in names[:6] if name not in ("T001", "T002")]
    assert verdicts_of(tmp_path) == dict.fromkeys(left, "pass")
    found = (tmp_path / "results/clinical/validation.tsv").read_text(encoding="utf-8")
    assert "T001\tETH-06\tpatient may enter\tFAIL" in found and "T002" not in found


def test_second_start_while_jobs_run_changes_nothing(tmp_path):
    config = write_table_cohort(tmp_path, development=6, external=2)
    run_snakemake(tmp_path, "features", config=config)
    held = tmp_path / ".snakemake/locks/0.output.lock"  # as a run that goes on would hold it
    held.parent.mkdir(exist_ok=True)
    held.write_text("results/features/proteins.parquet\n", encoding="utf-8")
    before = (tmp_path / ".hcc/plan.json").read_bytes()
    edit(tmp_path / "cohort/features/proteins.tsv", "T000\t", "T000\t9")
    second = run_snakemake(tmp_path, "features", config=config, check=False)
    assert second.returncode == 1 and "another run is at work here" in second.stderr
    nothing = run_snakemake(tmp_path, "validate_inputs", config=config, check=False)
    assert (
        nothing.returncode == 1 and held.exists()
    )  # a start with little to do leaves the lock alone
    assert (tmp_path / ".hcc/plan.json").read_bytes() == before
    held.unlink()
    run_snakemake(tmp_path, "features", config=config)
    assert (tmp_path / ".hcc/plan.json").read_bytes() != before
