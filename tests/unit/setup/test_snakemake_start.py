"""What Snakemake's packages import for rare uses is there when they use it; everybody else imports as ever."""

import pkgutil
import subprocess
import sys

import pytest

from scripts.setup import snakemake_start
from scripts.setup.snakemake_start import Finder, is_snakemake, listed_once

HEAD = """
import sys
from scripts.setup.snakemake_start import RARELY_USED, start
start(["python", "-m", "snakemake"])
import snakemake.cli, snakemake_executor_plugin_slurm, smart_open, yte
assert set(RARELY_USED) <= set(sys.modules)
"""
# What uses them, and whether anything but these uses brings them in.
USES = """
from scripts.core.planning_memory import remember_answers
from scripts.core.planning_objects import lighten
remember_answers()
lighten()
assert not {"pandas", "numpy", "requests"} & set(sys.modules), "loaded at the start"
from snakemake_executor_plugin_slurm.efficiency_report import parse_maxrss
assert parse_maxrss("2G") == 2048 and "pandas" in sys.modules  # asks pandas
import numpy, pandas, requests
assert yte.process_yaml("a: [1, x]") == {"a": [1, "x"]}
from yte.value_handler import ValueHandler
assert ValueHandler().postprocess({"a": numpy.arange(2), "b": [numpy.str_("x")]}) == {"a": [0, 1], "b": ["x"]}
from smart_open import http
assert http.requests.Session is requests.Session and callable(http.requests.get)
try:
    http.requests.no_such_name
except AttributeError as error:
    assert "no_such_name" in str(error)
assert sys.modules["pandas"] is pandas and type(pandas) is type(sys)
"""
# A part that is imported first is the part of the whole.
PARTS = """
from pandas.errors import EmptyDataError
from requests.exceptions import ConnectionError as Lost
from numpy.exceptions import AxisError
import numpy, pandas, requests
assert EmptyDataError is pandas.errors.EmptyDataError and Lost is requests.ConnectionError
assert AxisError is numpy.exceptions.AxisError
import io
try:
    pandas.read_csv(io.StringIO(""))
except EmptyDataError:
    pass
"""


def python(*command: str) -> str:
    """What Python of this environment says on both streams."""
    run = subprocess.run([sys.executable, *command], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    return run.stdout + run.stderr


@pytest.mark.parametrize("text", [USES, PARTS], ids=["uses", "parts"])
def test_packages_of_snakemake_get_what_they_use(text):
    python("-c", HEAD + text)


def test_the_environment_has_it():
    """`make environment` put it there, and it is read before anything of Snakemake."""
    said = python("-X", "importtime", "-m", "snakemake", "--version")
    loaded = {line.rpartition("|")[2].strip() for line in said.splitlines()}
    assert "snakemake_executor_plugin_slurm.efficiency_report" in loaded
    assert not {"pandas", "numpy", "requests"} & loaded


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (["python", "-m", "snakemake", "--cores", "1"], True),
        (["python", "-u", "-m", "snakemake"], True),
        (["python3.11", "/checkout/.venv/bin/snakemake", "-n"], True),
        (["python", "/run/.snakemake/scripts/tmp1.fit_model.py"], False),
        (["python", "-m", "pytest", "snakemake"], False),
        (["python", "-c", "import snakemake"], False),
        (["python"], False),
    ],
)
def test_other_processes_stay_as_they_are(command, expected):
    assert is_snakemake(command) == expected


@pytest.fixture
def consumer(tmp_path, monkeypatch):
    """A function that imports a module with a given text, which is one that rarely uses `rare_one`."""
    monkeypatch.setattr(snakemake_start, "RARELY_USED", {"consumer_one": {"rare_one"}})
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "meta_path", [Finder(), *sys.meta_path])

    def imported(text: str, rare: str | None):
        (tmp_path / "consumer_one.py").write_text(text)
        if rare is not None:
            (tmp_path / "rare_one.py").write_text(rare)
        return __import__("consumer_one")

    yield imported
    for name in ("consumer_one", "rare_one"):
        sys.modules.pop(name, None)


OPTIONAL = "try:\n    import rare_one as rare\nexcept ImportError:\n    rare = None\n"


def test_a_module_that_is_not_installed_is_missed_at_the_import(consumer):
    assert consumer(OPTIONAL, None).rare is None


def test_a_module_that_cannot_be_loaded_says_so_at_the_use(consumer):
    module = consumer(OPTIONAL, "import no_such_module_at_all\n")
    for _ in range(2):
        with pytest.raises(ModuleNotFoundError, match="no_such_module_at_all"):
            module.rare.anything  # noqa: B018


def test_a_name_that_is_taken_from_a_module_is_taken_at_once(consumer):
    module = consumer("from rare_one import value\nimport rare_one\n", "value = 1\n")
    assert module.value == 1 and module.rare_one is sys.modules["rare_one"]
    assert module.__spec__.loader is module.__loader__ and not isinstance(
        module.__loader__, snakemake_start.Loader
    )


def test_packages_are_listed_anew_where_the_path_is_another(tmp_path, monkeypatch):
    asked = []

    def iter_modules(path, prefix):
        asked.append(path)
        return pkgutil.iter_modules(path, prefix)

    listed = listed_once(iter_modules)
    before = list(listed())
    assert before == list(listed()) == list(pkgutil.iter_modules()) and len(asked) == 1
    (tmp_path / "one_more").mkdir()
    (tmp_path / "one_more" / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    assert {module.name for module in listed()} == {module.name for module in before} | {"one_more"}
    assert [module.name for module in listed([str(tmp_path)])] == ["one_more"]
    assert [module.name for module in listed(None, "a.")][0].startswith("a.")
