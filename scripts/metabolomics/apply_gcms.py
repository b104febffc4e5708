"""The metabolite features of one patient, measured against the frozen GC-MS reference.

In: compounds of the patient's runs and of the QC runs of their batches, references. Out: row.json, status, QC records.
Source: docs/metabolomics.md; PQN: Dieterle et al. 2006, Anal Chem 78:4281.
"""

from typing import TYPE_CHECKING

from scripts.core import job as core_job
from scripts.core.features import write_row
from scripts.metabolomics.detect_gcms import Compounds, load_compounds
from scripts.metabolomics.drift import Drift, fit_drift
from scripts.metabolomics.fit_gcms import GcReference, load_gc_reference, load_passed, usable
from scripts.metabolomics.mass_spectra import REQUIREMENT
from scripts.metabolomics.normalisation import dilution, nanmedian, to_reference_level
from scripts.metabolomics.run_length import require_whole
from scripts.metabolomics.run_sheet import listed, require_any, run_order

if TYPE_CHECKING:
    import numpy as np

INPUTS = ("compounds", "statuses", "references", "reference_statuses")


def batch_drift(qcs: list[tuple[dict, Compounds]], reference: GcReference, settings: dict) -> Drift:
    """Drift of one batch from its own QC runs."""
    import numpy as np

    names = reference.name.tolist()
    values = np.array([compounds.log2_area(names) for _, compounds in qcs])
    order = np.array([run_order(row) for row, _ in qcs], dtype="float64")
    spans, least = settings["drift_spans"], settings["min_qcs_for_curve"]
    return fit_drift(order, values.reshape(len(qcs), len(names)), spans, least)


def score(
    compounds: Compounds, order: float, reference: GcReference, drift: Drift
) -> tuple["np.ndarray", float]:
    """(features,) log2 areas with the batch's drift taken off and PQN, and the log2 dilution factor."""
    import numpy as np

    values = compounds.log2_area(reference.name.tolist())
    if drift.order.size:
        values = to_reference_level(values, drift.at(order), reference.level)
    factor = dilution(values, reference.level, np.ones(values.size, dtype=bool))
    return values - factor, factor


def score_run(step, row: dict, path: str, qcs: list, reference: GcReference, settings: dict):
    """Read, check and score one run; InputDefect when it failed."""
    import numpy as np

    assay, compounds = row["assay"], load_compounds(path)
    require_whole(step, assay, compounds.times, reference.window, settings)
    beside = [qc for qc in qcs if qc[0]["batch"] == row["batch"]]
    own, _ = usable(beside, settings, reference.window)
    expected = float(np.median([c.signal for _, c in own])) if own else reference.signal
    found = float(np.isfinite(compounds.log2_area(reference.name.tolist())).mean())
    for check, value, limit in (
        (
            "summed signal against QC runs",
            compounds.signal / expected,
            settings["min_signal_ratio"],
        ),
        ("share of the reference compounds found", found, settings["min_found"]),
    ):
        if value < limit:
            raise core_job.InputDefect(
                f"{assay}: failed run, {check} {value:.2f} (required: >= {limit}); inject again",
                requirement_id=REQUIREMENT,
                check=check,
                evidence=assay,
            )
        step.check(REQUIREMENT, check, "PASS", value=value, threshold=f">= {limit}", evidence=assay)
    drift = batch_drift(own, reference, settings)
    step.check(
        "OMX-06",
        "drift corrected with QC runs of the same batch",
        "PASS" if own else "WARN",
        value=drift.method if own else "none",
        evidence=assay,
        reason="" if own else f"{assay}: its batch has no usable QC run; drift is not corrected",
    )
    values, factor = score(compounds, run_order(row), reference, drift)
    limit = settings["max_log2_dilution"]
    step.check(
        REQUIREMENT,
        "log2 dilution factor",
        "PASS" if abs(factor) <= limit else "WARN",
        value=factor,
        threshold=f"within +- {limit}",
        evidence=assay,
    )
    return values


def score_block(step, runs: list[tuple[dict, dict]], qcs: list, settings: dict) -> dict[str, float]:
    """{feature: value} of one block: the median of the runs that can be used; InputDefect when none can."""
    import numpy as np

    require_any(step, [inputs["statuses"] for _, inputs in runs])
    step.require(runs[0][1]["reference_statuses"])
    reference = load_gc_reference(runs[0][1]["references"])
    scored, defects = [], []
    for row, inputs in runs:
        try:
            step.require(inputs["statuses"])
            scored.append(score_run(step, row, inputs["compounds"], qcs, reference, settings))
        except core_job.InputDefect as defect:
            defects.append(defect)
    if not scored:
        raise defects[0]
    for defect in defects:
        reason = f"{defect.reason}; the patient's other run is used"
        step.check(REQUIREMENT, "all runs of the patient usable", "WARN", reason=reason)
    values = nanmedian(np.array(scored)).tolist()
    return dict(zip(reference.name.tolist(), values, strict=True))


def main(job):
    """Score the GC-MS runs of one patient.

    input: compounds, statuses, references, reference_statuses (one per run); qcs, qc_statuses (QC runs of their batches)
    output: row (json), status, ledger
    params: settings = @metabolomics.gcms, runs and qcs = [{assay, block, batch, order}] in the order of the inputs
    wildcards: patient
    """
    with core_job.step(job) as step:
        rows, qc_rows = list(job.params.runs), list(job.params.qcs)
        columns = {name: listed(job.input, name) for name in INPUTS}
        runs = [(row, {name: columns[name][i] for name in INPUTS}) for i, row in enumerate(rows)]
        qcs = load_passed(qc_rows, listed(job.input, "qcs"), listed(job.input, "qc_statuses"))
        blocks: dict[str, dict] = {}
        for name in sorted({row["block"] for row in rows}):
            with step.block(name):
                own = [run for run in runs if run[0]["block"] == name]
                own_qcs = [qc for qc in qcs if qc[0]["block"] == name]
                blocks[name] = score_block(step, own, own_qcs, job.params.settings)
        write_row(step.path(job.output.row), blocks)


if __name__ == "__main__":
    core_job.entry(main, globals().get("snakemake"))
