"""What a person at the terminal is told: who was let in, where the report is, what failed and how
to go on.

In: the plan, Snakemake's log and the logs of the steps. Out: a few plain lines on stderr. Source:
docs/architecture.md; Snakemake itself prints which job of how many runs.
"""

import re
import sys
from pathlib import Path
from typing import NamedTuple

SHOWN = 20
_FAILED = re.compile(r"^Error in rule (\S+?):")
_LOG_OF_JOB = re.compile(r"^ +log: (\S+?),? ")
_OUTPUT_OF_JOB = re.compile(r"^ +output: (.+)$")
_ERROR = re.compile(r"^\S+ \S+ ERROR ")
_EXCEPTION = re.compile(r"^[A-Za-z_.]*(Error|Exception|Exit|Interrupt|Warning|Killed)\b.*")


def _say(lines: list[str]) -> None:
    sys.stderr.write("".join(f"{line}\n" for line in lines))
    sys.stderr.flush()


def started(plan: dict) -> None:
    """Say how many patients the consent gate let in, refused, and for which blocks there are
    data."""
    withdrawn = sum(plan["withdrawn"].values())
    if not plan["patients"] and not plan["refused"] and not withdrawn:
        return
    refused = sorted({row["patient_id"] for row in plan["refused"] if row["domain"] == "*"})
    roles = [row["role"] for row in plan["patients"].values()]
    lines = [
        f"Consent gate of {plan['as_of']}, purpose {plan['purpose']}: {len(roles)} patients admitted "
        f"({roles.count('development')} development, {roles.count('external')} external), {len(refused)} refused"
        + (f", {withdrawn} withdrew (nothing of them is kept)" if withdrawn else ""),
        f"Blocks of data: {', '.join(plan['blocks']) or 'none'}",
        "Every job says which patient and step it is, where its log is and where its result will be.",
    ]
    if refused:
        lines.insert(1, f"Refused (reasons in .hcc/plan.json and in the report): {_some(refused)}")
    _say(lines)


def _some(names: list[str]) -> str:
    more = len(names) - SHOWN
    return ", ".join(names[:SHOWN]) + (f" and {more} more" if more > 0 else "")


def finished(report: str = "results/report/report.html") -> None:
    """Say where the report is."""
    path = Path(report)
    if path.is_file():
        _say([f"Report: {path.resolve()} (open it in a browser; it needs no network)"])


class FailedJob(NamedTuple):
    """A job that failed: its rule, the path of its log ("" for none) and its outputs as Snakemake names them."""

    rule: str
    log: str
    outputs: str = ""


def failed_jobs(snakemake_log: str | Path) -> list[FailedJob]:
    """Every failed job that Snakemake's own log names, without repeats."""
    found: dict[tuple[str, str], FailedJob] = {}
    rule = outputs = ""
    for line in Path(snakemake_log).read_text(encoding="utf-8", errors="replace").splitlines():
        if match := _FAILED.match(line):
            if rule:
                found[rule, ""] = FailedJob(rule, "", outputs)
            rule, outputs = match.group(1), ""
        elif rule and (match := _OUTPUT_OF_JOB.match(line)):
            outputs = match.group(1)
        elif rule and (match := _LOG_OF_JOB.match(line)):
            found[rule, match.group(1)] = FailedJob(rule, match.group(1), outputs)
            rule = ""
    if rule:
        found[rule, ""] = FailedJob(rule, "", outputs)
    return list(found.values())


def last_line(log: str | Path) -> str:
    """The error in a step's log: the last line of its traceback; else what the log ends with.

    A step that was killed from outside (memory, time, power) writes no error; that is said.
    """
    path = Path(log)
    if not log or not path.is_file():
        return "it wrote no log"
    lines = [
        n for n in path.read_text(encoding="utf-8", errors="replace").splitlines() if n.strip()
    ]
    errors = [number for number, line in enumerate(lines) if _ERROR.match(line)]
    if errors:
        after = [line for line in lines[errors[-1] + 1 :] if _EXCEPTION.match(line)]
        return after[-1] if after else lines[errors[-1]]
    ending = f"; its log ends: {lines[-1]}" if lines else ""
    return f"stopped without an error of its own (killed, out of memory or time?){ending}"


def _subject(log: str) -> str:
    """Patient (and modality) by the name of a log, logs/<rule>/<subject>.log."""
    path = Path(log)
    per_subject = path.parent.name not in ("", "logs")
    return path.stem.replace(".", " ") if per_subject else "cohort"


def failed(snakemake_logs: list[str]) -> None:
    """Say for each failed job the patient, the step and the last line of its log, and how to go
    on."""
    found = [job for log in snakemake_logs if Path(log).is_file() for job in failed_jobs(log)]
    lines = [f"{len(found)} failed jobs:"] if found else ["The run stopped before it was done."]
    for rule, log, _ in found[:SHOWN]:
        lines += [f"  {_subject(log)}, step {rule}: {last_line(log)}"]
        lines += [f"    log: {log}"] if log else []
    if len(found) > SHOWN:
        lines.append(f"  ... and {len(found) - SHOWN} more, see logs/")
    lines += [
        "To go on: mend the cause and give the same command again; finished jobs are not repeated.",
        "A patient whose job fails again and again: make give-up RUN=<this run folder> lets the report be made without it.",
        "After a crash or a power cut, give the command once with --unlock first.",
    ]
    _say(lines)
