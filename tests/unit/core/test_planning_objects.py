"""Snakemake with smaller objects plans, says and does what it does without: the same workflow with and without, side by side."""

import inspect
import os
import re
import subprocess
import sys

import pytest
import snakemake.api  # noqa: F401  before its modules: they import one another
from hypothesis import given, settings
from hypothesis import strategies as st
from snakemake import dag, io, iocontainers, jobs, rules
from snakemake.common.prefix_lookup import PrefixLookup

from scripts.core.planning_objects import prefixes
from tests.workflow.runs import ROOT

LIGHTEN = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
from scripts.core.planning_memory import remember_answers
from scripts.core.planning_objects import lighten
remember_answers()
lighten()
lighten()
"""
WORKFLOW = """
PEOPLE = ["a", "b"]
def raw(wildcards):
    return {"sheet": f"raw/{wildcards.person}.txt", "index": ["raw/i.txt", "raw/j.txt"]}
def old(wildcards):
    return f"raw/{wildcards.person}.txt"
rule all:
    input:
        expand("out/{person}/{kind}.txt", person=PEOPLE, kind=["x", "y"]), "whole/file", "part/made/a.txt",
        cohort="cohort.txt"
module part:
    snakefile: "part.smk"
    prefix: "part"
use rule * from part as part_*
rule first:
    input: unpack(raw), code=ancient("raw/code.txt")
    output: made=temp("tmp/{person}.txt"), folder=directory("dirs/{person}"), kept=protected("kept/{person}.txt")
    params: names=lambda wildcards, input: list(input.keys()), sort=[3, 1]
    log: "log/{person}.log"
    benchmark: "bench/{person}.tsv"
    resources: mem_mb=lambda wildcards, attempt: 100 * attempt
    script: "first.py"
rule second:
    input: rules.first.output.made, folder="dirs/{person}", again=ancient(old)
    output: multiext("out/{person}/x", ".txt", ".log"), y="out/{person}/y.txt"
    log: "log/{person}.all", parts=["log/{person}.1", "log/{person}.2"], last="log/{person}.last"
    shell: "echo {log.parts} {log[0]} {log.last} > {log.last}; "
        "cat {input[0]} {input.again} > {output[0]}; echo {params} > {output[1]}; ls {input.folder} > {output.y}"
rule cohort:
    input: x=expand("out/{person}/x.txt", person=PEOPLE), kept=expand("kept/{person}.txt", person=PEOPLE)
    output: "cohort.txt", touch("done.flag")
    shell: "cat {input.x} {input.kept} > {output[0]}"
rule whole:
    output: "whole/file"
    shell: "echo whole > {output}"
"""
PART = """
rule one:
    input: lambda wildcards: f"raw/{wildcards.name}.txt"
    output: "made/{name}.txt"
    log: "log/{name}.txt"
    shell: "cat {input} > {output}; echo {input} {log} > {log}"
"""
SCRIPT = """
import os
items = dict(snakemake.input.items())
assert list(snakemake.input.index) == ["raw/i.txt", "raw/j.txt"] and snakemake.input.get("sort") is None
assert snakemake.wildcards.get("person") == snakemake.wildcards.person == snakemake.wildcards[0]
for named in (snakemake.input, snakemake.output, snakemake.wildcards, snakemake.resources, snakemake.log, snakemake.params):
    guarded = [name for name in ("index", "sort") if name not in named.keys()]
    for name in guarded:
        try:
            getattr(named, name)()
        except AttributeError as error:
            assert "cannot be used on snakemake input" in str(error)
        else:
            raise AssertionError(name)
snakemake.wildcards.update({"more": 1})
assert snakemake.wildcards.more == 1 and list(snakemake.wildcards.keys()) == ["person", "more"]
os.makedirs(snakemake.output.folder)
open(os.path.join(snakemake.output.folder, "one"), "w").close()
for path in (snakemake.output.made, snakemake.output["kept"], snakemake.log[0]):
    with open(path, "w") as handle:
        handle.write(f"{items} {snakemake.params.names} {list(snakemake.params.sort)} {snakemake.resources.mem_mb}\\n")
"""


# What differs from run to run: times, a directory for temporary files, an id
TIMES = (
    r"\d{4}-\d\d-\d\dT\d+\.\d+|[A-Z][a-z]{2} [A-Z][a-z]{2} +\d+ [\d:]+ \d{4}|Elapsed time: \S+"
    r"|tmpdir=\S+|Workflow ID: \S+"
)


class Side:
    """A folder with the workflow, with or without smaller objects."""

    def __init__(self, folder, head: str, workflow: str = WORKFLOW):
        (folder / "raw").mkdir(parents=True)
        for name in ("a", "b", "i", "j", "code"):
            (folder / f"raw/{name}.txt").write_text(f"{name}\n")
        (folder / "Snakefile").write_text(head + workflow)
        (folder / "first.py").write_text(SCRIPT)
        (folder / "part.smk").write_text(PART)
        (folder / "part/raw").mkdir(parents=True)
        (folder / "part/raw/a.txt").write_text("of a part\n")
        self.folder = folder

    def said(self, *arguments: str) -> tuple[int, list[str]]:
        """Exit code and what Snakemake prints, sorted; without times and paths of this folder."""
        command = [sys.executable, "-m", "snakemake", "--cores", "1", *arguments]
        same_order = os.environ | {"PYTHONHASHSEED": "0"}  # of sets of rules
        done = subprocess.run(
            command, cwd=self.folder, env=same_order, capture_output=True, text=True
        )
        text = (done.stdout + done.stderr).replace(str(self.folder), "FOLDER")
        text = re.sub(TIMES, "", text)
        lines = text.splitlines()
        skipped = ("Select jobs", "Execute ", "rule ", "jobid", "    jobid", "Finished", "    line")
        kept = [line for line in lines if line.strip() and not line.startswith(skipped)]
        return done.returncode, sorted(
            re.sub(r"line \d+|\d+ of \d+ steps.*|:\d+", "", line) for line in kept
        )

    def contents(self) -> dict[str, str]:
        """Every file that the workflow made, but for what was measured."""
        files = [p for p in self.folder.rglob("*") if p.is_file() and ".snakemake" not in p.parts]
        made = {str(p.relative_to(self.folder)): p for p in files if "bench" not in p.parts}
        return {name: path.read_text() for name, path in made.items() if name != "Snakefile"}


@pytest.fixture()
def sides(tmp_path):
    return Side(tmp_path / "plain", ""), Side(tmp_path / "light", LIGHTEN)


def test_a_workflow_is_planned_run_and_rerun_alike(sides):
    def both(*arguments):
        plain, light = (side.said(*arguments) for side in sides)
        assert light == plain, arguments
        return plain

    dry = both("--dry-run")
    assert dry[0] == 0 and any("Missing output files: tmp/a.txt" in line for line in dry[1])
    both("--dry-run", "--quiet", "rules")
    both("--dry-run", "--quiet", "all")
    assert both()[0] == 0
    plain, light = (side.contents() for side in sides)
    assert light == plain and len(plain["cohort.txt"].splitlines()) == 6
    assert plain["part/log/a.txt"] == "part/raw/a.txt part/log/a.txt\n"
    assert plain["log/a.last"] == "log/a.1 log/a.2 log/a.all log/a.last\n"
    assert not (sides[1].folder / "tmp/a.txt").exists()
    assert any("Nothing to be done" in line for line in both()[1])
    for side in sides:
        (side.folder / "raw/a.txt").write_text("changed, and longer\n")
        (side.folder / "raw/code.txt").write_text("changed, but ancient\n")
    changed = both("--dry-run")
    assert any("raw/a.txt" in line and "Updated input" in line for line in changed[1])
    both("--dry-run", "--forceall")
    both("--dry-run", "--omit-from", "second")
    both("--dry-run", "--batch", "all=1/2")
    assert both("--summary")[0] == both("--detailed-summary")[0] == both("--dag")[0] == 0
    both("--force", "cohort.txt")
    (sides[0].folder / "kept/a.txt").chmod(0o400)
    (sides[1].folder / "kept/a.txt").chmod(0o400)
    refused = both("--forceall", "--dry-run")
    if os.geteuid():  # root may write to everything
        assert refused[0] == 1 and any("ProtectedOutput" in line for line in refused[1])
    plain, light = (side.contents() for side in sides)
    assert light == plain


@pytest.mark.parametrize(
    ("output", "refused"),
    [
        ("whole/file/inside.txt", True),
        ("./whole/file/inside.txt", True),
        ("whole/other.txt", False),
        ("whole/file.d/x.txt", False),
    ],
)
def test_an_output_inside_an_output_is_refused_alike(tmp_path, output, refused):
    more = f'\nrule inside:\n    output: "{output}"\n    shell: "echo > {{output}}"\n'
    workflow = WORKFLOW.replace('"whole/file",', f'"whole/file", "{output}",') + more
    codes = []
    for name, head in (("plain", ""), ("light", LIGHTEN)):
        code, lines = Side(tmp_path / name, head, workflow).said("--dry-run", "--quiet", "rules")
        codes.append((code, any("ChildIOException" in line for line in lines)))
    assert codes == [(int(refused), refused)] * 2


COPIES = """
import copy, pickle
import snakemake.api
from snakemake import io, iocontainers
from scripts.core.planning_memory import remember_answers
from scripts.core.planning_objects import lighten
remember_answers()
lighten()
files = iocontainers.InputFiles(fromdict={"a": io.IOFile("a.txt", None), "index": "b.txt"})
for made in (copy.copy(files), copy.deepcopy(files._plainstrings()), pickle.loads(pickle.dumps(files._plainstrings()))):
    assert list(made) == list(files) and made.a == "a.txt" and made.index == "b.txt"
    assert list(made.keys()) == ["a", "index"]
empty = pickle.loads(pickle.dumps(iocontainers.Wildcards()))
empty.update({"x": 1})
assert empty.x == 1 and list(iocontainers.Wildcards().keys()) == []
one, other = iocontainers.InputFiles(), iocontainers.Namedlist(fromdict={"other": 2})
assert one.sort is other.sort and one.sort is not one.index
"""


def test_lists_of_files_can_be_copied_and_sent():
    done = subprocess.run([sys.executable, "-c", COPIES], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


words = st.text("ab/", max_size=5)


@settings(max_examples=300, deadline=None)
@given(st.lists(words, min_size=1, max_size=12), words)
def test_prefixes_are_those_of_snakemake(keys, query):
    lookup = PrefixLookup([(key, place) for place, key in enumerate(keys)])
    assert list(prefixes(lookup, query)) == list(PrefixLookup.match_iter(lookup, query))


def test_snakemake_is_built_as_it_is_taken_to_be():
    assert "self._file.flags = getattr(other._file" in inspect.getsource(io._IOFile.clone_flags)
    assert "for key, value in from_callable.flags.items()" in inspect.getsource(
        rules.Rule.expand_input
    )
    assert "os.path.dirname(self)" in inspect.getsource(io._IOFile.get_inventory_parent)
    assert "AttributeGuard(name)" in inspect.getsource(iocontainers.Namedlist.__init__)
    assert "_allowed_overrides" in inspect.getsource(iocontainers.Namedlist._set_name)
    assert "self.touch_output = set()" in inspect.getsource(jobs.Job.__init__)
    assert "tg.create_task(get_mtime(f)) for f in self.output" in inspect.getsource(
        jobs.Job.output_mintime.fget
    )
    assert "self.depending[job_][job].add(file)" in inspect.getsource(dag.DAG.update_)
    assert "new_dict[str(key)] = old_dict[key]" in inspect.getsource(io.IOCache._simple_copy)
