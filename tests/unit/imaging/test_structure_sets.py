"""Contours become the volume that they enclose, by the standard, or are refused or spoken of."""

import numpy as np
import pytest
import SimpleITK as sitk
from pydicom.dataset import Dataset

from scripts.core.job import InputDefect
from scripts.imaging.masks import check_frame_of_reference
from scripts.imaging.structure_sets import read_structure_set
from scripts.imaging.volumes import Volume

SETTINGS = {"interpolated_slices": 2}
SPACING = np.array((0.8, 0.8, 2.0))  # mm along x, y, z
ORIGIN = np.array((-30.0, 11.0, -1043.3))
CENTRE = np.array((30.0, 28.0, 12.0))  # voxel
VOXEL = float(SPACING.prod())


@pytest.fixture
def image():
    """An empty image of 60 x 60 x 25 voxels, far from the scanner's origin."""
    made = sitk.Image((60, 60, 25), sitk.sitkFloat32)
    made.SetSpacing(SPACING.tolist())
    made.SetOrigin(ORIGIN.tolist())
    return made


def item(**values):
    dataset = Dataset()
    for key, value in values.items():
        setattr(dataset, key, value)
    return dataset


def circle(z, radius, x=0.0, y=0.0, points=90, turn=1):
    """A circle in mm on slice z, its centre x, y mm beside the middle."""
    angle = turn * 2 * np.pi * np.arange(points) / points
    middle = ORIGIN + SPACING * (*CENTRE[:2], z)
    ring = np.stack([np.cos(angle), np.sin(angle), 0 * angle], axis=1)
    return middle + (x, y, 0) + radius * ring


def contours(*members, name="Lesion"):
    """An RTSTRUCT of (type, points) pairs in one ROI."""
    data = []
    for kind, points in members:
        own = item(ContourData=[float(f"{v:.4f}") for p in points for v in p])
        if kind:
            own.ContourGeometricType = kind
        data.append(own)
    return item(
        Modality="RTSTRUCT",
        StructureSetROISequence=[item(ROINumber=4, ROIName=name)],
        ROIContourSequence=[item(ReferencedROINumber=4, ContourSequence=data)],
    )


def volume_of(members, image):
    """Volume in mm3 and the checks that warn."""
    labels, findings = read_structure_set(contours(*members), image, "", SETTINGS)
    return int(labels.sum()) * VOXEL, {finding.check for finding in findings}


SLICES = range(7, 18)
HEIGHT = len(SLICES) * SPACING[2]
CLOSED = "CLOSED_PLANAR"


def cylinder(radius, *more, kind=CLOSED, slices=SLICES, **where):
    return [(kind, circle(z, radius, **where)) for z in slices]


def disc(radius):
    return np.pi * radius**2


def two_discs(radius, apart):
    """Area of the union of two discs: 2 pi r2 - (2 r2 acos(d / 2r) - d / 2 sqrt(4 r2 - d2))."""
    shared = 2 * radius**2 * np.arccos(apart / 2 / radius)
    shared -= apart / 2 * np.sqrt(4 * radius**2 - apart**2)
    return 2 * disc(radius) - shared


def keyhole(z):
    """A ring of 14 and 7 mm drawn as one contour with a channel."""
    outer, inner = circle(z, 14), circle(z, 7, turn=-1)
    return np.concatenate([outer, outer[:1], inner, inner[:1]])


@pytest.mark.parametrize(
    ("members", "area", "warns"),
    [
        (cylinder(14), disc(14), set()),
        (cylinder(14) * 2, disc(14), {"contours once each"}),
        (
            cylinder(14) + [(CLOSED, circle(z, 14)[::-1]) for z in SLICES],
            disc(14),
            {"contours once each"},
        ),
        (cylinder(9, x=-3) + cylinder(9, x=3), two_discs(9, 6), set()),
        (cylinder(14) + cylinder(7), disc(14) - disc(7), {"holes of the contours"}),
        (cylinder(14) + cylinder(9) + cylinder(5), disc(14) - disc(9) + disc(5), {"holes of the contours"}),
        (cylinder(14, kind="CLOSEDPLANAR_XOR") + cylinder(7, kind="CLOSEDPLANAR_XOR"), disc(14) - disc(7), set()),
        ([(CLOSED, keyhole(z)) for z in SLICES], disc(14) - disc(7), set()),
        (cylinder(14) + [("POINT", circle(12, 0, points=1))], disc(14), {"contours with area"}),
        (cylinder(14) + cylinder(5, kind="OPEN_PLANAR"), disc(14), {"contours with area"}),
        (cylinder(14) + [("OPEN_NONPLANAR", circle(12, 5))], disc(14), {"contours with area"}),
        (cylinder(14, kind=""), disc(14), {"type of the contours"}),
        # 6 contours, 2 slices apart, stand for 12 slices
        (cylinder(14, slices=SLICES[::2]), disc(14) * 12 / 11, {"contours on every slice"}),
        (cylinder(14, slices=[z for z in SLICES if z not in (10, 11)]), disc(14), {"contours on every slice"}),
        (cylinder(14, slices=np.array(SLICES) + 0.1), disc(14), {"contours on the slices"}),
    ],
)  # fmt: skip
def test_volume_of_cylinders_and_rings(members, area, warns, image):
    found, warned = volume_of(members, image)
    assert found == pytest.approx(area * HEIGHT, rel=0.02) and warned == warns


@pytest.mark.parametrize("step", [1, 2, 3])
def test_volume_of_a_ball_contoured_on_every_slice_or_on_some(step, image):
    radius, members = 16.0, []
    for z in range(4, 21, step):
        height = (z - CENTRE[2]) * SPACING[2]
        if abs(height) < radius:
            members.append((CLOSED, circle(z, np.sqrt(radius**2 - height**2))))
    found, warned = volume_of(members, image)
    assert found == pytest.approx(4 / 3 * np.pi * radius**3, rel=0.04)
    assert warned == ({"contours on every slice"} if step > 1 else set())


def test_two_lesions_in_one_roi_are_not_joined(image):
    above, below = cylinder(6, x=-10, slices=range(3, 8)), cylinder(6, x=10, slices=range(9, 14))
    found, warned = volume_of(above + below, image)
    assert found == pytest.approx(disc(6) * 20, rel=0.02) and not warned
    _, warned = volume_of(cylinder(6, slices=(*range(3, 8), *range(14, 19))), image)
    assert warned == {"no contour missing"}


def test_contours_of_a_coronal_image_lie_in_its_slices(image):
    """The same ROI on the same voxels stored with another slice axis."""
    members = cylinder(14)
    expected, _ = read_structure_set(contours(*members), image, "", SETTINGS)
    other = sitk.PermuteAxes(image, (0, 2, 1))
    found, _ = read_structure_set(contours(*members), other, "", SETTINGS)
    assert np.array_equal(found, expected.transpose(1, 0, 2))


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ([("POINT", circle(12, 0, points=1))], "no area"),
        ([("OPEN_PLANAR", circle(12, 9))], "no area"),
        ([(CLOSED, circle(12, 9, points=2))], "no area"),
        ([("CLOSED_CURVED", circle(12, 9))], "not known to the standard"),
        ([*cylinder(9), *cylinder(5, kind="CLOSEDPLANAR_XOR")], "mixes"),
        (cylinder(9, slices=[7, 8.4, 10]), "between the slices"),
        (cylinder(9, slices=[7, 8, 40]), "beside the slices"),
        ([(CLOSED, circle(12, 9) + circle(12, 9)[:, [1, 2, 0]] * (0, 0, 0.3))], "across the slices"),
        ([(CLOSED, np.full((4, 3), np.nan))], "no numbers"),
    ],
)  # fmt: skip
def test_contours_that_say_no_volume_are_refused(members, reason, image):
    with pytest.raises(InputDefect, match=reason):
        volume_of(members, image)


def test_roi_must_be_named_once(image):
    twice = contours(*cylinder(9))
    twice.StructureSetROISequence.append(item(ROINumber=5, ROIName="Lesion"))
    with pytest.raises(InputDefect, match="2 ROIs named 'Lesion'"):
        read_structure_set(twice, image, "Lesion", SETTINGS)


def test_mask_of_another_frame_of_reference_is_refused(image):
    own = Volume(image, references={"frame_of_reference": "1.2.3"})
    for frames in ({"1.2.3"}, {""}, {"1.2.3", "1.2.4"}):
        check_frame_of_reference(frames, None, own)
    with pytest.raises(InputDefect, match="frame of reference"):
        check_frame_of_reference({"1.2.4"}, None, own)
    check_frame_of_reference({"1.2.4"}, None, Volume(image))  # a NIfTI does not say
