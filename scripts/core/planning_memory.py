"""What planning costs inside Snakemake and need not: answers that never change are remembered, the rest is asked more cheaply.

In: the modules of Snakemake. Out: the same answers. Source: snakemake 9.27 (common/__init__.py, sourcecache.py, io/__init__.py,
dag.py, jobs.py, iocontainers.py). With all modalities Snakemake asks 387 times per job whether a path carries a
flag, 22 times for a signature, and reads the script of every job (cProfile, 400 less 100 patients).
"""

import sys
from functools import lru_cache

import snakemake
from snakemake import common, dag, io, iocontainers, jobs, persistence, rules, sourcecache
from snakemake.settings.enums import Quietness

READ = "9.27."  # the versions of Snakemake whose source was read for this
LONG = 50  # inputs of a job from which on they are looked up and not compared one by one


def is_read_version() -> bool:
    """Whether this Snakemake is one whose source was read; with another one planning costs what it costs."""
    return snakemake.__version__.startswith(READ)


def is_flagged(value, flag: str) -> bool:
    """As snakemake.io.is_flagged, without asking an abstract base class for every path."""
    if type(value) is io._IOFile:
        value = value._file
    if type(value) is str:
        return False
    flags = getattr(value, "flags", None)
    return type(flags) is dict and bool(flags.get(flag))


def once_a_function(get_function_params):
    """`get_function_params`: the signature of a function, once; of what cannot be a key every time."""
    remembered = lru_cache(maxsize=None)(get_function_params)

    def parameters(function):
        try:
            return remembered(function)
        except TypeError:
            return get_function_params(function)

    parameters.cache_info = remembered.cache_info
    return parameters


def once_a_script(process_job):
    """`ScriptProcessor.process_job`, which looks whether a script is there: once for all jobs of a rule whose path has no
    wildcards, and without their parameters."""
    seen = set()

    def processed(self, job):
        key = (str(job.rule.script), str(job.rule.basedir))
        if self.script_type != "script" or "{" in key[0]:
            process_job(self, job)
        elif key not in seen:
            process_job(self, job)
            seen.add(key)

    return processed


def once_a_path(path_to_source_file):
    """`Job._path_to_source_file`: the place of a script, once for all jobs of a rule whose path has no wildcards."""
    known = {}

    def remembered(job, path):
        key = (str(path), str(job.rule.basedir))
        if "{" in key[0]:
            return path_to_source_file(job, path)
        if key not in known:
            known[key] = path_to_source_file(job, path)
        return known[key]

    return remembered


def is_silent_dry_run(workflow) -> bool:
    """Whether nothing is run and nothing is said of jobs (--quiet rules; a dry run speaks with --quiet all, too)."""
    return workflow.dryrun and Quietness.RULES in (workflow.output_settings.quiet or ())


def first_of_its_rule():
    """A function that says whether what a job alone says and takes is asked for: always, but in a dry run that says nothing of
    jobs only for the first job of each rule, to find what is wrong there."""
    seen = set()

    def asked(job) -> bool:
        if job.is_group() or not is_silent_dry_run(job.dag.workflow):
            return True
        first = job.rule not in seen
        seen.add(job.rule)
        return first

    return asked


def shown_only(log_info):
    """`Job.log_info`, filled in (files, resources, message) where it is shown or the first of its rule."""
    asked = first_of_its_rule()

    def shown(job, *args, **kwargs):
        if asked(job):
            log_info(job, *args, **kwargs)

    return shown


def conda_without_params(conda_env_spec: property) -> property:
    """The environment of a job, for which the parameters of a rule that always has the same one need not be worked out."""

    def spec(job):
        known = job.rule._expanded_conda_env
        return conda_env_spec.fget(job) if known is rules._NOT_CACHED else known

    return property(spec)


def table_where_pandas_is(serialize_param_pandas):
    """`_serialize_param_pandas`, which imports pandas to ask whether a parameter is one of its tables: before something else used
    pandas there is none."""

    def serialized(self, value):
        if "pandas.core" in sys.modules:
            return serialize_param_pandas(self, value)
        return self._serialize_param_builtin(value)

    return serialized


def contains(inputs: list, file) -> bool:
    """Whether a job reads a file. Snakemake asks for every file that the job makes and every job that wants it: with lists the
    cost of a cohort step that each patient's step reads from grows with the square of the cohort."""
    if len(inputs) < LONG:
        return list.__contains__(inputs, file)
    size, members = vars(inputs).get("_members", (0, None))
    if size != len(inputs):
        members = frozenset(inputs)
        vars(inputs)["_members"] = (len(inputs), members)
    return file in members


def remember_answers() -> None:
    """Let Snakemake remember; a second call changes nothing, nor does one in a version that was not read for it."""
    if hasattr(common.get_function_params, "cache_info") or not is_read_version():
        return
    parameters = once_a_function(common.get_function_params)
    common.get_function_params = rules.get_function_params = parameters
    sourcecache.parse_uri = lru_cache(maxsize=None)(sourcecache.parse_uri)
    slow = io.is_flagged
    for name, module in list(sys.modules.items()):
        if name.startswith("snakemake") and vars(module).get("is_flagged") is slow:
            module.is_flagged = is_flagged
    dag.ScriptProcessor.process_job = once_a_script(dag.ScriptProcessor.process_job)
    jobs.Job._path_to_source_file = once_a_path(jobs.Job._path_to_source_file)
    jobs.Job.log_info = shown_only(jobs.Job.log_info)
    jobs.Job.conda_env_spec = conda_without_params(jobs.Job.conda_env_spec)
    iocontainers.InputFiles.__contains__ = contains
    base = persistence.PersistenceBase
    base._serialize_param_pandas = table_where_pandas_is(base._serialize_param_pandas)
