"""UMIs of the raw reads of one sample: whether they carry any, and that of each pair.

In: assay rows, interleaved batches of reads. Out: one UMI per pair. Source: umis.py; cutadapt 5.2 (--cut, --rename).
"""

from itertools import islice

from scripts.genomics import umis
from scripts.genomics.delivered import umi_of
from scripts.genomics.read_files import LOOKED_AT, is_aligned
from scripts.genomics.umis import leading_bases, structure_of


def cutting_options(settings: dict) -> list[str]:
    """Options of cutadapt that cut the UMIs off the reads and keep them in the comment: "CUT:<read 1>:<read 2>"."""
    if not settings["umi_read_structures"]:
        return []
    cuts = [leading_bases(structure) for structure in structures_of(settings)]
    options = []
    for option, bases in zip(("--cut", "-U"), cuts, strict=True):
        options += [option, str(bases)] if bases else []
    words = [f"{{r{n}.cut_prefix}}" if bases else "" for n, bases in enumerate(cuts, 1)]
    return [*options, "--rename", "{id} CUT:" + ":".join(words)]


def structures_of(settings: dict) -> list:
    """Read structures of read 1 and read 2; that of read 2 is +T when only one is given."""
    return [structure_of(text) for text in [*settings["umi_read_structures"], "+T"][:2]]


def umis_of(batch: list, settings: dict) -> list[str]:
    """UMI of every pair of a batch: cut off its reads, in a comment (RX) or at the end of its name; "" without one."""
    if not settings["umi_read_structures"]:
        return [umis.in_comment(r.comment) or umis.in_name(r.name) for r in batch[::2]]
    structures = structures_of(settings)
    out = []
    for read in batch[::2]:
        cut = iter((read.comment or "").rpartition("CUT:")[2].split(":"))
        prefixes = [next(cut, "") for _ in structures]
        parts = map(umis.umi_of_prefix, prefixes, structures)
        out.append("+".join(part for part in parts if part))
    return out


def carry_umis(rows: list[dict], reference: str, settings: dict) -> bool:
    """Whether molecules are told apart by UMIs: read structures are given, or the first reads of every file carry them."""
    import dnaio
    import pysam

    if settings["umi"] == "none":
        return False
    if settings["umi_read_structures"]:
        return True
    for row in rows:
        if is_aligned(row["file"]):
            with pysam.AlignmentFile(
                row["file"], reference_filename=reference, check_sq=False
            ) as reads:
                words = [umi_of(read) for read in islice(reads.fetch(until_eof=True), LOOKED_AT)]
        else:
            with dnaio.open(row["file"]) as reads:
                words = [
                    umis.in_comment(read.name) or umis.in_name(read.id)
                    for read in islice(reads, LOOKED_AT)
                ]
        if not umis.are_umis(words):
            return False
    return True
