# Fusion: outcome, roles, blocks and what collect_block joins. Look-ups for rules/fusion.smk and its neighbours.
def outcome_sheets() -> list[str]:
    """Sheets that say which class a patient is in."""
    outcome = config["model"]["outcome"]
    labels = [outcome["sheet"]] if outcome["name"] == "subtype" else []
    return ["patients", *labels, *(["history"] if outcome["name"] in NEEDS_STAGE else [])]


def outcome_inputs(role: str) -> dict[str, list[str]]:
    """What says which class a patient of a role is in: the sheet of a subtype, or what tells the stage where the outcome needs it."""
    outcome = config["model"]["outcome"]
    staged = outcome["name"] in NEEDS_STAGE
    folder = "results/external" if role == "external" else "results"
    return {
        "patients": sheet("patients"),
        "labels": sheet(outcome["sheet"]) if outcome["name"] == "subtype" else [],
        "history": sheet("history") if staged else [],
        "clinical": [f"{folder}/features/clinical.parquet"]
        * (staged and "clinical" in blocks_of(role)),
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
