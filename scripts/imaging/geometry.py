"""Voxel grids freed of where the table stood, of rounded text and of the order in which a file stores its axes.

In: distances known from rounded positions; images of any origin, direction and axis order. Out: the distance that was meant; the
image in LPS order with coordinates of its own. Source: DICOM PS3.3 C.7.6.2, PS3.5 6.2 (DS); IBSI reference manual 2.4.
"""

from fractions import Fraction
from itertools import permutations

import numpy as np
import SimpleITK as sitk

from scripts.core.job import InputDefect

_FLOAT32 = 2e-7  # relative precision of the numbers in a NIfTI header
_MOST_UNCERTAIN = 1e-3  # share of a distance by which its rounding may move it
_DENOMINATOR = 2048  # a pixel is the field of view in (half) mm over the matrix
_FINEST = 512_000  # steps per mm: multiples of 1/512 mm and of 0.001 mm in one
_NOBODYS_AXES = 1e-3  # rad: turns an image at exactly 45 degrees to the nearer axis in every storage order alike


def settled_spacing(measured: float, uncertainty: float, known: tuple[float, ...] = ()) -> float:
    """The distance (mm) that was meant by one that is known to +- `uncertainty`, from text or float32.

    The first that lies within: a value of the header that is `known`, the decimal with the fewest digits (up to 4), a field of
    view over a matrix, a multiple of 1/512,000 mm; else the nearest float32. It is the same at every position of the table.
    """
    reach = min(max(uncertainty, _FLOAT32 * measured), _MOST_UNCERTAIN * measured)
    near = [value for value in known if value and abs(value - measured) <= reach]
    if near:
        return min(near, key=lambda value: abs(value - measured))
    candidates = [round(measured, digits) for digits in range(1, 5)]
    candidates.append(float(Fraction(measured).limit_denominator(_DENOMINATOR)))
    candidates.append(round(measured * _FINEST) / _FINEST)
    return next(
        (c for c in candidates if c > 0 and abs(c - measured) <= reach), float(np.float32(measured))
    )


def spacing_uncertainty(positions: np.ndarray, residual: float = 0.0) -> float:
    """Uncertainty (mm) of the mean distance of n >= 2 points whose coordinates (n, 3 or n) went through float32 text.

    residual : largest deviation (mm) of the points from even distances
    """
    rounding = float(np.spacing(np.float32(np.abs(positions).max())))
    return 2 * max(rounding, 2 * residual) / (len(positions) - 1)


def settled_spacings(image: sitk.Image) -> list[float]:
    """Settled spacing (x, y, z) of an image whose header gives origin and spacing as float32 or text."""
    found = []
    for axis, (size, spacing) in enumerate(zip(image.GetSize(), image.GetSpacing(), strict=True)):
        last = [0] * image.GetDimension()
        last[axis] = size - 1
        ends = np.array([image.GetOrigin(), image.TransformIndexToPhysicalPoint(last)])
        rounding = spacing_uncertainty(ends) / (size - 1) if size > 1 else 0.0
        found.append(settled_spacing(spacing, rounding))
    return found


def right_angled(axes: np.ndarray, what: str, tilt_degrees: float) -> np.ndarray:
    """Orthonormal directions (columns) nearest to the given axes. InputDefect when sheared by more than `tilt_degrees`."""
    axes = np.asarray(axes, float).reshape(3, 3)
    lengths = np.linalg.norm(axes, axis=0)
    if not (np.isfinite(axes).all() and (lengths > 0).all()):
        raise _no_directions(what)
    cosines = axes / lengths
    products = cosines.T @ cosines - np.eye(3)
    sheared = float(np.degrees(np.arcsin(min(1.0, np.abs(products).max()))))
    if sheared > tilt_degrees:
        raise InputDefect(
            f"the axes of the {what} are not at right angles (sheared by {sheared:.1f} degrees); resample it first",
            requirement_id="IST-01",
            check=f"{what} axes at right angles",
        )
    left, singular, right = np.linalg.svd(cosines)
    if singular.min() < 0.5:
        raise _no_directions(what)
    return left @ right


def _no_directions(what: str) -> InputDefect:
    return InputDefect(
        f"the {what} file gives no usable directions of its axes (zero, NaN or parallel); export it again",
        requirement_id="IST-01",
        check=f"{what} geometry",
    )


def lps_order(direction) -> tuple[tuple[int, int, int], tuple[bool, bool, bool]]:
    """Which stored axis runs along the patient's left, posterior and superior axis, and whether it runs against it.

    direction : cosines of the stored axes as columns (9 numbers, row by row)
    """
    cosines = _small_turn() @ np.array(direction, float).reshape(3, 3)
    patient = range(3)
    order = max(
        permutations(patient), key=lambda order: sum(abs(cosines[p, order[p]]) for p in patient)
    )
    return order, tuple(bool(cosines[p, order[p]] < 0) for p in patient)


def reordered(array: np.ndarray, direction) -> np.ndarray:
    """An array (z, y, x as stored) with its axes in LPS order, without interpolation; a view where it is that already."""
    order, against = lps_order(direction)
    moved = array.transpose([2 - order[2], 2 - order[1], 2 - order[0]])
    return np.flip(moved, [2 - axis for axis in range(3) if against[axis]])


def lps_image(image: sitk.Image) -> sitk.Image:
    """The image in LPS order with its first voxel at 0, axes along the coordinates and settled spacing.

    What is computed on it depends neither on the position of the table nor on the storage order.
    """
    order, _ = lps_order(image.GetDirection())
    spacings = settled_spacings(image)
    array = reordered(sitk.GetArrayViewFromImage(image), image.GetDirection())
    moved = sitk.GetImageFromArray(np.ascontiguousarray(array))
    moved.SetSpacing([spacings[axis] for axis in order])
    return moved


def _small_turn() -> np.ndarray:
    """A rotation by a thousandth of a radian about an axis that is none of the patient's."""
    x, y, z = np.array([3.0, 5.0, 7.0]) / np.sqrt(83.0)
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + np.sin(_NOBODYS_AXES) * cross + (1 - np.cos(_NOBODYS_AXES)) * cross @ cross


def through_plane(spacings) -> float:
    """The spacing (mm) across the slices: the one that differs where two are equal (square pixels), else the largest."""
    low, middle, high = sorted(abs(float(s)) for s in spacings)
    if np.isclose(middle, high, rtol=1e-4) and not np.isclose(low, middle, rtol=1e-4):
        return low
    return high
