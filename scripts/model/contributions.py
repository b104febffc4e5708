"""In: a fused model, patients and their scores. Out: what each block and feature adds to a patient's log odds.
Source: linear pipelines exactly (coefficient x scaled value); trees by SHAP (Lundberg 2020) as XGBoost computes it. The parts of
a patient, with the base, add up to the log odds of the probability.
"""

import numpy as np
import pandas as pd
from scipy.special import logit

from scripts.model import fused, member_tables, rules
from scripts.model.cohort_tables import Cohort

COLUMNS = ["block", "feature", "value", "unit", "low", "high", "range", "contribution"]
BASE = "(base)"
WHOLE = "(all)"  # a learner without parts by feature: its block as one
SMALLEST = 1e-12  # log odds; a smaller part is rounding of a feature that is not used


def prepared(member: fused.TrainedMember, values: np.ndarray, centre: np.ndarray) -> np.ndarray:
    """Values as a member's preparation takes them: without the shifts of centres where it harmonises."""
    return values if member.harmoniser is None else member.harmoniser.apply(values, centre)[0]


def parts_of(
    member: fused.TrainedMember, table: pd.DataFrame, centre: np.ndarray
) -> tuple[list, np.ndarray, np.ndarray]:
    """Columns, (patients x columns) parts and (patients,) base of a member's uncalibrated log odds.

    table : patients x member.columns, NaN = missing; centre : (patients,). Neither linear
    nor XGBoost: one column (block, "(all)").
    """
    from scripts.model import pipelines

    ready = member.preparation.transform(prepared(member, table.to_numpy(float), centre))
    total = np.asarray(pipelines.decision(member.model, ready), float)
    kept = fused.kept_columns(member.preparation, member.columns)
    if getattr(member.model, "coef_", None) is not None:
        parts = np.asarray(ready, float) * member.model.coef_[0]
    elif hasattr(member.model, "get_booster"):
        from xgboost import DMatrix

        booster = member.model.get_booster()
        parts = booster.predict(DMatrix(ready), pred_contribs=True)[:, :-1].astype(float)
    else:
        block = "+".join(member.member.blocks)
        return [(block, WHOLE)], total[:, None], np.zeros(len(total))
    return kept, parts, total - parts.sum(axis=1)


def contributions(
    model: fused.FusedModel, description: dict, cohort: Cohort, scores: pd.DataFrame
) -> pd.DataFrame:
    """Long table, index patient_id, sorted by patient and falling size; the base of each patient first.

    contribution is in log odds of the final probability: the sum over a patient's rows is logit(probability). Patients without
    a probability have no rows. range : inside, below, above (the training range) or missing (not measured, or withheld by a rule:
    the median was taken).
    """
    found, seen = [], rules.withheld(cohort, model.rules)
    about = {(e["block"], e["feature"]): e for e in description["features"]}
    own = {m.member.name: m for m in model.members}
    for used in sorted(set(scores["calibrated_on"]) - {""}):
        patients = scores.index[scores["calibrated_on"] == used]
        names = used.split("+")
        _, slope = model.calibration(tuple(names))
        table = pd.DataFrame(index=patients)
        centre = member_tables.centres_of(cohort, patients)
        for name, share in zip(names, model.shares(names), strict=True):
            member = own[name]
            values = member_tables.matrix(seen, member.columns).reindex(patients)
            kept, parts, _ = parts_of(member, values, centre)
            weight = slope * member.slope * share
            for position, column in enumerate(kept):
                part = weight * parts[:, position]
                table[column] = table[column] + part if column in table else part
        table = table.mul(_stretch(scores, patients), axis=0)
        found.append(_long(table, scores.loc[patients, "probability"], seen, about))
    if not found:
        return pd.DataFrame(columns=COLUMNS).rename_axis("patient_id")
    out = pd.concat(found)
    out["size"] = np.where(out["block"] == BASE, np.inf, out["contribution"].abs())
    out = out.reset_index().sort_values(["patient_id", "size"], ascending=[True, False])
    return out.set_index("patient_id")[COLUMNS]


def _stretch(scores: pd.DataFrame, patients) -> pd.Series:
    """Slope of the recalibration of a patient's centre, 1 where there is none."""
    if "centre_slope" not in scores:
        return pd.Series(1.0, index=patients)
    return scores.loc[patients, "centre_slope"].astype(float)


def _long(table: pd.DataFrame, probability: pd.Series, cohort: Cohort, about: dict) -> pd.DataFrame:
    rows = []
    for patient, line in table.iterrows():
        total = float(logit(probability[patient]))
        empty = dict.fromkeys(COLUMNS, "")
        base = {**empty, "block": BASE, "contribution": total - float(line.sum())}
        rows.append({"patient_id": patient, **base})
        for (block, feature), part in line.items():
            if abs(part) < SMALLEST:
                continue
            entry = about.get((block, feature), {"unit": "", "low": np.nan, "high": np.nan})
            value = _value(cohort, patient, block, feature)
            where = "" if feature == WHOLE else place(value, entry["low"], entry["high"])
            rows.append(
                {
                    "patient_id": patient,
                    "block": block,
                    "feature": feature,
                    "value": value,
                    "unit": entry["unit"],
                    "low": entry["low"],
                    "high": entry["high"],
                    "range": where,
                    "contribution": float(part),
                }
            )
    return pd.DataFrame(rows).set_index("patient_id")


def _value(cohort: Cohort, patient: str, block: str, feature: str) -> float:
    table = cohort.tables.get(block)
    if table is None or feature not in table or patient not in table.index:
        return float("nan")
    return float(table.loc[patient, feature])


def place(value: float, low: float, high: float) -> str:
    """Where a value lies against the training range: inside, below, above; missing when there is none."""
    if np.isnan(value):
        return "missing"
    return "below" if value < low else "above" if value > high else "inside"
