"""Resuming: jobs of the dead run are cancelled and waited for, then the same command goes on."""

import json
import os
import shutil
import subprocess
import sys
import time

import pytest

from scripts.core import resume
from scripts.core.resume import CannotResume, prepare
from scripts.core.run_processes import end, living_main, orphans, processes

# A Slurm of files: queue/<job id> holds "name state"; scancel removes the job unless it is stuck.
SQUEUE = """#!/bin/sh
echo "$@" >> calls.txt
[ -e down ] && { echo "slurm_load_jobs error: Unable to contact slurm controller" >&2; exit 1; }
for a in "$@"; do case "$a" in --name=*) names=",${a#--name=},";; esac; done
for f in queue/*; do
  [ -e "$f" ] || continue
  read name state < "$f"
  case "$names" in *",$name,"*) echo "${f#queue/}|$state";; esac
done
"""
SCANCEL = """#!/bin/sh
for job in "$@"; do
  read name state < "queue/$job"
  [ "$state" = STUCK ] || rm "queue/$job"
done
"""


@pytest.fixture
def run(tmp_path, monkeypatch):
    """A run folder that Slurm knows, with one start under the id `ours`."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bin").mkdir()
    for name, text in (("squeue", SQUEUE), ("scancel", SCANCEL)):
        (tmp_path / "bin" / name).write_text(text)
        (tmp_path / "bin" / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    (tmp_path / "queue").mkdir()
    logs = tmp_path / ".snakemake/log"
    logs.mkdir(parents=True)
    (logs / "2026-01-01.snakemake.log").write_text("Building DAG\nSLURM run ID: ours\nmore\n")
    (logs / "2026-01-02.snakemake.log").write_text("a local run\n")
    (tmp_path / ".snakemake/locks").mkdir()
    return tmp_path


def submit(run, job, name="ours", state="RUNNING"):
    (run / "queue" / str(job)).write_text(f"{name} {state}\n")


def ready(run, **options):
    given = {"patience": 0.1, "main_is_gone": False, "no_slurm": False} | options
    prepare(run, **given)


def test_jobs_of_this_run_are_cancelled_and_those_of_others_are_not(run, capsys):
    submit(run, 11)
    submit(run, 12, state="PENDING")
    submit(run, 13, name="theirs")
    ready(run)
    assert os.listdir(run / "queue") == ["13"]
    assert "Cancelling 2 Slurm jobs of this run that outlived it: 11, 12" in capsys.readouterr().err


def test_job_that_does_not_go_stops_the_resuming_with_its_number(run):
    submit(run, 11, state="STUCK")
    with pytest.raises(CannotResume, match=r"still lists 11 \(STUCK\).*nothing was\s+continued"):
        ready(run)


def test_slurm_that_does_not_answer_changes_nothing(run):
    submit(run, 11)
    (run / "down").touch()
    with pytest.raises(CannotResume, match="Unable to contact slurm controller; try later"):
        ready(run)
    assert os.listdir(run / "queue") == ["11"]


def test_run_that_never_used_slurm_asks_nothing(run):
    (run / ".snakemake/log/2026-01-01.snakemake.log").unlink()
    ready(run)
    assert not (run / "calls.txt").exists()


def test_host_without_slurm_is_refused_unless_told(run, monkeypatch):
    monkeypatch.setenv("PATH", str(run / "queue"))
    with pytest.raises(CannotResume, match="give this command on\\s+a login node"):
        ready(run)
    ready(run, no_slurm=True)


def test_folder_that_is_no_run_is_refused(tmp_path):
    with pytest.raises(CannotResume, match="nothing was ever started there"):
        ready(tmp_path)


def test_run_locked_from_another_host_is_refused_unless_told(run):
    (run / ".hcc").mkdir()
    (run / ".hcc/run.json").write_text(
        json.dumps({"host": "login2", "started_in": "/", "arguments": []})
    )
    ready(run)  # not locked: it ended by itself
    (run / ".snakemake/locks/0.input.lock").touch()
    with pytest.raises(CannotResume, match="Give this command on login2"):
        ready(run)
    ready(run, main_is_gone=True)


def test_half_written_files_are_removed_and_results_are_kept(run):
    (run / "results/x/.tmp12.variants").mkdir(parents=True)
    (run / "results/x/.tmp12.variants/a.vcf").touch()
    for name in ("results/x/.tmp12.row.json", "results/x/row.json", "locks/.tmp7.split.tsv"):
        (run / name).parent.mkdir(exist_ok=True)
        (run / name).touch()
    ready(run)
    left = [str(p.relative_to(run)) for top in ("results", "locks") for p in (run / top).rglob("*")]
    assert left == ["results/x", "results/x/row.json"]


def start(run, *words):
    """A process in the run folder with a child, both deaf to nothing; words are its arguments."""
    code = (
        "import subprocess as s, sys; s.run([sys.executable, '-c', 'import time; time.sleep(60)'])"
    )
    process = subprocess.Popen([sys.executable, "-c", code, *words], cwd=run)
    deadline = time.monotonic() + 20
    while process.pid not in {other.parent for other in processes().values()}:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return process


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="needs /proc")
class TestProcesses:
    """Processes of a run on this host."""

    def test_orphan_step_and_its_children_are_ended_and_others_are_not(self, run):
        step = start(run, ".snakemake/scripts/tmp1.align_reads.py")
        shell = start(run, "somebody's own")
        try:
            found = orphans(run)
            assert step.pid in found and len(found) == 2 and shell.pid not in found
            ready(run)
            assert step.wait(10) != 0
            assert orphans(run) == []
            assert shell.poll() is None
        finally:
            end([shell.pid, step.pid, *orphans(run)])
            shell.wait()
            step.wait()

    def test_living_main_process_is_named_and_left_alone(self, run):
        main = start(run, "snakemake")
        try:
            assert living_main(run) == main.pid
            with pytest.raises(CannotResume, match=f"process {main.pid} on this host"):
                ready(run)
            assert main.poll() is None
        finally:
            end([main.pid])
            main.wait()


def test_command_of_the_last_start_is_given_again(run):
    resume.record_start(["--directory", run.name, "--cores", "2"], str(run.parent))
    assert resume.command_of(run, []) == (
        ["--directory", run.name, "--cores", "2"],
        str(run.parent),
    )
    words, folder = resume.command_of(run, ["--cores", "1"])
    assert words == ["--directory", str(run), "--cores", "1"] and folder == os.getcwd()


def test_run_without_a_record_needs_the_arguments(run):
    with pytest.raises(CannotResume, match="add the arguments of snakemake"):
        resume.command_of(run, [])


def test_refusal_is_one_line_and_exit_code_one(tmp_path, capsys):
    assert resume.main(["--directory", str(tmp_path), "--cores", "1"]) == 1
    assert capsys.readouterr().err.count("\n") == 1


def test_copy_of_a_run_is_refused_and_the_jobs_of_the_original_stay(run, capsys):
    submit(run, 11)
    resume.record_start(["--directory", str(run), "--cores", "2"], "/")
    copy = run.parent / f"{run.name}-copy"
    shutil.copytree(run, copy)
    for arguments in ([], ["--cores", "1"]):
        assert resume.main(["--directory", str(copy), *arguments]) == 1
        assert f"is a copy of {run}" in capsys.readouterr().err
    assert os.listdir(run / "queue") == ["11"] and not (run / "calls.txt").exists()


def test_moved_run_needs_the_arguments_and_a_linked_one_does_not(run):
    resume.record_start(["--directory", str(run), "--cores", "2"], "/")
    link = run.parent / f"{run.name}-link"
    link.symlink_to(run)
    resume.check_place(link.resolve(), [])
    moved = run.rename(run.parent / f"{run.name}-moved")
    with pytest.raises(CannotResume, match="add the arguments of snakemake, without --directory"):
        resume.check_place(moved, [])
    resume.check_place(moved, ["--cores", "1"])


def test_second_resume_of_a_folder_waits_outside(run, capsys):
    with resume.alone(run):
        assert resume.main(["--directory", str(run), "--cores", "1"]) == 1
    assert "Another `resume`" in capsys.readouterr().err
