"""A step of the workflow that does as it is told: it takes the place of real steps in a copy of the checkout.

In: orders/<rule>.<patient> in the run folder: `sleep <s>`, `fail`, or `memory <MB>`; none = be done at once.
Out: the declared outputs; a line in starts.tsv and, at the end, in ends.tsv. Source: tests/slurm/cluster.py.
"""

import os
import time
from pathlib import Path

from scripts.core.job import entry, step


def note(file: str, *words: object) -> None:
    """Append one line in one write, so that jobs of several nodes do not mix theirs."""
    descriptor = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    os.write(descriptor, ("\t".join(map(str, words)) + "\n").encode())
    os.close(descriptor)


def main(job) -> None:
    """Do what the order says, then write every output."""
    with step(job) as current:
        name = f"{job.rule}.{job.wildcards.patient}"
        node, attempt_mb = os.environ.get("SLURMD_NODENAME", ""), job.resources.get("mem_mb")
        note("starts.tsv", name, os.getpid(), node, attempt_mb, time.time())
        order = Path("orders", name)
        words = order.read_text(encoding="utf-8").split() if order.is_file() else ["sleep", "0"]
        if words[0] == "fail":
            raise ValueError("told to fail")
        if words[0] == "memory":
            held = b"x" * (int(words[1]) << 20)
            time.sleep(15)
            del held
        else:
            time.sleep(float(words[1]))
        for output in map(str, job.output):
            if output in (job.output.get("status"), job.output.get("ledger")):
                continue
            path = current.path(output)
            if Path(output).suffix:
                path.write_text(f"{name}\n", encoding="utf-8")
            else:
                path.mkdir()
                (path / "content.txt").write_text(f"{name}\n", encoding="utf-8")
        note("ends.tsv", name, os.getpid(), node, attempt_mb, time.time())


if __name__ == "__main__":
    entry(main, globals().get("snakemake"))
