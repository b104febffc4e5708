"""Which features reach the learner."""

import numpy as np
import pytest

from scripts.model.selectors import Mrmr, StabilitySelection, Strongest, selector


def drawn(copies=0, features=60, n=120, seed=0):
    """Two informative features, `copies` near-copies of the first, the rest noise."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 2
    X = rng.normal(size=(n, features))
    X[:, 0] += 1.8 * y
    X[:, 1] += 1.2 * y
    for i in range(copies):
        X[:, 2 + i] = X[:, 0] + rng.normal(0, 0.05, n)
    return X, y


def test_mrmr_finds_the_second_signal_that_copies_of_the_first_hide():
    X, y = drawn(copies=6)
    assert 1 not in np.flatnonzero(Strongest(6).fit(X, y).get_support())
    chosen = np.flatnonzero(Mrmr(6).fit(X, y).get_support())
    assert 1 in chosen and len(chosen) == 6


def test_mrmr_first_two_worked_by_hand():
    # F statistics and correlations of three features, then the quotient of the second step by definition
    X, y = drawn(copies=1, features=3)
    from sklearn.feature_selection import f_classif

    f = f_classif(X, y)[0]
    first = int(np.argmax(f))
    rest = [i for i in range(3) if i != first]
    chance = np.sqrt(2 / (np.pi * len(X)))
    overlap = {i: abs(np.corrcoef(X[:, i], X[:, first])[0, 1]) for i in rest}
    quotient = {i: f[i] / max(overlap[i], chance) for i in rest}
    second = max(quotient, key=quotient.get)
    assert set(np.flatnonzero(Mrmr(2).fit(X, y).get_support())) == {first, second}


def test_stability_selection_keeps_the_signals_and_little_noise():
    X, y = drawn(features=200)
    chosen = set(np.flatnonzero(StabilitySelection(60).fit(X, y).get_support()))
    assert {0, 1} <= chosen
    assert len(chosen) <= 4


def test_stability_selection_in_noise_keeps_its_promise():
    # theorem 1 of Meinshausen 2010: at most one noise feature is expected, over 10 drawings of pure noise
    kept = []
    for seed in range(10):
        rng = np.random.default_rng(seed)
        X, y = rng.normal(size=(100, 150)), np.arange(100) % 2
        step = StabilitySelection(60, pairs=15).fit(X, y)
        kept.append((step.frequency_ >= step.threshold).sum())
    assert np.mean(kept) <= 1.0


@pytest.mark.parametrize("kind", ["f", "mrmr", "stability"])
def test_selection_is_the_same_twice_and_never_empty(kind, settings):
    X, y = drawn(features=5)
    steps = [selector(kind, 60, settings, seed=3).fit(X, y) for _ in range(2)]
    assert np.array_equal(steps[0].get_support(), steps[1].get_support())
    assert 1 <= steps[0].transform(X).shape[1] <= 5
