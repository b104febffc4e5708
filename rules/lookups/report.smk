# Report: what the pages read, resources, raw files that the audits compare. Look-ups for rules/report.smk and its neighbours.
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
        "outcome": ["results/cohort/outcome.tsv"] * developed
        + ["results/external/outcome.tsv"] * validated,
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


def said_on_demand() -> str:
    """Digest of what share packages and the crate recorded: no rule that always runs comes after them."""
    paths = [
        Path(f"results/qc/ledger/{rule}/cohort.jsonl") for rule in ("share_package", "write_crate")
    ]
    lines = [
        line
        for path in paths
        if path.is_file()
        for line in path.read_text(encoding="utf-8").splitlines()
    ]
    told = [{k: v for k, v in json.loads(line).items() if k != "time"} for line in lines]
    return digest_of([told, len(read_lines(Path("locks/exports.tsv")))])


def laboratory_parts() -> dict[str, list[str]]:
    """The cleaned laboratory rows and the sheet they came from; empty lists for a cohort without labs.tsv."""
    cleaned = "clinical" in PLAN["blocks"] and bool(sheet("labs"))
    cleaned = cleaned and bool(blocks_of("development") or blocks_of("external"))
    return {
        "labs": ["results/clinical/labs.parquet"] * cleaned,
        "labs_sheet": sheet("labs") if cleaned else [],
        "unit_columns": ["results/clinical/unit_columns.json"] * cleaned,
    }


def page_resources(*scripts: str) -> list[str]:
    """Texts, style and scripts that every page of the report is made of, and scripts that only one has."""
    below = sorted((Path(workflow.basedir) / "resources/report").glob("texts*.yaml"))
    names = [path.name for path in below] + ["reasons.yaml", "phrases.yaml"]
    names += ["report.css", "report.html.j2", "report.js", *scripts]
    return [resource(f"report/{name}") for name in names]


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
