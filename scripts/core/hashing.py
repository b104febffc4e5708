"""Hashes of code and of files.

In: a step module, a file. Out: a short digest that changes exactly when the code (not its comments)
or the bytes change.
Source: Snakemake does not look into imported modules, so every rule passes `code_of(...)` as a
parameter.
"""

import ast
import functools
import hashlib
import json
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def _module_file(dotted: str) -> Path | None:
    path = ROOT.joinpath(*dotted.split("."))
    if path.with_suffix(".py").is_file():
        return path.with_suffix(".py")
    if (path / "__init__.py").is_file():
        return path / "__init__.py"
    return None


@functools.cache
def _read(path: Path) -> tuple[str, tuple[Path, ...]]:
    """Digest of a module's syntax tree without docstrings (wording is no change of behaviour), and what it imports."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    package = path.relative_to(ROOT).with_suffix("").parts[:-1]
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
    files = (_module_file(name) for name in names if name.split(".")[0] == "scripts")
    imported = tuple(sorted({file for file in files if file is not None}))
    return hashlib.sha256(ast.dump(tree).encode()).hexdigest(), imported


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


def digest_of(value: object) -> str:
    """Digest (12 hex digits) of a JSON-like value, independent of the order of keys."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def person_hash(patient: str) -> str:
    """What stands for a patient_id where the id itself must not stay: in a locked bundle."""
    return hashlib.sha256(f"hcc-omics:{patient}".encode()).hexdigest()[:16]
