"""Raw files of the genomics modalities of the demo: exome-like and cfDNA-like read pairs on the demo genome.

In: people, a folder, a seed. Out: FASTQ pairs and the reference below the folder, assays rows, planted findings.
Source: fragment lengths and their shortening in tumour DNA: Jiang et al. 2015 (PNAS 112:E1317), Cristiano et al. 2019;
end motifs: Jiang et al. 2020 (fewer CCCA ends, more diversity in HCC); arms: TCGA 2017. Tumour fractions are set about
ten times above those of early HCC, so that they show at the depth that a demo can afford.
"""

import gzip
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from scripts.demo.genome import COMPLEMENT, TRANSITION, Genome, make_genome, write_genome
from scripts.demo.latent import Person, Simulated, generator, relative, with_raw

EXOME_PAIRS, EXOME_READ = 7_500, 100  # about 45x over the targets
LOW_DEPTH_PAIRS = 1_300
CFDNA_PAIRS, CFDNA_READ = 20_000, 75  # about 7x over the genome
ERROR_RATE = 0.002
DUPLICATES = 0.06
ADAPTERS = (b"AGATCGGAAGAGCACACGTCTGAACTCCAGTCA", b"AGATCGGAAGAGCGTCGTGTAGGGAAAGAGTGT")
# Chance that a tumour carries a hot spot: TERT promoter 0.44, CTNNB1 0.27 (TCGA 2017); R249S where aflatoxin is eaten.
CARRIED = {"tert_c228t": 0.6, "tp53_r249s": 0.3, "ctnnb1_s45p": 0.25, "ctnnb1_t41a": 0.1}
# Copies in tumours: gains of 1q, 5p; losses of 4q, 13q, 16, 17p (TCGA 2017), on whole demo contigs.
COPIES = {"chr1": 3.0, "chr5": 3.0, "chr4": 1.3, "chr13": 1.3, "chr16": 1.4, "chr17": 1.3}
TRUNCATED, SWAPPED, SHALLOW = 2, 10, 15  # numbers of the people with planted defects


@dataclass
class Layout:
    """The genome as one array: `offsets` and `lengths` of contigs, weights of fragment starts and ends."""

    sequence: np.ndarray
    names: list[str]
    offsets: np.ndarray
    lengths: np.ndarray

    def at(self, contig: str, position: int) -> int:
        """Index of a 0-based position of a contig."""
        return int(self.offsets[self.names.index(contig)]) + position


def lay_out(genome: Genome) -> Layout:
    """All contigs, then the HBV genotypes, joined."""
    parts = genome.sequences | genome.hbv
    lengths = np.array([len(part) for part in parts.values()])
    offsets = np.concatenate([[0], np.cumsum(lengths)[:-1]])
    return Layout(np.concatenate(list(parts.values())), list(parts), offsets, lengths)


def tumour_fraction(latent: float, most: float) -> float:
    """Share of tumour DNA in plasma: a logistic curve of the latent burden up to `most`."""
    return float(most / (1 + np.exp(-(latent - 1.0) / 0.45)))


def haplotypes(genome: Genome, layout: Layout, seed: int, number: int) -> np.ndarray:
    """Two inherited haplotypes and the tumour's third: array (3, bases). Exome and cfDNA of a person share them."""
    rng = generator(seed, "genotype", number)
    both = np.repeat(layout.sequence[None, :], 3, axis=0)
    for contig, position, alternative, frequency in genome.snps:
        index = layout.at(contig, position)
        both[:2, index] = np.where(rng.random(2) < frequency, alternative, both[0, index])
    both[2] = both[0]
    for name, _, contig, position, _, alternative in genome.hotspots:
        if rng.random() < CARRIED.get(name, 0):
            both[2, layout.at(contig, position - 1)] = ord(alternative)
    for _ in range(6):  # passengers in the targets
        contig, start, end = genome.targets[int(rng.integers(len(genome.targets)))]
        index = layout.at(contig, int(rng.integers(start + 3, end - 3)))
        both[2, index] = TRANSITION[both[2, index]]
    return both


def _inside(layout: Layout, start: np.ndarray, length: np.ndarray) -> np.ndarray:
    """Which fragments lie on one contig."""
    contig = np.searchsorted(layout.offsets, start, side="right") - 1
    return (start >= 0) & (start + length <= layout.offsets[contig] + layout.lengths[contig])


def exome_fragments(
    rng: np.random.Generator, genome: Genome, layout: Layout, pairs: int
) -> tuple[np.ndarray, np.ndarray]:
    """Starts and lengths: 94 % over the targets, the rest anywhere; some fragments stand twice (PCR)."""
    unique = int(pairs * (1 - DUPLICATES))
    spans = np.array([(layout.at(c, a), layout.at(c, b)) for c, a, b in genome.targets])
    weights = (spans[:, 1] - spans[:, 0] + 150).astype(float)
    chosen = spans[rng.choice(len(spans), size=unique, p=weights / weights.sum())]
    middle = chosen[:, 0] - 75 + rng.random(unique) * (chosen[:, 1] - chosen[:, 0] + 150)
    human = int(layout.offsets[len(genome.sequences)])
    middle = np.where(rng.random(unique) < 0.06, rng.random(unique) * human, middle)
    length = np.clip(rng.normal(210, 45, unique), 80, 450).astype(int)
    start = (middle - length / 2).astype(int)
    keep = _inside(layout, start, length) & (start < human)
    start, length = start[keep], length[keep]
    again = rng.integers(0, len(start), pairs - unique)
    return np.concatenate([start, start[again]]), np.concatenate([length, length[again]])


def _motif_codes(sequence: np.ndarray) -> np.ndarray:
    """Code 0..255 of the 4-mer that starts at each base (A, C, G, T = 0..3); the last three repeat."""
    digit = np.zeros(256, dtype=np.int64)
    digit[list(b"ACGT")] = (0, 1, 2, 3)
    d = digit[sequence]
    codes = d[:-3] * 64 + d[1:-2] * 16 + d[2:-1] * 4 + d[3:]
    return np.concatenate([codes, codes[-3:]])


def _motif_weights() -> np.ndarray:
    """Relative cleavage of the 256 end motifs in plasma: C-rich ends, CCCA most."""
    weights = np.ones(256)
    first, second = np.arange(256) // 64, np.arange(256) // 16 % 4
    weights[first == 1] *= 2.2
    weights[(first == 1) & (second == 1)] *= 1.9
    weights[first == 3] *= 0.8
    weights[1 * 64 + 1 * 16 + 1 * 4 + 0] *= 1.6
    return weights / weights.mean()


def _lengths(rng: np.random.Generator, count: int, tumour: bool) -> np.ndarray:
    """Fragment lengths (bp): healthy mode 166, tumour DNA shorter (near 145), some of two nucleosomes."""
    share = (0.30, 0.60, 0.10) if tumour else (0.80, 0.14, 0.06)
    kind = rng.choice(3, size=count, p=share)
    mean, sd = np.array([167, 146, 325])[kind], np.array([9, 13, 25])[kind]
    return np.clip(rng.normal(mean, sd), 70, 420).astype(int)


def cfdna_fragments(
    rng: np.random.Generator, genome: Genome, layout: Layout, pairs: int, fraction: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Starts, lengths and whether a fragment is the tumour's: cut at preferred motifs, copies by arm."""
    human = int(layout.offsets[len(genome.sequences)])
    sequence = layout.sequence[:human]
    codes = _motif_codes(sequence)
    reverse = _motif_codes(COMPLEMENT[sequence][::-1])[::-1]  # 4-mer that ends at each base
    weights = _motif_weights()
    copies = np.repeat([COPIES.get(n, 2.0) / 2 for n in genome.sequences], layout.lengths[: len(genome.sequences)])  # fmt: skip
    starts, lengths, tumours = [], [], []
    for tumour, wanted in ((False, pairs - int(fraction * pairs)), (True, int(fraction * pairs))):
        cut = weights ** (0.45 if tumour else 1.0)
        cumulated = np.cumsum(cut[codes] * (copies if tumour else 1.0))
        found = 0
        while found < wanted:
            draws = 4 * (wanted - found) + 100
            start = np.searchsorted(cumulated, rng.random(draws) * cumulated[-1])
            length = _lengths(rng, draws, tumour)
            keep = _inside(layout, start, length) & (start + length <= human)
            start, length = start[keep], length[keep]
            keep = rng.random(len(start)) < cut[reverse[start + length - 1]] / cut.max()
            start, length = start[keep][: wanted - found], length[keep][: wanted - found]
            starts.append(start)
            lengths.append(length)
            tumours.append(np.full(len(start), tumour))
            found += len(start)
    return np.concatenate(starts), np.concatenate(lengths), np.concatenate(tumours)


def viral_fragments(
    rng: np.random.Generator, layout: Layout, mean: float
) -> tuple[np.ndarray, np.ndarray]:
    """Poisson(`mean`) fragments of one HBV genotype."""
    count = int(rng.poisson(mean))
    genotype = len(layout.names) - 1 - int(rng.random() < 0.35)
    length = np.clip(rng.normal(150, 20, count), 80, 200).astype(int)
    start = layout.offsets[genotype] + (
        rng.random(count) * (layout.lengths[genotype] - length)
    ).astype(int)
    return start, length


def read_pairs(
    rng: np.random.Generator,
    sources: np.ndarray,
    start: np.ndarray,
    length: np.ndarray,
    which: np.ndarray,
    size: int,
) -> tuple[bytes, bytes]:
    """FASTQ text of both mates: fragments `which` haplotype, adapter behind short fragments, errors with low quality."""
    count = len(start)
    steps = np.arange(size)
    left = np.minimum(start[:, None] + steps, sources.shape[1] - 1)
    right = np.maximum(start[:, None] + length[:, None] - 1 - steps, 0)
    forward = sources[which[:, None], left]
    backward = COMPLEMENT[sources[which[:, None], right]]
    flip = rng.random(count) < 0.5
    mates = [
        np.where(flip[:, None], backward, forward),
        np.where(flip[:, None], forward, backward),
    ]
    texts = []
    for mate, adapter in zip(mates, ADAPTERS, strict=True):
        tail = np.frombuffer(adapter + b"A" * size, dtype=np.uint8)
        beyond = steps - length[:, None]
        reads = np.where(beyond >= 0, tail[np.clip(beyond, 0, None)], mate)
        wrong = rng.random(reads.shape) < ERROR_RATE
        reads = np.where(wrong, TRANSITION[reads], reads)
        quality = np.full(reads.shape, ord("F"), dtype=np.uint8)
        quality[rng.random(reads.shape) < 0.01] = ord(":")
        quality[wrong] = ord(",")
        texts.append(_fastq(reads, quality))
    return texts[0], texts[1]


def _fastq(reads: np.ndarray, quality: np.ndarray) -> bytes:
    count = len(reads)
    prefix = np.frombuffer(b"@DEMO:1:FC1:1:", dtype=np.uint8)
    digits = np.arange(1, count + 1)[:, None] // 10 ** np.arange(6, -1, -1) % 10 + ord("0")
    line = np.full((count, 1), ord("\n"), dtype=np.uint8)
    plus = np.tile(np.frombuffer(b"\n+\n", dtype=np.uint8), (count, 1))
    parts = [np.tile(prefix, (count, 1)), digits.astype(np.uint8), line, reads, plus, quality, line]
    return np.hstack(parts).astype(np.uint8).tobytes()


def _write(path: Path, text: bytes, keep: float = 1.0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    packed = gzip.compress(text, compresslevel=4, mtime=0)
    path.write_bytes(packed[: int(len(packed) * keep)])


def _assay(person: Person, modality: str, folder: Path, texts: tuple, keep: float = 1.0) -> dict:
    """Write both mates and return the row of assays.tsv."""
    base = folder / "raw" / modality / person.patient_id
    paths = [base.with_name(f"{person.patient_id}_R{k}.fastq.gz") for k in (1, 2)]
    _write(paths[0], texts[0])
    _write(paths[1], texts[1], keep)
    return {
        "patient_id": person.patient_id,
        "modality": modality,
        "file": relative(paths[0], folder),
        "file2": relative(paths[1], folder),
        "specimen": "plasma",
        "date": person.index_date.isoformat(),
    }


def simulate_exome(
    person: Person, genome: Genome, layout: Layout, seed: int, number: int, pairs: int
):
    """FASTQ texts of the exome of `person`, with the genotype of person `number`."""
    rng = generator(seed, "exome", person.number)
    sources = haplotypes(genome, layout, seed, number)
    start, length = exome_fragments(rng, genome, layout, pairs)
    fraction = tumour_fraction(person.latent["wes"], 0.5)
    which = np.where(rng.random(len(start)) < fraction / 2, 2, rng.integers(0, 2, len(start)))
    if person.aetiology == "hbv":
        viral = viral_fragments(rng, layout, 6 * np.exp(0.4 * person.latent["wes"]))
        start, length = np.concatenate([start, viral[0]]), np.concatenate([length, viral[1]])
        which = np.concatenate([which, np.zeros(len(viral[0]), dtype=int)])
    return read_pairs(rng, sources, start, length, which, EXOME_READ)


def simulate_cfdna(person: Person, genome: Genome, layout: Layout, seed: int):
    """FASTQ texts of the cfDNA of `person`."""
    rng = generator(seed, "cfdna", person.number)
    sources = haplotypes(genome, layout, seed, person.number)
    fraction = tumour_fraction(person.latent["cfdna"], 0.45)
    start, length, tumour = cfdna_fragments(rng, genome, layout, CFDNA_PAIRS, fraction)
    mutated = tumour & (rng.random(len(start)) < 0.5)
    which = np.where(mutated, 2, rng.integers(0, 2, len(start)))
    if person.aetiology == "hbv":
        viral = viral_fragments(rng, layout, 12 * np.exp(0.4 * person.latent["cfdna"]))
        start, length = np.concatenate([start, viral[0]]), np.concatenate([length, viral[1]])
        which = np.concatenate([which, np.zeros(len(viral[0]), dtype=int)])
    order = rng.permutation(len(start))
    return read_pairs(rng, sources, start[order], length[order], which[order], CFDNA_READ)


def _finding(person: Person, block: str, requirement: str, step: str, note: str) -> dict:
    return {
        "subject": person.patient_id,
        "block": block,
        "requirement_id": requirement,
        "verdict": "FAIL",
        "step": step,
        "note": note,
    }


def simulate(people: list[Person], folder: Path, seed: int, mess: bool) -> Simulated:
    """Write reference and reads; with `mess` a truncated file, a swapped exome and a shallow exome."""
    out = Simulated()
    genome = make_genome(seed)
    layout = lay_out(genome)
    write_genome(genome, folder / "reference")
    swapped = []
    for person in with_raw(people, "wes"):
        number, pairs = person.number, EXOME_PAIRS
        if mess and person.number == SWAPPED:
            number += 1_000_000  # somebody who is not in the cohort
            swapped.append(person)
        if mess and person.number == SHALLOW:
            pairs = LOW_DEPTH_PAIRS
            note = "exome sequenced far too shallow"
            out.findings.append(_finding(person, "wes", "OMX-01", "call_variants", note))
        texts = simulate_exome(person, genome, layout, seed, number, pairs)
        out.assays.append(_assay(person, "wes", folder, texts))
    for person in with_raw(people, "cfdna"):
        cut = mess and person.number == TRUNCATED
        texts = simulate_cfdna(person, genome, layout, seed)
        out.assays.append(_assay(person, "cfdna", folder, texts, 0.6 if cut else 1.0))
        if cut:
            note = "second FASTQ of the cfDNA is truncated"
            out.findings.append(_finding(person, "cfdna", "OMX-01", "align_reads", note))
    for person in swapped:
        for block in ("wes", "cfdna"):
            note = "the exome is another person's"
            out.findings.append(_finding(person, block, "QCP-02", "match_samples", note))
    return out
