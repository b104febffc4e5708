"""Reading FHIR R4 files: Bundles, single resources, NDJSON of a bulk export; one resource after the other.

In: JSON or NDJSON files (also gzipped), or folders of them. Out: (Place, resource) pairs and the places that cannot be read.
Source: FHIR R4 (4.0.1), Bundle and bulk data formats.
"""

import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from scripts.core.privacy import identifier_in
from scripts.core.sheets import decode

SUFFIXES = (".json", ".ndjson", ".jsonl")


class Refused(Exception):
    """One thing in one resource that cannot be imported."""

    def __init__(self, path: str, value: object, allowed: str):
        super().__init__(path, value, allowed)
        self.path, self.value, self.allowed = path, value, allowed


@dataclass(frozen=True)
class Place:
    """Where a resource stands. `index` is the entry of the Bundle or the line of the NDJSON file, from 1."""

    file: str
    index: int
    kind: str = ""
    name: str = ""
    full_url: str = ""

    def message(self, refused: Refused) -> str:
        """One line: file, entry, id, path, value, what is allowed; identifiers are not repeated."""
        own = f"{self.kind}/{self.name}" if self.name else self.kind
        who = f" ({own})" if own else ""
        return (
            f"{self.file}, entry {self.index}{hidden(who)}, {refused.path or 'resource'}: "
            f"{shown(refused.value)}: {refused.allowed}"
        )


def hidden(text: str) -> str:
    """A text, or (hidden) when it holds an identifier of a person."""
    return "(hidden)" if identifier_in(text) else text


def shown(value: object) -> str:
    """A value as a message shows it: short, on one line, no identifiers; what is in an object or list is not shown."""
    if value is None:
        return "missing"
    if isinstance(value, (dict, list)):
        return "an object" if isinstance(value, dict) else "a list"
    text = hidden(" ".join(str(value).split()))
    return repr(text if len(text) <= 60 else text[:57] + "...")


def files_of(paths: list[Path]) -> list[Path]:
    """The files, those of folders sorted by name. FileNotFoundError with the path that is not there."""
    out: list[Path] = []
    for path in paths:
        if path.is_dir():
            found = [p for p in path.rglob("*") if p.is_file()]
            out += sorted(p for p in found if set(p.suffixes) & set(SUFFIXES))
        elif path.is_file():
            out.append(path)
        else:
            raise FileNotFoundError(path)
    return out


def _parse(text: str) -> object:
    # Decimal keeps the digits as they were written: 35.20 stays 35.20.
    return json.loads(text, parse_float=Decimal, parse_constant=_no_number)


def _no_number(text: str) -> None:
    raise ValueError(f"{text} is no JSON number")


def read(path: Path) -> Iterator[tuple[Place, dict | Refused]]:
    """Every resource of a file, or what is wrong there; a broken line or entry does not hide the others."""
    lines = bool({".ndjson", ".jsonl"} & set(path.suffixes))
    data = path.read_bytes()
    if data.startswith(b"\x1f\x8b"):
        try:
            data = gzip.decompress(data)
        except (OSError, EOFError):
            yield Place(path.name, 0), Refused("file", None, "a complete gzip file; copy it again")
            return
    try:
        text, _ = decode(data)
    except UnicodeError:
        yield Place(path.name, 0), Refused("file", None, "UTF-8 text")
        return
    if not lines:
        try:
            yield from _opened(path.name, 1, _parse(text), top=True)
            return
        except ValueError as error:
            first = text.strip().split("\n", 1)[0]
            if "\n" not in text.strip() or not _is_json(first):
                yield Place(path.name, 0), Refused("file", str(error), "JSON of one FHIR resource")
                return
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            yield from _opened(path.name, number, _parse(line))
        except ValueError as error:
            yield Place(path.name, number), Refused("line", str(error), "one JSON resource a line")


def _is_json(text: str) -> bool:
    try:
        return isinstance(_parse(text), dict)
    except ValueError:
        return False


def _opened(
    file: str, index: int, value: object, *, top: bool = False, url: str = ""
) -> Iterator[tuple[Place, dict | Refused]]:
    """A resource, or the resources of a Bundle (also of a Bundle in a Bundle)."""
    if not isinstance(value, dict):
        yield Place(file, index), Refused("", value, "a JSON object with resourceType")
        return
    kind = value.get("resourceType")
    if not isinstance(kind, str) or not kind:
        yield Place(file, index), Refused("resourceType", kind, "the name of a FHIR R4 resource")
        return
    if kind != "Bundle":
        name = value.get("id")
        yield Place(file, index, kind, name if isinstance(name, str) else "", url), value
        return
    entries = value.get("entry", [])
    if not isinstance(entries, list):
        yield Place(file, index, kind), Refused("entry", entries, "a list of entries")
        return
    for number, entry in enumerate(entries, start=1):
        place = number if top else index
        if not isinstance(entry, dict) or not isinstance(entry.get("resource", {}), dict):
            yield Place(file, place), Refused("entry", entry, "an object with a resource")
        elif "resource" in entry:
            url = entry.get("fullUrl")
            yield from _opened(
                file, place, entry["resource"], url=url if isinstance(url, str) else ""
            )
        elif not {"request", "response", "link"} & set(entry):
            yield Place(file, place), Refused("entry.resource", None, "a resource")
