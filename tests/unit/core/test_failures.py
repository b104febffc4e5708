"""Which jobs failed for good, and why: from logs as Snakemake 9.27 and Slurm 22.05 wrote them."""

import pytest

from scripts.core import failures
from scripts.core.failures import FailedJob, cause, failed_jobs, import_error

GROUP = """[Thu Nov 26 00:49:45 2026]
    message: Error in group images
    log: /run/.snakemake/slurm_logs/group_images/{number}.log (check log file(s) for error details)
    jobs:
        rule prepare_volumes:
            jobid: 1
            output: results/a
            log: logs/prepare_volumes/P1.ct.log (check log file(s) for error details)
        rule extract_radiomics:
            jobid: 0
            output: results/b
            log: logs/extract_radiomics/P1.ct.log (check log file(s) for error details)
Logfile /run/.snakemake/slurm_logs/group_images/{number}.log:
================================================================================
Error in rule prepare_volumes:
    jobid: 0
Finished jobid: 1 (Rule: prepare_volumes)
================================================================================
    [Thu Nov 26 00:49:45 2026]
    Error in rule extract_radiomics:
        jobid: 0
        log: logs/extract_radiomics/P1.ct.log (check log file(s) for error details)
"""
AGAIN = "Trying to restart job 4c2b1168.\n"
FINISHED = """[Thu Nov 26 00:50:55 2026]
Finished jobid: 1 (Rule: prepare_volumes)
[Thu Nov 26 00:50:55 2026]
Finished jobid: 0 (Rule: extract_radiomics)
"""
REFUSED = """[Thu Nov 26 00:56:31 2026]
Error in rule fit_lcms:
    message: SLURM sbatch failed. The error message was 'sbatch: error: Memory specification can not be satisfied
sbatch: error: Batch job submission failed: Requested node configuration is not available'.
    sbatch call:
        sbatch --parsable --mem 90000
For further error details see the cluster/cloud log and the log files of the involved rule(s).
    jobid: 7
    log: logs/fit_lcms/lcms.log (check log file(s) for error details)
Logfile logs/fit_lcms/lcms.log not found.
"""
STEP = (
    "2026-11-26 00:49:37,871 INFO prepare_volumes, subject P1\n"
    "2026-11-26 00:49:37,872 INFO may use 2000 MB and 15 min\n"
)


@pytest.fixture
def run(tmp_path, monkeypatch):
    """An empty run folder as the current one, on a machine without Slurm."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    (tmp_path / "bin").mkdir()
    return tmp_path


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return str(path)


def squeue(run, state):
    """A squeue that knows every job in one state."""
    path = run / "bin/squeue"
    write(path, f"#!/bin/sh\necho {state}\n")
    path.chmod(0o755)


def failed(run, text):
    return failed_jobs(write(run / "snakemake.log", text))


def test_job_that_a_later_attempt_finished_has_not_failed(run):
    assert failed(run, GROUP.format(number=3) + AGAIN + FINISHED) == []
    assert len(failed(run, GROUP.format(number=3) + FINISHED + GROUP.format(number=4))) == 1


def test_copied_logs_of_jobs_are_not_taken_for_the_log_of_the_run(run):
    copied = GROUP.format(number=3).replace(
        "Error in rule prepare_volumes:", "Error in rule other:"
    )
    assert "other" not in {job.rule for job in failed(run, copied)}


def test_group_is_named_by_the_step_that_failed_in_it(run):
    log = write(
        run / ".snakemake/slurm_logs/group_images/3.log", "Error in rule prepare_volumes:\n"
    )
    text = GROUP.format(number=3).replace("/run/", f"{run}/")
    assert failed(run, text) == [
        FailedJob("prepare_volumes", "logs/prepare_volumes/P1.ct.log", log)
    ]


def test_group_ended_from_outside_is_named_by_the_step_that_was_running(run):
    write(run / "logs/prepare_volumes/P1.ct.log", STEP + "x INFO took 1.0 s, peak memory 9 MB\n")
    write(run / "logs/extract_radiomics/P1.ct.log", STEP)
    assert [job.rule for job in failed(run, GROUP.format(number=3))] == ["extract_radiomics"]


def test_only_the_last_attempt_counts(run):
    text = GROUP.format(number=3) + AGAIN + GROUP.format(number=5)
    assert [job.cluster_log[-5:] for job in failed(run, text)] == ["5.log"]


def test_refusal_by_sbatch_is_told_in_its_words(run):
    (job,) = failed(run, REFUSED)
    assert (job.rule, job.log) == ("fit_lcms", "logs/fit_lcms/lcms.log")
    assert "Memory specification can not be satisfied" in cause(job)
    group = GROUP.format(number=3).splitlines(keepends=True)
    (job,) = failed(run, "".join(group[:2] + group[3:12]))
    assert cause(job).startswith("Slurm did not take or not start it: has a partition")


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (
            "slurmstepd-n1: error: StepId=4.0 exceeded memory limit (582418432 > 524288000), being killed",
            "ran out of memory at 2000 MB; give it more with --set-resources prepare_volumes:mem_mb=4000, "
            "or let the run end without it: make give-up",
        ),
        (
            "slurmstepd: error: Detected 1 oom_kill event in StepId=5.0. Some of the step tasks have been OOM Killed.",
            "ran out of memory at 2000 MB",
        ),
        (
            "slurmstepd-n1: error: *** JOB 12 ON n1 CANCELLED AT 2026-11-26T00:58:42 DUE TO TIME LIMIT ***",
            "ran out of time after 15 min; give it more with --set-resources prepare_volumes:runtime=30",
        ),
        (
            "slurmstepd-n1: error: *** JOB 12 ON n1 CANCELLED AT 2026-11-26T00:58:42 DUE TO NODE FAILURE ***",
            "its node was lost",
        ),
        (
            "slurmstepd-n1: error: *** JOB 12 ON n1 CANCELLED AT 2026-11-26T00:58:42 ***",
            "was cancelled on the cluster",
        ),
    ],
)
def test_end_by_slurm_is_named_with_the_cure(run, said, told):
    cluster = write(run / ".snakemake/slurm_logs/x/12.log", f"Building DAG\n{said}\n")
    step = write(run / "logs/prepare_volumes/P1.log", STEP)
    assert cause(FailedJob("prepare_volumes", step, cluster)).startswith(told)


def test_state_of_slurm_tells_where_the_logs_do_not(run):
    job = FailedJob("prepare_volumes", "", str(run / ".snakemake/slurm_logs/x/12.log"))
    assert cause(job).startswith("Slurm did not take or not start it")
    squeue(run, "CANCELLED")
    assert cause(job).startswith("was cancelled")
    squeue(run, "NODE_FAIL")
    assert cause(job).startswith("its node was lost")
    squeue(run, "OUT_OF_MEMORY")
    assert cause(job).startswith("ran out of memory; give it more with --set-resources")


def test_memory_error_of_a_step_is_named_with_the_cure(run):
    error = "numpy._core._exceptions._ArrayMemoryError: Unable to allocate 8. GiB"
    step = write(run / "logs/x/P1.log", f"{STEP}2026-11-26 00:49:40,1 ERROR Traceback\n{error}\n")
    assert "ran out of memory at 2000 MB" in cause(FailedJob("x", step))


def test_local_step_killed_from_outside_is_told_from_snakemakes_log(run):
    step = write(run / "logs/align_reads/P1.log", STEP)
    log = write(
        run / "snakemake.log",
        "Command 'set -euo pipefail;  python .snakemake/scripts/tmp1.align_reads.py' "
        "died with <Signals.SIGKILL: 9>.\n",
    )
    assert "was killed from outside" in cause(FailedJob("align_reads", step), log)
    assert "stopped without an error" in cause(FailedJob("call_variants", step), log)


def test_step_that_died_at_its_imports_is_named_with_the_exception(run, monkeypatch):
    code = write(run / "code/scripts/imaging/broken_step.py", "import no_such_library\n")
    monkeypatch.setattr(failures, "ROOT", run / "code")
    told = "its code could not be loaded: ModuleNotFoundError: No module named 'no_such_library'"
    assert cause(FailedJob("broken_step")) == told
    # a log of the attempt before, which ended well, is no log of this one
    ended = write(run / "logs/broken_step/P1.log", STEP + "x INFO took 1.0 s, peak memory 9 MB\n")
    import_error.cache_clear()
    assert cause(FailedJob("broken_step", ended)) == told
    assert code and "it wrote no log" in cause(FailedJob("no_rule_of_ours"))


def test_step_on_a_node_that_died_at_its_imports_is_named_by_its_cluster_log(run):
    text = 'Traceback (most recent call last):\n  File "x.py", line 1\nImportError: libhts.so.3: no such file\n'
    log = write(run / ".snakemake/slurm_logs/rule_x/7.log", text)
    assert "could not be loaded: ImportError: libhts.so.3" in cause(FailedJob("x", "", log))
