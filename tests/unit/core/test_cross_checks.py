"""What no sheet may hold: names, hospital numbers, addresses, entries of the watch list, days before birth."""

import csv
from pathlib import Path

import pytest

from scripts.core.cross_checks import before_birth_problems, first_days, identifier_problems
from scripts.core.privacy import identifier_in, identifier_in_words, looks_like_a_name, watched
from scripts.core.sheets import Sheet

ROOT = Path(__file__).parents[3]


def sheet(name: str, **row) -> Sheet:
    return Sheet(name, "utf-8", list(row), [row], [2])


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("姓名：张三丰", "a name"),
        ("姓 名 李娜", "a name"),
        ("Patient name: Zhang San", "a name"),
        ("住院号 00123456", "a hospital number"),
        ("病案号：ZY123456", "a hospital number"),
        ("MRN: 7654321", "a hospital number"),
        ("hospital no. A12345", "a hospital number"),
        ("住址：南宁市青秀区民族大道1号", "an address"),
        ("广西南宁市青秀区民族路12号", "an address"),
    ],
)
def test_person_that_a_text_names_is_found(text, what):
    assert what in identifier_in_words(text)
    [problem] = identifier_problems(sheet("sample_events", note=text))[:1]
    assert problem.value == "(hidden)" and text not in str(problem)


@pytest.mark.parametrize(
    "text",
    [
        "spun again after a power cut",
        "file name of the export",
        "采血室",
        "肝细胞癌，中分化",
        "ethics committee of C1",
        "0.13812345678",
        "1.2.840.113619.2.55.3.604688119",
        "hospital nosocomial",
        "record number",
        "MRN is not kept",
    ],
)
def test_ordinary_text_is_left_alone(text):
    assert identifier_in_words(text) == []


@pytest.mark.parametrize("text", ["张三", "张三丰", "李 娜", "欧阳修", "韦小宝"])
def test_cell_that_reads_like_a_name(text):
    assert looks_like_a_name(text)


@pytest.mark.parametrize(
    "text", ["阴性", "阳性", "未检", "弱阳性", "白蛋白", "钾", "白球比", "可疑", "广西", "黄疸指数"]
)
def test_results_and_analytes_are_no_names(text):
    assert not looks_like_a_name(text)


def test_no_name_of_the_variable_dictionary_reads_like_a_person():
    with open(ROOT / "resources/variable_dictionary.csv", encoding="utf-8", newline="") as handle:
        names = {
            n for row in csv.DictReader(handle) for n in [row["zh"], *row["synonyms"].split(";")]
        }
    assert len(names) > 200
    assert [name for name in names if looks_like_a_name(name) or identifier_in_words(name)] == []


def test_path_with_a_name_is_refused():
    found = identifier_problems(sheet("assays", patient_id="P1", file="raw/ct/张三丰/1.dcm"))
    assert [p.allowed for p in found] == ["looks like a name; use a study id"]
    assert not identifier_problems(sheet("assays", patient_id="P1", file="数据/CT/1.dcm"))


def test_entry_of_the_watch_list_is_refused_in_any_spelling(tmp_path):
    (tmp_path / "watch.txt").write_text("Zhang San\nH0012345\n李娜\n\n", encoding="utf-8")
    pattern = watched(str(tmp_path / "watch.txt"))
    for text in (
        "ZHANG^SAN",
        "zhang_san.dcm",
        "seen by Zhang, San",
        "no H0012345.",
        "患者李娜来诊",
    ):
        assert identifier_problems(sheet("sample_events", note=text), pattern), text
    for text in ("Zhang Sanfeng", "XH0012345", "H00123456"):
        assert not identifier_problems(sheet("sample_events", note=text), pattern), text


def test_digests_and_uuids_are_no_mobile_numbers():
    digest = "a13812345678b" + "0" * 51
    assert len(digest) == 64 and identifier_in(digest) == []
    assert identifier_in("0f13812345678abc") == []
    assert identifier_in("aaaaa138-1234-5678-9abc-0123456789ab") == []
    assert identifier_in("x13812345678y") == ["a mobile number"]


def test_day_before_birth_is_a_problem_of_its_sheet():
    born = first_days(
        [
            {"patient_id": "P1", "birth_date": "1960-05-01"},
            {"patient_id": "P2", "age": 50, "index_date": "2025-06-01"},
        ]
    )
    [problem] = before_birth_problems(
        sheet("samples", patient_id="P1", collected_at="1960-04-30 08:00"), born
    )
    assert (problem.row, problem.column) == (2, "collected_at") and "born" in problem.allowed
    assert not before_birth_problems(
        sheet("samples", patient_id="P1", collected_at="1960-05-01"), born
    )
    assert before_birth_problems(sheet("samples", patient_id="P2", collected_at="1970-01-01"), born)
    assert not before_birth_problems(
        sheet("samples", patient_id="P3", collected_at="1900-01-01"), born
    )
