"""Ctrl-C at a terminal: one line, no job left, no lock, and the same command goes on."""

import os
import signal
import subprocess
import sys
import time

from scripts.core.interrupt import LINE
from scripts.core.run_processes import jobs_of
from tests.workflow.runs import ROOT, planned_jobs, run_snakemake, write_table_cohort


def test_interrupt_is_one_line_and_leaves_nothing_behind(tmp_path):
    config = write_table_cohort(tmp_path, development=24, external=6)
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile")]
    command += ["--directory", str(tmp_path), "--cores", "2", "--configfile", str(config)]
    printed = tmp_path / "printed.txt"
    with open(printed, "wb") as handle:
        run = subprocess.Popen(
            command,
            stdout=handle,
            stderr=handle,
            cwd=tmp_path,
            process_group=0,  # a terminal sends Ctrl-C to the whole group
            env={k: v for k, v in os.environ.items() if not k.startswith("PYTEST")},
        )
        end = time.monotonic() + 120
        while not jobs_of(run.pid) and run.poll() is None and time.monotonic() < end:
            time.sleep(0.2)
        before = len(printed.read_bytes())
        assert jobs_of(run.pid)
        os.killpg(run.pid, signal.SIGINT)
        assert run.wait(timeout=120) != 0
    said = printed.read_bytes()[before:].decode().splitlines()
    assert said[-1] == LINE
    assert not [line for line in said if "Traceback" in line or "Error" in line]
    assert jobs_of(os.getpid()) == []
    assert list(tmp_path.rglob(".tmp*")) == []
    assert planned_jobs(run_snakemake(tmp_path, "--dry-run", config=config))["select_model"] == 1
