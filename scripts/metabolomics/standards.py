"""The user's table of standards: which m/z and retention time belongs to which compound.

In: a tab-separated table (name, rt, and mz or formula with adduct; role). Out: names for features. Source: identification
levels of the Metabolomics Standards Initiative (Sumner et al. 2007, Metabolomics 3:211); adduct masses from CODATA 2018.
"""

import csv
import hashlib
import io
import math
import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from scripts.core import job as core_job
from scripts.core.sheets import decode, numbered_records

if TYPE_CHECKING:
    import numpy as np

_ELECTRON = 0.000548579909
_HYDROGEN = 1.00782503207
# Ion = M * count + mass; (count of M, mass, charge).
ADDUCTS = {
    "[M+H]+": (1, _HYDROGEN - _ELECTRON, 1),
    "[M+Na]+": (1, 22.9897692809 - _ELECTRON, 1),
    "[M+K]+": (1, 38.96370668 - _ELECTRON, 1),
    "[M+NH4]+": (1, 14.0030740048 + 4 * _HYDROGEN - _ELECTRON, 1),
    "[M+H-H2O]+": (1, -_HYDROGEN - 15.99491461956 - _ELECTRON, 1),
    "[M]+": (1, -_ELECTRON, 1),
    "[M+2H]2+": (1, 2 * (_HYDROGEN - _ELECTRON), 2),
    "[2M+H]+": (2, _HYDROGEN - _ELECTRON, 1),
    "[M-H]-": (1, -_HYDROGEN + _ELECTRON, 1),
    "[M+Cl]-": (1, 34.96885268 + _ELECTRON, 1),
    "[M+HCOO]-": (1, 12.0 + 2 * 15.99491461956 + _HYDROGEN + _ELECTRON, 1),
    "[M-2H]2-": (1, -2 * (_HYDROGEN - _ELECTRON), 2),
    "[2M-H]-": (2, -_HYDROGEN + _ELECTRON, 1),
}
ROLES = ("compound", "internal_standard")
COLUMNS = ("name", "rt", "mz", "formula", "adduct", "role")


@dataclass(frozen=True)
class Standard:
    """One standard: m/z of its ion, retention time in seconds, role compound or internal_standard."""

    name: str
    mz: float
    rt: float
    role: str = "compound"


def ion_mz(formula: str, adduct: str) -> float:
    """Monoisotopic m/z of an ion; ValueError for a formula or adduct that is not known."""
    import pyopenms

    if adduct not in ADDUCTS:
        raise ValueError(f"adduct {adduct!r} is not one of {', '.join(ADDUCTS)}")
    if not re.fullmatch(r"([A-Z][a-z]?[0-9]*)+", formula):
        raise ValueError(f"formula {formula!r} is no sum formula such as C8H10N4O2")
    count, mass, charge = ADDUCTS[adduct]
    try:
        molecule = pyopenms.EmpiricalFormula(formula).getMonoWeight()
    except RuntimeError:
        raise ValueError(f"formula {formula!r} holds an unknown element") from None
    return (count * molecule + mass) / charge


def feature_name(text: str) -> str:
    """A compound's name as a feature name: lower case, everything but letters and digits becomes one _.

    Greek letters are spelled out (alpha- and beta-tocopherol are two compounds); a name without any letter a-z or digit
    (a Chinese one) becomes `compound_` and eight hex digits of its SHA-256.
    """
    spelled = re.sub("[\u03b1-\u03c9]", lambda m: unicodedata.name(m[0]).split()[-1], text.lower())
    name = re.sub(r"[^a-z0-9]+", "_", spelled.lower()).strip("_")
    return name or f"compound_{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def read_standards(path: str | Path) -> list[Standard]:
    """The table of standards, in its order. InputDefect with every bad line when it cannot be used."""
    try:
        text, _ = decode(Path(path).read_bytes())
    except UnicodeError:
        raise _unusable(["not UTF-8, UTF-16 or GB18030 text"]) from None
    records = numbered_records(csv.reader(io.StringIO(text, newline=""), delimiter="\t"))
    filled = [(line, cells) for line, cells in records if any(map(str.strip, cells))]
    header = [cell.strip() for cell in filled[0][1]] if filled else []
    problems = [f"unknown column {column}" for column in header if column not in COLUMNS]
    problems += [f"no column {column}" for column in ("name", "rt") if column not in header]
    out: list[Standard] = []
    for number, cells in filled[1:] if not problems else []:
        row = dict.fromkeys(header, "") | dict(zip(header, map(str.strip, cells), strict=False))
        try:
            out.append(_standard({key: value for key, value in row.items() if key}))
        except ValueError as error:
            problems.append(f"row {number}: {error}")
    names = [feature_name(s.name) for s in out]
    problems += [
        f"{name} stands twice" for name in sorted({n for n in names if names.count(n) > 1})
    ]
    if problems:
        raise _unusable(problems)
    return out


def _unusable(problems: list[str]) -> core_job.InputDefect:
    return core_job.InputDefect(
        f"table of standards (config metabolomics.standards): {'; '.join(problems)}",
        requirement_id="OMX-02",
        check="table of standards",
    )


def _standard(row: dict) -> Standard:
    if not row["name"]:
        raise ValueError("name must not be empty")
    role = row.get("role") or "compound"
    if role not in ROLES:
        raise ValueError(f"role {role!r} is not one of {', '.join(ROLES)}")
    try:
        rt = float(row["rt"])
        mz = float(row["mz"]) if row.get("mz") else None
    except ValueError:
        raise ValueError("rt (seconds) and mz must be numbers") from None
    if not (math.isfinite(rt) and rt >= 0 and (mz is None or (math.isfinite(mz) and mz > 0))):
        raise ValueError("rt (seconds) and mz must be above 0")
    if mz is None:
        if not (row.get("formula") and row.get("adduct")):
            raise ValueError("needs mz, or formula and adduct")
        mz = ion_mz(row["formula"], row["adduct"])
    return Standard(row["name"], mz, rt, role)


def assign(
    standards: list[Standard],
    mz: "np.ndarray",
    rt: "np.ndarray",
    *,
    ppm: float,
    rt_tolerance: float,
) -> dict[int, Standard]:
    """{index of the feature: standard}: pairs within both tolerances, nearest first, each used once."""
    pairs = []
    for place, standard in enumerate(standards):
        for index in range(mz.size):
            far_mz = abs(mz[index] / standard.mz - 1) * 1e6 / ppm
            far_rt = abs(rt[index] - standard.rt) / rt_tolerance
            if far_mz <= 1 and far_rt <= 1:
                pairs.append((far_mz + far_rt, place, index))
    taken: dict[int, Standard] = {}
    used: set[int] = set()
    for _, place, index in sorted(pairs):
        if index not in taken and place not in used:
            taken[index] = standards[place]
            used.add(place)
    return taken
