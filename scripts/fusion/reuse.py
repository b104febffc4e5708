"""In: feature tables and raw files of patients of both roles. Out: rows and files that occur twice.
Source: requirement CLE-05; information content after Shannon: sum of -log2 of each value's frequency.
"""

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd

from scripts.core.job import Refused

STRONG_IDS = (
    "person_id",
    "id1_hash",
    "id2_hash",
)  # one of them alone says that two records are one person
EDGE = 1 << 20  # bytes hashed at either end of a large file
DIGITS = 6  # significant digits that must agree


def row_keys(table: pd.DataFrame, digits: int = DIGITS) -> dict[str, str]:
    """{patient: hash of the row rounded to significant digits}; NaN is a value of its own."""
    columns = sorted(table.columns)
    values = table[columns].to_numpy(float)
    with np.errstate(divide="ignore", invalid="ignore"):
        size = np.where((values == 0) | ~np.isfinite(values), 0, np.floor(np.log10(np.abs(values))))
    scale = 10.0 ** (digits - 1 - size)
    rounded = np.round(values * scale) / scale + 0.0
    named = "\t".join(columns).encode()
    return {
        str(patient): hashlib.sha256(named + row.tobytes()).hexdigest()
        for patient, row in zip(table.index, rounded, strict=True)
    }


def information(table: pd.DataFrame) -> pd.Series:
    """Bits of every row: how unlikely its values are together if features were independent.

    A row of common values (no variant in any gene) carries few bits: meeting it twice means nothing.
    """
    bits = pd.Series(0.0, index=table.index)
    for column in table:
        counts = table[column].round(12).map(table[column].round(12).value_counts())
        bits += -np.log2(counts / max(1, table[column].notna().sum())).fillna(0.0)
    return bits


def equal_rows(table: pd.DataFrame, minimum_bits: float) -> list[list[str]]:
    """Groups of patients whose rows are equal and informative, each sorted."""
    if len(table) < 2:
        return []
    keys = pd.Series(row_keys(table))
    bits = information(table)
    groups = keys.groupby(keys).groups.values()
    found = [sorted(map(str, group)) for group in groups if len(group) > 1]
    return sorted(group for group in found if bits[group[0]] >= minimum_bits)


def fingerprint(path: str | Path) -> str:
    """Digest of size and of the first and last MiB of a file; of a folder, of its files' ones.

    Names are left out, so that a renamed copy is found.
    """
    path = Path(path)
    digest = hashlib.sha256()
    if path.is_dir():
        parts = sorted(fingerprint(file) for file in path.rglob("*") if file.is_file())
        digest.update("".join(parts).encode())
        return digest.hexdigest()
    size = path.stat().st_size
    digest.update(str(size).encode())
    with open(path, "rb") as handle:
        digest.update(handle.read(EDGE))
        if size > EDGE:
            handle.seek(max(EDGE, size - EDGE))
            digest.update(handle.read())
    return digest.hexdigest()


def equal_files(files: dict[str, list[str]]) -> list[list[str]]:
    """Groups of patients who share a raw file. files : {patient: paths}; empty files are left out."""
    owners: dict[str, set[str]] = {}
    for patient, paths in files.items():
        for path in paths:
            if Path(path).is_dir() or Path(path).stat().st_size:
                owners.setdefault(fingerprint(path), set()).add(patient)
    return sorted({tuple(sorted(o)) for o in owners.values() if len(o) > 1})


class ReuseAcrossRoles(Refused):
    """The same sample or person stands in the development and in the external data."""


def across_roles(groups, external: set[str]) -> list[list[str]]:
    """Groups with patients of both roles."""
    return [list(g) for g in groups if set(g) & external and set(g) - external]


def rows_in_blocks(parts: list[dict[str, pd.DataFrame]], bits: float) -> dict[tuple, list[str]]:
    """{patients whose rows are equal: blocks in which they are}. parts : {block: table} of every role."""
    equal: dict[tuple[str, ...], list[str]] = {}
    for block in sorted(set().union(*parts)):
        tables = [part[block] for part in parts if block in part and len(part[block])]
        shared = sorted(set.intersection(*(set(t.columns) for t in tables))) if tables else []
        joined = pd.concat([t[shared] for t in tables]) if shared else pd.DataFrame()
        for group in equal_rows(joined, bits):
            equal.setdefault(tuple(group), []).append(block)
    return equal


def linked_people(patients: pd.DataFrame, columns) -> list[tuple[str, ...]]:
    """Groups of patients who share a value of one of the columns, each sorted."""
    found = set()
    for column in columns:
        if column in patients:
            named = patients[patients[column].fillna("") != ""]
            groups = named.groupby(column)["patient_id"]
            found |= {tuple(sorted(g)) for _, g in groups if len(g) > 1}
    return sorted(found)


def same_in_sheet(assays: pd.DataFrame, patients: set[str]) -> list[tuple[str, ...]]:
    """Groups of patients whose rows of assays.tsv name the same file or the same MD5; no file is opened.

    Not the report of a DIA search: one report holds the samples of all patients.
    """
    owners: dict[str, set[str]] = {}
    if {"patient_id", "modality"} <= set(assays):
        kept = assays["patient_id"].isin(patients) & (assays["modality"] != "dia")
        own = assays[kept].fillna("")
        for column in [c for c in ("file", "file2", "md5", "file2_md5") if c in own]:
            for patient, value in zip(own["patient_id"], own[column], strict=True):
                if value:
                    owners.setdefault(value, set()).add(patient)
    return sorted({tuple(sorted(o)) for o in owners.values() if len(o) > 1})


def stop(found: list[str]) -> None:
    """Raise ReuseAcrossRoles with every finding named, when there is one."""
    if found:
        raise ReuseAcrossRoles(
            f"{len(found)} samples or people stand in development and external data; correct role or files "
            "(different people: docs/modelling.md, Audit): " + "; ".join(found)
        )
