"""call_variants: depth, calls, consequences, hot spots and viral reads of a patient's samples."""

import json
from pathlib import Path

import numpy as np
import pytest

from scripts.core.features import read_row, read_status
from scripts.genomics import allele_counts, call_variants, depth, hts, small_variants
from scripts.genomics.gene_panel import coding_intervals
from tests.unit.genomics.conftest import SLICE, aligned, make_job, settings_of

RESOURCES = Path(__file__).resolve().parents[3] / "resources" / "genomics"


def called(
    folder: Path, reference: dict, alignment: dict, hotspots: Path, identity=None, **changes
):
    """Run call_variants for one exome; returns its outputs."""
    folder.mkdir(parents=True, exist_ok=True)
    output = {
        "variants": str(folder / "variants"),
        "row": str(folder / "row.json"),
        "status": str(folder / "status.json"),
        "ledger": str(folder / "ledger.jsonl"),
    }
    limits = settings_of("variants")["limits"] | {"min_mean_depth": 30, "min_breadth": 0.8}
    names = ("contigs", "targets", "annotation")
    job = make_job(
        "call_variants",
        input={
            "alignment": alignment["alignment"],
            "metrics": alignment["metrics"],
            "align_status": alignment["status"],
            "reference": reference["fasta"],
            "genes": str(RESOURCES / "hcc_genes.tsv"),
            "hotspots": str(hotspots),
        }
        | {name: reference[name] for name in names}
        | ({"identity": identity} if identity else {}),
        output=output,
        params={
            "blocks": ["wes"],
            "evidence": ["P0001_wes"],
            "settings": settings_of("variants", **({"limits": limits} | changes)),
        },
        wildcards={"patient": "P0001", "modality": "wes"},
    )
    call_variants.main(job)
    return output


@pytest.fixture(scope="session")
def first_person(demo, demo_exome, tmp_path_factory):
    hotspots = demo["folder"] / "reference" / "hotspots.tsv"
    return called(tmp_path_factory.mktemp("called"), demo["reference"], demo_exome, hotspots)


def test_calls_are_the_genotypes_that_were_simulated(demo, first_person):
    """Inherited SNPs of the person in the targets: recall and precision against the simulator's haplotypes."""
    from scripts.demo.genome import make_genome
    from scripts.demo.simulate_genomics import haplotypes, lay_out

    genome = make_genome(20260205)
    layout = lay_out(genome)
    both = haplotypes(genome, layout, 20260205, 0)
    inside = {(c, p) for c, a, b in genome.targets for p in range(a, b)}
    truth = {}
    for contig, position, _, _ in genome.snps:
        index = layout.at(contig, position)
        alleles = (both[:2, index] != layout.sequence[index]).sum()
        if alleles and (contig, position) in inside:
            truth[contig, position] = int(alleles)
    vcf = Path(first_person["variants"]) / "wes.vcf.gz"
    found = {
        (v.contig, v.position - 1): sum(allele > 0 for allele in v.genotype)
        for v in small_variants.passing_variants(vcf)
        if (v.contig, v.position - 1) in inside
    }
    shared = truth.keys() & found.keys()
    assert len(shared) / len(truth) >= 0.97
    assert len(found.keys() - truth.keys()) <= 3  # the tumour's passengers
    assert sum(truth[k] == found[k] for k in shared) / len(shared) >= 0.97


def test_row_has_exactly_the_features_of_the_dictionary(demo, first_person, tmp_path):
    from scripts.genomics import describe_genomics

    output = {"dictionary": str(tmp_path / "wes.dictionary.tsv")}
    settings = {"assembly": "demo", "breadth_depth": 20, "motifs": [], "arms": ""}
    inputs = {
        "genes": str(RESOURCES / "hcc_genes.tsv"),
        "hotspots": str(demo["folder"] / "reference" / "hotspots.tsv"),
        "contigs": demo["reference"]["contigs"],
    }
    describe_genomics.main(
        make_job("describe_genomics", input=inputs, output=output, params={"block": "wes", "settings": settings})
    )  # fmt: skip
    described = [
        line.split("\t")[0] for line in Path(output["dictionary"]).read_text().splitlines()
    ]
    assert sorted(described[1:]) == sorted(read_row(first_person["row"], "wes"))


def test_viral_reads_of_a_hepatitis_b_patient_are_counted(demo, demo_exome, first_person):
    from scripts.demo.latent import make_people

    person = make_people(20260205, 1, 0)[0]
    row = read_row(first_person["row"], "wes")
    assert (row["hbv_detected"] == 1) == (person.aetiology == "hbv")
    assert row["mean_depth"] > 30


def test_unmatched_calls_say_that_inherited_variants_remain(first_person):
    text = Path(first_person["ledger"]).read_text()
    assert "inherited variants remain" in text


def test_without_annotation_burdens_are_missing_not_zero(demo, demo_exome, tmp_path):
    empty = tmp_path / "none.gff3"
    empty.touch()
    reference = demo["reference"] | {"annotation": str(empty)}
    hotspots = demo["folder"] / "reference" / "hotspots.tsv"
    row = read_row(called(tmp_path / "o", reference, demo_exome, hotspots)["row"], "wes")
    assert np.isnan(row["altering_tp53"]) and np.isnan(row["altering_per_mb"])
    assert row["snvs"] > 0


def test_gene_that_the_annotation_lacks_has_a_missing_burden_not_zero(first_person):
    """The demo genome holds some genes of the panel only; PTEN is none of them."""
    row = read_row(first_person["row"], "wes")
    assert np.isnan(row["altering_pten"]) and np.isnan(row["truncating_pten"])
    assert row["altering_tp53"] >= 0


def test_gene_whose_coding_bases_are_shallow_has_a_missing_burden(demo, demo_exome, tmp_path):
    hotspots = demo["folder"] / "reference" / "hotspots.tsv"
    output = called(tmp_path, demo["reference"], demo_exome, hotspots, min_depth=300)
    assert np.isnan(read_row(output["row"], "wes")["altering_tp53"])
    assert "burden missing, not 0: TP53" in Path(output["ledger"]).read_text()


def test_coding_intervals_are_those_of_the_gene_over_all_transcripts(tmp_path):
    gff3 = tmp_path / "a.gff3"
    lines = [
        "1\tx\tgene\t1\t90\t.\t+\t.\tID=gene:G1;Name=TP53;biotype=protein_coding",
        "1\tx\tmRNA\t1\t90\t.\t+\t.\tID=transcript:T1;Parent=gene:G1;biotype=protein_coding",
        "1\tx\tmRNA\t1\t90\t.\t+\t.\tID=transcript:T2;Parent=gene:G1;biotype=protein_coding",
        "1\tx\tCDS\t11\t20\t.\t+\t0\tParent=transcript:T1",
        "1\tx\tCDS\t16\t30\t.\t+\t0\tParent=transcript:T2",
        "1\tx\tCDS\t61\t70\t.\t+\t0\tParent=transcript:T1",
        "1\tx\tgene\t100\t190\t.\t+\t.\tID=gene:G2;Name=OTHER;biotype=protein_coding",
    ]
    gff3.write_text("\n".join(lines) + "\n")
    found = coding_intervals(gff3, ["TP53", "AXIN1", "OTHER"])
    assert found == {"TP53": [("1", 10, 30), ("1", 60, 70)]}


def test_hot_spots_below_the_depth_limit_are_not_assessed(demo, demo_exome, tmp_path):
    hotspots = demo["folder"] / "reference" / "hotspots.tsv"
    output = called(tmp_path, demo["reference"], demo_exome, hotspots, hotspot_min_depth=4000)
    row = read_row(output["row"], "wes")
    assert np.isnan(row["vaf_tert_c228t"]) and np.isnan(row["hotspots_positive"])
    records = [json.loads(line) for line in Path(output["ledger"]).read_text().splitlines()]
    shallow = [r for r in records if r["check"] == "hot spot tert_c228t"]
    assert [r["verdict"] for r in shallow] == ["NOT_ASSESSED"]


def test_hot_spot_table_of_another_assembly_is_not_assessed(demo, demo_exome, tmp_path):
    output = called(
        tmp_path, demo["reference"], demo_exome, RESOURCES / "hotspots.tsv", assembly="GRCh38"
    )
    row = read_row(output["row"], "wes")
    assert np.isnan(row["vaf_tp53_r249s"])
    assert read_status(output["status"], "wes")[0] == "pass"


def test_shallow_exome_fails_and_leaves_no_row(demo, demo_exome, tmp_path):
    limits = settings_of("variants")["limits"]  # the default 100x
    hotspots = demo["folder"] / "reference" / "hotspots.tsv"
    output = called(tmp_path, demo["reference"], demo_exome, hotspots, limits=limits)
    verdict, reasons = read_status(output["status"], "wes")
    assert verdict == "fail" and "under the required 100x" in reasons[0]


def test_swapped_sample_is_not_called(demo, demo_exome, tmp_path):
    identity = tmp_path / "identity.json"
    blocks = {"wes": {"verdict": "fail", "reasons": ["not from one person"]}}
    identity.write_text(json.dumps({"verdict": "pass", "reasons": [], "blocks": blocks}))
    hotspots = demo["folder"] / "reference" / "hotspots.tsv"
    output = called(tmp_path / "o", demo["reference"], demo_exome, hotspots, identity=str(identity))
    assert read_status(output["status"], "wes") == ("fail", ["not from one person"])
    assert read_row(output["row"], "wes") == {}


def test_intervals_are_padded_within_their_contig():
    intervals = [("c", 5, 20), ("c", 60, 80), ("d", 0, 10)]
    padded = call_variants.padded(intervals, {"c": 100, "d": 12}, 25)
    assert padded == [("c", 0, 100), ("d", 0, 12)]


def test_depth_summary_by_hand():
    histogram = np.zeros(depth.DEEPEST + 1, dtype=int)
    histogram[[0, 10, 30]] = (1, 1, 2)
    assert depth.depth_summary(histogram, (10, 20)) == {
        "positions": 4,
        "mean_depth": 17.5,
        "fraction_10x": 0.75,
        "fraction_20x": 0.5,
    }


def variant(consequences, frequency=None, genotype=(0, 1), ref="A", alt="G"):
    return small_variants.Variant("c", 1, ref, alt, genotype, 30, tuple(consequences), frequency)


def test_burdens_count_rare_altering_variants_of_the_panel():
    variants = [
        variant([("TP53", "missense"), ("TP53", "synonymous")]),
        variant([("TP53", "stop_gained")], frequency=0.0001),
        variant([("TP53", "missense")], frequency=0.2),
        variant([("TP53", "intron")]),
        variant([("OTHER", "frameshift")]),
    ]
    burdens = small_variants.gene_burdens(variants, ["TP53", "ALB"], 0.001)
    assert burdens == {
        "altering_tp53": 2,
        "truncating_tp53": 1,
        "altering_alb": 0,
        "truncating_alb": 0,
    }
    assert small_variants.altering_variants(variants, 0.001) == 3


def test_variant_counts_by_hand():
    variants = [variant([]), variant([], genotype=(1, 1), alt="C"), variant([], ref="AT", alt="A")]
    assert small_variants.variant_counts(variants) == {
        "snvs": 2,
        "indels": 1,
        "ti_tv_ratio": 1.0,
        "het_hom_ratio": 2.0,
    }
    assert small_variants.variant_counts([])["ti_tv_ratio"] is None


def test_hot_spot_tables_agree_over_assemblies():
    """GRCh38 - GRCh37 of one gene is one shift: TERT -115, CTNNB1 -41,491, TP53 +96,682 (UCSC liftOver)."""
    shifts = {}
    old = {s.name: s for s in allele_counts.read_hotspots(RESOURCES / "hotspots.tsv", "GRCh37")}
    for site in allele_counts.read_hotspots(RESOURCES / "hotspots.tsv", "GRCh38"):
        assert (site.ref, site.alt) == (old[site.name].ref, old[site.name].alt)
        shifts.setdefault(site.gene, set()).add(site.position - old[site.name].position)
    assert shifts == {"TERT": {-115}, "CTNNB1": {-41_491}, "TP53": {96_682}}


# --- drawn exomes: deep indels, contigs without genes, population frequencies -----------------------

CODING = (1000, 1300)  # 100 codons of the drawn TP53
EVENTS = {
    1098: ("D", 4),
    1400: ("I", "ACGTA"),
    1200: ("S", ""),
}  # a frameshift, an insertion, a SNV


def sequence_of(seed: int, length: int) -> str:
    return "".join(np.random.default_rng(seed).choice(list("ACGT"), length))


def with_gene(sequence: str) -> str:
    """The sequence with an open reading frame over CODING: no stop codon, ATG first."""
    codons = np.random.default_rng(1).choice(["GCT", "CAG", "AAC", "GAT", "CTT", "ACG"], 98)
    return sequence[: CODING[0]] + "ATG" + "".join(codons) + "TAA" + sequence[CODING[1] :]


def haplotype(sequence: str, events: dict) -> list[tuple[str, int | None]]:
    """(base, position on the reference or None for an inserted one) of the changed copy."""
    out, at = [], 0
    while at < len(sequence):
        kind, what = events.get(at, ("", ""))
        if kind == "D":
            at += what
            continue
        out.append((TRANSITION[sequence[at]] if kind == "S" else sequence[at], at))
        out += [(base, None) for base in what] if kind == "I" else []
        at += 1
    return out


TRANSITION = {"A": "G", "C": "T", "G": "A", "T": "C"}


def cigar_of(segment: list) -> list[tuple[int, int]]:
    """CIGAR of a read of one haplotype, ends in an insertion soft-clipped."""
    cigar, last = [], None
    for _, position in segment:
        operation = (4 if last is None else 1) if position is None else 0
        if position is not None:
            if last is not None and position - last > 1:
                cigar.append([2, position - last - 1])
            last = position
        if cigar and cigar[-1][0] == operation:
            cigar[-1][1] += 1
        else:
            cigar.append([operation, 1])
    if cigar[-1][0] == 1:
        cigar[-1][0] = 4
    return [tuple(part) for part in cigar]


def drawn_alignment(
    path: Path, contigs: dict[str, str], events: dict, depth: float
) -> dict[str, str]:
    """A sorted BAM of pairs of 100 bases, half of them with the events on the first contig; outputs as of align_reads."""
    import pysam

    rng, size = np.random.default_rng(3), 100
    header = {"HD": {"VN": "1.6", "SO": "coordinate"}, "RG": [{"ID": "a", "SM": path.stem}]}
    header["SQ"] = [{"SN": name, "LN": len(text)} for name, text in contigs.items()]
    header = pysam.AlignmentHeader.from_dict(header)
    records = []
    for number, (name, text) in enumerate(contigs.items()):
        copies = [haplotype(text, {}), haplotype(text, events if number == 0 else {700: ("S", "")})]
        for pair in range(int(depth * len(text) / (2 * size))):
            copy = copies[pair % 2]
            insert = int(np.clip(rng.normal(250, 30), size, 400))
            start = int(rng.integers(0, len(copy) - insert))
            mates = []
            for flag, at in ((99, start), (147, start + insert - size)):
                segment = copy[at : at + size]
                read = pysam.AlignedSegment(header)
                read.query_name, read.flag, read.mapping_quality = f"{name}.{pair}", flag, 60
                read.query_sequence = "".join(base for base, _ in segment)
                read.query_qualities = pysam.qualitystring_to_array("F" * size)
                read.reference_id = read.next_reference_id = number
                read.reference_start = next(p for _, p in segment if p is not None)
                read.cigartuples = cigar_of(segment)
                read.set_tag("RG", "a")
                mates.append(read)
            first, second = mates
            length = second.reference_end - first.reference_start
            first.template_length, second.template_length = length, -length
            first.next_reference_start, second.next_reference_start = second.reference_start, first.reference_start  # fmt: skip
            records += mates
    records.sort(key=lambda read: (read.reference_id, read.reference_start))
    with pysam.AlignmentFile(str(path), "wb", header=header) as out:
        for read in records:
            out.write(read)
    pysam.index(str(path))
    metrics = {"reads": len(records), "duplicate_fraction": 0.0, "median_insert_size": 250}
    path.with_suffix(".metrics.json").write_text(json.dumps(metrics))
    path.with_suffix(".json").write_text(
        json.dumps({"verdict": "pass", "reasons": [], "blocks": {}})
    )
    return {
        "alignment": str(path),
        "metrics": str(path.with_suffix(".metrics.json")),
        "status": str(path.with_suffix(".json")),
    }


def drawn_reference(folder: Path, contigs: dict[str, str]) -> dict[str, str]:
    """Reference, targets over all contigs, a GFF3 with TP53 on the first contig only; outputs as of prepare_reference."""
    import pysam

    folder.mkdir(parents=True, exist_ok=True)
    first = next(iter(contigs))
    at = f"{CODING[0] + 1}\t{CODING[1]}\t.\t+"
    gff3 = [
        f"{first}\tx\tgene\t{at}\t.\tID=gene:G1;Name=TP53;biotype=protein_coding",
        f"{first}\tx\tmRNA\t{at}\t.\tID=transcript:T1;Parent=gene:G1;biotype=protein_coding",
        f"{first}\tx\texon\t{at}\t.\tParent=transcript:T1",
        f"{first}\tx\tCDS\t{at}\t0\tParent=transcript:T1",
    ]
    texts = {
        "fasta": ("ref.fa", "".join(f">{n}\n{s}\n" for n, s in contigs.items())),
        "annotation": ("genes.gff3", "\n".join(["##gff-version 3", *gff3]) + "\n"),
        "targets": ("targets.bed", "".join(f"{n}\t0\t{len(s)}\n" for n, s in contigs.items())),
        "contigs": (
            "contigs.tsv",
            "contig\tlength\tkind\n"
            + "".join(f"{n}\t{len(s)}\thuman\n" for n, s in contigs.items()),
        ),
    }
    for name, text in texts.values():
        (folder / name).write_text(text)
    pysam.faidx(str(folder / "ref.fa"))
    return {key: str(folder / name) for key, (name, _) in texts.items()}


def drawn_calls(tmp_path: Path, depth=60, contigs=None, **changes) -> dict[str, str]:
    contigs = contigs or {"chr1": with_gene(sequence_of(2, 1800))}
    reference = drawn_reference(tmp_path / "reference", contigs)
    alignment = drawn_alignment(tmp_path / "a.bam", contigs, EVENTS, depth)
    changes = {"min_depth": 8, "target_padding": 0} | changes
    return called(tmp_path / "o", reference, alignment, RESOURCES / "hotspots.tsv", **changes)


def positions_of(output: dict) -> set[int]:
    vcf = Path(output["variants"]) / "wes.vcf.gz"
    return {v.position for v in small_variants.passing_variants(vcf)}


DEEPER = [pytest.param(depth, marks=pytest.mark.long) for depth in (200, 600, 1200)]


@pytest.mark.parametrize("depth", [60, 300, *DEEPER])
def test_indels_are_called_at_every_depth(tmp_path, depth):
    output = drawn_calls(tmp_path, depth)
    assert len(positions_of(output)) == 3  # positions of indels move to the left of their repeat
    row = read_row(output["row"], "wes")
    assert row["truncating_tp53"] >= 1
    assert (row["snvs"], row["indels"]) == (1, 2)


def test_a_contig_without_genes_is_named_and_the_others_are_annotated(tmp_path):
    contigs = {"chr1": with_gene(sequence_of(2, 1800)), "chrUn_1": sequence_of(4, 1500)}
    output = drawn_calls(tmp_path, contigs=contigs)
    row = read_row(output["row"], "wes")
    assert row["truncating_tp53"] == 1
    assert read_status(output["status"], "wes")[0] == "pass"
    assert "no consequences on chrUn_1" in Path(output["ledger"]).read_text()
    vcf = Path(output["variants"]) / "wes.vcf.gz"
    assert {v.contig for v in small_variants.passing_variants(vcf)} == set(contigs)
    assert row["altering_per_mb"] == pytest.approx(row["altering_tp53"] / 1800e-6, rel=0.1)


def test_an_annotation_that_csq_refuses_is_one_message(tmp_path):
    contigs = {"chr1": with_gene(sequence_of(2, 1800))}
    reference = drawn_reference(tmp_path / "reference", contigs)
    with open(reference["annotation"], "a") as handle:  # phases that do not follow from the lengths
        for word in (
            "mRNA\t1501\t1700\t.\t+\t.\tID=transcript:T9;Parent=gene:G1;biotype=protein_coding",
            "CDS\t1501\t1600\t.\t+\t0\tParent=transcript:T9",
            "CDS\t1651\t1700\t.\t+\t1\tParent=transcript:T9",
        ):
            handle.write(f"chr1\tx\t{word}\n")
    alignment = drawn_alignment(tmp_path / "a.bam", contigs, EVENTS, 60)
    output = called(tmp_path / "o", reference, alignment, RESOURCES / "hotspots.tsv", min_depth=8)
    verdict, reasons = read_status(output["status"], "wes")
    assert verdict == "fail" and "bcftools csq cannot use it" in reasons[0]


def test_a_gene_outside_of_the_called_regions_has_a_missing_burden(tmp_path):
    contigs = {"chr1": with_gene(sequence_of(2, 1800))}
    reference = drawn_reference(tmp_path / "reference", contigs)
    Path(reference["targets"]).write_text("chr1\t100\t700\n")
    alignment = drawn_alignment(tmp_path / "a.bam", contigs, EVENTS, 60)
    changes = {"min_depth": 8, "target_padding": 0}
    output = called(tmp_path / "o", reference, alignment, RESOURCES / "hotspots.tsv", **changes)
    assert np.isnan(read_row(output["row"], "wes")["truncating_tp53"])


def frequency_file(path: Path, lines: list[str], contig="chr1", number="A", index=True) -> str:
    import pysam

    head = f"##fileformat=VCFv4.2\n##contig=<ID={contig},length=1800>\n"
    head += f'##INFO=<ID=AF,Number={number},Type=Float,Description="AF">\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n'
    plain = path.with_suffix("")
    plain.write_text(head + "".join(f"{line}\n" for line in lines))
    pysam.tabix_compress(str(plain), str(path), force=True)
    if index:
        pysam.tabix_index(str(path), preset="vcf", force=True)
    return str(path)


def test_common_variants_leave_the_burden_also_out_of_lines_of_several_alleles(tmp_path):
    """The SNV as second allele of its line, the deletion written with a base more on its right."""
    text = with_gene(sequence_of(2, 1800))
    other = next(b for b in "ACGT" if b not in (text[1200], TRANSITION[text[1200]]))
    snv = f"chr1\t1201\t.\t{text[1200]}\t{other},{TRANSITION[text[1200]]}\t.\tPASS\tAF=0.0001,0.3"
    deletion = (
        f"chr1\t1097\t.\t{text[1096:1104]}\t{text[1096:1098] + text[1102:1104]}\t.\tPASS\tAF=0.2"
    )
    path = frequency_file(tmp_path / "af.vcf.gz", [deletion, snv])
    output = drawn_calls(tmp_path, population_frequencies=path)
    row = read_row(output["row"], "wes")
    assert (row["truncating_tp53"], row["altering_tp53"]) == (0, 0)
    assert read_status(output["status"], "wes")[0] == "pass"
    assert row["snvs"] == 1  # it is called still


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        (lambda p: frequency_file(p, ["1\t5\t.\tA\tC\t.\t.\tAF=0.1"], contig="1"), "with or without chr"),
        (lambda p: frequency_file(p, ["chr1\t5\t.\tA\tC\t.\t.\tAF=0.1"], index=False), "has no index beside it"),
        (lambda p: frequency_file(p, ["chr1\t5\t.\tA\tC\t.\t.\tAF=0.1"], number="G"), "Number=G"),
        (lambda p: [p.write_bytes(b"nothing"), str(p)][1], "no VCF or BCF file"),
        (lambda p: str(p), "there is no such file"),
    ],
)  # fmt: skip
def test_population_frequencies_that_cannot_be_used_are_one_message(tmp_path, made, reason):
    from scripts.core.job import InputDefect
    from scripts.genomics import population

    path = made(tmp_path / "af.vcf.gz")
    with pytest.raises(InputDefect, match="genomics.population_frequencies") as found:
        population.check_contigs(path, ["chr1"])
    assert reason in found.value.reason


def test_frequencies_of_another_assembly_are_refused(tmp_path):
    text = with_gene(sequence_of(2, 1800))
    lines = [
        f"chr1\t{p}\t.\t{TRANSITION[text[p - 1]]}\t{text[p - 1]}\t.\tPASS\tAF=0.1"
        for p in range(1150, 1250)
    ]
    path = frequency_file(tmp_path / "af.vcf.gz", lines)
    output = drawn_calls(tmp_path, population_frequencies=path)
    verdict, reasons = read_status(output["status"], "wes")
    assert verdict == "fail" and "another assembly?" in reasons[0]


def tissue_and_blood(
    tmp_path: Path, normal_events: dict, normal_depth=60, normal_status="pass"
) -> dict:
    """A tumour with EVENTS beside the person's blood with `normal_events`; outputs of one call_variants job."""
    contigs = {"chr1": with_gene(sequence_of(2, 1800))}
    reference = drawn_reference(tmp_path / "reference", contigs)
    blood = drawn_alignment(tmp_path / "blood.bam", contigs, normal_events, normal_depth)
    tumour = drawn_alignment(tmp_path / "tumour.bam", contigs, EVENTS, 60)
    Path(blood["status"]).write_text(
        json.dumps(
            {"verdict": normal_status, "reasons": ["bad"] * (normal_status == "fail"), "blocks": {}}
        )
    )
    limits = settings_of("variants")["limits"] | {"min_mean_depth": 5, "min_breadth": 0.2}
    folder = tmp_path / "o"
    files = {"variants": "variants"} | {n: f"{n}.json" for n in ("row", "status", "ledger")}
    output = {name: str(folder / file) for name, file in files.items()}
    names = {"alignment": "alignment", "metrics": "metrics", "align_status": "status"}
    inputs = {name: [blood[key], tumour[key]] for name, key in names.items()}
    inputs |= {name: reference[name] for name in ("contigs", "targets", "annotation")}
    tables = {name: str(RESOURCES / f"{name}.tsv") for name in ("hcc_genes", "hotspots")}
    inputs |= {
        "reference": reference["fasta"],
        "genes": tables["hcc_genes"],
        "hotspots": tables["hotspots"],
    }
    settings = settings_of("variants", limits=limits, min_depth=8, target_padding=0)
    params = {"blocks": ["wes", "wes_tumour"], "evidence": ["B", "T"], "settings": settings}
    call_variants.main(
        make_job("call_variants", input=inputs, output=output, params=params, wildcards={"patient": "P0001"})
    )  # fmt: skip
    return output


def test_a_tumour_is_held_against_the_blood_and_counts_somatic_variants_only(tmp_path):
    """The SNV is inherited; the frameshift and the insertion are in the tumour only."""
    output = tissue_and_blood(tmp_path, {1200: EVENTS[1200]})
    tumour, blood = (read_row(output["row"], block) for block in ("wes_tumour", "wes"))
    assert (tumour["altering_tp53"], tumour["truncating_tp53"]) == (1, 1)
    assert (blood["snvs"], blood["indels"], blood["truncating_tp53"]) == (1, 0, 0)
    table = (Path(output["variants"]) / "wes_tumour.origin.tsv").read_text().splitlines()[1:]
    assert sorted(line.split("\t")[-1] for line in table) == ["inherited", "somatic", "somatic"]
    assert "2 somatic, 1 inherited, 0 not comparable" in Path(output["ledger"]).read_text()


@pytest.mark.parametrize(("depth", "status"), [(2, "pass"), (60, "fail")])
def test_a_normal_that_shows_nothing_makes_nothing_somatic(tmp_path, depth, status):
    output = tissue_and_blood(tmp_path, {}, depth, status)
    text = Path(output["ledger"]).read_text()
    if status == "fail":
        assert "no matched normal: inherited variants remain" in text
    else:
        assert "0 somatic, 0 inherited, 3 not comparable" in text


def test_origin_of_a_call_by_hand():
    from scripts.genomics.matched_normal import Reads, origin_of

    settings = settings_of("variants")
    assert origin_of(Reads(20, 60, 0, 30), settings) == "somatic"
    assert origin_of(Reads(20, 60, 1, 30), settings) == "somatic"  # one read is an error
    assert origin_of(Reads(20, 60, 14, 30), settings) == "inherited"
    assert origin_of(Reads(60, 60, 15, 30), settings) == "inherited"  # het, its other allele lost
    assert origin_of(Reads(20, 60, 0, 9), settings) == "not_comparable"
    assert origin_of(None, settings) == "not_comparable"


# --- real files ------------------------------------------------------------------------------------


def truth_of(testdata) -> dict:
    """{(position, ref, alt): copies} of the first 10 kb."""
    import pysam

    path = testdata / "genomics" / "deepvariant" / "NA12878.giab.first10kb.vcf.gz"
    with pysam.VariantFile(str(path)) as records:
        return {
            (r.pos, r.ref, alt): r.samples[0]["GT"].count(number)
            for r in records
            for number, alt in enumerate(r.alts, 1)
            if r.samples[0]["GT"].count(number)
        }


@pytest.fixture(scope="session")
def na12878_calls(chr20, na12878, tmp_path_factory):
    folder = tmp_path_factory.mktemp("na12878_calls")
    bed = call_variants.write_bed(folder / "r.bed", [("chr20", 0, SLICE[1] - SLICE[0])])
    vcf = str(folder / "calls.vcf.gz")
    settings = settings_of("variants")
    small_variants.call_small_variants(
        na12878["alignment"], chr20["fasta"], bed, None, vcf, settings
    )
    return vcf


@pytest.mark.real
def test_na12878_first_10_kb_equals_genome_in_a_bottle(testdata, na12878_calls):
    """GIAB truth within its confident regions: 45 SNVs and 4 indels, no false positive, all genotypes right."""
    bed = testdata / "genomics" / "deepvariant" / "test_nist.b37_chr20_100kbp_at_10mb.bed"
    regions = [tuple(map(int, line.split()[1:3])) for line in bed.read_text().splitlines()]
    found = {}
    for v in small_variants.passing_variants(na12878_calls):
        position = v.position + SLICE[0]
        confident = any(start < position <= end for start, end in regions)
        if confident and position <= 10_010_531:  # the interval in which the cut truth ends
            found[position, v.ref, v.alt] = v.genotype.count(1)
    truth = truth_of(testdata)
    snvs = [key for key in truth if len(key[1]) == len(key[2]) == 1]
    assert (len(snvs), len(truth) - len(snvs)) == (45, 4)
    assert found == truth


@pytest.mark.real
def test_na12878_depth_and_breadth(chr20, na12878, tmp_path):
    """51.09x and 99.35 % at 20x over chr20:10,000,001-10,100,000 (samtools depth -a -s, design note of genomics)."""
    region = [("chr20", 10_000_000 - SLICE[0], 10_100_000 - SLICE[0])]
    bed = call_variants.write_bed(tmp_path / "r.bed", region)
    settings = settings_of("variants", min_base_quality=0, min_mapping_quality=0)
    histogram = depth.depth_histogram(na12878["alignment"], chr20["fasta"], bed, settings)
    found = depth.depth_summary(histogram, (20,))
    assert found["mean_depth"] == pytest.approx(51.09, rel=0.005)
    assert 100 * found["fraction_20x"] == pytest.approx(99.35, abs=0.1)


@pytest.mark.real
def test_na12878_has_no_hepatitis_b_virus(chr20, na12878):
    contigs = [name for name, _ in allele_counts.read_contigs(chr20["contigs"])["hbv"]]
    assert len(contigs) == 16
    assert allele_counts.hbv_pairs(na12878["alignment"], chr20["fasta"], contigs, 50) == 0


@pytest.mark.real
def test_csq_of_the_wheel_gives_the_consequences_of_its_own_test_suite(testdata):
    """Expected files of bcftools' test/csq at release 1.2x: equal in at least 88 % of the cases (design note)."""
    folder = testdata / "genomics" / "bcftools_csq" / "test" / "csq"
    cases = [
        (vcf, vcf.with_suffix(f".txt{suffix}"), options)
        for vcf in sorted(folder.glob("*/*.vcf"))
        for suffix, options in (("", []), ("-l", ["-l"]))
        if vcf.with_suffix(f".txt{suffix}").exists()
    ]
    equal = 0
    for vcf, expected, options in cases:
        stem = vcf.parent / vcf.parent.name
        words = ["csq", *options, "-f", f"{stem}.fa", "-g", f"{stem}.gff", str(vcf)]
        query = "%POS\\t%REF\\t%ALT\\t%EXP\\n%POS\\t%REF\\t%ALT\\t%BCSQ\\n\\n"
        text = hts.output_of(
            hts.command("bcftools", *words), hts.command("bcftools", "query", "-f", query)
        )
        equal += ordered(text) == ordered(expected.read_text())
    assert len(cases) >= 15
    assert equal / len(cases) >= 0.88


def ordered(text: str) -> list[list[str]]:
    """Lines with the members of comma lists sorted, as bcftools' own sort-csq does."""
    lines = [line.split("\t") for line in text.splitlines() if line.strip()]
    return [[",".join(sorted(cell.split(","))) for cell in line] for line in lines]


@pytest.mark.real
def test_na12878_calls_do_not_depend_on_threads(testdata, chr20, na12878_calls, tmp_path):
    source = testdata / "genomics" / "deepvariant" / "NA12878_S1.chr20.10_10p1mb.bam"
    row = {"assay_id": "NA12878", "file": str(source)}
    again = aligned(tmp_path, chr20, [row], block="wgs", threads=2)
    bed = call_variants.write_bed(tmp_path / "r.bed", [("chr20", 0, SLICE[1] - SLICE[0])])
    vcf = str(tmp_path / "calls.vcf.gz")
    small_variants.call_small_variants(
        again["alignment"], chr20["fasta"], bed, None, vcf, settings_of("variants")
    )
    bodies = [
        hts.output_of(hts.command("bcftools", "view", "-H", path)) for path in (vcf, na12878_calls)
    ]
    assert bodies[0] == bodies[1] and bodies[0]
