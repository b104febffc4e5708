"""Protein quantities from ions (peptide and charge): median polish fitted on a reference set, then applied run by run.

In: log2 areas, ions x runs. Out: frozen ion levels, run shifts, log2 protein quantities. Missing values stay missing.
Source: Tukey 1977 (median polish; as in MSstats and RMA); median-ratio normalisation as in Dieterle 2006 (PQN).
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

_ROUNDS = 10


def run_shift(values: "np.ndarray", levels: "np.ndarray") -> float:
    """Median of log2 area minus frozen level over the ions that both have; NaN without any. (ions,) and (ions,)."""
    import numpy as np

    difference = np.asarray(values, float) - np.asarray(levels, float)
    difference = difference[~np.isnan(difference)]
    return float(np.median(difference)) if difference.size else float("nan")


def normalise(areas: "pd.DataFrame") -> "pd.DataFrame":
    """Log2 areas (ions x runs) with every run shifted onto the median profile of all runs."""
    table = areas.copy()
    for _ in range(3):
        levels = nan_median(table.to_numpy(), axis=1)
        table = table - [_or_zero(run_shift(table[run].to_numpy(), levels)) for run in table]
    return table


def _or_zero(value: float) -> float:
    return 0.0 if value != value else value


def nan_median(values: "np.ndarray", axis: int) -> "np.ndarray":
    """Median without NaN along an axis of a 2-D array; NaN where nothing is left (numpy's own is 50 times slower)."""
    import numpy as np

    ordered = np.sort(values, axis=axis)  # NaN last
    count = np.expand_dims((~np.isnan(ordered)).sum(axis=axis), axis)
    low = np.take_along_axis(ordered, np.maximum(count - 1, 0) // 2, axis=axis)
    high = np.take_along_axis(ordered, np.minimum(count // 2, ordered.shape[axis] - 1), axis=axis)
    middle = np.where(count > 0, (low + high) / 2, np.nan)
    return np.squeeze(middle, axis=axis)


def median_polish(values: "np.ndarray") -> tuple["np.ndarray", "np.ndarray"]:
    """Row effects (ions) and column effects (runs) of one protein; rows + columns approximate `values` (log2, NaN allowed).

    Column effects are the protein's log2 quantities; the row effects have median 0. NaN for a row or column without values.
    """
    import numpy as np

    residuals = np.array(values, dtype=float)
    rows = np.zeros(residuals.shape[0])
    columns = np.zeros(residuals.shape[1])
    for _ in range(_ROUNDS):
        step = nan_median(residuals, axis=0)
        columns += step
        residuals -= step
        step = nan_median(residuals, axis=1)
        rows += step
        residuals -= step[:, None]
        if not (np.abs(step) > 1e-6).any():
            break
    centre = float(nan_median(rows[None, :], axis=1)[0])
    return rows - centre, columns + centre


def fit_effects(areas: "pd.DataFrame", protein_of: dict[str, str]) -> "pd.DataFrame":
    """Frozen reference of every ion: index ion; columns protein, level (median log2 area), effect (its row effect).

    `areas`: log2 areas of the reference runs (ions x runs), not yet normalised.
    """
    import numpy as np
    import pandas as pd

    values = normalise(areas).to_numpy(float)
    proteins = np.array([protein_of[ion] for ion in areas.index], dtype=object)
    effects = np.full(len(values), np.nan)
    for rows in pd.Series(np.arange(len(values))).groupby(proteins).indices.values():
        effects[rows] = median_polish(values[rows])[0]
    reference = pd.DataFrame(
        {"protein": proteins, "level": nan_median(values, axis=1), "effect": effects},
        index=pd.Index(areas.index, name="ion"),
    )
    return reference.sort_index()


def apply_effects(
    areas: "pd.Series", reference: "pd.DataFrame", min_ions: int
) -> tuple["pd.Series", float, int]:
    """Quantify one run against the frozen reference.

    `areas`: log2 areas, index ion. Returns log2 quantities (index protein; NaN with fewer than `min_ions` ions), the run's
    shift (log2) and the number of reference ions seen.
    """
    import pandas as pd

    values = areas.reindex(reference.index)
    shift = run_shift(values.to_numpy(), reference["level"].to_numpy())
    seen = int(values.notna().sum())
    proteins = sorted(reference["protein"].unique())
    if not seen:
        return pd.Series(float("nan"), index=proteins), float("nan"), 0
    corrected = (values - shift - reference["effect"]).groupby(reference["protein"])
    quantities = corrected.median().where(corrected.count() >= min_ions)
    return quantities.reindex(proteins), shift, seen
