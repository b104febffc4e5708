"""Bootstrap refits: what is drawn, what is refitted, what optimism is."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from scripts.model import fit_model, metrics, refits


@pytest.fixture
def trained(cohort, settings):
    return fit_model.train_chosen("late", cohort, settings, 1)


def test_draw_depends_on_seed_and_number_alone_and_keeps_linked_patients_together():
    groups = np.array(["a", "a", "b", "c", "d"])
    drawn = np.array([refits.draw(groups, 3, number) for number in range(200)])
    assert (drawn[:, 0] == drawn[:, 1]).all()
    assert (drawn == np.array([refits.draw(groups, 3, n) for n in range(200)])).all()
    assert drawn[:, 1:].sum(1).tolist() == [4] * 200  # as many groups as there are


def test_chunks_give_what_one_job_gives(trained, cohort, settings):
    whole = refits.resample(trained, cohort, range(4), settings, 5)
    parts = [refits.resample(trained, cohort, r, settings, 5) for r in (range(1), range(1, 4))]
    pd.testing.assert_frame_equal(whole, pd.concat(parts, ignore_index=True))


def test_refit_on_everybody_once_is_the_trained_member(trained, cohort, settings):
    rows = refits.rows_of(trained.members[0], cohort, settings["minimum_observed"])
    again = refits.refit(rows, np.ones(len(cohort.obs), int), settings)
    assert again.model.coef_ == pytest.approx(trained.members[0].model.coef_, abs=1e-9)


def test_weighted_metrics_equal_those_of_repeated_patients():
    rng = np.random.default_rng(0)
    y, p = np.arange(60) % 2, rng.uniform(0.05, 0.95, 60)
    counts = rng.integers(0, 3, 60)
    drawn = np.repeat(np.arange(60), counts)
    found = refits.performance(y, p, counts[None].astype(float))
    assert found["auc"][0] == pytest.approx(metrics.auc(y[drawn], p[drawn]))
    assert found["brier"][0] == pytest.approx(((p[drawn] - y[drawn]) ** 2).mean())
    line = metrics.calibration_lines(y[drawn], metrics.to_logit(p[drawn]), np.ones(len(drawn)))[0]
    assert [found["calibration_intercept"][0], found["calibration_slope"][0]] == pytest.approx(line)


def test_optimism_is_mean_of_resample_minus_whole():
    # worked by hand: (0.9 - 0.8, 1.0 - 0.7) -> 0.2; apparent 0.95 -> 0.75
    columns = {f"{w}_{q}": [np.nan] * 2 for w in refits.WHERE for q in refits.QUANTITIES}
    table = pd.DataFrame(columns | {"apparent_auc": [0.9, 1.0], "original_auc": [0.8, 0.7]})
    found = refits.optimism(dict.fromkeys(refits.QUANTITIES, 0.95), table)
    assert found["auc"]["optimism"] == pytest.approx(0.2)
    assert found["auc"]["classical"]["value"] == pytest.approx(0.75)
    assert found["brier"]["n"] == 0 and found["brier"]["classical"]["value"] is None


def test_632_plus_by_hand():
    # Efron and Tibshirani 1997, apparent 0.9, outside 0.7, chance 0.5: R = .5, w = .632 / .816 = .77451; no worse than
    # chance: R = 1, w = 1; no overfitting: the apparent value. Brier falls: apparent .1, outside .2, chance .3 is R = .5.
    outside = np.array([0.7, 0.45, 0.9])
    assert refits.point_632_plus(0.9, outside, 0.5) == pytest.approx([0.745098, 0.5, 0.9])
    assert refits.point_632_plus(0.1, np.array([0.2]), 0.3) == pytest.approx([0.177451])
    assert np.isnan(refits.point_632_plus(0.9, np.array([np.nan]), 0.5)).all()


def test_noise_is_corrected_towards_a_half(make_cohort, settings):
    noise = make_cohort(n=100, effect=0.0, features=30, missing=0.0)
    settings["elastic_net"]["c"] = [1.0]
    model = fit_model.train_chosen("early", noise, settings | {"screen": 10}, 1)
    ours = refits.apparent(model, noise)
    table = refits.resample(model, noise, range(40), settings, 1)
    found = refits.optimism(ours, table)["auc"]
    assert found["apparent"] > 0.7 and 0.4 <= found["corrected"]["value"] <= 0.6
    assert found["method"] == ".632+"
    assert found["outside"]["value"] < 0.62  # truth 0.5


def test_resamples_without_a_class_are_drawn_again(trained, cohort, settings):
    small = cohort.subset(cohort.obs.index[:14])
    model = replace(trained, members=trained.members[:1])
    table = refits.resample(model, small, range(10), settings, 2)
    assert len(table) == 10 and (table["attempts"] >= 1).all()


def test_harmonisation_is_learned_again_in_every_refit(make_cohort, settings):
    cohort = make_cohort(n=120, effect=1.5, missing=0.0)
    settings["blocks"]["lcms"] = {"harmonise": "combat"}
    model = fit_model.train_chosen("late", cohort, settings, 1)
    member = next(m for m in model.members if m.member.name == "lcms")
    rows = refits.rows_of(member, cohort, settings["minimum_observed"])
    again = refits.refit(rows, refits.draw(cohort.obs["group"].to_numpy(str), 1, 0), settings)
    ours, theirs = (m.harmoniser.blocks["lcms"].combat for m in (member, again))
    assert list(ours.centres) == list(theirs.centres)
    assert len(refits.resample(model, cohort, range(2), settings, 1)) == 2


def test_scores_of_a_refit_are_those_of_the_whole_model(trained, cohort, settings):
    members = [refits.rows_of(m, cohort, settings["minimum_observed"]) for m in trained.members]
    counts = refits.draw(cohort.obs["group"].to_numpy(str), 2, 0)
    again = [refits.refit(rows, counts, settings) for rows in members]
    whole = replace(trained, members=again).score(cohort)["probability"].to_numpy(float)
    found = refits.scores_of(trained, members, again, cohort)
    assert found == pytest.approx(whole, abs=1e-12, nan_ok=True)


def test_refits_of_a_joint_model_refuse_whom_the_model_refuses(cohort, settings):
    settings["minimum_blocks"] = 2
    model = fit_model.train_chosen("early", cohort, settings, 1)
    members = [refits.rows_of(m, cohort, settings["minimum_observed"]) for m in model.members]
    found = refits.scores_of(model, members, model.members, cohort)
    whole = model.score(cohort)["probability"].to_numpy(float)
    assert np.isnan(whole).any()
    assert found == pytest.approx(whole, abs=1e-12, nan_ok=True)
