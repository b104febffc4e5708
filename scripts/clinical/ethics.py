"""Ethics records: what the consent gate decided, the documents behind it, approvals of the centres.

In: the plan, patients, consents, ethics_approvals, samples, imaging_studies sheets. Out: checks of ETH-01 to ETH-07. Source:
requirements ETH-01 to ETH-07; the gate itself is scripts/core/gate.py.
"""

from scripts.clinical.checks import Check, examples
from scripts.core.gate import DOMAINS, needs_proxy

GATE_CHECKS = {
    "ETH-01": "base consent",
    "ETH-02": "authorisation of data and samples",
    "ETH-05": "consent before collection",
    "ETH-06": "consent in force",
}
KIND_OF_REQUIREMENT = {"ETH-01": ("base", "waiver"), "ETH-02": ("data_use", "waiver")}
LAST_DAY = "9999-12-31"


def domains_in_use(plan: dict) -> set[str]:
    """Domains of which the cohort has any data. A ready-made table whose name does not say its domain may be of any."""
    found = {entry["domain"] for entry in plan.get("blocks", {}).values()} | {"clinical"}
    if "imaging_studies" in plan.get("sheets", {}):
        found.add("imaging")
    return set(DOMAINS) if "" in found else found


def gate_checks(plan: dict, patients: list[dict], consent: dict, has_consents: bool) -> list[Check]:
    """ETH-01 to ETH-06: FAIL for every refusal of the gate, PASS for what it let in.

    A consent that leaves out a domain of which the cohort has no data is no finding.
    """
    if not has_consents:
        document = consent.get("document", "")
        verdict = "ATTESTED" if document else "NOT_ASSESSED"
        reason = f"consents not available: {consent.get('not_available', '')}"
        reason += f" (document {document})" if document else ""
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
    with_dates = {
        p
        for rows in plan["assays"].values()
        for p, runs in rows.items()
        if any("date" in r for r in runs)
    }
    for subject, entry in plan["patients"].items():
        bad = refused.get(subject, set())
        out += [
            Check(subject, r, c, "PASS")
            for r, c in GATE_CHECKS.items()
            if r not in bad and r != "ETH-05"
        ]
        if "ETH-05" not in bad:
            dated = "index_date" in by_id[subject] or subject in with_dates
            reason = "" if dated else "neither index_date nor a date of collection"
            verdict = "PASS" if dated else "NOT_ASSESSED"
            out.append(Check(subject, "ETH-05", GATE_CHECKS["ETH-05"], verdict, reason=reason))
        if "genomics" in entry["domains"]:
            out.append(Check(subject, "ETH-03", "special notice for genomics", "PASS"))
        verdict = "PASS" if needs_proxy(by_id[subject]) else "NOT_APPLICABLE"
        out.append(Check(subject, "ETH-04", "proxy has signed", verdict))
    return out


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
    """ETH-01, ETH-02: a signed consent is a person's word; without a document and its hash it is not assessed."""
    if consents is None:
        return []
    documented: dict[tuple[str, str], bool] = {}
    for row in consents:
        if row["status"] == "signed":
            key = (row["patient_id"], row["kind"])
            documented[key] = documented.get(key, False) or {"document_id", "sha256"} <= set(row)
    out = []
    for requirement, kinds in KIND_OF_REQUIREMENT.items():
        for subject in plan["patients"]:
            if not any(documented.get((subject, kind)) for kind in kinds):
                text = "no document_id with its sha256 stands behind the signature"
                out.append(Check(subject, requirement, "document of the consent", "NOT_ASSESSED",
                                 reason=text))  # fmt: skip
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


def ethics_of_centres(
    patients: list[dict],
    approvals: list[dict] | None,
    days: dict[str, dict[str, str]] | None = None,
) -> list[Check]:
    """ETH-07: approvals of a centre, with committee and hashed document, cover every day of collection (default: index dates)."""
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
