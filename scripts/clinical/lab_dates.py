"""Days of collection, read as each laboratory writes them.

In: rows of labs.tsv, what the configuration declares of a laboratory, index dates of the patients. Out: a day per row, and why a
cell has none. Source: docs/clinical.md, "Dates"; the two date systems of spreadsheets (ECMA-376 part 1, 18.17.4.1).

One laboratory writes one order of day and month, and one program counts its serial numbers from one day: a cell that can be read
two ways takes what the other cells of the laboratory prove.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from scripts.clinical.lab_values import SERIAL, parse_date, plain
from scripts.core.days import ORDERS, orders_of

DECLARED = (*ORDERS, "excel_1900", "excel_1904")
SHIFT_DAYS = 1462  # between the two systems
_NEAR_DAYS = 366  # a laboratory value of a work-up lies within a year of the index date
_FEWEST = 3  # serial numbers with an index date from which the system is judged


@dataclass
class LabDates:
    """Days of the rows: `day` datetime64[D] (NaT where there is none), `problem` a category per row ("" = read),
    `shifted`: rows whose serial number counts from 1904."""

    day: np.ndarray
    problem: pd.Categorical
    shifted: np.ndarray


def read_dates(
    labs: pd.DataFrame, declared: dict[str, str], index_days: dict[str, str] | None = None
) -> LabDates:
    """Read the column `date` of `labs` (as `read_labs` gives them).

    declared : {laboratory: one of DECLARED}; it counts before what the cells prove
    index_days : {patient: ISO day}; where serial numbers of a laboratory fit them only when they count from 1904, they do
    """
    texts = list(labs["date"].cat.categories)
    date = labs["date"].cat.codes.to_numpy().astype(np.int64)
    laboratories = list(labs["laboratory"].cat.categories)
    pair = labs["laboratory"].cat.codes.to_numpy() * np.int64(len(texts)) + date
    keys, inverse = np.unique(pair, return_inverse=True)
    days, problems = [], []
    for place, own in _cells_of(keys, len(texts)).items():
        said = declared.get(laboratories[place], "")
        order = said if said in ORDERS else orders_of(texts[i] for i in own)
        system = 1904 if said == "excel_1904" else 1900
        for i in own:
            day, problem = _read(texts[i], order, system)
            days.append(day)
            problems.append(problem)
    day = np.array(days or ["NaT"], dtype="datetime64[D]")[inverse]
    names = list(dict.fromkeys([*problems, ""]))
    codes = np.array([names.index(p) for p in problems] or [0], dtype=np.int32)[inverse]
    shifted = _counted_from_1904(labs, day, texts, declared, index_days or {})
    day = np.where(shifted, day + np.timedelta64(SHIFT_DAYS, "D"), day)
    return LabDates(day, pd.Categorical.from_codes(codes, names), shifted)


def _cells_of(keys: np.ndarray, texts: int) -> dict[int, list[int]]:
    """{place of the laboratory: places of its distinct cells}, in the order of `keys`."""
    found: dict[int, list[int]] = {}
    for key in keys.tolist():
        found.setdefault(key // texts, []).append(key % texts)
    return found


def _read(text: str, order: str | dict[str, str], system: int) -> tuple[str, str]:
    try:
        return parse_date(text, order, system) or "NaT", ""
    except ValueError as error:
        return "NaT", str(error)


def _counted_from_1904(labs, day, texts, declared, index_days) -> np.ndarray:
    """Rows with a serial number of a laboratory whose serial numbers lie at the index dates only when they count from 1904."""
    serial = np.array([bool(SERIAL.fullmatch(plain(t))) for t in texts] or [False])
    rows = serial[labs["date"].cat.codes.to_numpy()] & ~np.isnat(day)
    shifted = np.zeros(len(labs), dtype=bool)
    if not rows.any() or not index_days:
        return shifted
    patients = pd.Series(labs["patient_id"]).astype("category").cat
    index = np.array(
        [index_days.get(p, "NaT") for p in patients.categories] or ["NaT"], dtype="datetime64[D]"
    )[patients.codes.to_numpy()]
    away = (index - day).astype("timedelta64[D]").astype(float)
    away[np.isnat(index)] = np.nan
    laboratory = labs["laboratory"].cat.codes.to_numpy()
    for place, name in enumerate(labs["laboratory"].cat.categories):
        own = rows & (laboratory == place)
        gaps = away[own & ~np.isnan(away)]
        if len(gaps) < _FEWEST or declared.get(name, "").startswith("excel"):
            continue
        from_1900 = np.mean(np.abs(gaps) <= _NEAR_DAYS)
        from_1904 = np.mean(np.abs(gaps - SHIFT_DAYS) <= _NEAR_DAYS)
        if from_1904 >= 0.8 and from_1900 <= 0.2:
            shifted |= own
    return shifted
