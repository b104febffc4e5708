import json
import os
from pathlib import Path

import pytest

from scripts.core import plan as core_plan
from scripts.core.assays import block_of
from scripts.core.plan import load_plan, make_plan, runs_jobs
from scripts.core.sheets import SheetErrors, read_sheet

CONSENT = "patient_id\tkind\tstatus\tsigned_date\tscope_modalities\tscope_purposes\n"
SCOPE = "clinical;imaging;metabolomics\tresearch"


@pytest.fixture
def cohort(tmp_path, monkeypatch) -> Path:
    """A run folder with a cohort of two consenting patients, one CT, one LC-MS run and one QC run; it is the working folder."""
    monkeypatch.chdir(tmp_path)
    folder = Path("cohort")
    folder.mkdir()
    for name in ("p1.nii.gz", "p1.mzML", "qc.mzML"):
        (folder / name).write_text(name)
    (folder / "patients.tsv").write_text(
        "patient_id\tcentre\tdiagnosis\trole\nP1\tC1\thcc\tdevelopment\nP2\tC1\tcirrhosis\texternal\n"
    )
    (folder / "consents.tsv").write_text(
        CONSENT
        + "".join(
            f"{p}\tbase\tsigned\t2025-01-01\t\t\n{p}\tdata_use\tsigned\t2025-01-01\t{SCOPE}\n"
            for p in ("P1", "P2")
        )
    )
    (folder / "assays.tsv").write_text(
        "patient_id\tmodality\tfile\tphase\tsample_role\trun_order\tmd5\n"
        "P1\tct\tp1.nii.gz\tarterial\t\t\n"
        "P1\tlcms\tp1.mzML\t\tsample\t2\n"
        "\tlcms\tqc.mzML\t\tqc\t1\n"
    )
    return folder


def config(**changes) -> dict:
    return {"sheets": "cohort", "as_of": "2026-03-01", "purpose": "research", **changes}


def append(path: Path, line: str) -> None:
    path.write_text(path.read_text() + line)


def problems_of(**changes) -> str:
    with pytest.raises(SheetErrors) as error:
        make_plan(config(**changes), write=True)
    return str(error.value)


def test_plan_names_assays_runs_and_blocks(cohort):
    plan = make_plan(config(), write=False)
    assert plan["assays"]["ct"]["P1"][0]["assay_id"] == "P1_ct_arterial"
    assert plan["assays"]["ct"]["P1"][0]["file"] == "cohort/p1.nii.gz"
    assert [run["assay_id"] for run in plan["runs"]["lcms"]] == ["qc_lcms_1"]
    assert {block: entry["patients"] for block, entry in plan["blocks"].items()} == {
        "ct_arterial": ["P1"],
        "lcms": ["P1"],
    }


def test_dry_run_writes_nothing(cohort):
    make_plan(config(), write=False)
    assert not core_plan.FOLDER.exists()


@pytest.mark.parametrize(
    ("arguments", "runs"),
    [
        (["--cores", "2"], True),
        (["--cores", "2", "features"], True),
        (["--summary"], False),
        (["--report", "report.html"], False),
        (["--report=report.html"], False),
        (["--unlock"], False),
        (["--cores", "1", "plan"], False),
        (["--directory", "plan", "--cores", "1"], True),
        (["-d", "plan", "plan"], False),
    ],
)
def test_only_a_start_that_runs_jobs_freezes(arguments, runs):
    assert runs_jobs(False, ["snakemake", *arguments]) is runs
    assert not runs_jobs(True, ["snakemake", *arguments])


def test_jobs_read_what_the_main_process_froze(cohort):
    plan = make_plan(config(), write=True)
    append(cohort / "patients.tsv", "P3\tC1\thcc\tdevelopment\n")
    assert load_plan() == plan
    assert "P3" not in (core_plan.SHEETS / "patients.tsv").read_text()


def test_touched_sheet_keeps_the_time_of_its_frozen_copy(cohort):
    make_plan(config(), write=True)
    times = {path: path.stat().st_mtime_ns for path in core_plan.FOLDER.rglob("*.tsv")}
    os.utime(cohort / "patients.tsv")
    make_plan(config(), write=True)
    assert times == {path: path.stat().st_mtime_ns for path in core_plan.FOLDER.rglob("*.tsv")}


def test_edited_sheet_is_frozen_anew_and_changes_its_digest(cohort):
    before = make_plan(config(), write=True)["sheets"]["patients"]
    append(cohort / "patients.tsv", "P3\tC1\thcc\tdevelopment\n")
    plan = make_plan(config(), write=True)
    assert plan["sheets"]["patients"] != before
    assert "P3" in (core_plan.SHEETS / "patients.tsv").read_text()


def test_removed_sheet_leaves_no_frozen_copy(cohort):
    make_plan(config(), write=True)
    (cohort / "assays.tsv").unlink()
    assert make_plan(config(), write=True)["assays"] == {}
    assert not (core_plan.SHEETS / "assays.tsv").exists()


def test_patient_without_consent_is_refused_and_told(cohort):
    append(cohort / "patients.tsv", "P3\tC1\thcc\tdevelopment\n")
    plan = make_plan(config(), write=False)
    assert set(plan["patients"]) == {"P1", "P2"}
    assert [row["patient_id"] for row in plan["refused"] if row["domain"] == "*"] == ["P3"]


def withdraw(cohort: Path, patient: str) -> None:
    path = cohort / "consents.tsv"
    text = path.read_text()
    path.write_text(text.replace(f"{patient}\tbase\tsigned", f"{patient}\tbase\twithdrawn"))


def test_who_withdrew_is_counted_and_never_frozen(cohort):
    withdraw(cohort, "P1")
    plan = make_plan(config(), write=True)
    assert plan["withdrawn"] == {"C1": 1}
    assert {row["patient_id"] for row in plan["refused"]} | set(plan["patients"]) == {"P2"}
    for path in core_plan.FOLDER.rglob("*"):
        assert path.is_dir() or "P1" not in path.read_text(), path


def test_person_seen_before_is_deleted_at_the_start_after_the_withdrawal_not_by_a_dry_run(
    cohort, capsys
):
    make_plan(config(), write=True)
    row = Path("results/imaging/ct/P1/row.json")
    row.parent.mkdir(parents=True)
    row.write_text("{}")
    withdraw(cohort, "P1")
    make_plan(config(), write=False)
    assert row.exists() and "a real run would delete" in capsys.readouterr().err
    make_plan(config(), write=True)
    assert not row.exists() and "is deleted now" in capsys.readouterr().err
    make_plan(config(), write=True)
    assert capsys.readouterr().err == ""


def test_consent_signed_again_after_a_withdrawal_brings_the_rows_back(cohort):
    before = make_plan(config(), write=True)["sheets"]
    withdraw(cohort, "P1")
    assert make_plan(config(), write=True)["sheets"]["patients"] != before["patients"]
    append(cohort / "consents.tsv", "P1\tbase\tsigned\t2026-01-01\t\t\n")
    text = (
        (cohort / "consents.tsv")
        .read_text()
        .replace("withdrawn\t2025-01-01", "expired\t2025-01-01")
    )
    (cohort / "consents.tsv").write_text(text)
    assert make_plan(config(), write=True)["sheets"]["patients"] == before["patients"]
    assert "P1" in (core_plan.SHEETS / "patients.tsv").read_text()


def test_given_up_pair_leaves_the_plan_and_its_block_says_why(cohort):
    (cohort / "given_up.tsv").write_text("patient_id\tmodality\treason\nP1\tct\tout of memory\n")
    plan = make_plan(config(), write=False)
    assert "ct" not in plan["assays"] and "P1" in plan["assays"]["lcms"]
    assert plan["given_up"] == {"ct_arterial": {"P1": "out of memory"}}
    assert plan["blocks"]["ct_arterial"]["patients"] == []
    (cohort / "given_up.tsv").write_text("patient_id\tmodality\treason\nP9\tct\tx\n")
    assert "given_up.tsv, row 2, column patient_id: 'P9': not in patients.tsv" in problems_of()


def test_problems_of_all_sheets_are_told_at_once(cohort):
    append(cohort / "patients.tsv", "P3\tC1\ttumour\tdevelopment\n")
    append(cohort / "assays.tsv", "P1\tpet\tx\t\t\t\n")
    text = problems_of()
    assert "patients.tsv, row 4, column diagnosis" in text
    assert "assays.tsv, row 5, column modality" in text


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("P9\tct\tp1.nii.gz\tportal\t\t\n", "'P9': not in patients.tsv"),
        ("P1\tct\tnone.nii.gz\tportal\t\t\n", "no such file under cohort"),
        ("P1\tct\tp1.nii.gz\tarterial\t\t\n", "same run as row 2"),
        ("\tct\tp1.nii.gz\tportal\t\t\n", "a sample needs a patient_id"),
        ("P1\tlcms\tqc.mzML\t\tqc\t9\n", "a qc run has no patient"),
        ("P1\tct\t.\tportal\t\t\t" + "0" * 32 + "\n", "leave it empty for a folder"),
        ("P1\tct\t11010519491231002X.nii\tportal\t\t\n", "looks like a citizen number"),
    ],
)
def test_wrong_assay_is_named(cohort, line, words):
    append(cohort / "assays.tsv", line)
    text = problems_of()
    assert "assays.tsv, row 5" in text
    assert words in text


def test_identifier_of_a_person_is_not_repeated(cohort):
    append(cohort / "assays.tsv", "P1\tct\tp1.nii.gz\tportal\t\t\n")
    append(cohort / "patients.tsv", "11010519491231002X\tC1\thcc\tdevelopment\n")
    text = problems_of()
    assert "looks like a citizen number" in text
    assert "11010519491231002X" not in text


def test_cohort_without_consents_must_say_why(cohort):
    (cohort / "consents.tsv").unlink()
    assert "consent: {not_available: reason" in problems_of()
    plan = make_plan(config(consent={"not_available": "public data"}), write=False)
    assert set(plan["patients"]) == {"P1", "P2"}


def test_cohort_without_patients_is_told(cohort):
    (cohort / "patients.tsv").unlink()
    assert "every cohort needs it" in problems_of()


def test_ready_made_table_becomes_a_block(cohort):
    (cohort / "features").mkdir()
    (cohort / "features" / "dia.tsv").write_text("patient_id\tALB\nP1\t1.5\nP2\t\n")
    block = make_plan(config(), write=False)["blocks"]["dia"]
    assert block == {"modality": "dia", "domain": "proteomics", "patients": [], "table": True}


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("dia.tsv", "patient_id\tALB\nP1\thigh\n", "row 2, column ALB: 'high'"),
        ("dia.tsv", "patient_id\tALB\nP1\tinf\n", "row 2, column ALB: 'inf'"),
        ("dia.tsv", "patient_id\tALB\nP1\t1\nP1\t2\n", "row 3, column patient_id: 'P1'"),
        ("dia.tsv", "id\tALB\nP1\t1\n", "the first column must be patient_id"),
        ("My table.tsv", "patient_id\tALB\nP1\t1\n", "lower-case letters, digits, _"),
    ],
)
def test_wrong_feature_table_is_named(cohort, name, text, words):
    (cohort / "features").mkdir()
    (cohort / "features" / name).write_text(text)
    assert words in problems_of()


def test_table_of_nobody_in_the_patients_sheet_is_refused(cohort):
    (cohort / "features").mkdir()
    (cohort / "features" / "dia.tsv").write_text("patient_id\tALB\nHCC-1\t1.5\nHCC-2\t2\n")
    words = "features/dia.tsv, row 2, column patient_id: 'HCC-1': no patient_id of this table is in"
    assert words in problems_of()


def test_damaged_cache_is_only_a_cache(cohort):
    before = make_plan(config(), write=True)
    (core_plan.FOLDER / "digests.json").write_text("{")
    assert make_plan(config(), write=True) == before


def test_error_in_a_sheet_is_told_again_at_the_next_start(cohort):
    append(cohort / "patients.tsv", "P3\tC1\ttumour\tdevelopment\n")
    assert problems_of() == problems_of()


@pytest.mark.parametrize(
    ("row", "block"),
    [
        ({"modality": "lcms"}, "lcms"),
        ({"modality": "ct", "phase": "arterial"}, "ct_arterial"),
        ({"modality": "mri", "sequence": "t1", "phase": "portal"}, "mri_t1_portal"),
        ({"modality": "wes", "specimen": "tumour"}, "wes_tumour"),
        ({"modality": "wes", "specimen": "blood"}, "wes"),
    ],
)
def test_block_is_named_by_modality_sequence_phase_and_tissue(row, block):
    assert block_of(row) == block


def test_plan_holds_no_absolute_path(cohort):
    make_plan(config(), write=True)
    assert str(Path.cwd()) not in json.dumps(load_plan())


@pytest.mark.parametrize("name", ["assays", "patients", "features/dia"])
def test_sheet_that_is_a_folder_or_a_loop_of_links_is_a_problem(cohort, name):
    path = cohort / f"{name}.tsv"
    path.parent.mkdir(exist_ok=True)
    path.unlink(missing_ok=True)
    path.symlink_to(path.name)
    assert (
        problems_of()
        == f"{name}.tsv: not a file that can be read (a folder, a broken link, no right?)"
    )
    path.unlink()
    path.mkdir()
    assert "not a file that can be read" in problems_of()


def test_withdrawal_keeps_apart_whom_nothing_links_and_leaves_words_of_a_sheet(cohort):
    """Others whom a leaver's id links stay linked, with nobody else; a frozen sheet can be read; "hcc" is also a diagnosis."""
    people = [("hcc", "hcc"), ("A02", "hcc"), ("B01", "B01"), ("B02", "B01"), ("B03", "B01")]
    rows = "".join(f"{p}\tC1\thcc\tdevelopment\t{q}\tfam-{q}\n" for p, q in people)
    header = "patient_id\tcentre\tdiagnosis\trole\tperson_id\tgroup_family\n"
    (cohort / "patients.tsv").write_text(header + rows)
    (cohort / "assays.tsv").unlink()
    (cohort / "consents.tsv").write_text(
        CONSENT
        + "".join(
            f"{p}\tbase\t{'withdrawn' if p in ('hcc', 'B01') else 'signed'}\t2025-01-01\t\t\n"
            for p, _ in people
        )
    )
    make_plan(config(), write=True)
    left = read_sheet(core_plan.SHEETS / "patients.tsv", "patients").rows
    assert [row["diagnosis"] for row in left] == ["hcc"] * 3
    for column in ("person_id", "group_family"):
        first, *others = [row[column] for row in left]
        assert len(set(others)) == 1 and first != others[0]
        assert not {"hcc", "B01", "fam-hcc", "fam-B01"} & {first, *others}


def test_path_with_braces_is_a_problem_of_its_row(cohort):
    (cohort / "{x}.nii.gz").touch()
    append(cohort / "assays.tsv", "P2\tct\t{x}.nii.gz\tportal\t\t\n")
    assert problems_of().startswith("assays.tsv, row 5, column file: '{x}.nii.gz': a path without")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("patient_id\tALB\t\nP1\t3\t\n", "dia.tsv, row 1: column 3 has no name"),
        ("patient_id\tALB\nP1\t1_0\n", "dia.tsv, row 2, column ALB: '1_0': allowed: a number"),
        ("patient_id\tALB\nP1\t3\n\t4\n", "dia.tsv, row 3, column patient_id: '': must not be"),
    ],
)
def test_table_that_a_step_could_not_use(cohort, text, said):
    (cohort / "features").mkdir()
    (cohort / "features/dia.tsv").write_text(text)
    assert problems_of().startswith(f"features/{said}")
