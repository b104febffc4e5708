"""Running the workflow as a user does: one Snakemake process in a run folder of its own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def run_snakemake(
    folder: Path, *arguments: str, config: Path | None = None, check: bool = True, root: Path = ROOT
) -> subprocess.CompletedProcess:
    """Run Snakemake of the checkout `root` with `folder` as run folder; fail the test on a non-zero exit code."""
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(root / "Snakefile")]
    command += ["--directory", str(folder), "--cores", "2"]
    command += ["--configfile", str(config)] if config else []
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST")}
    done = subprocess.run(
        [*command, *arguments], capture_output=True, text=True, env=environment, cwd=folder
    )
    if check and done.returncode != 0:
        pytest.fail(f"snakemake ended with {done.returncode}:\n{done.stdout[-4000:]}\n{done.stderr[-6000:]}")
    return done


def planned_jobs(done: subprocess.CompletedProcess) -> dict[str, int]:
    """{rule: jobs} of the job table that a dry run prints; empty when there is nothing to be done."""
    text = done.stdout + done.stderr
    jobs: dict[str, int] = {}
    if "Job stats:" not in text:
        return jobs
    for line in text.split("Job stats:", 1)[1].splitlines()[3:]:
        parts = line.split()
        if len(parts) != 2 or parts[0] == "total":
            break
        jobs[parts[0]] = int(parts[1])
    return jobs
