# Model: strategies, the lock, new patients and the references of the locked bundle. Look-ups for rules/model.smk and its neighbours.
STRATEGIES = [*config["model"]["strategies"], *config["model"]["baselines"]]
# Of a cohort that is too small for a model nothing is cross-validated or refitted; the steps after it say why.
NO_MODEL = PLAN.get("no_model", "")
TRIED = [] if NO_MODEL else STRATEGIES
PARTS = {
    name: range(0 if NO_MODEL else config["model"][name]["parts"])
    for name in ("refits", "permutations")
}
# What a fit depends on: naming a bundle, a reason for a new lock, the number of refits or permutations train nothing again.
MODEL_SETTINGS = {
    key: value
    for key, value in config["model"].items()
    if key not in ("bundle", "relock_reason", "refits", "permutations")
} | {"core_panels": {"clinical": config["clinical"]["core_panel"]}}
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
        "lock": lambda wildcards: f"{HOME}locks/bundle.json",
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
        typed = "results/predictions/typed/clinical"
        return {
            "new": [config["new"]],
            "clinical": [f"{typed}.parquet"],
            "reading": [f"{typed}.json"],
        }
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
