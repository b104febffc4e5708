"""Calibration lines."""

import numpy as np
import pytest
from scipy.special import expit

from scripts.model.calibrators import SMALLEST_SLOPE, fit_line


def test_true_line_is_found_from_many_patients():
    rng = np.random.default_rng(0)
    linear = rng.normal(0, 1, 50_000)
    y = (rng.random(50_000) < expit(0.5 + 2 * linear)).astype(int)
    assert fit_line(linear, y) == pytest.approx((0.5, 2.0), abs=0.08)


def test_separated_classes_keep_a_finite_slope():
    intercept, slope = fit_line(np.r_[np.full(10, -3.0), np.full(10, 3.0)], np.arange(20) // 10)
    assert 0 < slope < 5
    assert abs(intercept) < 1


def test_wrong_way_round_becomes_no_evidence():
    linear = np.linspace(-2, 2, 40)
    intercept, slope = fit_line(linear, (linear < 0).astype(int))
    assert slope == SMALLEST_SLOPE
    assert intercept == pytest.approx(0)
