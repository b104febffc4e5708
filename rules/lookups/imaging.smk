# Imaging: images, masks and readings of a patient. Look-ups for rules/imaging.smk and its neighbours.
from scripts.imaging.volume_header import data_files_of

# What each step reads of the settings of a modality: nothing else makes it run again.
IMAGING_KEYS = {
    "prepare_volumes": (
        *("max_voxels", "gap_tolerance", "tilt_degrees", "interpolated_slices", "region_labels"),
        *("liver_labels", "tissue_hu", "normalisation", "zscore_scale", "maps"),
        *("max_negative_fraction", "n4", "n4_shrink", "n4_iterations"),
    ),
    "extract_radiomics": ("normalisation", "radiomics"),
    "judge_volumes": (
        *("slice_warn_mm", "slice_fail_mm", "spacing_tolerance", "required_fields", "region_hu"),
        *("air_tolerance_hu", "swapped_hu", "min_voxels", "stray_voxels", "dice_min"),
    ),
    "describe_imaging": ("radiomics",),
}
# The crop that prepare_volumes makes depends on these.
CROP_KEYS = ("spacing_mm", "image_types", "log_sigma_mm", "padding_sigmas")


def imaging_settings(step: str, modality: str) -> dict:
    """The settings of a modality that a step reads."""
    settings = config["imaging"][modality]
    found = {key: settings[key] for key in IMAGING_KEYS[step] if key in settings}
    if step == "prepare_volumes":
        found["radiomics"] = {key: settings["radiomics"][key] for key in CROP_KEYS}
    return found


def image_files(modality: str, patient: str) -> list[str]:
    """Images (files or DICOM folders) and masks of a patient, each once; `#ROI name` cut off. Voxels that lie in a file of their
    own beside a header (.mhd, .nhdr) are files of the patient, too."""
    rows = assays_of(modality, patient)
    images = {row["file"]: raw_file(row) for row in rows}
    masks = {row["mask"].split("#")[0]: row["mask"].split("#")[0] for row in rows if "mask" in row}
    named = masks | images
    voxels = {str(file): str(file) for header in named for file in data_files_of(header)}
    return [path for _, path in sorted((voxels | named).items())]


def image_stamp(modality: str, patient: str) -> str:
    """Changes when a file inside a DICOM folder does: Snakemake looks at the folder's own time only."""
    folders = [path for path in image_files(modality, patient) if Path(path).is_dir()]
    return digest_of([stamp for folder in folders for stamp in stamps_below(folder)])


def read_twice(block: str, name: str = "readings") -> list[str]:
    """Features of all readings (or the verdicts: `status`) of the development patients whose image of a block was read twice or
    more."""
    modality = PLAN["blocks"][block]["modality"]
    return [
        row_path(modality, patient, name)
        for patient in patients_with(modality, "development")
        if sum(row["block"] == block for row in assays_of(modality, patient)) > 1
    ]
