"""What lies in the run folder: tables with their dictionaries and hashes, locked bundles without patients.

In: results/features, results/external/features, bundles. Out: verdicts of TRF-03 and SHR-02. Source: requirements TRF-03
(schema, version, checksum) and SHR-02 (a model is exchanged without individual data); docs/report.md.
"""

import csv
import re
import zipfile
from pathlib import Path

from scripts.core.hashing import digest_of, digest_of_file

TABLES = ("results/features", "results/external/features")
LARGEST = 200_000_000  # bytes of a file of a bundle that is searched
_TOKEN = re.compile(rb"[A-Za-z0-9_-]{4,}")


def tables_have_dictionaries(folders: tuple[str, ...] = TABLES) -> tuple[str, str, int] | None:
    """Verdict, reason and number of feature tables; None where there is none.

    A table counts with a dictionary of the same block whose features are exactly its columns and which describes them (for a
    ready-made table without, the workflow writes one of names alone); the sha256 over all tables is part of the reason, so that
    an auditor can tell whether they are still the same.
    """
    import pyarrow.parquet as pq

    paths = sorted(p for folder in folders for p in Path(folder).glob("*.parquet"))
    if not paths:
        return None
    bad, digests, bare, part = [], [], [], []
    for path in paths:
        digests.append([str(path), digest_of_file(path)])
        dictionary = Path(TABLES[0]) / f"{path.stem}.features.tsv"
        beside = path.with_name(f"{path.stem}.features.tsv")
        found = beside if beside.is_file() else dictionary
        if not found.is_file():
            bad.append(f"{path.stem} has no dictionary")
            continue
        with open(found, encoding="utf-8", newline="") as handle:
            rows = list(csv.DictReader(handle, delimiter="\t"))
        known = [row["feature"] for row in rows]
        described = sum(bool(row.get("description")) for row in rows)
        if not described:
            bare.append(path.stem)
        elif described < len(rows):
            part.append(f"{path.stem} {described} of {len(rows)}")
        columns = [name for name in pq.read_schema(path).names if name != "patient_id"]
        if path.parent == Path(folders[0]) and set(columns) != set(known):
            bad.append(f"{path.stem}: columns are not those of its dictionary")
    if bad:
        return "FAIL", "; ".join(bad), len(paths)
    if bare:
        named = ", ".join(dict.fromkeys(bare))
        return "NOT_ASSESSED", f"no feature is described: {named}", len(paths)
    if part:
        return "WARN", f"features described: {', '.join(dict.fromkeys(part))}", len(paths)
    return "PASS", f"sha256 over all tables {digest_of(digests)}", len(paths)


def bundles_hold_no_patient(
    patients: set[str], folder: str = "bundles"
) -> tuple[str, str, int] | None:
    """Verdict, reason and number of files of the locked bundles; None where nothing is locked.

    An id counts as a whole word of at least four characters with a letter and a digit, in every file and in the members of
    archives; the id itself is not repeated.
    """
    files = sorted(p for p in Path(folder).rglob("*") if p.is_file())
    if not files:
        return None
    ids = {
        p.encode()
        for p in patients
        if len(p) >= 4 and re.search("[A-Za-z]", p) and re.search("[0-9]", p)
    }
    named = [path.name for path in files if _tokens(path) & ids]
    if not ids:
        return "NOT_ASSESSED", "study ids are too short to be told from other words", len(files)
    reason = f"ids of patients stand in {', '.join(sorted(set(named))[:4])}" if named else ""
    return ("FAIL" if named else "PASS"), reason, len(files)


def _tokens(path: Path) -> set[bytes]:
    if path.stat().st_size > LARGEST:
        return set()
    found = set(_TOKEN.findall(path.read_bytes()))
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            for member in archive.infolist():
                if member.file_size <= LARGEST:
                    found |= set(_TOKEN.findall(archive.read(member)))
    return found
