"""The dictionary of the genomics blocks: what each feature is, in which unit, in which role.

In: gene panel, hot spots, contigs or arms, the block's name. Out: <block>.dictionary.tsv.
Source: the modules that make the features; their sources stand in docs/genomics.md.
"""

from scripts.core import job as core_job
from scripts.core.features import Feature, write_dictionary
from scripts.genomics.allele_counts import read_contigs, read_hotspots
from scripts.genomics.extract_fragments import AUTOSOME, read_arms
from scripts.genomics.gene_panel import read_genes
from scripts.genomics.job_samples import TISSUES


def _hbv(role: str) -> list[Feature]:
    source = "bwa mem on human genome + HBV genotypes"
    return [
        Feature("hbv_pairs_per_million", "read pairs on HBV contigs", "pairs per million pairs", role, source),
        Feature("hbv_detected", "HBV DNA seen (1) or not (0)", "0/1", role, source),
    ]  # fmt: skip


def variant_features(genes: list[str], hotspots: list[str], level: int, role: str) -> list[Feature]:
    """Features of an exome or genome block."""
    depth, caller, csq = "samtools depth -a -s", "bcftools mpileup | call -m", "bcftools csq"
    out = [
        Feature("mean_depth", "mean depth of targets or genome", "fold", "qc", depth),
        Feature(f"fraction_{level}x", f"positions at {level}x or more", "fraction", "qc", depth),
        Feature("duplicate_fraction", "duplicate reads", "fraction", "qc", "samtools markdup"),
        Feature("median_insert_size", "median insert of proper pairs", "bp", "qc", "bwa mem"),
        Feature("on_target_fraction", "mapped reads that overlap targets", "fraction", "qc", "samtools view"),
        Feature("snvs", "single-nucleotide variants", "count", "qc", caller),
        Feature("indels", "small insertions and deletions", "count", "qc", caller),
        Feature("ti_tv_ratio", "transitions over transversions", "ratio", "qc", caller),
        Feature("het_hom_ratio", "heterozygous over homozygous variants", "ratio", "qc", caller),
        Feature("altering_per_mb", "protein-altering variants, inherited ones included", "per Mb", role, csq),
    ]  # fmt: skip
    for gene in genes:
        low = gene.lower()
        out += [
            Feature(f"altering_{low}", f"protein-altering variants of {gene}", "count", role, csq),
            Feature(f"truncating_{low}", f"truncating variants of {gene}", "count", role, csq),
        ]
    for name in hotspots:
        text = f"variant allele fraction at {name}"
        out.append(Feature(f"vaf_{name}", text, "fraction", role, "hot-spot pileup"))
    out.append(Feature("hotspots_positive", "hot spots with a variant", "count", role, "hot-spot pileup"))  # fmt: skip
    return out + _hbv(role)


def fragment_features(arms: list[str], motifs: list[str], role: str) -> list[Feature]:
    """Features of a cfDNA block."""
    delfi, ends = "Cristiano et al. 2019", "Jiang et al. 2020"
    out = [
        Feature("fragments", "fragments that were counted", "count", "qc", "fragments.py"),
        Feature("duplicate_fraction", "duplicate reads", "fraction", "qc", "samtools markdup"),
        Feature("length_mode", "most frequent fragment length", "bp", role, delfi),
        Feature("length_median", "median fragment length", "bp", role, delfi),
        Feature("short_fraction", "fragments of 100 to 150 bp", "fraction", role, delfi),
        Feature("long_fraction", "fragments of 151 to 220 bp", "fraction", role, delfi),
        Feature("short_long_ratio", "short over long fragments", "ratio", role, delfi),
        Feature("ratio_bin_sd", "spread of the short/long ratio over bins", "ratio", role, delfi),
        Feature("coverage_bin_sd", "spread of the relative coverage over bins", "ratio", role, delfi),
        Feature("motif_diversity", "diversity of the 256 end motifs", "0 to 1", role, ends),
    ]  # fmt: skip
    out += [
        Feature(f"motif_{m}", f"fragment ends with {m}", "fraction", role, ends) for m in motifs
    ]
    for arm in arms:
        out += [
            Feature(f"ratio_{arm}", f"short/long ratio of {arm} over all", "ratio", role, delfi),
            Feature(
                f"coverage_{arm}", f"coverage of {arm} over the median bin", "log2", role, delfi
            ),
        ]
    return out + _hbv(role)


def main(job):
    """Write the dictionary of one block.

    input: genes, hotspots, contigs
    params: block, settings = {assembly, breadth_depth, motifs, arms}
    output: dictionary
    """
    with core_job.step(job) as step:
        settings, block = job.params.settings, job.params.block
        # Tissue is measured in cases only: never a predictor.
        role = "annotation" if block.split("_")[-1] in TISSUES else "predictor"
        if block.startswith("cfdna"):
            with open(job.input.contigs, encoding="utf-8") as handle:
                have = bool(handle.readline())
            human = read_contigs(job.input.contigs)["human"] if have else []
            autosomes = [pair for pair in human if AUTOSOME.fullmatch(pair[0])]
            arms = [arm[0] for arm in read_arms(settings["arms"], autosomes)]
            features = fragment_features(arms, settings["motifs"], role)
        else:
            sites = read_hotspots(job.input.hotspots, settings["assembly"])
            features = variant_features(
                read_genes(job.input.genes),
                [site.name for site in sites],
                settings["breadth_depth"],
                role,
            )
        write_dictionary(step.path(job.output.dictionary), features)


if __name__ == "__main__":
    core_job.entry(main, globals().get("snakemake"))
