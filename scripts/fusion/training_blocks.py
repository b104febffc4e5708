"""In: results/cohort/cohort.h5mu. Out: per block the predictors of the training part, made ready for methods that look
for structure without labels: filtered, logged where skewed, scaled, missing values kept; the recipe is applied to new patients.
Source: docs/modelling.md, "Unsupervised view"; limits are those of the model (config section model).
"""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from scripts.core.cohort_file import read_blocks, stable

NO_PREDICTOR = "no predictor in its dictionary"
LIMIT_SD = 5.0  # scaled values are held within this; one wild value must not make a component


@dataclass
class Block:
    """One block, ready.

    train, test : patients x features, mean 0 and SD 1 over the training patients, missing = NaN
    recipe : index feature; logged (bool), mean, sd of the (logged) training values
    dropped : {reason: number of features}
    """

    name: str
    train: pd.DataFrame
    test: pd.DataFrame
    recipe: pd.DataFrame
    dropped: dict[str, int] = field(default_factory=dict)


@dataclass
class Parts:
    """The development cohort: obs (index patient_id; label, part, diagnosis, centre ...), tables and dictionaries by block."""

    obs: pd.DataFrame
    tables: dict[str, pd.DataFrame]
    dictionaries: dict[str, pd.DataFrame]

    def patients(self, part: str) -> pd.Index:
        """Patients of one part of the split, sorted."""
        return self.obs.index[(self.obs["part"] == part).to_numpy()]


def read_parts(path: str | Path) -> Parts:
    """The cohort file; an empty one (no block had a row) gives no patients."""
    return Parts(*read_blocks(path)[:3])


def stable_predictors(dictionary: pd.DataFrame, settings: dict) -> list[str]:
    """Features with the role predictor whose stability is not measured or passes (ICC above, RSD not above its limit)."""
    keep = (dictionary["role"].astype(str) == "predictor") & stable(dictionary, settings)
    return [str(name) for name in dictionary.index[keep.to_numpy()]]


def share_of_commonest(table: pd.DataFrame) -> np.ndarray:
    """Per column the share of its commonest value among those that are there; 1 for an empty column."""
    return np.array(
        [
            column.value_counts(normalize=True).max() if column.notna().any() else 1.0
            for _, column in table.items()
        ]
    )


def prepare(name: str, train: pd.DataFrame, test: pd.DataFrame, settings: dict) -> Block:
    """Filter, log and scale one block by its training patients.

    settings : maximum_missing, minimum_observed, maximum_same, maximum_skew. A feature is dropped when too many values are
    missing or the same; a patient with too few of the features that are left counts as not having the block.
    """
    dropped = {}
    missing = train.isna().mean().to_numpy() if len(train) else np.ones(train.shape[1])
    kept = train.loc[:, missing <= float(settings["maximum_missing"])]
    dropped["missing"] = train.shape[1] - kept.shape[1]
    enough = kept.notna().mean(axis=1) >= float(settings["minimum_observed"])
    kept = kept[enough.to_numpy()] if kept.shape[1] else kept.iloc[:0]
    varies = share_of_commonest(kept) <= float(settings["maximum_same"])
    dropped["one value"] = int((~varies).sum())
    kept = kept.loc[:, varies]
    low, skew = kept.min(), kept.skew()
    logged = ((low >= 0) & (skew > float(settings["maximum_skew"]))).to_numpy()
    values = _log(kept, logged)
    recipe = pd.DataFrame(
        {"logged": logged, "mean": values.mean(), "sd": values.std(ddof=0)}, index=kept.columns
    )
    flat = ~(recipe["sd"] > 1e-12).to_numpy()
    dropped["one value"] += int(flat.sum())
    recipe = recipe[~flat]
    ready = apply_recipe(recipe, kept)
    held_out = test.reindex(columns=recipe.index)
    enough = held_out.notna().mean(axis=1) >= float(settings["minimum_observed"])
    held_out = (
        apply_recipe(recipe, held_out[enough.to_numpy()]) if len(recipe) else held_out.iloc[:0]
    )
    return Block(name, ready, held_out, recipe, {k: v for k, v in dropped.items() if v})


def _log(table: pd.DataFrame, logged: np.ndarray) -> pd.DataFrame:
    values = table.to_numpy(float).copy()
    values[:, logged] = np.log1p(np.maximum(values[:, logged], 0.0))
    return pd.DataFrame(values, index=table.index, columns=table.columns)


def apply_recipe(recipe: pd.DataFrame, table: pd.DataFrame) -> pd.DataFrame:
    """Patients in the units of the training part: (log of) values, minus mean, over SD, within 5 SD; missing stays NaN."""
    values = _log(table.reindex(columns=recipe.index), recipe["logged"].to_numpy(bool))
    scaled = (values - recipe["mean"]) / recipe["sd"]
    return scaled.clip(-LIMIT_SD, LIMIT_SD)


def prepare_all(parts: Parts, settings: dict) -> tuple[dict[str, Block], list[dict]]:
    """Every block that has enough patients and features, and for every block why or why not.

    settings : those of `prepare`, icc_minimum, rsd_maximum, minimum_patients, minimum_features
    """
    train, test = parts.patients("train"), parts.patients("test")
    ready, notes = {}, []
    for name, table in parts.tables.items():
        predictors = stable_predictors(parts.dictionaries[name], settings)
        own = table[[p for p in predictors if p in table.columns]]
        block = prepare(name, own[own.index.isin(train)], own[own.index.isin(test)], settings)
        n, p = block.train.shape
        reason = ""
        if not predictors:
            reason = NO_PREDICTOR
        elif p < int(settings["minimum_features"]):
            reason = f"{p} usable features; at least {settings['minimum_features']} are needed"
        elif n < int(settings["minimum_patients"]):
            reason = (
                f"{n} training patients have it; at least {settings['minimum_patients']} are needed"
            )
        if not reason:
            ready[name] = block
        notes.append(
            {
                "block": name,
                "used": not reason,
                "reason": reason,
                "n": n,
                "features": p,
                "dropped": block.dropped,
            }
        )
    return ready, notes


def most_informative(block: Block, most: int, one_unit: bool) -> Block:
    """The block with at most `most` features.

    In a block of one unit the features with the largest SD before scaling stay; where units differ, an SD says nothing, so
    those stay that the first ten components explain best. No label is used.
    """
    if block.train.shape[1] <= most:
        return block
    if one_unit:
        worth = block.recipe["sd"].to_numpy()
    else:
        from scripts.fusion.components import principal_components

        found = principal_components(block.train.fillna(0.0).to_numpy(), 10, 0)
        worth = ((found.loadings * np.sqrt(found.share)) ** 2).sum(axis=1)
    keep = np.sort(np.argsort(-worth, kind="stable")[:most])
    names = block.train.columns[keep]
    dropped = {**block.dropped, "beyond the limit of features": block.train.shape[1] - most}
    return Block(
        block.name, block.train[names], block.test[names], block.recipe.loc[names], dropped
    )
