"""Label-free quantities: the area of the MS1 elution peak at every identified precursor.

In: MS1 spectra, m/z, charge and retention time of the matches. Out: areas (counts x seconds), NaN where no peak is found.
Source: extracted ion chromatograms as in MaxQuant (Cox & Mann 2008, Nat Biotechnol 26:1367), own short form.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

ISOTOPE_STEP = 1.0033548  # m/z of 13C - 12C


@dataclass(frozen=True)
class Ms1Map:
    """All MS1 peaks of a run sorted by m/z: mz, intensity (n,), scan (n,) index into `times` (seconds, ascending)."""

    mz: "np.ndarray"
    intensity: "np.ndarray"
    scan: "np.ndarray"
    times: "np.ndarray"


def ms1_maps(experiment, voltages: dict[str, float]) -> dict[float | None, Ms1Map]:
    """{FAIMS voltage: MS1 peaks} of a pyopenms experiment; `voltages` {id: volt} of its spectra, NaN without FAIMS.

    Other ions pass at another voltage: an elution peak is followed in scans of one voltage only. Without FAIMS the key is None.
    """
    groups: dict[float | None, list] = {}
    for spectrum in experiment:
        if spectrum.getMSLevel() == 1:
            groups.setdefault(voltage_key(voltages, spectrum.getNativeID()), []).append(spectrum)
    return {voltage: ms1_map(scans) for voltage, scans in groups.items()}


def voltage_key(voltages: dict[str, float], name: str) -> float | None:
    """The FAIMS voltage of a spectrum, None without."""
    voltage = voltages.get(name, float("nan"))
    return None if voltage != voltage else voltage


def ms1_map(spectra) -> Ms1Map:
    """Collect the MS1 peaks of pyopenms spectra."""
    import numpy as np

    scans = [s for s in spectra if s.getMSLevel() == 1]
    peaks = [s.get_peaks() for s in scans]
    mz = np.concatenate([p[0] for p in peaks]) if peaks else np.zeros(0)
    intensity = np.concatenate([p[1] for p in peaks]) if peaks else np.zeros(0)
    scan = np.repeat(np.arange(len(peaks)), [len(p[0]) for p in peaks])
    order = np.argsort(mz, kind="stable")
    times = np.array([s.getRT() for s in scans])
    return Ms1Map(mz[order], intensity[order].astype(float), scan[order], times)


def chromatogram(ms1: Ms1Map, mz: float, ppm: float, first: int, last: int) -> "np.ndarray":
    """Summed intensity within +-ppm of `mz` in the scans first..last-1."""
    import numpy as np

    low, high = np.searchsorted(ms1.mz, [mz * (1 - ppm * 1e-6), mz * (1 + ppm * 1e-6)])
    scan = ms1.scan[low:high]
    inside = (scan >= first) & (scan < last)
    return np.bincount(
        scan[inside] - first, weights=ms1.intensity[low:high][inside], minlength=last - first
    )


def peak_area(trace: "np.ndarray", times: "np.ndarray", start: int, edge: float) -> float:
    """Area of the peak that holds scan `start`: climb to its summit, go down both sides to `edge` of the summit or a rise.

    One empty scan inside a peak is bridged. NaN when nothing lies at or beside `start`.
    """
    import numpy as np

    smooth = np.convolve(np.pad(trace, 1), [0.25, 0.5, 0.25], mode="valid")
    near = smooth[max(0, start - 1) : start + 2]
    if not near.size or near.max() <= 0:
        return float("nan")
    top = max(0, start - 1) + int(near.argmax())
    while True:
        around = smooth[max(0, top - 2) : top + 3]
        best = max(0, top - 2) + int(around.argmax())
        if smooth[best] <= smooth[top]:
            break
        top = best
    ends = []
    for side in (-1, 1):
        at = top
        while 0 <= at + side < len(smooth) and smooth[at + side] > edge * smooth[top]:
            if smooth[at + side] > 2 * smooth[at] and smooth[at] < 0.5 * smooth[top]:
                break
            at += side
        ends.append(at)
    left, right = ends
    if left == right:
        return float("nan")
    return float(np.trapezoid(trace[left : right + 1], times[left : right + 1]))


def precursor_areas(
    ms1: Ms1Map,
    mz: "np.ndarray",
    charge: "np.ndarray",
    times: "np.ndarray",
    ppm: float,
    half_window: float,
    edge: float,
) -> "np.ndarray":
    """Area of every precursor (m/z of the monoisotopic peak, retention time in s): monoisotopic plus first isotope peak.

    The edges of the peak are found on the sum of both traces within +-half_window s of the match.
    """
    import numpy as np

    out = np.full(len(mz), np.nan)
    if not len(ms1.times):
        return out
    for i, (m, z, t) in enumerate(zip(mz, charge, times, strict=True)):
        first, last = np.searchsorted(ms1.times, [t - half_window, t + half_window])
        if last - first < 3:
            continue
        trace = chromatogram(ms1, m, ppm, first, last)
        if not trace.any():
            continue
        trace = trace + chromatogram(ms1, m + ISOTOPE_STEP / z, ppm, first, last)
        start = int(np.abs(ms1.times[first:last] - t).argmin())
        area = peak_area(trace, ms1.times[first:last], start, edge)
        out[i] = area if area > 0 else np.nan
    return out
