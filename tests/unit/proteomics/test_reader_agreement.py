import numpy as np
import pytest

from scripts.proteomics.reader_agreement import icc_2_1, weighted_kappa


def test_icc_2_1_of_shrout_and_fleiss_table():
    # Shrout & Fleiss 1979, table 2: ICC(2,1) = .29
    ratings = [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]
    assert icc_2_1(np.array(ratings)) == pytest.approx(0.29, abs=0.005)


def test_equal_readers_agree_fully_and_constant_scores_say_nothing():
    assert icc_2_1(np.array([[1, 1], [2, 2], [5, 5]])) == pytest.approx(1)
    assert np.isnan(icc_2_1(np.array([[2, 2], [2, 2], [2, 2]])))
    assert np.isnan(icc_2_1(np.array([[1, 2], [2, 3]])))


def test_weighted_kappa_equals_scikit_learn():
    from sklearn.metrics import cohen_kappa_score

    rng = np.random.default_rng(1)
    first = rng.integers(0, 4, 60)
    second = np.clip(first + rng.integers(-1, 2, 60), 0, 3)
    wanted = cohen_kappa_score(first, second, weights="quadratic", labels=[0, 1, 2, 3])
    assert weighted_kappa(first, second, 4) == pytest.approx(wanted)


def test_kappa_without_chance_is_nan():
    assert np.isnan(weighted_kappa(np.array([2, 2]), np.array([2, 2]), 4))
    assert np.isnan(weighted_kappa(np.array([]), np.array([]), 4))
