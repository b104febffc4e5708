# Conformance (a join of all QC records with the requirements) and the report.


# The step reads the ledger folders itself; the inputs say when: after the steps that write them.
rule assess_conformance:
    input:
        **report_parts(),
        patients=sheet("patients"),
        requirements=resource("requirements.yaml"),
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
        plan_digest=plan_digest(),
        ledgers=["results/qc/ledger", "results/external/qc/ledger"],
        searched=["results", "logs", "benchmarks", ".snakemake", "locks", "bundles"],
        watch_list=config["privacy"]["watch_list"],
        link_table=config["privacy"]["link_table"],
        apart_from=[".", config["sheets"]],
        exports="locks/exports.tsv",
        on_demand=said_on_demand(),
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
        resources=page_resources("tripod_ai.tsv"),
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
        plan_digest=plan_digest(),
        openings="locks/openings.tsv",
        iterations="locks/iterations.tsv",
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
        measured="results/predictions/measured.tsv",
        resources=page_resources(),
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
        prevalence=float(config["prediction"]["prevalence"] or 0) or None,
        bundles=lock_params()["bundles"],
    message:
        "A page for each new patient -> {output.pages} (log: {log})"
    script:
        "../scripts/report/write_patient_page.py"


rule write_conformance_report:
    input:
        patients=sheet("patients"),
        samples=sheet("samples"),
        findings="results/report/findings.tsv",
        conformance="results/report/conformance.json",
        nonconformities="results/report/nonconformities.tsv",
        requirements=resource("requirements.yaml"),
        resources=page_resources("records.js"),
    output:
        report="results/report/conformance.html",
    log:
        "logs/write_conformance_report/cohort.log",
    benchmark:
        "benchmarks/write_conformance_report/cohort.tsv"
    conda:
        "../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=memory(2000),
        runtime=minutes(10),
    params:
        code=code_of("scripts/report/write_conformance_report.py"),
        settings=config["report"],
        plan=".hcc/plan.json",
        plan_digest=plan_digest(),
    message:
        "Conformance report for auditors -> {output.report} (log: {log})"
    script:
        "../scripts/report/write_conformance_report.py"


rule write_quality_report:
    input:
        **laboratory_parts(),
        patients=sheet("patients"),
        verdicts=report_parts()["verdicts"],
        external_verdicts=report_parts()["external_verdicts"],
        findings="results/report/findings.tsv",
        dictionary=resource("variable_dictionary.csv"),
        resources=page_resources(),
    output:
        report="results/report/data_quality.html",
    log:
        "logs/write_quality_report/cohort.log",
    benchmark:
        "benchmarks/write_quality_report/cohort.tsv"
    conda:
        "../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=memory(2000),
        runtime=minutes(10),
    params:
        code=code_of("scripts/report/write_quality_report.py"),
        settings=config["report"],
        clinical={key: config["clinical"][key] for key in ("bins", "outlier_z")},
        plan=".hcc/plan.json",
        plan_digest=plan_digest(),
    message:
        "Data-quality report -> {output.report} (log: {log})"
    script:
        "../scripts/report/write_quality_report.py"


# The folder holds a PDF a page where this machine has pango and fonts; printed.tsv in it says so, or why not.
rule print_reports:
    input:
        pages=["results/report/conformance.html", "results/report/data_quality.html"],
        style=resource("report/print.css"),
    output:
        pdf=directory("results/report/pdf/{language}"),
    log:
        "logs/print_reports/{language}.log",
    benchmark:
        "benchmarks/print_reports/{language}.tsv"
    conda:
        "../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=memory(1000),
        runtime=minutes(10),
    params:
        code=code_of("scripts/report/print_reports.py"),
    message:
        "The reports as PDF, language {wildcards.language} -> {output.pdf} (log: {log})"
    script:
        "../scripts/report/print_reports.py"


# `snakemake plan`: runs nothing but this. It has no output and no benchmark (for Snakemake a file like an output), so that it
# tells the present state whenever it is asked for.
rule plan:
    log:
        "logs/plan/cohort.log",
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


# `snakemake check_conformance`: the verdict as an exit code. Like `plan` it runs whenever it is asked for.
rule check_conformance:
    input:
        conformance="results/report/conformance.json",
    log:
        "logs/check_conformance/cohort.log",
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
