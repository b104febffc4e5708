"""What planning and scheduling cost: dry runs, no-ops and stub runs of cohorts with raw files of all modalities.

In: numbers of patients. Out: a table on stdout, CPU and memory per job and the ratios between the sizes. Source: wait4(2);
a bare workflow of the same engine (12 rules, one input and one output each) is measured beside it, since machines differ.

    python -m tests.bench.dag_costs [--patients 100 1000 5000] [--stub 100 1000]
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from tests.bench.large_cohort import write_cohort

ROOT = Path(__file__).resolve().parents[2]
BARE = """
P = [f"P{number:05d}" for number in range(PATIENTS)]
rule all:
    input: expand("results/s11/{patient}", patient=P)
for number in range(12):
    rule:
        name: f"s{number}"
        input: f"results/s{number - 1}/{{patient}}" if number else []
        output: f"results/s{number}/{{patient}}"
        shell: "touch {output}"
"""


@dataclass
class Cost:
    """Of one Snakemake process: CPU and wall time in seconds, peak resident memory in MB, what it printed."""

    cpu: float
    wall: float
    memory: float
    said: str

    @property
    def jobs(self) -> int:
        """Jobs of its job table, 0 when there was nothing to do."""
        found = re.search(r"^total +(\d+)", self.said, re.MULTILINE)
        return int(found[1]) if found else 0


def measured(folder: Path, *arguments: str, snakefile: Path = ROOT / "Snakefile") -> Cost:
    """Run Snakemake in `folder`; ends the benchmark when it fails."""
    command = [sys.executable, "-m", "snakemake", "--snakefile", snakefile, "--directory", folder]
    command += ["--quiet", "rules", "--cores", "2", *arguments]
    with tempfile.TemporaryFile("w+", encoding="utf-8") as log:
        started = time.monotonic()
        process = subprocess.Popen(
            list(map(str, command)), stdout=log, stderr=log, env=os.environ | {"LC_ALL": "C"}
        )
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.monotonic() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        log.seek(0)
        said = log.read()
    if process.returncode:
        raise SystemExit(f"snakemake ended with {process.returncode}:\n{said[-3000:]}")
    return Cost(usage.ru_utime + usage.ru_stime, wall, usage.ru_maxrss / 1024, said)


def bare_dry_run(patients: int) -> Cost:
    """Dry run of the bare workflow."""
    with tempfile.TemporaryDirectory() as folder:
        snakefile = Path(folder) / "Snakefile"
        snakefile.write_text(BARE.replace("PATIENTS", str(patients)), encoding="utf-8")
        return measured(Path(folder), "--dry-run", snakefile=snakefile)


def line(what: str, cost: Cost, jobs: int, base: Cost, before: tuple[int, Cost] | None) -> str:
    """A row of the table; per job without what a workflow of one patient costs, ratios to the smaller cohort."""
    cpu = 1000 * (cost.cpu - base.cpu) / jobs
    memory = 1024 * (cost.memory - base.memory) / jobs
    row = (
        f"{what:22}{jobs:8}{cost.cpu:9.1f}{cost.wall:9.1f}{cost.memory:8.0f}{cpu:9.2f}{memory:8.1f}"
    )
    if before:
        row += f"{jobs / before[0]:9.1f}{cost.cpu / before[1].cpu:8.1f}"
    return row


def main() -> None:
    """Print a line for every size and kind of start."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    sizes = {"type": int, "nargs": "*", "metavar": "N"}
    parser.add_argument("--patients", default=[100, 1000], help="sizes of dry runs", **sizes)
    parser.add_argument(
        "--stub", default=[100], help="sizes run to the end with stubs, then as no-op", **sizes
    )
    given = parser.parse_args()
    columns = ("jobs", "CPU s", "wall s", "MB", "ms/job", "KB/job", "jobs x", "CPU x")
    widths = (8, 9, 9, 8, 9, 8, 9, 8)
    print(
        f"{'':22}" + "".join(f"{c:>{w}}" for c, w in zip(columns, widths, strict=True)), flush=True
    )
    bare_base, bare = bare_dry_run(1), bare_dry_run(1000)
    print(line("bare, 1000 patients", bare, bare.jobs, bare_base, None), flush=True)
    with tempfile.TemporaryDirectory() as folder:
        config = write_cohort(Path(folder), 1)
        base = measured(Path(folder), "--configfile", config, "--dry-run")
    before = None
    for size in sorted({*given.patients, *given.stub}):
        with tempfile.TemporaryDirectory() as folder:
            config = write_cohort(Path(folder), size)
            start = ("--configfile", config)
            cost = measured(Path(folder), *start, "--dry-run")
            jobs = cost.jobs
            print(line(f"dry run, {size}", cost, jobs, base, before), flush=True)
            before = (jobs, cost)
            if size in given.stub:
                cost = measured(Path(folder), *start)
                rate = f"{jobs / cost.wall:11.0f} jobs/s"
                print(line(f"stub run, {size}", cost, jobs, base, None) + rate, flush=True)
                for turn in ("no-op", "no-op again"):
                    cost = measured(Path(folder), *start)
                    left = f"{cost.jobs:11} jobs"
                    print(line(f"{turn}, {size}", cost, jobs, base, None) + left, flush=True)


if __name__ == "__main__":
    main()
