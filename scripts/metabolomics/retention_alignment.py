"""Alignment of a run's retention times (and mass scale) to a reference by landmarks.

In: m/z, time and area of the features of two maps. Out: a straight line and a mass offset, or the identity with a
reason. Source: Theil-Sen slope (Sen 1968, J Am Stat Assoc 63:1379); landmarks as described in docs/metabolomics.md.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

MAX_LANDMARKS = 400  # pairs of slopes grow with the square


@dataclass(frozen=True)
class Alignment:
    """reference time = slope * run time + intercept; m/z of the run = reference m/z * (1 + offset_ppm * 1e-6).

    `residual` is the median absolute distance of the landmarks from the line (s, NaN without), `problem` says why the
    identity was taken ("" when aligned).
    """

    slope: float
    intercept: float
    offset_ppm: float
    landmarks: int
    residual: float
    problem: str = ""

    def to_reference(self, rt):
        """Times of the run on the reference's axis (s)."""
        return self.slope * rt + self.intercept

    def to_run(self, rt):
        """Times of the reference on the run's axis (s)."""
        return (rt - self.intercept) / self.slope


def _isolated(mz: "np.ndarray", ppm: float) -> "np.ndarray":
    """(features,) bool: no other feature of the map within `ppm`. `mz` is sorted."""
    import numpy as np

    gap = np.diff(mz) / mz[1:] * 1e6 > ppm
    return np.concatenate([[True], gap]) & np.concatenate([gap, [True]])


def landmarks(run, reference, *, ppm: float, max_shift: float, top: float) -> tuple:
    """Indices (into run, into reference) of features whose m/z is unique in both maps, of high intensity in the run.

    `run` and `reference` are (mz, rt, area) arrays; `top` is the share of the most intense features that may be one.
    """
    import numpy as np

    run_order, reference_order = np.argsort(run[0]), np.argsort(reference[0])
    run_mz, reference_mz = run[0][run_order], reference[0][reference_order]
    if run_mz.size == 0 or reference_mz.size == 0:
        return np.array([], int), np.array([], int)
    strong = run[2][run_order] >= np.quantile(run[2], 1 - top)
    candidates = np.flatnonzero(strong & _isolated(run_mz, 2 * ppm))
    unique = _isolated(reference_mz, 2 * ppm)
    place = np.searchsorted(reference_mz, run_mz[candidates])
    left, right = np.clip(place - 1, 0, None), np.clip(place, None, reference_mz.size - 1)
    nearer = np.abs(reference_mz[left] - run_mz[candidates]) <= np.abs(
        reference_mz[right] - run_mz[candidates]
    )
    match = np.where(nearer, left, right)
    close = np.abs(reference_mz[match] / run_mz[candidates] - 1) * 1e6 <= ppm
    i, j = run_order[candidates], reference_order[match]
    good = close & unique[match] & (np.abs(run[1][i] - reference[1][j]) <= max_shift)
    i, j = i[good], j[good]
    if i.size > MAX_LANDMARKS:
        strongest = np.sort(np.argsort(-run[2][i], kind="stable")[:MAX_LANDMARKS])
        i, j = i[strongest], j[strongest]
    return i, j


def theil_sen(x: "np.ndarray", y: "np.ndarray") -> tuple[float, float]:
    """Slope and intercept: median of the slopes of all pairs of points at different x, median of y - slope * x."""
    import numpy as np

    i, j = np.triu_indices(x.size, k=1)
    apart = np.abs(x[j] - x[i]) > 1e-9
    slope = float(np.median((y[j] - y[i])[apart] / (x[j] - x[i])[apart])) if apart.any() else 1.0
    return slope, float(np.median(y - slope * x))


def _simplest(x: "np.ndarray", y: "np.ndarray", min_gain: float) -> tuple[float, float, float]:
    """Slope, intercept, median absolute residual: identity, shift or line; the richer one must gain `min_gain` seconds."""
    import numpy as np

    models = [(1.0, 0.0), (1.0, float(np.median(y - x))), theil_sen(x, y)]
    best = None
    for slope, intercept in models:
        residual = float(np.median(np.abs(slope * x + intercept - y)))
        if best is None or residual < best[2] - min_gain:
            best = (slope, intercept, residual)
    return best


def align(run, reference, settings: dict) -> Alignment:
    """Align one run to a reference; both are (mz, rt, area). `settings`: ppm and config metabolomics.lcms.alignment.

    The identity is taken, with the reason in `problem`, when there are fewer than `min_landmarks` landmarks or the line
    would move any feature by more than `max_shift_s`: a wrong warp does more harm than none.
    """
    import numpy as np

    i, j = landmarks(
        run,
        reference,
        ppm=settings["ppm"],
        max_shift=settings["max_shift_s"],
        top=settings["top_intensity"],
    )
    if i.size < settings["min_landmarks"]:
        problem = f"only {i.size} landmarks; not aligned"
        return Alignment(1.0, 0.0, 0.0, int(i.size), float("nan"), problem)
    x, y = run[1][i], reference[1][j]
    offset = float(np.median((run[0][i] / reference[0][j] - 1) * 1e6))
    slope, intercept, residual = _simplest(x, y, settings["min_gain_s"])
    shift = float(np.max(np.abs(slope * run[1] + intercept - run[1])))
    if slope <= 0 or shift > settings["max_shift_s"]:
        problem = f"the landmarks ask for a shift of {shift:.0f} s; not aligned"
        return Alignment(1.0, 0.0, 0.0, int(i.size), residual, problem)
    return Alignment(slope, intercept, offset, int(i.size), residual)
