"""Rows nearer together than two people: people measured again are named, others never accused."""

import numpy as np
import pandas as pd
import pytest

from scripts.core.config import default_config
from scripts.fusion.near_duplicates import dimension, near_duplicates

SETTINGS = default_config()["fusion"]["audit"]["near_duplicates"]


def drawn(kind, n, p, rng):
    """Values of people who have nothing to do with each other, or are siblings."""
    if kind == "factors":
        return rng.normal(size=(n, 2)) @ rng.normal(size=(2, p)) + 0.1 * rng.normal(size=(n, p))
    if kind == "integers":
        return rng.integers(0, 4, size=(n, p)).astype(float)
    if kind == "correlated integers":
        return np.round(rng.normal(size=(n, 1)) + 0.3 * rng.normal(size=(n, p)))
    if kind == "zeros":
        return np.where(rng.random((n, p)) < 0.8, 0, np.exp(rng.normal(size=(n, p))))
    if kind == "siblings":  # families of three who share 70 % of the variance
        family = rng.normal(size=(n // 3 + 1, p))[rng.permutation(n) // 3]
        return np.sqrt(0.7) * family + np.sqrt(0.3) * rng.normal(size=(n, p))
    return rng.normal(size=(n, p))


def table(values):
    return pd.DataFrame(values, index=[f"P{i}" for i in range(len(values))])


@pytest.mark.parametrize("features", [3, 8, 40])
@pytest.mark.parametrize(
    "kind", ["normal", "factors", "integers", "correlated integers", "zeros", "siblings"]
)
def test_clean_cohorts_are_not_accused(kind, features):
    for seed in range(4):
        rng = np.random.default_rng([seed, features])
        people = table(drawn(kind, 130, features, rng))
        assert near_duplicates(people, set(people.index[90:]), SETTINGS) == []
        assert near_duplicates(people.iloc[:90], set(), SETTINGS) == []


@pytest.mark.parametrize(("features", "noise"), [(5, 0.001), (12, 0.05), (40, 0.2), (300, 0.4)])
def test_people_measured_again_are_found(features, noise):
    rng = np.random.default_rng(features)
    values = drawn("normal", 130, features, rng)
    values[120:] = values[10:20] + noise * rng.normal(size=(10, features))
    people = table(values)
    found = near_duplicates(people, set(people.index[90:]), SETTINGS)
    assert {(a, b) for a, b, _ in found} == {(f"P{120 + i}", f"P{10 + i}") for i in range(10)}


def test_equal_codes_are_found_where_there_are_enough_of_them():
    rng = np.random.default_rng(1)
    values = drawn("integers", 130, 300, rng)
    values[129] = values[5]
    people = table(values)
    assert [(a, b) for a, b, _ in near_duplicates(people, {"P129"}, SETTINGS)] == [("P129", "P5")]


def test_missing_values_are_no_agreement():
    rng = np.random.default_rng(2)
    values = drawn("normal", 130, 40, rng)
    values[rng.random(values.shape) < 0.3] = np.nan
    people = table(values)
    assert near_duplicates(people, set(people.index[90:]), SETTINGS) == []


def test_dimension_is_that_of_the_space_that_people_fill():
    # Facco 2017: r = d2 / d1 of points in m dimensions is Pareto with shape m; here m = 4, drawn by inversion.
    rng = np.random.default_rng(3)
    first = np.ones(2000)
    second = rng.random(2000) ** (-2 / 4)
    assert 3.5 < dimension(first, second) < 4.1
