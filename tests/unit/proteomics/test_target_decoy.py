import numpy as np

from scripts.proteomics.target_decoy import fewest_targets, q_values, targets_within


def test_plus_one_rule_of_35_targets_without_decoy_is_1_in_35():
    # (0 + 1) / 35 = 0.0286: the figure of the design note for BSA1
    q = q_values(np.arange(35.0), np.zeros(35, bool))
    assert np.allclose(q, 1 / 35)


def test_q_values_worked_by_hand():
    # scores 9 8 7 6, decoy at 7; (D + 1) / T: 1/1, 1/2, 2/2, 2/3; smallest from below: 1/2 1/2 2/3 2/3
    q = q_values(np.array([9, 8, 7, 6]), np.array([False, False, True, False]))
    assert np.allclose(q, [0.5, 0.5, 2 / 3, 2 / 3])


def test_ties_share_one_cut_off():
    # target and decoy of the same score cannot be told apart, in whatever order they stand
    for decoys in ([False, True], [True, False]):
        assert np.allclose(q_values(np.array([1.0, 1.0]), np.array(decoys), correction=0), 1.0)


def test_decoys_on_top_give_one_and_nothing_gives_nothing():
    assert np.allclose(q_values(np.array([2.0, 1.0]), np.array([True, True])), 1.0)
    assert q_values(np.array([]), np.array([])).size == 0


def test_one_percent_needs_100_targets_with_the_plus_one_rule():
    assert fewest_targets(0.01) == 100
    assert fewest_targets(0.05) == 20
    assert fewest_targets(0.01, correction=0) == 1
    assert (q_values(np.arange(100.0), np.zeros(100, bool)) <= 0.01).all()
    assert (q_values(np.arange(99.0), np.zeros(99, bool)) > 0.01).all()


def test_plain_ratio_counts_the_targets_above_the_first_decoy():
    scores = np.array([5, 4, 3, 2, 1.0])
    assert targets_within(scores, np.array([0, 0, 1, 0, 0], bool), 0.01) == 2
