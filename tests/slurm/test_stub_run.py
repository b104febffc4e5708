"""The shipped profile on a real Slurm, with steps that do as they are told."""

import subprocess

import pytest

from tests.compare import differences
from tests.slurm.cluster import Project, environment, submitted, wait_until


def test_chain_of_a_patient_is_one_slurm_job_and_equals_a_local_run(project, tmp_path):
    said = project.ended(project.start())
    assert "4 of 4 steps (100%) done" in said
    assert len(submitted(said)) == 2  # one a patient, with two steps each
    local = Project(tmp_path / "local")
    command = local.command("--cores", "2")
    subprocess.run(command, check=True, capture_output=True, env=environment(), cwd=local.tree)
    assert differences(project.run / "results", local.run / "results") == []


@pytest.mark.long
def test_main_process_killed_then_resumed_does_nothing_twice(project):
    project.order("prepare_volumes.P1", "sleep 300")
    project.order("extract_radiomics.P2", "sleep 300")
    main = project.start()
    project.wait_for_start("prepare_volumes.P1")
    project.wait_for_start("extract_radiomics.P2")
    main.kill()
    main.wait()
    assert len(project.queued()) == 2  # the orphans
    project.order("prepare_volumes.P1", "")
    project.order("extract_radiomics.P2", "")
    done = project.resume()
    assert done.returncode == 0, done.stderr[-3000:]
    assert "Cancelling 2 Slurm jobs of this run that outlived it" in done.stderr
    assert project.queued() == {}
    ends = [row[0] for row in project.lines("ends.tsv")]
    assert sorted(ends) == [
        "extract_radiomics.P1",
        "extract_radiomics.P2",
        "prepare_volumes.P1",
        "prepare_volumes.P2",  # finished before the crash
    ]
    assert not list((project.run / "results").rglob(".tmp*"))


@pytest.mark.long
def test_resuming_beside_a_living_main_process_is_refused(project):
    project.order("prepare_volumes.P1", "sleep 20")
    main = project.start()
    project.wait_for_start("prepare_volumes.P1")
    done = project.resume()
    assert done.returncode == 1
    assert f"The run is going on: Snakemake is process {main.pid}" in done.stderr
    project.ended(main)
    assert main.returncode == 0


@pytest.mark.long
def test_sheet_and_configuration_edited_while_jobs_wait_act_at_the_next_start(project):
    project.order("prepare_volumes.P1", "sleep 10")
    main = project.start()
    wait_until(lambda: len(submitted(project.said())) == 2, "submission")
    patients = project.run / "cohort/patients.tsv"
    text = patients.read_text(encoding="utf-8")
    patients.write_text(text.replace("P2\tA", "P9\tA"), encoding="utf-8")
    (project.run / "cohort/assays.tsv").unlink()
    with open(project.config, "a", encoding="utf-8") as config:
        config.write("imaging: {ct: {slice_warn_mm: 2.5}}\n")
    said = project.ended(main)
    assert main.returncode == 0, said[-3000:]
    assert (project.run / "results/imaging/ct/P2/row.json").is_file()
    log = (project.run / "logs/prepare_volumes/P2.ct.log").read_text(encoding="utf-8")
    assert "'slice_warn_mm': 3.0" in log
