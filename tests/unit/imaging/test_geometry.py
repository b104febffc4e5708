"""Neither the position of the table, nor rounded text, nor the storage order of a file changes a grid."""

import numpy as np
import pytest
import SimpleITK as sitk

from scripts.core.job import InputDefect
from scripts.imaging import geometry

# Slice spacings and pixel sizes that scanners use: decimals, fields of view over a matrix, and what is neither.
SPACINGS = (
    0.5,
    0.6245,
    0.703125,
    0.7421875,
    0.712890625,
    0.83203125,
    1.25,
    2.5,
    3.27,
    380 / 384,
    5.0,
)


@pytest.mark.parametrize("meant", SPACINGS)
@pytest.mark.parametrize("count", [2, 18, 400])
def test_distance_of_slices_is_settled_at_every_table_position(meant, count):
    found = set()
    for start in (30.0, -1043.3, -1133.3, 0.0, 1500.55, -0.7, 641.3):
        heights = np.float32(start) + np.arange(count) * meant
        heights = np.array([float(str(np.float32(h))) for h in heights])  # float32 text
        mean = (heights[-1] - heights[0]) / (count - 1)
        deviation = np.abs(heights - heights[0] - mean * np.arange(count)).max()
        reach = geometry.spacing_uncertainty(heights, deviation)
        found.add(geometry.settled_spacing(mean, reach, (meant,)))
    assert found == {meant}


@pytest.mark.parametrize("meant", SPACINGS)
def test_text_and_float32_of_a_pixel_size_are_one_number(meant):
    text, stored = float(f"{meant:.14g}"), float(np.float32(meant))
    assert geometry.settled_spacing(text, 0.0) == geometry.settled_spacing(stored, 0.0)
    assert geometry.settled_spacing(text, 0.0) == pytest.approx(meant, rel=1e-6)


def test_different_distances_stay_different():
    assert geometry.settled_spacing(2.503, 1e-4) == 2.503
    assert geometry.settled_spacing(2.503, 1.0, (2.5,)) == 2.503  # no rounding moves it that far


@pytest.mark.parametrize("degrees", [0, 20, 44.999, 45, 45.001, 90, 135])
def test_every_storage_order_of_a_turned_image_ends_in_one(degrees):
    rng = np.random.default_rng(1)
    image = sitk.GetImageFromArray(rng.integers(0, 99, (4, 5, 6)).astype(np.int16))
    image.SetSpacing((0.8, 0.9, 2.5))
    turn = np.radians(degrees)
    c, s = np.cos(turn), np.sin(turn)
    image.SetDirection([c, -s, 0, s, c, 0, 0, 0, 1])
    arrays = []
    for order in ((0, 1, 2), (2, 0, 1), (1, 2, 0), (1, 0, 2)):
        for against in ((False, False, False), (True, False, True), (False, True, True)):
            stored = sitk.Flip(sitk.PermuteAxes(image, order), against)
            noise = 1e-7 * rng.normal(size=9)
            stored.SetDirection((np.array(stored.GetDirection()) + noise).tolist())
            moved = geometry.lps_image(stored)
            assert moved.GetOrigin() == (0, 0, 0) and moved.GetDirection()[::4] == (1, 1, 1)
            arrays.append((moved.GetSpacing(), sitk.GetArrayFromImage(moved)))
    assert {spacing for spacing, _ in arrays} == {arrays[0][0]}
    assert all(np.array_equal(array, arrays[0][1]) for _, array in arrays)


def test_axes_that_are_not_at_right_angles_are_refused():
    axes = np.eye(3)
    axes[0, 1] = np.tan(np.radians(0.3))
    straight = geometry.right_angled(axes, "image", 0.5)
    assert straight.T @ straight == pytest.approx(np.eye(3))
    axes[0, 1] = 0.3
    with pytest.raises(InputDefect, match="sheared by 16.7 degrees"):
        geometry.right_angled(axes, "image", 0.5)
    for damaged in (np.zeros((3, 3)), np.full((3, 3), np.nan), np.ones((3, 3))):
        with pytest.raises(InputDefect):
            geometry.right_angled(damaged, "image", 0.5)


@pytest.mark.parametrize(
    ("spacings", "across"),
    [((0.8, 0.8, 2.5), 2.5), ((2.0, 1.25, 2.0), 1.25), ((1, 1, 1), 1), ((0.8, 0.9, 2.5), 2.5)],
)
def test_slices_lie_across_the_axis_that_differs(spacings, across):
    assert geometry.through_plane(spacings) == across
