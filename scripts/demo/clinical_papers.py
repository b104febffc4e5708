"""Papers of the demo's sites: approvals, study, external sites, staff, devices, quality records.

In: people. Out: rows of those sheets. Source: made up; every document has a number and a hash, no person has a name.
"""

import hashlib

from scripts.demo.clinical_samples import hash_of
from scripts.demo.latent import CENTRES, COUNTY_HOSPITALS, Person


def document(name: str) -> dict:
    return {"document_id": name, "sha256": hashlib.sha256(f"demo {name}".encode()).hexdigest()}


def papers_of(people: list[Person]) -> dict[str, list[dict]]:
    """Approvals, study, external sites, staff, devices and quality records of the centres that have people."""
    centres = sorted({person.centre for person in people})
    posts = {
        "N": ("phlebotomy", 4),
        "L": ("laboratory", 6),
        "R": ("imaging", 9),
        "A": ("annotation", 8),
        "D": ("clinical", 12),
    }
    devices = {"Z": "centrifuge", "F": "freezer", "T": "ct", "M": "mri", "U": "us"}
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
    sop = document("SOP-QC-01")
    return {
        "ethics_approvals": [
            {
                "approval_no": f"EC-2025-{centre}",
                "centre": centre,
                "committee": f"ethics committee of {centre}",
                "valid_from": "2025-01-01",
                "valid_until": "2027-12-31",
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
            {
                "person_id": f"{letter}{centre}",
                "post": post,
                "centre": centre,
                "licence_no": hash_of(f"licence {letter}{centre}", 0),
                "valid_from": "2020-01-01",
                "valid_until": "2028-12-31",
                "years_experience": years,
                "training_date": "2025-01-15",
                "training_topic": "study procedures",
                **document(f"CERT-{letter}{centre}"),
            }
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
        "qc_documents": [
            {
                "title": "quality control points",
                "kind": "sop",
                "version": "1.0",
                "date": "2025-01-05",
                **sop,
            }
        ],
    }
