"""Intervals of an AUC that is perfect, or nearly so."""

import pytest

from scripts.core.auc_interval import opened, score_interval


def test_at_a_half_the_interval_is_that_of_the_rank_sum_test():
    # variance of the Mann-Whitney statistic under no difference: (m + n + 1) / (12 m n); 10 and 10: SE .1323
    low, high = score_interval(0.5, [(10, 10)])
    assert low == pytest.approx(1 - high)
    edge = 0.5 + 1.959964 * (21 / 1200) ** 0.5
    assert score_interval(edge, [(10, 10)])[0] == pytest.approx(0.5, abs=1e-6)


def test_strata_add_up_as_van_elteren_has_it():
    # two strata of 5 and 5: variance 2 x (11 / 300) / 4 = .01833
    edge = 0.5 + 1.959964 * (11 / 600) ** 0.5
    assert score_interval(edge, [(5, 5), (5, 5)])[0] == pytest.approx(0.5, abs=1e-6)


@pytest.mark.parametrize("found", [(1.0, 1.0, 1.0), (0.98, 0.95, 1.0), (0.0, 0.0, 0.0)])
def test_interval_that_touches_an_end_is_opened(found):
    value, low, high = found
    out = opened({"value": value, "low": low, "high": high}, (30, 30))
    assert out["high"] - out["low"] > 0.03
    assert out["low"] <= value <= out["high"]


def test_interval_within_stays():
    found = {"value": 0.8, "low": 0.7, "high": 0.9}
    assert opened(found, (30, 30)) == found
