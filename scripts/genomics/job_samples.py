"""The samples (blocks) that one job works on, with their files.

In: a job whose inputs hold one alignment, metrics and alignment verdict per block. Out: one Sample per block.
Source: the contract of a step (docs/architecture.md, "A step").
"""

from dataclasses import dataclass
from pathlib import Path

from scripts.core.features import read_status

TISSUES = ("tumour", "adjacent", "tissue")  # last word of a block measured in tissue


@dataclass(frozen=True)
class Sample:
    """One sequenced sample of one patient."""

    block: str
    evidence: str
    alignment: str
    metrics: str
    status: str
    identity: tuple[str, ...]

    def require(self, step) -> None:
        """Raise when its alignment failed or it is not the patient's own (identity check); hand warnings on."""
        step.require(self.status)
        for verdict in self.identity:
            step.require(verdict, block=self.block)

    def usable(self) -> bool:
        """Whether neither its alignment nor the identity check failed."""
        verdicts = [read_status(self.status)[0]]
        verdicts += [read_status(verdict, self.block)[0] for verdict in self.identity]
        return "fail" not in verdicts


def paths_of(value) -> list[str]:
    """One path, several or none as a list (Snakemake gives a single path as text)."""
    if value is None:
        return []
    return [str(value)] if isinstance(value, str | Path) else [str(path) for path in value]


def samples_of_job(job) -> list[Sample]:
    """Samples in the order of params.blocks and params.evidence."""
    columns = [
        list(job.params.blocks),
        list(job.params.evidence),
        *(paths_of(getattr(job.input, name)) for name in ("alignment", "metrics", "align_status")),
    ]
    identity = tuple(paths_of(getattr(job.input, "identity", None)))
    return [Sample(*row, identity) for row in zip(*columns, strict=True)]
