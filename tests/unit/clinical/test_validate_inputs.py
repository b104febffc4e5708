"""What the sheets say: gate records, identity, history, reference standard, approvals."""

import csv

import pytest

from scripts.clinical import validate_inputs as step_module
from scripts.clinical.ethics import (
    collection_days,
    consents_have_documents,
    documents_with_hash,
    ethics_of_centres,
    gate_checks,
    versions_are_approved,
    waivers_have_an_approval,
    without_a_day,
)
from scripts.clinical.external_sites import external_sites, study_is_registered
from scripts.clinical.validate_inputs import (
    citizen_number,
    classes_of_centres,
    dates_in_order,
    demographics,
    identifiers,
    liver_background,
    reference_standard,
    same_person,
)
from scripts.core.gate import compute_gate

HASH = "0123456789abcdef"
AS_OF = "2026-03-01"


def patient(number: int = 1, **changes) -> dict:
    row = {
        "patient_id": f"P{number}",
        "centre": "C1",
        "diagnosis": "hcc",
        "role": "development",
        "index_date": "2025-06-10",
        "sex": "male",
        "age": 50,
        "contact_hash": f"{number:016x}",
    }
    return {k: v for k, v in (row | changes).items() if v is not None}


def verdicts(checks) -> list[tuple]:
    return [(c.subject, c.requirement_id, c.verdict) for c in checks]


def test_refusals_of_the_gate_are_fail_and_the_rest_is_pass():
    people = [patient(1, civil_capacity="full"), patient(2)]
    documents = [
        {"patient_id": "P1", "kind": "base", "status": "signed", "signed_date": "2025-06-01"},
        {"patient_id": "P1", "kind": "data_use", "status": "signed", "signed_date": "2025-06-01",
         "scope_modalities": "clinical;imaging;metabolomics;proteomics;ihc;genomics", "scope_purposes": "research"},
    ]  # fmt: skip
    plan = compute_gate(people, documents, [], as_of=AS_OF, purpose="research")
    plan["blocks"] = {"wes": {"domain": "genomics"}}
    found = verdicts(gate_checks(plan, people, {}, True))
    assert ("P2", "ETH-01", "FAIL") in found
    assert ("P1", "ETH-03", "FAIL") in found
    assert ("P1", "ETH-03", "PASS") not in found
    assert {r for s, r, v in found if s == "P1" and v == "PASS"} == {
        "ETH-01",
        "ETH-02",
        "ETH-05",
        "ETH-06",
    }
    assert ("P1", "ETH-04", "NOT_APPLICABLE") in found


@pytest.mark.parametrize(
    ("blocks", "failed"), [({}, []), ({"ct": "imaging"}, []), ({"mrna": ""}, [("P1", "ETH-03")])]
)
def test_consent_without_a_domain_that_the_cohort_does_not_have_is_no_finding(blocks, failed):
    documents = [
        {"patient_id": "P1", "kind": kind, "status": "signed", "signed_date": "2025-06-01",
         "scope_modalities": "clinical;imaging;metabolomics;proteomics;ihc;genomics", "scope_purposes": "research"}
        for kind in ("base", "data_use")
    ]  # fmt: skip
    plan = compute_gate([patient()], documents, [], as_of=AS_OF, purpose="research")
    plan["blocks"] = {block: {"domain": domain} for block, domain in blocks.items()}
    found = verdicts(gate_checks(plan, [patient()], {}, True))
    assert [(s, r) for s, r, verdict in found if verdict == "FAIL"] == failed
    assert ("P1", "ETH-02", "PASS") in found


def test_cohort_without_consents_is_attested_with_a_document_and_not_assessed_without():
    plan = compute_gate([patient()], None, [], as_of=AS_OF, purpose="research")
    with_document = {"not_available": "public data", "document": "D1"}
    assert {c.verdict for c in gate_checks(plan, [patient()], with_document, False)} == {"ATTESTED"}
    assert {c.verdict for c in gate_checks(plan, [patient()], {"not_available": "x"}, False)} == {
        "NOT_ASSESSED"
    }


def test_day_of_consent_cannot_be_judged_without_a_date():
    documents = [{"patient_id": "P1", "kind": k, "status": "signed", "signed_date": "2025-06-01", "scope_modalities": "clinical",
                  "scope_purposes": "research"} for k in ("base", "data_use")]  # fmt: skip
    people = [patient(index_date=None)]
    plan = compute_gate(people, documents, [], as_of=AS_OF, purpose="research")
    assert ("P1", "ETH-05", "NOT_ASSESSED") in verdicts(gate_checks(plan, people, {}, True))


def test_demographics():
    assert demographics(patient(), [18, 100])[0].verdict == "PASS"
    assert demographics(patient(age=18), [18, 100])[0].verdict == "PASS"
    assert demographics(patient(age=17), [18, 100])[0].verdict == "FAIL"
    assert demographics(patient(sex=None), [18, 100])[0].verdict == "FAIL"
    assert demographics(patient(contact_hash=None), [18, 100])[0].verdict == "WARN"


def test_two_identifiers_must_agree_in_every_sheet():
    row = patient(id1_hash=HASH, id2_hash=HASH)
    assert identifiers(patient(id1_hash=HASH), [])[0].verdict == "NOT_ASSESSED"
    both = {"id1_hash": HASH, "id2_hash": HASH}
    assert identifiers(row, [("samples", both)])[0].verdict == "PASS"
    assert identifiers(row, [])[0].verdict == "NOT_ASSESSED"  # nothing to compare with
    assert identifiers(row, [("samples", {"id1_hash": HASH})])[0].verdict == "NOT_ASSESSED"
    [part] = identifiers(row, [("samples", both), ("imaging_studies", {})])
    assert (part.verdict, part.reason) == (
        "WARN",
        "1 of 2 samples and examinations carry both identifiers",
    )
    [differs] = identifiers(row, [("imaging_studies", {"id2_hash": "f" * 16})])
    assert (differs.verdict, differs.reason) == (
        "FAIL",
        "not the patient's: imaging_studies.id2_hash",
    )


def test_missing_history_is_not_assessed_and_an_empty_field_fails():
    assert liver_background(patient(), None)[0].verdict == "NOT_ASSESSED"
    assert liver_background(patient(), {"aetiology": "hbv"})[0].verdict == "FAIL"
    [part] = liver_background(patient(aetiology="hbv"), {"cirrhosis": False, "antiviral": True})
    assert (part.verdict, part.reason) == ("WARN", "not said: family_hcc, alcohol_g_day, diabetes")
    rest = {"antiviral": True, "family_hcc": False, "alcohol_g_day": 0, "diabetes": False}
    whole = liver_background(patient(aetiology="hbv"), {"cirrhosis": False} | rest)
    assert whole[0].verdict == "PASS"


def test_controls_need_follow_up_and_cases_a_standard_near_the_index_date():
    def control(months, index="2025-06-10"):
        row = patient(diagnosis="cirrhosis", follow_up_months=months, index_date=index)
        return reference_standard(row, None, 90, 180, AS_OF)[0].verdict

    assert (control(6), control(5)) == ("PASS", "FAIL")
    assert control(2, "2025-12-20") == "NOT_ASSESSED"  # cannot be over yet
    assert control(None) == "NOT_ASSESSED"

    def case(**history):
        return reference_standard(patient(), history, 90, 180, AS_OF)[0].verdict

    assert case() == "NOT_ASSESSED"
    assert case(reference_standard="pathology", reference_date="2025-09-08") == "PASS"  # 90 d
    assert case(reference_standard="pathology", reference_date="2025-09-09") == "FAIL"
    assert case(reference_standard="pathology") == "NOT_ASSESSED"  # the interval is not known


def test_person_enrolled_twice_is_found_by_identifier_and_suspected_by_contact():
    rows = [
        patient(1, id1_hash=HASH),
        patient(2, id1_hash=HASH),
        patient(3, contact_hash=f"{1:016x}"),
    ]
    assert verdicts(same_person(rows)) == [("P2", "CLE-05", "FAIL"), ("P3", "CLE-05", "WARN")]
    assert verdicts(same_person([patient(1), patient(2)])) == [("cohort", "CLE-05", "PASS")]
    nobody = [patient(n, contact_hash=None) for n in (1, 2)]
    assert verdicts(same_person(nobody)) == [("cohort", "CLE-05", "NOT_ASSESSED")]
    [part] = same_person([patient(1), *nobody[1:]])
    assert (part.verdict, part.value) == ("WARN", 1)


def signed(kind: str, **more) -> dict:
    row = {"patient_id": "P1", "kind": kind, "status": "signed", "signed_date": "2025-06-01"}
    return row | more


PLAN = {"patients": {"P1": {"centre": "C1", "domains": ["clinical", "genomics"]}}, "assays": {}}


@pytest.mark.parametrize(
    ("version", "listed", "verdict"),
    [
        ("2.0", "1.0;2.0", "PASS"),
        ("3.0", "1.0;2.0", "FAIL"),
        ("2.0", None, "NOT_ASSESSED"),
        (None, "2.0", "NOT_ASSESSED"),
        (None, None, "NOT_ASSESSED"),
    ],
)
def test_version_of_the_form_is_one_that_an_approval_names(version, listed, verdict):
    more = {"version": version} if version else {}
    approval = {"centre": "C1"} | ({"consent_versions": listed} if listed else {})
    [check] = versions_are_approved(PLAN, [signed("base", **more)], [approval])
    assert (check.requirement_id, check.verdict) == ("ETH-06", verdict)


def test_a_waiver_has_no_version_and_no_consents_are_no_finding():
    assert versions_are_approved(PLAN, [signed("waiver", document_id="W")], []) == []
    assert versions_are_approved(PLAN, None, None) == []


def test_the_special_notice_and_the_proxy_need_a_document_too():
    documented = {"document_id": "D", "sha256": "0" * 64}
    rows = [signed("base", proxy_signed_date="2025-06-01"), signed("data_use", **documented)]
    found = verdicts(consents_have_documents(PLAN, [*rows, signed("special")]))
    bare = {("P1", name, "NOT_ASSESSED") for name in ("ETH-01", "ETH-03", "ETH-04")}
    assert set(found) == bare
    assert (
        consents_have_documents(PLAN, [row | documented for row in [*rows, signed("special")]])
        == []
    )


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({}, "NOT_ASSESSED"),
        ({"civil_capacity": "full"}, "NOT_APPLICABLE"),
        ({"civil_capacity": "full", "age": None}, "NOT_ASSESSED"),
        ({"civil_capacity": "limited"}, "PASS"),
        ({"age": 15}, "PASS"),
    ],
)
def test_whether_a_proxy_is_needed_must_be_known(changes, verdict):
    plan = {"patients": {"P1": {"domains": ["clinical"]}}, "assays": {}, "refused": []}
    checks = gate_checks(plan, [patient(**changes)], {}, True)
    assert [c.verdict for c in checks if c.requirement_id == "ETH-04"] == [verdict]


@pytest.mark.parametrize(
    ("index", "days", "verdict"),
    [
        ("2025-06-10", [None], "PASS"),
        (None, ["2025-06-10"], "PASS"),
        (None, ["2025-06-10", None], "NOT_ASSESSED"),
        (None, [], "NOT_ASSESSED"),
    ],
)
def test_a_run_without_any_day_leaves_the_order_of_consent_and_collection_open(
    index, days, verdict
):
    runs = [{"date": day} if day else {} for day in days]
    plan = {"patients": {"P1": {"domains": ["clinical"]}}, "refused": []}
    plan["assays"] = {"ct": {"P1": runs}} if runs else {}
    checks = gate_checks(plan, [patient(index_date=index)], {}, True)
    assert [c.verdict for c in checks if c.requirement_id == "ETH-05"] == [verdict]


def test_a_document_that_stands_for_the_consents_needs_a_hash():
    hashed = documents_with_hash([{"approval_no": "EC-1", "sha256": "0" * 64}], None)
    consent = {"not_available": "retrospective", "document": "EC-1"}
    plan = {"patients": {}, "assays": {}, "refused": []}
    assert {c.verdict for c in gate_checks(plan, [], consent, False, hashed)} == {"ATTESTED"}
    assert {c.verdict for c in gate_checks(plan, [], consent, False, set())} == {"NOT_ASSESSED"}


def test_a_patient_without_any_day_is_told_beside_the_approval():
    people = [patient(1), patient(2, index_date=None)]
    undated = without_a_day(people, None, None, {"assays": {}})
    assert undated == {"C1": 1}
    approval = {"approval_no": "E1", "centre": "C1", "valid_from": "2025-01-01", "committee": "c"}
    approval |= {"document_id": "D", "sha256": "0" * 64}
    [check] = ethics_of_centres(people, [approval], None, undated)
    assert (check.verdict, check.reason) == ("WARN", "1 patients without any day of collection")


PAPER = {"document_id": "A", "sha256": "0" * 64}
SITE = {"centre": "C1", "level": "county", "data_source": "clinic", "planned_n": 50} | PAPER
STUDY = {"study_id": "S", "registration_no": "R1", "protocol_version": "1"} | PAPER
STUDY |= {"enrol_start": "2025-01-01"}


@pytest.mark.parametrize("gone", ["data_source", "planned_n", "document_id", "sha256"])
def test_an_external_site_without_its_papers_is_not_assessed(gone):
    people = [patient(1, role="external")]
    assert {c.verdict for c in external_sites(people, [SITE])} == {"PASS"}
    part = external_sites(people, [{k: v for k, v in SITE.items() if k != gone}])
    assert (part[0].verdict, part[0].reason) == ("NOT_ASSESSED", f"not said: {gone}")


def test_external_sites_must_be_described_and_diverse():
    people = [patient(1, role="external"), patient(2, role="external", centre="C2")]
    assert verdicts(external_sites(people, None)) == [("cohort", "MOD-07", "NOT_ASSESSED")]
    tertiary = [SITE | {"level": "tertiary"}]
    assert verdicts(external_sites(people, tertiary))[1:] == [
        ("C2", "MOD-07", "NOT_ASSESSED"),
        ("cohort", "MOD-07", "FAIL"),
    ]
    assert external_sites([patient(1)], None) == []


@pytest.mark.parametrize("gone", ["registration_no", "protocol_version", "enrol_start", "sha256"])
def test_a_study_without_registration_or_protocol_is_not_assessed(gone):
    people = [patient(1, role="external")]
    assert verdicts(study_is_registered(people, [STUDY])) == [("cohort", "MOD-08", "PASS")]
    rows = [{k: v for k, v in STUDY.items() if k != gone}]
    assert verdicts(study_is_registered(people, rows)) == [("cohort", "MOD-08", "NOT_ASSESSED")]
    assert verdicts(study_is_registered(people, None)) == [("cohort", "MOD-08", "NOT_ASSESSED")]
    assert study_is_registered([patient(1)], None) == []


def test_approval_must_cover_every_index_date():
    approval = {
        "centre": "C1",
        "approval_no": "A",
        "valid_from": "2025-06-10",
        "valid_until": "2025-06-10",
        "committee": "EC",
        "document_id": "D1",
        "sha256": "0" * 64,
    }
    assert ethics_of_centres([patient()], [approval])[0].verdict == "PASS"
    assert (
        ethics_of_centres([patient(), patient(2, index_date="2025-06-11")], [approval])[0].verdict
        == "FAIL"
    )
    assert (
        ethics_of_centres([patient(centre="C2")], [approval])[0].reason
        == "no approval of this centre"
    )
    assert ethics_of_centres([patient()], None)[0].verdict == "NOT_ASSESSED"


def test_step_writes_table_and_records(cohort):
    rows = [patient(1), patient(2, age=12)]
    cohort.plan(rows, encodings={"labs": "gb18030"}, sheets={"labs": "x", "patients": "y"})
    names = ("consents", "history", "samples", "imaging_studies", "ethics_approvals", "study")
    inputs = {"patients": cohort.sheet("patients", rows)} | {name: [] for name in names}
    outputs = {"validation": "validation.tsv", "status": "status.json", "ledger": "ledger.jsonl"}
    job = cohort.job(
        "validate_inputs",
        inputs,
        outputs,
        settings=cohort.settings,
        consent={"not_available": "public", "document": "D"},
    )
    step_module.main(job)
    with open(job.output.validation, encoding="utf-8", newline="") as handle:
        lines = list(csv.DictReader(handle, delimiter="\t"))
    assert {(r["subject"], r["value"]) for r in lines if r["check"] == "sheet can be read"} == {
        ("labs", "gb18030"),
        ("patients", "utf-8"),
    }
    assert [r["subject"] for r in lines if r["check"] == "centre has both classes"] == ["C1"]
    records = cohort.records(job)
    assert ("P2", "CLN-01", "FAIL") in {
        (r["subject"], r["requirement_id"], r["verdict"]) for r in records
    }
    assert not any(r["check"] == "sheet can be read" for r in records)


def _plan_of(*people: dict, assays=None) -> dict:
    entries = {p["patient_id"]: {"centre": p["centre"], "domains": ["clinical"]} for p in people}
    return {"patients": entries, "assays": assays or {}}


def test_signature_without_a_hashed_document_is_not_assessed():
    full = {"document_id": "IC1", "sha256": "0" * 64}
    base = {"patient_id": "P1", "kind": "base", "status": "signed", "signed_date": "2025-06-01"}
    use = base | {"kind": "data_use"}
    plan = _plan_of(patient(1))
    assert consents_have_documents(plan, [base | full, use | full]) == []
    assert consents_have_documents(plan, [base | full | {"kind": "waiver"}]) == []
    bare = consents_have_documents(plan, [base | full, use | {"document_id": "IC1"}])
    assert verdicts(bare) == [("P1", "ETH-02", "NOT_ASSESSED")]
    assert consents_have_documents(plan, None) == []


APPROVAL = {"approval_no": "A", "centre": "C1", "committee": "EC", "valid_from": "2025-06-01",
            "valid_until": "2025-06-30", "document_id": "D1", "sha256": "0" * 64}  # fmt: skip


def test_approval_covers_tubes_images_and_runs_of_its_centre_too():
    people = [patient(1)]
    runs = {"ct": {"P1": [{"date": "2025-07-01"}]}}
    tube = {"patient_id": "P1", "collected_at": "2025-06-30 08:00"}
    study = {"patient_id": "P1", "study_datetime": "2025-05-31 08:00"}
    for samples, studies, assays, verdict, what in (
        ([tube], None, {}, "PASS", ""),
        (None, [study], {}, "FAIL", "an image on 2025-05-31"),
        (None, None, runs, "FAIL", "ct data on 2025-07-01"),
        ([tube | {"centre": "C9"}], None, {}, "FAIL", "no approval of this centre"),
    ):
        days = collection_days(people, samples, studies, {"assays": assays})
        found = ethics_of_centres(people, [APPROVAL], days)
        assert found[-1].verdict == verdict and what in found[-1].reason


def test_approval_without_committee_or_document_is_not_assessed():
    for gone in ("committee", "document_id", "sha256"):
        row = {k: v for k, v in APPROVAL.items() if k != gone}
        [check] = ethics_of_centres([patient()], [row])
        assert (check.verdict, check.reason) == ("NOT_ASSESSED", f"approval without {gone}")


def test_waiver_rests_on_an_approval_of_the_sheet():
    waiver = {"patient_id": "P1", "kind": "waiver", "status": "signed", "document_id": "D1"}
    plan = _plan_of(patient(1))
    assert waivers_have_an_approval([waiver], [APPROVAL], plan) == []
    [check] = waivers_have_an_approval([waiver | {"document_id": "D9"}], [APPROVAL], plan)
    assert (check.subject, check.requirement_id, check.verdict) == ("P1", "ETH-07", "NOT_ASSESSED")


def test_citizen_number_rests_on_the_sites_own_comparison():
    for said, verdict in (("agrees", "PASS"), ("differs", "FAIL"), (None, "NOT_ASSESSED")):
        assert citizen_number(patient(id_check=said))[0].verdict == verdict


def test_development_centre_with_one_class_fails_and_an_external_one_is_warned_of():
    people = [patient(1), patient(2, centre="C2", role="external")]
    found = {(c.subject, c.requirement_id, c.verdict) for c in classes_of_centres(people)}
    assert found == {("C1", "OMX-06", "FAIL"), ("C2", "OMX-06", "WARN")}
    assert classes_of_centres([patient(1), patient(2, diagnosis="cirrhosis")]) == []


def test_age_and_day_of_birth_agree():
    born = patient(birth_date="1975-01-01")  # 50.4 years on 2025-06-10
    assert dates_in_order(born, AS_OF, [])[0].verdict == "PASS"
    assert dates_in_order(patient(index_date=None), AS_OF, [])[0].verdict == "NOT_ASSESSED"
    [check] = dates_in_order(born | {"age": 45}, AS_OF, [])
    assert "age 45, but 50.4 years by birth_date" in check.reason
    assert demographics(patient(age=None, birth_date="2008-06-11"), [18, 100])[0].verdict == "FAIL"
    assert demographics(patient(age=None, birth_date="2007-06-10"), [18, 100])[0].verdict == "PASS"
