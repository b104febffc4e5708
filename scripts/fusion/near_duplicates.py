"""In: one feature table with rows of two roles, or of one. Out: pairs of rows that lie closer together than two people do.
Source: ratio of the distances to the first and second neighbour, r: for people spread over m dimensions P(r <= x) = x^m
(Lowe 2004, Int J Comput Vis 60:91; Facco 2017, Sci Rep 7:12140, who estimate m from the same ratios).
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from scipy.special import ndtri
from scipy.stats import chi2

STRIP = 500  # rows whose distances are held at once
LEAST = 10  # people against whom others can be held
REFERENCE = 2000  # people at most from whom the dimension is estimated
TRIMMED = 0.1  # share of the largest ratios left out of the estimate (Facco 2017)
CONFIDENCE = 0.025  # the dimension used is the lower end of its interval


def standardised(table: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Values on a scale of unit variance, and the width of the interval in which each is known on it.

    table : people x features. Returns (people x features) twice: asinh of the distance from the median in robust SDs, NaN =
    missing; and, of values that several share (integers, codes, zeros), the interval of normal quantiles that they take up
    together, 0 of others.
    """
    X = table.to_numpy(float)
    Z, width = np.full(X.shape, np.nan), np.zeros(X.shape)
    for column, x in enumerate(X.T):
        has = ~np.isnan(x)
        values, position, counts = np.unique(x[has], return_inverse=True, return_counts=True)
        if len(values) < 2:
            continue
        centre = np.median(x[has])
        spread = 1.4826 * np.median(np.abs(x[has] - centre)) or x[has].std()
        z = np.arcsinh((x[has] - centre) / spread)
        ends = np.r_[0, np.cumsum(counts)] / has.sum()
        edges = ndtri(np.clip(ends, 0.5 / has.sum(), 1 - 0.5 / has.sum()))
        # A pair of equal values may be the duplicate that is looked for.
        Z[has, column] = z / (z.std() or 1.0)
        width[has, column] = np.where(counts > 2, np.diff(edges), 0.0)[position]
    return Z, width


def distances(
    Z: np.ndarray, width: np.ndarray, rows: np.ndarray, columns: np.ndarray
) -> np.ndarray:
    """Mean squared distance over the features that both have, expected where a value is known within a width only.

    NaN where two share fewer than half of the usual number of features; rows x columns.
    """
    has = ~np.isnan(Z)
    a, b = has[rows].astype(float), has[columns].astype(float)
    A, B = np.nan_to_num(Z[rows]), np.nan_to_num(Z[columns])
    own, others = (width[rows] ** 2 * a, width[columns] ** 2 * b)
    squares = (A**2 + own / 12) @ b.T + a @ (B**2 + others / 12).T - 2 * A @ B.T
    shared = a @ b.T
    least = max(1.0, 0.5 * float(np.median(has.sum(axis=1))))
    return np.where(shared >= least, np.maximum(squares, 0.0) / np.maximum(shared, 1.0), np.nan)


def two_nearest(Z, width, rows, columns) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Position of the nearest of `columns`, squared distances to it and to the second nearest; nobody is his own neighbour."""
    nearest, first, second = [], [], []
    for start in range(0, len(rows), STRIP):
        own = rows[start : start + STRIP]
        D = distances(Z, width, own, columns)
        D[own[:, None] == columns[None, :]] = np.nan
        D = np.where(np.isnan(D), np.inf, D)
        place = D.argmin(axis=1)
        lines = np.arange(len(own))
        first.append(D[lines, place])
        D[lines, place] = np.inf
        second.append(D.min(axis=1))
        nearest.append(place)
    return np.concatenate(nearest), np.concatenate(first), np.concatenate(second)


def dimension(first: np.ndarray, second: np.ndarray) -> float:
    """Lower 97.5 % bound of the dimension that people spread over, from the ratios of their squared distances."""
    usable = np.isfinite(second) & (second > 0) & (first > 0)
    logs = np.sort(0.5 * np.log(second[usable] / first[usable]))
    kept = int(len(logs) * (1 - TRIMMED))
    if kept < 5:
        return 0.0
    # Sum of the kept logarithms plus what is known of the others: censored exponentials.
    total = logs[:kept].sum() + (len(logs) - kept) * logs[kept - 1]
    if total <= 0:
        return 0.0
    return float(kept / total * chi2.ppf(CONFIDENCE, 2 * kept) / (2 * kept))


def near_duplicates(
    table: pd.DataFrame, outside: set[str], settings: Mapping
) -> list[tuple[str, str, float]]:
    """(person, nearest other, share of the usual distance) of rows too close for two people.

    table : people x features; outside : people of the other role, each held against all others; empty = everybody against
    everybody. settings : false_pairs (expected number of wrong pairs), closest (squared distance as a share of the median
    between people; families and twins stay above it).
    """
    table = table.loc[table.notna().any(axis=1)]
    Z, width = standardised(table)
    useful = (~np.isnan(Z)).mean(axis=0) >= 0.5
    Z, width = Z[:, useful], width[:, useful]
    people = table.index.astype(str).to_numpy()
    other = np.array([p in outside for p in people], bool)
    inside = np.flatnonzero(~other)
    if not Z.shape[1] or len(inside) < LEAST or (outside and not other.any()):
        return []
    reference = inside[:: len(inside) // REFERENCE + 1]
    exact = np.zeros_like(width)
    spread = Z + width * np.random.default_rng(0).uniform(-0.5, 0.5, Z.shape)
    _, first, second = two_nearest(spread, exact, reference, reference)
    m = min(dimension(first, second), Z.shape[1])
    usual = float(np.nanmedian(distances(Z, exact, reference[:STRIP], reference)))
    asked = np.flatnonzero(other) if outside else inside
    place, near, after = two_nearest(Z, width, asked, inside)
    compared = np.isfinite(near) & np.isfinite(after) & (after > 0)
    chance = np.ones(len(asked))
    chance[compared] = (near[compared] / after[compared]) ** (m / 2)
    found = []
    for i in np.flatnonzero((m > 0) & (chance <= float(settings["false_pairs"]) / len(asked))):
        pair = (asked[i], inside[place[i]])
        share = float(distances(Z, exact, *(np.array([n]) for n in pair))[0, 0]) / usual
        if share <= float(settings["closest"]):
            found.append((people[pair[0]], people[pair[1]], share))
    return found


def in_blocks(
    parts: list[Mapping[str, pd.DataFrame]], outside: set[str], settings: Mapping
) -> dict[tuple[str, ...], list[str]]:
    """{(person, other), sorted: blocks in which they are near duplicates}; parts : {block: table} of every role."""
    found: dict[tuple[str, ...], list[str]] = {}
    for block in sorted(set().union(*parts)):
        tables = [part[block] for part in parts if block in part and len(part[block])]
        shared = sorted(set.intersection(*(set(t.columns) for t in tables))) if tables else []
        joined = pd.concat([t[shared] for t in tables]) if shared else pd.DataFrame()
        joined = joined[~joined.index.duplicated()]
        for one, other, _ in near_duplicates(joined, outside, settings) if len(joined) else ():
            found.setdefault(tuple(sorted((one, other))), []).append(block)
    return {pair: list(dict.fromkeys(blocks)) for pair, blocks in sorted(found.items())}
