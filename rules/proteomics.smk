# Proteomics: DDA from spectra, DIA from the tables of other programs, IHC from its sheet.
from scripts.proteomics.step_settings import settings_of as dda_settings

register_modality(
    "dda",
    dictionary="results/proteomics/reference/{block}/dictionary.tsv",
    chain=["scripts/proteomics/search_spectra.py", "scripts/proteomics/quantify_proteins.py"],
    references=(
        "results/proteomics/database/target_decoy.fasta",
        "results/proteomics/database/proteins.tsv",
        "results/proteomics/database/status.json",
        "results/proteomics/reference/{block}/ions.parquet",
        "results/proteomics/reference/{block}/proteins.tsv",
        "results/proteomics/reference/{block}/dictionary.tsv",
        "results/proteomics/reference/{block}/status.json",
    ),
)
register_modality(
    "dia",
    dictionary="results/proteomics/dictionary/{block}.tsv",
    chain=["scripts/proteomics/import_dia.py"],
)
register_modality(
    "ihc",
    dictionary="results/proteomics/ihc.dictionary.tsv",
    chain=["scripts/proteomics/import_ihc.py"],
    table="results/proteomics/ihc.parquet",
)


rule prepare_database:
    input:
        fasta=[
            path
            for path in [config["proteomics"]["dda"]["fasta"]]
            if path and Path(path).is_file()
        ],
    output:
        fasta="results/proteomics/database/target_decoy.fasta",
        proteins="results/proteomics/database/proteins.tsv",
        status="results/proteomics/database/status.json",
        ledger="results/qc/ledger/prepare_database/cohort.jsonl",
    log:
        "logs/prepare_database/cohort.log",
    benchmark:
        "benchmarks/prepare_database/cohort.tsv"
    conda:
        "../envs/proteomics.yaml"
    threads: 1
    resources:
        mem_mb=memory(1000),
        runtime=minutes(10),
    params:
        code=code_of("scripts/proteomics/prepare_database.py"),
        settings=dda_settings("prepare_database", config["proteomics"]["dda"]),
    message:
        "Making the target-decoy database -> {output.fasta} (log: {log})"
    script:
        "../scripts/proteomics/prepare_database.py"


rule search_spectra:
    input:
        runs=lambda wildcards: [raw_file(row) for row in assays_of("dda", wildcards.patient)],
        database="results/proteomics/database/target_decoy.fasta",
        database_status="results/proteomics/database/status.json",
    output:
        psms="results/proteomics/dda/{patient}/psms.parquet",
        status="results/proteomics/dda/{patient}/search.status.json",
        ledger="results/qc/ledger/search_spectra/{patient}.jsonl",
    log:
        "logs/search_spectra/{patient}.log",
    benchmark:
        "benchmarks/search_spectra/{patient}.tsv"
    conda:
        "../envs/proteomics.yaml"
    threads: 1
    resources:
        mem_mb=memory(4000),
        runtime=minutes(60),
    params:
        code=code_of("scripts/proteomics/search_spectra.py"),
        md5=lambda wildcards: md5_of(assays_of("dda", wildcards.patient)),
        settings=dda_settings("search_spectra", config["proteomics"]["dda"]),
        assay_ids=lambda wildcards: [r["assay_id"] for r in assays_of("dda", wildcards.patient)],
        blocks=lambda wildcards: [r["block"] for r in assays_of("dda", wildcards.patient)],
    message:
        "Searching the DDA spectra of {wildcards.patient} -> {output.psms} (log: {log})"
    script:
        "../scripts/proteomics/search_spectra.py"


rule infer_proteins:
    input:
        psms=lambda wildcards: [
            row_path("dda", p, "psms").replace(".json", ".parquet")
            for p in PLAN["blocks"][wildcards.block]["patients"]
            if PLAN["patients"][p]["role"] == "development"
        ],
        statuses=lambda wildcards: [
            row_path("dda", p, "search.status")
            for p in PLAN["blocks"][wildcards.block]["patients"]
            if PLAN["patients"][p]["role"] == "development"
        ],
        database_proteins="results/proteomics/database/proteins.tsv",
        database_status="results/proteomics/database/status.json",
    output:
        ions="results/proteomics/reference/{block}/ions.parquet",
        proteins="results/proteomics/reference/{block}/proteins.tsv",
        dictionary="results/proteomics/reference/{block}/dictionary.tsv",
        status="results/proteomics/reference/{block}/status.json",
        ledger="results/qc/ledger/infer_proteins/{block}.jsonl",
    log:
        "logs/infer_proteins/{block}.log",
    benchmark:
        "benchmarks/infer_proteins/{block}.tsv"
    wildcard_constraints:
        block="dda[a-z0-9_]*",
    conda:
        "../envs/proteomics.yaml"
    threads: 1
    resources:
        mem_mb=memory(4000),
        runtime=minutes(60),
    params:
        code=code_of("scripts/proteomics/infer_proteins.py"),
        settings=dda_settings("infer_proteins", config["proteomics"]["dda"]),
        subjects=lambda wildcards: [
            p
            for p in PLAN["blocks"][wildcards.block]["patients"]
            if PLAN["patients"][p]["role"] == "development"
        ],
    message:
        "Inferring the proteins of {wildcards.block} on development runs -> {output.proteins} (log: {log})"
    script:
        "../scripts/proteomics/infer_proteins.py"


rule quantify_proteins:
    input:
        psms="results/proteomics/dda/{patient}/psms.parquet",
        search_status="results/proteomics/dda/{patient}/search.status.json",
        ions=lambda wildcards: expand(
            "results/proteomics/reference/{block}/ions.parquet",
            block=sorted({r["block"] for r in assays_of("dda", wildcards.patient)}),
        ),
        proteins=lambda wildcards: expand(
            "results/proteomics/reference/{block}/proteins.tsv",
            block=sorted({r["block"] for r in assays_of("dda", wildcards.patient)}),
        ),
        reference_status=lambda wildcards: expand(
            "results/proteomics/reference/{block}/status.json",
            block=sorted({r["block"] for r in assays_of("dda", wildcards.patient)}),
        ),
    output:
        row="results/proteomics/dda/{patient}/row.json",
        status="results/proteomics/dda/{patient}/status.json",
        ledger="results/qc/ledger/quantify_proteins/{patient}.jsonl",
    log:
        "logs/quantify_proteins/{patient}.log",
    benchmark:
        "benchmarks/quantify_proteins/{patient}.tsv"
    conda:
        "../envs/proteomics.yaml"
    threads: 1
    resources:
        mem_mb=memory(1000),
        runtime=minutes(10),
    params:
        code=code_of("scripts/proteomics/quantify_proteins.py"),
        settings=dda_settings("quantify_proteins", config["proteomics"]["dda"]),
        blocks=lambda wildcards: sorted({r["block"] for r in assays_of("dda", wildcards.patient)}),
    message:
        "Quantifying the proteins of {wildcards.patient} -> {output.row} (log: {log})"
    script:
        "../scripts/proteomics/quantify_proteins.py"


rule import_dia:
    input:
        tables=lambda wildcards: [raw_file(row) for row in assays_of("dia", wildcards.patient)],
    output:
        row="results/proteomics/dia/{patient}/row.json",
        proteins="results/proteomics/dia/{patient}/proteins.tsv",
        status="results/proteomics/dia/{patient}/status.json",
        ledger="results/qc/ledger/import_dia/{patient}.jsonl",
    log:
        "logs/import_dia/{patient}.log",
    benchmark:
        "benchmarks/import_dia/{patient}.tsv"
    conda:
        "../envs/proteomics.yaml"
    threads: 1
    resources:
        mem_mb=memory(1500),
        runtime=minutes(30),
    params:
        code=code_of("scripts/proteomics/import_dia.py"),
        md5=lambda wildcards: md5_of(assays_of("dia", wildcards.patient)),
        settings=config["proteomics"]["dia"],
        assay_ids=lambda wildcards: [r["assay_id"] for r in assays_of("dia", wildcards.patient)],
        names=lambda wildcards: [
            [r[c] for c in ("sample_id", "assay_id") if c in r]
            for r in assays_of("dia", wildcards.patient)
        ],
        blocks=lambda wildcards: [r["block"] for r in assays_of("dia", wildcards.patient)],
    message:
        "Importing the DIA run of {wildcards.patient} -> {output.row} (log: {log})"
    script:
        "../scripts/proteomics/import_dia.py"


rule describe_dia:
    input:
        proteins=lambda wildcards: [
            row_path("dia", p, "proteins").replace(".json", ".tsv")
            for p in PLAN["blocks"][wildcards.block]["patients"]
            if PLAN["patients"][p]["role"] == "development"
        ],
    output:
        dictionary="results/proteomics/dictionary/{block}.tsv",
        status="results/proteomics/dictionary/{block}.status.json",
        ledger="results/qc/ledger/describe_dia/{block}.jsonl",
    log:
        "logs/describe_dia/{block}.log",
    benchmark:
        "benchmarks/describe_dia/{block}.tsv"
    wildcard_constraints:
        block="dia[a-z0-9_]*",
    conda:
        "../envs/proteomics.yaml"
    threads: 1
    resources:
        mem_mb=memory(1000),
        runtime=minutes(10),
    params:
        code=code_of("scripts/proteomics/describe_dia.py"),
    message:
        "Describing the proteins of {wildcards.block} -> {output.dictionary} (log: {log})"
    script:
        "../scripts/proteomics/describe_dia.py"


rule import_ihc:
    input:
        sheet=sheet("ihc"),
    output:
        table="results/proteomics/ihc.parquet",
        verdicts="results/proteomics/ihc.verdicts.tsv",
        dictionary="results/proteomics/ihc.dictionary.tsv",
        status="results/proteomics/ihc.status.json",
        ledger="results/qc/ledger/import_ihc/cohort.jsonl",
    log:
        "logs/import_ihc/cohort.log",
    benchmark:
        "benchmarks/import_ihc/cohort.tsv"
    conda:
        "../envs/proteomics.yaml"
    threads: 1
    resources:
        mem_mb=memory(500),
        runtime=minutes(5),
    params:
        code=code_of("scripts/proteomics/import_ihc.py"),
        settings=config["proteomics"]["ihc"],
        sheet=sheet_digest("ihc"),
        allowed=sorted(p for p, entry in PLAN["patients"].items() if "ihc" in entry["domains"]),
    message:
        "Importing IHC -> {output.table} (log: {log})"
    script:
        "../scripts/proteomics/import_ihc.py"
