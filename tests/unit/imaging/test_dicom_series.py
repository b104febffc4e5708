"""DICOM of every kind gives the same voxels and the same facts; several images in one series are told apart."""

from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from pydicom.dataset import Dataset

from scripts.core.job import InputDefect
from scripts.imaging.dicom_header import acquisition_of, has_agent, moment_of, plain_text, route_of
from scripts.imaging.dicom_series import Meant, read_series
from tests.unit.imaging.conftest import SPACING

SETTINGS = {"gap_tolerance": 0.05, "tilt_degrees": 0.5, "max_voxels": 10**8}


def item(**values):
    dataset = Dataset()
    for key, value in values.items():
        setattr(dataset, key, value)
    return dataset


def enhanced(series: Path, path: Path) -> Path:
    """An enhanced multi-frame CT of a series: what belongs to functional groups lies there alone."""
    singles = [pydicom.dcmread(file) for file in sorted(series.glob("*.dcm"))]
    made, pixels = singles[0], b"".join(single.PixelData for single in singles)
    frames = [
        item(
            PlanePositionSequence=[item(ImagePositionPatient=list(single.ImagePositionPatient))],
            FrameContentSequence=[item(FrameAcquisitionDateTime=f"202601102359{50 + number % 5}")],
            PixelValueTransformationSequence=[item(RescaleSlope=1, RescaleIntercept=-1024)],
        )
        for number, single in enumerate(singles)
    ]
    shared = item(
        PixelMeasuresSequence=[item(PixelSpacing=[2.0, 2.0], SliceThickness=2.5)],
        PlaneOrientationSequence=[item(ImageOrientationPatient=[1, 0, 0, 0, 1, 0])],
        CTXRayDetailsSequence=[item(KVP=120.0)],
        CTReconstructionSequence=[item(ConvolutionKernel="B30f")],
    )
    for name in (
        *("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "RescaleSlope"),
        *("RescaleIntercept", "KVP", "ConvolutionKernel", "SliceThickness", "AcquisitionTime"),
    ):
        delattr(made, name)
    made.SOPClassUID = made.file_meta.MediaStorageSOPClassUID = pydicom.uid.EnhancedCTImageStorage
    made.NumberOfFrames, made.PixelData = len(singles), pixels
    made.SharedFunctionalGroupsSequence = [shared]
    made.PerFrameFunctionalGroupsSequence = frames
    path.parent.mkdir()
    made.save_as(path)
    return path


def encode(path: Path, syntax: str) -> None:
    """Store a file in another transfer syntax."""
    import gdcm

    if syntax == "ImplicitVRLittleEndian":
        dataset = pydicom.dcmread(path)
        dataset.file_meta.TransferSyntaxUID = pydicom.uid.ImplicitVRLittleEndian
        dataset.save_as(path, implicit_vr=True, little_endian=True)
        return
    reader, change = gdcm.ImageReader(), gdcm.ImageChangeTransferSyntax()
    reader.SetFileName(str(path))
    assert reader.Read()
    change.SetTransferSyntax(gdcm.TransferSyntax(getattr(gdcm.TransferSyntax, syntax)))
    change.SetInput(reader.GetImage())
    assert change.Change()
    writer = gdcm.ImageWriter()
    writer.SetFileName(str(path))
    writer.SetFile(reader.GetFile())
    writer.SetImage(change.GetOutput())
    assert writer.Write()


@pytest.mark.parametrize(
    "syntax",
    [
        "",
        "ImplicitVRLittleEndian",
        "RLELossless",
        "JPEG2000Lossless",
        "JPEGLSLossless",
        "JPEGLosslessProcess14_1",
    ],
)
@pytest.mark.parametrize("frames", ["single", "enhanced"])
def test_every_transfer_syntax_gives_the_same_voxels(ct, phantom, tmp_path, syntax, frames):
    folder = Path(ct()["file"])
    if frames == "enhanced":
        folder = enhanced(folder, tmp_path / "enhanced/all.dcm").parent
    for file in folder.glob("*.dcm") if syntax else ():
        encode(file, syntax)
    volume = read_series(folder, "ct", SETTINGS)
    assert np.array_equal(sitk.GetArrayFromImage(volume.image), phantom.volume)
    assert volume.image.GetSpacing() == (2.0, 2.0, 2.5)
    facts = volume.acquisition
    assert (facts["kvp"], facts["kernel"], facts["slice_thickness_mm"]) == (120, "B30f", 2.5)


def test_enhanced_ct_has_its_fields_and_times_in_functional_groups(ct, run, tmp_path, settings):
    row = ct()
    path = enhanced(Path(row["file"]), tmp_path / "enhanced/all.dcm")
    own = settings["ct"] | {"required_fields": ["kvp", "kernel", "slice_thickness_mm"]}
    result = run([row | {"file": str(path.parent)}], own=own)
    assert not result.failed and not result.warned
    assert moment_of([pydicom.dcmread(path)]).second == 86390  # the earliest frame, 23:59:50


def test_facts_of_enhanced_mr_and_converted_images():
    echo = [item(MREchoSequence=[item(EffectiveEchoTime=t)]) for t in (2.3, 4.6)]
    timing = item(MRTimingAndRelatedParametersSequence=[item(RepetitionTime=90.0)])
    mr = item(SharedFunctionalGroupsSequence=[timing], PerFrameFunctionalGroupsSequence=echo)
    facts = acquisition_of([mr], 2.0)
    assert facts["repetition_time_ms"] == 90 and facts["varying"] == ["echo_time_ms"]
    unassigned = item(UnassignedSharedConvertedAttributesSequence=[item(KVP="100")])
    converted = item(SharedFunctionalGroupsSequence=[unassigned])
    assert acquisition_of([converted], 2.0)["kvp"] == 100


def test_contrast_agent_and_route():
    assert route_of(item(ContrastBolusRoute="Oral & IV")) == "iv+gut"  # CRLM-CT-1004
    assert route_of(item(ContrastBolusRoute="ORAL")) == "gut"
    assert route_of(item(ContrastBolusRoute="静脉注射")) == "iv" and route_of(item()) is None
    code = item(CodeMeaning="Intravenous route")
    agent = item(ContrastBolusAdministrationRouteSequence=[code])
    assert route_of(item(ContrastBolusAgentSequence=[agent])) == "iv"
    assert has_agent(item(ContrastBolusAgentSequence=[agent]))
    assert has_agent(item(ContrastBolusAgent="Iohexol"))
    for blank in ("", "none", "NO", "无"):
        assert not has_agent(item(ContrastBolusAgent=blank))


def test_text_of_a_header_that_holds_an_identifier_is_withheld(ct, run):
    assert plain_text("SIEMENS") == "SIEMENS" and plain_text("  ") is None
    for text in ("MAKER 13900002222", "unit 20251130123", "x" * 70):
        assert plain_text(text) == "withheld"

    def change(dataset, number):
        dataset.Manufacturer = "MAKER 13900002222"
        dataset.ContrastBolusRoute = "IV 13900002222"

    result = run([ct(change=change)])
    assert result.code == 0
    for file in result.out.rglob("*"):
        assert not file.is_file() or b"13900002222" not in file.read_bytes(), file.name


def test_kvp_that_differs_between_slices_is_a_warning(ct, run):
    def change(dataset, number):
        dataset.KVP = "80" if number % 2 else "140"

    assert ("ct_portal", "one acquisition") in run([ct(change=change)]).warned


@pytest.fixture
def dixon(ct, phantom, tmp_path):
    """One series of three images (in phase, out of phase, water), 100 apart in value."""
    folder = tmp_path / "dixon"
    folder.mkdir()
    for number, (kind, echo) in enumerate((("IP", 4.6), ("OP", 2.3), ("W", 2.3))):
        for file in sorted(Path(ct()["file"]).glob("*.dcm")):
            dataset = pydicom.dcmread(file)
            dataset.Modality, dataset.EchoTime = "MR", echo
            dataset.ImageType = ["ORIGINAL", "PRIMARY", kind]
            dataset.RescaleIntercept = 100 * number
            dataset.SOPInstanceUID = f"1.2.3.{number}.{dataset.InstanceNumber}"
            dataset.save_as(folder / f"{kind}{file.name}")
    return folder


def test_images_of_one_series_are_told_apart_by_their_tags(dixon, phantom):
    with pytest.raises(
        InputDefect,
        match="3 images that differ in ImageType.*ImageType=IP, ImageType=OP, ImageType=W",
    ):
        read_series(dixon, "mri", SETTINGS)
    for part, number in (("ImageType=IP", 0), ("ImageType=W", 2), ("EchoTime=4.60", 0)):
        volume = read_series(dixon, "mri", SETTINGS, Meant(part=part))
        expected = phantom.volume + 1024 + 100 * number
        assert np.array_equal(sitk.GetArrayFromImage(volume.image), expected)
    with pytest.raises(InputDefect, match="2 images that differ in ImageType"):
        read_series(dixon, "mri", SETTINGS, Meant(part="EchoTime=2.3"))  # still two
    with pytest.raises(InputDefect, match="no slice of the series has EchoTime=9"):
        read_series(dixon, "mri", SETTINGS, Meant(part="EchoTime=9"))


def test_image_that_the_mask_was_drawn_on_is_taken(dixon, phantom):
    volume = read_series(dixon, "mri", SETTINGS, Meant(slices=lambda: {"1.2.3.1.4"}))
    assert np.array_equal(sitk.GetArrayFromImage(volume.image), phantom.volume + 1124)


def test_phases_of_one_enhanced_series_are_told_apart(ct, phantom, tmp_path):
    path = enhanced(Path(ct()["file"]), tmp_path / "enhanced/all.dcm")
    dataset = pydicom.dcmread(path)
    for number, frame in enumerate(dataset.PerFrameFunctionalGroupsSequence):
        frame.FrameContentSequence[0].TemporalPositionIndex = 1 + number // 8
        frame.PlanePositionSequence[0].ImagePositionPatient = [0, 0, 2.5 * (number % 8)]
    dataset.save_as(path)
    with pytest.raises(InputDefect, match="2 images that differ in TemporalPositionIndex"):
        read_series(path.parent, "ct", SETTINGS)
    second = read_series(path.parent, "ct", SETTINGS, Meant(part="TemporalPositionIndex=2"))
    assert np.array_equal(sitk.GetArrayFromImage(second.image), phantom.volume[8:])


def test_frames_without_a_description_are_refused(ct, tmp_path):
    path = enhanced(Path(ct()["file"]), tmp_path / "enhanced/all.dcm")
    dataset = pydicom.dcmread(path)
    del dataset.PerFrameFunctionalGroupsSequence[-1]
    dataset.save_as(path)
    with pytest.raises(InputDefect, match="number of frames"):
        read_series(path.parent, "ct", SETTINGS)


POSITIONS = (30.0, -1043.3, -1133.3, 0.0, -0.7, 1500.55, -987.61, 123.456, -2048.77, 77.77)
POSITIONS += (-333.33, 999.999, -1.25, -512.1, 641.3, -1200.9, -55.05, 1033.35, -871.27, 3.1)


def moved_to(place):
    """Write positions as scanners do: text of float32."""

    def change(dataset, number):
        height = np.float32(place) + np.float32(SPACING[0] * number)
        numbers = (np.float32(-20.0 - place / 7), np.float32(11.3), height)
        dataset.ImagePositionPatient = [str(value) for value in numbers]

    return change


def features_at(place, ct, run, phantom, tmp_path, code=""):
    """The features of the phantom at a position of the table; with `code` as NIfTI stored in that order of axes."""
    row = ct(change=moved_to(place))
    image = read_series(row["file"], "ct", SETTINGS).image
    mask = sitk.GetImageFromArray(phantom.mask.astype(np.uint8))
    mask.CopyInformation(image)
    for key, own in (("mask", mask), ("file", sitk.Cast(image, sitk.sitkInt16))):
        if key == "mask" or code:
            row[key] = str(tmp_path / f"{key}_at.nii.gz")
            sitk.WriteImage(sitk.DICOMOrient(own, code) if code else own, row[key])
    result = run([row], extract=True)
    assert result.code == 0 and result.row["ct_portal"]["qc_texture_dimensions"] == 3
    return result.row["ct_portal"]


def test_no_feature_depends_on_table_position_or_storage_order(ct, run, phantom, tmp_path):
    expected = features_at(30.0, ct, run, phantom, tmp_path)
    for place, code in ((-1043.3, ""), (-1133.3, "RAS"), (999.999, "SAR"), (-0.7, "PIR")):
        found = features_at(place, ct, run, phantom, tmp_path, code)
        assert found == pytest.approx(expected, rel=1e-9, abs=1e-12), (place, code)


@pytest.mark.long
def test_no_feature_depends_on_twenty_table_positions_and_eight_storage_orders(
    ct, run, phantom, tmp_path, settings
):
    settings["ct"]["radiomics"]["image_types"] = ["original", "log", "wavelet"]
    expected = features_at(30.0, ct, run, phantom, tmp_path)
    for place in POSITIONS:
        assert features_at(place, ct, run, phantom, tmp_path) == pytest.approx(expected, rel=1e-9)
    for code in ("LPS", "RAS", "LAS", "SAR", "ILP", "PIR", "ASL", "RPI"):
        found = features_at(-1043.3, ct, run, phantom, tmp_path, code)
        assert found == pytest.approx(expected, rel=1e-9, abs=1e-12), code
