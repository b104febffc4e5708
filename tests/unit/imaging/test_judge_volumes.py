"""Limits act in one step, on what was measured; each habit of a reader or a scanner has its finding."""

import datetime

import numpy as np
import pytest

from scripts.demo.imaging_files import write_mask
from scripts.imaging import volume_measures
from scripts.imaging.dicom_header import Moment
from tests.unit.imaging.conftest import SPACING, change_headers


@pytest.fixture
def judged(ct, run, phantom, tmp_path):
    """A function that draws on a copy of the phantom's mask and returns the run."""

    def do(change, suffix=".nii.gz", **own):
        mask = phantom.mask.copy()
        mask = change(mask)
        path = tmp_path / f"drawn{suffix}"
        write_mask(path, mask, SPACING)
        return run([ct() | {"mask": str(path)} | own])

    return do


def _stray(mask):
    mask[8, 3, 20] = True
    return mask


def _two_lesions(mask):
    mask[7:10, 32:36, 18:24] = True
    return mask


def _one_slice(mask):
    mask[:8] = mask[9:] = False
    return mask


def _missing_slices(mask):
    mask[7] = mask[9] = False
    return mask


@pytest.mark.parametrize(
    ("change", "check", "words"),
    [
        (_stray, "region in one piece", "2 separate pieces: 1 of fewer than 10 voxels"),
        (_two_lesions, "region in one piece", "2 separate pieces: 2 of the size of a lesion"),
        (_one_slice, "region on several slices", "in one slice of 16"),
        (_missing_slices, "no slice of the region missing", "2 slices between slices"),
    ],
)
def test_what_a_reader_drew_by_mistake_is_a_warning(judged, change, check, words):
    result = judged(change)
    assert ("ct_portal", check) in result.warned and not result.failed
    assert any(words in reason for reason in result.status["blocks"]["ct_portal"]["reasons"])


def test_a_good_mask_has_no_warning(judged):
    result = judged(lambda mask: mask)
    assert not result.warned and not result.failed
    measured = result.meta["ct_portal"]["measured"]
    assert measured["piece_count"] == 1 and measured["empty_slices"] == 0


def test_labels_that_are_measured_together_are_named(ct, run, phantom, settings, tmp_path):
    from scripts.demo.imaging_files import write_nifti

    labels = phantom.mask.astype(np.uint8)
    labels[:8] *= 2
    write_nifti(tmp_path / "two.nii.gz", labels, SPACING)
    row = ct() | {"mask": str(tmp_path / "two.nii.gz")}
    result = run([row])
    assert ("ct_portal", "one label") in result.warned
    chosen = run([row], own=settings["ct"] | {"region_labels": [1, 2]})
    assert ("ct_portal", "one label") not in chosen.warned


def times(start):
    """Change the headers of a series to an acquisition that began then."""

    def change(dataset, number):
        dataset.AcquisitionDate = start.strftime("%Y%m%d")
        dataset.AcquisitionTime = start.strftime("%H%M%S")

    return change


@pytest.mark.parametrize(
    ("seconds", "dated", "verdict"),
    [
        (40, True, "pass"),
        (-40, True, "fail"),
        (40, False, "pass"),
        (-40, False, "fail"),
        (30 * 86400, True, "warn"),
    ],
)
def test_phases_around_midnight_and_of_two_examinations(ct, run, seconds, dated, verdict):
    arterial = datetime.datetime(2026, 1, 10, 23, 59, 50)
    rows = [ct("arterial", 35), ct("portal", 70)]
    for row, start in zip(
        rows, (arterial, arterial + datetime.timedelta(seconds=seconds)), strict=True
    ):
        from pathlib import Path

        change_headers(Path(row["file"]), times(start))
        if not dated:
            change_headers(Path(row["file"]), _without_date)
    result = run(rows)
    assert {b["verdict"] for b in result.status["blocks"].values()} == {verdict}
    assert "2026" not in (result.out / "meta.json").read_text()  # no date leaves


def _without_date(dataset, number):
    del dataset.AcquisitionDate, dataset.SeriesDate


def test_seconds_after_the_first_block():
    moments = {"portal": Moment(10, 30.0), "arterial": Moment(9, 86390.0), "x": None}
    found = volume_measures.seconds_after_first(moments)
    assert found == {"portal": 40.0, "arterial": 0.0, "x": None}
    assert volume_measures.seconds_after_first({"a": None}) == {"a": None}


def test_the_phase_of_sheet_and_series_disagree_in_any_language(ct, run):
    def name(dataset, number):
        dataset.SpecificCharacterSet = "ISO_IR 192"
        dataset.SeriesDescription = "静脉期"

    row = ct("portal", change=name) | {"phase": "arterial"}
    result = run([row])
    assert ("ct_portal", "phase recorded") in result.warned
    reasons = result.status["blocks"]["ct_portal"]["reasons"]
    assert "the sheet says arterial, the series description portal" in reasons


def test_another_limit_acts_on_the_same_measures(ct, run, settings):
    row = ct()
    strict = settings["ct"] | {"min_voxels": 10**6, "required_fields": ["kvp", "kernel"]}
    result = run([row], own=strict)
    assert result.codes == [0, 2] and result.failed == {("ct_portal", "region size")}


def test_a_spacing_may_exceed_a_limit_by_its_rounding(ct, run, settings):
    own = settings["ct"] | {"slice_warn_mm": 2.4999}
    assert run([ct()], own=own).status["blocks"]["ct_portal"]["verdict"] == "pass"
    own = settings["ct"] | {"slice_warn_mm": 2.49}
    assert run([ct()], own=own).status["blocks"]["ct_portal"]["verdict"] == "warn"
