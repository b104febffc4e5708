"""One indexed reference for all genomics steps: human genome, joined with HBV genotypes where given.

In: FASTA (may be gzipped), HBV FASTA, GFF3, target BED. Out: genome.fa with samtools and bwa index, contigs.tsv,
targets.bed (sorted, merged), annotation.gff3. Source: SAM/BED/GFF3 specifications; bwa index through pybwa.
"""

import gzip
import re
import zlib
from collections.abc import Iterator
from pathlib import Path

from scripts.core import job as core_job
from scripts.genomics import hts
from scripts.genomics.bwa_pairs import quiet_stderr

LINE = 80
_BASES = re.compile(r"[ACGTNRYSWKMBDHV]+", re.IGNORECASE)  # IUPAC codes of DNA
# GRCh38 (UCSC, bwakit), GRCh37 (UCSC haplotypes), HLA alleles, Ensembl; descriptions of NCBI's accessions.
_ALTERNATE_NAME = re.compile(
    r"_(alt|fix|hap\d+)$|^HLA[-:]|^(CHR_)?H(S|G)[A-Z0-9]*_.*(CTG|PATCH|MHC|APD|MANN|MCF|QBL|SSTO|COX|DBB)"
)
_ALTERNATE_TEXT = re.compile(
    r"alternate locus group|ALT_REF_LOCI|rl:alt-scaffold|(fix|novel) patch", re.I
)
REQUIREMENT = "OMX-01"


def _defect(reason: str) -> core_job.InputDefect:
    return core_job.InputDefect(reason, requirement_id=REQUIREMENT, check="reference usable")


def text_lines(path: str | Path, what: str, errors: str = "strict") -> Iterator[str]:
    """Lines of a text file, gzipped (by its first bytes) or not, with or without BOM. InputDefect when it is damaged."""
    try:
        with open(path, "rb") as handle:
            gzipped = handle.read(2) == b"\x1f\x8b"
        opener = gzip.open if gzipped else open
        with opener(path, "rt", encoding="utf-8-sig", errors=errors) as handle:
            yield from handle
    except (EOFError, UnicodeDecodeError, gzip.BadGzipFile, zlib.error):
        raise _defect(
            f"the {what} cannot be read: truncated or damaged file, or no UTF-8 text"
        ) from None


def sequence_lines(path: str | Path, what: str) -> Iterator[tuple[str, str]]:
    """(contig, piece of its sequence) of a FASTA; the first piece of a contig is "". InputDefect if it is no FASTA."""
    name = ""
    for line in text_lines(path, what):
        line = line.strip()
        if line.startswith(">"):
            name = line[1:].split()[0] if line[1:].split() else ""
            if not name:
                raise _defect(f"the {what} has a sequence without a name")
            yield name, ""
        elif line:
            if not name or not line.isalpha():
                raise _defect(f"the {what} is not a FASTA file")
            if not _BASES.fullmatch(line):
                raise _defect(f"the {what} holds letters that are no bases of DNA (contig {name})")
            yield name, line
    if not name:
        raise _defect(f"the {what} is empty")


def join_fastas(human: str | Path, hbv: str | Path | None, out: Path) -> dict[str, tuple[int, str]]:
    """Write one FASTA of 80 columns; returns {contig: (length, "human" or "hbv")} in file order."""
    contigs: dict[str, tuple[int, str]] = {}
    sources = [(human, "human", "reference FASTA")]
    sources += [(hbv, "hbv", "HBV FASTA")] if hbv else []
    with open(out, "w", encoding="ascii", newline="\n") as handle:
        for path, kind, what in sources:
            rest, current = "", ""
            for name, piece in sequence_lines(path, what):
                if not piece:
                    if name in contigs:
                        raise _defect(f"contig {name} stands twice in the reference")
                    handle.write((rest + "\n" if rest else "") + f">{name}\n")
                    contigs[name], rest, current = (0, kind), "", name
                    continue
                contigs[current] = (contigs[current][0] + len(piece), kind)
                rest += piece
                while len(rest) >= LINE:
                    handle.write(rest[:LINE] + "\n")
                    rest = rest[LINE:]
            handle.write(rest + "\n" if rest else "")
    bare = [name for name, (length, _) in contigs.items() if not length]
    if bare:
        raise _defect(f"contig {bare[0]} has no sequence; is a FASTA cut off?")
    return contigs


def alternate_contigs(reference: str | Path, contigs: dict) -> list[str]:
    """ALT, HLA and patch contigs: those of the .alt file beside the FASTA, else told by name or description.

    bwa mem needs them, or reads of a region with an ALT contig have two places and mapping quality 0 (bwa README-alt).
    """
    bare = str(reference).removesuffix(".gz")
    for path in (f"{reference}.alt", f"{bare}.alt", f"{bare}.64.alt"):
        if Path(path).is_file():
            names = {
                line.split()[0]
                for line in text_lines(path, ".alt file")
                if line.strip() and line[0] != "@"
            }
            found = [name for name in contigs if name in names]
            if not found:
                raise _defect(
                    f"{Path(path).name} names no contig of the reference; is it that of another assembly?"
                )
            return found
    found = []
    for line in text_lines(reference, "reference FASTA"):
        if line[0] == ">" and line[1:].split():
            name = line[1:].split()[0]
            if _ALTERNATE_NAME.search(name) or _ALTERNATE_TEXT.search(line):
                found.append(name)
    return found


def read_targets(path: str | Path, lengths: dict[str, int]) -> list[tuple[str, int, int]]:
    """Target intervals (0-based, half-open), merged, in the order of the contigs. InputDefect on a foreign contig."""
    intervals: dict[str, list[tuple[int, int]]] = {}
    for number, line in enumerate(text_lines(path, "targets BED"), 1):
        words = line.split()
        if not words or words[0] in ("track", "browser") or line.startswith("#"):
            continue
        try:
            contig, start, end = words[0], int(words[1]), int(words[2])
        except (IndexError, ValueError):
            raise _defect(f"targets BED, line {number}: needs contig, start and end") from None
        if contig not in lengths:
            known = ", ".join(list(lengths)[:3])
            raise _defect(
                f"targets BED, line {number}: contig {contig} is not in the reference (it has {known} ...)"
            )
        if not 0 <= start < end <= lengths[contig]:
            raise _defect(
                f"targets BED, line {number}: {start}-{end} does not lie on {contig}, "
                f"which has {lengths[contig]} bases; BED and FASTA of different assemblies?"
            )
        intervals.setdefault(contig, []).append((start, end))
    merged: list[tuple[str, int, int]] = []
    for contig in lengths:
        for start, end in sorted(intervals.get(contig, [])):
            if merged and merged[-1][0] == contig and start <= merged[-1][2]:
                merged[-1] = (contig, merged[-1][1], max(end, merged[-1][2]))
            else:
                merged.append((contig, start, end))
    if not merged:
        raise _defect("the targets BED holds no interval")
    return merged


def copy_annotation(path: str | Path, out: Path, contigs: dict[str, tuple[int, str]]) -> int:
    """Copy a GFF3 (unpacked) and return its coding transcripts; InputDefect when bcftools csq could not use it."""
    transcripts, foreign, known = 0, set(), 0
    # Names of other languages in a comment, in another encoding, do no harm: bytes are copied as they are.
    with open(out, "w", encoding="utf-8", errors="surrogateescape") as handle:
        for line in text_lines(path, "annotation", "surrogateescape"):
            handle.write(line)
            if line.startswith("#"):
                continue
            columns = line.split("\t")
            if len(columns) == 9 and "ID=transcript:" in columns[8] and "biotype=" in columns[8]:
                transcripts += 1
                known += columns[0] in contigs
                foreign.add(columns[0])
    if not transcripts:
        raise _defect(
            "the annotation has no transcript that bcftools csq can read: it needs a GFF3 in the style of "
            "Ensembl (ID=transcript:..., Parent=gene:..., biotype=...)"
        )
    if not known:
        raise _defect(
            f"no contig of the annotation ({', '.join(sorted(foreign)[:3])} ...) is in the reference "
            f"({', '.join(list(contigs)[:3])} ...); with or without chr?"
        )
    return transcripts


def index_reference(fasta: Path, fai: Path, dictionary: Path) -> None:
    """samtools faidx and bwa index beside `fasta`; the sequence dictionary without file names."""
    from pybwa import BwaIndex

    hts.run(hts.command("samtools", "faidx", fasta, "--fai-idx", fai))
    with quiet_stderr():
        BwaIndex.index(fasta, prefix=fasta)
    lines = []
    for line in dictionary.read_text(encoding="ascii").splitlines():
        lines.append("\t".join(word for word in line.split("\t") if not word.startswith("UR:")))
    dictionary.write_text("\n".join(lines) + "\n", encoding="ascii")


def main(job):
    """Join and index the reference.

    params: reference, hbv, targets, annotation (paths or ""), hbv_contigs (names already in the reference)
    output: fasta, fai, dict, alt (names of its ALT contigs), amb, ann, bwt, pac, sa, contigs, targets, annotation, status, ledger
    """
    with core_job.step(job) as step:
        params = job.params
        for key in ("reference", "hbv", "targets", "annotation"):
            path = getattr(params, key)
            if key == "reference" and not path:
                raise _defect(
                    "config key genomics.reference is empty: name the FASTA of the genome"
                )
            if path and not Path(path).is_file():
                raise _defect(f"config key genomics.{key}: there is no such file")
        fasta = step.path(job.output.fasta)
        contigs = join_fastas(params.reference, params.hbv, fasta)
        absent = sorted(set(params.hbv_contigs) - set(contigs))
        if absent:
            raise _defect(
                f"config key genomics.hbv_contigs: {', '.join(absent)} not in the reference"
            )
        lengths = {name: length for name, (length, _) in contigs.items()}
        with open(step.path(job.output.contigs), "w", encoding="utf-8") as handle:
            handle.write("contig\tlength\tkind\n")
            for name, (length, kind) in contigs.items():
                handle.write(f"{name}\t{length}\t{'hbv' if name in params.hbv_contigs else kind}\n")
        targets = read_targets(params.targets, lengths) if params.targets else []
        step.path(job.output.targets).write_text(
            "".join(f"{c}\t{s}\t{e}\n" for c, s, e in targets), encoding="utf-8"
        )
        annotation = step.path(job.output.annotation)
        annotation.touch()
        transcripts = (
            copy_annotation(params.annotation, annotation, contigs) if params.annotation else 0
        )
        alternate = alternate_contigs(params.reference, contigs)
        marks = getattr(
            job.output, "alt", f"{job.output.fasta}.alt"
        )  # bwa reads it beside the index
        step.path(marks).write_text("".join(f"{name}\n" for name in alternate), encoding="utf-8")
        for name in ("amb", "ann", "bwt", "pac", "sa"):
            step.path(getattr(job.output, name))
        index_reference(fasta, step.path(job.output.fai), step.path(job.output.dict))
        step.check(REQUIREMENT, "contigs of the reference", "PASS", value=len(contigs))
        step.check(REQUIREMENT, "ALT contigs marked for the aligner", "PASS", value=len(alternate))
        step.check(
            REQUIREMENT,
            "coding transcripts of the annotation",
            "PASS" if transcripts else "NOT_ASSESSED",
            value=transcripts,
        )


if __name__ == "__main__":
    core_job.entry(main, globals().get("snakemake"))
