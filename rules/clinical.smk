# Clinical data: what the sheets say, the clinical table, the chain of custody.
from dataclasses import asdict

from scripts.core.run_design import flaws_of

register_modality(
    "clinical",
    dictionary="results/clinical/clinical.dictionary.tsv",
    chain=["scripts/clinical/build_clinical_table.py"],
    table="results/clinical/clinical.table.parquet",
)


# `snakemake validate_inputs` checks all sheets while the workflow is read and ends there when one has errors.
rule validate_inputs:
    input:
        patients=sheet("patients"),
        consents=sheet("consents"),
        history=sheet("history"),
        samples=sheet("samples"),
        imaging_studies=sheet("imaging_studies"),
        ethics_approvals=sheet("ethics_approvals"),
        study=sheet("study"),
        external_sites=sheet("external_sites"),
        qc_documents=sheet("qc_documents"),
    output:
        validation="results/clinical/validation.tsv",
        status="results/clinical/validation.status.json",
        ledger="results/qc/ledger/validate_inputs/cohort.jsonl",
    log:
        "logs/validate_inputs/cohort.log",
    benchmark:
        "benchmarks/validate_inputs/cohort.tsv"
    conda:
        "../envs/clinical.yaml"
    threads: 1
    resources:
        mem_mb=memory(1000),
        runtime=minutes(10),
    params:
        code=code_of("scripts/clinical/validate_inputs.py"),
        settings={
            key: config["clinical"][key]
            for key in ("age_range", "reference_days", "follow_up_days")
        },
        consent=config["consent"],
        plan=digest_of(
            [PLAN[key] for key in ("as_of", "patients", "refused", "withdrawn", "encodings")]
            + [sorted({entry["domain"] for entry in PLAN["blocks"].values()})]
        ),
        acts=lambda wildcards: acts_digest(),
        design=digest_of([asdict(flaw) for flaw in flaws_of(PLAN)]),
        deleted=deleted(),
        sheets=sheet_digest(
            "patients",
            "consents",
            "history",
            "samples",
            "imaging_studies",
            "ethics_approvals",
            "study",
            "external_sites",
            "qc_documents",
        ),
    message:
        "Checking the sheets -> {output.validation} (log: {log})"
    script:
        "../scripts/clinical/validate_inputs.py"


rule build_clinical_table:
    input:
        labs=sheet("labs"),
        patients=sheet("patients"),
        consents=sheet("consents"),
        history=sheet("history"),
        pathology=sheet("pathology"),
        dictionary_table=chain_table("clinical.variables", resource("variable_dictionary.csv")),
        units=chain_table("clinical.units", resource("units.tsv")),
    output:
        table="results/clinical/clinical.table.parquet",
        verdicts="results/clinical/clinical.table.verdicts.tsv",
        dictionary="results/clinical/clinical.dictionary.tsv",
        labs="results/clinical/labs.parquet",
        indices="results/clinical/missing_indices.parquet",
        missing="results/clinical/missing.tsv",
        columns="results/clinical/unit_columns.json",
        status="results/clinical/clinical.status.json",
        ledger="results/qc/ledger/build_clinical_table/cohort.jsonl",
    log:
        "logs/build_clinical_table/cohort.log",
    benchmark:
        "benchmarks/build_clinical_table/cohort.tsv"
    conda:
        "../envs/clinical.yaml"
    threads: 1
    resources:
        mem_mb=memory(2000),
        runtime=minutes(20),
    params:
        code=code_of("scripts/clinical/build_clinical_table.py"),
        settings={
            key: value
            for key, value in config["clinical"].items()
            if key not in ("custody", "people", "quality", "examinations")
        },
        whole_panel=bool(NEW),
        admitted=digest_of(
            [
                PLAN["as_of"],
                subjects_of("development", "clinical"),
                subjects_of("external", "clinical"),
                *([subjects_of("new", "clinical")] if NEW else []),
            ]
        ),
        sheets=sheet_digest("labs", "patients", "consents", "history", "pathology"),
    message:
        "Cleaning laboratory values, computing indices -> {output.table} (log: {log})"
    script:
        "../scripts/clinical/build_clinical_table.py"


# A typed sheet of new patients: clinical values become features as in training (`snakemake predict --config new=<sheet>`).
rule convert_new_sheet:
    input:
        new=lambda wildcards: new_patients()["new"],
        lock=lambda wildcards: LOCK_FILE,
    output:
        table="results/predictions/typed/clinical.parquet",
        reading="results/predictions/typed/clinical.json",
    log:
        "logs/convert_new_sheet.log",
    benchmark:
        "benchmarks/convert_new_sheet.tsv"
    localrule: True
    conda:
        "../envs/clinical.yaml"
    threads: 1
    resources:
        mem_mb=memory(500),
        runtime=minutes(10),
    params:
        lock="locks/bundle.json",
        named=config["model"]["bundle"],
        bundles="bundles",
        code=code_of("scripts/clinical/convert_new_sheet.py"),
    message:
        "Reading the clinical values of the new patients -> {output.table} (log: {log})"
    script:
        "../scripts/clinical/convert_new_sheet.py"


rule check_custody:
    input:
        samples=sheet("samples"),
        events=sheet("sample_events"),
        aliquots=sheet("aliquots"),
        extractions=sheet("extractions"),
        patients=sheet("patients"),
        consents=sheet("consents"),
        requirements=resource("requirements.yaml"),
    output:
        verdicts="results/clinical/custody.tsv",
        exclusions="results/clinical/custody.exclusions.tsv",
        status="results/clinical/custody.status.json",
        ledger="results/qc/ledger/check_custody/cohort.jsonl",
    log:
        "logs/check_custody/cohort.log",
    benchmark:
        "benchmarks/check_custody/cohort.tsv"
    conda:
        "../envs/clinical.yaml"
    threads: 1
    resources:
        mem_mb=memory(1000),
        runtime=minutes(10),
    params:
        code=code_of("scripts/clinical/check_custody.py"),
        settings=config["clinical"]["custody"],
        plan=plan_digest("as_of", "patients", "assays"),
        sheets=sheet_digest(
            "samples", "sample_events", "aliquots", "extractions", "patients", "consents"
        ),
    message:
        "Checking the chain of custody -> {output.exclusions} (log: {log})"
    script:
        "../scripts/clinical/check_custody.py"


rule build_store:
    input:
        sheets=[
            path
            for name in (
                "patients",
                "history",
                "pathology",
                "consents",
                "samples",
                "sample_events",
                "aliquots",
                "extractions",
                "imaging_studies",
                "imaging_series",
                "ihc",
            )
            for path in sheet(name)
        ],
        labs=["results/clinical/labs.parquet"] * bool(sheet("labs")),
        table=["results/clinical/clinical.table.parquet"] * bool(sheet("labs")),
        dictionary=["results/clinical/clinical.dictionary.tsv"] * bool(sheet("labs")),
        indices=["results/clinical/missing_indices.parquet"] * bool(sheet("labs")),
        verdicts=report_parts()["verdicts"] + report_parts()["external_verdicts"],
        custody=["results/clinical/custody.tsv", "results/clinical/custody.exclusions.tsv"]
        * bool(sheet("samples")),
        findings="results/report/findings.tsv",
        variables=resource("variable_dictionary.csv"),
        labels=resource("store_labels.tsv"),
    output:
        store="results/clinical/clinical.duckdb",
    log:
        "logs/build_store/cohort.log",
    benchmark:
        "benchmarks/build_store/cohort.tsv"
    conda:
        "../envs/clinical.yaml"
    threads: 1
    resources:
        mem_mb=memory(2000),
        runtime=minutes(20),
    params:
        code=code_of("scripts/clinical/build_store.py"),
        plan=plan_digest("as_of", "purpose", "patients", "refused"),
    message:
        "Building the store -> {output.store} (log: {log})"
    script:
        "../scripts/clinical/build_store.py"


rule check_people:
    input:
        personnel=sheet("personnel"),
        equipment=sheet("equipment"),
        samples=sheet("samples"),
        sample_events=sheet("sample_events"),
        extractions=sheet("extractions"),
        imaging_studies=sheet("imaging_studies"),
        annotations=sheet("annotations"),
        ihc=sheet("ihc"),
        qc_records=sheet("qc_records"),
    output:
        status="results/clinical/check_people.status.json",
        ledger="results/qc/ledger/check_people/cohort.jsonl",
    log:
        "logs/check_people/cohort.log",
    benchmark:
        "benchmarks/check_people/cohort.tsv"
    conda:
        "../envs/clinical.yaml"
    threads: 1
    resources:
        mem_mb=memory(1000),
        runtime=minutes(10),
    params:
        code=code_of("scripts/clinical/check_people.py"),
        settings=config["clinical"]["people"],
        plan=plan_digest("as_of", "patients", "blocks"),
        acts=lambda wildcards: acts_digest(),
        sheets=sheet_digest(
            "personnel",
            "equipment",
            "samples",
            "sample_events",
            "extractions",
            "imaging_studies",
            "annotations",
            "ihc",
            "qc_records",
        ),
    message:
        "People and devices on the day of every act -> {output.ledger} (log: {log})"
    script:
        "../scripts/clinical/check_people.py"


rule check_quality_records:
    input:
        qc_records=sheet("qc_records"),
        qc_documents=sheet("qc_documents"),
        annotations=sheet("annotations"),
        consents=sheet("consents"),
        ethics_approvals=sheet("ethics_approvals"),
        study=sheet("study"),
        external_sites=sheet("external_sites"),
        personnel=sheet("personnel"),
        equipment=sheet("equipment"),
        pathology=sheet("pathology"),
    output:
        status="results/clinical/check_quality_records.status.json",
        ledger="results/qc/ledger/check_quality_records/cohort.jsonl",
    log:
        "logs/check_quality_records/cohort.log",
    benchmark:
        "benchmarks/check_quality_records/cohort.tsv"
    conda:
        "../envs/clinical.yaml"
    threads: 1
    resources:
        mem_mb=memory(1000),
        runtime=minutes(10),
    params:
        code=code_of("scripts/clinical/check_quality_records.py"),
        settings=config["clinical"]["quality"],
        folder=config["sheets"],
        documents=lambda wildcards: document_stamps(),
        plan=plan_digest("as_of", "patients", "blocks"),
        acts=lambda wildcards: acts_digest(),
        sheets=sheet_digest(
            "qc_records",
            "qc_documents",
            "annotations",
            "consents",
            "ethics_approvals",
            "study",
            "external_sites",
            "personnel",
            "equipment",
            "pathology",
        ),
    message:
        "Quality records, annotations, documents -> {output.ledger} (log: {log})"
    script:
        "../scripts/clinical/check_quality_records.py"


rule check_examinations:
    input:
        imaging_studies=sheet("imaging_studies"),
        equipment=sheet("equipment"),
        pathology=sheet("pathology"),
        history=sheet("history"),
        patients=sheet("patients"),
        terms=resource("diagnoses.tsv"),
    output:
        diagnoses="results/clinical/diagnoses.tsv",
        status="results/clinical/check_examinations.status.json",
        ledger="results/qc/ledger/check_examinations/cohort.jsonl",
    log:
        "logs/check_examinations/cohort.log",
    benchmark:
        "benchmarks/check_examinations/cohort.tsv"
    conda:
        "../envs/clinical.yaml"
    threads: 1
    resources:
        mem_mb=memory(1000),
        runtime=minutes(10),
    params:
        code=code_of("scripts/clinical/check_examinations.py"),
        settings=config["clinical"]["examinations"],
        plan=plan_digest("as_of", "patients", "blocks"),
        acts=lambda wildcards: acts_digest(),
        sheets=sheet_digest("imaging_studies", "equipment", "pathology", "history", "patients"),
    message:
        "Imaging examinations, pathology reports -> {output.ledger} (log: {log})"
    script:
        "../scripts/clinical/check_examinations.py"
