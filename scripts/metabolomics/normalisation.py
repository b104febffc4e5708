"""Levels, drift and dilution of log2 areas, the same for LC-MS and GC-MS.

In: log2 areas of QC runs and of one run. Out: QC level and RSD of each feature; the run on the reference's scale.
Source: Broadhurst et al. 2018, Metabolomics 14:72 (QC rules); PQN: Dieterle et al. 2006, Anal Chem 78:4281.
"""

from typing import TYPE_CHECKING

from scripts.metabolomics.drift import fit_drift, leave_one_out, relative_sd
from scripts.metabolomics.run_sheet import run_order

if TYPE_CHECKING:
    import numpy as np


def qc_quality(rows: list[dict], values: "np.ndarray", settings: dict) -> dict:
    """What the QC runs say: level (median of the batch medians), rsd_before, rsd (held out, after drift and PQN)."""
    import numpy as np

    medians_, residuals, raw = [], [], []
    for batch in sorted({row["batch"] for row in rows}):
        members = [i for i, row in enumerate(rows) if row["batch"] == batch]
        order = np.array([run_order(rows[i]) for i in members])
        part = values[members]
        drift = fit_drift(order, part, settings["drift_spans"], settings["min_qcs_for_curve"])
        left_out = leave_one_out(order, part, drift.method)
        residuals.append(left_out - row_median(left_out))
        medians_.append(nanmedian(part))
        raw.append(part - medians_[-1])
    return {
        "level": nanmedian(np.array(medians_)),
        "rsd_before": relative_sd(np.concatenate(raw)),
        "rsd": relative_sd(np.concatenate(residuals)),
    }


def blank_ratio(blanks: "np.ndarray", level: "np.ndarray") -> "np.ndarray":
    """(features,) median area of the blanks that show the peak over the QC level; 0 when none does; NaN without blanks.

    blanks : (blanks, features) log2 areas, NaN = no peak; level : (features,) log2 area of the QC runs
    """
    import numpy as np

    if not blanks.shape[0]:
        return np.full(level.size, np.nan)
    ratio = 2.0 ** (nanmedian(blanks) - level)
    return np.where(np.isfinite(blanks).any(axis=0), ratio, 0.0)


def nanmedian(values: "np.ndarray") -> "np.ndarray":
    """(columns,) median over rows, NaN left out; NaN where all is missing."""
    import warnings

    import numpy as np

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # all missing: NaN
        return np.nanmedian(values, axis=0)


def row_median(values: "np.ndarray") -> "np.ndarray":
    """(rows, 1) median over columns, NaN left out; 0 where all is missing."""
    import numpy as np

    return np.nan_to_num(nanmedian(values.T))[:, None]


def to_reference_level(
    values: "np.ndarray", drift: "np.ndarray", level: "np.ndarray"
) -> "np.ndarray":
    """(features,) log2 areas with the batch's drift taken off and the reference level put in.

    A feature that no QC run of the batch shows takes the median correction of the others.
    """
    import numpy as np

    correction = level - drift
    if not np.isfinite(correction).any():
        return values
    return values + np.where(np.isfinite(correction), correction, np.nanmedian(correction))


def dilution(values: "np.ndarray", level: "np.ndarray", use: "np.ndarray") -> float:
    """Log2 dilution factor of a run against the PQN spectrum: median of the log2 quotients; 0 without any."""
    import numpy as np

    quotients = (values - level)[use]
    return float(np.nanmedian(quotients)) if np.isfinite(quotients).any() else 0.0
