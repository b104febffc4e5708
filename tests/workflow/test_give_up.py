"""A job that keeps being killed for want of memory: named with its cure, given up by one command, the report names it."""

import os
import shutil
import subprocess
import sys

import pytest
import yaml

from scripts.demo.make_cohort import make_cohort
from tests.workflow.runs import ROOT, planned_jobs, run_snakemake

pytestmark = pytest.mark.long  # a run of two patients with raw files, minutes

VICTIM = "P0002"
# What the kernel does to a process that takes too much: no last word. Python reads this file at its start.
KILLER = f"""
import os, signal, sys
script = next((a for a in sys.orig_argv if a.endswith(".search_spectra.py")), "")
if script and b"{VICTIM}" in open(script, "rb").read():
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def short_of_memory(tmp_path, monkeypatch):
    """Every search of the victim's spectra is killed."""
    folder = tmp_path / "killer"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(KILLER, encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(folder))


def test_killed_job_is_named_given_up_and_reported(tmp_path, short_of_memory):
    run = tmp_path / "run"
    run.mkdir()
    make_cohort(run / "cohort", seed=20260205, raw=2, table=0, mess=False, workers=2)
    config = yaml.safe_load((ROOT / "config/demo/config.yaml").read_text(encoding="utf-8"))
    config |= {
        "demo": {},
        "model": {"strategies": ["early"], "repeats": 1, "refits": {"number": 40}},
    }
    (run / "config.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    start = {"config": run / "config.yaml", "check": False}

    failed = run_snakemake(run, **start)
    said = failed.stdout + failed.stderr
    assert failed.returncode == 1
    assert VICTIM in said and "search_spectra" in said
    assert "memory" in said and "make give-up" in said
    assert not (run / "results/report/report.html").exists()

    make = shutil.which("make")
    command = [make, "give-up", f"RUN={run}"] if make and (ROOT / ".venv").exists() else []
    command = command or [sys.executable, "-m", "scripts.core.give_up", "--directory", str(run)]
    gave_up = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=os.environ)
    assert gave_up.returncode == 0, gave_up.stdout + gave_up.stderr
    rows = (run / "cohort/given_up.tsv").read_text(encoding="utf-8").splitlines()
    assert len(rows) == 2 and rows[1].startswith(f"{VICTIM}\tdda\t")

    done = run_snakemake(run, **start)
    assert done.returncode == 0, done.stderr[-3000:]
    report = (run / "results/report/report.html").read_text(encoding="utf-8")
    assert "given up" in report and VICTIM in report
    assert planned_jobs(run_snakemake(run, "--dry-run", config=run / "config.yaml")) == {}
