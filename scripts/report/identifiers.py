"""Searching what a run wrote for identifiers of persons.

In: folders of outputs, logs, benchmarks and Snakemake's records; the site's watch list. Out: files with a hit, and masked
texts. Source: requirement ETH-09; whole tokens only, see scripts/core/privacy.py.
"""

import csv
import os
import re
from base64 import urlsafe_b64decode
from collections.abc import Iterator
from pathlib import Path

from scripts.core.privacy import identifier_in, watched, without_numbers

SUFFIXES = (".tsv", ".csv", ".txt", ".json", ".jsonl", ".log", ".md", ".html", ".yaml", ".xml")
LARGEST = 50_000_000  # bytes; a larger text is a table of measured values, not of people


def masked(written: str) -> tuple[str, int]:
    """A text without citizen and mobile numbers, and how many were taken out."""
    return without_numbers(written, "[identifier removed]")


# Below .snakemake: copies of software and of inputs, and locks that hold no text.
SOFTWARE = {"conda", "conda-archive", "singularity", "source_archives", "shadow", "locks"}


def write_masked(path: str | Path, columns: list[str], rows: list[dict]) -> None:
    """Write rows as TSV; tabs and line ends become spaces, identifiers of persons are masked."""
    with open(path, "w", encoding="utf-8", newline="") as handle:
        writer = csv.writer(handle, delimiter="\t", lineterminator="\n")
        writer.writerow(columns)
        for row in rows:
            cells = [" ".join(str(row[column]).split()) for column in columns]
            writer.writerow([masked(cell)[0] for cell in cells])


def paths_below(folder: str) -> Iterator[Path]:
    """Files and folders below a folder, one by one (a large run has a million), without software below .snakemake."""
    for root, folders, files in os.walk(folder):
        if Path(root).name == ".snakemake":
            folders[:] = [name for name in folders if name not in SOFTWARE]
        folders.sort()
        for name in sorted([*folders, *files]):
            yield Path(root) / name


def _is_text(path: Path) -> bool:
    """Whether a file is read: a text that is not too large, no temporary file of a running step, not gone meanwhile."""
    named = path.suffix in SUFFIXES or "log" in path.parts[0] or ".snakemake" in path.parts
    try:
        whole = named and not path.name.startswith(".tmp") and path.is_file()
        return whole and path.stat().st_size <= LARGEST
    except OSError:
        return False


def name_of(path: Path) -> str:
    """The path, and for a record of Snakemake the output that its encoded name stands for."""
    parts = path.parts
    for folder in ("metadata", "incomplete"):
        if folder in parts and ".snakemake" in parts:
            coded = "".join(part.lstrip("@") for part in parts[parts.index(folder) + 1 :])
            try:
                return urlsafe_b64decode(coded).decode("utf-8", "replace")
            except ValueError:
                return str(path)
    return str(path)


def search(folders: list[str], pattern: re.Pattern | None = None) -> dict[str, list[str]]:
    """{place: kinds of identifier} of files with a hit in their text or name; a place with a hit in its name is its folder."""
    hits: dict[str, list[str]] = {}
    for path in (path for folder in folders for path in paths_below(folder)):
        named = _kinds(name_of(path), pattern)
        kinds = [f"{kind} in a file name" for kind in named]
        if _is_text(path):
            kinds += _kinds(_text_of(path), pattern)
        if kinds:
            place = Path(path.parts[0]) if named else path
            hits.setdefault(str(place), []).extend(kinds)
    return {place: list(dict.fromkeys(kinds)) for place, kinds in hits.items()}


def _text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:  # gone since it was listed
        return ""


def _kinds(text: str, pattern: re.Pattern | None) -> list[str]:
    listed = ["an entry of the watch list"] if pattern and pattern.search(text) else []
    return identifier_in(text) + listed


def records(folders: list[str], watch_list: str = "") -> list[dict]:
    """The search as QC records of ETH-09; what was not searched for is not assessed.

    They do not say how many files were read: a run that was continued has more logs, not another result.
    """
    shared = {"requirement_id": "ETH-09", "subject": "cohort", "block": "", "value": None}
    shared |= {"step": "assess_conformance", "unit": "", "threshold": "", "reason": ""}
    pattern, missing = None, "privacy.watch_list of the config names no list of them"
    if watch_list:
        try:
            pattern, missing = watched(watch_list), "the watch list is empty"
        except (OSError, UnicodeError):
            missing = "the watch list of the config cannot be read as UTF-8 text"
    hits = search(folders, pattern)
    listed = {p: k for p, k in hits.items() if any("watch list" in kind for kind in k)}
    numbers = {p: k for p, k in hits.items() if any("watch list" not in kind for kind in k)}
    out = [shared | _found("no citizen or mobile number in outputs, logs, benchmarks", numbers)]
    check = "no name, address or record number in outputs"
    if pattern is None:
        return [
            *out,
            shared
            | {"check": check, "verdict": "NOT_ASSESSED", "reason": f"not searched for: {missing}"},
        ]
    return [*out, shared | _found(check, listed)]


def _found(check: str, hits: dict[str, list[str]]) -> dict:
    shown = ", ".join(f"{path} ({', '.join(kinds)})" for path, kinds in list(hits.items())[:5])
    return {
        "check": check,
        "verdict": "FAIL" if hits else "PASS",
        "value": len(hits),
        "unit": "files",
        "threshold": "0",
        "reason": f"found in {shown}" if hits else "",
    }
