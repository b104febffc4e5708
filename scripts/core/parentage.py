"""Whether the Snakemake process that started a step is still there: the outputs of an orphan belong to nobody.

In: /proc. Out: the processes from a step up to its Snakemake; a step compares them before it moves its outputs into place.
Source: proc(5). After `kill -9` of Snakemake alone its steps go on, while the next start already makes the same outputs.
"""

import os
from pathlib import Path

_HIGHEST = 3  # a step's parent is a shell or Snakemake itself; one more for a wrapper


def _parent(pid: int) -> int:
    """Parent of a process; the name, in brackets, may hold anything."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def _is_snakemake(pid: int) -> bool:
    return b"snakemake" in Path(f"/proc/{pid}/cmdline").read_bytes()


def line_to_snakemake() -> tuple[int, ...]:
    """Process ids from the parent up to the nearest Snakemake; () without one nearby, or where there is no /proc."""
    line = [os.getppid()]
    try:
        while not _is_snakemake(line[-1]):
            if len(line) == _HIGHEST or line[-1] <= 1:
                return ()
            line.append(_parent(line[-1]))
    except (OSError, ValueError, IndexError):
        return ()
    return tuple(line)


def is_orphan(line: tuple[int, ...]) -> bool:
    """Whether one of the processes that `line_to_snakemake` gave at the start is gone; False for an empty line."""
    return bool(line) and line_to_snakemake() != line
