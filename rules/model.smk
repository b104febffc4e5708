# Cross-validation, selection, final fit, lock, validation of the locked bundle, prediction.
wildcard_constraints:
    strategy="|".join(STRATEGIES),
    repeat="[0-9]+",
    part="[0-9]+",


rule cross_validate:
    input:
        cohort="results/cohort/cohort.h5mu",
        audit=ancient("results/cohort/audit.json"),
    output:
        scores="results/model/cv/{strategy}.{repeat}.parquet",
        folds="results/model/cv/{strategy}.{repeat}.json",
        ledger="results/qc/ledger/cross_validate/{strategy}.{repeat}.jsonl",
    log:
        "logs/cross_validate/{strategy}.{repeat}.log",
    benchmark:
        "benchmarks/cross_validate/{strategy}.{repeat}.tsv"
    conda:
        "../envs/model.yaml"
    threads: 1
    resources:
        mem_mb=memory(2000),
        runtime=minutes(60),
    params:
        code=code_of("scripts/model/cross_validate.py"),
        settings=MODEL_SETTINGS,
        seed=config["seed"],
    message:
        "Cross-validating {wildcards.strategy}, repeat {wildcards.repeat} -> {output.folds} (log: {log})"
    script:
        "../scripts/model/cross_validate.py"


rule select_model:
    input:
        cohort="results/cohort/cohort.h5mu",
        audit="results/cohort/audit.json",
        controls="results/cohort/controls.parquet",
        scores=expand(
            "results/model/cv/{strategy}.{repeat}.parquet",
            strategy=TRIED,
            repeat=range(config["model"]["repeats"]),
        ),
        folds=expand(
            "results/model/cv/{strategy}.{repeat}.json",
            strategy=TRIED,
            repeat=range(config["model"]["repeats"]),
        ),
    output:
        performance="results/model/performance.json",
        oof="results/model/oof.parquet",
        ledger="results/qc/ledger/select_model/cohort.jsonl",
    log:
        "logs/select_model.log",
    benchmark:
        "benchmarks/select_model.tsv"
    conda:
        "../envs/model.yaml"
    threads: 1
    resources:
        mem_mb=memory(1500),
        runtime=minutes(30),
    params:
        code=code_of("scripts/model/select_model.py"),
        settings=MODEL_SETTINGS,
        seed=config["seed"],
        iterations="locks/iterations.tsv",
        no_model=NO_MODEL,
    message:
        "Choosing the model -> {output.performance} (log: {log})"
    script:
        "../scripts/model/select_model.py"


rule refit_model:
    input:
        cohort="results/cohort/cohort.h5mu",
        performance="results/model/performance.json",
    output:
        refits="results/model/refits/{part}.parquet",
        apparent="results/model/refits/{part}.json",
    log:
        "logs/refit_model/{part}.log",
    benchmark:
        "benchmarks/refit_model/{part}.tsv"
    conda:
        "../envs/model.yaml"
    threads: 1
    resources:
        mem_mb=memory(1500),
        runtime=minutes(60),
    params:
        code=code_of("scripts/model/refit_model.py"),
        settings=MODEL_SETTINGS,
        refits=config["model"]["refits"],
        seed=config["seed"],
    message:
        "Refitting the chosen model on resampled patients, part {wildcards.part} -> {output.refits} (log: {log})"
    script:
        "../scripts/model/refit_model.py"


rule permute_labels:
    input:
        cohort="results/cohort/cohort.h5mu",
        performance="results/model/performance.json",
    output:
        permuted="results/model/permutations/{part}.json",
    log:
        "logs/permute_labels/{part}.log",
    benchmark:
        "benchmarks/permute_labels/{part}.tsv"
    conda:
        "../envs/model.yaml"
    threads: 1
    resources:
        mem_mb=memory(2000),
        runtime=minutes(120),
    params:
        code=code_of("scripts/model/permute_labels.py"),
        settings=MODEL_SETTINGS,
        permutations=config["model"]["permutations"],
        seed=config["seed"],
    message:
        "Cross-validating under shuffled labels, part {wildcards.part} -> {output.permuted} (log: {log})"
    script:
        "../scripts/model/permute_labels.py"


rule validate_internal:
    input:
        cohort="results/cohort/cohort.h5mu",
        performance="results/model/performance.json",
        refits=expand("results/model/refits/{part}.parquet", part=PARTS["refits"]),
        apparent=expand("results/model/refits/{part}.json", part=PARTS["refits"]),
        permuted=expand(
            "results/model/permutations/{part}.json",
            part=PARTS["permutations"],
        ),
    output:
        internal="results/model/internal.json",
        ledger="results/qc/ledger/validate_internal/cohort.jsonl",
    log:
        "logs/validate_internal.log",
    benchmark:
        "benchmarks/validate_internal.tsv"
    conda:
        "../envs/model.yaml"
    threads: 1
    resources:
        mem_mb=memory(1500),
        runtime=minutes(60),
    params:
        code=code_of("scripts/model/validate_internal.py"),
        settings=MODEL_SETTINGS,
        refits=config["model"]["refits"],
        permutations=config["model"]["permutations"],
        seed=config["seed"],
    message:
        "Optimism, centres left out, learning curve -> {output.internal} (log: {log})"
    script:
        "../scripts/model/validate_internal.py"


rule fit_model:
    input:
        cohort="results/cohort/cohort.h5mu",
        performance="results/model/performance.json",
    output:
        fit=directory("results/model/fit"),
        ledger="results/qc/ledger/fit_model/cohort.jsonl",
    log:
        "logs/fit_model.log",
    benchmark:
        "benchmarks/fit_model.tsv"
    conda:
        "../envs/model.yaml"
    threads: 1
    resources:
        mem_mb=memory(1500),
        runtime=minutes(30),
    params:
        code=code_of("scripts/model/fit_model.py"),
        settings=MODEL_SETTINGS,
        seed=config["seed"],
    message:
        "Final fit on the training part -> {output.fit} (log: {log})"
    script:
        "../scripts/model/fit_model.py"


# Once a bundle is locked, no rule makes locks/bundle.json: neither new data nor a changed script replaces it.
# Jobs of a cluster parse the workflow while it is being locked, so for them the rule is always there.
if not (LOCKED and workflow.is_main_process):

    rule lock_bundle:
        input:
            fit="results/model/fit",
            references=reference_inputs(),
        output:
            lock="locks/bundle.json",
            ledger="results/qc/ledger/lock_bundle/cohort.jsonl",
        log:
            "logs/lock_bundle.log",
        benchmark:
            "benchmarks/lock_bundle.tsv"
        localrule: True
        conda:
            "../envs/model.yaml"
        threads: 1
        resources:
            mem_mb=memory(800),
            runtime=minutes(10),
        params:
            code=code_of("scripts/model/lock_bundle.py"),
            bundles="bundles",
            log="locks/bundles.tsv",
            lock=lambda wildcards, output: output.lock,
            relock=False,
            reason="",
            chains=chains(),
        message:
            "Locking the model -> {output.lock}, bundles/ (log: {log})"
        script:
            "../scripts/model/lock_bundle.py"


rule relock_bundle:
    input:
        fit="results/model/fit",
        references=reference_inputs(),
    log:
        "logs/relock_bundle.log",
    conda:
        "../envs/model.yaml"
    threads: 1
    resources:
        mem_mb=memory(800),
        runtime=minutes(10),
    params:
        code=code_of("scripts/model/lock_bundle.py"),
        bundles="bundles",
        log="locks/bundles.tsv",
        lock="locks/bundle.json",
        relock=True,
        reason=config["model"]["relock_reason"],
        chains=chains(),
    message:
        "Locking a new version beside the old one -> locks/bundle.json, bundles/ (log: {log})"
    script:
        "../scripts/model/lock_bundle.py"


rule evaluate_test:
    input:
        cohort="results/cohort/cohort.h5mu",
        lock=LOCK_FILE,
    output:
        performance="results/model/test.json",
        ledger="results/qc/ledger/evaluate_test/cohort.jsonl",
    log:
        "logs/evaluate_test.log",
    benchmark:
        "benchmarks/evaluate_test.tsv"
    conda:
        "../envs/model.yaml"
    threads: 1
    resources:
        mem_mb=memory(1500),
        runtime=minutes(20),
    params:
        **lock_params(),
        code=code_of("scripts/model/evaluate_test.py"),
        settings=MODEL_SETTINGS,
        seed=config["seed"],
    message:
        "Locked model on the internal test part -> {output.performance} (log: {log})"
    script:
        "../scripts/model/evaluate_test.py"


rule validate_external:
    input:
        tables=expand("results/external/features/{block}.parquet", block=blocks_of("external")),
        audit=[ancient(path) for path in ["results/external/audit.json"] if blocks_of("external")],
        patients=sheet("patients"),
        outcome="results/external/outcome.tsv",
        description="results/external/outcome.json",
        lock=LOCK_FILE,
    output:
        performance="results/external/performance.json",
        predictions="results/external/predictions.parquet",
        ledger="results/qc/ledger/validate_external/cohort.jsonl",
    log:
        "logs/validate_external.log",
    benchmark:
        "benchmarks/validate_external.tsv"
    conda:
        "../envs/model.yaml"
    threads: 1
    resources:
        mem_mb=memory(1500),
        runtime=minutes(20),
    params:
        **lock_params(),
        code=code_of("scripts/model/validate_external.py"),
        sheets=sheet_digest("patients"),
        settings=MODEL_SETTINGS,
        seed=config["seed"],
        openings="locks/openings.tsv",
        blocks=blocks_of("external"),
        admitted=subjects_of("external"),
    message:
        "Locked model on the external patients -> {output.performance} (log: {log})"
    script:
        "../scripts/model/validate_external.py"


# Patients with a withdrawn consent were in training: what becomes of the bundle is asked for, and recorded here.
rule decide_withdrawal:
    log:
        "logs/decide_withdrawal.log",
    conda:
        "../envs/model.yaml"
    threads: 1
    resources:
        mem_mb=memory(500),
        runtime=minutes(5),
    params:
        code=code_of("scripts/model/decide_withdrawal.py"),
        table="locks/bundle_withdrawals.tsv",
        asked=config["withdrawal"],
    message:
        "Recording the decision in {params.table} (log: {log})"
    script:
        "../scripts/model/decide_withdrawal.py"


rule recalibrate:
    input:
        tables=expand("results/external/features/{block}.parquet", block=blocks_of("external")),
        patients=sheet("patients"),
        outcome="results/external/outcome.tsv",
        lock=LOCK_FILE,
    log:
        "logs/recalibrate.log",
    conda:
        "../envs/model.yaml"
    threads: 1
    resources:
        mem_mb=memory(1500),
        runtime=minutes(20),
    params:
        **lock_params(),
        code=code_of("scripts/model/recalibrate.py"),
        settings=MODEL_SETTINGS,
        seed=config["seed"],
        log="locks/bundles.tsv",
        openings="locks/openings.tsv",
        asked=config["recalibrate"],
        blocks=blocks_of("external"),
        admitted=subjects_of("external"),
    message:
        "Recalibrating the locked model -> a new version in bundles/, {params.lock} (log: {log})"
    script:
        "../scripts/model/recalibrate.py"


# `snakemake predict --config new=<sheet or folder>`: table, contributions and a page for each patient.
rule predict:
    input:
        predict_targets,


if NEW:

    rule restore_references:
        input:
            lock=LOCK_FILE,
        output:
            NEW.restored(),
        log:
            "logs/restore_references.log",
        benchmark:
            "benchmarks/restore_references.tsv"
        localrule: True
        conda:
            "../envs/model.yaml"
        threads: 1
        resources:
            mem_mb=memory(500),
            runtime=minutes(20),
        params:
            code=code_of("scripts/model/restore_references.py"),
            bundle=str(NEW.folder),
            root=str(NEW.root),
        message:
            "Restoring the extraction references of the bundle {params.bundle} (log: {log})"
        script:
            "../scripts/model/restore_references.py"

    ruleorder: restore_references > fit_lcms > fit_gcms
    ruleorder: restore_references > infer_proteins > prepare_database > prepare_reference


rule predict_patients:
    input:
        unpack(lambda wildcards: new_patients()),
        lock=LOCK_FILE,
    output:
        predictions="results/predictions/predictions.tsv",
        contributions="results/predictions/contributions.tsv",
        measured="results/predictions/measured.tsv",
        ledger="results/qc/ledger/predict_patients/cohort.jsonl",
    log:
        "logs/predict_patients.log",
    benchmark:
        "benchmarks/predict_patients.tsv"
    conda:
        "../envs/model.yaml"
    threads: 1
    resources:
        mem_mb=memory(1000),
        runtime=minutes(10),
    params:
        **lock_params(),
        code=code_of("scripts/model/predict_patients.py"),
        unknown_centre=config["prediction"]["unknown_centre"],
        without_discrimination=config["prediction"]["without_discrimination"],
        withdrawals=f"{HOME}locks/bundle_withdrawals.tsv",
        decisions=digest_of(read_lines(Path(f"{HOME}locks/bundle_withdrawals.tsv"))),
        chains=chain_code(),
        blocks=new_blocks() if NEW else [],
        admitted=subjects_of("new"),
    message:
        "Scoring the new patients -> {output.predictions} (log: {log})"
    script:
        "../scripts/model/predict_patients.py"
