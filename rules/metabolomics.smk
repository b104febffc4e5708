# Metabolomics: LC-MS and GC-MS runs to features. Fit on QC, blank and development runs; apply per patient.
register_modality(
    "lcms",
    dictionary="results/metabolomics/lcms/reference/{block}.dictionary.tsv",
    chain=[
        "scripts/metabolomics/detect_lcms.py",
        "scripts/metabolomics/fit_lcms_batch.py",
        "scripts/metabolomics/apply_lcms.py",
    ],
    references=(
        "results/metabolomics/lcms/reference/{block}.npz",
        "results/metabolomics/lcms/reference/{block}.status.json",
        "results/metabolomics/lcms/reference/{block}.dictionary.tsv",
    ),
    stability=lambda block: f"results/metabolomics/lcms/reference/{block}.stability.tsv",
)
register_modality(
    "gcms",
    dictionary="results/metabolomics/gcms/reference/{block}.dictionary.tsv",
    chain=[
        "scripts/metabolomics/detect_gcms.py",
        "scripts/metabolomics/apply_gcms.py",
    ],
    references=(
        "results/metabolomics/gcms/reference/{block}.npz",
        "results/metabolomics/gcms/reference/{block}.status.json",
        "results/metabolomics/gcms/reference/{block}.dictionary.tsv",
    ),
    stability=lambda block: f"results/metabolomics/gcms/reference/{block}.stability.tsv",
)


rule detect_lcms:
    input:
        run=lambda wildcards: run_named("lcms", wildcards.run)["file"],
    output:
        features="results/metabolomics/lcms/runs/{run}.npz",
        centroids="results/metabolomics/lcms/runs/{run}.centroids.npz",
        status="results/metabolomics/lcms/runs/{run}.status.json",
        ledger="results/qc/ledger/detect_lcms/{run}.jsonl",
    log:
        "logs/detect_lcms/{run}.log",
    benchmark:
        "benchmarks/detect_lcms/{run}.tsv"
    conda:
        "../envs/metabolomics.yaml"
    threads: 1
    resources:
        mem_mb=memory(2000),
        runtime=minutes(20),
    params:
        code=code_of("scripts/metabolomics/detect_lcms.py"),
        settings=settings_of("detect_lcms", config["metabolomics"]["lcms"]),
        subject=lambda wildcards: run_named("lcms", wildcards.run)["patient"] or wildcards.run,
        md5=lambda wildcards: md5_of([run_named("lcms", wildcards.run)["row"]]),
    message:
        "Finding features in LC-MS run {wildcards.run} -> {output.features} (log: {log})"
    script:
        "../scripts/metabolomics/detect_lcms.py"


rule fit_lcms:
    input:
        features=lambda wildcards: [
            f"results/metabolomics/lcms/runs/{run['assay']}.npz"
            for run in fit_runs("lcms", wildcards.block)
        ],
        statuses=lambda wildcards: [
            f"results/metabolomics/lcms/runs/{run['assay']}.status.json"
            for run in fit_runs("lcms", wildcards.block)
        ],
        centroids=lambda wildcards: [
            f"results/metabolomics/lcms/runs/{run['assay']}.centroids.npz"
            for run in fit_runs("lcms", wildcards.block, "qc", "blank")
        ],
        standards=[path for path in [config["metabolomics"]["standards"]] if path],
    output:
        reference="results/metabolomics/lcms/reference/{block}.npz",
        quality="results/metabolomics/lcms/reference/{block}.quality.tsv",
        dictionary="results/metabolomics/lcms/reference/{block}.dictionary.tsv",
        stability="results/metabolomics/lcms/reference/{block}.stability.tsv",
        status="results/metabolomics/lcms/reference/{block}.status.json",
        ledger="results/qc/ledger/fit_lcms/{block}.jsonl",
    log:
        "logs/fit_lcms/{block}.log",
    benchmark:
        "benchmarks/fit_lcms/{block}.tsv"
    conda:
        "../envs/metabolomics.yaml"
    threads: 1
    resources:
        mem_mb=memory(4000),
        runtime=minutes(60),
    params:
        code=code_of("scripts/metabolomics/fit_lcms.py"),
        settings=settings_of("fit_lcms", config["metabolomics"]["lcms"]),
        runs=lambda wildcards: described(fit_runs("lcms", wildcards.block)),
    message:
        "Learning the LC-MS reference of {wildcards.block} -> {output.reference} (log: {log})"
    script:
        "../scripts/metabolomics/fit_lcms.py"


rule fit_lcms_batch:
    input:
        reference="results/metabolomics/lcms/reference/{block}.npz",
        reference_status="results/metabolomics/lcms/reference/{block}.status.json",
        features=lambda wildcards: [
            f"results/metabolomics/lcms/runs/{run['assay']}.npz"
            for run in runs_in("lcms", wildcards.block, wildcards.batch, "qc")
        ],
        statuses=lambda wildcards: [
            f"results/metabolomics/lcms/runs/{run['assay']}.status.json"
            for run in runs_in("lcms", wildcards.block, wildcards.batch, "qc")
        ],
        centroids=lambda wildcards: [
            f"results/metabolomics/lcms/runs/{run['assay']}.centroids.npz"
            for run in runs_in("lcms", wildcards.block, wildcards.batch, "qc")
        ],
    output:
        batch="results/metabolomics/lcms/batches/{block}/{batch}.npz",
        status="results/metabolomics/lcms/batches/{block}/{batch}.status.json",
        ledger="results/qc/ledger/fit_lcms_batch/{block}-{batch}.jsonl",
    log:
        "logs/fit_lcms_batch/{block}-{batch}.log",
    benchmark:
        "benchmarks/fit_lcms_batch/{block}-{batch}.tsv"
    wildcard_constraints:
        batch=r"[A-Za-z0-9_-]+",
    conda:
        "../envs/metabolomics.yaml"
    threads: 1
    resources:
        mem_mb=memory(2000),
        runtime=minutes(20),
    params:
        code=code_of("scripts/metabolomics/fit_lcms_batch.py"),
        settings=settings_of("fit_lcms_batch", config["metabolomics"]["lcms"]),
        runs=lambda wildcards: described(
            runs_in("lcms", wildcards.block, wildcards.batch, "qc", "blank")
        ),
        orders=lambda wildcards: [
            run["order"] for run in runs_in("lcms", wildcards.block, wildcards.batch)
        ],
    message:
        "Learning the drift of LC-MS batch {wildcards.batch} -> {output.batch} (log: {log})"
    script:
        "../scripts/metabolomics/fit_lcms_batch.py"


rule apply_lcms:
    input:
        features=lambda wildcards: [
            f"results/metabolomics/lcms/runs/{run['assay']}.npz"
            for run in runs_of_patient("lcms", wildcards.patient)
        ],
        statuses=lambda wildcards: [
            f"results/metabolomics/lcms/runs/{run['assay']}.status.json"
            for run in runs_of_patient("lcms", wildcards.patient)
        ],
        centroids=lambda wildcards: [
            f"results/metabolomics/lcms/runs/{run['assay']}.centroids.npz"
            for run in runs_of_patient("lcms", wildcards.patient)
        ],
        references=lambda wildcards: [
            f"results/metabolomics/lcms/reference/{run['block']}.npz"
            for run in runs_of_patient("lcms", wildcards.patient)
        ],
        reference_statuses=lambda wildcards: [
            f"results/metabolomics/lcms/reference/{run['block']}.status.json"
            for run in runs_of_patient("lcms", wildcards.patient)
        ],
        batches=lambda wildcards: [
            f"results/metabolomics/lcms/batches/{run['block']}/{run['batch']}.npz"
            for run in runs_of_patient("lcms", wildcards.patient)
        ],
    output:
        row="results/metabolomics/lcms/{patient}/row.json",
        status="results/metabolomics/lcms/{patient}/status.json",
        ledger="results/qc/ledger/apply_lcms/{patient}.jsonl",
    log:
        "logs/apply_lcms/{patient}.log",
    benchmark:
        "benchmarks/apply_lcms/{patient}.tsv"
    conda:
        "../envs/metabolomics.yaml"
    threads: 1
    resources:
        mem_mb=memory(1000),
        runtime=minutes(10),
    params:
        code=code_of("scripts/metabolomics/apply_lcms.py"),
        settings=settings_of("apply_lcms", config["metabolomics"]["lcms"]),
        runs=lambda wildcards: described(runs_of_patient("lcms", wildcards.patient)),
    message:
        "Scoring LC-MS of {wildcards.patient} -> {output.row} (log: {log})"
    script:
        "../scripts/metabolomics/apply_lcms.py"


rule detect_gcms:
    input:
        run=lambda wildcards: run_named("gcms", wildcards.run)["file"],
        ladders=lambda wildcards: [run["file"] for run in ladders_of(wildcards.run)],
        library=[path for path in [config["metabolomics"]["gcms"]["library"]] if path],
    output:
        compounds="results/metabolomics/gcms/runs/{run}.npz",
        status="results/metabolomics/gcms/runs/{run}.status.json",
        ledger="results/qc/ledger/detect_gcms/{run}.jsonl",
    log:
        "logs/detect_gcms/{run}.log",
    benchmark:
        "benchmarks/detect_gcms/{run}.tsv"
    conda:
        "../envs/metabolomics.yaml"
    threads: 1
    resources:
        mem_mb=memory(2000),
        runtime=minutes(20),
    params:
        code=code_of("scripts/metabolomics/detect_gcms.py"),
        settings=settings_of("detect_gcms", config["metabolomics"]["gcms"]),
        ladders=lambda wildcards: [run["assay"] for run in ladders_of(wildcards.run)],
        batch=lambda wildcards: run_named("gcms", wildcards.run)["batch"],
        subject=lambda wildcards: run_named("gcms", wildcards.run)["patient"] or wildcards.run,
        md5=lambda wildcards: md5_of(
            [r["row"] for r in [run_named("gcms", wildcards.run), *ladders_of(wildcards.run)]]
        ),
    message:
        "Finding compounds in GC-MS run {wildcards.run} -> {output.compounds} (log: {log})"
    script:
        "../scripts/metabolomics/detect_gcms.py"


rule fit_gcms:
    input:
        compounds=lambda wildcards: [
            f"results/metabolomics/gcms/runs/{run['assay']}.npz"
            for run in fit_runs("gcms", wildcards.block)
        ],
        statuses=lambda wildcards: [
            f"results/metabolomics/gcms/runs/{run['assay']}.status.json"
            for run in fit_runs("gcms", wildcards.block)
        ],
    output:
        reference="results/metabolomics/gcms/reference/{block}.npz",
        quality="results/metabolomics/gcms/reference/{block}.quality.tsv",
        dictionary="results/metabolomics/gcms/reference/{block}.dictionary.tsv",
        stability="results/metabolomics/gcms/reference/{block}.stability.tsv",
        status="results/metabolomics/gcms/reference/{block}.status.json",
        ledger="results/qc/ledger/fit_gcms/{block}.jsonl",
    log:
        "logs/fit_gcms/{block}.log",
    benchmark:
        "benchmarks/fit_gcms/{block}.tsv"
    conda:
        "../envs/metabolomics.yaml"
    threads: 1
    resources:
        mem_mb=memory(1000),
        runtime=minutes(20),
    params:
        code=code_of("scripts/metabolomics/fit_gcms.py"),
        settings=settings_of("fit_gcms", config["metabolomics"]["gcms"]),
        runs=lambda wildcards: described(fit_runs("gcms", wildcards.block)),
    message:
        "Learning the GC-MS reference of {wildcards.block} -> {output.reference} (log: {log})"
    script:
        "../scripts/metabolomics/fit_gcms.py"


rule apply_gcms:
    input:
        compounds=lambda wildcards: [
            f"results/metabolomics/gcms/runs/{run['assay']}.npz"
            for run in runs_of_patient("gcms", wildcards.patient)
        ],
        statuses=lambda wildcards: [
            f"results/metabolomics/gcms/runs/{run['assay']}.status.json"
            for run in runs_of_patient("gcms", wildcards.patient)
        ],
        references=lambda wildcards: [
            f"results/metabolomics/gcms/reference/{run['block']}.npz"
            for run in runs_of_patient("gcms", wildcards.patient)
        ],
        reference_statuses=lambda wildcards: [
            f"results/metabolomics/gcms/reference/{run['block']}.status.json"
            for run in runs_of_patient("gcms", wildcards.patient)
        ],
        qcs=lambda wildcards: [
            f"results/metabolomics/gcms/runs/{run['assay']}.npz"
            for run in qcs_beside("gcms", wildcards.patient)
        ],
        qc_statuses=lambda wildcards: [
            f"results/metabolomics/gcms/runs/{run['assay']}.status.json"
            for run in qcs_beside("gcms", wildcards.patient)
        ],
    output:
        row="results/metabolomics/gcms/{patient}/row.json",
        status="results/metabolomics/gcms/{patient}/status.json",
        ledger="results/qc/ledger/apply_gcms/{patient}.jsonl",
    log:
        "logs/apply_gcms/{patient}.log",
    benchmark:
        "benchmarks/apply_gcms/{patient}.tsv"
    conda:
        "../envs/metabolomics.yaml"
    threads: 1
    resources:
        mem_mb=memory(1000),
        runtime=minutes(10),
    params:
        code=code_of("scripts/metabolomics/apply_gcms.py"),
        settings=settings_of("apply_gcms", config["metabolomics"]["gcms"]),
        runs=lambda wildcards: described(runs_of_patient("gcms", wildcards.patient)),
        qcs=lambda wildcards: described(qcs_beside("gcms", wildcards.patient)),
    message:
        "Scoring GC-MS of {wildcards.patient} -> {output.row} (log: {log})"
    script:
        "../scripts/metabolomics/apply_gcms.py"


rule assess_dispersion:
    input:
        rows=lambda wildcards: [
            row_path(wildcards.modality, patient)
            for patient in dict.fromkeys(
                run["patient"] for run in development_runs(wildcards.modality, wildcards.block)
            )
        ],
        statuses=lambda wildcards: [
            row_path(wildcards.modality, patient, "status")
            for patient in dict.fromkeys(
                run["patient"] for run in development_runs(wildcards.modality, wildcards.block)
            )
        ],
        stability="results/metabolomics/{modality}/reference/{block}.stability.tsv",
    output:
        dispersion="results/metabolomics/{modality}/reference/{block}.dispersion.tsv",
        status="results/metabolomics/{modality}/reference/{block}.dispersion.status.json",
        ledger="results/qc/ledger/assess_dispersion/{modality}.{block}.jsonl",
    log:
        "logs/assess_dispersion/{modality}.{block}.log",
    benchmark:
        "benchmarks/assess_dispersion/{modality}.{block}.tsv"
    wildcard_constraints:
        modality="lcms|gcms",
    conda:
        "../envs/metabolomics.yaml"
    threads: 1
    resources:
        mem_mb=memory(1000),
        runtime=minutes(10),
    params:
        code=code_of("scripts/metabolomics/assess_dispersion.py"),
    message:
        "Scatter of QC runs against samples of {wildcards.block} -> {output.dispersion} (log: {log})"
    script:
        "../scripts/metabolomics/assess_dispersion.py"
