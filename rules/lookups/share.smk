# Sharing: what leaves the site, and what describes a run. Look-ups for rules/share.smk and its neighbours.
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
