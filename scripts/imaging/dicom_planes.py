"""Slices of one DICOM series in space: order, spacing, and what makes a series no regular stack.

In: pydicom datasets, single-frame or enhanced multi-frame. Out: planes along their normal, spacing in mm.
Source: DICOM PS3.3 C.7.6.2 (image plane), C.7.6.16 (multi-frame functional groups), C.11.1 (modality LUT).
"""

from dataclasses import dataclass

import numpy as np

from scripts.core.job import InputDefect
from scripts.imaging.dicom_header import numbers_of
from scripts.imaging.geometry import settled_spacing, spacing_uncertainty

REQUIREMENT = {"CT": "IMG-CT", "MR": "IMG-MRI"}
SAME_PLACE_MM = 1e-3


@dataclass
class Plane:
    """One slice: where it lies (mm, LPS) and which frame of which dataset holds its pixels.

    own : the frame's functional groups, for an enhanced image; spacing : mm between rows, between columns
    """

    dataset: object
    frame: int
    position: np.ndarray
    orientation: np.ndarray
    spacing: tuple[float, float]
    rescale: tuple[float, float] | None
    own: object = None

    @property
    def normal(self) -> np.ndarray:
        """Unit vector along the slices."""
        return np.cross(self.orientation[:3], self.orientation[3:])


def defect_of(datasets: list):
    """A function (check, reason) -> InputDefect under the requirement of the series' modality."""
    requirement = REQUIREMENT.get(str(datasets[0].get("Modality")), "IST-01")

    def defect(check: str, reason: str) -> InputDefect:
        return InputDefect(reason, requirement_id=requirement, check=check)

    return defect


def planes_of(datasets: list) -> list[Plane]:
    """All slices of a series. InputDefect: a slice without place or with one that is no number, frames not described."""
    defect = defect_of(datasets)
    try:
        planes = [plane for dataset in datasets for plane in _planes(dataset)]
    except (AttributeError, KeyError, TypeError, ValueError, IndexError, OverflowError):
        raise defect(
            "slice positions", "a slice has no ImagePositionPatient, orientation or PixelSpacing"
        ) from None
    for dataset in datasets:
        frames = int(dataset.get("NumberOfFrames", 1) or 1)
        if frames != sum(plane.dataset is dataset for plane in planes):
            raise defect(
                "slice positions",
                "the number of frames and of their descriptions differ; transfer the series again",
            )
    for plane in planes:
        numbers = [*plane.position, *plane.orientation, *plane.spacing, *(plane.rescale or ())]
        if len(plane.position) != 3 or len(plane.orientation) != 6 or len(plane.spacing) != 2:
            raise defect(
                "slice positions",
                "a slice has no ImagePositionPatient, orientation or PixelSpacing",
            )
        if not np.isfinite(numbers).all():
            raise defect(
                "slice positions", "a slice's position, pixel spacing or rescale is no number"
            )
        if min(plane.spacing) <= 0 or (plane.rescale and plane.rescale[0] == 0):
            raise defect(
                "slice positions", "a slice's pixel spacing or rescale slope is 0 or below"
            )
        row, column = plane.orientation[:3], plane.orientation[3:]
        lengths = np.array([np.linalg.norm(row), np.linalg.norm(column)])
        if np.abs(lengths - 1).max() > 0.01 or abs(row @ column) > 0.01:
            raise defect(
                "slice positions",
                "a slice's rows and columns are not at right angles in the header",
            )
    return planes


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
    shared = (dataset.get("SharedFunctionalGroupsSequence") or [{}])[0]
    planes = []
    for number, own in enumerate(dataset.PerFrameFunctionalGroupsSequence):

        def group(name, own=own):
            return (own if name in own else shared)[name].value[0]

        transformation = "PixelValueTransformationSequence"
        planes.append(
            Plane(
                dataset,
                number,
                np.array(group("PlanePositionSequence").ImagePositionPatient, float),
                np.array(group("PlaneOrientationSequence").ImageOrientationPatient, float),
                tuple(map(float, group("PixelMeasuresSequence").PixelSpacing)),
                _rescale(group(transformation))
                if transformation in own or transformation in shared
                else _rescale(dataset),
                own,
            )
        )
    return planes


def _rescale(dataset) -> tuple[float, float] | None:
    slope, intercept = dataset.get("RescaleSlope"), dataset.get("RescaleIntercept")
    return None if slope is None or intercept is None else (float(slope), float(intercept))


def sorted_planes(
    planes: list[Plane], gap_tolerance: float, tilt_degrees: float
) -> tuple[list[Plane], float]:
    """Slices in the order of their normal, and their spacing in mm, both from ImagePositionPatient alone.

    InputDefect, each with its own check name: several orientations, several in-plane grids, two slices at
    one place, a missing slice, uneven slices, gantry tilt.
    """
    datasets = list({id(plane.dataset): plane.dataset for plane in planes}.values())
    defect, first = defect_of(datasets), planes[0]
    if any(np.abs(p.orientation - first.orientation).max() > 1e-3 for p in planes):
        raise defect(
            "one orientation",
            "the slices of the series do not share one orientation (a localizer?)",
        )
    grids = {(p.dataset.Rows, p.dataset.Columns, *np.round(p.spacing, 4)) for p in planes}
    if len(grids) > 1:
        raise defect("one in-plane grid", "the slices differ in matrix or pixel spacing")
    normal = first.normal
    planes = sorted(planes, key=lambda p: float(p.position @ normal))
    known = [*numbers_of(datasets, "SpacingBetweenSlices"), *numbers_of(datasets, "SliceThickness")]
    known = [abs(value) for value in known if value]
    if len(planes) == 1:
        return planes, float(next(iter(known), 1.0))
    heights = np.array([float(p.position @ normal) for p in planes])
    gaps = np.diff(heights)
    if (gaps < SAME_PLACE_MM).any():
        raise defect(
            "one slice per place",
            f"{int((gaps < SAME_PLACE_MM).sum())} slices share their place with another: several phases, echoes or copies in "
            "one series; give each its own folder",
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
    return planes, stack_spacing(planes, heights, (*known, *map(float, first.spacing)))


def stack_spacing(planes: list[Plane], heights: np.ndarray, known: tuple[float, ...]) -> float:
    """Mean distance of the slices (mm), settled: rounded positions give one and the same at every place of the table."""
    mean = float(heights[-1] - heights[0]) / (len(heights) - 1)
    deviation = heights - heights[0] - mean * np.arange(len(heights))
    positions = np.array([plane.position for plane in planes])
    return settled_spacing(
        mean, spacing_uncertainty(positions, float(np.abs(deviation).max())), known
    )
