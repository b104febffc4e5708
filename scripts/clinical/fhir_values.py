"""The data types of FHIR R4 that the import needs: codes, references, dates, value[x]; and its pseudonyms.

In: parts of resources. Out: plain values; Refused with the path when a part has another shape than the specification says.
Source: FHIR R4 (4.0.1), data types; resources/fhir_codes.tsv.
"""

import csv
import hashlib
import hmac
import re
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from scripts.clinical.fhir_files import Refused

LOINC, SNOMED, UCUM = "http://loinc.org", "http://snomed.info/sct", "http://unitsofmeasure.org"
_DATE = re.compile(
    r"(\d{4})(?:-(0[1-9]|1[0-2])(?:-(0[1-9]|[12]\d|3[01])(?:T([01]\d|2[0-3]):([0-5]\d)(?::\d\d(?:\.\d+)?)?"
    r"(?:Z|[+-]\d\d:\d\d)?)?)?)?"
)
# No digits: a pseudonym must never look like a number of a person (scripts/core/privacy.py). No vowels: no words.
_LETTERS = "BCDFGHJKLMNPQRSTVWXZ"
COMPARATORS = ("<", "<=", ">=", ">")


@dataclass(frozen=True)
class Coding:
    """One code. `text` is its display."""

    system: str
    code: str
    text: str = ""


class Codes:
    """resources/fhir_codes.tsv: what a code of some system means here."""

    def __init__(self, rows: list[dict[str, str]]):
        self._exact: dict[tuple[str, str, str], tuple[str, str]] = {}
        self._prefixes: list[tuple[str, str, str, tuple[str, str]]] = []
        for row in rows:
            meaning = (row["field"], row["value"])
            if row["code"].endswith("*"):
                self._prefixes.append((row["use"], row["system"], row["code"][:-1], meaning))
            else:
                self._exact[row["use"], row["system"], row["code"]] = meaning
        self._prefixes.sort(key=lambda row: -len(row[2]))

    @classmethod
    def read(cls, path: str | Path) -> "Codes":
        """Read the table."""
        with open(path, encoding="utf-8", newline="") as handle:
            return cls(list(csv.DictReader(handle, delimiter="\t")))

    def meaning(self, use: str, coding: Coding) -> tuple[str, str] | None:
        """(field, value) of a code for a use (observation, condition, result ...), None when it is not in the table."""
        system = short_system(coding.system)
        found = self._exact.get((use, system, coding.code)) or self._exact.get(
            (use, "*", coding.code)
        )
        if found:
            return found
        for own, where, prefix, meaning in self._prefixes:
            if own == use and where == system and coding.code.startswith(prefix):
                return meaning
        return None


def short_system(system: str) -> str:
    """loinc, snomed, icd10, ucum, or the last part of the address of a code system."""
    if system == LOINC:
        return "loinc"
    if system == SNOMED:
        return "snomed"
    oids = ("2.16.840.1.113883.6.3", "2.16.840.1.113883.6.90")
    if "icd-10" in system.lower() or "icd10" in system.lower() or system.endswith(oids):
        return "icd10"
    return re.split(r"[/:]", system.rstrip("/"))[-1]


def part(parent: dict, name: str, kind: type | tuple, path: str = "", *, needed: bool = False):
    """parent[name] when it has the right JSON type; None when it is not there. Refused otherwise."""
    value = parent.get(name)
    where = f"{path}.{name}".lstrip(".")
    if value is None:
        if needed:
            raise Refused(where, None, "needed here")
        return None
    names = {dict: "an object", list: "a list", str: "text", bool: "true or false"}
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        first = kind if isinstance(kind, type) else kind[0]
        raise Refused(where, value, names.get(first, "a number"))
    return value


def refuse_modifiers(resource: dict) -> None:
    """Refused when an element says by a modifier extension or by rules of its own that it means something else.

    None is known here, and what is not known must not be ignored (FHIR R4, Extensibility, 2.4.1; implicitRules, 2.26.3).
    """
    todo: list[tuple[str, object]] = [("", resource)]
    while todo:
        path, value = todo.pop()
        if isinstance(value, list):
            todo += [(f"{path}[{place}]", item) for place, item in enumerate(value)]
        elif isinstance(value, dict):
            for name in ("modifierExtension", "implicitRules"):
                if value.get(name):
                    allowed = "nothing that changes the meaning in a way that is not known here"
                    raise Refused(f"{path}.{name}".lstrip("."), None, allowed)
            todo += [(f"{path}.{name}", item) for name, item in value.items()]


def listed(parent: dict, name: str, path: str = "") -> list[dict]:
    """The objects of a list; one that is no object is refused."""
    out = part(parent, name, list, path) or []
    for place, value in enumerate(out):
        if not isinstance(value, dict):
            raise Refused(f"{path}.{name}[{place}]".lstrip("."), value, "an object")
    return out


def codings(concept: dict | None, path: str = "") -> list[Coding]:
    """Codes of a CodeableConcept, those with a code only."""
    out = []
    for value in listed(concept or {}, "coding", path):
        code = part(value, "code", str, f"{path}.coding")
        system = part(value, "system", str, f"{path}.coding") or ""
        text = part(value, "display", str, f"{path}.coding") or ""
        if code:
            out.append(Coding(system, code.strip(), text.strip()))
    return out


def concept_text(concept: dict | None, path: str = "") -> str:
    """What a CodeableConcept says in words: its text, else the first display."""
    text = part(concept or {}, "text", str, path)
    return (text or next((c.text for c in codings(concept, path) if c.text), "")).strip()


def code_of(concept: dict | None, path: str = "") -> str:
    """The first code of a CodeableConcept, "" for none."""
    return next((c.code for c in codings(concept, path)), "")


def moment(parent: dict, name: str, path: str = "") -> str:
    """A date or dateTime as it is written (YYYY, YYYY-MM, YYYY-MM-DD or with time); "" when it is not there."""
    text = part(parent, name, str, path)
    if text is None:
        return ""
    if not _DATE.fullmatch(text):
        raise Refused(f"{path}.{name}".lstrip("."), text, "a FHIR date or dateTime, YYYY-MM-DD...")
    return text


def moment_of(resource: dict, stem: str, path: str = "") -> str:
    """stemDateTime, stemInstant or the start of stemPeriod."""
    for suffix in ("DateTime", "Instant"):
        text = moment(resource, f"{stem}{suffix}", path)
        if text:
            return text
    period = part(resource, f"{stem}Period", dict, path) or {}
    name = f"{path}.{stem}Period".lstrip(".")
    return moment(period, "start", name) or moment(period, "end", name)


def day_of(text: str) -> str:
    """YYYY-MM-DD of a date or dateTime in the time zone in which it is written; "" when the day is not given."""
    return text[:10] if len(text) >= 10 else ""


def minute_of(text: str) -> str:
    """YYYY-MM-DD HH:MM, or YYYY-MM-DD where there is no time of day; "" when the day is not given."""
    return f"{text[:10]} {text[11:16]}" if len(text) > 10 else day_of(text)


def number_text(value: object, path: str) -> str:
    """A JSON number with the digits as written. Refused for anything else."""
    if isinstance(value, bool) or not isinstance(value, (int, Decimal)):
        raise Refused(path, value, "a JSON number")
    return format(value, "f") if isinstance(value, Decimal) else str(value)


def quantity(value: dict, path: str) -> tuple[str, list[str]]:
    """(number with its comparator, units to try: the UCUM code, then the printed unit) of a Quantity."""
    if value.get("value") is None:
        raise Refused(f"{path}.value", None, "a number (or dataAbsentReason instead)")
    comparator = part(value, "comparator", str, path) or ""
    if comparator and comparator not in COMPARATORS:
        raise Refused(f"{path}.comparator", comparator, f"one of {' '.join(COMPARATORS)}")
    code, unit = (part(value, name, str, path) or "" for name in ("code", "unit"))
    system = part(value, "system", str, path) or UCUM
    units = ([code] if system == UCUM else []) + [unit, code]
    number = number_text(value["value"], f"{path}.value")
    return comparator + number, list(dict.fromkeys(u.strip() for u in units if u.strip()))


class Pseudonyms:
    """Ids and hashes that stand for those of the source; without the salt nobody can make them again."""

    def __init__(self, salt: bytes):
        self._salt = salt

    def _digest(self, kind: str, text: str) -> bytes:
        return hmac.new(self._salt, f"{kind}\0{text}".encode(), hashlib.sha256).digest()

    def name(self, kind: str, text: str) -> str:
        """A study id: the kind's letter and twelve letters."""
        number = int.from_bytes(self._digest(kind, text)[:12])
        letters = []
        for _ in range(12):
            number, place = divmod(number, len(_LETTERS))
            letters.append(_LETTERS[place])
        return kind + "".join(letters)

    def hash(self, kind: str, text: str) -> str:
        """A salted hash of an identifier (32 hex digits), blanks, hyphens and case of the identifier left out."""
        return self._digest(kind, re.sub(r"[\s-]", "", text).upper()).hex()[:32]
