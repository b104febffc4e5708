"""Typed tables in any layout become one list of entries; lines and columns are those of the file."""

import pytest

from scripts.core.sheets import SheetErrors
from scripts.core.typed_sheet import read_typed


@pytest.fixture
def read(tmp_path):
    def run(data):
        path = tmp_path / "new.tsv"
        path.write_bytes(data if isinstance(data, bytes) else data.encode())
        return read_typed(path)

    return run


def told(sheet):
    return [(e.patient, e.line, e.name, e.unit, e.value) for e in sheet.entries]


def test_wide_table_with_a_unit_row(read):
    sheet = read("patient_id\tcentre\tAFP\tINR\n\t\tng/mL\t1\nN1\tC1\t6\t1.1\n")
    assert told(sheet) == [("N1", 3, "AFP", "ng/mL", "6"), ("N1", 3, "INR", "1", "1.1")]
    assert sheet.centre == {"N1": "C1"} and sheet.problems == []


def test_row_without_a_patient_that_holds_numbers_is_no_unit_row(read):
    sheet = read("patient_id\tAFP\n\t1\nN1\t6\n")
    assert [p.row for p in sheet.problems] == [2]


def test_unit_columns_beside_and_by_name(read):
    sheet = read("patient_id\tAFP\tunit\tALT\talt_unit\tunit_of_x\nN1\t6\tng/mL\t40\tU/L\t3\n")
    shown = [(name, unit) for _, _, name, unit, _ in told(sheet)]
    assert shown == [("AFP", "ng/mL"), ("ALT", "U/L"), ("unit_of_x", "")]


def test_long_table_keeps_lines_and_fields_of_the_patient(read):
    sheet = read(
        "patient_id\tanalyte\tvalue\tunit\tage\n\nN1\tAFP\t6\tng/mL\t60\nN1\tALT\t40\tU/L\t\n"
    )
    assert told(sheet) == [
        ("N1", 3, "AFP", "ng/mL", "6"),
        ("N1", 4, "ALT", "U/L", "40"),
        ("N1", 3, "age", "", "60"),
    ]
    again = "patient_id\tanalyte\tvalue\tage\nN1\tAFP\t6\t60\nN1\tALT\t40\t61\n"
    assert "another row of this patient says '60'" in str(read(again).problems[0])


def test_what_is_no_table_is_one_message(read):
    for data, words in (
        (b"PK\x03\x04abc", "a workbook; save its sheet as text"),
        (b"", "empty"),
        (b"a\x00b", "NUL bytes"),
        (b"patient_id\tAFP\nN1\t6\t7\n", "row 2: column 3 has no name"),
    ):
        with pytest.raises(SheetErrors, match=words):
            read(data)


def test_habits_of_spreadsheets(read):
    text = '\ufeffsep=;\r\npatient_id;"AFP; ng/mL";;\r\n"N1";\'6,5;;\r\n;;;\r\n'
    assert told(read(text)) == [("N1", 3, "AFP; ng/mL", "", "6,5")]


def test_ids_of_persons_and_ids_twice(read):
    problems = read("patient_id\tAFP\n13800138000\t1\nN1\t2\nN1\t3\n").problems
    assert [p.row for p in problems] == [2, 4]
    assert "a mobile number" in problems[0].allowed and "already in row 3" in problems[1].allowed
