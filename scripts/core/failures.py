"""Which jobs of a run failed for good, and of what, in plain words with the cure.

In: Snakemake's log, the logs of the steps, on Slurm the logs of its jobs and `squeue`. Out: sentences.
Source: the log formats of Snakemake 9.27 and of slurmstepd 22.05-24.05; docs/cluster.md.
"""

import functools
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path

from scripts.core.hashing import ROOT

_ERROR_IN_RULE = re.compile(r"^Error in rule (\S+?):", re.M)
_ERROR_IN_GROUP = re.compile(r"^ {4}message: Error in group ")
_MEMBER = re.compile(r"^ {8}rule (\S+?):$")
_REFUSED = re.compile(
    r"^ {4}message: SLURM sbatch failed\. The error message was '(?:sbatch: error: )?(.*)"
)
_LOGS = re.compile(r"^ +log: (.+?)(?: \(check log file.*)?$")
_OUTPUT = re.compile(r"^ +output: (.+)$")
_JOBID = re.compile(r"^ +jobid: (\S+)$")
_FINISHED = re.compile(r"^Finished jobid: (\S+) ")
# Snakemake copies the logs of failed jobs into its own, between two lines of "=".
_COPIED = re.compile(r"^ *Logfile .*:\n *(={10,})\n(?:.*\n)*? *\1\n", re.M)
_CLUSTER_LOG = re.compile(r"/slurm_logs/.*?([0-9]+)\.log$")
_STEP_ERROR = re.compile(r"^\S+ \S+ ERROR ")
_EXCEPTION = re.compile(r"^[A-Za-z_.]*(Error|Exception|Exit|Interrupt|Warning|Killed)\b.*")
_STEP_ENDED = re.compile(r" INFO took [0-9.]+ s, peak memory ")
_ALLOWED = re.compile(r" INFO may use ([0-9]+) MB and ([0-9]+) min")
# What slurmstepd, srun and the kernel say, most telling first.
_SIGNS = (
    (
        "memory",
        re.compile(r"exceeded (?:job |step )?memory limit|oom[-_ ]?kill|out of memory", re.I),
    ),
    ("time", re.compile(r"CANCELLED AT \S+ DUE TO TIME LIMIT")),
    ("node", re.compile(r"DUE TO NODE FAILURE|Node failure on|node_fail", re.I)),
    ("cancelled", re.compile(r"CANCELLED AT|Force Terminated job", re.I)),
)
_SIGN_OF_STATE = {
    "OUT_OF_MEMORY": "memory",
    "TIMEOUT": "time",
    "DEADLINE": "time",
    "NODE_FAIL": "node",
    "BOOT_FAIL": "node",
    "CANCELLED": "cancelled",
    "PREEMPTED": "cancelled",
}
_TAIL = 65536  # bytes of a log that are read for signs


@dataclass(frozen=True)
class FailedJob:
    """One failed job: its rule, the log of its step, the log of its Slurm job ("" when it had none).

    refused: what sbatch said when it took the job not ("" = it took it)
    outputs: its outputs as Snakemake names them, ", " between them
    """

    rule: str
    log: str = ""
    cluster_log: str = ""
    refused: str = ""
    outputs: str = field(default="", compare=False)


def failed_jobs(snakemake_log: str | Path) -> list[FailedJob]:
    """The failed jobs that Snakemake's own log names, each once; not those that a later attempt finished."""
    text = Path(snakemake_log).read_text(encoding="utf-8", errors="replace")
    errors = _errors(_COPIED.sub("", text))
    groups: dict[object, list[FailedJob]] = {}
    for job, group in errors:
        groups.setdefault(group or job, []).append(job)
    found: dict[tuple[str, str], FailedJob] = {}
    for members in groups.values():
        for job in members if len(members) == 1 else _culprits(members):
            found[job.rule, job.log] = job
    return list(found.values())


def _errors(text: str) -> list[tuple[FailedJob, int]]:
    """(job, number of the error of a group that it stands in, else 0) of every error that was not made good."""
    open_errors: dict[tuple[str, str], tuple[FailedJob, int]] = {}
    key_of_jobid: dict[str, list[tuple[str, str]]] = {}
    job, jobid, group, number = None, "", None, 0

    def close() -> None:
        nonlocal job, jobid
        if job is not None:
            key = (job.rule, job.log)
            open_errors[key] = (job, 0 if group is None else number)
            key_of_jobid.setdefault(jobid, []).append(key)
        job, jobid = None, ""

    for line in text.splitlines():
        if match := _ERROR_IN_RULE.match(line):
            close()
            job, group = FailedJob(match.group(1)), None
        elif _ERROR_IN_GROUP.match(line):
            close()
            group, number = "", number + 1
        elif group is not None and (match := _MEMBER.match(line)):
            close()
            # Snakemake does not write down why a group was refused.
            job = FailedJob(match.group(1), cluster_log=group, refused="" if group else "group")
        elif match := _FINISHED.match(line):
            close()
            for key in key_of_jobid.pop(match.group(1), []):
                open_errors.pop(key, None)
        elif match := _LOGS.match(line):
            logs = match.group(1).split(", ")
            cluster = next((log for log in logs if _CLUSTER_LOG.search(log)), "")
            if job is None and group is not None:
                group = group or cluster
            elif job is not None and not job.log:
                steps = [log for log in logs if log != cluster]
                job = replace(
                    job, log=steps[0] if steps else "", cluster_log=cluster or job.cluster_log
                )
        elif job is not None and not jobid and (match := _JOBID.match(line)):
            jobid = match.group(1)
        elif job is not None and not job.outputs and (match := _OUTPUT.match(line)):
            job = replace(job, outputs=match.group(1))
        elif job is not None and (match := _REFUSED.match(line)):
            job = replace(job, refused=match.group(1))
        elif line.startswith("["):  # the time stamp before the next event
            close()
            group = None
    close()
    return list(open_errors.values())


def _culprits(members: list[FailedJob]) -> list[FailedJob]:
    """Those of a group's steps that failed: named by the Slurm job's log, else begun and not ended, else the first."""
    named = set(_ERROR_IN_RULE.findall(_tail(members[0].cluster_log)))
    culprits = [job for job in members if job.rule in named]
    return culprits or [job for job in members if _was_cut_short(job.log)] or members[:1]


def _tail(path: str | Path) -> str:
    if not path or not Path(path).is_file():
        return ""
    with open(path, "rb") as handle:
        handle.seek(max(0, Path(path).stat().st_size - _TAIL))
        return handle.read().decode("utf-8", errors="replace")


def _was_cut_short(log: str | Path) -> bool:
    text = _tail(log)
    return bool(text) and not _STEP_ENDED.search(text)


def cause(job: FailedJob, snakemake_log: str | Path = "") -> str:
    """Why a job failed: the error of its step, or who ended it from outside and what to do about it."""
    step = _tail(job.log)
    lines = [line for line in step.splitlines() if line.strip()]
    error = _last_error(lines)
    if error and "MemoryError" not in error:
        return error
    sign = "memory" if error else _sign(job, snakemake_log)
    allowed = _ALLOWED.search(step)
    mb, minutes = (int(allowed.group(1)), int(allowed.group(2))) if allowed else (0, 0)
    if sign == "memory":
        at = f" at {mb} MB" if mb else ""
        more = 2 * mb if mb else "8000"
        return (
            f"ran out of memory{at}; give it more with --set-resources {job.rule}:mem_mb={more}, "
            "or let the run end without it: make give-up"
        )
    if sign == "time":
        after = f" after {minutes} min" if minutes else ""
        more = 2 * minutes if minutes else "120"
        return (
            f"ran out of time{after}; give it more with --set-resources {job.rule}:runtime={more}"
        )
    if sign == "node":
        return "its node was lost; give the command again (a broken node: --slurm-exclude-failed-nodes)"
    if sign == "cancelled":
        return "was cancelled on the cluster (scancel, or by the administrator); give the command again"
    if sign == "killed":
        return (
            "was killed from outside, on one machine most often because its memory was used up; give --resources "
            "mem_mb=<what the machine has>, or fewer --cores, or let the run end without it: make give-up"
        )
    if sign == "refused":
        said = f" ({job.refused})" if job.refused not in ("", "group") else ""
        return (
            f"Slurm did not take or not start it{said}: has a partition so much memory, time and cores, and may "
            "your account use it? docs/cluster.md, Partitions"
        )
    if not lines or ended_by_itself(job):
        died = _exception_of(_tail(job.cluster_log)) or import_error(job.rule)
        if died:
            return f"its code could not be loaded: {died}"
    if not lines:
        return "it wrote no log" + (f"; see {job.cluster_log}" if job.cluster_log else "")
    return f"stopped without an error of its own (killed, out of memory or time?); its log ends: {lines[-1]}"


def ended_by_itself(job: FailedJob) -> bool:
    """Whether the log of a step is one of a step that came to its end, without an error of the program."""
    step = _tail(job.log)
    return bool(_STEP_ENDED.search(step)) and not _last_error(step.splitlines())


@functools.cache
def import_error(rule: str) -> str:
    """The exception that the script of a rule raises when it is imported; "" when it can be loaded, or is not ours.

    A job that dies at its imports has no log yet, and on one machine Snakemake keeps no copy of what it wrote to stderr.
    """
    script = next(ROOT.glob(f"scripts/*/{rule}.py"), None)
    if script is None:
        return ""
    module = ".".join(script.relative_to(ROOT).with_suffix("").parts)
    command = [sys.executable, "-c", f"import {module}"]
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return (
        _exception_of(done.stderr) or f"it ended with {done.returncode}" if done.returncode else ""
    )


def _exception_of(text: str) -> str:
    """The line of the last exception in a text that ends with a traceback, else ""."""
    if "Traceback (most recent call last)" not in text and "SyntaxError" not in text:
        return ""
    return next((line for line in reversed(text.splitlines()) if _EXCEPTION.match(line)), "")


def _last_error(lines: list[str]) -> str:
    errors = [number for number, line in enumerate(lines) if _STEP_ERROR.match(line)]
    if not errors:
        return ""
    after = [line for line in lines[errors[-1] + 1 :] if _EXCEPTION.match(line)]
    return after[-1] if after else _STEP_ERROR.sub("", lines[errors[-1]])


def _sign(job: FailedJob, snakemake_log: str | Path) -> str:
    """memory, time, node, cancelled, refused, killed, or "" when nothing tells."""
    if job.refused:
        return "refused"
    said = _tail(job.cluster_log)
    for sign, words in _SIGNS:
        if words.search(said):
            return sign
    if match := _CLUSTER_LOG.search(job.cluster_log):
        state = _slurm_state(match.group(1))
        return _SIGN_OF_STATE.get(state, "" if said else "refused")
    killed = rf"\.{job.rule}\.py' (?:died with <Signals\.SIGKILL|returned non-zero exit status (?:137|-9)\b)"
    return "killed" if re.search(killed, _tail(snakemake_log)) else ""


def _slurm_state(jobid: str) -> str:
    """State of an ended Slurm job, as long as Slurm remembers it (MinJobAge, 5 min by default); else ""."""
    if not shutil.which("squeue"):
        return ""
    command = ["squeue", "--noheader", "--states=all", "--format=%T", f"--jobs={jobid}"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return answer.stdout.strip().split("\n")[0].strip()
