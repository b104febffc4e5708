"""Masks of every format land on the voxels of their image, or are refused."""

import numpy as np
import pytest
import SimpleITK as sitk

from scripts.core.job import InputDefect
from scripts.imaging import masks
from scripts.imaging.dicom_series import read_series
from scripts.imaging.structure_sets import read_structure_set
from scripts.imaging.volumes import Volume

SERIES = {"gap_tolerance": 0.05, "tilt_degrees": 0.5, "max_voxels": 10**8, "interpolated_slices": 2}


@pytest.fixture
def volume(ct):
    """The phantom's DICOM series."""
    return read_series(ct()["file"], "ct", SERIES)


def write_seg(path, series, pixels, kind="BINARY", labels=("Liver", "Lesion")):
    """A DICOM SEG by highdicom: pixels (z, y, x) or (z, y, x, segment)."""
    from pathlib import Path

    import highdicom as hd
    import pydicom
    from pydicom.sr.codedict import codes

    sources = [pydicom.dcmread(f) for f in sorted(Path(series).glob("*.dcm"))]
    count = pixels.shape[3] if pixels.ndim == 4 else int(pixels.max()) or 1
    segments = [
        hd.seg.SegmentDescription(
            segment_number=number + 1,
            segment_label=labels[number],
            segmented_property_category=codes.SCT.Organ,
            segmented_property_type=codes.SCT.Liver,
            algorithm_type=hd.seg.SegmentAlgorithmTypeValues.MANUAL,
        )
        for number in range(count if kind != "FRACTIONAL" else 1)
    ]
    hd.seg.Segmentation(
        source_images=sources,
        pixel_array=pixels,
        segmentation_type=hd.seg.SegmentationTypeValues[kind],
        segment_descriptions=segments,
        series_instance_uid=hd.UID(),
        series_number=9,
        sop_instance_uid=hd.UID(),
        instance_number=1,
        manufacturer="test",
        manufacturer_model_name="test",
        software_versions="1",
        device_serial_number="1",
    ).save_as(path)


def test_segmentation_round_trip_is_exact(ct, phantom, tmp_path, volume):
    write_seg(tmp_path / "seg.dcm", ct()["file"], phantom.mask.astype(np.uint8))
    found = masks.read_mask(str(tmp_path / "seg.dcm"), volume, SERIES).labels
    assert np.array_equal(found > 0, phantom.mask)


@pytest.mark.parametrize("kind", ["BINARY", "LABELMAP"])
def test_segments_by_label_number_or_all(ct, phantom, tmp_path, volume, kind):
    liver = phantom.volume > -500
    labels = np.where(phantom.mask, 2, liver.astype(np.uint8)).astype(np.uint8)
    path = tmp_path / "seg.dcm"
    write_seg(path, ct()["file"], labels, kind)
    assert np.array_equal(masks.read_mask(str(path), volume, SERIES).labels, labels)
    for name in ("Lesion", "2"):
        found = masks.read_mask(f"{path}#{name}", volume, SERIES).labels
        assert np.array_equal(found > 0, phantom.mask)
    with pytest.raises(InputDefect, match="it has: Liver, Lesion"):
        masks.read_mask(f"{path}#Spleen", volume, SERIES)


def test_lesion_inside_an_overlapping_liver_segment_is_kept(ct, phantom, tmp_path, volume):
    liver = phantom.volume > -500
    both = np.stack([phantom.mask, liver], axis=-1).astype(np.uint8)
    write_seg(tmp_path / "seg.dcm", ct()["file"], both)
    found = masks.read_mask(str(tmp_path / "seg.dcm"), volume, SERIES, beneath=[2]).labels
    assert np.array_equal(masks.region_of(found, [], [2]), phantom.mask)


def test_fractional_segmentation_is_cut_at_one_half(ct, phantom, tmp_path, volume):
    share = np.where(phantom.mask, 0.6, 0.4).astype(np.float32)
    write_seg(tmp_path / "seg.dcm", ct()["file"], share, "FRACTIONAL")
    found = masks.read_mask(str(tmp_path / "seg.dcm"), volume, SERIES).labels
    assert np.array_equal(found > 0, phantom.mask)


def test_segmentation_of_another_series_is_off_the_grid(ct, phantom, tmp_path, volume):
    write_seg(tmp_path / "seg.dcm", ct()["file"], phantom.mask.astype(np.uint8))
    moved = sitk.Image(volume.image)
    moved.SetOrigin((1.0, 0.0, 0.0))  # half a voxel
    with pytest.raises(InputDefect, match="off the image grid"):
        masks.read_mask(str(tmp_path / "seg.dcm"), Volume(moved), SERIES)


def test_mask_stored_in_another_order_of_axes_is_on_the_grid(phantom, tmp_path, volume):
    mask = sitk.GetImageFromArray(phantom.mask.astype(np.uint8))
    mask.CopyInformation(volume.image)
    sitk.WriteImage(sitk.DICOMOrient(mask, "RAS"), str(tmp_path / "ras.nii.gz"))
    found = masks.read_mask(str(tmp_path / "ras.nii.gz"), volume, SERIES).labels
    assert np.array_equal(found > 0, phantom.mask)


def structure_set(contours, name="Lesion"):
    """An RTSTRUCT of one ROI from contours in mm."""
    from pydicom.dataset import Dataset

    def item(**values):
        dataset = Dataset()
        for key, value in values.items():
            setattr(dataset, key, value)
        return dataset

    data = [item(ContourData=[float(v) for p in c for v in p]) for c in contours]
    return item(
        Modality="RTSTRUCT",
        StructureSetROISequence=[item(ROINumber=4, ROIName=name)],
        ROIContourSequence=[item(ReferencedROINumber=4, ContourSequence=data)],
    )


def square(low, high, z):
    """Corners of a square in mm."""
    return [(low, low, z), (high, low, z), (high, high, z), (low, high, z)]


def test_contours_fill_voxel_centres_and_leave_holes(volume):
    # 2 mm pixels: 9 to 31 mm holds the centres 10, 12 ... 30 (11 a side), the hole 15 to 25 mm
    # the centres 16 ... 24 (5 a side): 121 - 25.
    contours = [square(9, 31, 5.0), square(15, 25, 5.0)]
    found = read_structure_set(structure_set(contours), volume.image, "Lesion", SERIES)[0]
    assert found[2].sum() == 121 - 25 == found.sum()


def test_contour_between_slices_is_off_the_grid(volume):
    with pytest.raises(InputDefect, match="between the slices"):
        read_structure_set(structure_set([square(9, 31, 6.2)]), volume.image, "", SERIES)


def test_unknown_roi_name_lists_the_known_ones(volume):
    with pytest.raises(InputDefect, match="one of: Lesion"):
        read_structure_set(structure_set([square(9, 31, 5.0)]), volume.image, "GTV", SERIES)


@pytest.mark.parametrize("code", ["LPS", "RAS", "SAR"])
@pytest.mark.parametrize("suffix", [".nii.gz", ".nrrd", ".mha"])
def test_part_of_the_grid_with_the_drawn_voxels_is_placed(phantom, tmp_path, volume, code, suffix):
    """Some viewers keep only what is drawn on."""
    whole = sitk.GetImageFromArray(phantom.mask.astype(np.uint8))
    whole.CopyInformation(volume.image)
    part = sitk.DICOMOrient(sitk.RegionOfInterest(whole, (20, 19, 12), (11, 10, 3)), code)
    sitk.WriteImage(part, str(tmp_path / f"part{suffix}"))
    found = masks.read_mask(str(tmp_path / f"part{suffix}"), volume, SERIES).labels
    assert np.array_equal(found > 0, phantom.mask)


def _from_the_start(part):
    part.SetOrigin((0.0, 0.0, 0.0))  # the place of the part is lost
    return part


def _shifted(part):
    part.SetOrigin([value + 0.3 for value in part.GetOrigin()])
    return part


def _beyond(part):
    part.SetOrigin([value + 60 for value in part.GetOrigin()])
    return part


def _turned(part):
    c, s = np.cos(0.05), np.sin(0.05)
    part.SetDirection([c, -s, 0, s, c, 0, 0, 0, 1])
    return part


def _coarser(part):
    part.SetSpacing([2 * value for value in part.GetSpacing()])
    return part


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (_from_the_start, "begins where the image does"),
        (_shifted, "voxel beside"),
        (_beyond, "beyond the image"),
        (_turned, "voxel beside|axes"),
        (_coarser, "larger"),
    ],
)
def test_part_that_is_not_of_this_grid_is_refused(phantom, tmp_path, volume, change, words):
    whole = sitk.GetImageFromArray(phantom.mask.astype(np.uint8))
    whole.CopyInformation(volume.image)
    part = change(sitk.RegionOfInterest(whole, (20, 19, 12), (11, 10, 3)))
    sitk.WriteImage(part, str(tmp_path / "part.nii.gz"))
    with pytest.raises(InputDefect, match=words):
        masks.read_mask(str(tmp_path / "part.nii.gz"), volume, SERIES)


def test_fractions_are_no_labels():
    assert masks.whole_labels(np.array([0.0, 1.0001, 2.0])).tolist() == [0, 1, 2]
    assert masks.whole_labels(np.array([-1, 0, 255], np.int16)).tolist() == [0, 0, 255]
    for values in ([0.0, 0.5], [0.0, 0.2, 1.0], [0.0, 1.4]):
        with pytest.raises(InputDefect, match="fractions"):
            masks.whole_labels(np.array(values))
    with pytest.raises(InputDefect, match="above 65535"):
        masks.whole_labels(np.array([70000]))


def test_segmentation_in_another_frame_of_reference_is_refused(ct, phantom, tmp_path, volume):
    write_seg(tmp_path / "seg.dcm", ct()["file"], phantom.mask.astype(np.uint8))
    volume.references["frame_of_reference"] = "1.2.3"
    with pytest.raises(InputDefect, match="frame of reference"):
        masks.read_mask(str(tmp_path / "seg.dcm"), volume, SERIES)


def test_dice_by_hand():
    # |A| = 2, |B| = 3, shared 1: 2 / 5
    first, second = np.array([1, 1, 0, 0, 0], bool), np.array([0, 1, 1, 1, 0], bool)
    assert masks.dice(first, second) == pytest.approx(0.4)
    assert np.isnan(masks.dice(np.zeros(3, bool), np.zeros(3, bool)))


@pytest.mark.real
def test_dcmqi_liver_segmentation_equals_its_nrrd(testdata):
    folder = testdata / "imaging/dcmqi"
    image = read_series(folder / "ct-3slice", "ct", SERIES)
    found = masks.read_mask(str(folder / "liver.dcm"), image, SERIES).labels
    nrrd = sitk.GetArrayFromImage(sitk.ReadImage(str(folder / "liver_seg.nrrd")))
    assert (found > 0).sum() == 107098  # voxels of liver_seg.nrrd
    assert np.array_equal(found > 0, nrrd > 0)


@pytest.mark.real
@pytest.mark.parametrize("name", ["MR_T1", "CT"])
def test_structure_set_equals_its_published_nifti_mask(testdata, name):
    folder = testdata / "imaging/mr_rtstruct/STS_001" / name
    modality = {"MR_T1": "mri", "CT": "ct"}[name]
    image = read_series(folder / "dicom/image", modality, SERIES)
    found = masks.read_mask(f"{folder / 'dicom/mask/RS.dcm'}#GTV_Mass_{name}", image, SERIES).labels
    nifti = sitk.GetArrayFromImage(sitk.ReadImage(str(folder / "nifti/mask/mask.nii.gz")))
    assert np.array_equal(found > 0, nifti > 0)  # 117,145 voxels


@pytest.mark.real
def test_structure_set_of_another_series_is_refused(testdata, volume):
    file = testdata / "imaging/mr_rtstruct/STS_001/MR_T1/dicom/mask/RS.dcm"
    with pytest.raises(InputDefect, match="frame of reference"):
        masks.read_mask(str(file), volume, SERIES)
