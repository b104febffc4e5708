"""`snakemake validate_inputs`: a broken cohort ends with the list of errors and nothing else."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.demo.latent import make_people
from scripts.demo.make_cohort import write_sheet
from scripts.demo.simulate_clinical import simulate

ROOT = Path(__file__).parents[2]
SEED = 20260205


@pytest.fixture
def cohort(tmp_path) -> Path:
    """The clinical sheets of a small demo cohort; returns the working directory."""
    folder = tmp_path / "cohort"
    folder.mkdir()
    sheets = simulate(make_people(SEED, 6, 6), folder, SEED, False).sheets
    for name, rows in sheets.items():
        write_sheet(folder, name, rows)
    (tmp_path / "config.yaml").write_text('sheets: cohort\nas_of: "2026-03-01"\n')
    return tmp_path


def validate(folder: Path) -> subprocess.CompletedProcess:
    command = [
        sys.executable,
        "-m",
        "snakemake",
        "-s",
        str(ROOT / "Snakefile"),
        "--directory",
        str(folder),
    ]
    command += ["--configfile", str(folder / "config.yaml"), "--cores", "1", "validate_inputs"]
    return subprocess.run(command, capture_output=True, text=True, env=os.environ, check=False)


def test_sound_cohort_passes(cohort):
    done = validate(cohort)
    assert done.returncode == 0, done.stderr
    lines = (cohort / "results/clinical/validation.tsv").read_text(encoding="utf-8").splitlines()
    assert "labs\t\tsheet can be read\tPASS\tgb18030\t" in lines
    failed = {line.split("\t")[1] for line in lines if "\tFAIL\t" in line}
    assert failed <= {
        "MOD-07"
    }  # as in the clean twin of the demo: its external sites are of one level


def test_errors_of_all_sheets_are_listed_without_traceback(cohort):
    sheets = cohort / "cohort"
    for name, old, new in (
        ("patients", "\tmale\t", "\tM\t"),
        ("samples", "K2EDTA", "PURPLE"),
        ("history", "\tyes\t", "\tperhaps\t"),
    ):
        path = sheets / f"{name}.tsv"
        path.write_text(path.read_text(encoding="utf-8").replace(old, new, 1), encoding="utf-8")
    done = validate(cohort)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr and "WorkflowError" not in done.stderr
    assert "column sex: 'M': allowed: male, female" in done.stderr
    assert "column tube_type: 'PURPLE': allowed: K2EDTA" in done.stderr
    assert "'perhaps': allowed: yes or no" in done.stderr
    assert not (cohort / "results").exists()


def test_unknown_ids_and_identifiers_are_found_in_every_sheet(cohort):
    sheets = cohort / "cohort"
    labs = sheets / "labs.tsv"
    labs.write_text(
        labs.read_text(encoding="gb18030").replace("P0003", "P9003"), encoding="gb18030"
    )
    events = sheets / "sample_events.tsv"
    events.write_text(events.read_text().replace("S0001", "S9991", 1))
    study = sheets / "study.tsv"
    study.write_text(study.read_text().replace("demonstration", "call 13800138000"))
    done = validate(cohort)
    assert done.returncode == 1
    assert "labs.tsv, row" in done.stderr and "'P9003': not in patients.tsv" in done.stderr
    assert "not in samples.tsv" in done.stderr
    assert "looks like a mobile number" in done.stderr
    assert "13800138000" not in done.stderr
