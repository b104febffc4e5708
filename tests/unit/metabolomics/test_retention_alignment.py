import numpy as np
import pytest

from scripts.metabolomics.detect_lcms import find_features, noise_level
from scripts.metabolomics.mass_spectra import read_ms1
from scripts.metabolomics.retention_alignment import align, theil_sen


@pytest.fixture
def rules(lcms):
    return lcms["alignment"] | {"ppm": lcms["ppm"]}


def a_map(size=100, seed=0):
    rng = np.random.default_rng(seed)
    mz = np.sort(100 + 8 * np.arange(size) + rng.uniform(0, 4, size))
    return mz, rng.uniform(20, 600, size), rng.lognormal(10, 1, size)


def test_theil_sen_ignores_a_quarter_of_wrong_pairs():
    x = np.arange(40.0)
    y = 1.02 * x + 6
    y[::4] += 50
    slope, intercept = theil_sen(x, y)
    assert slope == pytest.approx(1.02, abs=0.02)
    assert intercept == pytest.approx(6, abs=1)


@pytest.mark.parametrize(("slope", "shift"), [(1.0, 6.0), (1.02, 0.0), (0.98, 10.0)])
def test_shift_and_stretch_are_recovered_with_false_landmarks(rules, slope, shift):
    mz, rt, area = a_map()
    moved = slope * rt + shift
    moved[::6] += np.random.default_rng(1).uniform(-40, 40, moved[::6].size)
    found = align((mz * (1 + 4e-6), moved, area), (mz, rt, area), rules)
    assert found.problem == "" and found.offset_ppm == pytest.approx(4, abs=0.1)
    good = np.ones(mz.size, bool)
    good[::6] = False
    assert np.abs(found.to_reference(moved) - rt)[good].max() < 1.0
    assert found.to_run(found.to_reference(moved)) == pytest.approx(moved)


def test_equal_maps_stay_where_they_are(rules):
    table = a_map()
    found = align(table, table, rules)
    assert (found.slope, found.intercept, found.problem) == (1.0, 0.0, "")


def test_without_landmarks_the_identity_and_a_warning(rules):
    mz, rt, area = a_map()
    found = align((mz + 3, rt + 6, area), (mz, rt, area), rules)
    assert (found.slope, found.intercept) == (1.0, 0.0) and "landmarks" in found.problem
    nothing = tuple(np.array([]) for _ in range(3))
    assert align(nothing, (mz, rt, area), rules).problem


def test_a_shift_beyond_the_limit_is_not_believed(rules):
    mz, rt, area = a_map()
    found = align((mz, 1.3 * rt, area), (mz, rt, area), rules)
    assert (found.slope, found.intercept) == (1.0, 0.0) and found.problem


@pytest.mark.real
@pytest.mark.parametrize(("slope", "shift"), [(1.0, 6.0), (1.02, 0.0)])
def test_plasma_run_moved_by_hand_comes_back(testdata, lcms, rules, slope, shift):
    # acceptance list of the data: median residual <= 1.5 s
    maps = []
    for number in ("059", "049"):
        run = read_ms1(testdata / f"ms/plasma/NZ_20200227_{number}.mzML.gz", number, lcms)
        maps.append(find_features(run, noise_level(run, 15, 0.95), lcms))
    reference, other = ((m.mz, m.rt, m.area) for m in maps)
    plain = align(other, reference, rules)
    moved = align((other[0], slope * other[1] + shift, other[2]), reference, rules)
    assert moved.problem == "" and moved.residual <= 1.5
    back = moved.to_reference(slope * other[1] + shift)
    assert np.median(np.abs(back - plain.to_reference(other[1]))) <= 1.5
