"""How runs and feature blocks are named.

In: rows of assays.tsv. Out: the same rows with assay_id, block and paths as seen from the run folder. Source: docs/inputs.md,
"assays.tsv".
"""

import os
from pathlib import Path

from scripts.core.cross_checks import FILE_COLUMNS

_PARTS = ("phase", "sequence", "specimen", "batch", "reader", "run_order")


def default_assay_id(row: dict) -> str:
    """The name of a run that has none: patient (or role), modality and what tells its runs apart."""
    parts = [row.get("patient_id") or row.get("sample_role", "sample"), row["modality"]]
    return "_".join([*parts, *(str(row[c]) for c in _PARTS if c in row)])


def block_of(row: dict) -> str:
    """Name of the feature block that an assay row belongs to: the modality, with phase and sequence
    where given."""
    parts = [row["modality"], *(row[c] for c in ("sequence", "phase") if c in row)]
    if row.get("specimen") in ("tumour", "adjacent", "tissue"):
        parts.append(row["specimen"])
    return "_".join(parts)


def assay_rows(rows: list[dict], folder: Path) -> list[dict]:
    """Rows with assay_id and block; `folder` is that of the sheets."""
    out = []
    for row in rows:
        row = dict(row)
        row["assay_id"] = row.get("assay_id") or default_assay_id(row)
        row["block"] = block_of(row)
        for column in FILE_COLUMNS:
            if column in row:
                row[column] = os.path.normpath(os.path.join(folder, row[column]))
        out.append(row)
    return out
