"""Components of a GC-MS run: ions that reach their maximum in the same scan belong to one compound.

In: scans of an EI run. Out: components with time, spectrum and areas of their ions.
Source: Biller & Biemann 1974, Anal Lett 7:515; unit mass bins from -0.3 to +0.7 as usual for EI.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from scripts.metabolomics.mass_spectra import Centroids

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class Component:
    """One component: rt (s), mass (ions,) unit masses increasing, height and area (ions,) above the baseline."""

    rt: float
    mass: "np.ndarray"
    height: "np.ndarray"
    area: "np.ndarray"

    def area_of(self, mass: int) -> float:
        """Area of one ion; NaN when the component has none."""
        import numpy as np

        place = np.searchsorted(self.mass, mass)
        found = place < self.mass.size and self.mass[place] == mass
        return float(self.area[place]) if found else float("nan")


def unit_mass_matrix(run: Centroids) -> tuple["np.ndarray", "np.ndarray"]:
    """Masses (masses,) and intensities (scans, masses) summed into unit mass bins."""
    import numpy as np

    unit = np.floor(run.mz + 0.3).astype(int)
    masses, column = np.unique(unit, return_inverse=True)
    flat = run.scan.astype("int64") * masses.size + column
    weights = run.intensity.astype("float64")
    table = np.bincount(flat, weights=weights, minlength=run.rt.size * masses.size)
    return masses, table.reshape(run.rt.size, masses.size)


def above_baseline(table: "np.ndarray", window: int) -> "np.ndarray":
    """(scans, masses) smoothed by (1, 2, 1) / 4, minus a rolling minimum over `window` scans that is smoothed as widely."""
    import numpy as np
    from numpy.lib.stride_tricks import sliding_window_view

    padded = np.pad(table, ((1, 1), (0, 0)), mode="edge")
    smooth = (padded[:-2] + 2 * padded[1:-1] + padded[2:]) / 4
    half = max(1, window // 2)
    low = np.pad(smooth, ((half, half), (0, 0)), mode="edge")
    low = sliding_window_view(low, 2 * half + 1, axis=0).min(axis=-1)
    low = np.pad(low, ((half, half), (0, 0)), mode="edge")
    sums = np.cumsum(np.pad(low, ((1, 0), (0, 0))), axis=0)
    mean = (sums[2 * half + 1 :] - sums[: -2 * half - 1]) / (2 * half + 1)
    return np.maximum(smooth - mean, 0.0)


def find_components(run: Centroids, settings: dict) -> list[Component]:
    """Components of a run in the order of time.

    `settings` is config metabolomics.gcms: baseline_s, min_snr (height over the noise of an ion), apex_scans (how far
    maxima may lie apart), min_ions, half_width_s (integrated to either side).
    """
    import numpy as np

    if run.rt.size < 5:
        return []
    masses, table = unit_mass_matrix(run)
    cycle = float(np.median(np.diff(run.rt)))
    signal = above_baseline(table, round(settings["baseline_s"] / cycle))
    noise = _noise(table)
    peak = np.zeros(signal.shape, dtype=bool)
    inner = signal[1:-1]
    peak[1:-1] = (inner > signal[:-2]) & (inner >= signal[2:])
    peak &= signal > settings["min_snr"] * noise
    centres = _centres(np.where(peak, signal, 0.0), settings["apex_scans"])
    out = []
    for number, centre in enumerate(centres):
        # An ion belongs to the nearest component only.
        before = centres[number - 1] if number else -(10**9)
        after = centres[number + 1] if number + 1 < len(centres) else 10**9
        first = max(centre - settings["apex_scans"], (before + centre) // 2 + 1, 0)
        last = min(centre + settings["apex_scans"], (centre + after) // 2, run.rt.size - 1)
        ions = np.flatnonzero(peak[first : last + 1].any(axis=0))
        if ions.size < settings["min_ions"]:
            continue
        reach = np.abs(run.rt - run.rt[centre]) <= settings["half_width_s"]
        height = signal[first : last + 1, ions].max(axis=0)
        area = np.trapezoid(signal[np.ix_(reach, ions)], run.rt[reach], axis=0)
        out.append(Component(float(run.rt[centre]), masses[ions], height, area))
    return out


def _noise(table: "np.ndarray") -> "np.ndarray":
    """(masses,) noise of each ion, robust: from the differences of neighbouring scans; never under that of all ions."""
    import numpy as np

    steps = np.abs(np.diff(table, axis=0))
    own = 1.4826 / np.sqrt(2) * np.median(steps, axis=0)
    seen = table[table > 0]
    floor = float(np.quantile(seen, 0.1)) if seen.size else 0.0
    return np.maximum(own, max(floor, 1e-12))


def _centres(heights: "np.ndarray", reach: int) -> list[int]:
    """Scans in which maxima of ions pile up: local maxima of their summed heights over `reach` scans to either side."""
    import numpy as np

    total = heights.sum(axis=1)
    window = np.convolve(total, np.ones(2 * reach + 1), mode="same")
    order = np.argsort(-window, kind="stable")
    taken = np.zeros(total.size, dtype=bool)
    centres = []
    for scan in order:
        if window[scan] <= 0:
            break
        if not taken[max(0, scan - 2 * reach) : scan + 2 * reach + 1].any():
            near = slice(max(0, scan - reach), scan + reach + 1)
            best = near.start + int(np.argmax(total[near]))
            taken[best] = True
            centres.append(best)
    return sorted(set(centres))
