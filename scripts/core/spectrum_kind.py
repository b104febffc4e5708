"""Profile or centroid, asked of the peaks themselves: what a file says of its spectra is a label, not evidence.

In: m/z and intensities of spectra. Out: whether they are profile data, or None where the peaks cannot tell.
Source: a detector samples a peak at regular, narrow steps, rising to the summit and falling from it; centroids stand apart.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

WIDEST_STEP = 0.15  # m/z between samples of one peak; quadrupole profile data have steps of 0.1
REGULAR = 1.6  # the larger over the smaller of the steps inside a peak; three of the four around a summit are regular
SUMMITS = 20  # the highest local maxima that are looked at in a spectrum
PROFILE_SHARE = 0.2  # measured: 0 to 0.2 % of the summits in centroided Q-TOF and ion-trap runs, 36 to 100 % in sampled ones
FEWEST = 30  # summits that must be seen before the peaks are believed
SPECTRA = 60  # spectra that are looked at: those with the most signal
_SHOULDER = 0.05  # a sample beside the summit has at least this share of it


def profile_share(mz: "np.ndarray", intensity: "np.ndarray") -> tuple[int, int]:
    """(summits that look sampled, summits looked at) of one spectrum sorted by m/z."""
    import numpy as np

    inner = (intensity[1:-1] >= intensity[:-2]) & (intensity[1:-1] > intensity[2:])
    summits = np.flatnonzero(inner) + 1
    if not summits.size:
        return 0, 0
    summits = summits[np.argsort(-intensity[summits], kind="stable")[:SUMMITS]]
    far = np.full(2, np.inf)
    steps = np.concatenate([far, np.diff(mz), far])
    around = steps[summits[:, None] + np.arange(4)]  # two steps before the summit, two behind it
    narrow = np.minimum(around[:, 1], around[:, 2])
    regular = around <= np.minimum(WIDEST_STEP, REGULAR * narrow)[:, None]
    low = np.minimum(intensity[summits - 1], intensity[summits + 1])
    sampled = regular[:, 1] & regular[:, 2] & (regular.sum(axis=1) >= 3)
    sampled &= low >= _SHOULDER * intensity[summits]
    return int(sampled.sum()), int(summits.size)


def is_profile(spectra: Iterable[tuple["np.ndarray", "np.ndarray"]]) -> bool | None:
    """Whether spectra, each (m/z, intensity), are profile data by their own peaks; None with too few summits to tell."""
    import numpy as np

    given = [(mz, y) for mz, y in spectra if len(mz) >= 5]
    given.sort(key=lambda pair: -float(pair[1].sum()))
    sampled = seen = 0
    for mz, y in given[:SPECTRA]:
        order = np.argsort(mz, kind="stable")
        one, of = profile_share(mz[order], y[order])
        sampled, seen = sampled + one, seen + of
    return None if seen < FEWEST else sampled > PROFILE_SHARE * seen
