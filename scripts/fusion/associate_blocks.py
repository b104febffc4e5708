"""In: results/cohort/cohort.h5mu (training part), assays sheet for batches.
Out: associations.json (by pair of blocks), edges.parquet, network.graphml: which features of different blocks go together, and
whether they still do with label, centre and batch held constant.
Source: docs/modelling.md, "Association between blocks"; requirement FUS-05 (q-values, edges only between blocks).
"""

from itertools import combinations

import numpy as np
import pandas as pd

from scripts.core import job as core_job
from scripts.fusion import canonical, covariates, network, rank_association, summaries
from scripts.fusion.blocks import read_tsv
from scripts.fusion.explore_cohort import one_unit
from scripts.fusion.training_blocks import Block, Parts, most_informative, prepare_all, read_parts

WORDS = ("holds", "masked", "confounded", "weakened")
EDGE_COLUMNS = ["block_1", "feature_1", "block_2", "feature_2", *network.EDGE_KEYS]


def features_allowed(counts: list[int], settings: dict) -> int:
    """Most features per block so that all pairs of blocks together stay below `pairs`, and no block above `features`."""
    most = int(settings["features"])
    while most > 10:
        own = [min(c, most) for c in counts]
        if sum(a * b for a, b in combinations(own, 2)) <= int(settings["pairs"]):
            return most
        most = int(most * 0.9)
    return most


def confounders(obs: pd.DataFrame, batch_of: dict[str, pd.Series]) -> dict[str, np.ndarray]:
    """{label, centre, batch: columns of a design} of the patients of obs; what has one level is left out."""
    found = {
        "label": covariates.levels(obs["label"].astype(str)),
        "centre": covariates.levels(obs["centre"]),
    }
    own = [covariates.levels(batch.reindex(obs.index)) for batch in batch_of.values()]
    if own:
        found["batch"] = np.hstack(own)
    return {name: columns for name, columns in found.items() if columns.shape[1]}


def judge(edges: pd.DataFrame, settings: dict) -> pd.Series:
    """The word for every edge.

    holds : significant and large enough, also with label, centre and batch held constant; weakened : no longer significant
    then; confounded : its size falls by more than half or its sign turns; masked : there only when they are held constant.
    """
    limit, effect = float(settings["q"]), float(settings["minimum_rho"])
    plain = (edges["q"] <= limit) & (edges["rho"].abs() >= effect)
    adjusted = (edges["q_adjusted"] <= limit) & (edges["rho_adjusted"].abs() >= effect)
    kept_size = edges["rho_adjusted"] * np.sign(edges["rho"]) / edges["rho"].abs().clip(lower=1e-9)
    words = np.where(adjusted, "masked", "none")
    after = np.where(edges["q_adjusted"] <= limit, "holds", "weakened")
    after = np.where(kept_size < 1 - float(settings["confounded_loss"]), "confounded", after)
    return pd.Series(np.where(plain, after, words), index=edges.index)


def details(
    edges: pd.DataFrame, x, y, obs: pd.DataFrame, held: dict, settings: dict
) -> pd.DataFrame:
    """Correlations within each class, and for confounded edges what takes most of their size when held constant alone.

    x, y : Ranked blocks of the patients of obs; the class has to have `minimum_patients` patients.
    """
    first, second = edges["first"].to_numpy(), edges["second"].to_numpy()
    out = edges.assign(rho_hcc=np.nan, rho_control=np.nan, cause="")
    label = obs["label"].to_numpy()
    for name, value in (("rho_hcc", 1), ("rho_control", 0)):
        own = label == value
        if own.sum() >= int(settings["minimum_patients"]):
            inside = [_within(block, own) for block in (x, y)]
            out[name] = rank_association.pair_correlation(*inside, first, second)
    lost = out["status"].to_numpy() == "confounded"
    if lost.any():
        left = {}
        for name, design in held.items():
            parts = [rank_association.residual(block, design) for block in (x, y)]
            found = rank_association.pair_correlation(*parts, first[lost], second[lost])
            left[name] = found * np.sign(out["rho"].to_numpy()[lost])
        names = np.array(list(left))
        out.loc[lost, "cause"] = names[np.argmin(np.vstack(list(left.values())), axis=0)]
    return out


def _within(block: rank_association.Ranked, own: np.ndarray) -> rank_association.Ranked:
    """Ranks of some of the patients."""
    return rank_association.ranked(np.where(block.has, block.values, np.nan)[own])


def canonical_pair(
    first: Block, second: Block, obs: pd.DataFrame, design: np.ndarray, settings: dict, seed: int
) -> dict:
    """The regularised canonical correlation of two blocks, plain and with confounders held constant.

    p permutes the patients of one block; p_adjusted permutes residuals within label and centre.
    """
    X, Y = (block.train.loc[obs.index].fillna(0.0).to_numpy() for block in (first, second))
    k = min(int(settings["components"]), len(X) // 5)
    grid, count = list(map(float, settings["shrinkage"])), int(settings["permutations"])
    x, y = canonical.half(X, k, seed), canonical.half(Y, k, seed)
    p, place = canonical.permutation_test(x, y, np.zeros(len(X), int), grid, count, seed)
    a, b = canonical.fit_ridge(x, y, grid[place])
    u, v = x.scores @ a, y.scores @ b
    x_held, y_held = canonical.without(X, design), canonical.without(Y, design)
    strata = canonical.strata_of(obs["label"], obs["centre"])
    halves = [canonical.half(part, k, seed) for part in (x_held, y_held)]
    p_held, place_held = canonical.permutation_test(*halves, strata, grid, count, seed)
    top, folds = int(settings["top"]), int(settings["folds"])
    named = {}
    for side, block, values, variate in (("first", first, X, u), ("second", second, Y, v)):
        weights = canonical.loadings(values, variate)
        names = [(block.name, str(f)) for f in block.train.columns]
        named[side] = summaries.top_loadings(weights, names, top)
    return {
        "correlation": float(np.corrcoef(u, v)[0, 1]),
        "held_out": canonical.held_out_correlation(X, Y, grid[place], k, folds, seed),
        "shrinkage": grid[place],
        "components": k,
        "p": p,
        "p_adjusted": p_held,
        "held_out_adjusted": canonical.held_out_correlation(
            x_held, y_held, grid[place_held], k, folds, seed
        ),
        "loadings": named,
    }


def associate(
    parts: Parts, assays: pd.DataFrame, modalities: dict, settings: dict, seed: int
) -> tuple[dict, pd.DataFrame]:
    """All pairs of blocks: the summary as plain values, and the edges.

    modalities : {block: modality}, for the batches; settings : fusion.associate with the limits of the model.
    """
    ready, notes = prepare_all(parts, settings)
    obs = parts.obs.loc[parts.patients("train")]
    summary: dict = {
        "status": "ASSESSED",
        "reason": "",
        "n": len(obs),
        "blocks": notes,
        "pairs": [],
        "notes": [],
    }
    limits = ("q", "minimum_rho", "minimum_patients", "permutations", "confounded_loss")
    summary["limits"] = {name: settings[name] for name in limits}
    summary["resolution"] = 1 / (int(settings["permutations"]) + 1)
    none = pd.DataFrame(columns=EDGE_COLUMNS)
    if len(ready) < 2:
        return summary | {
            "status": "NOT_ASSESSED",
            "reason": "fewer than two blocks can be compared",
        }, none
    most = features_allowed([block.train.shape[1] for block in ready.values()], settings)
    for name, block in list(ready.items()):
        p = block.train.shape[1]
        if p > most:
            unit = one_unit(parts.dictionaries[name], block.train.columns)
            ready[name] = most_informative(block, most, unit)
            summary["notes"].append(f"{most} of the {p} features of {name} were compared")
    batch_of = covariates.batches(assays, obs.index)
    found = []
    for one, other in combinations(sorted(ready), 2):
        first, second = ready[one], ready[other]
        shared = first.train.index.intersection(second.train.index).sort_values()
        entry = {"first": one, "second": other, "n": len(shared), "reason": ""}
        summary["pairs"].append(entry)
        if len(shared) < int(settings["minimum_patients"]):
            entry["reason"] = (
                f"{len(shared)} patients have both; at least {settings['minimum_patients']} are needed"
            )
            continue
        own = obs.loc[shared]
        batches = {
            m: batch_of[m]
            for m in sorted({modalities.get(b, "") for b in (one, other)} & set(batch_of))
        }
        held = confounders(own, batches)
        design = np.hstack(list(held.values())) if held else np.zeros((len(own), 0))
        x, y = (rank_association.ranked(b.train.loc[shared].to_numpy()) for b in (first, second))
        pairs = rank_association.compare_blocks(x, y, design, settings)
        entry |= {"tested": pairs.tested, "histogram": pairs.histogram.tolist(), "held": list(held)}
        entry |= canonical_pair(first, second, own, design, settings, seed)
        found.append((entry, pairs, own, held, shared))
    tested = sum(pairs.tested for _, pairs, *_ in found)
    small = np.concatenate([pairs.small for _, pairs, *_ in found] or [np.empty(0)])
    small_adjusted = np.concatenate(
        [pairs.small_adjusted for _, pairs, *_ in found] or [np.empty(0)]
    )
    summary["tested"] = tested
    edges = [none]
    for entry, pairs, own, held, shared in found:
        table = pairs.table
        table["q"] = rank_association.q_values(table["p"].to_numpy(), small, tested)
        table["q_adjusted"] = rank_association.q_values(
            table["p_adjusted"].to_numpy(), small_adjusted, tested
        )
        table["status"] = judge(table, settings)
        table = table[table["status"] != "none"].reset_index(drop=True)
        first, second = ready[entry["first"]], ready[entry["second"]]
        x, y = (rank_association.ranked(b.train.loc[shared].to_numpy()) for b in (first, second))
        table = details(table, x, y, own, held, settings)
        named = table.assign(
            block_1=entry["first"],
            feature_1=first.train.columns[table["first"]].astype(str),
            block_2=entry["second"],
            feature_2=second.train.columns[table["second"]].astype(str),
        )
        entry["edges"] = {word: int((named["status"] == word).sum()) for word in WORDS}
        entry["causes"] = (
            named.loc[named["status"] == "confounded", "cause"]
            .value_counts()
            .sort_index()
            .to_dict()
        )
        entry["cut_short"] = len(pairs.table) >= int(settings["edges"])
        if len(named):
            edges.append(named[EDGE_COLUMNS])
    assessed = [entry for entry, *_ in found]
    for name in ("p", "p_adjusted"):
        values = covariates.adjusted_p(np.array([entry[name] for entry in assessed]))
        for entry, q in zip(assessed, values, strict=True):
            entry[name.replace("p", "q", 1)] = float(q)
    table = pd.concat(edges[1:] or edges, ignore_index=True)
    table["place"] = table["status"].map({word: i for i, word in enumerate(WORDS)})
    order = ["place", "q", "block_1", "feature_1", "block_2", "feature_2"]
    table = table.sort_values(order, ignore_index=True)[EDGE_COLUMNS]
    if not found:
        summary |= {"status": "NOT_ASSESSED", "reason": "no two blocks share enough patients"}
    summary["edges"] = {w: int((table["status"] == w).sum()) for w in WORDS}
    summary["shown"] = shown_edges(table, int(settings["shown"]))
    return summary, table


def shown_edges(edges: pd.DataFrame, most: int) -> list[dict]:
    """The strongest edges for the picture: those that hold first, then confounded ones, by size; few per pair of blocks first."""
    order = {word: i for i, word in enumerate(WORDS)}
    size = edges["rho"].abs().where(edges["status"] != "masked", edges["rho_adjusted"].abs())
    own = edges.assign(size=size.astype(float), place=edges["status"].map(order)).sort_values(
        ["place", "size"], ascending=[True, False], kind="stable"
    )
    own["round"] = own.groupby(["block_1", "block_2", "status"]).cumcount() // 5
    own = own.sort_values(
        ["place", "round", "size"], ascending=[True, True, False], kind="stable"
    ).head(most)
    return own[EDGE_COLUMNS].to_dict("records")


def record(step, summary: dict, settings: dict) -> None:
    """QC records of FUS-05: that q-values exist, and which associations do not survive what is held constant."""
    counts = summary.get("edges", {})
    done = summary["status"] == "ASSESSED"
    step.check(
        "FUS-05",
        "association between blocks with false-discovery control",
        "PASS" if done else "NOT_ASSESSED",
        value=sum(counts.values()) if done else None,
        unit="pairs of features",
        threshold=f"q <= {settings['q']:g}, |rho| >= {settings['minimum_rho']:g}, edges only between blocks",
        reason=summary["reason"],
        acts=False,
    )
    if done:
        own = [entry["causes"] for entry in summary["pairs"] if not entry["reason"]]
        technical = sum(causes.get(name, 0) for causes in own for name in ("centre", "batch"))
        step.check(
            "FUS-05",
            "associations that centre or batch make",
            "WARN" if technical else "PASS",
            value=technical,
            unit="pairs of features",
            threshold=f"none loses more than {settings['confounded_loss']:.0%} of its size when they are held constant",
            reason=f"{technical} associations are flagged as made by centre or batch"
            if technical
            else "",
            acts=False,
        )


def main(job):
    """Compare every two blocks of the training part.

    input: cohort (.h5mu), assays (sheet, optional)
    output: summary (JSON), edges (Parquet), network (GraphML), ledger
    params: settings (fusion.associate), limits (of the model), modalities {block: modality}, seed
    """
    with core_job.step(job) as step:
        settings = {**job.params.limits, **job.params.settings}
        sheets = [job.input.assays] if isinstance(job.input.assays, str) else list(job.input.assays)
        assays = read_tsv(sheets[0]) if sheets else pd.DataFrame()
        parts = read_parts(job.input.cohort)
        summary, edges = associate(
            parts, assays, job.params.modalities, settings, int(job.params.seed)
        )
        record(step, summary, settings)
        summaries.write_table(step.path(job.output.edges), edges)
        drawn = edges.head(int(settings["network_edges"]))
        network.write_graphml(step.path(job.output.network), drawn)
        summaries.write_summary(step.path(job.output.summary), summary)


if __name__ == "__main__":
    core_job.entry(main, globals().get("snakemake"))
