"""Sample size against the published program."""

import pytest

from scripts.model import sample_size


def test_numbers_of_pmsampsize():
    # pmsampsize, type(b) rsquared(0.288) parameters(24) prevalence(0.174): 623, 662, 221
    found = sample_size.needed(0.174, 24, r2=0.288)
    assert found["shrinkage"] == pytest.approx(623, abs=1)
    assert found["optimism of R2"] == pytest.approx(662, abs=1)
    assert found["overall risk"] == pytest.approx(221, abs=1)


def test_largest_criterion_counts_and_few_events_warn():
    found = sample_size.judge(113, 59, 52)
    assert found["minimum"] == max(v for v in found["criteria"].values() if v)
    assert found["verdict"] == "WARN" and found["criteria"]["error of a probability"] is None


def test_enough_patients_pass():
    assert sample_size.judge(2000, 800, 5)["verdict"] == "PASS"
