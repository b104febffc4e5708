"""The demo's images: same seed same bytes, defects only where planted, the signal where it belongs."""

from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk

from scripts.core.hashing import digest_of_file
from scripts.demo import simulate_imaging
from scripts.demo.latent import generator, make_people

SEED = 20260205


def digests(folder: Path) -> dict[str, str]:
    """{file: digest} of everything below a folder."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): digest_of_file(path) for path in files}


@pytest.fixture(scope="module")
def people():
    """The first six people of the demo."""
    return make_people(SEED, 6, 0)


@pytest.fixture(scope="module")
def mess(people, tmp_path_factory):
    """Folder and rows with planted defects."""
    folder = tmp_path_factory.mktemp("mess")
    return folder, simulate_imaging.simulate(people, folder, SEED, True)


@pytest.fixture(scope="module")
def clean(people, tmp_path_factory):
    """Folder and rows of the clean twin."""
    folder = tmp_path_factory.mktemp("clean")
    return folder, simulate_imaging.simulate(people, folder, SEED, False)


def test_defects_change_only_the_planted_files(mess, clean):
    messy, tidy = digests(mess[0]), digests(clean[0])
    differ = {name for name in messy.keys() | tidy.keys() if messy.get(name) != tidy.get(name)}
    assert differ == {
        "raw/ct/P0004/arterial/0012.dcm",  # not there
        "raw/mri/P0001/t1_R1.nii.gz",
        "raw/us/P0005/R1.png",
    }
    assert {(f["subject"], f["block"], f["verdict"]) for f in mess[1].findings} == {
        ("P0004", "ct_arterial", "FAIL"),
        ("P0001", "mri_t1", "FAIL"),
        ("P0005", "us", "FAIL"),
    }
    assert clean[1].findings == [] and mess[1].assays == clean[1].assays


def test_more_people_change_nobody_elses_files(clean, tmp_path):
    more = make_people(SEED, 24, 3)
    one = [person for person in more if person.number == 0]
    simulate_imaging.simulate(one, tmp_path, SEED, False)
    own = digests(tmp_path)
    assert own and own.items() <= digests(clean[0]).items()


def test_rows_name_files_that_exist(mess):
    folder, made = mess
    for row in made.assays:
        assert (folder / row["file"]).exists() and (folder / row["mask"]).is_file()
    ids = {(r["patient_id"], r["modality"], r.get("phase"), r.get("sequence")) for r in made.assays}
    assert ("P0001", "ct", "arterial", None) in ids and ("P0001", "mri", None, "t2") in ids


def test_development_patients_are_read_twice(mess, people):
    roles = {person.patient_id: person.role for person in people}
    for row in mess[1].assays:
        same = [r for r in mess[1].assays if r["file"] == row["file"]]
        assert len(same) == (2 if roles[row["patient_id"]] == "development" else 1)


def test_headers_name_nobody(mess):
    for file in mess[0].rglob("*.dcm"):
        dataset = pydicom.dcmread(file, stop_before_pixels=True)
        assert str(dataset.get("PatientName", "")) == "" and dataset.PatientBirthDate == ""


def test_the_lesion_shows_the_burden_and_its_size_does_not():
    people = make_people(SEED, 0, 60)
    contrast, latent, volume = [], [], []
    for person in people:
        rng = generator(SEED, "test", person.number)
        place = simulate_imaging.anatomy(
            rng, simulate_imaging.CT_SHAPE, simulate_imaging.CT_SPACING
        )
        own = {
            "liver": 0.0,
            "contrast": {p: rng.normal(0, s[2]) for p, s in simulate_imaging.LESION_HU.items()},
            "vessels": np.zeros(place.body.shape),
            "mosaic": np.zeros(place.body.shape),
            "texture": np.zeros(place.body.shape),
        }
        hu = simulate_imaging.ct_volume(rng, place, person, "arterial", own)
        contrast.append(hu[place.lesion].mean() - hu[place.liver & ~place.lesion].mean())
        latent.append(person.latent["ct"])
        volume.append(place.lesion.sum())
    # 16 HU per unit of burden (SD about 1) against 8 HU between people: r = 0.9
    assert np.corrcoef(contrast, latent)[0, 1] > 0.8
    assert abs(np.corrcoef(volume, latent)[0, 1]) < 0.4  # 60 people: SE 0.13


def test_ct_is_in_hounsfield_units(clean):
    folder = clean[0] / "raw/ct/P0001/portal"
    dataset = pydicom.dcmread(sorted(folder.glob("*.dcm"))[12])
    values = dataset.pixel_array * float(dataset.RescaleSlope) + float(dataset.RescaleIntercept)
    assert np.median(values[values < -800]) == pytest.approx(-1000, abs=5)
    mask = clean[0] / "raw/mri/P0001/t2_R1.nii.gz"
    assert sitk.GetArrayFromImage(sitk.ReadImage(str(mask))).sum() > 100
