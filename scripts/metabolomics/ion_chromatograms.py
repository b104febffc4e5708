"""Extracted ion chromatograms at given positions: the same integration for every run, found or not (gap filling).

In: MS1 centroids of a run, m/z and expected retention times. Out: peak areas, NaN where there is no peak.
Source: forced integration as in XCMS fillChromPeaks (Smith et al. 2006, Anal Chem 78:779).
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from scripts.metabolomics.mass_spectra import Centroids

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class SortedCentroids:
    """Centroids of one run sorted by m/z: rt (scans,) in seconds; mz, intensity, scan (points,)."""

    rt: "np.ndarray"
    mz: "np.ndarray"
    intensity: "np.ndarray"
    scan: "np.ndarray"


def sort_by_mz(run: Centroids, floor: float = 0.0) -> SortedCentroids:
    """The points of a run at or above `floor`, sorted by m/z."""
    import numpy as np

    keep = np.flatnonzero(run.intensity >= floor)
    keep = keep[np.argsort(run.mz[keep], kind="stable")]
    return SortedCentroids(run.rt, run.mz[keep], run.intensity[keep], run.scan[keep])


def save_centroids(path: Path, run: Centroids, floor: float) -> None:
    """Write the points of a run at or above `floor` for later integration (uncompressed: read fast)."""
    import numpy as np

    points = sort_by_mz(run, floor)
    np.savez(path, rt=points.rt, mz=points.mz, intensity=points.intensity, scan=points.scan)


def load_centroids(path: str | Path) -> SortedCentroids:
    """Points written by `save_centroids`."""
    import numpy as np

    with np.load(path) as data:
        return SortedCentroids(data["rt"], data["mz"], data["intensity"], data["scan"])


def chromatogram(run: SortedCentroids, mz: float, ppm: float, first: int, last: int):
    """(last - first,) highest intensity within `ppm` of `mz` in each scan from `first` to before `last`; 0 where none."""
    import numpy as np

    low, high = np.searchsorted(run.mz, [mz * (1 - ppm * 1e-6), mz * (1 + ppm * 1e-6)])
    scan, intensity = run.scan[low:high], run.intensity[low:high]
    inside = (scan >= first) & (scan < last)
    out = np.zeros(last - first)
    np.maximum.at(out, scan[inside] - first, intensity[inside])
    return out


def peak_areas(
    run: SortedCentroids,
    mz: "np.ndarray",
    rt: "np.ndarray",
    half_width: "np.ndarray",
    *,
    ppm: float,
    rt_tolerance: float,
    min_points: int = 3,
) -> "np.ndarray":
    """(features,) areas (intensity x seconds) at m/z and time positions of this run.

    The apex is the highest point within `rt_tolerance` of the expected time; the peak reaches `half_width` seconds to
    either side; trapezoids, no baseline. NaN with fewer than `min_points` points.
    """
    import numpy as np

    areas = np.full(mz.size, np.nan)
    for number in range(mz.size):
        reach = rt_tolerance + half_width[number]
        first, last = np.searchsorted(run.rt, [rt[number] - reach, rt[number] + reach])
        if last - first < min_points:
            continue
        trace = chromatogram(run, mz[number], ppm, first, last)
        times = run.rt[first:last]
        near = np.flatnonzero(np.abs(times - rt[number]) <= rt_tolerance)
        if near.size == 0 or trace[near].max() <= 0:
            continue
        apex = times[near[np.argmax(trace[near])]]
        inside = np.abs(times - apex) <= half_width[number]
        if np.count_nonzero(trace[inside]) >= min_points:
            areas[number] = np.trapezoid(trace[inside], times[inside])
    return areas
