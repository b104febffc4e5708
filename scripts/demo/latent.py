"""The people of the demo cohort and the one latent disease burden that drives all of their data.

In: seed, numbers of people. Out: a list of Person, the same for the same seed. Source of the burden
model: HCC early
mean 0.8, advanced 1.8, controls 0, residual SD 0.5 (the clinical simulator's scale, medians in
simulate_clinical).
"""

import datetime
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

CENTRES = {"C1": "development", "C2": "development", "E1": "external", "E2": "external"}
COUNTY_HOSPITALS = ("E2",)
FIRST_DAY = datetime.date(2025, 3, 1)
MODALITIES = ("wes", "cfdna", "lcms", "gcms", "dda", "dia", "ct", "mri", "us", "ihc")
# Share of a modality's own signal that is noise: the modality's latent value is burden + N(0, sd).
MODALITY_NOISE_SD = {
    "wes": 0.9,
    "cfdna": 0.6,
    "lcms": 0.6,
    "gcms": 0.9,
    "dda": 0.7,
    "dia": 0.7,
    "ct": 0.5,
    "mri": 0.6,
    "us": 0.8,
    "ihc": 0.5,
}
# Which of the people with raw files have a modality, by their number from 0.
_RAW_HAS = {
    "lcms": lambda i: True,
    "ct": lambda i: i % 3 != 2,
    "mri": lambda i: i % 3 == 0,
    "us": lambda i: i % 2 == 0,
    "wes": lambda i: i % 5 in (0, 1),
    "cfdna": lambda i: i % 2 == 0,
    "gcms": lambda i: i % 2 == 1,
    "dda": lambda i: i % 5 in (1, 3),
    "dia": lambda i: i % 2 == 0,
}
_TABLE_SHARE = {
    "lcms": 0.85,
    "ct": 0.8,
    "mri": 0.4,
    "us": 0.6,
    "wes": 0.35,
    "cfdna": 0.5,
    "gcms": 0.45,
    "dda": 0.35,
    "dia": 0.5,
}
_CENTRE_CYCLE = ("C1", "C2", "C1", "E1", "C2", "C1", "E2", "C2")
_HCC_CYCLE = (True, False, False, True, True, True, False, False)


@dataclass(frozen=True)
class Person:
    """One member of the demo cohort. `latent[modality]` is what that modality sees of the burden
    (SD units)."""

    number: int
    patient_id: str
    centre: str
    role: str
    hcc: bool
    early: bool
    cirrhosis: bool
    burden: float
    sex: str
    age: int
    aetiology: str
    index_date: datetime.date
    raw: bool
    modalities: frozenset[str]
    latent: dict[str, float]

    @property
    def diagnosis(self) -> str:
        """Diagnosis as patients.tsv names it."""
        if self.hcc:
            return "hcc"
        return "cirrhosis" if self.cirrhosis else "chronic_hepatitis"

    @property
    def male(self) -> bool:
        """Whether the person is male."""
        return self.sex == "male"


@dataclass
class Simulated:
    """What one simulator hands back.

    assays : rows of assays.tsv, paths relative to the cohort's folder
    sheets : rows of further sheets, {sheet: rows}
    findings : what must be found, rows with subject, block, requirement_id, verdict, step, note
    """

    assays: list[dict] = field(default_factory=list)
    sheets: dict[str, list[dict]] = field(default_factory=dict)
    findings: list[dict] = field(default_factory=list)


def make_people(seed: int, raw: int, table: int) -> list[Person]:
    """The cohort: `raw` people with raw files (P0001 ...), then `table` people with ready-made
    tables."""
    people = []
    for number in range(raw + table):
        rng = np.random.default_rng([seed, number])
        is_raw = number < raw
        flip = (number // len(_HCC_CYCLE)) % 2 == 1
        hcc = bool(_HCC_CYCLE[number % 8] != flip) if is_raw else bool(rng.random() < 0.48)
        centre = (
            _CENTRE_CYCLE[number % 8]
            if is_raw
            else str(rng.choice(list(CENTRES), p=[0.36, 0.30, 0.20, 0.14]))
        )
        early = bool(hcc and rng.random() < 0.6)
        burden = (0.8 if early else 1.8) * hcc + rng.normal(0, 0.5)
        age = rng.normal(59, 8.2) if hcc else rng.normal(52, 11.9)
        has = {
            m
            for m in MODALITIES
            if (m == "ihc" and hcc)
            or (m != "ihc" and (_RAW_HAS[m](number) if is_raw else rng.random() < _TABLE_SHARE[m]))
        }
        people.append(
            Person(
                number=number,
                patient_id=f"P{number + 1:04d}",
                centre=centre,
                role=CENTRES[centre],
                hcc=hcc,
                early=early,
                cirrhosis=bool(rng.random() < (0.8 if hcc else 0.66)),
                burden=float(burden),
                sex="male" if rng.random() < (0.73 if hcc else 0.59) else "female",
                age=int(np.clip(round(age), 25, 84)),
                aetiology=str(rng.choice(["hbv", "hcv", "ald"], p=[0.78, 0.12, 0.10])),
                index_date=FIRST_DAY + datetime.timedelta(days=int(rng.integers(0, 240))),
                raw=is_raw,
                modalities=frozenset(has),
                latent={
                    m: float(burden + rng.normal(0, sd)) for m, sd in MODALITY_NOISE_SD.items()
                },
            )
        )
    return people


def with_raw(people: list[Person], modality: str) -> list[Person]:
    """People who have raw files of a modality."""
    return [p for p in people if p.raw and modality in p.modalities]


def generator(seed: int, name: str, number: int = 0) -> np.random.Generator:
    """A random generator of its own for one simulator and person: adding people changes nobody
    else's data."""
    return np.random.default_rng([seed, number, *name.encode()])


def relative(path: Path, folder: Path) -> str:
    """The path as the sheets write it: relative to the cohort's folder."""
    return str(path.relative_to(folder))
