# Shared by the rules. The plan of the run (gate, frozen sheets, blocks), look-ups, resources.
import json
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError

from scripts.core.config import ConfigError, check_config, freeze_config, frozen_config
from scripts.core.gate import DOMAIN_OF_MODALITY
from scripts.core.hashing import code_of, digest_of, recall_code, stamps_below
from scripts.core.new_patients import enter
from scripts.core.outcome import NEEDS_STAGE, check_outcome
from scripts.core.plan import SHEETS, empty_plan, load_plan, make_plan, runs_jobs
from scripts.core.sheets import SheetErrors, read_sheet
from scripts.core.status_interval import limit_status_interval
from scripts.core.stub import StubError, check_folder, mark_folder
from scripts.core.withdrawal import deleted, read_lines
from scripts.share.terms import ExportRefused, check_declared

# New patients in a folder of sheets are worked on in a folder of their own, with the settings of the locked bundle.
try:
    NEW = enter(config)
except ConfigError as error:
    sys.stderr.write(f"The new patients cannot be predicted:\n{error}\n")
    sys.exit(1)
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
        if "share_package" in sys.argv:
            check_declared(config["share"])
        have_sheets = Path(config["sheets"]).is_dir()
        PLAN = make_plan(config, write=RUNS) if have_sheets else empty_plan()
        if have_sheets:
            check_outcome(config["model"]["outcome"], config["sheets"])
    except (ConfigError, SheetErrors, StubError) as error:
        sys.stderr.write(f"The inputs need mending before anything runs:\n{error}\n")
        sys.exit(1)
    except ExportRefused as refused:
        sys.stderr.write(f"Nothing is shared: {refused}\n")
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
    check_people,
    check_quality_records,
    check_examinations,
    define_outcome,
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


def acts_digest() -> str:
    """Changes when what assays.tsv says of day, person, device and batch changes, not when a file does."""
    names = ("date", "reader", "operator_id", "equipment_id", "batch")
    return digest_of(
        [
            [modality, patient, [row.get(name, "") for name in names]]
            for modality, patients in sorted(PLAN["assays"].items())
            for patient, rows in sorted(patients.items())
            for row in rows
        ]
    )


ACTS = acts_digest()


def document_stamps() -> str:
    """Changes when a document that qc_documents.tsv names changes: the step hashes it and compares."""
    rows = [row for path in sheet("qc_documents") for row in read_sheet(path, "qc_documents").rows]
    files = [Path(config["sheets"]) / row["file"] for row in rows if "file" in row]
    return digest_of(
        [[str(f), f.stat().st_size, f.stat().st_mtime_ns] for f in files if f.is_file()]
    )


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


def register_modality(
    modality: str,
    dictionary: str,
    chain: list[str],
    stability: str = "",
    table: str = "",
    references: tuple[str, ...] = (),
    linked: tuple[str, ...] = (),
) -> None:
    """Say where a modality's feature descriptions, stabilities (ICC or RSD) and, if one step makes all rows, its table lie.

    `chain` names the scripts from raw file to features. `references` are files that a new patient is measured against and that
    travel in the bundle, `linked` those too large for it; paths may hold {block}. `stability` may be a function of the block
    name that returns a path or "".
    """
    BLOCK_SOURCES[modality] = {
        "dictionary": dictionary,
        "stability": stability,
        "table": table,
        "references": references,
        "linked": linked,
        "code": digest_of([code_of(script) for script in chain]),
    }


def final_targets(wildcards) -> list[str]:
    """What `all` makes: the reports, as pages and, where the machine can print, as PDF, and the store; of new patients their predictions."""
    if NEW:
        return predict_targets(wildcards)
    if not PLAN["patients"]:
        raise WorkflowError(
            f"No patients: config key sheets names {config['sheets']!r}; see docs/inputs.md"
        )
    pages = ("report", "conformance", "data_quality")
    return [f"results/report/{page}.html" for page in pages] + [
        *(f"results/report/pdf/{language}" for language in ("zh", "en")),
        "results/clinical/clinical.duckdb",
    ]


def feature_targets(wildcards) -> list[str]:
    """The feature table of every block of the development patients."""
    return [f"results/features/{block}.parquet" for block in PLAN["blocks"]]


# --- demo ---------------------------------------------------------------------------------------
DEMO_SIMULATORS = ("imaging", "metabolomics", "genomics", "proteomics", "clinical", "tables")


# --- fusion -------------------------------------------------------------------------------------
def outcome_sheets() -> list[str]:
    """Sheets that say which class a patient is in."""
    outcome = config["model"]["outcome"]
    labels = [outcome["sheet"]] if outcome["name"] == "subtype" else []
    return ["patients", *labels, *(["history"] if outcome["name"] in NEEDS_STAGE else [])]


def outcome_inputs() -> dict[str, list[str]]:
    """What says which class a patient is in: the sheet of a subtype, or what tells the stage where the outcome needs it."""
    outcome = config["model"]["outcome"]
    staged = outcome["name"] in NEEDS_STAGE
    clinical = "clinical" if staged and "clinical" in PLAN["blocks"] else ""
    return {
        "patients": sheet("patients"),
        "labels": sheet(outcome["sheet"]) if outcome["name"] == "subtype" else [],
        "history": sheet("history") if staged else [],
        "clinical": [
            f"results/{folder}features/{clinical}.parquet"
            for role, folder in (("development", ""), ("external", "external/"))
            if clinical and subjects_of(role)
        ],
    }


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
    stability = source.get("stability", "") if role != "new" else ""
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


# Filters of features that looking at the cohort without a model shares with the models.
FEATURE_LIMITS = {
    key: config["model"][key]
    for key in (
        "icc_minimum",
        "rsd_maximum",
        "maximum_missing",
        "minimum_observed",
        "maximum_same",
        "maximum_skew",
    )
}


def modality_of_blocks() -> dict[str, str]:
    """{block: modality} of every block."""
    return {block: entry["modality"] for block, entry in PLAN["blocks"].items()}


def blocks_of(role: str) -> list[str]:
    """Blocks that a cohort step of a role joins: every block while the role has patients."""
    return list(PLAN["blocks"]) if subjects_of(role) else []


CHAIN_SECTIONS = ("clinical", "genomics", "metabolomics", "proteomics", "imaging")
# Tables of this project, or those given instead, that extraction reads: {key: path}. Rules add theirs.
CHAIN_TABLES: dict[str, str] = {}


def chain_table(key: str, path: str) -> str:
    """A table that extraction reads: today's, or for new patients the one that was locked."""
    CHAIN_TABLES[key] = path
    return f"{NEW.folder}/references/{NEW.manifest['tables'][key]}" if NEW else path


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
        + [
            f"results/qc/ledger/{step}/cohort.jsonl"
            for step in ("check_people", "check_quality_records", "check_examinations")
        ]
        + ["results/clinical/custody.exclusions.tsv"] * bool(sheet("samples")),
        "verdicts": [f"results/qc/{b}.verdicts.tsv" for b in blocks_of("development")],
        "external_verdicts": [
            f"results/external/qc/{b}.verdicts.tsv" for b in blocks_of("external")
        ],
        "split": ["results/cohort/split.tsv"] * developed,
        "outcome": ["results/cohort/outcome.tsv"] * developed,
        "audit": ["results/cohort/audit.json"] * developed,
        "explore": ["results/cohort/explore/explore.json"] * developed,
        "associations": ["results/cohort/associations/associations.json"] * developed,
        "performance": ["results/model/performance.json"] * developed,
        "internal": ["results/model/internal.json"] * developed,
        "test": ["results/model/test.json"] * developed,
        "external": ["results/external/performance.json"] * validated,
        "external_audit": ["results/external/audit.json"] * validated,
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
    below = sorted((Path(workflow.basedir) / "resources/report").glob("texts*.yaml"))
    names = [path.name for path in below] + ["reasons.yaml"]
    names += ["report.css", "report.html.j2", "report.js", *scripts]
    return [f"{workflow.basedir}/resources/report/{name}" for name in names]


def raw_files(role: str = "") -> dict[str, list[str]]:
    """{patient: raw files} of everybody of a role ("" = any) whom the gate let in; what the audits compare.

    Not the report of a DIA search: one report holds the samples of all patients.
    """
    found: dict[str, list[str]] = {}
    for modality, patients in PLAN["assays"].items():
        for patient, rows in patients.items() if modality != "dia" else ():
            if role in ("", PLAN["patients"][patient]["role"]):
                paths = [row[name] for row in rows for name in ("file", "file2") if name in row]
                found.setdefault(patient, []).extend(paths)
    return {patient: sorted(set(paths)) for patient, paths in sorted(found.items())}


def raw_inputs(role: str = "") -> list[str]:
    """The same files as inputs, each once; those with an MD5 in the sheet regardless of their time."""
    found = {
        row[column]: raw_file(row, column)
        for modality, patients in PLAN["assays"].items()
        for patient, rows in (patients.items() if modality != "dia" else ())
        if role in ("", PLAN["patients"][patient]["role"])
        for row in rows
        for column in ("file", "file2")
        if column in row
    }
    return [path for _, path in sorted(found.items())]


# --- model --------------------------------------------------------------------------------------
STRATEGIES = [*config["model"]["strategies"], *config["model"]["baselines"]]
# What a fit depends on: naming a bundle, a reason for a new lock, the number of refits train nothing again.
MODEL_SETTINGS = {
    key: value
    for key, value in config["model"].items()
    if key not in ("bundle", "relock_reason", "refits")
}
LOCKED = Path("locks/bundle.json").exists() and bool(
    json.loads(Path("locks/bundle.json").read_text()).get("bundle")
)
LOCK_FILE = "locks/bundle.json"
if config["model"]["bundle"]:
    LOCK_FILE = f"bundles/{config['model']['bundle']}/SHA256SUMS"
# Where lock, log and bundles lie: new patients in a folder are scored beside the run folder's own files.
HOME = f"{NEW.root}/" if NEW else ""
if NEW:
    LOCK_FILE = f"{NEW.folder}/SHA256SUMS"


def lock_params() -> dict:
    """Lock, bundle that is to be used instead of it ("" = none), and folder of bundles."""
    return {
        "lock": f"{HOME}locks/bundle.json",
        "named": NEW.bundle if NEW else config["model"]["bundle"],
        "bundles": f"{HOME}bundles",
    }


def predict_targets(wildcards) -> list[str]:
    """What `predict` makes."""
    return ["results/predictions/predictions.tsv", "results/predictions/patients"]


def new_blocks() -> list[str]:
    """Blocks of a folder of new patients that the locked model uses."""
    used = {
        entry["block"] for entry in json.loads((NEW.folder / "bundle.json").read_text())["features"]
    }
    return [block for block in PLAN["blocks"] if block in used]


def new_patients() -> dict[str, list[str]]:
    """What predict_patients reads: a sheet, or blocks, verdicts and patients of a folder; what to type when neither is named."""
    if not config.get("new"):
        raise WorkflowError(
            "Say which patients: snakemake predict --config new=path/to/new.tsv (or a folder of sheets and raw files)"
        )
    if not NEW:
        return {"new": [config["new"]]}
    blocks = new_blocks()
    if not blocks:
        raise WorkflowError(
            f"No patient of {config['new']} has data of a block that the model uses"
        )
    return {
        "tables": [f"results/predictions/features/{block}.parquet" for block in blocks],
        "verdicts": [f"results/predictions/qc/{block}.verdicts.tsv" for block in blocks],
        "patients": sheet("patients"),
    }


def reference_files(kind: str) -> dict[str, list[str]]:
    """{block: files} that new raw data of a block are measured against (kind: references or linked), of blocks from raw files."""
    found = {}
    for block, entry in PLAN["blocks"].items():
        source = BLOCK_SOURCES.get(entry["modality"], {})
        raw = [p for p in entry["patients"] if PLAN["patients"][p]["role"] == "development"]
        if raw:
            found[block] = [path.format(block=block) for path in source.get(kind, ())]
    return found


def reference_inputs() -> list[str]:
    """All those files, each once, and the clinical dictionary: what lock_bundle needs beside the fit."""
    files = [
        p for kind in ("references", "linked") for f in reference_files(kind).values() for p in f
    ]
    return list(dict.fromkeys([*files, *clinical_dictionary()]))


def clinical_dictionary() -> list[str]:
    """The dictionary of the clinical table, where there is one."""
    made = PLAN["blocks"].get("clinical", {}).get("sheet") and subjects_of(
        "development", "clinical"
    )
    return ["results/clinical/clinical.dictionary.tsv"] if made else []


def chains() -> dict:
    """What lock_bundle takes of the extraction chains (scripts/model/references.py)."""
    tables = CHAIN_TABLES | {
        key: config_value(key)
        for key in ("genomics.arms", "genomics.identity_sites", "metabolomics.gcms.library")
        if config_value(key)
    }
    return {
        "files": reference_files("references"),
        "linked": reference_files("linked"),
        "tables": tables,
        "settings": {name: config[name] for name in CHAIN_SECTIONS},
        "code": chain_code(),
        "modality": {
            block: entry["modality"]
            for block, entry in PLAN["blocks"].items()
            if entry["modality"] in BLOCK_SOURCES
        },
        "dictionary": next(iter(clinical_dictionary()), ""),
    }


def chain_code() -> dict[str, str]:
    """{modality: digest of the scripts of its chain}."""
    return {modality: source["code"] for modality, source in BLOCK_SOURCES.items()}


def config_value(dotted: str) -> str:
    """A setting by its dotted key."""
    value = config
    for part in dotted.split("."):
        value = value[part]
    return value


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


# --- share --------------------------------------------------------------------------------------
def shared_blocks() -> list[str]:
    """Blocks of a kind of data that the config shares; one whose kind is not known stays here."""
    return [
        b for b, entry in PLAN["blocks"].items() if entry["domain"] in config["share"]["domains"]
    ]


def share_inputs(wildcards) -> dict[str, list[str]]:
    """Sheets, laboratory rows and feature tables of a share package."""
    names = ("history", "pathology", "samples", "imaging_studies", "ihc")
    blocks = shared_blocks()
    roles = {"development": "results", "external": "results/external"}
    clinical = "clinical" in config["share"]["domains"] and bool(sheet("labs"))
    return {
        "patients": sheet("patients"),
        "consents": sheet("consents"),
        "assays": sheet("assays"),
        "sheets": [path for name in names for path in sheet(name)],
        "labs": ["results/clinical/labs.parquet"] * clinical,
        "tables": [
            f"{folder}/features/{block}.parquet"
            for block in blocks
            for role, folder in roles.items()
            if block in blocks_of(role)
        ],
        "dictionaries": [
            f"{roles[[role for role in roles if block in blocks_of(role)][0]]}/features/{block}.features.tsv"
            for block in blocks
        ],
    }


def crate_files() -> list[str]:
    """Results that the crate of a run describes: what the report reads, the report, feature tables, the store."""
    parts = [path for paths in report_parts().values() for path in paths]
    tables = [
        f"{folder}/features/{block}{suffix}"
        for role, folder in (("development", "results"), ("external", "results/external"))
        for block in blocks_of(role)
        for suffix in (".parquet", ".features.tsv")
    ]
    cohort = ["results/cohort/cohort.h5mu"] * bool(blocks_of("development"))
    pages = ["findings.tsv", "conformance.json", "report.html"]
    return sorted(
        {
            *parts,
            *tables,
            *cohort,
            *(f"results/report/{name}" for name in pages),
            "results/clinical/clinical.duckdb",
        }
    )
