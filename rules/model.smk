# Cross-validation, selection, final fit, lock, validation of the locked bundle, prediction.
wildcard_constraints:
    strategy="|".join(STRATEGIES),
    repeat="[0-9]+",


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
        settings=config["model"],
        seed=config["seed"],
    message:
        "Cross-validating {wildcards.strategy}, repeat {wildcards.repeat} -> {output.folds} (log: {log})"
    script:
        "../scripts/model/cross_validate.py"


rule select_model:
    input:
        cohort="results/cohort/cohort.h5mu",
        audit="results/cohort/audit.json",
        scores=expand(
            "results/model/cv/{strategy}.{repeat}.parquet",
            strategy=STRATEGIES,
            repeat=range(config["model"]["repeats"]),
        ),
        folds=expand(
            "results/model/cv/{strategy}.{repeat}.json",
            strategy=STRATEGIES,
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
        settings=config["model"],
        seed=config["seed"],
    message:
        "Choosing the model -> {output.performance} (log: {log})"
    script:
        "../scripts/model/select_model.py"
