import inspect
import subprocess
import sys

import snakemake.api  # noqa: F401  before its modules: they import one another
from snakemake import common, dag, io, jobs, rules, sourcecache

from scripts.core.planning_memory import is_read_version

PLAN = """
import re
import snakemake.api
from snakemake import common, io, iocontainers, jobs, rules, sourcecache
plain = common.get_function_params, sourcecache.parse_uri, io.is_flagged
from scripts.core.planning_memory import remember_answers
remember_answers()
remember_answers()
def mem_mb(wildcards, attempt): return 500
path = "/checkout/scripts/model/predict.py"
for turn in range(3):
    assert list(rules.get_function_params(mem_mb)) == list(plain[0](mem_mb)) == ["wildcards", "attempt"]
    assert common.get_input_function_aux_params(mem_mb, {"attempt": 2, "input": []}) == {"attempt": 2}
    assert sourcecache.parse_uri(path) == plain[1](path)
assert rules.get_function_params.cache_info().misses == 1
class Unhashable:
    __hash__ = None
    def __call__(self, wildcards): return wildcards
assert list(rules.get_function_params(Unhashable())) == list(plain[0](Unhashable()))
assert sourcecache.parse_uri.cache_info().misses == 1

flagged = [
    "a.txt", io.temp("a.txt"), io.ancient("b.txt"), io.directory(io.temp("c")), re.compile("a"), None, 3,
    io.IOFile("a.txt", None), io.IOFile(io.temp("a.txt"), None), mem_mb, io.ancient(mem_mb),
    io.flag("d", "temp", False),
]
for value in flagged:
    for name in ("temp", "ancient", "directory", "storage_object"):
        assert io.is_flagged(value, name) == rules.is_flagged(value, name) == plain[2](value, name), (value, name)

names = iocontainers.Namedlist(fromdict={"index": 1, "other": 2})
plain_names = iocontainers.Namedlist(fromdict={"other": 2})
assert names.index == 1 and plain_names.get("index", "none") == "none"
for guarded in ("sort", "index"):
    try:
        getattr(plain_names, guarded)()
    except AttributeError as error:
        assert guarded in str(error)
    else:
        raise AssertionError(guarded)

for size in (3, 500):
    inputs = iocontainers.InputFiles([io.IOFile(f"{number}.txt", None) for number in range(size)])
    for asked in (io.IOFile("2.txt", None), "2.txt", io.IOFile(io.temp("2.txt"), None)):
        assert asked in inputs
    assert "500.txt" not in inputs and io.IOFile("500.txt", None) not in inputs
    inputs.append(io.IOFile("500.txt", None))
    assert "500.txt" in inputs and list(inputs.keys()) == []
"""


def test_answers_are_the_same_and_worked_out_once():
    # a process of its own: what is remembered stays remembered
    done = subprocess.run([sys.executable, "-c", PLAN], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


OTHER = """
import snakemake.api
from snakemake import common, io
plain = common.get_function_params, io._IOFile.apply_wildcards
from scripts.core.planning_memory import remember_answers
from scripts.core.planning_objects import lighten
snakemake.__version__ = "9.28.0"
remember_answers()
lighten()
assert plain == (common.get_function_params, io._IOFile.apply_wildcards)
"""


def test_a_version_that_was_not_read_stays_as_it_is():
    done = subprocess.run([sys.executable, "-c", OTHER], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_locked_version_was_read():
    assert is_read_version()


def test_snakemake_asks_under_these_names():
    assert rules.get_function_params is common.get_function_params
    assert "get_function_params(func)" in inspect.getsource(rules.Rule.apply_input_function)
    assert "parse_uri(" in inspect.getsource(sourcecache.SourceFile.get_cache_path)
    assert rules.is_flagged is io.is_flagged
    assert "script.get_source(" in inspect.getsource(dag.ScriptProcessor.process_job)
    assert "params=self.params" in inspect.getsource(jobs.Job._path_to_source_file)
    assert "rule_msg=self.message" in inspect.getsource(jobs.Job.log_info)
    assert "_expanded_conda_env is not _NOT_CACHED" in inspect.getsource(
        rules.Rule.expand_conda_env
    )
    assert "expand_conda_env(" in inspect.getsource(jobs.Job.conda_env_spec.fget)
    assert "file in job.input" in inspect.getsource(dag.DAG.update)


SCRIPT = """
import snakemake.api
from types import SimpleNamespace
from scripts.core.planning_memory import once_a_path, once_a_script
asked = []
look = once_a_script(lambda self, job: asked.append(job.rule.script))
script, notebook = SimpleNamespace(script_type="script"), SimpleNamespace(script_type="notebook")
def job(script, basedir):
    return SimpleNamespace(rule=SimpleNamespace(script=script, basedir=basedir))
for turn in range(2):
    look(script, job("a.py", "here"))
    look(script, job("a.py", "there"))
    look(script, job("{wildcards.x}.py", "here"))
    look(notebook, job(None, "here"))
counted = []
place = once_a_path(lambda job, path: counted.append(path) or f"{job.rule.basedir}/{path}#{len(counted)}")
for turn in range(2):
    assert place(job("a.py", "here"), "a.py") == "here/a.py#1"
    assert place(job("a.py", "there"), "a.py") == "there/a.py#2"
assert place(job("", "here"), "{wildcards.x}.py") != place(job("", "here"), "{wildcards.x}.py")
assert asked == ["a.py", "a.py", "{wildcards.x}.py", None, "{wildcards.x}.py", None]
"""


def test_a_script_is_looked_for_once_a_folder_and_always_with_wildcards():
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


WORKFLOW = """
from scripts.core.planning_memory import remember_answers
remember_answers()
rule all:
    input: "made.txt"
rule make:
    output: "made.txt"
    message: "Making {output}"
    conda: "env.yaml"
    shell: "echo made > {output}"
"""


def test_a_job_is_shown_unless_a_dry_run_is_quiet_about_rules(tmp_path):
    (tmp_path / "Snakefile").write_text(WORKFLOW)
    (tmp_path / "env.yaml").write_text("dependencies: []\n")
    (tmp_path / "bad").mkdir()
    wrong = WORKFLOW.replace("Making {output}", "Making {nothing}")
    (tmp_path / "bad/Snakefile").write_text(wrong)
    (tmp_path / "bad/env.yaml").write_text("dependencies: []\n")
    command = [sys.executable, "-m", "snakemake", "--directory", tmp_path, "--cores", "1"]
    command += ["--snakefile", tmp_path / "Snakefile"]

    def said(*arguments: str) -> str:
        done = subprocess.run([*command, *arguments], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr

    assert "Making made.txt" in said("--dry-run")
    assert "Making" not in said("--dry-run", "--quiet", "rules")
    assert "Making made.txt" in said("--dry-run", "--quiet", "all")  # as Snakemake does
    quiet = [*command, "--dry-run", "--quiet", "rules", "--snakefile", tmp_path / "bad/Snakefile"]
    done = subprocess.run(quiet, capture_output=True, text=True)
    assert done.returncode == 1 and "nothing" in done.stdout + done.stderr
    assert "Making made.txt" in said()
    assert (tmp_path / "made.txt").read_text() == "made\n"
