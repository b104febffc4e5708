"""Intensities of MR on a scale that patients share.

In: MR volume, mask of liver or body. Out: bias-corrected image; mean and SD for the z-score.
Source: Tustison 2010 (N4, doi 10.1109/TMI.2010.2046908); requirement IST-03 (z-score, body mask).
"""

import numpy as np
import SimpleITK as sitk


def body_mask(image: sitk.Image) -> np.ndarray:
    """Body against air (z, y, x, bool): Otsu threshold on the clipped image, largest component."""
    array = sitk.GetArrayFromImage(image)
    clipped = sitk.GetImageFromArray(np.minimum(array, np.percentile(array, 99)))
    bright = sitk.OtsuThreshold(clipped, 0, 1, 128)
    parts = sitk.RelabelComponent(sitk.ConnectedComponent(bright))
    return sitk.GetArrayFromImage(parts) == 1


def correct_bias(image: sitk.Image, mask: np.ndarray, shrink: int, iterations: list) -> sitk.Image:
    """N4 bias field correction of an image in LPS order: field fitted on a shrunk image, applied at full size."""
    region = sitk.GetImageFromArray(mask.astype(np.uint8))
    region.CopyInformation(image)
    factors = [shrink if size >= 4 * shrink else 1 for size in image.GetSize()]
    small, small_mask = sitk.Shrink(image, factors), sitk.Shrink(region, factors)
    correction = sitk.N4BiasFieldCorrectionImageFilter()
    correction.SetMaximumNumberOfIterations(list(iterations))
    correction.Execute(small, small_mask)
    field = correction.GetLogBiasFieldAsImage(image)
    return sitk.Cast(image / sitk.Exp(sitk.Cast(field, sitk.sitkFloat32)), sitk.sitkFloat32)


def mean_and_sd(image: sitk.Image, mask: np.ndarray) -> tuple[float, float]:
    """Mean and population SD of the image inside a mask."""
    values = sitk.GetArrayViewFromImage(image)[mask].astype(np.float64)
    return float(values.mean()), float(values.std())
