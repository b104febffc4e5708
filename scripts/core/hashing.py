"""Hashes of code and of files.

In: a step module, a file. Out: a short digest that changes exactly when the code (not its comments)
or the bytes change.
Source: Snakemake does not look into imported modules, so every rule passes `code_of(...)` as a
parameter.
"""

import ast
import contextlib
import functools
import hashlib
import json
import os
import sys
from pathlib import Path

from scripts.core.atomic_file import write_if_changed

ROOT = Path(__file__).resolve().parents[2]


@functools.cache
def _module_file(root: Path, dotted: str) -> Path | None:
    path = root.joinpath(*dotted.split("."))
    if path.with_suffix(".py").is_file():
        return path.with_suffix(".py")
    if (path / "__init__.py").is_file():
        return path / "__init__.py"
    return None


# {SHA-256 of a module's bytes: [digest of its code, dotted names that it imports]}; kept between starts by the main process.
_KNOWN: dict[str, list] = {}


def recall_code(caches: list[Path]) -> None:
    """Take up what earlier starts found out about modules (parsing them all costs one to two seconds a start, on each node)."""
    for cache in caches:
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            known = json.loads(cache.read_text(encoding="utf-8"))
            _KNOWN.update(known["modules"] if known["python"] == sys.version else {})


def remember_code(caches: list[Path]) -> None:
    """Keep what is known of the modules that this start read, if that is news, in the first place that may be written to."""
    used = {key: _KNOWN[key] for key in sorted(_USED & _KNOWN.keys())}
    text = json.dumps({"python": sys.version, "modules": used}, sort_keys=True) + "\n"
    for cache in caches:
        with contextlib.suppress(OSError):
            return write_if_changed(cache, text)


_USED: set[str] = set()


@functools.cache
def _read(path: Path) -> tuple[str, tuple[Path, ...]]:
    """Digest of a module's syntax tree without docstrings (wording is no change of behaviour), and what it imports."""
    source = path.read_bytes()
    package = path.relative_to(ROOT).with_suffix("").parts[:-1]
    key = hashlib.sha256(".".join(package).encode() + b"\0" + source).hexdigest()
    if key not in _KNOWN:
        _KNOWN[key] = _parse(source, package)
    _USED.add(key)
    digest, names = _KNOWN[key]
    files = (_module_file(ROOT, name) for name in names)
    return digest, tuple(sorted({file for file in files if file is not None}))


def _parse(source: bytes, package: tuple[str, ...]) -> list:
    """Digest of the code of a module, and the names inside this project that it imports."""
    tree = ast.parse(source)
    names: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
            module = ".".join(part for part in (base, node.module or "") if part)
            names.append(module)
            names += [f"{module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Module | ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef):
            first = node.body[0] if node.body else None
            if (
                isinstance(first, ast.Expr)
                and isinstance(first.value, ast.Constant)
                and isinstance(first.value.value, str)
            ):
                node.body = node.body[1:] or [ast.Pass()]
    own = sorted({name for name in names if name.split(".")[0] == "scripts"})
    return [hashlib.sha256(ast.dump(tree).encode()).hexdigest(), own]


def project_imports(path: Path) -> tuple[Path, ...]:
    """Files of the project that a module imports directly, anywhere in it."""
    return _read(path)[1]


@functools.cache
def code_of(script: str) -> str:
    """Digest (12 hex digits) of a step module and of every project module that it imports, directly
    or not.

    `script` is relative to the repository root, e.g. "scripts/imaging/extract_radiomics.py".
    """
    seen: set[Path] = set()
    todo = [ROOT / script]
    while todo:
        path = todo.pop()
        if path not in seen:
            seen.add(path)
            todo += project_imports(path)
    joined = hashlib.sha256()
    for path in sorted(seen):
        joined.update(str(path.relative_to(ROOT)).encode())
        joined.update(_read(path)[0].encode())
    return joined.hexdigest()[:12]


def digest_of_file(path: str | Path, algorithm: str = "sha256") -> str:
    """Hex digest of a file, or of a folder (names and bytes of its files, sorted by name)."""
    path = Path(path)
    if path.is_dir():
        joined = hashlib.new(algorithm)
        for file in sorted(p for p in path.rglob("*") if p.is_file()):
            joined.update(str(file.relative_to(path)).encode())
            joined.update(digest_of_file(file, algorithm).encode())
        return joined.hexdigest()
    with open(path, "rb") as handle:
        return hashlib.file_digest(handle, algorithm).hexdigest()


def stamps_below(folder: str | Path) -> list[list]:
    """[path, bytes, time of change in ns] of every file below a folder, sorted by path; one look per file."""
    found = []
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir():
                found += stamps_below(entry.path)
            elif entry.is_file():
                stat = entry.stat()
                found.append([entry.path, stat.st_size, stat.st_mtime_ns])
    return sorted(found)


def digest_of(value: object) -> str:
    """Digest (12 hex digits) of a JSON-like value, independent of the order of keys."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def person_hash(patient: str) -> str:
    """What stands for a patient_id where the id itself must not stay: in a locked bundle."""
    return hashlib.sha256(f"hcc-omics:{patient}".encode()).hexdigest()[:16]
