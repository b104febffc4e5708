"""What the values of one column say about its unit: the written one, another one throughout, or two units in one column.

In: natural logarithms of the values of one laboratory, analyte and written unit, in the canonical unit; the analyte's
reference; the shift of another unit. Out: shares, medians, a likelihood ratio, and which rows lie on which scale.
Source: McLachlan and Peel 2000, "Finite Mixture Models", chapter 2 (two components, here a known distance apart); Fernandez and
Steel 1998, JASA 93:359 (two-piece Student t, so that a skewed tail is no second unit). Settings: config `clinical.unit_columns`.
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.special import gammaln

_FREEDOM = 5  # degrees of freedom of the Student t: tails of laboratory values on the log scale
_BINS = 64


@dataclass(frozen=True)
class Reference:
    """What is known of an analyte, in natural logarithms of the canonical unit.

    hard : possible values; usual : plausible values; group : medians of groups of patients, healthy to severely ill
    """

    hard: tuple[float, float]
    usual: tuple[float, float]
    group: tuple[float, float]

    def plausible(self, x: np.ndarray) -> np.ndarray:
        return (x >= self.usual[0] - 1e-9) & (x <= self.usual[1] + 1e-9)

    def possible(self, x: np.ndarray) -> np.ndarray:
        return (x >= self.hard[0] - 1e-9) & (x <= self.hard[1] + 1e-9)

    def of_a_group(self, median: float) -> bool:
        return self.group[0] <= median <= self.group[1]


@dataclass(frozen=True)
class Contamination:
    """Rows of one column that lie on the scale of another unit.

    impossible : rows outside the hard range that the other unit makes plausible; unlikely : the same of the plausible range;
    likelihood : log-likelihood of two units minus that of one skewed distribution, NaN where it was not needed
    """

    found: bool
    impossible: int
    unlikely: int
    likelihood: float


def contamination(
    x: np.ndarray, shift: float, reference: Reference, settings: dict
) -> Contamination:
    """Whether some of `x` need `shift` to come to the canonical unit while the others do not.

    Impossible values are enough when there are two or more of them, and more than a typing error now and then. Unlikely ones,
    and a second hump inside the plausible range, count only where two distributions `shift` apart explain the column better
    than one with tails of its own; by more where the other unit's rows lie above, where patients with severe disease lie too,
    by less where many values are unlikely.
    """
    explained = reference.plausible(x + shift)
    impossible = int((~reference.possible(x) & explained).sum())
    unlikely = int((~reference.plausible(x) & explained).sum())
    least = max(2, settings["least_share"] * len(x))
    if impossible >= least:
        return Contamination(True, impossible, unlikely, math.nan)
    if len(x) < settings["fewest"]:
        return Contamination(unlikely >= 2, impossible, unlikely, math.nan)
    hump = second_hump(x, shift)
    if not (hump or unlikely >= (2 if shift > 0 else least)):
        return Contamination(False, impossible, unlikely, math.nan)
    likelihood = likelihood_ratio(x, shift)
    kind = "hump" if hump and unlikely < least and shift < 0 else "tail"
    if shift > 0 and unlikely >= max(3, settings["many_share"] * len(x)):
        kind = "many"
    needed = settings["likelihood"][kind]
    return Contamination(likelihood > needed, impossible, unlikely, likelihood)


def second_hump(x: np.ndarray, shift: float) -> bool:
    """Whether the rows around the place of the other unit are denser than those on the way there.

    A skewed tail thins out; two units leave a dip. Compares rows at .7 to 1.3 of the way with those at .35 to .65, by length.
    """
    way = (x - np.median(x)) / -shift
    top = int(((way > 0.7) & (way < 1.3)).sum())
    middle = int(((way > 0.35) & (way < 0.65)).sum())
    return top >= 3 and top / 2 > 1.5 * (middle + 1)


def likelihood_ratio(x: np.ndarray, shift: float) -> float:
    """Log-likelihood of (1 - p) g(x) + p g(x + shift) less that of g(x) alone, g a two-piece Student t, each at its best."""
    counts, edges = np.histogram(x, bins=_BINS)
    centres, weights = (edges[1:] + edges[:-1])[counts > 0] / 2, counts[counts > 0]
    middle = float(np.median(x))
    spread = max(float(np.subtract(*np.percentile(x, [84, 16]))) / 2, 0.05)

    def one(p) -> float:
        return -float(weights @ _log_t(centres, p[0], p[1], p[2]))

    def two(p) -> float:
        first = _log_t(centres, p[0], p[1], p[2])
        second = _log_t(centres + shift, p[0], p[1], p[2])
        share = -np.logaddexp(0, -p[3])  # log of the logistic
        return -float(weights @ np.logaddexp(share - p[3] + first, share + second))

    width = math.log(spread)
    starts = [(middle, width, width), (float(np.percentile(x, 25)), width - 0.7, width + 0.3)]
    narrow = math.log(min(spread, abs(shift) / 5))
    quarter = float(np.percentile(x, 75 if shift > 0 else 25))
    begins = ((middle, -3.0), (middle, -1.0), (quarter, 0.0))
    double, at = min(
        (_best(two, (mode, narrow, narrow, logit)) for mode, logit in begins), key=lambda f: f[0]
    )
    single = min(_best(one, start)[0] for start in [*starts, at[:3]])
    return single - double


def _best(function, start) -> tuple[float, np.ndarray]:
    """Lowest value of a function from a start, and where it is."""
    found = minimize(
        function, start, method="Nelder-Mead", options={"maxiter": 200, "fatol": 0.1, "xatol": 0.02}
    )
    return float(found.fun), found.x


def _log_t(x: np.ndarray, mode: float, left: float, right: float) -> np.ndarray:
    """Log density of a two-piece Student t with scales exp(left) and exp(right)."""
    left, right = (min(max(s, -4.0), 2.0) for s in (left, right))
    scale = np.where(x < mode, math.exp(left), math.exp(right))
    constant = (
        gammaln((_FREEDOM + 1) / 2) - gammaln(_FREEDOM / 2) - 0.5 * math.log(_FREEDOM * math.pi)
    )
    norm = math.log(2 / (math.exp(left) + math.exp(right)))
    return constant + norm - (_FREEDOM + 1) / 2 * np.log1p(((x - mode) / scale) ** 2 / _FREEDOM)


def clean_split(
    x: np.ndarray, shift: float, reference: Reference, settings: dict
) -> np.ndarray | None:
    """Which rows are on the scale of the other unit (bool), where an empty stretch parts them from all others; None without one.

    The stretch is at least `gap` of the distance between the units, wider than the spread on either side, and everything beyond
    it is unlikely in the written unit and plausible in the other; every row is nearer to the centre of its own scale.
    """
    order = np.sort(x)
    steps = np.diff(order)
    below = shift > 0  # rows on the other scale lie below those on the written one
    best = None
    for place in np.argsort(steps)[::-1][:3]:
        cut = (order[place] + order[place + 1]) / 2
        other = x < cut if below else x > cut
        wide = steps[place] >= settings["gap"] * abs(shift)
        one_sided = (
            not reference.plausible(x[other]).any()
            and reference.plausible(x[other] + shift).all()
            and not (~reference.plausible(x[~other]) & reference.plausible(x[~other] + shift)).any()
        )
        middle = np.median(x[~other]) - shift / 2  # half way to the centre of the other unit
        nearer = bool(((x < middle) == other).all() if below else ((x > middle) == other).all())
        spreads = [float(np.std(part)) for part in (x[other], x[~other]) if len(part) > 1]
        if (
            wide
            and one_sided
            and nearer
            and steps[place] > max(spreads, default=0.0)
            and best is None
        ):
            best = other
    return best
