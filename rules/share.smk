# What leaves the site, on demand only: share package (`snakemake share_package`), crate of a run (`snakemake write_crate`).
rule share_package:
    input:
        unpack(share_inputs),
        variables=resource("variable_dictionary.csv"),
    output:
        package=directory(f"results/share/{digest_of(config['share'])}"),
        ledger="results/qc/ledger/share_package/cohort.jsonl",
    log:
        "logs/share_package/cohort.log",
    benchmark:
        "benchmarks/share_package/cohort.tsv"
    localrule: True
    conda:
        "../envs/share.yaml"
    threads: 1
    resources:
        mem_mb=memory(2000),
        runtime=minutes(20),
    params:
        code=code_of("scripts/share/share_package.py"),
        settings=config["share"],
        plan=plan_digest("as_of", "purpose", "patients", "refused"),
        sheets=sheet_digest("patients", "consents", "assays"),
        blocks=[
            [
                block,
                PLAN["blocks"][block]["domain"],
                sum(block in blocks_of(role) for role in ("development", "external")),
            ]
            for block in shared_blocks()
        ],
        log="locks/exports.tsv",
    message:
        "Share package for {params.settings[recipient]} -> {output.package} (log: {log})"
    script:
        "../scripts/share/share_package.py"


rule write_crate:
    input:
        files=crate_files(),
        sheets=[path for name in PLAN["sheets"] for path in sheet(name)],
    output:
        crate=directory("results/crate"),
        ledger="results/qc/ledger/write_crate/cohort.jsonl",
    log:
        "logs/write_crate/cohort.log",
    benchmark:
        "benchmarks/write_crate/cohort.tsv"
    localrule: True
    conda:
        "../envs/share.yaml"
    threads: 1
    resources:
        mem_mb=memory(1000),
        runtime=minutes(10),
    params:
        code=code_of("scripts/share/write_crate.py"),
        config=digest_of(config),
        plan=plan_digest(),
    message:
        "RO-Crate of the run -> {output.crate} (log: {log})"
    script:
        "../scripts/share/write_crate.py"
