"""What really happens to jobs of a cluster: the run ends with a plain message that names the cure, or goes on."""

import contextlib
import os
import re
import signal
import subprocess
from pathlib import Path

import pytest

from scripts.core.run_processes import processes
from tests.slurm.cluster import Project, idle_nodes, submitted, wait_until

pytestmark = pytest.mark.long
STATE = Path(os.environ.get("HCC_SLURM", "/tmp/hcc-slurm"))


def told(said: str) -> dict[str, str]:
    """{patient: what the end of the run says about it}."""
    ending = said[said.rindex("failed jobs:") :]
    return dict(re.findall(r"^  (P\d) ct, step (.*)$", ending, re.M))


def test_every_kind_of_failure_is_named_with_its_cure_and_the_others_finish(slurm, tmp_path):
    project = Project(tmp_path, patients=5)
    project.order("extract_radiomics.P1", "fail")
    project.order("prepare_volumes.P2", "memory 900")
    project.order("prepare_volumes.P3", "sleep 900")
    project.order("prepare_volumes.P4", "sleep 900")
    main = project.start("--retries", "0")
    project.wait_for_start("prepare_volumes.P4")
    (job,) = [
        number
        for number, log in re.findall(r"SLURM jobid (\d+) \(log: (\S+)\)", project.said())
        if "prepare_volumes" in log and "patient=P4" in Path(log).read_text(encoding="utf-8")
    ]
    subprocess.run(["scancel", job], check=True)
    said = project.ended(main)
    assert main.returncode != 0
    reasons = told(said)
    assert reasons["P1"] == "extract_radiomics: ValueError: told to fail"
    assert reasons["P2"].startswith(
        "prepare_volumes: ran out of memory at 500 MB; give it more with --set-resources prepare_volumes:mem_mb=1000"
    )
    assert reasons["P3"].startswith(
        "prepare_volumes: ran out of time after 2 min; give it more with"
    )
    assert reasons["P4"].startswith("prepare_volumes: was cancelled on the cluster")
    assert set(reasons) == {"P1", "P2", "P3", "P4"}
    assert (project.run / "results/imaging/ct/P5/row.json").is_file()
    assert project.queued() == {}

    for patient in project.patients:
        for step in ("prepare_volumes", "extract_radiomics"):
            project.order(f"{step}.{patient}", "")
    ended = project.lines("ends.tsv")
    again = project.start()
    said = project.ended(again)
    assert again.returncode == 0, said[-3000:]
    assert len(submitted(said)) == 4  # P5 is not done again
    assert "P5" not in {row[0][-2:] for row in project.lines("ends.tsv")[len(ended) :]}


def test_step_that_needs_more_memory_gets_twice_as_much_at_the_second_attempt(project):
    project.order("prepare_volumes.P1", "memory 450")
    main = project.start()
    said = project.ended(main)
    assert main.returncode == 0, said[-3000:]
    given = [row[3] for row in project.lines("starts.tsv") if row[0] == "prepare_volumes.P1"]
    assert given == ["500", "1000"]
    assert "failed jobs" not in said


def test_job_cancelled_while_it_waits_is_named(slurm, tmp_path):
    project = Project(tmp_path, patients=3)  # two nodes, one job on each
    main = project.start("--retries", "0", "--set-resources", "prepare_volumes:mem_mb=12000")
    waiting = wait_until(
        lambda: [job for job, state in project.queued().items() if state == "PENDING"], "waiting"
    )
    wait_until(lambda: len(submitted(project.said())) == 3, "submission")
    subprocess.run(["scancel", waiting[-1]], check=True)
    said = project.ended(main)
    assert main.returncode != 0
    (reason,) = told(said).values()
    assert "was cancelled on the cluster" in reason


def test_job_that_no_node_can_hold_is_refused_in_slurms_words(project):
    main = project.start("--retries", "0", "--set-resources", "prepare_volumes:mem_mb=90000")
    said = project.ended(main)
    assert main.returncode != 0
    assert told(said)["P1"].endswith(
        "Slurm did not take or not start it: has a partition so much memory, time and cores, and may your account use it? "
        "docs/cluster.md, Partitions"
    )


def kill_node(node: str, pid: int) -> None:
    """End slurmd of a node and the job of which `pid` is a process, as a power cut would: without a word."""
    found = processes()
    steps = set()
    while pid in found:
        if found[pid].words[0].startswith("slurmstepd"):
            steps.add(pid)
        pid = found[pid].parent
    number = re.search(r"\[(\d+)\.", found[min(steps)].words[0]).group(1)
    steps = {p.pid for p in found.values() if p.words[0].startswith(f"slurmstepd: [{number}.")}
    doomed = set(steps)
    while more := {p.pid for p in found.values() if p.parent in doomed} - doomed:
        doomed |= more
    for pid in [int((STATE / f"run/slurmd.{node}.pid").read_text()), *steps, *doomed]:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def test_job_of_a_lost_node_runs_again_on_another(project):
    project.order("prepare_volumes.P1", "sleep 300")
    main = project.start()
    _, pid, node, _, _ = project.wait_for_start("prepare_volumes.P1")
    try:
        kill_node(node, int(pid))
        project.order("prepare_volumes.P1", "")
        said = project.ended(main)
        assert main.returncode == 0, said[-3000:]
        nodes = [row[2] for row in project.lines("starts.tsv") if row[0] == "prepare_volumes.P1"]
        assert len(nodes) == 2 and nodes[0] != nodes[1]
        ends = [row[0] for row in project.lines("ends.tsv")]
        # Another patient's Slurm job may have been on that node: what it had done is done again, nothing else is.
        lost = {row[0] for row in project.lines("starts.tsv") if row[2] == node}
        assert {name for name in ends if ends.count(name) > 1} <= lost
    finally:
        subprocess.run(["slurmd", "-N", node], check=True)
        wait_until(lambda: len(idle_nodes()) == 2, "second node")
