# Genomics: reference, alignment, identity of samples, variants (exome, genome), fragments (cfDNA).
GENOMICS = config["genomics"]
GENOMICS_INPUTS = ("reference", "annotation", "targets", "hbv")
GENOMICS_TABLES = {
    name: chain_table(f"genomics.{name}", GENOMICS[name] or resource(f"genomics/{default}"))
    for name, default in (("genes", "hcc_genes.tsv"), ("hotspots", "hotspots.tsv"))
}
ALIGNMENT = GENOMICS["alignment_format"]
ALIGNMENT_INDEX = {"bam": "bam.bai", "cram": "cram.crai"}[ALIGNMENT]

GENOMICS_STEP = {"wes": "call_variants", "wgs": "call_variants", "cfdna": "extract_fragments"}
REFERENCE_FILES = (
    *(
        f"genome.fa{suffix}"
        for suffix in ("", ".fai", ".amb", ".ann", ".bwt", ".pac", ".sa", ".alt")
    ),
    *("genome.dict", "contigs.tsv", "targets.bed", "annotation.gff3", "status.json"),
)

for sequenced in ("wes", "wgs", "cfdna"):
    register_modality(
        sequenced,
        dictionary="results/genomics/{block}.dictionary.tsv",
        chain=["scripts/genomics/align_reads.py", "scripts/genomics/match_samples.py"]
        + [f"scripts/genomics/{GENOMICS_STEP[sequenced]}.py"],
        linked=tuple(f"results/genomics/reference/{name}" for name in REFERENCE_FILES),
    )


rule prepare_reference:
    input:
        files=[GENOMICS[key] for key in GENOMICS_INPUTS if Path(GENOMICS[key]).is_file()],
        marks=[
            path
            for path in (f"{GENOMICS['reference'].removesuffix('.gz')}.alt",)
            if Path(path).is_file()
        ],
    output:
        fasta="results/genomics/reference/genome.fa",
        fai="results/genomics/reference/genome.fa.fai",
        dict="results/genomics/reference/genome.dict",
        amb="results/genomics/reference/genome.fa.amb",
        ann="results/genomics/reference/genome.fa.ann",
        bwt="results/genomics/reference/genome.fa.bwt",
        pac="results/genomics/reference/genome.fa.pac",
        sa="results/genomics/reference/genome.fa.sa",
        alt="results/genomics/reference/genome.fa.alt",
        contigs="results/genomics/reference/contigs.tsv",
        targets="results/genomics/reference/targets.bed",
        annotation="results/genomics/reference/annotation.gff3",
        status="results/genomics/reference/status.json",
        ledger="results/qc/ledger/prepare_reference/cohort.jsonl",
    log:
        "logs/prepare_reference/cohort.log",
    benchmark:
        "benchmarks/prepare_reference/cohort.tsv"
    conda:
        "../envs/genomics.yaml"
    threads: 1
    resources:
        mem_mb=memory(8000),
        runtime=minutes(180),
    params:
        code=code_of("scripts/genomics/prepare_reference.py"),
        reference=GENOMICS["reference"],
        annotation=GENOMICS["annotation"],
        targets=GENOMICS["targets"],
        hbv=GENOMICS["hbv"],
        hbv_contigs=GENOMICS["hbv_contigs"],
    message:
        "Indexing the reference genome -> {output.fasta} (log: {log})"
    script:
        "../scripts/genomics/prepare_reference.py"


rule align_reads:
    input:
        files=lambda wildcards: [
            raw_file(row, column)
            for row in assays_of(wildcards.modality, wildcards.patient)
            for column in ("file", "file2")
            if row["block"] == wildcards.block and column in row
        ],
        reference=rules.prepare_reference.output.fasta,  # its index comes from the same job
        reference_status=rules.prepare_reference.output.status,
    output:
        alignment=f"results/genomics/{{modality}}/{{patient}}/{{block}}.{ALIGNMENT}",
        index=f"results/genomics/{{modality}}/{{patient}}/{{block}}.{ALIGNMENT_INDEX}",
        metrics="results/genomics/{modality}/{patient}/{block}.metrics.json",
        status="results/genomics/{modality}/{patient}/{block}.alignment.json",
        ledger="results/qc/ledger/align_reads/{patient}.{modality}.{block}.jsonl",
    log:
        "logs/align_reads/{patient}.{modality}.{block}.log",
    benchmark:
        "benchmarks/align_reads/{patient}.{modality}.{block}.tsv"
    wildcard_constraints:
        modality="wes|wgs|cfdna",
    conda:
        "../envs/genomics.yaml"
    threads: GENOMICS["threads"]
    resources:
        mem_mb=memory(8000),
        runtime=minutes(240),
    params:
        code=code_of("scripts/genomics/align_reads.py"),
        rows=lambda wildcards: [
            {
                key: row[key]
                for key in ("assay_id", "file", "file2", "md5", "file2_md5", "sample_id")
                if key in row
            }
            for row in assays_of(wildcards.modality, wildcards.patient)
            if row["block"] == wildcards.block
        ],
        settings=GENOMICS["align"] | {key: GENOMICS[key] for key in ("backend", "alignment_format")},
    message:
        "Aligning {wildcards.block} of {wildcards.patient} -> {output.alignment} (log: {log})"
    script:
        "../scripts/genomics/align_reads.py"


rule match_samples:
    input:
        alignment=lambda wildcards: samples_of(wildcards.patient, ALIGNMENT),
        index=lambda wildcards: samples_of(wildcards.patient, ALIGNMENT_INDEX),
        align_status=lambda wildcards: samples_of(wildcards.patient, "alignment.json"),
        reference=rules.prepare_reference.output.fasta,
        fai=rules.prepare_reference.output.fai,
        contigs=rules.prepare_reference.output.contigs,
        targets=rules.prepare_reference.output.targets,
        sites=[GENOMICS["identity_sites"]] if GENOMICS["identity_sites"] else [],
    output:
        table="results/genomics/identity/{patient}.tsv",
        status="results/genomics/identity/{patient}.json",
        ledger="results/qc/ledger/match_samples/{patient}.jsonl",
    log:
        "logs/match_samples/{patient}.log",
    benchmark:
        "benchmarks/match_samples/{patient}.tsv"
    conda:
        "../envs/genomics.yaml"
    threads: 1
    resources:
        mem_mb=memory(1000),
        runtime=minutes(30),
    params:
        code=code_of("scripts/genomics/match_samples.py"),
        blocks=lambda wildcards: [row["block"] for row in sequenced_of(wildcards.patient)],
        evidence=lambda wildcards: [row["assay_id"] for row in sequenced_of(wildcards.patient)],
        settings=GENOMICS["identity"]
        | {key: GENOMICS[key] for key in ("backend", "identity_sites")},
    message:
        "Comparing the genotypes of {wildcards.patient}'s samples -> {output.table} (log: {log})"
    script:
        "../scripts/genomics/match_samples.py"


rule call_variants:
    input:
        alignment=lambda wildcards: samples_of(wildcards.patient, ALIGNMENT, wildcards.modality),
        index=lambda wildcards: samples_of(wildcards.patient, ALIGNMENT_INDEX, wildcards.modality),
        metrics=lambda wildcards: samples_of(wildcards.patient, "metrics.json", wildcards.modality),
        align_status=lambda wildcards: samples_of(
            wildcards.patient, "alignment.json", wildcards.modality
        ),
        normal=lambda wildcards: other_normal_of(wildcards.patient, wildcards.modality, ALIGNMENT),
        normal_index=lambda wildcards: other_normal_of(
            wildcards.patient, wildcards.modality, ALIGNMENT_INDEX
        ),
        normal_status=lambda wildcards: other_normal_of(
            wildcards.patient, wildcards.modality, "alignment.json"
        ),
        identity=lambda wildcards: identity_of(wildcards.patient),
        reference=rules.prepare_reference.output.fasta,
        fai=rules.prepare_reference.output.fai,
        contigs=rules.prepare_reference.output.contigs,
        targets=rules.prepare_reference.output.targets,
        annotation=rules.prepare_reference.output.annotation,
        genes=GENOMICS_TABLES["genes"],
        hotspots=GENOMICS_TABLES["hotspots"],
        frequencies=(
            [GENOMICS["population_frequencies"]]
            if Path(GENOMICS["population_frequencies"]).is_file()
            else []
        ),
    output:
        variants=directory("results/genomics/{modality}/{patient}/variants"),
        row="results/genomics/{modality}/{patient}/row.json",
        status="results/genomics/{modality}/{patient}/status.json",
        ledger="results/qc/ledger/call_variants/{patient}.{modality}.jsonl",
    log:
        "logs/call_variants/{patient}.{modality}.log",
    benchmark:
        "benchmarks/call_variants/{patient}.{modality}.tsv"
    wildcard_constraints:
        modality="wes|wgs",
    conda:
        "../envs/genomics.yaml"
    threads: 1
    resources:
        mem_mb=memory(2000),
        runtime=minutes(240),
    params:
        code=code_of("scripts/genomics/call_variants.py"),
        blocks=lambda wildcards: [
            row["block"] for row in sequenced_of(wildcards.patient, wildcards.modality)
        ],
        evidence=lambda wildcards: [
            row["assay_id"] for row in sequenced_of(wildcards.patient, wildcards.modality)
        ],
        settings=lambda wildcards: {
            key: value for key, value in GENOMICS["variants"].items() if key not in ("wes", "wgs")
        }
        | {key: GENOMICS[key] for key in ("backend", "assembly", "population_frequencies")}
        | {
            "limits": GENOMICS["variants"][wildcards.modality],
            "capture": wildcards.modality == "wes",
        },
    message:
        "Calling variants of {wildcards.patient} ({wildcards.modality}) -> {output.row} (log: {log})"
    script:
        "../scripts/genomics/call_variants.py"


rule extract_fragments:
    input:
        alignment=lambda wildcards: samples_of(wildcards.patient, ALIGNMENT, "cfdna"),
        index=lambda wildcards: samples_of(wildcards.patient, ALIGNMENT_INDEX, "cfdna"),
        metrics=lambda wildcards: samples_of(wildcards.patient, "metrics.json", "cfdna"),
        align_status=lambda wildcards: samples_of(wildcards.patient, "alignment.json", "cfdna"),
        identity=lambda wildcards: identity_of(wildcards.patient),
        reference=rules.prepare_reference.output.fasta,
        fai=rules.prepare_reference.output.fai,
        contigs=rules.prepare_reference.output.contigs,
        arms=[GENOMICS["arms"]] if GENOMICS["arms"] else [],
    output:
        row="results/genomics/cfdna/{patient}/row.json",
        tables=directory("results/genomics/cfdna/{patient}/fragments"),
        status="results/genomics/cfdna/{patient}/status.json",
        ledger="results/qc/ledger/extract_fragments/{patient}.jsonl",
    log:
        "logs/extract_fragments/{patient}.log",
    benchmark:
        "benchmarks/extract_fragments/{patient}.tsv"
    conda:
        "../envs/genomics.yaml"
    threads: 1
    resources:
        mem_mb=memory(2000),
        runtime=minutes(120),
    params:
        code=code_of("scripts/genomics/extract_fragments.py"),
        blocks=lambda wildcards: [row["block"] for row in sequenced_of(wildcards.patient, "cfdna")],
        evidence=lambda wildcards: [
            row["assay_id"] for row in sequenced_of(wildcards.patient, "cfdna")
        ],
        settings=GENOMICS["fragments"] | {"arms": GENOMICS["arms"]},
    message:
        "Counting cfDNA fragments of {wildcards.patient} -> {output.row} (log: {log})"
    script:
        "../scripts/genomics/extract_fragments.py"


rule describe_genomics:
    input:
        genes=GENOMICS_TABLES["genes"],
        hotspots=GENOMICS_TABLES["hotspots"],
        contigs=rules.prepare_reference.output.contigs,
    output:
        dictionary="results/genomics/{block}.dictionary.tsv",
    log:
        "logs/describe_genomics/{block}.log",
    benchmark:
        "benchmarks/describe_genomics/{block}.tsv"
    conda:
        "../envs/genomics.yaml"
    threads: 1
    resources:
        mem_mb=memory(500),
        runtime=minutes(5),
    params:
        code=code_of("scripts/genomics/describe_genomics.py"),
        block=lambda wildcards: wildcards.block,
        settings=lambda wildcards: {
            "assembly": GENOMICS["assembly"],
            "breadth_depth": GENOMICS["variants"][
                "wgs" if wildcards.block.startswith("wgs") else "wes"
            ]["breadth_depth"],
            "motifs": GENOMICS["fragments"]["motifs"],
            "arms": GENOMICS["arms"],
        },
    message:
        "Describing the features of block {wildcards.block} -> {output.dictionary} (log: {log})"
    script:
        "../scripts/genomics/describe_genomics.py"
