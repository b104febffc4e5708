"""How much of the laboratory sheet could be judged: a check that had nothing to look at is no pass, one of a part says which.

In: cleaned rows, persons, the values that count. Out: QC records. Source: requirements CLN-06, CLN-07, CLE-06, TRF-01, TRF-02;
TRC-02 (missing evidence is never a pass).
"""

import numpy as np
import pandas as pd

from scripts.clinical.choose_values import RULES, USABLE
from scripts.clinical.terminology import Dictionary

NOT_ASSESSED = "NOT_ASSESSED"


def share_verdict(good: int, total: int, said: str) -> tuple[str, str]:
    """Verdict and reason of a check that `good` of `total` rows allow: all PASS, some WARN, none NOT_ASSESSED.

    said : what such a row says, behind "n of m rows"
    """
    if not good:
        return NOT_ASSESSED, f"none of {total} rows {said}"
    return ("PASS", "") if good == total else ("WARN", f"{good} of {total} rows {said}")


def measured(labs: pd.DataFrame) -> pd.DataFrame:
    """Rows of a known variable with a value."""
    return labs[labs["status"].isin([*USABLE, "duplicate"]) & (labs["variable"] != "").to_numpy()]


def record_rows(note, labs: pd.DataFrame, person: pd.DataFrame, dictionary: Dictionary) -> None:
    """CLN-06: which rows carry unit, method and day, and how many could be held against the window. `note` writes one record."""
    rows = measured(labs)
    variables = dictionary.variables
    asked = np.array([bool(variables[n].unit) and not variables[n].qualitative if n else False
                      for n in rows["variable"].cat.categories])  # fmt: skip
    needs_unit = asked[rows["variable"].cat.codes.to_numpy()] if len(rows) else np.zeros(0, bool)
    guessed = (rows["requirement_id"] == "CLE-03") & (rows["unit_raw"] == "")
    index = person["index_date"].reindex(rows["patient_id"].astype(str)).to_numpy()
    dated = rows["date"].notna().to_numpy()
    for check, said, good, total in (
        ("rows say a unit", "with a unit of measure say it", needs_unit & ~guessed.to_numpy(), needs_unit),
        ("rows say a method", "say the method", (rows["method"] != "").to_numpy(), None),
        ("rows say a date", "carry a date that can be read", dated, None),
        ("rows can be held against the window", "carry a date and a patient with index_date",
         dated & ~pd.isna(index), None),
    ):  # fmt: skip
        count = len(rows) if total is None else int(total.sum())
        verdict, reason = share_verdict(int(good.sum()), count, said)
        note("CLN-06", check, verdict, value=int(good.sum()), unit="rows", reason=reason)


def pairs_of_rules(values: pd.DataFrame) -> dict[str, int]:
    """{rule between two values: patients with both}."""
    return {
        name: int(values.reindex(columns=[smaller, larger]).notna().all(axis=1).sum())
        for name, smaller, larger in RULES
    }


def record_pairs(note, values: pd.DataFrame) -> None:
    """CLE-06 where no rule is broken: a pass only where a rule had its two values, with the number of patients for each."""
    pairs = pairs_of_rules(values)
    either = [values.reindex(columns=[a, b]).notna().all(axis=1) for _, a, b in RULES]
    judged = int(np.logical_or.reduce([mask.to_numpy() for mask in either]).sum())
    shown = "; ".join(f"{name}: {n} of {len(values)} patients" for name, n in pairs.items())
    reason = shown if judged else "no patient has both values of any rule"
    verdict = "PASS" if judged else NOT_ASSESSED
    note("CLE-06", "rules between values", verdict, value=judged, unit="patients", reason=reason)


def record_limits(note, labs: pd.DataFrame, divisor: float) -> None:
    """CLN-07: limits keep their sign; without any limit nobody can tell whether signs were lost before."""
    limits = int((labs["censor"] != "").sum())
    reason = f"{limits} values are limits; below a limit counts as limit / {divisor:.4g}"
    if not limits:
        reason = "no value is a limit; whether a sign was lost before cannot be seen"
    verdict = "PASS" if limits else NOT_ASSESSED
    note("CLN-07", "limits keep their sign", verdict, value=limits, unit="rows", reason=reason)


def record_upper_limits(note, labs: pd.DataFrame, said: np.ndarray, limited: list[str]) -> None:
    """TRF-02: rows of the analytes in `limited` (their upper limit enters an index) that say it; else the config's counts.

    said : (rows,) whether the cell is filled; filled cells that are not used are told one by one
    """
    check = "upper limits of normal can be read"
    of_index = labs["variable"].isin(limited).to_numpy()
    rows = measured(labs[of_index])
    filled = int(np.isin(rows.index, labs.index[said]).sum())
    names = ", ".join(limited)
    if not len(rows):
        text = f"no value of {names}"
        note("TRF-02", check, NOT_ASSESSED, value=0, unit="rows", reason=text)
    elif filled < len(rows):
        text = f"{filled} of {len(rows)} rows of {names} say uln; for the others the limit of the config counts"
        note("TRF-02", check, "WARN", value=filled, unit="rows", reason=text)
    elif rows["uln"].notna().all():
        note("TRF-02", check, "PASS", value=filled, unit="rows")


def record_indices(note, table: pd.DataFrame, missing: dict[str, list[str]], number: int) -> None:
    """TRF-02 of every patient: indices by formula, or missing with the reason; not assessed where all are missing."""
    for patient in table.index:
        names = missing.get(patient, [])
        text = f"not computed for want of an input: {', '.join(names)}" if names else ""
        verdict = "PASS" if len(names) < number else NOT_ASSESSED
        note("TRF-02", "indices by formula, or missing with a reason", verdict, patient,
             value=len(names), unit="missing", reason=text)  # fmt: skip


def record_bins(note, values: pd.DataFrame, bins: dict[str, list[float]]) -> None:
    """TRF-01: the declared cut-offs, of variables that somebody has."""
    binned = [name for name in bins if name in values and values[name].notna().any()]
    cuts = "; ".join(f"{name}: {', '.join(map(str, bins[name]))}" for name in binned)
    gone = [name for name in bins if name not in binned]
    if not binned:
        reason = "no variable with declared cut-offs has a value"
    else:
        reason = f"nobody has a value of {', '.join(gone)}" if gone else ""
    verdict = "PASS" if binned else NOT_ASSESSED
    note("TRF-01", "declared bins", verdict, value=len(binned), threshold=cuts, reason=reason)
