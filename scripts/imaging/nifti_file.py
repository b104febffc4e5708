"""NIfTI files, read once, with nothing allocated that the file cannot hold.

In: .nii or .nii.gz, limits. Out: SimpleITK image in LPS coordinates with values scaled by the header, and whether its two
placements (qform, sform) agree. Source: NIfTI-1 and NIfTI-2 headers (nifti.nimh.nih.gov), through nibabel.
"""

import gzip
import io
import math
import zlib
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from scripts.core.job import InputDefect
from scripts.imaging.geometry import right_angled

DEFLATE_RATIO = 1032  # bytes that one byte of deflate can at most become (zlib technical details)
_LARGEST_EXTENSION = 1 << 24  # bytes between header and voxels
_RAS_TO_LPS = np.diag([-1.0, -1.0, 1.0])
_SAME_PLACE = 0.5  # voxels by which the corners of qform and sform may lie apart


def unreadable(what: str, kind: str) -> InputDefect:
    """A file that is cut off, empty or no image of its kind."""
    return InputDefect(
        f"the {what} file cannot be read as {kind} (truncated, empty or another format); export it again",
        requirement_id="IST-01",
        check=f"{what} readable",
    )


def check_claim(sizes, voxel_bytes: int, available: int, what: str, max_voxels: int) -> None:
    """InputDefect for a header that claims more voxels than allowed, or than `available` bytes (None: unknown) can hold."""
    voxels = math.prod(int(n) for n in sizes)
    shown = " x ".join(str(int(n)) for n in sizes)
    if min(sizes, default=0) < 1:
        raise InputDefect(
            f"the {what} file holds no voxel", requirement_id="IST-01", check=f"{what} readable"
        )
    if available is not None and voxels * voxel_bytes > available:
        raise InputDefect(
            f"the {what} file is too short for the {shown} voxels that its header claims; export it again",
            requirement_id="IST-01",
            check=f"{what} readable",
        )
    if voxels > max_voxels:
        raise InputDefect(
            f"the {what} has {shown} voxels, more than {max_voxels} (max_voxels in the configuration)",
            requirement_id="IST-01",
            check=f"{what} readable",
        )


def read_nifti(path: str | Path, what: str, max_voxels: int, tilt_degrees: float) -> sitk.Image:
    """A 2D or 3D image. InputDefect: unreadable, truncated, too large, values or geometry that are no numbers, sheared axes."""
    import nibabel

    kind = ".nii.gz" if str(path).lower().endswith(".gz") else ".nii"
    try:
        header = _header_of(path)
        shape = header.get_data_shape()
        kind_of_values = header.get_data_dtype()
        offset = float(header["vox_offset"])
        size = Path(path).stat().st_size * (DEFLATE_RATIO if kind == ".nii.gz" else 1)
        if not 0 <= offset <= _LARGEST_EXTENSION:
            raise unreadable(what, kind)
        _check_pixdim(header, len(shape), what)
        check_claim(shape, kind_of_values.itemsize, size, what, max_voxels)
        with np.errstate(all="ignore"):
            loaded = nibabel.load(path)
            stored = np.asanyarray(loaded.dataobj.get_unscaled())
    except (
        nibabel.filebasedimages.ImageFileError,
        nibabel.spatialimages.HeaderDataError,
        nibabel.wrapstruct.WrapStructError,
        KeyError,
        OSError,
        EOFError,
        ValueError,
        zlib.error,
    ):
        raise unreadable(what, kind) from None
    return _image_of(stored, loaded, what, tilt_degrees)


def _check_pixdim(header, dimensions: int, what: str) -> None:
    """InputDefect for voxels of no size where nothing else gives one; nibabel would take them as 1 mm."""
    sizes = np.array(header["pixdim"][1 : 1 + min(dimensions, 3)], float)
    if int(header["sform_code"]) == 0 and not (np.isfinite(sizes).all() and (sizes > 0).all()):
        raise no_place(what)


def no_place(what: str) -> InputDefect:
    """A file whose voxels have no usable place or size."""
    return InputDefect(
        f"the {what} file gives no usable place or size of its voxels (zero, NaN or infinite); export it again",
        requirement_id="IST-01",
        check=f"{what} geometry",
    )


def _header_of(path: str | Path):
    """The header alone; nibabel.load would read the extensions after it, however long they claim to be."""
    import nibabel

    with open(path, "rb") as raw:
        packed = raw.read(2) == b"\x1f\x8b"
    with (gzip.open if packed else open)(path, "rb") as handle:
        start = handle.read(540)
    number = {int.from_bytes(start[:4], order) for order in ("little", "big")}
    found = nibabel.Nifti2Header if 540 in number else nibabel.Nifti1Header
    return found.from_fileobj(io.BytesIO(start[: found.sizeof_hdr]), check=False)


def _image_of(stored: np.ndarray, loaded, what: str, tilt_degrees: float) -> sitk.Image:
    from nibabel.affines import voxel_sizes

    while stored.ndim > 3 and stored.shape[-1] == 1:
        stored = stored[..., 0]
    if stored.ndim > 3:
        raise InputDefect(
            f"the {what} has {stored.ndim} dimensions; give one phase or sequence per file",
            requirement_id="IST-01",
            check="one volume per file",
        )
    colour = stored.dtype.names is not None
    if stored.dtype.kind == "c" or (colour and stored.dtype.names[:3] != ("R", "G", "B")):
        raise unreadable(what, "real numbers")
    if colour:
        stored = np.stack([stored[name] for name in ("R", "G", "B")], axis=-1)
    if stored.dtype.kind == "f" and not np.isfinite(stored).all():
        raise InputDefect(
            f"the {what} holds values that are no numbers (NaN or infinite)",
            requirement_id="IST-01",
            check=f"{what} values are numbers",
        )
    slope, intercept = float(loaded.dataobj.slope), float(loaded.dataobj.inter)
    native = stored.dtype.newbyteorder("=")
    values = stored.astype(native if native.itemsize > 1 else stored.dtype, copy=False)
    if (slope, intercept) != (1.0, 0.0):
        values = stored.astype(np.float32) * np.float32(slope) + np.float32(intercept)
    if values.dtype == np.float16 or values.dtype.itemsize > 8:
        values = values.astype(np.float32)
    axes = (2, 1, 0) if stored.ndim - colour == 3 else (1, 0)
    order = (*axes, stored.ndim - 1) if colour else axes
    image = sitk.GetImageFromArray(np.ascontiguousarray(values.transpose(order)), isVector=colour)
    if image.GetDimension() == 2:
        image = sitk.JoinSeries(image)
    affine = loaded.affine
    spacings = voxel_sizes(affine)
    zooms = np.array([*loaded.header.get_zooms()[:3], 1.0, 1.0, 1.0][:3], float)
    if np.isfinite(zooms).all() and np.allclose(zooms, spacings, rtol=1e-4):
        spacings = zooms
    place(
        image,
        _RAS_TO_LPS @ affine[:3, :3],
        _RAS_TO_LPS @ affine[:3, 3],
        spacings,
        what,
        tilt_degrees,
    )
    return image


def place(image: sitk.Image, axes: np.ndarray, origin, spacings, what: str, tilt: float) -> None:
    """Give an image its place (mm, LPS). InputDefect for numbers that are none, spacing 0 or axes not at right angles.

    axes : steps along the stored axes as columns; their directions count
    """
    spacings = np.asarray(spacings, float)
    if not (np.isfinite(axes).all() and np.isfinite(origin).all() and (spacings > 0).all()):
        raise no_place(what)
    image.SetSpacing(spacings.tolist())
    image.SetOrigin([float(value) for value in origin])
    image.SetDirection(right_angled(axes, what, tilt).ravel().tolist())


def forms_differ(path: str | Path) -> float:
    """Distance in voxels between the corners that qform and sform give; 0 where only one of them is set."""
    import nibabel

    header = nibabel.load(path).header
    (q, q_code), (s, s_code) = header.get_qform(coded=True), header.get_sform(coded=True)
    if not (q_code and s_code) or q is None or s is None:
        return 0.0
    size = [*header.get_data_shape()[:3], 1, 1][:3]
    corners = np.array(
        [[x, y, z, 1] for x in (0, size[0] - 1) for y in (0, size[1] - 1) for z in (0, size[2] - 1)]
    )
    apart = np.linalg.norm(corners @ (q - s).T[:, :3], axis=1).max()
    smallest = float(np.linalg.norm(s[:3, :3], axis=0).min())
    return float(apart / smallest) if smallest > 0 else 0.0


def two_places(path: str | Path) -> bool:
    """Whether qform and sform place the image at different places: programs then disagree on where it is."""
    return forms_differ(path) > _SAME_PLACE
