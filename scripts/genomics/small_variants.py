"""Small variants of one sample: called, normalised, filtered, annotated.

In: an indexed alignment, the reference, regions, a GFF3. Out: VCF.gz with BCSQ and its index; records as tuples.
Source: bcftools 1.23.1 mpileup | call -m | norm | filter | csq (bcftools manual); Danecek & McCarthy 2017 (csq).
"""

import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from scripts.core.job import InputDefect
from scripts.genomics import hts, population
from scripts.genomics.gene_panel import annotated_contigs

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
    alignments: list[str], reference: str, regions: str | None, settings: dict
) -> list[list[str]]:
    """The pipe of commands that calls and filters; uncompressed BCF, one alternative allele a record, goes to stdout."""
    backend = settings["backend"]
    region = ["-R", regions] if regions else []
    plain = ["--no-version", "-Ou"]

    def bcftools(*words) -> list[str]:
        return hts.command("bcftools", *words, backend=backend)

    return [
        bcftools(
            "mpileup", *plain, "-f", reference, *region, "-d", settings["max_depth"],
            "-L", INDELS_AT_ANY_DEPTH, "-q", settings["min_mapping_quality"], "-Q", settings["min_base_quality"],
            "--indels-cns", "-X", "illumina", "-a", "FORMAT/AD,FORMAT/DP", *alignments,
        ),
        bcftools("call", *plain, "-m", "-v", "-a", "FORMAT/GQ"),
        bcftools("filter", *plain, "-s", "LowQual", "-m", "+", "-e", f"QUAL<{settings['min_quality']}"),
        bcftools("norm", *plain, "-f", reference, "-m", "-any"),
        bcftools("filter", *plain, "-s", "LowDepth", "-m", "+", "-e", f"FORMAT/DP<{settings['min_depth']}"),
        bcftools("filter", *plain, "-s", "LowGQ", "-m", "+", "-e", f"FORMAT/GQ<{settings['min_genotype_quality']}"),
    ]  # fmt: skip


def _consequences_of(
    calls: str, reference: str, annotation: str, out: list[str], settings: dict
) -> None:
    """Run bcftools csq on `calls` and hand its records to the command `out`; InputDefect where it refuses the annotation."""
    words = ["--no-version", "-Ou", "--local-csq", "-p", "a", "-v", "0", "-f", reference]
    try:
        hts.run(
            hts.command("bcftools", "csq", *words, "-g", annotation, calls, backend=settings["backend"]),
            out,
        )  # fmt: skip
    except hts.CommandError as error:
        if error.program != "bcftools csq":
            raise
        said = error.message.replace("\\n", "\n").partition("Error: ")[2].partition("\n")[0]
        raise InputDefect(
            f"config key genomics.annotation: bcftools csq cannot use it ({said or 'no reason given'})",
            requirement_id="OMX-01",
            check="annotation usable",
        ) from None


def _annotate_known_contigs(
    calls: str, reference: str, annotation: str, folder: Path, out: list[str], settings: dict
) -> None:
    """Consequences on the contigs that the annotation knows; other records go past csq, which ends at an unknown contig."""
    import pysam

    def bcftools(*words) -> list[str]:
        return hts.command("bcftools", *words, backend=settings["backend"])

    contigs = annotated_contigs(annotation)
    with pysam.VariantFile(calls) as records:
        called = {record.contig for record in records}
    if called <= contigs:
        _consequences_of(calls, reference, annotation, out, settings)
        return
    bed = folder / "known.bed"
    bed.write_text("".join(f"{c}\t0\t{2**31 - 2}\n" for c in sorted(contigs)), encoding="utf-8")
    inside, annotated, outside = (
        str(folder / f"{n}.bcf") for n in ("inside", "annotated", "outside")
    )
    binary = ["--no-version", "-Ob", "-o"]
    hts.run(bcftools("view", *binary, inside, "-T", bed, calls))
    hts.run(bcftools("view", *binary, outside, "-T", f"^{bed}", calls))
    _consequences_of(inside, reference, annotation, bcftools("view", *binary, annotated), settings)
    for part in (annotated, outside):
        hts.run(bcftools("index", "-f", part))
    hts.run(
        bcftools("concat", "--no-version", "-Ou", "-a", annotated, outside),
        bcftools("sort", "-Ou", "-T", folder / "sort"),
        out,
    )


def call_small_variants(
    alignment: str,
    reference: str,
    regions: str | None,
    annotation: str | None,
    out: str,
    settings: dict,
) -> None:
    """Call, filter and annotate; writes `out` and `out`.tbi.

    Raises InputDefect when the population frequencies or the annotation cannot be used.
    """
    plain = ["--no-version", "-Ou"]

    def bcftools(*words) -> list[str]:
        return hts.command("bcftools", *words, backend=settings["backend"])

    written = bcftools("view", "--no-version", "-Oz", "-o", out)
    commands = calling_commands([alignment], reference, regions, settings)
    with tempfile.TemporaryDirectory(dir=Path(out).parent, prefix=f".tmp{os.getpid()}.") as name:
        folder = Path(name)
        if settings["population_frequencies"]:
            called = str(folder / "called.bcf")
            hts.run(*commands, bcftools("view", "--no-version", "-Ob", "-o", called))
            hts.run(bcftools("index", "-f", called))
            frequencies = population.frequencies_near(
                settings["population_frequencies"], called, reference, folder, settings
            )
            commands = [
                bcftools("annotate", *plain, "-a", frequencies, "-c", "INFO/POPAF:=INFO/AF", called)
            ]
        if annotation:
            calls = str(folder / "calls.bcf")
            hts.run(*commands, bcftools("view", "--no-version", "-Ob", "-o", calls))
            _annotate_known_contigs(calls, reference, annotation, folder, written, settings)
        else:
            hts.run(*commands, written)
    hts.run(bcftools("index", "-t", "-f", out))


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
