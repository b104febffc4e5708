"""Files that claim what they cannot hold, point elsewhere or give numbers that are none: a reason, and no memory taken."""

import gzip
import os
import tracemalloc
import zlib
from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk

from scripts.core.job import InputDefect
from scripts.imaging.dicom_file import TooLarge, encoded_size, read_dicom
from scripts.imaging.volume_header import data_files_of
from scripts.imaging.volumes import read_image_file
from tests.unit.imaging.conftest import change_headers

SETTINGS = {"max_voxels": 10**6, "tilt_degrees": 0.5}
ARRAY = np.arange(60, dtype=np.int16).reshape(3, 4, 5)  # z, y, x


def refused(path, words):
    """Read a file that must be refused for that reason, within 50 MB of memory."""
    tracemalloc.start()
    with pytest.raises(InputDefect, match=words):
        read_image_file(path, SETTINGS)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 50e6


def nifti_header(shape, code=4, offset=352.0, **fields):
    """The header of a NIfTI that claims a shape; fields are set by name."""
    header = nibabel.Nifti1Header()
    header["dim"][: len(shape) + 1] = [len(shape), *shape]
    header["datatype"], header["bitpix"], header["vox_offset"] = code, 16, offset
    header["pixdim"][:4] = 1
    header["magic"] = b"n+1"
    for name, value in fields.items():
        header[name] = value
    return header.binaryblock + b"\0\0\0\0"


@pytest.mark.parametrize(
    ("header", "words"),
    [
        (nifti_header((32767, 32767, 32767)), "too short"),
        (nifti_header((200, 200, 200)), "too short|more than 1000000"),
        (nifti_header((0, 4, 5)), "no voxel|cannot be read"),
        (nifti_header((-3, 4, 5)), "no voxel|cannot be read"),
        (nifti_header((5, 4, 3), offset=2e9), "cannot be read"),
        (nifti_header((5, 4, 3), offset=np.nan), "cannot be read"),
        (nifti_header((5, 4, 3), code=9999), "cannot be read"),
        (b"\x5c\x01" + 300 * b"\xff", "cannot be read"),
        (b"", "cannot be read"),
    ],
)
@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_nifti_that_claims_more_than_it_holds(tmp_path, header, words, suffix):
    path = tmp_path / f"lies{suffix}"
    path.write_bytes(gzip.compress(header) if suffix == ".nii.gz" else header)
    refused(path, words)


def test_packed_nifti_that_becomes_too_large_is_refused_before_it_is_unpacked(tmp_path):
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    parts = [packer.compress(nifti_header((512, 512, 300)))]
    parts += [packer.compress(bytes(1 << 20)) for _ in range(160)] + [packer.flush()]
    (tmp_path / "bomb.nii.gz").write_bytes(b"".join(parts))
    refused(tmp_path / "bomb.nii.gz", "max_voxels")


@pytest.mark.parametrize(
    "change", [{"pixdim": [1, 0, 1, 1, 0, 0, 0, 0]}, {"pixdim": [1, np.nan, 1, 1, 0, 0, 0, 0]}]
)
def test_voxels_of_no_size_are_refused(tmp_path, change):
    header = nifti_header((5, 4, 3), qform_code=1, **change)
    (tmp_path / "flat.nii").write_bytes(header + ARRAY.tobytes())
    refused(tmp_path / "flat.nii", "no usable|cannot be read")


def sform(matrix, **fields):
    rows = {f"srow_{axis}": matrix[place] for place, axis in enumerate("xyz")}
    return nifti_header((5, 4, 3), sform_code=1, **rows, **fields) + ARRAY.tobytes()


def test_sheared_nifti_is_refused_for_its_axes(tmp_path):
    (tmp_path / "a.nii").write_bytes(sform([[1, 0.3, 0, 0], [0, 1, 0, 0], [0, 0, 1.5, 0]]))
    refused(tmp_path / "a.nii", "not at right angles")
    (tmp_path / "b.nii").write_bytes(sform([[np.nan, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0]]))
    refused(tmp_path / "b.nii", "no usable")


def test_nifti_is_read_as_itk_reads_it(tmp_path):
    """Values, place and scaling; a second reader of the format as the reference."""
    image = sitk.GetImageFromArray(ARRAY)
    image.SetSpacing((0.75, 1.25, 2.5))
    image.SetOrigin((-20.5, 11.25, -1043.25))
    image.SetDirection([0.8, -0.6, 0, 0.6, 0.8, 0, 0, 0, -1])
    for name in ("a.nii", "a.nii.gz"):
        sitk.WriteImage(image, str(tmp_path / name))
        expected = sitk.ReadImage(str(tmp_path / name))
        found = read_image_file(tmp_path / name, SETTINGS)
        assert np.array_equal(sitk.GetArrayFromImage(found), ARRAY)
        assert found.GetSpacing() == pytest.approx(expected.GetSpacing())
        assert found.GetOrigin() == pytest.approx(expected.GetOrigin(), abs=1e-3)
        assert found.GetDirection() == pytest.approx(expected.GetDirection(), abs=1e-6)
    scaled = bytearray((tmp_path / "a.nii").read_bytes())
    scaled[112:120] = np.array([2.0, -7.0], "<f4").tobytes()  # scl_slope, scl_inter
    (tmp_path / "b.nii").write_bytes(scaled)
    found = sitk.GetArrayFromImage(read_image_file(tmp_path / "b.nii", SETTINGS))
    assert np.array_equal(found, 2.0 * ARRAY - 7)


MHD = (
    "ObjectType = Image\nNDims = 3\nBinaryData = True\nBinaryDataByteOrderMSB = False\nTransformMatrix = 1 0 0 0 1 0 0 0 1\n"
    "Offset = 0 0 0\nElementSpacing = {spacing}\nDimSize = {sizes}\nElementType = MET_SHORT\nElementDataFile = {data}\n"
)
NHDR = (
    "NRRD0004\ntype: short\ndimension: 3\nspace: left-posterior-superior\nsizes: {sizes}\n"
    "space directions: ({spacing},0,0) (0,1,0) (0,0,1)\nendian: little\n"
    "encoding: raw\nspace origin: (0,0,0)\ndata file: {data}\n\n"
)


def written(folder: Path, kind: str, data="voxels.raw", sizes="5 4 3", spacing=None) -> Path:
    """A header and its file of voxels."""
    (folder / "voxels.raw").write_bytes(ARRAY.tobytes())
    text, plain = {"mhd": (MHD, "1 1 1"), "nhdr": (NHDR, "1")}[kind]
    path = folder / f"image.{kind}"
    filled = text.format(data=data, sizes=sizes, spacing=spacing or plain)
    path.write_text(filled.rstrip("\n") + "\n" * (1 if data.startswith("LIST") else 2))
    return path


@pytest.mark.parametrize("kind", ["mhd", "nhdr"])
def test_voxels_beside_their_header_are_read_and_are_an_input(tmp_path, kind):
    path = written(tmp_path, kind)
    assert np.array_equal(sitk.GetArrayFromImage(read_image_file(path, SETTINGS)), ARRAY)
    assert data_files_of(path) == [tmp_path / "voxels.raw"]
    for number, plane in enumerate(ARRAY):
        (tmp_path / f"z{number}.raw").write_bytes(plane.tobytes())
    path = written(tmp_path, kind, "LIST\nz0.raw\nz1.raw\nz2.raw")
    assert np.array_equal(sitk.GetArrayFromImage(read_image_file(path, SETTINGS)), ARRAY)
    assert [file.name for file in data_files_of(path)] == ["z0.raw", "z1.raw", "z2.raw"]
    path = written(tmp_path, kind, "z%d.raw 0 2 1")
    assert [file.name for file in data_files_of(path)] == ["z0.raw", "z1.raw", "z2.raw"]


@pytest.mark.parametrize("kind", ["mhd", "nhdr"])
@pytest.mark.parametrize(
    "name", ["../outside.raw", "{outside}", "sub/voxels.raw", "..\\outside.raw", "link.raw", "LIST\n../outside.raw"]
)  # fmt: skip
def test_header_that_points_elsewhere_is_refused_and_that_file_stays_closed(tmp_path, kind, name):
    folder = tmp_path / "sheets"
    (folder / "sub").mkdir(parents=True)
    outside = tmp_path / "outside.raw"
    outside.write_bytes(ARRAY.tobytes())
    os.symlink(outside, folder / "link.raw")
    path = written(folder, kind, name.format(outside=outside))
    refused(path, "in one folder")
    assert data_files_of(path) == []


@pytest.mark.parametrize("kind", ["mhd", "nhdr"])
@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"data": "gone.raw"}, "not beside it"),
        ({"sizes": "32767 32767 32767"}, "too short"),
        ({"sizes": "5 4 0"}, "no voxel"),
        ({"sizes": "a b c"}, "damaged"),
        ({"spacing": "0 0 0"}, "no usable|damaged|cannot be read"),
        ({"spacing": "nan 1 1"}, "no usable|damaged|cannot be read"),
    ],
)
def test_header_that_lies_is_refused(tmp_path, kind, change, words):
    if kind == "nhdr" and "spacing" in change:
        change = {"spacing": change["spacing"].split()[0]}
    refused(written(tmp_path, kind, **change), words)


def test_damaged_headers_name_no_file(tmp_path):
    for number, data in enumerate((b"", b"NRRD0004\n", b"NRRD0004\nsizes: 1", b"\xff\xfe" * 99)):
        for kind in ("mhd", "nhdr", "mha", "nrrd"):
            path = tmp_path / f"{number}.{kind}"
            path.write_bytes(data)
            assert data_files_of(path) == []
            refused(path, "cannot be read|no voxel")
    assert data_files_of(tmp_path / "none.mhd") == [] == data_files_of(tmp_path)


def deflated(path: Path, more: int) -> None:
    """Write a DICOM file deflated, with `more` MB of zeros behind its dataset."""
    import pydicom

    dataset = pydicom.dcmread(path)
    dataset.file_meta.TransferSyntaxUID = pydicom.uid.DeflatedExplicitVRLittleEndian
    dataset.save_as(path)
    data = path.read_bytes()
    start = 144 + int.from_bytes(data[140:144], "little")
    inner = zlib.decompress(data[start:], -15)
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    parts = [packer.compress(inner)] + [packer.compress(bytes(1 << 20)) for _ in range(more)]
    path.write_bytes(data[:start] + b"".join(parts) + packer.flush())


def test_deflated_dicom_is_read_and_a_bomb_is_not_inflated(ct, run, settings):
    row = ct()
    files = sorted(Path(row["file"]).glob("*.dcm"))
    for file in files:
        deflated(file, 0)
    own = settings["ct"] | {"max_voxels": 10**6}
    assert run([row], own=own).code == 0
    deflated(files[3], 30)
    tracemalloc.start()
    with pytest.raises(TooLarge):
        read_dicom(files[3], 10**6)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10e6
    assert run([row], own=own).failed == {("ct_portal", "DICOM readable")}


def _spacing_zero(dataset, number):
    dataset.PixelSpacing = [0, 0]


def _not_a_number(dataset, number):
    import pydicom

    if number == 5:
        with pydicom.config.disable_value_validation():
            dataset["ImagePositionPatient"] = pydicom.DataElement(0x00200032, "DS", ["nan"] * 3)


def _no_slope(dataset, number):
    dataset.RescaleSlope = 0


def _parallel_axes(dataset, number):
    dataset.ImageOrientationPatient = [1, 0, 0, 1, 0, 0]


@pytest.mark.parametrize("change", [_spacing_zero, _not_a_number, _no_slope, _parallel_axes])
@pytest.mark.filterwarnings("ignore:Invalid value")
def test_numbers_of_a_slice_that_cannot_be(ct, run, change):
    assert run([ct(change=change)]).failed == {("ct_portal", "slice positions")}


def test_series_that_claims_too_many_voxels_is_refused_before_it_is_decoded(ct, run, settings):
    row = ct()
    result = run([row], own=settings["ct"] | {"max_voxels": 1000})
    assert result.failed == {("ct_portal", "DICOM readable")}

    def huge(dataset, number):
        dataset.Rows = dataset.Columns = 65535

    change_headers(Path(row["file"]), huge)
    assert run([row]).failed == {("ct_portal", "DICOM readable")}


def test_size_inside_a_compressed_frame():
    # Start of image, comment of 4 bytes, frame header SOF3: length 11, 12 bits, 300 rows, 512 columns
    jpeg = bytes.fromhex("ffd8 fffe 0004 6162 ffc3 000b 0c 012c 0200 01 011100")
    assert encoded_size(jpeg) == (300, 512)
    # JPEG 2000: SOC, SIZ, length, Rsiz, Xsiz 640, Ysiz 480, offsets 0
    stream = bytes.fromhex("ff4f ff51 0029 0000 00000280 000001e0 00000000 00000000")
    assert encoded_size(stream) == (480, 640)
    assert encoded_size(b"\x00" * 64) is None and encoded_size(b"") is None
