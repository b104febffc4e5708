"""Killing a run with SIGKILL and going on: what the tests of killed runs share."""

import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.compare import differences
from tests.workflow.runs import ROOT, run_snakemake

_JOB = re.compile(r"^Job (\d+): .*\(log: (\S+)\)$")
_FINISHED = re.compile(r"^Finished jobid: (\d+) ")


def finished_jobs(folder: Path) -> list[list[str]]:
    """Jobs that each start of a run saw finish, by the path of their log (one per job); oldest start first."""
    starts = []
    for log in sorted((folder / ".snakemake/log").glob("*.snakemake.log")):
        names, done = {}, []
        for line in log.read_text(encoding="utf-8", errors="replace").splitlines():
            if match := _JOB.match(line):
                names[match[1]] = match[2]
            elif (match := _FINISHED.match(line)) and match[1] in names:
                done.append(names[match[1]])
        starts.append(done)
    return starts


class KilledRun:
    """A run that is killed again and again; `groups` holds the process groups of the dead starts."""

    def __init__(self, folder: Path, config: Path, *arguments: str, seed: int):
        self.folder = folder
        self.config = config
        self.arguments = arguments
        self.random = random.Random(seed)
        self.groups: list[int] = []

    def kill_once(self, whole: bool) -> bool:
        """Start, wait for one to three finished jobs and some moments more, kill; False when the run was done before.

        whole : kill the process group; otherwise Snakemake alone, whose steps then go on as orphans
        """
        before = len(finished_jobs(self.folder))
        wanted = self.random.randint(1, 3)
        command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile")]
        command += ["--directory", str(self.folder), "--configfile", str(self.config)]
        command += ["--cores", "2", *self.arguments]
        with subprocess.Popen(
            command,
            cwd=self.folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={k: v for k, v in os.environ.items() if not k.startswith("PYTEST")},
            start_new_session=True,
        ) as process:
            while process.poll() is None:
                starts = finished_jobs(self.folder)[before:]
                if starts and len(starts[0]) >= wanted:
                    break
                time.sleep(0.05)
            time.sleep(self.random.uniform(0.0, 2.0))
            if process.poll() is not None:
                assert process.returncode == 0
                return False
            if whole:
                os.killpg(process.pid, signal.SIGKILL)
            else:
                os.kill(process.pid, signal.SIGKILL)
        self.groups.append(process.pid)
        self.unlock()
        return True

    def unlock(self) -> None:
        run_snakemake(self.folder, "--unlock", *self.arguments, config=self.config)

    def finish(self) -> None:
        """Go on to the end; wait until no orphan is left and remove what killed steps left half written."""
        run_snakemake(self.folder, *self.arguments, config=self.config)
        for group in self.groups:
            while _lives(group):
                time.sleep(0.1)
        for path in sorted(self.folder.rglob(".tmp*")):
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)


def _lives(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def assert_same_as_undisturbed(run: KilledRun, undisturbed: Path) -> None:
    """Results, locks and bundles are those of the other run; no job that had finished was done again; nothing is left to do."""
    for name in ("results", "bundles", "locks"):
        if not (undisturbed / name).exists():  # a cohort too small for a model has no bundle
            assert not (run.folder / name).exists()
            continue
        found = differences(undisturbed / name, run.folder / name)
        assert not found, "\n".join(found)
    starts = finished_jobs(run.folder)
    done = [job for start in starts for job in start]
    assert len(starts) > len(run.groups)
    again = sorted({job for job in done if done.count(job) > 1})
    assert again == [], "done again though finished"
    assert sorted(done) == sorted(finished_jobs(undisturbed)[-1])
    left = run_snakemake(run.folder, "--dry-run", *run.arguments, config=run.config)
    if "Nothing to be done" not in left.stdout + left.stderr:
        pytest.fail(f"a finished run has jobs left:\n{left.stdout[-3000:]}")
