"""Quality control at the sites: a record at every point, double entry, review of annotations, documents with their hashes.

In: qc_records, qc_documents, annotations, and the sheets whose rows name a document; the plan. Out: QC records. Source:
requirements QCP-01 to QCP-04, MOD-02; docs/clinical.md, "Quality records".
"""

from pathlib import Path

from scripts.clinical import documents
from scripts.clinical.checks import Check, examples, record, rows_of
from scripts.core import job as core_job
from scripts.core.plan import load_plan

SHEETS = ("qc_records", "qc_documents", "annotations", *documents.CARRYING)
# Points that only some cohorts have: {point: domains of which one must be in the cohort}.
DOMAINS_OF_POINT = {
    "transport": {"genomics", "metabolomics", "proteomics", "ihc"},
    "processing": {"genomics", "metabolomics", "proteomics", "ihc"},
    "extraction": {"genomics", "metabolomics", "proteomics"},
    "assay": {"genomics", "metabolomics", "proteomics", "ihc"},
    "imaging": {"imaging"},
    "annotation": {"imaging"},
}
IMAGES = ("ct", "mri", "us")
BATCH_POINTS = ("extraction", "assay")
MODALITIES_WITH_BATCHES = ("wes", "wgs", "cfdna", "rnaseq", "lcms", "gcms", "dda", "dia")


def batches_of_centres(plan: dict) -> dict[str, set[str]]:
    """{centre: batches in which samples of its patients were run}."""
    out: dict[str, set[str]] = {}
    for modality in MODALITIES_WITH_BATCHES:
        for patient, rows in plan["assays"].get(modality, {}).items():
            centre = plan["patients"][patient]["centre"]
            out.setdefault(centre, set()).update(r["batch"] for r in rows if "batch" in r)
    return out


def points_are_recorded(records: list[dict], points: list[str], plan: dict) -> list[Check]:
    """QCP-01: every point has a record in every centre and batch, with a person, and with an action where it did not pass.

    A record that names no batch speaks for every batch of its centre.
    """
    domains = {block["domain"] for block in plan["blocks"].values()}
    used = batches_of_centres(plan)
    out = []
    for centre in sorted({entry["centre"] for entry in plan["patients"].values()}):
        for point in points:
            if point in DOMAINS_OF_POINT and not DOMAINS_OF_POINT[point] & domains:
                continue
            own = [r for r in records if r["centre"] == centre and r["point_id"] == point]
            out.append(_point(centre, point, own, used.get(centre, set()), plan["as_of"]))
    return out


def _point(centre: str, point: str, own: list[dict], batches: set[str], as_of: str) -> Check:
    check = f"quality control point {point}"
    verdict, text = "PASS", ""
    named = {row["batch"] for row in own if "batch" in row}
    whole = any("batch" not in row for row in own)
    gap = [] if whole or point not in BATCH_POINTS else sorted(batches - named)
    open_ones = [r for r in own if r["result"] != "pass" and not r.get("action", "").strip()]
    if not own:
        verdict, text = "FAIL", f"no record of the point {point}"
    elif gap:
        verdict, text = "FAIL", f"no record of batch {examples(gap)}"
    elif any(row["time"][:10] > as_of for row in own):
        verdict, text = "FAIL", f"a record of the point {point} lies in the future"
    elif open_ones:
        verdict, text = "FAIL", f"{len(open_ones)} records did not pass and say no action"
    elif any("operator_id" not in row for row in own):
        verdict, text = "NOT_ASSESSED", "a record does not say who made it"
    elif any(row["result"] != "pass" for row in own):
        verdict, text = "WARN", "did not pass; an action is recorded"
    return Check(centre, "QCP-01", check, verdict, len(own), text, unit="records")


def double_entry(records: list[dict], settings: dict, plan: dict) -> list[Check]:
    """QCP-02: agreement of two entries of enough records, per centre; the latest record counts."""
    out = []
    for centre in sorted({entry["centre"] for entry in plan["patients"].values()}):
        own = [r for r in records if r["centre"] == centre and "double_entry_agreement" in r]
        check, least = "double entry agrees", settings["min_agreement"]
        if not own:
            text = "no double_entry_agreement in qc_records.tsv"
            out.append(Check(centre, "QCP-02", check, "NOT_ASSESSED", None, text))
            continue
        last = max(own, key=lambda row: row["time"])
        value, share = last["double_entry_agreement"], last.get("sample_fraction")
        verdict, text = "PASS", ""
        if value < least:
            verdict, text = "FAIL", f"{value:.1%} of the cells agree, {least:.1%} are wanted"
        elif share is None:
            verdict, text = "NOT_ASSESSED", "sample_fraction is not said"
        elif share < settings["sample_fraction"]:
            verdict = "FAIL"
            text = f"{share:.1%} of the records entered twice, {settings['sample_fraction']:.1%} are wanted"
        out.append(Check(centre, "QCP-02", check, verdict, value, text, f">= {least}", "1"))
    return out


def review(row: dict, settings: dict) -> Check:
    """QCP-03 of one annotation: a second reader, agreement or a third who decided."""
    check = "annotation reviewed by another reader"
    subject, name = row["patient_id"], row["annotation_id"]
    reviewer = row.get("review_reader_id")
    agreed = [
        f"{key} {row[key]:g}"
        for key, least in (("dice", settings["dice_min"]), ("kappa", settings["kappa_min"]))
        if key in row and row[key] >= least
    ]
    measured = [f"{key} {row[key]:g}" for key in ("dice", "kappa") if key in row]
    parties = {row["reader_id"], reviewer}
    judge = row.get("adjudicator_id")
    wanted = f"dice >= {settings['dice_min']}, kappa >= {settings['kappa_min']}, or a third reader"
    verdict, text = "PASS", ""
    if reviewer is None:
        verdict, text = "FAIL", f"annotation {name} was not reviewed"
    elif reviewer == row["reader_id"]:
        verdict, text = "FAIL", f"annotation {name}: reader and reviewer are one person, {reviewer}"
    elif row.get("adjudicated") and judge in parties | {None}:
        verdict, text = "FAIL", f"annotation {name}: no third reader decided"
    elif not measured and not row.get("adjudicated"):
        verdict, text = "NOT_ASSESSED", f"annotation {name}: neither dice nor kappa"
    elif len(agreed) < len(measured) and not row.get("adjudicated"):
        verdict = "FAIL"
        text = f"annotation {name}: {', '.join(measured)}; nobody decided"
    value = row.get("dice", row.get("kappa"))
    return Check(subject, "QCP-03", check, verdict, value, text, wanted, "1", name)


def annotations(rows: list[dict] | None, settings: dict, plan: dict) -> list[Check]:
    """QCP-03 of every annotation of an admitted patient."""
    imaging = any(block["domain"] == "imaging" for block in plan["blocks"].values())
    if rows is None:
        text = "no annotations.tsv" if imaging else "no images in this cohort"
        verdict = "NOT_ASSESSED" if imaging else "NOT_APPLICABLE"
        return [Check("cohort", "QCP-03", "annotation reviewed by another reader", verdict,
                      None, text)]  # fmt: skip
    allowed = {p for p, entry in plan["patients"].items() if "imaging" in entry["domains"]}
    read = {row["patient_id"] for row in rows}
    imaged = {p for kind in IMAGES for p in plan["assays"].get(kind, {})}
    text = "images, and no annotation of them"
    bare = [Check(p, "QCP-03", "annotation reviewed by another reader", "NOT_ASSESSED", None, text)
            for p in sorted(imaged - read)]  # fmt: skip
    return [review(row, settings) for row in rows if row["patient_id"] in allowed] + bare


def all_checks(sheets: dict, plan: dict, settings: dict, folder: Path) -> list[Check]:
    """Every check of quality records; `sheets` are rows by name, None for a sheet that the cohort does not have."""
    centres = {entry["centre"] for entry in plan["patients"].values()}
    records = sheets["qc_records"]
    out = annotations(sheets["annotations"], settings, plan)
    if records is None:
        out += [
            Check("cohort", name, check, "NOT_ASSESSED", None, "no qc_records.tsv")
            for name, check in (("QCP-01", "quality control points"), ("QCP-02", "double entry"))
        ]
    else:
        records = [row for row in records if row["centre"] in centres]
        out += points_are_recorded(records, settings["points"], plan)
        out += double_entry(records, settings, plan)
        out += documents.records_lead_to_documents(records, sheets["qc_documents"])
    out += documents.references(sheets, plan)
    if not sheets["qc_documents"]:
        text = "no document in qc_documents.tsv"
        out.append(Check("cohort", "MOD-02", "index of documents", "NOT_ASSESSED", None, text))
        out.append(Check("cohort", "QCP-04", "index of documents", "NOT_ASSESSED", None, text))
    else:
        index = sheets["qc_documents"]
        out.append(Check("cohort", "MOD-02", "index of documents", "PASS", len(index),
                         "every document has a version and a sha256", unit="documents"))  # fmt: skip
        out += documents.files_are_those_of_the_index(index, folder)
    return out


def main(job):
    """Judge quality records, annotations and documents.

    input: the sheets of SHEETS, each as a list of no or one path; output: status, ledger;
    params: settings, folder (of the sheets)
    """
    with core_job.step(job) as step:
        sheets = {name: rows_of(job.input.get(name)) for name in SHEETS}
        record(step, all_checks(sheets, load_plan(), job.params.settings, Path(job.params.folder)))


if __name__ == "__main__":
    core_job.entry(main, globals().get("snakemake"))
