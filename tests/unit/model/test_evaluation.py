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


def test_nothing_is_certain_because_everybody_was_called_right():
    # 30 of 30: Wilson 30 / (30 + 1.96^2) = .8865; PPV at 1 %: 30 controls may hide a false positive rate of some percent
    y = np.repeat([1, 0], 30)
    found = evaluate(y, np.where(y == 1, 0.9, 0.1), {"youden": 0.5}, SETTINGS, 1)
    table = found["thresholds"]["youden"]
    for name in ("sensitivity", "specificity", "ppv", "npv"):
        assert table[name]["value"] == table[name]["high"] == 1.0
        assert table[name]["low"] == pytest.approx(0.8865, abs=1e-4)
    assert table["accuracy"]["low"] == pytest.approx(60 / (60 + 1.959964**2), abs=1e-6)
    assert table["at_prevalence"]["0.01"]["ppv"]["low"] < 0.2
    assert table["at_prevalence"]["0.01"]["ppv"]["high"] == 1.0
    assert table["at_prevalence"]["0.01"]["npv"]["low"] < 1
    assert table["f1"]["low"] < 0.99 and table["mcc"]["low"] < 0.98


def test_intervals_of_what_depends_on_the_share_of_events_cover_the_truth():
    # the model is right: O/E 1, intercept 0, net benefit and PPV from a million patients drawn from the same; of 100
    # intervals of 95 %, 89 or fewer would cover with probability .01 (binomial)
    rng, cut = np.random.default_rng(1), 0.3
    settings = {**SETTINGS, "resamples": 200, "prevalences": []}
    everybody = 1 / (1 + np.exp(-rng.normal(-1, 1.2, 1_000_000)))
    called = everybody[everybody >= cut]
    share = len(called) / len(everybody)
    gain = share * (called.mean() - (1 - called.mean()) * cut / (1 - cut))
    truth = {"o_e": 1, "calibration_intercept": 0, "net_benefit": gain, "ppv": called.mean()}
    covered = dict.fromkeys(truth, 0)
    for seed in range(100):
        p = 1 / (1 + np.exp(-rng.normal(-1, 1.2, 200)))
        y = (rng.random(200) < p).astype(int)
        found = evaluate(y, p, {"cut": cut}, settings, seed)
        entries = found["metrics"] | found["thresholds"]["cut"]
        for name, value in truth.items():
            covered[name] += entries[name]["low"] <= value <= entries[name]["high"]
    assert min(covered.values()) >= 90, covered


def test_patients_entered_twice_do_not_narrow_an_interval(scored):
    y, p = scored
    groups = np.repeat(np.arange(100), 2)
    once = evaluate(y, p, {"youden": 0.5}, SETTINGS, 1)
    twice = evaluate(np.repeat(y, 2), np.repeat(p, 2), {"youden": 0.5}, SETTINGS, 1, groups)
    blind = evaluate(np.repeat(y, 2), np.repeat(p, 2), {"youden": 0.5}, SETTINGS, 1)

    def width(found, name):
        entry = (found["metrics"] | found["thresholds"]["youden"])[name]
        return entry["high"] - entry["low"]

    for name in ("auc", "brier", "o_e", "sensitivity", "ppv", "accuracy", "net_benefit", "f1"):
        assert width(twice, name) == pytest.approx(width(once, name), rel=0.1), name
        assert width(blind, name) < 0.8 * width(once, name), name
    for one, two in zip(once["decision_curve"], twice["decision_curve"], strict=True):
        assert one["model"] == pytest.approx(two["model"])


def test_shares_are_those_of_the_calls_at_each_patients_own_threshold(scored):
    y, p = scored
    cut = np.where(np.arange(100) % 2, 0.5, 0.7)
    found = evaluate(y, p, {"youden": 0.5}, SETTINGS, 1, cuts={"youden": cut})
    table = found["thresholds"]["youden"]
    assert table["sensitivity"]["value"] == (p >= cut)[y == 1].mean()
    assert table["threshold"] == 0.5 and table["own_threshold"] == 50
    line = subgroup_table(y, p, {("all", ""): y >= 0}, 0.5, SETTINGS, 1, cut=cut)[0]
    assert line["sensitivity"] == table["sensitivity"]
    assert (
        "own_threshold" not in evaluate(y, p, {"youden": 0.5}, SETTINGS, 1)["thresholds"]["youden"]
    )


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
