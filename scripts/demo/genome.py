"""The demo genome: half a megabase with genes of hepatocellular carcinoma, and two hepatitis B genotypes.

In: a seed. Out: contigs, genes with exons, targets, hot spots, common SNPs; FASTA, GFF3, BED and TSV of them.
Source: invented sequence; strands of the genes, exon style, codons 41/45 of CTNNB1, 249 of TP53 and the TERT promoter
sites -124/-146 as in man.
"""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

CONTIG_LENGTH = 60_000
CONTIGS = ("chr1", "chr2", "chr3", "chr4", "chr5", "chr13", "chr16", "chr17")
HBV_LENGTH = 3_215  # bases of genotypes B and C
# gene, contig, strand, codons, exons
GENES = (
    ("ARID1A", "chr1", "+", 700, 8),
    ("APOB", "chr2", "-", 800, 7),
    ("ACVR2A", "chr2", "+", 400, 6),
    ("CTNNB1", "chr3", "+", 500, 7),
    ("BAP1", "chr3", "-", 450, 6),
    ("ALB", "chr4", "+", 600, 8),
    ("TERT", "chr5", "-", 700, 6),
    ("RB1", "chr13", "+", 600, 8),
    ("AXIN1", "chr16", "-", 550, 6),
    ("TSC2", "chr16", "+", 600, 7),
    ("TP53", "chr17", "-", 393, 7),
)
UTR5, UTR3 = 100, 200
FIXED_CODONS = {"CTNNB1": {41: "ACC", 45: "TCT"}, "TP53": {249: "AGG"}}
STOPS = ("TAA", "TAG", "TGA")
BASES = np.frombuffer(b"ACGT", dtype=np.uint8)
COMPLEMENT = np.zeros(256, dtype=np.uint8)
COMPLEMENT[list(b"ACGT")] = list(b"TGCA")
TRANSITION = np.zeros(256, dtype=np.uint8)
TRANSITION[list(b"ACGT")] = list(b"GTAC")


@dataclass
class Gene:
    """A gene: exons are 0-based half-open intervals in ascending order; `cds` likewise with phase by strand."""

    name: str
    contig: str
    strand: str
    exons: list[tuple[int, int]]
    cds: list[tuple[int, int]]
    codon_position: dict[int, int] = field(default_factory=dict)


@dataclass
class Genome:
    """Sequences as uint8 arrays, and what lies on them."""

    sequences: dict[str, np.ndarray]
    hbv: dict[str, np.ndarray]
    genes: list[Gene]
    targets: list[tuple[str, int, int]]
    hotspots: list[tuple[str, str, str, int, str, str]]
    snps: list[tuple[str, int, int, float]]  # contig, position, alternative base, frequency


def _random_sequence(rng: np.random.Generator, length: int) -> np.ndarray:
    """Random bases whose G+C fraction changes every 5 kb between 0.34 and 0.58."""
    parts = []
    for start in range(0, length, 5000):
        gc = rng.uniform(0.34, 0.58)
        share = [(1 - gc) / 2, gc / 2, gc / 2, (1 - gc) / 2]
        parts.append(rng.choice(BASES, size=min(5000, length - start), p=share))
    return np.concatenate(parts)


def _coding_sequence(rng: np.random.Generator, name: str, codons: int) -> np.ndarray:
    triplets = [a + b + c for a in "ACGT" for b in "ACGT" for c in "ACGT"]
    words = [str(w) for w in rng.choice([t for t in triplets if t not in STOPS], size=codons)]
    words[0], words[-1] = "ATG", "TAA"
    for codon, word in FIXED_CODONS.get(name, {}).items():
        words[codon - 1] = word
    return np.frombuffer("".join(words).encode(), dtype=np.uint8)


def _place_gene(
    rng: np.random.Generator, sequence: np.ndarray, gene: tuple, offset: int
) -> tuple[Gene, int]:
    """Write one gene into `sequence` from `offset` on; returns it and the first base after it."""
    name, contig, strand, codons, n_exons = gene
    coding = _coding_sequence(rng, name, codons)
    utr5, utr3 = rng.choice(BASES, UTR5), rng.choice(BASES, UTR3)
    mature = np.concatenate([utr5, coding, utr3])
    cuts = np.sort(rng.choice(np.arange(200, len(mature) - 250, 60), n_exons - 1, replace=False))
    pieces = np.split(mature, cuts)
    parts, spans, position = [], [], 0  # in the direction of the gene
    for number, piece in enumerate(pieces):
        spans.append((position, position + len(piece)))
        parts.append(piece)
        position += len(piece)
        if number < n_exons - 1:
            intron = rng.choice(BASES, int(rng.integers(500, 2500)))
            intron[:2], intron[-2:] = list(b"GT"), list(b"AG")
            parts.append(intron)
            position += len(intron)
    whole = np.concatenate(parts)
    of_mature = np.concatenate([np.arange(a, b) for a, b in spans])
    coding_at = of_mature[UTR5 : UTR5 + len(coding)]
    if strand == "-":
        whole = COMPLEMENT[whole][::-1]
        spans = sorted((len(whole) - b, len(whole) - a) for a, b in spans)
        coding_at = len(whole) - 1 - coding_at
    sequence[offset : offset + len(whole)] = whole
    low, high = int(coding_at.min()), int(coding_at.max()) + 1
    exons = [(offset + a, offset + b) for a, b in spans]
    cds = [
        (max(a, offset + low), min(b, offset + high))
        for a, b in exons
        if min(b, offset + high) > max(a, offset + low)
    ]
    at = {c: int(offset + coding_at[3 * (c - 1)]) for c in range(1, codons + 1)}
    return Gene(name, contig, strand, exons, cds, at), offset + len(whole)


def _hotspots(genome: Genome) -> list[tuple]:
    """(name, gene, contig, 1-based position, ref, alt); sets the two TERT promoter bases to G."""
    by_name = {gene.name: gene for gene in genome.genes}
    ctnnb1, tp53, tert = by_name["CTNNB1"], by_name["TP53"], by_name["TERT"]
    start = tert.codon_position[1]  # the A of ATG, minus strand
    for distance in (124, 146):
        genome.sequences["chr5"][start + distance] = ord("G")
    return [
        ("tert_c228t", "TERT", "chr5", start + 124 + 1, "G", "A"),
        ("tert_c250t", "TERT", "chr5", start + 146 + 1, "G", "A"),
        ("tp53_r249s", "TP53", "chr17", tp53.codon_position[249] - 2 + 1, "C", "A"),
        ("ctnnb1_t41a", "CTNNB1", "chr3", ctnnb1.codon_position[41] + 1, "A", "G"),
        ("ctnnb1_s45p", "CTNNB1", "chr3", ctnnb1.codon_position[45] + 1, "T", "C"),
        ("ctnnb1_s45f", "CTNNB1", "chr3", ctnnb1.codon_position[45] + 2, "C", "T"),
    ]


def _snps(rng: np.random.Generator, genome: Genome) -> list[tuple[str, int, int, float]]:
    """Common SNPs, one per about 120 bases of target and 600 elsewhere; in codons only at the third base."""
    taken = {(contig, position - 1) for _, _, contig, position, _, _ in genome.hotspots}
    third, coding = set(), set()
    for gene in genome.genes:  # splice sites stay as they are
        for edge in (edge for exon in gene.exons for edge in exon):
            taken |= {(gene.contig, p) for p in range(edge - 8, edge + 8)}
    for gene in genome.genes:
        step = 1 if gene.strand == "+" else -1
        # introns may cut a codon: its bases are then not neighbours, and the codon is left alone
        for codon, first in gene.codon_position.items():
            if 1 < codon < len(gene.codon_position):
                third.add((gene.contig, first + 2 * step))
        for a, b in gene.cds:
            coding |= {(gene.contig, p) for p in range(a, b)}
    targeted = {(c, p) for c, a, b in genome.targets for p in range(a, b)}
    found = []
    for contig, sequence in genome.sequences.items():
        draw = rng.random(len(sequence))
        share = rng.uniform(0.15, 0.5, len(sequence))
        for position in np.flatnonzero(draw < 1 / 40):
            key = (contig, int(position))
            rate = (1 / 120 if key in targeted else 1 / 600) * 40
            if key in coding:
                rate = 3 * rate if key in third else 0
            if key in taken or draw[position] * 40 >= rate:
                continue
            found.append((*key, int(TRANSITION[sequence[position]]), float(share[position])))
    return found


def make_genome(seed: int) -> Genome:
    """The genome of a demo cohort; the same for the same seed."""
    rng = np.random.default_rng([seed, *b"genome"])
    sequences = {contig: _random_sequence(rng, CONTIG_LENGTH) for contig in CONTIGS}
    genome = Genome(sequences, {}, [], [], [], [])
    offsets = dict.fromkeys(CONTIGS, 4000)
    for gene in GENES:
        placed, end = _place_gene(rng, sequences[gene[1]], gene, offsets[gene[1]])
        genome.genes.append(placed)
        offsets[gene[1]] = end + 3000
    genome.hotspots = _hotspots(genome)
    genome.targets = [(g.contig, a, b) for g in genome.genes for a, b in g.exons]
    promoter = genome.hotspots[0][3]
    genome.targets.append(("chr5", promoter - 200, promoter + 200))
    genome.snps = _snps(rng, genome)
    first = rng.choice(BASES, HBV_LENGTH)
    other = first.copy()
    changed = (
        rng.random(HBV_LENGTH) < 0.08
    )  # genotypes differ by at least 8 % (Okamoto et al. 1988)
    other[changed] = TRANSITION[first[changed]]
    genome.hbv = {"HBV_genotype_B": first, "HBV_genotype_C": other}
    return genome


def _fasta(sequences: dict[str, np.ndarray]) -> str:
    lines = []
    for name, sequence in sequences.items():
        text = sequence.tobytes().decode()
        lines.append(f">{name}")
        lines += [text[k : k + 80] for k in range(0, len(text), 80)]
    return "\n".join(lines) + "\n"


def _gff_lines(gene: Gene) -> list[str]:
    """Lines of one gene in the style of Ensembl, as bcftools csq wants them."""
    transcript = f"transcript:{gene.name}-201"

    def line(kind: str, start: int, end: int, phase: str, attributes: str) -> str:
        columns = (gene.contig, "demo", kind, start + 1, end, ".", gene.strand, phase, attributes)
        return "\t".join(map(str, columns))

    start, end = gene.exons[0][0], gene.exons[-1][1]
    name = f"ID=gene:{gene.name};Name={gene.name};biotype=protein_coding"
    lines = [
        line("gene", start, end, ".", name),
        line(
            "mRNA", start, end, ".", f"ID={transcript};Parent=gene:{gene.name};biotype=protein_coding"
        ),
    ]  # fmt: skip
    lines += [line("exon", a, b, ".", f"Parent={transcript}") for a, b in gene.exons]
    done = 0
    ordered = gene.cds if gene.strand == "+" else gene.cds[::-1]
    for a, b in ordered:
        lines.append(line("CDS", a, b, str(-done % 3), f"Parent={transcript}"))
        done += b - a
    return lines


def write_genome(genome: Genome, folder: Path) -> None:
    """Write demo.fa, hbv.fa, demo.gff3, targets.bed and hotspots.tsv."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "demo.fa").write_text(_fasta(genome.sequences))
    (folder / "hbv.fa").write_text(_fasta(genome.hbv))
    lines = ["##gff-version 3"] + [line for gene in genome.genes for line in _gff_lines(gene)]
    (folder / "demo.gff3").write_text("\n".join(lines) + "\n")
    targets = [f"{c}\t{a}\t{b}" for c, a, b in sorted(genome.targets)]
    (folder / "targets.bed").write_text("\n".join(targets) + "\n")
    header = "name\tgene\tassembly\tcontig\tposition\tref\talt"
    rows = [f"{n}\t{g}\tdemo\t{c}\t{p}\t{r}\t{a}" for n, g, c, p, r, a in genome.hotspots]
    (folder / "hotspots.tsv").write_text("\n".join([header, *rows]) + "\n")
