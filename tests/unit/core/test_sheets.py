from pathlib import Path

import pytest

from scripts.core.sheets import SheetErrors, decode, read_sheet, read_text_table, sheet_names

HEADER = "patient_id\tcentre\tdiagnosis\trole\tage\tindex_date\tgroup_family"


@pytest.fixture
def patients(tmp_path):
    """Write patients.tsv with the given rows; a row that is too short is filled up with empty cells."""

    def write(*rows: str, header: str = HEADER, encoding: str = "utf-8") -> Path:
        path = tmp_path / "patients.tsv"
        path.write_bytes("\n".join([header, *rows, ""]).encode(encoding))
        return path

    return write


def problems_of(path: Path) -> list[str]:
    with pytest.raises(SheetErrors) as error:
        read_sheet(path)
    return [str(problem) for problem in error.value.problems]


def test_cells_are_typed_and_empty_cells_are_left_out(patients):
    sheet = read_sheet(patients("P1\tC1\thcc\tdevelopment\t61.5", "P2\tC1\tcirrhosis\texternal"))
    assert sheet.rows[0]["age"] == 61.5
    assert "age" not in sheet.rows[1]
    assert sheet.lines == [2, 3]


def test_columns_named_by_a_pattern_are_read(patients):
    sheet = read_sheet(patients("P1\tC1\thcc\tdevelopment\t\t\tF7"))
    assert sheet.rows[0]["group_family"] == "F7"


def test_all_problems_are_collected_with_row_column_value_and_allowed(patients):
    found = problems_of(
        patients("P 1\tC1\thcc\tdevelopment\tsixty", "P2\tC1\ttumour\tdevelopment", "\tC1\thcc\tx")
    )
    assert len(found) == 5
    assert "patients.tsv, row 2, column age: 'sixty': allowed: a number >= 0 <= 120" in found
    assert "patients.tsv, row 4, column patient_id: '': must not be empty" in found
    assert any("row 3, column diagnosis: 'tumour': allowed: hcc, cirrhosis" in p for p in found)


@pytest.mark.parametrize("text", ["nan", "inf", "1_0", "１２", "0x10", "1,5", "--1"])
def test_only_plain_numbers_are_numbers(patients, text):
    (problem,) = problems_of(patients(f"P1\tC1\thcc\tdevelopment\t{text}"))
    assert "column age" in problem


@pytest.mark.parametrize("text", ["61", "61.0", " 61 ", "6.1e1", "+61"])
def test_numbers_may_be_written_in_every_usual_way(patients, text):
    assert read_sheet(patients(f"P1\tC1\thcc\tdevelopment\t{text}")).rows[0]["age"] == 61


@pytest.mark.parametrize(
    "text",
    ["2026/3/1", "2026年3月1日", "20260301", "1-Mar-2026", "March 1, 2026", "2026-03-01 00:00:00"],
)
def test_day_that_reads_one_way_is_that_day(patients, text):
    sheet = read_sheet(patients(f"P1\tC1\thcc\tdevelopment\t\t{text}"))
    assert sheet.rows[0]["index_date"] == "2026-03-01"


def test_column_that_proves_its_order_is_read_so_whole(patients):
    rows = [
        f"P{n}\tC1\thcc\tdevelopment\t\t{day}" for n, day in enumerate(("25/02/2026", "01/03/2026"))
    ]
    assert [row["index_date"] for row in read_sheet(patients(*rows)).rows] == [
        "2026-02-25",
        "2026-03-01",
    ]
    (problem,) = problems_of(patients(rows[1]))
    assert "either way round" in problem
    rows.append(
        "P9\tC1\thcc\tdevelopment\t\t02/25/2026"
    )  # proves the other order: nothing is proven
    (problem,) = problems_of(patients(*rows))
    assert "row 3" in problem and "either way round" in problem


@pytest.mark.parametrize("text", ["2026-02-30", "2026-W09-1", "3/2026", "yesterday"])
def test_date_that_is_none_is_named(patients, text):
    (problem,) = problems_of(patients(f"P1\tC1\thcc\tdevelopment\t\t{text}"))
    assert "allowed: a day as YYYY-MM-DD" in problem


@pytest.mark.parametrize("text", ["0001-01-01", "1600-01-01", "9999-12-31"])
def test_filler_day_is_refused_with_what_to_do(patients, text):
    (problem,) = problems_of(patients(f"P1\tC1\thcc\tdevelopment\t\t{text}"))
    assert problem.endswith("allowed: a day of the years 1900 to 2100; leave a filler empty")


@pytest.mark.parametrize(
    ("sheet", "column", "text", "good"),
    [
        *(("history", "treatment_date", "9999-12-31", True), ("history", "treatment_date", "0001-01-01", False)),
        *(("history", "reference_date", "9999-12-31", False), ("consents", "expires", "9999-12-31", True)),
        *(("samples", "collected_at", "0001-01-01 00:00", False), ("samples", "collected_at", "1900-01-01", True)),
        *(("pathology", "report_date", "1899-12-31", False), ("assays", "date", "2101-01-01", False)),
    ],
)  # fmt: skip
def test_day_that_never_comes_is_one_only_where_something_may_have_no_end(
    tmp_path, sheet, column, text, good
):
    path = tmp_path / f"{sheet}.tsv"
    path.write_text(f"patient_id\t{column}\tno_such_column\nP1\t{text}\t\n", encoding="utf-8")
    found = problems_of(path)
    assert any("leave a filler empty" in problem for problem in found) != good


def test_duplicate_patient_is_named_with_both_rows(patients):
    (problem,) = problems_of(patients("P1\tC1\thcc\tdevelopment", "P1\tC2\thcc\tdevelopment"))
    assert "row 3" in problem
    assert "already in row 2" in problem


def test_unknown_and_missing_columns_are_named(patients):
    found = problems_of(patients("P1\tC1\thcc", header="patient_id\tcentre\tdiagnoses"))
    assert any("column diagnoses" in p and "unknown column" in p for p in found)
    assert any("column role" in p and "required" in p for p in found)


def test_column_that_stands_twice_is_named(patients):
    with pytest.raises(SheetErrors, match="stands twice"):
        read_sheet(patients("P1\tC1\tC2", header="patient_id\tcentre\tcentre"))


def test_stray_tab_is_named_by_row(patients):
    with pytest.raises(SheetErrors, match="row 3: 8 cells under a header of 7"):
        read_sheet(patients("P1\tC1\thcc\tdevelopment", "P2\tC1\thcc\tdevelopment\t\t\t\tx"))


def test_open_quote_does_not_swallow_the_rest_of_the_sheet(patients):
    with pytest.raises(SheetErrors, match="not tab-separated text"):
        read_sheet(patients('P1\t"C1\thcc\tdevelopment', "P2\tC1\thcc\tdevelopment"))


def test_empty_lines_keep_the_line_numbers_of_the_file(patients):
    sheet = read_sheet(patients("P1\tC1\thcc\tdevelopment", "\t\t", "", "P2\tC1\thcc\texternal"))
    assert sheet.lines == [2, 5]


@pytest.mark.parametrize(
    ("encoding", "name"),
    [("utf-8", "utf-8"), ("utf-8-sig", "utf-8"), ("gb18030", "gb18030"), ("utf-16", "utf-16")],
)
def test_encodings_of_spreadsheets_are_recognised(patients, encoding, name):
    header = "patient_id\tcentre\tdiagnosis\trole\tsex"
    sheet = read_sheet(patients("P1\tC1\thcc\tdevelopment\t女", header=header, encoding=encoding))
    assert (sheet.encoding, sheet.rows[0]["sex"]) == (name, "female")


@pytest.mark.parametrize(
    ("text", "sex"),
    [
        *(
            ("男性", "male"),
            ("女性", "female"),
            ("Male", "male"),
            ("MALE", "male"),
            ("FEMALE", "female"),
        )
    ],
)
def test_word_that_says_the_sex_is_taken(patients, text, sex):
    header = "patient_id\tcentre\tdiagnosis\trole\tsex"
    path = patients(f"P1\tC1\thcc\tdevelopment\t{text}", header=header)
    assert read_sheet(path).rows[0]["sex"] == sex


@pytest.mark.parametrize("text", ["M", "f", "1", "男女"])
def test_coding_of_the_sex_is_refused_with_the_words_that_are_taken(patients, text):
    header = "patient_id\tcentre\tdiagnosis\trole\tsex"
    (problem,) = problems_of(patients(f"P1\tC1\thcc\tdevelopment\t{text}", header=header))
    assert problem.endswith("allowed: male, female, 男, 女, 男性, 女性")


@pytest.mark.parametrize("text", ["µmol/L", "37 °C", "β2", "Kraków", "女", "肝"])
def test_utf8_is_not_taken_for_chinese(text):
    assert decode(text.encode()) == (text, "utf-8")


def test_spreadsheet_file_is_told_from_text(tmp_path):
    path = tmp_path / "patients.tsv"
    path.write_bytes(b"PK\x03\x04\x00\x00patient_id\tcentre\n")
    with pytest.raises(SheetErrors, match="export it as tab-separated text"):
        read_text_table(path)


def test_empty_file_is_named(tmp_path):
    (tmp_path / "patients.tsv").write_text("\n\n")
    with pytest.raises(SheetErrors, match="needs at least a header line"):
        read_sheet(tmp_path / "patients.tsv")


def test_bytes_of_no_known_encoding_are_refused():
    with pytest.raises(UnicodeError):
        decode(b"\xff\x81\xff")


@pytest.mark.parametrize("name", sheet_names())
def test_schema_of_every_sheet_is_closed_and_describes_its_columns(name):
    from jsonschema import Draft202012Validator

    from scripts.core.sheets import schema_of

    schema = schema_of(name)
    Draft202012Validator.check_schema(schema)
    assert schema["additionalProperties"] is False
    named = [*schema.get("required", []), *schema.get("x-columns", [])]
    named += [column for columns in schema.get("x-unique", []) for column in columns]
    assert set(named) <= set(schema["properties"])


@pytest.mark.parametrize(
    ("header", "row", "hidden"),
    [
        ("sex", "姓名：张伟", "张伟"),
        ("age", "住院号 ZY0012345", "ZY0012345"),
        ("age", "１３８００１３８０００", "１３８００１３８０００"),
        ("age", "13800138000.0", "13800138000"),
        ("姓名：张伟", "x", "张伟"),
    ],
)
def test_message_does_not_repeat_an_identifier_of_a_person(patients, header, row, hidden):
    path = patients(
        f"P1\tC1\thcc\tdevelopment\t{row}", header=f"patient_id\tcentre\tdiagnosis\trole\t{header}"
    )
    (problem,) = problems_of(path)
    assert "(hidden)" in problem
    assert hidden not in problem


@pytest.mark.parametrize(
    ("name", "column"),
    [
        *(("samples", "collected_at"), ("sample_events", "time"), ("aliquots", "frozen_at")),
        *(("imaging_studies", "study_datetime"), ("qc_records", "time")),
        *(("extractions", "extracted_at"), ("annotations", "annotated_at"), ("annotations", "reviewed_at")),
    ],
)  # fmt: skip
@pytest.mark.parametrize("value", ["2025-02-30 10:00", "2025-02-29"])
def test_day_that_the_calendar_does_not_have_is_named(tmp_path, name, column, value):
    path = tmp_path / f"{name}.tsv"
    path.write_text(f"{column}\n{value}\n", encoding="utf-8")
    allowed = "allowed: a day of the calendar as YYYY-MM-DD or YYYY-MM-DD HH:MM"
    assert f"{name}.tsv, row 2, column {column}: '{value}': {allowed}" in problems_of(path)


def test_leap_day_with_a_time_is_a_day_of_the_calendar(tmp_path):
    path = tmp_path / "samples.tsv"
    path.write_text("sample_id\tpatient_id\tcollected_at\nS1\tP1\t2024-02-29 10:00\n", "utf-8")
    assert read_sheet(path).rows[0]["collected_at"] == "2024-02-29 10:00"


def test_rows_inside_quotation_marks_are_refused_not_swallowed(tmp_path):
    path = tmp_path / "labs.tsv"
    path.write_text(
        "patient_id\tanalyte\tvalue\tunit\tlaboratory\n"
        'P1\tAFP\t35\tng/mL\t"LAB1\n'
        "P2\tALT\t41\tU/L\tLAB1\n"
        'P2\tAFP\t5\tng/mL\tLAB1"\n',
        encoding="utf-8",
    )
    with pytest.raises(SheetErrors, match="row 2, column laboratory: .*remove the quotation marks"):
        read_sheet(path)
