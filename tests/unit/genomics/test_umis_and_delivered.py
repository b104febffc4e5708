"""umis and delivered alignments: molecules stay apart, a fitting alignment is used as it is, ALT contigs hide nothing."""

import gzip
import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from scripts.genomics import delivered, umis
from scripts.genomics.prepare_reference import alternate_contigs
from tests.unit.genomics.conftest import aligned, prepared, settings_of

BASES = "ACGT"
COMPLEMENT = str.maketrans("ACGT", "TGCA")
READ, INSERT = 60, 150


def drawn(rng, length: int) -> str:
    return "".join(rng.choice(list(BASES), length))


@pytest.fixture(scope="module")
def genome(tmp_path_factory):
    """A prepared reference of one drawn contig of 30 kb, and its sequence."""
    folder = tmp_path_factory.mktemp("genome")
    sequence = drawn(np.random.default_rng(11), 30_000)
    (folder / "ref.fa").write_text(f">chr1\n{sequence}\n")
    return prepared(folder / "prepared", reference=folder / "ref.fa"), sequence


def write_pairs(folder: Path, pairs: list[tuple[str, str, str]]) -> dict:
    """FASTQ files of (name, read 1, read 2); the assay row."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in (1, 2):
        text = "".join(
            f"@{p[0]} {number}:N:0:1\n{p[number]}\n+\n{'F' * len(p[number])}\n" for p in pairs
        )
        (folder / f"{number}.fq.gz").write_bytes(gzip.compress(text.encode(), 1))
    return {"assay_id": "a", "file": str(folder / "1.fq.gz"), "file2": str(folder / "2.fq.gz")}


def mates_at(sequence: str, start: int) -> tuple[str, str]:
    return (
        sequence[start : start + READ],
        sequence[start + INSERT - READ : start + INSERT].translate(COMPLEMENT)[::-1],
    )


def molecules(rng, sequence: str, copies: int, wrong: float, form: str, bases: int = 8) -> list:
    """Pairs of 6 molecules at each of 450 places, `copies` each; a copy has one wrong UMI base with chance `wrong`."""
    pairs, number = [], 0
    for start in range(0, 450 * 60, 60):
        for _ in range(6):
            umi = drawn(rng, bases)
            for copy in range(copies):
                read = list(umi)
                if copy and rng.random() < wrong:
                    place = rng.integers(bases)
                    read[place] = rng.choice([b for b in BASES if b != read[place]])
                word, number = "".join(read), number + 1
                one, two = mates_at(sequence, start)
                if form == "name":
                    pairs.append((f"M:1:F:1:1101:{number}:{start}:{word}", one, two))
                elif form == "double":
                    pairs.append((f"M:1:F:1:1101:{number}:{start}:{word[:4]}+{word[4:]}", one, two))
                elif form == "inline":
                    pairs.append((f"M:1:F:1:1101:{number}:{start}", f"{word}ACT{one}", two))
                else:
                    pairs.append((f"M:1:F:1:1101:{number}:{start}", one, two))
    return pairs


def kept(output: dict) -> float:
    metrics = json.loads(Path(output["metrics"]).read_text())
    return (metrics["reads"] - metrics["duplicates"]) / 2


@pytest.mark.parametrize("form", ["name", "double", "inline"])
def test_molecules_of_6_umis_at_450_places_stay_apart(genome, tmp_path, form):
    """2,700 molecules, three copies of each, 5 % of the copies with a wrong base: 2,700 +- 1 %."""
    reference, sequence = genome
    rng = np.random.default_rng(12)
    row = write_pairs(tmp_path / "raw", molecules(rng, sequence, 3, 0.05, form))
    structures = {"umi_read_structures": ["8M3S+T", "+T"]} if form == "inline" else {}
    output = aligned(tmp_path / "o", reference, [row], **structures)
    assert kept(output) == pytest.approx(2700, rel=0.01)


def test_without_umis_the_places_are_what_is_counted(genome, tmp_path):
    reference, sequence = genome
    rng = np.random.default_rng(13)
    row = write_pairs(tmp_path / "raw", molecules(rng, sequence, 1, 0, "none"))
    assert kept(aligned(tmp_path / "o", reference, [row])) == 450
    named = write_pairs(tmp_path / "named", molecules(rng, sequence, 1, 0, "name"))
    assert kept(aligned(tmp_path / "p", reference, [named], umi="none")) == 450


def with_umi_tags(source: str, target: Path) -> None:
    """A copy of an alignment with its UMI in RX instead of in the name, no read marked as a duplicate."""
    import pysam

    with (
        pysam.AlignmentFile(source) as reads,
        pysam.AlignmentFile(str(target), "wb", header=reads.header) as out,
    ):
        for read in reads.fetch(until_eof=True):
            name, _, umi = read.query_name.rpartition(":")
            read.query_name, read.flag = name, read.flag & ~0x400
            read.set_tag("RX", umi)
            out.write(read)
    pysam.index(str(target))


def test_umis_in_tags_of_a_bam_keep_molecules_apart(genome, tmp_path):
    reference, sequence = genome
    row = write_pairs(
        tmp_path / "raw", molecules(np.random.default_rng(14), sequence, 1, 0, "name")
    )
    plain = aligned(tmp_path / "o", reference, [row], umi="none")
    bam = tmp_path / "tags.bam"
    with_umi_tags(plain["alignment"], bam)
    output = aligned(tmp_path / "p", reference, [{"assay_id": "a", "file": str(bam)}])
    assert kept(output) == pytest.approx(2700, rel=0.01)
    assert "aligned anew" in Path(output["ledger"]).read_text()


def test_umis_in_names_and_comments_by_hand():
    assert umis.in_name("A00:1:H:1:1101:5:7:ACGTAC") == "ACGTAC"
    assert umis.in_name("A00:1:H:1:1101:5:7:rACGT+TTGA/1") == "ACGT+TTGA"
    assert umis.in_name("read_ACGTAC") == "ACGTAC"
    assert umis.in_name("A00:1:H:1:1101:5:7") == "" == umis.in_name("SRR1.17")
    assert umis.in_comment("BC:Z:AA RX:Z:ACGT-TTGA") == "ACGT+TTGA"
    assert umis.are_umis(["ACGT", "TTGA"]) and not umis.are_umis(["ACGT"] * 9 + ["ACGA"])
    assert not umis.are_umis(["ACGT", ""])


def test_wrong_bases_join_the_more_frequent_umi_only():
    counts = Counter(
        {"ACGTACGT": 9, "ACGTACGA": 2, "ACGTACCA": 1, "TTTTTTTT": 1, "TTTTTTTA": 1, "ACNTACGT": 9}
    )
    found = umis.representatives(counts)
    assert {found[u] for u in ("ACGTACGT", "ACGTACGA", "ACGTACCA", "ACNTACGT")} == {"ACGTACGT"}
    assert found["TTTTTTTT"] != found["TTTTTTTA"]  # equally frequent: two molecules


def test_read_structures_by_hand():
    structure = umis.structure_of("8M3S+T")
    assert umis.leading_bases(structure) == 11
    assert umis.umi_of_prefix("ACGTACGTTTT", structure) == "ACGTACGT"
    with pytest.raises(ValueError, match="no read structure"):
        umis.structure_of("8M100T")


# --- alignments as they are delivered --------------------------------------------------------------


@pytest.fixture(scope="module")
def site_bam(genome, tmp_path_factory):
    """An alignment as a site delivers it: names and paths in its header, two read groups."""
    import pysam

    reference, sequence = genome
    folder = tmp_path_factory.mktemp("site")
    rng = np.random.default_rng(15)
    starts = rng.integers(0, 29_000, 3000)
    pairs = [(f"r{k}", *mates_at(sequence, int(start))) for k, start in enumerate(starts)]
    made = aligned(folder / "made", reference, [write_pairs(folder / "raw", pairs)])
    header = pysam.AlignmentFile(made["alignment"]).header.to_dict()
    header["RG"][0]["SM"] = "ZHANG SAN"
    header["PG"] = [
        {"ID": "markdup", "PN": "samtools", "CL": "samtools markdup /data/zhangsan.bam out.bam"}
    ]
    header["CO"] = ["Zhang San"]
    path = folder / "site.bam"
    with (
        pysam.AlignmentFile(made["alignment"]) as reads,
        pysam.AlignmentFile(str(path), "wb", header=header) as out,
    ):
        for read in reads.fetch(until_eof=True):
            read.set_tag("XX", 7)  # no aligner of ours writes it
            out.write(read)
    return path, made


@pytest.mark.parametrize("form", ["bam", "cram"])
def test_a_fitting_alignment_is_used_as_it_is_under_a_clean_header(
    genome, site_bam, tmp_path, form
):
    import pysam

    reference, _ = genome
    path, made = site_bam
    output = aligned(tmp_path, reference, [{"assay_id": "a", "file": str(path)}], form=form)
    with pysam.AlignmentFile(output["alignment"], reference_filename=reference["fasta"]) as reads:
        header = str(reads.header)
        found = [
            (r.query_name, r.flag, r.reference_start, r.cigarstring, r.get_tag("XX")) for r in reads
        ]
        assert reads.has_index()
    assert "ZHANG" not in header and "zhangsan" not in header and "Zhang" not in header
    with pysam.AlignmentFile(str(path)) as reads:
        assert found == [
            (r.query_name, r.flag, r.reference_start, r.cigarstring, 7)
            for r in reads.fetch(until_eof=True)
        ]
    one, two = (json.loads(Path(o["metrics"]).read_text()) for o in (made, output))
    for key in ("reads", "duplicates", "pairs"):
        assert one[key] == two[key]
    for key in ("mapped_fraction", "properly_paired_fraction", "q30_base_fraction"):
        assert two[key] == pytest.approx(one[key], abs=0.001)
    assert two["median_insert_size"] == one["median_insert_size"] == INSERT
    one, two = (json.loads(Path(o["status"]).read_text()) for o in (made, output))
    assert one["verdict"] == two["verdict"]  # fmt: skip


def test_realign_always_and_never(genome, site_bam, tmp_path):
    reference, _ = genome
    row = {"assay_id": "a", "file": str(site_bam[0])}
    output = aligned(tmp_path / "a", reference, [row], realign="always")
    assert "aligned anew: realign is always" in Path(output["ledger"]).read_text()
    unsorted = rewritten(site_bam[0], tmp_path / "u.bam", HD={"VN": "1.6", "SO": "unsorted"})
    output = aligned(tmp_path / "n", reference, [row | {"file": unsorted}], realign="never")
    status = json.loads(Path(output["status"]).read_text())
    assert status["verdict"] == "fail" and "realign is never" in status["reasons"][0]


def rewritten(source, target: Path, clear=0, **changes) -> str:
    """A copy of an alignment with another header; `clear` bits leave its flags."""
    import pysam

    with pysam.AlignmentFile(str(source)) as reads:
        header = reads.header.to_dict() | changes
        with pysam.AlignmentFile(str(target), "wb", header=header) as out:
            for read in reads.fetch(until_eof=True):
                read.flag &= ~clear
                out.write(read)
    return str(target)


def test_an_alignment_that_does_not_fit_is_aligned_anew_and_the_reason_recorded(
    genome, site_bam, tmp_path
):
    reference, _ = genome
    settings = settings_of("align")

    def reason(**changes) -> str:
        path = rewritten(site_bam[0], tmp_path / "x.bam", **changes)
        return delivered.reason_to_align([{"file": path}], reference["fasta"], settings)

    assert reason() == ""
    assert "not sorted" in reason(HD={"VN": "1.6", "SO": "queryname"})
    assert "has 40000 bases" in reason(SQ=[{"SN": "chr1", "LN": 40_000}])
    assert "another sequence (M5)" in reason(SQ=[{"SN": "chr1", "LN": 30_000, "M5": "0" * 32}])
    assert "contig 1 is not" in reason(SQ=[{"SN": "1", "LN": 30_000}]) or "chr1" in reason(
        SQ=[{"SN": "1", "LN": 30_000}]
    )
    assert "duplicates are not marked" in reason(PG=[], clear=0x400)
    two = [{"file": str(site_bam[0])}] * 2
    assert "several files" in delivered.reason_to_align(two, reference["fasta"], settings)


# --- ALT contigs -----------------------------------------------------------------------------------


def test_reads_of_a_region_with_an_alt_contig_keep_their_mapping_quality(tmp_path):
    """bwa with a .alt file places them on the chromosome; without it in two places, and no variant is called."""
    import pysam

    rng = np.random.default_rng(16)
    sequence = drawn(rng, 8000)
    other = list(sequence[3000:6000])
    other[1500] = next(b for b in BASES if b != other[1500])
    (tmp_path / "ref.fa").write_text(f">chr1\n{sequence}\n>chr1_KI270762v1_alt\n{''.join(other)}\n")
    reference = prepared(tmp_path / "prepared", reference=tmp_path / "ref.fa")
    pairs = [
        (f"r{k}", *mates_at(sequence, int(s))) for k, s in enumerate(rng.integers(0, 7800, 2000))
    ]
    output = aligned(tmp_path / "o", reference, [write_pairs(tmp_path / "raw", pairs)])
    with pysam.AlignmentFile(output["alignment"]) as reads:
        inside = [r for r in reads.fetch("chr1", 3200, 5800) if not r.is_supplementary]
        assert len(inside) > 500
        assert sum(r.mapping_quality >= 20 for r in inside) / len(inside) > 0.99
    delivered_too = [{"assay_id": "a", "file": output["alignment"]}]
    assert delivered.reason_to_align(delivered_too, reference["fasta"], settings_of("align")) == ""
    Path(f"{reference['fasta']}.alt").write_text("")  # an aligner that knows of no ALT contig
    blind = aligned(tmp_path / "b", reference, [write_pairs(tmp_path / "raw", pairs)])
    Path(f"{reference['fasta']}.alt").write_text("chr1_KI270762v1_alt\n")
    blind = [{"assay_id": "a", "file": blind["alignment"]}]
    reason = delivered.reason_to_align(blind, reference["fasta"], settings_of("align"))
    assert "did not know the ALT contigs" in reason


def test_alt_contigs_are_told_by_the_alt_file_by_name_and_by_description(tmp_path):
    names = [
        "chr1",
        "chr1_KI270762v1_alt",
        "HLA-A*01:01:01:01",
        "chr6_apd_hap1",
        "chrUn_GL000220v1",
        "NT_187361.1",
        "chr1_KN196472v1_fix",
    ]
    text = "".join(
        f">{n}{' Homo sapiens, alternate locus group ALT_REF_LOCI_1' if n[:2] == 'NT' else ''}\nACGT\n"
        for n in names
    )
    (tmp_path / "ref.fa").write_text(text)
    contigs = dict.fromkeys(names, (4, "human"))
    expected = [n for n in names if n not in ("chr1", "chrUn_GL000220v1")]
    assert alternate_contigs(tmp_path / "ref.fa", contigs) == expected
    (tmp_path / "ref.fa.alt").write_text("@SQ\tSN:x\nchrUn_GL000220v1\t0\tchr1\t1\n")
    assert alternate_contigs(tmp_path / "ref.fa", contigs) == ["chrUn_GL000220v1"]
