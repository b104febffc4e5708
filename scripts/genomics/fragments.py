"""Fragments of cell-free DNA: lengths, end motifs, counts in bins.

In: an indexed alignment of read pairs and its reference. Out: histograms and bin counts as arrays.
Source: lengths and bins: Cristiano et al. 2019 (Nature 570:385); end motifs and their diversity: Jiang et al. 2020
(Cancer Discov 10:664); LOWESS: Cleveland 1979 (JASA 74:829).
"""

import math
from dataclasses import dataclass, field
from itertools import product

MAX_LENGTH = 1000  # bp; longer templates are no fragments of cfDNA
SHORT = (100, 150)
LONG = (151, 220)
PAIRED_PROPER = 0x3
SKIPPED = 0xF1C  # unmapped, mate unmapped, reverse, secondary, QC fail, duplicate, supplementary
MOTIFS = tuple("".join(word) for word in product("ACGT", repeat=4))
_COMPLEMENT = str.maketrans("ACGT", "TGCA")


@dataclass
class Fragments:
    """Counts over all fragments of one sample.

    lengths : array (MAX_LENGTH + 1,), fragments of each length
    motifs : {4-mer: ends}, 5' ends of both strands
    bins : {contig: array (n_bins, 3)}: short, long, all fragments whose middle lies in the bin
    gc : {contig: array (n_bins,)}: G+C fraction of the known bases of the bin; NaN where less than half is known
    """

    lengths: object
    motifs: dict[str, int] = field(default_factory=dict)
    bins: dict[str, object] = field(default_factory=dict)
    gc: dict[str, object] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """Number of fragments."""
        return int(self.lengths.sum())


def bin_gc(sequence: str, width: int):
    """G+C fraction of the A, C, G, T of each bin of `width` bases; NaN where less than half of the bin is known."""
    import numpy as np

    letters = np.frombuffer(sequence.encode(), dtype=np.uint8)
    n_bins = -(-len(letters) // width)
    out = np.full(n_bins, np.nan)
    for b in range(n_bins):
        counts = np.bincount(letters[b * width : (b + 1) * width], minlength=128)
        gc, at = counts[ord("G")] + counts[ord("C")], counts[ord("A")] + counts[ord("T")]
        if gc + at >= width / 2:
            out[b] = gc / (gc + at)
    return out


def count_fragments(
    alignment_path: str,
    reference: str,
    contigs: list[str],
    *,
    min_mapping_quality: int,
    bin_width: int,
) -> Fragments:
    """Read all fragments: properly paired, no duplicate, mapping quality of both mates at least the limit."""
    import numpy as np
    import pysam

    lengths = np.zeros(MAX_LENGTH + 1, dtype=np.int64)
    found = Fragments(lengths)
    ends: dict[str, int] = {}
    with (
        pysam.FastaFile(reference) as genome,
        pysam.AlignmentFile(alignment_path, reference_filename=reference) as alignment,
    ):
        for contig in contigs:
            sequence = genome.fetch(contig).upper()
            gc = bin_gc(sequence, bin_width)
            counts = np.zeros((len(gc), 3), dtype=np.int64)
            for read in alignment.fetch(contig):
                flag = read.flag
                if flag & SKIPPED or flag & PAIRED_PROPER != PAIRED_PROPER:
                    continue
                length = read.template_length
                if not 0 < length <= MAX_LENGTH or read.mapping_quality < min_mapping_quality:
                    continue
                if read.has_tag("MQ") and read.get_tag("MQ") < min_mapping_quality:
                    continue
                start = read.reference_start
                end = start + length
                lengths[length] += 1
                for motif in (sequence[start : start + 4], sequence[end - 4 : end].translate(_COMPLEMENT)[::-1]):  # fmt: skip
                    ends[motif] = ends.get(motif, 0) + 1
                row = counts[min((start + end) // 2 // bin_width, len(gc) - 1)]
                row[2] += 1
                if SHORT[0] <= length <= SHORT[1]:
                    row[0] += 1
                elif LONG[0] <= length <= LONG[1]:
                    row[1] += 1
            found.bins[contig], found.gc[contig] = counts, gc
    found.motifs = {motif: ends.get(motif, 0) for motif in MOTIFS}
    return found


def length_features(lengths) -> dict[str, float | None]:
    """Mode, median, short and long fractions and their ratio from a length histogram (index = bp)."""
    import numpy as np

    total = int(lengths.sum())
    names = ("length_mode", "length_median", "short_fraction", "long_fraction", "short_long_ratio")
    if not total:
        return dict.fromkeys(names)
    short = int(lengths[SHORT[0] : SHORT[1] + 1].sum())
    long = int(lengths[LONG[0] : LONG[1] + 1].sum())
    median = int(np.searchsorted(np.cumsum(lengths), total / 2))
    values = (int(lengths.argmax()), median, short / total, long / total, short / long if long else None)  # fmt: skip
    return dict(zip(names, values, strict=True))


def motif_diversity(motifs: dict[str, int]) -> float | None:
    """Normalised Shannon entropy of the 256 end motifs: 0 (one motif) to 1 (all equal)."""
    total = sum(motifs.values())
    if not total:
        return None
    return -sum(c / total * math.log(c / total) for c in motifs.values() if c) / math.log(256)


def lowess(x, y, at, span: float = 0.75):
    """Local linear regression with tricube weights of y on x, evaluated at `at` (arrays of shape (n,), (n,), (m,))."""
    import numpy as np

    grid = np.linspace(x.min(), x.max(), 100)
    neighbours = max(3, math.ceil(span * len(x)))
    fitted = np.empty(len(grid))
    for k, centre in enumerate(grid):
        distance = np.abs(x - centre)
        reach = max(np.partition(distance, neighbours - 1)[neighbours - 1], 1e-9)
        w = np.clip(1 - (distance / reach) ** 3, 0, None) ** 3
        w_sum = w.sum()
        mean_x, mean_y = (w * x).sum() / w_sum, (w * y).sum() / w_sum
        spread = (w * (x - mean_x) ** 2).sum()
        slope = (w * (x - mean_x) * (y - mean_y)).sum() / spread if spread > 1e-12 else 0.0
        fitted[k] = mean_y + slope * (centre - mean_x)
    return np.interp(at, grid, fitted)


def gc_corrected(counts, gc):
    """Counts per bin divided by what their G+C fraction predicts, times the median count."""
    import numpy as np

    expected = lowess(gc, counts.astype(float), gc)
    middle = float(np.median(counts))
    return counts / np.maximum(expected, 0.05 * max(middle, 1.0)) * middle
