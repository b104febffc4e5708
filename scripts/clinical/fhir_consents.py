"""FHIR Consent and Specimen: rows of consents.tsv, samples.tsv and sample_events.tsv. What is not said is not taken as granted.

In: Consent and Specimen resources. Out: rows, or what was not taken over and why.
Source: FHIR R4 (4.0.1), Consent, Specimen; docs/clinical.md, "Import of FHIR resources".
"""

import re
from dataclasses import dataclass, field

from scripts.clinical.fhir_files import Refused
from scripts.clinical.fhir_values import (
    Codes,
    Coding,
    code_of,
    codings,
    concept_text,
    day_of,
    listed,
    minute_of,
    moment,
    moment_of,
    part,
    quantity,
)

CONSENT_STATUSES = ("draft", "proposed", "active", "rejected", "inactive", "entered-in-error")
SPECIMEN_STATUSES = ("available", "unavailable", "unsatisfactory", "entered-in-error")
DOMAINS = ("clinical", "imaging", "genomics", "metabolomics", "proteomics", "ihc")
PURPOSES = ("diagnosis_service", "research", "product_development", "sharing")
_SCOPES = ("research", "patient-privacy")
_NOTICE = ("special", "genomics", "GDIS")  # category codes of a notice of a special test
_HOURS = {"h": 1.0, "hr": 1.0, "min": 1 / 60, "d": 24.0}
_TUBES = (
    (r"K2\W*EDTA|EDTA\W*K2|dipotassium EDTA", "K2EDTA"),
    (r"K3\W*EDTA|EDTA\W*K3|tripotassium EDTA", "K3EDTA"),
    (r"streck|cell-free DNA BCT", "STRECK_BCT"),
    (r"\bSST\b|serum separat", "SST"),
    (r"lithium\W*heparin|Li\W*heparin", "LI_HEPARIN"),
    (r"sodium\W*heparin|Na\W*heparin", "NA_HEPARIN"),
    (r"citrate", "CITRATE"),
    (r"clot activator|plain serum|\bserum tube", "SERUM"),
    (r"cryo\W*(?:vial|tube)", "CRYOVIAL"),
    (r"FFPE|paraffin", "FFPE_BLOCK"),
)


@dataclass
class Agreement:
    """One Consent as rows of consents.tsv, without patient and document ids. `proxy`: the RelatedPerson who signed."""

    subject: dict
    rows: list[dict[str, str]]
    proxy: str = ""
    notes: list[str] = field(default_factory=list)


def _scope(resource: dict) -> str:
    scope = code_of(part(resource, "scope", dict), "scope")
    if scope:
        return scope
    found = [c.code for concept in listed(resource, "category") for c in codings(concept)]
    return "research" if "research" in found else ""


class _Provision:
    """What the provisions of a Consent permit: the root one, its exceptions and their exceptions."""

    def __init__(self, root: dict, codes: Codes):
        self._codes = codes
        self.notes: list[str] = []
        kind = part(root, "type", str, "provision") or "permit"
        self.denied: set[str] = set()
        self.names_purposes = False
        self.domains, self.purposes = self._permitted(root, "provision", kind == "permit")
        period = part(root, "period", dict, "provision") or {}
        self.start = day_of(moment(period, "start", "provision.period"))
        self.end = day_of(moment(period, "end", "provision.period"))

    def _permitted(self, rule: dict, path: str, permit: bool) -> tuple[set[str], set[str]]:
        """Domains and purposes of a provision. What a nested one permits is added, then what one denies is taken away."""
        own = self._own(rule, path)
        domains, purposes = (set(own[0]), set(own[1])) if permit else (set(), set())
        denials = []
        for place, nested in enumerate(listed(rule, "provision", path)):
            where = f"{path}.provision[{place}]"
            kind = part(nested, "type", str, where)
            if kind not in ("permit", "deny"):
                raise Refused(f"{where}.type", kind, "permit or deny")
            if kind == "deny":
                denials.append(self._own(nested, where))
                continue
            more = self._permitted(nested, where, True)
            domains |= more[0]
            # A nested rule without a purpose of its own speaks of those around it.
            purposes |= more[1] or own[1]
        for less_domains, less_purposes in denials:
            if less_domains or not less_purposes:
                self.denied |= less_domains or set(DOMAINS)
            else:
                purposes -= less_purposes
        return domains - self.denied, purposes

    def _own(self, rule: dict, path: str) -> tuple[set[str], set[str]]:
        if part(rule, "type", str, path) not in (None, "permit", "deny"):
            raise Refused(f"{path}.type", rule["type"], "permit or deny")
        domains: set[str] = set()
        concepts = [c for c in listed(rule, "code", path) for c in codings(c, f"{path}.code")]
        for coding in [*self._plain(rule, "class", path), *concepts]:
            found = self._codes.meaning("class", coding)
            if found:
                domains.add(found[1])
            else:
                self.notes.append(f"class {coding.code} is no kind of data here")
        purposes: set[str] = set()
        for coding in self._plain(rule, "purpose", path):
            found = self._codes.meaning("purpose", coding)
            if found:
                purposes.add(found[1])
            else:
                self.notes.append(f"purpose {coding.code} is none of {', '.join(PURPOSES)}")
            self.names_purposes = True
        actions = {c.code for c in listed(rule, "action", path) for c in codings(c)}
        if "disclose" in actions:
            purposes.add("sharing")
        return domains, purposes

    def _plain(self, rule: dict, name: str, path: str) -> list[Coding]:
        return codings({"coding": listed(rule, name, path)}, f"{path}.{name}")


def read_consent(resource: dict, codes: Codes) -> tuple[Agreement | None, str, Coding | None]:
    """(agreement, "", None), or (None, why it is not used, its code)."""
    status = part(resource, "status", str, needed=True)
    if status not in CONSENT_STATUSES:
        raise Refused("status", status, f"one of {', '.join(CONSENT_STATUSES)}")
    scope = _scope(resource)
    first = Coding("", scope, "Consent")
    if status in ("draft", "proposed", "entered-in-error"):
        return None, f"status {status}: nothing is signed", first
    if scope not in _SCOPES:
        return None, f"scope {scope or 'missing'} says nothing about data for research", first
    subject = part(resource, "patient", dict, needed=True)
    signed = day_of(moment(resource, "dateTime"))
    if not signed:
        raise Refused("dateTime", resource.get("dateTime"), "the day of signature, YYYY-MM-DD")
    provision = _Provision(part(resource, "provision", dict) or {}, codes)
    row = {"status": "signed", "signed_date": max(signed, provision.start)}
    if provision.end:
        row["expires"] = provision.end
    opted_out = code_of(part(resource, "policyRule", dict), "policyRule") == "OPTOUT"
    denied = part(resource.get("provision") or {}, "type", str) == "deny"
    domains, purposes = provision.domains, provision.purposes
    notes = provision.notes
    if (
        status == "rejected"
        or opted_out
        or (denied and not domains)
        or provision.denied >= {*DOMAINS}
    ):
        row["status"] = "refused"
    elif status == "inactive":
        ended = day_of(moment(part(resource, "meta", dict) or {}, "lastUpdated", "meta"))
        row |= {"status": "withdrawn", "withdrawn_date": max(ended or signed, signed)}
    if scope == "research" and not provision.names_purposes and row["status"] != "refused":
        purposes = purposes | {"research"}
        notes.append("no purpose is named; the scope research stands for it")
    if not domains and "clinical" not in provision.denied and row["status"] != "refused":
        domains = {"clinical"}
        notes.append("no class of data is named; it is taken for clinical data only")
    use = {
        "scope_modalities": ";".join(d for d in DOMAINS if d in domains),
        "scope_purposes": ";".join(p for p in PURPOSES if p in purposes),
    }
    rows = [row | {"kind": "base"}] if scope == "research" else []
    rows.append(row | {"kind": "data_use"} | {k: v for k, v in use.items() if v})
    named = {c.code for concept in listed(resource, "category") for c in codings(concept)}
    if named & set(_NOTICE):
        rows.append(row | {"kind": "special", "special_test": "genomics"})
    proxy = ""
    for performer in listed(resource, "performer"):
        reference = part(performer, "reference", str, "performer") or ""
        if "RelatedPerson" in reference or part(performer, "type", str) == "RelatedPerson":
            proxy = reference or "RelatedPerson"
    return Agreement(subject, rows, proxy, notes), "", None


@dataclass
class Tube:
    """One Specimen as a row of samples.tsv and its events (without ids)."""

    subject: dict
    row: dict[str, str]
    events: list[dict[str, str]]
    notes: list[str] = field(default_factory=list)


def read_specimen(resource: dict, codes: Codes) -> tuple[Tube | None, str, Coding | None]:
    """(tube, "", None), or (None, why it is not used, its type)."""
    status = part(resource, "status", str)
    if status not in (None, *SPECIMEN_STATUSES):
        raise Refused("status", status, f"one of {', '.join(SPECIMEN_STATUSES)}")
    concept = part(resource, "type", dict) or {}
    found = codings(concept, "type")
    first = found[0] if found else Coding("", "", concept_text(concept, "type"))
    if status == "entered-in-error":
        return None, "status entered-in-error", first
    subject = part(resource, "subject", dict, needed=True)
    collection = part(resource, "collection", dict, needed=True)
    collected = minute_of(moment_of(collection, "collected", "collection"))
    if not collected:
        raise Refused("collection.collected[x]", None, "at least the day of collection, YYYY-MM-DD")
    row, notes = {"collected_at": collected}, []
    meaning = next((m for c in found if (m := codes.meaning("specimen", c))), None)
    if meaning:
        row["specimen"] = meaning[1]
    elif concept_text(concept, "type").lower() in ("blood", "plasma", "serum", "tissue"):
        row["specimen"] = concept_text(concept, "type").lower()
    else:
        notes.append("the type has no place in the sheets; specimen is left empty")
    tube = _tube(resource, codes)
    if tube:
        row["tube_type"] = tube
    elif resource.get("container"):
        notes.append("the container has no place in the sheets; tube_type is left empty")
    fasting = part(collection, "fastingStatusDuration", dict, "collection")
    if fasting:
        number, units = quantity(fasting, "collection.fastingStatusDuration")
        factor = next((_HOURS[u] for u in units if u in _HOURS), None)
        if factor is None:
            raise Refused("collection.fastingStatusDuration", units, "a duration in h, min or d")
        row["fasting_h"] = f"{float(number.lstrip('<>=')) * factor:g}"
    events = [{"event": "collected", "time": collected}]
    received = minute_of(moment(resource, "receivedTime"))
    if received:
        events.append({"event": "received", "time": received})
    for place, act in enumerate(listed(resource, "processing")):
        where = f"processing[{place}]"
        procedure = part(act, "procedure", dict, where) or {}
        kind = next((m[1] for c in codings(procedure) if (m := codes.meaning("processing", c))), "")
        time = minute_of(moment_of(act, "time", where))
        if kind and time:
            events.append({"event": kind, "time": time})
        else:
            notes.append("a processing step has no place in the sheets")
    return Tube(subject, row, events, notes), "", None


def _tube(resource: dict, codes: Codes) -> str:
    """The container by the codes of its additive, else by its words."""
    words = []
    for place, container in enumerate(listed(resource, "container")):
        where = f"container[{place}]"
        for name in ("additiveCodeableConcept", "type"):
            concept = part(container, name, dict, where) or {}
            for coding in codings(concept, f"{where}.{name}"):
                found = codes.meaning("tube", coding)
                if found:
                    return found[1]
                words += [coding.text, coding.code]
            words.append(concept_text(concept, where))
        words.append(part(container, "description", str, where) or "")
    text = " ".join(words)
    return next((tube for pattern, tube in _TUBES if re.search(pattern, text, re.IGNORECASE)), "")
