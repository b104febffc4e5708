"""Structure without labels: what is there is found and placed again, what is not there is not found."""

import json

import numpy as np
import pandas as pd
import pytest

from scripts.core.job import Named
from scripts.fusion import clusters, components, covariates, explore_cohort, factors, missing_blocks
from scripts.fusion.assemble_cohort import to_mudata, write_cohort
from tests.unit.fusion.drawn_cohort import draw_parts, settings_of

QUICK = {"resamples": 20, "references": 10, "mofa_iterations": 200}
SETTINGS = settings_of("explore", **QUICK)
NO_ASSAYS = pd.DataFrame()


@pytest.fixture(scope="module")
def with_factor():
    """A factor that all blocks see (SD 1 against noise of SD 1), some patients without a block."""
    parts = draw_parts(shared=1.0, missing=0.15, seed=1)
    return parts, *explore_cohort.explore(parts, NO_ASSAYS, {}, SETTINGS, 1)


@pytest.fixture(scope="module")
def noise():
    parts = draw_parts(seed=2)
    return parts, *explore_cohort.explore(parts, NO_ASSAYS, {}, SETTINGS, 1)


def test_known_factor_is_recovered_by_components_and_factors(with_factor):
    parts, summary, tables = with_factor
    scores = tables["scores"].loc[parts.patients("train")]
    latent = parts.obs["latent"].reindex(scores.index)
    assert abs(scores["factor1"].corr(latent)) > 0.9
    assert abs(scores["all pc1"].corr(latent)) > 0.9
    assert abs(scores["lcms pc1"].corr(latent)) > 0.9
    assert summary["factors"]["above_noise"] == ["factor1"]
    assert summary["joint"]["above_noise"] == 1


def test_test_part_is_projected_onto_the_same_factor(with_factor):
    parts, summary, tables = with_factor
    test = tables["scores"].reindex(parts.patients("test"))["factor1"].dropna()
    assert len(test) >= 25
    assert abs(test.corr(parts.obs["latent"].reindex(test.index))) > 0.9
    # half of the features carry the factor with half of their variance: a quarter of the block
    assert np.array(summary["factors"]["r2_test"])[:, 0] == pytest.approx(0.25, abs=0.1)


def test_projecting_training_patients_gives_their_own_factors(with_factor):
    assert with_factor[1]["factors"]["projection_error"] < 0.01  # SD of a factor


def test_nothing_is_found_in_noise(noise):
    _, summary, _ = noise
    # noise reaches the level in 1 to 2 % of blocks: two of three would be a defect (P < .001)
    assert sum(note["above_noise"] for note in summary["blocks"]) <= 1
    assert summary["factors"]["above_noise"] == [] and summary["joint"]["above_noise"] == 0
    assert summary["clusters"]["k"] == 1
    assert summary["technical"] == []


def test_planted_centre_effect_is_flagged_and_a_label_effect_is_not_taken_for_it():
    shifted = draw_parts(centre_shift=1.5, seed=3)
    summary, _ = explore_cohort.explore(shifted, NO_ASSAYS, {}, SETTINGS, 1)
    found = {(t["of"], t["variable"]) for t in summary["technical"]}
    assert {("lcms", "centre"), ("factors", "centre")} <= found
    variance = {note["block"]: note["variance"] for note in summary["blocks"]}
    assert variance["lcms"]["centre"] > 0.1 > variance["lcms"]["label"]
    labelled, _ = explore_cohort.explore(
        draw_parts(label_shift=1.5, seed=3), NO_ASSAYS, {}, SETTINGS, 1
    )
    assert labelled["technical"] == []
    first = [
        t
        for t in labelled["tests"]
        if (t["of"], t["component"], t["variable"]) == ("lcms", "pc1", "label")
    ]
    assert first[0]["q"] < 0.001


def test_labels_take_no_part_in_any_fit():
    parts = draw_parts(n=80, shared=1.0, seed=4)
    _, before = explore_cohort.explore(parts, NO_ASSAYS, {}, SETTINGS, 1)
    parts.obs["label"] = 1 - parts.obs["label"]
    parts.obs.loc[parts.obs.index[:9], "label"] = 0
    _, after = explore_cohort.explore(parts, NO_ASSAYS, {}, SETTINGS, 1)
    for name in before:
        pd.testing.assert_frame_equal(before[name], after[name])


def test_clusters_are_found_where_they_are():
    rng = np.random.default_rng(0)
    centres = np.array([[0, 0], [6, 0], [0, 6]])
    X = centres[np.arange(90) % 3] + rng.normal(size=(90, 2))
    found = clusters.find_clusters(X, SETTINGS, 1)
    assert found["k"] == 3 and found["table"][2]["agreement"] > 0.95
    assert (
        len(
            {
                tuple(sorted(set(np.array(found["labels"])[np.arange(90) % 3 == g])))
                for g in range(3)
            }
        )
        == 3
    )
    one = clusters.find_clusters(rng.normal(size=(90, 3)), SETTINGS, 1)
    assert one["k"] == 1 and one["reason"]


def test_noise_floor_lies_above_the_first_component_of_noise():
    rng = np.random.default_rng(0)
    exceeded = 0
    for seed in range(40):
        X = rng.normal(size=(60, 30))
        X -= X.mean(axis=0)
        found = components.principal_components(X, 3, 0)
        everything = np.ones(X.shape, bool)
        exceeded += found.share[0] > components.noise_floor(X, 20, seed, everything)
    assert exceeded <= 3  # 1 % expected: P(4 or more of 40) is 0.0006, binomial


@pytest.mark.parametrize("absent", [0.4, 0.6])
def test_patients_without_a_block_are_no_structure_in_the_joint_view(absent):
    rng = np.random.default_rng(0)
    exceeded = 0
    for seed in range(40):
        patients = pd.Index([f"P{i}" for i in range(120)])
        blocks = {}
        for name, share in (("a", 0.0), ("b", absent)):
            own = patients[rng.random(120) >= share]
            values = rng.normal(size=(len(own), 60))
            values = (values - values.mean(axis=0)) / values.std(axis=0)
            blocks[name] = pd.DataFrame(values, index=own)
        X, _ = components.joint_table(blocks, patients)
        measured = np.hstack([t.reindex(patients).notna().to_numpy() for t in blocks.values()])
        found = components.principal_components(X, 3, 0)
        exceeded += found.share[0] > components.noise_floor(X, 20, seed, measured)
    assert exceeded <= 3  # as above; with means strewn over all rows 16 and 33 of 40


def test_large_blocks_are_decomposed_alike_by_chance():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(750, 4)) @ rng.normal(size=(4, 720)) * 3 + rng.normal(size=(750, 720))
    rough = components.principal_components(X, 4, 0).share
    exact = np.linalg.svd(X, compute_uv=False)[:4] ** 2 / (X**2).sum()
    np.testing.assert_allclose(rough, exact, rtol=1e-4)


def test_patient_without_a_block_is_placed_by_the_others(with_factor):
    parts, _, _ = with_factor
    tables = {b: t.fillna(0.0) for b, t in parts.tables.items()}
    shared = sorted(set.intersection(*(set(t.index) for t in tables.values())))
    tables = {b: t.loc[shared] - t.loc[shared].mean() for b, t in tables.items()}
    model = factors.fit_factors(tables, 3, 1, 200)
    whole = factors.project(model, tables, pd.Index(shared))
    bare = factors.project(model, {"lcms": tables["lcms"]}, pd.Index([*shared, "nobody"]))
    assert bare.loc[shared, "factor1"].corr(whole["factor1"]) > 0.9
    assert bare.loc["nobody"].isna().all()


def test_centre_that_only_follows_the_label_is_told_from_one_of_its_own():
    rng = np.random.default_rng(0)
    label = pd.Series(np.repeat(["hcc", "control"], 60))
    centre = pd.Series(np.where(rng.random(120) < np.where(label == "hcc", 0.9, 0.1), "C1", "C2"))
    score = pd.DataFrame({"pc1": (label == "hcc") * 2.0 + rng.normal(size=120)})
    tests = covariates.with_q(covariates.compare(score, {"label": label, "centre": centre}))
    by_name = {t["variable"]: t for t in tests}
    assert by_name["centre"]["p"] < 1e-6 < 0.05 < by_name["centre"]["p_held"]
    assert by_name["label"]["p_held"] < 1e-4


def test_p_values_of_independent_scores_are_uniform():
    from scipy.stats import kstest

    rng = np.random.default_rng(1)
    scores = pd.DataFrame(rng.normal(size=(80, 300)), columns=[f"pc{i}" for i in range(300)])
    centre = pd.Series(rng.choice(list("ABC"), 80))
    p = [t["p"] for t in covariates.compare(scores, {"centre": centre})]
    assert kstest(p, "uniform").pvalue > 0.01


def test_missing_block_that_goes_with_the_label_is_named():
    obs = draw_parts(n=80).obs
    measured = pd.DataFrame({"lcms": True, "ct": obs["label"] == 1}, index=obs.index)
    found = missing_blocks.describe(measured, obs, 1000, 1)
    tests = {(t["block"], t["variable"]): t["q"] for t in found["tests"]}
    assert tests["ct", "label"] <= 0.01 and tests["ct", "centre"] > 0.05
    alone = {"blocks": ["lcms"], "n": 40, "classes": {"control": 40, "hcc": 0}, "events": 0}
    assert found["patterns"][0] == alone
    assert ("lcms", "label") not in tests  # everybody has it


def test_three_classes_are_counted_and_compared_by_name():
    label = np.arange(150) % 3
    names = np.array(["viral", "alcohol", "mash"])[label]
    index = [f"P{i:03d}" for i in range(150)]
    obs = pd.DataFrame({"label": label, "class": names, "centre": "A"}, index=index)
    measured = pd.DataFrame({"ct": True}, index=obs.index)
    # 3 x 50 patients
    assert missing_blocks.describe(measured, obs, 10, 0)["patterns"] == [
        {"blocks": ["ct"], "n": 150, "classes": {"viral": 50, "alcohol": 50, "mash": 50}}
    ]
    variable = covariates.variables_of(obs, None, None)["label"]
    assert sorted(set(variable)) == ["alcohol", "mash", "viral"]


def run_step(tmp_path, monkeypatch, parts, name="a"):
    """The step as the workflow runs it; returns its summary and folder."""
    monkeypatch.chdir(tmp_path)
    verdicts = {b: pd.Series("pass", index=t.index) for b, t in parts.tables.items()}
    cohort = to_mudata(parts.tables, parts.dictionaries, verdicts, parts.obs.drop(columns="latent"))
    write_cohort("cohort.h5mu", cohort)
    job = Named()
    outputs = {
        "summary": "explore.json",
        "scores": "scores.parquet",
        "loadings": "loadings.parquet",
    }
    outputs |= {"projection": "projection.parquet", "ledger": "ledger.jsonl"}
    outputs = {key: f"{name}/{value}" for key, value in outputs.items()}
    job.input, job.output = (
        Named([], cohort="cohort.h5mu", assays=[]),
        Named(outputs.values(), **outputs),
    )
    params = {"settings": SETTINGS, "limits": {}, "modalities": {}, "seed": 1}
    job.params, job.wildcards, job.log = Named(params.values(), **params), Named(), [f"{name}.log"]
    job.threads, job.rule = 1, "explore_cohort"
    explore_cohort.main(job)
    return json.loads((tmp_path / name / "explore.json").read_text(encoding="utf-8"))


def test_step_writes_the_same_bytes_twice_and_its_records(tmp_path, monkeypatch):
    parts = draw_parts(n=80, shared=1.0, missing=0.1)
    summary = run_step(tmp_path, monkeypatch, parts)
    run_step(tmp_path, monkeypatch, parts, "b")
    for path in sorted((tmp_path / "a").glob("*")):
        if path.suffix != ".jsonl":
            assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes(), path.name
    records = [
        json.loads(line) for line in (tmp_path / "a" / "ledger.jsonl").read_text().splitlines()
    ]
    found = {record["requirement_id"]: record["verdict"] for record in records}
    assert found == {"FUS-02": "PASS", "OMX-06": "PASS", "CLE-01": "PASS"}
    assert "P0001" not in json.dumps(summary)


def test_projection_file_places_a_new_patient(tmp_path, monkeypatch):
    parts = draw_parts(n=80, shared=1.0)
    run_step(tmp_path, monkeypatch, parts)
    table = pd.read_parquet(tmp_path / "a" / "projection.parquet")
    scores = pd.read_parquet(tmp_path / "a" / "scores.parquet")
    patient = parts.patients("test")[0]
    k = sum(c.startswith("weight") for c in table)
    left, right = np.eye(k), np.zeros(k)
    for row in table.to_dict("records"):
        value = (parts.tables[row["block"]].loc[patient, row["feature"]] - row["mean"]) / row["sd"]
        value = np.clip(value, -5, 5)
        w = np.array([row[f"weight{i + 1}"] for i in range(k)])
        square = np.outer(w, w)
        square[np.diag_indices(k)] = [row[f"square{i + 1}"] for i in range(k)]
        left += row["precision"] * square
        right += row["precision"] * w * (value - row["offset"])
    expected = scores.loc[patient, [f"factor{i + 1}" for i in range(k)]]
    np.testing.assert_allclose(np.linalg.solve(left, right), expected, atol=1e-5)


def test_cohort_without_any_usable_block_is_not_assessed(tmp_path, monkeypatch):
    summary = run_step(tmp_path, monkeypatch, draw_parts(n=24, widths={"lcms": 5}))
    assert summary["status"] == "NOT_ASSESSED"
    assert summary["blocks"][0]["reason"].endswith(
        "training patients have it; at least 20 are needed"
    )
