"""Masks of every format on the grid of their image.

In: NIfTI, NRRD, picture, DICOM SEG or RTSTRUCT (`file.dcm#ROI name`; also `seg.dcm#segment label`) and the image.
Out: label array (z, y, x) uint8/uint16. Source: DICOM PS3.3 A.51 (SEG), A.19 (RTSTRUCT), C.8.8.6 (ROI contour).
"""

from pathlib import Path

import numpy as np
import SimpleITK as sitk

from scripts.core.job import InputDefect
from scripts.imaging.volumes import (
    LOSSY,
    PICTURES,
    VOLUME_FILES,
    Volume,
    as_three_dimensional,
    grid_difference,
    read_image_file,
    suffix_of,
)


def defect(check: str, reason: str) -> InputDefect:
    """A named defect of a mask."""
    return InputDefect(reason, requirement_id="IST-01", check=check)


def read_mask(
    path: str, volume: Volume, *, planar: bool = False, beneath: list[int] = ()
) -> np.ndarray:
    """Labels of a mask on the grid of `volume` (z, y, x); 0 is background.

    planar : the image is one 2D picture, whose pixels (not millimetres) place the mask.
    beneath : labels (the liver's) that others (lesions) overwrite where segments of a SEG overlap
    Raises InputDefect: unreadable, off the image grid, unknown ROI name.
    """
    file, _, roi = str(path).partition("#")
    suffix = suffix_of(file)
    if suffix in PICTURES or suffix in VOLUME_FILES:
        labels = _read_labels(file, volume, planar)
    else:
        dataset = _read_dicom(file)
        if str(dataset.get("Modality", "")) == "SEG":
            labels = (
                _planar_segments(file) if planar else read_segmentation(file, volume, roi, beneath)
            )
        elif str(dataset.get("Modality", "")) == "RTSTRUCT":
            labels = read_structure_set(dataset, volume, roi)
        else:
            raise defect("mask readable", "the mask is neither a DICOM SEG nor an RTSTRUCT")
    expected = sitk.GetArrayViewFromImage(volume.image).shape
    if labels.shape != expected:
        raise defect(
            "mask on the image grid",
            f"the mask is off the image grid: {labels.shape} against {expected} voxels (z, y, x)",
        )
    return labels


def _read_labels(file: str, volume: Volume, planar: bool) -> np.ndarray:
    if suffix_of(file) in LOSSY:
        raise defect("mask readable", "JPEG blurs the edge of a mask; export it as PNG or NIfTI")
    image = as_three_dimensional(read_image_file(file, "mask"), "mask")
    if not planar:  # the same grid may be stored flipped: dcm2niix does so with rows
        code = sitk.DICOMOrientImageFilter.GetOrientationFromDirectionCosines(
            volume.image.GetDirection()
        )
        image = sitk.DICOMOrient(image, code)
    if image.GetNumberOfComponentsPerPixel() > 1:
        labels = sitk.GetArrayFromImage(image)[..., :3].max(axis=-1)
    else:
        labels = sitk.GetArrayFromImage(image)
    if not np.isfinite(labels).all():
        raise defect("mask readable", "the mask holds values that are no numbers")
    labels = np.clip(np.rint(labels), 0, 65535).astype(np.uint16)
    if planar:
        return labels
    difference = grid_difference(volume.image, image)
    if difference:
        raise defect(
            "mask on the image grid",
            f"the mask is off the image grid: {difference}; draw it on this series and export the whole grid",
        )
    return labels


def _read_dicom(file: str):
    import warnings

    import pydicom

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return pydicom.dcmread(file)
    except (pydicom.errors.InvalidDicomError, EOFError, OSError, ValueError, KeyError):
        raise defect(
            "mask readable", "the mask file cannot be read (truncated or another format)"
        ) from None


def read_segmentation(
    file: str | Path, volume: Volume, segment: str = "", beneath: list[int] = ()
) -> np.ndarray:
    """A DICOM SEG (binary, labelmap or fractional at >= 0.5; overlapping segments; sparse frames) on the image's grid.

    segment : label or number of one segment; "" takes all. The value of a voxel is its segment number.
    """
    import warnings

    import highdicom

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            seg = highdicom.seg.segread(str(file))
            numbers = sorted(_segment_numbers(seg, segment), key=lambda n: (n not in beneath, n))
            spatial = seg.get_volume(segment_numbers=numbers, combine_segments=False)
    except (ValueError, RuntimeError, AttributeError, KeyError, TypeError, EOFError):
        raise defect(
            "mask readable",
            "the DICOM SEG cannot be read as a regular volume (damaged or irregular frames)",
        ) from None
    array = np.asarray(spatial.array)
    labels = np.zeros(array.shape[:3], np.uint16)
    for channel, number in enumerate(numbers):
        labels[array[..., channel] >= (0.5 if array.dtype.kind == "f" else 1)] = number
    return place_on_grid(labels, np.asarray(spatial.affine), volume.image)


def _segment_numbers(seg, wanted: str) -> list[int]:
    numbers = [int(n) for n in seg.segment_numbers if int(n) != 0]
    if not wanted:
        return numbers
    found = [
        n
        for n in numbers
        if wanted == str(n) or seg.get_segment_description(n).segment_label == wanted
    ]
    if not found:
        labels = ", ".join(seg.get_segment_description(n).segment_label for n in numbers)
        raise defect("mask readable", f"the SEG has no segment {wanted!r}; it has: {labels}")
    return found


def place_on_grid(labels: np.ndarray, affine: np.ndarray, image: sitk.Image) -> np.ndarray:
    """Labels (first axis slices, then rows, columns) with an index-to-LPS affine, moved onto the image's grid.

    No interpolation: every labelled voxel must fall on a voxel of the image within 0.05 voxel, else InputDefect.
    """
    here = np.argwhere(labels > 0)
    out = np.zeros(image.GetSize()[::-1], labels.dtype)
    if not len(here):
        return out
    points = here @ affine[:3, :3].T + affine[:3, 3]
    axes = np.array(image.GetDirection()).reshape(3, 3)
    index = (points - image.GetOrigin()) @ axes / np.array(image.GetSpacing())
    whole = np.rint(index).astype(int)
    far = float(np.abs(index - whole).max())
    if far > 0.05:
        raise defect(
            "mask on the image grid",
            f"the mask is off the image grid: its voxels lie up to {far:.2f} voxel beside the image's",
        )
    if (whole < 0).any() or (whole >= image.GetSize()).any():
        raise defect(
            "mask on the image grid",
            "the mask is off the image grid: it reaches beyond the image; draw it on this series",
        )
    if len(np.unique(whole, axis=0)) != len(whole):
        raise defect(
            "mask on the image grid",
            "the mask is off the image grid: its voxels are smaller than the image's",
        )
    if _voxel_volume(affine) > 1.01 * float(np.prod(image.GetSpacing())):
        raise defect(
            "mask on the image grid",
            "the mask is off the image grid: its voxels are larger than the image's",
        )
    out[whole[:, 2], whole[:, 1], whole[:, 0]] = labels[tuple(here.T)]
    return out


def _voxel_volume(affine: np.ndarray) -> float:
    return float(abs(np.linalg.det(affine[:3, :3])))


def _planar_segments(file: str) -> np.ndarray:
    array = _read_dicom(file).pixel_array
    array = array.max(axis=0) if array.ndim == 3 else array
    return (array > 0).astype(np.uint16)[None]


def read_structure_set(dataset, volume: Volume, name: str = "") -> np.ndarray:
    """One ROI of an RTSTRUCT: voxels whose centre lies inside its closed planar contours (even-odd rule: holes).

    name : the ROI's name; "" when the file holds exactly one.
    """
    from skimage.draw import polygon2mask

    rois = {int(r.ROINumber): str(r.ROIName) for r in dataset.get("StructureSetROISequence", [])}
    wanted = [n for n, label in rois.items() if not name or label == name]
    if len(wanted) != 1:
        raise defect(
            "mask readable",
            f"the RTSTRUCT has {len(rois)} ROIs, none named {name!r}; write file.dcm#ROI name, one of: "
            f"{', '.join(sorted(rois.values()))}"
            if name or len(rois) != 1
            else "the RTSTRUCT is empty",
        )
    labels = np.zeros(volume.image.GetSize()[::-1], np.uint16)
    axes = np.array(volume.image.GetDirection()).reshape(3, 3)
    for roi in dataset.get("ROIContourSequence", []):
        if int(roi.ReferencedROINumber) != wanted[0]:
            continue
        for contour in roi.get("ContourSequence", []):
            points = np.array(contour.ContourData, float).reshape(-1, 3)
            index = (points - volume.image.GetOrigin()) @ axes / np.array(volume.image.GetSpacing())
            heights = index[:, 2]
            z = int(np.rint(heights.mean()))
            if (
                np.abs(heights - z).max() > 0.25
                or not 0 <= z < labels.shape[0]
                or (index[:, :2] < -1).any()
                or (index[:, :2] > np.array(labels.shape[:0:-1])).any()
            ):
                raise defect(
                    "mask on the image grid",
                    "the mask is off the image grid: a contour lies beside the slices of this series",
                )
            labels[z] ^= polygon2mask(labels.shape[1:], index[:, [1, 0]]).astype(np.uint16)
    return labels


def region_of(labels: np.ndarray, region_labels: list[int], liver_labels: list[int]) -> np.ndarray:
    """The region that is measured: the given labels, else every label that is not the liver's."""
    if region_labels:
        return np.isin(labels, region_labels)
    return (labels > 0) & ~np.isin(labels, liver_labels)


def dice(first: np.ndarray, second: np.ndarray) -> float:
    """Dice coefficient 2|A and B| / (|A| + |B|) of two boolean arrays (Dice 1945); NaN when both are empty."""
    total = int(first.sum()) + int(second.sum())
    return 2.0 * int((first & second).sum()) / total if total else float("nan")
