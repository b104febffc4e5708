"""Random-effects mean over centres."""

import numpy as np
import pytest

from scripts.model import pooling

# dat.bcg of metafor: log risk ratios and variances of 13 trials
BCG = [-0.8893, -1.5854, -1.3481, -1.4416, -0.2175, -0.7861, -1.6209]
BCG += [0.0120, -0.4694, -1.3713, -0.3394, 0.4459, -0.0173]
VARIANCES = [0.3256, 0.1946, 0.4154, 0.0200, 0.0512, 0.0069, 0.2230]
VARIANCES += [0.0040, 0.0564, 0.0730, 0.0124, 0.5325, 0.0714]


def test_mean_and_heterogeneity_equal_metafor():
    # rma(yi, vi, method="DL") of metafor: estimate -0.7141, tau2 0.3088, I2 92.12 %
    found = pooling.pool(np.array(BCG), np.array(VARIANCES))
    assert found["mean"] == pytest.approx(-0.7141, abs=5e-4)
    assert found["tau2"] == pytest.approx(0.3088, abs=1e-3)
    assert found["i2"] == pytest.approx(0.9212, abs=1e-3)
    assert found["predicted_low"] < found["low"] < found["mean"] < found["high"]


def test_two_equal_centres_are_their_mean_without_a_prediction():
    found = pooling.pool(np.array([1.0, 1.0]), np.array([0.08, 0.08]))
    # standard error 0.2
    assert found["low"] == pytest.approx(1 - 1.959964 * 0.2) and "predicted_low" not in found


def test_auc_of_one_stays_finite():
    y = np.r_[np.zeros(20, int), np.ones(20, int)]
    value, variance = pooling.logit_auc(y, y.astype(float))
    assert np.isfinite([value, variance]).all() and variance > 0.1


def test_one_centre_is_not_pooled():
    assert pooling.pooled_auc([(np.array([0, 1]), np.array([0.2, 0.4]))]) is None
