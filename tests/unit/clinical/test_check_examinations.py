"""Imaging examinations and pathology reports: fields and limits. Limits: config clinical.examinations."""

from pathlib import Path

import pytest

from scripts.clinical import check_examinations
from scripts.clinical.check_examinations import all_checks
from scripts.clinical.diagnosis_terms import code_of, coded, read_terms
from scripts.core.config import default_config
from scripts.core.sheets import schema_of

TERMS = Path(__file__).parents[3] / "resources" / "diagnoses.tsv"
LIMITS = default_config()["clinical"]["examinations"]
CT = {
    "study_id": "I1", "patient_id": "P1", "modality": "ct", "study_datetime": "2025-06-10 09:00", "manufacturer": "maker",
    "model": "m1", "kvp": 120, "slice_thickness_mm": 1.0, "phases": "native;arterial;portal;delayed", "contrast_agent": "iohexol",
    "contrast_dose_ml_kg": 1.5, "injection_rate_ml_s": 4, "phase_delay_s": "30;65;180", "image_quality_score": 4,
}  # fmt: skip
MRI = {
    "study_id": "I2", "patient_id": "P1", "modality": "mri", "study_datetime": "2025-06-10", "manufacturer": "maker",
    "model": "m2",
    "field_strength_t": 1.5, "slice_thickness_mm": 3, "sequences": "T2;DWI;T1_pre", "phases": "arterial;portal;delayed",
    "contrast_agent": "gadoxetate", "contrast_dose_mmol_kg": 0.025, "b_values": "0;800", "image_quality_score": 3,
}  # fmt: skip
US = {
    "study_id": "I3", "patient_id": "P1", "modality": "us", "study_datetime": "2025-06-10", "manufacturer": "maker",
    "model": "m3",
    "probe": "convex", "frequency_mhz": 3.5, "depth_mm": 150, "gain": 60, "mode": "b_mode", "contrast_agent": "none",
    "image_quality_score": 4,
}  # fmt: skip


def plan(**changes) -> dict:
    patients = {
        "P1": {"centre": "C1", "domains": ["imaging", "clinical"], "diagnosis": "hcc"},
        "P2": {"centre": "C1", "domains": ["imaging", "clinical"], "diagnosis": "cirrhosis"},
    }
    blocks = {m: {"modality": m, "domain": "imaging"} for m in ("ct", "mri", "us")}
    return {"patients": patients, "assays": {}, "blocks": blocks, "as_of": "2026-03-01"} | changes


def found(requirement: str, in_plan=None, **sheets) -> list:
    given = dict.fromkeys(check_examinations.SHEETS) | sheets
    checks = all_checks(given, in_plan or plan(), LIMITS)
    return [check for check in checks if check.requirement_id == requirement]


@pytest.mark.parametrize(("row", "requirement"), [(CT, "IMG-CT"), (MRI, "IMG-MRI"), (US, "IMG-US")])
def test_complete_study_passes(row, requirement):
    assert {c.verdict for c in found(requirement, imaging_studies=[row])} == {"PASS"}


@pytest.mark.parametrize("field", sorted(set(CT) - {"study_id", "patient_id", "modality"}))
def test_field_that_is_not_said_is_not_assessed(field):
    row = {key: value for key, value in CT.items() if key != field}
    checks = found("IMG-CT", imaging_studies=[row])
    assert {c.verdict for c in checks} == {"PASS", "NOT_ASSESSED"}
    assert any(field in c.reason for c in checks)


@pytest.mark.parametrize(
    ("row", "changes", "verdict"),
    [
        (CT, {"slice_thickness_mm": 5.0}, "PASS"),
        (CT, {"slice_thickness_mm": 5.1}, "FAIL"),
        (CT, {"image_quality_score": 3}, "PASS"),
        (CT, {"image_quality_score": 2}, "FAIL"),
        (CT, {"phases": "arterial;portal"}, "FAIL"),
        (CT, {"contrast_agent": "none"}, "FAIL"),  # an arterial phase without an agent
        (CT, {"study_datetime": "2026-03-02"}, "FAIL"),
        (MRI, {"field_strength_t": 1.0}, "FAIL"),
        (MRI, {"sequences": "T2;DWI"}, "FAIL"),
        (US, {"frequency_mhz": 8}, "PASS"),
        (US, {"frequency_mhz": 8.1}, "FAIL"),
    ],
)
def test_limits(row, changes, verdict):
    requirement = check_examinations.REQUIREMENT[row["modality"]]
    verdicts = {c.verdict for c in found(requirement, imaging_studies=[row | changes])}
    assert ("FAIL" in verdicts) == (verdict == "FAIL")


def test_dose_and_rate_are_asked_for_where_an_agent_was_given():
    row = {k: v for k, v in CT.items() if not k.startswith(("contrast_dose", "injection", "phase"))}
    plain = row | {"contrast_agent": "none", "phases": "native"}
    [complete] = [c for c in found("IMG-CT", imaging_studies=[plain]) if "recorded" in c.check]
    assert complete.verdict == "PASS"


def test_device_may_stand_in_the_equipment_sheet():
    row = {k: v for k, v in CT.items() if k not in ("manufacturer", "model")} | {
        "equipment_id": "T1"
    }
    device = {"equipment_id": "T1", "kind": "ct", "manufacturer": "maker", "model": "m"}
    assert {c.verdict for c in found("IMG-CT", imaging_studies=[row], equipment=[device])} == {
        "PASS"
    }


def test_header_of_the_image_stands_for_what_it_carries():
    row = {k: v for k, v in CT.items() if k not in ("kvp", "slice_thickness_mm")}
    image = plan(assays={"ct": {"P1": [{"assay_id": "a"}]}})
    assert {c.verdict for c in found("IMG-CT", image, imaging_studies=[row])} == {"PASS"}


def test_modality_that_a_cohort_does_not_have_is_not_applicable_and_images_without_a_row_are_not_assessed():
    assert [c.verdict for c in found("IMG-CT", plan(blocks={}))] == ["NOT_APPLICABLE"]
    assert [c.verdict for c in found("IMG-CT")] == ["NOT_ASSESSED"]
    image = plan(assays={"ct": {"P2": [{"assay_id": "a"}]}})
    assert ("P2", "NOT_ASSESSED") in {
        (c.subject, c.verdict) for c in found("IMG-CT", image, imaging_studies=[CT])
    }


def test_images_that_the_gate_keeps_out_leave_no_record():
    outside = plan()
    outside["patients"]["P1"]["domains"] = ["clinical"]
    assert not [c for c in found("IMG-CT", outside, imaging_studies=[CT]) if c.subject == "P1"]


REPORT = {"patient_id": "P1", "pathology_no": "PA1", "report_date": "2025-06-20", "diagnosis": "HCC", "differentiation": "II",
          "specimen": "resection", "mvi": "M0"}  # fmt: skip


def report_of(row, standard="pathology") -> str:
    history = [{"patient_id": "P1", "reference_standard": standard}]
    sheets = {"history": history, "pathology": [row] if row else []}
    return next(c.verdict for c in found("PAT-01", **sheets) if c.subject == "P1")


def test_pathology_as_the_standard_needs_a_complete_report():
    assert report_of(REPORT) == "PASS"
    assert report_of(None) == "FAIL"
    assert report_of(None, "lirads5") == "NOT_APPLICABLE"
    for gone in ("report_date", "diagnosis", "differentiation", "mvi"):
        assert report_of({k: v for k, v in REPORT.items() if k != gone}) == "NOT_ASSESSED"
    biopsy = {k: v for k, v in REPORT.items() if k != "mvi"} | {"specimen": "biopsy"}
    assert report_of(biopsy) == "PASS"  # a biopsy cannot show microvascular invasion
    assert report_of(REPORT | {"report_date": "2026-03-02"}) == "FAIL"


def test_deleted_sheet_of_reports_is_not_assessed():
    history = [{"patient_id": "P1", "reference_standard": "pathology"}]
    assert {c.verdict for c in found("PAT-01", history=history)} == {
        "NOT_ASSESSED",
        "NOT_APPLICABLE",
    }


def test_step_writes_records(cohort):
    people = [{"patient_id": "P1", "centre": "C1", "diagnosis": "hcc", "role": "development"}]
    cohort.plan(people, blocks={"ct": {"modality": "ct", "domain": "imaging"}})
    inputs = {
        "imaging_studies": cohort.sheet("imaging_studies", [CT | {"slice_thickness_mm": 7}]),
        "patients": cohort.sheet("patients", people),
        "history": cohort.sheet("history", [{"patient_id": "P1", "diagnosis_code": "K74.6"}]),
        "terms": str(TERMS),
    }
    outputs = {"diagnoses": "diagnoses.tsv", "status": "status.json", "ledger": "ledger.jsonl"}
    job = cohort.job("check_examinations", inputs, outputs, settings=LIMITS)
    check_examinations.main(job)
    failed = {
        (r["subject"], r["requirement_id"]) for r in cohort.records(job) if r["verdict"] == "FAIL"
    }
    assert failed == {("P1", "IMG-CT"), ("P1", "CLE-04")}
    lines = Path(job.output.diagnoses).read_text(encoding="utf-8").splitlines()
    assert lines[1].split("\t")[:4] == ["P1", "history", "K74.6", "cirrhosis"]


def coding(name: str = "pathology", said: str = "hcc", **row) -> tuple[str, str]:
    """Verdict and code of one diagnosis of a patient who is `said` in patients.tsv."""
    in_plan = {"patients": {"P1": {"diagnosis": said}}}
    lines, [check] = coded({name: [{"patient_id": "P1", **row}]}, in_plan, *read_terms(TERMS))
    assert row.get("diagnosis", "-") not in check.reason  # free text is never repeated
    return check.verdict, lines[0].get("icd10", "")


@pytest.mark.parametrize(
    ("term", "code"),
    [
        ("肝细胞癌", "C22.0"),
        ("原发性肝细胞癌", "C22.0"),
        ("ＨＣＣ", "C22.0"),
        ("Hepatocellular  carcinoma", "C22.0"),
    ],
)
def test_terms_of_both_languages_become_codes(term, code):
    assert coding(diagnosis=term) == ("PASS", code)


def test_code_term_and_patients_sheet_must_agree():
    assert coding(diagnosis_code="C22.0", diagnosis="肝细胞癌") == ("PASS", "C22.0")
    assert coding(diagnosis_code="C22.0", diagnosis="肝内胆管癌")[0] == "FAIL"
    assert coding(diagnosis_code="C22.1")[0] == "FAIL"  # patients.tsv says hcc
    assert coding(diagnosis_code="C99.9")[0] == "FAIL"
    assert coding(diagnosis="张伟的诊断")[0] == "WARN"
    assert coding("history", "cirrhosis", diagnosis_code="B18.1")[0] == "PASS"  # coded by its cause
    assert coding("history", "healthy", diagnosis_code="C22.0")[0] == "FAIL"


def test_longer_code_belongs_to_its_category():
    codes, _ = read_terms(TERMS)
    assert code_of("C22.00", codes)["icd10"] == "C22.0"
    assert code_of("C22", codes) is None


def test_every_diagnosis_of_the_patients_sheet_has_a_code():
    codes, _ = read_terms(TERMS)
    kinds = {row["kind"] for row in codes.values()}
    allowed = schema_of("patients")["properties"]["diagnosis"]["enum"]
    assert set(allowed) - {"unknown"} <= kinds  # unknown: new patients, who are in no cohort
