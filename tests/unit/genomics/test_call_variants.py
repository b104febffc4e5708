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
