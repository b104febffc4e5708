import gzip
import json
from pathlib import Path

import pytest

from tests.compare import difference, differences, main


@pytest.fixture
def pair(tmp_path):
    """Write a file of one name and two contents; returns both paths."""

    def write(name: str, one: str | bytes, other: str | bytes) -> tuple[Path, Path]:
        paths = []
        for folder, content in (("a", one), ("b", other)):
            path = tmp_path / folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
            paths.append(path)
        return tuple(paths)

    return write


def test_tables_are_compared_by_value(pair):
    assert difference(*pair("t.tsv", "x\ty\n1.0\tNaN\n", "x\ty\n1.00\tnan\n")) == ""
    assert "row 2, column x" in difference(*pair("t.tsv", "x\n1\n", "x\n1.000001\n"))


def test_tolerance_is_only_given_on_request(pair):
    paths = pair("t.tsv", "x\n1\n", "x\n1.000001\n")
    assert difference(*paths, relative=1e-5) == ""


def test_missing_row_and_renamed_column_are_seen(pair):
    assert "rows" in difference(*pair("t.tsv", "x\n1\n", "x\n1\n2\n"))
    assert "columns" in difference(*pair("t.tsv", "x\n1\n", "y\n1\n"))


def test_ledger_is_compared_without_times(pair):
    def record(time, value):
        return json.dumps({"time": time, "value": value}) + "\n"

    assert difference(*pair("l.jsonl", record("1", 2), record("9", 2))) == ""
    assert "record 1" in difference(*pair("l.jsonl", record("1", 2), record("1", 3)))


def test_variants_are_compared_without_command_lines_and_compression(pair):
    one = "##fileformat=VCFv4.2\n##callCommand=call -o /a\n#CHROM\nchr1\t5\n"
    other = one.replace("/a", "/b")
    paths = pair("v.vcf.gz", gzip.compress(one.encode(), 1), gzip.compress(other.encode(), 9))
    assert difference(*paths) == ""
    paths = pair("v.vcf", one, one.replace("\t5", "\t6"))
    assert "line 3" in difference(*paths)


def test_alignments_are_compared_without_command_lines(tmp_path):
    import pysam

    def write(name: str, command: str, position: int) -> Path:
        header = {
            "SQ": [{"SN": "chr1", "LN": 100}],
            "PG": [{"ID": "align", "CL": command}],
        }
        path = tmp_path / name / "x.bam"
        path.parent.mkdir(exist_ok=True)
        with pysam.AlignmentFile(str(path), "wb", header=header) as reads:
            read = pysam.AlignedSegment(reads.header)
            read.query_name, read.query_sequence = "r1", "ACGT"
            read.reference_id, read.reference_start, read.cigarstring = 0, position, "4M"
            reads.write(read)
        return path

    first = write("a", "align /a", 5)
    assert difference(first, write("b", "align /b", 5)) == ""
    assert "read" in difference(first, write("c", "align /a", 6))


def test_parquet_must_be_equal_byte_by_byte(pair):
    assert difference(*pair("b.parquet", b"PAR1a", b"PAR1b")) == "bytes differ"


def test_everything_in_a_bundle_must_be_equal_byte_by_byte(pair):
    assert difference(*pair("bundles/x/m.json", '{"a": 1}', '{"a":1}')) == "bytes differ"
    assert difference(*pair("m.json", '{"a": 1}', '{"a":1}')) == ""


def test_reports_are_compared_without_dates(pair):
    one, other = "<p>made 2026-03-01</p>", "<p>made 2026-03-02T10:00:00+00:00</p>"
    assert difference(*pair("r.html", one, other)) == ""
    assert "line 1" in difference(*pair("r.html", "<p>AUC 0.81</p>", "<p>AUC 0.82</p>"))


def test_hdf5_is_compared_by_member(tmp_path):
    import h5py

    paths = []
    for name, value in (("a", 1.0), ("b", 2.0)):
        paths.append(tmp_path / f"{name}.h5mu")
        with h5py.File(paths[-1], "w") as file:
            file["same"], file["mod/x"] = ["t1", "t2"], [value]
    assert difference(*paths) == "members differ: mod/x"


def test_file_in_one_folder_only_is_a_difference(pair, tmp_path):
    pair("same.tsv", "x\n", "x\n")
    (tmp_path / "b" / "more.tsv").write_text("x\n")
    assert differences(tmp_path / "a", tmp_path / "b") == [f"more.tsv: only in {tmp_path / 'b'}"]


def test_command_ends_with_one_when_folders_differ(pair, tmp_path, capsys):
    pair("same.tsv", "x\n1\n", "x\n1.0\n")
    folders = [str(tmp_path / "a"), str(tmp_path / "b")]
    assert main(folders) == 0
    pair("other.tsv", "x\n1\n", "x\n2\n")
    assert main(folders) == 1
    assert "other.tsv: row 2" in capsys.readouterr().out
