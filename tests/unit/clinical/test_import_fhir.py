"""Import of FHIR R4 resources: the real example bundle, and one of every quirk that servers are known for."""

import csv
import gzip
import json
from pathlib import Path

import pytest

from scripts.clinical import import_fhir
from scripts.clinical.lab_sheet import read_labs
from scripts.core.gate import compute_gate
from scripts.core.sheets import read_sheet

LOINC, UCUM, SCT = "http://loinc.org", "http://unitsofmeasure.org", "http://snomed.info/sct"
V3, V2 = (f"http://terminology.hl7.org/CodeSystem/v{n}" for n in ("3", "2"))
NATIONAL = "11010519491231002X"  # the example of GB 11643-1999


def concept(system: str, code: str, text: str = "") -> dict:
    return {"coding": [{"system": system, "code": code, "display": text}]}


def patient(name: str = "p1", **more) -> dict:
    return {
        "resourceType": "Patient",
        "id": name,
        "gender": "male",
        "birthDate": "1964-05-02",
    } | more


def observation(name: str, code: dict, **more) -> dict:
    shared = {"resourceType": "Observation", "id": name, "status": "final", "code": code}
    when = {"effectiveDateTime": "2025-06-10T08:30:00+08:00"}
    return shared | {"subject": {"reference": "Patient/p1"}} | when | more


def quantity(value, unit: str = "ng/mL", **more) -> dict:
    return {"valueQuantity": {"value": value, "unit": unit, "system": UCUM, "code": unit} | more}


def condition(name: str, code: dict, **more) -> dict:
    shared = {"resourceType": "Condition", "id": name, "code": code, "recordedDate": "2025-06-12"}
    return shared | {"subject": {"reference": "Patient/p1"}} | more


def consent(name: str = "c1", **more) -> dict:
    shared = {"resourceType": "Consent", "id": name, "status": "active", "dateTime": "2025-06-01"}
    scope = concept("http://terminology.hl7.org/CodeSystem/consentscope", "research")
    return shared | {"scope": scope, "patient": {"reference": "Patient/p1"}} | more


AFP, HCC = concept(LOINC, "1834-1", "AFP"), concept(SCT, "109841003", "Liver cell carcinoma")


class Imported:
    """Outcome of one import: exit code, sheets as rows, what had no place, messages."""

    def __init__(self, folder: Path, resources, *arguments: str, name: str = "in.json"):
        source, self.out = folder / name, folder / "out"
        if isinstance(resources, list):
            entries = [{"resource": r} if "resourceType" in r else r for r in resources]
            resources = {"resourceType": "Bundle", "type": "collection", "entry": entries}
        data = resources if isinstance(resources, bytes) else json.dumps(resources).encode()
        source.write_bytes(data)
        salt = folder / "site.salt"
        salt.write_text("a secret of at least sixteen bytes")
        given = ["--bundle", str(source), "--out", str(self.out), "--salt-file", str(salt)]
        self.code = import_fhir.main([*given, *arguments])

    def rows(self, name: str) -> list[dict]:
        path = self.out / f"{name}.tsv"
        if not path.exists():
            return []
        with open(path, encoding="utf-8", newline="") as handle:
            return list(csv.DictReader(handle, delimiter="\t"))

    def reasons(self) -> dict[str, str]:
        return {row["code"] or row["resource"]: row["reason"] for row in self.rows("fhir.unmapped")}

    @property
    def refused(self) -> list[str]:
        return (self.out / import_fhir.REFUSED).read_text(encoding="utf-8").splitlines()

    def text(self) -> str:
        return "".join(p.read_text(encoding="utf-8") for p in self.out.iterdir())


@pytest.fixture
def imported(tmp_path):
    return lambda resources, *arguments, **more: Imported(tmp_path, resources, *arguments, **more)


def labs(found: Imported) -> list[tuple]:
    return [(r["analyte"], r["value"], r["unit"], r["date"]) for r in found.rows("labs")]


def test_real_bundle(tmp_path, testdata):
    bundle = testdata / "clinical/fhir_example_bundle.json"  # a made-up person of Synthea
    found = Imported(tmp_path, bundle.read_bytes())
    assert found.code == 0
    [row] = found.rows("patients")
    assert (row["sex"], row["age"], row["diagnosis"]) == ("male", "38", "")  # born 1985-03-15
    assert labs(found) == [("chol", "195.0", "mg/dL", "2024-01-15")]
    assert found.rows("history")[0]["height_cm"] == "175"
    assert found.rows("history")[0]["diabetes"] == "yes"
    assert found.reasons() == {"233604007": "clinicalStatus resolved"}
    for name in ("John", "Smith", "Main Street", "999-12-3456", "S99998765", "b8b9c8d1"):
        assert name not in found.text()


def test_imported_sheets_are_read_as_they_are(imported):
    found = imported(
        [patient(), condition("k1", HCC), observation("o1", AFP, **quantity(35.2)), consent()]
    )
    assert found.code == 0
    sheets = {
        name: read_sheet(found.out / f"{name}.tsv", name).rows for name in ("patients", "consents")
    }
    assert sheets["patients"][0]["diagnosis"] == "hcc"
    assert sheets["patients"][0]["index_date"] == "2025-06-12"
    plan = compute_gate(
        sheets["patients"], sheets["consents"], [], as_of="2026-01-01", purpose="research"
    )
    assert [p["domains"] for p in plan["patients"].values()] == [["clinical"]]
    assert len(read_labs(found.out / "labs.tsv")[0]) == 1


@pytest.mark.parametrize(
    "reference",
    [
        {"reference": "Patient/p1"},
        {"reference": "Patient/p1/_history/3"},
        {"reference": "https://fhir.example/r4/Patient/p1"},
        {"reference": "urn:uuid:0b1c"},
        {"reference": "Patient?identifier=urn:x|77"},
        {"identifier": {"system": "urn:x", "value": "77"}},
    ],
    ids=lambda r: next(iter(r.values())) if "reference" in r else "identifier",
)
def test_every_form_of_reference_finds_the_patient(imported, reference):
    own = patient(identifier=[{"system": "urn:x", "value": "77"}])
    found = imported(
        [
            observation("o1", AFP, **quantity(5), subject=reference),
            {"fullUrl": "urn:uuid:0b1c", "resource": own},
        ]
    )
    assert found.code == 0 and labs(found) == [("afp", "5", "ng/mL", "2025-06-10")]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (quantity(0.61, comparator="<"), ("<0.61", "ng/mL")),
        ({"valueString": "<0.61"}, ("<0.61", "")),
        ({"valueCodeableConcept": concept(SCT, "260385009", "Negative")}, ("negative", "")),
        ({"valueCodeableConcept": {"text": "阴性(-)"}}, ("阴性(-)", "")),
        ({"valueBoolean": True}, ("positive", "")),
        ({"valueInteger": 3}, ("3", "")),
        ({"valueRange": {"low": {"value": 5}, "high": {"value": 8}}}, ("5-8", "")),
        ({"valueRatio": {"numerator": {"value": 1}, "denominator": {"value": 80}}}, ("1:80", "")),
        ({"dataAbsentReason": concept("x", "not-performed")}, ("", "")),
        # Some servers write no UCUM code, or one that differs from the printed unit.
        ({"valueQuantity": {"value": 7, "unit": "ug/L"}}, ("7", "ug/L")),
        (
            {"valueQuantity": {"value": 7, "unit": "ug/L", "system": UCUM, "code": "[foo]"}},
            ("7", "ug/L"),
        ),
    ],
    ids=lambda v: "-".join(v) if isinstance(v, dict) else "",
)
def test_every_kind_of_value(imported, value, expected):
    found = imported([patient(), observation("o1", AFP, **value)])
    assert found.code == 0
    assert [row[1:3] for row in labs(found)] == [expected]


def test_digits_stay_as_they_were_written(imported):
    text = json.dumps([patient(), observation("o1", AFP, **quantity(1))]).replace(
        '"value": 1,', '"value": 35.20,'
    )
    bundle = f'{{"resourceType": "Bundle", "entry": [{{"resource": {text[1:-1].replace("}, {", "}}, {", 1)}}}]}}'
    bundle = bundle.replace('}, {"resourceType": "Obs', '}, {"resource": {"resourceType": "Obs', 1)
    assert labs(imported(bundle.encode()))[0][1] == "35.20"


def test_components_are_values_of_their_own(imported):
    alb, systolic = concept(LOINC, "1751-7"), concept(LOINC, "8480-6", "Systolic")
    parts = [{"code": alb} | quantity(41, "g/L"), {"code": systolic} | quantity(120, "mm[Hg]")]
    found = imported([patient(), observation("o1", concept(LOINC, "85354-9"), component=parts)])
    assert labs(found) == [("alb", "41", "g/L", "2025-06-10")]
    assert found.reasons() == {"8480-6": "no place in the sheets"}


def test_unknown_loinc_code_is_listed_even_where_its_name_looks_known(imported):
    urine = {"coding": [{"system": LOINC, "code": "1754-1"}], "text": "Albumin"}  # albumin in urine
    found = imported([patient(), observation("o1", urine, **quantity(5, "mg/L"))])
    assert labs(found) == []
    assert found.rows("fhir.unmapped")[0]["unit"] == "mg/L"


def test_local_code_is_known_by_its_name(imported):
    local = {"coding": [{"system": "urn:his", "code": "L0017"}], "text": "甲胎蛋白(AFP)"}
    assert labs(imported([patient(), observation("o1", local, **quantity(5))]))[0][0] == "afp"


def test_urea_nitrogen_keeps_its_name_because_its_factor_is_another_than_that_of_urea(imported):
    named = {"coding": [{"system": "urn:his", "code": "L0018"}], "text": "Urea nitrogen"}
    found = labs(imported([patient(), observation("o1", named, **quantity(20, "mg/dL"))]))
    assert found[0][0] == "Urea nitrogen"


@pytest.mark.parametrize("status", ["preliminary", "entered-in-error", "cancelled", "registered"])
def test_value_that_is_not_final_is_listed(imported, status):
    found = imported([patient(), observation("o1", AFP, **quantity(5), status=status)])
    assert found.code == 0 and labs(found) == []
    assert found.reasons() == {"1834-1": f"status {status}"}


def test_upper_limit_is_taken_in_the_unit_of_the_value_only(imported):
    limits = [{"high": {"value": 40, "unit": "U/L"}}]
    ast = concept(LOINC, "1920-8")
    found = imported(
        [
            patient(),
            observation("o1", ast, **quantity(62, "U/L"), referenceRange=limits),
            observation("o2", ast, **quantity(1, "ukat/L"), referenceRange=limits),
        ]
    )
    assert [row["uln"] for row in found.rows("labs")] == ["40", ""]


@pytest.mark.parametrize(
    ("broken", "path", "allowed"),
    [
        (
            observation("o1", AFP, valueQuantity={"value": "5"}),
            "valueQuantity.value: '5'",
            "a JSON number",
        ),
        (
            observation("o1", AFP, **quantity(5, comparator="~")),
            "comparator: '~'",
            "one of < <= >= >",
        ),
        (observation("o1", AFP), "value[x]: missing", "dataAbsentReason"),
        (observation("o1", AFP, valueString="5", valueInteger=5), "value[x]", "one value only"),
        (observation("o1", AFP, **quantity(5), status="done"), "status: 'done'", "final"),
        (observation("o1", "AFP", **quantity(5)), "code: 'AFP'", "an object"),
        (
            observation("o1", AFP, **quantity(5), subject={"reference": "Patient/p7"}),
            "subject.reference",
            "no such",
        ),
        (
            observation("o1", AFP, **quantity(5), effectiveDateTime="10.6.2025"),
            "effectiveDateTime",
            "YYYY-MM-DD",
        ),
        (patient("p2", birthDate="02/05/1964"), "birthDate: '02/05/1964'", "YYYY-MM-DD"),
        (patient("p2", gender="m"), "gender: 'm'", "male, female"),
        (patient("p2", birthDate="2030-01-01"), "", ""),
        (consent(dateTime=None), "dateTime: missing", "day of signature"),
        (consent(status="signed"), "status: 'signed'", "active"),
        (consent(provision={"provision": [{}]}), "provision.provision[0].type", "permit or deny"),
        (
            {"resourceType": "Specimen", "id": "s1", "subject": {"reference": "Patient/p1"}},
            "collection",
            "needed",
        ),
        ({"id": "x"}, "entry", ""),
        (7, "entry: '7'", "an object"),
    ],
)
def test_broken_resource_is_one_message_and_the_rest_is_imported(
    imported, broken, path, allowed, capsys
):
    good = observation("good", AFP, **quantity(9))
    bundle = [{"resource": r} for r in (patient(), good)]
    bundle.insert(1, {"resource": broken} if isinstance(broken, dict) else broken)
    if not path:  # born after the index date: only the patient's own values say the day
        own = observation("o9", AFP, **quantity(1), subject={"reference": "Patient/p2"})
        bundle.append({"resource": own})
        path, allowed = "birthDate: '2030-01-01'", "a day before the index date"
    found = imported({"resourceType": "Bundle", "type": "collection", "entry": bundle})
    assert found.code == 2
    [message] = found.refused
    assert message.startswith("in.json, entry 2") and path in message and allowed in message
    assert ("afp", "9", "ng/mL", "2025-06-10") in labs(found)
    assert message in capsys.readouterr().err


def test_bulk_files_are_read_line_by_line(imported):
    lines = [json.dumps(patient()), "{broken", json.dumps(observation("o1", AFP, **quantity(5)))]
    found = imported("\n".join(lines).encode(), name="Observation.ndjson")
    assert found.code == 2 and len(labs(found)) == 1
    assert found.refused[0].startswith("Observation.ndjson, entry 2, line")
    zipped = gzip.compress("\n".join(lines[::2]).encode())
    assert imported(zipped, "--overwrite", name="all.ndjson.gz").code == 0


def test_bundles_of_a_server_are_read(imported):
    inner = {
        "resourceType": "Bundle",
        "entry": [{"resource": observation("o1", AFP, **quantity(5))}],
    }
    entries = [
        {"resource": patient(), "search": {"mode": "match"}},
        {"resource": inner, "response": {"status": "200"}},
        {"request": {"method": "DELETE", "url": "Observation/9"}},
        {"resource": {"resourceType": "Encounter", "id": "e1"}},
    ]
    found = imported({"resourceType": "Bundle", "type": "searchset", "entry": entries})
    assert found.code == 0 and len(labs(found)) == 1
    assert found.reasons() == {"Encounter": "this type of resource is not imported"}


def test_the_same_resource_twice_counts_once_and_another_of_its_id_is_refused(imported):
    one, other = (observation("o1", AFP, **quantity(value)) for value in (5, 6))
    found = imported([patient(), one, one, other])
    assert [row[1] for row in labs(found)] == ["5"]
    assert found.reasons() == {"Observation": "the same resource stands before"}
    assert len(found.refused) == 1 and "keep one" in found.refused[0]


def test_identifiers_are_hashed_and_names_are_never_copied(imported, capsys):
    who = [
        {"type": concept(f"{V2}-0203", "NI"), "value": NATIONAL},
        {"type": concept(f"{V2}-0203", "MR"), "value": "ZY0012345"},
    ]
    person = {"name": [{"text": "张伟民"}]} | patient(
        identifier=who,
        telecom=[{"system": "phone", "value": "13812345678"}],
        address=[{"text": "Chaoyang 7"}],
    )
    note = observation("o1", AFP, valueString=f"5 {NATIONAL}")
    broken = patient("p2") | {"identifier": [person["name"], {"value": ["13812345678"]}]}
    found = imported([person, note, observation(NATIONAL, AFP), broken])
    [row] = found.rows("patients")
    assert len(row["id1_hash"]) == len(row["id2_hash"]) == len(row["contact_hash"]) == 32
    said = found.text() + "".join(capsys.readouterr())
    for secret in (NATIONAL, "ZY0012345", "张伟民", "13812345678", "Chaoyang", '"p1"'):
        assert secret not in said
    assert labs(found)[0][1] == "(hidden)"


def test_the_same_person_has_the_same_hashes_in_two_imports_and_others_under_another_salt(tmp_path):
    person = patient(identifier=[{"type": concept(f"{V2}-0203", "NI"), "value": "A 1-2"}])
    again = person | {"identifier": [{"type": concept(f"{V2}-0203", "NI"), "value": "a12"}]}
    found = []
    for number, one in enumerate((person, again)):
        folder = tmp_path / str(number)
        folder.mkdir()
        found.append(Imported(folder, [one]).rows("patients")[0])
    assert found[0] == found[1]
    (tmp_path / "other.salt").write_text("another secret of sixteen bytes")
    out = tmp_path / "third"
    given = ["--bundle", str(tmp_path / "0/in.json"), "--out", str(out)]
    import_fhir.main([*given, "--salt-file", str(tmp_path / "other.salt")])
    assert found[0]["id1_hash"] not in (out / "patients.tsv").read_text()


@pytest.mark.parametrize(
    ("born", "age"),
    [("1964", "60"), ("1964-06", "60"), ("1964-06-13", "60"), ("1964-06-12", "61"), (None, "")],
)  # at 2025-06-12; a year counts from its middle, a month from its 15th
def test_age_from_whole_and_partial_birth_dates(imported, born, age):
    found = imported([patient(birthDate=born), condition("k1", HCC)])
    assert found.rows("patients")[0].get("age", "") == age


def test_conditions_become_diagnosis_aetiology_and_history(imported):
    icd = "http://hl7.org/fhir/sid/icd-10"
    found = imported(
        [
            patient(),
            condition("k1", concept(icd, "K74.6")),
            condition("k2", concept(icd, "C22.0"), recordedDate="2025-07-01"),
            condition("k3", concept(icd, "B18.1")),
            condition("k4", concept(icd, "B18.2")),
            condition("k5", concept(icd, "C50.9")),
            condition("k6", concept(icd, "E11.9"), verificationStatus=concept("x", "refuted")),
        ]
    )
    [row] = found.rows("patients")
    assert (row["diagnosis"], row["aetiology"], row["index_date"]) == (
        "hcc",
        "hbv_hcv",
        "2025-07-01",
    )
    [history] = found.rows("history")
    assert history["cirrhosis"] == history["prior_cancer"] == "yes" and "diabetes" not in history
    assert found.reasons() == {"E11.9": "verificationStatus refuted"}


def rows_of_consent(found: Imported) -> dict[str, dict]:
    return {row["kind"]: row for row in found.rows("consents")}


def test_consent_says_status_period_purpose_and_data(imported):
    provision = {
        "type": "permit",
        "period": {"start": "2025-06-02", "end": "2030-12-31"},
        "purpose": [{"system": f"{V3}-ActReason", "code": "HRESCH"}],
        "class": [{"code": "ImagingStudy", "system": "http://hl7.org/fhir/resource-types"}],
        "code": [concept("urn:ours", "genomics")],
        "action": [concept("x", "disclose")],
        "provision": [{"type": "deny", "code": [concept("urn:ours", "imaging")]}],
    }
    notice = [concept("urn:ours", "special")]
    rows = rows_of_consent(imported([patient(), consent(provision=provision, category=notice)]))
    assert set(rows) == {"base", "data_use", "special"}
    assert (rows["data_use"]["signed_date"], rows["data_use"]["expires"]) == (
        "2025-06-02",
        "2030-12-31",
    )
    assert rows["data_use"]["scope_modalities"] == "genomics"
    assert rows["data_use"]["scope_purposes"] == "research;sharing"
    assert rows["special"]["special_test"] == "genomics"
    assert len({row["document_id"] for row in rows.values()}) == 3


def test_consent_without_data_classes_covers_clinical_data_only(imported):
    found = imported([patient(), consent()])
    assert rows_of_consent(found)["data_use"]["scope_modalities"] == "clinical"
    assert any("no class of data" in row["reason"] for row in found.rows("fhir.unmapped"))


@pytest.mark.parametrize(
    ("more", "status"),
    [
        ({"status": "rejected"}, "refused"),
        ({"status": "inactive", "meta": {"lastUpdated": "2025-09-01T00:00:00Z"}}, "withdrawn"),
        ({"provision": {"type": "deny"}}, "refused"),
        ({"policyRule": concept(f"{V3}-ActCode", "OPTOUT")}, "refused"),
    ],
)
def test_consent_that_does_not_hold(imported, more, status):
    row = rows_of_consent(imported([patient(), consent(**more)]))["base"]
    assert row["status"] == status
    assert row.get("withdrawn_date", "") == ("2025-09-01" if status == "withdrawn" else "")


@pytest.mark.parametrize("more", [{"status": "draft"}, {"scope": concept("x", "treatment")}])
def test_what_is_no_consent_for_research_gives_none(imported, more):
    found = imported([patient(), consent(**more)])
    assert found.code == 0 and found.rows("consents") == []


def test_proxy_who_signed_is_a_relation_and_a_hash(imported):
    mother = {"resourceType": "RelatedPerson", "id": "r1", "patient": {"reference": "Patient/p1"}}
    mother["relationship"] = [concept(f"{V3}-RoleCode", "MTH")]
    signed = consent(performer=[{"reference": "RelatedPerson/r1"}])
    row = rows_of_consent(imported([patient(), signed, mother]))["base"]
    assert (row["proxy_relation"], row["proxy_signed_date"]) == ("parent", "2025-06-01")
    assert len(row["proxy_name_hash"]) == 32


def test_specimen_becomes_a_tube_and_its_events(imported):
    tube = {
        "resourceType": "Specimen",
        "id": "s1",
        "subject": {"reference": "Patient/p1"},
        "type": concept(SCT, "119361006", "Plasma"),
        "receivedTime": "2025-06-10T08:50:00+08:00",
        "collection": {
            "collectedPeriod": {"start": "2025-06-10T07:30:00+08:00"},
            "fastingStatusDuration": {"value": 10, "unit": "h"},
        },
        "container": [{"type": {"text": "K2-EDTA 10 mL"}}],
        "processing": [
            {"procedure": concept(SCT, "85457002"), "timeDateTime": "2025-06-10T09:00:00+08:00"}
        ],
    }
    found = imported([patient(), tube])
    [row] = found.rows("samples")
    assert (row["collected_at"], row["specimen"], row["tube_type"], row["fasting_h"]) == (
        *("2025-06-10 07:30", "plasma", "K2EDTA"),
        "10",
    )
    assert [(e["event"], e["time"][11:]) for e in found.rows("sample_events")] == [
        ("collected", "07:30"),
        ("received", "08:50"),
        ("centrifuged", "09:00"),
    ]
    read_sheet(found.out / "samples.tsv", "samples")


def test_sheets_that_are_there_are_not_replaced_unasked(imported, capsys):
    assert imported([patient()]).code == 0
    assert imported([patient()]).code == 1
    assert "already there" in capsys.readouterr().err
    assert imported([patient()], "--overwrite").code == 0


def test_missing_file_and_short_salt_are_told_plainly(tmp_path, capsys):
    given = ["--out", str(tmp_path / "out"), "--bundle", str(tmp_path / "none.json")]
    (tmp_path / "salt").write_text("short")
    assert import_fhir.main([*given, "--salt-file", str(tmp_path / "salt")]) == 1
    assert "at least 16" in capsys.readouterr().err
    (tmp_path / "salt").write_text("long enough to be one")
    assert import_fhir.main([*given, "--salt-file", str(tmp_path / "salt")]) == 1
    assert "no such file" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("value", "cells"),
    [
        ({"high": {"value": 10, "unit": "ng/mL"}}, ("<=10", "ng/mL")),  # a missing low is open
        ({"low": {"value": 400, "unit": "ng/mL"}}, (">=400", "ng/mL")),
        (
            {"low": {"value": 5, "unit": "ng/mL"}, "high": {"value": 10, "unit": "ng/mL"}},
            ("5-10", "ng/mL"),
        ),
    ],
)
def test_range_with_one_end_is_a_limit_with_its_unit(imported, value, cells):
    found = imported([patient(), observation("o1", AFP, valueRange=value)])
    assert [row[1:3] for row in labs(found)] == [cells]


@pytest.mark.parametrize(
    ("change", "path"),
    [
        (
            {"modifierExtension": [{"url": "urn:x:not-of-this-person", "valueBoolean": True}]},
            "modifierExtension",
        ),
        ({"implicitRules": "urn:x:rules"}, "implicitRules"),
        (
            {"referenceRange": [{"high": {"value": 7}, "modifierExtension": [{"url": "urn:x:y"}]}]},
            "referenceRange[0].modifierExtension",
        ),
    ],
)
def test_element_that_means_something_else_is_refused_with_its_path(imported, change, path):
    """FHIR R4, Extensibility: a modifier extension that is not known must not be ignored."""
    found = imported([patient(), observation("o1", AFP, **quantity(40), **change)])
    assert labs(found) == [] and len(found.refused) == 1
    assert path in found.refused[0]


def test_records_of_one_person_are_joined_by_their_links(imported):
    old = patient(
        "p1", active=False, link=[{"other": {"reference": "Patient/p2"}, "type": "replaced-by"}]
    )
    third = patient("p3", link=[{"other": {"reference": "Patient/p2"}, "type": "replaced-by"}])
    other = {"subject": {"reference": "Patient/p2"}, "effectiveDateTime": "2025-06-11"}
    found = imported(
        [old, third, patient("p2"), observation("o1", AFP, **quantity(3))]
        + [observation("o2", AFP, **quantity(4)) | other]
    )
    assert len(found.rows("patients")) == 1
    assert {row["patient_id"] for row in found.rows("labs")} == {
        found.rows("patients")[0]["patient_id"]
    }
    assert [row["value"] for row in found.rows("labs")] == ["3", "4"]
    assert "joined" in " ".join(row["reason"] for row in found.rows("fhir.unmapped"))


def test_record_that_is_not_active_is_said_and_a_ring_of_links_joins_nobody(imported):
    ring = [
        patient(
            a, active=False, link=[{"other": {"reference": f"Patient/{b}"}, "type": "replaced-by"}]
        )
        for a, b in (("p1", "p2"), ("p2", "p1"))
    ]
    found = imported(ring)
    assert len(found.rows("patients")) == 2
    assert "not active" in " ".join(row["reason"] for row in found.rows("fhir.unmapped"))


@pytest.mark.parametrize(
    ("code", "analyte"),
    [
        ("26515-7", "plt"),
        ("38483-4", "crea"),
        ("3094-0", "urea nitrogen"),  # its factor is not that of urea
        ("61151-7", "alb"),
        ("1743-4", "alt"),
        ("34714-6", "inr"),
        ("29615-2", "hbv_dna"),
    ],
)
def test_usual_codes_have_their_place(imported, code, analyte):
    found = imported([patient(), observation("o1", concept(LOINC, code), **quantity(40, "1"))])
    assert [row[0] for row in labs(found)] == [analyte]
