"""Write envs/<domain>.yaml: one conda environment per domain, with the pins of requirements.lock.

In: requirements.lock, what the modules of each domain import, what its environment file lists already (plugins that
nobody imports). Out: the environment files, sorted. Run by `make lock`, in the environment itself.
Source: Snakemake's `conda:` directives; the locked .venv is the tested environment, these files mirror it.
"""

import ast
import functools
import importlib.metadata
import re
import sys
from pathlib import Path

import yaml

from scripts.core.hashing import ROOT, project_imports

BUILT_FROM_SOURCE = {"pyradiomics-bhklab"}
# Distributions that are pinned under another name than the one that owns the imported module.
SAME = {"xgboost": "xgboost-cpu", "pyradiomics": "pyradiomics-bhklab"}


def canonical(name: str) -> str:
    """PEP 503 name without extras."""
    return re.sub(r"[-_.]+", "-", name.split("[")[0]).lower()


def locked(text: str) -> dict[str, str]:
    """{package: version} of a lock file's text."""
    pins = re.findall(r"^([A-Za-z0-9_.-]+)(?:\[[^\]]*\])?==(\S+)", text, re.MULTILINE)
    return {canonical(name): version for name, version in pins}


@functools.cache
def _imports(path: Path) -> frozenset[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names.add(node.module.split(".")[0])
    return frozenset(names - set(sys.stdlib_module_names) - {"scripts"})


def libraries_of(domain: str) -> set[str]:
    """Packages that the modules of a domain import anywhere, themselves or through other modules of the project."""
    todo = list((ROOT / "scripts" / domain).glob("*.py"))
    seen: set[Path] = set()
    while todo:
        path = todo.pop()
        if path not in seen:
            seen.add(path)
            todo += project_imports(path)
    owners = importlib.metadata.packages_distributions()
    names = set().union(*map(_imports, seen))
    found = {canonical(owners[name][0]) for name in names if name in owners}
    return {SAME.get(name, name) for name in found}


def listed(path: Path) -> set[str]:
    """Packages of the pip block of an environment file, {} when there is no file."""
    if not path.exists():
        return set()
    dependencies = yaml.safe_load(path.read_text(encoding="utf-8"))["dependencies"]
    blocks = [entry["pip"] for entry in dependencies if isinstance(entry, dict)]
    return {canonical(re.split(r"[=<>]", pin)[0]) for block in blocks for pin in block}


def environment(domain: str, root: Path = ROOT) -> str:
    """The text of a domain's environment file."""
    pins = locked((root / "requirements.lock").read_text(encoding="utf-8"))
    names = listed(root / "envs" / f"{domain}.yaml") | libraries_of(domain)
    names = sorted(
        names & set(pins) - {"snakemake"}
    )  # a step needs its job object only, which comes pickled
    compiler = ["  - c-compiler"] if BUILT_FROM_SOURCE & set(names) else []
    lines = [
        f"# Environment of the steps in scripts/{domain}: the pins of requirements.lock, written by `make lock`.",
        f"name: hcc-omics-{domain}",
        "channels: [conda-forge]",
        "dependencies:",
        "  - python=3.11",
        *compiler,
        "  - pip",
        "  - pip:",
        *(f"      - {name}=={pins[name]}" for name in names),
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Write the environment file of every domain that has rules."""
    for path in sorted((ROOT / "rules").glob("*.smk")):
        if (ROOT / "scripts" / path.stem).is_dir():
            text = environment(path.stem)
            (ROOT / "envs" / f"{path.stem}.yaml").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
