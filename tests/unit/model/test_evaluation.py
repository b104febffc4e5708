"""What is reported about a score: shape, intervals, honesty about small numbers."""

import numpy as np
import pytest

from scripts.model.evaluation import assess, choose_thresholds, evaluate, rounded, subgroup_table

SETTINGS = {
    "resamples": 1000,
    "prevalences": [0.01, 0.05],
    "minimum_specificity": 0.9,
    "minimum_class": 10,
}


@pytest.fixture
def scored():
    rng = np.random.default_rng(5)
    y = np.r_[np.ones(40, int), np.zeros(60, int)]
    return y, 1 / (1 + np.exp(-(1.5 * y - 0.75 + rng.normal(0, 1, 100))))


def test_every_interval_holds_its_value(scored):
    y, p = scored
    found = evaluate(y, p, choose_thresholds(y, p, SETTINGS), SETTINGS, seed=1)
    entries = list(found["metrics"].values())
    for table in found["thresholds"].values():
        entries += [v for v in table.values() if isinstance(v, dict) and "value" in v]
    assert len(entries) > 15
    assert all(entry["low"] <= entry["value"] <= entry["high"] for entry in entries)


def test_same_seed_same_numbers(scored):
    y, p = scored
    cuts = {"youden": 0.5}
    assert evaluate(y, p, cuts, SETTINGS, 1) == evaluate(y, p, cuts, SETTINGS, 1)


def test_binomial_interval_is_that_of_resampled_patients(scored):
    y, p = scored
    rng = np.random.default_rng(0)
    drawn = [(p[rng.choice(np.flatnonzero(y), 40)] >= 0.5).mean() for _ in range(4000)]
    expected = np.percentile(drawn, [2.5, 97.5])
    found = evaluate(y, p, {"youden": 0.5}, SETTINGS, 1)["thresholds"]["youden"]["sensitivity"]
    assert [found["low"], found["high"]] == pytest.approx(expected, abs=0.03)


def test_small_class_is_not_assessed_with_a_plain_reason():
    y = np.r_[np.ones(5, int), np.zeros(50, int)]
    found = assess(y, np.linspace(0, 1, 55), {}, SETTINGS, 1)
    assert found == {
        "status": "NOT_ASSESSED",
        "reason": "too few patients (5 hcc, 50 controls; at least 10 of each)",
        "n": 55,
        "events": 5,
    }


def test_small_subgroup_has_counts_only(scored):
    y, p = scored
    masks = {("sex", "male"): np.arange(100) >= 0, ("sex", "female"): np.arange(100) < 5}
    table = subgroup_table(y, p, masks, 0.5, SETTINGS, 1)
    assert [line["status"] for line in table] == ["ASSESSED", "NOT_ASSESSED"]
    assert "auc" not in table[1]


def test_rounded_writes_nan_as_null():
    assert rounded({"a": np.float64("nan"), "b": [np.int64(3), 0.12345678]}) == {
        "a": None,
        "b": [3, 0.123457],
    }
