"""In: ids of patients, the patients sheet. Out: ids that read like several samples of one person (L3-1 and L3-2, P01a and P01b,
P001_T0 and P001_T1).
Source: docs/modelling.md, "Audit"; requirement MOD-09.
"""

import re
from collections.abc import Iterable, Mapping

import pandas as pd

MOST = 6  # ids of one stem; more are the numbers of a centre (C1-01 ... C1-40), not samples of a person
YEARS = (
    3.0  # by which the ages at two visits of one person may differ, beside the time between them
)


def stem_of(patient: str, pattern: str) -> str:
    """What is left of an id without the part that tells samples apart; the whole id where it has none. Case does not count."""
    found = re.match(pattern, patient) if pattern else None
    return (found.group(1) if found else patient).casefold()


def different_people(one: Mapping, other: Mapping) -> bool:
    """Whether two rows of the patients sheet cannot be one person: sex, day of birth, person, age."""
    for column in ("person_id", "id1_hash", "id2_hash", "sex", "birth_date"):
        a, b = (str(row.get(column) or "") for row in (one, other))
        if a and b and a not in ("unknown", "nan") and b not in ("unknown", "nan") and a != b:
            return True
    ages = pd.to_numeric(pd.Series([one.get("age"), other.get("age")]), errors="coerce")
    days = pd.to_datetime(
        pd.Series([one.get("index_date"), other.get("index_date")]), errors="coerce"
    )
    gap = (days[1] - days[0]).days / 365.25 if days.notna().all() else 0.0
    return bool(ages.notna().all() and abs(ages[1] - ages[0] - gap) > YEARS)


def same_stem(ids: Iterable[str], patients: pd.DataFrame, pattern: str) -> list[list[str]]:
    """Groups of ids with one stem, each sorted, that may be one person by the sheet.

    Where most groups hold people who differ, the stem is something else (a centre, a ward, a matched pair): none is returned.
    """
    ids = sorted(set(ids))
    rows = patients.set_index("patient_id").fillna("").to_dict("index") if len(patients) else {}
    groups: dict[str, list[str]] = {}
    for patient in ids if pattern else ():
        groups.setdefault(stem_of(patient, pattern), []).append(patient)
    several = [group for group in groups.values() if 1 < len(group) <= MOST]
    too_many = sum(len(group) > MOST for group in groups.values())
    alike = [
        group
        for group in several
        if not any(
            different_people(rows.get(a, {}), rows.get(b, {}))
            for n, a in enumerate(group)
            for b in group[n + 1 :]
        )
    ]
    return alike if 2 * len(alike) > len(several) + too_many else []
