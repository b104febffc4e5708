"""Tables of `resources/` under names that do not depend on where the checkout lies.

In: a file below resources/. Out: its copy below `.hcc/resources/` of the run folder, which rules name as input. Source:
docs/architecture.md, "Orchestration": Snakemake compares the names of inputs, so a second checkout of the same commit would rerun
every rule that reads a file of the first.
"""

from pathlib import Path

from scripts.core.atomic_file import write_if_changed
from scripts.core.hashing import ROOT

SOURCE = ROOT / "resources"
KEPT = Path(".hcc/resources")


def resource(name: str, *, runs: bool, main: bool = True) -> str:
    """Path of a resource as an input of rules.

    name : path below resources/. runs : this start runs jobs, so the copy is refreshed; a copy with the same bytes keeps its
    time stamp. main : this is the main process; jobs take the copy as it was when their main process started.

    A start that runs nothing writes nothing: where no copy is, or another one, it names the file of the checkout itself.
    """
    kept, source = KEPT / name, SOURCE / name
    if main and runs:
        write_if_changed(kept, source.read_bytes())
    if kept.is_file() and (not main or kept.read_bytes() == source.read_bytes()):
        return str(kept)
    return str(source)
