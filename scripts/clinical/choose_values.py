"""One value per patient and variable: the one nearest to the index date, never after treatment.

In: cleaned laboratory rows, patients, history. Out: which rows count, a wide table, and what was
noticed on the way.
Source: requirements CLN-06 (index window), CLE-05 (near duplicates), CLE-06 (rules between fields),
CLE-02 (outliers).
"""

import numpy as np
import pandas as pd

USABLE = ("ok", "repaired")
# (name, what must hold, variable, other variable): the first must not exceed the second.
RULES = (
    ("direct bilirubin up to total bilirubin", "dbil", "tbil"),
    ("albumin below total protein", "alb", "tp"),
)


def mark_used(
    table: pd.DataFrame,
    index_date: pd.Series,
    treatment: pd.Series,
    window_days: int,
    as_of: str = "2100-01-01",
) -> pd.DataFrame:
    """Add `days` (from the index date) and `used` to cleaned rows.

    Of the usable rows of a patient and variable the one nearest to the index date counts, before it
    rather than after at the
    same distance, the earlier line where all is equal. Rows outside the window or on and after the
    day of treatment do not
    count; rows without a date count only where no dated row does, and not for a patient who was
    treated by `as_of` (ISO date), because they may be from after it. Without an index date the earliest row counts.
    """
    table = table.copy()
    index = _of_patient(table["patient_id"], index_date)
    date = pd.DatetimeIndex(table["date"])
    days = (date - index).days.to_numpy(dtype=float)
    usable = (table["status"].isin(USABLE) & table["value"].notna()).to_numpy()
    start = _of_patient(table["patient_id"], treatment)
    treated = (date >= start) | (date.isna() & (start <= pd.Timestamp(as_of)))
    in_window = np.isnan(days) | (np.abs(days) <= window_days)
    candidate = usable & in_window & ~treated
    order = pd.DataFrame(
        {
            "patient": table["patient_id"].cat.codes,
            "variable": table["variable"].cat.codes,
            "undated": np.isnat(table["date"].to_numpy()),
            "distance": np.abs(np.nan_to_num(days, nan=0.0)),
            "when": np.where(np.isnat(table["date"].to_numpy()), 0, date.asi8),
            "line": table["line"],
        }
    )[candidate].sort_values(["patient", "variable", "undated", "distance", "when", "line"])
    first = order.drop_duplicates(["patient", "variable"]).index
    table["days"] = days
    table["used"] = False
    table.loc[first, "used"] = True
    table["outside_window"] = usable & (~in_window | treated)
    return table


def _of_patient(patient_id: pd.Series, day: pd.Series) -> pd.DatetimeIndex:
    """The day of each row's patient (`day`: by patient), looked up once a patient; NaT where there is none."""
    names = patient_id.cat
    return pd.DatetimeIndex(pd.to_datetime(day.reindex(names.categories)))[names.codes]


def wide_table(table: pd.DataFrame, column: str, patients: list[str]) -> pd.DataFrame:
    """Patients x variables of the rows that count (at most one for each pair), float; NaN where there is none."""
    used = table[table["used"] & (table["variable"] != "")]
    patient, variable = used["patient_id"].cat, used["variable"].cat
    names = sorted(variable.categories[np.unique(variable.codes)])
    row = pd.Index(patients).get_indexer(patient.categories)[patient.codes]
    place = pd.Index(names).get_indexer(variable.categories)[variable.codes]
    values = np.full((len(patients), len(names)), np.nan)
    values[row[row >= 0], place[row >= 0]] = used[column].to_numpy(dtype=float)[row >= 0]
    return pd.DataFrame(values, pd.Index(patients, name="patient_id"), names)


def near_duplicates(table: pd.DataFrame) -> pd.DataFrame:
    """Pairs of patient, variable and day with more than one usable value that differs: columns
    patient_id, variable, n."""
    usable = table[table["status"].isin(USABLE)]
    keys = ["patient_id", "variable", "date"]
    counts = usable.groupby(keys, observed=True, dropna=False)["value"].agg(["nunique"])
    counts = counts[counts["nunique"] > 1].reset_index()
    return counts.rename(columns={"nunique": "n"})


def broken_rules(wide: pd.DataFrame) -> list[tuple[str, str, float, float]]:
    """(patient, rule, value, limit) where two values of one patient contradict each other."""
    found = []
    for name, smaller, larger in RULES:
        if smaller in wide and larger in wide:
            bad = wide[wide[smaller] > wide[larger] * (1 + 1e-9)]
            found += [
                (p, name, a, b)
                for p, a, b in zip(bad.index, bad[smaller], bad[larger], strict=True)
            ]
    return sorted(found)


def outliers(
    wide: pd.DataFrame, soft: dict[str, tuple[float, float]], z_limit: float
) -> list[tuple]:
    """(patient, variable, value, why): values outside the soft range or more than `z_limit` robust
    SD from the median.

    The robust z is taken on the log scale for positive variables, from median and MAD x 1.4826; the
    values stay as they are.
    """
    found = []
    for variable in sorted(wide.columns):
        values = wide[variable].dropna()
        low, high = soft.get(variable, (np.nan, np.nan))
        flagged = dict.fromkeys(
            values.index[(values < low) | (values > high)], f"outside {low:g} to {high:g}"
        )
        if len(values) >= 20 and values.nunique() > 2 and (values > 0).all():
            logs = np.log(values)
            spread = 1.4826 * float((logs - logs.median()).abs().median())
            if spread > 0:
                z = (logs - logs.median()) / spread
                for patient in values.index[z.abs() > z_limit]:
                    flagged.setdefault(patient, f"robust z {z[patient]:.1f}")
        found += [(p, variable, float(values[p]), flagged[p]) for p in sorted(flagged)]
    return found


def same_profiles(
    wide: pd.DataFrame, person: pd.DataFrame, least: int = 6
) -> list[tuple[str, str]]:
    """(later, first) patients with the same age, sex and all the same values, at least `least` of
    them."""
    known = wide.notna().sum(axis=1) >= least
    profile = pd.concat(
        [person.loc[wide.index, ["age", "sex"]].astype(str), wide.round(6)], axis=1
    )[known]
    if profile.empty:
        return []
    first: dict[int, str] = {}
    found = []
    for patient, key in pd.util.hash_pandas_object(profile, index=False).items():
        if first.setdefault(key, patient) != patient:
            found.append((patient, first[key]))
    return found
