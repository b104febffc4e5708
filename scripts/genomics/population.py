"""Population frequencies of called variants, from a VCF of the site (gnomAD or another).

In: an indexed VCF or BCF with INFO/AF, called variants. Out: the part of it near the calls, one alternative allele a line,
indels left-aligned. Source: bcftools manual ("annotate": both files need an index; "norm": -m, -f); VCF 4.3, Number=A.
"""

import re
import subprocess
from pathlib import Path

from scripts.core.job import InputDefect
from scripts.genomics import hts

REQUIREMENT = "OMX-01"
KEY = "config key genomics.population_frequencies"
NEAR = 300  # bases around a call in which an indel may be written differently
LOOKED_AT = 1000  # records whose REF is compared with the reference
MIN_SAME_REF = 0.9  # share of them that must agree; less is another assembly
_AF = re.compile(r"(##INFO=<ID=AF,Number=)([^,]+)(,)")


def defect(reason: str) -> InputDefect:
    """A FAIL because of the frequency file."""
    return InputDefect(
        f"{KEY}: {reason}", requirement_id=REQUIREMENT, check="population frequencies usable"
    )


def contigs_of(path: str) -> list[str]:
    """Contigs with records, by the index. InputDefect: no such file, no VCF, no index, no INFO/AF."""
    import pysam

    name = Path(path).name
    if not Path(path).is_file():
        raise defect("there is no such file")
    try:
        with pysam.VariantFile(path) as records:
            header = records.header
            number = header.info["AF"].number if "AF" in header.info else None
            indexed = records.index is not None
            contigs = list(records.index) if indexed else []
            packed = records.compression
    except (OSError, ValueError):
        raise defect(f"{name} is no VCF or BCF file, or it is damaged") from None
    if number is None:
        raise defect(f"{name} has no INFO/AF (allele frequency of each alternative allele)")
    if number not in ("A", 1, "."):
        raise defect(
            f"INFO/AF of {name} has Number={number}; A is needed, one per alternative allele"
        )
    if not indexed:
        pack = "" if packed == "BGZF" else f"bgzip {name.removesuffix('.gz')}, then "
        raise defect(f"{name} has no index beside it; make one: {pack}bcftools index -t {name}")
    return contigs


def check_contigs(path: str, wanted: list[str]) -> list[str]:
    """Contigs of `wanted` without frequencies. InputDefect where the file names none of them."""
    contigs = contigs_of(path)
    if not set(contigs) & set(wanted):
        named, other = ", ".join(contigs[:3]) or "none", ", ".join(wanted[:3])
        raise defect(
            f"its contigs ({named} ...) are not those of the reference ({other} ...); with or without chr? "
            "bcftools annotate --rename-chrs renames them"
        )
    return [name for name in wanted if name not in contigs]


def near_calls(calls: str, contigs: list[str]) -> list[tuple[str, int, int]]:
    """Intervals (0-based, half-open) around the calls on `contigs`, merged."""
    text = hts.output_of(hts.command("bcftools", "query", "-f", "%CHROM\\t%POS\\t%END\\n", calls))
    merged: list[list] = []
    for line in text.splitlines():
        contig, start, end = line.split("\t")
        low, high = max(0, int(start) - 1 - NEAR), int(end) + NEAR
        if contig not in contigs:
            continue
        if merged and merged[-1][0] == contig and low <= merged[-1][2]:
            merged[-1][2] = max(high, merged[-1][2])
        else:
            merged.append([contig, low, high])
    return [tuple(interval) for interval in merged]


def _copy(lines, out, genome) -> None:
    """Copy a VCF with INFO/AF declared per alternative allele; InputDefect when REF is not that of the reference.

    A record with another number of frequencies than alternative alleles loses them: which is whose is not known.
    """
    compared = same = 0
    for line in lines:
        if line.startswith("##INFO=<ID=AF,"):
            line = _AF.sub(r"\1A\3", line)
        elif line[0] != "#":
            cells = line.rstrip("\n").split("\t")
            contig, start, ref, alternatives = (
                cells[0],
                int(cells[1]) - 1,
                cells[3].upper(),
                cells[4],
            )
            if compared < LOOKED_AT:
                compared += 1
                same += genome.fetch(contig, start, start + len(ref)).upper() == ref
            if cells[7].count(",") != alternatives.count(","):
                cells[7] = "."
            line = "\t".join([*cells[:3], ref, alternatives.upper(), *cells[5:]]) + "\n"
        out.write(line)
    if compared and same / compared < MIN_SAME_REF:
        raise defect(
            f"{compared - same} of {compared} REF alleles differ from the reference; another assembly?"
        )


def frequencies_near(path: str, calls: str, reference: str, folder: Path, settings: dict) -> str:
    """Write the records of `path` near the calls, split and left-aligned, into `folder`; returns the indexed BCF."""
    import pysam

    def bcftools(*words) -> list[str]:
        return hts.command("bcftools", *words, backend=settings["backend"])

    known = contigs_of(path)
    bed, text, ready = folder / "near.bed", folder / "near.vcf", str(folder / "near.bcf")
    intervals = near_calls(calls, known) or [(known[0], 0, 1)]
    bed.write_text("".join(f"{c}\t{s}\t{e}\n" for c, s, e in intervals), encoding="utf-8")
    plain = ("--no-version", "-Ou")
    words = [
        bcftools("view", *plain, "-G", "-R", bed, path),
        bcftools("annotate", "--no-version", "-x", "ID,QUAL,FILTER,^INFO/AF"),
    ]
    try:
        with (
            hts.piped(words, sink=subprocess.PIPE) as pipe,
            open(text, "w", encoding="utf-8") as out,
            pysam.FastaFile(reference) as genome,
        ):
            _copy((line.decode("utf-8", "replace") for line in pipe.result), out, genome)
        hts.run(
            bcftools("norm", *plain, "-m", "-any", "-c", "x", "-f", reference, text),
            bcftools("sort", "-Ob", "-T", folder / "sort", "-o", ready),
        )
        hts.run(bcftools("index", "-f", ready))
    except hts.CommandError as error:
        last = error.message.replace(path, Path(path).name).strip().splitlines()[-1][:160]
        raise defect(f"{Path(path).name} cannot be read to its end: {last}") from None
    return ready
