# hcc-omics: from raw files of every modality to a validated model and a report. Start with README.md.
import sys

from snakemake.utils import min_version

from scripts.core import progress, resume

min_version("9.0")


configfile: f"{workflow.basedir}/config/config.yaml"


include: "rules/common.smk"
include: "rules/clinical.smk"
include: "rules/genomics.smk"
include: "rules/metabolomics.smk"
include: "rules/proteomics.smk"
include: "rules/imaging.smk"
include: "rules/fusion.smk"
include: "rules/model.smk"
include: "rules/report.smk"
include: "rules/demo.smk"


rule all:
    default_target: True
    input:
        final_targets,


rule features:
    input:
        feature_targets,


onstart:
    resume.record_start(sys.argv[1:])
    progress.started(PLAN)


onsuccess:
    progress.finished()


onerror:
    progress.failed(log)
