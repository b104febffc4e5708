"""In: results/cohort/cohort.h5mu (training part; the test part is only projected), assays sheet for batches.
Out: explore.json (components, factors, clusters, missing blocks, what they go with), scores, loadings, projection as Parquet.
Source: docs/modelling.md, "Unsupervised view"; requirements FUS-02, OMX-06, CLE-01. No label takes part in any fit.
"""

import numpy as np
import pandas as pd

from scripts.core import job as core_job
from scripts.fusion import clusters, components, covariates, factors, missing_blocks, summaries
from scripts.fusion.blocks import read_tsv
from scripts.fusion.training_blocks import (
    NO_PREDICTOR,
    Block,
    Parts,
    most_informative,
    prepare_all,
    read_parts,
)


def one_unit(dictionary: pd.DataFrame, features) -> bool:
    """Whether all these features are in the same unit."""
    return dictionary.reindex(features)["unit"].astype(str).nunique() == 1


def explore_block(block: Block, settings: dict, seed: int) -> components.Components:
    """Principal components of one block; missing values are at their mean."""
    X = block.train.fillna(0.0).to_numpy()
    found = components.principal_components(X, int(settings["components"]), seed)
    measured = block.train.notna().to_numpy()
    found.floor = components.noise_floor(X, int(settings["noise_permutations"]), seed, measured)
    return found


def explore_jointly(
    ready: dict[str, Block], units: dict[str, bool], reached: dict, settings: dict, seed: int
) -> dict:
    """Multiple factor analysis, t-SNE and MOFA of all blocks together.

    units : {block: whether its features share a unit}; reached : {block: share of variance that noise reaches}.
    Returns scores (training patients x components), components, names (block, feature), model, factors (training) and
    test (test part, projected), r2 and r2_test (block x factor), floors (as reached, for the features that were used),
    map (x, y), projection_error (SD of a factor), notes.
    """
    patients = pd.Index(sorted(set().union(*(b.train.index for b in ready.values()))))
    X, names = components.joint_table({name: b.train for name, b in ready.items()}, patients)
    joint = components.principal_components(X, int(settings["components"]), seed)
    measured = np.hstack([b.train.reindex(patients).notna().to_numpy() for b in ready.values()])
    joint.floor = components.noise_floor(X, int(settings["noise_permutations"]), seed, measured)
    notes, chosen, most = [], {}, int(settings["mofa_features"])
    for name, block in ready.items():
        chosen[name] = most_informative(block, most, units[name])
        if block.train.shape[1] > most:
            notes.append(f"factors use {most} of the {block.train.shape[1]} features of {name}")
    trains = {name: block.train for name, block in chosen.items()}
    tests = {name: block.test for name, block in chosen.items()}
    permuted = int(settings["noise_permutations"])
    floors = dict(reached)
    for name in (n for n in ready if chosen[n] is not ready[n]):
        values, known = trains[name].fillna(0.0).to_numpy(), trains[name].notna().to_numpy()
        floors[name] = components.noise_floor(values, permuted, seed, known)
    fitted_on = summaries.sample_of(patients, int(settings["mofa_patients"]), seed)
    if len(fitted_on) < len(patients):
        notes.append(
            f"factors were fitted on {len(fitted_on)} of {len(patients)} patients, the others projected"
        )
    tables = {name: table.reindex(fitted_on) for name, table in trains.items()}
    tables = {name: table for name, table in tables.items() if table.notna().to_numpy().any()}
    k = most_factors(tables, len(fitted_on), int(settings["factors"]))
    model = factors.fit_factors(tables, k, seed, int(settings["mofa_iterations"]))
    if not model.converged:
        notes.append(f"the fit of the factors had not settled after {model.iterations} iterations")
    scores = factors.project(model, trains, patients)
    off = (scores.loc[fitted_on] - model.scores).abs() / model.scores.std().clip(lower=1e-9)
    scores.loc[fitted_on] = model.scores
    held_out = pd.Index(sorted(set().union(*(t.index for t in tests.values()))), dtype=object)
    test = factors.project(model, tests, held_out)
    shown = summaries.sample_of(patients, int(settings["tsne_patients"]), seed)
    if len(shown) < len(patients):
        notes.append(f"t-SNE shows {len(shown)} of {len(patients)} patients")
    rows = patients.get_indexer(shown)
    placed = components.neighbour_map(joint.scores[rows], seed, float(settings["perplexity"]))
    return {
        "scores": pd.DataFrame(
            joint.scores, index=patients, columns=_named("pc", joint.scores.shape[1])
        ),
        "components": joint,
        "names": names,
        "model": model,
        "factors": scores,
        "test": test,
        "r2": factors.variance_explained(model, scores, trains),
        "r2_test": factors.variance_explained(model, test, tests),
        "floors": floors,
        "map": pd.DataFrame(placed, index=shown, columns=["x", "y"]),
        "projection_error": float(off.to_numpy().max()),
        "notes": notes,
    }


def most_factors(tables: dict[str, pd.DataFrame], patients: int, most: int) -> int:
    """Factors that are looked for: at most one per ten patients, and fewer than features."""
    width = sum(table.shape[1] for table in tables.values())
    return max(1, min(most, patients // 10, width - 1))


def _named(stem: str, count: int) -> list[str]:
    return [f"{stem}{i + 1}" for i in range(count)]


def above_noise(r2: pd.DataFrame, floors: dict[str, float]) -> list[str]:
    """Factors that explain more of at least one block than the first component of its permuted values does."""
    beyond = pd.DataFrame({name: r2.loc[name] > floors[name] for name in r2.index})
    return [str(name) for name in r2.columns[beyond.any(axis=1).to_numpy()]]


def technical_findings(tests: list[dict], limit: float) -> list[dict]:
    """Tests that show the way of measuring in what was found: centre, batch or blocks measured, also with the label held."""
    return [
        t
        for t in tests
        if t["variable"] in covariates.TECHNICAL
        and t["above_noise"]
        and t["q"] is not None
        and t["q"] <= limit
        and (t["q_held"] is None or t["q_held"] <= limit)
    ]


def look_at_block(
    block: Block, obs: pd.DataFrame, batch, settings: dict, seed: int, total=None
) -> tuple:
    """One block by itself: its entry in the summary, its scores (DataFrame), its tests, its loadings (long table).

    obs : training patients; batch : Series of them, or None where the block's modality has none; total : Series of the total
    intensity, or None.
    """
    most, top = int(settings["figure_points"]), int(settings["top"])
    found = explore_block(block, settings, seed)
    patients = block.train.index
    own = pd.DataFrame(found.scores, index=patients, columns=_named("pc", found.scores.shape[1]))
    variables = covariates.variables_of(obs.loc[patients], batch, None, total)
    tests = covariates.compare(own.iloc[:, : int(settings["tested_components"])], variables)
    tests = [
        {"of": block.name, "above_noise": int(t["component"][2:]) <= found.above_noise, **t}
        for t in tests
    ]
    features = [(block.name, str(f)) for f in block.train.columns]
    entry = {
        "share": found.share.tolist(),
        "noise": found.floor,
        "above_noise": found.above_noise,
        "top": [summaries.top_loadings(column, features, top) for column in found.loadings.T[:2]],
        "variance": covariates.share_of_variance(found.scores, found.share, variables, patients),
        "points": summaries.figure_points(own.iloc[:, :2], obs, most, seed),
    }
    loadings = summaries.long_loadings(found.loadings, features, f"{block.name} pc")
    shown = summaries.sample_of(patients, int(settings["tsne_patients"]), seed)
    placed = components.neighbour_map(
        own.loc[shown].to_numpy(), seed, float(settings["perplexity"])
    )
    own[["tsne x", "tsne y"]] = pd.DataFrame(placed, index=shown).reindex(patients).to_numpy()
    return entry, own.add_prefix(f"{block.name} "), tests, loadings


def explore(
    parts: Parts, assays: pd.DataFrame, modalities: dict, settings: dict, seed: int
) -> tuple[dict, dict]:
    """Everything: the summary as plain values, and the tables {scores, loadings, projection}.

    modalities : {block: modality}, for the batches; settings : fusion.explore with the limits of the model.
    """
    ready, notes = prepare_all(parts, settings)
    train = parts.patients("train")
    obs = parts.obs.loc[train]
    predicting = [note["block"] for note in notes if note["reason"] != NO_PREDICTOR]
    measured = {block: train.isin(parts.tables[block].index) for block in predicting}
    measured = pd.DataFrame(measured, index=train)
    summary: dict = {
        "status": "ASSESSED",
        "reason": "",
        "n": len(train),
        "n_test": len(parts.patients("test")),
        "blocks": notes,
        "missing": missing_blocks.describe(measured, obs, int(settings["permutations"]), seed),
        "notes": [],
    }
    if not ready:
        summary |= {
            "status": "NOT_ASSESSED",
            "reason": "no block has enough training patients and features",
        }
        return summary, {name: pd.DataFrame() for name in ("scores", "loadings", "projection")}
    units = {b: one_unit(parts.dictionaries[b], r.train.columns) for b, r in ready.items()}
    batch_of = covariates.batches(assays, train)
    tests, scores, loadings = [], [], []
    for note in notes:
        if note["used"]:
            block = ready[note["block"]]
            batch = batch_of.get(modalities.get(block.name, ""))
            raw = parts.tables[block.name].reindex(block.train.index)
            raw = raw[[column for column in raw if column in block.train.columns]]
            total = covariates.total_intensity(raw, parts.dictionaries[block.name])
            entry, own, found, weights = look_at_block(block, obs, batch, settings, seed, total)
            note |= entry
            tests, scores, loadings = tests + found, [*scores, own], [*loadings, weights]
    reached = {note["block"]: note["noise"] for note in notes if note["used"]}
    joint = explore_jointly(ready, units, reached, settings, seed)
    above, found = above_noise(joint["r2"], joint["floors"]), joint["components"]
    on_factors = len(above) > 1
    space = (
        joint["factors"][above]
        if on_factors
        else joint["scores"].iloc[:, : max(2, found.above_noise)]
    )
    grouped = clusters.find_clusters(space.to_numpy(), settings, seed)
    variables = covariates.variables_of(obs.loc[space.index], None, measured.sum(axis=1))
    rows = covariates.compare(joint["factors"], variables)
    tests += [{"of": "factors", "above_noise": r["component"] in above, **r} for r in rows]
    rows = covariates.compare(
        joint["scores"].iloc[:, : int(settings["tested_components"])], variables
    )
    tests += [
        {"of": "all blocks", "above_noise": int(r["component"][2:]) <= found.above_noise, **r}
        for r in rows
    ]
    summary["notes"] += joint["notes"]
    summary["tests"] = covariates.with_q(tests)
    summary["technical"] = technical_findings(tests, float(settings["q"]))
    summary["joint"] = summaries.joint_summary(joint, settings, obs, seed)
    summary["factors"] = summaries.factor_summary(joint, above, settings, obs, seed)
    summary["clusters"] = summaries.cluster_summary(
        grouped, space, variables, settings, seed, on_factors
    )
    scores += [joint["scores"].add_prefix("all "), joint["map"].add_prefix("tsne ")]
    table = (
        pd.concat(scores, axis=1)
        .join(pd.concat([joint["factors"], joint["test"]]), how="outer")
        .sort_index()
    )
    table["cluster"] = pd.Series(grouped["labels"], index=space.index, dtype=float)
    loadings.append(summaries.long_loadings(found.loadings, joint["names"], "all pc"))
    tables = {"scores": table, "loadings": pd.concat(loadings, ignore_index=True)}
    tables["projection"] = summaries.projection_table(joint["model"], ready)
    return summary, tables


def record(step, summary: dict, limit: float) -> None:
    """QC records: what was done without labels (FUS-02), what of it is the way of measuring (OMX-06), missing blocks (CLE-01)."""
    done = [entry for entry in summary["blocks"] if entry["used"]]
    step.check(
        "FUS-02",
        "unsupervised view of the training part",
        "PASS" if done else "NOT_ASSESSED",
        value=len(done),
        unit="blocks",
        threshold="components, factors and clusters, no label in the fit",
        reason=summary["reason"],
        acts=False,
    )
    if done:
        found = summary["technical"]
        names = sorted({f"{t['variable']} in {t['of']} {t['component']}" for t in found})
        step.check(
            "OMX-06",
            "centre, batch and coverage in components and factors",
            "WARN" if found else "PASS",
            value=len(found),
            threshold=f"none above noise with q <= {limit:g}, the label held constant",
            reason="; ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else ""),
            acts=False,
        )
    flagged = [t for t in summary["missing"]["tests"] if t["q"] is not None and t["q"] <= limit]
    step.check(
        "CLE-01",
        "missing blocks go with label or centre",
        "WARN" if flagged else "PASS" if summary["missing"]["coverage"] else "NOT_ASSESSED",
        value=len(flagged),
        threshold=f"none with q <= {limit:g}",
        reason="; ".join(f"{t['block']} with {t['variable']}" for t in flagged),
        acts=False,
    )


def main(job):
    """Look at the training part without labels, then say what the findings go with.

    input: cohort (.h5mu), assays (sheet, optional)
    output: summary (JSON), scores, loadings, projection (Parquet), ledger
    params: settings (fusion.explore), limits (of the model), modalities {block: modality}, seed
    """
    with core_job.step(job) as step:
        settings = {**job.params.limits, **job.params.settings}
        sheets = [job.input.assays] if isinstance(job.input.assays, str) else list(job.input.assays)
        assays = read_tsv(sheets[0]) if sheets else pd.DataFrame()
        parts = read_parts(job.input.cohort)
        summary, tables = explore(
            parts, assays, job.params.modalities, settings, int(job.params.seed)
        )
        record(step, summary, float(settings["q"]))
        for name, table in tables.items():
            summaries.write_table(step.path(getattr(job.output, name)), table)
        summaries.write_summary(step.path(job.output.summary), summary)


if __name__ == "__main__":
    core_job.entry(main, globals().get("snakemake"))
