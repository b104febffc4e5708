"""Processes of a run on this host: a main process that lives, and jobs whose main process has died.

In: a run folder, and /proc (Linux; elsewhere nothing is found). Out: process ids.
Source: proc(5); Snakemake runs the script of a step from .snakemake/scripts/ in the run folder.
"""

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")
_SCRIPTS = ".snakemake/scripts/"


@dataclass(frozen=True)
class Process:
    """A process: its parent, its words, the folder in which it works."""

    pid: int
    parent: int
    words: tuple[str, ...]
    folder: str


def processes() -> dict[int, Process]:
    """{pid: process} of all processes that this user may look at; those that have ended are left out."""
    found = {}
    for entry in _PROC.iterdir() if _PROC.is_dir() else ():
        if not entry.name.isdigit():
            continue
        try:
            words = (entry / "cmdline").read_bytes().rstrip(b"\0").split(b"\0")
            state, parent = (entry / "stat").read_text().rpartition(")")[2].split()[:2]
            folder = os.readlink(entry / "cwd")
        except (OSError, ValueError):
            continue  # ended meanwhile, or another user's
        if state not in "ZX" and words != [b""]:
            pid = int(entry.name)
            text = tuple(word.decode(errors="replace") for word in words)
            found[pid] = Process(pid, int(parent), text, folder)
    return found


def _is_snakemake(words: tuple[str, ...]) -> bool:
    return any(
        Path(word).name == "snakemake" or word.endswith("snakemake/__main__.py")
        for word in words[:4]
    )


def _is_job(process: Process) -> bool:
    if any(_SCRIPTS in word for word in process.words):
        return True
    return _is_snakemake(process.words) and "--mode" in process.words


def _with_ancestors(pid: int, found: dict[int, Process]) -> set[int]:
    own = set()
    while pid and pid not in own:
        own.add(pid)
        pid = found[pid].parent if pid in found else 0
    return own


def living_main(run: Path) -> int:
    """Process id of a Snakemake main process that works in the run folder on this host; 0 = none."""
    found = processes()
    own = _with_ancestors(os.getpid(), found)
    for process in found.values():
        if process.folder != str(run.resolve()) or process.pid in own:
            continue
        if _is_snakemake(process.words) and not _is_job(process):
            return process.pid
    return 0


def orphans(run: Path) -> list[int]:
    """Jobs of the run on this host and everything that they started, sorted; call it when no main process lives."""
    found = processes()
    own = _with_ancestors(os.getpid(), found)
    folder = str(run.resolve())
    left = {p.pid for p in found.values() if p.folder == folder and _is_job(p)}
    return sorted(_with_descendants(left, found) - own)


def _with_descendants(pids: set[int], found: dict[int, Process]) -> set[int]:
    pids = set(pids)
    while more := {p.pid for p in found.values() if p.parent in pids} - pids:
        pids |= more
    return pids


def jobs_of(main: int) -> list[int]:
    """Jobs that a main process started, and everything that these started, sorted."""
    found = processes()
    below = _with_descendants({main}, found) - {main}
    return sorted(_with_descendants({pid for pid in below if _is_job(found[pid])}, found))


def end(pids: list[int], grace: float = 10.0) -> list[int]:
    """Ask processes to end, force those that have not after `grace` seconds; those that are still there after that."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        for pid in pids:
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                continue
        deadline = time.monotonic() + grace
        while pids and time.monotonic() < deadline:
            alive = processes()
            pids = [pid for pid in pids if pid in alive]
            time.sleep(0.1)
    return pids
