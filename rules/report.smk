# Conformance (a join of all QC records with the requirements) and the report.


# The step reads the ledger folders itself; the inputs say when: after the steps that write them.
rule assess_conformance:
    input:
        **report_parts(),
        patients=sheet("patients"),
        requirements=f"{workflow.basedir}/resources/requirements.yaml",
    output:
        findings="results/report/findings.tsv",
        conformance="results/report/conformance.json",
        nonconformities="results/report/nonconformities.tsv",
    log:
        "logs/assess_conformance/cohort.log",
    benchmark:
        "benchmarks/assess_conformance/cohort.tsv"
    conda:
        "../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=memory(1000),
        runtime=minutes(10),
    params:
        code=code_of("scripts/report/assess_conformance.py"),
        plan=".hcc/plan.json",
        plan_digest=digest_of(PLAN),
        ledgers=["results/qc/ledger", "results/external/qc/ledger"],
        searched=["results", "logs", "benchmarks", ".snakemake", "locks", "bundles"],
        watch_list=config["privacy"]["watch_list"],
        link_table=config["privacy"]["link_table"],
        apart_from=[".", config["sheets"]],
    message:
        "Conformance of the cohort -> {output.conformance} (log: {log})"
    script:
        "../scripts/report/assess_conformance.py"


rule write_report:
    input:
        **report_parts(),
        patients=sheet("patients"),
        findings="results/report/findings.tsv",
        conformance="results/report/conformance.json",
        resources=[
            f"{workflow.basedir}/resources/report/{name}"
            for name in (
                "report.css",
                "report.html.j2",
                "report.js",
                "reasons.yaml",
                "texts.yaml",
                "texts_classes.yaml",
                "texts_explore.yaml",
                "texts_internal.yaml",
                "texts_names.yaml",
                "tripod_ai.tsv",
            )
        ],
    output:
        report="results/report/report.html",
        tripod="results/report/tripod_ai.csv",
    log:
        "logs/write_report/cohort.log",
    benchmark:
        "benchmarks/write_report/cohort.tsv"
    conda:
        "../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=memory(1000),
        runtime=minutes(10),
    params:
        code=code_of("scripts/report/write_report.py"),
        settings=config["report"],
        plan=".hcc/plan.json",
        plan_digest=digest_of(PLAN),
        openings="locks/openings.tsv",
        withdrawals="locks/bundle_withdrawals.tsv",
        decisions=digest_of(read_lines(Path("locks/bundle_withdrawals.tsv"))),
        shown={key: config[key] for key in sorted(config) if key not in ("sheets", "demo", "stub")},
    message:
        "Report of the cohort -> {output.report} (log: {log})"
    script:
        "../scripts/report/write_report.py"


# What `snakemake predict` shows of each new patient.
rule write_patient_page:
    input:
        predictions="results/predictions/predictions.tsv",
        contributions="results/predictions/contributions.tsv",
        resources=[
            f"{workflow.basedir}/resources/report/{name}"
            for name in (
                "report.css",
                "report.html.j2",
                "report.js",
                "reasons.yaml",
                "texts.yaml",
                "texts_names.yaml",
                "texts_patient.yaml",
            )
        ],
    output:
        pages=directory("results/predictions/patients"),
    log:
        "logs/write_patient_page/cohort.log",
    benchmark:
        "benchmarks/write_patient_page/cohort.tsv"
    conda:
        "../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=memory(500),
        runtime=minutes(10),
    params:
        code=code_of("scripts/report/write_patient_page.py"),
        settings=config["report"],
        bundles=lock_params()["bundles"],
    message:
        "A page for each new patient -> {output.pages} (log: {log})"
    script:
        "../scripts/report/write_patient_page.py"


# `snakemake plan`: runs nothing but this. It has no output, so that it tells the present state whenever it is asked for.
rule plan:
    log:
        "logs/plan/cohort.log",
    benchmark:
        "benchmarks/plan/cohort.tsv"
    localrule: True
    conda:
        "../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=memory(1000),
        runtime=minutes(10),
    params:
        code=code_of("scripts/report/plan.py"),
        snakefile=f"{workflow.basedir}/Snakefile",
        settings=config,
        target="all",
        benchmarks="benchmarks",
        table="results/plan.tsv",
    message:
        "What the next run would do, also in {params.table} (log: {log})"
    script:
        "../scripts/report/plan.py"


# `snakemake check_conformance`: the verdict as an exit code. It has no output, so that it runs whenever it is asked for.
rule check_conformance:
    input:
        conformance="results/report/conformance.json",
    log:
        "logs/check_conformance/cohort.log",
    benchmark:
        "benchmarks/check_conformance/cohort.tsv"
    localrule: True
    conda:
        "../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=memory(1000),
        runtime=minutes(10),
    params:
        code=code_of("scripts/report/check_conformance.py"),
        which="process",
    message:
        "The verdict as an exit code (log: {log})"
    script:
        "../scripts/report/check_conformance.py"
