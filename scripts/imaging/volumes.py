"""Volumes of every format as one thing: a SimpleITK image in LPS orientation with what is known of its acquisition.

In: NIfTI, NRRD, MetaImage or a 2D picture (DICOM series and ultrasound have modules of their own). Out: Volume; crops that
remember the full grid. Source: NIfTI-1; DICOM PS3.3 C.7.6.2 (LPS patient coordinates).
"""

import contextlib
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from scripts.core.job import InputDefect

LOSSY = (".jpg", ".jpeg")
PICTURES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp")
VOLUME_FILES = (".nii", ".nii.gz", ".nrrd", ".nhdr", ".mha", ".mhd")


@dataclass(frozen=True)
class Finding:
    """One check of one volume: what `Step.check` needs, made where the facts are known."""

    requirement_id: str
    check: str
    verdict: str
    value: float | int | str | None = None
    unit: str = ""
    threshold: str = ""
    reason: str = ""


@dataclass
class Volume:
    """A 3D float32 image (mm, LPS; a 2D image has one slice), its acquisition and the findings made while reading.

    acquisition : plain facts without identifiers: format, kvp, kernel, slice_thickness_mm, slice_spacing_mm, ...
    references : UIDs that masks may refer to; never written out
    seconds : acquisition time of day in s, to order phases; never written out
    calibrated : whether the spacing is in mm (an ultrasound picture may have none)
    valid : for ultrasound, where the picture is (False: outside of the calibrated region)
    """

    image: sitk.Image
    acquisition: dict = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    references: dict = field(default_factory=dict)
    seconds: float | None = None
    calibrated: bool = True
    valid: np.ndarray | None = None


@contextlib.contextmanager
def quiet_itk():
    """ITK's own warnings off: every problem that matters becomes a finding."""
    before = sitk.ProcessObject.GetGlobalWarningDisplay()
    sitk.ProcessObject.SetGlobalWarningDisplay(False)
    try:
        yield
    finally:
        sitk.ProcessObject.SetGlobalWarningDisplay(before)


def suffix_of(path: str | Path) -> str:
    """Lower-case suffix; `.nii.gz` counts as one."""
    name = Path(path).name.lower()
    return ".nii.gz" if name.endswith(".nii.gz") else Path(name).suffix


def read_image_file(path: str | Path, what: str = "image") -> sitk.Image:
    """Read a NIfTI, NRRD, MetaImage or picture. InputDefect when it is missing, truncated, empty or none of these."""
    if not Path(path).is_file():
        raise InputDefect(
            f"there is no such {what} file", requirement_id="IST-01", check=f"{what} readable"
        )
    if suffix_of(path) in (".nii", ".nii.gz"):
        _check_nifti(path, what)
    if suffix_of(path) in (*LOSSY, ".bmp") and not _picture_ends(path):
        raise _unreadable(path, what)
    try:
        with quiet_itk():
            image = sitk.ReadImage(str(path))
            array = sitk.GetArrayViewFromImage(image)
    except RuntimeError:
        raise _unreadable(path, what) from None
    if array.size == 0:
        raise InputDefect(
            f"the {what} file holds no voxel", requirement_id="IST-01", check=f"{what} readable"
        )
    return image


def _unreadable(path: str | Path, what: str) -> InputDefect:
    return InputDefect(
        f"the {what} file cannot be read as {suffix_of(path) or 'an image'} (truncated, empty or another format); "
        "export it again",
        requirement_id="IST-01",
        check=f"{what} readable",
    )


def _picture_ends(path: str | Path) -> bool:
    """Whether a JPEG has its end-of-image marker, a BMP the length of its header: decoders fill what is missing."""
    data = Path(path).read_bytes()
    if suffix_of(path) == ".bmp":
        return int.from_bytes(data[2:6], "little") <= len(data)
    return b"\xff\xd9" in data[-1024:]


def _check_nifti(path: str | Path, what: str) -> None:
    """InputDefect for a NIfTI that is cut off or holds NaN: ITK reads both without a word, the rest and NaN as 0."""
    import zlib

    import nibabel

    try:
        stored = np.asanyarray(nibabel.load(path).dataobj.get_unscaled())
    except (nibabel.filebasedimages.ImageFileError, OSError, EOFError, ValueError, zlib.error):
        raise _unreadable(path, what) from None
    if stored.dtype.kind == "f" and not np.isfinite(stored).all():
        raise InputDefect(
            f"the {what} holds values that are no numbers (NaN or infinite)",
            requirement_id="IST-01",
            check=f"{what} values are numbers",
        )


def without_texts(array: np.ndarray, like: sitk.Image) -> sitk.Image:
    """A new image of `array` (z, y, x) on the grid of `like`, without any text field of the file it came from."""
    image = sitk.GetImageFromArray(array)
    image.SetSpacing(like.GetSpacing())
    image.SetOrigin(like.GetOrigin())
    image.SetDirection(like.GetDirection())
    return image


def as_three_dimensional(image: sitk.Image, what: str = "image") -> sitk.Image:
    """A 2D image as one slice of a volume; a 4D image with one time point as 3D. InputDefect for a real time series."""
    if image.GetDimension() == 2:
        return sitk.JoinSeries(image)
    if image.GetDimension() == 4 and image.GetSize()[3] == 1:
        return image[:, :, :, 0]
    if image.GetDimension() != 3:
        raise InputDefect(
            f"the {what} has {image.GetDimension()} dimensions; give one phase or sequence per file",
            requirement_id="IST-01",
            check="one volume per file",
        )
    return image


def grey(image: sitk.Image) -> np.ndarray:
    """Grey values (z, y, x) float32; colour becomes luminance (ITU-R BT.601)."""
    array = sitk.GetArrayFromImage(image)
    if image.GetNumberOfComponentsPerPixel() >= 3:
        array = array[..., :3] @ np.array([0.299, 0.587, 0.114])
    elif image.GetNumberOfComponentsPerPixel() == 2:
        array = array[..., 0]
    return array.astype(np.float32)


def read_volume_file(path: str | Path) -> Volume:
    """A volume from NIfTI, NRRD or MetaImage. Acquisition facts are not in such files."""
    image = as_three_dimensional(read_image_file(path))
    volume = Volume(
        without_texts(grey(image), image), {"format": suffix_of(path).strip(".").split(".")[0]}
    )
    spacing = [abs(s) for s in image.GetSpacing()]
    volume.acquisition["slice_spacing_mm"] = round(max(spacing), 4)
    if not np.isfinite(sitk.GetArrayViewFromImage(volume.image)).all():
        raise InputDefect(
            "the image holds values that are no numbers (NaN or infinite)",
            requirement_id="IST-01",
            check="image values are numbers",
        )
    return volume


def oriented(image: sitk.Image) -> sitk.Image:
    """The image with its axes permuted and flipped to LPS (nearest axes; no interpolation)."""
    return sitk.DICOMOrient(image, "LPS")


def grid_difference(image: sitk.Image, mask: sitk.Image, tolerance: float = 0.05) -> str:
    """In words how the mask's grid differs from the image's, "" when it does not.

    Tolerance in voxels (for the origin and the far corner, so that spacing and direction are covered).
    """
    if image.GetSize() != mask.GetSize():
        return f"size {_by(mask.GetSize())} against {_by(image.GetSize())} voxels"
    spacing = np.array(image.GetSpacing())
    last = [n - 1 for n in image.GetSize()]
    for corner in ([0] * 3, last, [last[0], 0, 0], [0, last[1], 0], [0, 0, last[2]]):
        apart = np.subtract(
            mask.TransformIndexToPhysicalPoint(corner), image.TransformIndexToPhysicalPoint(corner)
        )
        distance = float(np.linalg.norm(apart))
        if distance > tolerance * float(spacing.min()) + 1e-3:
            return f"its corners lie {distance:.1f} mm away from the image's"
    return ""


def _by(numbers) -> str:
    return " x ".join(map(str, numbers))


def grid_of(image: sitk.Image) -> dict:
    """Size, spacing, origin and direction as plain lists."""
    return {
        "size": list(image.GetSize()),
        "spacing": list(image.GetSpacing()),
        "origin": list(image.GetOrigin()),
        "direction": list(image.GetDirection()),
    }


def crop_box(mask: np.ndarray, spacing: tuple, padding_mm: float) -> tuple[slice, slice, slice]:
    """Bounding box (z, y, x slices) of a mask, widened by `padding_mm` on every side and cut at the image's edge.

    spacing : mm along x, y, z (SimpleITK order)
    """
    box = []
    for axis, step in enumerate(reversed(spacing)):
        inside = np.flatnonzero(mask.any(axis=tuple(a for a in range(3) if a != axis)))
        margin = int(np.ceil(padding_mm / step))
        box.append(
            slice(
                max(0, int(inside[0]) - margin), min(mask.shape[axis], int(inside[-1]) + margin + 1)
            )
        )
    return tuple(box)


def write_compact(image: sitk.Image, path: Path) -> None:
    """Write a NIfTI without text fields: int16 where every value is a whole number that fits, else float32."""
    array = sitk.GetArrayFromImage(image)
    if array.dtype.kind == "f":
        whole = np.array_equal(array, np.rint(array)) and np.abs(array).max(initial=0) < 32768
        array = array.astype(np.int16 if whole else np.float32)
    sitk.WriteImage(without_texts(array, image), str(path))
