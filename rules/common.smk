# Shared by the rules. The plan of the run (gate, frozen sheets, blocks), look-ups, resources.
import json
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError

from scripts.core.config import ConfigError, check_config, freeze_config, frozen_config
from scripts.core.gate import DOMAIN_OF_MODALITY
from scripts.core.hashing import code_of, digest_of, recall_code, stamps_below
from scripts.core.plan import SHEETS, empty_plan, load_plan, make_plan, runs_jobs
from scripts.core.sheets import SheetErrors
from scripts.core.status_interval import limit_status_interval
from scripts.core.stub import StubError, check_folder, mark_folder
from scripts.core.withdrawal import deleted, read_lines

CODE_CACHE = Path(".hcc/code.json")
recall_code(CODE_CACHE)
# Sheets are frozen, and what withdrew is deleted, by a start that runs jobs.
RUNS = runs_jobs(workflow.output_settings.dryrun, sys.argv)
LOCKED_FOLDER = any(Path(".snakemake/locks").glob("*.lock"))
if workflow.is_main_process and LOCKED_FOLDER and "--nolock" not in sys.argv:
    # Snakemake 9.27 would take the other run's lock away at its end, also where nothing is to be done.
    if RUNS or "plan" in sys.argv:
        sys.stderr.write(
            f"{Path.cwd()} is locked: another run is at work here; wait for its end. "
            "After a crash: make resume RUN=<this folder>, or the same command with --unlock first.\n"
        )
        sys.exit(1)

if workflow.is_main_process:
    try:
        check_config(config)
        check_folder(config["stub"])
        have_sheets = Path(config["sheets"]).is_dir()
        PLAN = make_plan(config, write=RUNS) if have_sheets else empty_plan()
    except (ConfigError, SheetErrors, StubError) as error:
        sys.stderr.write(f"The inputs need mending before anything runs:\n{error}\n")
        sys.exit(1)
    if RUNS:
        freeze_config(config)
    limit_status_interval(config["cluster"]["status_seconds"])
    if config["stub"] and RUNS:
        mark_folder()
else:
    PLAN = load_plan()
    config.clear()
    config.update(frozen_config())


MD5_COLUMNS = {"file": "md5", "file2": "file2_md5"}


wildcard_constraints:
    patient=r"[A-Za-z0-9_-]+",
    run=r"[A-Za-z0-9_-]+",
    block=r"[a-z0-9_]+",
    modality=r"[a-z0-9]+",
    domain=r"[a-z]+",
    phase=r"[a-z0-9]+",
    language=r"zh|en",


# On a cluster these run beside the main process: seconds each, however large the cohort, and a submission costs 10 s.
localrules:
    validate_inputs,
    check_custody,
    import_ihc,
    describe_imaging,
    describe_genomics,
    freeze_split,
    relock_bundle,
    write_report,
    write_conformance_report,
    write_quality_report,
    print_reports,


def assays_of(modality: str, patient: str) -> list[dict]:
    """Rows of assays.tsv of one patient and modality that the gate let in, in the order of the sheet."""
    return PLAN["assays"][modality][patient]


def patients_with(modality: str, role: str = "") -> list[str]:
    """Patients with raw files of a modality, sorted; with `role` only those of development or external."""
    found = sorted(PLAN["assays"].get(modality, {}))
    return [p for p in found if not role or PLAN["patients"][p]["role"] == role]


def runs_of(modality: str) -> list[dict]:
    """QC, blank, standard and ladder runs of a modality, in the order of the sheet."""
    return PLAN["runs"].get(modality, [])


def all_runs_of(modality: str, role: str = "") -> dict[str, dict]:
    """{assay_id: row} of samples (of a role) and of all QC, blank, standard and ladder runs."""
    samples = [row for p in patients_with(modality, role) for row in assays_of(modality, p)]
    return {row["assay_id"]: row for row in [*runs_of(modality), *samples]}


def sheet(name: str) -> list[str]:
    """The frozen sheet as a list of one path, or nothing when the cohort has no such sheet.

    Before the first run (a dry run) nothing is frozen yet: the sheet itself stands in.
    """
    if name not in PLAN["sheets"]:
        return []
    frozen = SHEETS / f"{name}.tsv"
    return [str(frozen if frozen.exists() else Path(config["sheets"]) / f"{name}.tsv")]


def sheet_digest(*names: str) -> str:
    """Changes when the content of one of these sheets changes; passed as a parameter, so that a dry run sees it too."""
    return digest_of([PLAN["sheets"].get(name, "") for name in names])


def raw_file(row: dict, column: str = "file") -> str:
    """A raw file of an assay row as an input. Where its MD5 stands in the sheet, the MD5 says whether it is another file, not
    its time: it is a parameter (`md5_of`), and the step that reads the file compares it."""
    return ancient(row[column]) if MD5_COLUMNS.get(column) in row else row[column]


def md5_of(rows: list[dict]) -> list[list[str]]:
    """[assay_id, path, md5] of every raw file of these assay rows whose MD5 stands in the sheet."""
    return [
        [row["assay_id"], row[column], row[md5]]
        for row in rows
        for column, md5 in MD5_COLUMNS.items()
        if column in row and md5 in row
    ]


def row_path(modality: str, patient: str, name: str = "row") -> str:
    """Where a chain leaves the features (`row`) or the verdict (`status`) of one patient."""
    domain = DOMAIN_OF_MODALITY[modality]
    return f"results/{domain}/{modality}/{patient}/{name}.json"


def memory(start_mb: int):
    """mem_mb that doubles with every attempt, never under the 500 MB that a nested Snakemake needs."""
    return lambda wildcards, attempt: max(500, start_mb) * 2 ** (attempt - 1)


def minutes(start: int):
    """runtime in minutes that doubles with every attempt."""
    return lambda wildcards, attempt: start * 2 ** (attempt - 1)


# {modality: {"dictionary": path, "stability": path or None, "table": path or None}}; paths may hold {block}.
# The domains register their modalities here; collect_block reads it.
BLOCK_SOURCES: dict[str, dict] = {}


def register_modality(modality: str, dictionary: str, stability: str = "", table: str = "") -> None:
    """Say where a modality's feature descriptions, stabilities (ICC or RSD) and, if one step makes all rows, its table lie.

    `stability` may be a function of the block name that returns a path or "".
    """
    BLOCK_SOURCES[modality] = {"dictionary": dictionary, "stability": stability, "table": table}


def final_targets(wildcards) -> list[str]:
    """What `all` makes: the reports, as pages and, where the machine can print, as PDF."""
    if not PLAN["patients"]:
        raise WorkflowError(
            f"No patients: config key sheets names {config['sheets']!r}; see docs/inputs.md"
        )
    pages = ("report", "conformance", "data_quality")
    return [f"results/report/{page}.html" for page in pages] + [
        f"results/report/pdf/{language}" for language in ("zh", "en")
    ]


def feature_targets(wildcards) -> list[str]:
    """The feature table of every block of the development patients."""
    return [f"results/features/{block}.parquet" for block in PLAN["blocks"]]


# --- demo ---------------------------------------------------------------------------------------
DEMO_SIMULATORS = ("imaging", "metabolomics", "genomics", "proteomics", "clinical", "tables")


# --- fusion -------------------------------------------------------------------------------------
def subjects_of(role: str, domain: str = "", admitted: bool = True) -> list[str]:
    """Patients of a role, sorted: those whose consent covers the domain ("" = any), or those whose does not."""
    found = sorted(p for p, entry in PLAN["patients"].items() if entry["role"] == role)
    return [
        p for p in found if (not domain or domain in PLAN["patients"][p]["domains"]) == admitted
    ]


def block_inputs(block: str, role: str) -> dict[str, list[str]]:
    """What collect_block joins into one block: rows and verdicts of patients, a domain's own table, ready-made table."""
    entry = PLAN["blocks"][block]
    modality = entry["modality"]
    source = BLOCK_SOURCES.get(modality, {})
    raw = [p for p in entry["patients"] if PLAN["patients"][p]["role"] == role]
    made = bool(source) and (bool(raw) or "sheet" in entry)
    known = bool(source) and (bool(entry["patients"]) or "sheet" in entry)
    table = source["table"].format(block=block) if made else ""
    stability = source.get("stability", "")
    stability = stability(block) if callable(stability) else stability.format(block=block)
    return {
        "rows": [] if table or not made else [row_path(modality, p) for p in raw],
        "statuses": [] if table or not made else [row_path(modality, p, "status") for p in raw],
        "table": [table] if table else [],
        "table_verdicts": [table.removesuffix(".parquet") + ".verdicts.tsv"] if table else [],
        "ready": sheet(f"features/{block}"),
        "ready_dictionary": sheet(f"features/{block}.features"),
        "dictionary": [source["dictionary"].format(block=block)] if known else [],
        "stability": [stability] if stability and known else [],
        "exclusions": ["results/clinical/custody.exclusions.tsv"] if sheet("samples") else [],
    }


def given_up_of(block: str, role: str) -> dict[str, str]:
    """{patient: reason} of the patients of a role whose jobs for a block were given up (given_up.tsv)."""
    found = PLAN["given_up"].get(block, {})
    return {p: why for p, why in sorted(found.items()) if PLAN["patients"][p]["role"] == role}


def blocks_of(role: str) -> list[str]:
    """Blocks that a cohort step of a role joins: every block while the role has patients."""
    return list(PLAN["blocks"]) if subjects_of(role) else []


# --- genomics -----------------------------------------------------------------------------------
def sequenced_of(patient: str, modality: str = "") -> list[dict]:
    """First assay row of every sequenced sample (block) of a patient: exome, genome, cfDNA; or of one modality."""
    found = {}
    for name in [modality] if modality else ["wes", "wgs", "cfdna"]:
        for row in PLAN["assays"].get(name, {}).get(patient, []):
            found.setdefault(row["block"], row)
    return list(found.values())


def samples_of(patient: str, suffix: str, modality: str = "") -> list[str]:
    """A file of every sequenced sample of a patient: the alignment, its index, metrics or status, by its suffix."""
    return [
        f"results/genomics/{row['modality']}/{patient}/{row['block']}.{suffix}"
        for row in sequenced_of(patient, modality)
    ]


def identity_of(patient: str) -> list[str]:
    """Verdict of the identity check, for patients with more than one sequenced sample."""
    return [f"results/genomics/identity/{patient}.json"] if len(sequenced_of(patient)) > 1 else []


# --- imaging ------------------------------------------------------------------------------------
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


# --- report -------------------------------------------------------------------------------------
def report_parts() -> dict[str, list[str]]:
    """What the report reads, by name; a part that this cohort cannot have is an empty list."""
    developed = bool(blocks_of("development"))
    validated = developed and bool(blocks_of("external"))
    return {
        "checks": ["results/clinical/validation.tsv"]
        + ["results/clinical/custody.exclusions.tsv"] * bool(sheet("samples")),
        "verdicts": [f"results/qc/{b}.verdicts.tsv" for b in blocks_of("development")],
        "external_verdicts": [
            f"results/external/qc/{b}.verdicts.tsv" for b in blocks_of("external")
        ],
        "split": ["results/cohort/split.tsv"] * developed,
        "audit": ["results/cohort/audit.json"] * developed,
        "performance": ["results/model/performance.json"] * developed,
        "test": ["results/model/test.json"] * developed,
        "external": ["results/external/performance.json"] * validated,
        "bundle": ["locks/bundle.json"] * developed,
        "dispersion": [
            f"results/metabolomics/{entry['modality']}/reference/{block}.dispersion.tsv"
            for block, entry in PLAN["blocks"].items()
            if entry["modality"] in ("lcms", "gcms") and development_runs(entry["modality"], block)
        ],
    }


def laboratory_parts() -> dict[str, list[str]]:
    """The cleaned laboratory rows and the sheet they came from; empty lists for a cohort without labs.tsv."""
    cleaned = "clinical" in PLAN["blocks"] and bool(sheet("labs"))
    cleaned = cleaned and bool(blocks_of("development") or blocks_of("external"))
    return {
        "labs": ["results/clinical/labs.parquet"] * cleaned,
        "labs_sheet": sheet("labs") if cleaned else [],
    }


def page_resources(*scripts: str) -> list[str]:
    """Texts, style and scripts that every page of the report is made of, and scripts that only one has."""
    texts = ["texts", "texts_conformance", "texts_data", "texts_names", "texts_pages", "reasons"]
    names = [f"{name}.yaml" for name in texts]
    names += ["report.css", "report.html.j2", "report.js", *scripts]
    return [f"{workflow.basedir}/resources/report/{name}" for name in names]


def raw_files() -> dict[str, list[str]]:
    """{patient: raw files} of everybody whom the gate let in; what audit_cohort compares.

    Not the report of a DIA search: one report holds the samples of all patients.
    """
    found: dict[str, list[str]] = {}
    for modality, patients in PLAN["assays"].items():
        for patient, rows in patients.items() if modality != "dia" else ():
            paths = [row[name] for row in rows for name in ("file", "file2") if name in row]
            found.setdefault(patient, []).extend(paths)
    return {patient: sorted(set(paths)) for patient, paths in sorted(found.items())}


def raw_inputs() -> list[str]:
    """The same files as inputs, each once; those with an MD5 in the sheet regardless of their time."""
    found = {
        row[column]: raw_file(row, column)
        for modality, patients in PLAN["assays"].items()
        for rows in (patients.values() if modality != "dia" else ())
        for row in rows
        for column in ("file", "file2")
        if column in row
    }
    return [path for _, path in sorted(found.items())]


# --- model --------------------------------------------------------------------------------------
STRATEGIES = [*config["model"]["strategies"], *config["model"]["baselines"]]
# What a fit depends on: naming a bundle or giving a reason for a new lock trains nothing again.
MODEL_SETTINGS = {
    key: value for key, value in config["model"].items() if key not in ("bundle", "relock_reason")
}
LOCKED = Path("locks/bundle.json").exists() and bool(
    json.loads(Path("locks/bundle.json").read_text()).get("bundle")
)
LOCK_FILE = "locks/bundle.json"
if config["model"]["bundle"]:
    LOCK_FILE = f"bundles/{config['model']['bundle']}/SHA256SUMS"


def new_patients() -> str:
    """The sheet of new patients that the command names; what to type when it does not."""
    if not config.get("new"):
        raise WorkflowError("Say which patients: snakemake predict --config new=path/to/new.tsv")
    return config["new"]


# --- metabolomics -------------------------------------------------------------------------------
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
