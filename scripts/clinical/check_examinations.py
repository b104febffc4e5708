"""Imaging examinations, pathology reports, diagnoses: what the sheets say of device, protocol, contrast, quality and diagnosis.

In: imaging_studies, equipment, pathology, history, patients sheets; the plan. Out: QC records. Source: requirements
IMG-CT, IMG-MRI, IMG-US, PAT-01, CLE-04; docs/clinical.md, "Examinations". The step that reads an image checks it.
"""

import csv

from scripts.clinical import diagnosis_terms
from scripts.clinical.checks import Check, record, rows_of
from scripts.core import job as core_job
from scripts.core.plan import load_plan

SHEETS = ("imaging_studies", "equipment", "pathology", "history", "patients")
REQUIREMENT = {"ct": "IMG-CT", "mri": "IMG-MRI", "us": "IMG-US"}
# What the header of a DICOM image carries: not asked of the sheet where the image itself is read and checked.
IN_THE_HEADER = {
    "ct": ("kvp", "slice_thickness_mm"),
    "mri": ("slice_thickness_mm",),
    "us": (),
}
REPORT_FIELDS = ("report_date", "diagnosis")
CASE_FIELDS = ("differentiation", "specimen")
NO_CONTRAST = ("none", "no", "无")


def device_is_known(row: dict, devices: dict[str, dict]) -> list[str]:
    """What is not known of the device: maker, model; from the row or from equipment.tsv."""
    device = devices.get(row.get("equipment_id", ""), {})
    return [name for name in ("manufacturer", "model") if name not in row and name not in device]


def study_checks(
    row: dict, settings: dict, devices: dict[str, dict], has_image: bool, as_of: str
) -> list[Check]:
    """All checks of one row of imaging_studies.tsv."""
    kind, subject = row["modality"], row["patient_id"]
    wanted, requirement = settings[kind], REQUIREMENT[kind]

    def check(what: str, verdict: str, reason: str = "", value=None, threshold: str = "") -> Check:
        text = f"study {row['study_id']}: {reason}" if reason else ""
        return Check(
            subject, requirement, what, verdict, value, text, threshold, "", row["study_id"]
        )

    given = row.get("contrast_agent", "").lower() not in ("", *NO_CONTRAST)
    fields = [*wanted["fields"], *(wanted["contrast_fields"] if given else [])]
    header = IN_THE_HEADER[kind] if has_image else ()
    gone = [f for f in fields if f not in row and f not in header] + device_is_known(row, devices)
    text = f"not said: {', '.join(gone)}" if gone else ""
    out = [check("device, protocol, contrast, quality are recorded", "NOT_ASSESSED" if gone else "PASS",
                 text, len(fields) + 2 - len(gone), f"{len(fields) + 2} fields")]  # fmt: skip
    out += _limits(row, wanted, given, check)
    day = row.get("study_datetime", "")[:10]
    if day > as_of:
        out.append(check("examination is past", "FAIL", f"done on {day}, after {as_of}"))
    elif not day:
        out.append(check("examination is past", "NOT_ASSESSED", "study_datetime is not said"))
    return out


def _limits(row: dict, wanted: dict, given: bool, check) -> list[Check]:
    out = []

    def judge(what: str, field: str, good, threshold: str) -> None:
        if field in row:
            value = row[field]
            verdict = "PASS" if good(value) else "FAIL"
            reason = "" if verdict == "PASS" else f"{field} {value}, {threshold} is wanted"
            out.append(check(what, verdict, reason, value, threshold))

    if "max_slice_mm" in wanted:
        most = wanted["max_slice_mm"]
        judge("slice thickness", "slice_thickness_mm", lambda v: v <= most, f"<= {most:g} mm")
    if "min_field_t" in wanted:
        least = wanted["min_field_t"]
        judge("field strength", "field_strength_t", lambda v: v >= least, f">= {least:g} T")
    if "frequency_mhz" in wanted:
        low, high = wanted["frequency_mhz"]
        judge("frequency", "frequency_mhz", lambda v: low <= v <= high, f"{low:g} to {high:g} MHz")
    least = wanted["min_quality"]
    judge("image quality", "image_quality_score", lambda v: v >= least, f">= {least} of 5")
    for what, field in (("phases", "phases"), ("sequences", "sequences")):
        asked = wanted.get(what, [])
        if asked:
            text = ", ".join(asked)
            judge(f"{what} complete", field, lambda v, a=asked: set(a) <= set(v.split(";")), text)
    enhanced = {"arterial", "portal", "delayed", "hepatobiliary"} & set(
        row.get("phases", "").split(";")
    )
    if enhanced and "contrast_agent" in row and not given:
        reason = f"{', '.join(sorted(enhanced))} phase without a contrast agent"
        out.append(check("contrast fits the phases", "FAIL", reason))
    return out


def studies(sheets: dict, plan: dict, settings: dict) -> list[Check]:
    """IMG-CT, IMG-MRI, IMG-US of the whole cohort: every study, every patient with images and without a row."""
    allowed = {p for p, entry in plan["patients"].items() if "imaging" in entry["domains"]}
    devices = {row["equipment_id"]: row for row in sheets["equipment"] or []}
    rows = [r for r in sheets["imaging_studies"] or [] if r["patient_id"] in allowed]
    blocks = {block["modality"] for block in plan["blocks"].values()}
    what, out = "device, protocol, contrast, quality are recorded", []
    for kind, requirement in REQUIREMENT.items():
        own = [row for row in rows if row["modality"] == kind]
        imaged = set(plan["assays"].get(kind, {}))
        if not own and kind not in blocks:
            text = f"no {kind} in this cohort"
            out.append(Check("cohort", requirement, what, "NOT_APPLICABLE", None, text))
        elif sheets["imaging_studies"] is None:
            text = "no imaging_studies.tsv: contrast, protocol and quality are not known"
            out.append(Check("cohort", requirement, what, "NOT_ASSESSED", None, text))
        elif not own and not imaged:
            text = f"imaging_studies.tsv has no {kind} study"
            out.append(Check("cohort", requirement, what, "NOT_ASSESSED", None, text))
        for row in own:
            has_image = row["patient_id"] in imaged
            out += study_checks(row, settings, devices, has_image, plan["as_of"])
        if sheets["imaging_studies"] is not None:
            text = f"{kind} images and no row in imaging_studies.tsv"
            bare = sorted(imaged - {row["patient_id"] for row in own})
            out += [Check(p, requirement, what, "NOT_ASSESSED", None, text) for p in bare]
    return out


def pathology_reports(sheets: dict, plan: dict) -> list[Check]:
    """PAT-01: who has pathology as the reference standard has a report with number, day, diagnosis and grade.

    MVI is asked of resections and explants only: a biopsy cannot show it.
    """
    reports: dict[str, list[dict]] = {}
    for row in sheets["pathology"] or []:
        reports.setdefault(row["patient_id"], []).append(row)
    history = {row["patient_id"]: row for row in sheets["history"] or []}
    check, out = "pathology report", []
    for patient, entry in plan["patients"].items():
        standard = history.get(patient, {}).get("reference_standard")
        own = reports.get(patient, [])
        if not own and standard is None:
            if entry["diagnosis"] == "hcc":
                text = "no reference_standard in history.tsv and no report"
                out.append(Check(patient, "PAT-01", check, "NOT_ASSESSED", None, text))
            else:
                out.append(Check(patient, "PAT-01", check, "NOT_APPLICABLE"))
        elif not own and standard != "pathology":
            out.append(Check(patient, "PAT-01", check, "NOT_APPLICABLE", standard))
        elif not own:
            absent = sheets["pathology"] is None
            text = "no pathology.tsv" if absent else "reference standard pathology, and no report"
            verdict = "NOT_ASSESSED" if absent else "FAIL"
            out.append(Check(patient, "PAT-01", check, verdict, standard, text))
        else:
            out.append(_report(patient, entry["diagnosis"] == "hcc", own, plan["as_of"]))
    return out


def _report(patient: str, case: bool, own: list[dict], as_of: str) -> Check:
    gone, late = [], []
    for row in own:
        fields = [*REPORT_FIELDS, *(CASE_FIELDS if case else ())]  # specimen: mvi hangs on it
        if case and row.get("specimen") in ("resection", "explant"):
            fields.append("mvi")
        gone += [name for name in fields if name not in row]
        late += [row["report_date"]] if row.get("report_date", "") > as_of else []
    numbers = ", ".join(row["pathology_no"] for row in own)
    verdict, text = "PASS", ""
    if late:
        verdict, text = "FAIL", f"report of {late[0]}, after {as_of}"
    elif gone:
        verdict, text = "NOT_ASSESSED", f"not said: {', '.join(dict.fromkeys(gone))}"
    return Check(patient, "PAT-01", "pathology report", verdict, len(own), text, evidence=numbers)


def all_checks(sheets: dict, plan: dict, settings: dict) -> list[Check]:
    """Every check; `sheets` are rows by name, None for a sheet that the cohort does not have."""
    return studies(sheets, plan, settings) + pathology_reports(sheets, plan)


def main(job):
    """Judge what the sheets say about imaging, pathology and diagnoses.

    input: the sheets of SHEETS, each as a list of no or one path, terms; output: diagnoses, status, ledger; params: settings
    """
    with core_job.step(job) as step:
        sheets = {name: rows_of(job.input.get(name)) for name in SHEETS}
        plan = load_plan()
        codes, terms = diagnosis_terms.read_terms(job.input.terms)
        lines, coded = diagnosis_terms.coded(sheets, plan, codes, terms)
        coded.append(diagnosis_terms.share_coded(coded, plan))
        record(step, all_checks(sheets, plan, job.params.settings) + coded)
        with open(step.path(job.output.diagnoses), "w", encoding="utf-8", newline="") as handle:
            writer = csv.DictWriter(
                handle, diagnosis_terms.COLUMNS, delimiter="\t", lineterminator="\n"
            )
            writer.writeheader()
            writer.writerows(lines)


if __name__ == "__main__":
    core_job.entry(main, globals().get("snakemake"))
