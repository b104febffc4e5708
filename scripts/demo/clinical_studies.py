"""Imaging studies and annotations of the demo's people, and the defects of people, devices and papers that the mess plants.

In: a Person. Out: rows of imaging_studies and annotations, planted findings. Source: fields and limits of config/config.yaml
(clinical.examinations, clinical.quality); the clean twin stays on the good side of every one of them.
"""

import datetime

from scripts.demo.clinical_samples import hash_of
from scripts.demo.latent import Person, generator

# Numbers of people with a planted defect: {number: (block that they need, requirement, step, note)}.
POOR_IMAGE, LOW_FIELD, ONE_READER, NO_REPORT, NUMBER_DIFFERS = 58, 60, 62, 64, 66
EXPIRED_NURSE, EXPIRED_SPIN = 68, 70
EXPIRED_DAY = "2024-12-31"
OLD_CENTRIFUGE, OLD_NURSE = "ZOLD", "NOLD"
PLANTED = {
    POOR_IMAGE: ("ct", "IMG-CT", "check_examinations", "CT with image quality 2 of 5"),
    LOW_FIELD: ("mri", "IMG-MRI", "check_examinations", "MR at 1.0 T"),
    ONE_READER: ("us", "QCP-03", "check_quality_records", "reader reviewed his own annotation"),
    NO_REPORT: ("ihc", "PAT-01", "check_examinations", "pathology as standard, no report"),
    NUMBER_DIFFERS: ("", "CLN-03", "validate_inputs", "citizen number does not fit the birth date"),
    EXPIRED_NURSE: ("lcms", "PER-01", "check_people", "blood drawn by a nurse of expired licence"),
    EXPIRED_SPIN: ("lcms", "BLD-04", "check_people", "centrifuge past its calibration"),
}
_PROTOCOL = {
    "ct": {
        "kvp": 120,
        "slice_thickness_mm": 2.0,
        "phases": "native;arterial;portal;delayed",
        "contrast_agent": "iohexol",
        "contrast_dose_ml_kg": 1.5,
        "injection_rate_ml_s": 4,
        "phase_delay_s": "0;32;65;180",
    },
    "mri": {
        "field_strength_t": 3.0,
        "slice_thickness_mm": 4.0,
        "sequences": "T2;DWI;T1_pre",
        "phases": "native;arterial;portal;delayed",
        "contrast_agent": "gadoxetate",
        "contrast_dose_mmol_kg": 0.025,
        "b_values": "0;50;800",
    },
    "us": {
        "probe": "convex",
        "frequency_mhz": 3.5,
        "depth_mm": 150,
        "gain": 60,
        "mode": "b_mode",
        "contrast_agent": "none",
    },
}
_DEVICE = {"ct": "T", "mri": "M", "us": "U"}


def planted_in(person: Person, number: int, mess: bool) -> bool:
    """Whether this person carries the defect of that number; people without the block stay clean."""
    block = PLANTED[number][0]
    return mess and person.number == number and (not block or block in person.modalities)


def studies_of(person: Person, seed: int, mess: bool) -> dict[str, list[dict]]:
    """One imaging study per modality with its annotation by two readers."""
    rng = generator(seed, "studies", person.number)
    sheets: dict[str, list[dict]] = {"imaging_studies": [], "annotations": []}
    for kind, protocol in _PROTOCOL.items():
        quality, dice = int(rng.integers(3, 6)), rng.uniform(0.84, 0.96)
        minutes = int(rng.integers(0, 480))
        if kind not in person.modalities:
            continue
        done = datetime.datetime.combine(person.index_date, datetime.time(9, 0))
        done += datetime.timedelta(minutes=minutes)
        study = f"I{person.number + 1:04d}{kind}"
        row = {
            "study_id": study,
            "patient_id": person.patient_id,
            "modality": kind,
            "study_datetime": f"{done:%Y-%m-%d %H:%M}",
            "manufacturer": "demo maker",
            "model": f"demo {kind}",
            "equipment_id": f"{_DEVICE[kind]}{person.centre}",
            "operator_id": f"R{person.centre}",
            "reader_id": f"R{person.centre}",
            **protocol,
            "image_quality_score": quality,
            "id1_hash": hash_of("id1", person.number),
            "id2_hash": hash_of("id2", person.number),
        }
        if kind == "ct" and planted_in(person, POOR_IMAGE, mess):
            row["image_quality_score"] = 2
        if kind == "mri" and planted_in(person, LOW_FIELD, mess):
            row["field_strength_t"] = 1.0
        sheets["imaging_studies"].append(row)
        read = done + datetime.timedelta(days=3)
        own = kind == "us" and planted_in(person, ONE_READER, mess)
        sheets["annotations"].append(
            {
                "annotation_id": f"A{study[1:]}",
                "patient_id": person.patient_id,
                "study_id": study,
                "reader_id": "R1",
                "annotated_at": f"{read:%Y-%m-%d %H:%M}",
                "review_reader_id": "R1" if own else "R2",
                "reviewed_at": f"{read + datetime.timedelta(days=2):%Y-%m-%d %H:%M}",
                "dice": f"{dice:.3f}",
                "adjudicated": "no",
                "minutes": 25,
            }
        )
    return sheets


def spoil(sheets: dict[str, list[dict]], people: dict[int, Person], mess: bool) -> list[dict]:
    """Plant what is not planted while the rows are made; returns the findings of all people who carry a defect."""
    found = []
    for number, (block, requirement, step, note) in PLANTED.items():
        person = people.get(number)
        if person is None or not planted_in(person, number, mess):
            continue
        if number == NO_REPORT and not _without_report(sheets, person):
            continue
        if number == NUMBER_DIFFERS:
            _rows(sheets, "patients", person)[0]["id_check"] = "differs"
        if number == EXPIRED_NURSE:
            for row in _rows(sheets, "samples", person):
                row["collector_id"] = OLD_NURSE
        if number == EXPIRED_SPIN:
            tubes = {row["sample_id"] for row in _rows(sheets, "samples", person)}
            for row in sheets["sample_events"]:
                if row["sample_id"] in tubes and row["event"] == "centrifuged":
                    row["equipment_id"] = OLD_CENTRIFUGE
        found.append(
            {
                "subject": person.patient_id,
                "block": block,
                "requirement_id": requirement,
                "verdict": "FAIL",
                "step": step,
                "note": note,
            }
        )
    return found


def _rows(sheets: dict[str, list[dict]], name: str, person: Person) -> list[dict]:
    return [row for row in sheets[name] if row["patient_id"] == person.patient_id]


def _without_report(sheets: dict[str, list[dict]], person: Person) -> bool:
    """Take the pathology report of a case away; the history says that it is the standard."""
    [history] = _rows(sheets, "history", person)
    if not person.hcc:
        return False
    history["reference_standard"] = "pathology"
    sheets["pathology"] = [
        row for row in sheets["pathology"] if row["patient_id"] != person.patient_id
    ]
    return True
