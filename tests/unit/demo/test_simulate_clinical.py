"""The clinical sheets of the demo: what schemas accept, what the chain must find, what the clean twin must not have."""

import numpy as np
import pytest

from scripts.clinical import check_examinations, check_people, check_quality_records
from scripts.core.config import default_config
from scripts.core.gate import compute_gate
from scripts.core.sheets import read_sheet
from scripts.demo import clinical_labs
from scripts.demo.latent import make_people
from scripts.demo.make_cohort import write_sheet
from scripts.demo.simulate_clinical import BASE_WITHDRAWN, CONSENT_DEFECTS, simulate

SEED = 20260205
PEOPLE = make_people(SEED, 24, 240)


def gate_of(sheets: dict, folder) -> dict:
    read = {}
    for name in ("patients", "consents"):
        write_sheet(folder, name, sheets[name])
        read[name] = read_sheet(folder / f"{name}.tsv").rows
    return compute_gate(
        read["patients"], read["consents"], [], as_of="2026-03-01", purpose="research"
    )


@pytest.mark.parametrize("mess", [True, False])
def test_every_sheet_agrees_with_its_schema(tmp_path, mess):
    sheets = simulate(PEOPLE, tmp_path, SEED, mess).sheets
    for name, rows in sheets.items():
        write_sheet(tmp_path, name, rows)
        assert len(read_sheet(tmp_path / f"{name}.tsv").rows) == len(rows), name
    assert read_sheet(tmp_path / "labs.tsv").encoding == "gb18030"


def test_clean_twin_has_no_finding_and_nobody_is_refused(tmp_path):
    simulated = simulate(PEOPLE, tmp_path, SEED, False)
    assert simulated.findings == []
    assert gate_of(simulated.sheets, tmp_path)["refused"] == []


def test_every_planted_consent_defect_is_refused(tmp_path):
    simulated = simulate(PEOPLE, tmp_path, SEED, True)
    refused = {
        (r["patient_id"], r["requirement_id"])
        for r in gate_of(simulated.sheets, tmp_path)["refused"]
    }
    planted = {
        (f["subject"], f["requirement_id"])
        for f in simulated.findings
        if f["step"] == "validate_inputs" and f["requirement_id"] not in ("CLE-05", "CLN-03")
    }
    withdrawn = gate_of(simulated.sheets, tmp_path)["withdrawn"]
    assert sum(withdrawn.values()) == 1
    assert planted == refused | {(centre, "ETH-06") for centre in withdrawn}
    assert len(planted) == len(CONSENT_DEFECTS) + 1


def test_adding_people_changes_nobody_elses_rows(tmp_path):
    few = simulate(make_people(SEED, 24, 10), tmp_path, SEED, False).sheets
    many = simulate(PEOPLE, tmp_path, SEED, False).sheets
    for name in ("patients", "consents", "labs", "history", "samples", "sample_events"):
        assert many[name][: len(few[name])] == few[name], name


def test_mess_changes_only_people_with_a_finding(tmp_path):
    clean, messy = (simulate(PEOPLE, tmp_path, SEED, mess) for mess in (False, True))
    touched = {f["subject"] for f in messy.findings}
    touched |= {p.patient_id for p in PEOPLE if p.number == BASE_WITHDRAWN}  # found by centre
    for name in ("patients", "consents", "labs", "samples"):
        kept = [
            [r for r in s.sheets[name] if r["patient_id"] not in touched] for s in (clean, messy)
        ]
        assert kept[0] == kept[1], name


def test_six_patient_cut_has_only_findings_of_its_own_people(tmp_path):
    people = make_people(SEED, 6, 0)
    findings = simulate(people, tmp_path, SEED, True).findings
    own = {p.patient_id for p in people} | {p.centre for p in people} | {"cohort"}
    assert {f["subject"] for f in findings} <= own


def test_markers_separate_cases_from_controls_as_the_source_says():
    """Medians of J Hepatocell Carcinoma 2020;7:219: AFP 33.1 against 4.8 ng/mL, PIVKA-II 171 against 21.4 mAU/mL.

    The burden of early cases lies below the source's mean, so the demo's median of cases is lower.
    """
    people = make_people(7, 0, 600)
    values = [clinical_labs.values_of(person, 7) for person in people]
    cases = np.array([person.hcc for person in people])
    for name, case, control in (("afp", 33.1, 4.8), ("pivka2", 171, 21.4)):
        data = np.array([row[name] for row in values])
        assert 0.4 < np.median(data[cases]) / case < 2
        assert np.median(data[~cases]) == pytest.approx(control, rel=0.3)


def test_same_person_in_two_centres_has_equal_identifiers(tmp_path):
    simulated = simulate(PEOPLE, tmp_path, SEED, True)
    [twin] = [
        f["subject"]
        for f in simulated.findings
        if f["requirement_id"] == "CLE-05" and f["step"] == "validate_inputs"
    ]
    rows = {r["patient_id"]: r for r in simulated.sheets["patients"]}
    same = [r for r in rows.values() if r["id1_hash"] == rows[twin]["id1_hash"]]
    assert len(same) == 2
    assert len({r["centre"] for r in same}) == 2
    assert len({(r["sex"], r["age"], r["diagnosis"], r["contact_hash"]) for r in same}) == 1


@pytest.mark.parametrize("mess", [True, False])
def test_sheet_checks_fail_exactly_what_was_planted(tmp_path, mess):
    """People, devices, quality records, examinations: FAILs of the mess are those planted, the clean twin has none and no gap."""
    simulated = simulate(PEOPLE, tmp_path, SEED, mess)
    for name, rows in simulated.sheets.items():
        write_sheet(tmp_path, name, rows)
    plan = gate_of(simulated.sheets, tmp_path)
    domains = {"ct": "imaging", "mri": "imaging", "us": "imaging", "lcms": "metabolomics"}
    plan["blocks"] = {name: {"modality": name, "domain": d} for name, d in domains.items()}
    settings = default_config()["clinical"]
    found = []
    for module, key, more in (
        (check_people, "people", ()),
        (check_quality_records, "quality", (tmp_path,)),
        (check_examinations, "examinations", ()),
    ):
        sheets = {
            name: read_sheet(tmp_path / f"{name}.tsv").rows if name in simulated.sheets else None
            for name in module.SHEETS
        }
        found += module.all_checks(sheets, plan, settings[key], *more)
    failed = {(c.subject, c.requirement_id) for c in found if c.verdict == "FAIL"}
    steps = ("check_people", "check_quality_records", "check_examinations")
    planted = {
        (f["subject"], f["requirement_id"]) for f in simulated.findings if f["step"] in steps
    }
    assert failed == planted
    assert [c for c in found if c.verdict == "NOT_ASSESSED"] == []


def test_surveillance_ultrasound_sees_large_tumours_and_half_of_the_early_ones(tmp_path):
    people = {p.patient_id: p for p in make_people(SEED, 24, 4000)}
    rows = simulate(list(people.values()), tmp_path, SEED, False).sheets["history"]
    found = {"early": [], "late": [], "benign": []}
    for row in rows:
        person = people[row["patient_id"]]
        if row["us_category"] != "":
            kind = ("early" if person.early else "late") if person.hcc else "benign"
            found[kind].append(row["us_category"] == 3)
    # 47 % of early HCC, 84 % of any stage, specificity 92 %: Tzartzeva 2018, Gastroenterology 154:1706.
    assert np.mean(found["early"]) == pytest.approx(0.47, abs=0.05)
    assert np.mean(found["late"]) == pytest.approx(0.84, abs=0.05)
    assert np.mean(found["benign"]) == pytest.approx(0.08, abs=0.03)
    assert 0.1 < sum(row["us_category"] == "" for row in rows) / len(rows) < 0.2
