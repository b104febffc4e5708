"""Go on after a crash: end what the dead run left running, wait until it is gone, unlock, continue.

In: a run folder, and what its last start wrote to `.hcc/run.json`. Out: the same run, continued.
Source: docs/cluster.md, "Resuming"; without this, jobs that outlive their main process are submitted a second time
and both write.

    python -m scripts.core.resume --directory runs/my-cohort [arguments of snakemake; default: those of the last start]
"""

import argparse
import contextlib
import fcntl
import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

from scripts.core.atomic_file import write_atomically
from scripts.core.run_processes import end, living_main, orphans

RECORD = Path(".hcc/run.json")
_RUN_ID = re.compile(r"^SLURM run ID: (\S+)$", re.M)
_LEFT_OVER = re.compile(r"^\.tmp[0-9]+\.")
_HEAD = 1 << 20  # bytes of a Snakemake log in which the run id stands
_NAMES_AT_ONCE = 50


class CannotResume(Exception):
    """The run may not be continued; the message says why and what to do."""


def record_start(arguments: list[str], started_in: str) -> None:
    """Write down host, folders and command of this main process, so that the run can be continued with the same words.

    started_in : the folder that relative paths among the arguments mean; Snakemake has gone to the run folder by now.
    """
    record = {
        "host": os.uname().nodename,
        "folder": str(Path.cwd()),
        "started_in": started_in,
        "arguments": arguments,
    }
    write_atomically(RECORD, json.dumps(record, ensure_ascii=False, indent=1) + "\n")


def read_start(run: Path) -> dict:
    """Host, folder and command of the last start; empty when there was none."""
    try:
        return json.loads((run / RECORD).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def check_place(run: Path, arguments: list[str]) -> None:
    """Raise CannotResume when the run folder is not where its last start was: its command names the other folder, and of a
    copy also the Slurm jobs are those of the other folder."""
    before = read_start(run).get("folder", "")
    if not before or Path(before).resolve() == run:
        return
    if Path(before).is_dir() and not Path(before).samefile(run):
        raise CannotResume(
            f"{run} is a copy of {before}: what runs for it is that folder's. Resume there; to use the copy, remove "
            f"{run}/.snakemake/log and {run}/{RECORD} and start snakemake with --unlock first"
        )
    if not Path(before).is_dir() and not arguments:
        raise CannotResume(
            f"The run was started in {before} and is now in {run}: add the arguments of snakemake, without --directory"
        )


def run_ids(run: Path) -> list[str]:
    """The ids under which the starts of this run submitted to Slurm (the names of its jobs), oldest first."""
    found: dict[str, None] = {}
    for log in sorted((run / ".snakemake/log").glob("*.snakemake.log")):
        with open(log, "rb") as handle:
            found.update(
                dict.fromkeys(_RUN_ID.findall(handle.read(_HEAD).decode(errors="replace")))
            )
    return list(found)


def slurm_jobs(names: list[str]) -> dict[str, str]:
    """{job id: state} of the jobs of these names that have not ended. Raises CannotResume when Slurm does not answer."""
    found = {}
    for first in range(0, len(names), _NAMES_AT_ONCE):
        chunk = ",".join(names[first : first + _NAMES_AT_ONCE])
        answer = _ask("squeue", "--noheader", "--format=%i|%T", f"--name={chunk}")
        found.update(line.split("|", 1) for line in answer.split())
    return found


def _ask(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    except subprocess.TimeoutExpired:
        raise CannotResume(
            f"{command[0]} does not answer; nothing was changed, try later"
        ) from None
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise CannotResume(
            f"{command[0]} failed: {said[-1] if said else done.returncode}; try later"
        )
    return done.stdout


def cancel_slurm_jobs(names: list[str], patience: float) -> int:
    """Cancel this run's jobs and wait until Slurm lists none of them; how many there were.

    Raises CannotResume when some are still there after `patience` seconds: they might still write.
    """
    jobs = slurm_jobs(names)
    total = len(jobs)
    deadline = time.monotonic() + patience
    pause = 0.5
    if jobs:
        _say(f"Cancelling {total} Slurm jobs of this run that outlived it: {_some(list(jobs))}")
        ids = list(jobs)
        for first in range(0, total, 500):
            _ask("scancel", *ids[first : first + 500])
    while jobs := slurm_jobs(names) if total else {}:
        if time.monotonic() > deadline:
            states = sorted(f"{job} ({state})" for job, state in jobs.items())
            raise CannotResume(
                f"Slurm still lists {_some(states)} after {patience:.0f} s. They may still write, so nothing was "
                "continued. A job that stays COMPLETING sits on a node that does not answer: ask the administrator, "
                "then give this command again."
            )
        time.sleep(pause)
        pause = min(5.0, pause * 1.5)
    return total


def remove_left_overs(run: Path) -> int:
    """Remove the temporary files of killed steps; how many. Only when no job of the run is alive."""
    count = 0
    for top in ("results", "locks", "bundles", ".hcc"):
        for folder, folders, files in os.walk(run / top):
            for name in [name for name in folders if _LEFT_OVER.match(name)]:
                folders.remove(name)
                shutil.rmtree(Path(folder, name), ignore_errors=True)
                count += 1
            for name in filter(_LEFT_OVER.match, files):
                Path(folder, name).unlink(missing_ok=True)
                count += 1
    return count


def prepare(run: Path, *, patience: float, main_is_gone: bool, no_slurm: bool) -> None:
    """Make sure that nothing of an earlier start of this run is alive. Raises CannotResume."""
    if not (run / ".snakemake").is_dir():
        raise CannotResume(f"{run} is no run folder: nothing was ever started there")
    if pid := living_main(run):
        raise CannotResume(
            f"The run is going on: Snakemake is process {pid} on this host. Wait for it, or end it first: kill -INT {pid}"
        )
    started = read_start(run)
    # With --persistence-backend db the locks are rows of that file, which only Snakemake reads.
    locked = any((run / ".snakemake").glob("locks/*.lock")) or any(
        (run / ".snakemake").glob("*.db")
    )
    here = os.uname().nodename
    if locked and started.get("host", here) != here and not main_is_gone:
        raise CannotResume(
            f"The run was started on {started['host']}, and this is {here}: whether its main process lives cannot be "
            f"seen from here. Give this command on {started['host']}, or add --main-is-gone when it surely is."
        )
    ids = run_ids(run)
    if ids and not no_slurm:
        if not (shutil.which("squeue") and shutil.which("scancel")):
            raise CannotResume(
                "This run has used Slurm, and here is no squeue and scancel to look for its jobs: give this command on "
                "a login node, or add --no-slurm when none of its jobs is left."
            )
        cancel_slurm_jobs(ids, patience)
    if left := orphans(run):
        _say(
            f"Ending {len(left)} processes that outlived the run on this host: {_some(list(map(str, left)))}"
        )
        if stubborn := end(left):
            raise CannotResume(
                f"Processes {_some(list(map(str, stubborn)))} do not end; nothing was continued."
            )
    if count := remove_left_overs(run):
        _say(f"Removed {count} half-written files")


@contextlib.contextmanager
def alone(run: Path):
    """Keep a second `resume` of this folder out until this one has ended: it would take the lock of the first one's run away."""
    folder = run / RECORD.parent
    if not (run / ".snakemake").is_dir():
        yield  # `prepare` says so
        return
    folder.mkdir(exist_ok=True)
    with open(folder / "resume.lock", "w", encoding="utf-8") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CannotResume(f"Another `resume` of {run} is at work; wait for its end") from None
        except OSError:
            pass  # a file system without locks
        yield


def command_of(run: Path, arguments: list[str]) -> tuple[list[str], str]:
    """(Snakemake's arguments, folder to start it in): as given, else as in the last start. Raises CannotResume."""
    if arguments:
        # In front: the last options may be lists, such as --config, which would take what follows for their own.
        return ["--directory", str(run), *arguments], os.getcwd()
    started = read_start(run)
    if not started:
        raise CannotResume(
            f"{run / RECORD} does not say how the run was started: add the arguments of snakemake"
        )
    if not Path(started["started_in"]).is_dir():
        raise CannotResume(
            f"The run was started in {started['started_in']}, which is no longer there: add the arguments of snakemake"
        )
    return started["arguments"], started["started_in"]


def _some(names: list[str], shown: int = 10) -> str:
    more = len(names) - shown
    return ", ".join(names[:shown]) + (f" and {more} more" if more > 0 else "")


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


def main(given: list[str] | None = None) -> int:
    """Resume a run; Snakemake's exit code, or 1 with one plain message."""
    parser = argparse.ArgumentParser(
        prog="python -m scripts.core.resume",
        description=__doc__.splitlines()[0],
        allow_abbrev=False,
    )
    parser.add_argument("--directory", type=Path, default=Path("."), help="run folder")
    parser.add_argument(
        "--patience", type=float, default=180, help="seconds to wait for cancelled jobs (180)"
    )
    parser.add_argument(
        "--main-is-gone", action="store_true", help="the main process on another host is dead"
    )
    parser.add_argument("--no-slurm", action="store_true", help="no Slurm job of the run is left")
    options, arguments = parser.parse_known_args(given)
    run = options.directory.resolve()
    try:
        with alone(run):
            check_place(run, arguments)
            command, folder = command_of(run, arguments)
            prepare(
                run,
                patience=options.patience,
                main_is_gone=options.main_is_gone,
                no_slurm=options.no_slurm,
            )
            return _go_on(command, folder)
    except CannotResume as reason:
        _say(str(reason))
        return 1


def _go_on(command: list[str], folder: str) -> int:
    """Unlock and give the command; Snakemake's exit code."""
    snakemake = [sys.executable, "-m", "snakemake"]
    unlocked = subprocess.run([*snakemake, "--unlock", *command], cwd=folder, check=False)
    if unlocked.returncode != 0:
        _say("The run folder could not be unlocked; see above.")
        return unlocked.returncode
    return subprocess.run(
        [*snakemake, "--rerun-incomplete", *command], cwd=folder, check=False
    ).returncode


if __name__ == "__main__":
    sys.exit(main())
