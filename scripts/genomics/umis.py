"""Unique molecular identifiers (UMIs): where reads carry them, and which differ by a reading error only.

In: read names, comments or tags; a coordinate-sorted stream of alignments with RX. Out: the same stream, RX of one molecule
made equal. Source: SAM optional fields (RX); fgbio read structures; Smith et al. 2017 (UMI-tools, directional network:
Genome Res 27:491). Runs as a filter between samtools sort and markdup --barcode-tag RX.
"""

import re
import sys
from collections import Counter, deque

REACH = (
    500  # bases between the 5' end of a read and its leftmost aligned base, at most a read's length
)
MIN_BASES = 4  # shorter words at the end of a name are no UMI
COMMON = 0.5  # a word that most reads share is the index of the sample
_IN_NAME = re.compile(
    rf"[:_](r?[ACGTN]{{{MIN_BASES},}}(?:[+_-]r?[ACGTN]{{{MIN_BASES},}})?)(?:/[12])?$"
)
_IN_COMMENT = re.compile(r"(?:^|\s)RX:Z:([ACGTN+_-]+)")
_SEGMENT = re.compile(r"(\d+)([MSB])")
_STRUCTURE = re.compile(r"(?:\d+[MSB])*\+T")
_CLIPS = (4, 5)


def in_name(name: str) -> str:
    """UMI after the last colon (Illumina) or underscore (umi_tools) of a read name, "" without one; A+B for two."""
    found = _IN_NAME.search(name)
    return re.sub(r"[_-]", "+", found[1].replace("r", "")) if found else ""


def in_comment(comment: str | None) -> str:
    """UMI of an RX tag that a FASTQ comment carries, "" without one."""
    found = _IN_COMMENT.search(comment or "")
    return re.sub(r"[_-]", "+", found[1]) if found else ""


def are_umis(words: list[str]) -> bool:
    """Whether the words taken from all looked-at reads are UMIs: every read has one, and they differ."""
    if not words or not all(words):
        return False
    return Counter(words).most_common(1)[0][1] <= max(1, COMMON * len(words))


def structure_of(text: str) -> list[tuple[int, str]]:
    """[(bases, M or S), ...] before the template of a read structure such as 8M3S+T (M UMI, S or B skipped)."""
    if not _STRUCTURE.fullmatch(text):
        raise ValueError(f"{text} is no read structure: like 8M+T or 8M3S+T or +T")
    return [(int(bases), kind) for bases, kind in _SEGMENT.findall(text)]


def leading_bases(structure: list[tuple[int, str]]) -> int:
    """Bases in front of the template."""
    return sum(bases for bases, _ in structure)


def umi_of_prefix(prefix: str, structure: list[tuple[int, str]]) -> str:
    """The M segments of the bases that were cut off."""
    out, at = "", 0
    for bases, kind in structure:
        out += prefix[at : at + bases] if kind == "M" else ""
        at += bases
    return out


# --- one molecule, one UMI -------------------------------------------------------------------------


def _neighbours(umi: str):
    for place, base in enumerate(umi):
        if base in "ACGTN":
            for other in "ACGTN":
                if other != base:
                    yield umi[:place] + other + umi[place + 1 :]


def representatives(counts: Counter) -> dict[str, str]:
    """{UMI: the UMI of its molecule}: one mismatch away, at least twice as frequent (or without the N)."""
    out: dict[str, str] = {}
    for root in sorted(counts, key=lambda umi: ("N" in umi, -counts[umi], umi)):
        if root in out:
            continue
        out[root], front = root, [root]
        while front:
            umi = front.pop()
            for other in _neighbours(umi):
                unread = "N" in other and "N" not in umi
                if (
                    other in counts
                    and other not in out
                    and (unread or counts[umi] >= 2 * counts[other])
                ):
                    out[other] = root
                    front.append(other)
    return out


def _clipped(cigar, from_end: bool) -> int:
    total = 0
    for operation, length in reversed(cigar) if from_end else cigar:
        if operation not in _CLIPS:
            break
        total += length
    return total


def _mate_cigar(text: str) -> list[tuple[int, int]]:
    return [
        ("MIDNSHP=X".index(kind), int(n)) for n, kind in re.findall(r"(\d+)([MIDNSHP=X])", text)
    ]


def _end(reference: int, start: int, reverse: bool, cigar) -> tuple[int, int, bool]:
    """(contig, unclipped position of the 5' end, strand) of a read."""
    if not reverse:
        return reference, start - _clipped(cigar, False), False
    spanned = sum(length for operation, length in cigar if operation in (0, 2, 3, 7, 8))
    return reference, start + spanned + _clipped(cigar, True), True


def fragment_of(read) -> tuple | None:
    """(first end, last end, whether this read stands for its pair, whether read 1 is the last); None without a place."""
    if read.is_unmapped or read.is_secondary or read.is_supplementary:
        return None
    own = _end(read.reference_id, read.reference_start, read.is_reverse, read.cigartuples)
    if not read.is_paired or read.mate_is_unmapped or not read.has_tag("MC"):
        return own, own, True, False
    cigar = _mate_cigar(read.get_tag("MC"))
    mate = _end(read.next_reference_id, read.next_reference_start, read.mate_is_reverse, cigar)
    first = own < mate or (own == mate and read.is_read1)
    return (own, mate, True, read.is_read2) if first else (mate, own, False, read.is_read1)


class _Group:
    """UMIs of the fragments with the same two ends."""

    def __init__(self):
        self.counts: Counter = Counter()
        self.molecules: dict[str, str] = {}


def one_umi_a_molecule(reads):
    """Yield coordinate-sorted reads in their order, RX replaced by that of their molecule.

    The halves of a double UMI are put in the order of the fragment's ends, so that both strands of a duplex agree.
    """
    groups: dict[tuple, _Group] = {}
    waiting: deque = deque()
    for number, read in enumerate(reads):
        here = (read.reference_id if read.reference_id >= 0 else 1 << 40, read.reference_start)
        while waiting and _passed(waiting[0][1], here):
            yield _settled(waiting.popleft(), groups)
        if number % 10_000 == 0:
            for key in [key for key in groups if _passed(key, here) and _passed(key[1:], here)]:
                del groups[key]
        fragment = fragment_of(read) if read.has_tag("RX") else None
        if fragment is None:
            waiting.append((read, None, ""))
            continue
        first, last, stands, swapped = fragment
        umi = read.get_tag("RX").replace("-", "+")
        if swapped and "+" in umi:
            umi = "+".join(reversed(umi.split("+")))
        group = groups.setdefault((first, last), _Group())
        if stands:
            group.counts[umi] += 1
        waiting.append((read, (first, last), umi))
    while waiting:
        yield _settled(waiting.popleft(), groups)


def _passed(key: tuple | None, here: tuple[int, int]) -> bool:
    """Whether every read of the group's first end has been seen at this place of the stream."""
    return key is None or here[0] > key[0][0] or here[1] > key[0][1] + REACH


def _settled(entry: tuple, groups: dict):
    read, key, umi = entry
    if key is not None:
        group = groups[key]
        if not group.molecules:
            group.molecules = representatives(group.counts)
        read.set_tag("RX", group.molecules.get(umi, umi))
    return read


def main() -> None:
    """BAM on stdin to BAM on stdout."""
    import pysam

    with pysam.AlignmentFile("-", "rb") as source, pysam.AlignmentFile("-", "wbu", template=source) as out:  # fmt: skip
        for read in one_umi_a_molecule(source.fetch(until_eof=True)):
            out.write(read)


if __name__ == "__main__":
    main()
    sys.exit(0)
