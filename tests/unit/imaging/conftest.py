"""Small images for imaging tests: a liver phantom, ways to write it, and a step run by hand."""

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import SimpleITK as sitk

from scripts.core.config import default_config
from scripts.core.job import job_from_command_line
from scripts.demo.imaging_files import Study, write_ct_series, write_mask, write_us
from scripts.demo.latent import make_people
from scripts.imaging import extract_radiomics, judge_volumes, prepare_volumes

SPACING = (2.5, 2.0, 2.0)  # z, y, x in mm


@pytest.fixture
def settings():
    """Settings of the modalities, with few filters so that tests are quick."""
    found = default_config()["imaging"]
    found = json.loads(json.dumps(found))
    for modality in ("ct", "mri", "us"):
        found[modality]["radiomics"]["image_types"] = ["original"]
    return found


@pytest.fixture
def phantom():
    """HU of a body of 50, a bright ball of 90 in it, noise of 5 HU; the ball's mask (z, y, x)."""
    rng = np.random.default_rng(7)
    z, y, x = np.mgrid[:16, :40, :40].astype(float)
    body = (y - 20) ** 2 + (x - 20) ** 2 < 18**2
    ball = ((z - 8) * 1.25) ** 2 + (y - 20) ** 2 + (x - 20) ** 2 < 5**2
    volume = np.where(body, 50.0, -1000.0) + 40 * ball + 5 * rng.normal(size=body.shape)
    return SimpleNamespace(volume=np.rint(volume).astype(np.int16), mask=ball)


@pytest.fixture
def study():
    """The examination of one simulated person."""
    return Study(1, make_people(1, 1, 0)[0], "ct")


@pytest.fixture
def ct(tmp_path, phantom, study):
    """A function that writes the phantom as a DICOM series and its mask, and returns the row."""

    def write(
        phase="portal", delay=70, lost=frozenset(), spacing=SPACING, change=None, volume=None
    ):
        folder = tmp_path / f"ct_{phase}"
        volume = phantom.volume if volume is None else volume
        write_ct_series(folder, volume, spacing, study, phase, delay, set(lost))
        if change:
            change_headers(folder, change)
        mask = tmp_path / f"mask_{phase}.nii.gz"
        write_mask(mask, phantom.mask, spacing)
        return {
            "file": str(folder),
            "mask": str(mask),
            "block": f"ct_{phase}",
            "assay_id": f"A_{phase}_R1",
            "phase": phase,
            "reader": "R1",
        }

    return write


@pytest.fixture
def ultrasound(tmp_path, study):
    """A function that writes a picture and a mask in PNG, and returns the row."""

    def write(change=None):
        rng = np.random.default_rng(3)
        rows, columns = np.mgrid[:60, :80]
        picture = rng.integers(20, 120, (60, 80)).astype(np.uint8)
        file, mask = tmp_path / "us.dcm", tmp_path / "us.png"
        write_us(file, picture, 0.5, study)
        if change:
            change_headers(tmp_path, change, "us.dcm")
        write_mask(mask, ((rows - 30) ** 2 + (columns - 40) ** 2 < 100)[None], (1, 0.5, 0.5))
        return {"file": str(file), "mask": str(mask), "block": "us", "assay_id": "A_us"}

    return write


def change_headers(folder: Path, change, pattern: str = "*.dcm") -> None:
    """Apply `change(dataset, number)` to every file of a series and write it back."""
    import pydicom

    for number, file in enumerate(sorted(folder.glob(pattern))):
        dataset = pydicom.dcmread(file)
        change(dataset, number)
        dataset.save_as(file)


@pytest.fixture
def run(tmp_path, settings):
    """Run prepare_volumes (with `extract` extract_radiomics, too) and judge_volumes by hand on rows of assays.tsv.

    codes : exit codes of the steps; code : of the last; failed, warned : (block, check) of all of them
    """

    def do(rows, modality="ct", extract=False, own=None):
        own = own or settings[modality]
        out = tmp_path / "out"
        codes = [_prepare(out, rows, modality, own)]
        if extract:
            codes.append(_extract(out, modality, own))
        codes.append(_judge(out, modality, own, "extract.json" if extract else "prepare.json"))
        status = json.loads((out / "status.json").read_text())
        files = ("prepare.jsonl", "judge.jsonl")
        ledger = [
            json.loads(line) for file in files for line in (out / file).read_text().splitlines()
        ]
        return SimpleNamespace(
            codes=codes,
            code=codes[-1],
            status=status,
            ledger=ledger,
            failed={(r["block"], r["check"]) for r in ledger if r["verdict"] == "FAIL"},
            warned={(r["block"], r["check"]) for r in ledger if r["verdict"] == "WARN"},
            out=out,
            meta=_json(out / "meta.json"),
            row=_json(out / "row.json") if extract else None,
        )

    return do


def _json(path):
    text = path.read_text()
    return json.loads(text) if text else None


def _by_hand(main, arguments) -> int:
    try:
        main(job_from_command_line(main, arguments))
    except SystemExit as stop:
        return int(stop.code)
    return 0


def _prepare(out, rows, modality, own) -> int:
    arguments = ["--param", f"assays={json.dumps(rows)}", "--param", f"settings={json.dumps(own)}"]
    arguments += ["--wildcard", "patient=P1", "--wildcard", f"modality={modality}"]
    for name, file in (
        ("volumes", "volumes"),
        ("meta", "meta.json"),
        ("status", "prepare.json"),
        ("ledger", "prepare.jsonl"),
    ):
        arguments += ["--output", f"{name}={out / file}"]
    return _by_hand(prepare_volumes.main, arguments)


def _extract(out, modality, own) -> int:
    arguments = ["--param", f"settings={json.dumps(own)}"]
    arguments += ["--wildcard", "patient=P1", "--wildcard", f"modality={modality}"]
    arguments += ["--input", f"volumes={out / 'volumes'}", "--input", f"meta={out / 'meta.json'}"]
    arguments += ["--input", f"status={out / 'prepare.json'}"]
    for name in ("row.json", "readings.json", "ledger.jsonl"):
        arguments += ["--output", f"{name.split('.')[0]}={out / name}"]
    arguments += ["--output", f"status={out / 'extract.json'}"]
    return _by_hand(extract_radiomics.main, arguments)


def _judge(out, modality, own, status) -> int:
    arguments = ["--param", f"limits={json.dumps(own)}"]
    arguments += ["--wildcard", "patient=P1", "--wildcard", f"modality={modality}"]
    arguments += ["--input", f"meta={out / 'meta.json'}", "--input", f"extracted={out / status}"]
    arguments += ["--output", f"status={out / 'status.json'}"]
    arguments += ["--output", f"ledger={out / 'judge.jsonl'}"]
    return _by_hand(judge_volumes.main, arguments)


@pytest.fixture
def image_of():
    """A function that makes a SimpleITK image of an array (z, y, x) with spacing in z, y, x."""

    def make(array, spacing=(1.0, 1.0, 1.0), origin=(0.0, 0.0, 0.0)):
        image = sitk.GetImageFromArray(np.asarray(array))
        image.SetSpacing([float(s) for s in reversed(spacing)])
        image.SetOrigin([float(o) for o in reversed(origin)])
        return image

    return make
