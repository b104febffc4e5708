"""Reading what belongs to one feature block: tables, dictionaries, verdicts.

In: TSV and Parquet files of the feature contract. Out: pandas tables with patient_id as text index.
Source: docs/architecture.md, "The feature contract".
"""

from pathlib import Path

import numpy as np
import pandas as pd

from scripts.core.features import DICTIONARY_COLUMNS, ROLES, VERDICT_COLUMNS, read_block
from scripts.core.sheets import read_text_table
from scripts.core.table_stream import stream_table


def read_tsv(path: str | Path) -> pd.DataFrame:
    """A tab-separated file as text cells ("" = empty); an empty file gives an empty table."""
    if Path(path).stat().st_size == 0:
        return pd.DataFrame()
    header, rows, _, _ = read_text_table(path)
    return pd.DataFrame(rows, columns=header, dtype=str)


def read_classes(path: str | Path) -> pd.Series:
    """Class of the outcome of every patient who has one; index patient_id."""
    table = read_tsv(path)
    return table[table["class"] != ""].set_index("patient_id")["class"]


def read_ready_table(path: str | Path) -> tuple[pd.DataFrame, list[int]]:
    """A ready-made feature table (patient_id, then numbers; empty or NA = missing) as float64, and the line of the site's
    file in which each row stands."""
    header, rows = stream_table(path)
    patients, values, lines = [], [], []
    for line, cells in rows:
        lines.append(line)
        patients.append(cells[0])
        values.append(np.array([float(c) if c not in ("", "NA") else np.nan for c in cells[1:]]))
    index = pd.Index(patients, name=header[0], dtype=object)
    return pd.DataFrame(np.array(values).reshape(len(patients), -1), index, header[1:]), lines


def read_made_table(path: str | Path) -> pd.DataFrame:
    """A domain's own whole-cohort table (Parquet); empty when its step found no usable input."""
    return read_block(path) if Path(path).stat().st_size else pd.DataFrame()


def read_verdicts(path: str | Path) -> pd.DataFrame:
    """Verdicts of a block: patient_id, block, verdict, reasons."""
    table = read_tsv(path)
    return table if len(table.columns) else pd.DataFrame(columns=VERDICT_COLUMNS, dtype=str)


def read_dictionary(path: str | Path) -> pd.DataFrame:
    """A dictionary with the columns of the contract that it has; roles are checked."""
    table = read_tsv(path)
    if not len(table.columns):
        return pd.DataFrame(columns=["feature"], dtype=str)
    if "role" in table and not set(table["role"]) <= set(ROLES):
        bad = sorted(set(table["role"]) - set(ROLES))
        raise ValueError(f"dictionary {Path(path).name}: unknown role {', '.join(bad)}")
    return table.drop_duplicates("feature")


def read_features(path: str | Path) -> pd.DataFrame:
    """The dictionary that collect_block wrote, index feature, stability and missing_fraction as
    float64."""
    table = read_tsv(path)
    if not len(table.columns):
        table = pd.DataFrame(columns=DICTIONARY_COLUMNS, dtype=str)
    table = table.set_index("feature")
    for column in ("stability", "missing_fraction"):
        table[column] = pd.to_numeric(table[column], errors="coerce")
    return table
