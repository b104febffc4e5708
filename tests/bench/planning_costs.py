"""What planning costs: a dry run on cohorts of empty files, with time, memory and both per job.

In: numbers of patients. Out: a table on stdout. Source: docs/architecture.md, "Orchestration".

    python -m tests.bench.planning_costs [100 1000]
"""

import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def write_cohort(folder: Path, patients: int) -> None:
    """Sheets of a cohort with an LC-MS run and one CT phase per patient; the raw files are empty."""
    cohort = folder / "cohort"
    (cohort / "raw").mkdir(parents=True)
    rows: dict[str, list[str]] = {
        "patients": ["patient_id\tcentre\tdiagnosis\trole"],
        "consents": ["patient_id\tkind\tstatus\tsigned_date\tscope_modalities\tscope_purposes"],
        "assays": ["patient_id\tmodality\tfile\tphase\tmask\tbatch\trun_order"],
    }
    for number in range(patients):
        name = f"P{number:05d}"
        diagnosis = "hcc" if number % 2 else "cirrhosis"
        role = "external" if number % 5 == 0 else "development"
        rows["patients"].append(f"{name}\tC{number % 4}\t{diagnosis}\t{role}")
        rows["consents"].append(f"{name}\tbase\tsigned\t2025-01-01\t\t")
        scope = "clinical;imaging;metabolomics\tresearch"
        rows["consents"].append(f"{name}\tdata_use\tsigned\t2025-01-01\t{scope}")
        for suffix in ("mzML", "nii.gz", "mask.nii.gz"):
            (cohort / "raw" / f"{name}.{suffix}").touch()
        batch, order = f"B{number // 100}", number % 100 + 1
        rows["assays"].append(f"{name}\tlcms\traw/{name}.mzML\t\t\t{batch}\t{order}")
        rows["assays"].append(
            f"{name}\tct\traw/{name}.nii.gz\tarterial\traw/{name}.mask.nii.gz\t\t"
        )
    for sheet, lines in rows.items():
        (cohort / f"{sheet}.tsv").write_text("\n".join([*lines, ""]), encoding="utf-8")
    (folder / "config.yaml").write_text("sheets: cohort\nas_of: '2026-03-01'\n", encoding="utf-8")


def dry_run(folder: Path) -> tuple[int, float, float]:
    """Jobs, seconds and peak memory in MB of one dry run."""
    command = [sys.executable, "-m", "snakemake", "--snakefile", ROOT / "Snakefile", "--dry-run"]
    command += ["--quiet", "rules", "--directory", folder, "--configfile", folder / "config.yaml"]
    started = time.monotonic()
    done = subprocess.run(
        list(map(str, command)), capture_output=True, text=True, env=os.environ | {"LC_ALL": "C"}
    )
    seconds = time.monotonic() - started
    found = re.search(r"^total +(\d+)", done.stdout + done.stderr, re.MULTILINE)
    if done.returncode or not found:
        raise SystemExit(f"the dry run failed:\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}")
    memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    return int(found[1]), seconds, memory


def main() -> None:
    """Print one line per size, with the ratio to the line before."""
    sizes = sorted(map(int, sys.argv[1:])) or [100, 1000]
    print(f"{'patients':>9}{'jobs':>8}{'s':>8}{'ms/job':>8}{'max MB':>8}{'jobs x':>8}{'s x':>7}")
    before = None
    for size in sizes:
        with tempfile.TemporaryDirectory() as folder:
            write_cohort(Path(folder), size)
            jobs, seconds, memory = dry_run(Path(folder))
        line = f"{size:9}{jobs:8}{seconds:8.1f}{1000 * seconds / jobs:8.2f}{memory:8.0f}"
        if before:
            line += f"{jobs / before[0]:8.1f}{seconds / before[1]:7.1f}"
        print(line, flush=True)
        before = (jobs, seconds)


if __name__ == "__main__":
    main()
