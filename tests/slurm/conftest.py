"""The private Slurm of the tests (slurm_up.sh): brought up once, ended at the end; skips where it cannot be had."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.slurm.cluster import Project

HERE = Path(__file__).parent
COMMANDS = ("munged", "mariadbd", "slurmdbd", "slurmctld", "slurmd", "sbatch", "squeue")


@pytest.fixture(scope="session")
def slurm():
    """A Slurm of two nodes on this host; one that slurm_up.sh has brought up before is used and left."""
    if os.geteuid() != 0:
        pytest.skip("a private Slurm needs root")
    if missing := [command for command in COMMANDS if not shutil.which(command)]:
        pytest.skip(f"Slurm is not installed (no {missing[0]}); `make slurm-tests` installs it")
    config = Path("/etc/slurm/slurm.conf")
    if config.exists() and "tests/slurm/slurm_up.sh" not in config.read_text(encoding="utf-8"):
        pytest.skip(f"{config} belongs to a real Slurm, which tests leave alone")
    was_up = subprocess.run(["timeout", "20", "sinfo"], capture_output=True).returncode == 0
    up = subprocess.run(["bash", str(HERE / "slurm_up.sh")], capture_output=True, text=True)
    if up.returncode != 0:
        subprocess.run(["bash", str(HERE / "slurm_down.sh")], check=False)
        pytest.skip(f"Slurm does not come up here: {up.stderr.strip() or up.stdout.strip()}")
    yield
    if not was_up:
        subprocess.run(["bash", str(HERE / "slurm_down.sh")], check=False)


@pytest.fixture
def project(slurm, tmp_path):
    """A stub project of two patients; what it leaves in the queue is cancelled."""
    made = Project(tmp_path)
    yield made
    made.cancel()
