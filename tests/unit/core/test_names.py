"""Recognising people in texts, paths and sheets, without taking others for them."""

import csv
import io
from pathlib import Path

import pytest

from scripts.core.names import MASK, Names, names_of
from scripts.core.sheets import numbered_records


def names(patients=("P7",), others=(), **ids) -> Names:
    known = {"patient_id": set(patients)} | {column: set(v) for column, v in ids.items()}
    return Names(known, set(), set(others))


@pytest.mark.parametrize(
    "text",
    [
        "P007",
        "logs/align_reads/P007.wes.log",
        "results/imaging/ct/P007/row.json",
        "raw/P007_R1.fastq.gz",
        "step of P007: failed",
        '["P006", "P007"]',
        "results/x/P007_lcms_plasma_3.npz",
    ],
)
def test_patient_is_found_also_inside_a_longer_word(text):
    assert names(["P007"], others=["P006", "P0071"]).found(text)


@pytest.mark.parametrize("text", ["P0071", "AP007", "P006_R1", "results/P0070/x", ""])
def test_longer_numbers_are_other_people(text):
    assert not names(["P007"], others=["P006", "P0071"]).found(text)


def test_word_of_another_patient_whose_id_holds_theirs_is_not_theirs():
    gone = names(["A-7"], others=["A-7-2"])
    assert not gone.found("logs/x/A-7-2.log and A-7-2_R1.fastq")
    assert gone.found("logs/x/A-7-2.log and A-7_R1.fastq")


def test_ids_of_samples_count_as_whole_words_only():
    gone = names(["P007"], sample_id=["S12"])
    assert gone.found("sample S12: spun late")
    assert not gone.found("sample S12-B: spun late")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("12 of 40 patients", False),
        ('"value": 12,', False),
        ("results/imaging/ct/12/row.json", True),
        ('"subject": "12"', True),
        ("step align_reads, subject 12, hcc-omics", True),
        ("12\tct\tpass\n", True),
        ("0.12", False),
    ],
)
def test_bare_number_means_a_person_only_where_an_id_stands(text, found):
    assert names(["12"]).found(text) is found


def test_sheet_loses_their_rows_and_keeps_the_others_as_they_are():
    sheet = "patient_id\tsample_id\tnote\nP1\tS1\tsister of P2\nP2\tS2\t\nP3\tS3\tfine\n"
    gone = names(["P02"], sample_id=["S2"])
    assert gone.without_rows(sheet.encode()) == sheet.replace("P2\tS2\t\n", "\n").encode()
    gone = Names({"patient_id": {"Pat2"}}, set(), set())
    text = sheet.replace("P2", "Pat2")
    kept = gone.without_rows(text.encode()).decode()
    assert kept == f"patient_id\tsample_id\tnote\nP1\tS1\tsister of {MASK}\n\nP3\tS3\tfine\n"


def test_every_other_record_keeps_its_line_of_the_file():
    """Blank lines, breaks inside cells, a masked cell that becomes shorter, a header below a blank line."""
    text = (
        "\n\npatient_id\tnote\nPat1\tone\n\n"
        'Pat2\t"two\nlines of Pat2"\nPat3\t"about Pat2\n\n"\nPat4\tfour\nPat2\tagain\nPat5\tfive'
    )
    gone = Names({"patient_id": {"Pat2"}}, set(), set())
    kept = gone.without_rows(text.encode()).decode()
    assert "Pat2" not in kept

    def lines(sheet: str) -> dict[str, int]:
        records = numbered_records(csv.reader(io.StringIO(sheet, newline=""), delimiter="\t"))
        return {cells[0]: line for line, cells in records if cells and cells[0] != "Pat2"}

    # counted by hand: header on line 3, Pat2 on 6 and 7, Pat3 on 8 to 10
    expected = {"patient_id": 3, "Pat1": 4, "Pat3": 8, "Pat4": 11, "Pat5": 13}
    assert lines(text) == expected
    assert lines(kept) == expected


def test_sheet_that_does_not_name_them_is_the_same_bytes():
    data = "patient_id\tvalue\nP1\t\u7537\n".encode("gb18030")
    assert names(["P02"]).without_rows(data) is data


def test_chinese_sheet_is_kept_as_utf8():
    data = "patient_id\tsex\nP001\t\u7537\nP002\t\u5973\n".encode("gb18030")
    assert names(["P002"]).without_rows(data).decode() == "patient_id\tsex\nP001\t\u7537\n\n"


@pytest.fixture
def folder(tmp_path) -> Path:
    """Sheets of two patients: one tube each, one LC-MS run each, one DIA report for both."""
    sheets = {
        "patients": "patient_id\nPa1\nPa2\n",
        "assays": "patient_id\tmodality\tfile\tassay_id\tsample_id\trun_order\n"
        "Pa1\tlcms\traw/a.mzML\t\tT1\t3\nPa2\tlcms\traw/b.mzML\t\tT2\t4\n"
        "Pa1\tdia\treport.tsv\tD1\tT1\t\nPa2\tdia\treport.tsv\tD2\tT2\t\n"
        "\tlcms\traw/qc.mzML\tQ1\t\t1\n",
        "samples": "sample_id\tpatient_id\nT1\tPa1\nT2\tPa2\nboth\tPa1\n",
        "aliquots": "aliquot_id\tsample_id\nAl1\tT1\nAl2\tT2\n",
        "imaging_studies": "study_id\tpatient_id\nSt1\tPa1\nSt2\tPa2\n",
        "imaging_series": "series_id\tstudy_id\nSe1\tSt1\nSe2\tSt2\n",
    }
    for name, text in sheets.items():
        (tmp_path / f"{name}.tsv").write_text(text)
    return tmp_path


@pytest.mark.parametrize(
    "word", ["Pa1", "T1", "D1", "Al1", "St1", "Se1", "Pa1_lcms_3", "raw/a.mzML"]
)
def test_everything_that_is_theirs_alone_is_known(folder, word):
    assert names_of({"Pa1"}, [folder], {}).found(word)


@pytest.mark.parametrize(
    "word", ["Pa2", "T2", "D2", "Al2", "report.tsv", "Q1", "raw/qc.mzML", "Se2"]
)
def test_what_is_shared_or_of_others_is_not_theirs(folder, word):
    assert not names_of({"Pa1"}, [folder], {}).found(word)


def test_runs_of_the_plan_before_are_known_when_the_sheet_has_lost_them(folder):
    (folder / "assays.tsv").write_text("patient_id\tmodality\tfile\n")
    before = {"assays": {"ct": {"Pa1": [{"assay_id": "scan-9"}], "Pa2": [{"assay_id": "scan-8"}]}}}
    found = names_of({"Pa1"}, [folder], before)
    assert found.found("scan-9") and not found.found("scan-8")


@pytest.mark.parametrize("patient", ["1003", "P1", "12"])
def test_lines_and_folders_of_slurms_logs_are_known_also_of_short_ids(patient):
    gone = names([patient], others=[f"{patient}0"])
    for text in (
        f"    wildcards: patient={patient}, modality=ct",
        f"ct_{patient}",
        f"Radiomics of ct of {patient} -> x",
    ):
        assert gone.logged(text), text
    for text in (
        f"wildcards: patient={patient}0",
        f"took {patient}.5 s",
        f"10:{patient}:30",
        f"ct_{patient}0",
    ):
        assert not gone.logged(text), text
