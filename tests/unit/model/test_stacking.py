"""Weights of stacked members."""

import numpy as np
import pytest

from scripts.model.stacking import member_weights


def test_informative_member_outweighs_noise_and_no_weight_is_negative():
    rng = np.random.default_rng(0)
    y = np.arange(400) % 2
    evidence = np.column_stack(
        [2 * (y - 0.5) + rng.normal(0, 1, 400), rng.normal(0, 1, 400), -(y - 0.5)]
    )
    weights = member_weights(evidence, y, ridge=1.0)
    assert weights.sum() == pytest.approx(1)
    assert weights[0] > 0.9 and (weights >= 0).all()


def test_strong_shrinkage_gives_the_plain_mean():
    rng = np.random.default_rng(1)
    y = np.arange(100) % 2
    evidence = np.column_stack([2 * y - 1 + rng.normal(0, 1, 100), rng.normal(0, 1, 100)])
    assert member_weights(evidence, y, ridge=1e6) == pytest.approx([0.5, 0.5], abs=0.01)


def test_missing_evidence_counts_as_none():
    y = np.arange(60) % 2
    evidence = np.column_stack([np.where(y == 1, 1.0, -1.0), np.full(60, np.nan)])
    assert np.isfinite(member_weights(evidence, y, 1.0)).all()
    assert member_weights(evidence[:, :1], y, 1.0).tolist() == [1.0]
