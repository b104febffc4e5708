"""Files of rules are read again when anything has changed that what is made of them depends on, and only then."""

import inspect
import json
import subprocess
import sys

import pytest
import snakemake.api  # noqa: F401  before its modules: they import one another
from snakemake import parser, workflow
from snakemake.sourcecache import LocalSourceFile

from scripts.core import kept_rules
from scripts.core.kept_rules import KeptRules
from tests.workflow.runs import ROOT

RULE = 'rule one:\n    output: "one.txt"\n    shell: "echo > {output}"\n'


class Opener:
    """What `parse` needs of a workflow."""

    sourcecache = type("Cache", (), {"open": staticmethod(lambda path: open(path.path))})  # noqa: SIM115


@pytest.fixture
def project(tmp_path):
    """(a function that parses, what was really read, the path of what is kept, the file of rules)"""
    rules, kept, read = tmp_path / "one.smk", tmp_path / "kept" / "rules.json", []
    rules.write_text(RULE)

    def counted(path, *args, **kwargs):
        read.append(str(path.path))
        return parser.parse(path, *args, **kwargs)

    def start(path=rules, rulecount=0):
        lines: dict[int, int] = {}
        kept_now = KeptRules(kept)
        made = kept_now.parsing(counted)(
            LocalSourceFile(str(path)), Opener, lines, rulecount=rulecount
        )
        kept_now.write()
        done = kept_now.compiling(made[0], str(path), "exec")
        assert (done.co_code, done.co_filename) == (
            compile(made[0], str(path), "exec").co_code,
            str(path),
        )
        return made, lines

    return start, read, kept, rules


def test_what_is_kept_is_what_is_made(project):
    start, read, _, rules = project
    lines: dict[int, int] = {}
    made = parser.parse(LocalSourceFile(str(rules)), Opener, lines)
    assert start() == start() == start() == (made, lines)
    assert read == [str(rules)] and "@workflow.rule(name='one'" in made[0]


def test_another_text_place_or_number_of_rules_is_read_again(project):
    start, read, kept, rules = project
    start()
    rules.write_text(RULE.replace("one.txt", "two.txt"))
    assert "two.txt" in start()[0][0]
    assert start(rulecount=3)[0][1] == 4
    other = rules.with_name("other.smk")
    other.write_text(rules.read_text())
    assert "other.smk" in start(other)[0][0]
    assert len(read) == 4
    assert len(json.loads(kept.read_text())) == 1  # what the last start took


def test_a_version_of_snakemake_or_python_has_its_own(project, monkeypatch):
    start, read, _, _ = project
    start()
    monkeypatch.setattr(kept_rules.snakemake, "__version__", "9.27.99")
    start()
    monkeypatch.setattr(kept_rules.sys, "version", "4.0")
    start()
    assert len(read) == 3


@pytest.mark.parametrize(
    "data", [b"", b"{", b"[1, 2]", b"null", b'"text"', b"\xff\xfe{", b"[" * 9999]
)
def test_what_cannot_be_read_is_made_again(project, data):
    start, read, kept, _ = project
    first = start()
    kept.write_bytes(data)
    assert start() == first and len(read) == 2 and len(json.loads(kept.read_text())) == 1


@pytest.mark.parametrize("entry", [None, {}, {"code": "x", "rules": 1}, {"code": 1, "lines": []}])
def test_an_entry_that_is_not_whole_is_made_again(project, entry):
    start, read, kept, _ = project
    first = start()
    kept.write_text(json.dumps(dict.fromkeys(json.loads(kept.read_text()), entry)))
    assert start() == first and len(read) == 2


@pytest.mark.parametrize("compiled", ["", "AAAA", "not base64", "4wAAAA=="])
def test_what_was_compiled_and_cannot_be_read_is_compiled_again(project, compiled):
    start, _, kept, _ = project
    first = start()
    changed = {
        key: entry | {"compiled": compiled} for key, entry in json.loads(kept.read_text()).items()
    }
    kept.write_text(json.dumps(changed))
    assert start() == first


def test_equal_texts_of_two_files_keep_their_names(project, tmp_path):
    kept = KeptRules(tmp_path / "kept.json")
    parse, names = kept.parsing(parser.parse), []
    for name in ("one.py.smk", "two.py.smk"):
        path = tmp_path / name
        path.write_text("value = 1\n")
        code, _ = parse(LocalSourceFile(str(path)), Opener, {}, rulecount=0)
        names.append(kept.compiling(code, str(path), "exec").co_filename)
    assert names == [str(tmp_path / "one.py.smk"), str(tmp_path / "two.py.smk")]


def test_a_job_takes_the_rules_that_its_main_process_began_with(project, monkeypatch):
    start, read, _, rules = project
    first = start()
    began_with = rules.with_name("snapshot")
    began_with.write_text(RULE)
    rules.write_text(RULE.replace("one.txt", "two.txt"))
    assert "two.txt" in start()[0][0]  # what another start makes of the edited file
    snapshot = staticmethod(lambda path: open(began_with))  # noqa: SIM115
    monkeypatch.setattr(Opener, "sourcecache", type("Cache", (), {"open": snapshot}))
    assert start() == first
    rules.unlink()  # moved away while jobs run
    assert start() == first and len(read) == 3


def test_a_file_edited_while_it_is_read_is_not_kept(project, monkeypatch):
    start, _, kept, rules = project
    plain = parser.parse

    def late(path, *args, **kwargs):
        rules.write_text(RULE.replace("one.txt", "two.txt"))
        return plain(path, *args, **kwargs)

    monkeypatch.setattr(parser, "parse", late)
    assert "two.txt" in start()[0][0] and json.loads(kept.read_text()) == {}
    monkeypatch.setattr(parser, "parse", plain)
    rules.write_text(RULE)
    assert "one.txt" in start()[0][0]


def test_a_place_that_cannot_be_written_to_is_no_error(project):
    start, read, kept, _ = project
    kept.parent.write_text("a file where the folder should be")
    assert start() == start() and len(read) == 2


def test_rules_of_the_workflow_are_kept_beside_the_code():
    assert kept_rules.KEPT == ROOT / ".cache" / "rules.json"
    included = inspect.getsource(workflow.Workflow.include)
    assert "code, rulecount = parse(" in included
    assert 'compile(code, snakefile.get_path_or_uri(secret_free=True), "exec")' in included
    assert "workflow.sourcecache.open(path)" in inspect.getsource(parser.Snakefile.__init__)
    ignored = subprocess.run(["git", "check-ignore", "-q", ".cache/rules.json"], cwd=ROOT)
    assert ignored.returncode in (0, 128)  # 128: an unpacked archive, no repository
    assert sys.modules["snakemake.workflow"].parse is workflow.parse
