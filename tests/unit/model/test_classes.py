"""Three or more classes: coupling, missing blocks, the bundle."""

import numpy as np
import pandas as pd
import pytest

from scripts.core.hashing import person_hash
from scripts.model import bundle, class_metrics, class_performance, classes, fit_model, fused
from scripts.model.cohort_tables import predictors


def members(cohort, settings):
    allowed, _ = predictors(cohort, settings)
    return fused.members_of("late", allowed, settings)


@pytest.fixture(scope="module")
def trained(request):
    from scripts.core.config import default_config
    from tests.unit.model.conftest import build_classes

    settings = default_config()["model"]
    settings = {**settings, "elastic_net": {"c": [0.1], "l1_ratio": [0.5], "max_iter": 100}}
    cohort = build_classes()
    return classes.train(members(cohort, settings), cohort, settings, 1), cohort, settings


def test_probabilities_add_up_and_find_the_classes(trained, make_classes):
    model, _, _ = trained
    new = make_classes(seed=5)
    found = model.score(new)
    p = found[["p0", "p1", "p2"]].to_numpy()
    scored = found["refused"] == ""
    assert np.allclose(p[scored].sum(axis=1), 1) and scored.sum() > 130
    assert class_metrics.macro_auc(new.labels[scored], p[scored]) > 0.75
    assert set(found.loc[scored, "class"]) == {"control", "early", "late"}


def test_patients_of_every_pattern_of_blocks_are_calibrated(trained, make_classes):
    model, _, _ = trained
    new = make_classes(n=900, seed=6, missing=0.3)
    found = model.score(new)
    for pattern in ("ct", "lcms", "ct+lcms"):
        own = found[found["pattern"] == pattern]
        y = new.obs.loc[own.index, "label"].to_numpy()
        observed = np.bincount(y, minlength=3)
        expected = own[["p0", "p1", "p2"]].sum().to_numpy()
        assert (np.abs(observed / expected - 1) < 0.25).all(), (pattern, observed, expected)


def test_patient_without_any_block_is_refused(trained, make_classes):
    model, _, _ = trained
    new = make_classes(n=30, seed=7)
    for block, table in new.tables.items():
        new.tables[block] = table.drop(index="P0000", errors="ignore")
    found = model.score(new).loc["P0000"]
    assert found["class"] == "" and np.isnan(found["p0"])
    assert found["refused"].startswith("below the minimum set of blocks")


def test_coupling_recovers_the_slope_and_shifts_of_a_softmax():
    rng = np.random.default_rng(0)
    odds = rng.normal(0, 2, (20000, 3))
    true = np.exp(0.7 * odds + np.array([0.5, 0.0, -0.5]))
    true /= true.sum(axis=1, keepdims=True)
    y = (rng.random(20000)[:, None] > true.cumsum(axis=1)).sum(axis=1)
    slope, intercepts = classes.fit_coupling(odds, y)
    assert slope == pytest.approx(0.7, abs=0.03)
    assert np.diff(intercepts) == pytest.approx([-0.5, -0.5], abs=0.08)


def test_four_classes_work_as_three_do(make_classes, settings):
    cohort = make_classes(n=160, names=("a", "b", "c", "d"))
    model = classes.train(members(cohort, settings), cohort, settings, 1)
    assert len(model.models) == 4
    assert list(model.score(cohort)[["p0", "p1", "p2", "p3"]].sum(axis=1).round(9).unique()) == [
        1.0
    ]


def test_class_that_is_too_small_trains_nothing(make_classes, settings):
    cohort = make_classes(n=90)
    keep = cohort.obs.index[(cohort.labels != 2) | (np.arange(90) < 6)]
    assert (
        classes.train(members(make_classes(), settings), cohort.subset(keep), settings, 1) is None
    )


def written(model, cohort, settings, folder):
    folder.mkdir()
    packed = model.packed()
    metric = {"value": 0.8, "low": 0.7, "high": 0.9}
    entry = {"metrics": dict.fromkeys(("macro_auc", "balanced_accuracy", "log_loss"), metric)}
    performance = {
        "selected": "late",
        "strategies": {"late": entry},
        "verdict": {"text_en": "Discriminates."},
    }
    gap = fit_model.write_classes(folder, model, cohort, performance, settings, 1, "code")
    assert packed.y.min() >= 0
    return gap


def test_reloaded_bundle_predicts_alike_and_two_fits_are_equal_bytes(
    trained, tmp_path, make_classes
):
    model, cohort, settings = trained
    assert written(model, cohort, settings, tmp_path / "one") <= 1e-12
    again = classes.train(members(cohort, settings), cohort, settings, 1)
    written(again, cohort, settings, tmp_path / "two")
    files = {p.name: p.read_bytes() for p in (tmp_path / "one").iterdir()}
    assert files == {p.name: p.read_bytes() for p in (tmp_path / "two").iterdir()}
    packed, description = bundle.load_bundle(tmp_path / "one")
    assert description["outcome"]["classes"] == ["control", "early", "late"]
    new = make_classes(seed=8)
    columns = ["p0", "p1", "p2"]
    difference = (
        classes.unpacked(packed, description).score(new)[columns] - model.score(new)[columns]
    )
    assert float(difference.abs().max().max()) <= 1e-12
    assert "early (" in (tmp_path / "one" / "model_card.md").read_text()


def test_bundle_holds_no_patient(trained, tmp_path):
    model, cohort, settings = trained
    written(model, cohort, settings, tmp_path / "one")
    stored = pd.read_parquet(tmp_path / "one" / "oof.parquet")
    assert not set(stored.index) & set(cohort.obs.index)
    assert sorted(stored["label"].unique()) == [0, 1, 2]


def test_notes_of_the_models_of_all_classes_are_joined():
    assert classes.joined_notes(["a; b", "", "b; c"]) == "a; b; c"


def test_adapted_centre_and_training_patients_are_flagged(make_classes, settings):
    cohort = make_classes()
    settings["blocks"]["lcms"] = {"harmonise": "combat"}
    model = classes.train(members(cohort, settings), cohort, settings, 1)
    persons = [person_hash(p) for p in cohort.obs.index]
    described = {"centres": ["C1", "C2"], "features": [], "training": {"persons": persons}}
    new = cohort.subset(cohort.tables["lcms"].index[:40])
    new.obs = new.obs.assign(centre="X9")
    called = class_performance.call(model, described, new)
    flags = called.loc[called["class"] != "", "flags"]
    for text in (
        "centre X9 was not in training",
        "was in training: the probability is too good",
        "block lcms adapted to new centre X9 from 40 of its patients",
    ):
        assert flags.str.count(text).tolist() == [1] * 40
    few = new.subset(new.obs.index[:8])
    called = class_performance.call(model, described, few)
    assert called["flags"].str.cat(called["refused"]).str.contains("block lcms not used").all()
