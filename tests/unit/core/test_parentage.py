"""A step that outlives its Snakemake publishes nothing."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from scripts.core.hashing import ROOT
from scripts.core.parentage import is_orphan, line_to_snakemake

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")

# A stand-in for Snakemake (by its command line) that starts a shell, which starts the step.
STEP = """
import sys, time
from pathlib import Path
from scripts.core.command_line import Named
from scripts.core.job import step
job = Named()
job.output, job.wildcards, job.params = Named(["out.txt"]), Named(), Named()
job.log, job.threads, job.rule = ["step.log"], 1, "slow_step"
with step(job) as current:
    current.path("out.txt").write_text("done")
    Path("started").touch()
    while not Path("go").exists():
        time.sleep(0.02)
"""
MAIN = """
import subprocess, sys
subprocess.run(["bash", "-c", "set -eu; " + sys.executable + " step.py; true"])
"""


@pytest.fixture
def running(tmp_path):
    """A step that waits under a main process called snakemake."""
    (tmp_path / "step.py").write_text(STEP)
    (tmp_path / "snakemake_main.py").write_text(MAIN)
    process = subprocess.Popen(
        [sys.executable, "snakemake_main.py"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        start_new_session=True,
    )
    wait_for(tmp_path / "started")
    yield tmp_path, process
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def wait_for(path: Path, text: str = "") -> None:
    while not (path.exists() and text in path.read_text()):
        time.sleep(0.02)


def test_step_under_a_living_snakemake_publishes(running):
    folder, process = running
    (folder / "go").touch()
    process.wait()
    assert (folder / "out.txt").read_text() == "done"


def test_step_whose_snakemake_was_killed_publishes_nothing_and_cleans_up(running):
    folder, process = running
    process.kill()
    process.wait()
    (folder / "go").touch()
    wait_for(folder / "step.log", "peak memory")
    assert "Snakemake is gone" in (folder / "step.log").read_text()
    assert not (folder / "out.txt").exists()
    assert list(folder.glob(".tmp*")) == []


def test_process_without_snakemake_nearby_has_no_line(tmp_path):
    code = (
        "import json; from scripts.core.parentage import *; print(json.dumps(line_to_snakemake()))"
    )
    shells = f'bash -c \'bash -c "bash -c \\"{sys.executable} x.py; true\\"; true"; true\''
    (tmp_path / "x.py").write_text(code)
    done = subprocess.run(
        shells,
        shell=True,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout) == []
    assert not is_orphan(())


def test_line_is_stable_while_nothing_dies():
    assert line_to_snakemake() == line_to_snakemake()
