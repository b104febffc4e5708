"""prepare_reference: one reference out of human genome, HBV, targets and annotation; clear words when they do not fit."""

import gzip
import json
import random
from pathlib import Path

import pytest

from tests.unit.genomics.conftest import prepared

GFF = (
    "##gff-version 3\n"
    "chr1\tx\tgene\t1\t60\t.\t+\t.\tID=gene:G;biotype=protein_coding;Name=G\n"
    "chr1\tx\tmRNA\t1\t60\t.\t+\t.\tID=transcript:T;Parent=gene:G;biotype=protein_coding\n"
    "chr1\tx\tCDS\t1\t60\t.\t+\t0\tParent=transcript:T\n"
)


@pytest.fixture
def fasta(tmp_path) -> Path:
    path = tmp_path / "g.fa"
    path.write_text(">chr1 first\n" + "ACGTTGCAAC" * 20 + "\n>chr2\n" + "GGATCCTTAA" * 15 + "\n")
    return path


def reasons(output: dict) -> list[str]:
    return json.loads(Path(output["status"]).read_text())["reasons"]


def test_hbv_joins_the_human_contigs_and_is_told_apart(tmp_path, fasta):
    hbv = tmp_path / "hbv.fa.gz"
    hbv.write_bytes(gzip.compress(b">B\n" + b"ACCGT" * 30 + b"\n"))
    output = prepared(tmp_path / "out", reference=fasta, hbv=hbv)
    lines = Path(output["contigs"]).read_text().splitlines()
    assert lines == ["contig\tlength\tkind", "chr1\t200\thuman", "chr2\t150\thuman", "B\t150\thbv"]
    assert all(Path(path).exists() for path in output.values())


def test_lines_of_any_width_give_the_same_sequence(tmp_path, fasta):
    import pysam

    output = prepared(tmp_path / "out", reference=fasta)
    with pysam.FastaFile(output["fasta"]) as genome:
        assert genome.fetch("chr1") == "ACGTTGCAAC" * 20
        assert genome.fetch("chr2") == "GGATCCTTAA" * 15


def test_sequence_dictionary_names_no_path(tmp_path, fasta):
    output = prepared(tmp_path / "out", reference=fasta)
    text = Path(output["dict"]).read_text()
    assert "SN:chr1" in text and "UR:" not in text and str(tmp_path) not in text


def test_targets_are_sorted_and_merged(tmp_path, fasta):
    bed = tmp_path / "t.bed"
    bed.write_text("track name=x\nchr2\t10\t20\nchr1\t50\t60\nchr1\t5\t30\tgene\nchr1\t30\t40\n")
    output = prepared(tmp_path / "out", reference=fasta, targets=bed)
    assert Path(output["targets"]).read_text() == "chr1\t5\t40\nchr1\t50\t60\nchr2\t10\t20\n"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("1\t5\t30\n", "contig 1 is not in the reference (it has chr1, chr2 ...)"),
        ("chr1\t5\t3000\n", "5-3000 does not lie on chr1"),
        ("chr1 five\n", "line 1: needs contig, start and end"),
        ("", "holds no interval"),
    ],
)
def test_targets_that_do_not_fit_are_one_clear_message(tmp_path, fasta, text, words):
    bed = tmp_path / "t.bed"
    bed.write_text(text)
    output = prepared(tmp_path / "out", reference=fasta, targets=bed)
    assert len(reasons(output)) == 1 and words in reasons(output)[0]


def test_annotation_of_ensembl_style_is_accepted(tmp_path, fasta):
    gff = tmp_path / "a.gff3.gz"
    gff.write_bytes(gzip.compress(GFF.encode()))
    output = prepared(tmp_path / "out", reference=fasta, annotation=gff)
    assert Path(output["annotation"]).read_text() == GFF and not reasons(output)


def test_annotation_that_csq_would_ignore_is_refused(tmp_path, fasta):
    gff = tmp_path / "a.gff3"
    gff.write_text(GFF.replace("ID=transcript:", "ID="))
    assert (
        "style of Ensembl"
        in reasons(prepared(tmp_path / "out", reference=fasta, annotation=gff))[0]
    )


def test_annotation_with_other_contig_names_is_refused(tmp_path, fasta):
    gff = tmp_path / "a.gff3"
    gff.write_text(GFF.replace("chr1\t", "1\t"))
    assert (
        "with or without chr"
        in reasons(prepared(tmp_path / "out", reference=fasta, annotation=gff))[0]
    )


@pytest.mark.parametrize("path", ["", "nowhere.fa"])
def test_missing_reference_is_a_verdict_with_the_config_key(tmp_path, path):
    output = prepared(tmp_path / "out", reference=path)
    assert "genomics.reference" in reasons(output)[0]
    assert Path(output["fasta"]).stat().st_size == 0


def test_by_hand_a_bad_reference_exits_2(tmp_path, capsys):
    bad = tmp_path / "bad.fa"
    bad.write_text("patient\tvalue\n1\t2\n")
    with pytest.raises(SystemExit) as stop:
        prepared(tmp_path / "out", by_hand=True, reference=bad)
    assert stop.value.code == 2
    assert "not a FASTA file" in capsys.readouterr().err


def test_truncated_gzip_of_the_reference_is_named(tmp_path, fasta):
    packed = gzip.compress(fasta.read_bytes())
    cut = tmp_path / "cut.fa.gz"
    cut.write_bytes(packed[: len(packed) // 2])
    assert "damaged file" in reasons(prepared(tmp_path / "out", reference=cut))[0]


def broken_gzip(path: Path, content: bytes) -> Path:
    """A gzip file with its second half overwritten: zlib itself stumbles over it."""
    packed = gzip.compress(content)
    path.write_bytes(packed[: len(packed) // 2] + b"\x00\xff" * 200)
    return path


@pytest.mark.parametrize("key", ["reference", "hbv", "targets", "annotation"])
def test_damaged_gzip_of_any_input_is_one_message(tmp_path, fasta, key):
    content = {"targets": b"chr1\t0\t9\n" * 500, "annotation": GFF.encode() * 50}
    letters = "".join(random.Random(1).choices("ACGT", k=5000))
    damaged = broken_gzip(tmp_path / "x.gz", content.get(key, f">h\n{letters}\n".encode()))
    output = prepared(tmp_path / "out", **({"reference": fasta} | {key: damaged}))
    assert ["truncated or damaged file" in reason for reason in reasons(output)] == [True]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (">chr1\n>chr2\nACGT\n", "contig chr1 has no sequence"),
        (">chr1\nMKVLAAGLLE\n", "no bases of DNA (contig chr1)"),
    ],
)
def test_reference_that_no_reads_can_be_laid_on_is_refused(tmp_path, text, words):
    path = tmp_path / "odd.fa"
    path.write_text(text)
    assert words in reasons(prepared(tmp_path / "out", reference=path))[0]


def test_ambiguous_and_lower_case_bases_and_windows_line_ends_are_kept(tmp_path):
    path = tmp_path / "soft.fa"
    path.write_bytes(b">chr1\r\nACGTRYKMnnnnacgt\r\n")
    output = prepared(tmp_path / "out", reference=path)
    assert Path(output["fasta"]).read_text() == ">chr1\nACGTRYKMnnnnacgt\n"


def test_targets_with_byte_order_mark_and_windows_line_ends_are_read(tmp_path, fasta):
    bed = tmp_path / "t.bed"
    bed.write_bytes(b"\xef\xbb\xbfchr1\t0\t9\r\n")
    output = prepared(tmp_path / "out", reference=fasta, targets=bed)
    assert Path(output["targets"]).read_text() == "chr1\t0\t9\n"


def test_annotation_with_a_comment_in_another_encoding_is_copied_as_it_is(tmp_path, fasta):
    gff3 = tmp_path / "a.gff3"
    gff3.write_bytes(b"# Universit\xe9\n" + GFF.encode())
    output = prepared(tmp_path / "out", reference=fasta, annotation=gff3)
    assert Path(output["annotation"]).read_bytes() == gff3.read_bytes()


def test_contig_twice_is_refused(tmp_path, fasta):
    output = prepared(tmp_path / "out", reference=fasta, hbv=fasta)
    assert reasons(output) == ["contig chr1 stands twice in the reference"]
