"""What limits are held against, measured once: intensities, the region's pieces and slices, the tissue around it.

In: Volume in LPS order, regions (z, y, x, bool). Out: plain numbers for meta.json. Source: requirements IMG-CT, IMG-MRI, IMG-US,
IST-01; connected components with 26 neighbours.
"""

import numpy as np
import SimpleITK as sitk

from scripts.imaging.dicom_header import Moment
from scripts.imaging.volumes import Volume, crop_box

_AIR_HU = (-1100.0, -900.0)
_RING_MM = (3.0, 12.0)
_FEWEST = 100  # voxels of tissue that a median needs
_MOST_PIECES = 20


def intensities(volume: Volume, region: np.ndarray) -> dict:
    """Lowest and highest value, median of air (None without any) and of the region, in HU."""
    array = sitk.GetArrayViewFromImage(volume.image)
    air = array[(array > _AIR_HU[0]) & (array < _AIR_HU[1])]
    return {
        "lowest_hu": float(array.min()),
        "highest_hu": float(array.max()),
        "air_hu": float(np.median(air)) if len(air) else None,
        "region_hu": float(np.median(array[region])),
    }


def ring_median(volume: Volume, region: np.ndarray, tissue_hu: list[float]) -> float | None:
    """Median HU of soft tissue 3 to 12 mm around the region: liver, when the region is a lesion."""
    from scipy.ndimage import distance_transform_edt

    spacing = volume.image.GetSpacing()
    box = crop_box(region, spacing, _RING_MM[1] + 2)
    near = distance_transform_edt(~region[box], sampling=spacing[::-1])
    values = sitk.GetArrayViewFromImage(volume.image)[box][
        (near >= _RING_MM[0]) & (near <= _RING_MM[1])
    ]
    low, high = tissue_hu
    tissue = values[(values > low) & (values < high)]
    return float(np.median(tissue)) if len(tissue) >= _FEWEST else None


def region_measures(region: np.ndarray, slice_axis: int) -> dict:
    """Voxels, edges touched, pieces and slices of a region (bool, at least one voxel).

    slice_axis : numpy axis across the slices. `pieces` are voxels of connected parts, the largest first (at most 20 of
    `piece_count`); `empty_slices` counts slices without the region between two whose regions overlap.
    """
    from scipy.ndimage import label

    touched = [
        axis
        for axis, n in enumerate(region.shape)
        if n > 1 and (region.take(0, axis).any() or region.take(n - 1, axis).any())
    ]
    box = crop_box(region, (1.0, 1.0, 1.0), 0.0)
    parts, count = label(region[box], structure=np.ones((3, 3, 3), bool))
    sizes = sorted(np.bincount(parts.ravel())[1:].tolist(), reverse=True)
    planes = np.moveaxis(region[box], slice_axis, 0)
    drawn = np.flatnonzero(planes.any(axis=(1, 2)))
    empty = sum(
        int(high - low - 1)
        for low, high in zip(drawn, drawn[1:], strict=False)
        if high - low > 1 and (planes[low] & planes[high]).any()
    )
    return {
        "voxels": int(region.sum()),
        "touches_edge": bool(touched),
        "piece_count": int(count),
        "pieces": sizes[:_MOST_PIECES],
        "slices": len(drawn),
        "slices_of_image": int(region.shape[slice_axis]),
        "empty_slices": empty,
    }


def seconds_after_first(moments: dict[str, Moment | None]) -> dict[str, float | None]:
    """{block: seconds after the earliest block of the examination}; None where the time is not recorded. No date leaves."""
    known = {block: moment for block, moment in moments.items() if moment is not None}
    if not known:
        return dict.fromkeys(moments)
    first = next(iter(known.values()))
    after = {block: first.until(moment) for block, moment in known.items()}
    earliest = min(after.values())
    return {block: after[block] - earliest if block in after else None for block in moments}
