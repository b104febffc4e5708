"""In: the lock, the collected blocks of external patients, patients sheet. Out:
results/external/performance.json.
Source: docs/modelling.md, "Validation"; requirements MOD-07, MOD-08, EVA-02.
"""

import json
from dataclasses import replace
from pathlib import Path

import pandas as pd

from scripts.core import job as core_job
from scripts.core.hashing import digest_of, digest_of_file
from scripts.core.linked_people import groups_of
from scripts.core.sheets import read_sheet
from scripts.model import bundle, class_performance, classes, comparators, locked
from scripts.model.cohort_tables import BINARY, Cohort, read_external
from scripts.model.evaluation import NOT_ASSESSED, rounded
from scripts.model.openings import check_openings, record_opening

MINIMUM_CENTRES = 2  # MOD-07
MINIMUM_EVENTS = 100  # MOD-07, project default


def external_patients(sheet: str, admitted: list[str], outcome: str, names: list) -> pd.DataFrame:
    """Sheet rows of admitted external patients who are in a class, index patient_id, with class, label and group.

    outcome : path of outcome.tsv; names : classes of the bundle, the label is the position among them
    """
    lines = pd.read_csv(outcome, sep="\t", dtype=str, keep_default_na=False)
    own = lines[lines["patient_id"].isin(set(admitted)) & lines["class"].isin(names)]
    found = own.set_index("patient_id")["class"]
    everybody = read_sheet(sheet, "patients").rows
    rows = [row for row in everybody if row["patient_id"] in found.index]
    columns = ["patient_id", "centre", "class"] if not rows else None
    table = pd.DataFrame(rows, columns=columns).set_index("patient_id").sort_index()
    table["class"] = found.reindex(table.index)
    table["label"] = table["class"].map({name: n for n, name in enumerate(names)}).astype(int)
    groups = groups_of(everybody)
    table["group"] = [groups[patient] for patient in table.index]
    return table


def prospective(obs: pd.DataFrame, locked_at: str | None) -> dict:
    """Whether the external patients were enrolled after the lock (MOD-08)."""
    if "enrolment_date" not in obs or not locked_at:
        unknown = len(obs)
        before = after = 0
    else:
        dates = obs["enrolment_date"].dropna().astype(str)
        before = int((dates <= locked_at[:10]).sum())
        after = len(dates) - before
        unknown = len(obs) - len(dates)
    if not len(obs):
        status, reason = NOT_ASSESSED, "no external patient"
    elif before:
        status, reason = "FAIL", f"{before} of {len(obs)} patients were enrolled before the lock"
    elif unknown:
        status, reason = NOT_ASSESSED, f"enrolment date of {unknown} patients not given"
    else:
        status, reason = "PASS", ""
    return {
        "status": status,
        "reason": reason,
        "after_lock": after,
        "before_lock": before,
        "unknown": unknown,
    }


def without_recalibrated(cohort: Cohort, description: dict) -> tuple[Cohort, int]:
    """The external patients on whom the bundle was not recalibrated, and how many were: those are external no more."""
    persons = {p for line in description.get("recalibration", {}).values() for p in line["persons"]}
    used = [p for p in cohort.obs.index if bundle.person_hash(p) in persons]
    return cohort.subset(cohort.obs.index.difference(used)), len(used)


def record(step, result: dict, obs: pd.DataFrame) -> None:
    """QC records of the external validation."""
    centres, events = obs["centre"].nunique(), int((obs["label"] > 0).sum())
    enough = centres >= MINIMUM_CENTRES and events >= MINIMUM_EVENTS
    step.check(
        "MOD-07",
        "external centres and events",
        "PASS" if enough else "FAIL",
        value=f"{centres} centres, {events} events",
        threshold=f">= {MINIMUM_CENTRES} centres, >= {MINIMUM_EVENTS} events",
        acts=False,
    )
    after = result["prospective"]
    step.check(
        "MOD-08",
        "external patients enrolled after the lock",
        after["status"],
        value=after["after_lock"],
        unit="patients",
        reason=after["reason"],
        acts=False,
    )


def main(job):
    """Score the external patients with the locked bundle.

    input: tables (Parquet of every external block), patients (sheet), outcome and description
           (outcome.tsv and .json), lock
    output: performance (JSON), predictions (Parquet), ledger
    params: settings (model), seed, lock, named (content hash or empty), bundles, openings, blocks,
            admitted
    """
    with core_job.step(job) as step:
        params = job.params
        settings, seed = params.settings, int(params.seed)
        model, description, lock = locked.open_lock(params.lock, params.named, params.bundles)
        result = {
            "status": NOT_ASSESSED,
            "reason": lock["reason"],
            "bundle": lock["bundle"],
            "locked_at": lock["locked_at"],
        }
        scores = pd.DataFrame({"probability": [], "pattern": [], "refused": []})
        configured = Path(job.input.description).read_text(encoding="utf-8")
        if model is not None and not list(params.admitted):
            result["reason"] = "the cohort has no external patients"
        elif other := locked.other_outcome(description, json.loads(configured)):
            result["reason"] = other
        elif model is not None:
            tables = [job.input.tables] if isinstance(job.input.tables, str) else job.input.tables
            paths = dict(zip(params.blocks, tables, strict=True))
            sheets = job.input.patients
            sheet = sheets if isinstance(sheets, str) else sheets[0]
            outcome = description.get("outcome") or dict(BINARY)
            obs = external_patients(
                sheet, list(params.admitted), job.input.outcome, outcome["classes"]
            )
            check_openings(step, Path(params.openings))
            opened = record_opening(
                Path(params.openings),
                "validation",
                lock["bundle"],
                digest_of([digest_of_file(path) for path in tables]),
                len(obs),
                int((obs["label"] > 0).sum()),
            )
            cohort = replace(read_external(obs, paths), outcome=outcome)
            silent = bundle.check_units(description, cohort.dictionaries)
            cohort, used = without_recalibrated(cohort, description)
            obs = cohort.obs
            result |= {"used_to_recalibrate": used}
            result |= {"status": "ASSESSED", "reason": "", "opened_at": opened}
            result |= {"strategy": description["strategy"], "units_not_stated": silent}
            if "coupling" in description:
                model = classes.unpacked(model, description)
                scores = class_performance.call(model, description, cohort)
                result |= class_performance.locked(scores, cohort, description, settings, seed)
            else:
                scores = locked.score(model, description, cohort)
                folder = Path(params.bundles) / lock["bundle"]
                rivals = comparators.score(folder, cohort, settings)
                result |= locked.evaluate_scored(
                    scores, cohort, description, settings, seed, rivals
                )
            result["flow"]["in_no_class"] = len(params.admitted) - len(obs)
            result["prospective"] = prospective(obs, lock["locked_at"])
            if result["pooled"]["status"] == NOT_ASSESSED:
                result |= {"status": NOT_ASSESSED, "reason": result["pooled"]["reason"]}
            record(step, result, obs)
        else:
            step.check("MOD-07", "external validation", NOT_ASSESSED, reason=lock["reason"])
        scores.rename_axis("patient_id").to_parquet(step.path(job.output.predictions))
        text = json.dumps(rounded(result), sort_keys=True, indent=1, ensure_ascii=False) + "\n"
        step.path(job.output.performance).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    core_job.entry(main, globals().get("snakemake"))
