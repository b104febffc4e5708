"""Association between blocks: what goes together is found, noise is not, and what only label or centre joins is named."""

import json

import numpy as np
import pandas as pd
import pytest

from scripts.core.job import Named
from scripts.fusion import associate_blocks, canonical, network, rank_association
from scripts.fusion.assemble_cohort import to_mudata, write_cohort
from tests.methods import checks_explore
from tests.unit.fusion.drawn_cohort import draw_parts, settings_of

SETTINGS = settings_of("associate")
WIDTHS = {"lcms": 40, "dda": 30}
NO_ASSAYS = pd.DataFrame()


def associate(**drawn):
    """Summary and edges of a drawn cohort with two blocks."""
    parts = draw_parts(**({"widths": WIDTHS} | drawn))
    return associate_blocks.associate(parts, NO_ASSAYS, {}, SETTINGS, 1)


def test_features_that_see_one_factor_are_joined_and_no_others():
    summary, edges = associate(n=160, shared=1.2, seed=1)
    pair = summary["pairs"][0]
    assert pair["p"] == pair["p_adjusted"] == pytest.approx(1 / 1001) == summary["resolution"]
    assert pair["held_out"] > 0.8
    assert summary["edges"]["confounded"] == 0
    # features of the first half of each block carry the factor: 20 x 15 true pairs
    first = edges["feature_1"].str[1:].astype(int) < 15
    second = edges["feature_2"].str[1:].astype(int) < 20
    assert set(edges["block_1"] + edges["block_2"]) == {"ddalcms"}
    assert (first & second).sum() > 280 and (~(first & second)).sum() <= 0.05 * len(edges) + 3


def test_nothing_is_found_in_noise():
    found = [associate(n=80, seed=seed) for seed in range(10)]
    assert sum(bool(summary["edges"]["holds"]) for summary, _ in found) <= 2  # 5 % expected
    p = np.sort([summary["pairs"][0]["p"] for summary, _ in found])
    assert p[0] > 0.002 and 0.2 < p.mean() < 0.8  # uniform: mean .5, SD of a mean of ten .09
    share = np.sum([summary["pairs"][0]["histogram"] for summary, _ in found], axis=0)
    assert share[0] / share.sum() == pytest.approx(0.05, abs=0.01)  # p <= .05


def test_planted_centre_effect_is_flagged_as_confounded_by_the_centre():
    summary, edges = associate(n=200, centre_shift=2.5, seed=2)
    assert summary["edges"]["confounded"] > 100
    assert set(edges.loc[edges["status"] == "confounded", "cause"]) == {"centre"}
    pair = summary["pairs"][0]
    assert pair["p"] < 0.01 < pair["p_adjusted"]


def test_association_through_the_label_is_named_and_gone_within_the_classes():
    summary, edges = associate(n=200, label_shift=2.5, seed=2)
    lost = edges[edges["status"] == "confounded"]
    assert set(lost["cause"]) == {"label"} and len(lost) > 100
    assert lost["rho"].abs().mean() > 0.4
    assert lost[["rho_hcc", "rho_control"]].abs().to_numpy().mean() < 0.2


def test_shift_that_hides_an_association_is_taken_away():
    parts = draw_parts(n=200, widths={"lcms": 6, "dda": 6}, seed=3)
    label, latent = parts.obs["label"].to_numpy(), parts.obs["latent"].to_numpy()
    parts.tables["lcms"]["f0"] = 2 * label + latent
    parts.tables["dda"]["f0"] = -2 * label + latent * 1.0
    summary, edges = associate_blocks.associate(parts, NO_ASSAYS, {}, SETTINGS, 1)
    row = edges[(edges["feature_1"] == "f0") & (edges["feature_2"] == "f0")].iloc[0]
    assert row["status"] == "masked" and abs(row["rho"]) < 0.3 and row["rho_adjusted"] > 0.9


def test_rank_correlation_equals_scipy_and_stays_near_with_missing_values():
    from scipy.stats import spearmanr

    rng = np.random.default_rng(0)
    shared = rng.normal(size=60)
    x, y = (
        shared[:, None] + rng.normal(size=(60, 4)),
        shared[:, None] + rng.normal(size=(60, 3)).round(1),
    )
    whole = [rank_association.ranked(t) for t in (x, y)]
    rho, n = rank_association.correlations(*whole, slice(0, 4))
    expected = np.array([[spearmanr(a, b)[0] for b in y.T] for a in x.T])
    np.testing.assert_allclose(rho, expected, atol=1e-12)
    p = rank_association.p_values(rho, n - 2)
    np.testing.assert_allclose(p, [[spearmanr(a, b)[1] for b in y.T] for a in x.T], rtol=1e-6)
    x[rng.random(x.shape) < 0.2] = np.nan
    y[rng.random(y.shape) < 0.2] = np.nan
    part = [rank_association.ranked(t) for t in (x, y)]
    rho, n = rank_association.correlations(*part, slice(0, 4))
    expected = np.array([[spearmanr(a, b, nan_policy="omit")[0] for b in y.T] for a in x.T])
    np.testing.assert_allclose(rho, expected, atol=0.05)
    assert n.min() >= 30
    np.testing.assert_allclose(
        rank_association.pair_correlation(*part, np.array([0, 3]), np.array([2, 1])),
        [rho[0, 2], rho[3, 1]],
    )


def test_partial_rank_correlation_equals_pingouin():
    pingouin = pytest.importorskip("pingouin")
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.normal(size=(70, 2)), columns=["x", "y"])
    table["c"] = rng.integers(0, 2, 70)
    table["x"] += table["c"]
    table["y"] += table["c"] + 0.4 * table["x"]
    blocks = [rank_association.ranked(table[[c]].to_numpy()) for c in "xy"]
    held = [rank_association.residual(block, table[["c"]].to_numpy(float)) for block in blocks]
    rho, _ = rank_association.correlations(*held, slice(0, 1))
    expected = pingouin.partial_corr(table, "x", "y", "c", method="spearman")["r"].iloc[0]
    assert rho[0, 0] == pytest.approx(expected, abs=1e-3)


def test_q_values_from_the_small_p_alone_equal_those_from_all():
    from statsmodels.stats.multitest import multipletests

    rng = np.random.default_rng(0)
    p = np.concatenate([rng.uniform(size=900), rng.uniform(0, 0.003, 60)])
    q = multipletests(p, method="fdr_bh")[1]
    mine = rank_association.q_values(p, p[p <= 0.05], len(p))
    np.testing.assert_allclose(mine[q <= 0.05], q[q <= 0.05])
    assert (mine[q > 0.05] > 0.05).all()


@pytest.mark.parametrize("shrinkage", [0.1, 0.9, 1.0])
def test_fast_canonical_value_equals_cca_zoo(shrinkage):
    from cca_zoo.linear import RidgeCCA

    rng = np.random.default_rng(0)
    shared = rng.normal(size=(50, 1))
    X, Y = shared + rng.normal(size=(50, 8)), shared + rng.normal(size=(50, 6))
    x, y = canonical.half(X, 5, 0), canonical.half(Y, 5, 0)
    value = canonical.statistics(x, y, np.arange(50)[None], [shrinkage])[0, 0]
    model = RidgeCCA(shrinkage=shrinkage).fit([x.scores, y.scores])
    u, v = (s @ w[:, 0] for s, w in zip([x.scores, y.scores], model.weights_, strict=True))
    norms = [
        np.sqrt(((1 - shrinkage) * s.var(axis=0, ddof=1) + shrinkage) @ w[:, 0] ** 2)
        for s, w in zip([x.scores, y.scores], model.weights_, strict=True)
    ]
    assert value == pytest.approx(np.cov(u, v)[0, 1] / norms[0] / norms[1], rel=1e-8)


def test_permutations_stay_within_their_stratum():
    strata = np.array([0, 1, 0, 2, 1, 0, 2])
    orders = canonical.permutations(strata, 50, 1)
    assert (orders[0] == np.arange(7)).all()
    assert (strata[orders] == strata).all()
    assert (np.sort(orders, axis=1) == np.arange(7)).all()
    assert len({tuple(order) for order in orders}) > 12


def test_network_is_readable_and_joins_blocks_only(tmp_path):
    import networkx

    _, edges = associate(n=100, shared=1.5, seed=1)
    network.write_graphml(tmp_path / "network.graphml", edges)
    graph = networkx.read_graphml(tmp_path / "network.graphml")
    assert graph.number_of_edges() == len(edges) > 100
    assert all(graph.nodes[a]["block"] != graph.nodes[b]["block"] for a, b in graph.edges)
    name = max(graph.nodes, key=lambda node: graph.degree[node])
    assert graph.nodes[name]["degree"] == graph.degree[name]


def test_more_pairs_than_allowed_are_cut_to_the_variable_features():
    assert (
        associate_blocks.features_allowed([3000, 3000], {"features": 3000, "pairs": 10**7}) == 3000
    )
    cut = associate_blocks.features_allowed([3000, 3000, 50], {"features": 3000, "pairs": 10**6})
    assert 700 < cut < 1000
    settings = SETTINGS | {"features": 10}
    parts = draw_parts(n=60, widths=WIDTHS)
    summary, _ = associate_blocks.associate(parts, NO_ASSAYS, {}, settings, 1)
    assert (
        summary["tested"] == 100
        and "10 of the 40 features of lcms were compared" in summary["notes"]
    )


def test_step_says_why_there_is_nothing_to_compare_and_writes_the_same_twice(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, widths in (("one", {"lcms": 20}), ("a", WIDTHS), ("b", WIDTHS)):
        parts = draw_parts(n=80, widths=widths, shared=1.0)
        verdicts = {b: pd.Series("pass", index=t.index) for b, t in parts.tables.items()}
        write_cohort(
            f"{name}.h5mu", to_mudata(parts.tables, parts.dictionaries, verdicts, parts.obs)
        )
        outputs = {
            "summary": "associations.json",
            "edges": "edges.parquet",
            "network": "network.graphml",
        }
        outputs = {key: f"{name}/{value}" for key, value in outputs.items()} | {
            "ledger": f"{name}.jsonl"
        }
        params = {"settings": SETTINGS, "limits": {}, "modalities": {}, "seed": 1}
        job = Named()
        job.input, job.output = (
            Named([], cohort=f"{name}.h5mu", assays=[]),
            Named(outputs.values(), **outputs),
        )
        job.params, job.wildcards, job.log = (
            Named(params.values(), **params),
            Named(),
            [f"{name}.log"],
        )
        job.threads, job.rule = 1, "associate_blocks"
        associate_blocks.main(job)
    summary = json.loads((tmp_path / "one" / "associations.json").read_text())
    assert (
        summary["status"] == "NOT_ASSESSED"
        and summary["reason"] == "fewer than two blocks can be compared"
    )
    verdict = json.loads((tmp_path / "one.jsonl").read_text().splitlines()[0])
    assert (verdict["requirement_id"], verdict["verdict"]) == ("FUS-05", "NOT_ASSESSED")
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes(), path.name
    records = [json.loads(line) for line in (tmp_path / "a.jsonl").read_text().splitlines()]
    assert [(r["requirement_id"], r["verdict"]) for r in records] == [
        ("FUS-05", "PASS"),
        ("FUS-05", "PASS"),
    ]


@pytest.mark.real
def test_messenger_rna_micro_rna_and_protein_of_breast_cancers_go_together(testdata):
    found = checks_explore.breast_associations(testdata)
    assert found["holds"], found["measured"]


def test_blocks_without_shared_patients_are_not_compared():
    parts = draw_parts(n=80, widths=WIDTHS)
    train = parts.patients("train")
    parts.tables["lcms"], parts.tables["dda"] = (
        parts.tables["lcms"].loc[train[:40]],
        parts.tables["dda"].loc[train[30:]],
    )
    summary, edges = associate_blocks.associate(parts, NO_ASSAYS, {}, SETTINGS, 1)
    assert summary["pairs"][0]["reason"] == "10 patients have both; at least 20 are needed"
    assert summary["status"] == "NOT_ASSESSED" and edges.empty
