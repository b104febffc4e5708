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

from scripts.clinical.lab_values import plain


@dataclass(frozen=True)
class Variable:
    """One row of the variable dictionary. Ranges are in the canonical unit; NaN = no limit. `sure`: outside it a value is not
    believed where another unit in common use puts it inside. `dimension`: rows of the unit table that count, several with |
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
_TEST_WORDS = ("检测", "测定", "定量")
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
        """The variable that a printed name means, "" when unknown; 总胆红素(TBIL) and 白蛋白 ALB
        are tried in parts, 血清总胆红素 and 甲胎蛋白测定 without what says the specimen or that it is a test."""
        found = {self._names.get(part, "") for part in self._parts(text)}
        return found.pop() if len(found) == 1 else ""

    def subject(self, text: str) -> Variable | None:
        """The variable that a printed name means, with the dimensions of its units under that name; None when unknown."""
        name = self.resolve(text)
        if not name:
            return None
        variable = self.variables[name]
        own = {self._dimensions.get(part, variable.dimension) for part in self._parts(text)}
        return dataclasses.replace(variable, dimension="|".join(sorted(own)))

    def subject_and_unit(self, text: str, units: "Units") -> tuple[Variable | None, str]:
        """`subject`, and the unit that stands in brackets behind the name, as in ALT(U/L); "" where there is none."""
        known = self.subject(text)
        match = None if known else _BRACKETS.fullmatch(plain(text))
        if not match:
            return known, ""
        known = self.subject(match[1])
        return (known, match[2]) if known and units.knows(known, match[2]) else (None, "")

    def _bare(self, folded: str) -> str:
        """A folded name as the dictionary has it, without what says the specimen or that it is a test where that is needed."""
        for word in ("", *_TEST_WORDS):
            folded = folded if folded in self._names else folded.removesuffix(word)
        bare = re.sub("^血[清浆]", "", folded)
        clots = bare in self._names and "time" in self.variables[self._names[bare]].dimension
        impossible = clots and folded.startswith(
            "血清"
        )  # serum has clotted: 血清TT is another test
        return folded if folded in self._names or impossible else bare

    def _parts(self, text: str) -> list[str]:
        """Folded names that a printed name consists of: itself where it is known, else what brackets or scripts part."""
        if self._bare(fold_name(text)) in self._names:
            return [self._bare(fold_name(text))]
        parts = re.split(r"[()\[\]【】]", plain(text))
        if len(parts) == 1:
            parts = re.findall(r"[\u4e00-\u9fff]+|[A-Za-z0-9γ+#%\-]+", plain(text))
        return [self._bare(part) for part in map(fold_name, parts) if part]


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
        folded = fold_unit(text)
        return any((d, folded) in self.spellings for d in variable.dimension.split("|"))

    def conversion(self, variable: Variable, text: str) -> Conversion:
        """What a unit means for a variable."""
        folded = fold_unit(text)
        if not folded:
            if variable.dimension == "ratio":
                return Conversion("", 1.0)
            return Conversion("guess")
        dimensions = variable.dimension.split("|")
        rows = [self.spellings.get((dimension, folded)) for dimension in dimensions]
        if None in rows:
            names = dict.fromkeys(r.unit for d in dimensions for r in self.rows.get(d, []))
            known = ", ".join(names) or "none"
            return Conversion("refuse", problem=f"unknown unit for {variable.name}; known: {known}")
        meant = list(dict.fromkeys(map(self._conversion_of, rows)))
        if len(meant) > 1:
            what = " or ".join(dimensions).replace("_", " ")
            return Conversion("refuse", problem=f"{rows[0].unit} of {what}; name only one of them")
        return meant[0]

    def _conversion_of(self, row: UnitRow) -> Conversion:
        if row.action == "never":
            return Conversion("refuse", problem=f"{row.unit} is never converted: {row.source}")
        if row.action.startswith("config:"):
            key = row.action.removeprefix("config:")
            factor, document = self.declared.get(key, (None, ""))
            if not factor or not document:
                return Conversion(
                    "refuse",
                    problem=f"{row.unit} is off (config keys {key} and factor_document): {row.source}",
                )
            return Conversion("", float(factor), attested=document)
        if row.action.startswith("cut:"):
            return Conversion("cut", float(row.action.removeprefix("cut:")))
        return Conversion(row.action, row.factor, row.becomes)

    def usable(self, variable: Variable) -> list[str]:
        """The units in which a variable is taken."""
        rows = [r for d in variable.dimension.split("|") for r in self.rows.get(d, [])]
        return list(
            dict.fromkeys(r.unit for r in rows if self._conversion_of(r).action != "refuse")
        )

    def common_factors(self, variable: Variable) -> dict[float, UnitRow]:
        """Distinct factors of the units in common use for a variable, each with its first unit; NaN for one that cannot be
        converted."""
        found: dict[float, UnitRow] = {}
        for row in (r for d in variable.dimension.split("|") for r in self.rows.get(d, [])):
            if row.common:
                conversion = self._conversion_of(row)
                usable = conversion.action == "" and not conversion.becomes
                found.setdefault(conversion.factor if usable else math.nan, row)
        return found
