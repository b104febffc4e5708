"""In: labels and what says how data were acquired (missing blocks, centre, batch). Out: how well that predicts.
Source: a model on acquisition alone must not predict the label; docs/modelling.md, "Audit".
"""

import numpy as np
import pandas as pd

from scripts.core import auc_interval
from scripts.fusion import acquisition
from scripts.fusion.class_separation import MINIMUM_CLASS


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
        missing = missing.loc[:, missing[has].nunique() > 1]
        first = {missing[column].to_numpy().tobytes(): column for column in missing.columns[::-1]}
        kept = set(first.values())  # of features that are missing in the same patients, the first
        missing = missing[[column for column in missing if column in kept]]
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
    names: list[str],
    minimum: int,
    settings: dict,
    seed: int,
) -> dict:
    """Grouped 5-fold out-of-fold AUC of a ridge logistic regression, mean of 3 repeats, with its
    95 % interval; `flag` when the interval lies above 0.5; `scores`, its decision values (patients x columns of labels).

    y : positions of the classes in `names`; of three or more classes it is the mean over one against the rest.
    """
    counts = np.bincount(y, minlength=len(names))
    out = {"model": name, "n": len(y), "events": int(counts[1]), "columns": X.shape[1]}
    out["flag"] = False
    X = X.loc[:, X.nunique() > 1]
    reason = ""
    if X.shape[1] == 0:
        reason = "nothing varies"
    elif counts.min() < minimum:
        plural = "s" if names[0] == "control" else ""
        shown = f"{counts[1]} {names[1]}, {counts[0]} {names[0]}{plural}"
        if len(names) > 2:
            shown = ", ".join(f"{n} {c}" for n, c in zip(counts, names, strict=True))
        reason = f"too few patients ({shown})"
    if reason:
        return {**out, "status": "NOT_ASSESSED", "reason": reason, "auc": None, "scores": None}
    events = range(1, 2) if len(names) == 2 else range(len(names))
    labels = np.column_stack([(y == code).astype(int) for code in events])
    score = out_of_fold(X.to_numpy(float), y, labels, groups, seed)
    rng = np.random.default_rng(seed)
    auc, drawn = np.zeros(labels.shape[1]), np.zeros((int(settings["resamples"]), labels.shape[1]))
    for column in range(labels.shape[1]):
        auc[column], drawn[:, column] = resampled(labels[:, column], score[:, column], rng, drawn)
    low, high = map(float, np.percentile(drawn.mean(axis=1), [2.5, 97.5]))
    sizes = [auc_interval.class_sizes(label, groups) for label in labels.T]
    interval = auc_interval.opened({"value": float(auc.mean()), "low": low, "high": high}, *sizes)
    found = {"status": "ASSESSED", "reason": "", "auc": interval, "flag": interval["low"] > 0.5}
    return {**out, **found, "scores": score}


def score_table(controls: list[dict], strata: dict[str, pd.Series], patients: pd.Index):
    """Take the scores out of control models: one line a model and patient, with its stratum ("" = not known or none)."""
    tables = []
    for control in controls:
        score = control.pop("scores")
        if score is None:
            continue
        table = pd.DataFrame({"model": control["model"], "patient_id": patients.astype(str)})
        own = strata.get(control["model"])
        table["stratum"] = "" if own is None else own.reindex(patients).to_numpy(str)
        for column in range(score.shape[1]):
            table[f"score{column}"] = score[:, column]
        tables.append(table)
    empty = pd.DataFrame(columns=["model", "patient_id", "stratum", "score0"], dtype=str)
    return pd.concat(tables, ignore_index=True) if tables else empty


def out_of_fold(values, y, labels, groups, seed) -> np.ndarray:
    """Decision values of every label column (patients x columns), summed over three shufflings of five folds."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedGroupKFold
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    score = np.zeros(labels.shape)
    for repeat in range(3):
        folds = StratifiedGroupKFold(5, shuffle=True, random_state=seed + repeat)
        for train, test in folds.split(values, y, groups):
            for column in range(labels.shape[1]):
                model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1))
                model.fit(values[train], labels[train, column])
                score[test, column] += model.decision_function(values[test])
    return score


def resampled(label, score, rng, drawn) -> tuple[float, np.ndarray]:
    """AUC and the AUCs of stratified resamples, as many as `drawn` has rows."""
    from sklearn.metrics import roc_auc_score

    positive, negative = np.flatnonzero(label == 1), np.flatnonzero(label == 0)
    found = np.zeros(len(drawn))
    for number in range(len(drawn)):
        a = rng.choice(score[positive], len(positive))
        b = np.sort(rng.choice(score[negative], len(negative)))
        wins = np.searchsorted(b, a, "left") + np.searchsorted(b, a, "right")
        found[number] = wins.mean() / 2 / len(b)
    return float(roc_auc_score(label, score)), found


def control_models(
    tables,
    dictionaries,
    patients,
    assays,
    split,
    classes,
    names,
    settings,
    seed,
    samples=None,
    events=None,
) -> tuple[list[dict], pd.DataFrame]:
    """Negative controls on the training part, and their scores by patient; blocks without predictors are left out.

    samples, events : sheets of samples and what was done with them, None where there are none
    """
    train = split[split["part"] == "train"].set_index("patient_id").sort_index()
    own = patients.set_index("patient_id").reindex(train.index)
    y = classes.reindex(train.index).map({n: code for code, n in enumerate(names)}).to_numpy(int)
    groups = train["group"].to_numpy(str)
    predicting = {}
    for block, table in tables.items():
        roles = dictionaries[block]["role"].reindex(table.columns)
        if (roles == "predictor").any():
            predicting[block] = table.loc[:, (roles == "predictor").to_numpy()]
    technical = technical_columns(assays, train.index)
    for block, table in tables.items():
        for name in dictionaries[block].index[dictionaries[block]["role"] == "qc"]:
            values = table[name].reindex(train.index)
            technical[f"{block} {name}"] = values.fillna(values.median()).fillna(0.0)
    batches = technical[[name for name in technical if " batch " in name]]
    none = pd.DataFrame()
    samples, events = (none if sheet is None else sheet for sheet in (samples, events))
    times = acquisition.dates_of(own, assays, samples, train.index)
    storage = acquisition.storage_of(samples, events, train.index)
    candidates = {
        "missing mask": mask_columns(predicting, train.index),
        "centre": one_hot(own["centre"]),
        "batch": batches,
        "technical": technical,
        "calendar time": acquisition.as_columns(times),
        "sample age": acquisition.as_columns(storage),
    }
    strata = {
        "centre": own["centre"].fillna("").astype(str),
        "batch": acquisition.patterns(batches),
        "calendar time": acquisition.periods(times),
        "sample age": acquisition.periods(storage),
    }
    found = [
        control_model(name, X, y, groups, names, MINIMUM_CLASS, settings, seed)
        for name, X in candidates.items()
    ]
    return found, score_table(found, strata, train.index)
