"""Searching what a run wrote for identifiers of persons.

In: folders of outputs, logs, benchmarks and Snakemake's records. Out: files with a hit, and masked
texts. Source: requirement ETH-09; whole tokens only, see scripts/core/privacy.py.
"""

import re
from pathlib import Path

from scripts.core.privacy import identifier_in

SUFFIXES = (".tsv", ".csv", ".txt", ".json", ".jsonl", ".log", ".md", ".html", ".yaml", ".xml")
LARGEST = 50_000_000  # bytes; a larger text is a table of measured values, not of people
_LONG_NUMBER = re.compile(r"(?<![\d.])\d{11,18}[Xx]?(?![\d.])")


def masked(written: str) -> tuple[str, int]:
    """A text without citizen and mobile numbers, and how many were taken out."""
    count = 0

    def hide(match: re.Match) -> str:
        nonlocal count
        if not identifier_in(match.group()):
            return match.group()
        count += 1
        return "[identifier removed]"

    return _LONG_NUMBER.sub(hide, written), count


def text_files(folders: list[str]) -> list[Path]:
    """Text files below the folders, sorted; temporary files of running steps are left out."""
    found = [path for folder in folders for path in Path(folder).rglob("*") if path.is_file()]
    return sorted(
        path
        for path in found
        if (path.suffix in SUFFIXES or "log" in path.parts[0])
        and not path.name.startswith(".tmp")
        and path.stat().st_size <= LARGEST
    )


def search(folders: list[str]) -> tuple[int, dict[str, list[str]]]:
    """Number of files read, and {path: kinds of identifier} of those with a hit."""
    files = text_files(folders)
    hits = {}
    for path in files:
        kinds = identifier_in(path.read_text(encoding="utf-8", errors="replace"))
        if kinds:
            hits[str(path)] = kinds
    return len(files), hits


def records(folders: list[str]) -> list[dict]:
    """The search as QC records of ETH-09; what was not searched for is not assessed.

    They do not say how many files were read: a run that was continued has more logs, not another result.
    """
    _, hits = search(folders)
    shown = ", ".join(f"{path} ({', '.join(kinds)})" for path, kinds in list(hits.items())[:5])
    shared = {"requirement_id": "ETH-09", "subject": "cohort", "block": "", "value": None}
    shared |= {"step": "assess_conformance", "unit": "", "threshold": "", "reason": ""}
    return [
        shared
        | {
            "check": "no citizen or mobile number in outputs, logs, benchmarks",
            "verdict": "FAIL" if hits else "PASS",
            "value": len(hits),
            "unit": "files",
            "threshold": "0",
            "reason": f"found in {shown}" if hits else "",
        },
        shared
        | {
            "check": "no name, address or record number in outputs",
            "verdict": "NOT_ASSESSED",
            "reason": "not searched for: the workflow does not know them",
        },
    ]
