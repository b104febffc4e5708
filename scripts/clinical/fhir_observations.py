"""FHIR Observation: laboratory values and vital signs as rows of labs.tsv and history.tsv, values as the source wrote them.

In: Observation resources. Out: rows, or what was not taken over and why. Cleaning does the rest, with its records.
Source: FHIR R4 (4.0.1), Observation; LOINC codes of resources/variable_dictionary.csv and resources/fhir_codes.tsv.
"""

from dataclasses import dataclass

from scripts.clinical.fhir_files import Refused
from scripts.clinical.fhir_values import (
    LOINC,
    Codes,
    Coding,
    code_of,
    codings,
    concept_text,
    listed,
    moment_of,
    number_text,
    part,
    quantity,
)
from scripts.clinical.terminology import Dictionary, Units

FINAL = ("final", "amended", "corrected")
STATUSES = (*FINAL, "registered", "preliminary", "cancelled", "entered-in-error", "unknown")
# {kind of value[x]: reason why it is no laboratory value, "" = read below}
KINDS = {
    "Quantity": "",
    "CodeableConcept": "",
    "String": "",
    "Boolean": "",
    "Integer": "",
    "Range": "",
    "Ratio": "",
    "SampledData": "a curve",
    "Time": "a time of day",
    "DateTime": "a date",
    "Period": "a period",
}
_CENTIMETRES = {"cm": 1.0, "m": 100.0, "mm": 0.1, "[in_i]": 2.54, "in": 2.54}
_KILOGRAMS = {"kg": 1.0, "g": 0.001, "[lb_av]": 0.45359237, "lb": 0.45359237}
VITAL = {"height_cm": _CENTIMETRES, "weight_kg": _KILOGRAMS}


@dataclass
class Measured:
    """One value: the sheet and column (or variable) that it is for, and its cells."""

    subject: dict
    sheet: str
    field: str
    cells: dict[str, str]


@dataclass
class Left:
    """One value that was not taken over."""

    coding: Coding
    reason: str
    unit: str = ""


class ObservationReader:
    """Reads Observations with the tables of the project."""

    def __init__(self, dictionary: Dictionary, units: Units, codes: Codes):
        self._dictionary, self._units, self._codes = dictionary, units, codes
        variables = dictionary.variables.values()
        self._loinc = {v.loinc: v.name for v in variables if v.loinc}

    def read(self, resource: dict) -> list[Measured | Left]:
        """All values of one Observation, its components included."""
        status = part(resource, "status", str, needed=True)
        if status not in STATUSES:
            raise Refused("status", status, f"one of {', '.join(STATUSES)}")
        code = part(resource, "code", dict, needed=True)
        first = _first(code, "code")
        components = listed(resource, "component")
        kind = _kind_of(resource, "")
        if status not in FINAL:
            return [Left(first, f"status {status}")]
        subject = part(resource, "subject", dict, needed=True)
        when = moment_of(resource, "effective")
        out: list[Measured | Left] = []
        absent = part(resource, "dataAbsentReason", dict)
        if kind or absent is not None:
            out.append(self._one(resource, code, "", kind, subject, when))
        elif not components and not listed(resource, "hasMember"):
            raise Refused("value[x]", None, "a value, dataAbsentReason, component or hasMember")
        elif not components:
            out.append(Left(first, "a panel; its members are read by themselves"))
        for place, component in enumerate(components):
            where = f"component[{place}]"
            own = part(component, "code", dict, where, needed=True)
            found = _kind_of(component, where)
            if not found and part(component, "dataAbsentReason", dict, where) is None:
                raise Refused(f"{where}.value[x]", None, "a value or dataAbsentReason")
            out.append(self._one(component, own, where, found, subject, when))
        return out

    def _target(self, code: dict, path: str) -> tuple[str, str] | None:
        """(sheet, variable or column) that a code is for. A name counts only where no LOINC code says what it is."""
        found = codings(code, path)
        for coding in found:
            variable = self._loinc.get(coding.code) if coding.system == LOINC else ""
            meaning = ("labs", variable) if variable else self._codes.meaning("observation", coding)
            if meaning:
                return meaning
        if any(coding.system == LOINC for coding in found):
            return None
        names = [concept_text(code, path), *(c.text for c in found), *(c.code for c in found)]
        found = ((name, self._dictionary.subject(name)) for name in names if name)
        name, meant = next((pair for pair in found if pair[1]), ("", None))
        if meant is None:
            return None
        usual = meant == self._dictionary.variables[meant.name]
        return "labs", meant.name if usual else name

    def _one(self, holder, code, path, kind, subject, when) -> Measured | Left:
        target = self._target(code, f"{path}.code".lstrip("."))
        name = f"value{kind}"
        where = f"{path}.{name}".lstrip(".")
        units: list[str] = []
        text = ""
        if kind in ("Quantity",):
            value = part(holder, name, dict, path)
            # A Quantity without a number stands for an absent value where the resource says so.
            if value.get("value") is None and part(holder, "dataAbsentReason", dict, path):
                kind = ""
            else:
                text, units = quantity(value, where)
        elif kind in ("Range", "Ratio"):
            text, units = _two_sided(part(holder, name, dict), kind, where)
        elif kind and not KINDS[kind]:
            text = self._words(holder, name, kind, where)
        first = _first(code, path)
        if target is None:
            return Left(first, "no place in the sheets", units[0] if units else "")
        if kind and KINDS[kind]:
            return Left(first, f"value is {KINDS[kind]}")
        sheet, field = target
        if sheet == "history":
            return self._vital(field, text, units, first, subject, where, when)
        variable = self._dictionary.subject(field)
        known = [u for u in units if self._units.conversion(variable, u).action != "refuse"]
        unit = (known or units or [""])[0]
        cells = {"analyte": field, "value": text, "unit": unit, "date": when[:10]}
        cells["method"] = concept_text(part(holder, "method", dict, path), f"{path}.method")
        cells["uln"] = _upper_limit(holder, units, path)
        return Measured(subject, sheet, field, cells)

    def _words(self, holder: dict, name: str, kind: str, where: str) -> str:
        """A value that is no Quantity, as labs.tsv writes it."""
        if kind == "CodeableConcept":
            concept = part(holder, name, dict)
            for coding in codings(concept, where):
                found = self._codes.meaning("result", coding)
                if found:
                    return found[1]
            return concept_text(concept, where) or code_of(concept, where)
        if kind == "Boolean":
            return "positive" if part(holder, name, bool) else "negative"
        if kind == "Integer":
            return number_text(holder[name], where)
        return " ".join(part(holder, name, str).split())

    def _vital(self, field, text, units, first, subject, where, when) -> Measured | Left:
        factors = VITAL[field]
        unit = next((u for u in units if u in factors), "")
        if not unit or not text or text[0] in "<>":
            return Left(first, f"no {field} in {', '.join(factors)}", units[0] if units else "")
        number = f"{float(text) * factors[unit]:.1f}".removesuffix(".0")
        return Measured(subject, "history", field, {"value": number, "date": when[:10]})


def _two_sided(value: dict, kind: str, where: str) -> tuple[str, list[str]]:
    """(text as labs.tsv writes it, units) of a Range or Ratio. A Range with one end is open on the other side: a limit."""
    names = ("low", "high") if kind == "Range" else ("numerator", "denominator")
    sides = [part(value, name, dict, where) for name in names]
    read = [quantity(s, f"{where}.{n}") if s else None for s, n in zip(sides, names, strict=True)]
    units = list(dict.fromkeys(unit for side in read if side for unit in side[1]))
    if kind == "Ratio" or all(read):
        if kind == "Range" and read[0][1] and read[1][1] and not set(read[0][1]) & set(read[1][1]):
            raise Refused(where, None, "low and high in one unit")
        return ("-" if kind == "Range" else ":").join(
            side[0] if side else "" for side in read
        ), units
    if not any(read):
        raise Refused(where, None, "low, high or both")
    sign, (number, _) = ("<=", read[1]) if read[1] else (">=", read[0])
    return sign + number.lstrip("<>="), units


def _first(code: dict, path: str) -> Coding:
    found = codings(code, path)
    coded = next((c for c in found if c.system == LOINC), found[0] if found else Coding("", ""))
    return Coding(coded.system, coded.code, coded.text or concept_text(code, path))


def _kind_of(holder: dict, path: str) -> str:
    """The kind of value[x], "" for none. Refused for two values and for kinds that R4 does not have."""
    found = [name for name in holder if name.startswith("value") and name != "value"]
    if len(found) > 1:
        raise Refused(f"{path}.value[x]".lstrip("."), ", ".join(sorted(found)), "one value only")
    if found and found[0].removeprefix("value") not in KINDS:
        raise Refused(
            f"{path}.{found[0]}".lstrip("."), None, f"one of value{', value'.join(KINDS)}"
        )
    return found[0].removeprefix("value") if found else ""


def _upper_limit(holder: dict, units: list[str], path: str) -> str:
    """The upper end of the normal range, where it is in the unit of the value; "" else."""
    for place, limits in enumerate(listed(holder, "referenceRange", path)):
        where = f"{path}.referenceRange[{place}]".lstrip(".")
        if code_of(part(limits, "type", dict, where), where) not in ("", "normal"):
            continue
        high = part(limits, "high", dict, where)
        if high and high.get("value") is not None:
            number, own = quantity(high, f"{where}.high")
            if not own or set(own) & set(units):
                return number.lstrip("<>=")
    return ""
