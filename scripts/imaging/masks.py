"""Masks of every format on the grid of their image.

In: NIfTI, NRRD, picture, DICOM SEG or RTSTRUCT (`file.dcm#ROI name`; also `seg.dcm#segment label`) and the image.
Out: label array (z, y, x) uint16 and findings. Source: DICOM PS3.3 A.51 (SEG), A.19 (RTSTRUCT), C.7.4.1 (frame of reference).
"""

from dataclasses import dataclass, field

import numpy as np
import SimpleITK as sitk

from scripts.core.job import InputDefect
from scripts.imaging.acquisition_checks import Finding
from scripts.imaging.dicom_file import TooLarge, read_dicom, voxels_of
from scripts.imaging.structure_sets import read_structure_set
from scripts.imaging.volumes import (
    LOSSY,
    PICTURES,
    VOLUME_FILES,
    Volume,
    as_three_dimensional,
    read_image_file,
    suffix_of,
)

_OFF_GRID = 0.05  # voxels by which a voxel of the mask may lie beside one of the image
_WHOLE = 1e-3  # by which a label stored as a float may differ from a whole number
_LARGEST_LABEL = 65535


@dataclass
class Mask:
    """Labels (z, y, x) on the grid of the image, 0 is background; what was noticed while reading."""

    labels: np.ndarray
    findings: list[Finding] = field(default_factory=list)


def defect(check: str, reason: str) -> InputDefect:
    """A named defect of a mask."""
    return InputDefect(reason, requirement_id="IST-01", check=check)


def off_grid(reason: str) -> InputDefect:
    """A mask whose voxels are not those of the image."""
    return defect("mask on the image grid", f"the mask is off the image grid: {reason}")


def read_mask(
    path: str, volume: Volume, settings: dict, *, planar: bool = False, beneath: list[int] = ()
) -> Mask:
    """Labels of a mask on the grid of `volume`.

    settings : max_voxels, tilt_degrees, interpolated_slices
    planar : the image is one 2D picture, whose pixels (not millimetres) place the mask.
    beneath : labels (the liver's) that others (lesions) overwrite where segments of a SEG overlap
    Raises InputDefect: unreadable, off the image grid, unknown ROI name, drawn in another frame of reference.
    """
    file, _, roi = str(path).partition("#")
    suffix = suffix_of(file)
    if suffix in PICTURES or suffix in VOLUME_FILES:
        mask = Mask(_read_labels(file, volume, planar, settings))
    else:
        mask = _read_dicom_mask(file, roi, volume, planar, beneath, settings)
    expected = sitk.GetArrayViewFromImage(volume.image).shape
    if mask.labels.shape != expected:
        raise off_grid(f"{mask.labels.shape} against {expected} voxels (z, y, x)")
    return mask


def _read_labels(file: str, volume: Volume, planar: bool, settings: dict) -> np.ndarray:
    if suffix_of(file) in LOSSY:
        raise defect("mask readable", "JPEG blurs the edge of a mask; export it as PNG or NIfTI")
    image = as_three_dimensional(read_image_file(file, settings, "mask"), "mask")
    labels = sitk.GetArrayFromImage(image)
    if image.GetNumberOfComponentsPerPixel() > 1:
        labels = labels[..., :3].max(axis=-1)
    labels = whole_labels(labels)
    if planar:
        return labels
    _check_own_place(image, volume.image)
    return place_on_grid(labels, affine_of(image), volume.image)


def _check_own_place(mask: sitk.Image, image: sitk.Image) -> None:
    """InputDefect for a part of a grid that begins where the image does: programs that lose the place of a part write this, and
    so does a mask of a shorter series."""
    start = np.linalg.inv(affine_of(image)) @ [*mask.GetOrigin(), 1.0]
    if np.abs(start[:3]).max() < _OFF_GRID and sorted(mask.GetSize()) != sorted(image.GetSize()):
        sizes = " against ".join(" x ".join(map(str, one.GetSize())) for one in (mask, image))
        raise off_grid(
            f"{sizes} voxels, and it begins where the image does, so its place is not known; export the whole grid"
        )


def whole_labels(values: np.ndarray) -> np.ndarray:
    """Values of a mask as labels uint16; negative ones are background. InputDefect for fractions, NaN and labels above 65535."""
    if values.dtype.kind == "f":
        if not np.isfinite(values).all():
            raise defect("mask readable", "the mask holds values that are no numbers")
        fraction = np.abs(values - np.rint(values))
        if (fraction > _WHOLE * np.maximum(1, np.abs(values))).any():
            found = float(values[np.unravel_index(int(fraction.argmax()), values.shape)])
            raise defect(
                "mask of whole labels",
                f"the mask holds fractions ({found:.3g}), no labels: a probability or interpolated map; "
                "cut it at one half and export whole numbers",
            )
        values = np.rint(values)
    if values.size and values.max() > _LARGEST_LABEL:
        raise defect("mask of whole labels", f"the mask holds labels above {_LARGEST_LABEL}")
    return np.maximum(values, 0).astype(np.uint16)


def _read_dicom_mask(file, roi, volume, planar, beneath, settings) -> Mask:
    import pydicom

    try:
        dataset = read_dicom(file, settings["max_voxels"])
    except TooLarge:
        raise _too_large(settings) from None
    except (pydicom.errors.InvalidDicomError, EOFError, OSError, ValueError, KeyError):
        raise defect(
            "mask readable", "the mask file cannot be read (truncated or another format)"
        ) from None
    kind = str(dataset.get("Modality", ""))
    if kind == "SEG" and planar:
        return Mask(_planar_segments(dataset))
    if kind == "SEG":
        check_frame_of_reference({str(dataset.get("FrameOfReferenceUID") or "")}, dataset, volume)
        return Mask(read_segmentation(dataset, volume, settings, roi, beneath))
    if kind == "RTSTRUCT":
        frames = {
            str(item.get("ReferencedFrameOfReferenceUID") or "")
            for item in dataset.get("StructureSetROISequence") or ()
            if not roi or str(item.get("ROIName")) == roi
        }
        check_frame_of_reference(frames, dataset, volume)
        labels, findings = read_structure_set(dataset, volume.image, roi, settings)
        return Mask(labels, findings)
    raise defect("mask readable", "the mask is neither a DICOM SEG nor an RTSTRUCT")


def check_frame_of_reference(frames: set[str], dataset, volume: Volume) -> None:
    """InputDefect when a mask gives coordinates of another frame of reference than the image's; blank ones say nothing."""
    own = volume.references.get("frame_of_reference", "")
    frames = {frame for frame in frames if frame}
    if not own or not frames or own in frames:
        return
    raise defect(
        "mask in the image's frame of reference",
        "the mask is drawn in another frame of reference (another examination, or not registered); draw it on this series",
    )


def _too_large(settings: dict) -> InputDefect:
    return defect(
        "mask readable",
        f"the mask has more than {settings['max_voxels']} voxels (max_voxels in the configuration)",
    )


def read_segmentation(
    dataset, volume: Volume, settings: dict, segment: str = "", beneath: list[int] = ()
) -> np.ndarray:
    """A DICOM SEG (binary, labelmap or fractional at >= 0.5; overlapping segments; sparse frames) on the image's grid.

    segment : label or number of one segment; "" takes all. The value of a voxel is its segment number.
    """
    import warnings

    import highdicom

    labels = np.zeros(sitk.GetArrayViewFromImage(volume.image).shape, np.uint16)
    frames = int(dataset.get("NumberOfFrames", 1) or 1)
    described = len(dataset.get("PerFrameFunctionalGroupsSequence") or ())
    if voxels_of(dataset) > frames * settings["max_voxels"]:
        raise _too_large(settings)
    try:
        if frames != described:
            raise ValueError("frames without a description")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            seg = highdicom.seg.Segmentation.from_dataset(dataset, copy=False)
            geometry = seg.get_volume_geometry()
            if geometry is None or np.prod(geometry.spatial_shape) > settings["max_voxels"]:
                raise ValueError("no regular volume of this size")
            numbers = sorted(_segment_numbers(seg, segment), key=lambda n: (n not in beneath, n))
            for number in numbers:
                spatial = seg.get_volume(segment_numbers=[number], combine_segments=False)
                array = np.asarray(spatial.array)[..., 0]
                drawn = array >= (0.5 if array.dtype.kind == "f" else 1)
                affine = np.asarray(spatial.affine) @ _SLICES_LAST
                placed = place_on_grid(drawn, affine, volume.image)
                labels[placed] = number
    except (ValueError, RuntimeError, AttributeError, KeyError, TypeError, EOFError, IndexError):
        raise defect(
            "mask readable",
            "the DICOM SEG cannot be read as a regular volume (damaged or irregular frames)",
        ) from None
    return labels


# highdicom counts slices first, ITK columns first: index (column, row, slice) of an array (slice, row, column).
_SLICES_LAST = np.array([[0, 0, 1, 0], [0, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 1.0]])


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


def affine_of(image: sitk.Image) -> np.ndarray:
    """Matrix (4, 4) from voxel index (x, y, z) to mm in LPS."""
    affine = np.eye(4)
    affine[:3, :3] = np.array(image.GetDirection()).reshape(3, 3) * np.array(image.GetSpacing())
    affine[:3, 3] = image.GetOrigin()
    return affine


def place_on_grid(labels: np.ndarray, affine: np.ndarray, image: sitk.Image) -> np.ndarray:
    """Labels (z, y, x of their own grid) moved onto the voxels of the image, without interpolation.

    affine : from index (x, y, z) of the labels to mm in LPS. The grids may differ in axis order, direction of axes and extent: a
    program may keep only the part that is drawn on. InputDefect when a labelled voxel lies more than 0.05 voxel beside one of
    the image, or outside of it.
    """
    out = np.zeros(image.GetSize()[::-1], labels.dtype)
    drawn = [np.flatnonzero(labels.any(axis=tuple({0, 1, 2} - {axis}))) for axis in (2, 1, 0)]
    if not all(len(where) for where in drawn):
        return out
    first = np.array([where[0] for where in drawn])
    last = np.array([where[-1] for where in drawn])
    step = np.linalg.inv(affine_of(image)) @ affine
    turn = np.rint(step[:3, :3])
    _check_voxel_size(affine, image)
    if not (np.abs(turn).sum(axis=0) == 1).all() or not (np.abs(turn).sum(axis=1) == 1).all():
        raise off_grid("its axes or voxel sizes are not the image's; draw it on this series")
    corners = np.array([np.where(pick, last, first) for pick in np.ndindex(2, 2, 2)], dtype=float)
    exact = corners @ step[:3, :3].T + step[:3, 3]
    whole = np.rint(exact)
    far = float(np.abs(exact - whole).max())
    if far > _OFF_GRID or np.ptp(whole - corners @ turn.T, axis=0).any():
        raise off_grid(
            f"its voxels lie up to {far:.2f} voxel beside the image's; draw it on this series"
        )
    low, high = whole.min(axis=0).astype(int), whole.max(axis=0).astype(int)
    if (low < 0).any() or (high >= image.GetSize()).any():
        raise off_grid("it reaches beyond the image; draw it on this series")
    box = labels[tuple(slice(a, b + 1) for a, b in zip(first[::-1], last[::-1], strict=True))]
    source = [
        int(np.flatnonzero(turn[axis])[0]) for axis in range(3)
    ]  # own axis along x, y, z of the image
    moved = box.transpose([2 - source[2], 2 - source[1], 2 - source[0]])
    against = [axis for axis in range(3) if turn[axis, source[axis]] < 0]
    moved = np.flip(moved, [2 - axis for axis in against])
    out[tuple(slice(a, b + 1) for a, b in zip(low[::-1], high[::-1], strict=True))] = moved
    return out


def _check_voxel_size(affine: np.ndarray, image: sitk.Image) -> None:
    ratio = float(abs(np.linalg.det(affine[:3, :3]))) / float(np.prod(image.GetSpacing()))
    if not 0.99 < ratio < 1.01:
        raise off_grid(f"its voxels are {'larger' if ratio > 1 else 'smaller'} than the image's")


def _planar_segments(dataset) -> np.ndarray:
    array = dataset.pixel_array
    array = array.max(axis=0) if array.ndim == 3 else array
    return (array > 0).astype(np.uint16)[None]


def region_of(labels: np.ndarray, region_labels: list[int], liver_labels: list[int]) -> np.ndarray:
    """The region that is measured: the given labels, else every label that is not the liver's."""
    if region_labels:
        return np.isin(labels, region_labels)
    return (labels > 0) & ~np.isin(labels, liver_labels)


def dice(first: np.ndarray, second: np.ndarray) -> float:
    """Dice coefficient 2|A and B| / (|A| + |B|) of two boolean arrays (Dice 1945); NaN when both are empty."""
    total = int(first.sum()) + int(second.sum())
    return 2.0 * int((first & second).sum()) / total if total else float("nan")
