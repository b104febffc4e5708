"""Blocks made ready: what is dropped and why, and that the test part has no say."""

import numpy as np
import pandas as pd

from scripts.fusion.training_blocks import most_informative, prepare, prepare_all, stable_predictors
from tests.unit.fusion.drawn_cohort import draw_parts, settings_of

SETTINGS = settings_of("explore")


def test_only_stable_predictors_are_looked_at():
    dictionary = pd.DataFrame(
        {
            "role": ["predictor", "annotation", "predictor", "predictor", "qc"],
            "stability": [np.nan, np.nan, 0.6, 0.2, np.nan],
            "stability_kind": ["", "", "icc", "rsd", ""],
        },
        index=["a", "tumour_size", "unsteady", "steady", "depth"],
    )
    assert stable_predictors(dictionary, SETTINGS) == ["a", "steady"]


def test_features_without_values_or_variation_are_dropped_and_counted():
    rng = np.random.default_rng(0)
    train = pd.DataFrame(rng.normal(size=(40, 4)), columns=list("abcd"))
    train["b"] = 1.0
    train.loc[:30, "c"] = np.nan
    block = prepare("lcms", train, train.iloc[:0], SETTINGS)
    assert list(block.train.columns) == ["a", "d"]
    assert block.dropped == {"missing": 1, "one value": 1}
    np.testing.assert_allclose(block.train.std(ddof=0), 1.0)


def test_test_patients_are_scaled_by_the_training_part():
    rng = np.random.default_rng(0)
    train = pd.DataFrame(rng.normal(3.0, 2.0, size=(50, 3)), columns=list("abc"))
    test = pd.DataFrame([[3.0, 5.0, 1.0]], columns=list("abc"), index=["new"])
    block = prepare("lcms", train, test, SETTINGS)
    expected = (test.loc["new"] - train.mean()) / train.std(ddof=0)
    np.testing.assert_allclose(block.test.loc["new"], expected)


def test_patient_with_few_of_the_features_counts_as_not_having_the_block():
    rng = np.random.default_rng(0)
    train = pd.DataFrame(rng.normal(size=(40, 6)))
    train.iloc[0, :4] = np.nan
    assert 0 not in prepare("lcms", train, train.iloc[:0], SETTINGS).train.index


def test_small_blocks_are_named_with_the_reason():
    parts = draw_parts(n=40, widths={"lcms": 12, "us": 2})
    parts.tables["dda"] = parts.tables["lcms"].iloc[:8]
    parts.dictionaries["dda"] = parts.dictionaries["lcms"]
    ready, notes = prepare_all(parts, SETTINGS)
    reasons = {note["block"]: note["reason"] for note in notes}
    assert list(ready) == ["lcms"] and reasons["lcms"] == ""
    assert reasons["us"] == "2 usable features; at least 3 are needed"
    assert "training patients have it; at least 20 are needed" in reasons["dda"]


def test_limit_of_features_keeps_the_variable_ones_of_one_unit():
    rng = np.random.default_rng(0)
    train = pd.DataFrame(rng.normal(0, [1, 5, 2, 9], size=(60, 4)), columns=list("abcd"))
    block = prepare("lcms", train, train.iloc[:0], SETTINGS)
    kept = most_informative(block, 2, one_unit=True)
    assert list(kept.train.columns) == ["b", "d"]
    assert kept.dropped["beyond the limit of features"] == 2
