"""A local run whose main process is killed: its jobs live on, `make resume` ends them and goes on."""

import os
import re
import subprocess

import pytest

from scripts.core.run_processes import orphans
from tests.slurm.cluster import Project, environment

pytestmark = pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="needs /proc")


def test_killed_local_run_is_resumed_and_no_finished_step_is_repeated(tmp_path):
    project = Project(tmp_path)
    project.order("prepare_volumes.P1", "sleep 300")
    command = project.command("--cores", "2")
    project.main = subprocess.Popen(
        command, stderr=subprocess.DEVNULL, cwd=project.tree, env=environment()
    )
    project.wait_for_start("prepare_volumes.P1")
    project.wait_for_start("extract_radiomics.P2")
    project.main.kill()
    project.main.wait()
    left = orphans(project.run)
    assert left  # the step that sleeps
    project.order("prepare_volumes.P1", "")
    done = project.resume()
    assert done.returncode == 0, done.stderr[-3000:]
    # the other step may have ended meanwhile
    ending = re.search(r"Ending (\d+) processes that outlived the run on this host", done.stderr)
    assert 1 <= int(ending[1]) <= len(left)
    ends = [row[0] for row in project.lines("ends.tsv")]
    assert ends.count("prepare_volumes.P1") == ends.count("prepare_volumes.P2") == 1
    assert not list((project.run / "results").rglob(".tmp*"))
