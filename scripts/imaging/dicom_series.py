"""One CT or MR series from a folder of DICOM files (single-frame or enhanced multi-frame).

In: folder or file, UIDs that a mask refers to. Out: Volume in HU (CT) or stored units (MR), with acquisition facts.
Source: DICOM PS3.3 C.7.6.2 (image plane), C.7.6.16 (multi-frame functional groups), C.11.1 (modality LUT).
"""

import warnings
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from scripts.core.job import InputDefect
from scripts.imaging.dicom_header import acquisition_of, seconds_of
from scripts.imaging.volumes import Finding, Volume, quiet_itk

_REQUIREMENT = {"CT": "IMG-CT", "MR": "IMG-MRI"}


@dataclass
class Plane:
    """One slice: where it lies (mm, LPS) and which frame of which dataset holds its pixels."""

    dataset: object
    frame: int
    position: np.ndarray
    orientation: np.ndarray
    spacing: tuple[float, float]
    rescale: tuple[float, float] | None


def read_headers(folder: str | Path) -> list:
    """pydicom datasets of all image files below a folder (or of one file), in the order of their names.

    InputDefect when a file with a DICOM name cannot be read, or nothing is DICOM.
    """
    import pydicom

    folder = Path(folder)
    if not folder.exists():
        raise InputDefect(
            "there is no such file or folder", requirement_id="IST-01", check="DICOM readable"
        )
    files = sorted(p for p in folder.rglob("*") if p.is_file()) if folder.is_dir() else [folder]
    found, broken = [], 0
    for file in files:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                dataset = pydicom.dcmread(file, defer_size="2 KB")
                if "Rows" in dataset and "SeriesInstanceUID" in dataset:
                    found.append(dataset)
        except (pydicom.errors.InvalidDicomError, EOFError, OSError, ValueError, KeyError):
            broken += file.suffix.lower() in (".dcm", ".ima") or not folder.is_dir()
    if broken:
        raise InputDefect(
            f"{broken} of {len(files)} files are truncated or not DICOM; transfer the series again",
            requirement_id="IST-01",
            check="DICOM readable",
        )
    if not found:
        raise InputDefect(
            "no DICOM image in the folder", requirement_id="IST-01", check="DICOM readable"
        )
    return found


def choose_series(datasets: list, referenced: Callable[[], set[str]] = set) -> list:
    """The datasets of the one series that is meant: the only one, the one a mask refers to, or the only stack that is
    no localizer. InputDefect when that leaves several."""
    series: dict[str, list] = {}
    for dataset in datasets:
        series.setdefault(str(dataset.SeriesInstanceUID), []).append(dataset)
    if len(series) == 1:
        return datasets
    wanted = referenced()
    meant = [uid for uid in series if uid in wanted]
    if len(meant) != 1:
        meant = [uid for uid, members in series.items() if _is_stack(members)]
    if len(meant) != 1:
        raise InputDefect(
            f"the folder holds {len(meant) or len(series)} series; give each its own folder",
            requirement_id="IST-01",
            check="one series per folder",
        )
    return series[meant[0]]


def _is_stack(members: list) -> bool:
    kinds = {str(k).upper() for d in members for k in d.get("ImageType", [])}
    frames = sum(int(d.get("NumberOfFrames", 1) or 1) for d in members)
    return frames > 1 and "LOCALIZER" not in kinds and members[0].get("Modality") in _REQUIREMENT


def _planes(dataset) -> list[Plane]:
    if "PerFrameFunctionalGroupsSequence" not in dataset:
        return [
            Plane(
                dataset,
                0,
                np.array(dataset.ImagePositionPatient, float),
                np.array(dataset.ImageOrientationPatient, float),
                tuple(map(float, dataset.PixelSpacing)),
                _rescale(dataset),
            )
        ]
    shared = dataset.SharedFunctionalGroupsSequence[0]
    planes = []
    for number, own in enumerate(dataset.PerFrameFunctionalGroupsSequence):

        def group(name, own=own):
            return (own if name in own else shared)[name].value[0]

        planes.append(
            Plane(
                dataset,
                number,
                np.array(group("PlanePositionSequence").ImagePositionPatient, float),
                np.array(group("PlaneOrientationSequence").ImageOrientationPatient, float),
                tuple(map(float, group("PixelMeasuresSequence").PixelSpacing)),
                _rescale(group("PixelValueTransformationSequence"))
                if "PixelValueTransformationSequence" in own
                or "PixelValueTransformationSequence" in shared
                else None,
            )
        )
    return planes


def _rescale(dataset) -> tuple[float, float] | None:
    slope, intercept = dataset.get("RescaleSlope"), dataset.get("RescaleIntercept")
    return None if slope is None or intercept is None else (float(slope), float(intercept))


def sorted_planes(
    datasets: list, gap_tolerance: float, tilt_degrees: float
) -> tuple[list[Plane], float]:
    """Slices in the order of their normal, and their spacing in mm, both from ImagePositionPatient alone.

    InputDefect, each with its own check name: no position, several orientations, several in-plane grids, two slices at
    one place, a missing slice, uneven slices, gantry tilt.
    """
    requirement = _REQUIREMENT.get(str(datasets[0].get("Modality")), "IST-01")

    def defect(check: str, reason: str) -> InputDefect:
        return InputDefect(reason, requirement_id=requirement, check=check)

    try:
        planes = [plane for dataset in datasets for plane in _planes(dataset)]
    except (AttributeError, KeyError, TypeError, ValueError):
        raise defect(
            "slice positions", "a slice has no ImagePositionPatient, orientation or PixelSpacing"
        ) from None
    first = planes[0]
    if any(np.abs(p.orientation - first.orientation).max() > 1e-3 for p in planes):
        raise defect(
            "one orientation",
            "the slices of the series do not share one orientation (a localizer?)",
        )
    grids = {(p.dataset.Rows, p.dataset.Columns, *np.round(p.spacing, 4)) for p in planes}
    if len(grids) > 1:
        raise defect("one in-plane grid", "the slices differ in matrix or pixel spacing")
    normal = np.cross(first.orientation[:3], first.orientation[3:])
    planes.sort(key=lambda p: float(p.position @ normal))
    if len(planes) == 1:
        dataset = first.dataset
        return planes, float(
            dataset.get("SpacingBetweenSlices") or dataset.get("SliceThickness") or 1.0
        )
    gaps = np.diff([float(p.position @ normal) for p in planes])
    if (gaps < 1e-3).any():
        raise defect(
            "one slice per place",
            f"{int((gaps < 1e-3).sum())} slices share their place with another: several phases, echoes or copies in one "
            "series; give each its own folder",
        )
    spacing = float(np.median(gaps))
    holes = gaps / spacing
    if (holes > 1.5).any():
        missing = int(np.rint(holes[holes > 1.5]).sum() - (holes > 1.5).sum())
        raise defect(
            "no missing slice",
            f"{missing} of {len(planes) + missing} slices missing: a gap of {gaps.max():.2f} mm among slices {spacing:.2f} mm "
            "apart; transfer the series again",
        )
    if np.abs(holes - 1).max() > gap_tolerance:
        raise defect(
            "even slices",
            f"slices are unevenly spaced: {gaps.min():.2f} to {gaps.max():.2f} mm; reconstruct evenly",
        )
    along = planes[-1].position - planes[0].position
    cosine = float(np.clip(along @ normal / np.linalg.norm(along), -1, 1))
    tilt = float(np.degrees(np.arccos(cosine)))
    if tilt > tilt_degrees:
        raise defect(
            "no gantry tilt", f"the stack is tilted by {tilt:.1f} degrees; untilt it first"
        )
    return planes, float((gaps.sum()) / len(gaps))


def _pixels(plane: Plane, needs_rescale: bool) -> np.ndarray:
    dataset = plane.dataset
    try:
        array = dataset.pixel_array
        if array.ndim == 3 and int(dataset.get("NumberOfFrames", 1) or 1) > 1:
            array = array[plane.frame]
        slope, intercept = plane.rescale or (1.0, 0.0)
        values = array.astype(np.float32) * np.float32(slope) + np.float32(intercept)
    except (NotImplementedError, RuntimeError):
        values = _pixels_by_gdcm(dataset)
    except (ValueError, AttributeError, OSError, EOFError):
        raise InputDefect(
            "a slice's pixel data are truncated or damaged; transfer the series again",
            requirement_id="IST-01",
            check="DICOM pixels readable",
        ) from None
    if values.ndim != 2:
        raise InputDefect(
            "the series is in colour, not CT or MR values",
            requirement_id="IST-01",
            check="grey values",
        )
    if needs_rescale and plane.rescale is None:
        raise InputDefect(
            "a CT slice has no RescaleSlope and RescaleIntercept: its values are no HU",
            requirement_id="IMG-CT",
            check="rescale to HU",
        )
    return values


def _pixels_by_gdcm(dataset) -> np.ndarray:
    """Compressed pixels that pydicom has no decoder for; GDCM applies the rescale itself."""
    try:
        with quiet_itk():
            image = sitk.ReadImage(str(dataset.filename), sitk.sitkFloat32)
        return sitk.GetArrayFromImage(image)[0]
    except RuntimeError:
        raise InputDefect(
            "a slice's compressed pixel data cannot be decoded; export it uncompressed",
            requirement_id="IST-01",
            check="DICOM pixels readable",
        ) from None


def read_series(
    folder: str | Path, modality: str, settings: dict, referenced: Callable[[], set[str]] = set
) -> Volume:
    """The series of a folder as a Volume (values z, y, x along the slice normal).

    modality : "ct" or "mri"; settings : gap_tolerance (share of the spacing), tilt_degrees
    """
    datasets = choose_series(read_headers(folder), referenced)
    expected = {"ct": "CT", "mri": "MR"}[modality]
    kinds = Counter(str(d.get("Modality", "")) for d in datasets)
    if set(kinds) != {expected}:
        raise InputDefect(
            f"the series is {'/'.join(sorted(kinds)) or 'of no'} modality, the sheet says {modality}",
            requirement_id=_REQUIREMENT[expected],
            check="modality",
        )
    planes, gap = sorted_planes(datasets, settings["gap_tolerance"], settings["tilt_degrees"])
    values = np.stack([_pixels(plane, expected == "CT") for plane in planes])
    first = planes[0]
    image = sitk.GetImageFromArray(values)
    image.SetSpacing((first.spacing[1], first.spacing[0], gap))
    image.SetOrigin(first.position.tolist())
    row, column = first.orientation[:3], first.orientation[3:]
    axes = np.stack([row, column, np.cross(row, column)], axis=1)
    image.SetDirection(axes.ravel().tolist())
    head = first.dataset
    volume = Volume(image, acquisition_of(head, gap))
    volume.references = {
        "series": str(head.SeriesInstanceUID),
        "frame_of_reference": str(head.get("FrameOfReferenceUID", "")),
    }
    volume.seconds = seconds_of(head)
    volume.findings.append(
        Finding(_REQUIREMENT[expected], "no missing slice", "PASS", len(planes), "slices")
    )
    return volume
