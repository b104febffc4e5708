"""What a person at the terminal is told: who was let in, where the report is, what failed and how
to go on.

In: the plan, Snakemake's log and the logs of the steps. Out: a few plain lines on stderr. Source:
docs/architecture.md; Snakemake itself prints which job of how many runs.
"""

import csv
import datetime
import difflib
import sys
from collections import Counter
from pathlib import Path

from scripts.core.failures import cause, ended_by_itself, failed_jobs
from scripts.core.run_design import flaws_of, lines_of
from scripts.core.sheets import read_sheet, sheet_names

SHOWN = 20
# Rules whose exit code is a verdict and no failure.
VERDICTS = {
    "check_conformance": "Not conformant: the verdicts stand above, who has to act on what in results/report/conformance.html"
}
REASONS = 5  # of refusals, on the terminal


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
        f"({_counted(roles)}), {len(refused)} refused"
        + (f", {withdrawn} withdrew (nothing of them is kept)" if withdrawn else ""),
        f"Blocks of data: {', '.join(plan['blocks']) or 'none'}",
        "Every job says which patient and step it is, where its log is and where its result will be.",
    ]
    if refused:
        lines[1:1] = [f"Refused: {_some(refused)}", *_why_refused(plan)]
    partly = Counter(row["domain"] for row in plan["refused"] if row["domain"] != "*")
    if partly:
        counted = ", ".join(f"{domain} of {n}" for domain, n in sorted(partly.items()))
        lines.append(f"Kept out of admitted patients by their consents (see the report): {counted}")
    _say(lines)


def _why_refused(plan: dict) -> list[str]:
    """Requirement, reason and number of people kept out as a whole, the most frequent first."""
    first: dict[str, str] = {}
    for row in plan["refused"]:
        if row["domain"] == "*":
            first.setdefault(row["patient_id"], f"{row['requirement_id']}: {row['reason']}")
    common = Counter(first.values()).most_common()
    lines = [f"  {number} x {reason}" for reason, number in common[:REASONS]]
    rest = sum(number for _, number in common[REASONS:])
    return lines + ([f"  {rest} for other reasons (.hcc/plan.json)"] if rest else [])


def too_small(plan: dict) -> None:
    """Say before anything runs that the cohort is too small for a model, and what to set."""
    if plan.get("no_model"):
        _say(
            [
                f"No model will be made: {plan['no_model']}. The model steps are left out; features, quality and the report "
                "are made."
            ]
        )


def noticed(plan: dict, folder: str, today: str = "") -> None:
    """Say what a person may have meant otherwise: files that look like sheets and are none, a design of runs that cannot be
    corrected, withdrawals after `as_of`."""
    lines = [f"Not read: {text}" for text in _near_sheets(Path(folder), set(plan["sheets"]))]
    lines += lines_of(flaws_of(plan))
    later = _withdrawn_since(plan, Path(folder), today or datetime.date.today().isoformat())
    if later:
        lines.append(
            f"{later} consents were withdrawn after {plan['as_of']} (config key as_of) and still count in this run; "
            "leave as_of empty to have the withdrawals acted on"
        )
    _say(lines)


def _near_sheets(folder: Path, read: set[str]) -> list[str]:
    """Files beside the sheets whose name is nearly that of a sheet that is not there."""
    missing = [name for name in sheet_names() if name not in read]
    found = []
    for path in sorted(p for p in folder.glob("*.*") if p.is_file() and p.stem not in read):
        if path.suffix == ".tsv":
            meant = difflib.get_close_matches(path.stem.lower(), missing, n=1, cutoff=0.8)
            found += [f"{path.name}; is {name}.tsv meant?" for name in meant if name != path.stem]
        elif (
            path.suffix.lower() in (".csv", ".txt", ".xls", ".xlsx")
            and path.stem.lower() in missing
        ):
            found.append(f"{path.name}; save it as {path.stem.lower()}.tsv (tab-separated text)")
    return found


def _withdrawn_since(plan: dict, folder: Path, today: str) -> int:
    """Consents that were withdrawn after the day of the gate and up to today."""
    if "consents" not in plan["sheets"] or plan["as_of"] >= today:
        return 0
    rows = read_sheet(folder / "consents.tsv", "consents").rows
    return sum(plan["as_of"] < row.get("withdrawn_date", "") <= today for row in rows)


def why_nobody(plan: dict, folder: str) -> str:
    """Why a run of this cohort has no patient, in lines for a person."""
    if not plan["sheets"]:
        return (
            f"config key sheets: no folder {folder!r} (relative to the run folder, {Path.cwd()}); "
            "see docs/inputs.md\n"
        )
    lines = [f"No patient of {folder} may enter on {plan['as_of']} (patients.tsv, consents.tsv):"]
    lines += _why_refused(plan)
    if withdrawn := sum(plan["withdrawn"].values()):
        lines.append(f"  {withdrawn} x ETH-06: consent withdrawn")
    if not plan["refused"] and not withdrawn:
        lines.append("  patients.tsv has no row")
    lines.append("Mend patients.tsv or consents.tsv (docs/inputs.md, Consents) and start again.")
    return "".join(f"{line}\n" for line in lines)


def _counted(roles: list[str]) -> str:
    """How many of each role; a cohort always names development and external."""
    kinds = ["new"] if "new" in roles else ["development", "external"]
    return ", ".join(f"{roles.count(kind)} {kind}" for kind in kinds)


def _some(names: list[str]) -> str:
    more = len(names) - SHOWN
    return ", ".join(names[:SHOWN]) + (f" and {more} more" if more > 0 else "")


def finished(report: str = "results/report/report.html", stub: bool = False) -> None:
    """Say where the report is; of a stub run, that there is none."""
    if stub:
        _say(["Stub run: every job ran, nothing was computed (config key stub: true)"])
        return
    path = Path(report)
    if path.is_file():
        lines = [f"Report: {path.resolve()} (open it in a browser; it needs no network)"]
        names = (("Conformance", "conformance"), ("Data quality", "data_quality"))
        pages = [(name, path.with_name(f"{page}.html")) for name, page in names]
        lines += [f"{name}: {page.resolve()}" for name, page in pages if page.is_file()]
        _say(lines + _printed(path.parent / "pdf"))


def _printed(folder: Path) -> list[str]:
    """What was printed, and what the machine lacks for the rest."""
    rows = []
    for path in sorted(folder.glob("*/printed.tsv")):
        with open(path, encoding="utf-8", newline="") as handle:
            rows += csv.DictReader(handle, delimiter="\t")
    made = [row["file"] for row in rows if row["file"]]
    absent = sorted({row["language"] for row in rows if not row["file"]})
    why = sorted({row["note"] for row in rows if not row["file"]})
    lines = [f"PDF: {folder.resolve()} ({', '.join(made)})"] if made else []
    if absent:
        lines.append(
            f"No PDF in {' and '.join(absent)}, the HTML pages are complete: {'; '.join(why)}; "
            f"then remove {folder} and run again."
        )
    return lines


def _subject(log: str) -> str:
    """Patient (and modality) by the name of a log, logs/<rule>/<subject>.log."""
    path = Path(log)
    per_subject = path.parent.name not in ("", "logs")
    return path.stem.replace(".", " ") if per_subject else "cohort"


def failed(snakemake_logs: list[str]) -> None:
    """Say for each failed job the patient, the step, why it failed and the cure, and how to go on."""
    logs = [log for log in snakemake_logs if Path(log).is_file()]
    found = [(job, log) for log in logs for job in failed_jobs(log)]
    verdicts = [job for job, _ in found if job.rule in VERDICTS and ended_by_itself(job)]
    found = [(job, log) for job, log in found if job not in verdicts]
    if verdicts and not found:
        _say([VERDICTS[job.rule] for job in verdicts])
        return
    lines = [f"{len(found)} failed jobs:"] if found else ["The run stopped before it was done."]
    for job, log in found[:SHOWN]:
        lines += [f"  {_subject(job.log)}, step {job.rule}: {cause(job, log)}"]
        lines += [f"    log: {path}" for path in (job.log, job.cluster_log) if path]
    if len(found) > SHOWN:
        lines.append(f"  ... and {len(found) - SHOWN} more, see logs/")
    lines += [
        "To go on: mend the cause and give the same command again; finished jobs are not repeated.",
        "A patient whose job fails again and again: make give-up RUN=<run folder> lets the report be made without it.",
        "After a crash or a power cut: make resume RUN=<run folder> (docs/cluster.md).",
    ]
    _say(lines)
