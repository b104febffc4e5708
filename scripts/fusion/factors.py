"""In: scaled blocks of the same patients, missing values and missing blocks as NaN. Out: MOFA factors, weights,
variance explained; factors of new patients in closed form.
Source: Argelaguet 2018 (Mol Syst Biol 14:e8124) and 2020 (Genome Biol 21:111), mofapy2; the projection is the fixed
point of its update of Z.
"""

import contextlib
import io
from dataclasses import dataclass

import numpy as np
import pandas as pd


@dataclass
class Factors:
    """A fitted model.

    scores : patients x factors, as MOFA left them; converged : whether the lower bound had settled
    weights, second : {block: p x k}, mean of the weights and of their squares; precision : {block: p}; means : {block: p}
    features : {block: names}
    """

    scores: pd.DataFrame
    weights: dict[str, np.ndarray]
    second: dict[str, np.ndarray]
    precision: dict[str, np.ndarray]
    means: dict[str, np.ndarray]
    features: dict[str, list[str]]
    converged: bool = True
    iterations: int = 0

    @property
    def k(self) -> int:
        """Number of factors."""
        return self.scores.shape[1]


def fit_factors(blocks: dict[str, pd.DataFrame], k: int, seed: int, iterations: int) -> Factors:
    """Fit MOFA with Gaussian likelihood and automatic relevance determination; deterministic for a seed and one thread.

    blocks : {block: patients x features}, the same patients in each; a missing block is a row of NaN.
    Factors are ordered by the variance that they explain, with their largest weight positive.
    """
    from mofapy2.run.entry_point import entry_point

    names = list(blocks)
    patients = next(iter(blocks.values())).index
    data = [[table.to_numpy("float64").copy()] for table in blocks.values()]
    unique = [[f"{name}__{i}" for i in range(blocks[name].shape[1])] for name in names]
    with contextlib.redirect_stdout(io.StringIO()):
        try:
            run = entry_point()
            run.set_data_options(scale_views=False, scale_groups=False)
            run.set_data_matrix(
                data,
                likelihoods=["gaussian"] * len(names),
                views_names=names,
                groups_names=["training"],
                samples_names=[[str(p) for p in patients]],
                features_names=unique,
            )
            run.set_model_options(factors=k, spikeslab_weights=False, ard_weights=len(names) > 1)
            run.set_train_options(iter=iterations, convergence_mode="fast", seed=seed, quiet=True)
            run.build()
            run.run()
        except SystemExit as left:  # mofapy2 leaves the interpreter where it should raise
            raise RuntimeError("mofapy2 gave up; its blocks or options do not fit") from left
    nodes = run.model.getNodes()
    W = nodes["W"].getExpectations()
    tau = nodes["Tau"].getExpectations()
    done = len(run.model.train_stats["elbo"])
    found = Factors(
        pd.DataFrame(nodes["Z"].getExpectation(), index=patients),
        {name: np.array(w["E"]) for name, w in zip(names, W, strict=True)},
        {name: np.array(w["E2"]) for name, w in zip(names, W, strict=True)},
        {name: np.asarray(t["E"]).max(axis=0) for name, t in zip(names, tau, strict=True)},
        {name: np.nanmean(table.to_numpy(), axis=0) for name, table in blocks.items()},
        {name: list(map(str, table.columns)) for name, table in blocks.items()},
        done < iterations - 1,
        done,
    )
    return _ordered(found, blocks)


def _ordered(found: Factors, blocks: dict[str, pd.DataFrame]) -> Factors:
    share = variance_explained(found, found.scores, blocks).sum(axis=0)
    order = np.argsort(-share.to_numpy(), kind="stable")
    stacked = np.vstack([found.weights[name][:, order] for name in found.weights])
    largest = np.abs(stacked).argmax(axis=0)
    flip = np.where(stacked[largest, np.arange(len(order))] < 0, -1.0, 1.0)
    found.weights = {name: w[:, order] * flip for name, w in found.weights.items()}
    found.second = {name: w[:, order] for name, w in found.second.items()}
    found.scores = found.scores.iloc[:, order] * flip
    found.scores.columns = [f"factor{i + 1}" for i in range(len(order))]
    return found


def project(found: Factors, blocks: dict[str, pd.DataFrame], patients: pd.Index) -> pd.DataFrame:
    """Factors of any patients (rows x factors) without fitting anything.

    z = (sum over features of precision * E[w w'] + 1)^-1 * sum of precision * E[w] * (y - mean), over the features that a
    patient has. A patient without any value has the prior mean, NaN here.
    """
    k, n = found.k, len(patients)
    left = np.tile(np.eye(k), (n, 1, 1))
    right = np.zeros((n, k))
    seen = np.zeros(n, bool)
    for name, w in found.weights.items():
        if name not in blocks:
            continue
        values = blocks[name].reindex(index=patients, columns=found.features[name]).to_numpy(float)
        has = ~np.isnan(values)
        weighted = has * found.precision[name]
        square = (w[:, :, None] * w[:, None, :]).reshape(len(w), k * k)
        square[:, :: k + 1] = found.second[name]
        left += (weighted @ square).reshape(n, k, k)
        right += (weighted * np.where(has, values - found.means[name], 0.0)) @ w
        seen |= has.any(axis=1)
    scores = np.linalg.solve(left, right[:, :, None])[:, :, 0]
    scores[~seen] = np.nan
    return pd.DataFrame(scores, index=patients, columns=found.scores.columns)


def variance_explained(
    found: Factors, scores: pd.DataFrame, blocks: dict[str, pd.DataFrame]
) -> pd.DataFrame:
    """R2 of every block (row) by every factor (column), over the patients and features that are there; 0 at least."""
    out = {}
    for name, w in found.weights.items():
        table = blocks.get(name, pd.DataFrame())
        shared = [p for p in scores.index if p in table.index]
        y = (
            table.reindex(index=shared, columns=found.features[name]).to_numpy(float)
            - found.means[name]
        )
        z = scores.reindex(shared).to_numpy()
        has, y = ~np.isnan(y) & ~np.isnan(z[:, :1]), np.nan_to_num(y)
        z = np.nan_to_num(z)
        total = (y**2 * has).sum()
        # sum of (y - z w)^2 = sum y^2 - 2 z'(yw) + z^2 w^2, over what is there
        cross = np.einsum("nk,nk->k", z, (y * has) @ w)
        square = np.einsum("nk,nk->k", z**2, has.astype(float) @ w**2)
        out[name] = (2 * cross - square) / total if total > 0 else np.full(found.k, np.nan)
    return pd.DataFrame(out, index=found.scores.columns).T.clip(lower=0.0)
