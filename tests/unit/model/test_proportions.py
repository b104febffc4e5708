"""Intervals of proportions against published figures."""

import numpy as np
import pytest

from scripts.model import proportions

# Newcombe 1998 (Stat Med 17:857), table I, method 3 (score without continuity correction): hits, n, low, high.
NEWCOMBE = [
    (81, 263, 0.2553, 0.3662),
    (15, 148, 0.0624, 0.1605),
    (0, 20, 0.0, 0.1611),
    (1, 29, 0.0061, 0.1718),
]


@pytest.mark.parametrize(("hits", "n", "low", "high"), NEWCOMBE)
def test_wilson_equals_newcombes_table(hits, n, low, high):
    hit = np.arange(n) < hits
    found = proportions.proportion(hit, np.ones(n, bool))
    assert found["value"] == hits / n
    assert [found["low"], found["high"]] == pytest.approx([low, high], abs=5e-5)


def test_share_of_nobody_is_missing():
    nobody = np.zeros(5, bool)
    assert proportions.proportion(nobody, nobody) == {"value": None, "low": None, "high": None}


def test_patients_entered_twice_count_once():
    hit = np.random.default_rng(0).random(200) < 0.7
    twice, groups = np.repeat(hit, 2), np.repeat(np.arange(200), 2)
    assert proportions.effective_size(hit, np.arange(200)) == 200
    # variance over groups has the correction 200 / 199
    assert proportions.effective_size(twice, groups) == pytest.approx(199, abs=1e-9)
    assert proportions.effective_size(np.ones(400, bool), groups) == 200


def test_posterior_of_a_perfect_share_is_not_a_point():
    hit = np.ones(30, bool)
    drawn = proportions.posterior(hit, hit, None, 20000, np.random.default_rng(0))
    found = proportions.opened(1.0, drawn)
    # scipy 1.16.3, beta(30.5, .5).ppf(.025) = .9203
    assert found["high"] == 1.0 and found["low"] == pytest.approx(0.9203, abs=0.005)
