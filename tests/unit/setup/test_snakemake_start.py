"""Modules that a process of Snakemake loads when it uses them are, then, what they always are."""

import importlib
import pkgutil
import subprocess
import sys
import threading
import time

import pytest

from scripts.setup import snakemake_start
from scripts.setup.snakemake_start import Finder, is_snakemake, listed_once

SNAKEMAKE = """
import sys
from scripts.setup.snakemake_start import start
start(["python", "-m", "snakemake"])
import importlib.util
import snakemake.cli, snakemake_executor_plugin_slurm
import numpy, pandas, requests
from scripts.core.planning_memory import remember_answers
from scripts.core.planning_objects import lighten
remember_answers()
lighten()
assert importlib.util.find_spec("pandas").name == "pandas"
assert not {"pandas.core", "numpy.linalg", "requests.api"} & set(sys.modules), "loaded at the start"
from snakemake_executor_plugin_slurm.efficiency_report import parse_maxrss
assert parse_maxrss("2G") == 2048  # asks pandas
import pandas.api.types
from pandas import DataFrame
assert type(pandas) is type(sys) and type(numpy) is type(sys)
assert issubclass(requests.HTTPError, requests.exceptions.RequestException)
assert DataFrame({"a": numpy.arange(3)}).a.sum() == 3
assert pandas.__file__ == pandas.__spec__.origin and pandas.__spec__.loader is pandas.__loader__
"""


def python(*command: str) -> str:
    """What Python of this environment says on both streams."""
    run = subprocess.run([sys.executable, *command], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    return run.stdout + run.stderr


def test_snakemake_loads_pandas_and_numpy_when_it_uses_them():
    python("-c", SNAKEMAKE)


def test_the_environment_has_it():
    """`make environment` put it there, and it is read before anything of Snakemake."""
    said = python("-X", "importtime", "-m", "snakemake", "--version")
    loaded = {line.rpartition("|")[2].strip() for line in said.splitlines()}
    assert (
        "snakemake_executor_plugin_slurm.efficiency_report" in loaded
        and "pandas.core" not in loaded
    )


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
def awaited(tmp_path, monkeypatch):
    """A function that imports a module with a given text as Snakemake would."""
    monkeypatch.setattr(snakemake_start, "WHEN_USED", ("awaited_one",))
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "meta_path", [Finder(), *sys.meta_path])

    def imported(text: str):
        (tmp_path / "awaited_one.py").write_text(text)
        return __import__("awaited_one")

    yield imported
    sys.modules.pop("awaited_one", None)


def test_module_that_cannot_be_loaded_says_so_at_each_use(awaited):
    module = awaited("import no_such_module_at_all\n")
    for _ in range(2):
        with pytest.raises(ModuleNotFoundError, match="no_such_module_at_all"):
            module.anything  # noqa: B018


def test_name_that_is_not_there_is_missing_as_ever(awaited):
    with pytest.raises(AttributeError, match="awaited_one.*missing_name"):
        awaited("value = 1\n").missing_name  # noqa: B018


def test_module_that_reads_itself_while_it_is_loaded(awaited):
    module = awaited("import awaited_one\nvalue = 1\nself_read = awaited_one.value\n")
    assert module.self_read == 1


def test_threads_wait_until_a_module_is_whole(awaited):
    module = awaited("import time\nfirst = 1\ntime.sleep(0.3)\nlast = 2\n")
    seen: list[int] = []
    threads = [threading.Thread(target=lambda: seen.append(module.last)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [2, 2, 2, 2]


def test_threads_that_import_a_part_meanwhile_do_not_wait_for_each_other_for_good(
    awaited, tmp_path
):
    folder = tmp_path / "awaited_one"
    folder.mkdir()
    (folder / "__init__.py").write_text(
        "import time\ntime.sleep(0.3)\nfrom awaited_one import part\n"
    )
    (folder / "part.py").write_text("value = 1\n")
    module = __import__("awaited_one")
    seen: list[int] = []
    uses = (lambda: module.part.value, lambda: importlib.import_module("awaited_one.part").value)
    threads = [
        threading.Thread(target=lambda use=use: seen.append(use()), daemon=True)
        for use in (*uses, *uses)
    ]
    for thread in threads:
        thread.start()
        time.sleep(0.05)  # the first loads, the second wants a part, which the first comes to later
    for thread in threads:
        thread.join(timeout=20)
    sys.modules.pop("awaited_one.part", None)
    assert seen == [1, 1, 1, 1]


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
