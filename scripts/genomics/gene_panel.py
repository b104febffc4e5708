"""The genes whose burden becomes a feature.

In: resources/genomics/hcc_genes.tsv (gene, role, source; lines with # are comments). Out: gene symbols.
Source: stands beside each gene in the table.
"""

import csv
from pathlib import Path


def read_genes(path: str | Path) -> list[str]:
    """Gene symbols, in the order of the table."""
    with open(path, encoding="utf-8") as handle:
        rows = csv.DictReader((line for line in handle if line[0] != "#"), delimiter="\t")
        return [row["gene"] for row in rows]
