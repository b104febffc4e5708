"""Fusion: honest about blocks that are missing."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from scripts.model import fused, transport
from scripts.model.cohort_tables import Cohort, predictors


@pytest.fixture
def trained(make_cohort, settings):
    cohort = make_cohort(n=400, missing=0.2)
    allowed, _ = predictors(cohort, settings)
    members = fused.members_of("late", allowed, settings)
    return cohort, fused.train(members, cohort, settings, seed=1)


def without(cohort, block):
    """The same patients with one block taken away."""
    tables = {name: table for name, table in cohort.tables.items() if name != block}
    return type(cohort)(cohort.obs, tables, cohort.dictionaries)


def test_block_removed_from_new_patients_stays_calibrated(trained, make_cohort):
    _, model = trained
    fresh = without(make_cohort(n=400, seed=9, missing=0.0), "ct")
    p = model.score(fresh)["probability"].to_numpy()
    y = fresh.labels
    assert 0.85 <= y.sum() / p.sum() <= 1.15
    full = model.score(make_cohort(n=400, seed=9, missing=0.0))["probability"].to_numpy()
    brier, brier_full = ((p - y) ** 2).mean(), ((full - y) ** 2).mean()
    assert brier_full < brier < 0.25
    threshold = 0.5
    gain = ((p >= threshold) & (y == 1)).mean() - ((p >= threshold) & (y == 0)).mean()
    assert gain > 0


def test_missing_block_is_no_evidence(trained):
    cohort, model = trained
    scores = model.score(cohort)
    mean = scores.groupby("pattern")["probability"].mean()
    assert mean.max() - mean.min() < 0.15


def test_patient_without_any_block_is_refused_in_plain_words(trained):
    cohort, model = trained
    bare = without(without(cohort, "ct"), "lcms")
    scores = model.score(bare)
    assert scores["probability"].isna().all()
    assert scores["refused"].unique().tolist() == [
        "below the minimum set of blocks: 0 usable, 1 needed"
    ]


def test_required_block_is_asked_for(trained):
    cohort, model = trained
    model.settings = {**model.settings, "required_blocks": ["ct"]}
    scores = model.score(without(cohort, "ct"))
    assert set(scores.loc[scores["pattern"] == "lcms", "refused"]) == {"required block missing: ct"}


def test_rare_pattern_falls_back_to_a_subset(make_cohort, settings):
    cohort = make_cohort(n=200, missing=0.0)
    keep = cohort.tables["ct"].index[:104]
    cohort.tables["ct"] = cohort.tables["ct"].loc[keep]
    cohort.tables["lcms"] = cohort.tables["lcms"].loc[cohort.obs.index[100:]]
    allowed, _ = predictors(cohort, settings)
    model = fused.train(fused.members_of("late", allowed, settings), cohort, settings, seed=1)
    both = model.score(cohort.subset(keep[100:]))
    assert set(both["pattern"]) == {"ct+lcms"}
    assert set(both["calibrated_on"]) == {"ct"}


def test_row_with_few_observed_features_counts_as_missing(trained):
    cohort, model = trained
    thin = cohort.subset(cohort.tables["ct"].index[:5])
    thin.tables["ct"] = thin.tables["ct"].copy()
    thin.tables["ct"].iloc[:, 2:] = np.nan
    assert not any("ct" in pattern for pattern in model.score(thin)["pattern"])


def test_one_patient_scores_the_same_alone(trained):
    cohort, model = trained
    together = model.score(cohort)["probability"]
    alone = model.score(cohort.subset(cohort.obs.index[7:8]))["probability"]
    assert alone.iloc[0] == pytest.approx(together.iloc[7], abs=1e-12)


def test_early_fusion_scores_whoever_has_a_block(make_cohort, settings):
    cohort = make_cohort(n=150)
    allowed, _ = predictors(cohort, settings)
    model = fused.train(fused.members_of("early", allowed, settings), cohort, settings, seed=1)
    have = cohort.tables["ct"].index.union(cohort.tables["lcms"].index)
    assert model.score(cohort)["probability"].notna().sum() == len(have)


def test_lines_of_patterns_are_remembered_and_forgotten_with_the_evidence(trained):
    model = trained[1]
    names = (model.members[0].member.name,)
    line = model.calibration(names)
    assert model.calibration(names) is line
    same = replace(model, members=list(model.members))
    assert same.calibration(names) is line
    other = replace(model, evidence=model.evidence * 2)
    assert other.calibration(names)[1] < line[1]
    assert model.calibration(names) == line


@pytest.mark.parametrize(
    ("wanted", "reason"),
    [
        ({"minimum_blocks": 2}, "below the minimum set of blocks: 1 usable, 2 needed"),
        ({"required_blocks": ["lcms"]}, "required block missing: lcms"),
    ],
)
@pytest.mark.parametrize("strategy", ["late", "early"])
def test_minimum_set_of_blocks_is_asked_of_every_fusion(cohort, settings, strategy, wanted, reason):
    settings |= wanted
    allowed, _ = predictors(cohort, settings)
    model = fused.train(fused.members_of(strategy, allowed, settings), cohort, settings, seed=1)
    only = cohort.tables["ct"].index.difference(cohort.tables["lcms"].index)
    scores = model.score(cohort.subset(only))
    assert len(only) > 5 and set(scores["refused"]) == {reason}
    assert scores["probability"].isna().all()
    both = cohort.tables["ct"].index.intersection(cohort.tables["lcms"].index)
    assert model.score(cohort.subset(both))["probability"].notna().all()


def test_no_more_blocks_are_asked_for_than_the_model_uses(cohort, settings):
    settings["minimum_blocks"] = 2
    members = fused.members_of("block_ct", predictors(cohort, settings)[0], settings)
    model = fused.train(members, cohort, settings, seed=1)
    have = cohort.tables["ct"].index
    assert model.score(cohort.subset(have))["probability"].notna().all()


def test_screen_is_chosen_in_inner_folds_where_many_weak_features_add_up(settings, make_cohort):
    """200 features of .35 SD each: a screen of 10 throws most of the evidence away."""
    rng = np.random.default_rng(11)
    cohort = make_cohort(n=120, blocks=("lcms",), missing=0.0)
    label = cohort.obs["label"].to_numpy()
    names = [f"w{i}" for i in range(200)]
    values = rng.normal(size=(120, 200)) + 0.35 * label[:, None]
    wide = pd.DataFrame(values, cohort.obs.index, names)
    entry = {"role": "predictor", "unit": "1", "stability": np.nan}
    cohort = Cohort(cohort.obs, {"lcms": wide}, {"lcms": pd.DataFrame(entry, index=names)})
    member = fused.Member("lcms", tuple(("lcms", name) for name in names), "elastic_net")
    own = settings | {
        "screen": [10, 200],
        "elastic_net": {"c": [0.02], "l1_ratio": [0.1], "max_iter": 100},
    }
    trained = fused.train_member(member, cohort, own, 1)
    assert trained.parameters["screen"] == 200
    assert transport.fixed(own, trained)["screen"] == 200
    alone = fused.train_member(member, cohort, settings | {"screen": 10}, 1)
    assert "screen" not in alone.parameters
