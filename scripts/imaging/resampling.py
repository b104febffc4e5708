"""Image processing before features, as IBSI defines it.

In: crop of an image and of a mask (SimpleITK), the full grid, settings. Out: resampled image and
masks, grey levels. Source: IBSI reference manual (doi 10.1148/radiol.2020191145), chapter 2:
interpolation grid aligned on the image centre, re-segmentation, discretisation.
"""

import math

import numpy as np
import SimpleITK as sitk

_INTERPOLATORS = {"linear": sitk.sitkLinear, "bspline": sitk.sitkBSpline}
_EDGE = 1e-6  # float fuzz of a resampled mask value that is 0.5 by arithmetic
_SMALLEST_MARGIN_MM = 12.0  # wavelet support and B-spline decay, in 1 mm voxels


def crop_padding_mm(settings: dict) -> float:
    """Margin around the region that leaves every feature as if the image were whole.

    `padding_sigmas` (6) standard deviations of the widest Gaussian; less changes LoG features.
    """
    sigmas = settings["log_sigma_mm"] if "log" in settings["image_types"] else []
    spacing = settings["spacing_mm"] or 0
    widest = settings["padding_sigmas"] * max(sigmas, default=0.0)
    return max(widest, _SMALLEST_MARGIN_MM, _SMALLEST_MARGIN_MM * spacing) + 2 * spacing


def target_spacing(grid: dict, settings: dict) -> tuple[tuple[float, float, float], int | None]:
    """Spacing (x, y, z) to resample to, and the axis (x, y, z = 0, 1, 2) of thick slices.

    Slices thicker than `thick_slice_mm` are not interpolated: in-plane resampling and texture
    within slices (2.5D). No axis (None): isotropic, texture in 3D. One slice: 2D along z. A spacing may exceed the limit by the
    share `spacing_tolerance`: it is known from rounded positions.
    """
    spacing = list(grid["spacing"])
    single = [axis for axis, size in enumerate(grid["size"]) if size == 1]
    across = single[0] if single else int(np.argmax(spacing))
    thick = settings["thick_slice_mm"] * (1 + settings["spacing_tolerance"])
    planar = bool(single) or spacing[across] > thick
    wanted = settings["spacing_mm"]
    target = [wanted or s for s in spacing]
    if planar:
        target[across] = spacing[across]
    return tuple(target), across if planar else None


def resampling_grid(grid: dict, spacing: tuple) -> dict:
    """The whole image's new grid: ceil(n s / s') points, both grids with one centre (IBSI 2.4)."""
    old, size = np.array(grid["spacing"]), np.array(grid["size"])
    new = np.array(spacing)
    count = np.ceil(size * old / new - 1e-6).astype(int)
    offset = 0.5 * (old * (size - 1) - new * (count - 1))
    axes = np.array(grid["direction"]).reshape(3, 3)
    return {
        "size": count.tolist(),
        "spacing": new.tolist(),
        "origin": (np.array(grid["origin"]) + axes @ offset).tolist(),
        "direction": list(grid["direction"]),
    }


def part_of_grid(grid: dict, crop: sitk.Image) -> dict:
    """The points of a grid that lie within a crop of the old image (outer voxel edges included)."""
    axes = np.array(grid["direction"]).reshape(3, 3)
    spacing, origin = np.array(grid["spacing"]), np.array(grid["origin"])
    half = 0.5 * np.array(crop.GetSpacing())
    low = (np.array(crop.GetOrigin()) - origin) @ axes - half
    high = low + np.array(crop.GetSpacing()) * crop.GetSize()
    first = np.maximum(np.ceil(low / spacing - 1e-6).astype(int), 0)
    last = np.minimum(np.floor(high / spacing + 1e-6).astype(int), np.array(grid["size"]) - 1)
    return {
        "size": (last - first + 1).tolist(),
        "spacing": grid["spacing"],
        "origin": (origin + axes @ (first * spacing)).tolist(),
        "direction": grid["direction"],
    }


def _resampler(grid: dict) -> sitk.ResampleImageFilter:
    resampler = sitk.ResampleImageFilter()
    resampler.SetSize([int(n) for n in grid["size"]])
    resampler.SetOutputSpacing(grid["spacing"])
    resampler.SetOutputOrigin(grid["origin"])
    resampler.SetOutputDirection(grid["direction"])
    resampler.SetUseNearestNeighborExtrapolator(True)
    return resampler


def resample_image(image: sitk.Image, grid: dict, settings: dict) -> sitk.Image:
    """The image (float64) on a grid; linear or tricubic B-spline; whole HU where `round` is on."""
    resampler = _resampler(grid)
    resampler.SetInterpolator(_INTERPOLATORS[settings["interpolator"]])
    moved = resampler.Execute(sitk.Cast(image, sitk.sitkFloat64))
    if not settings["round"]:
        return moved
    rounded = sitk.GetImageFromArray(np.rint(sitk.GetArrayFromImage(moved)))
    rounded.CopyInformation(moved)
    return rounded


def resample_mask(mask: sitk.Image, grid: dict) -> np.ndarray:
    """The mask (z, y, x, bool) on a grid: linear interpolation, cut at >= 0.5."""
    resampler = _resampler(grid)
    resampler.SetInterpolator(sitk.sitkLinear)
    moved = resampler.Execute(sitk.Cast(mask, sitk.sitkFloat64))
    return sitk.GetArrayFromImage(moved) >= 0.5 - _EDGE


def resegment(array: np.ndarray, mask: np.ndarray, settings: dict) -> np.ndarray:
    """The intensity mask: within `range` (closed), then within `sigma` SDs of the mean of the rest.

    Shape is measured on the mask as drawn (IBSI: morphological mask), intensities on this one.
    """
    kept = mask.copy()
    if settings["range"]:
        low, high = settings["range"]
        kept &= (array >= low) & (array <= high)
    if settings["sigma"] and kept.any():
        values = array[kept]
        mean, sd = values.mean(), values.std()
        reach = settings["sigma"] * sd
        kept &= (array >= mean - reach) & (array <= mean + reach)
    return kept


def grey_levels(array: np.ndarray, mask: np.ndarray, *, width=0.0, count=0, anchor=None):
    """Grey levels 1..n inside the mask (int, 0 outside): IBSI 2.7.

    count : fixed bin number, over the range of values inside the mask;
    width : fixed bin size, first bin starting at `anchor`; without anchor at the multiple of the
        width at or below the smallest value (so that bins of different regions coincide)
    """
    levels = np.zeros(array.shape, dtype=np.int64)
    values = array[mask].astype(np.float64)
    if count:
        low, high = float(values.min()), float(values.max())
        if high <= low:
            levels[mask] = 1
            return levels
        found = np.floor(count * (values - low) / (high - low)) + 1
        levels[mask] = np.minimum(found, count).astype(np.int64)
        return levels
    low = math.floor(float(values.min()) / width) * width if anchor is None else anchor
    levels[mask] = (np.floor((values - low) / width) + 1).astype(np.int64)
    return levels
