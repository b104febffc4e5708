"""Runs killed with `kill -9` and continued end like a run that nobody disturbed, and do no finished job again."""

import shutil

import pytest

from tests.workflow.killed import KilledRun, assert_same_as_undisturbed
from tests.workflow.runs import ROOT, run_snakemake, write_table_cohort

CUT = "demo={'raw_patients': 6, 'table_patients': 0, 'mess': False}"


@pytest.mark.long
def test_two_kills_of_a_cohort_of_tables(tmp_path):
    runs = {}
    for name in ("undisturbed", "killed"):
        (tmp_path / name).mkdir()
        runs[name] = write_table_cohort(tmp_path / name, strategies="early")
    run_snakemake(tmp_path / "undisturbed", config=runs["undisturbed"])
    run = KilledRun(tmp_path / "killed", runs["killed"], seed=3)
    assert run.kill_once(whole=True)
    assert run.kill_once(whole=False)
    run.finish()
    assert_same_as_undisturbed(run, tmp_path / "undisturbed")


@pytest.mark.long
@pytest.mark.parametrize("whole", [True, False], ids=["whole process group", "Snakemake alone"])
def test_ten_kills_of_the_demo_of_six_patients(tmp_path, demo_of_six, whole):
    folder = tmp_path / "killed"
    shutil.copytree(demo_of_six / "cohort", folder / "cohort", copy_function=shutil.copy2)
    config = ROOT / "config/demo/config.yaml"
    run = KilledRun(folder, config, "--config", CUT, seed=11 + whole)
    for kill in range(10):
        assert run.kill_once(whole), f"done before kill {kill + 1}"
    run.finish()
    assert_same_as_undisturbed(run, demo_of_six)


@pytest.fixture(scope="module")
def demo_of_six(tmp_path_factory):
    """The finished run of a clean demo of six patients with raw files."""
    folder = tmp_path_factory.mktemp("six")
    config = ROOT / "config/demo/config.yaml"
    run_snakemake(folder, "--cores", "2", "make_cohort", "--config", CUT, config=config)
    run_snakemake(folder, "--config", CUT, config=config)
    return folder
