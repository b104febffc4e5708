"""In: images and masks of one patient and modality, in any format. Out: cropped, de-identified NIfTI in LPS order,
meta.json with what was measured, and a verdict per block (phase or sequence).
Source: requirements IMG-CT, IMG-MRI, IMG-US, IST-01; DICOM PS3.3.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from scripts.core import job as core_job
from scripts.core.job import InputDefect
from scripts.imaging import normalisation, volume_measures
from scripts.imaging.acquisition_checks import REQUIREMENT, Finding, has_contrast, record
from scripts.imaging.dicom_file import read_dicom
from scripts.imaging.dicom_header import Moment
from scripts.imaging.dicom_series import Meant, read_series
from scripts.imaging.geometry import lps_image, lps_order, reordered, through_plane
from scripts.imaging.masks import dice, read_mask, region_of
from scripts.imaging.resampling import crop_padding_mm
from scripts.imaging.ultrasound import read_ultrasound
from scripts.imaging.volumes import (
    VOLUME_FILES,
    Volume,
    crop_box,
    grid_of,
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


def referenced(rows: list[dict], keyword: str, max_voxels: int) -> set[str]:
    """UIDs (SeriesInstanceUID, ReferencedSOPInstanceUID) that DICOM masks refer to; empty for masks of other formats."""
    import pydicom

    found: set[str] = set()
    for file in {row["mask"].partition("#")[0] for row in rows if row.get("mask")}:
        if suffix_of(file) != ".dcm":
            continue
        try:
            dataset = read_dicom(file, max_voxels, stop_before_pixels=True)
        except (pydicom.errors.InvalidDicomError, OSError, EOFError, ValueError, KeyError):
            continue
        found |= {str(e.value) for e in dataset.iterall() if e.keyword == keyword}
        found -= {str(dataset.get(keyword))}
    return found


def read_volume(rows: list[dict], modality: str, settings: dict) -> Volume:
    """The image of one block. InputDefect when its rows name several files or parts of a series."""
    files = {(row["file"], row.get("part", "")) for row in rows}
    if len(files) > 1:
        raise InputDefect(
            f"the rows of this phase or sequence name {len(files)} images; readers share one image",
            requirement_id=REQUIREMENT[modality],
            check="one image per block",
        )
    file, part = files.pop()
    if modality == "us":
        return read_ultrasound(file, settings)
    if suffix_of(file) in VOLUME_FILES and not Path(file).is_dir():
        return read_volume_file(file, settings)
    limit = settings["max_voxels"]
    meant = Meant(
        lambda: referenced(rows, "SeriesInstanceUID", limit),
        lambda: referenced(rows, "ReferencedSOPInstanceUID", limit),
        part,
    )
    return read_series(file, modality, settings, meant)


@dataclass
class Reading:
    """One reader's region and liver (bool, on the grid of the image) and the number of labels in the region."""

    row: dict
    region: np.ndarray
    liver: np.ndarray
    labels: int


def read_region(step, row: dict, volume: Volume, modality: str, settings: dict) -> Reading:
    """One reading. InputDefect: no mask, unreadable, off the grid, empty, outside of the ultrasound picture."""
    if not row.get("mask"):
        raise InputDefect(
            "no mask in the sheet; a region must be drawn before features can be measured",
            requirement_id="IST-01",
            check="mask given",
            evidence=row["assay_id"],
        )
    liver_labels = settings["liver_labels"]
    planar = modality == "us"
    mask = read_mask(row["mask"], volume, settings, planar=planar, beneath=liver_labels)
    labels = mask.labels
    region = region_of(labels, settings["region_labels"], liver_labels)
    if not region.any():
        reason = "the mask is empty; draw it again"
        if labels.any():
            reason = f"the mask has no voxel of the region (labels {settings['region_labels']}); draw it again"
        raise InputDefect(
            reason,
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
    record(step, mask.findings, row["assay_id"])
    return Reading(row, region, np.isin(labels, liver_labels), len(np.unique(labels[region])))


def read_readings(step, rows, volume, modality, settings) -> list[Reading]:
    """The readings of a block; a defect of the first is the block's, later ones are dropped."""
    readings = []
    for number, row in enumerate(rows):
        try:
            readings.append(read_region(step, row, volume, modality, settings))
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


def turn_to_lps(volume: Volume, readings: list[Reading]) -> int:
    """Image and regions in LPS order with coordinates of their own, in place. Returns the numpy axis across the slices."""
    direction = volume.image.GetDirection()
    for reading in readings:
        reading.region = np.ascontiguousarray(reordered(reading.region, direction))
        reading.liver = np.ascontiguousarray(reordered(reading.liver, direction))
    order, _ = lps_order(direction)
    volume.image = lps_image(volume.image)
    if volume.acquisition["format"] == "dicom":
        return 2 - order.index(2)
    spacings = volume.image.GetSpacing()
    across = through_plane(spacings)
    return 2 - max(axis for axis in range(3) if spacings[axis] == across)


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


def write_block(folder: Path, volume: Volume, readings: list[Reading], settings: dict) -> dict:
    """Write the crop of a block (image and one mask per reading) and return its part of meta.json.

    The full grid and the crop's place in it are kept, so that resampling does not depend on the crop; the first voxel of the
    image lies at 0, so that nothing depends on the position of the table.
    """
    folder.mkdir(parents=True)
    full = volume.image
    union = np.any([reading.region for reading in readings], axis=0)
    box = crop_box(union, full.GetSpacing(), crop_padding_mm(settings["radiomics"]))
    start = [box[2].start, box[1].start, box[0].start]
    size = [box[2].stop - box[2].start, box[1].stop - box[1].start, box[0].stop - box[0].start]
    crop = sitk.RegionOfInterest(full, size, start)
    write_compact(crop, folder / "image.nii")
    listed = []
    for number, reading in enumerate(readings):
        row, name = reading.row, f"mask{number + 1}.nii"
        write_compact(without_texts(reading.region[box].astype(np.uint8), crop), folder / name)
        listed.append({"reader": row.get("reader", ""), "assay_id": row["assay_id"], "mask": name})
    return {"grid": grid_of(full), "crop_start": start, "orientation": "LPS", "readings": listed}


def measure(
    volume: Volume, readings: list[Reading], across: int, modality: str, settings: dict
) -> dict:
    """Numbers that judge_volumes holds against its limits."""
    first, others = readings[0], readings[1:]
    found = volume_measures.region_measures(first.region, across)
    found |= {"labels": first.labels, "labels_chosen": bool(settings["region_labels"])}
    agreements = {o.row["assay_id"]: dice(first.region, o.region) for o in others}
    found["dice"] = {assay: None if np.isnan(d) else d for assay, d in agreements.items()}
    if modality == "ct":
        found |= volume_measures.intensities(volume, first.region)
        found["ring_hu"] = volume_measures.ring_median(volume, first.region, settings["tissue_hu"])
    return found


def phase_of(volume: Volume, row: dict) -> tuple[str | None, str]:
    """The contrast phase and its source: the sheet, else the series description, else unknown."""
    if row.get("phase"):
        return row["phase"], "sheet"
    named = volume.acquisition.get("phase_of_series")
    return (named, "series description") if named else (None, "unknown")


def prepare_block(step, rows, folder, modality, settings) -> tuple[dict, Moment | None]:
    """Read, measure, normalise and write one block; returns its part of meta.json and when it was acquired."""
    assay = rows[0]["assay_id"]
    volume = read_volume(rows, modality, settings)
    record(step, volume.findings, assay)
    readings = read_readings(step, rows, volume, modality, settings)
    across = turn_to_lps(volume, readings)
    measured = measure(volume, readings, across, modality, settings)
    scaling = normalise(volume, readings[0].row, readings[0].liver, settings)
    phase, source = phase_of(volume, readings[0].row)
    meta = write_block(folder, volume, readings, settings)
    meta |= {
        "assay_id": assay,
        "acquisition": volume.acquisition,
        "contrast": has_contrast(volume.acquisition),
        "phase": phase,
        "phase_source": source,
        "calibrated": volume.calibrated,
        "normalisation": scaling,
        "measured": measured,
    }
    record(step, [Finding("IST-01", "NIfTI in LPS without identifiers", "PASS", "LPS")], assay)
    return meta, volume.moment


def main(job):
    """Prepare one patient's images of one modality.

    output: volumes (folder), meta, status, ledger
    params: assays (rows of assays.tsv: file, part, mask, reader, block, assay_id, phase, sequence), settings
    wildcards: patient, modality
    """
    with core_job.step(job) as step:
        step.require_md5()
        settings, modality = job.params.settings, job.wildcards.modality
        folder = step.path(job.output.volumes)
        folder.mkdir(parents=True)
        meta, moments = {}, {}
        for name, rows in rows_by_block(list(job.params.assays)).items():
            with step.block(name):
                meta[name], moments[name] = prepare_block(
                    step, rows, folder / name, modality, settings
                )
        for name, seconds in volume_measures.seconds_after_first(moments).items():
            meta[name]["seconds_after_first"] = seconds
        text = json.dumps(meta, indent=1, sort_keys=True) + "\n"
        step.path(job.output.meta).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    core_job.entry(main, globals().get("snakemake"))
