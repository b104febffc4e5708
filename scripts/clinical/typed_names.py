"""What a typed header or analyte means: a laboratory variable, a field of the person or an index, and the unit that it names.

In: a header such as "clinical__afp [ng/mL]", 甲胎蛋白（ng/mL）, AFP_ng_mL. Out: `Named`, or None where nothing clinical is meant.
Source: resources/variable_dictionary.csv, units.tsv, person_fields.tsv; docs/modelling.md, "Prediction".
"""

import csv
import functools
import math
import re
import unicodedata
from dataclasses import dataclass, replace
from pathlib import Path

from scripts.clinical.clinical_features import INDICES
from scripts.clinical.lab_values import plain
from scripts.clinical.terminology import Dictionary, Units, Variable, fold_name, fold_unit
from scripts.core.hashing import ROOT

BLOCK = "clinical"
FIELDS = ROOT / "resources" / "person_fields.tsv"
_PREFIX = re.compile(r"(?P<block>[a-z0-9_]+?)__(?P<rest>.+)", re.S)
_OPEN, _CLOSE = "([{【〔〈<", ")]}】〕〉>"
_LOG = re.compile(r"(?:log_?10|lg)\s*[_( \[]?\s*(?P<unit>.*\S)", re.I | re.S)
_LOG_OF = re.compile(
    r"(?:log_?10|lg)[\s_]*[(\[]?\s*(?P<name>.+)", re.I | re.S
)  # log10(AFP) [ng/mL]
# How names of columns without signs write a unit: ng_mL, ng.mL, ng_per_mL, 10.9.L (R, SPSS and SQL take no slash).
_PER = re.compile(r"\s*(?:_per_|\bper\b|\.per\.)\s*", re.I)
_JOINTS = " \t_.,;:/|-–—=·，；：、"


@dataclass(frozen=True)
class Named:
    """What a header means. kind: variable, field or index; name: of the variable, field or index; text: the name as it
    stands; unit: as it stands, "" for none; power: whether values are log10 of that unit."""

    kind: str
    name: str
    text: str
    unit: str = ""
    power: bool = False
    subject: Variable | None = None


@dataclass(frozen=True)
class Field:
    """One row of person_fields.tsv: factors {unit: factor to the field's own}, words {typed: value}."""

    name: str
    kind: str
    unit: str
    factors: dict[str, float]
    words: dict[str, str]


@functools.cache
def read_fields(path: Path = FIELDS) -> tuple[dict[str, Field], dict[str, str]]:
    """{field: Field} and {folded name: field}."""

    def pairs(text: str) -> dict[str, str]:
        return dict(part.split("=") for part in text.split(";") if part)

    fields, names = {}, {}
    with open(path, encoding="utf-8", newline="") as handle:
        for row in csv.DictReader(handle, delimiter="\t"):
            factors = {unit_key(u): float(f) for u, f in pairs(row["units"]).items()}
            own = Field(row["field"], row["kind"], row["unit"], factors, pairs(row["words"]))
            fields[own.name] = own
            for name in {own.name, *row["names"].split(";")}:
                names[fold_name(name)] = own.name
    return fields, names


def unit_key(text: str) -> str:
    """A unit of a field without case and blanks."""
    return re.sub(r"\s+", "", unicodedata.normalize("NFKC", text)).lower()


def split_block(text: str) -> tuple[str, str]:
    """(block, rest) of a header such as clinical__afp; ("", text) where it names no block."""
    match = _PREFIX.fullmatch(text)
    return (match["block"], match["rest"]) if match else ("", text)


class TypedNames:
    """Reads headers by the dictionary and the unit table that a model was locked with."""

    def __init__(self, dictionary: Dictionary, units: Units):
        self.dictionary, self.units = dictionary, units
        self.fields, self._fields = read_fields()
        self.indices = {fold_name(index.name): index for index in INDICES}

    def read(self, header: str) -> Named | None:
        """What a header means; None when it names another block or nothing that is known."""
        block, text = split_block(plain(header))
        if block not in ("", BLOCK):
            return None
        power = _LOG_OF.fullmatch(text)
        of = self.read(power["name"]) if power else None
        if of and of.kind == "variable" and of.unit:
            return replace(of, power=True)
        whole = self._whole(text)
        if whole:
            return whole
        for name, unit in _splits(text):
            found = self._with_unit(name, unit)
            if found:
                return found
        return self._in_doubt(text)

    def _whole(self, text: str) -> Named | None:
        """A header that is a name and nothing else."""
        folded = fold_name(text)
        if folded in self._fields:
            return Named("field", self._fields[folded], text)
        if folded in self.indices:
            return Named("index", self.indices[folded].name, text)
        subject = self.dictionary.subject(text)
        if subject is None:
            return None
        # AFP-L3%, NEUT%: the sign belongs to the name and says the unit
        unit = "%" if subject.unit == "%" and re.search(r"%[)\]\s]*$", plain(text)) else ""
        return Named("variable", subject.name, text, unit, subject=subject)

    def _with_unit(self, name: str, unit: str) -> Named | None:
        """A name and a unit that fits it; None when one of them is not known."""
        found = self._whole(name)
        spelled = found and self.unit_of(found, unit)
        if not spelled:
            return None
        return Named(found.kind, found.name, name, *spelled, subject=found.subject)

    def unit_of(self, named: Named, text: str) -> tuple[str, bool] | None:
        """A unit as the tables spell it, and whether it is log10 of it; None when it is no unit of this."""
        for spelling in _spellings(text):
            if named.kind == "variable":
                if self.units.knows(named.subject, spelling):
                    return spelling, False
                power = _LOG.fullmatch(spelling)
                inner = power and _unbracketed(power["unit"])
                if inner and self.units.conversion(named.subject, inner).action == "":
                    return inner, True
            elif named.kind == "field":
                field = self.fields[named.name]
                if unit_key(spelling) in field.factors or _dimensionless(spelling, field.unit):
                    return spelling, False
            elif unit_key(spelling) == unit_key(self.index_unit(named.name)):
                return spelling, False
        return None

    def index_unit(self, name: str) -> str:
        """The unit of an index."""
        return next(index.unit for index in INDICES if index.name == name)

    def _in_doubt(self, text: str) -> Named | None:
        """A known name with something behind it that looks like a unit, but is none of this variable; None else."""
        for name, unit in _splits(text):
            found = self._whole(name)
            if found and (re.search(r"[/%^]", unit) or self._is_a_unit(unit)):
                return Named(found.kind, found.name, name, unit, subject=found.subject)
        return None

    def _is_a_unit(self, text: str) -> bool:
        known = {unit for _, unit in self.units.spellings}
        return any(fold_unit(spelling) in known for spelling in _spellings(text))

    def units_for(self, named: Named) -> list[str]:
        """The units in which a value can be given."""
        if named.kind == "variable":
            return self.units.usable(named.subject)
        if named.kind == "field":
            return list(dict.fromkeys(self.fields[named.name].factors)) or ["1"]
        return [self.index_unit(named.name)]


def _dimensionless(text: str, unit: str) -> bool:
    return not unit and text.strip() in ("1", "code", "0/1")


def _splits(text: str):
    """(name, unit) of every way to part a header, the longest name first: a bracket at its end, else any joint."""
    bracket = _last_bracket(text)
    if bracket:
        yield bracket
    places = [i for i in range(len(text) - 1, 0, -1) if _is_joint(text, i)]
    for i in places:
        name = text[:i].rstrip(_JOINTS + _OPEN)
        unit = text[i:].strip(_JOINTS)
        unit = re.sub(r"^in\s+", "", unit, flags=re.I)
        bare = _unbracketed(unit)
        if name and bare:
            yield re.sub(r"\s+in$", "", name, flags=re.I), bare


def _is_joint(text: str, i: int) -> bool:
    """Whether a name may end before place i: at a joint or bracket, or between Chinese and other writing."""
    han = [bool(re.match("[\u4e00-\u9fff]", c)) for c in text[i - 1 : i + 1]]
    return text[i] in _JOINTS + _OPEN or han[0] != han[1]


def _last_bracket(text: str) -> tuple[str, str] | None:
    """What stands before and inside the bracket that closes at the end, brackets inside it included."""
    if not text or text[-1] not in _CLOSE:
        return None
    depth = 0
    for i in range(len(text) - 1, -1, -1):
        depth += (text[i] in _CLOSE) - (text[i] in _OPEN)
        if depth == 0:
            name, inner = text[:i].rstrip(_JOINTS), text[i + 1 : -1].strip()
            return (name, inner) if name and inner else None
    return None


def _unbracketed(text: str) -> str:
    """A text without the brackets around it, or without one that has no partner."""
    text = text.strip()
    while text and text[0] in _OPEN and text[-1] in _CLOSE:
        text = text[1:-1].strip()
    for open_, close in zip(_OPEN, _CLOSE, strict=True):
        if text.count(close) > text.count(open_) and text.endswith(close):
            text = text[:-1].rstrip()
    return text


def _spellings(text: str):
    """A unit as it stands and as it may be meant where names of columns take no sign."""
    text = _unbracketed(text)
    yield text
    yield _PER.sub("/", text)
    bare = text.strip("._ ")
    parts = [part for part in re.split(r"[._ ]+", bare) if part]
    if len(parts) > 1:
        yield "/".join(parts)
        yield parts[0] + " " + "/".join(parts[1:])
        # 10_9_L, X10.9.L: a power of ten
        yield re.sub(r"^[xX×*]?10/(\d+)/", r"10^\1/", "/".join(parts))
        yield re.sub(r"^[xX×*]?10[eE]?(\d+)/", r"10^\1/", "/".join(parts))
    if bare.lower() in ("pct", "percent", "perc"):
        yield "%"


def factor_of(field: Field, unit: str) -> float:
    """Factor from a unit to the field's own; NaN when the field is not given in it."""
    return field.factors.get(unit_key(unit), math.nan) if unit else 1.0
