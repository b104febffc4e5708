"""The genes whose burden becomes a feature, and where their coding exons lie.

In: resources/genomics/hcc_genes.tsv (gene, role, source; lines with # are comments), annotation (GFF3 in the style of
Ensembl). Out: gene symbols, coding intervals. Source: stands beside each gene in the table.
"""

import csv
import re
from pathlib import Path

_ID = re.compile(r"ID=(?:gene|transcript):([^;\s]+)")
_PARENT = re.compile(r"Parent=(?:gene|transcript):([^;\s]+)")
_NAME = re.compile(r"Name=([^;\s]+)")


def read_genes(path: str | Path) -> list[str]:
    """Gene symbols, in the order of the table."""
    with open(path, encoding="utf-8") as handle:
        rows = csv.DictReader((line for line in handle if line[0] != "#"), delimiter="\t")
        return [row["gene"] for row in rows]


def coding_intervals(
    annotation: str | Path, genes: list[str]
) -> dict[str, list[tuple[str, int, int]]]:
    """{gene: merged coding intervals (contig, start, end; 0-based, half-open)}; a gene that the GFF3 lacks is left out."""
    wanted, symbol_of = set(genes), {}  # symbol_of: ids of genes and of their transcripts
    found: dict[str, list[tuple[str, int, int]]] = {}
    with open(annotation, encoding="utf-8", errors="surrogateescape") as handle:
        for line in handle:
            if "Parent=" not in line and "ID=gene:" not in line:
                continue
            columns = line.split("\t")
            if len(columns) != 9:
                continue
            identifier, parent = _ID.search(columns[8]), _PARENT.search(columns[8])
            if parent is None:
                name = _NAME.search(columns[8])
                if identifier and name and name[1] in wanted:
                    symbol_of[identifier[1]] = name[1]
            elif parent[1] in symbol_of:
                symbol = symbol_of[parent[1]]
                if columns[2] == "CDS":
                    interval = (columns[0], int(columns[3]) - 1, int(columns[4]))
                    found.setdefault(symbol, []).append(interval)
                elif identifier:
                    symbol_of[identifier[1]] = symbol
    return {gene: _merged(found[gene]) for gene in genes if gene in found}


def annotated_contigs(annotation: str | Path) -> set[str]:
    """Contigs on which the GFF3 has a transcript that bcftools csq reads (ID=transcript:..., biotype=...)."""
    found = set()
    with open(annotation, encoding="utf-8", errors="surrogateescape") as handle:
        for line in handle:
            if "ID=transcript:" in line and "biotype=" in line and line[0] != "#":
                found.add(line.partition("\t")[0])
    return found


def within(parts: list[tuple[str, int, int]], regions: list[tuple[str, int, int]]) -> list:
    """The bases of `parts` that lie in `regions` (sorted by start on each contig, not overlapping), as intervals."""
    inside = []
    for contig, start, end in parts:
        for other, low, high in regions:
            if other == contig and low < end and start < high:
                inside.append((contig, max(start, low), min(end, high)))
    return inside


def _merged(intervals: list[tuple[str, int, int]]) -> list[tuple[str, int, int]]:
    out: list[tuple[str, int, int]] = []
    for contig, start, end in sorted(intervals):
        if out and out[-1][0] == contig and start <= out[-1][2]:
            out[-1] = (contig, out[-1][1], max(end, out[-1][2]))
        else:
            out.append((contig, start, end))
    return out
