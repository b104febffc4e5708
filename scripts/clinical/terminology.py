"""Names of analytes and units: from what a laboratory prints to one variable and one factor.

In: resources/variable_dictionary.csv, resources/units.tsv. Out: Dictionary.resolve(name),
Units.conversion(variable, unit).
Source: the two tables name the source of every code and factor.
"""

import csv
import dataclasses
import math
import re
from dataclasses import dataclass, field
from pathlib import Path

from scripts.clinical import analyte_names
from scripts.clinical.lab_values import plain
from scripts.clinical.unit_prefixes import (
    mega_or_milli,
    quantity_and_exponent,
    under_the_logarithm,
)


@dataclass(frozen=True)
class Variable:
    """One row of the variable dictionary. Ranges are in the canonical unit; NaN = no limit. `sure`: outside it a value is not
    believed where another unit in common use puts it inside. `group`: medians of groups of patients, from healthy to
    severely ill. `dimension`: rows of the unit table that count, several with |
    between where the name on paper leaves open which."""

    name: str
    zh: str
    en: str
    qualitative: bool
    dimension: str
    unit: str
    ucum: str
    hard: tuple[float, float]
    soft: tuple[float, float]
    sure: tuple[float, float]
    group: tuple[float, float]
    log10: bool
    loinc: str


@dataclass(frozen=True)
class Conversion:
    """How a number in some unit becomes the canonical one.

    `action`: "" multiply by factor; "log10" ten to the power, then multiply; "cut" positive from
    `factor` on;
    "guess" the cell names no unit; "refuse" with `problem`. `becomes`: variable that the unit
    speaks of.
    """

    action: str
    factor: float = math.nan
    becomes: str = ""
    problem: str = ""
    attested: str = ""


@dataclass(frozen=True)
class UnitRow:
    """One row of units.tsv. `numbers`: those that may be in this unit where the cell names none, above and up to; NaN = any."""

    dimension: str
    unit: str
    factor: float
    action: str
    common: bool
    numbers: tuple[float, float]
    becomes: str
    source: str


def fold_name(text: str) -> str:
    """A name without case, blanks, hyphens, dots and brackets; # % and + stay, they tell analytes
    apart."""
    return re.sub(r"[\s\-_.,:：·()\[\]{}'\"*＊/]", "", plain(text).lower().replace("γ", "r"))


_BRACKETS = re.compile(r"(.*\S)\s*[(\[]([^()\[\]]+)[)\]]", re.S)
_NO_UNIT = {"", ".", "na", "n/a", "nan", "null", "none", "无", "无单位"}
_AT_37_DEGREES = re.compile(r"\s*[@,( ]\s*37\s*°?\s*c\)?$")
_MOLAR = re.compile(r"([mµμun])M")  # mm is none
# Signs and words that stand for those of the unit table; longer words first.
_UNIT_SIGNS = str.maketrans({"∧": "^", "ˆ": "^", "∕": "/", "⁄": "/", "\\": "/", "•": "·"})
_UNIT_WORDS = (
    *(("分升", "dl"), ("毫升", "ml"), ("微升", "ul"), ("升", "l"), ("个", "")),
    *(("国际单位", "iu"), ("单位", "u"), ("毫摩尔", "mmol"), ("微摩尔", "umol")),
    *(("毫克", "mg"), ("微克", "ug"), ("纳克", "ng"), ("皮克", "pg")),
)


def names_no_unit(text: str) -> bool:
    """Whether a unit cell says that there is none: a dash or a stroke, or a word such as NA or 无."""
    text = plain(text).strip("-—–/\\").lower()
    return text in _NO_UNIT


def fold_unit(text: str) -> str:
    """A unit without case, blanks and brackets; µ as u; powers of ten as 10^n: x10E9/L, 10⁹/L, E9/L, 10*9/L are one, and so
    are mm³ and mm3, /100mL and /dL, mM and mmol/L; 37 °C, at which enzymes are measured, is left out; a dash or stroke alone is
    no unit."""
    text = _MOLAR.sub(r"\1mol/L", text) if _MOLAR.fullmatch(text := plain(text)) else text
    text = text.lower().replace("μ", "u").replace("mc", "u")
    if names_no_unit(text):
        return ""
    text = _AT_37_DEGREES.sub("", text)
    text = re.sub(r"[\s·.]+([mdu]?l)\^?-\^?1$", r"/\1", text.translate(_UNIT_SIGNS))  # U·L-1 is U/L
    text = re.sub(r"[\s\[\](){}'·]", "", text)
    for word, sign in _UNIT_WORDS:
        text = text.replace(word, sign)
    text = re.sub(r"^(?:克|gm)(?=[/%])", "g", text)
    text = re.sub(r"/100ml$", "/dl", text)
    text = re.sub(r"^units?(?=/)", "u", text)
    text = re.sub(r"^1000(?=/[um]l$)", "10^3", text)
    text = re.sub(r"^([mdu]l)\^?-\^?1$", r"/\1", text)  # µL-1 is /µL, not U/L
    text = re.sub(r"(?<=.)([mdu]?l)\^?-\^?1$", r"/\1", text)
    text = re.sub(r"(?<=[a-z])\^(?=\d)", "", text)  # mm^3 is mm3
    return re.sub(r"^[x×*]?(?:10(?:\^|e|\*\*?)?|e)([1-9]\d?)(?:cells?)?(?=/|$)", r"10^\1", text)


def _number(text: str) -> float:
    return float(text) if text else math.nan


def _range(text: str) -> tuple[float, float]:
    low, _, high = text.partition(" ")
    return _number(low), _number(high)


class Dictionary:
    """The variables and the names they go by."""

    def __init__(
        self, variables: dict[str, Variable], names: dict[str, str], dimensions: dict[str, str]
    ):
        self.variables = variables
        self._names = names
        self._dimensions = dimensions

    @classmethod
    def read(cls, path: str | Path) -> "Dictionary":
        """Read the variable dictionary; ValueError when one name means two variables.

        A synonym may be followed by = and the dimension of its units where it is another than the variable's (BUN).
        """
        variables, names, dimensions = {}, {}, {}
        with open(path, encoding="utf-8-sig", newline="") as handle:
            for row in csv.DictReader(handle):
                name = row["variable"]
                variables[name] = Variable(
                    name=name,
                    zh=row["zh"],
                    en=row["en"],
                    qualitative=row["kind"] == "qualitative",
                    dimension=row["dimension"],
                    unit=row["unit"],
                    ucum=row["ucum"],
                    hard=(_number(row["hard_lo"]), _number(row["hard_hi"])),
                    soft=(_number(row["soft_lo"]), _number(row["soft_hi"])),
                    sure=(_number(row["sure_lo"]), _number(row["sure_hi"])),
                    group=(_number(row["group_lo"]), _number(row["group_hi"])),
                    log10=row["log10"] == "yes",
                    loinc=row["loinc"],
                )
                for entry in {name, row["zh"], row["en"], *row["synonyms"].split(";")}:
                    spelling, _, dimension = entry.partition("=")
                    folded = fold_name(spelling)
                    if dimension:
                        dimensions[folded] = dimension
                    if names.setdefault(folded, name) != name:
                        raise ValueError(f"{spelling!r} means both {names[folded]} and {name}")
        return cls(variables, names, dimensions)

    def resolve(self, text: str) -> str:
        """The variable that a printed name means, "" when unknown or when its parts mean several: 总胆红素(TBIL), 白蛋白 ALB,
        肌酐(酶法), "Bilirubin, total", "Albumin [Mass/volume] in Serum or Plasma"."""
        return self._resolved(text)[0]

    def subject(self, text: str) -> Variable | None:
        """The variable that a printed name means, with the dimensions of its units under that name; None when unknown."""
        name, folded = self._resolved(text)
        if not name:
            return None
        variable = self.variables[name]
        own = {self._dimensions.get(part, variable.dimension) for part in folded}
        return dataclasses.replace(variable, dimension="|".join(sorted(own)))

    def subject_and_unit(self, text: str, units: "Units") -> tuple[Variable | None, str]:
        """`subject`, and the unit that stands in brackets behind the name, as in ALT(U/L); "" where there is none."""
        known = self.subject(text)
        match = None if known else _BRACKETS.fullmatch(plain(text))
        if not match:
            return known, ""
        known = self.subject(match[1])
        return (known, match[2]) if known and units.knows(known, match[2]) else (None, "")

    def _resolved(self, text: str) -> tuple[str, list[str]]:
        """(variable or "", the folded names that said so) of a printed name."""
        whole = self._known(text)
        if not whole and not analyte_names.is_other_specimen(text):
            whole = self._known_parts(text)
        found = {self._names[name] for name in whole}
        if len(found) != 1:
            return "", []
        (name,) = found
        # Serum has clotted: 血清TT is another test.
        clots = "time" in self.variables[name].dimension and name != "inr"
        if clots and analyte_names.says_serum(text):
            return "", []
        return name, whole

    def _known(self, part: str) -> list[str]:
        """[folded name] of a part that the dictionary has, if need be without what says the specimen or the test; else []."""
        folded = (fold_name(spelling) for spelling in analyte_names.spellings(plain(part)))
        return next(([name] for name in folded if name in self._names), [])

    def _known_parts(self, text: str) -> list[str]:
        """Folded names of all parts that are names; [] when one of them is not known."""
        parts = analyte_names.parts_of(text)
        main = parts[0] if parts else ""
        joined = []
        for other in parts[1:]:  # "Bilirubin, total"; 血红蛋白(血浆) is not that of the cells
            pairs = (f"{other} {main}", f"{main} {other}")
            known = next((known for pair in pairs if (known := self._known(pair))), [])
            joined += [(other, known)] if known else []
        rest = [part for part in parts[1:] if part not in [other for other, _ in joined]]
        found = [name for _, known in joined for name in known]
        names = [] if joined else [main]
        for part in [*names, *(part for part in rest if not analyte_names.is_qualifier(part))]:
            known = self._known(part) or self._known_words(part)
            if not known:
                return []
            found += known
        return found

    def _known_words(self, part: str) -> list[str]:
        """Folded names of a part that holds several: ALT/GPT, 白蛋白 ALB; [] when one of them is not known."""
        words = re.split(r"\s*/\s*", part)
        if len(words) == 1:
            words = re.findall(r"[\u4e00-\u9fff]+|[A-Za-z0-9γ+#%\-]+", part)
        known = [self._known(word) for word in words if not analyte_names.is_qualifier(word)]
        return [name for names in known for name in names] if known and all(known) else []


def _scaled(row: UnitRow, unit: str, exponent: int) -> UnitRow:
    """A row for a unit that is 10^exponent times that of `row`."""
    ratio = 10.0**exponent
    action = row.action
    if action.startswith("cut:"):
        action = f"cut:{float(action.removeprefix('cut:')) / ratio:.12g}"
    if action.startswith("config:"):
        action = f"{action}*{ratio!r}"
    return dataclasses.replace(
        row, unit=unit, factor=row.factor * ratio, action=action, common=False
    )


@dataclass
class Units:
    """The unit table. `declared` are factors that a site declares with a document: {key: (factor,
    document)}."""

    rows: dict[str, list[UnitRow]]
    spellings: dict[tuple[str, str], UnitRow]
    declared: dict[str, tuple[float, str]] = field(default_factory=dict)

    @classmethod
    def read(cls, path: str | Path, declared: dict | None = None) -> "Units":
        """Read units.tsv; ValueError when a spelling stands twice in one dimension."""
        rows: dict[str, list[UnitRow]] = {}
        spellings: dict[tuple[str, str], UnitRow] = {}
        with open(path, encoding="utf-8", newline="") as handle:
            for cells in csv.DictReader(handle, delimiter="\t", quoting=csv.QUOTE_NONE):
                row = UnitRow(
                    dimension=cells["dimension"],
                    unit=cells["unit"],
                    factor=_number(cells["factor"]),
                    action=cells["action"],
                    common=cells["common"] == "yes",
                    numbers=_range(cells["numbers"]),
                    becomes=cells["becomes"],
                    source=cells["source"],
                )
                rows.setdefault(row.dimension, []).append(row)
                for spelling in [row.unit, *filter(None, cells["spellings"].split(";"))]:
                    key = (row.dimension, fold_unit(spelling))
                    if spellings.setdefault(key, row) is not row:
                        raise ValueError(f"unit {spelling!r} stands twice under {row.dimension}")
        return cls(rows, spellings, declared or {})

    def knows(self, variable: Variable, text: str) -> bool:
        """Whether a text is a unit of a variable, be it one that is taken or one that is refused."""
        return any(self._row(d, text) for d in variable.dimension.split("|"))

    def _row(self, dimension: str, text: str) -> UnitRow | None:
        """The row of a unit in one dimension; a unit that the table has with another prefix, power of ten, volume or without its
        logarithm is a row of its own. None for an unknown one."""
        folded = fold_unit(text)
        row = self.spellings.get((dimension, folded))
        if row or mega_or_milli(plain(text)):
            return row
        linear = under_the_logarithm(folded)
        if linear:
            row = self._row(dimension, linear)
            own = row and row.action == "" and not math.isnan(row.factor)
            return dataclasses.replace(row, unit=plain(text), action="log10") if own else None
        parts = quantity_and_exponent(folded)
        for (other, spelling), row in self.spellings.items() if parts else ():
            known = quantity_and_exponent(spelling) if other == dimension else None
            if known and known[0] == parts[0] and row.action != "log10":
                return _scaled(row, plain(text), parts[1] - known[1])
        return None

    def conversion(self, variable: Variable, text: str) -> Conversion:
        """What a unit means for a variable."""
        folded = fold_unit(text)
        if not folded:
            if variable.dimension in ("ratio", "inr"):
                return Conversion("", 1.0)
            return Conversion("guess")
        dimensions = variable.dimension.split("|")
        rows = [self._row(dimension, text) for dimension in dimensions]
        if None in rows:
            names = dict.fromkeys(r.unit for d in dimensions for r in self.rows.get(d, []))
            known = ", ".join(names) or "none"
            return Conversion("refuse", problem=f"unknown unit for {variable.name}; known: {known}")
        meant = list(dict.fromkeys(map(self.conversion_of, rows)))
        if len(meant) > 1:
            what = " or ".join(dimensions).replace("_", " ")
            return Conversion("refuse", problem=f"{rows[0].unit} of {what}; name only one of them")
        return meant[0]

    def conversion_of(self, row: UnitRow) -> Conversion:
        """What the unit of one row of the table means."""
        if row.action == "never":
            return Conversion("refuse", problem=f"{row.unit} is never converted: {row.source}")
        if row.action.startswith("config:"):
            key, _, ratio = row.action.removeprefix("config:").partition("*")
            factor, document = self.declared.get(key, (None, ""))
            if not factor or not document:
                return Conversion(
                    "refuse",
                    problem=f"{row.unit} is off (config keys {key} and factor_document): {row.source}",
                )
            return Conversion("", float(factor) * float(ratio or 1), attested=document)
        if row.action.startswith("cut:"):
            return Conversion("cut", float(row.action.removeprefix("cut:")))
        return Conversion(row.action, row.factor, row.becomes)

    def usable(self, variable: Variable) -> list[str]:
        """The units in which a variable is taken."""
        rows = [r for d in variable.dimension.split("|") for r in self.rows.get(d, [])]
        return list(dict.fromkeys(r.unit for r in rows if self.conversion_of(r).action != "refuse"))

    def common_factors(self, variable: Variable) -> dict[float, UnitRow]:
        """Distinct factors of the units in common use for a variable, each with its first unit; NaN for one that cannot be
        converted."""
        found: dict[float, UnitRow] = {}
        for row in (r for d in variable.dimension.split("|") for r in self.rows.get(d, [])):
            if row.common:
                conversion = self.conversion_of(row)
                usable = conversion.action == "" and not conversion.becomes
                found.setdefault(conversion.factor if usable else math.nan, row)
        return found
