"""What is counted while reads are aligned, and the limits it is held against.

In: batches of reads with their alignments. Out: fractions and medians, QC records.
Source: Illumina (Q30); limits of section genomics.align of the configuration.
"""

from scripts.core import job as core_job

MAX_INSERT = 2000  # bp; longest insert that the histogram tells apart


class Metrics:
    """Counts over the stream of alignments of one sample."""

    def __init__(self):
        self.reads = self.mapped = self.proper_pairs = self.bases = self.bases_q30 = 0
        self.inserts = [0] * (MAX_INSERT + 1)

    def add(self, batch: list, results: list[list], proper: int, inserts: list[int]) -> None:
        """Count one batch: its reads and qualities, what mapped, what paired properly."""
        import numpy as np

        self.reads += len(batch)
        self.mapped += sum(not records[0].is_unmapped for records in results)
        self.proper_pairs += proper
        joined = np.frombuffer("".join(read.quality for read in batch).encode(), dtype=np.uint8)
        self.bases += joined.size
        self.bases_q30 += int((joined >= 33 + 30).sum())
        for insert in inserts:
            self.inserts[min(insert, MAX_INSERT)] += 1

    def as_dict(self) -> dict:
        """Fractions and medians; None where nothing was counted."""
        half, below, median = sum(self.inserts) / 2, 0, None
        for insert, count in enumerate(self.inserts):
            below += count
            if count and below >= half:
                median = insert
                break
        return {
            "reads": self.reads,
            "mapped_fraction": self.mapped / self.reads if self.reads else None,
            "properly_paired_fraction": 2 * self.proper_pairs / self.reads if self.reads else None,
            "q30_base_fraction": self.bases_q30 / self.bases if self.bases else None,
            "median_insert_size": median,
        }


def judge(step, found: dict, limits: dict, evidence: str) -> None:
    """Record the alignment metrics against their limits (section align of the configuration)."""
    if not found["reads"]:
        raise core_job.InputDefect(
            f"{evidence}: none of {found['pairs']} read pairs has both reads at or above "
            f"{limits['min_read_length']} bases after trimming; adapters only, or the wrong file?",
            requirement_id="OMX-01",
            check="reads left after trimming",
            evidence=evidence,
        )
    if found["mapped_fraction"] < limits["min_mapped_fraction"]["fail"]:
        percent = 100 * found["mapped_fraction"]
        raise core_job.InputDefect(
            f"{evidence}: only {percent:.1f} % of the reads map to the reference: wrong reference, other "
            "species or contaminated sample",
            requirement_id="OMX-01",
            check="mapped fraction",
            evidence=evidence,
        )
    for key, unit in (
        ("mapped_fraction", "fraction of reads"),
        ("properly_paired_fraction", "fraction of reads"),
        ("q30_base_fraction", "fraction of bases"),
    ):
        limit = limits[f"min_{key}"]["warn"]
        verdict = "PASS" if found[key] >= limit else "WARN"
        step.check(
            "OMX-01", key.replace("_", " "), verdict, value=found[key], unit=unit,
            threshold=f">= {limit}", evidence=evidence,
        )  # fmt: skip
    for key, unit in (
        ("duplicate_fraction", "fraction of reads"),
        ("adapter_fraction", "fraction of reads"),
    ):
        limit = limits[f"max_{key}"]["warn"]
        known = found[key] is not None  # a delivered alignment does not tell its adapters
        verdict = ("PASS" if found[key] <= limit else "WARN") if known else "NOT_ASSESSED"
        step.check(
            "OMX-01", key.replace("_", " "), verdict, value=found[key], unit=unit,
            threshold=f"<= {limit}", evidence=evidence,
        )  # fmt: skip
    step.check(
        "OMX-01", "median insert size", "PASS", value=found["median_insert_size"], unit="bp",
        evidence=evidence,
    )  # fmt: skip
