import numpy as np
import pytest

from scripts.proteomics.precursor_areas import Ms1Map, peak_area, precursor_areas

TIMES = np.arange(0, 200, 2.0)


def gaussian(apex, height=1000.0, sd=5.0):
    trace = height * np.exp(-0.5 * ((TIMES - apex) / sd) ** 2)
    return np.where(trace > 1, trace, 0)  # below the noise an instrument reports nothing


def run_of(traces):
    """An Ms1Map of {m/z: trace}."""
    mz = np.repeat(list(traces), len(TIMES))
    intensity = np.concatenate(list(traces.values()))
    scan = np.tile(np.arange(len(TIMES)), len(traces))
    order = np.argsort(mz, kind="stable")
    return Ms1Map(mz[order], intensity[order], scan[order], TIMES)


def test_area_of_a_gaussian_is_height_times_sd_times_root_two_pi():
    area = peak_area(gaussian(100), TIMES, 50, 0.01)
    assert area == pytest.approx(1000 * 5 * np.sqrt(2 * np.pi), rel=0.02)


def test_neighbouring_peak_is_not_added():
    both = gaussian(80) + gaussian(130, 5000)
    assert peak_area(both, TIMES, 40, 0.05) == pytest.approx(
        peak_area(gaussian(80), TIMES, 40, 0.05), rel=0.05
    )


def test_match_before_the_summit_finds_the_whole_peak():
    assert peak_area(gaussian(100), TIMES, 46, 0.05) == peak_area(gaussian(100), TIMES, 50, 0.05)


def test_nothing_at_the_match_gives_nan():
    assert np.isnan(peak_area(gaussian(100), TIMES, 5, 0.05))
    assert np.isnan(peak_area(np.zeros(100), TIMES, 5, 0.05))


def test_monoisotopic_and_first_isotope_are_added_and_other_masses_are_not():
    ms1 = run_of({500.0: gaussian(100), 500.5016774: gaussian(100), 500.02: gaussian(100, 9e5)})
    args = (np.array([2]), np.array([101.0]), 10, 60, 0.05)
    both = precursor_areas(ms1, np.array([500.0]), *args)[0]
    assert both == pytest.approx(2 * peak_area(gaussian(100), TIMES, 50, 0.05), rel=0.01)
    assert np.isnan(precursor_areas(ms1, np.array([600.0]), *args)[0])


def test_run_without_ms1_gives_nan():
    empty = Ms1Map(np.zeros(0), np.zeros(0), np.zeros(0, int), np.zeros(0))
    assert np.isnan(
        precursor_areas(empty, np.array([500.0]), np.array([2]), np.array([9.0]), 10, 60, 0.05)
    )
