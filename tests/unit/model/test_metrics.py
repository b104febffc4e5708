"""Metrics against reference implementations."""

import json

import numpy as np
import pytest

from scripts.model import metrics


@pytest.fixture
def scored():
    rng = np.random.default_rng(3)
    y = np.r_[np.ones(60, int), np.zeros(90, int)]
    linear = y * 1.2 + rng.normal(0, 1, 150)
    return y, np.round(1 / (1 + np.exp(-linear)), 2)


@pytest.mark.real
def test_delong_equals_proc(testdata):
    # R 4.2.2, pROC 1.18.0 (made_with in the file)
    cases = json.loads((testdata / "stats" / "delong_proc.json").read_text())["cases"]
    for case in cases:
        y, a, b = (np.array(case[key]) for key in ("y", "a", "b"))
        areas, covariance = metrics.delong(y, a, b)
        test = metrics.delong_test(y, a, b)
        found = [*areas, covariance[0, 0], covariance[1, 1], covariance[0, 1], test["p"]]
        expected = [case[k] for k in ("auc_a", "auc_b", "var_a", "var_b", "cov_ab", "p")]
        assert found == pytest.approx(expected, abs=1e-6)
        assert metrics.auc(y, a) == pytest.approx(case["auc_a"], abs=1e-12)


def test_resampled_auc_equals_auc_of_the_drawn_patients(scored):
    y, p = scored
    counts = metrics.resample_counts(y, 20, seed=1)
    for row, found in zip(counts, metrics.resampled_auc(y, p, counts), strict=True):
        drawn = np.repeat(np.arange(len(y)), row)
        assert found == pytest.approx(metrics.auc(y[drawn], p[drawn]), abs=1e-12)
        assert y[drawn].sum() == 60  # stratified: the classes keep their size


@pytest.mark.parametrize("stretch", [0.2, 1, 8])
def test_calibration_lines_equal_unpenalised_logistic_regression(scored, stretch):
    from sklearn.linear_model import LogisticRegression

    y, p = scored
    linear = stretch * metrics.to_logit(p)
    model = LogisticRegression(C=np.inf, tol=1e-10).fit(linear[:, None], y)
    _, slope = metrics.calibration_lines(y, linear, np.ones(len(y)))[0]
    assert slope == pytest.approx(model.coef_[0, 0], rel=1e-3)


def test_perfect_calibration_has_intercept_zero_and_slope_one():
    # Four cells of 100 with shares equal to the prediction, worked by hand.
    p = np.repeat([0.2, 0.4, 0.6, 0.8], 100)
    y = np.concatenate([np.r_[np.ones(k), np.zeros(100 - k)] for k in (20, 40, 60, 80)])
    found = metrics.calibration_lines(y, metrics.to_logit(p), np.ones(400))[0]
    assert found == pytest.approx([0, 1], abs=1e-9)


def test_classification_worked_by_hand():
    # tp 40, fn 10, tn 80, fp 20 at threshold 0.2: net benefit (40 - 20 * 0.25) / 150
    found = metrics.classification(40.0, 10.0, 80.0, 20.0, 0.2, [0.01])
    assert found["sensitivity"] == pytest.approx(0.8)
    assert found["specificity"] == pytest.approx(0.8)
    assert found["net_benefit"] == pytest.approx(35 / 150)
    # Bayes: 0.8 * 0.01 / (0.8 * 0.01 + 0.2 * 0.99)
    assert found["ppv@0.01"] == pytest.approx(0.0388349514)
    assert found["mcc"] == pytest.approx((40 * 80 - 20 * 10) / np.sqrt(60 * 50 * 100 * 90))


def test_thresholds_keep_what_they_promise(scored):
    y, p = scored
    cut = metrics.specificity_threshold(y, p, 0.9)
    assert (p[y == 0] < cut).mean() >= 0.9
    assert (p[y == 0] < np.max(p[p < cut])).mean() < 0.9
    best = metrics.youden_threshold(y, p)
    assert all(metrics._youden(y, p >= best) >= metrics._youden(y, p >= c) for c in np.unique(p))


def test_scores_that_rank_alike_do_not_differ(scored):
    y, p = scored
    assert metrics.delong_test(y, p, 2 * p)["p"] == 1.0


def test_value_of_a_call_that_nobody_got_is_missing():
    # everybody is called positive: no negative call, so no NPV, and MCC is 0 / 0
    found = metrics.classification(30, 0, 0, 20, 0.2, [0.01])
    assert found["sensitivity"] == 1 and found["ppv"] == pytest.approx(0.6)
    assert np.isnan(found["npv"]) and np.isnan(found["mcc"])


def test_perfect_score_differs_from_a_constant_one():
    # no variance at all: pROC 1.18.0 divides .5 by 0, z = Inf, p = 0
    y = np.repeat([0, 1], 10)
    test = metrics.delong_test(y, y.astype(float), np.zeros(20))
    assert (test["difference"], test["p"]) == (0.5, 0.0)


def test_patients_in_groups_of_one_are_drawn_as_if_nobody_was_linked(scored):
    y, _ = scored
    alone = np.arange(len(y)).astype(str)
    for stratify in (True, False):
        plain = metrics.resample_counts(y, 30, 1, None, stratify)
        assert np.array_equal(plain, metrics.resample_counts(y, 30, 1, alone, stratify))


def test_linked_patients_are_drawn_together(scored):
    y, _ = scored
    groups = np.arange(len(y)) // 3
    counts = metrics.resample_counts(y, 50, 1, groups)
    for group in np.unique(groups):
        own = counts[:, groups == group]
        assert (own == own[:, :1]).all()
    assert (counts.sum(axis=1) == len(y)).all()  # all groups have three members


def test_free_resamples_vary_in_events_and_never_lose_a_class():
    y = np.r_[1, np.zeros(9, int)]  # (9/10)^10 = 35 % of the draws would lose the event
    counts = metrics.resample_counts(y, 400, 1, stratify=False)
    events = counts[:, 0]
    assert events.min() == 1 and len(set(events)) > 2
    assert (counts.sum(axis=1) == 10).all()


def test_delong_of_doubled_patients_is_that_of_each_once(scored):
    # Obuchowski 1997: a patient who was entered twice tells no more than once. Without the correction k / (k - 1) the
    # matrices are equal; the correction is that of the groups in both
    y, p = scored
    other = np.random.default_rng(1).random(len(y))
    once = metrics.delong(y, p, other)[1]
    names = np.arange(len(y))
    doubled = [np.repeat(x, 2) for x in (y, p, other, names)]
    twice = metrics.delong(*doubled[:3], groups=doubled[3])[1]
    assert twice == pytest.approx(once, rel=1e-9)
    assert metrics.delong(*doubled[:3])[1] == pytest.approx(once / 2, rel=0.02)
    plain = metrics.delong(y, p, other, groups=names)[1]
    assert np.array_equal(plain, once)
