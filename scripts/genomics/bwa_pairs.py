"""bwa mem on read pairs through pybwa, with the flags that pybwa leaves out put back.

In: interleaved read pairs, a bwa index. Out: records as `bwa mem` writes them, batch by batch.
Source: bwa 0.7 mem_pestat / mem_sam_pe (pairs are proper inside the insert-size bounds of their batch); pybwa 2.3.2.
"""

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

BATCH_BASES = 10_000_000  # as `bwa mem -K 10000000`: the insert size is estimated per batch
MIN_MAPPING_QUALITY = 20
MAX_INSERT = 10_000
MIN_PAIRS = 10
DEFAULT_BOUNDS = (1, 1000)
INDEX_SUFFIXES = (".amb", ".ann", ".bwt", ".pac", ".sa")

PAIRED, PROPER, MATE_REVERSE, FIRST, SECOND = 0x1, 0x2, 0x20, 0x40, 0x80


def insert_size_bounds(inserts: list[int]) -> tuple[int, int]:
    """Smallest and largest insert (bp) of a proper pair, from the inserts of confident pairs.

    bwa's mem_pestat: quartiles; mean and SD within 2 IQR of them; bounds at 3 IQR or 4 SD, whichever is wider.
    """
    if len(inserts) < MIN_PAIRS:
        return DEFAULT_BOUNDS
    ordered = sorted(inserts)
    n = len(ordered)
    p25, p75 = (ordered[int(q * n + 0.499)] for q in (0.25, 0.75))
    iqr = p75 - p25
    low, high = max(1, int(p25 - 2 * iqr + 0.499)), int(p75 + 2 * iqr + 0.499)
    core = [x for x in ordered if low <= x <= high]
    mean = sum(core) / len(core)
    sd = (sum((x - mean) ** 2 for x in core) / len(core)) ** 0.5
    low = min(int(p25 - 3 * iqr + 0.499), int(mean - 4 * sd + 0.499))
    high = max(int(p75 + 3 * iqr + 0.499), int(mean + 4 * sd + 0.499))
    return max(1, low), high


def insert_of(first, second) -> int | None:
    """Outer distance (bp) of two primary alignments that face each other on one contig, else None."""
    if first.is_unmapped or second.is_unmapped:
        return None
    if first.reference_id != second.reference_id or first.is_reverse == second.is_reverse:
        return None
    forward, reverse = (second, first) if first.is_reverse else (first, second)
    insert = reverse.reference_end - forward.reference_start
    return insert if insert > 0 else None


def repair_flags(results: list[list]) -> tuple[int, list[int]]:
    """Set 0x1, 0x2, 0x20, 0x40 and 0x80 on the alignments of interleaved reads (in place).

    Returns the number of proper pairs and their inserts. Without 0x2, 0x40 and 0x80 mpileup would call nothing.
    """
    inserts = [insert_of(results[k][0], results[k + 1][0]) for k in range(0, len(results) - 1, 2)]
    confident = [
        insert
        for k, insert in enumerate(inserts)
        if insert is not None
        and insert <= MAX_INSERT
        and results[2 * k][0].mapping_quality >= MIN_MAPPING_QUALITY
        and results[2 * k + 1][0].mapping_quality >= MIN_MAPPING_QUALITY
    ]
    low, high = insert_size_bounds(confident)
    proper_inserts = []
    for k, insert in enumerate(inserts):
        proper = insert is not None and low <= insert <= high
        if proper:
            proper_inserts.append(insert)
        first, second = results[2 * k], results[2 * k + 1]
        for mate, other, side in ((first, second, FIRST), (second, first, SECOND)):
            flags = PAIRED | side | (PROPER if proper else 0)
            flags |= MATE_REVERSE if other[0].is_reverse else 0
            for record in mate:
                record.flag |= flags
    return len(proper_inserts), proper_inserts


def batches(reads: Iterable, bases: int = BATCH_BASES) -> Iterator[list]:
    """Interleaved reads in lists of whole pairs with about `bases` bases each."""
    batch, size = [], 0
    for number, read in enumerate(reads):
        batch.append(read)
        size += len(read.sequence)
        if size >= bases and number % 2 == 1:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


@contextmanager
def quiet_stderr():
    """Without what C code writes on stderr (bwa tells its insert sizes, several lines for every batch)."""
    sys.stderr.flush()
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


class UnpairedReads(Exception):
    """Two neighbours of the interleaved stream are not mates."""


def give_mates_one_name(batch: list) -> None:
    """Take /1 and /2 (or .1 and .2) off the names of mates, in place; UnpairedReads when names then differ.

    bwa ends the whole process when the names of a pair differ, so this comes first.
    """
    for first, second in zip(batch[::2], batch[1::2], strict=True):
        one, two = first.name, second.name
        if one[-2:] in ("/1", ".1") and two == f"{one[:-1]}2":
            first.set_name(one[:-2])
            second.set_name(one[:-2])
        elif one != two:
            raise UnpairedReads(one)


class PairAligner:
    """bwa mem for interleaved pairs; loads the index once."""

    def __init__(self, prefix: str | Path, threads: int = 1):
        from pybwa import BwaIndex, BwaMem
        from pybwa.libbwamem import BwaMemOptions

        absent = [e for e in INDEX_SUFFIXES if not Path(f"{prefix}{e}").is_file()]
        if absent:
            raise FileNotFoundError(
                f"bwa index incomplete beside {Path(prefix).name} (no {', '.join(absent)}): "
                "run the rule prepare_reference"
            )
        with quiet_stderr():
            index = BwaIndex(str(prefix))
        self.header = index.header.to_dict()
        self._mem = BwaMem(index=index)
        # One batch is one chunk, so that the result does not depend on the number of threads (pybwa multiplies
        # the chunk by the threads, in 32 bits).
        self._options = BwaMemOptions(
            threads=threads, interleaved_paired_end=True, chunk_size=2_000_000_000 // threads
        )

    def align(self, batch: list) -> tuple[list[list], int, list[int]]:
        """Alignments of every read of a batch (first is the primary), proper pairs, their inserts."""
        with quiet_stderr():
            results = self._mem.align(queries=batch, opt=self._options)
        proper, inserts = repair_flags(results)
        return results, proper, inserts
