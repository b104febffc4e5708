# Shared by the rules. The plan of the run (gate, frozen sheets, blocks), look-ups, resources.
import functools
import json
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError

from scripts.core import kept_resources
from scripts.core.config import (
    ConfigError,
    check_config,
    check_files,
    check_keys,
    freeze_config,
    frozen_config,
)
from scripts.core.cross_checks import MD5_COLUMNS
from scripts.core.gate import DOMAIN_OF_MODALITY
from scripts.core.hashing import (
    code_of,
    digest_of,
    digest_of_file,
    recall_code,
    stamps_below,
)
from scripts.core.new_patients import enter
from scripts.core.outcome import NEEDS_STAGE, check_outcome
from scripts.core.plan import SHEETS, asks_for_plan, empty_plan, load_plan, make_plan, runs_jobs
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
SMALL_FILE = 1_000_000  # bytes; up to here Snakemake too looks at the bytes of a touched file
# What is known of the modules: beside the code or, where that may not be written to, in the folder of the run.
CODE_CACHES = [Path(workflow.basedir) / ".cache" / "code.json", Path(".hcc/code.json")]
recall_code(CODE_CACHES)
# Sheets are frozen, and what withdrew is deleted, by a start that runs jobs.
RUNS = runs_jobs(workflow.output_settings.dryrun, sys.argv)
LOCKED_FOLDER = any(Path(".snakemake/locks").glob("*.lock"))
if workflow.is_main_process and LOCKED_FOLDER and "--nolock" not in sys.argv:
    # Snakemake 9.27 would take the other run's lock away at its end, also where nothing is to be done.
    if RUNS or asks_for_plan(sys.argv):
        sys.stderr.write(
            f"{Path.cwd()} is locked: another run is at work here; wait for its end. "
            "After a crash: make resume RUN=<this folder>, or the same command with --unlock first.\n"
        )
        sys.exit(1)

if workflow.is_main_process:
    try:
        check_keys(workflow.overwrite_configfiles)
        check_config(config)
        check_folder(config["stub"])
        if "share_package" in sys.argv:
            check_declared(config["share"])
        have_sheets = Path(config["sheets"]).is_dir()
        if have_sheets and not NEW:  # references for new patients come with the bundle
            check_files(config)
        PLAN = make_plan(config, write=RUNS) if have_sheets else empty_plan()
        if have_sheets:
            check_outcome(config["model"]["outcome"], config["sheets"])
    except (ConfigError, SheetErrors, StubError) as error:
        sys.stderr.write(f"The inputs need mending before anything runs:\n{error}\n")
        sys.exit(1)
    except ExportRefused as refused:
        sys.stderr.write(f"Nothing is shared: {refused}\n")
        sys.exit(1)
    if have_sheets and not PLAN["patients"] and (RUNS or workflow.output_settings.dryrun):
        sys.stderr.write(progress.why_nobody(PLAN, config["sheets"]))
        sys.exit(1)
    if not NEW:
        progress.too_small(PLAN)
    if RUNS:
        freeze_config(config)
    limit_status_interval(config["cluster"]["status_seconds"])
    if config["stub"] and RUNS:
        mark_folder()
else:
    PLAN = load_plan()
    config.clear()
    config.update(frozen_config())


def resource(name: str) -> str:
    """A file of resources/ as an input, the same name from every checkout."""
    return kept_resources.resource(name, runs=RUNS, main=workflow.is_main_process)


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
    define_external_outcome,
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


@functools.cache
def plan_digest(*keys: str) -> str:
    """Changes when parts of the plan change, or anything of it; worked out once for all rules."""
    return digest_of([PLAN[key] for key in keys] if keys else PLAN)


@functools.cache
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


def document_stamps() -> str:
    """Changes when a document that qc_documents.tsv names changes (by its bytes, a large one by its time): the step compares it."""
    rows = [row for path in sheet("qc_documents") for row in read_sheet(path, "qc_documents").rows]
    files = [Path(config["sheets"]) / row["file"] for row in rows if "file" in row]
    stamps = []
    for file in (f for f in files if f.is_file()):
        size, time = file.stat().st_size, file.stat().st_mtime_ns
        stamps.append([str(file), size, digest_of_file(file) if size < SMALL_FILE else time])
    return digest_of(stamps)


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
    if not PLAN["patients"]:  # without a folder of sheets
        sys.stderr.write(progress.why_nobody(PLAN, config["sheets"]))
        raise SystemExit(1)  # an exception here would come with a traceback
    pages = ("report", "conformance", "data_quality")
    return [f"results/report/{page}.html" for page in pages] + [
        *(f"results/report/pdf/{language}" for language in ("zh", "en")),
        "results/clinical/clinical.duckdb",
    ]


def feature_targets(wildcards) -> list[str]:
    """The feature table of every block of the development patients."""
    return [f"results/features/{block}.parquet" for block in PLAN["blocks"]]


# What only one domain looks up; functions and rules do not share a file.
include: "lookups/fusion.smk"
include: "lookups/genomics.smk"
include: "lookups/imaging.smk"
include: "lookups/report.smk"
include: "lookups/model.smk"
include: "lookups/metabolomics.smk"
include: "lookups/share.smk"
