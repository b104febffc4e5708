"""From FHIR resources to the rows of a cohort: every resource is read, then tied to its patient by its reference.

In: (Place, resource) pairs. Out: rows of the sheets, what was not taken over, what was refused.
Source: FHIR R4 (4.0.1), references; docs/clinical.md, "Import of FHIR resources".
"""

import hashlib
import json
import re
from collections import Counter
from dataclasses import dataclass, field

from scripts.clinical import fhir_people
from scripts.clinical.fhir_consents import read_consent, read_specimen
from scripts.clinical.fhir_files import Place, Refused, hidden
from scripts.clinical.fhir_observations import Left, Measured
from scripts.clinical.fhir_values import Coding, part, refuse_modifiers

READ = ("Patient", "Observation", "Condition", "Consent", "Specimen", "RelatedPerson")


@dataclass
class Settings:
    """What the files do not say: centre, role, the day of the work-up, the diagnosis of patients without a liver disease."""

    centre: str
    role: str = "development"
    index_date: str = ""
    without_diagnosis: str = ""


@dataclass
class Sheets:
    """What the import makes. `unmapped`: {(type, system, code, text, unit, reason): n}; `refused`: messages."""

    rows: dict[str, list[dict[str, str]]] = field(default_factory=dict)
    unmapped: Counter = field(default_factory=Counter)
    refused: list[str] = field(default_factory=list)
    counts: Counter = field(default_factory=Counter)


class Cohort:
    """Takes up resources one by one; `finish` ties them together."""

    def __init__(self, reader, codes, pseudonyms, settings: Settings):
        self._reader, self._codes = reader, codes
        self._pseudonyms, self._settings = pseudonyms, settings
        self.out = Sheets()
        self._people: dict[str, fhir_people.Person] = {}
        self._seen: dict[tuple[str, str], bytes] = {}
        self._relations: dict[str, str] = {}
        self._read: list[tuple[Place, str, dict, object]] = []  # (place, kind, subject, what)

    def refuse(self, place: Place, refused: Refused) -> None:
        """Note one message."""
        self.out.refused.append(place.message(refused))

    def take(self, place: Place, resource: dict) -> None:
        """Read one resource; a broken one becomes a message."""
        try:
            if place.name and not self._is_new(place, resource):
                return
            self.out.counts[place.kind] += 1
            self._take(place, resource)
        except Refused as refused:
            self.refuse(place, refused)

    def _is_new(self, place: Place, resource: dict) -> bool:
        """Whether a resource of this type and id was not seen yet. The same again counts once; another content is refused."""
        key, text = (place.kind, place.name), json.dumps(resource, sort_keys=True, default=str)
        digest = hashlib.sha256(text.encode()).digest()  # a bulk export has millions of resources
        if key not in self._seen:
            self._seen[key] = digest
            return True
        if self._seen[key] != digest:
            raise Refused("id", place.name, "another resource of this id stands before; keep one")
        self._left(place.kind, Coding("", "", ""), "the same resource stands before")
        return False

    def _left(self, kind: str, coding: Coding | None, reason: str, unit: str = "") -> None:
        coding = coding or Coding("", "")
        text = "" if coding.code and not coding.text else hidden(coding.text)
        self.out.unmapped[kind, coding.system, hidden(coding.code), text, unit, reason] += 1

    def _take(self, place: Place, resource: dict) -> None:
        kind = place.kind
        refuse_modifiers(resource)
        if kind == "Patient":
            person = fhir_people.read_patient(place, resource, self._codes, self._pseudonyms)
            person.known_as |= {f"Patient/{person.key}"} | ({place.full_url} - {""})
            for name in person.known_as:
                self._people.setdefault(name, person)
            if person.died:
                self._left(kind, None, "deceased: no place in the sheets")
        elif kind == "RelatedPerson":
            relation = fhir_people.relation_of(resource, self._codes)
            self._relations[f"RelatedPerson/{place.name}"] = relation
            self._relations[place.full_url] = relation
        elif kind == "Observation":
            for found in self._reader.read(resource):
                if isinstance(found, Left):
                    self._left(kind, found.coding, found.reason, found.unit)
                else:
                    self._read.append((place, kind, found.subject, found))
        elif kind in ("Condition", "Consent", "Specimen"):
            read = {
                "Condition": fhir_people.read_condition,
                "Consent": read_consent,
                "Specimen": read_specimen,
            }[kind]
            found, reason, coding = read(resource, self._codes)
            if found is None:
                self._left(kind, coding, reason)
            else:
                for note in getattr(found, "notes", ()):
                    self._left(kind, None, note)
                self._read.append((place, kind, found.subject, found))
        else:
            self._left(kind, None, "this type of resource is not imported")

    def _person(self, subject: dict, path: str) -> fhir_people.Person:
        """The Patient that a reference means. Refused when it is no patient or stands in no file."""
        reference = part(subject, "reference", str, path) or ""
        identifier = part(subject, "identifier", dict, path) or {}
        names = _names_of(reference)
        query = re.search(r"^Patient\?identifier=(.+)$", reference)
        if query:
            names.append(query[1].replace("%7C", "|"))
        if identifier:
            names.append(f"{identifier.get('system', '')}|{identifier.get('value', '')}")
        for name in names:
            if name and name in self._people:
                return self._people[name]
        if not reference and not identifier:
            raise Refused(f"{path}.reference", None, "a reference to a Patient")
        shown = reference or "by identifier"
        raise Refused(f"{path}.reference", shown, "no such Patient in these files")

    def _join_people(self) -> None:
        """Have every name of a replaced Patient mean the one who replaces it (Patient.link)."""
        people = {person.key: person for person in self._people.values()}
        successor: dict[str, str] = {}
        for person in people.values():
            pairs = [(person, person.replaced_by)] if person.replaced_by else []
            for old, new in pairs:
                try:
                    successor[old.key] = self._person({"reference": new}, "link.other").key
                except Refused:
                    old.notes.append("replaced by a Patient that stands in no file")
            for reference in person.replaces:
                old = next(
                    (self._people[n] for n in _names_of(reference) if n in self._people), None
                )
                if old is not None:
                    successor.setdefault(old.key, person.key)
        for key, old in people.items():
            seen = [key]
            while (new := successor.get(seen[-1])) and new not in seen:
                seen.append(new)
            if new or len(seen) == 1:  # a ring of links says nothing
                continue
            kept = people[seen[-1]]
            kept.known_as |= old.known_as
            kept.notes.append(
                "a record that was replaced by this one was joined to it (Patient.link)"
            )
            for column, value in old.hashes.items():
                kept.hashes.setdefault(column, value)
            for name in old.known_as:
                self._people[name] = kept

    def finish(self) -> Sheets:
        """Tie everything to its patient and return the rows of the sheets, sorted by patient."""
        self._join_people()
        own: dict[str, list[tuple[Place, str, object]]] = {}
        for place, kind, subject, what in self._read:
            try:
                path = "patient" if kind == "Consent" else "subject"
                own.setdefault(self._person(subject, path).key, []).append((place, kind, what))
            except Refused as refused:
                self.refuse(place, refused)
        rows = {name: [] for name in ("patients", "labs", "history", "consents")}
        self.out.rows = rows | {"samples": [], "sample_events": []}
        people = {person.key: person for person in self._people.values()}
        for key in sorted(people, key=lambda k: self._pseudonyms.name("P", k)):
            self._rows_of(people[key], own.get(key, []))
        return self.out

    def _rows_of(self, person: fhir_people.Person, own: list) -> None:
        rows, study_id = self.out.rows, self._pseudonyms.name("P", person.key)
        conditions = [what for _, kind, what in own if kind == "Condition"]
        measured = [what for _, kind, what in own if kind == "Observation"]
        labs = [m for m in measured if m.sheet == "labs"]
        diagnosis, recorded = fhir_people.diagnosis_of(conditions)
        index = self._settings.index_date or recorded or _busiest_day(labs)
        if person.born and index and index < person.born[: len(index)]:
            message = Refused("birthDate", person.born, f"a day before the index date {index}")
            self.refuse(person.place, message)
            return
        age = fhir_people.age_at(person.born, index)
        row = {
            "patient_id": study_id,
            "centre": self._settings.centre,
            "diagnosis": diagnosis or self._settings.without_diagnosis,
            "role": self._settings.role,
            "index_date": index,
            "sex": person.sex,
            "age": "" if age is None else str(age),
            "aetiology": fhir_people.aetiology_of(conditions),
        }
        rows["patients"].append(row | person.hashes)
        for note in person.notes:
            self._left("Patient", None, note)
        rows["labs"] += [
            {"patient_id": study_id} | m.cells | {"value": hidden(m.cells["value"])} for m in labs
        ]
        self._history(study_id, conditions, measured, index)
        for place, kind, what in own:
            if kind == "Consent":
                self._consents(study_id, place, what)
            elif kind == "Specimen":
                name = self._pseudonyms.name("S", place.name or place.full_url)
                rows["samples"].append({"sample_id": name, "patient_id": study_id} | what.row)
                rows["sample_events"] += [{"sample_id": name} | event for event in what.events]

    def _history(self, study_id: str, conditions: list, measured: list, index: str) -> None:
        row: dict[str, str] = {}
        for finding in conditions:
            row |= {k: v for k, v in finding.history.items() if k not in row}
            if finding.icd10 and "diagnosis_code" not in row:
                row["diagnosis_code"] = finding.icd10
        vitals: dict[str, list[Measured]] = {}
        for m in measured:
            if m.sheet == "history":
                vitals.setdefault(m.field, []).append(m)
        for name, found in vitals.items():
            before = [m for m in found if not index or m.cells["date"] <= index]
            dated = sorted(before or found, key=lambda m: m.cells["date"])
            row[name] = (dated[-1] if before else dated[0]).cells["value"]
            for _ in found[1:]:
                self._left("Observation", None, f"{name}: another one is nearer to the index date")
        if row:
            self.out.rows["history"].append({"patient_id": study_id} | row)

    def _consents(self, study_id: str, place: Place, agreement) -> None:
        document = self._pseudonyms.name("C", place.name or place.full_url)
        for row in agreement.rows:
            more = {"patient_id": study_id, "document_id": f"{document}-{row['kind']}"}
            if agreement.proxy and row["kind"] == "base":
                more["proxy_relation"] = self._relations.get(agreement.proxy, "other")
                more["proxy_name_hash"] = self._pseudonyms.hash("proxy", agreement.proxy)
                more["proxy_signed_date"] = row["signed_date"]
            self.out.rows["consents"].append(more | row)


def _names_of(reference: str) -> list[str]:
    """A reference, and the relative one at its end where it has an address or a version."""
    tail = re.search(r"Patient/([A-Za-z0-9.-]+)(?:/_history/[A-Za-z0-9.-]+)?$", reference)
    return [reference] + ([f"Patient/{tail[1]}"] if tail else [])


def _busiest_day(labs: list[Measured]) -> str:
    """The day with the most laboratory values, the earliest of equals; "" without a dated value."""
    days = Counter(m.cells["date"] for m in labs if len(m.cells["date"]) == 10)
    return min(days, key=lambda day: (-days[day], day)) if days else ""


def unmapped_rows(sheets: Sheets) -> list[dict[str, str]]:
    """The list of what was not taken over, with counts, sorted."""
    names = ("resource", "system", "code", "text", "unit", "reason")
    found = sorted(sheets.unmapped.items())
    return [dict(zip(names, key, strict=True)) | {"n": str(n)} for key, n in found]
