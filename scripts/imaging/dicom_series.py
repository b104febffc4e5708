"""One CT or MR series from a folder of DICOM files (single-frame or enhanced multi-frame).

In: folder or file, UIDs that a mask refers to. Out: Volume in HU (CT) or stored units (MR), with acquisition facts.
Source: DICOM PS3.3 C.7.6.2 (image plane), C.7.6.16 (multi-frame functional groups), C.11.1 (modality LUT).
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from scripts.core.job import InputDefect
from scripts.imaging.acquisition_checks import Finding
from scripts.imaging.dicom_file import TooLarge, frame_of, read_dicom, voxels_of
from scripts.imaging.dicom_header import acquisition_of, moment_of
from scripts.imaging.dicom_planes import REQUIREMENT, Plane, planes_of, sorted_planes
from scripts.imaging.series_parts import choose_part
from scripts.imaging.volumes import Volume


@dataclass
class Meant:
    """What says which image of a folder is meant: UIDs of series and slices that masks refer to, `part` of the sheet."""

    series: Callable[[], set[str]] = set
    slices: Callable[[], set[str]] = set
    part: str = field(default="")


def read_headers(folder: str | Path, max_voxels: int) -> list:
    """pydicom datasets of all image files below a folder (or of one file), in the order of their names.

    InputDefect when a file with a DICOM name cannot be read, one is larger than an image may be, or nothing is DICOM.
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
            dataset = read_dicom(file, max_voxels, defer_size="2 KB")
            if "Rows" in dataset and "SeriesInstanceUID" in dataset:
                found.append(dataset)
        except TooLarge:
            raise _too_large(max_voxels) from None
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


def _too_large(max_voxels: int) -> InputDefect:
    return InputDefect(
        f"the series has more than {max_voxels} voxels (max_voxels in the configuration)",
        requirement_id="IST-01",
        check="DICOM readable",
    )


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
    return frames > 1 and "LOCALIZER" not in kinds and members[0].get("Modality") in REQUIREMENT


def _values_of(plane: Plane, needs_rescale: bool) -> np.ndarray:
    if needs_rescale and plane.rescale is None:
        raise InputDefect(
            "a CT slice has no RescaleSlope and RescaleIntercept: its values are no HU",
            requirement_id="IMG-CT",
            check="rescale to HU",
        )
    stored = frame_of(plane.dataset, plane.frame)
    if stored.ndim != 2:
        raise InputDefect(
            "the series is in colour, not CT or MR values",
            requirement_id="IST-01",
            check="grey values",
        )
    slope, intercept = plane.rescale or (1.0, 0.0)
    return stored.astype(np.float32) * np.float32(slope) + np.float32(intercept)


def _stack(planes: list[Plane], needs_rescale: bool) -> np.ndarray:
    """Values (slice, row, column) float32; the stored pixels of a file are let go when its last frame is read."""
    rows, columns = int(planes[0].dataset.Rows), int(planes[0].dataset.Columns)
    values = np.empty((len(planes), rows, columns), np.float32)
    left = Counter(id(plane.dataset) for plane in planes)
    for number, plane in enumerate(planes):
        values[number] = _values_of(plane, needs_rescale)
        left[id(plane.dataset)] -= 1
        if not left[id(plane.dataset)]:
            del plane.dataset.PixelData
    return values


def read_series(
    folder: str | Path, modality: str, settings: dict, meant: Meant | None = None
) -> Volume:
    """The series of a folder as a Volume (values z, y, x along the slice normal).

    modality : "ct" or "mri"; settings : gap_tolerance (share of the spacing), tilt_degrees, max_voxels
    """
    meant = meant or Meant()
    datasets = choose_series(read_headers(folder, settings["max_voxels"]), meant.series)
    expected = {"ct": "CT", "mri": "MR"}[modality]
    kinds = Counter(str(d.get("Modality", "")) for d in datasets)
    if set(kinds) != {expected}:
        raise InputDefect(
            f"the series is {'/'.join(sorted(kinds)) or 'of no'} modality, the sheet says {modality}",
            requirement_id=REQUIREMENT[expected],
            check="modality",
        )
    if sum(map(voxels_of, datasets)) > settings["max_voxels"]:
        raise _too_large(settings["max_voxels"])
    planes = choose_part(planes_of(datasets), meant.part, meant.slices)
    planes, gap = sorted_planes(planes, settings["gap_tolerance"], settings["tilt_degrees"])
    used = list({id(plane.dataset): plane.dataset for plane in planes}.values())
    acquisition, moment = acquisition_of(used, gap), moment_of(used)
    image = sitk.GetImageFromArray(_stack(planes, expected == "CT"))
    first = planes[0]
    image.SetSpacing((first.spacing[1], first.spacing[0], gap))
    image.SetOrigin(first.position.tolist())
    row, column = first.orientation[:3], first.orientation[3:]
    axes = np.stack([row, column, np.cross(row, column)], axis=1)
    image.SetDirection(axes.ravel().tolist())
    volume = Volume(image, acquisition, moment=moment)
    volume.references = {
        "series": str(first.dataset.SeriesInstanceUID),
        "frame_of_reference": str(first.dataset.get("FrameOfReferenceUID", "")),
    }
    requirement = REQUIREMENT[expected]
    volume.findings.append(Finding(requirement, "no missing slice", "PASS", len(planes), "slices"))
    if acquisition["varying"]:
        reason = f"{', '.join(acquisition['varying'])} differ between the slices of the series"
        volume.findings.append(Finding(requirement, "one acquisition", "WARN", reason=reason))
    return volume
