"""In: images and masks of one patient and modality, in any format. Out: cropped, de-identified NIfTI,
meta.json and a verdict per block (phase or sequence).
Source: requirements IMG-CT, IMG-MRI, IMG-US, IST-01, QCP-03; DICOM PS3.3.
"""

import json
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from scripts.core import job as core_job
from scripts.core.job import InputDefect
from scripts.imaging import acquisition_checks as checks
from scripts.imaging import normalisation
from scripts.imaging.dicom_series import read_series
from scripts.imaging.masks import dice, read_mask, region_of
from scripts.imaging.resampling import crop_padding_mm
from scripts.imaging.ultrasound import read_ultrasound
from scripts.imaging.volumes import (
    VOLUME_FILES,
    Volume,
    crop_box,
    grid_of,
    oriented,
    read_volume_file,
    suffix_of,
    without_texts,
    write_compact,
)


def rows_by_block(assays: list[dict]) -> dict[str, list[dict]]:
    """{block: its rows in the order of the sheet}; rows of one block are readings of one image."""
    blocks: dict[str, list[dict]] = {}
    for row in assays:
        blocks.setdefault(row["block"], []).append(row)
    return blocks


def referenced_series(rows: list[dict]) -> set[str]:
    """UIDs of series that DICOM masks refer to; empty for masks of other formats."""
    import pydicom

    found: set[str] = set()
    for file in {row["mask"].partition("#")[0] for row in rows if row.get("mask")}:
        if suffix_of(file) != ".dcm":
            continue
        try:
            dataset = pydicom.dcmread(file, stop_before_pixels=True)
        except (pydicom.errors.InvalidDicomError, OSError, EOFError, ValueError):
            continue
        found |= {
            str(element.value) for element in dataset.iterall() if element.tag == 0x0020000E
        } - {str(dataset.get("SeriesInstanceUID"))}
    return found


def read_volume(rows: list[dict], modality: str, settings: dict) -> Volume:
    """The image of one block. InputDefect when its rows name several files."""
    files = {row["file"] for row in rows}
    if len(files) > 1:
        raise InputDefect(
            f"the rows of this phase or sequence name {len(files)} images; readers share one image",
            requirement_id=checks.REQUIREMENT[modality],
            check="one image per block",
        )
    file = files.pop()
    if modality == "us":
        return read_ultrasound(file)
    if suffix_of(file) in VOLUME_FILES and not Path(file).is_dir():
        return read_volume_file(file)
    return read_series(file, modality, settings, lambda: referenced_series(rows))


def read_region(row: dict, volume: Volume, modality: str, settings: dict) -> tuple:
    """Region and liver (bool arrays on the image's grid) of one reading."""
    if not row.get("mask"):
        raise InputDefect(
            "no mask in the sheet; a region must be drawn before features can be measured",
            requirement_id="IST-01",
            check="mask given",
            evidence=row["assay_id"],
        )
    liver_labels = settings["liver_labels"]
    labels = read_mask(row["mask"], volume, planar=modality == "us", beneath=liver_labels)
    region = region_of(labels, settings["region_labels"], liver_labels)
    if not region.any():
        wanted = settings["region_labels"]
        reason = "the mask is empty" if not labels.any() else "the mask has no voxel of the region"
        reason += f" (labels {wanted})" if wanted and labels.any() else ""
        raise InputDefect(
            f"{reason}; draw it again",
            requirement_id="IST-01",
            check="mask not empty",
            evidence=row["assay_id"],
        )
    if volume.valid is not None and not volume.valid[region].all():
        raise InputDefect(
            "the mask reaches outside of the ultrasound region of the picture",
            requirement_id="IST-01",
            check="mask on the image grid",
            evidence=row["assay_id"],
        )
    return region, np.isin(labels, liver_labels)


def read_readings(step, rows, volume, modality, settings) -> list[tuple[dict, np.ndarray, tuple]]:
    """[(row, region, liver)]; a defect of the first reading is the block's, later ones are dropped."""
    readings = []
    for number, row in enumerate(rows):
        try:
            readings.append((row, *read_region(row, volume, modality, settings)))
        except InputDefect as defect:
            if number == 0:
                raise
            step.check(
                defect.requirement_id,
                defect.check,
                "WARN",
                reason=f"reading of {row.get('reader', 'another reader')} not used: {defect.reason}",
                evidence=row["assay_id"],
            )
    return readings


def normalise(volume: Volume, row: dict, liver: np.ndarray, settings: dict) -> dict:
    """What extraction must do to the intensities; N4 is done here, on the whole image."""
    if settings["normalisation"] == "none" or row.get("sequence") in settings["maps"]:
        return {"method": "none"}
    region, where = (liver, "liver") if liver.any() else (None, "body")
    if region is None:
        region = normalisation.body_mask(volume.image)
    negative = float((sitk.GetArrayViewFromImage(volume.image) < 0).mean())
    if negative > settings["max_negative_fraction"]:
        raise InputDefect(
            f"{negative:.0%} of the image is negative: no magnitude image (a phase image, or normalised already); give the "
            "original, or name its sequence in config imaging.mri.maps",
            requirement_id="IST-03",
            check="intensities of a magnitude image",
        )
    if settings["n4"]:
        volume.image = normalisation.correct_bias(
            volume.image, region, settings["n4_shrink"], settings["n4_iterations"]
        )
    mean, sd = normalisation.mean_and_sd(volume.image, region)
    if not sd > 0:
        raise InputDefect(
            "the image has one value only", requirement_id="IST-01", check="image has contrast"
        )
    scale = settings["zscore_scale"]
    return {
        "method": f"z-score in the {where}, times {scale:g}",
        "n4": bool(settings["n4"]),
        "mean": mean,
        "sd": sd,
        "scale": scale,
    }


def write_block(folder: Path, volume: Volume, readings: list, settings: dict) -> dict:
    """Write the crop of a block (image and one mask per reading) and return its part of meta.json.

    The full grid and the crop's place in it are kept, so that resampling does not depend on the crop.
    """
    folder.mkdir(parents=True)
    full = oriented(volume.image)
    placed = []
    for row, region, _ in readings:
        mask = without_texts(region.astype(np.uint8), volume.image)
        placed.append((row, sitk.GetArrayFromImage(oriented(mask)).astype(bool)))
    union = np.any([region for _, region in placed], axis=0)
    box = crop_box(union, full.GetSpacing(), crop_padding_mm(settings["radiomics"]))
    start = [box[2].start, box[1].start, box[0].start]
    size = [box[2].stop - box[2].start, box[1].stop - box[1].start, box[0].stop - box[0].start]
    crop = sitk.RegionOfInterest(full, size, start)
    write_compact(crop, folder / "image.nii")
    listed = []
    for number, (row, region) in enumerate(placed):
        name = f"mask{number + 1}.nii"
        write_compact(without_texts(region[box].astype(np.uint8), crop), folder / name)
        listed.append({"reader": row.get("reader", ""), "assay_id": row["assay_id"], "mask": name})
    return {"grid": grid_of(full), "crop_start": start, "orientation": "LPS", "readings": listed}


def record(step, findings: list, evidence: str) -> None:
    """Hand findings to the step."""
    for finding in findings:
        step.check(
            finding.requirement_id,
            finding.check,
            finding.verdict,
            value=finding.value,
            unit=finding.unit,
            threshold=finding.threshold,
            reason=finding.reason if finding.verdict != "PASS" else "",
            evidence=evidence,
        )


def prepare_block(step, rows, folder, modality, settings) -> tuple[dict, Volume, np.ndarray]:
    """Read, check, normalise and write one block; returns its meta, volume and first region."""
    assay = rows[0]["assay_id"]
    volume = read_volume(rows, modality, settings)
    record(step, volume.findings, assay)
    readings = read_readings(step, rows, volume, modality, settings)
    row, region, liver = readings[0]
    found = checks.check_region(region, settings, modality)
    if modality != "us":
        found += checks.check_slices(volume, modality, settings)
        found += checks.check_phase(volume, row, modality)
    found += checks.check_required_fields(volume, modality, settings)
    if modality == "ct":
        found += checks.check_hounsfield(volume, region, settings)
    record(step, found, assay)
    for other, second, _ in readings[1:]:
        agreement = dice(region, second)
        limit = settings["dice_min"]
        verdict = "PASS" if agreement >= limit else "WARN"
        step.check(
            "QCP-03",
            "Dice between readings",
            verdict,
            value=agreement,
            threshold=f">= {limit:g}",
            evidence=other["assay_id"],
        )
    scaling = normalise(volume, row, liver, settings)
    phase, source = checks.phase_of(volume, row)
    meta = write_block(folder, volume, readings, settings)
    facts = {k: v for k, v in volume.acquisition.items() if k != "phase_hint"}
    meta |= {
        "acquisition": facts,
        "contrast": checks.has_contrast(volume.acquisition),
        "phase": phase,
        "phase_source": source,
        "calibrated": volume.calibrated,
        "normalisation": scaling,
    }
    record(step, [_format_finding(volume)], assay)
    return meta, volume, region


def _format_finding(volume: Volume):
    from scripts.imaging.volumes import Finding

    return Finding("IST-01", "NIfTI in LPS without identifiers", "PASS", "LPS")


def check_study(step, prepared: dict[str, tuple], settings: dict) -> None:
    """Checks over the phases of one CT study; both phases that look swapped fail."""
    by_phase = {meta["phase"]: name for name, (meta, _, _) in prepared.items() if meta["phase"]}
    surroundings, seconds = {}, {}
    for phase, name in by_phase.items():
        _, volume, region = prepared[name]
        surroundings[phase] = checks.ring_median(volume, region, settings)
        seconds[phase] = volume.seconds
    reasons = checks.swapped_phases(surroundings, seconds, settings["swapped_hu"])
    for phase, name in by_phase.items():
        with step.block(name):
            verdict = "FAIL" if phase in reasons else "PASS"
            if len(by_phase) > 1:
                step.check("IMG-CT", "phases in order", verdict, reason=reasons.get(phase, ""))


def main(job):
    """Prepare one patient's images of one modality.

    output: volumes (folder), meta, status, ledger
    params: assays (rows of assays.tsv: file, mask, reader, block, assay_id, phase, sequence), settings
    wildcards: patient, modality
    """
    with core_job.step(job) as step:
        step.require_md5()
        settings, modality = job.params.settings, job.wildcards.modality
        folder = step.path(job.output.volumes)
        folder.mkdir(parents=True)
        prepared = {}
        for name, rows in rows_by_block(list(job.params.assays)).items():
            with step.block(name):
                prepared[name] = prepare_block(step, rows, folder / name, modality, settings)
        if modality == "ct":
            check_study(step, prepared, settings)
        meta = {name: entry for name, (entry, _, _) in sorted(prepared.items())}
        text = json.dumps(meta, indent=1, sort_keys=True) + "\n"
        step.path(job.output.meta).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    core_job.entry(main, globals().get("snakemake"))
