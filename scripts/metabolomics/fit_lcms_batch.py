"""Drift of one LC-MS batch, learned on the batch's own QC runs at the frozen reference's positions.

In: the reference, features and centroids of the batch's QC and blank runs. Out: QC areas and the drift method (npz), QC
records of the batch. Source: docs/metabolomics.md; Broadhurst et al. 2018, Metabolomics 14:72.
"""

from dataclasses import dataclass
from pathlib import Path

from scripts.core import job as core_job
from scripts.metabolomics.candidates import Run, load_runs, measure, usable
from scripts.metabolomics.drift import Drift, fit_drift, leave_one_out, relative_sd
from scripts.metabolomics.lcms_reference import Reference, described, load_reference
from scripts.metabolomics.run_length import check_left_out
from scripts.metabolomics.run_sheet import listed, run_order


@dataclass(frozen=True)
class Batch:
    """What a batch's QC runs tell: drift over the injection order, median total ion current and feature count (NaN without)."""

    drift: Drift
    tic: float
    count: float

    @property
    def qcs(self) -> int:
        """Number of usable QC runs."""
        return self.drift.order.size

    def save(self, path: Path) -> None:
        """Write as npz."""
        import numpy as np

        np.savez_compressed(
            path,
            order=self.drift.order,
            values=self.drift.values,
            method=np.array(self.drift.method),
            tic=np.float64(self.tic),
            count=np.float64(self.count),
        )


def load_batch(path: str | Path) -> Batch:
    """A batch written by `fit_lcms_batch`."""
    import numpy as np

    with np.load(path) as data:
        drift = Drift(data["order"], data["values"], str(data["method"]))
        return Batch(drift, float(data["tic"]), float(data["count"]))


def fit_batch(qcs: list[Run], reference: Reference, settings: dict) -> Batch:
    """Drift of one batch from its usable QC runs (none: a batch without correction)."""
    import numpy as np

    found = {"mz": reference.mz, "rt": reference.rt, "half_width": reference.half_width}
    values = measure(qcs, found, reference.landmarks, settings)
    order = np.array([run_order(run.row) for run in qcs], dtype="float64")
    drift = fit_drift(order, values, settings["drift_spans"], settings["min_qcs_for_curve"])
    tic = float(np.median([run.about["tic"] for run in qcs])) if qcs else float("nan")
    count = float(np.median([run.features.size for run in qcs])) if qcs else float("nan")
    return Batch(drift, tic, count)


def longest_gap(orders: list[int], qc_orders: list[int]) -> int | None:
    """Most injections between two QC runs (or before the first, after the last) of a batch.

    None where it cannot be known: no QC run, a run without order (0), or two runs with one order.
    """
    if not qc_orders or 0 in (*orders, *qc_orders) or len(set(orders)) < len(orders):
        return None
    longest = current = 0
    for order in sorted(orders):
        current = 0 if order in qc_orders else current + 1
        longest = max(longest, current)
    return longest


def check_batch(
    step, batch: Batch, reference: Reference, blanks: int, gap: int | None, settings: dict
) -> None:
    """Record numbers of QC and blank runs, drift before and after correction (held-out QC runs), internal standards."""
    import numpy as np

    def check(requirement: str, name: str, value, good: bool = True, threshold: str = "") -> None:
        verdict = "PASS" if good else "WARN"
        step.check(requirement, name, verdict, value=value, threshold=threshold)

    least, every = settings["min_qcs"], settings["qc_every_n"]
    check("EXT-02", "pooled QC runs in the batch", batch.qcs, batch.qcs >= least, f">= {least}")
    check("EXT-02", "blank runs in the batch", blanks, blanks >= 1, ">= 1")
    shown = "not known" if gap is None else gap
    check(
        "EXT-02",
        "injections between QC runs",
        shown,
        gap is not None and gap <= every,
        f"<= {every}",
    )
    if batch.qcs < 3:
        return
    drift = batch.drift
    held_out = relative_sd(leave_one_out(drift.order, drift.values, drift.method))
    before, after = float(np.nanmedian(relative_sd(drift.values))), float(np.nanmedian(held_out))
    check("OMX-06", "drift model of the batch", drift.method)
    check("OMX-06", "median QC RSD before drift correction", before)
    limit = settings["max_rsd"]
    check("EXT-02", "median RSD of held-out QC runs", after, after <= limit, f"<= {limit}")
    limit = settings["max_internal_standard_rsd"]
    for place in np.flatnonzero(reference.role == "qc"):
        rsd = float(held_out[place])
        name = f"RSD of internal standard {reference.name[place]} in QC runs"
        check("EXT-02", name, rsd, rsd <= limit, f"<= {limit}")


def main(job):
    """Learn the drift of one batch.

    input: reference, reference_status; features, statuses and centroids of the batch's QC runs
    output: batch (npz), status, ledger
    params: settings = @metabolomics.lcms, runs = [{assay, role, batch, order}] of QC and blank runs,
        orders = injection order of all runs of the batch, 0 where the sheet has none
    wildcards: block, batch
    """
    with core_job.step(job) as step:
        settings, rows = job.params.settings, list(job.params.runs)
        step.subject = f"batch {job.wildcards.batch}"
        step.require(job.input.reference_status)
        reference = load_reference(job.input.reference)
        qc_rows = [row for row in rows if row["role"] == "qc"]
        columns = {n: listed(job.input, n) for n in ("features", "statuses", "centroids")}
        names = [row["assay"] for row in qc_rows]
        centroids = dict(zip(names, columns["centroids"], strict=True))
        runs = load_runs(qc_rows, columns["features"], columns["statuses"], centroids)
        common = described({"polarity": reference.polarity, "voltage": reference.voltage})
        runs = [run for run in runs if described(run.about) == common]
        qcs, left_out = usable(runs, settings, reference.window)
        check_left_out(step, left_out)
        batch = fit_batch(qcs, reference, settings)
        orders = [int(run.row["order"]) for run in qcs]
        gap = longest_gap(list(job.params.orders), orders)
        blanks = sum(row["role"] == "blank" for row in rows)
        check_batch(step, batch, reference, blanks, gap, settings)
        batch.save(step.path(job.output.batch))


if __name__ == "__main__":
    core_job.entry(main, globals().get("snakemake"))
