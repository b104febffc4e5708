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
        patients=str(SHEETS / "patients.tsv"),
    message:
        "Collecting block {wildcards.block} -> {output.table} (log: {log})"
    script:
        "../scripts/fusion/collect_block.py"


# External rows are joined, and looked at, only once a model is locked.
use rule collect_block as collect_external_block with:
    input:
        unpack(lambda wildcards: block_inputs(wildcards.block, "external")),
        lock=ancient(LOCK_FILE),
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
        patients=str(SHEETS / "patients.tsv"),
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
        patients=str(SHEETS / "patients.tsv"),
    message:
        "Collecting block {wildcards.block} of the new patients -> {output.table} (log: {log})"


rule define_outcome:
    input:
        **outcome_inputs("development"),
    output:
        table="results/cohort/outcome.tsv",
        description="results/cohort/outcome.json",
        ledger="results/qc/ledger/define_outcome/cohort.jsonl",
    log:
        "logs/define_outcome.log",
    benchmark:
        "benchmarks/define_outcome.tsv"
    conda:
        "../envs/fusion.yaml"
    threads: 1
    resources:
        mem_mb=memory(500),
        runtime=minutes(5),
    params:
        code=code_of("scripts/fusion/define_outcome.py"),
        sheets=sheet_digest(*outcome_sheets()),
        settings=config["model"]["outcome"],
        roles=dict.fromkeys(subjects_of("development"), "development"),
        follow_up_days=config["clinical"]["follow_up_days"],
    message:
        "Classes of the outcome -> {output.table} (log: {log})"
    script:
        "../scripts/fusion/define_outcome.py"


# Whether controls have follow-up, and which labels there are, is known of development patients alone before the lock.
use rule define_outcome as define_external_outcome with:
    input:
        **outcome_inputs("external"),
        development="results/cohort/outcome.json",
        lock=ancient(LOCK_FILE),
    output:
        table="results/external/outcome.tsv",
        description="results/external/outcome.json",
        ledger="results/qc/ledger/define_external_outcome/cohort.jsonl",
    log:
        "logs/define_external_outcome.log",
    benchmark:
        "benchmarks/define_external_outcome.tsv"
    params:
        code=code_of("scripts/fusion/define_outcome.py"),
        sheets=sheet_digest(*outcome_sheets()),
        settings=config["model"]["outcome"],
        roles=dict.fromkeys(subjects_of("external"), "external"),
        follow_up_days=config["clinical"]["follow_up_days"],
    message:
        "Classes of the outcome of external patients -> {output.table} (log: {log})"


rule freeze_split:
    input:
        patients=sheet("patients"),
        outcome="results/cohort/outcome.tsv",
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
        freeze=lambda wildcards: not NO_MODEL,
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
        outcome="results/cohort/outcome.tsv",
        description="results/cohort/outcome.json",
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
        patients=sheet("patients"),
        assays=sheet("assays"),
        samples=sheet("samples"),
        events=sheet("sample_events"),
        outcome="results/cohort/outcome.tsv",
        description="results/cohort/outcome.json",
        split="results/cohort/split.tsv",
        raw=raw_inputs("development"),
        ready=[path for block in blocks_of("development") for path in sheet(f"features/{block}")],
    output:
        audit="results/cohort/audit.json",
        controls="results/cohort/controls.parquet",
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
        sheets=sheet_digest("patients", "assays", "samples", "sample_events"),
        settings=config["fusion"]["audit"],
        seed=config["seed"],
        roles={patient: entry["role"] for patient, entry in PLAN["patients"].items()},
        files=raw_files("development"),
    message:
        "Auditing the data before any model -> {output.audit} (log: {log})"
    script:
        "../scripts/fusion/audit_cohort.py"


rule audit_external:
    input:
        lock=ancient(LOCK_FILE),
        tables=expand("results/features/{block}.parquet", block=blocks_of("external")),
        external=expand("results/external/features/{block}.parquet", block=blocks_of("external")),
        patients=sheet("patients"),
        raw=raw_inputs(),
    output:
        audit="results/external/audit.json",
        ledger="results/qc/ledger/audit_external/cohort.jsonl",
    log:
        "logs/audit_external.log",
    benchmark:
        "benchmarks/audit_external.tsv"
    conda:
        "../envs/fusion.yaml"
    threads: 1
    resources:
        mem_mb=memory(1000),
        runtime=minutes(30),
    params:
        code=code_of("scripts/fusion/audit_external.py"),
        settings=config["fusion"]["audit"],
        roles={patient: entry["role"] for patient, entry in PLAN["patients"].items()},
        files=raw_files(),
    message:
        "External patients against development patients -> {output.audit} (log: {log})"
    script:
        "../scripts/fusion/audit_external.py"


rule explore_cohort:
    input:
        cohort="results/cohort/cohort.h5mu",
        assays=sheet("assays"),
    output:
        summary="results/cohort/explore/explore.json",
        scores="results/cohort/explore/scores.parquet",
        loadings="results/cohort/explore/loadings.parquet",
        projection="results/cohort/explore/projection.parquet",
        ledger="results/qc/ledger/explore_cohort/cohort.jsonl",
    log:
        "logs/explore_cohort.log",
    benchmark:
        "benchmarks/explore_cohort.tsv"
    conda:
        "../envs/fusion.yaml"
    threads: 1
    resources:
        mem_mb=memory(2000),
        runtime=minutes(60),
    params:
        code=code_of("scripts/fusion/explore_cohort.py"),
        sheets=sheet_digest("assays"),
        settings=config["fusion"]["explore"],
        limits=FEATURE_LIMITS,
        modalities=modality_of_blocks(),
        seed=config["seed"],
    message:
        "Looking at the training part without labels -> {output.summary} (log: {log})"
    script:
        "../scripts/fusion/explore_cohort.py"


rule associate_blocks:
    input:
        cohort="results/cohort/cohort.h5mu",
        assays=sheet("assays"),
    output:
        summary="results/cohort/associations/associations.json",
        edges="results/cohort/associations/edges.parquet",
        network="results/cohort/associations/network.graphml",
        ledger="results/qc/ledger/associate_blocks/cohort.jsonl",
    log:
        "logs/associate_blocks.log",
    benchmark:
        "benchmarks/associate_blocks.tsv"
    conda:
        "../envs/fusion.yaml"
    threads: 1
    resources:
        mem_mb=memory(2000),
        runtime=minutes(60),
    params:
        code=code_of("scripts/fusion/associate_blocks.py"),
        sheets=sheet_digest("assays"),
        settings=config["fusion"]["associate"],
        limits=FEATURE_LIMITS,
        modalities=modality_of_blocks(),
        seed=config["seed"],
    message:
        "Association between blocks -> {output.summary} (log: {log})"
    script:
        "../scripts/fusion/associate_blocks.py"
