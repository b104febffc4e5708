"""Reads at named sites: hot spots that a germline caller does not see, and reads of hepatitis B virus.

In: an indexed alignment; a table of sites or the HBV contigs. Out: depths, alternative counts, viral read pairs.
Source: TERT promoter: Huang et al. 2013 (Science 339:957); TP53 R249S: Bressac et al. 1991 (Nature 350:429);
CTNNB1 exon 3: de La Coste et al. 1998 (PNAS 95:8847).
"""

import csv
from dataclasses import dataclass
from pathlib import Path

HOTSPOT_COLUMNS = ("name", "gene", "assembly", "contig", "position", "ref", "alt")
SKIPPED = 0xF04  # unmapped, secondary, QC fail, duplicate, supplementary


@dataclass(frozen=True)
class Site:
    """One single-base hot spot; `position` is 1-based on `contig` of `assembly`."""

    name: str
    gene: str
    contig: str
    position: int
    ref: str
    alt: str


def read_hotspots(path: str | Path, assembly: str) -> list[Site]:
    """Sites of one assembly, in the order of the table."""
    with open(path, encoding="utf-8") as handle:
        rows = list(csv.DictReader((line for line in handle if line[0] != "#"), delimiter="\t"))
    return [
        Site(r["name"], r["gene"], r["contig"], int(r["position"]), r["ref"], r["alt"])
        for r in rows
        if r["assembly"] == assembly
    ]


def contig_in(names, contig: str) -> str | None:
    """The contig as the reference calls it (with or without chr), None when it has no such contig."""
    other = contig.removeprefix("chr") if contig.startswith("chr") else f"chr{contig}"
    return next((name for name in (contig, other) if name in names), None)


def count_alleles(
    alignment, contig: str, position: int, *, min_base_quality: int, min_mapping_quality: int
) -> dict[str, int]:
    """{base: reads} at a 1-based position; of two overlapping mates one counts."""
    counts = dict.fromkeys("ACGT", 0)
    columns = alignment.pileup(
        contig,
        position - 1,
        position,
        truncate=True,
        stepper="nofilter",
        flag_filter=SKIPPED,
        min_base_quality=min_base_quality,
        min_mapping_quality=min_mapping_quality,
        ignore_overlaps=True,
        max_depth=1_000_000,
    )
    for column in columns:
        for read in column.pileups:
            if read.query_position is not None:
                base = read.alignment.query_sequence[read.query_position].upper()
                if base in counts:
                    counts[base] += 1
    return counts


def hotspot_fractions(
    alignment_path: str, reference: str, sites: list[Site], settings: dict
) -> dict[str, dict]:
    """{site: {depth, alternative, fraction}}; fraction None (not assessed) below the depth limit.

    A site whose contig is absent, or whose reference base differs, has depth None: the table is of another assembly.
    """
    import pysam

    found = {}
    with (
        pysam.FastaFile(reference) as genome,
        pysam.AlignmentFile(alignment_path, reference_filename=reference) as alignment,
    ):
        for site in sites:
            contig = contig_in(genome.references, site.contig)
            base = genome.fetch(contig, site.position - 1, site.position).upper() if contig else ""
            if base != site.ref:
                found[site.name] = {"depth": None, "alternative": None, "fraction": None}
                continue
            counts = count_alleles(
                alignment,
                contig,
                site.position,
                min_base_quality=settings["min_base_quality"],
                min_mapping_quality=settings["min_mapping_quality"],
            )
            depth, alternative = sum(counts.values()), counts[site.alt]
            assessed = depth >= settings["hotspot_min_depth"]
            found[site.name] = {
                "depth": depth,
                "alternative": alternative,
                "fraction": alternative / depth if assessed else None,
            }
    return found


def read_contigs(path: str | Path) -> dict[str, list[tuple[str, int]]]:
    """{"human": [(contig, length), ...], "hbv": [...]} of the prepared reference."""
    kinds: dict[str, list[tuple[str, int]]] = {"human": [], "hbv": []}
    with open(path, encoding="utf-8") as handle:
        for row in csv.DictReader(handle, delimiter="\t"):
            kinds[row["kind"]].append((row["contig"], int(row["length"])))
    return kinds


def hbv_pairs(
    alignment_path: str, reference: str, contigs: list[str], min_aligned: int
) -> int | None:
    """Read pairs with a mate that aligns to an HBV contig over at least `min_aligned` bases; None without HBV contigs.

    Duplicates are left out; mapping quality is not asked for, since genotypes are nearly equal.
    """
    import pysam

    names = set()
    with pysam.AlignmentFile(alignment_path, reference_filename=reference) as alignment:
        present = [contig for contig in contigs if contig in alignment.references]
        if not present:  # an alignment used as it was delivered may know none of them
            return None
        for contig in present:
            for read in alignment.fetch(contig):
                if not read.flag & SKIPPED and read.query_alignment_length >= min_aligned:
                    names.add(read.query_name)
    return len(names)


def hbv_features(
    files: dict, contigs: list[str], reads: int, settings: dict
) -> dict[str, float | None]:
    """hbv_pairs_per_million and hbv_detected (0/1) of a sample of `reads` reads; None without HBV contigs."""
    pairs = hbv_pairs(files["alignment"], files["reference"], contigs, settings["hbv_min_aligned"])
    if pairs is None:
        return {"hbv_pairs_per_million": None, "hbv_detected": None}
    return {
        "hbv_pairs_per_million": 1e6 * pairs / max(1.0, reads / 2),
        "hbv_detected": float(pairs >= settings["hbv_min_pairs"]),
    }
