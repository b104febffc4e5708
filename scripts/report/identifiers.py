"""Searching what a run wrote for identifiers of persons.

In: folders of outputs, logs, benchmarks and Snakemake's records; the site's watch list. Out: files with a hit, and masked
texts. Source: requirement ETH-09; whole tokens only, see scripts/core/privacy.py.
"""

import re
from base64 import urlsafe_b64decode
from pathlib import Path

from scripts.core.privacy import identifier_in, watched

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


# Below .snakemake: copies of software, and the state of the scheduler that holds no text.
SOFTWARE = ("conda", "conda-archive", "singularity", "source_archives", "shadow", "locks")


def text_files(folders: list[str]) -> list[Path]:
    """Text files below the folders, sorted; temporary files of running steps are left out."""
    found = [path for folder in folders for path in Path(folder).rglob("*") if path.is_file()]
    return sorted(
        path
        for path in found
        if (path.suffix in SUFFIXES or "log" in path.parts[0] or _is_of_snakemake(path))
        and not path.name.startswith(".tmp")
        and path.stat().st_size <= LARGEST
    )


def _is_of_snakemake(path: Path) -> bool:
    return ".snakemake" in path.parts and not set(SOFTWARE) & set(path.parts)


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
    everything = {path for folder in folders for path in Path(folder).rglob("*")}
    texts = set(text_files(folders))
    for path in sorted(everything):
        named = _kinds(name_of(path), pattern)
        kinds = [f"{kind} in a file name" for kind in named]
        if path in texts:
            kinds += _kinds(path.read_text(encoding="utf-8", errors="replace"), pattern)
        if kinds:
            place = Path(path.parts[0]) if named else path
            hits.setdefault(str(place), []).extend(kinds)
    return {place: list(dict.fromkeys(kinds)) for place, kinds in hits.items()}


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
