# Imaging: images, masks and readings of a patient. Look-ups for rules/imaging.smk and its neighbours.
def image_files(modality: str, patient: str) -> list[str]:
    """Images (files or DICOM folders) and masks of a patient, each once; `#ROI name` cut off."""
    rows = assays_of(modality, patient)
    images = {row["file"]: raw_file(row) for row in rows}
    masks = {row["mask"].split("#")[0]: row["mask"].split("#")[0] for row in rows if "mask" in row}
    return [path for _, path in sorted((masks | images).items())]


def image_stamp(modality: str, patient: str) -> str:
    """Changes when a file inside a DICOM folder does: Snakemake looks at the folder's own time only."""
    folders = [path for path in image_files(modality, patient) if Path(path).is_dir()]
    return digest_of([stamp for folder in folders for stamp in stamps_below(folder)])


def read_twice(block: str) -> list[str]:
    """Features of all readings of the development patients whose image of a block was read twice or more."""
    modality = PLAN["blocks"][block]["modality"]
    return [
        row_path(modality, patient, "readings")
        for patient in patients_with(modality, "development")
        if sum(row["block"] == block for row in assays_of(modality, patient)) > 1
    ]
