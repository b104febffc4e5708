"""Ethics records: what the consent gate decided, the documents and versions behind it, approvals of the centres.

In: the plan, patients, consents, ethics_approvals, samples, imaging_studies, qc_documents. Out: checks of ETH-01 to ETH-07.
Source: requirements ETH-01 to ETH-07; the gate itself is scripts/core/gate.py.
"""

from scripts.clinical.checks import Check, examples
from scripts.core.gate import DOMAINS, age_of, needs_proxy

GATE_CHECKS = {
    "ETH-01": "base consent",
    "ETH-02": "authorisation of data and samples",
    "ETH-05": "consent before collection",
    "ETH-06": "consent in force",
}
KIND_OF_REQUIREMENT = {
    "ETH-01": ("base", "waiver"),
    "ETH-02": ("data_use", "waiver"),
    "ETH-03": ("special", "waiver"),
    "ETH-04": ("base", "waiver"),
}
LAST_DAY = "9999-12-31"


def domains_in_use(plan: dict) -> set[str]:
    """Domains of which the cohort has any data. A ready-made table whose name does not say its domain may be of any."""
    found = {entry["domain"] for entry in plan.get("blocks", {}).values()} | {"clinical"}
    if "imaging_studies" in plan.get("sheets", {}):
        found.add("imaging")
    return set(DOMAINS) if "" in found else found


def documents_with_hash(*sheets: list[dict] | None) -> set[str]:
    """Numbers of the documents of these sheets (ethics_approvals, qc_documents) that have a sha256."""
    rows = [row for sheet in sheets for row in sheet or [] if "sha256" in row]
    return {row[key] for row in rows for key in ("document_id", "approval_no") if key in row}


def gate_checks(
    plan: dict,
    patients: list[dict],
    consent: dict,
    has_consents: bool,
    hashed: set[str] | None = None,
) -> list[Check]:
    """ETH-01 to ETH-06: FAIL for every refusal of the gate, PASS for what it let in.

    A consent that leaves out a domain of which the cohort has no data is no finding.
    hashed : documents that may stand for the consents where these are not available; None = any
    """
    if not has_consents:
        document = consent.get("document", "")
        known = bool(document) and (hashed is None or document in hashed)
        verdict = "ATTESTED" if known else "NOT_ASSESSED"
        reason = f"consents not available: {consent.get('not_available', '')}"
        if document:
            reason += f" (document {document}{'' if known else ' has no sha256 in the sheets'})"
        return [Check("cohort", r, c, verdict, reason=reason) for r, c in GATE_CHECKS.items()]
    out = []
    refused: dict[str, set[str]] = {}
    in_use = domains_in_use(plan) | {"*"}
    for row in plan["refused"]:
        if row["domain"] not in in_use:
            continue
        where = "patient may enter" if row["domain"] == "*" else f"{row['domain']} may be used"
        out.append(
            Check(row["patient_id"], row["requirement_id"], where, "FAIL", reason=row["reason"])
        )
        refused.setdefault(row["patient_id"], set()).add(row["requirement_id"])
    by_id = {row["patient_id"]: row for row in patients}
    runs_of: dict[str, list[dict]] = {}
    for people in plan["assays"].values():
        for patient, runs in people.items():
            runs_of.setdefault(patient, []).extend(runs)
    for subject, entry in plan["patients"].items():
        bad = refused.get(subject, set())
        out += [
            Check(subject, r, c, "PASS")
            for r, c in GATE_CHECKS.items()
            if r not in bad and r != "ETH-05"
        ]
        if "ETH-05" not in bad:
            runs = runs_of.get(subject, [])
            dated = "index_date" in by_id[subject] or (runs and all("date" in r for r in runs))
            reason = "" if dated else "neither index_date nor a date of collection"
            verdict = "PASS" if dated else "NOT_ASSESSED"
            out.append(Check(subject, "ETH-05", GATE_CHECKS["ETH-05"], verdict, reason=reason))
        if "genomics" in entry["domains"]:
            out.append(Check(subject, "ETH-03", "special notice for genomics", "PASS"))
        out.append(_proxy(by_id[subject]))
    return out


def _proxy(patient: dict) -> Check:
    """ETH-04 of an admitted patient: whether a proxy is needed at all must be known."""
    verdict, reason = "NOT_APPLICABLE", ""
    if needs_proxy(patient):
        verdict = "PASS"
    elif "civil_capacity" not in patient:
        verdict, reason = "NOT_ASSESSED", "civil_capacity is not said"
    elif age_of(patient) is None:
        verdict, reason = "NOT_ASSESSED", "neither age nor birth_date is said"
    return Check(patient["patient_id"], "ETH-04", "proxy has signed", verdict, reason=reason)


def withdrawals(by_centre: dict[str, int], deleted: dict[str, int]) -> list[Check]:
    """ETH-06: how many withdrew their base consent, by centre, and of how many data were deleted; never who."""
    out = []
    for centre, number in sorted(by_centre.items()):
        text = f"base consent withdrawn by {number} patients of {centre}; nothing of them is used or kept"
        out.append(Check(centre, "ETH-06", "consent withdrawn", "FAIL", number, text))
    if deleted["subjects"]:
        number, files = deleted["subjects"], deleted["files"]
        text = f"data of {number} patients deleted after withdrawal, {files} files"
        out.append(Check("cohort", "ETH-06", "data deleted on withdrawal", "PASS", number, text))
    return out


def consents_have_documents(plan: dict, consents: list[dict] | None) -> list[Check]:
    """ETH-01 to ETH-04: a signed consent is a person's word; without a document and its hash it is not assessed.

    The notice of ETH-03 is asked of patients whose genome data are used, the signature of ETH-04 of those who have a proxy.
    """
    if consents is None:
        return []
    documented: dict[tuple[str, str], bool] = {}
    for row in consents:
        if row["status"] == "signed":
            key = (row["patient_id"], row["kind"])
            documented[key] = documented.get(key, False) or {"document_id", "sha256"} <= set(row)
    proxies = {row["patient_id"] for row in consents if "proxy_signed_date" in row}
    asked = {
        "ETH-03": {p for p, entry in plan["patients"].items() if "genomics" in entry["domains"]},
        "ETH-04": proxies & set(plan["patients"]),
    }
    out = []
    for requirement, kinds in KIND_OF_REQUIREMENT.items():
        for subject in (p for p in plan["patients"] if p in asked.get(requirement, (p,))):
            if not any(documented.get((subject, kind)) for kind in kinds):
                text = "no document_id with its sha256 stands behind the signature"
                out.append(Check(subject, requirement, "document of the consent", "NOT_ASSESSED",
                                 reason=text))  # fmt: skip
    return out


def versions_are_approved(
    plan: dict, consents: list[dict] | None, approvals: list[dict] | None
) -> list[Check]:
    """ETH-06: the version of the form that a patient signed is one that an approval of the centre names.

    A waiver has no form.
    """
    approved: dict[str, set[str]] = {}
    for row in approvals or []:
        named = row.get("consent_versions", "").split(";")
        approved.setdefault(row["centre"], set()).update(filter(None, named))
    signed: dict[str, list[dict]] = {}
    for row in consents or []:
        if row["status"] == "signed" and row["kind"] != "waiver":
            signed.setdefault(row["patient_id"], []).append(row)
    out, check = [], "version of the form is approved"
    for subject, own in signed.items():
        if subject not in plan["patients"]:
            continue
        known = approved.get(plan["patients"][subject]["centre"], set())
        versions = {row["version"] for row in own if "version" in row}
        verdict, reason = "PASS", ""
        if known and versions - known:
            verdict = "FAIL"
            reason = f"version {', '.join(sorted(versions - known))} is in no consent_versions of the centre"
        elif any("version" not in row for row in own):
            verdict, reason = "NOT_ASSESSED", "the version of the form is not said"
        elif not known:
            verdict, reason = "NOT_ASSESSED", "no approval of the centre names consent_versions"
        value = ", ".join(sorted(versions)) or None
        out.append(Check(subject, "ETH-06", check, verdict, value, reason))
    return out


def collection_days(
    patients: list[dict], samples: list[dict] | None, studies: list[dict] | None, plan: dict
) -> dict[str, dict[str, str]]:
    """{centre: {day: what}}: every day on which something of an admitted patient was collected."""
    centre_of = {row["patient_id"]: row["centre"] for row in patients}
    days: dict[str, dict[str, str]] = {centre: {} for centre in centre_of.values()}

    def add(patient: str, centre: str, day: str, what: str) -> None:
        if patient in centre_of and day:
            days.setdefault(centre, {}).setdefault(day[:10], what)

    for row in patients:
        add(row["patient_id"], row["centre"], row.get("index_date", ""), "index date")
    for row in samples or []:
        centre = row.get("centre", centre_of.get(row["patient_id"], ""))
        add(row["patient_id"], centre, row["collected_at"], "a sample")
    for row in studies or []:
        centre = centre_of.get(row["patient_id"], "")
        add(row["patient_id"], centre, row.get("study_datetime", ""), "an image")
    for modality, people in plan["assays"].items():
        for patient, rows in people.items():
            for row in rows:
                add(patient, centre_of.get(patient, ""), row.get("date", ""), f"{modality} data")
    return days


def without_a_day(
    patients: list[dict], samples: list[dict] | None, studies: list[dict] | None, plan: dict
) -> dict[str, int]:
    """{centre: patients of whom no day of collection is known}."""
    dated = {row["patient_id"] for row in patients if "index_date" in row}
    dated |= {row["patient_id"] for row in samples or []}
    dated |= {row["patient_id"] for row in studies or [] if "study_datetime" in row}
    for people in plan["assays"].values():
        dated |= {patient for patient, rows in people.items() if any("date" in r for r in rows)}
    found: dict[str, int] = {}
    for row in patients:
        if row["patient_id"] not in dated:
            found[row["centre"]] = found.get(row["centre"], 0) + 1
    return found


def ethics_of_centres(
    patients: list[dict],
    approvals: list[dict] | None,
    days: dict[str, dict[str, str]] | None = None,
    undated: dict[str, int] | None = None,
) -> list[Check]:
    """ETH-07: approvals of a centre, with committee and hashed document, cover every day of collection (default: index dates).

    undated : {centre: patients without any day}; a WARN where the others are covered
    """
    if days is None:
        days = collection_days(patients, None, None, {"assays": {}})
    out = []
    check = "ethics approval covers the collection"
    for centre in sorted({row["centre"] for row in patients} | {c for c in days if days[c]}):
        if approvals is None:
            text = "no ethics_approvals.tsv"
            out.append(Check(centre, "ETH-07", check, "NOT_ASSESSED", reason=text))
            continue
        own = [row for row in approvals if row["centre"] == centre]
        spans = [(row["valid_from"], row.get("valid_until", LAST_DAY)) for row in own]
        here = days.get(centre, {})
        bare = sorted(day for day in here if not any(a <= day <= b for a, b in spans))
        gone = sorted(
            {
                name
                for row in own
                for name in ("committee", "document_id", "sha256")
                if name not in row
            }
        )
        numbers = examples([row["approval_no"] for row in own])
        if not own:
            text = "no approval of this centre"
            out.append(Check(centre, "ETH-07", check, "FAIL", reason=text))
        elif bare:
            text = f"{len(bare)} days outside the approvals, first {here[bare[0]]} on {bare[0]}"
            out.append(Check(centre, "ETH-07", check, "FAIL", len(bare), text, evidence=numbers))
        elif gone:
            text = f"approval without {', '.join(gone)}"
            out.append(Check(centre, "ETH-07", check, "NOT_ASSESSED", None, text, evidence=numbers))
        else:
            verdict = "PASS" if here else "NOT_ASSESSED"
            text = "" if here else "no day of collection is known"
            number = (undated or {}).get(centre, 0)
            if here and number:
                verdict, text = "WARN", f"{number} patients without any day of collection"
            out.append(Check(centre, "ETH-07", check, verdict, len(here), text, evidence=numbers))
    return out


def waivers_have_an_approval(
    consents: list[dict] | None, approvals: list[dict] | None, plan: dict
) -> list[Check]:
    """ETH-07: the ethics document of a waiver is one of the centre's approvals, where these are recorded."""
    out = []
    known = {
        row[key] for row in approvals or [] for key in ("document_id", "approval_no") if key in row
    }
    for row in consents or []:
        if (
            row["kind"] != "waiver"
            or row["status"] != "signed"
            or row["patient_id"] not in plan["patients"]
        ):
            continue
        if approvals is None or row.get("document_id") in known:
            continue
        text = "the document of the waiver is no approval of ethics_approvals.tsv"
        out.append(Check(row["patient_id"], "ETH-07", "waiver rests on an approval", "NOT_ASSESSED",
                         reason=text))  # fmt: skip
    return out
