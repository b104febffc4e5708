"""In: a locked model of three or more classes, new patients. Out: what is written for each of them.
Source: docs/modelling.md, "Three or more classes". There are no thresholds, intervals and contributions: they are for one event.
"""

import pandas as pd

from scripts.model import class_performance, classes, discrimination, fused
from scripts.model.cohort_tables import Cohort

SHARED = ["pattern", "calibrated_on", *discrimination.COLUMNS]
SHARED += ["out_of_range", "outside", "flags", "read_as", "not_used", "refused"]


def columns_of(description: dict) -> list[str]:
    """Columns of the table: the class called, a probability of each class, what is said of every patient."""
    named = [f"probability {name}" for name in description["outcome"]["classes"]]
    return ["bundle", "centre", "class", *named, *SHARED]


def predict(
    model: fused.FusedModel, description: dict, cohort: Cohort, refusals: dict[str, str]
) -> pd.DataFrame:
    """Index patient_id; class ("" when refused) and probabilities of all classes, which add up to one.

    model : as the bundle holds it (classes packed); refusals : {patient: reason} of those who get no probability
    """
    scores = class_performance.call(classes.unpacked(model, description), description, cohort)
    names = description["outcome"]["classes"]
    renamed = dict(
        zip(classes.probability_columns(names), [f"probability {n}" for n in names], strict=True)
    )
    scores = scores.rename(columns=renamed)
    refuse(scores, refusals)
    scores["centre"] = cohort.obs["centre"].astype(str)
    return scores


def refuse(scores: pd.DataFrame, refusals: dict[str, str]) -> None:
    """Take class and probabilities from these patients, for these reasons."""
    shares = [column for column in scores if column.startswith("probability ")]
    for patient, reason in refusals.items():
        if not scores.loc[patient, "refused"]:
            scores.loc[patient, "refused"] = reason
            scores.loc[patient, ["class", "calibrated_on"]] = ""
            scores.loc[patient, shares] = float("nan")
