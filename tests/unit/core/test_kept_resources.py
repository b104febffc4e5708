"""Names of resource tables that are the same from every checkout."""

import os

import pytest

from scripts.core import kept_resources
from scripts.core.kept_resources import resource


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A checkout with one table, and an empty run folder as the current one."""
    (tmp_path / "code/resources").mkdir(parents=True)
    (tmp_path / "code/resources/units.tsv").write_text("g/L\n")
    (tmp_path / "run").mkdir()
    monkeypatch.chdir(tmp_path / "run")
    monkeypatch.setattr(kept_resources, "SOURCE", tmp_path / "code/resources")
    return tmp_path / "code/resources/units.tsv"


def test_run_names_its_own_copy_and_a_dry_run_writes_nothing(checkout):
    assert resource("units.tsv", runs=False) == str(checkout)
    assert not kept_resources.KEPT.exists()
    assert resource("units.tsv", runs=True) == ".hcc/resources/units.tsv"
    assert resource("units.tsv", runs=False) == ".hcc/resources/units.tsv"


def test_copy_keeps_its_time_as_long_as_its_bytes_are_the_same(checkout):
    kept = kept_resources.KEPT / "units.tsv"
    resource("units.tsv", runs=True)
    os.utime(kept, (1, 1))
    resource("units.tsv", runs=True)
    assert kept.stat().st_mtime == 1


def test_edited_table_shows_in_a_dry_run_and_not_in_jobs_that_run(checkout):
    resource("units.tsv", runs=True)
    checkout.write_text("g/dL\n")
    assert resource("units.tsv", runs=False) == str(checkout)
    assert resource("units.tsv", runs=False, main=False) == ".hcc/resources/units.tsv"
    resource("units.tsv", runs=True)
    assert (kept_resources.KEPT / "units.tsv").read_text() == "g/dL\n"
