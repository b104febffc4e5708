"""Three patients of the demo with raw files of every kind: on Slurm the results are those of a local run."""

import json
import re
import shutil
import subprocess
import sys

import pytest

from tests.compare import differences
from tests.slurm.cluster import environment
from tests.workflow.runs import ROOT

pytestmark = pytest.mark.long
CONFIG = ROOT / "config/demo/config.yaml"
CUT = (
    f"demo={json.dumps({'seed': 20260205, 'raw_patients': 3, 'table_patients': 0, 'mess': False})}"
)


def snakemake(run, *arguments):
    """Run the checkout in a run folder; fails the test with the end of what it said."""
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile")]
    command += ["--directory", str(run), "--configfile", str(CONFIG), *arguments]
    done = subprocess.run(
        [*command, "--config", CUT], capture_output=True, text=True, env=environment(), cwd=ROOT
    )
    assert done.returncode == 0, done.stderr[-6000:]
    return done


def without_number_of_logs(findings):
    """Take out how many files were searched for identifiers: an attempt that was made twice has left a log more."""
    text = findings.read_text(encoding="utf-8")
    findings.write_text(re.sub(r"of \d+ text files", "of text files", text), encoding="utf-8")


def test_results_on_slurm_equal_those_of_a_local_run(slurm, tmp_path):
    local, cluster = tmp_path / "local", tmp_path / "cluster"
    local.mkdir()
    snakemake(local, "--cores", "2", "make_cohort")
    shutil.copytree(local, cluster)
    snakemake(local, "--cores", "2")
    done = snakemake(cluster, "--profile", str(ROOT / "profiles/slurm"), "--jobs", "6")
    assert "group_images" in done.stderr and "group_genotypes" in done.stderr
    for run in (local, cluster):
        without_number_of_logs(run / "results/report/findings.tsv")
    assert differences(cluster / "results", local / "results") == []
    assert differences(cluster / "locks", local / "locks") == []
    again = snakemake(cluster, "--profile", str(ROOT / "profiles/slurm"), "--dry-run")
    assert "Nothing to be done" in again.stdout + again.stderr
