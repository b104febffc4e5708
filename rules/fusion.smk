# Blocks, frozen split, audit and the cohort: what every modality hands over becomes one .h5mu.
rule collect_block:
    input:
        unpack(lambda wildcards: block_inputs(wildcards.block, "development")),
    output:
        table="results/features/{block}.parquet",
        dictionary="results/features/{block}.features.tsv",
        verdicts="results/qc/{block}.verdicts.tsv",
        status="results/qc/{block}.status.json",
        ledger="results/qc/ledger/collect_block/{block}.jsonl",
    log:
        "logs/collect_block/{block}.log",
    benchmark:
        "benchmarks/collect_block/{block}.tsv"
    conda:
        "../envs/fusion.yaml"
    threads: 1
    resources:
        mem_mb=memory(1000),
        runtime=minutes(10),
    params:
        code=code_of("scripts/fusion/collect_block.py"),
        sheets=lambda wildcards: sheet_digest(
            f"features/{wildcards.block}", f"features/{wildcards.block}.features"
        ),
        modality=lambda wildcards: PLAN["blocks"][wildcards.block]["modality"],
        domain=lambda wildcards: PLAN["blocks"][wildcards.block]["domain"],
        admitted=lambda wildcards: subjects_of(
            "development", PLAN["blocks"][wildcards.block]["domain"]
        ),
        barred=lambda wildcards: (
            subjects_of("development", PLAN["blocks"][wildcards.block]["domain"], False)
        ),
        given_up=lambda wildcards: given_up_of(wildcards.block, "development"),
    message:
        "Collecting block {wildcards.block} -> {output.table} (log: {log})"
    script:
        "../scripts/fusion/collect_block.py"


use rule collect_block as collect_external_block with:
    input:
        unpack(lambda wildcards: block_inputs(wildcards.block, "external")),
    output:
        table="results/external/features/{block}.parquet",
        dictionary="results/external/features/{block}.features.tsv",
        verdicts="results/external/qc/{block}.verdicts.tsv",
        status="results/external/qc/{block}.status.json",
        ledger="results/qc/ledger/collect_external_block/{block}.jsonl",
    log:
        "logs/collect_external_block/{block}.log",
    benchmark:
        "benchmarks/collect_external_block/{block}.tsv"
    params:
        code=code_of("scripts/fusion/collect_block.py"),
        sheets=lambda wildcards: sheet_digest(
            f"features/{wildcards.block}", f"features/{wildcards.block}.features"
        ),
        modality=lambda wildcards: PLAN["blocks"][wildcards.block]["modality"],
        domain=lambda wildcards: PLAN["blocks"][wildcards.block]["domain"],
        admitted=lambda wildcards: subjects_of(
            "external", PLAN["blocks"][wildcards.block]["domain"]
        ),
        barred=lambda wildcards: (
            subjects_of("external", PLAN["blocks"][wildcards.block]["domain"], False)
        ),
        given_up=lambda wildcards: given_up_of(wildcards.block, "external"),
    message:
        "Collecting external block {wildcards.block} -> {output.table} (log: {log})"


use rule collect_block as collect_new_block with:
    input:
        unpack(lambda wildcards: block_inputs(wildcards.block, "new")),
    output:
        table="results/predictions/features/{block}.parquet",
        dictionary="results/predictions/features/{block}.features.tsv",
        verdicts="results/predictions/qc/{block}.verdicts.tsv",
        status="results/predictions/qc/{block}.status.json",
        ledger="results/qc/ledger/collect_new_block/{block}.jsonl",
    log:
        "logs/collect_new_block/{block}.log",
    benchmark:
        "benchmarks/collect_new_block/{block}.tsv"
    params:
        code=code_of("scripts/fusion/collect_block.py"),
        sheets=lambda wildcards: sheet_digest(
            f"features/{wildcards.block}", f"features/{wildcards.block}.features"
        ),
        modality=lambda wildcards: PLAN["blocks"][wildcards.block]["modality"],
        domain=lambda wildcards: PLAN["blocks"][wildcards.block]["domain"],
        admitted=lambda wildcards: subjects_of("new", PLAN["blocks"][wildcards.block]["domain"]),
        barred=lambda wildcards: (
            subjects_of("new", PLAN["blocks"][wildcards.block]["domain"], False)
        ),
        given_up=lambda wildcards: given_up_of(wildcards.block, "new"),
    message:
        "Collecting block {wildcards.block} of the new patients -> {output.table} (log: {log})"


rule freeze_split:
    input:
        patients=sheet("patients"),
    output:
        split="results/cohort/split.tsv",
        status="results/cohort/split.status.json",
        ledger="results/qc/ledger/freeze_split/cohort.jsonl",
    log:
        "logs/freeze_split.log",
    benchmark:
        "benchmarks/freeze_split.tsv"
    conda:
        "../envs/fusion.yaml"
    threads: 1
    resources:
        mem_mb=memory(500),
        runtime=minutes(5),
    params:
        code=code_of("scripts/fusion/freeze_split.py"),
        sheets=sheet_digest("patients"),
        settings=config["fusion"]["split"],
        admitted=subjects_of("development"),
        seed=config["seed"],
        frozen="locks/split.tsv",
    message:
        "Frozen split {params.frozen}, copied to {output.split} (log: {log})"
    script:
        "../scripts/fusion/freeze_split.py"


rule assemble_cohort:
    input:
        tables=expand("results/features/{block}.parquet", block=blocks_of("development")),
        dictionaries=expand("results/features/{block}.features.tsv", block=blocks_of("development")),
        verdicts=expand("results/qc/{block}.verdicts.tsv", block=blocks_of("development")),
        patients=sheet("patients"),
        split="results/cohort/split.tsv",
    output:
        cohort="results/cohort/cohort.h5mu",
        status="results/cohort/cohort.status.json",
        ledger="results/qc/ledger/assemble_cohort/cohort.jsonl",
    log:
        "logs/assemble_cohort.log",
    benchmark:
        "benchmarks/assemble_cohort.tsv"
    conda:
        "../envs/fusion.yaml"
    threads: 1
    resources:
        mem_mb=memory(2000),
        runtime=minutes(10),
    params:
        code=code_of("scripts/fusion/assemble_cohort.py"),
        sheets=sheet_digest("patients"),
        blocks=blocks_of("development"),
    message:
        "Joining all blocks -> {output.cohort} (log: {log})"
    script:
        "../scripts/fusion/assemble_cohort.py"


rule audit_cohort:
    input:
        tables=expand("results/features/{block}.parquet", block=blocks_of("development")),
        external=expand("results/external/features/{block}.parquet", block=blocks_of("external")),
        patients=sheet("patients"),
        assays=sheet("assays"),
        split="results/cohort/split.tsv",
        raw=raw_inputs(),
    output:
        audit="results/cohort/audit.json",
        ledger="results/qc/ledger/audit_cohort/cohort.jsonl",
    log:
        "logs/audit_cohort.log",
    benchmark:
        "benchmarks/audit_cohort.tsv"
    conda:
        "../envs/fusion.yaml"
    threads: 1
    resources:
        mem_mb=memory(1500),
        runtime=minutes(30),
    params:
        code=code_of("scripts/fusion/audit_cohort.py"),
        sheets=sheet_digest("patients", "assays"),
        settings=config["fusion"]["audit"],
        seed=config["seed"],
        roles={patient: entry["role"] for patient, entry in PLAN["patients"].items()},
        files=raw_files(),
    message:
        "Auditing the data before any model -> {output.audit} (log: {log})"
    script:
        "../scripts/fusion/audit_cohort.py"
