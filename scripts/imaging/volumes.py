"""Volumes of every format as one thing: a SimpleITK image in LPS orientation with what is known of its acquisition.

In: NIfTI, NRRD, MetaImage or a 2D picture (DICOM series and ultrasound have modules of their own). Out: Volume; crops that
remember the full grid. Source: NIfTI-1; DICOM PS3.3 C.7.6.2 (LPS patient coordinates).
"""

import contextlib
import math
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from scripts.core.job import InputDefect
from scripts.imaging.acquisition_checks import Finding
from scripts.imaging.dicom_header import Moment
from scripts.imaging.geometry import settled_spacings, through_plane
from scripts.imaging.nifti_file import (
    DEFLATE_RATIO,
    check_claim,
    no_place,
    place,
    read_nifti,
    two_places,
    unreadable,
)
from scripts.imaging.volume_header import (
    META_FILES,
    NRRD_FILES,
    HeaderError,
    lies_beside,
    read_header,
)

LOSSY = (".jpg", ".jpeg")
PICTURES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp")
VOLUME_FILES = (".nii", ".nii.gz", *NRRD_FILES, *META_FILES)
_READERS = (
    dict.fromkeys(NRRD_FILES, "NrrdImageIO")
    | dict.fromkeys(META_FILES, "MetaImageIO")
    | dict.fromkeys(LOSSY, "JPEGImageIO")
    | dict.fromkeys((".tif", ".tiff"), "TIFFImageIO")
    | {".png": "PNGImageIO", ".bmp": "BMPImageIO"}
)


@dataclass
class Volume:
    """A 3D float32 image (mm, LPS; a 2D image has one slice), its acquisition and the findings made while reading.

    acquisition : plain facts without identifiers: format, kvp, kernel, slice_thickness_mm, slice_spacing_mm, ...
    references : UIDs that masks may refer to; never written out
    moment : when the acquisition began, to order phases; never written out
    calibrated : whether the spacing is in mm (an ultrasound picture may have none)
    valid : for ultrasound, where the picture is (False: outside of the calibrated region)
    """

    image: sitk.Image
    acquisition: dict = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    references: dict = field(default_factory=dict)
    moment: Moment | None = None
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


def read_image_file(path: str | Path, settings: dict, what: str = "image") -> sitk.Image:
    """Read a NIfTI, NRRD, MetaImage or picture.

    settings : max_voxels, tilt_degrees. InputDefect: missing, truncated, empty, none of these, larger than it can be or may be,
    axes not at right angles, voxels in a file that does not lie beside the header.
    """
    path, suffix = Path(path), suffix_of(path)
    if not path.is_file():
        raise InputDefect(
            f"there is no such {what} file", requirement_id="IST-01", check=f"{what} readable"
        )
    limit = settings["max_voxels"]
    if suffix in (".nii", ".nii.gz"):
        return read_nifti(path, what, limit, settings["tilt_degrees"])
    if suffix in (*NRRD_FILES, *META_FILES):
        _check_header(path, what, limit)
    elif suffix in (*LOSSY, ".bmp") and not _picture_ends(path):
        raise unreadable(what, suffix)
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    reader.SetImageIO(_READERS[suffix])
    try:
        with quiet_itk():
            reader.ReadImageInformation()
            check_claim(reader.GetSize(), reader.GetNumberOfComponents(), None, what, limit)
            image = reader.Execute()
    except RuntimeError:
        raise unreadable(what, suffix) from None
    if image.GetDimension() == 3:
        spacings, axes = image.GetSpacing(), np.array(image.GetDirection()).reshape(3, 3)
        place(image, axes, image.GetOrigin(), spacings, what, settings["tilt_degrees"])
    return image


def _check_header(path: Path, what: str, max_voxels: int) -> None:
    """InputDefect when the header of an NRRD or MetaImage lies about its size or names a file that does not lie beside it."""
    try:
        header = read_header(path)
    except HeaderError as error:
        raise InputDefect(
            f"the {what} file cannot be read: {error}; export it again",
            requirement_id="IST-01",
            check=f"{what} readable",
        ) from None
    if not all(lies_beside(path, name) for name in header.data_files):
        raise InputDefect(
            f"the header of the {what} names a file of voxels elsewhere; header and voxels must lie in one folder",
            requirement_id="IST-01",
            check=f"{what} beside its header",
        )
    if not all((path.parent / name).is_file() for name in header.data_files):
        raise InputDefect(
            f"the file of voxels that the header of the {what} names is not beside it; copy both",
            requirement_id="IST-01",
            check=f"{what} beside its header",
        )
    if not all(math.isfinite(spacing) and spacing != 0 for spacing in header.spacings):
        raise no_place(what)
    files = [path.parent / name for name in header.data_files] or [path]
    held = sum(file.stat().st_size for file in files)
    if header.encoding == "gzip":
        held *= DEFLATE_RATIO
    least = 1 if header.encoding == "ascii" else header.voxel_bytes
    check_claim(header.sizes, least, held, what, max_voxels)


def _picture_ends(path: str | Path) -> bool:
    """Whether a JPEG has its end-of-image marker, a BMP the length of its header: decoders fill what is missing."""
    data = Path(path).read_bytes()
    if suffix_of(path) == ".bmp":
        return int.from_bytes(data[2:6], "little") <= len(data)
    return b"\xff\xd9" in data[-1024:]


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


def read_volume_file(path: str | Path, settings: dict) -> Volume:
    """A volume from NIfTI, NRRD or MetaImage. Acquisition facts are not in such files."""
    image = as_three_dimensional(read_image_file(path, settings))
    volume = Volume(
        without_texts(grey(image), image), {"format": suffix_of(path).strip(".").split(".")[0]}
    )
    spacing = through_plane(settled_spacings(image))
    volume.acquisition["slice_spacing_mm"] = round(spacing, 4)
    if not np.isfinite(sitk.GetArrayViewFromImage(volume.image)).all():
        raise InputDefect(
            "the image holds values that are no numbers (NaN or infinite)",
            requirement_id="IST-01",
            check="image values are numbers",
        )
    if suffix_of(path) in (".nii", ".nii.gz") and two_places(path):
        reason = "qform and sform of the NIfTI place the image differently (sform is used); export it again"
        volume.findings.append(Finding("IST-01", "one place of the image", "WARN", reason=reason))
    return volume


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
