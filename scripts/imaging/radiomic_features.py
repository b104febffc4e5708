"""Radiomic features of one region: pyradiomics' feature classes on IBSI pre-processing.

In: image crop, morphological mask, settings. Out: {pyradiomics name: float}. Source: IBSI 1
(doi 10.1148/radiol.2020191145); pyradiomics (doi 10.1158/0008-5472.CAN-17-0339).
"""

import logging
import math
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk

from scripts.core.job import InputDefect
from scripts.imaging import mesh_shape, resampling

TEXTURE_CLASSES = ("glcm", "glrlm", "glszm", "gldm", "ngtdm")
CLASSES = ("shape", "firstorder", *TEXTURE_CLASSES)
# 2D shape features that need millimetres; the other ones are ratios.
SIZE_FEATURES = (
    "MeshSurface",
    "PixelSurface",
    "Perimeter",
    "PerimeterSurfaceRatio",
    "MaximumDiameter",
    "MajorAxisLength",
    "MinorAxisLength",
)


@dataclass(frozen=True)
class Region:
    """What features are computed on: image, mask as drawn, mask of intensities, thick axis.

    image : SimpleITK float64, with margin; morphological, intensity : bool (z, y, x) on its grid;
    across : numpy axis of thick slices or of the one slice, None for texture in 3D
    """

    image: sitk.Image
    morphological: np.ndarray
    intensity: np.ndarray
    across: int | None


def prepare_region(crop: sitk.Image, mask: sitk.Image, grid: dict, settings: dict) -> Region:
    """Resample and re-segment one reading.

    crop, mask : same grid, part of the whole image's `grid` (size, spacing, origin, direction)
    """
    spacing, axis = resampling.target_spacing(grid, settings)
    across = None if axis is None else 2 - axis
    if settings["interpolator"] == "none" or not settings["spacing_mm"]:
        image = sitk.Cast(crop, sitk.sitkFloat64)
        drawn = sitk.GetArrayFromImage(mask) > 0
    else:
        target = resampling.part_of_grid(resampling.resampling_grid(grid, spacing), crop)
        image = resampling.resample_image(crop, target, settings)
        drawn = resampling.resample_mask(mask, target)
    if not drawn.any():
        raise InputDefect(
            "the region vanishes when resampled: it is smaller than one voxel",
            requirement_id="OMX-04",
            check="region after resampling",
        )
    kept = resampling.resegment(sitk.GetArrayViewFromImage(image), drawn, settings)
    if int(kept.sum()) < 2:
        raise InputDefect(
            f"fewer than 2 voxels of the region lie within {settings['range']}: not this tissue",
            requirement_id="OMX-04",
            check="region after re-segmentation",
        )
    return Region(image, drawn, kept, across)


def _feature_class(name: str):
    """A pyradiomics feature class that takes grey levels made here instead of binning again."""
    from radiomics.featureextractor import getFeatureClasses

    # After the import: pyradiomics sets its own level then.
    logging.getLogger("radiomics").setLevel(logging.ERROR)
    base = getFeatureClasses()[name]
    if name.startswith("shape"):
        return base

    class OnGreyLevels(base):
        __module__ = base.__module__  # pyradiomics logs under the class's module

        def _applyBinning(self, matrix):
            levels = self.settings["grey_levels"]
            self.coefficients["grayLevels"] = np.unique(levels[self.maskArray])
            self.coefficients["Ng"] = int(levels.max())
            return levels.copy()

    return OnGreyLevels


def _execute(feature_class, image: sitk.Image, mask: np.ndarray, **settings) -> dict[str, float]:
    region = sitk.GetImageFromArray(mask.astype(np.uint8))
    region.CopyInformation(image)
    computed = feature_class(image, region, **settings)
    computed.enableAllFeatures()
    return {name: real(value) for name, value in computed.execute().items()}


def real(value) -> float:
    """A feature as a real float; NaN for what is undefined, infinite or truly complex."""
    number = complex(np.asarray(value).reshape(-1)[0])
    tiny = 1e-9 * max(1.0, abs(number.real))
    if abs(number.imag) > tiny or not math.isfinite(number.real):
        return math.nan
    return number.real


def _box(mask: np.ndarray) -> tuple[slice, ...]:
    found = [np.flatnonzero(mask.any(axis=tuple({0, 1, 2} - {axis}))) for axis in range(3)]
    return tuple(slice(int(f[0]), int(f[-1]) + 1) for f in found)


def _cut(image: sitk.Image, box: tuple[slice, ...]) -> sitk.Image:
    start = [s.start for s in reversed(box)]
    return sitk.RegionOfInterest(image, [s.stop - s.start for s in reversed(box)], start)


def shape_features(region: Region, calibrated: bool) -> dict[str, float]:
    """3D shape, or 2D shape of a single slice; without pixel calibration sizes are NaN."""
    mask, image = region.morphological, region.image
    box = _box(mask)
    if mask.shape[region.across or 0] == 1 and region.across is not None:
        found = _execute(
            _feature_class("shape2D"),
            _cut(image, box),
            mask[box],
            force2D=True,
            force2Ddimension=region.across,
        )
        lost = () if calibrated else SIZE_FEATURES
        return {f"original_shape2D_{k}": math.nan if k in lost else v for k, v in found.items()}
    found = _execute(mesh_shape.shape_class(), _cut(image, box), mask[box])
    return {f"original_shape_{name}": value for name, value in found.items()}


def filtered_images(region: Region, settings: dict):
    """(name, image) of the original and of every filtered image that config asks for."""
    from radiomics import imageoperations

    planar = {"force2D": region.across is not None, "force2Ddimension": region.across or 0}
    for kind in settings["image_types"]:
        if kind == "original":
            yield "original", region.image
        elif kind == "log":
            sigmas = {"sigma": [float(sigma) for sigma in settings["log_sigma_mm"]]}
            for image, name, _ in imageoperations.getLoGImage(region.image, None, **sigmas):
                yield name, image
        elif kind == "wavelet":
            options = {"wavelet": settings["wavelet"], **planar}
            for image, name, _ in imageoperations.getWaveletImage(region.image, None, **options):
                yield name, image


def image_features(name: str, image: sitk.Image, region: Region, settings: dict) -> dict:
    """First-order and texture features of one (filtered) image on the intensity mask."""
    box = _box(region.intensity)
    cut, mask = _cut(image, box), region.intensity[box]
    values = sitk.GetArrayViewFromImage(cut)
    if name == "original":
        anchor = settings["range"][0] if settings["range"] else None
        bins = {"width": settings["bin_width"], "count": settings["bin_count"], "anchor": anchor}
    else:
        bins = {"count": settings["filtered_bin_count"]}
    options = {
        "grey_levels": resampling.grey_levels(values, mask, **bins),
        "force2D": region.across is not None,
        "force2Ddimension": region.across or 0,
    }
    found = {}
    for kind in settings["classes"]:
        if kind == "shape":
            continue
        for feature, value in _execute(_feature_class(kind), cut, mask, **options).items():
            if (kind, feature) == ("firstorder", "Kurtosis"):
                value -= 3.0  # IBSI: excess kurtosis
            found[f"{name}_{kind}_{feature}"] = value
    return found


def ibsi_features(region: Region, settings: dict, calibrated: bool = True) -> dict[str, float]:
    """All features of one region at IBSI values under pyradiomics' names."""
    found = shape_features(region, calibrated) if "shape" in settings["classes"] else {}
    for name, image in filtered_images(region, settings):
        found |= image_features(name, image, region, settings)
    return found


def stock_features(image: sitk.Image, mask: sitk.Image, pyradiomics: dict) -> dict[str, float]:
    """Features as pyradiomics computes them by itself, with its own settings (no IBSI claim)."""
    from radiomics.featureextractor import RadiomicsFeatureExtractor

    logging.getLogger("radiomics").setLevel(logging.ERROR)
    extractor = RadiomicsFeatureExtractor(**{**pyradiomics, "additionalInfo": False})
    extractor.disableAllFeatures()
    for kind in CLASSES:
        extractor.enableFeatureClassByName(kind)
    return {name: real(value) for name, value in extractor.execute(image, mask).items()}
