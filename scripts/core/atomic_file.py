"""Small records that are there whole or not at all, also after `kill -9`.

In: a path and what is to stand there. Out: the file. Source: docs/architecture.md, "Killed runs": resuming removes what is left
of temporary files (.tmp<process>.<name>).
"""

import os
from pathlib import Path


def write_atomically(path: Path, data: bytes | str) -> None:
    """Write bytes, or text as UTF-8, beside the name and move them there; the folder is made where it is missing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".tmp{os.getpid()}.{path.name}")
    temporary.write_bytes(data.encode("utf-8") if isinstance(data, str) else data)
    os.replace(temporary, path)


def write_if_changed(path: Path, data: bytes | str) -> None:
    """As `write_atomically`, where the file does not hold just that already: then it keeps its time stamp."""
    data = data.encode("utf-8") if isinstance(data, str) else data
    if not path.exists() or path.read_bytes() != data:
        write_atomically(path, data)
