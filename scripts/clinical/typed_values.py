"""Typed values of new patients as rows of a laboratory sheet and as fields of the person, or what is wrong with them.

In: entries of a typed table, the reader of names. Out: rows as labs.tsv has them, {patient: fields}, indices as typed, problems.
Source: docs/modelling.md, "Prediction": a bare number is refused where a unit is possible, as are two values of one feature.
"""

import re
from dataclasses import dataclass, field

from scripts.clinical.lab_values import parse_value, plain
from scripts.clinical.terminology import fold_unit
from scripts.clinical.typed_names import Field, Named, TypedNames, factor_of, unit_key
from scripts.core.privacy import identifier_in_words, looks_like_a_name
from scripts.core.sheets import Problem, schema_of
from scripts.core.typed_sheet import Entry, TypedSheet, is_missing

AETIOLOGIES = ("hbv", "hcv", "ald", "masld")
_YES = {"true": 1.0, "yes": 1.0, "1": 1.0, "是": 1.0, "有": 1.0}
_NO = {"false": 0.0, "no": 0.0, "0": 0.0, "否": 0.0, "无": 0.0}
_UNIT_IN_NAME = (
    "age",
    "alcohol_g_day",
    "weight_kg",
    "height_cm",
)  # years are the only unit of an age


@dataclass
class Typed:
    """labs: rows (keys of lab_sheet.COLUMNS, line, and `entry`); fields: {patient: {field: value}}; indices: {patient:
    {index: number}}; texts: {(patient, name): value as typed with its unit}; typed: {patient: names with any value, also one
    that cannot be read}; problems; consumed: names that are read here; unused: of those, names of laboratory values that the
    model does not use."""

    labs: list[dict] = field(default_factory=list)
    fields: dict[str, dict] = field(default_factory=dict)
    indices: dict[str, dict[str, float]] = field(default_factory=dict)
    texts: dict[tuple[str, str], str] = field(default_factory=dict)
    typed: dict[str, list[str]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    consumed: list[str] = field(default_factory=list)
    unused: list[str] = field(default_factory=list)


class TypedReader:
    """Reads the entries of one typed table; `wanted`: names of variables, fields and indices that the model can use."""

    def __init__(self, sheet: TypedSheet, names: TypedNames, wanted: set[str]):
        self.sheet, self.names, self.wanted = sheet, names, wanted
        self.out = Typed()
        self._complained: set[tuple[str, str]] = set()
        self._seen: dict[tuple[str, str], Entry] = {}

    def read(self) -> Typed:
        """All entries that mean something clinical."""
        meanings: dict[str, Named | None] = {n: self.names.read(n) for n in self.sheet.names}
        for name, named in meanings.items():
            if named is None:
                continue
            self.out.consumed.append(name)
            if named.kind == "variable" and not self._is_wanted(named):
                self.out.unused.append(name)
        if not self.sheet.long:
            self._columns_of_one_feature(meanings)
        skipped = set(self.out.unused)
        for entry in self.sheet.entries:
            named = meanings[entry.name]
            if named is None or entry.name in skipped or is_missing(entry.value):
                continue
            self._entry(entry, named)
        return self.out

    def _is_wanted(self, named: Named) -> bool:
        becomes = self.names.units.conversion(named.subject, named.unit).becomes
        return bool({named.name, becomes} & self.wanted)

    def _target(self, named: Named, unit: str) -> str:
        """What a value is counted as: its variable after its unit, sex for male, aetiology for its codes."""
        if named.kind == "variable":
            return self.names.units.conversion(named.subject, unit).becomes or named.name
        return {"male": "sex"}.get(named.name, named.name)

    def _columns_of_one_feature(self, meanings: dict) -> None:
        first: dict[str, str] = {}
        for header, named in meanings.items():
            if named is None:
                continue
            target = self._target(named, named.unit)
            if target == "aetiology" or target.removeprefix("aetiology_") in AETIOLOGIES:
                other = "aetiology" if target != "aetiology" else "aetiology_"
                twin = next((h for t, h in first.items() if t.startswith(other)), "")
                twin = "" if other == "aetiology" and "aetiology" not in first else twin
            else:
                twin = ""
            twin = first.get(target, twin)
            if twin:
                self._complain(header, 1, header, f"the same feature as column {twin}; keep one")
            first.setdefault(target, header)

    def _complain(self, column: str, line: int, value: str, allowed: str) -> None:
        """A problem, once per column and reason: a header is one mistake, however many rows it has."""
        if (column, allowed) not in self._complained or line > 1:
            self._complained.add((column, allowed))
            self.out.problems.append(Problem(self.sheet.file, line, column, value, allowed))

    def _of_header(self, entry: Entry, allowed: str) -> None:
        """A problem of the header of a column, or of a row where analytes stand in rows."""
        line = entry.line if entry.name != entry.column else 1
        self._complain(entry.column, line, entry.name, allowed)

    def _entry(self, entry: Entry, named: Named) -> None:
        if identifier_in_words(entry.value) or looks_like_a_name(plain(entry.value)):
            text = "holds an identifier or a name of a person; a value is needed"
            self._complain(entry.column, entry.line, "(hidden)", text)
            return
        unit, power = self._unit(entry, named)
        target = self._target(named, unit or "")
        self.out.typed.setdefault(entry.patient, []).append("male" if target == "sex" else target)
        if unit is None:
            return
        before = self._seen.get((entry.patient, target))
        if before is not None and self.sheet.long:
            if (before.value, before.unit, before.name) != (entry.value, entry.unit, entry.name):
                text = f"another value of {target} of this patient stands in row {before.line}; keep one"
                self._complain(entry.column, entry.line, entry.name, text)
            return
        self._seen[entry.patient, target] = entry
        read = {"variable": self._variable, "field": self._field, "index": self._index}[named.kind]
        read(entry, named, unit, power)

    def _unit(self, entry: Entry, named: Named) -> tuple[str | None, bool]:
        """The unit in force and whether values are log10 of it; (None, False) after a complaint."""
        power, unit = named.power, named.unit
        if entry.unit and fold_unit(entry.unit):
            spelled = self.names.unit_of(named, entry.unit) or (entry.unit, False)
            if unit and (fold_unit(unit), power) != (fold_unit(spelled[0]), spelled[1]):
                text = f"the header says {unit}, its unit says {entry.unit}; keep one"
                self._of_header(entry, text)
                return None, False
            unit, power = spelled
        inside = "" if unit else parse_value(entry.value).unit
        if not unit and not inside and self._needs_unit(named):
            allowed = ", ".join(self.names.units_for(named))
            shown = f"{entry.name} [{allowed.split(', ')[0]}]"
            text = f"no unit; say it, as {shown}; units of {named.name}: {allowed}"
            if self.sheet.long:
                text = f"no unit; fill the column unit; units of {named.name}: {allowed}"
            self._of_header(entry, text)
            return None, False
        return unit, power

    def _needs_unit(self, named: Named) -> bool:
        if named.kind == "variable":
            return not named.subject.qualitative and named.subject.dimension != "ratio"
        if named.kind == "index":
            return self.names.index_unit(named.name) not in ("", "1")
        own = self.names.fields[named.name]
        in_name = named.name in _UNIT_IN_NAME and (
            named.name == "age" or unit_key(named.text) == named.name
        )
        return bool(own.unit) and not in_name

    def _variable(self, entry: Entry, named: Named, unit: str, power: bool) -> None:
        value = entry.value
        parsed = parse_value(value)
        if power:
            if parsed.problem or parsed.unit or abs(parsed.number) > 20:
                text = "allowed: the log10 of a value, as a plain number"
                self._complain(entry.column, entry.line, entry.value, text)
                return
            value = f"{parsed.censor}{10.0**parsed.number:.17e}"
        elif named.subject.qualitative and not unit and plain(value) in ("0", "1"):
            value = "positive" if plain(value) == "1" else "negative"  # the code of the dictionary
        self.out.texts[entry.patient, self._target(named, unit)] = _shown(entry.value, unit, power)
        self.out.labs.append(
            {
                "patient_id": entry.patient,
                "analyte": named.text,
                "value": value,
                "unit": unit,
                "date": entry.beside.get("date", ""),
                "laboratory": entry.beside.get("laboratory", ""),
                "method": entry.beside.get("method", ""),
                "uln": entry.beside.get("uln", ""),
                "line": entry.line,
                "entry": entry,
            }
        )

    def _field(self, entry: Entry, named: Named, unit: str, _power: bool) -> None:
        own = self.names.fields[named.name]
        value, allowed = field_value(own, entry.value, unit)
        if allowed:
            if own.unit and unit and unit_key(unit) not in own.factors:
                self._of_header(entry, f"unit {unit!r} of {own.name} is not known; {allowed}")
            else:
                self._complain(entry.column, entry.line, entry.value, allowed)
            return
        name = "sex" if named.name == "male" else named.name
        if named.name == "male":
            value = "male" if value else "female"
        self.out.fields.setdefault(entry.patient, {})[name] = value
        self.out.texts[entry.patient, name] = _shown(entry.value, unit, False)

    def _index(self, entry: Entry, named: Named, unit: str, _power: bool) -> None:
        parsed = parse_value(entry.value)
        if parsed.problem or parsed.censor or parsed.unit:
            text = "allowed: a number, or empty or NA when missing"
            self._complain(entry.column, entry.line, entry.value, text)
            return
        own = self.names.index_unit(named.name)
        if unit and unit_key(unit) != unit_key(own):
            self._of_header(entry, f"unit {unit!r}; {named.name} is in {own!r}")
            return
        self.out.indices.setdefault(entry.patient, {})[named.name] = parsed.number
        self.out.texts[entry.patient, named.name] = _shown(entry.value, unit, False)


def _shown(value: str, unit: str, power: bool) -> str:
    text = plain(value)
    unit = f"log10({unit})" if power else unit
    return text if not unit or re.search(r"[^\d.,<>=≤≥ +-]", text) else f"{text} {unit}"


def field_value(own: Field, text: str, unit: str = "") -> tuple[object, str]:
    """The value of a field of the person, and what is allowed ("" when the text is)."""
    text = plain(text)
    rule = _rule(own.name)
    if own.kind == "number":
        parsed = parse_value(text)
        factor = factor_of(own, unit or parsed.unit)
        value = parsed.number * factor
        low, high = rule.get("minimum", 0), rule.get("maximum", float("inf"))
        if parsed.problem or parsed.censor or not low <= value <= high:
            units = ", ".join(dict.fromkeys(own.factors)) or "none"
            return None, f"allowed: a number from {low} to {high} {own.unit}; units: {units}"
        return value, ""
    word = own.words.get(text, text)
    if own.kind == "code":
        code = (_YES | _NO).get(word.lower())
        if code is None:
            words = ", ".join(["1, 0, yes, no, 是, 否", *own.words])
            return None, f"allowed: {words}, or empty or NA when missing"
        return code, ""
    synonyms = {k.lower(): v for k, v in rule.get("x-synonyms", {}).items()}
    word = synonyms.get(word.lower(), word.lower())
    if word not in rule["enum"]:
        known = ", ".join([*rule["enum"], *own.words, *synonyms])
        return None, f"allowed: {known}, or empty or NA when missing"
    return word, ""


def _rule(name: str) -> dict:
    """What the schema of patients.tsv or history.tsv says about a field; {} for a code of the model."""
    for sheet in ("patients", "history"):
        if name in schema_of(sheet)["properties"]:
            return schema_of(sheet)["properties"][name]
    return {}


def aetiology_of(fields: dict) -> tuple[str | None, set[str]]:
    """Aetiology as patients.tsv words it, from the word or from typed codes, and the codes that are known then."""
    if "aetiology" in fields:
        return fields["aetiology"], set(AETIOLOGIES)
    known = {name for name in AETIOLOGIES if f"aetiology_{name}" in fields}
    if not known:
        return None, set()
    positive = [name for name in AETIOLOGIES if fields.get(f"aetiology_{name}")]
    return "_".join(positive) or "other", known
