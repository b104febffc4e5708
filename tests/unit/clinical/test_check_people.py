"""People and devices on the day of the act: licence, post, years, training, calibration. Limits: config clinical.people."""

import pytest

from scripts.clinical import check_people
from scripts.clinical.check_people import all_checks
from scripts.core.config import default_config

LIMITS = default_config()["clinical"]["people"]
SHA = "0" * 64
DAY = "2025-06-10"


def plan(**changes) -> dict:
    patients = {
        f"P{n}": {"centre": f"C{n}", "domains": ["imaging", "genomics"], "role": "development"}
        for n in (1, 2)
    }
    return {"patients": patients, "assays": {}, "blocks": {}, "as_of": "2026-03-01"} | changes


def person(name: str = "N1", post: str = "phlebotomy", **changes) -> dict:
    row = {
        "person_id": name, "post": post, "centre": "C1", "licence_no": "a" * 16, "valid_from": "2020-01-01",
        "valid_until": "2028-12-31", "years_experience": 6, "training_date": "2025-01-15",
        "training_topic": "phlebotomy",
        "document_id": f"D{name}", "sha256": SHA,
    }  # fmt: skip
    return {k: v for k, v in (row | changes).items() if v is not None}


def device(name: str = "Z1", kind: str = "centrifuge", **changes) -> dict:
    row = {"equipment_id": name, "kind": kind, "calibrated_on": "2025-01-10", "calibration_due": "2026-01-09",
           "document_id": f"D{name}", "sha256": SHA}  # fmt: skip
    return {k: v for k, v in (row | changes).items() if v is not None}


def tube(**changes) -> dict:
    row = {"sample_id": "S1", "patient_id": "P1", "collected_at": f"{DAY} 08:00", "collector_id": "N1",
           "specimen": "plasma"}  # fmt: skip
    return {k: v for k, v in (row | changes).items() if v is not None}


def spin(**changes) -> dict:
    row = {"sample_id": "S1", "event": "centrifuged", "time": f"{DAY} 09:00", "operator_id": "L1",
           "equipment_id": "Z1"}  # fmt: skip
    return row | changes


def found(requirement: str, in_plan=None, **sheets) -> dict[str, list]:
    """{verdict: checks} of one requirement."""
    given = dict.fromkeys(check_people.SHEETS) | sheets
    checks = all_checks(given, in_plan or plan(), LIMITS)
    out: dict[str, list] = {}
    for check in checks:
        if check.requirement_id == requirement:
            out.setdefault(check.verdict, []).append(check)
    return out


def test_valid_licence_with_a_hashed_certificate_passes_and_is_counted_by_centre():
    [check] = found("PER-01", personnel=[person()], samples=[tube()])["PASS"]
    assert (check.subject, check.value) == ("C1", 1)


@pytest.mark.parametrize(
    ("changes", "verdict", "words"),
    [
        ({"valid_until": DAY}, "PASS", ""),  # the last day still counts
        ({"valid_until": "2025-06-09"}, "FAIL", "licence of N1 valid 2020-01-01 to 2025-06-09"),
        ({"valid_from": "2025-06-11"}, "FAIL", "licence of N1 valid"),
        ({"post": "laboratory"}, "FAIL", "holds no post of phlebotomy"),
        ({"person_id": "N9"}, "FAIL", "N1 is not in personnel.tsv"),
        ({"valid_until": None}, "NOT_ASSESSED", "no end of validity"),
        ({"sha256": None}, "NOT_ASSESSED", "no licence number with a hashed certificate"),
        ({"licence_no": None}, "NOT_ASSESSED", "no licence number"),
    ],
)
def test_licence_on_the_day_of_collection(changes, verdict, words):
    checks = found("PER-01", personnel=[person(**changes)], samples=[tube()])
    assert list(checks) == [verdict]
    assert words in checks[verdict][0].reason
    if verdict == "FAIL":
        assert checks[verdict][0].subject == "P1"  # so that it counts for the patient's centre


def test_renewed_licence_covers_what_the_old_one_did_not():
    rows = [person(valid_until="2025-01-01"), person(valid_from="2025-01-01")]
    assert list(found("PER-01", personnel=rows, samples=[tube()])) == ["PASS"]


def test_act_that_names_nobody_is_not_assessed():
    checks = found("PER-01", personnel=[person()], samples=[tube(collector_id=None)])
    assert "nobody is named" in checks["NOT_ASSESSED"][0].reason


def test_spinning_needs_the_laboratory_and_reading_an_image_a_radiologist():
    staff = [person(), person("L1", "laboratory"), person("R1", "imaging", years_experience=9)]
    study = {"study_id": "I1", "patient_id": "P1", "modality": "ct", "study_datetime": DAY,
             "operator_id": "R1", "reader_id": "L1"}  # fmt: skip
    checks = found(
        "PER-01", personnel=staff, samples=[tube()], sample_events=[spin()], imaging_studies=[study]
    )
    assert [c.evidence for c in checks["FAIL"]] == ["L1"]
    assert "holds no post of imaging" in checks["FAIL"][0].reason


def test_without_personnel_every_requirement_of_people_is_not_assessed():
    for requirement in ("PER-01", "PER-02", "PER-03"):
        assert list(found(requirement, samples=[tube()])) == ["NOT_ASSESSED"]


@pytest.mark.parametrize(("years", "verdict"), [(1, "PASS"), (0.9, "FAIL"), (None, "NOT_ASSESSED")])
def test_years_in_the_post(years, verdict):
    checks = found("PER-02", personnel=[person(years_experience=years)], samples=[tube()])
    assert list(checks) == [verdict]


@pytest.mark.parametrize(
    ("day", "verdict"),
    [
        (DAY, "PASS"),
        ("2021-06-10", "FAIL"),
        ("2030-06-10", "PASS"),
    ],  # renewed, first licence, after all
)
def test_years_of_the_licence_that_covers_the_act_count_else_of_the_latest(day, verdict):
    rows = [
        person(valid_until="2021-12-31", years_experience=0.5),
        person(valid_from="2022-01-01", valid_until="2027-01-01", years_experience=5),
    ]
    checks = found("PER-02", personnel=rows, samples=[tube(collected_at=f"{day} 08:00")])
    assert list(checks) == [verdict]


@pytest.mark.parametrize(
    ("trained", "verdict"),
    [
        (DAY, "PASS"),
        ("2025-06-11", "FAIL"),  # after the act
        ("2023-06-11", "PASS"),  # 730 d; 24 months of 30.44 d are 730.6 d
        ("2023-06-09", "FAIL"),
        (None, "NOT_ASSESSED"),
    ],
)
def test_training_comes_before_the_act_and_is_not_too_old(trained, verdict):
    checks = found("PER-03", personnel=[person(training_date=trained)], samples=[tube()])
    assert list(checks) == [verdict]


@pytest.mark.parametrize(
    ("changes", "verdict", "words"),
    [
        ({}, "PASS", ""),
        ({"calibration_due": DAY}, "PASS", ""),
        ({"calibration_due": "2025-06-09"}, "FAIL", "calibration valid 2025-01-10 to 2025-06-09"),
        ({"calibrated_on": "2025-06-11"}, "FAIL", "calibration valid"),
        ({"kind": "freezer"}, "FAIL", "is a freezer, not a centrifuge"),
        ({"equipment_id": "Z9"}, "FAIL", "device Z1 is not in equipment.tsv"),
        ({"calibration_due": None}, "NOT_ASSESSED", "no calibration_due"),
        ({"sha256": None}, "NOT_ASSESSED", "no hashed certificate"),
    ],
)
def test_centrifuge_is_calibrated_on_the_day_of_the_spin(changes, verdict, words):
    row = device(**changes)
    checks = [
        check
        for requirement in ("BLD-04", "QCP-01")
        for group in found(
            requirement,
            personnel=[person()],
            equipment=[row],
            samples=[tube()],
            sample_events=[spin()],
        ).values()
        for check in group
    ]
    assert [c.verdict for c in checks] == [verdict]
    assert words in checks[0].reason


def test_certificate_of_another_period_does_not_stand_behind_the_calibration_of_the_day():
    old = device(calibrated_on="2020-01-01", calibration_due="2021-01-01")
    devices = [old, device(document_id=None, sha256=None)]
    sheets = {"equipment": devices, "samples": [tube()], "sample_events": [spin()]}
    checks = found("BLD-04", personnel=[person()], **sheets)
    assert list(checks) == ["NOT_ASSESSED"]
    assert "no hashed certificate" in checks["NOT_ASSESSED"][0].reason


def test_scanner_counts_for_its_modality_and_a_sequencer_for_the_quality_point():
    study = {
        "study_id": "I1",
        "patient_id": "P1",
        "modality": "ct",
        "study_datetime": DAY,
        "equipment_id": "T1",
    }
    assays = {"wes": {"P2": [{"assay_id": "a", "equipment_id": "Q1", "date": DAY}]}}
    devices = [device("T1", "ct"), device("Q1", "sequencer", calibration_due="2025-06-01")]
    sheets = {"imaging_studies": [study], "equipment": devices}  # fmt: skip
    assert list(found("IMG-CT", plan(assays=assays), **sheets)) == ["PASS"]
    [check] = found("QCP-01", plan(assays=assays), **sheets)["FAIL"]
    assert check.subject == "P2"


def test_step_writes_records(cohort):
    people = [{"patient_id": "P1", "centre": "C1", "diagnosis": "hcc", "role": "development"}]
    cohort.plan(people)
    inputs = {
        "personnel": cohort.sheet("personnel", [person(valid_until="2025-01-01")]),
        "samples": cohort.sheet("samples", [tube()]),
    }
    outputs = {"status": "status.json", "ledger": "ledger.jsonl"}
    job = cohort.job("check_people", inputs, outputs, settings=LIMITS)
    check_people.main(job)
    failed = {
        (r["subject"], r["requirement_id"]) for r in cohort.records(job) if r["verdict"] == "FAIL"
    }
    assert failed == {("P1", "PER-01")}
