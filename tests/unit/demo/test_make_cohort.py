from pathlib import Path

import pytest

from scripts.core import job as core_job
from scripts.core.plan import make_plan
from scripts.demo.make_cohort import main, make_cohort, synchronise, write_sheet
from tests.compare import differences

CONFIG = {"sheets": "cohort", "as_of": "2026-03-01", "purpose": "research"}


@pytest.fixture(scope="module")
def cohorts(tmp_path_factory) -> dict[str, Path]:
    """The same three people with and without planted defects, and with one more person."""
    folder = tmp_path_factory.mktemp("cohorts")
    made = {}
    for name, raw, mess in (("mess", 3, True), ("clean", 3, False), ("more", 4, False)):
        made[name] = folder / name / "cohort"
        make_cohort(made[name], seed=1, raw=raw, table=4, mess=mess)
    return made


def rows_of(cohort: Path, sheet: str) -> list[str]:
    return (cohort / f"{sheet}.tsv").read_text(encoding="utf-8").splitlines()[1:]


def raw_files(cohort: Path, patient: str) -> dict[str, bytes]:
    files = (p for p in (cohort / "raw").rglob("*") if p.is_file() and patient in str(p))
    return {str(path.relative_to(cohort)): path.read_bytes() for path in files}


def test_cohort_can_be_planned_as_it_is(cohorts, monkeypatch):
    monkeypatch.chdir(cohorts["clean"].parent)
    plan = make_plan(CONFIG, write=False)
    assert len(plan["patients"]) == 7
    assert {"lcms", "ct"} <= set(plan["assays"])


def test_only_the_cohort_with_mess_has_findings_beside_what_its_size_implies(cohorts):
    implied = [  # three people: C2 has controls only
        "C2\t\tOMX-06\tFAIL\tvalidate_inputs\tall patients of C2 are of one class"
    ]
    assert rows_of(cohorts["clean"], "expected_findings") == implied
    assert len(rows_of(cohorts["mess"], "expected_findings")) > 1
    assert rows_of(cohorts["more"], "expected_findings") == []


def test_one_more_person_changes_nobody_else(cohorts):
    assert raw_files(cohorts["clean"], "P0001")
    assert raw_files(cohorts["more"], "P0001") == raw_files(cohorts["clean"], "P0001")


def test_same_seed_makes_the_same_cohort(cohorts, tmp_path):
    make_cohort(tmp_path / "cohort", seed=1, raw=3, table=4, mess=False)
    assert differences(tmp_path / "cohort", cohorts["clean"]) == []


def test_machine_without_semaphores_makes_the_same_cohort(cohorts, tmp_path, monkeypatch):
    def refuse(workers):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("scripts.demo.make_cohort.ProcessPoolExecutor", refuse)
    make_cohort(tmp_path / "cohort", seed=1, raw=3, table=4, mess=False, workers=2)
    assert differences(tmp_path / "cohort", cohorts["clean"]) == []


def test_file_with_the_same_bytes_keeps_its_time(tmp_path):
    for name, texts in (("old", ("same", "before")), ("new", ("same", "after"))):
        (tmp_path / name).mkdir()
        for file, text in zip(("1", "2"), texts, strict=True):
            (tmp_path / name / file).write_text(text)
    (tmp_path / "old" / "gone").touch()
    time = (tmp_path / "old" / "1").stat().st_mtime_ns
    assert synchronise(tmp_path / "new", tmp_path / "old") == 1
    assert (tmp_path / "old" / "1").stat().st_mtime_ns == time
    assert (tmp_path / "old" / "2").read_text() == "after"
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["1", "2", "old"]


def test_folder_with_other_files_is_not_touched(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "patients.tsv").write_text("mine")
    job = core_job.Named()
    manifest = str(tmp_path / "mine" / "manifest.tsv")
    job.output = core_job.Named([manifest], manifest=manifest)
    job.params = core_job.Named([], seed=1, raw_patients=1, table_patients=1, mess=False)
    job.input = job.wildcards = core_job.Named()
    job.log, job.threads, job.rule = [], 1, "make_cohort"
    with pytest.raises(SystemExit):
        main(job)
    assert [p.name for p in (tmp_path / "mine").iterdir()] == ["patients.tsv"]


def test_column_without_schema_is_refused(tmp_path):
    with pytest.raises(ValueError, match="shoe_size"):
        write_sheet(tmp_path, "patients", [{"patient_id": "P1", "shoe_size": 42}])
