"""In: settings of a modality. Out: the dictionary of its features (description, unit, role, source).
Source: IBSI 1 (doi 10.1148/radiol.2020191145); pyradiomics (doi 10.1158/0008-5472.CAN-17-0339).
"""

import re

from scripts.core import job as core_job
from scripts.core.features import Feature, write_dictionary
from scripts.imaging.ibsi_names import IBSI_TAGS

_CLASS_WORDS = {
    "shape": "Shape",
    "shape2D": "Shape (2D)",
    "firstorder": "Intensity",
    "glcm": "Grey-level co-occurrence",
    "glrlm": "Grey-level run length",
    "glszm": "Grey-level size zone",
    "gldm": "Grey-level dependence",
    "ngtdm": "Neighbourhood grey-tone difference",
}
_LENGTHS = (
    "Maximum3DDiameter",
    "Maximum2DDiameterSlice",
    "Maximum2DDiameterColumn",
    "Maximum2DDiameterRow",
    "MaximumDiameter",
    "MajorAxisLength",
    "MinorAxisLength",
    "LeastAxisLength",
    "Perimeter",
)
_UNITS = dict.fromkeys(_LENGTHS, "mm") | {
    "MeshVolume": "mm3",
    "VoxelVolume": "mm3",
    "SurfaceArea": "mm2",
    "MeshSurface": "mm2",
    "PixelSurface": "mm2",
    "SurfaceVolumeRatio": "1/mm",
    "PerimeterSurfaceRatio": "1/mm",
}
_INTENSITIES = (
    "Mean",
    "Median",
    "Minimum",
    "Maximum",
    "10Percentile",
    "90Percentile",
    "InterquartileRange",
    "Range",
    "MeanAbsoluteDeviation",
    "RobustMeanAbsoluteDeviation",
    "RootMeanSquared",
    "StandardDeviation",
)
QC_FEATURES = (
    Feature("qc_region_voxels", "Voxels of the region after resampling", "1", "qc"),
    Feature("qc_intensity_share", "Share of the region within the intensity range", "1", "qc"),
    Feature("qc_texture_dimensions", "Texture in 3 or in 2 dimensions (thick slices)", "1", "qc"),
    Feature("qc_slice_spacing_mm", "Distance between slices as acquired", "mm", "qc"),
)


def words(name: str) -> str:
    """ "LongRunHighGrayLevelEmphasis" as "long run high gray level emphasis"."""
    parts = re.findall(r"[0-9]+D|[0-9]+|[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name)
    return " ".join(part if part[0].isdigit() or len(part) == 1 else part.lower() for part in parts)


def image_names(settings: dict) -> list[str]:
    """Names of the images that features are computed on, as pyradiomics writes them."""
    names = []
    for kind in settings["image_types"]:
        if kind == "original":
            names.append("original")
        elif kind == "log":
            texts = [str(float(sigma)).replace(".", "-") for sigma in settings["log_sigma_mm"]]
            names += [f"log-sigma-{text}-mm-3D" for text in texts]
        elif kind == "wavelet":
            bands = ["LLH", "LHL", "LHH", "HLL", "HLH", "HHL", "HHH", "LLL"]
            flat = ["LH", "HL", "HH", "LL"]
            names += [f"wavelet-{band}" for band in [*bands, *flat]]
    return names


def feature_names(kind: str) -> list[str]:
    """The features of one class that extraction computes (pyradiomics: all but deprecated)."""
    from radiomics.featureextractor import getFeatureClasses

    names = getFeatureClasses()[kind].getFeatureNames()
    return sorted(name for name, deprecated in names.items() if not deprecated)


def describe(image: str, kind: str, name: str, unit: str, mode: str) -> Feature:
    """One line of the dictionary."""
    where = "" if image == "original" else f", {image} image"
    text = f"{_CLASS_WORDS[kind]}: {words(name)}{where}"
    if (kind, name) == ("firstorder", "Kurtosis") and mode == "ibsi":
        text += " (excess kurtosis: 0 for a normal distribution)"
    full = f"{image}_{kind}_{name}"
    known = mode == "ibsi" and full in IBSI_TAGS
    source = f"IBSI 1, {IBSI_TAGS[full]}" if known else "pyradiomics 3.1"
    unit_of = _UNITS.get(name, "1") if kind.startswith("shape") else "1"
    if kind == "firstorder" and name in _INTENSITIES:
        unit_of = unit
    elif kind == "firstorder" and name in ("Variance", "Energy"):
        unit_of = f"{unit}2" if unit != "1" else "1"
    return Feature(full, text, unit_of, "predictor", source)


def dictionary(modality: str, settings: dict) -> list[Feature]:
    """All features that a modality's settings can give, quality features last."""
    radiomics = settings["radiomics"]
    shapes = {"us": ["shape2D"]}.get(modality, ["shape", "shape2D"])
    found = [
        describe("original", kind, name, "1", radiomics["mode"])
        for kind in (shapes if "shape" in radiomics["classes"] else [])
        for name in feature_names(kind)
    ]
    unit = {"ct": "HU"}.get(modality, "1")
    for image in image_names(radiomics):
        for kind in radiomics["classes"]:
            if kind != "shape":
                names = feature_names(kind)
                found += [describe(image, kind, name, unit, radiomics["mode"]) for name in names]
    return [*found, *QC_FEATURES]


def main(job):
    """Write the dictionary of one modality.

    output: dictionary; params: settings; wildcards: modality
    """
    with core_job.step(job) as step:
        features = dictionary(job.wildcards.modality, job.params.settings)
        write_dictionary(step.path(job.output.dictionary), features)


if __name__ == "__main__":
    core_job.entry(main, globals().get("snakemake"))
