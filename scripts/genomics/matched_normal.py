"""Calls of a tissue sample held against the same person's normal sample: somatic, inherited or not comparable.

In: the calls and the alignment of a tumour, the alignment of its normal. Out: origin of every call with its reads.
Source: bcftools mpileup | call -m -A of both samples together at the tumour's calls; thresholds as of section
genomics.variants (Benjamin et al. 2019, Mutect2: reads of the allele in the normal speak against a somatic variant).
This is a subtraction: a variant under the reach of the germline caller (about 20 % of the reads) is not found.
"""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from scripts.genomics import hts
from scripts.genomics.small_variants import INDELS_AT_ANY_DEPTH, Variant

SOMATIC, INHERITED, UNKNOWN = "somatic", "inherited", "not_comparable"
COLUMNS = (
    "contig", "position", "ref", "alt", "tumour_reads", "tumour_depth", "normal_reads", "normal_depth", "origin",
)  # fmt: skip
AROUND = 50  # bases around a call that are piled up, so that indels are placed as in the call


@dataclass(frozen=True)
class Reads:
    """Reads with the allele and all reads at it, in the tumour and in the normal."""

    tumour: int
    tumour_depth: int
    normal: int
    normal_depth: int


def key_of(variant: Variant) -> tuple[str, int, str, str]:
    """What identifies a call in two VCFs of one reference, normalised alike."""
    return variant.contig, variant.position, variant.ref, variant.alt


def reads_at_calls(
    variants: list[Variant], tumour: str, normal: str, reference: str, bed: Path, settings: dict
) -> dict[tuple, Reads]:
    """Reads of both samples for each call of the tumour that joint calling sees again. `bed` is written as a scratch file."""
    backend, plain = settings["backend"], ["--no-version", "-Ou"]

    def bcftools(*words) -> list[str]:
        return hts.command("bcftools", *words, backend=backend)

    if not variants:
        return {}
    lines = [
        f"{v.contig}\t{max(0, v.position - 1 - AROUND)}\t{v.position + len(v.ref) + AROUND}\n"
        for v in variants
    ]
    bed.write_text("".join(dict.fromkeys(lines)), encoding="utf-8")
    try:
        text = hts.output_of(
            bcftools(
                "mpileup", *plain, "-f", reference, "-R", bed, "-d", settings["max_depth"],
                "-L", INDELS_AT_ANY_DEPTH, "-q", settings["min_mapping_quality"], "-Q", settings["min_base_quality"],
                "--indels-cns", "-X", "illumina", "-a", "FORMAT/AD", tumour, normal,
            ),
            bcftools("call", *plain, "-m", "-v", "-A"),
            bcftools("norm", *plain, "-f", reference, "-m", "-any"),
            bcftools("query", "-o", "/dev/stdout", "-f", "%CHROM\\t%POS\\t%REF\\t%ALT\\t%DP[\\t%AD]\\n"),
        )  # fmt: skip
    finally:
        bed.unlink()
    found: dict[tuple, Reads] = {}
    for line in text.splitlines():
        contig, position, ref, alt, _, *counts = line.split("\t")
        pairs = [[int(n) if n.isdigit() else 0 for n in cell.split(",")] for cell in counts]
        if any(len(pair) != 2 for pair in pairs):
            continue
        key = (contig, int(position), ref, alt)
        found[key] = Reads(pairs[0][1], sum(pairs[0]), pairs[1][1], sum(pairs[1]))
    return found


def origin_of(reads: Reads | None, settings: dict) -> str:
    """Where a call comes from: somatic only with a normal deep enough and clear of it, and reads enough in the tumour."""
    if reads is None or reads.normal_depth < settings["min_depth"]:
        return UNKNOWN
    in_normal = reads.normal / reads.normal_depth
    if reads.normal > settings["max_normal_reads"] and in_normal > settings["max_normal_fraction"]:
        return INHERITED
    fraction = reads.tumour / max(1, reads.tumour_depth)
    enough = (
        reads.tumour >= settings["somatic_min_reads"]
        and fraction >= settings["somatic_min_fraction"]
    )
    return SOMATIC if enough else UNKNOWN


def compare_with_normal(
    variants: list[Variant], tumour: str, normal: str, reference: str, table: Path, settings: dict
) -> tuple[list[Variant], Counter]:
    """The somatic calls among `variants` and the number of each origin; all with their reads go to `table` (TSV)."""
    bed = table.with_name(f".{table.name}.bed")
    reads = reads_at_calls(variants, tumour, normal, reference, bed, settings)
    lines, somatic, origins = ["\t".join(COLUMNS)], [], Counter()
    for variant in variants:
        found = reads.get(key_of(variant))
        origin = origin_of(found, settings)
        origins[origin] += 1
        somatic += [variant] if origin == SOMATIC else []
        numbers = vars(found).values() if found else [""] * 4
        lines.append("\t".join(map(str, (*key_of(variant), *numbers, origin))))
    table.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return somatic, origins
