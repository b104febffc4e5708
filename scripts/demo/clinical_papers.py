"""Papers of the demo's sites: approvals, study, external sites, staff, devices, quality records, two documents.

In: people, the folder of the cohort. Out: rows of those sheets, what was planted. Source: made up; every document has a
number and a hash, no person has a name.
"""

import hashlib
from pathlib import Path

from scripts.demo.clinical_samples import hash_of
from scripts.demo.clinical_studies import EXPIRED_DAY, OLD_CENTRIFUGE, OLD_NURSE
from scripts.demo.latent import CENTRES, COUNTY_HOSPITALS, Person


def document(name: str) -> dict:
    return {"document_id": name, "sha256": hashlib.sha256(f"demo {name}".encode()).hexdigest()}


# What the mess plants in the papers: (subject, requirement, step, note).
NO_TRANSPORT, LOW_AGREEMENT = "C2", "E1"
PLANTED = (
    (NO_TRANSPORT, "QCP-01", "check_quality_records", "no record of transport"),
    (LOW_AGREEMENT, "QCP-02", "check_quality_records", "double entry agrees in 95 % of the cells"),
    ("cohort", "QCP-04", "check_quality_records", "the file of an SOP is not the one of the index"),
)
# Readers of images and of stained slides, of no single centre.
READERS = {"R1": "annotation", "R2": "annotation", "H1": "pathology", "H2": "pathology"}
SOP_TEXT = "Demonstration of hcc-omics. 质量控制点: 采集, 运输, 处理, 提取, 检测.\n"


def papers_of(
    people: list[Person], folder: Path, mess: bool
) -> tuple[dict[str, list[dict]], list[dict]]:
    """Approvals, study, external sites, staff, devices and quality records of the centres that have people; planted findings."""
    centres = sorted({person.centre for person in people})
    posts = {
        "N": ("phlebotomy", 4),
        "L": ("laboratory", 6),
        "R": ("imaging", 9),
        "A": ("annotation", 8),
        "D": ("clinical", 12),
    }
    devices = {"Z": "centrifuge", "F": "freezer", "T": "ct", "M": "mri", "U": "us"}
    devices["S"] = "spectrophotometer"
    points = (
        "consent",
        "collection",
        "transport",
        "processing",
        "extraction",
        "assay",
        "imaging",
        "cleaning",
        "annotation",
        "model",
    )
    sheets = {
        "ethics_approvals": [
            {
                "approval_no": f"EC-2025-{centre}",
                "centre": centre,
                "committee": f"ethics committee of {centre}",
                "valid_from": "2025-01-01",
                "valid_until": "2027-12-31",
                "consent_versions": "2.0",
                **document(f"EC-2025-{centre}"),
            }
            for centre in centres
        ],
        "study": [
            {
                "study_id": "DEMO",
                "title": "Early diagnosis of HCC by multi-omics, demonstration",
                "registration_no": "DEMO-REG-0001",
                "design": "ambispective",
                "protocol_version": "1.0",
                "enrol_start": "2025-02-01",
                "enrol_end": "2025-12-31",
                **document("PROTOCOL-1.0"),
            }
        ],
        "external_sites": [
            {
                "centre": centre,
                "level": "county" if centre in COUNTY_HOSPITALS else "tertiary",
                "region": "demo region",
                "data_source": "consecutive patients of the hepatology clinic",
                "prospective": "no",
                "planned_n": 100,
                **document(f"AGREEMENT-{centre}"),
            }
            for centre in centres
            if CENTRES[centre] == "external"
        ],
        "personnel": [
            _person(f"{letter}{centre}", post, years, centre)
            for centre in centres
            for letter, (post, years) in posts.items()
        ],
        "equipment": [
            {
                "equipment_id": f"{letter}{centre}",
                "kind": kind,
                "centre": centre,
                "calibrated_on": "2025-01-10",
                "calibration_due": "2026-12-31",
                **document(f"CAL-{letter}{centre}"),
            }
            for centre in centres
            for letter, kind in devices.items()
        ],
        "qc_records": [
            {
                "point_id": point,
                "centre": centre,
                "time": "2025-11-03 10:00",
                "operator_id": f"L{centre}",
                "result": "pass",
                "action": "none needed",
                "double_entry_agreement": 0.995 if point == "cleaning" else None,
                "sample_fraction": 0.1 if point == "cleaning" else None,
                "document_id": "SOP-QC-01",
            }
            for centre in centres
            for point in points
        ],
        "qc_documents": _documents(folder, mess),
    }
    sheets["personnel"] += [_person(name, post, 8) for name, post in READERS.items()]
    if not mess:
        return sheets, []
    expired = {"valid_until": EXPIRED_DAY, "centre": None}
    sheets["personnel"].append(_person(OLD_NURSE, "phlebotomy", 20) | expired)
    sheets["equipment"].append(
        {
            "equipment_id": OLD_CENTRIFUGE,
            "kind": "centrifuge",
            "calibrated_on": "2023-01-10",
            "calibration_due": EXPIRED_DAY,
            **document(f"CAL-{OLD_CENTRIFUGE}"),
        }
    )
    sheets["qc_records"] = [
        row
        for row in sheets["qc_records"]
        if (row["centre"], row["point_id"]) != (NO_TRANSPORT, "transport")
    ]
    for row in sheets["qc_records"]:
        if row["centre"] == LOW_AGREEMENT and row["double_entry_agreement"]:
            row["double_entry_agreement"] = 0.95
    return sheets, [
        {"subject": s, "block": "", "requirement_id": r, "verdict": "FAIL", "step": step, "note": n}
        for s, r, step, n in PLANTED
        if s in (*centres, "cohort")
    ]


def _person(name: str, post: str, years: float, centre: str | None = None) -> dict:
    return {
        "person_id": name,
        "post": post,
        "centre": centre,
        "licence_no": hash_of(f"licence {name}", 0),
        "valid_from": "2020-01-01",
        "valid_until": "2028-12-31",
        "years_experience": years,
        "training_date": "2025-01-15",
        "training_topic": "study procedures",
        **document(f"CERT-{name}"),
    }


def _documents(folder: Path, mess: bool) -> list[dict]:
    """Two SOPs with their files; with `mess` somebody changed one of them after the index was written."""
    rows = []
    for name, title in (("SOP-QC-01", "quality control points"), ("SOP-QC-02", "transport")):
        text = f"{name}\n{SOP_TEXT}"
        path = folder / "documents" / f"{name}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        changed = mess and name == "SOP-QC-02"
        path.write_text(text + ("changed\n" if changed else ""), encoding="utf-8")
        rows.append(
            {
                "document_id": name,
                "title": title,
                "kind": "sop",
                "version": "1.0",
                "date": "2025-01-05",
                "file": f"documents/{name}.txt",
                "sha256": hashlib.sha256(text.encode()).hexdigest(),
            }
        )
    return rows
