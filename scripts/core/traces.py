"""What a run folder holds of certain people, and its deletion.

In: names that recognise them, results, logs, benchmarks and Snakemake's records of what was made from what. Out: a list of
files, log lines and records; then none of them. Source: requirement ETH-06 (on withdrawal everything derived goes),
docs/architecture.md, "Withdrawal".
"""

import json
import os
import shutil
import sqlite3
from base64 import urlsafe_b64decode
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from scripts.core.names import Names

RESULTS = Path("results")
LOGS = (Path("logs"), Path("benchmarks"))
SNAKEMAKE = Path(".snakemake")
SLURM = SNAKEMAKE / "slurm_logs"
_SOFTWARE = ("conda", "conda-archive", "singularity", "source_archives", "metadata", "incomplete")
_LINE_WISE = ("log", "slurm_logs")


class Records:
    """What Snakemake noted about every output: names in it, and which inputs it was made from (both of its backends)."""

    def __init__(self, names: Names):
        self.named: set[str] = set()
        self.inputs: dict[str, list[str]] = {}
        self._log: dict[str, str] = {}
        self._files: dict[str, list[Path]] = {}
        self._database = SNAKEMAKE / "metadata.db"
        for folder in ("metadata", "incomplete"):
            for path in _files_below(SNAKEMAKE / folder):
                output = _output_of(path.relative_to(SNAKEMAKE / folder))
                text = path.read_text(encoding="utf-8", errors="replace")
                self._files.setdefault(output, []).append(path)
                self._note(output, text, names)
        if self._database.is_file():
            with sqlite3.connect(self._database) as database:
                database.row_factory = sqlite3.Row
                for row in database.execute("SELECT * FROM snakemake_metadata"):
                    record = dict(row) | {"input": json.loads(row["input"] or "[]")}
                    self._note(row["target"], json.dumps(record, default=str), names)

    def _note(self, output: str, text: str, names: Names) -> None:
        if names.found(output) or names.found(text):
            self.named.add(output)
        try:
            record = json.loads(text)
        except ValueError:
            record = {}
        self.inputs[output] = list(record.get("input") or self.inputs.get(output, []))
        self._log[output] = str(record.get("log") or self._log.get(output, output))

    def derived(self, first: set[str]) -> dict[str, int]:
        """{output: steps from `first`} of everything made from `first`, directly or not, and of `first` itself."""
        users: dict[str, list[str]] = {}
        for output, inputs in self.inputs.items():
            for path in inputs:
                users.setdefault(path, []).append(output)
        steps = dict.fromkeys(first, 0)
        todo = list(first)
        while todo:
            path = todo.pop(0)
            for output in users.get(path, ()):
                if output not in steps:
                    steps[output] = steps[path] + 1
                    todo.append(output)
        return steps

    def beside(self, outputs: set[str]) -> set[str]:
        """These outputs and all others of the jobs that made them (a job is known by its log)."""
        logs = {self._log[output] for output in outputs if output in self._log}
        return {output for output, log in self._log.items() if log in logs}

    def of(self, path: Path) -> str:
        """The recorded output that a file is or lies in; "" when nothing was recorded."""
        return next((str(p) for p in (path, *path.parents) if str(p) in self.inputs), "")

    def remove(self, outputs: set[str]) -> None:
        """Forget these outputs."""
        for path in (path for output in outputs for path in self._files.get(output, ())):
            path.unlink(missing_ok=True)
            if path.parent.name.startswith("@") and not any(path.parent.iterdir()):
                path.parent.rmdir()
        if self._database.is_file() and outputs:
            with sqlite3.connect(self._database) as database:
                rows = [(output,) for output in outputs]
                database.executemany("DELETE FROM snakemake_metadata WHERE target = ?", rows)
            database = sqlite3.connect(self._database, isolation_level=None)
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            database.execute("VACUUM")  # deleted rows would stay readable in free pages
            database.close()


@dataclass
class Traces:
    """What is to go: `paths` (files and folders, the farthest derived first), `logs` that lose lines, records of outputs."""

    paths: list[Path] = field(default_factory=list)
    logs: list[Path] = field(default_factory=list)
    outputs: set[str] = field(default_factory=set)

    def files(self) -> list[Path]:
        """Every single file below `paths`."""
        found = {f for p in self.paths for f in ([p] if p.is_file() else _files_below(p))}
        return sorted(found)


def find(names: Names, sheets: list[Path]) -> tuple[Traces, Records]:
    """Everything in the current run folder that names these people or was made from their data.

    `sheets` are frozen sheets: what was read from one that names them is theirs too. The locked bundles and what lies under
    locks/ are no ordinary outputs and are left alone here. A binary result without a record of its inputs counts as theirs.
    """
    records = Records(names)
    first = set(records.named)
    first |= {str(path) for path in sheets if path.is_file() and names.found_in(path)}
    named: list[Path] = []
    for path in _walk(RESULTS, names, named):
        text = _text_of(path)
        if names.found(text) if text is not None else not records.of(path):
            first.add(records.of(path) or str(path))
    traces = Traces()
    kept = _locked(records) - first
    steps = {o: n for o, n in records.derived(first).items() if o not in kept}
    made = [Path(o) for o in sorted(steps, key=lambda o: (-steps[o], o))]
    traces.paths = [p for p in made if p.parts[:1] == RESULTS.parts and p.exists()]
    traces.outputs = {o for o in steps if o in records.named or Path(o).parts[:1] == RESULTS.parts}
    for folder in LOGS:
        traces.logs += [p for p in _walk(folder, names, named) if names.logged_in(p)]
    for path in _walk(SNAKEMAKE, names, named):
        keep = path.parts[1] in _LINE_WISE
        if path.name.startswith("metadata.db"):
            continue
        if names.logged_in(path) if keep else names.found_in(path):
            (traces.logs if keep and _text_of(path) is not None else traces.paths).append(path)
    already = set(traces.paths)
    traces.paths += [path for path in named if path not in already]
    return traces, records


def remove(traces: Traces, records: Records, names: Names) -> None:
    """Delete it all. What is farthest derived goes first: after a crash the next start still finds the rest."""
    for path in traces.logs:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines(keepends=True)
        kept = "".join(line for line in lines if not names.logged(line))
        path.write_text(kept, encoding="utf-8")
    for path in traces.paths:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    records.remove(traces.outputs)
    for folder in (RESULTS, *LOGS):
        _remove_empty_folders(folder)


def _locked(records: Records) -> set[str]:
    """What goes with a locked bundle: the fit it is a copy of, and the QC records of both jobs. No rule makes them again, they
    hold no ids, and whether the bundle may stay is a decision of people (scripts/core/withdrawal.py)."""
    lock = Path("locks/bundle.json")
    if not lock.is_file() or not json.loads(lock.read_text(encoding="utf-8") or "{}").get("bundle"):
        return set()
    return records.beside({str(lock), *records.inputs.get(str(lock), [])})


def _output_of(record: Path) -> str:
    """The output that a record file of Snakemake is named after: base64, cut into folders that start with @."""
    joined = "".join(part.removeprefix("@") for part in record.parts)
    try:
        return urlsafe_b64decode(joined).decode()
    except ValueError:
        return joined


def _walk(folder: Path, names: Names, named: list[Path]) -> Iterator[Path]:
    """Files below a folder; one (or a folder) whose own name is theirs is put into `named` instead."""
    for where, folders, files in os.walk(folder):
        here = Path(where)
        theirs = names.logged if here == SLURM or SLURM in here.parents else names.found
        # Snakemake's own folders are named by Snakemake: "log" is nobody.
        hit = [name for name in folders if theirs(name)] if here != SNAKEMAKE else []
        named += [here / name for name in hit]
        outside = _SOFTWARE if here == SNAKEMAKE else ()
        folders[:] = sorted(set(folders) - set(hit) - set(outside))
        for name in sorted(files):
            if names.found(name):
                named.append(here / name)
            else:
                yield here / name


def _files_below(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def _text_of(path: Path) -> str | None:
    """The text of a file; None for a binary one (a NUL byte in its first 8 kB, or no UTF-8)."""
    with open(path, "rb") as handle:
        if b"\x00" in handle.read(8192):
            return None
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return None


def _remove_empty_folders(folder: Path) -> None:
    for path in sorted((p for p in folder.rglob("*") if p.is_dir()), reverse=True):
        if not any(path.iterdir()):
            path.rmdir()
