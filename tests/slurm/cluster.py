"""A copy of the checkout whose steps do as they are told, and a cohort of a few patients to run it on."""

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from scripts.core.resume import run_ids, slurm_jobs
from tests.workflow.runs import ROOT, write_sheet

STUBBED = ("imaging/prepare_volumes", "imaging/extract_radiomics")


class Project:
    """A copy of the checkout with stub steps (`tree`) and a run folder of patients with CT (`run`)."""

    def __init__(self, folder: Path, patients: int = 2):
        self.tree, self.run = folder / "tree", folder / "run"
        self.main: subprocess.Popen | None = None
        self.patients = [f"P{number + 1}" for number in range(patients)]
        for name in ("rules", "scripts", "config", "resources", "profiles", "envs"):
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / name, self.tree / name, ignore=ignored)
        shutil.copy2(ROOT / "Snakefile", self.tree)
        for step in STUBBED:
            shutil.copy2(Path(__file__).with_name("stub_step.py"), self.tree / f"scripts/{step}.py")
        rules = self.tree / "rules/imaging.smk"
        # Little enough that a test may exceed it (500 MB at first, 1000 MB then), enough for a host that is busy.
        text = rules.read_text(encoding="utf-8")
        for declared in ("memory(2000)", "memory(3000)"):
            text = text.replace(declared, "memory(500)")
        rules.write_text(text.replace("minutes(15)", "minutes(2)"), encoding="utf-8")
        self._write_cohort()

    def _write_cohort(self) -> None:
        cohort = self.run / "cohort"
        cohort.mkdir(parents=True)
        (self.run / "orders").mkdir()
        people = [
            {"patient_id": p, "centre": "A", "diagnosis": "hcc", "role": "development"}
            for p in self.patients
        ]
        files = []
        for patient in self.patients:
            for name in (f"{patient}.nii.gz", f"{patient}_mask.nii.gz"):
                (cohort / name).touch()
            row = {"patient_id": patient, "modality": "ct", "phase": "arterial", "reader": "r1"}
            files.append(row | {"file": f"{patient}.nii.gz", "mask": f"{patient}_mask.nii.gz"})
        write_sheet(cohort / "patients.tsv", people)
        write_sheet(cohort / "assays.tsv", files)
        self.config = self.run / "config.yaml"
        self.config.write_text(
            'sheets: cohort\nas_of: "2026-03-01"\nconsent: {not_available: stub, document: none}\n',
            encoding="utf-8",
        )

    def order(self, step: str, words: str) -> None:
        """Tell a step (rule.patient) what to do; an empty order takes the last one back."""
        path = self.run / "orders" / step
        path.unlink(missing_ok=True)
        if words:
            path.write_text(words, encoding="utf-8")

    def command(self, *arguments: str) -> list[str]:
        """The Snakemake command for the rows of all patients."""
        command = [sys.executable, "-m", "snakemake", "--snakefile", str(self.tree / "Snakefile")]
        command += ["--directory", str(self.run), "--configfile", str(self.config)]
        rows = [f"results/imaging/ct/{patient}/row.json" for patient in self.patients]
        return [*command, *arguments, "--", *rows]

    def start(self, *arguments: str) -> subprocess.Popen:
        """Start Snakemake on Slurm with the shipped profile; its output goes to main.log."""
        command = self.command("--profile", str(self.tree / "profiles/slurm"), *arguments)
        with open(self.run / "main.log", "w", encoding="utf-8") as log:
            self.main = subprocess.Popen(
                command, stdout=log, stderr=subprocess.STDOUT, cwd=self.tree, env=environment()
            )
        return self.main

    def ended(self, main: subprocess.Popen, seconds: float = 900) -> str:
        """Wait for a main process; what it said. Fails the test when it hangs."""
        try:
            main.wait(seconds)
        except subprocess.TimeoutExpired:
            main.kill()
            main.wait()
            pytest.fail(f"the run hung for {seconds} s:\n{self.said()[-3000:]}")
        return self.said()

    def resume(self) -> subprocess.CompletedProcess:
        """What `make resume` does."""
        command = [sys.executable, "-m", "scripts.core.resume", "--directory", str(self.run)]
        return subprocess.run(
            command, capture_output=True, text=True, env=environment(), cwd=self.tree, timeout=900
        )

    def queued(self) -> dict[str, str]:
        """{job id: state} of this project's jobs that have not ended; not those of other tests on the same Slurm."""
        ids = run_ids(self.run)
        return slurm_jobs(ids) if ids else {}

    def cancel(self) -> None:
        """End a main process that a failed test has left, which would submit again, and cancel its jobs."""
        if self.main is not None and self.main.poll() is None:
            self.main.kill()
            self.main.wait()
        if jobs := self.queued():
            subprocess.run(["scancel", *jobs], check=False)

    def said(self) -> str:
        """What the last main process wrote."""
        return (self.run / "main.log").read_text(encoding="utf-8")

    def lines(self, file: str) -> list[list[str]]:
        """Rows of starts.tsv or ends.tsv: step, pid, node, MB of the attempt, time."""
        path = self.run / file
        text = path.read_text(encoding="utf-8") if path.is_file() else ""
        return [line.split("\t") for line in text.splitlines()]

    def wait_for_start(self, step: str, times: int = 1) -> list[str]:
        """Wait until a step has been started so many times; its last line of starts.tsv."""

        def started() -> list[list[str]]:
            assert self.main.poll() is None, self.said()[-3000:]
            found = [row for row in self.lines("starts.tsv") if row[0] == step]
            return found if len(found) >= times else []

        return wait_until(started, f"start of {step}")[-1]


def environment() -> dict[str, str]:
    """The environment without what pytest and an editor of tests put into it."""
    return {k: v for k, v in os.environ.items() if not k.startswith("PYTEST")}


def wait_until(true: Callable, what: str, seconds: float = 300):
    """The first true value of `true()`; fails the test when there is none in time."""
    deadline = time.monotonic() + seconds
    while not (value := true()):
        assert time.monotonic() < deadline, f"no {what} in {seconds} s"
        time.sleep(0.3)
    return value


def submitted(said: str) -> list[str]:
    """Job ids of everything that a main process says it has submitted, in order."""
    return re.findall(r"submitted with SLURM jobid (\d+)", said)


def idle_nodes() -> set[str]:
    """Names of the nodes on which nothing runs and that answer."""
    command = ["sinfo", "--noheader", "--Node", "--states=idle", "--format", "%N"]
    return set(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split())
