"""In: sheets of patients, assays, samples and their events. Out: when patients were seen and samples taken, how old samples
were when they were measured, and strata of patients who are alike in it.
Source: time and storage as confounders of a marker study: Ransohoff 2005 (Nat Rev Cancer 5:142), Pepe 2008 (JNCI
100:1432), PROBAST+AI 2025; docs/modelling.md, "Audit".
"""

import numpy as np
import pandas as pd

STEPS = 5  # indicator columns of a date or duration, by equal numbers of patients: it need not act along a line
DAYS_ALIKE = 91  # patients of one quarter of a year count as of one time (project default)


def days(values: pd.Series) -> pd.Series:
    """Days since 1970 of ISO days (with or without a time), NaN where there is none."""
    found = pd.to_datetime(values.astype(str).str[:10], format="%Y-%m-%d", errors="coerce")
    return (found - pd.Timestamp(0)) / pd.Timedelta(days=1)


def dates_of(
    patients: pd.DataFrame, assays: pd.DataFrame, samples: pd.DataFrame, index: pd.Index
) -> pd.DataFrame:
    """Days of index date, enrolment, measurement by modality, collection by specimen; the first of each, columns that are there.

    patients : index patient_id
    """
    out = pd.DataFrame(index=index)
    for column in ("index_date", "enrolment_date"):
        if column in patients:
            out[column.replace("_", " ")] = days(patients[column].reindex(index).fillna(""))
    if {"patient_id", "modality", "date"} <= set(assays.columns):
        own = assays.assign(day=days(assays["date"]))
        for modality, rows in own.groupby("modality"):
            out[f"{modality} date"] = rows.groupby("patient_id")["day"].min().reindex(index)
    if {"patient_id", "collected_at"} <= set(samples.columns):
        own = samples.assign(day=days(samples["collected_at"]))
        kinds = own["specimen"] if "specimen" in own else pd.Series("sample", own.index)
        for specimen, rows in own.groupby(kinds):
            first = rows.groupby("patient_id")["day"].min()
            out[f"{specimen or 'sample'} collected"] = first.reindex(index)
    return out.dropna(axis=1, how="all")


def storage_of(samples: pd.DataFrame, events: pd.DataFrame, index: pd.Index) -> pd.DataFrame:
    """Days from collection, and from freezing, to the measurement (assayed; else thawed, issued); the longest of a patient."""
    out = pd.DataFrame(index=index)
    if not {"sample_id", "patient_id"} <= set(samples.columns):
        return out
    if not {"sample_id", "event", "time"} <= set(events.columns):
        return out
    first = events.assign(day=days(events["time"])).groupby(["event", "sample_id"])["day"].min()
    tubes = samples.drop_duplicates("sample_id").set_index("sample_id")

    def at(event: str) -> pd.Series:
        known = event in first.index.get_level_values(0)
        return first[event].reindex(tubes.index) if known else pd.Series(np.nan, tubes.index)

    collected = days(tubes["collected_at"]) if "collected_at" in tubes else at("collected")
    measured = at("assayed").fillna(at("thawed")).fillna(at("issued"))
    starts = {"age of the sample": collected.fillna(at("collected")), "storage": at("frozen")}
    for name, start in starts.items():
        lasted = (measured - start).groupby(tubes["patient_id"]).max()
        out[name] = lasted.reindex(index)
    return out.dropna(axis=1, how="all")


def as_columns(times: pd.DataFrame) -> pd.DataFrame:
    """Columns of a control model: each duration or date itself and in steps of equal numbers; missing is a level of its own."""
    out = pd.DataFrame(index=times.index)
    for name, values in times.items():
        if values.nunique() < 2:
            continue
        out[name] = values.fillna(values.mean())
        if values.isna().any():
            out[f"{name} not given"] = values.isna().astype(float)
        place = np.ceil(values.rank(method="average") / values.notna().sum() * STEPS)
        for step in range(2, STEPS + 1):
            out[f"{name} step {step}"] = (place == step).astype(float)
    return out


def periods(times: pd.DataFrame) -> pd.Series:
    """Stratum of every patient: quarters of years of the first column that tells most patients apart, "" without one."""
    varying = times.loc[:, times.nunique() > 1]
    if varying.empty:
        return pd.Series("", index=times.index)
    chosen = varying[varying.notna().sum().idxmax()]
    quarter = np.floor(chosen / DAYS_ALIKE)
    return quarter.map(lambda value: "" if np.isnan(value) else f"{value:.0f}")


def patterns(columns: pd.DataFrame) -> pd.Series:
    """Stratum of every patient: who has the same value in every column (batches)."""
    if columns.empty:
        return pd.Series("", index=columns.index)
    rows = [" ".join(f"{value:g}" for value in row) for row in columns.to_numpy(float)]
    return pd.Series(rows, index=columns.index)
