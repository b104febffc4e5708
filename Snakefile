# hcc-omics: from raw files of every modality to a validated model and a report. Start with README.md.
import atexit
import gc
import sys

from snakemake.utils import min_version

from scripts.core import progress, resume, stub
from scripts.core.hashing import remember_code
from scripts.core.interrupt import one_line_on_interrupt
from scripts.core.job_rate import lift_rate_limit
from scripts.core.kept_rules import keep_rules
from scripts.core.planning_memory import remember_answers
from scripts.core.planning_objects import lighten

min_version("9.0")
# The jobs of a large cohort are millions of objects that all stay: looking for garbage among them took a tenth of the planning.
gc.set_threshold(100_000, 50, 50)
atexit.register(gc.freeze)  # Python's end need not look through them either: half a second
remember_answers()
lighten()
KEPT_RULES = keep_rules()


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
include: "rules/share.smk"
include: "rules/demo.smk"


rule all:
    default_target: True
    input:
        final_targets,


rule features:
    input:
        feature_targets,


if workflow.is_main_process:
    remember_code(CODE_CACHES if RUNS else CODE_CACHES[:1])
    KEPT_RULES.write()

if config["stub"]:
    stub.replace_steps(workflow)


onstart:
    one_line_on_interrupt()
    lift_rate_limit(workflow.scheduler)
    if RUNS:  # `plan` is no run to go on with
        resume.record_start(sys.argv[1:], workflow.rundir)
    progress.started(PLAN)
    progress.noticed(PLAN, config["sheets"])


onsuccess:
    progress.finished(stub=config["stub"])


onerror:
    progress.failed(log)
