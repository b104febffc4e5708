import numpy as np
import pytest

from scripts.core.spectrum_kind import is_profile
from tests.made_up_runs import lc_run, sampled


def peaks(spectra):
    return [(s.mz, s.intensity) for s in spectra]


def test_centroids_stand_apart():
    assert is_profile(peaks(lc_run(1))) is False


@pytest.mark.parametrize("resolution", [2_000, 20_000, 100_000])
def test_sampled_peaks_are_profile_data(resolution):
    assert is_profile(peaks(sampled(lc_run(1), resolution=resolution))) is True


def test_steps_of_a_tenth_as_quadrupoles_write_them():
    rng, grid = np.random.default_rng(2), np.arange(50, 300, 0.1)
    spectra = []
    for _ in range(5):
        y = sum(
            rng.uniform(50, 900) * np.exp(-0.5 * ((grid - m) / 0.25) ** 2)
            for m in range(60, 290, 7)
        )
        spectra.append((grid[y > 1], y[y > 1]))
    assert is_profile(spectra) is True


def test_isotope_patterns_are_not_samples():
    mz = np.concatenate([m + np.arange(5) / 4 for m in range(400, 900, 25)])  # charge 4
    y = np.tile([40.0, 90.0, 100.0, 70.0, 30.0], 20)
    assert is_profile([(mz, y)] * 3) is False


def test_too_few_peaks_tell_nothing():
    assert is_profile(peaks(sampled(lc_run(1)[:1]))[:0]) is None
    assert is_profile([(np.array([100.0, 200.0]), np.array([1.0, 2.0]))] * 50) is None
