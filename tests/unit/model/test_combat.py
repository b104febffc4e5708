"""ComBat that may be used inside folds."""

import numpy as np
import pytest

from scripts.model.combat import Combat, UnknownCentre, shrink

# 12 samples of 3 centres x 4 features; expected values: a separate reference implementation of fold-wise ComBat,
# written before this one without missing values.
X = np.array(
    [
        [0.13, -0.13, 0.64, 0.1],
        [-0.54, 0.36, 1.3, 0.95],
        [-0.7, -1.27, -0.62, 0.04],
        [-2.33, -0.22, -1.25, -0.73],
        [0.46, 1.18, 0.91, 2.04],
        [0.87, 2.87, -0.17, 1.35],
        [1.9, 1.59, -0.24, 0.08],
        [0.54, 1.72, -0.51, 0.79],
        [-0.32, 1.08, 0.42, 0.72],
        [-1.3, -0.26, 1.56, 2.98],
        [-2.52, 3.02, 2.7, 1.56],
        [0.52, -0.62, 2.92, 3.92],
    ]
)
CENTRE = np.repeat(["A", "B", "C"], 4)
NEW = np.array(
    [
        [2.9, 2.66, 2.18, 1.4],
        [2.0, 2.33, 1.36, 2.2],
        [2.21, 2.35, 1.41, 1.67],
        [1.78, 1.42, 2.87, 1.75],
    ]
)


@pytest.fixture
def fitted():
    return Combat(minimum_centre=2).fit(X, CENTRE)


def test_equals_the_reference_on_training_and_on_an_adapted_centre(fitted):
    found = fitted.transform(X, CENTRE)
    expected = {
        0: [0.87399, 0.814358, 1.354825, 0.972959],
        5: [-0.221945, 2.223244, 0.250121, 1.432295],
        11: [0.415012, -0.267132, 1.507302, 2.38147],
    }
    for row, values in expected.items():
        assert found[row] == pytest.approx(values, abs=2e-6)
    adapted = fitted.adapt(NEW, "D", minimum=3).transform(NEW, np.repeat("D", 4))
    assert adapted[0] == pytest.approx([1.125546, 1.602487, 0.974587, 0.326356], abs=2e-6)


def test_estimates_solve_their_equations():
    # equations 3.1 of Johnson 2007 at the fixed point
    rng = np.random.default_rng(0)
    z = rng.normal(0.7, 1.5, (15, 40))
    own, squares = z.mean(0), ((z - z.mean(0)) ** 2).sum(0)
    n = np.full(40, 15.0)
    shift, scale = shrink(own, squares, n, z)
    variance = squares / 14
    spread, m, s2 = own.var(ddof=1), variance.mean(), variance.var(ddof=1)
    a, b = (2 * s2 + m**2) / s2, (m * s2 + m**3) / s2
    assert shift == pytest.approx(
        (spread * n * own + scale * own.mean()) / (spread * n + scale), abs=1e-5
    )
    around = ((z - shift) ** 2).sum(0)
    assert scale == pytest.approx((0.5 * around + b) / (n / 2 + a - 1), abs=1e-5)


def test_unknown_centre_is_refused_until_it_is_adapted(fitted):
    with pytest.raises(UnknownCentre, match="centre 'D' was not in training; adapt it"):
        fitted.transform(NEW, np.repeat("D", 4))
    with pytest.raises(UnknownCentre):
        fitted.adapt(NEW, "D", minimum=20)
    fitted.adapt(NEW, "D", minimum=4)
    assert fitted.centres == ["A", "B", "C"]  # adapting makes a copy


def test_a_patient_is_transformed_alone_as_with_others(fitted):
    assert np.array_equal(fitted.transform(X[:1], CENTRE[:1])[0], fitted.transform(X, CENTRE)[0])


def test_missing_values_stay_missing_and_change_nobody_else():
    holed = np.vstack([X, X + 0.1])
    centre = np.r_[CENTRE, CENTRE]
    holed[0, 1] = np.nan
    found = Combat(minimum_centre=2).fit(holed, centre).transform(holed, centre)
    assert np.isnan(found[0, 1]) and np.isfinite(np.delete(found, 0, axis=0)).all()


def test_single_or_small_centre_is_left_as_it_is():
    one = Combat().fit(X, np.repeat("A", 12))
    assert one.transform(X, np.repeat("A", 12)) == pytest.approx(X)
    small = Combat(minimum_centre=5).fit(
        np.vstack([X, X]), np.r_[np.repeat("A", 20), np.repeat("B", 4)]
    )
    rows = np.vstack([X, X])[20:]
    assert small.transform(rows, np.repeat("B", 4)) == pytest.approx(rows)


def test_constant_feature_does_no_harm():
    still = np.column_stack([X, np.full(12, 3.0)])
    found = Combat(minimum_centre=2).fit(still, CENTRE).transform(still, CENTRE)
    assert found[:, 4] == pytest.approx(3.0)
