"""Giving up what cannot be computed: the run goes on without this patient's modality, and the report says so.

In: a run folder whose jobs failed, or a patient, a modality and a reason. Out: rows in given_up.tsv beside the other sheets;
the gate reads it at the next start. Source: docs/architecture.md, "What cannot be computed".
"""

import argparse
import datetime
import json
import os
import re
import sys
from pathlib import Path

from scripts.core.atomic_file import write_atomically
from scripts.core.failures import FailedJob, cause, failed_jobs
from scripts.core.gate import DOMAIN_OF_MODALITY
from scripts.core.plan import PLAN
from scripts.core.privacy import identifier_in
from scripts.core.sheets import SheetErrors, read_sheet

SHEET = "given_up"
COLUMNS = ["patient_id", "modality", "reason", "step", "date"]
SNAKEMAKE_LOGS = Path(".snakemake/log")
_FINISHED = re.compile(r"^Finished jobid: \S+ \(Rule: (\S+)\)", re.M)
LONGEST_REASON = 200  # characters


class NothingGivenUp(Exception):
    """Why nothing was written, in one plain line."""


def pairs_of(outputs: str, plan: dict) -> list[tuple[str, str]]:
    """(patient, modality) pairs that a job is about, by the paths of its outputs; [] for a job of the whole cohort.

    A job about one patient and no single modality (comparing the samples of a person) is about all of the domain.
    """
    run_of = {
        row["assay_id"]: (patient, modality)
        for modality, patients in plan["assays"].items()
        for patient, rows in patients.items()
        for row in rows
    }
    found: dict[tuple[str, str], None] = {}
    for path in outputs.split(", "):
        parts = Path(path.split(" ")[0]).parts
        stems = [part.split(".")[0] for part in parts]
        if len(parts) < 3 or parts[0] != "results" or parts[1] == "qc":
            continue
        runs = [run_of[stem] for stem in stems if stem in run_of]
        patients = [stem for stem in stems if stem in plan["patients"]]
        modalities = [part for part in parts if part in plan["assays"]]
        if runs:
            found[runs[0]] = None
        elif patients and modalities:
            found[patients[0], modalities[0]] = None
        elif patients:
            found |= {
                (patients[0], modality): None
                for modality, entry in plan["assays"].items()
                if DOMAIN_OF_MODALITY[modality] == parts[1] and patients[0] in entry
            }
    return list(found)


def rows_of(log: Path, plan: dict, today: str) -> tuple[list[dict], list[FailedJob]]:
    """Rows for the pairs that the failed jobs of a Snakemake log are about, the first reason of each; and the jobs that are
    about no single pair."""
    rows: dict[tuple[str, str], dict] = {}
    others = []
    for job in failed_jobs(log):
        pairs = pairs_of(job.outputs, plan)
        if not pairs:
            others.append(job)
        for patient, modality in pairs:
            reason = one_line(cause(job, log).split(";")[0])
            row = {"patient_id": patient, "modality": modality, "reason": reason}
            rows.setdefault((patient, modality), row | {"step": job.rule, "date": today})
    return list(rows.values()), others


def one_line(reason: str) -> str:
    """A reason as a cell: no tabs or line ends, no identifier of a person, not too long."""
    words = [
        "(hidden)" if identifier_in(word) else word for word in reason.replace('"', "'").split()
    ]
    text = " ".join(words)
    return text if len(text) <= LONGEST_REASON else text[: LONGEST_REASON - 3] + "..."


def check_pair(patient: str, modality: str, plan: dict) -> None:
    """Raise NothingGivenUp when this run has no such pair, with what it has."""
    known = plan["assays"].get(modality, {})
    before = [
        p
        for b, dropped in plan.get("given_up", {}).items()
        if b.split("_")[0] == modality
        for p in dropped
    ]
    if patient in before:
        raise NothingGivenUp(f"{modality} of {patient} was given up before")
    if patient not in known:
        have = sorted(m for m, patients in plan["assays"].items() if patient in patients)
        what = (
            f"{patient} has {', '.join(have)}" if have else f"no patient {patient} with raw files"
        )
        raise NothingGivenUp(f"no {modality} of {patient} in this run: {what}")


def write_rows(sheet: Path, rows: list[dict]) -> list[dict]:
    """Add rows to the sheet (made when it is not there) and return those that it did not hold yet."""
    present = read_sheet(sheet, SHEET).rows if sheet.is_file() else []
    known = {(row["patient_id"], row["modality"]) for row in present}
    new = [row for row in rows if (row["patient_id"], row["modality"]) not in known]
    if new:
        cells = [[str(row.get(column, "")) for column in COLUMNS] for row in [*present, *new]]
        text = "".join("\t".join(line) + "\n" for line in [COLUMNS, *cells])
        write_atomically(sheet, text)
    return new


def last_log() -> Path:
    """Snakemake's log of the last run in the current folder."""
    for log in sorted(SNAKEMAKE_LOGS.glob("*.snakemake.log"), reverse=True):
        text = log.read_text(encoding="utf-8", errors="replace")
        if set(_FINISHED.findall(text)) != {"plan"}:  # looking at what would run is no run
            return log
    raise NothingGivenUp(f"no log of a run in {SNAKEMAKE_LOGS}; is this a run folder?")


def give_up(patient: str, modality: str, reason: str) -> list[str]:
    """Do it in the current run folder; returns the lines to tell. All three empty: the failed jobs of the last run."""
    if not PLAN.is_file():
        raise NothingGivenUp(f"no plan in {Path.cwd()}; name the run folder with --directory")
    plan = json.loads(PLAN.read_text(encoding="utf-8"))
    today = datetime.date.today().isoformat()
    others: list[FailedJob] = []
    if patient or modality or reason:
        if not (patient and modality and reason):
            raise NothingGivenUp("give all three: --patient, --modality and --reason; or none")
        check_pair(patient, modality, plan)
        rows = [
            {"patient_id": patient, "modality": modality, "reason": one_line(reason), "date": today}
        ]
    else:
        rows, others = rows_of(last_log(), plan, today)
    sheet = Path(plan["folder"]) / f"{SHEET}.tsv"
    new = write_rows(sheet, rows)
    lines = [f"given up: {row['modality']} of {row['patient_id']}: {row['reason']}" for row in new]
    lines += [
        f"not given up: step {job.rule} is not about one patient ({job.log or 'no log'}); mend its cause"
        for job in others
    ]
    if new:
        lines.append(
            f"Written to {sheet}. Give the run's command again; remove a row to have it tried again."
        )
    elif rows:
        lines.append(f"Given up before, nothing changed: see {sheet}")
    elif not others:
        lines.append("No failed job of a patient in the last run; nothing was given up.")
    return lines


def main(arguments: list[str] | None = None) -> int:
    """Command line; exit code 2 when nothing could be given up."""
    parser = argparse.ArgumentParser(
        prog="python -m scripts.core.give_up",
        description="Go on without a patient's modality whose job keeps failing (default: those of the last run).",
    )
    parser.add_argument("--directory", default=".", help="run folder (default: the current one)")
    parser.add_argument("--patient", default="", help="patient_id")
    parser.add_argument("--modality", default="", choices=["", *DOMAIN_OF_MODALITY])
    parser.add_argument("--reason", default="", help="why, in one line")
    given = parser.parse_args(arguments)
    try:
        os.chdir(given.directory)
        lines = give_up(given.patient, given.modality, given.reason)
    except (NothingGivenUp, SheetErrors, OSError) as error:
        sys.stderr.write(f"Nothing was given up: {error}\n")
        return 2
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
