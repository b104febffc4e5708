"""Tubes of the demo's people: collection, spins, freezing, extracts.

In: a Person. Out: rows of samples, sample_events, aliquots, extractions. Source: limits in config/config.yaml (clinical.custody);
the clean twin stays on the good side of every one of them.
"""

import datetime

from scripts.demo.latent import Person, generator

LATE_SPIN, THAWED, SHARED_LABEL = 8, 9, (12, 13)  # numbers of people with a planted defect
LATE_HOURS, THAWS = 9.5, 4
ELUTED_UL = 50
_PLASMA = ("lcms", "gcms", "dda", "dia")


def hash_of(kind: str, number: int) -> str:
    """A stand-in for a salted hash of an identifier."""
    import hashlib

    return hashlib.sha256(f"demo {kind} {number}".encode()).hexdigest()[:32]


def tubes_of(person: Person, seed: int, mess: bool) -> dict[str, list[dict]]:
    """Rows of the four sheets for one person: a cfDNA tube, a plasma tube, a blood tube, as the modalities need them."""
    rng = generator(seed, "samples", person.number)
    sheets: dict[str, list[dict]] = {
        n: [] for n in ("samples", "sample_events", "aliquots", "extractions")
    }
    drawn = datetime.datetime.combine(person.index_date, datetime.time(7, 0))
    drawn += datetime.timedelta(minutes=int(rng.integers(0, 120)))
    kinds = [
        ("A", "plasma", ["cfdna"], [(1600, 10), (16000, 10)], rng.uniform(0.5, 3.5)),
        ("B", "plasma", list(_PLASMA), [(2000, 10)], rng.uniform(0.3, 1.8)),
        ("C", "blood", ["wes"], [], 0.0),
    ]
    yields = {"cfdna": rng.uniform(15, 60), "gdna": rng.uniform(900, 4000)}
    purity, din, free_hb = rng.uniform(1.82, 1.97), rng.uniform(7.2, 9.0), rng.uniform(2, 30)
    for letter, specimen, modalities, spins, hours in kinds:
        wanted = [m for m in modalities if m in person.modalities]
        if not wanted:
            continue
        if mess and letter == "A" and person.number == LATE_SPIN:
            hours = LATE_HOURS
        thaws = THAWS if mess and letter == "B" and person.number == THAWED else 1
        sample = f"S{person.number + 1:04d}{letter}"
        label = (
            f"S{SHARED_LABEL[0] + 1:04d}{letter}"
            if mess and person.number in SHARED_LABEL
            else sample
        )
        sheets["samples"].append(
            {
                "sample_id": sample,
                "patient_id": person.patient_id,
                "label": label if letter == "B" else sample,
                "centre": person.centre,
                "specimen": specimen,
                "tube_type": "K2EDTA",
                "intended_assays": ";".join(wanted),
                "collected_at": f"{drawn:%Y-%m-%d %H:%M}",
                "collection_site": "phlebotomy room",
                "collector_id": f"N{person.centre}",
                "fasting_h": 10,
                "transport_temp_c": 20,
                "free_hb_mg_dl": f"{free_hb:.1f}" if specimen == "plasma" else None,
                "lipemia_index": 20 if specimen == "plasma" else None,
                "icterus_index": 2 if specimen == "plasma" else None,
                "sprec": _sprec(hours, len(spins)),
                "id1_hash": hash_of("id1", person.number),
                "id2_hash": hash_of("id2", person.number),
            }
        )
        sheets["sample_events"] += _events(sample, person, drawn, hours, spins, thaws)
        if specimen == "plasma":
            sheets["aliquots"].append(
                {
                    "aliquot_id": f"{sample}1",
                    "sample_id": sample,
                    "volume_ul": 500,
                    "storage_temp_c": -80,
                    "freeze_thaw_count": thaws,
                    "location": f"F{person.centre}",
                    "used_for": ";".join(wanted),
                }
            )
        kind = {"A": "cfdna", "B": "metabolite", "C": "gdna"}[letter]
        if kind == "metabolite" and not {"lcms", "gcms"} & set(wanted):
            continue
        extract = {
            "extraction_id": f"X{sample[1:]}",
            "sample_id": sample,
            "kind": kind,
            "extracted_at": f"{drawn + datetime.timedelta(days=9):%Y-%m-%d %H:%M}",
            "operator_id": f"L{person.centre}",
            "equipment_id": f"S{person.centre}",
        }
        if kind == "metabolite":
            extract |= {"internal_standard_cv": 0.08, "blank_present": "yes"}
        else:
            extract |= {
                "a260_280": f"{purity:.2f}",
                "a260_230": 1.9,
                "conc_ng_ul": f"{yields[kind] / ELUTED_UL:.2f}",
                "total_ng": f"{yields[kind]:.0f}",
                "din": f"{din:.1f}" if kind == "gdna" else None,
            }
        sheets["extractions"].append(extract)
    return sheets


def _sprec(hours: float, spins: int) -> str:
    """What the site would register: kind, K2EDTA, delay at room temperature, spins, storage."""
    if not spins:
        return "BLD-PED-X-N-N-X-X"
    delay = next((letter for limit, letter in ((2, "A"), (4, "C"), (8, "E")) if hours < limit), "G")
    return f"{'PL2' if spins > 1 else 'PL1'}-PED-{delay}-B-{'C' if spins > 1 else 'N'}-A-A"


def _events(sample, person, drawn, hours, spins, thaws) -> list[dict]:
    """Collection, reception, spins, freezing, storage, thaws and assay of one tube, in order of time."""
    rows = []

    def add(event: str, time: datetime.datetime, **more):
        rows.append({"sample_id": sample, "event": event, "time": f"{time:%Y-%m-%d %H:%M}", **more})

    laboratory = {"operator_id": f"L{person.centre}", "equipment_id": f"Z{person.centre}"}
    add("collected", drawn, operator_id=f"N{person.centre}")
    add("received", drawn + datetime.timedelta(minutes=15), operator_id=f"L{person.centre}")
    time = drawn + datetime.timedelta(minutes=round(60 * hours))
    for force, minutes in spins:
        add("centrifuged", time, temp_c=4, rcf_g=force, minutes=minutes, **laboratory)
        time += datetime.timedelta(minutes=15)
    if spins:
        add(
            "frozen",
            time,
            temp_c=-80,
            operator_id=f"L{person.centre}",
            equipment_id=f"F{person.centre}",
        )
        add(
            "stored",
            time + datetime.timedelta(minutes=5),
            temp_c=-80,
            operator_id=f"L{person.centre}",
            equipment_id=f"F{person.centre}",
        )
        for i in range(thaws):
            add(
                "thawed",
                time + datetime.timedelta(days=14 + 7 * i),
                operator_id=f"L{person.centre}",
            )
    add("assayed", drawn + datetime.timedelta(days=60), operator_id=f"L{person.centre}")
    return rows


def findings() -> list[dict]:
    """What check_custody must find, keyed by the number of the person."""
    rows = [
        (LATE_SPIN, "cfdna", "BLD-03", f"{LATE_HOURS} h from draw to spin"),
        (THAWED, "lcms", "BLD-06", f"thawed {THAWS} times"),
    ]
    rows += [(number, "lcms", "BLD-02", "label used for two patients") for number in SHARED_LABEL]
    return [
        {
            "number": n,
            "block": b,
            "requirement_id": r,
            "verdict": "FAIL",
            "step": "check_custody",
            "note": note,
        }
        for n, b, r, note in rows
    ]
