"""Who did what with which device, on which day: the acts that the sheets name.

In: rows of samples, sample_events, extractions, imaging_studies, annotations, ihc, qc_records, and the admitted runs. Out: Act.
Source: requirements PER-01 to PER-03 (entity: act); docs/clinical.md, "People and devices".
"""

from dataclasses import dataclass

LABORATORY, IMAGING = ("laboratory",), ("imaging",)
DRAWING = ("phlebotomy",)
READING = ("annotation", "imaging")
PATHOLOGY = ("pathology",)
TISSUE = ("clinical", "pathology", "laboratory")
IMAGES = ("ct", "mri", "us")
# Acts that somebody must answer for by name; the others (storage, transport) may name nobody.
ANSWERED = ("collected", "centrifuged", "frozen", "fixed")


@dataclass(frozen=True)
class Act:
    """One act. `subject` is the patient (or the centre of a quality record), `day` an ISO date, "" when it is not said.

    posts : posts that may do it, () = any; person, device : codes, "" when not named; kind : kind of device that is meant
    needed : whether a person must be named; timed : whether the sheet has a column for the day
    """

    subject: str
    what: str
    day: str
    posts: tuple[str, ...]
    person: str = ""
    device: str = ""
    kind: str = ""
    needed: bool = False
    timed: bool = True


def acts_of(sheets: dict[str, list[dict] | None], plan: dict) -> list[Act]:
    """Every act on a sample or an image of an admitted patient, and of quality control."""
    admitted = plan["patients"]
    owner = {
        row["sample_id"]: row["patient_id"]
        for row in sheets.get("samples") or []
        if row["patient_id"] in admitted
    }
    out = []
    for row in sheets.get("samples") or []:
        if row["sample_id"] in owner:
            posts = TISSUE if row.get("specimen") in ("tumour", "adjacent", "tissue") else DRAWING
            out.append(_act(row, row["patient_id"], "collection", "collected_at", posts, "collector_id",
                            needed=True))  # fmt: skip
    for row in sheets.get("sample_events") or []:
        if row["sample_id"] in owner and row["event"] not in ("collected", "shipped"):
            posts = TISSUE if row["event"] in ("excised", "fixed") else LABORATORY
            kind = {"centrifuged": "centrifuge", "frozen": "freezer", "stored": "freezer"}
            out.append(_act(row, owner[row["sample_id"]], row["event"], "time", posts, "operator_id",
                            kind=kind.get(row["event"], ""), needed=row["event"] in ANSWERED))  # fmt: skip
    for row in sheets.get("extractions") or []:
        if row["sample_id"] in owner:
            what = f"extraction of {row['kind']}"
            out.append(_act(row, owner[row["sample_id"]], what, "extracted_at", LABORATORY, "operator_id",
                            needed=True))  # fmt: skip
    return out + _examinations(sheets, admitted) + _runs(plan) + _quality(sheets, plan)


def _act(
    row: dict, subject: str, what: str, day: str, posts: tuple[str, ...], person: str, **more
) -> Act:
    device = row.get("equipment_id", "")
    return Act(subject, what, row.get(day, "")[:10], posts, row.get(person, ""), device, **more)


def _examinations(sheets: dict, admitted: dict) -> list[Act]:
    out = []
    for row in sheets.get("imaging_studies") or []:
        subject, kind = row["patient_id"], row["modality"]
        if subject not in admitted or "imaging" not in admitted[subject]["domains"]:
            continue
        out.append(_act(row, subject, f"{kind} examination", "study_datetime", IMAGING, "operator_id",
                        kind=kind, needed=True))  # fmt: skip
        day = row.get("study_datetime", "")[:10]
        out.append(
            Act(
                subject, f"{kind} report", day, IMAGING, row.get("reader_id", ""), "", "", True
            )  # fmt: skip
        )
    for row in sheets.get("annotations") or []:
        if row["patient_id"] not in admitted:
            continue
        for person, day in (
            ("reader_id", "annotated_at"),
            ("review_reader_id", "reviewed_at"),
            ("adjudicator_id", "reviewed_at"),
        ):
            if person in row:
                out.append(
                    Act(
                        row["patient_id"],
                        "annotation",
                        row.get(day, "")[:10],
                        READING,
                        row[person],
                    )
                )
    for row in sheets.get("ihc") or []:
        if row["patient_id"] in admitted and "reader" in row:
            day = row.get("date", "")
            out.append(Act(row["patient_id"], "reading of IHC", day, PATHOLOGY, row["reader"]))
    return out


def _runs(plan: dict) -> list[Act]:
    """Acts that assays.tsv names: the run itself, and the contour of a reader (without a day: it was drawn later)."""
    kinds = {"wes": "sequencer", "wgs": "sequencer", "cfdna": "sequencer", "rnaseq": "sequencer"}
    kinds |= dict.fromkeys(("lcms", "gcms", "dda", "dia"), "mass_spectrometer")
    kinds |= {name: name for name in IMAGES}
    out = []
    for modality, patients in plan["assays"].items():
        for subject, rows in patients.items():
            for row in rows:
                posts = IMAGING if modality in IMAGES else LABORATORY
                if "operator_id" in row or "equipment_id" in row:
                    act = _act(row, subject, f"{modality} run", "date", posts, "operator_id")
                    out.append(Act(**(vars(act) | {"kind": kinds[modality]})))
                if "reader" in row and modality in IMAGES:
                    out.append(Act(subject, "contour", "", READING, row["reader"], timed=False))
    return out


def _quality(sheets: dict, plan: dict) -> list[Act]:
    centres = {entry["centre"] for entry in plan["patients"].values()}
    return [
        Act(row["centre"], "quality control", row["time"][:10], (), row.get("operator_id", ""))
        for row in sheets.get("qc_records") or []
        if row["centre"] in centres
    ]
