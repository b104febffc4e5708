"""In: protein FASTA (.fasta or .gz), config proteomics.dda. Out: target-decoy FASTA and a table of its proteins.
Decoys: every tryptic peptide reversed, its last residue kept, so that masses and lengths stay those of the targets.
Source: Elias & Gygi 2010 (Methods Mol Biol 604:55); UniProt FASTA headers (OS=, GN=).
"""

import gzip
import re
import zlib
from dataclasses import dataclass
from pathlib import Path

from scripts.core import job as core_job
from scripts.proteomics.foreign_accessions import DECOY_MARK, is_contaminant, is_decoy

REQUIREMENT = "OMX-03"
_RESIDUES = re.compile(r"[A-Z*-]+")
_TRYPTIC = re.compile(r"[^KR]*[KR]|[^KR]+$")
SHORTEST = 30  # residues; shorter sequences may read backwards by chance
_GENE = re.compile(r"\bGN=(\S+)")
_ORGANISM = re.compile(r"\s(?:OS|OX|GN|PE|SV)=.*$")


@dataclass(frozen=True)
class Protein:
    """One target protein. `accession` is the first word of the header, `gene` "" when the header names none."""

    accession: str
    gene: str
    name: str
    sequence: str


def read_fasta(path: str | Path) -> list[Protein]:
    """Proteins of a FASTA file in its order; InputDefect when it is unreadable, empty, not protein FASTA or has twins."""
    opener = gzip.open if str(path).endswith(".gz") else open
    try:
        with opener(path, "rt", encoding="utf-8") as handle:
            lines = handle.read().splitlines()
    except (OSError, EOFError, UnicodeDecodeError, zlib.error) as error:
        raise _defect(
            f"cannot be read as text ({type(error).__name__}); is it truncated?"
        ) from None
    entries: list[tuple[str, list[str]]] = []
    for number, line in enumerate(lines, start=1):
        text = line.strip()
        if text.startswith(">"):
            if not text[1:].strip():
                raise _defect(f"line {number}: a header without accession")
            entries.append((text[1:].strip(), []))
        elif text and not entries:
            raise _defect(f"line {number}: sequence before the first header line (>)")
        elif text:
            residues = text.upper()
            if not _RESIDUES.fullmatch(residues):
                raise _defect(f"line {number}: not a protein sequence (letters A-Z only)")
            entries[-1][1].append(residues)
    proteins = [_protein(header, "".join(parts)) for header, parts in entries]
    if not proteins:
        raise _defect("holds no protein")
    for protein in proteins:
        if not protein.sequence:
            raise _defect(f"protein {protein.accession} has no sequence")
    if all(set(p.sequence) <= set("ACGTUN") for p in proteins):
        raise _defect("holds nucleotides, not proteins")
    seen: set[str] = set()
    for protein in proteins:
        if protein.accession in seen:
            raise _defect(f"protein {protein.accession} stands twice; keep one")
        seen.add(protein.accession)
    return proteins


def _defect(what: str) -> core_job.InputDefect:
    return core_job.InputDefect(
        f"protein FASTA (config proteomics.dda.fasta): {what}",
        requirement_id=REQUIREMENT,
        check="protein database readable",
    )


def _protein(header: str, sequence: str) -> Protein:
    accession, _, description = header.partition(" ")
    gene = _GENE.search(description)
    name = _ORGANISM.sub("", " " + description).strip()
    return Protein(
        accession, gene.group(1) if gene else "", name, sequence.replace("-", "").rstrip("*")
    )


def decoys_among(proteins: list[Protein], prefix: str) -> list[Protein]:
    """Entries that are decoys: by their mark, or by a sequence that is another entry's read backwards.

    A mark counts where it is the decoy prefix of the configuration, where the unmarked accession stands in the file too, or
    where a tenth of the entries bear one: a single accession such as REV_HV1BR is a protein.
    """
    named = {p.accession.lower() for p in proteins}
    marked = [p for p in proteins if is_decoy(p.accession)]
    paired = [p for p in marked if _unmarked(p.accession).lower() in named]
    by_mark = marked if paired or 10 * len(marked) >= len(proteins) else []
    own = [p for p in proteins if p.accession.startswith(prefix)]
    sequences = {p.sequence for p in proteins if len(p.sequence) >= SHORTEST}
    backwards = [
        p
        for p in proteins
        if len(p.sequence) >= SHORTEST
        and any(other != p.sequence and other in sequences for other in _reversals(p.sequence))
    ]
    if own or by_mark:
        return list({p.accession: p for p in [*own, *by_mark]}.values())
    # Of a pair either may be the decoy: the later one is taken.
    return backwards[len(backwards) // 2 :]


def _unmarked(accession: str) -> str:
    text = DECOY_MARK.sub("", accession)
    return re.sub(r"\|(?:rev|reverse|decoy|xxx)_", "|", text, flags=re.IGNORECASE)


def _reversals(sequence: str) -> tuple[str, ...]:
    """The sequence backwards: whole, its first methionine kept, and peptide by peptide."""
    return sequence[::-1], sequence[0] + sequence[:0:-1], decoy_sequence(sequence)


def decoy_sequence(sequence: str) -> str:
    """The sequence with every tryptic peptide reversed but for its last residue (K or R stays the cleavage site)."""
    return "".join(
        piece[-2::-1] + piece[-1] if piece[-1] in "KR" else piece[::-1]
        for piece in _TRYPTIC.findall(sequence)
    )


def write_target_decoy(path: str | Path, proteins: list[Protein], prefix: str) -> None:
    """Targets, each followed by its decoy (`prefix` + accession)."""
    with open(path, "w", encoding="utf-8") as handle:
        for protein in proteins:
            handle.write(f">{protein.accession}\n{protein.sequence}\n")
            handle.write(f">{prefix}{protein.accession}\n{decoy_sequence(protein.sequence)}\n")


def write_proteins(path: str | Path, proteins: list[Protein], contaminants: list[str]) -> None:
    """TSV: accession, gene, name, length, contaminant (true / false)."""
    with open(path, "w", encoding="utf-8") as handle:
        handle.write("accession\tgene\tname\tlength\tcontaminant\n")
        for p in proteins:
            flag = str(is_contaminant(p.accession, contaminants)).lower()
            name = p.name.replace("\t", " ")
            handle.write(f"{p.accession}\t{p.gene}\t{name}\t{len(p.sequence)}\t{flag}\n")


def main(job):
    """Make the target-decoy database of the cohort once."""
    settings = job.params.settings
    with core_job.step(job) as step:
        fasta = job.input.get("fasta")
        if not fasta:
            named = settings["fasta"]
            raise _defect(
                "no such file; give the path of your protein FASTA"
                if named
                else "not set; searching DDA spectra needs a protein FASTA"
            )
        fasta = fasta if isinstance(fasta, str) else fasta[0]
        proteins = read_fasta(fasta)
        prefix = settings["decoy_prefix"]
        decoys = decoys_among(proteins, prefix)
        if decoys:
            raise core_job.InputDefect(
                f"protein FASTA (config proteomics.dda.fasta): {len(decoys)} of {len(proteins)} entries are decoys already, such "
                f"as {decoys[0].accession}; give the targets alone, decoys are made here",
                requirement_id=REQUIREMENT,
                check="targets only",
            )
        write_target_decoy(step.path(job.output.fasta), proteins, prefix)
        write_proteins(step.path(job.output.proteins), proteins, settings["contaminant_prefixes"])
        step.check(REQUIREMENT, "proteins in the database", "PASS", value=len(proteins))


if __name__ == "__main__":
    core_job.entry(main, globals().get("snakemake"))
