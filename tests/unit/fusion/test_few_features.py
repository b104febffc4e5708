"""Cohorts of few markers, and samples that differ in their total intensity."""

import numpy as np
import pandas as pd
import pytest

from scripts.fusion import covariates, factors


@pytest.mark.parametrize("width", [2, 3, 5])
def test_factors_of_a_few_markers_are_fewer_than_markers(width):
    from scripts.fusion.explore_cohort import most_factors

    k = most_factors({"lcms": pd.DataFrame(np.zeros((120, width)))}, 120, 10)
    assert 1 <= k < max(2, width)


def test_mofa_of_five_markers_is_fitted():
    from scripts.fusion.explore_cohort import most_factors

    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.normal(size=(60, 5)), [f"P{i}" for i in range(60)], list("abcde"))
    tables = {"lcms": (table - table.mean()) / table.std()}
    found = factors.fit_factors(tables, most_factors(tables, 60, 10), 1, 50)
    assert found.k == 4 and np.isfinite(found.scores.to_numpy()).all()


def test_dilution_is_the_total_intensity_of_a_block_of_one_unit():
    rng = np.random.default_rng(0)
    dilution = np.exp(rng.normal(0, 0.8, 40))
    values = np.exp(rng.normal(8, 0.4, (40, 30))) * dilution[:, None]
    table = pd.DataFrame(values).mask(rng.random((40, 30)) < 0.1)
    dictionary = pd.DataFrame({"unit": "intensity"}, table.columns)
    found = covariates.total_intensity(table, dictionary)
    assert np.corrcoef(found, np.log(dilution))[0, 1] > 0.98
    assert covariates.total_intensity(table.iloc[:, :10], dictionary) is None
    mixed = dictionary.assign(unit=["g/L", "U/L"] * 15)
    assert covariates.total_intensity(table, mixed) is None
    assert covariates.total_intensity(table - table.median(), dictionary) is None
