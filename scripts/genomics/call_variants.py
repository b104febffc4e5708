"""Depth, small variants and their summary for every exome or genome sample of one patient.

In: alignments of one patient (one per block), the reference. Out: annotated VCFs, QC records, row.json.
Source: samtools depth; bcftools mpileup | call -m | norm | csq; limits of requirement OMX-01.
"""

import json
import re
from pathlib import Path

from scripts.core import job as core_job
from scripts.core.features import read_status, write_row
from scripts.genomics import allele_counts, depth, matched_normal, population, small_variants
from scripts.genomics.gene_panel import annotated_contigs, coding_intervals, read_genes, within
from scripts.genomics.job_samples import TISSUES, paths_of, samples_of_job

REQUIREMENT = "OMX-01"
PRIMARY = re.compile(r"(chr)?([0-9]{1,2}|X)")  # Y is left out: half of the patients have none
UNMATCHED_NOTE = "no matched normal: inherited variants remain among these calls"


def padded(intervals: list[tuple[str, int, int]], lengths: dict[str, int], padding: int) -> list:
    """Intervals widened by `padding` bases on both sides, merged where they then touch."""
    wide: list[list] = []
    for contig, start, end in intervals:
        start, end = max(0, start - padding), min(lengths[contig], end + padding)
        if wide and wide[-1][0] == contig and start <= wide[-1][2]:
            wide[-1][2] = max(end, wide[-1][2])
        else:
            wide.append([contig, start, end])
    return [tuple(interval) for interval in wide]


def read_bed(path: str | Path) -> list[tuple[str, int, int]]:
    """Intervals of a BED file; an empty file has none."""
    lines = [line.split("\t") for line in Path(path).read_text(encoding="utf-8").splitlines()]
    return [(contig, int(start), int(end)) for contig, start, end in lines]


def write_bed(path: str | Path, intervals: list[tuple[str, int, int]]) -> str:
    """Write intervals as BED; returns the path."""
    Path(path).write_text("".join(f"{c}\t{s}\t{e}\n" for c, s, e in intervals), encoding="utf-8")
    return str(path)


def check_depth(step, found: dict, limits: dict, evidence: str) -> None:
    """Compare mean depth and breadth with the limits of the modality (OMX-01)."""
    level = limits["breadth_depth"]
    mean, breadth = found["mean_depth"], found[f"fraction_{level}x"]
    step.check(
        REQUIREMENT, "mean depth", "PASS" if mean >= limits["min_mean_depth"] else "FAIL",
        value=mean, unit="fold", threshold=f">= {limits['min_mean_depth']}", evidence=evidence,
        reason="" if mean >= limits["min_mean_depth"]
        else f"mean depth {mean:.1f}x is under the required {limits['min_mean_depth']}x",
    )  # fmt: skip
    step.check(
        REQUIREMENT, f"fraction of positions at {level}x or more",
        "PASS" if breadth >= limits["min_breadth"] else "FAIL",
        value=breadth, unit="fraction", threshold=f">= {limits['min_breadth']}", evidence=evidence,
        reason="" if breadth >= limits["min_breadth"]
        else f"{100 * breadth:.1f} % of positions reach {level}x; required {100 * limits['min_breadth']:g} %",
    )  # fmt: skip


def hotspot_features(step, found: dict, settings: dict, evidence: str) -> dict[str, float | None]:
    """vaf_<site> of every hot spot and the number of positive ones; sites that are too shallow are NOT_ASSESSED."""
    features: dict[str, float | None] = {}
    positive = []
    for name, site in found.items():
        features[f"vaf_{name}"] = site["fraction"]
        if site["fraction"] is None:
            step.check(
                REQUIREMENT, f"hot spot {name}", "NOT_ASSESSED", value=site["depth"], unit="reads",
                threshold=f">= {settings['hotspot_min_depth']}", evidence=evidence, acts=False,
                reason="reference base differs from the hot-spot table" if site["depth"] is None
                else "depth under the limit",
            )  # fmt: skip
            continue
        positive.append(
            site["alternative"] >= settings["hotspot_min_reads"]
            and site["fraction"] >= settings["hotspot_min_fraction"]
        )
    features["hotspots_positive"] = float(sum(positive)) if positive else None
    return features


def genes_not_assessed(
    files: dict, genes: list[str], called: list[tuple[str, int, int]], bed: Path, settings: dict
) -> list[str]:
    """Genes that the annotation lacks or whose coding bases are outside of the `called` regions or too shallow."""
    coding = coding_intervals(files["annotation"], genes)
    inside = {gene: parts for gene, all_ in coding.items() if (parts := within(all_, called))}
    deep = depth.deep_fractions(files["alignment"], files["reference"], inside, bed, settings)

    def bases(parts) -> int:
        return sum(end - start for _, start, end in parts)

    share = {gene: deep[gene] * bases(inside[gene]) / bases(coding[gene]) for gene in inside}
    return [gene for gene in genes if share.get(gene, 0.0) < settings["min_gene_callable"]]


def unknown_contigs(step, files: dict, regions: list, settings: dict, evidence: str) -> list[str]:
    """Contigs of the regions without any transcript in the annotation, recorded by name."""
    known = annotated_contigs(files["annotation"])
    absent = [c for c in dict.fromkeys(contig for contig, *_ in regions) if c not in known]
    step.check(
        REQUIREMENT, "contigs that the annotation knows", "NOT_ASSESSED" if absent else "PASS",
        value=len(absent), unit="contigs without transcripts", evidence=evidence, acts=False,
        reason=f"no consequences on {named(absent)}: the annotation has no transcript there" if absent else "",
    )  # fmt: skip
    return absent


def named(contigs: list[str]) -> str:
    """The first contigs by name and the number of the others."""
    more = f" and {len(contigs) - 5} more" if len(contigs) > 5 else ""
    return ", ".join(contigs[:5]) + more


def check_frequencies(step, regions: list, settings: dict, evidence: str) -> None:
    """Contigs of the regions without population frequencies, recorded by name. InputDefect when the file cannot be used."""
    path = settings["population_frequencies"]
    if not path:
        return
    contigs = list(dict.fromkeys(contig for contig, *_ in regions))
    absent = population.check_contigs(path, contigs)
    step.check(
        REQUIREMENT, "contigs with population frequencies", "NOT_ASSESSED" if absent else "PASS",
        value=len(absent), unit="contigs without frequencies", evidence=evidence, acts=False,
        reason=f"common variants stay in the counts on {named(absent)}: no population frequencies" if absent else "",
    )  # fmt: skip


def somatic_only(files: dict, variants: list, vcf: Path, settings: dict) -> tuple[list, dict]:
    """The tissue's calls that its normal does not have, and how to record that; inherited ones are in the normal's burden."""
    table = vcf.with_name(vcf.name.replace(".vcf.gz", ".origin.tsv"))
    somatic, origins = matched_normal.compare_with_normal(
        variants, files["alignment"], files["normal"], files["reference"], table, settings
    )
    inherited, unknown = origins[matched_normal.INHERITED], origins[matched_normal.UNKNOWN]
    reason = (
        f"held against the matched normal: {len(somatic)} somatic, {inherited} inherited, {unknown} not comparable; "
        "only somatic ones are counted"
    )
    return somatic, {"verdict": "PASS" if not unknown else "NOT_ASSESSED", "reason": reason}


def normal_of(job, samples: list) -> str:
    """Alignment of the patient's own normal sample: of this modality, else of another; "" when none is usable."""
    for sample in samples:
        if sample.block.split("_")[-1] not in TISSUES and sample.usable():
            return sample.alignment
    others = zip(
        *(paths_of(getattr(job.input, name, None)) for name in ("normal", "normal_status")),
        strict=True,
    )
    return next((path for path, status in others if read_status(status)[0] != "fail"), "")


def summarise_sample(
    step, files: dict, block: str, metrics: dict, settings: dict, vcf: Path, evidence: str
) -> dict:
    """All features of one sample; writes its VCF. A depth under the limit ends the block."""
    limits = settings["limits"]
    contigs = allele_counts.read_contigs(files["contigs"])
    lengths = dict(contigs["human"])
    targets = read_bed(files["targets"]) if settings["capture"] else []
    primary = {c: n for c, n in lengths.items() if PRIMARY.fullmatch(c)} or lengths
    regions = targets or [(contig, 0, length) for contig, length in primary.items()]
    called = padded(regions, lengths, settings["target_padding"])
    folder = vcf.parent
    check_frequencies(step, regions, settings, evidence)
    bed = write_bed(folder / f".{block}.regions.bed", regions)
    wide = write_bed(folder / f".{block}.calling.bed", called)
    try:
        level = limits["breadth_depth"]
        histogram = depth.depth_histogram(files["alignment"], files["reference"], bed, settings)
        depths = depth.depth_summary(
            histogram, tuple(sorted({10, 20, level, settings["min_depth"]}))
        )
        check_depth(step, depths, limits, evidence)
        features: dict[str, float | None] = {
            "mean_depth": depths["mean_depth"],
            f"fraction_{level}x": depths[f"fraction_{level}x"],
            "duplicate_fraction": metrics["duplicate_fraction"],
            "median_insert_size": metrics["median_insert_size"],
            "on_target_fraction": None,
        }
        if targets:
            inside = depth.on_target_fraction(
                files["alignment"], files["reference"], bed, settings["backend"]
            )
            features["on_target_fraction"] = inside
            good = inside >= limits["min_on_target"]
            step.check(
                REQUIREMENT, "reads on target", "PASS" if good else "WARN", value=inside, unit="fraction",
                threshold=f">= {limits['min_on_target']}", evidence=evidence,
            )  # fmt: skip
        annotation = files["annotation"] if Path(files["annotation"]).stat().st_size else None
        small_variants.call_small_variants(
            files["alignment"], files["reference"], wide, annotation, str(vcf), settings
        )
    finally:
        Path(bed).unlink()
        Path(wide).unlink()
    variants = list(small_variants.passing_variants(vcf))
    features |= small_variants.variant_counts(variants)
    unmatched = {"verdict": "NOT_ASSESSED", "reason": UNMATCHED_NOTE}
    if files.get("normal"):
        variants, unmatched = somatic_only(files, variants, vcf, settings)
    genes = read_genes(files["genes"])
    limit = settings["max_population_frequency"]
    if annotation:
        features |= small_variants.gene_burdens(variants, genes, limit)
        coding_bed = folder / f".{block}.coding.bed"
        unseen = genes_not_assessed(files, genes, called, coding_bed, settings)
        for gene in unseen:  # nothing was looked at: no count, not a count of 0
            features |= {f"{kind}_{gene.lower()}": None for kind in ("altering", "truncating")}
        step.check(
            REQUIREMENT, "genes whose coding bases are deep enough", "NOT_ASSESSED" if unseen else "PASS",
            value=len(genes) - len(unseen), unit=f"of {len(genes)} genes", evidence=evidence, acts=False,
            threshold=f">= {settings['min_gene_callable']} of the bases at {settings['min_depth']}x",
            reason=f"burden missing, not 0: {', '.join(unseen)}" if unseen else "",
        )  # fmt: skip
        if unknown_contigs(step, files, regions, settings, evidence):  # nothing is counted there
            known = annotated_contigs(files["annotation"])
            bed = write_bed(coding_bed, [part for part in regions if part[0] in known])
            histogram = depth.depth_histogram(files["alignment"], files["reference"], bed, settings)
            Path(bed).unlink()
        callable_mb = float(histogram[settings["min_depth"] :].sum()) / 1e6
        altering = small_variants.altering_variants(variants, limit)
        features["altering_per_mb"] = altering / callable_mb if callable_mb else None
        step.check(
            REQUIREMENT, "origin of the variants", unmatched["verdict"], value=altering, unit="altering variants",
            evidence=evidence, acts=False, reason=unmatched["reason"],
        )  # fmt: skip
    else:
        absent = [f"{kind}_{gene.lower()}" for gene in genes for kind in ("altering", "truncating")]
        features |= dict.fromkeys([*absent, "altering_per_mb"])
        step.check(
            REQUIREMENT, "consequences of the variants", "NOT_ASSESSED", evidence=evidence, acts=False,
            reason="no annotation (config key genomics.annotation)",
        )  # fmt: skip
    sites = allele_counts.read_hotspots(files["hotspots"], settings["assembly"])
    found = allele_counts.hotspot_fractions(files["alignment"], files["reference"], sites, settings)
    features |= hotspot_features(step, found, settings, evidence)
    features |= allele_counts.hbv_features(
        files, [name for name, _ in contigs["hbv"]], metrics["reads"], settings
    )
    return features


def main(job):
    """Call and summarise every sample (block) of one patient.

    input: alignment, metrics, align_status (one each per block, in the order of params.blocks), reference, contigs,
    targets, annotation, genes, hotspots; normal, normal_status = a blood sample of another modality;
    identity = status of match_samples where the patient has several samples
    params: blocks, evidence (assay id of each block), settings = config section genomics.variants
    output: variants (folder with <block>.vcf.gz and index), row, status, ledger
    """
    with core_job.step(job) as step:
        settings = job.params.settings
        common = {
            name: str(getattr(job.input, name))
            for name in ("reference", "contigs", "targets", "annotation", "genes", "hotspots")
        }
        folder = step.path(job.output.variants)
        folder.mkdir(parents=True, exist_ok=True)
        rows, samples = {}, samples_of_job(job)
        normal = normal_of(job, samples)
        for sample in samples:
            with step.block(sample.block):
                sample.require(step)
                tissue = sample.block.split("_")[-1] in TISSUES
                common["normal"] = normal if tissue else ""
                metrics = json.loads(Path(sample.metrics).read_text(encoding="utf-8"))
                rows[sample.block] = summarise_sample(
                    step, {**common, "alignment": sample.alignment}, sample.block, metrics, settings,
                    folder / f"{sample.block}.vcf.gz", sample.evidence,
                )  # fmt: skip
        write_row(step.path(job.output.row), rows)


if __name__ == "__main__":
    core_job.entry(main, globals().get("snakemake"))
