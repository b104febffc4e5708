"""Quality records of the sites: points, double entry, review of annotations, documents. Limits: config clinical.quality."""

import hashlib

import pytest

from scripts.clinical import check_quality_records
from scripts.clinical.check_quality_records import all_checks
from scripts.core.config import default_config

LIMITS = default_config()["clinical"]["quality"]
BLOCKS = {
    "ct": {"modality": "ct", "domain": "imaging"},
    "lcms": {"modality": "lcms", "domain": "metabolomics"},
}


def plan(blocks=BLOCKS, **changes) -> dict:
    patients = {"P1": {"centre": "C1", "domains": ["imaging", "clinical"], "role": "development"}}
    return {"patients": patients, "assays": {}, "blocks": blocks, "as_of": "2026-03-01"} | changes


def entry(point: str, **changes) -> dict:
    row = {"point_id": point, "centre": "C1", "time": "2025-11-03 10:00", "operator_id": "L1", "result": "pass",
           "document_id": "SOP1"}  # fmt: skip
    return {k: v for k, v in (row | changes).items() if v is not None}


def document(**changes) -> dict:
    return {"document_id": "SOP1", "version": "1.0", "sha256": "0" * 64} | changes


def found(requirement: str, tmp_path=None, in_plan=None, **sheets) -> list:
    given = dict.fromkeys(check_quality_records.SHEETS) | sheets
    checks = all_checks(given, in_plan or plan(), LIMITS, tmp_path)
    return [check for check in checks if check.requirement_id == requirement]


def test_every_point_needs_a_record_in_every_centre():
    records = [entry(point) for point in LIMITS["points"] if point != "transport"]
    checks = found("QCP-01", qc_records=records)
    assert len(checks) == 10
    assert [(c.subject, c.reason) for c in checks if c.verdict == "FAIL"] == [
        ("C1", "no record of the point transport")
    ]


def test_points_of_what_a_cohort_does_not_have_are_not_asked_for():
    checks = found("QCP-01", in_plan=plan(blocks={}), qc_records=[entry("consent")])
    assert {c.check.split()[-1] for c in checks} == {"consent", "collection", "cleaning", "model"}


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({}, "PASS"),
        ({"result": "fail"}, "FAIL"),
        ({"result": "deviation"}, "FAIL"),
        ({"result": "fail", "action": "repeated"}, "WARN"),
        ({"operator_id": None}, "NOT_ASSESSED"),
        ({"time": "2026-03-02"}, "FAIL"),
    ],
)
def test_a_point_that_did_not_pass_needs_an_action(changes, verdict):
    checks = found("QCP-01", qc_records=[entry("consent", **changes)])
    assert next(c for c in checks if c.check.endswith("consent")).verdict == verdict


@pytest.mark.parametrize(
    ("batches", "verdict"), [(["B1", "B2"], "PASS"), (["B1"], "FAIL"), ([None], "PASS")]
)
def test_assays_need_a_record_of_every_batch(batches, verdict):
    runs = {"lcms": {"P1": [{"assay_id": n, "batch": n} for n in ("B1", "B2")]}}
    records = [entry("assay", batch=batch) for batch in batches]
    checks = found("QCP-01", in_plan=plan(assays=runs), qc_records=records)
    assert next(c for c in checks if c.check.endswith("assay")).verdict == verdict


@pytest.mark.parametrize(
    ("agreement", "share", "verdict"),
    [
        (0.98, 0.1, "PASS"),
        (0.9799, 0.1, "FAIL"),
        (0.99, 0.09, "FAIL"),
        (0.99, None, "NOT_ASSESSED"),
        (None, None, "NOT_ASSESSED"),
    ],
)
def test_double_entry(agreement, share, verdict):
    row = entry("cleaning", double_entry_agreement=agreement, sample_fraction=share)
    assert [c.verdict for c in found("QCP-02", qc_records=[row])] == [verdict]


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({"dice": 0.8}, "PASS"),
        ({"dice": 0.79}, "FAIL"),
        ({"kappa": 0.7}, "PASS"),
        ({"kappa": 0.69}, "FAIL"),
        ({"dice": 0.5, "adjudicated": True, "adjudicator_id": "R3"}, "PASS"),
        ({"dice": 0.5, "adjudicated": True, "adjudicator_id": "R2"}, "FAIL"),
        ({"dice": 0.9, "review_reader_id": "R1"}, "FAIL"),
        ({"dice": 0.9, "review_reader_id": None}, "FAIL"),
        ({}, "NOT_ASSESSED"),
    ],
)
def test_annotation_is_reviewed_by_another_reader(changes, verdict):
    row = {"annotation_id": "A1", "patient_id": "P1", "reader_id": "R1", "review_reader_id": "R2"}
    row = {k: v for k, v in (row | changes).items() if v is not None}
    assert [c.verdict for c in found("QCP-03", annotations=[row])] == [verdict]


def test_annotations_are_asked_for_where_there_are_images_only():
    assert [c.verdict for c in found("QCP-03")] == ["NOT_ASSESSED"]
    assert [c.verdict for c in found("QCP-03", in_plan=plan(blocks={}))] == ["NOT_APPLICABLE"]


def test_quality_record_must_lead_to_a_document_of_the_index():
    good = found("QCP-04", qc_records=[entry("consent")], qc_documents=[document()])
    assert [c.verdict for c in good] == ["PASS"]
    lost = found(
        "QCP-04", qc_records=[entry("consent", document_id="SOP9")], qc_documents=[document()]
    )
    assert "not in qc_documents.tsv: SOP9" in lost[0].reason
    none = found("QCP-04", qc_records=[entry("consent")])
    assert {c.verdict for c in none} == {"NOT_ASSESSED"}


def test_file_of_a_document_is_hashed_and_compared(tmp_path):
    (tmp_path / "sop.pdf").write_bytes(b"how we do it")
    right = hashlib.sha256(b"how we do it").hexdigest()
    for sha, file, verdict, words in (
        (right, "sop.pdf", "PASS", "1 files hashed"),
        ("1" * 64, "sop.pdf", "FAIL", "another sha256"),
        (right, "gone.pdf", "FAIL", "the file is not there"),
    ):
        [check] = found("QCP-04", tmp_path, qc_documents=[document(sha256=sha, file=file)])
        assert check.verdict == verdict and words in check.reason


def test_document_of_another_sheet_has_the_hash_of_the_index_and_is_never_named_for_a_patient():
    consent = {"patient_id": "P1", "document_id": "IC-P1", "sha256": "2" * 64}
    index = [document(document_id="IC-P1")]
    [check] = list(found("QCP-04", consents=[consent], qc_documents=index))
    assert check.verdict == "FAIL" and "IC-P1" not in check.reason
    [check] = list(found("QCP-04", consents=[consent], qc_documents=[document()]))
    assert check.verdict == "PASS"  # its own hash stands
    consent.pop("sha256")
    [check] = list(found("QCP-04", consents=[consent], qc_documents=[document()]))
    assert check.verdict == "NOT_ASSESSED"


def test_index_of_documents_is_recorded():
    assert [c.verdict for c in found("MOD-02", qc_documents=[document()])] == ["PASS"]
    assert [c.verdict for c in found("MOD-02")] == ["NOT_ASSESSED"]


def test_step_writes_records(cohort):
    people = [{"patient_id": "P1", "centre": "C1", "diagnosis": "hcc", "role": "development"}]
    cohort.plan(people, blocks=BLOCKS)
    (cohort.folder / "sop.pdf").write_bytes(b"changed")
    inputs = {
        "qc_records": cohort.sheet("qc_records", [entry("consent")]),
        "qc_documents": cohort.sheet("qc_documents", [document(file="sop.pdf")]),
    }
    outputs = {"status": "status.json", "ledger": "ledger.jsonl"}
    job = cohort.job(
        "check_quality_records", inputs, outputs, settings=LIMITS, folder=str(cohort.folder)
    )
    check_quality_records.main(job)
    failed = [r["reason"] for r in cohort.records(job) if r["requirement_id"] == "QCP-04" and r["verdict"] == "FAIL"]  # fmt: skip
    assert failed == [
        "document SOP1 1.0: the file has another sha256 than the sheet; it was changed or exchanged"
    ]
