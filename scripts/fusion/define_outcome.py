"""In: patients, history and the sheet of labels; the clinical block where the stage is computed from findings.
Out: outcome.tsv of development or external patients: the class of every admitted patient, or why the patient belongs to none.
Source: docs/modelling.md, "Outcome"; requirement REF-01 (a control needs follow-up).
"""

import json
from collections import Counter
from pathlib import Path

import pandas as pd

from scripts.core import job as core_job
from scripts.core.features import read_block
from scripts.core.outcome import (
    BCLC_GROUP,
    CASE,
    CNLC_GROUP,
    CONTROL,
    NEEDS_STAGE,
    Outcome,
    column_of,
    no_control,
    outcome_of,
)
from scripts.core.sheets import read_sheet

COLUMNS = ["patient_id", "role", "class", "reason"]
# The annotations of the clinical block hold BCLC as 0 to 4 and CNLC as 0 to 6 (docs/clinical.md).
_ORDERED = {"bclc": list(BCLC_GROUP), "cnlc": list(CNLC_GROUP)}
_GROUPS = {"bclc": BCLC_GROUP, "cnlc": CNLC_GROUP}


def stage_sources(patient: dict, history: dict, computed: dict) -> dict[str, str]:
    """{source: stage group} of everything that says how far an HCC had got, the most direct first.

    patient, history : rows of the sheets; computed : {"bclc": 0-4, "cnlc": 0-6} of the clinical block
    """
    found = {"patients.stage": patient.get("stage", "")}
    for name, groups in _GROUPS.items():
        found[f"history.{name}"] = groups.get(str(history.get(name, "")), "")
    for name, order in _ORDERED.items():
        value = computed.get(name)
        known = value is not None and value == value
        found[f"clinical.{name}"] = _GROUPS[name][order[int(value)]] if known else ""
    return {source: group for source, group in found.items() if group}


def class_of(outcome: Outcome, patient: dict, stage: str, follow_up: str) -> tuple[str, str]:
    """Class of a patient and why there is none; `follow_up` : what `no_control` says, "" where nobody has
    any follow-up recorded."""
    if patient["diagnosis"] != "hcc":
        return ("", follow_up) if follow_up else (CONTROL, "")
    if not outcome.stages:
        return CASE, ""
    if not stage:
        return "", "stage_unknown"
    found = outcome.class_of_stage(stage)
    return found, "" if found else "stage_left_out"


def class_of_label(outcome: Outcome, labels: set[str]) -> tuple[str, str]:
    """Class of a patient from the cells of a subtype's column; a label that no development patient has is no class."""
    if not labels:
        return "", "no_label"
    if len(labels) > 1:
        return "", "labels_differ"
    label = next(iter(labels))
    return (label, "") if label in outcome.classes else ("", "label_unknown")


def sort_patients(
    outcome: Outcome,
    roles: dict[str, str],
    patients: dict[str, dict],
    stages: dict[str, str],
    labels: dict[str, set[str]],
    least_days: float,
) -> tuple[pd.DataFrame, bool]:
    """Class or reason of every admitted patient, and whether follow-up of controls is recorded at all.

    roles : {patient: role} of the admitted; patients : rows of the sheet; stages : {patient: stage group};
    labels : {patient: labels} of a subtype
    """
    controls = [p for p in roles if patients[p]["diagnosis"] != "hcc"]
    recorded = any("follow_up_months" in patients[p] for p in controls)
    lines = []
    for patient, role in sorted(roles.items()):
        row = patients[patient]
        if outcome.name == "subtype":
            found = class_of_label(outcome, labels.get(patient, set()))
        else:
            lacks = no_control(row, least_days) if recorded else ""
            found = class_of(outcome, row, stages.get(patient, ""), lacks)
        lines.append([patient, role, *found])
    return pd.DataFrame(lines, columns=COLUMNS, dtype=str), recorded or not controls


def describe(outcome: Outcome, table: pd.DataFrame, recorded: bool, disagree: list[str]) -> dict:
    """outcome.json: classes, and per role how many patients are in each and how many in none."""
    counts = {}
    for role, own in table.groupby("role"):
        reasons = Counter(own.loc[own["class"] == "", "reason"])
        classes = Counter(own["class"])
        counts[role] = {
            "admitted": len(own),
            "classes": {name: classes[name] for name in outcome.classes},
            "left_out": dict(sorted(reasons.items())),
        }
    asks = outcome.name != "subtype"
    return {
        **outcome.describe(),
        "counts": counts,
        "follow_up_recorded": bool(recorded) if asks else None,
        "stages_disagree": disagree,
    }


def _stages(roles, patients, history, clinical: list[str]) -> tuple[dict[str, str], list[str]]:
    """Stage group of every HCC, and the patients whose sources disagree."""
    computed: dict[str, dict] = {}
    for path in clinical:
        table = read_block(path) if Path(path).stat().st_size else pd.DataFrame()
        columns = [name for name in _ORDERED if name in table]
        computed |= {str(p): row.to_dict() for p, row in table[columns].iterrows()}
    found, disagree = {}, []
    for patient in sorted(roles):
        if patients[patient]["diagnosis"] != "hcc":
            continue
        sources = stage_sources(
            patients[patient], history.get(patient, {}), computed.get(patient, {})
        )
        found[patient] = next(iter(sources.values()), "")
        if len(set(sources.values())) > 1:
            disagree.append(patient)
    return found, disagree


def _record(step, description: dict, least_days: float) -> None:
    out = Counter()
    for entry in description["counts"].values():
        out.update(entry["left_out"])
    recorded = description["follow_up_recorded"]
    if recorded is not None:
        text = "no control has follow_up_months: whether they stayed free of HCC is not known"
        step.check(
            "REF-01",
            "controls of the outcome have follow-up",
            "PASS" if recorded else "WARN",
            value=out["no_follow_up"] + out["short_follow_up"],
            unit="patients left out",
            threshold=f">= {least_days:g} d",
            reason="" if recorded else text,
            acts=False,
        )
    if description["stages_disagree"]:
        step.check(
            "CLE-02",
            "stage in sheets and findings agrees",
            "WARN",
            value=len(description["stages_disagree"]),
            threshold="0 patients",
            reason="patients.stage, recorded and computed BCLC and CNLC differ; the first counts",
            acts=False,
        )


def main(job):
    """Say for every admitted patient which class of the outcome they belong to.

    input: patients (sheet), history (sheet, or none), labels (sheet of a subtype, or none), clinical (blocks, or none),
           [development] (outcome.json of development patients: external ones add no class)
    output: table (TSV), description (JSON), ledger
    params: settings (model.outcome), roles {patient: role}, follow_up_days
    """
    with core_job.step(job) as step:
        settings, roles = job.params.settings, dict(job.params.roles)
        patients = {r["patient_id"]: r for r in read_sheet(_list(job.input.patients)[0]).rows}
        labels: dict[str, set[str]] = {}
        stages, disagree = {}, []
        if settings["name"] == "subtype":
            folder = Path(_list(job.input.labels)[0]).parent
            for _, patient, label in column_of(settings, folder):
                if label and patient in roles:
                    labels.setdefault(patient, set()).add(label)
        elif settings["name"] in NEEDS_STAGE:
            rows = [r for path in _list(job.input.history) for r in read_sheet(path).rows]
            history = {row["patient_id"]: row for row in rows}
            stages, disagree = _stages(roles, patients, history, _list(job.input.clinical))
        known = {label for own in labels.values() for label in own}
        for path in _list(job.input.get("development", [])):
            known = set(json.loads(Path(path).read_text(encoding="utf-8"))["classes"]) or known
        outcome = outcome_of(settings, sorted(known))
        days = float(job.params.follow_up_days)
        table, recorded = sort_patients(outcome, roles, patients, stages, labels, days)
        description = describe(outcome, table, recorded, disagree)
        _record(step, description, days)
        step.log.info("%s: %s", outcome.name, description["counts"])
        table.to_csv(step.path(job.output.table), sep="\t", index=False, lineterminator="\n")
        text = json.dumps(description, sort_keys=True, indent=1, ensure_ascii=False) + "\n"
        step.path(job.output.description).write_text(text, encoding="utf-8")


def _list(value) -> list[str]:
    return [value] if isinstance(value, str) else list(value)


if __name__ == "__main__":
    core_job.entry(main, globals().get("snakemake"))
