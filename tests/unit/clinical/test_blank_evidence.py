"""Every column that a requirement about the sheets names, blanked in a cohort that conforms: none of them passes any more.

The cohort is the clean twin of the demo; what the steps of the laboratory, the omics and the models do is tested there.
"""

import copy
import itertools
from pathlib import Path

import pytest

from scripts.clinical import (
    check_custody,
    check_examinations,
    check_people,
    check_quality_records,
    diagnosis_terms,
    validate_inputs,
)
from scripts.core.config import default_config
from scripts.core.gate import DOMAIN_OF_MODALITY, compute_gate
from scripts.core.sheets import read_sheet, schema_of
from scripts.demo.latent import make_people
from scripts.demo.make_cohort import write_sheet
from scripts.demo.simulate_clinical import simulate
from scripts.report.assess_conformance import read_requirements, status_of
from scripts.report.evidence import PASSING, Available, Evidence, without_evidence

ROOT = Path(__file__).parents[3]
LIST = read_requirements(ROOT / "resources" / "requirements.yaml")
SETTINGS = default_config()["clinical"]
CODES = diagnosis_terms.read_terms(ROOT / "resources" / "diagnoses.tsv")
NAMES = {"patients", "consents", "history", "pathology", "samples", "sample_events", "aliquots"}
NAMES |= {"extractions", "imaging_studies", "annotations", "ethics_approvals", "study"}
NAMES |= {"external_sites", "personnel", "equipment", "qc_records", "qc_documents", "ihc"}
AS_OF = "2026-03-01"


@pytest.fixture(scope="module")
def complete(tmp_path_factory) -> dict:
    """Typed rows by sheet of people with data of every kind, external ones and some with tissue and a proxy among them."""
    folder = tmp_path_factory.mktemp("cohort")
    people = make_people(20260205, 6, 3)
    sheets = simulate(people, folder, 20260205, False).sheets
    for row in sheets["patients"]:
        row["follow_up_months"] = 12  # controls are followed long enough
    sheets["external_sites"][0]["level"] = "county"
    minor = sheets["patients"][0]["patient_id"]
    sheets["patients"][0]["civil_capacity"] = "limited"
    for row in sheets["consents"]:
        if (row["patient_id"], row["kind"]) == (minor, "base"):
            row |= {"proxy_relation": "spouse", "proxy_name_hash": "0" * 32}
            row |= {"proxy_signed_date": row["signed_date"]}
    bled = {row["patient_id"] for row in sheets["samples"] if row["specimen"] == "blood"}
    cases = [row["patient_id"] for row in sheets["patients"] if row["diagnosis"] == "hcc"]
    cases = [patient for patient in cases if patient in bled]
    day = {row["patient_id"]: row["index_date"] for row in sheets["patients"]}
    centre = {row["patient_id"]: row["centre"] for row in sheets["patients"]}
    for number, patient in enumerate(cases):
        _tissue(sheets, patient, f"T{number}", day[patient], centre[patient])
    rows = {}
    for name in sheets:
        if name in NAMES:
            write_sheet(folder, name, sheets[name])
            rows[name] = read_sheet(folder / f"{name}.tsv").rows
    rows["ihc"] = []
    rows["assays"] = _assays(people, rows["samples"], day)
    rows["folder"] = folder
    return rows


def _tissue(sheets: dict, patient: str, name: str, day: str, centre: str) -> None:
    """Tumour tissue that was fixed in time, with its RNA."""
    sheets["samples"].append(
        {"sample_id": name, "patient_id": patient, "label": name, "centre": centre, "specimen": "tumour",
         "tube_type": "FFPE_BLOCK", "intended_assays": "rnaseq", "collected_at": f"{day} 10:00",
         "collector_id": f"D{centre}", "tumour_content_pct": 60}
    )  # fmt: skip
    [person] = [row for row in sheets["patients"] if row["patient_id"] == patient]
    sheets["samples"][-1] |= {k: person[k] for k in ("id1_hash", "id2_hash")}
    for event, time, more in (
        ("excised", "10:00", {}),
        ("fixed", "10:20", {"minutes": 1440}),
        ("received", "12:00", {}),
        ("assayed", "18:00", {"operator_id": f"L{centre}"}),
    ):
        person = {"operator_id": f"D{centre}"} if event in ("excised", "fixed") else {}
        sheets["sample_events"].append(
            {"sample_id": name, "event": event, "time": f"{day} {time}"} | person | more
        )
    sheets["extractions"].append(
        {"extraction_id": f"X{name}", "sample_id": name, "kind": "rna", "rin": 8, "operator_id": f"L{centre}",
         "extracted_at": f"{day} 18:00", "equipment_id": f"S{centre}"}
    )  # fmt: skip


def _assays(people, samples: list[dict], day: dict) -> list[dict]:
    """One run a person and modality; those of a tube name it."""
    tubes = {
        (row["patient_id"], modality): row["sample_id"]
        for row in samples
        for modality in row.get("intended_assays", "").split(";")
    }
    out = []
    for person in people:
        for modality in person.modalities:
            if modality not in DOMAIN_OF_MODALITY or modality in ("clinical", "ihc"):
                continue
            row = {"patient_id": person.patient_id, "modality": modality, "block": modality}
            row |= {"assay_id": f"{person.patient_id}_{modality}", "date": day[person.patient_id]}
            if (person.patient_id, modality) in tubes:
                row["sample_id"] = tubes[person.patient_id, modality]
            out.append(row)
    return out + _controls(out)


def _controls(samples: list[dict]) -> list[dict]:
    """QC runs at both ends, a blank and a ladder of what is measured in batches; the samples get their order."""
    out = []
    for modality in ("lcms", "gcms"):
        own = [row for row in samples if row["modality"] == modality]
        roles = ["qc", *["sample"] * len(own), "qc", "blank", "ladder"] if own else []
        for order, role in enumerate(roles, start=1):
            if role == "sample":
                own[order - 2]["run_order"] = order
                continue
            run = {"modality": modality, "block": modality, "sample_role": role}
            out.append(run | {"assay_id": f"{modality}_{role}_{order}", "run_order": order})
    return out


def findings_of(rows: dict) -> list[dict]:
    """Requirement and verdict of every check of the steps that judge the sheets; a sheet that is absent is None."""
    sheets = {name: rows.get(name) for name in NAMES}
    # A run that says neither patient nor role is refused with the sheet.
    assays = [r for r in rows.get("assays") or [] if {"patient_id", "sample_role"} & set(r)]
    plan = compute_gate(
        sheets["patients"], sheets["consents"], assays, as_of=AS_OF, purpose="research"
    )
    kinds = {row["modality"] for row in assays}
    plan["blocks"] = {k: {"modality": k, "domain": DOMAIN_OF_MODALITY[k]} for k in kinds}
    plan |= {"sheets": {n: "0" for n in rows if rows[n] is not None}, "encodings": {}}
    checks = validate_inputs.all_checks(plan, sheets, {}, SETTINGS)
    checks += check_people.all_checks(sheets, plan, SETTINGS["people"])
    checks += check_examinations.all_checks(sheets, plan, SETTINGS["examinations"])
    coded = diagnosis_terms.coded(sheets, plan, *CODES)[1]
    checks += [*coded, diagnosis_terms.share_coded(coded, plan)]
    checks += check_quality_records.all_checks(sheets, plan, SETTINGS["quality"], rows["folder"])
    found = [(c.requirement_id, c.verdict) for c in checks]
    if sheets["samples"] is not None:
        found += [(f.requirement_id, f.verdict) for f in _custody(sheets, plan)]
    return [{"requirement_id": name, "verdict": verdict} for name, verdict in found]


def _custody(sheets: dict, plan: dict) -> list:
    patients = {row["patient_id"]: row for row in sheets["patients"]}
    rows = [row for row in sheets["samples"] if row["patient_id"] in plan["patients"]]
    others = (sheets[name] or [] for name in ("sample_events", "aliquots", "extractions"))
    samples = check_custody.gather(rows, *others)
    out = []
    for sample in samples.values():
        sample.used_for = check_custody.modalities_of(sample, plan["assays"])
        sample.run_days = check_custody.run_days(sample, plan["assays"])
        patient = patients[sample.row["patient_id"]]
        out += check_custody.identity_checks(sample, patient, "", {}, AS_OF)
        out += check_custody.all_checks(sample, SETTINGS["custody"])
    return out + [finding for _, finding in check_custody.of_the_cohort(samples)]


def status(rows: dict, name: str, findings: list[dict]) -> str:
    """The status as the conformance step would give it, the named evidence looked up in the sheets."""
    own = [f for f in findings if f["requirement_id"] == name]
    available = Available(
        {"sheets": {n: "0" for n in rows if rows[n] is not None}}, Path("nowhere")
    )
    available.plan["sheets"] |= dict.fromkeys(OF_OTHER_STEPS, "0")
    available._filled = {n: {c for row in own_rows for c in row} for n, own_rows in rows.items()
                         if isinstance(own_rows, list)}  # fmt: skip
    available._filled |= {n: set(schema_of(n)["properties"]) for n in OF_OTHER_STEPS}
    available._is_made = lambda place: True
    own += without_evidence(own, {name: LIST[name]}, available, "test")
    return status_of([f["verdict"] for f in own])


def without(rows: dict, group: tuple[str, ...]) -> dict:
    """The cohort with columns blanked; a column that must not be blank takes its sheet with it."""
    out = dict(rows)
    for evidence in map(Evidence.parse, group):
        if evidence.kind != "sheet" or out.get(evidence.place) is None:
            continue
        if evidence.column in schema_of(evidence.place)["required"]:
            if evidence.place == "patients":
                continue
            out[evidence.place] = None
            continue
        out[evidence.place] = [
            {c: v for c, v in row.items() if c != evidence.column} for row in out[evidence.place]
        ]
    return out


JUDGED = sorted(
    {f"ETH-0{n}" for n in (1, 2, 3, 4, 5, 6, 7)} | {f"CLN-0{n}" for n in (1, 2, 3, 4)}
    | {"IMG-CT", "IMG-MRI", "IMG-US", "PAT-01", "REF-01", "PER-01", "PER-02", "PER-03", "CHN-01"}
    | {f"BLD-0{n}" for n in range(1, 9)} | {f"TIS-0{n}" for n in (1, 2, 3)} | {"EXT-01", "EXT-02", "EXT-04"}
    | {f"QCP-0{n}" for n in (1, 2, 3, 4)} | {"CLE-04", "CLE-05", "CLE-06", "MOD-02", "MOD-07", "MOD-08"}
)  # fmt: skip
OF_OTHER_STEPS = {"labs", "ihc", "assays"}  # judged where they are read


def groups(name: str) -> list[tuple[str, ...]]:
    """Columns to blank together: one by one, alternatives as a group."""
    alternatives = [tuple(group) for group in LIST[name].get("alternatives", ())]
    grouped = {e for group in alternatives for e in group}
    single = [(e,) for e in LIST[name]["evidence"] if e not in grouped]
    return [g for g in single + alternatives
            if any(Evidence.parse(e).kind == "sheet" and Evidence.parse(e).place not in OF_OTHER_STEPS for e in g)]  # fmt: skip


# Empty means something there: no end, no withdrawal, no third reader, no special dose, the rule of the gate.
MAY_BE_BLANK = {"consents.expires", "consents.withdrawn_date", "ethics_approvals.valid_until"}
MAY_BE_BLANK |= {"qc_records.action", "annotations.adjudicated", "annotations.adjudicator_id"}
# Read from the header of the image, where there is one.
MAY_BE_BLANK |= {"imaging_studies.kvp", "imaging_studies.slice_thickness_mm"}


def test_a_complete_cohort_passes_what_the_sheets_can_show(complete):
    findings = findings_of(complete)
    found = {name: status(complete, name, findings) for name in JUDGED}
    assert {name: s for name, s in found.items() if s not in PASSING} == {}


def test_blank_evidence_is_no_pass(complete):
    """One group of columns after the other: every requirement that names it is judged again."""
    naming: dict[tuple[str, ...], list[str]] = {}
    for name in JUDGED:
        for group in groups(name):
            if not set(group) & MAY_BE_BLANK:
                naming.setdefault(group, []).append(name)
    assert len(naming) > 80  # groups of the sheets, once each
    for group, names in naming.items():
        rows = without(complete, group)
        findings = findings_of(rows)
        passed = {name for name in names if status(rows, name, findings) in PASSING}
        assert passed == set(), group


@pytest.mark.parametrize("name", JUDGED)
def test_all_evidence_absent_is_no_pass(complete, name):
    rows = without(complete, tuple(LIST[name]["evidence"]))
    assert status(rows, name, findings_of(rows)) not in PASSING


def test_blanking_leaves_the_complete_cohort_alone(complete):
    before = copy.deepcopy({k: v for k, v in complete.items() if k != "folder"})
    for name in itertools.islice(JUDGED, 3):
        without(complete, tuple(LIST[name]["evidence"]))
    assert before == {k: v for k, v in complete.items() if k != "folder"}
