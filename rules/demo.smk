# The demo cohort. Only runs that name it in their configuration (config/demo/config.yaml) can make it.
DEMO_SIMULATORS = ("imaging", "metabolomics", "genomics", "proteomics", "clinical", "tables")
DEMO = {"seed": 0, "raw_patients": 0, "table_patients": 0, "mess": True} | config["demo"]


rule make_cohort:
    output:
        manifest=f"{config['sheets']}/manifest.tsv",
    log:
        "logs/make_cohort.log",
    benchmark:
        "benchmarks/make_cohort.tsv"
    conda:
        "../envs/demo.yaml"
    threads: 2
    resources:
        mem_mb=memory(2000),
        runtime=minutes(10),
    params:
        code=code_of("scripts/demo/make_cohort.py"),
        simulators=[
            code_of(f"scripts/demo/simulate_{name}.py")
            for name in DEMO_SIMULATORS
            if Path(workflow.basedir, f"scripts/demo/simulate_{name}.py").exists()
        ],
        seed=DEMO["seed"],
        raw_patients=DEMO["raw_patients"],
        table_patients=DEMO["table_patients"],
        mess=DEMO["mess"],
    message:
        "Making the demo cohort in {output.manifest}'s folder (log: {log})"
    script:
        "../scripts/demo/make_cohort.py"
