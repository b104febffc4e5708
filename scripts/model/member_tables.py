"""In: a cohort, the columns (block, feature) of a member of a model. Out: its table of patients, their centres, and who has
which block.
Source: docs/modelling.md, "Missing blocks".
"""

import numpy as np
import pandas as pd

from scripts.model.cohort_tables import Cohort


def matrix(cohort: Cohort, columns) -> pd.DataFrame:
    """Patients with at least one of the blocks x columns (block, feature); what lacks is NaN."""
    wanted: dict[str, list[str]] = {}
    for block, feature in columns:
        wanted.setdefault(block, []).append(feature)
    parts = {
        block: cohort.tables[block].reindex(columns=features)
        for block, features in wanted.items()
        if block in cohort.tables
    }
    if not parts:
        return pd.DataFrame(columns=pd.MultiIndex.from_tuples(list(columns)), dtype=float)
    joined = pd.concat(parts, axis=1).sort_index()
    return joined.reindex(columns=pd.MultiIndex.from_tuples(list(columns)))


def centres_of(cohort: Cohort, patients) -> np.ndarray:
    """Centre of every patient as text, "" where it is not known."""
    if "centre" not in cohort.obs:
        return np.full(len(patients), "", dtype=object)
    return cohort.obs.loc[patients, "centre"].fillna("").astype(str).to_numpy(dtype=object)


def core_columns(table: pd.DataFrame, settings: dict) -> tuple[tuple[str, str], ...]:
    """Columns (block, feature) that decide whether a patient has a block.

    table : patients who have any of the blocks x columns in use. Of a block with a panel (`core_panels`) those of its panel, of
    another those that at least `core_measured` of its patients have; all where there are none. Derived and rarely measured
    features then turn nobody away.
    """
    panels, found = settings.get("core_panels", {}), []
    blocks = table.columns.get_level_values(0)
    for block in dict.fromkeys(blocks):
        own = table.loc[:, blocks == block].dropna(how="all")
        named = [c for c in own.columns if c[1] in panels.get(block, ())]
        if not named:
            share = own.notna().mean()
            named = list(own.columns[share >= float(settings["core_measured"])])
        found += named or list(own.columns)
    return tuple(found)


def measured_blocks(
    table: pd.DataFrame, minimum_observed: float = 0.0, core: tuple = ()
) -> pd.DataFrame:
    """Patients x blocks: whether a patient has at least this share of a block's core, and any value of it.

    table : as `matrix` gives it; core : columns (block, feature), () for all
    """
    observed = table[list(core)].notna() if core else table.notna()
    blocks = observed.columns.get_level_values(0)
    found = {}
    for block in dict.fromkeys(table.columns.get_level_values(0)):
        share = observed.loc[:, blocks == block].to_numpy(bool).mean(axis=1)
        found[block] = (share >= minimum_observed) & (share > 0)
    return pd.DataFrame(found, index=table.index, dtype=bool)


def present(table: pd.DataFrame, minimum_observed: float, core: tuple = ()) -> pd.DataFrame:
    """Rows that have enough of at least one of their blocks; what else lacks is imputed."""
    return table[measured_blocks(table, minimum_observed, core).any(axis=1).to_numpy()]


def usable_columns(table: pd.DataFrame, maximum_missing: float, joint: bool):
    """Columns measured often enough among those who have the block."""
    if joint:
        return [c for c in table.columns if table[c].notna().any()]
    return [c for c in table.columns if table[c].isna().mean() <= maximum_missing]
