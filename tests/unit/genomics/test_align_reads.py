"""align_reads: reads of every usual form become one alignment; every defect of a file is one clear message."""

import gzip
import hashlib
import json
from pathlib import Path

import pytest

from scripts.core.job import InputDefect
from scripts.genomics.bwa_pairs import (
    UnpairedReads,
    batches,
    give_mates_one_name,
    insert_size_bounds,
)
from scripts.genomics.file_kinds import kind_of
from scripts.genomics.read_files import check_files, explain
from tests.unit.genomics.conftest import aligned


def records_of(path: str, reference: str) -> list[str]:
    import pysam

    with pysam.AlignmentFile(path, reference_filename=reference) as alignment:
        return [
            "\t".join([r.query_name, str(r.flag), str(r.reference_id), str(r.reference_start), str(r.cigarstring)])
            for r in alignment.fetch(until_eof=True)
        ]  # fmt: skip


def status_of(output: dict) -> dict:
    return json.loads(Path(output["status"]).read_text())


def cut_row(row: dict, folder: Path, reads: int = 400, **changes: bytes) -> dict:
    """A copy of a row with the first reads only; `file` or `file2` may be given other bytes."""
    out = dict(row)
    for key in ("file", "file2"):
        lines = gzip.decompress(Path(row[key]).read_bytes()).splitlines(keepends=True)
        path = folder / f"{key}.fastq.gz"
        path.write_bytes(changes.get(key, gzip.compress(b"".join(lines[: 4 * reads]))))
        out[key] = str(path)
    return out


@pytest.fixture
def small(demo, tmp_path):
    return cut_row(demo["rows"]["P0001_wes"], tmp_path)


def text_of(path: str) -> bytes:
    return gzip.decompress(Path(path).read_bytes())


def failure(demo, tmp_path, row) -> str:
    """The one reason for which a row fails; no alignment may be left."""
    output = aligned(tmp_path / "out", demo["reference"], [row])
    status = status_of(output)
    assert status["verdict"] == "fail"
    assert Path(output["alignment"]).stat().st_size == 0
    (line,) = Path(output["ledger"]).read_text().splitlines()
    record = json.loads(line)
    assert (record["verdict"], record["block"], record["requirement_id"]) == (
        "FAIL",
        "wes",
        "OMX-01",
    )
    (reason,) = status["reasons"]
    return reason


def test_flags_and_read_groups_are_complete(demo, demo_exome):
    import pysam

    with pysam.AlignmentFile(demo_exome["alignment"]) as alignment:
        header = alignment.header.to_dict()
        reads = list(alignment.fetch(until_eof=True))
    assert header["HD"]["SO"] == "coordinate"
    assert [g["ID"] for g in header["RG"]] == ["P0001_wes"]
    assert "PG" not in header and "UR" not in header["SQ"][0]
    primary = [r for r in reads if not r.is_secondary and not r.is_supplementary]
    assert sum(r.is_read1 for r in primary) == sum(r.is_read2 for r in primary) == len(primary) / 2
    assert sum(r.is_proper_pair for r in primary) / len(primary) > 0.97
    assert all(r.get_tag("RG") == "P0001_wes" for r in reads)


def test_duplicates_that_the_simulator_made_are_found(demo_exome):
    metrics = json.loads(Path(demo_exome["metrics"]).read_text())
    assert metrics["duplicate_fraction"] == pytest.approx(
        0.06, abs=0.01
    )  # simulate_genomics.DUPLICATES
    assert metrics["median_insert_size"] == pytest.approx(
        210, abs=5
    )  # simulate_genomics: N(210, 45)
    assert metrics["mapped_fraction"] > 0.99


def test_several_lanes_become_one_sample_with_their_read_groups(demo, tmp_path):
    import pysam

    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    source = demo["rows"]["P0001_wes"]
    one = cut_row(source, tmp_path / "a") | {"assay_id": "lane1"}
    two = cut_row(source, tmp_path / "b", reads=300) | {"assay_id": "lane2"}
    output = aligned(tmp_path / "out", demo["reference"], [two, one])
    with pysam.AlignmentFile(output["alignment"]) as alignment:
        header = alignment.header.to_dict()
        groups = {r.get_tag("RG") for r in alignment.fetch(until_eof=True)}
    assert [(g["ID"], g["SM"]) for g in header["RG"]] == [
        ("lane1", "P0001_wes"),
        ("lane2", "P0001_wes"),
    ]
    assert groups == {"lane1", "lane2"}
    assert json.loads(Path(output["metrics"]).read_text())["reads"] == 2 * 700


def test_bam_as_input_gives_the_same_alignment_as_fastq(demo, small, tmp_path):
    fastq = aligned(tmp_path / "one", demo["reference"], [small])
    bam = {"assay_id": "P0001_wes", "file": fastq["alignment"]}
    again = aligned(tmp_path / "two", demo["reference"], [bam])
    reference = demo["reference"]["fasta"]
    one, two = (sorted(records_of(o["alignment"], reference)) for o in (fastq, again))
    # The order of the reads differs, and with it which of two duplicates is kept and hits of equal score.
    assert len(one) == len(two)
    assert len(set(one) & set(two)) / len(one) > 0.99


def test_cram_holds_what_bam_holds(demo, small, tmp_path):
    bam = aligned(tmp_path / "bam", demo["reference"], [small])
    cram = aligned(tmp_path / "cram", demo["reference"], [small], form="cram")
    reference = demo["reference"]["fasta"]
    assert records_of(cram["alignment"], reference) == records_of(bam["alignment"], reference)
    assert Path(cram["alignment"]).stat().st_size < Path(bam["alignment"]).stat().st_size


def test_adapters_are_trimmed_and_counted(demo, small, tmp_path):
    from tests.unit.genomics.conftest import settings_of

    adapter = settings_of("align")["adapter_read1"].encode()
    lines = text_of(small["file"]).split(b"\n")
    for k in range(1, 4 * 100, 4):  # the first 100 reads read into the adapter after 60 bases
        lines[k] = (lines[k][:60] + adapter + b"A" * 100)[: len(lines[k])]
    row = small | {"file": str(tmp_path / "adapters.fastq.gz")}
    Path(row["file"]).write_bytes(gzip.compress(b"\n".join(lines)))
    metrics = json.loads(
        Path(aligned(tmp_path / "out", demo["reference"], [row])["metrics"]).read_text()
    )
    plain = json.loads(
        Path(aligned(tmp_path / "no", demo["reference"], [small])["metrics"]).read_text()
    )
    assert metrics["adapter_fraction"] - plain["adapter_fraction"] == pytest.approx(
        100 / 800, abs=0.01
    )


def test_truncated_gzip_is_one_message(demo, small, tmp_path):
    packed = Path(small["file2"]).read_bytes()
    Path(small["file2"]).write_bytes(packed[: len(packed) * 2 // 3])
    assert failure(demo, tmp_path, small).startswith("P0001_wes: ")
    assert "truncated or damaged" in failure(demo, tmp_path, small)


def test_planted_truncated_file_beyond_the_first_look_is_found(demo, tmp_path):
    """A long file that ends in the middle passes the look at its head and fails while it streams."""
    row = dict(demo["rows"]["P0001_cfdna"])
    packed = Path(row["file2"]).read_bytes()
    row["file2"] = str(tmp_path / "cut.fastq.gz")
    Path(row["file2"]).write_bytes(packed[: int(len(packed) * 0.9)])
    assert "truncated or damaged" in failure(demo, tmp_path, row)


def test_unequal_mates_are_one_message(demo, small, tmp_path):
    lines = text_of(small["file2"]).splitlines(keepends=True)
    Path(small["file2"]).write_bytes(gzip.compress(b"".join(lines[:-4])))
    assert "unequal mates: the two files hold different numbers" in failure(demo, tmp_path, small)


def test_mates_of_other_reads_are_one_message(demo, small, tmp_path):
    lines = text_of(small["file2"]).splitlines(keepends=True)
    Path(small["file2"]).write_bytes(gzip.compress(b"".join([*lines[4:], *lines[:4]])))
    assert "have different names" in failure(demo, tmp_path, small)


def test_empty_file_is_one_message(demo, small, tmp_path):
    Path(small["file"]).write_bytes(b"")
    assert "is empty" in failure(demo, tmp_path, small)


def test_gzip_of_nothing_is_one_message(demo, small, tmp_path):
    for key in ("file", "file2"):
        Path(small[key]).write_bytes(gzip.compress(b""))
    assert "no reads" in failure(demo, tmp_path, small)


def test_something_else_than_fastq_is_one_message(demo, small, tmp_path):
    Path(small["file"]).write_bytes(gzip.compress(b"patient\tvalue\n" * 50))
    assert "not a FASTQ file" in failure(demo, tmp_path, small)


def test_phred_64_qualities_are_refused(demo, small, tmp_path):
    for key in ("file", "file2"):
        lines = text_of(small[key]).splitlines()
        lines[3::4] = [bytes(min(c + 31, 104) for c in line) for line in lines[3::4]]
        Path(small[key]).write_bytes(gzip.compress(b"\n".join(lines) + b"\n"))
    # the reads have Q11 as their lowest quality: "J" in Phred+64
    assert "Phred+64" in failure(demo, tmp_path, small)


def test_phred_33_of_high_quality_is_not_taken_for_phred_64(demo, small, tmp_path):
    for key in ("file", "file2"):
        lines = text_of(small[key]).splitlines()
        lines[3::4] = [b"I" * len(line) for line in lines[3::4]]
        Path(small[key]).write_bytes(gzip.compress(b"\n".join(lines) + b"\n"))
    assert status_of(aligned(tmp_path / "out", demo["reference"], [small]))["verdict"] != "fail"


def test_wrong_checksum_is_one_message(demo, small, tmp_path):
    assert "md5" in failure(demo, tmp_path, small | {"md5": "0" * 32})
    assert "md5" in failure(demo, tmp_path, small | {"file2_md5": "0" * 32})


def test_right_checksum_passes(demo, small, tmp_path):
    digest = hashlib.md5(Path(small["file"]).read_bytes()).hexdigest()
    output = aligned(tmp_path / "out", demo["reference"], [small | {"md5": digest}])
    assert status_of(output)["verdict"] == "pass"


def test_missing_mate_file_and_same_file_twice_are_refused(demo, small, tmp_path):
    single = {key: value for key, value in small.items() if key != "file2"}
    assert "file2 is missing" in failure(demo, tmp_path, single)
    assert "same file" in failure(demo, tmp_path, small | {"file2": small["file"]})


def test_truncated_bam_is_one_message(demo, demo_exome, tmp_path):
    whole = Path(demo_exome["alignment"]).read_bytes()
    cut = tmp_path / "cut.bam"
    cut.write_bytes(whole[: len(whole) // 2])
    row = {"assay_id": "P0001_wes", "file": str(cut)}
    assert "end-of-file marker is missing" in failure(demo, tmp_path, row)


def test_bam_cut_between_two_blocks_is_not_a_short_run(demo, demo_exome, tmp_path):
    """Every block is sound, so that samtools reads it to the end without an error; only the last block is missing."""
    whole = Path(demo_exome["alignment"]).read_bytes()
    ends, at = [], 0
    while at < len(whole):
        at += int.from_bytes(whole[at + 16 : at + 18], "little") + 1
        ends.append(at)
    cut = tmp_path / "cut.bam"
    cut.write_bytes(whole[: ends[len(ends) // 2]])
    row = {"assay_id": "P0001_wes", "file": str(cut)}
    assert "end-of-file marker is missing" in failure(demo, tmp_path, row)


@pytest.mark.parametrize("content", [b"no alignment at all\n" * 9, b"@r\nACGT\n+\nIIII\n"])
def test_what_is_called_bam_and_is_none_is_one_message(demo, tmp_path, content):
    path = tmp_path / "odd.bam"
    path.write_bytes(content)
    row = {"assay_id": "P0001_wes", "file": str(path)}
    assert "no BAM, CRAM or SAM file" in failure(demo, tmp_path, row)


def test_cut_sam_is_one_message(demo, demo_exome, tmp_path):
    import pysam

    path = tmp_path / "cut.sam"
    pysam.view("-h", "-o", str(path), demo_exome["alignment"], catch_stdout=False)
    path.write_bytes(path.read_bytes()[:-10])  # within the last tag: every column is there
    row = {"assay_id": "P0001_wes", "file": str(path)}
    assert "its last line is not complete" in failure(demo, tmp_path, row)


def test_reads_without_a_base_are_one_message(demo, small, tmp_path):
    bare = gzip.compress(b"@r\n\n+\n\n" * 9)
    row = cut_row(small, tmp_path, file=bare, file2=bare)
    assert "no reads with qualities" in failure(demo, tmp_path, row)


def test_reads_that_trimming_leaves_nothing_of_are_told_from_a_wrong_reference(
    demo, small, tmp_path
):
    short = gzip.compress(b"@r\nACGTACGT\n+\nIIIIIIII\n" * 9)
    row = cut_row(small, tmp_path, file=short, file2=short)
    assert "none of 9 read pairs has both reads at or above 30" in failure(demo, tmp_path, row)


def test_reads_of_another_species_are_one_message(demo, small, tmp_path):
    import random

    random.seed(1)
    for key in ("file", "file2"):
        lines = text_of(small[key]).splitlines()
        lines[1::4] = [bytes(random.choices(b"ACGT", k=len(line))) for line in lines[1::4]]
        Path(small[key]).write_bytes(gzip.compress(b"\n".join(lines) + b"\n"))
    assert "of the reads map to the reference: wrong reference" in failure(demo, tmp_path, small)


def test_failed_reference_is_handed_on(demo, small, tmp_path):
    status = tmp_path / "reference.json"
    status.write_text(json.dumps({"verdict": "fail", "reasons": ["no reference"], "blocks": {}}))
    reference = demo["reference"] | {"status": str(status)}
    output = aligned(tmp_path / "out", reference, [small])
    assert status_of(output)["reasons"] == ["no reference"]


def test_by_hand_a_defect_exits_2_with_the_reason(demo, small, tmp_path, capsys):
    Path(small["file"]).write_bytes(b"")
    with pytest.raises(SystemExit) as stop:
        aligned(tmp_path / "out", demo["reference"], [small], by_hand=True)
    assert stop.value.code == 2
    assert "is empty" in capsys.readouterr().err


def test_missing_index_is_a_program_error_with_one_line(demo, small, tmp_path, capsys):
    reference = demo["reference"] | {"fasta": str(tmp_path / "genome.fa")}
    Path(reference["fasta"]).write_text(">chr1\nACGT\n")
    with pytest.raises(SystemExit) as stop:
        aligned(tmp_path / "out", reference, [small])
    assert stop.value.code == 1
    last = capsys.readouterr().err.strip().splitlines()
    assert any(
        "no .amb, .ann, .bwt, .pac, .sa" in line and "prepare_reference" in line for line in last
    )
    assert not list((tmp_path / "out").glob("*.bam"))


def test_insert_size_bounds_follow_bwa():
    """By hand: 1..100, quartiles 26 and 76, IQR 50; 4 SD reach 166, 3 IQR 226."""
    assert insert_size_bounds(list(range(1, 101))) == (1, 226)
    assert insert_size_bounds([300] * 5) == (1, 1000)


def test_batches_hold_whole_pairs():
    class Read:
        sequence = "A" * 10

    sizes = [len(batch) for batch in batches((Read() for _ in range(14)), bases=35)]
    assert sizes == [4, 4, 4, 2]


def test_mates_named_with_a_suffix_become_one_name():
    import pysam

    def read(name):
        return pysam.FastxRecord(name=name, sequence="ACGT", quality="FFFF")

    pairs = [read("a/1"), read("a/2"), read("s.1.1"), read("s.1.2"), read("c"), read("c")]
    give_mates_one_name(pairs)
    assert [r.name for r in pairs] == ["a", "a", "s.1", "s.1", "c", "c"]
    for other in ("x2", "x/1"):  # bwa would end the process on these
        with pytest.raises(UnpairedReads):
            give_mates_one_name([read("x1"), read(other)])


def test_messages_that_do_not_speak_of_the_input_stay_program_errors():
    assert (
        explain("samtools sort: failed to create temporary file: No space left on device", "x")
        is None
    )


@pytest.mark.real
def test_na12878_pairs_and_duplicates_are_those_of_bwa_mem(na12878):
    """Numbers of `bwa mem` 0.7.17 | samtools fixmate -m | sort | markdup on the same reads (design note of genomics)."""
    metrics = json.loads(Path(na12878["metrics"]).read_text())
    assert 100 * metrics["properly_paired_fraction"] == pytest.approx(99.24, abs=0.1)
    assert metrics["duplicates"] == pytest.approx(221, abs=5)


@pytest.mark.real
def test_na12878_records_do_not_depend_on_threads(testdata, chr20, na12878, tmp_path):
    source = testdata / "genomics" / "deepvariant" / "NA12878_S1.chr20.10_10p1mb.bam"
    row = {"assay_id": "NA12878", "file": str(source)}
    again = aligned(tmp_path, chr20, [row], block="wgs", threads=2)
    assert records_of(again["alignment"], "") == records_of(na12878["alignment"], "")


@pytest.mark.real
def test_records_equal_bwa_mem(testdata, chr20, tmp_path):
    """At least 99.9 % of records; all of them with Debian's bwa 0.7.17 (51,699 of 51,699)."""
    import shutil
    import subprocess
    from collections import Counter

    import pysam

    from scripts.genomics.bwa_pairs import PairAligner

    if not shutil.which("bwa"):
        pytest.skip("no bwa on the PATH to compare with")
    source = testdata / "genomics" / "deepvariant" / "NA12878_S1.chr20.10_10p1mb.bam"
    grouped, one, two = (str(tmp_path / name) for name in ("c.bam", "1.fq", "2.fq"))
    pysam.collate("-o", grouped, str(source), catch_stdout=False)
    pysam.fastq(
        "-n",
        "-1",
        one,
        "-2",
        two,
        "-0",
        "/dev/null",
        "-s",
        "/dev/null",
        grouped,
        catch_stdout=False,
    )
    sam = tmp_path / "bwa.sam"
    words = ["bwa", "mem", "-K", "10000000", chr20["fasta"], one, two]
    with open(sam, "w") as out:
        subprocess.run(words, stdout=out, stderr=subprocess.DEVNULL, check=True)

    def key(r):
        place = (r.reference_id, r.reference_start, r.next_reference_id, r.next_reference_start)
        return (r.query_name, r.flag, *place, r.template_length, r.mapping_quality, r.cigarstring)

    aligner, found = PairAligner(chr20["fasta"]), Counter()
    with pysam.FastxFile(one, persist=True) as first, pysam.FastxFile(two, persist=True) as second:
        reads = [read for pair in zip(first, second, strict=True) for read in pair]
    for batch in batches(reads):
        give_mates_one_name(batch)
        found.update(key(record) for records in aligner.align(batch)[0] for record in records)
    with pysam.AlignmentFile(str(sam)) as records:
        expected = Counter(key(record) for record in records)
    assert (found & expected).total() / expected.total() >= 0.999


@pytest.mark.parametrize(
    ("name", "text", "kind"),
    [
        ("a.wig", b"fixedStep chrom=chr1 start=1 step=1000\n50\n49\n", "read counts in bins (WIG)"),
        (
            "a.txt",
            b"track type=wiggle_0\nvariableStep chrom=chr1\n1 5\n",
            "read counts in bins (WIG)",
        ),
        ("a.bedgraph.gz", gzip.compress(b"chr1\t0\t1000\t12.5\n"), "read counts in bins (bedGraph"),
        (
            "a.cnn",
            b"chromosome\tstart\tend\tgene\tlog2\nchr1\t0\t10\tx\t0.1\n",
            "read counts in bins",
        ),
        ("a.bed", b"chr1\t0\t1000\n", "regions (BED)"),
        ("a.fastq.gz", gzip.compress(b"##fileformat=VCFv4.2\n"), "variant calls (VCF)"),
        ("a.fq", b">r1\nACGT\n", "sequences without qualities (FASTA)"),
        ("a.bai", b"BAI\x01\0\0", "the index of a BAM"),
        ("a.zip", b"PK\x03\x04abc", "a zip archive"),
        ("a.sra", b"NCBI.sra\0", "an SRA archive"),
    ],
)
def test_a_file_of_another_kind_is_named_for_what_it_is(tmp_path, name, text, kind):
    path = tmp_path / name
    path.write_bytes(text)
    with pytest.raises(InputDefect) as found:
        check_files({"assay_id": "G1", "file": str(path)})
    assert f"holds no reads but is {kind}" in found.value.reason
    assert "FASTQ, or a BAM or CRAM, is needed" in found.value.reason


@pytest.mark.parametrize(
    "head", [b"@r1\nACGT\n+\nIIII\n", b"@HD\tVN:1.6\n", b"BAM\x01", b"CRAM\x03"]
)
def test_reads_have_no_other_kind(tmp_path, head):
    (tmp_path / "reads").write_bytes(head)
    assert kind_of(tmp_path / "reads") == ""
