"""A locked bundle as a folder: which one the lock names, whether it is as it was locked, what it holds for new raw data.

In: locks/bundle.json, bundles/<content hash>/. Out: the verified folder, its manifest of references. Source: docs/modelling.md,
"Bundle". Reading the model itself is for scripts/model/bundle.py.
"""

import json
from pathlib import Path

from scripts.core.hashing import digest_of_file

SUMS = "SHA256SUMS"
MARK = ".snakemake_timestamp"  # Snakemake leaves it in every folder that is an output
REFERENCES = "references"
MANIFEST = "manifest.json"


class BundleError(Exception):
    """The bundle is not what was locked, or does not fit the data."""


def files_of(folder: Path) -> set[str]:
    """Names of all files of a bundle, also those in folders, as seen from it; without SHA256SUMS and Snakemake's mark."""
    found = {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file() or p.is_symlink()}
    return found - {SUMS, MARK}


def content_hash(folder: Path) -> str:
    """First 16 hex digits of the SHA-256 of SHA256SUMS."""
    return digest_of_file(folder / SUMS)[:16]


def verify(folder: Path) -> None:
    """BundleError unless every file is listed in SHA256SUMS and unchanged, and nothing else is there."""
    folder = Path(folder)
    if not (folder / SUMS).is_file():
        raise BundleError(f"no bundle at {folder}: {SUMS} is missing")
    listed = {}
    for line in (folder / SUMS).read_text().splitlines():
        digest, _, name = line.partition("  ")
        listed[name] = digest
    present = files_of(folder)
    if present != set(listed):
        odd = ", ".join(sorted(present ^ set(listed)))
        raise BundleError(f"bundle {folder.name}: files added or missing: {odd}")
    changed = [n for n, digest in sorted(listed.items()) if digest_of_file(folder / n) != digest]
    if changed:
        raise BundleError(f"bundle {folder.name}: changed since the lock: {', '.join(changed)}")


def folder_of(lock: str | Path, named: str, bundles: str | Path) -> Path | None:
    """The folder of the bundle `named` in the config, else of the one that the lock names; None while none is locked."""
    if not named and Path(lock).is_file():
        named = json.loads(Path(lock).read_text(encoding="utf-8"))["bundle"]
    return Path(bundles) / named if named else None


def read_manifest(bundle: Path) -> dict:
    """The manifest of a bundle's references, {} when it holds none."""
    path = bundle / REFERENCES / MANIFEST
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
