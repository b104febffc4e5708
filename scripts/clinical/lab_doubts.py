"""Rows of labs.tsv that a check doubts without taking them out: the row itself says so.

In: cleaned rows, the values that count. Out: the rows with a column `doubt`, requirement and what is doubted ("" for none).
Source: requirements CLE-02, CLE-05, CLE-06; the same checks write the QC records (lab_records.py).
"""

import numpy as np
import pandas as pd

from scripts.clinical import choose_values
from scripts.clinical.terminology import Dictionary


def marked(
    labs: pd.DataFrame, values: pd.DataFrame, dictionary: Dictionary, outlier_z: float
) -> pd.DataFrame:
    """`labs` with `doubt`: values that contradict each other, outliers, several values of one day; "; " between two."""
    found: dict[tuple[str, str], list[str]] = {}
    pairs = {name: (smaller, larger) for name, smaller, larger in choose_values.RULES}
    for patient, rule, *_ in choose_values.broken_rules(values):
        for variable in pairs[rule]:
            found.setdefault((patient, variable), []).append(f"CLE-06: {rule}")
    soft = {name: variable.soft for name, variable in dictionary.variables.items()}
    for patient, variable, _, why in choose_values.outliers(values, soft, outlier_z):
        found.setdefault((patient, variable), []).append(f"CLE-02: {why}")
    doubt = np.full(len(labs), "", dtype=object)
    doubted = sorted({patient for patient, _ in found})
    places = np.flatnonzero((labs["used"] & labs["patient_id"].isin(doubted)).to_numpy())
    for place, row in zip(places, labs.iloc[places].itertuples(index=False), strict=True):
        doubt[place] = "; ".join(found.get((str(row.patient_id), str(row.variable)), ()))
    usable = labs[labs["status"].isin(choose_values.USABLE)]
    keys = ["patient_id", "variable", "date"]
    values_a_day = usable.groupby(keys, observed=True, dropna=False)["value"].transform("nunique")
    for place in np.flatnonzero(labs.index.isin(usable.index[values_a_day > 1])):
        doubt[place] = "; ".join(filter(None, [doubt[place], "CLE-05: another value of this day"]))
    return labs.assign(doubt=pd.Categorical(doubt))
