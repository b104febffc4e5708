"""In: prepared volumes of one patient and modality. Out: one feature row per block (first reading),
and the features of every reading for the reader agreement.
Source: IBSI 1 (doi 10.1148/radiol.2020191145); requirements IST-02, IST-03, OMX-04.
"""

import json
import math
from pathlib import Path

import SimpleITK as sitk

from scripts.core import job as core_job
from scripts.core.features import write_row
from scripts.imaging import radiomic_features, resampling


def normalised(image: sitk.Image, normalisation: dict) -> sitk.Image:
    """The image on the common scale: (x - mean) / SD x scale, or unchanged."""
    image = sitk.Cast(image, sitk.sitkFloat64)
    if "sd" not in normalisation:
        return image
    factor = normalisation["scale"] / normalisation["sd"]
    return (image - normalisation["mean"]) * factor


def on_grid(file: Path, meta: dict) -> sitk.Image:
    """A crop at its place in the grid of the image; the NIfTI holds it in float32 only."""
    image = sitk.ReadImage(str(file))
    spacing = meta["grid"]["spacing"]
    image.SetSpacing(spacing)
    image.SetOrigin([n * s for n, s in zip(meta["crop_start"], spacing, strict=True)])
    image.SetDirection(meta["grid"]["direction"])
    return image


def block_settings(meta: dict, settings: dict) -> dict:
    """Radiomics settings of one block: maps (ADC ...) keep their values and take a fixed number of
    bins, because a bin width made for z-scores means nothing in their units."""
    radiomics = dict(settings["radiomics"])
    if settings["normalisation"] != "none" and "sd" not in meta["normalisation"]:
        radiomics["bin_count"] = radiomics["filtered_bin_count"]
    return radiomics


def reading_features(image: sitk.Image, mask: sitk.Image, meta: dict, radiomics: dict) -> dict:
    """Features of one reading. `qc_` features describe the measurement and are never predictors."""
    if radiomics["mode"] == "stock":
        options = dict(radiomics["pyradiomics"])
        return radiomic_features.stock_features(image, mask, options)
    region = radiomic_features.prepare_region(image, mask, meta["grid"], radiomics)
    found = radiomic_features.ibsi_features(region, radiomics, meta["calibrated"])
    found["qc_region_voxels"] = float(region.morphological.sum())
    found["qc_intensity_share"] = float(region.intensity.sum() / region.morphological.sum())
    found["qc_texture_dimensions"] = 3.0 if region.across is None else 2.0
    if meta["acquisition"].get("slice_spacing_mm"):
        found["qc_slice_spacing_mm"] = meta["acquisition"]["slice_spacing_mm"]
    return found


def extract_block(folder: Path, meta: dict, settings: dict) -> list[dict]:
    """[{reader, assay_id, features}] of one block, in the order of the sheet."""
    image = normalised(on_grid(folder / "image.nii", meta), meta["normalisation"])
    radiomics = block_settings(meta, settings)
    readings = []
    for reading in meta["readings"]:
        mask = on_grid(folder / reading["mask"], meta)
        features = reading_features(image, mask, meta, radiomics)
        readings.append(
            {
                "reader": reading["reader"],
                "assay_id": reading["assay_id"],
                "features": {
                    name: None if math.isnan(value) else value
                    for name, value in sorted(features.items())
                },
            }
        )
    return readings


def record(step, meta: dict, settings: dict, features: dict, assay: str) -> None:
    """Spacing, normalisation and classes of one block as QC records."""
    radiomics = settings["radiomics"]
    if radiomics["mode"] == "ibsi":
        spacing, axis = resampling.target_spacing(meta["grid"], radiomics)
        native = not radiomics["spacing_mm"] or radiomics["interpolator"] == "none"
        kept = "native pixels" if native else ("in plane" if axis is not None else "isotropic")
        text = " x ".join(f"{s:.4g}" for s in (meta["grid"]["spacing"] if native else spacing))
        verdict = "NOT_APPLICABLE" if native else "PASS"
        step.check(
            "IST-02", "voxel size", verdict, value=text, unit="mm", threshold=kept, evidence=assay
        )
    method = meta["normalisation"]["method"]
    if radiomics["range"]:
        method += f"; intensities {radiomics['range'][0]:g} to {radiomics['range'][1]:g}"
    stated = meta["normalisation"]["method"] != "none" or bool(radiomics["range"])
    step.check(
        "IST-03",
        "intensity normalisation",
        "PASS" if stated else "NOT_APPLICABLE",
        value=method,
        evidence=assay,
        reason="" if stated else "neither a normalisation nor a range of intensities is configured",
    )
    missing = sorted(name for name, value in features.items() if value is None)
    classes = ", ".join(radiomics["classes"])
    step.check(
        "OMX-04",
        "radiomic features",
        "PASS" if len(missing) < len(features) else "NOT_ASSESSED",
        value=len(features) - len(missing),
        unit="features",
        threshold=classes,
        evidence=assay,
        reason=f"undefined: {', '.join(missing[:5])}" if missing else "",
    )


def main(job):
    """Extract features of one patient and modality.

    input: volumes (folder), meta, status (of prepare_volumes)
    output: row, readings, status, ledger
    params: settings (a modality's section of the config)
    """
    with core_job.step(job) as step:
        sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(int(job.threads))
        settings = job.params.settings
        prepared = json.loads(Path(job.input.status).read_text(encoding="utf-8"))
        if not prepared["blocks"]:
            step.require(job.input.status)
        text = Path(job.input.meta).read_text(encoding="utf-8")
        metas = json.loads(text) if text.strip() else {}
        rows, readings = {}, {}
        for name in sorted(prepared["blocks"]):
            with step.block(name):
                step.require(job.input.status, name)
                meta = metas[name]
                found = extract_block(Path(job.input.volumes) / name, meta, settings)
                readings[name] = found
                rows[name] = found[0]["features"]
                record(step, meta, settings, rows[name], found[0]["assay_id"])
        write_row(step.path(job.output.row), rows)
        text = json.dumps(readings, sort_keys=True, indent=0) + "\n"
        step.path(job.output.readings).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    core_job.entry(main, globals().get("snakemake"))
