"""In: two scaled blocks of the same patients, and what may confound them. Out: Spearman correlations of all pairs of
features between the blocks, plain and with label, centre and batch held constant, those worth keeping with q-values.
Source: Spearman 1904, t approximation of its null distribution; partial rank correlation by residuals of ranks
(Conover and Iman 1982, Biometrics 38:715); Benjamini and Hochberg 1995.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

CHUNK = 256  # rows of the correlation matrix at a time
BINS = 20  # of the histogram of p-values


@dataclass
class Ranked:
    """Ranks of a block: values centred within the patients who have the feature, 0 where it is missing; has: where it is not."""

    values: np.ndarray
    has: np.ndarray
    complete: bool


@dataclass
class Pairs:
    """Candidate pairs of one pair of blocks.

    table : first, second (positions), n, rho, p, rho_adjusted, p_adjusted: those large enough, plain or adjusted
    small, small_adjusted : all p-values up to the limit, sorted by nothing, for the false-discovery rate
    tested : pairs tested; histogram : counts of plain p-values in 20 equal bins
    """

    table: pd.DataFrame
    small: np.ndarray
    small_adjusted: np.ndarray
    tested: int
    histogram: np.ndarray


def ranked(table: np.ndarray) -> Ranked:
    """Ranks of every column (mean ranks for ties) among the patients who have it."""
    from scipy.stats import rankdata

    has = ~np.isnan(table)
    if has.all():
        ranks = rankdata(table, axis=0)
        return Ranked(ranks - ranks.mean(axis=0), has, True)
    ranks = rankdata(table, axis=0, nan_policy="omit")
    ranks = np.where(has, ranks - np.nanmean(ranks, axis=0), 0.0)
    return Ranked(ranks, has, False)


def residual(block: Ranked, design: np.ndarray) -> Ranked:
    """The ranks with the columns of a design (n x k, intercept added) taken out, feature by feature over its own patients."""
    whole = np.hstack([np.ones((len(design), 1)), design])
    out = np.zeros_like(block.values)
    keys, group = np.unique(block.has, axis=1, return_inverse=True)
    group = np.ravel(group)
    for g in range(keys.shape[1]):
        rows, columns = keys[:, g], np.flatnonzero(group == g)
        basis = _basis(whole[rows])
        own = block.values[np.ix_(rows, columns)]
        out[np.ix_(rows, columns)] = own - basis @ (basis.T @ own)
    return Ranked(out, block.has, block.complete)


def _basis(design: np.ndarray) -> np.ndarray:
    """Orthonormal columns that span a design, dependent ones left out."""
    U, s, _ = np.linalg.svd(design, full_matrices=False)
    return U[:, s > 1e-9 * max(s.max(initial=0.0), 1e-300)]


def correlations(x: Ranked, y: Ranked, rows: slice) -> tuple[np.ndarray, np.ndarray]:
    """Correlation of the ranks of some features of x with all of y over the patients who have both, and how many those are."""
    a, b = x.values[:, rows], y.values
    if x.complete and y.complete:
        scale = np.sqrt(np.outer((a**2).sum(axis=0), (b**2).sum(axis=0)))
        return _ratio(a.T @ b, scale), np.full((a.shape[1], b.shape[1]), float(len(a)))
    ha, hb = x.has[:, rows].astype(float), y.has.astype(float)
    n = np.maximum(ha.T @ hb, 1.0)
    sum_a, sum_b = a.T @ hb, ha.T @ b
    left = (a**2).T @ hb - sum_a**2 / n
    right = ha.T @ b**2 - sum_b**2 / n
    return _ratio(
        a.T @ b - sum_a * sum_b / n, np.sqrt(np.maximum(left, 0) * np.maximum(right, 0))
    ), n


def _ratio(upper: np.ndarray, lower: np.ndarray) -> np.ndarray:
    return np.divide(upper, lower, out=np.zeros_like(upper), where=lower > 1e-9).clip(-1.0, 1.0)


def p_values(rho: np.ndarray, freedom: np.ndarray) -> np.ndarray:
    """Two-sided p by the t approximation; 1 where no degree of freedom is left."""
    from scipy.special import stdtr

    freedom = np.maximum(freedom, 1e-9)
    t = np.abs(rho) * np.sqrt(freedom / np.maximum(1 - rho**2, 1e-15))
    return np.where(freedom >= 1, 2 * stdtr(freedom, -t), 1.0)


def compare_blocks(x: Ranked, y: Ranked, held: np.ndarray, settings: dict) -> Pairs:
    """All pairs of features of two blocks.

    held : n x k design of what is held constant. settings : q, minimum_rho, minimum_patients (patients who have both), edges
    (most candidates kept). Memory is that of a chunk of rows and of the p-values up to q.
    """
    limit, effect = float(settings["q"]), float(settings["minimum_rho"])
    lost = _basis(np.hstack([np.ones((len(held), 1)), held])).shape[1] - 1
    x_held, y_held = residual(x, held), residual(y, held)
    kept, small, small_adjusted = [], [], []
    tested, histogram = 0, np.zeros(BINS, int)
    for start in range(0, x.values.shape[1], CHUNK):
        rows = slice(start, start + CHUNK)
        rho, n = correlations(x, y, rows)
        rho_held, _ = correlations(x_held, y_held, rows)
        enough = n >= float(settings["minimum_patients"])
        p = np.where(enough, p_values(rho, n - 2), np.nan)
        p_held = np.where(enough, p_values(rho_held, n - 2 - lost), np.nan)
        tested += int(enough.sum())
        histogram += np.histogram(p[enough], bins=BINS, range=(0, 1))[0]
        small.append(p[enough & (p <= limit)])
        small_adjusted.append(p_held[enough & (p_held <= limit)])
        large = (np.abs(rho) >= effect) & (p <= limit) | (np.abs(rho_held) >= effect) & (
            p_held <= limit
        )
        first, second = np.nonzero(large & enough)
        columns = {"first": first + start, "second": second, "n": n[first, second].astype(int)}
        columns |= {"rho": rho[first, second], "p": p[first, second]}
        columns |= {"rho_adjusted": rho_held[first, second], "p_adjusted": p_held[first, second]}
        kept.append(strongest(pd.DataFrame(columns), int(settings["edges"])))
    table = strongest(pd.concat(kept, ignore_index=True), int(settings["edges"]))
    return Pairs(table, np.concatenate(small), np.concatenate(small_adjusted), tested, histogram)


def strongest(table: pd.DataFrame, most: int) -> pd.DataFrame:
    """The candidates with the smallest p, plain or adjusted; at most `most`."""
    if len(table) <= most:
        return table
    best = np.minimum(table["p"].to_numpy(), table["p_adjusted"].to_numpy())
    return table.iloc[np.sort(np.argsort(best, kind="stable")[:most])].reset_index(drop=True)


def q_values(p: np.ndarray, small: np.ndarray, tested: int) -> np.ndarray:
    """Benjamini-Hochberg q of some p-values among `tested` of which all that are small enough are given.

    Exact for q up to the limit up to which `small` is complete; q beyond it is only known to be beyond it.
    """
    if not len(small):
        return np.ones(len(p))
    ordered = np.sort(small)
    q = np.minimum.accumulate((ordered * tested / np.arange(1, len(ordered) + 1))[::-1])[::-1]
    place = np.searchsorted(ordered, p, side="right") - 1
    return np.where(place >= 0, q[np.maximum(place, 0)], 1.0).clip(max=1.0)


def pair_correlation(x: Ranked, y: Ranked, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Correlation of ranks of single pairs (positions first, second), over the patients who have both."""
    out = np.empty(len(first))
    for start in range(0, len(first), 4096):
        some = slice(start, start + 4096)
        a, b = x.values[:, first[some]], y.values[:, second[some]]
        both = x.has[:, first[some]] & y.has[:, second[some]]
        n = np.maximum(both.sum(axis=0), 1)
        a, b = a * both, b * both
        a, b = (a - a.sum(axis=0) / n) * both, (b - b.sum(axis=0) / n) * both
        out[some] = _ratio((a * b).sum(axis=0), np.sqrt((a**2).sum(axis=0) * (b**2).sum(axis=0)))
    return out
