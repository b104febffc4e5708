"""Running the workflow as a user does: one Snakemake process in a run folder of its own."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]


def run_snakemake(
    folder: Path, *arguments: str, config: Path | None = None, check: bool = True, root: Path = ROOT
) -> subprocess.CompletedProcess:
    """Run Snakemake of the checkout `root` in the run folder; a non-zero exit code fails the test."""
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(root / "Snakefile")]
    command += ["--directory", str(folder), "--cores", "2", *arguments]
    command += ["--configfile", str(config)] if config else []  # last: it takes several files
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST")}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=folder)
    if check and done.returncode != 0:
        pytest.fail(
            f"snakemake ended with {done.returncode}:\n{done.stdout[-4000:]}\n{done.stderr[-6000:]}"
        )
    return done


def planned_jobs(done: subprocess.CompletedProcess) -> dict[str, int]:
    """{rule: jobs} of the job table that a dry run prints; empty when nothing is to be done."""
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


def write_sheet(path: Path, rows: list[dict]) -> None:
    """Rows as a tab-separated sheet."""
    columns = list(rows[0])
    lines = [columns, *([str(row[c]) for c in columns] for row in rows)]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join("\t".join(line) + "\n" for line in lines), encoding="utf-8")


def write_table_cohort(
    folder: Path, development: int = 80, external: int = 40, strategies: str = "late, early"
) -> Path:
    """A cohort of ready-made tables in `folder`/cohort with one informative and one noise block.

    Returns the configuration file. The numbers are drawn: only the workflow is tested on them.
    """
    rng = np.random.default_rng(7)
    patients, first, second = [], [], []
    for number in range(development + external):
        hcc = number % 2 == 0
        name = f"T{number:03d}"
        patients.append(
            {
                "patient_id": name,
                "centre": ("A", "B")[number // 2 % 2] if number < development else "X",
                "diagnosis": "hcc" if hcc else "cirrhosis",
                "role": "development" if number < development else "external",
            }
        )
        signal = rng.normal(size=6) + (1.2 if hcc else 0.0) * np.array([1, 1, 0.5, 0, 0, 0])
        first.append({"patient_id": name, **{f"m{i}": f"{v:.4f}" for i, v in enumerate(signal)}})
        noise = rng.normal(size=5)
        second.append({"patient_id": name, **{f"n{i}": f"{v:.4f}" for i, v in enumerate(noise)}})
    cohort = folder / "cohort"
    write_sheet(cohort / "patients.tsv", patients)
    write_sheet(cohort / "features" / "metabolites.tsv", first)
    write_sheet(cohort / "features" / "proteins.tsv", second)
    config = folder / "config.yaml"
    config.write_text(
        'sheets: cohort\nas_of: "2026-03-01"\n'
        "consent: {not_available: drawn numbers, document: none}\n"
        f"model: {{strategies: [{strategies}], repeats: 1, refits: {{number: 40}}, interval_refits: 3}}\n"
        "fusion: {explore: {factors: 3, resamples: 20}}\n",
        encoding="utf-8",
    )
    return config
