"""The last look at a package before it leaves: no identifier of a person, no id of the site, not the key.

In: the files of a package, the ids of the site. Out: what was found, by file. Source: requirements ETH-09, ETH-10, SHR-01.
"""

import re
from pathlib import Path

from scripts.core.privacy import identifier_in

_WORD = re.compile(r"[A-Za-z0-9_-]+")


def telling_ids(ids: set[str]) -> set[str]:
    """Ids that can be recognised in a text: longer than two characters, with a letter and a digit or sign in them."""
    return {i for i in ids if len(i) > 2 and re.search("[A-Za-z]", i) and re.search("[^A-Za-z]", i)}


def search(folder: Path, ids: set[str], key: bytes) -> dict[str, list[str]]:
    """{file: kinds of what must not be there}; the found texts themselves are not repeated."""
    known = telling_ids(ids)
    found: dict[str, list[str]] = {}
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        name = str(path.relative_to(folder))
        data = path.read_bytes()
        text = data.decode("utf-8", errors="replace")
        kinds = identifier_in(f"{name}\n{text}")
        if known & set(_WORD.findall(f"{name}\n{text}")):
            kinds.append("an id of the site")
        if key and key in data:
            kinds.append("the key of the pseudonyms")
        if kinds:
            found[name] = kinds
    return found
