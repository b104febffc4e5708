"""FHIR Patient, RelatedPerson and Condition: who it is, what the diagnosis is, what else is known of the history.

In: resources. Out: rows without names, addresses and identifiers. Source: FHIR R4 (4.0.1); resources/fhir_codes.tsv.
"""

import datetime
from dataclasses import dataclass, field

from scripts.clinical.fhir_files import Place, Refused
from scripts.clinical.fhir_values import (
    Codes,
    Coding,
    code_of,
    codings,
    day_of,
    listed,
    moment,
    moment_of,
    part,
    short_system,
)

# The first of these that a patient has is the diagnosis of patients.tsv.
RANK = ("hcc", "cirrhosis", "chronic_hepatitis", "chronic_liver_disease", "benign_lesion")
_GENDERS = ("male", "female", "other", "unknown")
LINKS = ("replaced-by", "replaces", "refer", "seealso")
_SPECIAL = {"ssn": "id1_hash"}  # identifier systems without a type whose address says what they are


@dataclass
class Person:
    """One Patient. `born` may be a year, a month or a day; `known_as`: by what other resources refer to it;
    `replaced_by`, `replaces`: references to other Patients that are the same person."""

    key: str
    place: Place
    sex: str = ""
    born: str = ""
    died: str = ""
    hashes: dict[str, str] = field(default_factory=dict)
    known_as: set[str] = field(default_factory=set)
    notes: list[str] = field(default_factory=list)
    replaced_by: str = ""
    replaces: list[str] = field(default_factory=list)


def read_patient(place: Place, resource: dict, codes: Codes, pseudonyms) -> Person:
    """A Patient. Names, addresses, photographs and contacts are never looked at."""
    name = part(resource, "id", str) or place.full_url
    if not name:
        raise Refused("id", None, "an id (or fullUrl in the Bundle)")
    person = Person(key=name, place=place)
    gender = part(resource, "gender", str)
    if gender is not None and gender not in _GENDERS:
        raise Refused("gender", gender, f"one of {', '.join(_GENDERS)}")
    person.sex = gender if gender in ("male", "female") else ""
    if not person.sex:
        person.notes.append(f"sex is left empty (gender {gender or 'missing'})")
    person.born = moment(resource, "birthDate")
    if "T" in person.born:
        raise Refused("birthDate", person.born, "a date without a time")
    died = resource.get("deceasedDateTime")
    if died is not None or resource.get("deceasedBoolean") is True:
        person.died = moment(resource, "deceasedDateTime") or "day not given"
        if person.born and day_of(person.died) and person.died[: len(person.born)] < person.born:
            raise Refused("deceasedDateTime", person.died, "a day after birthDate")
    for place_in_list, identifier in enumerate(listed(resource, "identifier")):
        where = f"identifier[{place_in_list}]"
        value = part(identifier, "value", str, where)
        system = part(identifier, "system", str, where) or ""
        if not value or part(identifier, "use", str, where) == "old":
            continue
        person.known_as.add(f"{system}|{value}")
        column = _hash_column(identifier, system, codes, where)
        if column:
            person.hashes.setdefault(column, pseudonyms.hash(column, value))
    if part(resource, "active", bool) is False:
        person.notes.append("the record is not active (Patient.active false)")
    for place_in_list, link in enumerate(listed(resource, "link")):
        where = f"link[{place_in_list}]"
        kind = part(link, "type", str, where, needed=True)
        if kind not in LINKS:
            raise Refused(f"{where}.type", kind, f"one of {', '.join(LINKS)}")
        other = part(link, "other", dict, where, needed=True)
        reference = part(other, "reference", str, f"{where}.other") or ""
        if kind == "replaced-by":
            person.replaced_by = reference
        elif kind == "replaces":
            person.replaces.append(reference)
        else:
            person.notes.append(f"another record is linked (Patient.link {kind})")
    for contact in listed(resource, "telecom"):
        value = part(contact, "value", str, "telecom")
        if value and part(contact, "system", str, "telecom") == "phone":
            person.hashes.setdefault("contact_hash", pseudonyms.hash("contact_hash", value))
    return person


def _hash_column(identifier: dict, system: str, codes: Codes, where: str) -> str:
    for coding in codings(part(identifier, "type", dict, where), f"{where}.type"):
        found = codes.meaning("identifier", coding)
        if found:
            return found[1]
        if coding.code.startswith("NN"):
            return "id1_hash"
    return next((column for word, column in _SPECIAL.items() if word in system), "")


@dataclass
class Finding:
    """What one Condition says: a diagnosis, parts of the history, an ICD-10 code; `day` when it was recorded."""

    subject: dict
    day: str
    diagnosis: str = ""
    aetiology: str = ""
    history: dict[str, str] = field(default_factory=dict)
    icd10: str = ""


def read_condition(resource: dict, codes: Codes) -> tuple[Finding | None, str, Coding | None]:
    """(finding, "" , None), or (None, why it is not used, its code) for the list of what was not taken over."""
    subject = part(resource, "subject", dict, needed=True)
    concept = part(resource, "code", dict, needed=True)
    found = codings(concept, "code")
    first = found[0] if found else Coding("", "", part(concept, "text", str, "code") or "")
    verification = code_of(part(resource, "verificationStatus", dict), "verificationStatus")
    status = code_of(part(resource, "clinicalStatus", dict), "clinicalStatus")
    if verification not in ("", "confirmed"):
        return None, f"verificationStatus {verification}", first
    if status in ("inactive", "remission", "resolved"):
        return None, f"clinicalStatus {status}", first
    day = day_of(moment(resource, "recordedDate")) or day_of(moment_of(resource, "onset"))
    finding = Finding(subject, day)
    used = False
    for coding in found:
        for use in ("diagnosis", "aetiology", "history"):
            meaning = codes.meaning("condition" if use == "diagnosis" else use, coding)
            if meaning is None:
                continue
            used = True
            if use == "history":
                finding.history.setdefault(*meaning)
            elif not getattr(finding, use):
                setattr(finding, use, meaning[1])
        if finding.diagnosis and short_system(coding.system) == "icd10" and not finding.icd10:
            finding.icd10 = coding.code
    return (finding, "", None) if used else (None, "no place in the sheets", first)


def relation_of(resource: dict, codes: Codes) -> str:
    """What a RelatedPerson is to the patient, in the words of consents.tsv."""
    for concept in listed(resource, "relationship"):
        for coding in codings(concept, "relationship"):
            found = codes.meaning("relation", coding)
            if found:
                return found[1]
    return "other"


def diagnosis_of(findings: list[Finding]) -> tuple[str, str]:
    """(diagnosis, day on which it was first recorded) of a patient; "" where no Condition says one."""
    for diagnosis in RANK:
        days = [f.day for f in findings if f.diagnosis == diagnosis]
        if days:
            return diagnosis, min((day for day in days if day), default="")
    return "", ""


def aetiology_of(findings: list[Finding]) -> str:
    """hbv, hcv, hbv_hcv, ald, masld; "" where no Condition says one."""
    found = {f.aetiology for f in findings} - {""}
    if {"hbv", "hcv"} <= found:
        return "hbv_hcv"
    return next((a for a in ("hbv", "hcv", "ald", "masld") if a in found), "")


def age_at(born: str, day: str) -> int | None:
    """Full years from a birth date (year, month or day known) to a day; the middle of what is not known. None for no age."""
    if not born or not day:
        return None
    full = born + {4: "-07-01", 7: "-15", 10: ""}[len(born)]
    try:
        birth, then = (datetime.date.fromisoformat(text) for text in (full, day))
    except ValueError:
        return None
    return then.year - birth.year - ((then.month, then.day) < (birth.month, birth.day))
