"""Clinical sheets of the demo: patients, consents, laboratory values, history, samples, and the papers of the sites.

In: people. Out: rows of every clinical sheet and the findings that were planted. Source: clinical_labs, clinical_samples;
shares of aetiology and cirrhosis as in latent.py; as-of date of the demo 2026-03-01.
"""

import datetime
from pathlib import Path

from scripts.demo import clinical_labs, clinical_samples, clinical_studies
from scripts.demo.clinical_papers import document, papers_of
from scripts.demo.clinical_samples import hash_of
from scripts.demo.latent import Person, Simulated, generator

AS_OF = datetime.date(2026, 3, 1)
NO_NOTICE = 1  # number of the person with exome data and no special notice for genomics
LIMITED_CAPACITY = (44, 45)
BASE_WITHDRAWN = 36
# Consent defects by number of the person: requirement, note.
CONSENT_DEFECTS = {
    30: ("ETH-01", "no base consent"),
    32: ("ETH-06", "base consent expired"),
    34: ("ETH-06", "authorisation of data withdrawn"),
    BASE_WITHDRAWN: ("ETH-06", "base consent withdrawn"),
    38: ("ETH-05", "signed after collection"),
    40: ("ETH-02", "omics outside the scope"),
    42: ("ETH-02", "no authorisation of data and samples"),
    44: ("ETH-04", "limited capacity, no proxy"),
}
# Laboratory defects by number: (variables, what to change, requirement, verdict, note); see _spoil_labs.
LAB_DEFECTS = {
    46: ("tbil", {"unit": "mmol"}, "CLE-03", "FAIL", "unknown unit mmol"),
    47: ("alb", {"value": "386", "unit": "g/L"}, "CLE-02", "FAIL", "impossible albumin 386 g/L"),
    48: ("plt", {"value": "0.15", "unit": "X10E9/L"}, "CLE-02", "FAIL", "impossible platelets 0.15"),
    49: ("pivka2", {"value": "6.8", "unit": "ng/mL"}, "CLE-03", "FAIL", "PIVKA-II in ng/mL"),
    50: ("afp_l3", {"value": "134", "unit": "%"}, "CLE-06", "FAIL", "AFP-L3 134 %"),
    51: ("*", {"twice": True}, "CLE-05", "WARN", "every row twice"),
    52: ("inr ggt", {"value": ""}, "CLE-01", "WARN", "two values missing"),
    53: ("plt", {"value": "152000", "unit": "10^9/L"}, "CLE-02", "WARN", "per uL under a G/L header"),
    54: ("dbil", {"value": "300", "unit": "umol/L"}, "CLE-06", "FAIL", "direct above total bilirubin"),
    55: ("ggt", {"date": "03/04/2025"}, "CLN-06", "FAIL", "date that can be read in two ways"),
}  # fmt: skip
_OMICS = "clinical;imaging;genomics;metabolomics;proteomics;ihc"
_PURPOSES = "diagnosis_service;research;product_development"
# Share called US-3 by surveillance ultrasound: early HCC 47 %, specificity 92 %; for larger tumours the 84 % of any stage
# (Tzartzeva 2018, doi 10.1053/j.gastro.2018.01.064).
SEEN_EARLY, SEEN_LATE, SEEN_BENIGN = 0.47, 0.84, 0.08
KEEPS_TO_THE_SITE = 5  # every fifth person does not agree to sharing with other institutions


def simulate(people: list[Person], folder: Path, seed: int, mess: bool) -> Simulated:
    """Sheets of everybody. With `mess` the defects named above are planted in those people who exist."""
    out = Simulated()
    names = ("patients", "consents", "labs", "history", "pathology", "samples", "sample_events")
    names += ("aliquots", "extractions", "imaging_studies", "annotations")
    out.sheets = {name: [] for name in names}
    for person in people:
        out.sheets["patients"].append(_patient(person, seed))
        out.sheets["consents"] += _consents(person)
        out.sheets["labs"] += clinical_labs.rows_of(person, seed)
        history, pathology = _history(person, seed)
        out.sheets["history"].append(history)
        out.sheets["pathology"] += pathology
        for name, rows in clinical_samples.tubes_of(person, seed, mess).items():
            out.sheets[name] += rows
        for name, rows in clinical_studies.studies_of(person, seed, mess).items():
            out.sheets[name] += rows
    papers, out.findings = papers_of(people, folder, mess)
    out.sheets |= papers
    if mess:
        by_number = {person.number: person for person in people}
        out.findings += clinical_studies.spoil(out.sheets, by_number, mess)
        _spoil_consents(out, by_number)
        _spoil_labs(out, by_number)
        _enrol_twice(out, people)
        for planted in clinical_samples.findings():
            person = by_number.get(planted.pop("number"))
            if person and planted["block"] in person.modalities:
                out.findings.append({"subject": person.patient_id, **planted})
    out.sheets = {name: rows for name, rows in out.sheets.items() if rows}
    return out


def _patient(person: Person, seed: int) -> dict:
    passed = (AS_OF - person.index_date).days / 30.44
    return {
        "patient_id": person.patient_id,
        "centre": person.centre,
        "diagnosis": person.diagnosis,
        "role": person.role,
        "stage": ("early" if person.early else "advanced") if person.hcc else None,
        "index_date": person.index_date.isoformat(),
        "enrolment_date": (person.index_date - datetime.timedelta(days=3)).isoformat(),
        "sex": person.sex,
        "age": person.age,
        "aetiology": person.aetiology,
        "follow_up_months": f"{passed:.1f}",
        "civil_capacity": "limited" if person.number in LIMITED_CAPACITY else "full",
        "id_check": "agrees",
        "person_id": f"D{person.number + 1:05d}",
        "id1_hash": hash_of("id1", person.number),
        "id2_hash": hash_of("id2", person.number),
        "contact_hash": hash_of("contact", person.number),
    }


def _consents(person: Person) -> list[dict]:
    """Base consent, authorisation and special notice, signed ten days before the work-up, valid to the end of 2030."""
    signed = (person.index_date - datetime.timedelta(days=10)).isoformat()
    rows = []
    for kind in ("base", "data_use", "special"):
        row = {
            "patient_id": person.patient_id,
            "kind": kind,
            "status": "signed",
            "signed_date": signed,
            "expires": "2030-12-31",
            "version": "2.0",
            **document(f"IC-{person.patient_id}-{kind}"),
        }
        if kind == "data_use":
            shares = "" if person.number % KEEPS_TO_THE_SITE == 4 else ";sharing"
            row |= {"scope_modalities": _OMICS, "scope_purposes": _PURPOSES + shares}
        if kind == "special":
            row["special_test"] = "genomics"
        if kind == "base" and person.number in LIMITED_CAPACITY:
            row |= {
                "proxy_relation": "spouse",
                "proxy_name_hash": hash_of("proxy", person.number),
                "proxy_signed_date": signed,
            }
        rows.append(row)
    return rows


def _surveillance(person: Person, draw: float) -> int | str:
    """US-1 to US-3 of the ultrasound before the work-up; every sixth person had none."""
    if person.number % 6 == 5:
        return ""
    seen = SEEN_BENIGN
    if person.hcc:
        seen = SEEN_EARLY if person.early else SEEN_LATE
    return 3 if draw < seen else 2 if draw < seen + 0.05 else 1


def _history(person: Person, seed: int) -> tuple[dict, list[dict]]:
    """History of one person, and the pathology report of a case that has one."""
    rng = generator(seed, "history", person.number)
    draws = rng.random(8)
    ascites = "none" if draws[0] < 0.75 or not person.cirrhosis else "mild"
    days = int(rng.integers(0, 30))
    standard = "follow_up"
    if person.hcc:
        standard = "pathology" if draws[1] < 0.6 else "lirads5"
    row = {
        "patient_id": person.patient_id,
        "aetiology": person.aetiology,
        "cirrhosis": "yes" if person.cirrhosis else "no",
        "ascites": ascites,
        "encephalopathy": "none",
        "antiviral": "yes" if person.aetiology == "hbv" and draws[2] < 0.7 else "no",
        "warfarin": "yes" if draws[3] < 0.01 else "no",
        "dialysis": "no",
        "family_hcc": "yes" if draws[4] < (0.18 if person.hcc else 0.10) else "no",
        "alcohol_g_day": 60 if person.aetiology == "ald" else 0,
        "diabetes": "yes" if draws[5] < (0.24 if person.hcc else 0.16) else "no",
        "prior_cancer": "no",
        "weight_kg": f"{rng.normal(68 if person.male else 58, 9):.1f}",
        "height_cm": f"{rng.normal(169 if person.male else 158, 6):.0f}",
        "diagnosis_code": "C22.0" if person.hcc else "K74.6" if person.cirrhosis else "B18.1",
        "reference_standard": standard,
        "us_category": _surveillance(person, draws[7]),
    }
    size = float(rng.uniform(1.0, 3.0) if person.early else rng.uniform(4.0, 12.0))
    number, invasion = int(1 if person.early else rng.integers(1, 5)), bool(draws[6] < 0.4)
    grade = str(rng.choice(["I-II", "II", "II-III", "III"]))
    pathology = []
    if person.hcc:
        day = person.index_date + datetime.timedelta(days=days)
        row |= {
            "ecog_ps": 0,
            "tumour_number": number,
            "tumour_max_cm": f"{size:.1f}",
            "vascular_invasion": "yes" if invasion and not person.early else "no",
            "extrahepatic": "no",
            "lirads": "LR-5",
            "treatment_date": (person.index_date + datetime.timedelta(days=31)).isoformat(),
            "reference_date": day.isoformat(),
        }
        if standard == "pathology":
            pathology.append(
                {
                    "patient_id": person.patient_id,
                    "pathology_no": f"PA{person.number + 1:05d}",
                    "report_date": day.isoformat(),
                    "diagnosis": "肝细胞癌",
                    "diagnosis_code": "C22.0",
                    "differentiation": grade,
                    "mvi": "M1" if invasion else "M0",
                    "tumour_max_cm": f"{size:.1f}",
                    "specimen": "resection" if person.early else "biopsy",
                    **document(f"PA-{person.patient_id}"),
                }
            )
    return row, pathology


def _planted(
    out: Simulated, person: Person, block: str, requirement: str, verdict: str, step: str, note: str
) -> None:
    out.findings.append(
        {
            "subject": person.patient_id,
            "block": block,
            "requirement_id": requirement,
            "verdict": verdict,
            "step": step,
            "note": note,
        }
    )


def _spoil_consents(out: Simulated, people: dict[int, Person]) -> None:
    rows = out.sheets["consents"]

    def of(person: Person, *kinds: str) -> list[dict]:
        return [r for r in rows if r["patient_id"] == person.patient_id and r["kind"] in kinds]

    if NO_NOTICE in people:
        for row in of(people[NO_NOTICE], "special"):
            rows.remove(row)
        _planted(
            out,
            people[NO_NOTICE],
            "genomics",
            "ETH-03",
            "FAIL",
            "validate_inputs",
            "no special notice for genomics",
        )
    for number, (requirement, note) in CONSENT_DEFECTS.items():
        person = people.get(number)
        if person is None or person.raw:
            continue
        late = (person.index_date + datetime.timedelta(days=5)).isoformat()
        for row in of(person, "base", "data_use"):
            base = row["kind"] == "base"
            if (number == 30 and base) or (number == 42 and not base):
                rows.remove(row)
            elif number == 32 and base:
                row["expires"] = "2025-12-31"
            elif (number == 34 and not base) or (number == BASE_WITHDRAWN and base):
                row |= {"status": "withdrawn", "withdrawn_date": "2025-12-01"}
            elif number == 38:
                row["signed_date"] = late
            elif number == 40 and not base:
                row["scope_modalities"] = "clinical;imaging"
            elif number == 44 and base:
                for field in ("proxy_relation", "proxy_name_hash", "proxy_signed_date"):
                    row.pop(field)
        block = "metabolomics" if number == 40 else "clinical" if number == 38 else ""
        _planted(out, person, block, requirement, "FAIL", "validate_inputs", note)
        if number == BASE_WITHDRAWN:  # no output may name them: the centre and a number stand in
            out.findings[-1]["subject"] = person.centre


def _spoil_labs(out: Simulated, people: dict[int, Person]) -> None:
    rows = out.sheets["labs"]
    for number, (variables, change, requirement, verdict, note) in LAB_DEFECTS.items():
        person = people.get(number)
        if person is None or person.raw:
            continue
        names = {clinical_labs.printed_name(person, v) for v in variables.split() if v != "*"}
        own = [
            r
            for r in rows
            if r["patient_id"] == person.patient_id and (not names or r["analyte"] in names)
        ]
        if change.get("twice"):
            rows += [dict(row) for row in own]
        else:
            for row in own:
                row |= change
        _planted(out, person, "clinical", requirement, verdict, "build_clinical_table", note)


def _enrol_twice(out: Simulated, people: list[Person]) -> None:
    """The same person in two development centres: two rows with equal identifiers that nobody noticed at the sites."""
    spoilt = {*CONSENT_DEFECTS, *LAB_DEFECTS, *clinical_studies.PLANTED}
    table = [p for p in people if not p.raw and p.role == "development" and p.number not in spoilt]
    pairs = [
        (abs(a.age - b.age), b.number, a.number)
        for a in table[:60]
        for b in table[:60]
        if a.number < b.number
        and (a.sex, a.hcc, a.cirrhosis, a.aetiology) == (b.sex, b.hcc, b.cirrhosis, b.aetiology)
        and a.centre != b.centre
    ]
    if not pairs:
        return
    _, second, first = min(pairs)
    by_number = {person.number: person for person in people}
    first, second = by_number[first], by_number[second]
    for name in ("patients", "samples", "imaging_studies"):
        for row in out.sheets[name]:
            if row["patient_id"] == second.patient_id:
                row |= {
                    kind: hash_of(kind.removesuffix("_hash"), first.number)
                    for kind in ("id1_hash", "id2_hash")
                }
                if name == "patients":
                    row |= {"contact_hash": hash_of("contact", first.number), "age": first.age}
    note = f"same person as {first.patient_id} of {first.centre}"
    _planted(out, second, "", "CLE-05", "FAIL", "validate_inputs", note)
