"""What the next run would do, per patient and modality, and what it may cost by earlier runs in this folder.

In: a dry run of Snakemake, benchmark files of earlier jobs. Out: a table on stdout and in results/plan.tsv.
Source: medians of wall time and of largest resident memory of each rule; a rule that never ran here has no estimate.
"""

import csv
import json
import re
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from scripts.core import job as core_job
from scripts.core.give_up import pairs_of
from scripts.core.plan import make_plan

COLUMNS = ["patient_id", "modality", "jobs", "seconds", "mb", "not_estimated", "rules"]
COHORT = "(cohort)"
TARGETS = ("all", "features")  # rules without a script
_JOB = re.compile(r"^Job \d+: .*?(?: -> (?P<output>\S+).*?)?\(log: (?P<log>\S+)\)$", re.M)


@dataclass
class Line:
    """Jobs of one patient and modality, or of the whole cohort: seconds summed, memory the largest, rules without an estimate."""

    jobs: int = 0
    seconds: float = 0.0
    memory: float = 0.0
    unknown: int = 0
    rules: dict[str, int] = field(default_factory=dict)


def pending_jobs(dry_run: str) -> dict[str, tuple[str, str]]:
    """{log: (rule, output)} of the jobs that a dry run of Snakemake prints; output "" where the message names none.

    Every rule's message ends with its log, which is one job's alone and lies in logs/<rule>/ (a house rule). InputDefect when the
    jobs so found are not as many as the dry run's own table counts.
    """
    jobs = {}
    for match in _JOB.finditer(dry_run):
        rule = Path(match["log"]).parts[1].removesuffix(".log")
        jobs[match["log"]] = (rule, match["output"] or "")
    counted = _counted(dry_run)
    if len(jobs) != counted:
        raise core_job.InputDefect(
            f"the dry run counts {counted} jobs and names {len(jobs)}; see snakemake -n"
        )
    return jobs


def _counted(dry_run: str) -> int:
    """Jobs in the table of a dry run, without targets that run nothing; 0 when nothing is to be done."""
    _, found, table = dry_run.partition("Job stats:\n")
    rows = [line.split() for line in table.partition("\n\n")[0].splitlines()[2:]] if found else []
    return sum(int(row[1]) for row in rows if row[0] not in (*TARGETS, "total"))


def cost_of_rules(folder: Path) -> dict[str, tuple[float, float]]:
    """{rule: (median seconds, median MB)} of the benchmark files of earlier jobs; a rule without any is not in it."""
    found: dict[str, list[tuple[float, float]]] = {}
    for path in sorted(folder.rglob("*.tsv")):
        rule = path.relative_to(folder).parts[0].removesuffix(".tsv")
        with open(path, encoding="utf-8", newline="") as handle:
            for row in csv.DictReader(handle, delimiter="\t"):
                found.setdefault(rule, []).append((_number(row["s"]), _number(row["max_rss"])))
    return {
        rule: tuple(statistics.median(column) for column in zip(*rows, strict=True))
        for rule, rows in found.items()
    }


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0  # "NA" or "-": shorter than Snakemake's first look


def lines_of(jobs: dict, costs: dict, plan: dict) -> dict[tuple[str, str], Line]:
    """{(patient, modality): Line}, sorted, the whole cohort last. A job about several modalities counts under the first."""
    found: dict[tuple[str, str], Line] = {}
    for rule, output in jobs.values():
        pairs = pairs_of(output, plan)
        line = found.setdefault(pairs[0] if pairs else (COHORT, ""), Line())
        line.jobs += 1
        line.rules[rule] = line.rules.get(rule, 0) + 1
        if rule in costs:
            line.seconds += costs[rule][0]
            line.memory = max(line.memory, costs[rule][1])
        else:
            line.unknown += 1
    return dict(sorted(found.items(), key=lambda item: (item[0][0] == COHORT, item[0])))


def rows_of(lines: dict[tuple[str, str], Line]) -> list[list[str]]:
    """Cells of the table under COLUMNS."""
    return [
        [patient, modality, str(x.jobs)]
        + ([f"{x.seconds:.0f}", f"{x.memory:.0f}"] if x.unknown < x.jobs else ["", ""])
        + [str(x.unknown), ", ".join(f"{rule} x{n}" for rule, n in sorted(x.rules.items()))]
        for (patient, modality), x in lines.items()
    ]


def told(lines: dict[tuple[str, str], Line]) -> str:
    """The plan for a person: a line per patient and modality, the rules of the cohort, the sum."""
    if not lines:
        return "Nothing to be done: everything is up to date.\n"
    out = [f"{'patient':14}{'modality':10}{'jobs':>5}{'time':>10}{'memory':>10}"]
    for (patient, modality), x in lines.items():
        time, memory = _time(x.seconds), f"{x.memory:.0f} MB"
        if x.unknown:
            time = f">= {time}" if x.unknown < x.jobs else "?"
            memory = memory if x.unknown < x.jobs else "?"
        out.append(f"{patient:14}{modality:10}{x.jobs:5}{time:>10}{memory:>10}")
    jobs, unknown = (sum(getattr(x, name) for x in lines.values()) for name in ("jobs", "unknown"))
    total = _time(sum(x.seconds for x in lines.values()))
    if unknown == jobs:
        return "".join(
            f"{line}\n" for line in [*out, f"{jobs} jobs; none has an earlier run here."]
        )
    out.append(
        f"{jobs} jobs; one after the other about {total} by the medians of earlier runs here."
    )
    if unknown:
        out.append(f"{unknown} of them have no earlier run here and no estimate.")
    return "".join(f"{line}\n" for line in out)


def _time(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def dry_run_of(snakefile: str, config: dict, target: str) -> str:
    """What `snakemake -n` says of a target: nothing runs and nothing is frozen."""
    with tempfile.TemporaryDirectory() as folder:
        overlay = Path(folder, "config.json")
        overlay.write_text(json.dumps(config, default=str), encoding="utf-8")
        command = [sys.executable, "-m", "snakemake", "--snakefile", snakefile, "--nolock"]
        command += ["--dry-run", target, "--configfile", str(overlay)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise core_job.InputDefect(f"Snakemake cannot plan this: {done.stderr.strip()[-1000:]}")
    return done.stdout + done.stderr


def main(job):
    """Tell what would run. params: snakefile, settings (the whole configuration), target, benchmarks, table"""
    with core_job.step(job) as step:
        params = job.params
        jobs = pending_jobs(dry_run_of(params.snakefile, params.settings, params.target))
        plan = make_plan(dict(params.settings), write=False)
        lines = lines_of(jobs, cost_of_rules(Path(params.benchmarks)), plan)
        with open(step.path(params.table), "w", encoding="utf-8", newline="") as handle:
            writer = csv.writer(handle, delimiter="\t", lineterminator="\n")
            writer.writerows([COLUMNS, *rows_of(lines)])
        sys.stdout.write(told(lines))
        sys.stdout.flush()
        step.log.info("%d jobs pending", len(jobs))


if __name__ == "__main__":
    core_job.entry(main, globals().get("snakemake"))
