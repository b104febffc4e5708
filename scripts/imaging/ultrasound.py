"""One 2D ultrasound picture: DICOM with region calibration, or PNG/JPEG/TIFF/NIfTI.

In: file. Out: Volume of one slice (grey values), spacing in mm where the region calibration gives one.
Source: DICOM PS3.3 C.8.5.5 (US region calibration: physical units 3 = cm), C.7.6.3 (image pixel).
"""

import math
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from scripts.core.job import InputDefect
from scripts.imaging.acquisition_checks import Finding
from scripts.imaging.dicom_file import TooLarge, frame_of, read_dicom, voxels_of
from scripts.imaging.dicom_header import plain_text
from scripts.imaging.volumes import (
    PICTURES,
    VOLUME_FILES,
    Volume,
    as_three_dimensional,
    grey,
    read_image_file,
    suffix_of,
)

_CM = 3
_TISSUE = 1


def read_ultrasound(path: str | Path, settings: dict) -> Volume:
    """An ultrasound picture as a one-slice Volume; `calibrated` says whether its spacing is in mm.

    settings : max_voxels, tilt_degrees
    """
    path = Path(path)
    if path.is_dir():
        files = sorted(p for p in path.rglob("*") if p.is_file())
        if len(files) != 1:
            raise InputDefect(
                f"the ultrasound folder holds {len(files)} files; name the one picture that the mask was drawn on",
                requirement_id="IMG-US",
                check="one picture",
            )
        path = files[0]
    suffix = suffix_of(path)
    if suffix in PICTURES or suffix in VOLUME_FILES:
        return _from_image_file(path, suffix, settings)
    return _from_dicom(path, settings["max_voxels"])


def _from_image_file(path: Path, suffix: str, settings: dict) -> Volume:
    image = as_three_dimensional(read_image_file(path, settings))
    if image.GetSize()[2] != 1:
        raise InputDefect(
            "the ultrasound file holds several frames; give the one picture that the mask was drawn on",
            requirement_id="IMG-US",
            check="one picture",
        )
    spacing = image.GetSpacing()[:2]
    known = suffix not in PICTURES and spacing != (1.0, 1.0)
    coloured = image.GetNumberOfComponentsPerPixel() >= 3
    colour = sitk.GetArrayFromImage(image)[..., :3] if coloured else None
    volume = _volume(grey(image)[0], spacing if known else None, colour)
    volume.acquisition["format"] = suffix.strip(".").split(".")[0]
    return volume


def _from_dicom(path: Path, max_voxels: int) -> Volume:
    import pydicom

    try:
        dataset = read_dicom(path, max_voxels)
        if voxels_of(dataset) > max_voxels:
            raise TooLarge
    except TooLarge:
        raise InputDefect(
            f"the picture has more than {max_voxels} pixels (max_voxels in the configuration)",
            requirement_id="IST-01",
            check="DICOM readable",
        ) from None
    except (pydicom.errors.InvalidDicomError, EOFError, OSError, ValueError, KeyError):
        raise InputDefect(
            "the ultrasound file cannot be read (truncated or not DICOM)",
            requirement_id="IST-01",
            check="DICOM readable",
        ) from None
    if str(dataset.get("Modality", "")) not in ("US", "IVUS"):
        raise InputDefect(
            f"the file is of modality {dataset.get('Modality', 'unknown')}, the sheet says us",
            requirement_id="IMG-US",
            check="modality",
        )
    if int(dataset.get("NumberOfFrames", 1) or 1) > 1:
        raise InputDefect(
            "the ultrasound file is a cine loop; export the one frame that the mask was drawn on",
            requirement_id="IMG-US",
            check="one picture",
        )
    array, colour = _grey_and_colour(dataset)
    region = _tissue_region(dataset)
    spacing = _region_spacing(region)
    if spacing is None:
        spacing = _pixel_spacing(dataset)
    volume = _volume(array, spacing, colour)
    volume.acquisition |= {
        "format": "dicom",
        "manufacturer": plain_text(dataset.get("Manufacturer")),
        "model": plain_text(dataset.get("ManufacturerModelName")),
        "frequency_mhz": _frequency(region),
    }
    if region is not None:
        valid = np.zeros(array.shape, bool)
        valid[
            int(region.RegionLocationMinY0) : int(region.RegionLocationMaxY1) + 1,
            int(region.RegionLocationMinX0) : int(region.RegionLocationMaxX1) + 1,
        ] = True
        volume.valid = valid[None]
        blanked = np.where(volume.valid, sitk.GetArrayFromImage(volume.image), 0)
        spacing_3d = volume.image.GetSpacing()
        volume.image = sitk.GetImageFromArray(blanked.astype(np.float32))
        volume.image.SetSpacing(spacing_3d)
    burned = str(dataset.get("BurnedInAnnotation") or "").upper()
    if burned == "YES" and region is None:
        volume.findings.append(
            Finding(
                "IST-01",
                "no burned-in text",
                "FAIL",
                "YES",
                reason="the picture has burned-in text and no region that says where the tissue is; mask the text first",
            )
        )
    else:
        note = "outside of the calibrated region blanked" if region is not None else "not stated"
        verdict = "PASS" if region is not None or burned == "NO" else "NOT_ASSESSED"
        volume.findings.append(
            Finding("IST-01", "no burned-in text", verdict, burned or None, reason=note)
        )
    return volume


def _grey_and_colour(dataset) -> tuple[np.ndarray, np.ndarray | None]:
    from pydicom.pixels import apply_color_lut

    photometric = str(dataset.PhotometricInterpretation)
    array = frame_of(dataset, 0)  # pydicom turns YBR into RGB by itself
    try:
        if photometric == "PALETTE COLOR":  # the stored numbers are places in a table of colours
            array = apply_color_lut(array, dataset)
            array = array >> 8 if array.dtype == np.uint16 else array
    except (NotImplementedError, RuntimeError, ValueError, AttributeError, OSError, EOFError):
        raise InputDefect(
            "the picture's pixel data are truncated or cannot be decoded",
            requirement_id="IST-01",
            check="DICOM pixels readable",
        ) from None
    if array.ndim == 2:
        if photometric == "MONOCHROME1":
            array = int(array.max()) - array.astype(np.int64)
        return array.astype(np.float32), None
    return (array @ np.array([0.299, 0.587, 0.114])).astype(np.float32), array


def _tissue_region(dataset):
    """The largest 2D region that is calibrated in cm, or None."""
    regions = [
        r
        for r in dataset.get("SequenceOfUltrasoundRegions", [])
        if int(r.get("RegionSpatialFormat", 0)) == _TISSUE
        and int(r.get("PhysicalUnitsXDirection", 0)) == _CM
        and int(r.get("PhysicalUnitsYDirection", 0)) == _CM
    ]

    def area(r) -> int:
        return (int(r.RegionLocationMaxX1) - int(r.RegionLocationMinX0)) * (
            int(r.RegionLocationMaxY1) - int(r.RegionLocationMinY0)
        )

    return max(regions, key=area, default=None)


def _region_spacing(region) -> tuple[float, float] | None:
    """Pixel size in mm along x and y; None when the region gives none."""
    if region is None:
        return None
    x, y = (abs(float(region.get(f"PhysicalDelta{axis}", 0) or 0)) * 10 for axis in "XY")
    return (x, y) if 0 < x < math.inf and 0 < y < math.inf else None


def _pixel_spacing(dataset) -> tuple[float, float] | None:
    """PixelSpacing (rows, columns) in mm along x and y; None when blank or no size."""
    try:
        y, x = (float(value) for value in dataset.get("PixelSpacing") or ())
    except (TypeError, ValueError):
        return None
    return (x, y) if 0 < x < math.inf and 0 < y < math.inf else None


def _frequency(region) -> float | None:
    kilohertz = region.get("TransducerFrequency") if region is not None else None
    return float(kilohertz) / 1000 if kilohertz else None


def _volume(array: np.ndarray, spacing, colour: np.ndarray | None) -> Volume:
    image = sitk.GetImageFromArray(array[None].astype(np.float32))
    x, y = spacing or (1.0, 1.0)
    image.SetSpacing((float(x), float(y), 1.0))
    volume = Volume(image, calibrated=spacing is not None)
    volume.acquisition["pixel_mm"] = [round(float(x), 5), round(float(y), 5)] if spacing else None
    if spacing is None:
        reason = "no pixel calibration: sizes in mm are left out of the features"
        volume.findings.append(
            Finding("IMG-US", "pixel calibration", "WARN", threshold="region in cm", reason=reason)
        )
    else:
        volume.findings.append(
            Finding("IMG-US", "pixel calibration", "PASS", round(float(x), 5), "mm/pixel")
        )
    if colour is not None:
        wide = colour.astype(np.int32)
        share = float((wide.max(axis=-1) - wide.min(axis=-1) > 30).mean())
        volume.acquisition["coloured_share"] = round(share, 4)
    return volume
