"""Regions of interest of an RTSTRUCT as voxels of their image.

In: RTSTRUCT dataset, name of a ROI, the image. Out: labels (z, y, x) and findings on what the contours leave open.
Source: DICOM PS3.3 C.8.8.6 (contour geometric types, keyholes, CLOSEDPLANAR_XOR); Herman 1992, doi 10.1109/38.135915 (shape-based
interpolation between slices).
"""

from collections import Counter, defaultdict

import numpy as np
import SimpleITK as sitk

from scripts.core.job import InputDefect
from scripts.imaging.acquisition_checks import Finding

_AREA = ("CLOSED_PLANAR", "CLOSEDPLANAR_XOR")
_NO_AREA = ("POINT", "OPEN_PLANAR", "OPEN_NONPLANAR")
_ON_PLANE = 0.05  # slices by which a contour may lie off a slice without a word
_NEAR_PLANE = 0.25  # and with a warning
_CHECK = "contours of the mask"


def _defect(check: str, reason: str) -> InputDefect:
    return InputDefect(reason, requirement_id="IST-01", check=check)


def _off_grid(reason: str) -> InputDefect:
    return _defect("mask on the image grid", f"the mask is off the image grid: {reason}")


def _warning(check: str, value, reason: str) -> Finding:
    return Finding("IST-01", check, "WARN", value, reason=reason)


def read_structure_set(
    dataset, image: sitk.Image, name: str, settings: dict
) -> tuple[np.ndarray, list[Finding]]:
    """Voxels of one ROI whose centre lies inside its contours: (labels uint16 (z, y, x), findings).

    name : the ROI's name; "" when the file holds exactly one. settings : interpolated_slices, the most slices without a contour
    between two with one that are interpolated.

    CLOSED_PLANAR contours of one slice are united; one inside another is a hole. CLOSEDPLANAR_XOR ones are combined by XOR.
    Points and open contours have no area. Raises InputDefect: unknown ROI, no area, contours beside or across the slices.
    """
    number = _roi_number(dataset, name)
    contours, findings = _contours(dataset, number)
    placed, axis, off_plane = _on_slices(contours, image)
    if off_plane > _ON_PLANE:
        reason = f"contours lie up to {off_plane:.2f} of a slice beside the slices; the nearest slice is taken"
        findings.append(_warning("contours on the slices", round(off_plane, 3), reason))
    shape = [n for at, n in enumerate(image.GetSize()) if at != axis][::-1]
    slices, twice, holes = {}, 0, 0
    for place, members in placed.items():
        distinct = _distinct(members)
        twice += len(members) - len(distinct)
        slices[place], nested = _area(distinct, tuple(shape))
        holes += nested
    if twice:
        reason = f"{twice} contours stand twice in the file; each is used once"
        findings.append(_warning("contours once each", twice, reason))
    if holes:
        reason = f"{holes} contours lie inside another one of type CLOSED_PLANAR; they are taken as holes"
        findings.append(_warning("holes of the contours", holes, reason))
    slices = {place: drawn for place, drawn in slices.items() if drawn.any()}
    findings += fill_between(slices, settings["interpolated_slices"], image.GetSize()[axis])
    labels = np.zeros(image.GetSize()[::-1], np.uint16)
    along = np.moveaxis(labels, 2 - axis, 0)
    for place, drawn in slices.items():
        along[place] = drawn
    return labels, findings


def _roi_number(dataset, name: str) -> int:
    rois = [
        (int(r.ROINumber), str(r.ROIName)) for r in dataset.get("StructureSetROISequence") or ()
    ]
    wanted = [number for number, label in rois if not name or label == name]
    if len(wanted) == 1:
        return wanted[0]
    if not rois:
        raise _defect("mask readable", "the RTSTRUCT is empty")
    names = ", ".join(sorted({label for _, label in rois}))
    if wanted and name:
        raise _defect(
            "mask readable",
            f"the RTSTRUCT has {len(wanted)} ROIs named {name!r}; rename all but one",
        )
    raise _defect(
        "mask readable",
        f"the RTSTRUCT has {len(rois)} ROIs, none named {name!r}; write file.dcm#ROI name, one of: {names}",
    )


def _contours(dataset, number: int) -> tuple[list[tuple[str, np.ndarray]], list[Finding]]:
    """[(geometric type, points (n, 3) in mm)] of the contours that enclose an area, and what was left out."""
    found, left_out, untyped = [], Counter(), 0
    for roi in dataset.get("ROIContourSequence") or ():
        if int(roi.get("ReferencedROINumber", -1)) != number:
            continue
        for contour in roi.get("ContourSequence") or ():
            kind = str(contour.get("ContourGeometricType") or "").strip().upper()
            untyped += not kind
            points = _points(contour)
            if kind in _NO_AREA or len(points) < 3:
                left_out[kind or "POINT"] += 1
            elif kind in _AREA or not kind:
                found.append((kind or "CLOSED_PLANAR", points))
            else:
                raise _defect(
                    _CHECK,
                    f"contours of type {kind[:20]} are not known to the standard; export closed planar contours",
                )
    if not found:
        what = (
            ", ".join(f"{count} {kind}" for kind, count in sorted(left_out.items())) or "no contour"
        )
        raise _defect("mask not empty", f"the ROI encloses no area ({what}); draw closed contours")
    if len({kind for kind, _ in found}) > 1:
        raise _defect(
            _CHECK,
            "the ROI mixes CLOSED_PLANAR and CLOSEDPLANAR_XOR, which the standard forbids; export it again",
        )
    findings = []
    if left_out:
        what = ", ".join(f"{count} {kind}" for kind, count in sorted(left_out.items()))
        reason = f"contours without area are left out ({what})"
        findings.append(_warning("contours with area", sum(left_out.values()), reason))
    if untyped:
        reason = f"{untyped} contours have no ContourGeometricType; they are taken as CLOSED_PLANAR"
        findings.append(_warning("type of the contours", untyped, reason))
    return found, findings


def _points(contour) -> np.ndarray:
    try:
        numbers = np.atleast_1d(np.array(contour.get("ContourData"), float))
        points = numbers.reshape(-1, 3)
    except (TypeError, ValueError):
        raise _defect(
            _CHECK, "the points of a contour are damaged; export the RTSTRUCT again"
        ) from None
    if not np.isfinite(points).all():
        raise _defect(_CHECK, "the points of a contour are no numbers; export the RTSTRUCT again")
    return points


def _on_slices(
    contours: list[tuple[str, np.ndarray]], image: sitk.Image
) -> tuple[dict[int, list[tuple[str, np.ndarray]]], int, float]:
    """{slice: [(type, points in voxels of the slice)]}, the image axis across the slices, the largest distance from a slice."""
    axes = np.array(image.GetDirection()).reshape(3, 3)
    index = [
        (kind, (p - image.GetOrigin()) @ axes / np.array(image.GetSpacing()))
        for kind, p in contours
    ]
    flat = [min(range(3), key=lambda axis, p=p: np.ptp(p[:, axis])) for _, p in index]
    axis = Counter(flat).most_common(1)[0][0]
    placed: dict[int, list[tuple[str, np.ndarray]]] = defaultdict(list)
    farthest, size = 0.0, np.array(image.GetSize())
    others = [at for at in range(3) if at != axis]
    for kind, points in index:
        heights = points[:, axis]
        place = int(np.rint(heights.mean()))
        if np.ptp(heights) > _NEAR_PLANE:
            raise _off_grid("a contour lies across the slices of this series, not in one")
        inside = points[:, others]
        if not 0 <= place < size[axis] or (inside < -1).any() or (inside > size[others]).any():
            raise _off_grid("a contour lies beside the slices of this series")
        off = float(np.abs(heights - place).max())
        if off > _NEAR_PLANE:
            raise _off_grid(
                f"a contour lies between the slices of this series ({off:.2f} of a slice from the nearest)"
            )
        farthest = max(farthest, off)
        placed[place].append((kind, inside))
    return placed, axis, farthest


def _distinct(members: list[tuple[str, np.ndarray]]) -> list[tuple[str, np.ndarray]]:
    """The contours without those that repeat another one, wherever it starts and whichever way it runs."""
    found = {}
    for kind, points in members:
        corners = {tuple(np.round(point, 4)) for point in points}
        found.setdefault(frozenset(corners), (kind, points))
    return list(found.values())


def _area(members: list[tuple[str, np.ndarray]], shape: tuple[int, int]) -> tuple[np.ndarray, int]:
    """The area (rows, columns, bool) of the contours of one slice, and how many of them are holes in another one.

    Of closed planar contours each lies inside `depth` others: those of even depth add, those of odd depth cut out.
    """
    from skimage.draw import polygon2mask

    filled = [polygon2mask(shape, points[:, ::-1]) for _, points in members]
    drawn = np.zeros(shape, bool)
    if members[0][0] == "CLOSEDPLANAR_XOR":
        for area in filled:
            drawn ^= area
        return drawn, 0
    depth = [
        sum(_inside(points, other) for _, other in members if other is not points)
        for _, points in members
    ]
    for level, area in sorted(zip(depth, filled, strict=True), key=lambda pair: pair[0]):
        drawn = drawn & ~area if level % 2 else drawn | area
    return drawn, sum(level % 2 for level in depth)


def _inside(points: np.ndarray, other: np.ndarray) -> bool:
    """Whether a contour lies inside another one as a whole: all its points do, and it is the smaller."""
    from skimage.measure import points_in_poly

    if (points.min(axis=0) < other.min(axis=0)).any() or (
        points.max(axis=0) > other.max(axis=0)
    ).any():
        return False
    return enclosed_area(points) < enclosed_area(other) and bool(
        points_in_poly(points, other).all()
    )


def enclosed_area(points: np.ndarray) -> float:
    """Area of a polygon by the shoelace formula: |sum(x_i y_(i+1) - x_(i+1) y_i)| / 2."""
    x, y = (points - points.mean(axis=0)).T
    return abs(float(x @ np.roll(y, -1) - np.roll(x, -1) @ y)) / 2


def signed_distance(area: np.ndarray) -> np.ndarray:
    """Distance to the edge of an area in voxels, positive inside."""
    from scipy.ndimage import distance_transform_edt

    return distance_transform_edt(area) - distance_transform_edt(~area)


def fill_between(slices: dict[int, np.ndarray], most: int, size: int) -> list[Finding]:
    """Interpolate slices without a contour between two whose areas overlap (in place); what could not be filled is a finding.

    slices : {slice: area (bool)}; most : the most slices in a row that are interpolated; size : slices of the image.
    A contour stands for half the way to where the next one would be: beyond an outermost contour whose neighbour is m slices
    away from the next, the innermost 1 - k / (m + 1) of its area is taken on the k-th slice.
    """
    places, empty, filled, open_left = sorted(slices), {}, 0, 0
    for low, high in zip(places, places[1:], strict=False):
        missing = high - low - 1
        if not missing or not (slices[low] & slices[high]).any():
            continue
        if missing > most:
            open_left += missing
            continue
        below, above = signed_distance(slices[low]), signed_distance(slices[high])
        for place in range(low + 1, high):
            share = (place - low) / (high - low)
            slices[place] = (1 - share) * below + share * above > 0
        filled += missing
        empty |= {low: missing, high: missing} if low not in empty else {high: missing}
    for end, away in ((places[0], -1), (places[-1], 1)) if filled else ():
        missing = empty.get(end, 0)
        for number in range(1, missing + 1):
            if 0 <= end + away * number < size:
                slices[end + away * number] = innermost(slices[end], 1 - number / (missing + 1))
    found = []
    if filled:
        reason = f"contours on {len(places)} of {len(places) + filled + open_left} slices; {filled} between them are interpolated"
        found.append(_warning("contours on every slice", filled, reason))
    if open_left:
        reason = (
            f"{open_left} slices between contours have none; draw them, or two lesions as two ROIs"
        )
        found.append(_warning("no contour missing", open_left, reason))
    return found


def innermost(area: np.ndarray, share: float) -> np.ndarray:
    """The share of an area that lies farthest from its edge."""
    distance = signed_distance(area)
    inside = np.sort(distance[area])[::-1]
    return area & (distance >= inside[max(int(round(share * len(inside))) - 1, 0)])
