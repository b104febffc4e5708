"""The frozen reference of one LC-MS block, and the measurement of any run against it.

In: features and centroids of a run, the reference. Out: log2 areas at the reference's positions, the same for a run
alone and among others. Source: docs/metabolomics.md; PQN: Dieterle et al. 2006, Anal Chem 78:4281.
"""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

from scripts.metabolomics.detect_lcms import Features
from scripts.metabolomics.ion_chromatograms import SortedCentroids, peak_areas
from scripts.metabolomics.retention_alignment import Alignment, align

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class Reference:
    """What `fit_lcms` learned from the development batches.

    Attributes
    ----------
    name : (features,) str, names of the features handed on
    role : (features,) str, `predictor` or `qc` (internal standard)
    mz, rt, half_width : (features,) m/z, seconds, seconds to either side that are integrated
    level : (features,) log2 area of the pooled QC (median of the batches), also the PQN spectrum
    landmark_mz, landmark_rt, landmark_area : (landmarks,) what runs are aligned to
    tic, count : median total ion current and number of features of the QC runs
    polarity : "positive" or "negative"
    voltage : FAIMS compensation voltage (V), NaN without FAIMS
    start, end : seconds that the QC runs cover
    """

    name: "np.ndarray"
    role: "np.ndarray"
    mz: "np.ndarray"
    rt: "np.ndarray"
    half_width: "np.ndarray"
    level: "np.ndarray"
    landmark_mz: "np.ndarray"
    landmark_rt: "np.ndarray"
    landmark_area: "np.ndarray"
    tic: "np.ndarray"
    count: "np.ndarray"
    polarity: "np.ndarray"
    voltage: "np.ndarray"
    start: "np.ndarray"
    end: "np.ndarray"

    def save(self, path: Path) -> None:
        """Write as npz; byte-identical for equal values."""
        import numpy as np

        np.savez_compressed(path, **{f.name: getattr(self, f.name) for f in fields(self)})

    @property
    def window(self) -> tuple[float, float]:
        """(start, end) that a run must cover, in seconds."""
        return float(self.start), float(self.end)

    @property
    def landmarks(self) -> tuple:
        """(mz, rt, area) of the landmarks."""
        return self.landmark_mz, self.landmark_rt, self.landmark_area


def load_reference(path: str | Path) -> Reference:
    """The reference written by `fit_lcms`."""
    import numpy as np

    with np.load(path) as data:
        return Reference(**{f.name: data[f.name] for f in fields(Reference)})


def described(about: dict) -> str:
    """How a run was acquired: "positive polarity", or with FAIMS "positive polarity at -45 V".

    Areas of runs that were acquired otherwise cannot be compared.
    """
    voltage = float(about["voltage"])
    return f"{about['polarity']} polarity" + (f" at {voltage:g} V" if voltage == voltage else "")


def align_to(features: Features, landmarks: tuple, settings: dict) -> Alignment:
    """Alignment of a run's features to landmarks; `settings` is config metabolomics.lcms."""
    return align(
        (features.mz, features.rt, features.area),
        landmarks,
        settings["alignment"] | {"ppm": settings["ppm"]},
    )


def log2_areas(
    centroids: SortedCentroids,
    alignment: Alignment,
    mz: "np.ndarray",
    rt: "np.ndarray",
    half_width: "np.ndarray",
    settings: dict,
) -> "np.ndarray":
    """(features,) log2 areas of a run at reference positions, NaN where there is no peak."""
    import numpy as np

    areas = peak_areas(
        centroids,
        mz * (1 + alignment.offset_ppm * 1e-6),
        alignment.to_run(rt),
        half_width,
        ppm=settings["ppm"],
        rt_tolerance=settings["rt_tolerance_s"],
        min_points=settings["min_points"],
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(areas > 0, np.log2(areas), np.nan)
