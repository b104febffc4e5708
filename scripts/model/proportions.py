"""In: who was hit among whom. Out: intervals of proportions and of what follows from several of them.
Source: Wilson 1927 (JASA 22:209), Newcombe 1998 (Stat Med 17:857); linked patients: Rao and Scott 1992 (Biometrics
48:577); draws from Jeffreys posteriors, opened at 0 and 1: Brown, Cai and DasGupta 2001 (Stat Sci 16:101); of F1:
Goutte and Gaussier 2005 (LNCS 3408:345).
"""

import numpy as np

from scripts.model import metrics

Z = 1.959964  # of a two-sided 95 % interval


def wilson(share: float, n: float) -> tuple[float, float]:
    """Wilson's 95 % interval of a proportion of n; n may be an effective number."""
    centre = (share + Z**2 / (2 * n)) / (1 + Z**2 / n)
    half = Z * np.sqrt(share * (1 - share) / n + Z**2 / (4 * n**2)) / (1 + Z**2 / n)
    low, high = max(0.0, centre - half), min(1.0, centre + half)
    return float(min(low, share)), float(max(high, share))  # share 0 or 1 but for rounding


def effective_size(hit: np.ndarray, groups: np.ndarray | None) -> float:
    """As how many independent patients these count: n over the design effect of their groups, at most n.

    hit : boolean (n); groups : (n) or None when nobody is linked. Where all or none are hit the design effect
    cannot be seen: the number of groups.
    """
    n, share = len(hit), float(hit.mean())
    codes = metrics.linked(groups)
    if codes is None:
        return float(n)
    size = int(codes.max()) + 1
    if share in (0.0, 1.0) or size == 1:
        return float(size)
    totals = np.bincount(codes, weights=hit - share)
    variance = size / (size - 1) * float(totals @ totals) / n**2
    return n / max(1.0, variance * n / (share * (1 - share)))


def proportion(hit: np.ndarray, among: np.ndarray, groups: np.ndarray | None = None) -> dict:
    """Share of `among` who are hit, with Wilson's interval; None when there is nobody among them.

    hit, among : boolean (n); groups : linked patients share one, or None
    """
    if not among.any():
        return {"value": None, "low": None, "high": None}
    own = hit[among]
    share = float(own.mean())
    low, high = wilson(share, effective_size(own, None if groups is None else groups[among]))
    return {"value": share, "low": low, "high": high}


def posterior(
    hit: np.ndarray, among: np.ndarray, groups: np.ndarray | None, draws: int, rng
) -> np.ndarray:
    """Draws of the share of `among` who are hit from its Jeffreys posterior, (draws,)."""
    own = hit[among]
    n = effective_size(own, None if groups is None else groups[among])
    share = float(own.mean())
    return rng.beta(share * n + 0.5, (1 - share) * n + 0.5, draws)


def opened(value: float, drawn: np.ndarray) -> dict:
    """`metrics.interval`, opened to the value itself: at the ends no draw reaches 0 or 1."""
    found = metrics.interval(value, drawn)
    if found["low"] is not None:
        found["low"], found["high"] = min(found["low"], value), max(found["high"], value)
    return found
