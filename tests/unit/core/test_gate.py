"""The consent gate: who and what may enter on a given day. Boundaries are those of requirements ETH-01 to ETH-06."""

import pytest

from scripts.core.gate import (
    compute_gate,
    not_consented_on,
    refusal_of_domain,
    refusals_of_patient,
    withdrawn_patients,
)

AS_OF, COLLECTED = "2026-03-01", "2025-06-10"
ALL = "clinical;imaging;genomics;metabolomics;proteomics;ihc"
PATIENT = {
    "patient_id": "P1",
    "centre": "C1",
    "role": "development",
    "diagnosis": "hcc",
    "index_date": COLLECTED,
    "age": 50,
}


def consent(kind: str, **changes) -> dict:
    """A document that holds; `changes` replace fields, None removes one."""
    row = {"patient_id": "P1", "kind": kind, "status": "signed", "signed_date": "2025-06-01"}
    row |= {"document_id": f"D-{kind}"}
    if kind in ("data_use", "waiver"):
        row |= {"scope_modalities": ALL, "scope_purposes": "research"}
    if kind == "special":
        row["special_test"] = "genomics"
    return {k: v for k, v in (row | changes).items() if v is not None}


def complete(**changes) -> list[dict]:
    """The three documents; `base=dict(...)` changes one, `base=None` leaves it out."""
    kinds = ("base", "data_use", "special")
    return [consent(k, **changes.get(k, {})) for k in kinds if changes.get(k, {}) is not None]


def whole(documents, patient=PATIENT, as_of=AS_OF) -> list[str]:
    return [r.requirement_id for r in refusals_of_patient(patient, documents, as_of)]


def domain(documents, name="genomics", collected=COLLECTED, patient=PATIENT, purpose="research"):
    refusal = refusal_of_domain(patient, documents, name, collected, AS_OF, purpose)
    return refusal.requirement_id if refusal else ""


def test_complete_consent_lets_everything_in():
    assert whole(complete()) == []
    assert [domain(complete(), name) for name in ALL.split(";")] == [""] * 6


@pytest.mark.parametrize(
    ("changes", "requirement"),
    [
        ({"base": None}, "ETH-01"),
        ({"base": {"status": "refused"}}, "ETH-01"),
        ({"base": {"status": "expired"}}, "ETH-06"),
        ({"base": {"status": "withdrawn"}}, "ETH-06"),
        ({"data_use": None}, "ETH-02"),
        ({"data_use": {"status": "refused"}}, "ETH-02"),
        ({"data_use": {"status": "withdrawn", "withdrawn_date": "2025-12-01"}}, "ETH-06"),
    ],
)
def test_patient_is_kept_out(changes, requirement):
    assert whole(complete(**changes)) == [requirement]


@pytest.mark.parametrize(
    ("field", "last_good", "first_bad"),
    [
        ("expires", "2026-03-01", "2026-02-28"),  # the last day on which it holds
        ("withdrawn_date", "2026-03-02", "2026-03-01"),  # the first day on which it does not
        ("signed_date", "2026-03-01", "2026-03-02"),  # signed today holds, tomorrow does not
    ],
)
def test_day_on_which_a_document_begins_or_ends(field, last_good, first_bad):
    assert whole(complete(base={field: last_good})) == []
    assert whole(complete(base={field: first_bad})) == ["ETH-06"]


def test_consent_on_the_day_of_collection_passes_the_next_day_fails():
    assert domain(complete(base={"signed_date": COLLECTED})) == ""
    assert domain(complete(base={"signed_date": "2025-06-11"})) == "ETH-05"


def test_unknown_day_of_collection_is_not_held_against_the_patient():
    assert domain(complete(base={"signed_date": "2025-12-01"}), collected=None) == ""


def test_renewed_consent_keeps_the_date_of_the_first():
    old = consent("base", expires="2025-12-31", document_id="D-old")
    new = consent("base", signed_date="2026-01-05", document_id="D-new")
    documents = [old, new, *complete(base=None)]
    assert whole(documents) == []
    assert domain(documents) == ""


@pytest.mark.parametrize(
    ("changes", "name", "requirement"),
    [
        ({"data_use": {"scope_modalities": "clinical;imaging"}}, "metabolomics", "ETH-02"),
        ({"data_use": {"scope_modalities": "clinical;imaging"}}, "imaging", ""),
        ({"data_use": {"scope_modalities": None}}, "clinical", "ETH-02"),
        ({"data_use": {"scope_purposes": "diagnosis_service"}}, "clinical", "ETH-02"),
        ({"special": None}, "genomics", "ETH-03"),
        ({"special": None}, "proteomics", ""),
        ({"special": {"special_test": None}}, "genomics", "ETH-03"),
        ({"special": {"expires": "2025-12-31"}}, "genomics", "ETH-06"),
    ],
)
def test_scope_purpose_and_special_notice(changes, name, requirement):
    assert domain(complete(**changes), name) == requirement


def test_purpose_counts_only_in_the_document_that_covers_the_domain():
    imaging = consent(
        "data_use", scope_modalities="imaging", scope_purposes="research", document_id="A"
    )
    omics = consent("data_use", scope_modalities="proteomics", scope_purposes="diagnosis_service")
    documents = [imaging, omics, *complete(data_use=None)]
    assert domain(documents, "imaging") == ""
    assert domain(documents, "proteomics") == "ETH-02"


def test_withdrawal_of_a_scope_ends_an_older_document_of_that_scope_too():
    older = consent("data_use", document_id="A", signed_date="2025-05-01")
    gone = consent(
        "data_use", status="withdrawn", withdrawn_date="2025-09-01", scope_modalities="genomics"
    )
    again = consent(
        "data_use", document_id="C", signed_date="2025-10-01", scope_modalities="genomics"
    )
    rest = complete(data_use=None)
    assert whole([older, gone, *rest]) == ["ETH-06"]
    assert domain([older, gone, again, *rest], "genomics") == ""


def test_person_who_withdrew_and_signed_again_may_enter():
    gone = consent("base", status="withdrawn", withdrawn_date="2025-09-01", document_id="A")
    again = consent("base", signed_date="2025-10-01", document_id="B")
    assert whole([gone, again, *complete(base=None)]) == []
    before = consent("base", signed_date="2025-08-01", document_id="B")
    assert whole([gone, before, *complete(base=None)]) == ["ETH-06"]


@pytest.mark.parametrize("scope", [None, "clinical;imaging"])
def test_withdrawal_of_the_base_consent_is_of_everything_whatever_its_scope_says(scope):
    held = consent("base", signed_date="2023-01-01")
    gone = consent("base", status="withdrawn", withdrawn_date="2025-01-01", document_id="W")
    gone |= {"scope_modalities": scope} if scope else {}
    documents = [held, gone, *complete(base=None)]
    assert whole(documents) == ["ETH-06"]
    assert withdrawn_patients(documents, AS_OF) == {"P1"}


def test_withdrawal_without_a_scope_ends_a_document_with_one():
    gone = consent("data_use", status="withdrawn", withdrawn_date="2025-09-01", document_id="W")
    del gone["scope_modalities"]
    assert whole([*complete(), gone]) == ["ETH-06"]


@pytest.mark.parametrize(
    ("old", "collected", "requirement"),
    [
        ({"expires": "2025-06-10"}, "2025-06-10", ""),
        ({"expires": "2025-06-09"}, "2025-06-10", "ETH-05"),
        ({"withdrawn_date": "2025-06-11"}, "2025-06-10", ""),
        ({"withdrawn_date": "2025-06-10"}, "2025-06-10", "ETH-05"),
        ({"status": "expired", "expires": "2025-12-31"}, "2025-06-10", ""),
    ],
)
def test_consent_counts_for_a_collection_only_while_it_was_in_force(old, collected, requirement):
    old = consent("base", document_id="D-old", **old)
    new = consent("base", signed_date="2026-01-01", document_id="D-new")
    documents = [old, new, *complete(base=None)]
    assert whole(documents) == []
    assert domain(documents, collected=collected) == requirement
    why = not_consented_on(PATIENT, documents, collected, {"genomics"}, AS_OF)
    assert bool(why) == bool(requirement)


def test_waiver_stands_for_a_consent_only_while_it_holds_and_in_its_scope():
    old = {"expires": "2021-12-31"}
    for changes, domains, good in (
        ({}, {"imaging"}, True),
        ({"scope_modalities": "imaging"}, {"imaging"}, True),
        ({"scope_modalities": "imaging"}, {"metabolomics"}, False),
        (old, {"imaging"}, False),
    ):
        documents = [consent("waiver", **changes), consent("base", signed_date="2026-01-01")]
        why = not_consented_on(PATIENT, documents, COLLECTED, domains, AS_OF)
        assert (why == "") == good


def test_no_waiver_stands_against_a_withdrawal():
    gone = consent("base", status="withdrawn", withdrawn_date="2025-09-01")
    assert whole([gone, consent("waiver")]) == ["ETH-06"]


def test_waiver_with_its_document_covers_retrospective_data():
    waiver = [consent("waiver", signed_date="2026-01-01")]
    assert whole(waiver) == []
    assert domain(waiver, "genomics") == domain(waiver, "imaging") == ""
    assert whole([consent("waiver", document_id=None)]) == ["ETH-01"]
    assert whole([consent("waiver", expires="2026-02-28")]) == ["ETH-06"]


def test_waiver_covers_its_scope_only():
    waiver = [consent("waiver", scope_modalities="imaging")]
    assert domain(waiver, "imaging") == ""
    assert domain(waiver, "proteomics") == "ETH-02"
    with_authorisation = [*waiver, consent("data_use")]
    assert domain(with_authorisation, "proteomics") == "ETH-01"


PROXY = {"proxy_relation": "spouse", "proxy_name_hash": "0" * 32, "proxy_signed_date": "2025-06-01"}


@pytest.mark.parametrize(
    "who", [{"age": 17}, {"civil_capacity": "limited"}, {"civil_capacity": "none"}]
)
def test_person_without_full_capacity_needs_a_proxy(who):
    patient = PATIENT | who
    assert whole(complete(), patient) == ["ETH-04"]
    assert whole(complete(base=PROXY), patient) == []
    for field in PROXY:
        assert whole(complete(base=PROXY | {field: None}), patient) == ["ETH-04"]
    assert whole([consent("waiver")], patient) == []


def test_eighteen_years_are_of_age():
    assert whole(complete(), PATIENT | {"age": 18}) == []


def test_proxy_signature_counts_for_the_day_of_consent():
    patient = PATIENT | {"age": 15}
    assert domain(complete(base=PROXY | {"proxy_signed_date": COLLECTED}), patient=patient) == ""
    late = complete(base=PROXY | {"proxy_signed_date": "2025-06-11"})
    assert domain(late, patient=patient) == "ETH-05"
    assert domain(late) == ""  # a grown person's proxy does not matter


def test_gate_of_a_cohort_keeps_refused_raw_files_out_and_says_why():
    assays = [
        {"patient_id": "P1", "modality": "wes", "file": "a", "assay_id": "P1_wes"},
        {"patient_id": "P1", "modality": "ct", "file": "b", "assay_id": "P1_ct"},
        {"patient_id": "P2", "modality": "ct", "file": "c", "assay_id": "P2_ct"},
        {"modality": "lcms", "file": "d", "assay_id": "QC1", "sample_role": "qc"},
    ]
    patients = [PATIENT, PATIENT | {"patient_id": "P2"}]
    plan = compute_gate(patients, complete(special=None), assays, as_of=AS_OF, purpose="research")
    assert list(plan["patients"]) == ["P1"]
    assert "genomics" not in plan["patients"]["P1"]["domains"]
    assert plan["assays"] == {"ct": {"P1": [assays[1]]}}
    assert plan["runs"] == {"lcms": [assays[3]]}
    found = {(r["patient_id"], r["domain"], r["requirement_id"]) for r in plan["refused"]}
    assert found == {("P1", "genomics", "ETH-03"), ("P2", "*", "ETH-01")}


def test_first_collection_of_a_domain_decides():
    assays = [
        {"patient_id": "P1", "modality": "ct", "file": "a", "assay_id": "A", "date": "2025-05-31"},
        {"patient_id": "P1", "modality": "mri", "file": "b", "assay_id": "B", "date": "2025-06-05"},
    ]
    plan = compute_gate([PATIENT], complete(), assays, as_of=AS_OF, purpose="research")
    assert plan["assays"] == {}
    assert [r["requirement_id"] for r in plan["refused"]] == ["ETH-05"]


@pytest.mark.parametrize(
    ("changes", "refusals"),
    [
        (
            {"scope_modalities": None},
            [("ETH-02", "no kind of data is within the scope of the consent")],
        ),
        (
            {"scope_purposes": "diagnosis_service"},
            [("ETH-02", "purpose research is outside the scope of the consent")],
        ),
        (
            {"scope_modalities": "genomics"},
            [("ETH-03", "no special notice for genomics (no special consent)")],
        ),
    ],
)
def test_patient_of_whom_no_data_may_be_used_is_not_admitted(changes, refusals):
    documents = [consent("base"), consent("data_use", **changes)]
    gate = compute_gate([PATIENT], documents, [], as_of=AS_OF, purpose="research")
    assert gate["patients"] == {}
    found = [(r["domain"], r["requirement_id"], r["reason"]) for r in gate["refused"]]
    assert found == [("*", *refusal) for refusal in refusals]


def test_cohort_without_consents_lets_everybody_in():
    plan = compute_gate([PATIENT], None, [], as_of=AS_OF, purpose="research")
    assert plan["patients"]["P1"]["domains"] == ALL.split(";")
    assert plan["refused"] == []
