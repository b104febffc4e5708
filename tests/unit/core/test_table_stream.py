"""Wide tables row by row: the same cells and the same messages as a sheet."""

import pytest

from scripts.core.sheets import SheetErrors, read_text_table
from scripts.core.table_stream import stream_table


@pytest.mark.parametrize(
    "data",
    [
        b"patient_id\ta\tb\nP1\t1\t\n\nP2\t 2.5 \tNA\n",
        b"\xef\xbb\xbfpatient_id\ta\r\nP1\t1\r\nP2\t\r\n",
        "patient_id\t甲胎蛋白\nP1\t1\nP2\n".encode("gb18030"),
        "patient_id\tα-fetoprotein\nP1\t1\n".encode("utf-16"),
        b'patient_id\t"a b"\rP1\t3\r',
    ],
)
def test_cells_and_lines_are_those_of_a_sheet(tmp_path, data):
    path = tmp_path / "lcms.tsv"
    path.write_bytes(data)
    header, rows = stream_table(path)
    rows = list(rows)
    expected, cells, lines, _ = read_text_table(path)
    assert header == expected
    assert [c for _, c in rows] == cells and [n for n, _ in rows] == lines


@pytest.mark.parametrize(
    "data",
    [b"", b"a\ta\n1\t2\n", b"a\tb\n1\t2\t3\n", b"a\tb\x00\n", b"\xff\xff\xff", b'a\tb\n"1\t2\n'],
)
def test_what_is_no_table_has_the_message_of_a_sheet(tmp_path, data):
    path = tmp_path / "lcms.tsv"
    path.write_bytes(data)
    with pytest.raises(SheetErrors) as expected:
        read_text_table(path)
    with pytest.raises(SheetErrors) as found:
        list(stream_table(path)[1])
    assert str(found.value) == str(expected.value)
