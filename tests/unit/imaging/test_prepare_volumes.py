"""Images of every kind in, cropped volumes out; every defect has a name and fails its block alone."""

import json
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from scripts.demo.imaging_files import write_mask, write_nifti
from scripts.imaging import acquisition_checks as checks
from tests.unit.imaging.conftest import SPACING


def test_good_series_passes_and_is_cropped_around_the_region(ct, run, phantom):
    result = run([ct()])
    assert result.code == 0 and result.status["blocks"]["ct_portal"]["verdict"] == "pass"
    image = sitk.ReadImage(str(result.out / "volumes/ct_portal/image.nii"))
    assert image.GetSpacing() == pytest.approx((2.0, 2.0, 2.5))
    start = result.meta["ct_portal"]["crop_start"]
    crop = sitk.GetArrayFromImage(image)
    z, y, x = (slice(s, s + n) for s, n in zip(reversed(start), crop.shape, strict=True))
    assert np.array_equal(crop, phantom.volume[z, y, x])  # HU after rescale, exactly
    mask = sitk.GetArrayFromImage(sitk.ReadImage(str(result.out / "volumes/ct_portal/mask1.nii")))
    assert mask.sum() == phantom.mask.sum()
    facts = result.meta["ct_portal"]["acquisition"]
    assert facts["kvp"] == 120 and facts["slice_spacing_mm"] == 2.5
    assert result.meta["ct_portal"]["phase_source"] == "sheet"


def _blank_kvp(dataset, number):
    dataset.KVP = None


def _no_rescale(dataset, number):
    del dataset.RescaleSlope, dataset.RescaleIntercept


def _uneven(dataset, number):
    dataset.ImagePositionPatient = [0, 0, 2.5 * number + (0.4 if number == 5 else 0)]


def _tilted(dataset, number):
    dataset.ImagePositionPatient = [0, 0.5 * number, 2.5 * number]


def _same_place(dataset, number):
    dataset.ImagePositionPatient = [0, 0, 2.5 * (number // 2)]


def _no_position(dataset, number):
    del dataset.ImagePositionPatient


def _two_orientations(dataset, number):
    if number == 3:
        dataset.ImageOrientationPatient = [0, 1, 0, 0, 0, -1]


def _two_series(dataset, number):
    if number % 2:
        dataset.SeriesInstanceUID += ".7"


def _not_ct(dataset, number):
    dataset.Modality = "MR"


@pytest.mark.parametrize(
    ("change", "check"),
    [
        (_blank_kvp, "kvp recorded"),
        (_no_rescale, "rescale to HU"),
        (_uneven, "even slices"),
        (_tilted, "no gantry tilt"),
        (_same_place, "one slice per place"),
        (_no_position, "slice positions"),
        (_two_orientations, "one orientation"),
        (_two_series, "one series per folder"),
        (_not_ct, "modality"),
    ],
)
def test_defect_of_a_series_has_its_own_name(ct, run, change, check):
    result = run([ct(change=change)], extract=True)
    assert result.failed == {("ct_portal", check)}
    assert result.code == 2 and (result.row == {} or check == "kvp recorded")


def test_missing_slice_is_found_from_positions(ct, run):
    result = run([ct(lost={6})])
    assert result.failed == {("ct_portal", "no missing slice")}
    assert "1 of 16 slices missing" in result.status["blocks"]["ct_portal"]["reasons"][0]


@pytest.mark.parametrize(
    ("millimetres", "verdict"),
    [(3.0, "pass"), (3.1, "warn"), (5.0, "warn"), (5.1, "fail")],  # limits of IMG-CT in config
)
def test_slice_thickness_limits(ct, run, phantom, millimetres, verdict):
    result = run([ct(spacing=(millimetres, 2.0, 2.0))])
    assert result.status["blocks"]["ct_portal"]["verdict"] == verdict
    assert (("ct_portal", "slice thickness") in result.failed) == (verdict == "fail")


def test_truncated_slice_is_a_defect(ct, run):
    row = ct()
    from pathlib import Path

    file = sorted(Path(row["file"]).glob("*.dcm"))[4]
    file.write_bytes(file.read_bytes()[:-700])
    result = run([row])
    assert result.code == 2
    assert result.failed == {("ct_portal", "DICOM pixels readable")}


def test_slice_cut_inside_its_header_is_a_defect(ct, run):
    from pathlib import Path

    row = ct()
    file = sorted(Path(row["file"]).glob("*.dcm"))[4]
    file.write_bytes(file.read_bytes()[:100])
    result = run([row])
    assert result.failed == {("ct_portal", "DICOM readable")}


def test_folder_without_dicom_is_a_defect(ct, run, tmp_path):
    row = ct()
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "note.txt").write_text("no image")
    result = run([row | {"file": str(tmp_path / "empty")}])
    assert result.failed == {("ct_portal", "DICOM readable")} and result.code == 2


def test_one_bad_phase_fails_alone(ct, run):
    rows = [ct("arterial", 35, lost={6}), ct("portal", 70)]
    result = run(rows, extract=True)
    assert result.status["blocks"]["ct_arterial"]["verdict"] == "fail"
    assert result.status["blocks"]["ct_portal"]["verdict"] == "pass"
    assert set(result.row) == {"ct_portal"} and result.code == 0


def test_phases_acquired_in_the_wrong_order_are_swapped(ct, run):
    result = run([ct("arterial", 70), ct("portal", 35)])
    assert result.failed == {
        ("ct_arterial", "phases in order"),
        ("ct_portal", "phases in order"),
    }


def test_liver_brighter_in_arterial_than_in_portal_phase_is_swapped():
    bright = checks.swapped_phases({"arterial": 110.0, "portal": 70.0}, {}, 15)
    assert set(bright) == {"arterial", "portal"}
    assert not checks.swapped_phases({"arterial": 80.0, "portal": 70.0}, {}, 15)
    assert not checks.swapped_phases({"arterial": 70.0, "portal": None}, {}, 15)


def test_sheet_and_series_description_that_disagree_are_a_warning(ct, run):
    row = ct("portal") | {"phase": "delayed", "block": "ct_delayed"}
    result = run([row])
    assert ("ct_delayed", "phase recorded") in result.warned


def test_oral_contrast_alone_is_no_contrast():
    facts = {"format": "dicom", "contrast_agent": True}
    assert checks.has_contrast(facts | {"contrast_route": "iv+gut"})
    assert not checks.has_contrast(facts | {"contrast_route": "gut"})
    assert checks.has_contrast({"format": "nii"}) is None


def test_mask_off_the_image_grid_fails(ct, run, phantom, tmp_path):
    row = ct()
    write_mask(tmp_path / "off.nii.gz", phantom.mask, SPACING, origin=(4.0, 0, 0))
    result = run([row | {"mask": str(tmp_path / "off.nii.gz")}])
    assert result.failed == {("ct_portal", "mask on the image grid")} and result.code == 2


def test_empty_mask_fails(ct, run, phantom, tmp_path):
    row = ct()
    write_mask(tmp_path / "empty.nrrd", np.zeros_like(phantom.mask), SPACING)
    result = run([row | {"mask": str(tmp_path / "empty.nrrd")}], extract=True)
    assert result.failed == {("ct_portal", "mask not empty")} and result.codes == [2, 2, 2]


def test_truncated_mask_fails(ct, run):
    from pathlib import Path

    row = ct()
    mask = Path(row["mask"])
    mask.write_bytes(mask.read_bytes()[:40])
    assert run([row]).failed == {("ct_portal", "mask readable")}


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
@pytest.mark.parametrize("key", ["file", "mask"])
def test_cut_nifti_is_no_smaller_region(ct, run, phantom, tmp_path, key, suffix):
    """ITK fills what is missing with 0 and says nothing."""
    row = ct()
    whole, cut = tmp_path / f"whole{suffix}", tmp_path / f"cut{suffix}"
    array = phantom.volume if key == "file" else phantom.mask
    write_on_grid(whole, array.astype(np.int16))
    cut.write_bytes(whole.read_bytes()[: int(0.6 * whole.stat().st_size)])
    result = run([row | {key: str(cut)}])
    check = "image readable" if key == "file" else "mask readable"
    assert result.code == 2 and result.failed == {("ct_portal", check)}


@pytest.mark.parametrize("key", ["file", "mask"])
def test_nifti_with_values_that_are_no_numbers_fails(ct, run, phantom, tmp_path, key):
    """ITK reads them as 0."""
    row = ct()
    array = (phantom.volume if key == "file" else phantom.mask).astype(np.float32)
    array[8, 20, 20] = np.nan
    write_on_grid(tmp_path / "nan.nii.gz", array)
    result = run([row | {key: str(tmp_path / "nan.nii.gz")}])
    assert result.code == 2 and "no numbers" in result.status["blocks"]["ct_portal"]["reasons"][0]


def write_on_grid(path: Path, array: np.ndarray) -> None:
    """An array on the phantom's grid."""
    image = sitk.GetImageFromArray(array)
    image.SetSpacing(SPACING[::-1])
    sitk.WriteImage(image, str(path))


def test_row_without_mask_fails(ct, run):
    row = ct()
    del row["mask"]
    assert run([row]).failed == {("ct_portal", "mask given")}


def test_bad_mask_of_the_second_reader_drops_that_reading_only(ct, run, phantom, tmp_path):
    row = ct()
    write_mask(tmp_path / "off.nii.gz", phantom.mask, SPACING, origin=(4.0, 0, 0))
    second = row | {"mask": str(tmp_path / "off.nii.gz"), "reader": "R2", "assay_id": "A_R2"}
    result = run([row, second])
    assert result.status["blocks"]["ct_portal"]["verdict"] == "warn" and not result.failed
    assert len(result.meta["ct_portal"]["readings"]) == 1


def test_values_that_are_no_hounsfield_units_fail(ct, run, phantom):
    result = run([ct(volume=(phantom.volume + 1024).astype(np.int16))])
    assert ("ct_portal", "values are HU") in result.failed


def test_region_in_the_lung_is_implausible(ct, run, phantom):
    volume = phantom.volume.copy()
    volume[phantom.mask] = -800
    result = run([ct(volume=volume)])
    assert result.failed == {("ct_portal", "region HU plausible")}


def test_labels_choose_region_and_liver(ct, run, phantom, settings, tmp_path):
    labels = np.where(phantom.volume > -500, 1, 0).astype(np.uint8)
    labels[phantom.mask] = 2
    write_nifti(tmp_path / "labels.nii.gz", labels, SPACING)
    row = ct() | {"mask": str(tmp_path / "labels.nii.gz")}
    for own, expected in (
        ({"liver_labels": [1]}, phantom.mask.sum()),
        ({"region_labels": [2]}, phantom.mask.sum()),
        ({}, (labels > 0).sum()),
    ):
        result = run([row], own=settings["ct"] | own)
        mask = sitk.ReadImage(str(result.out / "volumes/ct_portal/mask1.nii"))
        assert sitk.GetArrayFromImage(mask).sum() == expected


def test_names_and_private_tags_do_not_survive(ct, run):
    def name(dataset, number):
        dataset.PatientName = "Doe^Jane"
        dataset.private_block(0x0011, "ACME", create=True).add_new(1, "LO", "Doe^Jane")
        dataset.SeriesDescription = "portal Doe Jane"

    result = run([ct(change=name)])
    assert result.code == 0
    for file in result.out.rglob("*"):
        if file.is_file():
            assert b"Doe" not in file.read_bytes(), file.name


def test_nifti_text_fields_do_not_survive(run, phantom, tmp_path):
    image = sitk.GetImageFromArray(phantom.volume)
    image.SetSpacing((2.0, 2.0, 2.5))
    sitk.WriteImage(image, str(tmp_path / "ct.nii"))
    data = bytearray((tmp_path / "ct.nii").read_bytes())
    data[148:156] = b"Doe Jane"  # NIfTI-1 field descrip
    (tmp_path / "ct.nii").write_bytes(data)
    write_mask(tmp_path / "m.nii.gz", phantom.mask, SPACING)
    row = {"file": str(tmp_path / "ct.nii"), "mask": str(tmp_path / "m.nii.gz"), "block": "ct"}
    result = run([row | {"assay_id": "A"}])
    assert result.code == 0
    assert b"Doe" not in (result.out / "volumes/ct/image.nii").read_bytes()
    kvp = [r for r in result.ledger if r["check"] == "kvp recorded"]
    assert kvp[0]["verdict"] == "NOT_ASSESSED"  # a NIfTI cannot say


def test_dice_between_readers_is_recorded(ct, run, phantom, tmp_path):
    row = ct()
    write_mask(tmp_path / "r2.nii.gz", np.roll(phantom.mask, 1, axis=2), SPACING)
    second = row | {"mask": str(tmp_path / "r2.nii.gz"), "reader": "R2", "assay_id": "A_R2"}
    result = run([row, second])
    shared = (phantom.mask & np.roll(phantom.mask, 1, axis=2)).sum()
    record = next(r for r in result.ledger if r["check"] == "Dice between readings")
    assert record["value"] == pytest.approx(shared / phantom.mask.sum(), abs=1e-6)
    assert record["requirement_id"] == "QCP-03"


def test_mri_is_normalised_within_the_body(run, phantom, settings, tmp_path):
    rng = np.random.default_rng(5)
    signal = np.where(phantom.volume > -500, 200.0, 0.0) + rng.normal(0, 3, phantom.volume.shape)
    own = settings["mri"] | {"n4": False}
    values = {}
    for scale in (1.0, 3.0):
        write_nifti(tmp_path / "t1.nii.gz", (scale * signal).astype(np.float32), SPACING)
        write_mask(tmp_path / "m.nii.gz", phantom.mask, SPACING)
        row = {"file": str(tmp_path / "t1.nii.gz"), "mask": str(tmp_path / "m.nii.gz")}
        row |= {"block": "mri_t1", "assay_id": "A", "sequence": "t1"}
        result = run([row], "mri", extract=True, own=own)
        values[scale] = result.row["mri_t1"]["original_firstorder_Mean"]
        assert "body" in result.meta["mri_t1"]["normalisation"]["method"]
    assert values[1.0] == pytest.approx(values[3.0], abs=0.05)
    adc = run([row | {"block": "mri_adc", "sequence": "adc"}], "mri", own=own)
    assert adc.meta["mri_adc"]["normalisation"] == {"method": "none"}


def write_mr(folder: Path, change=lambda values: values) -> dict:
    """An oblique MR with a bright ball and its mask; returns the row."""
    z, y, x = np.mgrid[:12, :40, :40]
    body = (y - 20) ** 2 + (x - 20) ** 2 < 17**2
    ball = ((z - 6) * 2.0) ** 2 + (y - 18) ** 2 + (x - 22) ** 2 < 36
    noise = np.random.default_rng(2).normal(0, 8, body.shape)
    values = change(np.abs(np.where(body, 300.0, 5.0) + 120 * ball + noise))
    row = {"block": "mri_t1", "assay_id": "A", "sequence": "t1", "reader": "R1"}
    turned = [0.96, -0.28, 0, 0.28, 0.96, 0, 0, 0, 1]
    for key, array in (("file", values.astype(np.float32)), ("mask", ball.astype(np.uint8))):
        image = sitk.GetImageFromArray(array)
        image.SetSpacing((1.5, 1.5, 4.0))
        image.SetOrigin((10, -20, 30))
        image.SetDirection(turned)
        row[key] = str(folder / f"{key}.nii.gz")
        sitk.WriteImage(image, row[key])
    return row


def test_order_of_axes_in_which_an_mri_is_stored_changes_no_feature(run, tmp_path):
    row = write_mr(tmp_path)
    expected = run([row], "mri", extract=True).row["mri_t1"]
    for key, code in (("file", "RAS"), ("file", "SAR"), ("mask", "ILP")):
        other = str(tmp_path / f"{key}_{code}.nii.gz")
        sitk.WriteImage(sitk.DICOMOrient(sitk.ReadImage(row[key]), code), other)
        found = run([row | {key: other}], "mri", extract=True).row["mri_t1"]
        assert found == pytest.approx(expected, rel=1e-9, abs=1e-12)


def test_mri_that_is_no_magnitude_image_is_refused(run, tmp_path):
    row = write_mr(tmp_path, lambda values: (values - values.mean()) / values.std())
    result = run([row], "mri")
    assert result.failed == {("mri_t1", "intensities of a magnitude image")}
    assert run([row | {"sequence": "adc"}], "mri").code == 0  # a map may be negative


def test_missing_files_are_said_to_be_missing(ct, run, tmp_path):
    row = ct()
    for key in ("file", "mask"):
        result = run([row | {key: str(tmp_path / "none.nii.gz")}])
        assert "there is no such" in result.status["blocks"]["ct_portal"]["reasons"][0]


def test_ultrasound_takes_its_pixel_size_from_the_region(ultrasound, run):
    result = run([ultrasound()], "us", extract=True)
    assert result.code == 0
    found = result.row["us"]["original_shape2D_PixelSurface"]
    pixels = result.row["us"]["qc_region_voxels"]
    assert found == pytest.approx(0.25 * pixels)  # 0.5 mm x 0.5 mm


def test_ultrasound_without_calibration_loses_its_sizes(ultrasound, run):
    def uncalibrate(dataset, number):
        del dataset.SequenceOfUltrasoundRegions

    result = run([ultrasound(uncalibrate)], "us", extract=True)
    assert result.status["blocks"]["us"]["verdict"] == "warn"
    row = result.row["us"]
    assert row["original_shape2D_MaximumDiameter"] is None
    assert row["original_shape2D_Elongation"] is not None


def test_burned_in_text_without_region_is_refused(ultrasound, run):
    def burn(dataset, number):
        del dataset.SequenceOfUltrasoundRegions
        dataset.BurnedInAnnotation = "YES"

    result = run([ultrasound(burn)], "us")
    assert result.failed == {("us", "no burned-in text")} and result.code == 2


def test_pixels_outside_of_the_ultrasound_region_are_blanked(ultrasound, run):
    def narrow(dataset, number):
        dataset.SequenceOfUltrasoundRegions[0].RegionLocationMinX0 = 20
        dataset.BurnedInAnnotation = "YES"

    result = run([ultrasound(narrow)], "us")
    image = sitk.GetArrayFromImage(sitk.ReadImage(str(result.out / "volumes/us/image.nii")))
    start = result.meta["us"]["crop_start"][0]
    assert result.code == 0 and start < 20
    assert image[..., : 20 - start].max() == 0 < image[..., 20 - start :].max()


def test_colour_models_of_one_picture_give_the_same_grey_values(ultrasound, run):
    from pydicom.pixels import convert_color_space

    def coloured(model):
        def change(dataset, _):
            array = np.repeat(dataset.pixel_array[..., None], 3, axis=-1)
            if model == "YBR_FULL":
                array = convert_color_space(array, "RGB", "YBR_FULL")
            dataset.SamplesPerPixel, dataset.PlanarConfiguration = 3, 0
            dataset.PhotometricInterpretation, dataset.PixelData = model, array.tobytes()

        return change

    def inverted_palette(dataset, _):
        """The stored numbers run against the brightness, as in a table of colours they may."""
        dataset.PhotometricInterpretation = "PALETTE COLOR"
        dataset.PixelData = (255 - dataset.pixel_array).astype(np.uint8).tobytes()
        table = (np.arange(255, -1, -1, dtype=np.uint16) * 257).tobytes()
        for tag in (0x00281101, 0x00281102, 0x00281103):
            dataset.add_new(tag, "US", [256, 0, 16])
            dataset.add_new(tag + 0x100, "OW", table)

    def mean(change):
        result = run([ultrasound(change)], "us", extract=True)
        assert result.codes == [0, 0, 0]
        return result.row["us"]["original_firstorder_Mean"]

    grey = mean(None)
    for change in (coloured("RGB"), coloured("YBR_FULL"), inverted_palette):
        assert mean(change) == pytest.approx(grey, abs=0.5)


@pytest.mark.parametrize("suffix", [".jpg", ".bmp"])
def test_cut_picture_is_a_defect(ultrasound, run, tmp_path, suffix):
    row = ultrasound()
    path = tmp_path / f"cut{suffix}"
    rng = np.random.default_rng(1)
    picture = sitk.GetImageFromArray(rng.integers(0, 255, (60, 80)).astype(np.uint8))
    sitk.WriteImage(picture, str(path))
    assert run([row | {"file": str(path)}], "us").code == 0
    path.write_bytes(path.read_bytes()[:-1500])
    assert run([row | {"file": str(path)}], "us").failed == {("us", "image readable")}


def test_mask_in_jpeg_is_refused(ultrasound, run, tmp_path):
    row = ultrasound()
    mask = sitk.ReadImage(row["mask"])
    sitk.WriteImage(mask, str(tmp_path / "mask.jpg"))
    result = run([row | {"mask": str(tmp_path / "mask.jpg")}], "us")
    assert result.failed == {("us", "mask readable")}


def test_cine_loop_is_refused(ultrasound, run):
    def loop(dataset, number):
        dataset.NumberOfFrames = 2
        dataset.PixelData = dataset.PixelData * 2

    result = run([ultrasound(loop)], "us")
    assert result.failed == {("us", "one picture")}


@pytest.mark.real
def test_real_liver_ct_series(testdata, run, tmp_path):
    folder = testdata / "imaging/liver_ct_dicom/CRLM-CT-1004/image"
    shape = (41, 512, 512)
    mask = np.zeros(shape, np.uint8)
    mask[18:22, 220:240, 150:170] = 1
    import pydicom

    first = pydicom.dcmread(folder / "1-01.dcm", stop_before_pixels=True)
    last = pydicom.dcmread(folder / "1-41.dcm", stop_before_pixels=True)
    low = min(first, last, key=lambda d: float(d.ImagePositionPatient[2]))
    origin = [float(v) for v in reversed(low.ImagePositionPatient)]
    write_mask(tmp_path / "m.nii.gz", mask, (5.0, 0.796875, 0.796875), origin)
    row = {"file": str(folder), "mask": str(tmp_path / "m.nii.gz"), "block": "ct_portal"}
    result = run([row | {"assay_id": "A", "phase": "portal"}], extract=True)
    assert result.failed == set() and result.code == 0
    assert ("ct_portal", "slice thickness") in result.warned  # 5.0 mm, its header and its gaps
    meta = result.meta["ct_portal"]
    assert meta["acquisition"]["kvp"] == 120 and meta["contrast"]  # "Oral & IV"
    assert result.row["ct_portal"]["qc_texture_dimensions"] == 2


@pytest.mark.real
def test_totalsegmentator_liver(testdata, run, settings):
    folder = testdata / "imaging/totalseg"
    row = {"file": str(folder / "example_ct_sm.nii.gz"), "block": "ct", "assay_id": "A"}
    row["mask"] = str(folder / "example_seg_fast.nii.gz")
    settings["ct"]["region_labels"] = [5]  # liver
    settings["ct"]["radiomics"] |= {"interpolator": "none", "range": [], "classes": ["firstorder"]}
    result = run([row], extract=True)
    published = json.loads((folder / "example_seg_fast/statistics.json").read_text())["liver"]
    found = result.row["ct"]
    assert 27 * found["qc_region_voxels"] == pytest.approx(published["volume"])  # 1,062,450 mm3
    assert found["original_firstorder_Mean"] == pytest.approx(published["intensity"], abs=0.01)


@pytest.mark.real
def test_totalsegmentator_mask_of_another_grid_is_off(testdata, run):
    folder = testdata / "imaging/totalseg"
    row = {"file": str(folder / "example_ct.nii.gz"), "block": "ct", "assay_id": "A"}
    result = run([row | {"mask": str(folder / "example_seg.nii.gz")}])  # 30 of 112 slices
    assert result.failed == {("ct", "mask on the image grid")} and result.code == 2


@pytest.mark.real
def test_compressed_dicom_with_its_mask(testdata, run, settings):
    folder = testdata / "imaging/totalseg"
    settings["ct"]["region_labels"] = [5]
    row = {"file": str(folder / "example_ct_dicom"), "block": "ct", "assay_id": "A"}
    result = run([row | {"mask": str(folder / "example_seg_dicom.nii.gz")}])
    # JPEG 2000 lossless, 20 slices of 2 mm; the mask's rows are stored in the other order
    assert result.failed == set()
    mask = sitk.ReadImage(str(result.out / "volumes/ct/mask1.nii"))
    assert sitk.GetArrayFromImage(mask).sum() == 366708
