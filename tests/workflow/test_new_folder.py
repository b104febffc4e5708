"""New patients after the lock: from raw files, from a sheet, from a folder of tables; what may not move."""

import pytest

from tests.workflow.new_folder import moved_by_small_changes, read, rows_apart
from tests.workflow.runs import planned_jobs, run_snakemake, write_sheet, write_table_cohort

DEVELOPMENT = {"fit_lcms", "infer_proteins", "prepare_reference", "cross_validate", "fit_model"}


@pytest.mark.long
def test_new_patient_from_raw_files_has_the_row_of_development_alone_and_with_others(tmp_path):
    found = rows_apart(tmp_path)
    assert set(found) == {"lcms", "ct", "clinical"}
    assert max(found.values()) <= 1e-9, found


@pytest.mark.long
def test_small_changes_move_nobody_and_leave_the_bundle(tmp_path):
    assert moved_by_small_changes(tmp_path) == (0, 0)


def test_locked_model_scores_a_folder_of_new_patients_and_nothing_of_the_cohort_runs(tmp_path):
    config = write_table_cohort(tmp_path, development=60, external=0, strategies="early")
    run_snakemake(tmp_path, "locks/bundle.json", config=config)
    sheets, row = tmp_path / "new_batch", {"centre": "A", "diagnosis": "unknown"}
    write_sheet(sheets / "patients.tsv", [{"patient_id": "N1", **row, "role": "new"}])
    for block, letter, count in (("metabolites", "m", 6), ("proteins", "n", 5)):
        values = {f"{letter}{i}": 0.5 for i in range(count)}
        write_sheet(sheets / f"features/{block}.tsv", [{"patient_id": "N1", **values}])
    command = ("predict", "--config", f"new={sheets}")
    jobs = planned_jobs(run_snakemake(tmp_path, "--dry-run", *command, config=config))
    assert "predict_patients" in jobs and not DEVELOPMENT & set(jobs)
    run_snakemake(tmp_path, *command, config=config)
    place = tmp_path / "predictions/new_batch/results/predictions"
    line = read(place / "predictions.tsv")[0]
    assert 0 < float(line["low"]) < float(line["probability"]) < float(line["high"]) < 1
    assert (place / "patients/N1.html").stat().st_size > 10_000
    write_sheet(sheets / "patients.tsv", [{"patient_id": "N1", **row, "role": "external"}])
    refused = run_snakemake(tmp_path, *command, config=config, check=False)
    assert refused.returncode == 1
    assert "patients.tsv, row 2, column role: 'external'" in refused.stderr
