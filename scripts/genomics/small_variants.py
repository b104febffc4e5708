"""Small variants of one sample: called, normalised, filtered, annotated.

In: an indexed alignment, the reference, regions, a GFF3. Out: VCF.gz with BCSQ and its index; records as tuples.
Source: bcftools 1.23.1 mpileup | call -m | norm | filter | csq (bcftools manual); Danecek & McCarthy 2017 (csq).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from scripts.genomics import hts

# Sequence Ontology terms of bcftools csq that change the protein; the first group ends it early or breaks a splice site.
TRUNCATING = frozenset(
    {"stop_gained", "frameshift", "splice_acceptor", "splice_donor", "start_lost", "transcript_ablation"}
)  # fmt: skip
ALTERING = TRUNCATING | {
    "missense",
    "inframe_insertion",
    "inframe_deletion",
    "inframe_altering",
    "stop_lost",
    "protein_altering",
}

# mpileup looks for no indels above an average of 250 reads per sample unless told (bcftools manual, -L).
INDELS_AT_ANY_DEPTH = 1_000_000


@dataclass(frozen=True)
class Variant:
    """One alternative allele that passed all filters. `consequences` holds (gene, term) pairs."""

    contig: str
    position: int
    ref: str
    alt: str
    genotype: tuple
    depth: int
    consequences: tuple[tuple[str, str], ...]
    population_frequency: float | None

    @property
    def is_snv(self) -> bool:
        """Whether one base replaces one base."""
        return len(self.ref) == len(self.alt) == 1


def calling_commands(
    alignment: str,
    reference: str,
    regions: str | None,
    annotation: str | None,
    out: str,
    settings: dict,
) -> list[list[str]]:
    """The pipe of commands that calls and annotates one sample; VCF.gz goes to `out`."""
    backend = settings["backend"]
    region = ["-R", regions] if regions else []
    plain = ["--no-version", "-Ou"]

    def bcftools(*words) -> list[str]:
        return hts.command("bcftools", *words, backend=backend)

    commands = [
        bcftools(
            "mpileup", *plain, "-f", reference, *region, "-d", settings["max_depth"],
            "-L", INDELS_AT_ANY_DEPTH, "-q", settings["min_mapping_quality"], "-Q", settings["min_base_quality"],
            "--indels-cns", "-X", "illumina", "-a", "FORMAT/AD,FORMAT/DP", alignment,
        ),
        bcftools("call", *plain, "-m", "-v", "-a", "FORMAT/GQ"),
        bcftools("filter", *plain, "-s", "LowQual", "-m", "+", "-e", f"QUAL<{settings['min_quality']}"),
        bcftools("norm", *plain, "-f", reference, "-m", "-any"),
        bcftools("filter", *plain, "-s", "LowDepth", "-m", "+", "-e", f"FORMAT/DP<{settings['min_depth']}"),
        bcftools("filter", *plain, "-s", "LowGQ", "-m", "+", "-e", f"FORMAT/GQ<{settings['min_genotype_quality']}"),
    ]  # fmt: skip
    if settings["population_frequencies"]:
        commands.append(
            bcftools(
                "annotate", *plain, "-a", settings["population_frequencies"], "-c", "INFO/POPAF:=INFO/AF"
            )
        )  # fmt: skip
    if annotation:
        plain_csq = ["--local-csq", "-p", "a", "-v", "0"]
        commands.append(bcftools("csq", *plain, *plain_csq, "-f", reference, "-g", annotation))
    commands.append(bcftools("view", "--no-version", "-Oz", "-o", out))
    return commands


def call_small_variants(
    alignment: str,
    reference: str,
    regions: str | None,
    annotation: str | None,
    out: str,
    settings: dict,
) -> None:
    """Call, filter and annotate; writes `out` and `out`.tbi."""
    hts.run(*calling_commands(alignment, reference, regions, annotation, out, settings))
    hts.run(hts.command("bcftools", "index", "-t", "-f", out, backend=settings["backend"]))


def _consequences(values) -> tuple[tuple[str, str], ...]:
    """(gene, term) pairs of a BCSQ field: "missense&inframe_altering|ARID1A|ENST...|protein_coding|..."."""
    pairs = set()
    for value in values or ():
        parts = value.split("|")
        if len(parts) > 1:
            pairs |= {(parts[1], term.lstrip("*")) for term in parts[0].split("&")}
    return tuple(sorted(pairs))


def passing_variants(vcf: str | Path) -> Iterator[Variant]:
    """Variants with FILTER PASS, in file order."""
    import pysam

    with pysam.VariantFile(str(vcf)) as records:
        with_consequences = "BCSQ" in records.header.info
        with_frequency = "POPAF" in records.header.info
        for record in records:
            if list(record.filter.keys()) != ["PASS"] or not record.alts:
                continue
            call = record.samples[0]
            frequency = record.info.get("POPAF") if with_frequency else None
            yield Variant(
                record.contig,
                record.pos,
                record.ref,
                record.alts[0],
                tuple(call["GT"]),
                int(call.get("DP") or 0),
                _consequences(record.info.get("BCSQ")) if with_consequences else (),
                frequency[0] if isinstance(frequency, tuple) else frequency,
            )


TRANSITIONS = frozenset({"AG", "GA", "CT", "TC"})


def variant_counts(variants: list[Variant]) -> dict[str, float | None]:
    """Numbers of SNVs and indels, ti/tv ratio, ratio of heterozygous to homozygous calls (None when undefined)."""
    snvs = [v for v in variants if v.is_snv]
    transitions = sum(v.ref + v.alt in TRANSITIONS for v in snvs)
    transversions = len(snvs) - transitions
    heterozygous = sum(len(set(v.genotype)) > 1 for v in variants)
    homozygous = len(variants) - heterozygous
    return {
        "snvs": len(snvs),
        "indels": len(variants) - len(snvs),
        "ti_tv_ratio": transitions / transversions if transversions else None,
        "het_hom_ratio": heterozygous / homozygous if homozygous else None,
    }


def gene_burdens(variants: list[Variant], genes: list[str], max_frequency: float) -> dict[str, int]:
    """Protein-altering and truncating variants of each gene: {altering_tp53: n, truncating_tp53: n, ...}.

    A variant that is common in the population (POPAF above `max_frequency`) is left out; without POPAF it counts.
    """
    wanted = set(genes)
    counts = {f"{kind}_{gene.lower()}": 0 for gene in genes for kind in ("altering", "truncating")}
    for variant in variants:
        if (variant.population_frequency or 0.0) > max_frequency:
            continue
        for gene in {gene for gene, _ in variant.consequences} & wanted:
            terms = {term for g, term in variant.consequences if g == gene}
            counts[f"altering_{gene.lower()}"] += bool(terms & ALTERING)
            counts[f"truncating_{gene.lower()}"] += bool(terms & TRUNCATING)
    return counts


def altering_variants(variants: list[Variant], max_frequency: float) -> int:
    """Number of variants that alter any protein and are not common in the population."""
    return sum(
        (v.population_frequency or 0.0) <= max_frequency
        and any(term in ALTERING for _, term in v.consequences)
        for v in variants
    )
