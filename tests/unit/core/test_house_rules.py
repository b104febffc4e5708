"""What holds the project together: names, sizes and borders (docs/architecture.md, "The tree" and "A step")."""

import ast
import re
from pathlib import Path

import pytest

import scripts
from scripts.core.hashing import ROOT

LONGEST_MODULE = 400  # lines
# No domains: core is shared by all, setup runs before anything is installed.
SHARED = {"core", "setup"}
MODULES = sorted((ROOT / "scripts").glob("*/*.py"))
RULE_FILES = sorted((ROOT / "rules").glob("*.smk"))
STEPS = [path for path in MODULES if 'globals().get("snakemake")' in path.read_text("utf-8")]


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def rules_of(path: Path) -> dict[str, str]:
    """{rule: its text} of a rule file, `use rule` included."""
    parts = re.split(r"^ *(?:rule|use rule \w+ as) (\w+)(?: with)?:$", text_of(path), flags=re.M)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def imports_of(path: Path) -> set[str]:
    """Dotted names that a module imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(text_of(path))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name_of(path)}: relative import"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def test_the_package_under_test_is_this_checkout():
    assert Path(scripts.__file__).resolve().parent == ROOT / "scripts"


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_module_is_short_enough_to_read(path):
    assert len(text_of(path).splitlines()) <= LONGEST_MODULE


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_module_opens_with_in_out_and_source(path):
    if path.name == "__init__.py":
        return
    words = ast.get_docstring(ast.parse(text_of(path))) or ""
    assert all(part in words for part in ("In:", "Out:", "Source")), words


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_module_has_a_telling_name(path):
    assert not {"utils", "util", "helpers", "helper", "misc", "common"} & set(path.stem.split("_"))


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_domains_do_not_import_one_another(path):
    own = path.parent.name
    foreign = {
        name
        for name in imports_of(path)
        if name.startswith("scripts.") and name.split(".")[1] not in {own, "core", "__version__"}
    }
    assert foreign == set()


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_nothing_is_pickled_and_no_network_is_used(path):
    forbidden = {"pickle", "joblib", "dill", "cloudpickle", "requests", "urllib.request", "socket"}
    assert not {name for name in imports_of(path) if name in forbidden} | {
        name for name in imports_of(path) if name.rpartition(".")[0] in forbidden
    }


@pytest.mark.parametrize("path", STEPS, ids=name_of)
def test_step_has_a_test_of_its_name(path):
    assert (ROOT / "tests" / "unit" / path.parent.name / f"test_{path.stem}.py").is_file()


@pytest.mark.parametrize("path", STEPS, ids=name_of)
def test_step_has_a_rule_of_its_name_in_its_domain(path):
    rules = rules_of(ROOT / "rules" / f"{path.parent.name}.smk")
    assert path.stem in rules
    assert f'"../scripts/{path.parent.name}/{path.stem}.py"' in rules[path.stem]


@pytest.mark.parametrize("path", RULE_FILES, ids=name_of)
def test_rule_is_complete(path):
    for rule, text in rules_of(path).items():
        if "script:" not in text:  # a target, or a rule used again
            continue
        script = re.search(r'"\.\./(scripts/\w+/\w+\.py)"', text).group(1)
        assert f'code_of("{script}")' in text, f"{rule}: no code_of its script"
        for part in ("log:", "threads:", "resources:", "conda:", "message:"):
            assert part in text, f"{rule} has no {part}"
        assert re.search(r'message:\s+(?:.*\n\s+)*?.*\(log: \{log\}\)"', text), (
            f"{rule}: no log in its message"
        )
        # A rule without output runs whenever it is asked for; a benchmark would count as one.
        assert ("benchmark:" in text) == ("output:" in text), (
            f"{rule}: benchmark and output go together"
        )


@pytest.mark.parametrize("path", [ROOT / "Snakefile", *RULE_FILES], ids=name_of)
def test_rules_hold_no_code_and_discover_nothing(path):
    text = text_of(path)
    assert not re.search(r"^\s+run:", text, re.M), "run: costs a second of CPU per job"
    assert not re.search(r"^checkpoint |glob_wildcards", text, re.M)


def test_every_domain_has_its_own_rule_file():
    domains = {path.parent.name for path in MODULES} - SHARED
    assert {path.stem for path in RULE_FILES} - {"common"} == domains


def test_main_rule_file_is_short():
    assert len(text_of(ROOT / "Snakefile").splitlines()) < 80


FILES = [
    path
    for pattern in ("*.md", "docs/*.md", "scripts/**/*.py", "rules/*.smk", "config/**/*.yaml")
    for path in ROOT.glob(pattern)
]


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_text_holds_no_path_of_a_workplace(path):
    assert not re.search(r"/work/|/root/|/home/\w", text_of(path))


@pytest.mark.parametrize("path", [p for p in FILES if p.suffix == ".md"], ids=name_of)
def test_every_link_of_a_document_leads_somewhere(path):
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text_of(path))
    assert [link for link in links if not (path.parent / link).exists()] == []
