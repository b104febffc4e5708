# Imaging: one preparation and one extraction per patient and modality, reader agreement per block.
for imaging_modality in ("ct", "mri", "us"):
    register_modality(
        imaging_modality,
        dictionary=f"results/imaging/{imaging_modality}.dictionary.tsv",
        chain=[
            "scripts/imaging/prepare_volumes.py",
            "scripts/imaging/extract_radiomics.py",
            "scripts/imaging/judge_volumes.py",
        ],
        stability="results/imaging/{block}.stability.tsv",
    )


rule prepare_volumes:
    input:
        files=lambda wildcards: image_files(wildcards.modality, wildcards.patient),
    output:
        volumes=temp(directory("results/imaging/{modality}/{patient}/volumes")),
        meta="results/imaging/{modality}/{patient}/meta.json",
        status="results/imaging/{modality}/{patient}/prepare.status.json",
        ledger="results/qc/ledger/prepare_volumes/{patient}.{modality}.jsonl",
    log:
        "logs/prepare_volumes/{patient}.{modality}.log",
    benchmark:
        "benchmarks/prepare_volumes/{patient}.{modality}.tsv"
    wildcard_constraints:
        modality="ct|mri|us",
    conda:
        "../envs/imaging.yaml"
    threads: 1
    resources:
        mem_mb=memory(2000),
        runtime=minutes(15),
    params:
        code=code_of("scripts/imaging/prepare_volumes.py"),
        settings=lambda wildcards: imaging_settings("prepare_volumes", wildcards.modality),
        assays=lambda wildcards: assays_of(wildcards.modality, wildcards.patient),
        md5=lambda wildcards: md5_of(assays_of(wildcards.modality, wildcards.patient)),
        stamp=lambda wildcards: image_stamp(wildcards.modality, wildcards.patient),
    message:
        "Reading {wildcards.modality} images of {wildcards.patient} -> {output.meta} (log: {log})"
    script:
        "../scripts/imaging/prepare_volumes.py"


rule extract_radiomics:
    input:
        volumes=rules.prepare_volumes.output.volumes,
        meta=rules.prepare_volumes.output.meta,
        status=rules.prepare_volumes.output.status,
    output:
        row="results/imaging/{modality}/{patient}/row.json",
        readings="results/imaging/{modality}/{patient}/readings.json",
        status="results/imaging/{modality}/{patient}/extract.status.json",
        ledger="results/qc/ledger/extract_radiomics/{patient}.{modality}.jsonl",
    log:
        "logs/extract_radiomics/{patient}.{modality}.log",
    benchmark:
        "benchmarks/extract_radiomics/{patient}.{modality}.tsv"
    wildcard_constraints:
        modality="ct|mri|us",
    conda:
        "../envs/imaging.yaml"
    threads: 1
    resources:
        mem_mb=memory(3000),
        runtime=minutes(15),
    params:
        code=code_of("scripts/imaging/extract_radiomics.py"),
        settings=lambda wildcards: imaging_settings("extract_radiomics", wildcards.modality),
    message:
        "Radiomics of {wildcards.modality} of {wildcards.patient} -> {output.row} (log: {log})"
    script:
        "../scripts/imaging/extract_radiomics.py"


rule judge_volumes:
    input:
        meta=rules.prepare_volumes.output.meta,
        extracted=rules.extract_radiomics.output.status,
    output:
        status="results/imaging/{modality}/{patient}/status.json",
        ledger="results/qc/ledger/judge_volumes/{patient}.{modality}.jsonl",
    log:
        "logs/judge_volumes/{patient}.{modality}.log",
    benchmark:
        "benchmarks/judge_volumes/{patient}.{modality}.tsv"
    wildcard_constraints:
        modality="ct|mri|us",
    conda:
        "../envs/imaging.yaml"
    threads: 1
    resources:
        mem_mb=memory(500),
        runtime=minutes(5),
    params:
        code=code_of("scripts/imaging/judge_volumes.py"),
        limits=lambda wildcards: imaging_settings("judge_volumes", wildcards.modality),
    message:
        "Verdicts on {wildcards.modality} of {wildcards.patient} -> {output.status} (log: {log})"
    script:
        "../scripts/imaging/judge_volumes.py"


rule assess_stability:
    input:
        readings=lambda wildcards: read_twice(wildcards.block),
        statuses=lambda wildcards: read_twice(wildcards.block, "status"),
    output:
        stability="results/imaging/{block}.stability.tsv",
        status="results/imaging/{block}.stability.status.json",
        ledger="results/qc/ledger/assess_stability/{block}.jsonl",
    log:
        "logs/assess_stability/{block}.log",
    benchmark:
        "benchmarks/assess_stability/{block}.tsv"
    wildcard_constraints:
        block="(ct|mri|us)(_[a-z0-9_]+)?",
    conda:
        "../envs/imaging.yaml"
    threads: 1
    resources:
        mem_mb=memory(1000),
        runtime=minutes(5),
    params:
        code=code_of("scripts/imaging/assess_stability.py"),
        settings=config["imaging"]["stability"],
    message:
        "Reader agreement of {wildcards.block} -> {output.stability} (log: {log})"
    script:
        "../scripts/imaging/assess_stability.py"


rule describe_imaging:
    output:
        dictionary="results/imaging/{modality}.dictionary.tsv",
    log:
        "logs/describe_imaging/{modality}.log",
    benchmark:
        "benchmarks/describe_imaging/{modality}.tsv"
    wildcard_constraints:
        modality="ct|mri|us",
    conda:
        "../envs/imaging.yaml"
    threads: 1
    resources:
        mem_mb=memory(500),
        runtime=minutes(5),
    params:
        code=code_of("scripts/imaging/describe_imaging.py"),
        settings=lambda wildcards: imaging_settings("describe_imaging", wildcards.modality),
    message:
        "Dictionary of {wildcards.modality} features -> {output.dictionary} (log: {log})"
    script:
        "../scripts/imaging/describe_imaging.py"
