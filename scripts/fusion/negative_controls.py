"""In: labels and what says how data were acquired (missing blocks, centre, batch). Out: how well that predicts.
Source: a model on acquisition alone must not predict the label; docs/modelling.md, "Audit".
"""

import numpy as np
import pandas as pd


def mask_columns(tables: dict[str, pd.DataFrame], patients: pd.Index) -> pd.DataFrame:
    """Which blocks a patient has (0/1), and within each the share of missing values and which features are missing.

    A patient without the block gets the mean of those who have it. `tables` hold predictors only.
    """
    out, columns = pd.DataFrame(index=patients), []
    for block, table in tables.items():
        own = table.reindex(patients)
        has = patients.isin(table.index)
        if 0 < has.sum() < len(patients):
            out[f"{block} measured"] = has.astype(float)
        share = own.isna().mean(axis=1).where(has)
        if share.nunique() > 1:
            out[f"{block} missing share"] = share.fillna(share.mean())
        missing = own.isna().astype(float)
        missing = missing.loc[:, missing[has].nunique() > 1].T.drop_duplicates().T
        missing = missing.mask(~pd.Series(has, patients), missing[has].mean(), axis=1)
        columns.append(missing.add_prefix(f"{block} missing "))
    return pd.concat([out, *columns], axis=1)


def one_hot(values: pd.Series) -> pd.DataFrame:
    """Indicator columns of a text column; "" is a level of its own."""
    return pd.get_dummies(values.fillna("").astype(str)).astype(float)


def technical_columns(assays: pd.DataFrame, patients: pd.Index) -> pd.DataFrame:
    """Batch (indicator) and run order of every modality."""
    out = pd.DataFrame(index=patients)
    if not {"patient_id", "modality"} <= set(assays.columns):
        return out
    for modality, own in assays[assays["patient_id"] != ""].groupby("modality"):
        first = own.drop_duplicates("patient_id").set_index("patient_id").reindex(patients)
        if "batch" in first and first["batch"].fillna("").nunique() > 1:
            for name, column in one_hot(first["batch"]).items():
                out[f"{modality} batch {name}"] = column
        if "run_order" in first:
            order = pd.to_numeric(first["run_order"], errors="coerce")
            if order.nunique() > 1:
                out[f"{modality} run order"] = order.fillna(order.mean())
    return out


def control_model(
    name: str,
    X: pd.DataFrame,
    y: np.ndarray,
    groups: np.ndarray,
    minimum: int,
    settings: dict,
    seed: int,
) -> dict:
    """Grouped 5-fold out-of-fold AUC of a ridge logistic regression, mean of 3 repeats, with its
    95 % interval; `flag` when the interval lies above 0.5."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import StratifiedGroupKFold
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    events = int(y.sum())
    out = {"model": name, "n": len(y), "events": events, "columns": X.shape[1], "flag": False}
    X = X.loc[:, X.nunique() > 1]
    reason = ""
    if X.shape[1] == 0:
        reason = "nothing varies"
    elif min(events, len(y) - events) < minimum:
        reason = f"too few patients ({events} hcc, {len(y) - events} controls)"
    if reason:
        return {**out, "status": "NOT_ASSESSED", "reason": reason, "auc": None}
    score = np.zeros(len(y))
    values = X.to_numpy(float)
    for repeat in range(3):
        folds = StratifiedGroupKFold(5, shuffle=True, random_state=seed + repeat)
        for train, test in folds.split(values, y, groups):
            model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1))
            score[test] += model.fit(values[train], y[train]).decision_function(values[test])
    auc = float(roc_auc_score(y, score))
    rng = np.random.default_rng(seed)
    positive, negative = np.flatnonzero(y == 1), np.flatnonzero(y == 0)
    drawn = []
    for _ in range(int(settings["resamples"])):
        a, b = (
            rng.choice(score[positive], len(positive)),
            rng.choice(score[negative], len(negative)),
        )
        wins = np.searchsorted(np.sort(b), a, "left") + np.searchsorted(np.sort(b), a, "right")
        drawn.append(wins.mean() / 2 / len(b))
    low, high = map(float, np.percentile(drawn, [2.5, 97.5]))
    interval = {"value": auc, "low": low, "high": high}
    return {**out, "status": "ASSESSED", "reason": "", "auc": interval, "flag": low > 0.5}
