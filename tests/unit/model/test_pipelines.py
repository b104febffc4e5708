"""Learned steps of a pipeline: filters, logarithm, screening, block weights."""

import numpy as np
import pytest

from scripts.model import pipelines


def test_constant_and_mostly_missing_features_are_dropped():
    X = np.column_stack([np.arange(10.0), np.ones(10), np.r_[1.0, 2.0, np.full(8, np.nan)]])
    assert pipelines.UsableFeatures().fit(X).kept_.tolist() == [True, False, False]


def test_only_skewed_features_without_negative_values_are_logged():
    rng = np.random.default_rng(0)
    skewed = np.exp(rng.normal(0, 1.5, 200))
    X = np.column_stack([skewed, -skewed, rng.normal(10, 1, 200)])
    step = pipelines.UsableFeatures().fit(X)
    assert step.logged_.tolist() == [True, False, False]
    assert step.transform([[0.0, -1.0, 1.0]])[0, 0] == pytest.approx(np.log(skewed.min() / 2))


def test_new_data_do_not_change_what_was_learned(settings):
    rng = np.random.default_rng(1)
    X, y = rng.normal(size=(60, 30)), np.arange(60) % 2
    ready = pipelines.preparation(settings, 10).fit(X, y)
    alone = ready.transform(X[:1])
    assert np.array_equal(ready.transform(np.vstack([X[:1], 1000 + X[1:]]))[0], alone[0])
    assert np.abs(ready.transform(1000 + X)).max() <= pipelines.SCALED_LIMIT


def test_screen_keeps_all_features_when_there_are_fewer():
    X, y = np.random.default_rng(2).normal(size=(40, 3)), np.arange(40) % 2
    assert pipelines.Strongest(k=10).fit(X, y).transform(X).shape == (40, 3)


def test_blocks_of_a_joint_model_weigh_the_same(settings):
    X, y = np.random.default_rng(3).normal(size=(200, 110)), np.arange(200) % 2
    ready = pipelines.joint_preparation(settings, 500, [10, 100]).fit(X, y)
    Z = ready.transform(X)
    # unit variance times the mean size over the own size: each block's total is the mean size, 55
    assert Z[:, :10].var(0).sum() == pytest.approx(55, rel=0.05)
    assert Z[:, 10:].var(0).sum() == pytest.approx(55, rel=0.05)


def test_block_weight_of_an_older_bundle_still_divides_by_the_root():
    step = pipelines.BlockWeight().fit(np.ones((3, 4)))
    del step.__dict__["reference"]
    assert step.transform(np.ones((1, 4))).tolist() == [[0.5] * 4]


def test_missing_value_of_a_measured_patient_lies_below_the_detection_limit():
    # half of the smallest positive value 2; where values are negative the smallest, -3; nobody measured stays missing
    X = np.array([[2.0, -3.0], [4.0, 1.0], [np.nan, 5.0], [8.0, np.nan], [np.nan, np.nan]])
    step = pipelines.UsableFeatures(maximum_skew=99, below_limit=True).fit(X)
    found = step.transform(X)
    assert found[2].tolist() == [1.0, 5.0]
    assert found[3].tolist() == [8.0, -3.0]
    assert np.isnan(found[4]).all()


def test_share_of_the_most_frequent_value_worked_by_hand():
    X = np.array([[1.0, 1.0, np.nan], [1.0, 2.0, np.nan], [1.0, 2.0, 7.0], [5.0, np.nan, np.nan]])
    counts = (~np.isnan(X)).sum(0)
    assert pipelines.largest_share(X, counts) == pytest.approx([3 / 4, 2 / 3, 1.0])


def test_block_takes_its_own_steps_over_the_default(settings):
    settings["blocks"]["ct"] = {"selection": "mrmr"}
    assert type(pipelines.preparation(settings, 5, "ct").named_steps["screen"]).__name__ == "Mrmr"
    other = pipelines.preparation(settings, 5, "lcms").named_steps["screen"]
    assert type(other).__name__ == "Strongest"
    assert pipelines.block_steps(settings, "ct")["imputation"] == "median"


@pytest.mark.parametrize(
    ("screen", "sizes", "expected"),
    [
        (60, [39], [60]),
        ([60, 240], [39], [60]),  # both keep everything: one fit is enough
        ([240, 60], [184], [60, 240]),
        ([60, 240], [100, 100], [60, 240]),
        ([60, 240], [50, 50], [60]),  # 60 each already
        ([20, 60, 240], [142], [20, 60, 240]),
    ],
)
def test_screens_that_keep_different_features_are_tried(settings, screen, sizes, expected):
    assert pipelines.screens({**settings, "screen": screen}, sizes) == expected
