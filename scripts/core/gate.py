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


def _why_not(consent: dict, as_of: str) -> str:
    """Why a consent document does not hold on `as_of`; "" when it does. A date is compared as text (ISO)."""
    if consent["status"] != "signed":
        return consent["status"]
    if consent["signed_date"] > as_of:
        return f"signed only on {consent['signed_date']}, after {as_of}"
    if consent.get("expires", "9999") < as_of:
        return f"expired on {consent['expires']}"
    if consent.get("withdrawn_date", "9999") <= as_of:
        return f"withdrawn on {consent['withdrawn_date']}"
    if consent["kind"] == "waiver" and "document_id" not in consent:
        return "without its ethics document"
    return ""


def _withdrawn(consent: dict, as_of: str) -> bool:
    return consent["status"] == "withdrawn" or consent.get("withdrawn_date", "9999") <= as_of


class _Documents:
    """The consent documents of one patient."""

    def __init__(self, documents: list[dict], as_of: str):
        self.documents = documents
        self.as_of = as_of

    def holding(self, *kinds: str) -> list[dict]:
        """Documents of these kinds that hold and were not overtaken by a later withdrawal of the same kind and scope."""
        held = [d for d in self.documents if d["kind"] in kinds and not _why_not(d, self.as_of)]
        return [d for d in held if not any(self._overtakes(w, d) for w in self.documents)]

    def _overtakes(self, withdrawal: dict, held: dict) -> bool:
        """Whether a withdrawn document ends this one too: same kind, a common modality, not signed again afterwards.

        A withdrawal without modalities is of all of them, and so is every withdrawal of a base or special consent.
        """
        if withdrawal["kind"] != held["kind"] or not _withdrawn(withdrawal, self.as_of):
            return False
        named = [set(d.get("scope_modalities", "").split(";")) - {""} for d in (withdrawal, held)]
        whole = held["kind"] in ("base", "special") or not all(named)
        common = whole or bool(named[0] & named[1])
        return common and held["signed_date"] <= withdrawal.get("withdrawn_date", "9999")

    def why_none(self, kind: str) -> tuple[str, str]:
        """Requirement and reason when no document of this kind holds."""
        name = kind.replace("_", " ")
        own = [
            d
            for d in self.documents
            if d["kind"] == kind and (kind != "special" or _for_genomics(d))
        ]
        own += (
            [d for d in self.documents if d["kind"] == "waiver"]
            if kind == "base" and not own
            else []
        )
        whys = [_why_not(d, self.as_of) or "withdrawn in another document" for d in own]
        if whys and whys[-1] not in ("refused", "without its ethics document"):
            return "ETH-06", f"{own[-1]['kind'].replace('_', ' ')} consent {whys[-1]}"
        requirement = {"base": "ETH-01", "data_use": "ETH-02", "special": "ETH-03"}[kind]
        return requirement, f"{own[-1]['kind']} {whys[-1]}" if whys else f"no {name} consent"

    def not_consented_on(self, day: str, needs_proxy: bool) -> str:
        """Why no base consent of the patient (or the proxy, where one is needed) was in force on a day; "" when one was.

        A document that has expired or was withdrawn since still covered what was collected in its time.
        """
        first = "9999"
        for document in self.documents:
            if document["kind"] != "base" or document["status"] not in ("signed", "expired"):
                continue
            start = document["signed_date"]
            if needs_proxy:
                start = max(start, document.get("proxy_signed_date", "9999"))
            first = min(first, start)
            ended = [w for w in self.documents if self._overtakes(w, document)] + [document]
            withdrawn = min(w.get("withdrawn_date", "9999") for w in ended)
            if start <= day <= document.get("expires", "9999") and day < withdrawn:
                return ""
        if first == "9999":
            return "no base consent"
        if first > day:
            return f"consent signed on {first}, after collection on {day}"
        return f"no consent was in force on {day}, the day of collection"


def _for_genomics(document: dict) -> bool:
    return document.get("special_test") == "genomics"


def age_of(patient: dict) -> float | None:
    """Age in years: as the sheet says it, else completed years from birth_date to index_date; None when neither is known."""
    if "age" in patient:
        return patient["age"]
    if not {"birth_date", "index_date"} <= set(patient):
        return None
    born, then = patient["birth_date"], patient["index_date"]
    return float(int(then[:4]) - int(born[:4]) - (then[5:] < born[5:]))


def needs_proxy(patient: dict) -> bool:
    """Whether somebody else must have signed: no full civil capacity, or a minor."""
    limited = patient.get("civil_capacity", "full") != "full"
    age = age_of(patient)
    return limited or (age is not None and age < ADULT_AGE)


def base_withdrawn(documents: list[dict], as_of: str) -> bool:
    """Whether the base consent of one patient is withdrawn on `as_of` and was not signed again."""
    gone = any(d["kind"] == "base" and _withdrawn(d, as_of) for d in documents)
    return gone and not _Documents(documents, as_of).holding("base")


def withdrawn_patients(consents: list[dict] | None, as_of: str) -> set[str]:
    """Patients whose base consent is withdrawn: nothing of them may stay in a run folder."""
    documents = _by_patient(consents or [])
    return {p for p, own in documents.items() if base_withdrawn(own, as_of)}


def _by_patient(consents: list[dict]) -> dict[str, list[dict]]:
    documents: dict[str, list[dict]] = {}
    for consent in consents:
        documents.setdefault(consent["patient_id"], []).append(consent)
    return documents


def refusals_of_patient(patient: dict, documents: list[dict], as_of: str) -> list[Refusal]:
    """Reasons that keep the whole patient out; empty when the patient may enter."""
    held = _Documents(documents, as_of)
    out = []

    def refuse(requirement: str, reason: str) -> None:
        out.append(Refusal(patient["patient_id"], "*", requirement, reason))

    if base_withdrawn(documents, as_of):
        refuse("ETH-06", "consent withdrawn")  # no waiver stands against a withdrawal
    elif not held.holding("base", "waiver"):
        refuse(*held.why_none("base"))
    elif not held.holding("data_use", "waiver"):
        refuse(*held.why_none("data_use"))
    fields = ("proxy_relation", "proxy_name_hash", "proxy_signed_date")
    signed = any(all(d.get(f) for f in fields) for d in held.holding("base"))
    if needs_proxy(patient) and not signed and not held.holding("waiver"):
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

    `collected` is the day on which the material or image was first taken (ISO date), None when it is not known. A waiver of
    an ethics committee that covers the domain stands for signatures and notices that cannot be had any more.
    """
    held = _Documents(documents, as_of)

    def refuse(requirement: str, reason: str) -> Refusal:
        return Refusal(patient["patient_id"], domain, requirement, reason)

    def covers(document: dict) -> bool:
        return domain in document.get("scope_modalities", "").split(";")

    waived = [d for d in held.holding("waiver") if covers(d)]
    covering = [d for d in held.holding("data_use") if covers(d)] + waived
    if not covering:
        return refuse("ETH-02", _out_of_scope(domain))
    if not any(purpose in d.get("scope_purposes", "").split(";") for d in covering):
        return refuse("ETH-02", f"purpose {purpose} is outside the scope of the consent")
    if not waived and not held.holding("base"):
        return refuse("ETH-01", f"the waiver does not cover {domain}, and there is no base consent")
    if domain == "genomics" and not waived and not any(map(_for_genomics, held.holding("special"))):
        requirement, reason = held.why_none("special")
        return refuse(requirement, f"no special notice for genomics ({reason})")
    if collected and not waived:
        why = held.not_consented_on(collected, needs_proxy(patient))
        if why:
            return refuse("ETH-05", why)
    return None


def _out_of_scope(domain: str) -> str:
    return f"{domain} is outside the scope of the consent"


def refusals_of_everything(refusals: list[Refusal]) -> list[Refusal]:
    """Refusals of all domains of a patient as refusals of the patient: one for each requirement and reason.

    Domains that no document names say nothing where another one is named and refused for a reason of its own.
    """
    named = [r for r in refusals if r.reason != _out_of_scope(r.domain)]
    if not named:
        reason = "no kind of data is within the scope of the consent"
        return [Refusal(refusals[0].patient_id, "*", "ETH-02", reason)]
    whole = [Refusal(r.patient_id, "*", r.requirement_id, r.reason) for r in named]
    return list(dict.fromkeys(whole))


def not_consented_on(
    patient: dict, documents: list[dict], day: str, domains: set[str], as_of: str
) -> str:
    """Why material of these domains, taken on a day, is covered neither by a base consent of that time nor by a waiver; "" when
    it is."""
    held = _Documents(documents, as_of)
    for waiver in held.holding("waiver"):
        if domains <= set(waiver.get("scope_modalities", "").split(";")):
            return ""
    return held.not_consented_on(day, needs_proxy(patient))


def _rows_of_domain(rows: dict[str, list[dict]], domain: str) -> list[dict]:
    return [
        r for modality, rs in rows.items() if DOMAIN_OF_MODALITY[modality] == domain for r in rs
    ]


def _first_collection(
    patient: dict, domain: str, rows: dict[str, list[dict]], examined: dict[str, str]
) -> str | None:
    """First day on which material or images of a domain were taken: assays, else the index date; imaging also studies."""
    index = patient.get("index_date")
    dates = [row.get("date") or index for row in _rows_of_domain(rows, domain)] or [index]
    if domain == "imaging":
        dates.append(examined.get(patient["patient_id"]))
    return min((day for day in dates if day), default=None)


def compute_gate(
    patients: list[dict],
    consents: list[dict] | None,
    assays: list[dict],
    *,
    as_of: str,
    purpose: str,
    given_up: list[dict] | None = None,
    examined: dict[str, str] | None = None,
) -> dict:
    """The gate of a cohort as a JSON-like dict. `examined` is {patient: first day of an imaging study}.

    Returns
    -------
    patients : {patient_id: {centre, role, diagnosis, domains}} of those who may enter; `domains`
    lists what may be used and is never empty: admission is of data
    assays : {modality: {patient_id: [row, ...]}}, rows of assays.tsv of samples that may be used
    runs : {modality: [row, ...]}, QC, blank, standard and ladder runs (no patient)
    refused : [Refusal, ...] as dicts, without those who withdrew their base consent
    withdrawn : {centre: number of patients who withdrew it}; who they are is not kept
    given_up : {block: {patient_id: reason}} of admitted patients whose jobs were given up (given_up.tsv)

    `consents` None means that the config declares why consents are not available: everything is let
    in.
    """
    documents = _by_patient(consents or [])
    reasons = {(row["patient_id"], row["modality"]): row["reason"] for row in given_up or []}
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
    withdrawn: dict[str, int] = {}
    dropped: dict[str, dict[str, str]] = {}
    for patient in patients:
        subject = patient["patient_id"]
        if base_withdrawn(documents.get(subject, []), as_of):
            withdrawn[patient["centre"]] = withdrawn.get(patient["centre"], 0) + 1
            continue
        if consents is not None:
            whole = refusals_of_patient(patient, documents.get(subject, []), as_of)
            if whole:
                refused += whole
                continue
        refusals: dict[str, Refusal] = {}
        if consents is not None:
            for domain in DOMAINS:
                collected = _first_collection(
                    patient, domain, by_patient.get(subject, {}), examined or {}
                )
                refusal = refusal_of_domain(
                    patient, documents[subject], domain, collected, as_of, purpose
                )
                if refusal:
                    refusals[domain] = refusal
        if len(refusals) == len(DOMAINS):
            refused += refusals_of_everything(list(refusals.values()))
            continue
        refused += refusals.values()
        domains = [domain for domain in DOMAINS if domain not in refusals]
        for domain in domains:
            rows = _rows_of_domain(by_patient.get(subject, {}), domain)
            for row in rows:
                reason = reasons.get((subject, row["modality"]))
                if reason is not None:
                    dropped.setdefault(row["block"], {})[subject] = reason
                    continue
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
        "withdrawn": withdrawn,
        "given_up": dropped,
    }
