"""The feature contract: how every modality hands its numbers to the cohort steps.

In: one `row.json` per patient and modality. Out: `<block>.parquet` (index patient_id, float64,
missing = NaN),
`<block>.features.tsv` (the dictionary) and `<block>.verdicts.tsv`. Source: docs/architecture.md,
"The feature contract".
"""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

ROLES = ("predictor", "annotation", "qc")
VERDICTS = ("pass", "warn", "fail", "missing")
_RANK = {"pass": 0, "warn": 1, "fail": 2}
DICTIONARY_COLUMNS = [
    "feature",
    "description",
    "unit",
    "role",
    "stability",
    "missing_fraction",
    "source",
]
VERDICT_COLUMNS = ["patient_id", "block", "verdict", "reasons"]
BETWEEN_REASONS = " | "  # a reason itself may hold "; " before what to do


@dataclass(frozen=True)
class Feature:
    """One line of a block's dictionary. `role`: predictor, annotation (never reaches a classifier)
    or qc."""

    feature: str
    description: str
    unit: str
    role: str = "predictor"
    source: str = ""

    def __post_init__(self):
        if self.role not in ROLES:
            raise ValueError(
                f"role {self.role!r} of feature {self.feature} is not one of {', '.join(ROLES)}"
            )


def as_measured(value: float, unit: str) -> tuple[float, str]:
    """A value on the scale on which it was measured and its unit: 0.78 log10(ng/mL) is 6 ng/mL; others as they are."""
    if unit.startswith("log10(") and unit.endswith(")"):
        return 10.0**value, unit[6:-1]
    return value, unit


def write_row(path: str | Path, blocks: dict[str, dict[str, float | None]]) -> None:
    """Write the features of one subject: {block: {feature: value}}; None and NaN become null,
    infinities are refused."""
    clean: dict[str, dict[str, float | None]] = {}
    for block, features in blocks.items():
        clean[block] = {}
        for name, value in sorted(features.items()):
            number = None if value is None else float(value)
            if number is not None and math.isinf(number):
                raise ValueError(f"feature {name} of block {block} is infinite")
            clean[block][name] = None if number is None or math.isnan(number) else number
    Path(path).write_text(json.dumps(clean, sort_keys=True, indent=0) + "\n", encoding="utf-8")


def read_row(path: str | Path, block: str) -> dict[str, float]:
    """The features of one block of one subject; an empty dict when the step found no usable
    input."""
    text = Path(path).read_text(encoding="utf-8")
    features = json.loads(text).get(block, {}) if text.strip() else {}
    return {name: math.nan if value is None else value for name, value in features.items()}


def read_status(path: str | Path, block: str = "") -> tuple[str, list[str]]:
    """Verdict and reasons of a step, or of one block of it: the block's own, lowered by those of the whole step.

    Without `block`, the reasons of the blocks count only when all of them failed.
    """
    status = json.loads(Path(path).read_text(encoding="utf-8"))
    verdict, reasons, blocks = status["verdict"], list(status["reasons"]), status["blocks"]
    if block in blocks:
        own = blocks[block]
        verdict = max(verdict, own["verdict"], key=_RANK.get)
        return verdict, [*reasons, *own["reasons"]]
    if verdict == "fail" and not reasons:
        reasons = [reason for own in blocks.values() for reason in own["reasons"]]
    return verdict, list(dict.fromkeys(reasons))


def join_reasons(reasons: list[str]) -> str:
    """Reasons as one cell of a table of verdicts."""
    return BETWEEN_REASONS.join(reasons)


def split_reasons(cell: str) -> list[str]:
    """The reasons of one cell of a table of verdicts."""
    return [reason for reason in cell.split(BETWEEN_REASONS) if reason]


def write_dictionary(path: str | Path, features: list[Feature]) -> None:
    """Write a domain's part of the dictionary (feature, description, unit, role, source) as TSV, in
    the given order."""
    lines = ["\t".join(["feature", "description", "unit", "role", "source"])]
    lines += ["\t".join([f.feature, f.description, f.unit, f.role, f.source]) for f in features]
    Path(path).write_text("\n".join(lines) + "\n", encoding="utf-8")


def write_block(path: str | Path, table: "pd.DataFrame") -> None:
    """Write a block table: sorted by patient_id, float64 columns, byte-identical for equal
    values."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = table.sort_index().astype("float64")
    if table.index.has_duplicates:
        raise ValueError(
            f"patient_id twice in one block: {table.index[table.index.duplicated()].tolist()}"
        )
    if np.isinf(table.to_numpy()).any():
        raise ValueError("a block table holds an infinite value")
    table.index.name = "patient_id"
    table.index = table.index.astype(str)
    pq.write_table(pa.Table.from_pandas(table), path, compression="zstd")


def read_block(path: str | Path) -> "pd.DataFrame":
    """A block table: index patient_id (str), float64 columns."""
    import pandas as pd

    table = pd.read_parquet(path)
    table.index = table.index.astype(str)
    return table
