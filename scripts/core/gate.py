"""The consent gate: which (patient, modality) pairs may enter the workflow on a given day.

In: checked patients, consents and assays sheets, a date, the declared purpose. Out: allowed assays
and every refusal
with its reason and requirement. Source: requirements ETH-01 to ETH-06 (compilation notes, section
on ethics).
"""

from dataclasses import asdict, dataclass

DOMAIN_OF_MODALITY = {
    "wes": "genomics",
    "wgs": "genomics",
    "cfdna": "genomics",
    "rnaseq": "genomics",
    "lcms": "metabolomics",
    "gcms": "metabolomics",
    "dda": "proteomics",
    "dia": "proteomics",
    "ct": "imaging",
    "mri": "imaging",
    "us": "imaging",
    "clinical": "clinical",
    "ihc": "ihc",
}
DOMAINS = ("clinical", "imaging", "genomics", "metabolomics", "proteomics", "ihc")
ADULT_AGE = 18  # years; Civil Code of the PRC, article 17


@dataclass(frozen=True)
class Refusal:
    """One thing the gate did not let in. `domain` "*" means the whole patient."""

    patient_id: str
    domain: str
    requirement_id: str
    reason: str


def _holds(consent: dict, as_of: str) -> bool:
    return not _why_not(consent, as_of)


def _why_not(consent: dict, as_of: str) -> str:
    """Why a consent document does not hold on `as_of`; "" when it does. A date is compared as text
    (ISO)."""
    if consent["status"] != "signed":
        return consent["status"]
    if consent["signed_date"] > as_of:
        return f"signed only on {consent['signed_date']}, after {as_of}"
    if consent.get("expires", "9999") < as_of:
        return f"expired on {consent['expires']}"
    if consent.get("withdrawn_date", "9999-99-99") <= as_of:
        return f"withdrawn on {consent['withdrawn_date']}"
    return ""


class _Documents:
    """The consent documents of one patient."""

    def __init__(self, documents: list[dict], as_of: str):
        self.documents = documents
        self.as_of = as_of

    def holding(self, *kinds: str) -> list[dict]:
        return [d for d in self.documents if d["kind"] in kinds and _holds(d, self.as_of)]

    def why_none(self, kind: str) -> tuple[str, str]:
        """Requirement and reason when no document of this kind holds."""
        whys = [_why_not(d, self.as_of) for d in self.documents if d["kind"] == kind]
        if whys:
            return "ETH-06", f"{kind.replace('_', ' ')} consent {whys[-1]}"
        return {"base": "ETH-01", "data_use": "ETH-02", "special": "ETH-03"}[
            kind
        ], f"no {kind.replace('_', ' ')} consent"


def refusals_of_patient(patient: dict, documents: list[dict], as_of: str) -> list[Refusal]:
    """Reasons that keep the whole patient out; empty when the patient may enter."""
    held = _Documents(documents, as_of)
    out = []

    def refuse(requirement: str, reason: str) -> None:
        out.append(Refusal(patient["patient_id"], "*", requirement, reason))

    withdrawn = [
        d
        for d in documents
        if d["status"] == "withdrawn" or d.get("withdrawn_date", "9999") <= as_of
    ]
    if any(d["kind"] in ("base", "waiver") for d in withdrawn):
        refuse("ETH-06", "consent withdrawn")
    elif not held.holding("base", "waiver"):
        refuse(*held.why_none("base"))
    elif not held.holding("data_use", "waiver"):
        refuse(*held.why_none("data_use"))
    needs_proxy = (
        patient.get("civil_capacity", "full") != "full" or patient.get("age", ADULT_AGE) < ADULT_AGE
    )
    if needs_proxy and not any(
        d.get("proxy_relation") and d.get("proxy_signed_date") for d in held.holding("base")
    ):
        refuse("ETH-04", "no signed proxy for a person without full civil capacity")
    return out


def refusal_of_domain(
    patient: dict,
    documents: list[dict],
    domain: str,
    collected: str | None,
    as_of: str,
    purpose: str,
) -> Refusal | None:
    """The reason that keeps one domain (imaging, genomics ...) of an allowed patient out, or None.

    `collected` is the day on which the material or image was taken (ISO date), None when it is not
    known.
    """
    held = _Documents(documents, as_of)
    waived = [
        d for d in held.holding("waiver") if domain in d.get("scope_modalities", "").split(";")
    ]

    def refuse(requirement: str, reason: str) -> Refusal:
        return Refusal(patient["patient_id"], domain, requirement, reason)

    covering = [
        d for d in held.holding("data_use") if domain in d.get("scope_modalities", "").split(";")
    ] + waived
    if not covering:
        return refuse("ETH-02", f"{domain} is outside the scope of the consent")
    if not any(purpose in d.get("scope_purposes", "").split(";") for d in covering):
        return refuse("ETH-02", f"purpose {purpose} is outside the scope of the consent")
    if domain == "genomics" and not any(
        d.get("special_test") == "genomics" for d in held.holding("special")
    ):
        reason = held.why_none("special")
        return refuse(
            "ETH-03" if reason[0] == "ETH-02" else reason[0],
            "no special notice for genomics (" + reason[1] + ")",
        )
    if collected and not waived:
        signed = min((d["signed_date"] for d in held.holding("base")), default="9999")
        if signed > collected:
            return refuse("ETH-05", f"consent signed on {signed}, after collection on {collected}")
    return None


def compute_gate(
    patients: list[dict],
    consents: list[dict] | None,
    assays: list[dict],
    *,
    as_of: str,
    purpose: str,
) -> dict:
    """The gate of a cohort as a JSON-like dict.

    Returns
    -------
    patients : {patient_id: {centre, role, diagnosis, domains}} of those who may enter; `domains`
    lists what may be used
    assays : {modality: {patient_id: [row, ...]}}, rows of assays.tsv of samples that may be used
    runs : {modality: [row, ...]}, QC, blank, standard and ladder runs (no patient)
    refused : [Refusal, ...] as dicts

    `consents` None means that the config declares why consents are not available: everything is let
    in.
    """
    documents: dict[str, list[dict]] = {}
    for consent in consents or []:
        documents.setdefault(consent["patient_id"], []).append(consent)
    by_patient: dict[str, dict[str, list[dict]]] = {}
    runs: dict[str, list[dict]] = {}
    for row in assays:
        if row.get("sample_role", "sample") != "sample":
            runs.setdefault(row["modality"], []).append(row)
        else:
            by_patient.setdefault(row["patient_id"], {}).setdefault(row["modality"], []).append(row)
    allowed: dict[str, dict] = {}
    admitted: dict[str, dict[str, list[dict]]] = {}
    refused: list[Refusal] = []
    for patient in patients:
        subject = patient["patient_id"]
        if consents is not None:
            whole = refusals_of_patient(patient, documents.get(subject, []), as_of)
            if whole:
                refused += whole
                continue
        domains = []
        for domain in DOMAINS:
            rows = [
                r
                for m, rs in by_patient.get(subject, {}).items()
                if DOMAIN_OF_MODALITY[m] == domain
                for r in rs
            ]
            refusal = None
            if consents is not None:
                dates = [r.get("date") or patient.get("index_date") for r in rows] or [
                    patient.get("index_date")
                ]
                collected = min((d for d in dates if d), default=None)
                refusal = refusal_of_domain(
                    patient, documents[subject], domain, collected, as_of, purpose
                )
            if refusal:
                refused.append(refusal)
                continue
            domains.append(domain)
            for row in rows:
                admitted.setdefault(row["modality"], {}).setdefault(subject, []).append(row)
        allowed[subject] = {
            "centre": patient["centre"],
            "role": patient["role"],
            "diagnosis": patient["diagnosis"],
            "domains": domains,
        }
    return {
        "as_of": as_of,
        "purpose": purpose,
        "patients": allowed,
        "assays": admitted,
        "runs": runs,
        "refused": [asdict(refusal) for refusal in refused],
    }
