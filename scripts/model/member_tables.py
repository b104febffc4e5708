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


def present(table: pd.DataFrame, minimum_observed: float, joint: bool) -> pd.DataFrame:
    """Rows with enough observed values; a joint table needs any value, its blocks are imputed."""
    share = table.notna().mean(axis=1)
    return table[share > 0] if joint else table[share >= minimum_observed]


def usable_columns(table: pd.DataFrame, maximum_missing: float, joint: bool):
    """Columns measured often enough among those who have the block."""
    if joint:
        return [c for c in table.columns if table[c].notna().any()]
    return [c for c in table.columns if table[c].isna().mean() <= maximum_missing]


def measured_blocks(table: pd.DataFrame) -> pd.DataFrame:
    """Patients x blocks: whether a patient has any value of the block; table : as `matrix` gives it."""
    observed = table.notna().to_numpy()
    blocks = table.columns.get_level_values(0).to_numpy()
    found = {block: observed[:, blocks == block].any(axis=1) for block in dict.fromkeys(blocks)}
    return pd.DataFrame(found, index=table.index)
