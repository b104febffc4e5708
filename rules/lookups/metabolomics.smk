# Metabolomics: runs of LC-MS and GC-MS by assay, patient, batch and block. Look-ups for rules/metabolomics.smk and its neighbours.
from scripts.metabolomics.step_settings import settings_of

SPECTROMETRY_RUNS: dict[str, dict[str, dict]] = {}


def spectrometry_runs(modality: str) -> dict[str, dict]:
    """Admitted LC-MS or GC-MS runs: assay {id: run}, patient {id: runs}, batch {(block, batch): runs}, block {name: runs}.

    A run is {assay, file, patient ("" = none), role, block, batch ("none"), order (0 = not given)}; indexed once.
    """
    if modality not in SPECTROMETRY_RUNS:
        index = {"assay": {}, "patient": {}, "batch": {}, "block": {}}
        for row in all_runs_of(modality).values():
            run = {
                "assay": row["assay_id"],
                "file": raw_file(row),
                "row": row,
                "patient": row.get("patient_id", ""),
                "role": row.get("sample_role", "sample"),
                "block": row["block"],
                "batch": row.get("batch", "none"),
                "order": row.get("run_order", 0),
            }
            index["assay"][run["assay"]] = run
            index["patient"].setdefault(run["patient"], []).append(run)
            index["batch"].setdefault((run["block"], run["batch"]), []).append(run)
            index["block"].setdefault(run["block"], []).append(run)
        SPECTROMETRY_RUNS[modality] = index
    return SPECTROMETRY_RUNS[modality]


def run_named(modality: str, assay: str) -> dict:
    """One run by its assay id."""
    return spectrometry_runs(modality)["assay"][assay]


def runs_in(modality: str, block: str, batch: str, *roles: str) -> list[dict]:
    """Runs of one batch and block, of these roles (none given: of all), in the order of the sheet."""
    runs = spectrometry_runs(modality)["batch"].get((block, batch), [])
    return [run for run in runs if not roles or run["role"] in roles]


def fit_runs(modality: str, block: str, *roles: str) -> list[dict]:
    """What a reference learns from: QC and blank runs of the batches that hold development samples of a block.

    The samples themselves come in only where there are fewer QC runs than `min_qcs`: otherwise one patient's file changes
    nobody else's features.
    """
    samples = development_runs(modality, block)
    batches = {run["batch"] for run in samples}
    runs = spectrometry_runs(modality)["block"].get(block, [])
    controls = [run for run in runs if run["role"] in ("qc", "blank") and run["batch"] in batches]
    enough = config["metabolomics"][modality]["min_qcs"]
    if sum(run["role"] == "qc" for run in controls) >= enough:
        samples = []
    return [run for run in [*controls, *samples] if not roles or run["role"] in roles]


def development_runs(modality: str, block: str) -> list[dict]:
    """Sample runs of a block of development patients, in the order of the sheet."""
    runs = spectrometry_runs(modality)["block"].get(block, [])
    development = set(patients_with(modality, "development"))
    return [run for run in runs if run["role"] == "sample" and run["patient"] in development]


def runs_of_patient(modality: str, patient: str) -> list[dict]:
    """The sample runs of one patient, in the order of the sheet."""
    return spectrometry_runs(modality)["patient"][patient]


def qcs_beside(modality: str, patient: str) -> list[dict]:
    """QC runs of the batches in which a patient's samples were run."""
    pairs = {(run["block"], run["batch"]) for run in runs_of_patient(modality, patient)}
    return [run for block, batch in sorted(pairs) for run in runs_in(modality, block, batch, "qc")]


def ladders_of(assay: str) -> list[dict]:
    """Ladder runs of the batch of one GC-MS run."""
    run = run_named("gcms", assay)
    return runs_in("gcms", run["block"], run["batch"], "ladder")


def described(runs: list[dict]) -> list[dict]:
    """Runs as a parameter of a rule: what a step needs to know, without paths."""
    return [{key: run[key] for key in ("assay", "role", "block", "batch", "order")} for run in runs]
