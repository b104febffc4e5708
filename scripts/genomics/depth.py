"""Sequencing depth over targets or the genome, overlapping mates counted once.

In: an indexed alignment, a BED of regions. Out: mean depth, fractions of positions at or above given depths.
Source: samtools depth -a -s (samtools 1.23.1).
"""

import subprocess
from pathlib import Path

from scripts.genomics import hts

DEEPEST = 5000  # deeper positions count as this deep
CHUNK = 2_000_000  # lines parsed at a time


def depth_histogram(
    alignment: str | Path, reference: str | Path, regions: str | Path, settings: dict
):
    """Array of length DEEPEST + 1: number of positions of `regions` (BED) with each depth."""
    import numpy as np

    words = hts.command(
        "samtools", "depth", "-a", "-s", "-b", regions, "--reference", reference,
        "-q", settings["min_base_quality"], "-Q", settings["min_mapping_quality"], alignment,
        backend=settings["backend"],
    )  # fmt: skip
    histogram = np.zeros(DEEPEST + 1, dtype=np.int64)
    with hts.piped([words], sink=subprocess.PIPE) as pipe:
        while lines := pipe.result.readlines(CHUNK * 16):
            depths = np.fromiter((int(line[line.rindex(b"\t") :]) for line in lines), np.int64)
            histogram += np.bincount(np.minimum(depths, DEEPEST), minlength=DEEPEST + 1)
    return histogram


def deep_fractions(
    alignment: str | Path,
    reference: str | Path,
    intervals: dict[str, list[tuple[str, int, int]]],
    bed: str | Path,
    settings: dict,
) -> dict[str, float]:
    """{name: fraction of the positions of its intervals with `min_depth` reads or more}. `bed` is written as a scratch file."""
    lines = [f"{c}\t{s}\t{e}\n" for parts in intervals.values() for c, s, e in parts]
    if not lines:
        return {}
    Path(bed).write_text("".join(lines), encoding="utf-8")
    words = hts.command(
        "samtools", "depth", "-s", "-b", bed, "--reference", reference,
        "-q", settings["min_base_quality"], "-Q", settings["min_mapping_quality"], alignment,
        backend=settings["backend"],
    )  # fmt: skip
    deep: dict[str, set[int]] = {}
    try:
        for line in hts.output_of(words).splitlines():
            contig, position, depth = line.split("\t")
            if int(depth) >= settings["min_depth"]:
                deep.setdefault(contig, set()).add(int(position) - 1)
    finally:
        Path(bed).unlink()
    return {
        name: sum(p in deep.get(c, ()) for c, s, e in parts for p in range(s, e))
        / sum(e - s for _, s, e in parts)
        for name, parts in intervals.items()
    }


def depth_summary(histogram, levels: tuple[int, ...]) -> dict[str, float]:
    """Mean depth (fold), number of positions, and the fraction of positions at or above each level."""
    import numpy as np

    positions = int(histogram.sum())
    if not positions:
        return {"positions": 0, "mean_depth": 0.0} | {f"fraction_{n}x": 0.0 for n in levels}
    found = {
        "positions": positions,
        "mean_depth": float((histogram * np.arange(len(histogram))).sum() / positions),
    }
    return found | {f"fraction_{n}x": float(histogram[n:].sum() / positions) for n in levels}


def on_target_fraction(
    alignment: str | Path, reference: str | Path, regions: str | Path, backend: str
) -> float:
    """Fraction of the mapped primary reads that overlap the targets; NaN when nothing is mapped."""
    common = ["-c", "-F", "0x904", "-T", reference, alignment]
    mapped = int(hts.output_of(hts.command("samtools", "view", *common, backend=backend)))
    inside = int(
        hts.output_of(hts.command("samtools", "view", "-L", regions, *common, backend=backend))
    )
    return inside / mapped if mapped else float("nan")
