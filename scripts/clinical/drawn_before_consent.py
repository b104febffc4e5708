"""Laboratory values that were drawn before the patient's consent do not count.

In: cleaned rows with `used` and `outside_window`, patients, consents. Out: the rows with those values in quarantine, and who is
concerned. Source: requirement ETH-05 (consent on or before the collection; a waiver that covers clinical data stands for it).
"""

import numpy as np
import pandas as pd

from scripts.clinical.choose_values import USABLE
from scripts.core.gate import not_consented_on

REQUIREMENT = "ETH-05"


def refusals(
    labs: pd.DataFrame, patients: list[dict], consents: list[dict], as_of: str
) -> pd.Series:
    """Why the value of each row was drawn without a consent in force (text by row; "" where one was, or the day is not known)."""
    people = {row["patient_id"]: row for row in patients}
    documents: dict[str, list[dict]] = {}
    for row in consents:
        documents.setdefault(row["patient_id"], []).append(row)
    days = pd.DataFrame({"patient": labs["patient_id"].astype(str), "day": labs["date"]})
    pairs = days.dropna().drop_duplicates()
    whys = [
        not_consented_on(
            people[patient],
            documents.get(patient, []),
            f"{day:%Y-%m-%d}",
            {"clinical"},
            as_of,
        )
        for patient, day in zip(pairs["patient"], pairs["day"], strict=True)
    ]
    told = pairs.assign(why=whys)
    return (
        days.merge(told, on=["patient", "day"], how="left")["why"].fillna("").set_axis(labs.index)
    )


def withhold(
    labs: pd.DataFrame, patients: list[dict], consents: list[dict], as_of: str
) -> tuple[pd.DataFrame, dict[str, tuple[int, str]]]:
    """Put values in quarantine that would count and were drawn without a consent.

    Of a patient concerned every value inside the window of such a day, so that none of them takes the place of another. Older
    values of a patient whose counting ones are covered stay: they are the history of care and are not used.

    Returns
    -------
    rows : as given, with status, requirement_id, reason and value changed; `used` is to be marked anew
    concerned : {patient: (values that would have counted, reason)}
    """
    why = refusals(labs, patients, consents, as_of)
    spoilt = labs["used"] & (why != "")
    if not spoilt.any():
        return labs, {}
    names = labs["patient_id"].astype(str)
    concerned = {
        patient: (len(own), own.iloc[0]) for patient, own in why[spoilt].groupby(names[spoilt])
    }
    rows = names.isin(concerned) & (why != "") & labs["status"].isin(USABLE)
    rows &= ~labs["outside_window"].astype(bool)
    labs = labs.copy()
    texts = why[rows]
    for column, text in (
        ("status", "quarantined"),
        ("requirement_id", REQUIREMENT),
        ("reason", texts),
    ):
        values = labs[column].astype(object)
        values[rows] = text
        known = dict.fromkeys([*labs[column].cat.categories, *values[rows]])
        labs[column] = pd.Categorical(values, categories=list(known))
    labs.loc[rows, "value"] = np.nan
    return labs, concerned


def record(
    step, labs: pd.DataFrame, concerned: dict[str, tuple[int, str]], has_consents: bool
) -> None:
    """ETH-05 of patients with values drawn without a consent (FAIL), and of those whose values have no day (NOT_ASSESSED)."""
    check = "laboratory values drawn after consent"
    for patient, (number, why) in sorted(concerned.items()):
        text = f"{number} laboratory values are not used: {why}"
        step.check(REQUIREMENT, check, "FAIL", value=number, unit="values", reason=text,
                   subject=patient, acts=False)  # fmt: skip
    if not has_consents:
        return
    used = labs[labs["used"].astype(bool)]
    undated = used.loc[used["date"].isna(), "patient_id"].astype(str).value_counts()
    for patient, number in sorted(undated.items()):
        text = f"{number} laboratory values have no date; whether consent came first is not known"
        step.check(REQUIREMENT, check, "NOT_ASSESSED", value=int(number), unit="values",
                   reason=text, subject=patient, acts=False)  # fmt: skip
