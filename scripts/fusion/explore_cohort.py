"""In: results/cohort/cohort.h5mu (training part; the test part is only projected), assays sheet for batches.
Out: explore.json (components, factors, clusters, missing blocks, what they go with), scores, loadings, projection as Parquet.
Source: docs/modelling.md, "Unsupervised view"; requirements FUS-02, OMX-06, CLE-01. No label takes part in any fit.
"""

import json

import pandas as pd

from scripts.core import job as core_job
from scripts.fusion import clusters, components, covariates, factors, missing_blocks, summaries
from scripts.fusion.blocks import read_tsv
from scripts.fusion.training_blocks import Block, Parts, most_informative, prepare_all, read_parts


def one_unit(dictionary: pd.DataFrame, features) -> bool:
    """Whether all these features are in the same unit."""
    return dictionary.reindex(features)["unit"].astype(str).nunique() == 1


def explore_block(block: Block, settings: dict, seed: int) -> components.Components:
    """Principal components of one block; missing values are at their mean."""
    X = block.train.fillna(0.0).to_numpy()
    found = components.principal_components(X, int(settings["components"]), seed)
    found.floor = components.noise_floor(X, int(settings["noise_permutations"]), seed)
    return found


def explore_jointly(ready: dict[str, Block], settings: dict, seed: int) -> dict:
    """Multiple factor analysis, t-SNE, MOFA and clusters of all blocks together.

    Returns scores (DataFrame, training patients), components, names (block, feature), factors, test (factors of the test
    part), r2 and r2_test (block x factor), above (factors that noise does not reach), map (DataFrame x, y), clusters, notes.
    """
    patients = pd.Index(sorted(set().union(*(b.train.index for b in ready.values()))))
    trains = {name: block.train for name, block in ready.items()}
    notes = []
    X, names = components.joint_table(trains, patients)
    joint = components.principal_components(X, int(settings["components"]), seed)
    joint.floor = components.noise_floor(X, int(settings["noise_permutations"]), seed)
    chosen = {}
    for name, block in ready.items():
        chosen[name] = most_informative(
            block, int(settings["mofa_features"]), settings["one_unit"][name]
        )
        if chosen[name].train.shape[1] < block.train.shape[1]:
            notes.append(
                f"factors use {settings['mofa_features']} of the {block.train.shape[1]} features of {name}"
            )
    fitted_on = summaries.sample_of(patients, int(settings["mofa_patients"]), seed)
    if len(fitted_on) < len(patients):
        notes.append(
            f"factors were fitted on {len(fitted_on)} of {len(patients)} patients and projected on the others"
        )
    tables = {name: block.train.reindex(fitted_on) for name, block in chosen.items()}
    tables = {name: table for name, table in tables.items() if table.notna().to_numpy().any()}
    k = max(1, min(int(settings["factors"]), len(fitted_on) // 10))
    found = factors.fit_factors(tables, k, seed, int(settings["mofa_iterations"]))
    if not found.converged:
        notes.append(f"the fit of the factors had not settled after {found.iterations} iterations")
    scores = factors.project(found, {n: b.train for n, b in chosen.items()}, patients)
    scores.loc[found.scores.index] = found.scores
    r2 = factors.variance_explained(found, scores, trains)
    held_out = pd.Index(sorted(set().union(*(b.test.index for b in ready.values()))), dtype=object)
    tests = {name: block.test for name, block in chosen.items()}
    test = factors.project(found, tests, held_out)
    r2_test = factors.variance_explained(found, test, tests)
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
        "model": found,
        "factors": scores,
        "test": test,
        "r2": r2,
        "r2_test": r2_test,
        "map": pd.DataFrame(placed, index=shown, columns=["x", "y"]),
        "notes": notes,
    }


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


def explore(
    parts: Parts, assays: pd.DataFrame, modalities: dict, settings: dict, seed: int
) -> tuple[dict, dict]:
    """Everything: the summary as plain values, and the tables {scores, loadings, projection}.

    modalities : {block: modality}, for the batches; settings : fusion.explore with the limits of the model.
    """
    ready, notes = prepare_all(parts, settings)
    train = parts.patients("train")
    obs = parts.obs.loc[train]
    measured = pd.DataFrame({b: train.isin(t.index) for b, t in parts.tables.items()}, index=train)
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
        return summary, {
            "scores": pd.DataFrame(),
            "loadings": pd.DataFrame(),
            "projection": pd.DataFrame(),
        }
    settings = {
        **settings,
        "one_unit": {b: one_unit(parts.dictionaries[b], r.train.columns) for b, r in ready.items()},
    }
    batch_of = covariates.batches(assays, train)
    count = measured.sum(axis=1)
    tests, scores, loadings, floors, most = [], {}, [], {}, int(settings["figure_points"])
    for entry in notes:
        if not entry["used"]:
            continue
        name = entry["block"]
        block = ready[name]
        found = explore_block(block, settings, seed)
        floors[name] = found.floor
        own = pd.DataFrame(
            found.scores, index=block.train.index, columns=_named("pc", found.scores.shape[1])
        )
        variables = covariates.variables_of(
            obs.loc[own.index], batch_of.get(modalities.get(name, "")), None
        )
        rows = covariates.compare(own.iloc[:, : int(settings["tested_components"])], variables)
        tests += [
            {"of": name, "above_noise": int(r["component"][2:]) <= found.above_noise, **r}
            for r in rows
        ]
        features = [(name, str(f)) for f in block.train.columns]
        entry |= {
            "share": found.share.tolist(),
            "noise": found.floor,
            "above_noise": found.above_noise,
            "top": [
                summaries.top_loadings(column, features, int(settings["top"]))
                for column in found.loadings.T[:2]
            ],
            "variance": covariates.share_of_variance(
                found.scores, found.share, variables, own.index
            ),
            "points": summaries.figure_points(own.iloc[:, :2], obs, most, seed),
        }
        scores |= {f"{name} {column}": own[column] for column in own}
        loadings.append(summaries.long_loadings(found.loadings, features, f"{name} pc"))
    joint = explore_jointly(ready, settings, seed)
    above = above_noise(joint["r2"], floors)
    space = (
        joint["factors"][above]
        if len(above) > 1
        else joint["scores"].iloc[:, : max(2, joint["components"].above_noise)]
    )
    grouped = clusters.find_clusters(space.to_numpy(), settings, seed)
    variables = covariates.variables_of(obs.loc[space.index], None, count)
    rows = covariates.compare(joint["factors"], variables)
    tests += [{"of": "factors", "above_noise": r["component"] in above, **r} for r in rows]
    rows = covariates.compare(
        joint["scores"].iloc[:, : int(settings["tested_components"])], variables
    )
    reached = joint["components"].above_noise
    tests += [
        {"of": "all blocks", "above_noise": int(r["component"][2:]) <= reached, **r} for r in rows
    ]
    tests = covariates.with_q(tests)
    summary["notes"] += joint["notes"]
    summary["tests"] = tests
    summary["technical"] = technical_findings(tests, float(settings["q"]))
    summary["joint"] = summaries.joint_summary(joint, settings, obs, most, seed)
    summary["factors"] = summaries.factor_summary(joint, above, floors, settings, obs, most, seed)
    summary["clusters"] = summaries.cluster_summary(
        grouped, space, variables, settings, seed, bool(len(above) > 1)
    )
    scores |= {f"all {column}": joint["scores"][column] for column in joint["scores"]}
    scores |= {f"tsne {axis}": joint["map"][axis] for axis in ("x", "y")}
    everyone = pd.concat([joint["factors"], joint["test"]])
    table = pd.DataFrame(scores).join(everyone, how="outer").sort_index()
    table["cluster"] = pd.Series(grouped["labels"], index=space.index, dtype=float)
    loadings.append(summaries.long_loadings(joint["components"].loadings, joint["names"], "all pc"))
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
        "WARN" if flagged else "PASS",
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
        text = (
            json.dumps(summaries.rounded(summary), sort_keys=True, indent=1, ensure_ascii=False)
            + "\n"
        )
        step.path(job.output.summary).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    core_job.entry(main, globals().get("snakemake"))
