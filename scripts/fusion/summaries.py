"""In: what was found in the cohort. Out: plain values for explore.json and associations.json, and tables for Parquet.
Source: docs/outputs.md; a figure gets points without the patients' names.
"""

import json
from pathlib import Path

import numpy as np
import pandas as pd

from scripts.fusion import covariates, factors
from scripts.fusion.training_blocks import Block


def sample_of(patients: pd.Index, most: int, seed: int) -> pd.Index:
    """At most `most` patients, drawn with the seed, sorted."""
    if len(patients) <= most:
        return patients
    return patients[np.sort(np.random.default_rng(seed).choice(len(patients), most, replace=False))]


def top_loadings(weights: np.ndarray, names: list[tuple[str, str]], most: int) -> list[dict]:
    """The features with the largest weights, by size."""
    order = np.argsort(-np.abs(weights), kind="stable")[:most]
    return [
        {"block": names[i][0], "feature": names[i][1], "weight": float(weights[i])} for i in order
    ]


def figure_points(xy: pd.DataFrame, obs: pd.DataFrame, most: int, seed: int) -> dict:
    """Points of a figure with the diagnosis and centre of each; no patient is named."""
    own = xy.loc[sample_of(xy.index, most, seed)]
    known = obs.reindex(own.index)
    return {
        "x": [round(float(v), 3) for v in own.iloc[:, 0]],
        "y": [
            round(float(v), 3) for v in (own.iloc[:, 1] if own.shape[1] > 1 else np.zeros(len(own)))
        ],
        "diagnosis": known["diagnosis"].astype(str).tolist(),
        "centre": known["centre"].astype(str).tolist(),
    }


def long_loadings(weights: np.ndarray, names: list[tuple[str, str]], stem: str) -> pd.DataFrame:
    """Loadings with one line per component and feature."""
    blocks, features = zip(*names, strict=True)
    return pd.DataFrame(
        {
            "component": np.repeat([f"{stem}{i + 1}" for i in range(weights.shape[1])], len(names)),
            "block": list(blocks) * weights.shape[1],
            "feature": list(features) * weights.shape[1],
            "loading": weights.T.ravel(),
        }
    )


def projection_table(model: factors.Factors, ready: dict[str, Block]) -> pd.DataFrame:
    """All that is needed to place a new patient: recipe and weights, one line a feature."""
    parts = []
    for name, features in model.features.items():
        own = ready[name].recipe.loc[features].reset_index(names="feature").assign(block=name)
        own["offset"], own["precision"] = model.means[name], model.precision[name]
        for i in range(model.k):
            own[f"weight{i + 1}"] = model.weights[name][:, i]
            own[f"square{i + 1}"] = model.second[name][:, i]
        parts.append(own)
    return pd.concat(parts, ignore_index=True)


def joint_summary(joint, settings, obs, seed) -> dict:
    """The components of all blocks together, with the points of two figures."""
    most = int(settings["figure_points"])
    found = joint["components"]
    return {
        "share": found.share.tolist(),
        "noise": found.floor,
        "above_noise": found.above_noise,
        "top": [
            top_loadings(column, joint["names"], int(settings["top"]))
            for column in found.loadings.T[:2]
        ],
        "points": figure_points(joint["scores"].iloc[:, :2], obs, most, seed),
        "tsne": figure_points(joint["map"], obs, most, seed),
    }


def factor_summary(joint, above, settings, obs, seed) -> dict:
    """The factors: variance explained in training and test part, what noise reaches, top weights, points of a figure."""
    most = int(settings["figure_points"])
    model = joint["model"]
    names = [(b, f) for b, features in model.features.items() for f in features]
    stacked = np.vstack([model.weights[b] for b in model.features])
    columns = [str(c) for c in joint["r2"].columns]
    best = (above + [c for c in columns if c not in above])[:2]
    return {
        "names": columns,
        "blocks": list(joint["r2"].index),
        "r2": joint["r2"].to_numpy().tolist(),
        "r2_test": joint["r2_test"].to_numpy().tolist() if len(joint["test"]) else None,
        "noise": joint["floors"],
        "above_noise": above,
        "iterations": model.iterations,
        "projection_error": joint["projection_error"],
        "top": [top_loadings(column, names, int(settings["top"])) for column in stacked.T],
        "points": {"axes": best, **figure_points(joint["factors"][best], obs, most, seed)},
    }


def cluster_summary(grouped, space, variables, settings, seed, on_factors) -> dict:
    """The clusters, how they were chosen, and what they go with (permutation p, q)."""
    labels = np.array(grouped["labels"])
    tests = []
    if grouped["k"] > 1:
        for name, values in variables.items():
            if not pd.api.types.is_numeric_dtype(values):
                p = covariates.table_p(labels, values, int(settings["permutations"]), seed)
                counts = pd.crosstab(labels, values.to_numpy())
                tests.append(
                    {
                        "variable": name,
                        "p": p,
                        "counts": {str(c): counts[c].tolist() for c in counts},
                    }
                )
        for test, q in zip(tests, covariates.adjusted_p([t["p"] for t in tests]), strict=True):
            test["q"] = float(q)
    space_name = "factors above noise" if on_factors else "first components of all blocks"
    kept = {key: grouped[key] for key in ("k", "table", "reason")}
    return {**kept, "space": space_name, "dimensions": space.shape[1], "tests": tests}


def rounded(value):
    """JSON values with six decimals; what is not finite becomes null."""
    if isinstance(value, dict):
        return {str(key): rounded(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(entry) for entry in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        return round(value, 6) if np.isfinite(value) else None
    return value


def write_table(path: Path, table: pd.DataFrame) -> None:
    """A table as Parquet with numbers of nine decimals."""
    numbers = table.select_dtypes("float").columns
    table = table.assign(**{c: table[c].round(9) for c in numbers})
    table.to_parquet(path, compression="zstd")


def write_summary(path: Path, summary: dict) -> None:
    """A summary as JSON."""
    text = json.dumps(rounded(summary), sort_keys=True, indent=1, ensure_ascii=False)
    path.write_text(text + "\n", encoding="utf-8")
