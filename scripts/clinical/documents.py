"""Documents behind the records: does each reference lead to one, and is the file the one whose hash stands in the sheet.

In: rows that name a document, qc_documents, the folder of the sheets. Out: checks of QCP-04. Source: requirement QCP-04 (number,
version, sha256); docs/clinical.md, "Documents".
"""

from pathlib import Path

from scripts.clinical.checks import Check, examples
from scripts.core.hashing import digest_of_file

# Sheets whose rows carry the number and the hash of a document themselves.
CARRYING = (
    *("consents", "ethics_approvals", "study", "external_sites"),
    *("personnel", "equipment", "pathology"),
)
PERSONAL = ("consents", "pathology")  # numbers of these documents may name a patient: counted only


def of_admitted(name: str, rows: list[dict], plan: dict) -> list[dict]:
    """Rows about admitted patients and centres that have any."""
    centres = {entry["centre"] for entry in plan["patients"].values()}
    if name in PERSONAL:
        return [row for row in rows if row["patient_id"] in plan["patients"]]
    return [row for row in rows if row.get("centre", "") in centres | {""}]


def references(sheets: dict, plan: dict) -> list[Check]:
    """QCP-04 per sheet: every row has a document with a hash, and a document of the index has the hash that the index says."""
    indexed: dict[str, set[str]] = {}
    for row in sheets["qc_documents"] or []:
        indexed.setdefault(row["document_id"], set()).add(row["sha256"])
    out = []
    for name in CARRYING:
        rows = of_admitted(name, sheets[name] or [], plan)
        if not rows:
            continue
        check = f"documents of {name}.tsv"
        differ = [
            row["document_id"]
            for row in rows
            if row.get("document_id") in indexed
            and row.get("sha256", "") not in indexed[row["document_id"]] | {""}
        ]
        bare = [
            row
            for row in rows
            if "document_id" not in row
            or ("sha256" not in row and row["document_id"] not in indexed)
        ]
        if differ:
            which = f"{len(differ)} documents" if name in PERSONAL else examples(differ)
            text = f"{which}: another sha256 than in qc_documents.tsv"
            out.append(Check("cohort", "QCP-04", check, "FAIL", len(differ), text))
        elif bare:
            text = f"{len(bare)} of {len(rows)} rows name no document with a sha256"
            out.append(Check("cohort", "QCP-04", check, "NOT_ASSESSED", len(bare), text))
        else:
            out.append(Check("cohort", "QCP-04", check, "PASS", len(rows), unit="rows"))
    return out


def records_lead_to_documents(records: list[dict], documents: list[dict] | None) -> list[Check]:
    """QCP-04 per centre: every quality record points to a document of the index."""
    known = {row["document_id"] for row in documents or []}
    out = []
    for centre in sorted({row["centre"] for row in records}):
        own = [row for row in records if row["centre"] == centre]
        check = "quality records lead to documents"
        bare = sum("document_id" not in row for row in own)
        lost = [row["document_id"] for row in own if row.get("document_id", "") not in known | {""}]
        if documents is None:
            verdict, text = "NOT_ASSESSED", "no qc_documents.tsv"
        elif lost:
            verdict, text = "FAIL", f"not in qc_documents.tsv: {examples(lost)}"
        elif bare:
            verdict, text = "FAIL", f"{bare} of {len(own)} records name no document"
        else:
            verdict, text = "PASS", ""
        out.append(Check(centre, "QCP-04", check, verdict, len(own), text, unit="records"))
    return out


def files_are_those_of_the_index(documents: list[dict], folder: Path) -> list[Check]:
    """QCP-04: every file that the index names is there and has the hash of the index."""
    out, good = [], 0
    for row in documents:
        if "file" not in row:
            continue
        name, path = f"{row['document_id']} {row['version']}", folder / row["file"]
        check = "document has the hash of the index"
        if not path.is_file():
            text = f"document {name}: the file is not there; copy it or leave the cell empty"
            out.append(Check("cohort", "QCP-04", check, "FAIL", None, text))
        elif digest_of_file(path) != row["sha256"]:
            text = f"document {name}: the file has another sha256 than the sheet; it was changed or exchanged"
            out.append(Check("cohort", "QCP-04", check, "FAIL", None, text))
        else:
            good += 1
    if good:
        out.append(
            Check("cohort", "QCP-04", "document has the hash of the index", "PASS", good,
                  f"{good} files hashed and equal", unit="files")
        )  # fmt: skip
    return out
