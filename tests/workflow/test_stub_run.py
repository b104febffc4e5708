"""A stub run: the jobs of a real run, without their work, in a folder that is never taken for a real one."""

import pytest

from tests.bench.large_cohort import write_cohort
from tests.workflow.runs import planned_jobs, run_snakemake


@pytest.fixture(scope="module")
def stub_run(tmp_path_factory):
    """A finished stub run of two patients with raw files of all modalities, and its plan."""
    folder = tmp_path_factory.mktemp("stub")
    config = write_cohort(folder, 2)
    real = planned_jobs(run_snakemake(folder, "--dry-run", "--config", "stub=False", config=config))
    planned = planned_jobs(run_snakemake(folder, "--dry-run", config=config))
    done = run_snakemake(folder, config=config)
    return folder, config, real, planned, done


def test_stub_run_has_the_jobs_of_a_real_run(stub_run):
    _, _, real, planned, done = stub_run
    assert planned == real
    # two patients are too few for a model: nothing is cross-validated for nothing
    assert {"align_reads", "fit_lcms", "lock_bundle", "write_report"} <= set(real)
    assert planned_jobs(done) == real


def test_every_output_says_that_it_is_a_stub(stub_run):
    folder = stub_run[0]
    files = [
        path
        for path in (folder / "results").rglob("*")
        if path.is_file() and path.name != ".snakemake_timestamp"
    ]
    assert len(files) > 100
    assert all("stub" in path.read_text(encoding="utf-8") for path in files)
    assert not (folder / "bundles").exists()


def test_end_of_a_stub_run_names_no_report(stub_run):
    assert "nothing was computed" in stub_run[4].stderr
    assert "Report:" not in stub_run[4].stderr


def test_finished_stub_run_has_nothing_to_do(stub_run):
    folder, config, *_ = stub_run
    assert planned_jobs(run_snakemake(folder, "--dry-run", config=config)) == {}


def test_real_run_after_a_stub_run_is_refused_in_one_line(stub_run):
    folder, config, *_ = stub_run
    done = run_snakemake(folder, "--config", "stub=False", config=config, check=False)
    assert done.returncode != 0
    assert "outputs of a stub run" in done.stderr
    assert "Traceback" not in done.stderr


def test_plan_says_what_a_stub_run_would_do(tmp_path):
    done = run_snakemake(tmp_path, "plan", config=write_cohort(tmp_path, 1))
    assert "P00000" in done.stdout and "cfdna" in done.stdout
    assert "align_reads" in (tmp_path / "results/plan.tsv").read_text(encoding="utf-8")
    assert not (tmp_path / "results/genomics").exists()
