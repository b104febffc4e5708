"""The metabolite features of one patient, measured against the frozen LC-MS reference.

In: features and centroids of the patient's runs, references, drift of their batches. Out: row.json, status, QC records.
Source: docs/metabolomics.md; PQN: Dieterle et al. 2006, Anal Chem 78:4281.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from scripts.core import job as core_job
from scripts.core.features import write_row
from scripts.metabolomics.detect_lcms import Features, load_features
from scripts.metabolomics.fit_lcms_batch import Batch, load_batch
from scripts.metabolomics.ion_chromatograms import SortedCentroids, load_centroids
from scripts.metabolomics.lcms_reference import (
    Reference,
    align_to,
    described,
    load_reference,
    log2_areas,
)
from scripts.metabolomics.mass_spectra import REQUIREMENT
from scripts.metabolomics.normalisation import dilution, nanmedian, to_reference_level
from scripts.metabolomics.retention_alignment import Alignment
from scripts.metabolomics.run_length import require_whole
from scripts.metabolomics.run_sheet import listed, require_any, run_order

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class Scored:
    """One run against the reference: `values` and `raw` (features,) log2 areas after and before correction, log2 dilution."""

    values: "np.ndarray"
    dilution: float
    alignment: Alignment
    raw: "np.ndarray"


def score(
    features: Features,
    centroids: SortedCentroids,
    order: float,
    reference: Reference,
    batch: Batch,
    settings: dict,
) -> Scored:
    """Align, integrate at the reference positions, take off the batch's drift, PQN: this run and frozen things only."""
    alignment = align_to(features, reference.landmarks, settings)
    raw = log2_areas(
        centroids, alignment, reference.mz, reference.rt, reference.half_width, settings
    )
    values = to_reference_level(raw, batch.drift.at(order), reference.level) if batch.qcs else raw
    factor = dilution(values, reference.level, reference.role == "predictor")
    return Scored(values - factor, factor, alignment, raw)


def check_signal(
    step, assay: str, about: dict, count: int, raw, reference, batch, settings
) -> None:
    """Raise InputDefect for a failed injection: total ion current, features or found positions far below the QC runs."""
    import numpy as np

    against = batch if batch.qcs else reference
    # The noise counts in the total ion current too, so the number of features is looked at as well.
    ratios = {
        "total ion current against QC runs": about["tic"] / float(against.tic),
        "number of features against QC runs": count / float(against.count),
        "share of the reference features found": float(np.isfinite(raw).mean()),
    }
    limits = (
        settings["min_tic_ratio"],
        settings["min_feature_ratio"],
        settings["min_found"],
    )
    for (check, value), limit in zip(ratios.items(), limits, strict=True):
        if value < limit:
            raise core_job.InputDefect(
                f"{assay}: failed run, {check} {value:.2f} (required: >= {limit}); inject again",
                requirement_id=REQUIREMENT,
                check=check,
                evidence=assay,
            )
        step.check(REQUIREMENT, check, "PASS", value=value, threshold=f">= {limit}", evidence=assay)


def check_run(step, assay: str, scored: Scored, reference, batch, order: float, settings) -> None:
    """Record alignment, dilution, drift correction and internal standards of one run."""
    import numpy as np

    alignment = scored.alignment
    step.check(
        REQUIREMENT,
        "retention time alignment",
        "WARN" if alignment.problem else "PASS",
        value=alignment.residual if np.isfinite(alignment.residual) else None,
        unit="s",
        threshold=f">= {settings['alignment']['min_landmarks']} landmarks, shift <= {settings['alignment']['max_shift_s']} s",
        evidence=assay,
        reason=f"{assay}: {alignment.problem}" if alignment.problem else "",
    )
    corrected = batch.qcs > 0
    step.check(
        "OMX-06",
        "drift corrected with QC runs of the same batch",
        "PASS" if corrected else "WARN",
        value=batch.drift.method if corrected else "none",
        evidence=assay,
        reason=""
        if corrected
        else f"{assay}: its batch has no usable QC run; drift is not corrected",
    )
    if corrected and np.isnan(order):
        step.check(
            "OMX-06",
            "injection order given",
            "WARN",
            evidence=assay,
            reason=f"{assay}: no run_order; only the batch's level is corrected",
        )
    diluted = abs(scored.dilution) > settings["max_log2_dilution"]
    step.check(
        REQUIREMENT,
        "log2 dilution factor",
        "WARN" if diluted else "PASS",
        value=scored.dilution,
        threshold=f"within +- {settings['max_log2_dilution']}",
        evidence=assay,
    )
    for index in np.flatnonzero(reference.role == "qc"):
        change = scored.values[index] + scored.dilution - reference.level[index]
        good = bool(abs(change) <= settings["max_log2_internal_standard"])
        step.check(
            "EXT-02",
            f"internal standard {reference.name[index]}",
            "PASS" if good else "WARN",
            value=float(change) if np.isfinite(change) else "not found",
            unit="log2 against QC",
            threshold=f"within +- {settings['max_log2_internal_standard']}",
            evidence=assay,
        )


def score_run(step, inputs: dict, row: dict, settings: dict) -> Scored:
    """Read, check and score one run; InputDefect when it cannot be used."""
    assay = row["assay"]
    step.require(inputs["statuses"])
    reference = load_reference(inputs["references"])
    batch = load_batch(inputs["batches"])
    features, about = load_features(inputs["features"])
    common = described({"polarity": reference.polarity, "voltage": reference.voltage})
    if described(about) != common:
        raise core_job.InputDefect(
            f"{assay}: acquired in {described(about)}, but the QC runs in {common}; check the sheet (sequence) and the file",
            requirement_id=REQUIREMENT,
            check="one polarity",
            evidence=assay,
        )
    require_whole(step, assay, about["times"], reference.window, settings)
    order = run_order(row)
    scored = score(features, load_centroids(inputs["centroids"]), order, reference, batch, settings)
    check_signal(step, assay, about, features.size, scored.raw, reference, batch, settings)
    check_run(step, assay, scored, reference, batch, order, settings)
    return scored


def score_block(step, runs: list[tuple[dict, dict]], settings: dict) -> dict[str, float]:
    """{feature: value} of one block: the median of the runs that can be used; InputDefect when none can."""
    import numpy as np

    require_any(step, [inputs["statuses"] for inputs, _ in runs])
    step.require(runs[0][0]["reference_statuses"])
    scored, defects = [], []
    for inputs, row in runs:
        try:
            scored.append(score_run(step, inputs, row, settings))
        except core_job.InputDefect as defect:
            defects.append(defect)
    if not scored:
        raise defects[0]
    for defect in defects:
        step.check(
            REQUIREMENT,
            "all runs of the patient usable",
            "WARN",
            evidence=defect.evidence,
            reason=f"{defect.reason}; the patient's other run is used",
        )
    values = scored[0].values
    if len(scored) > 1:
        values = nanmedian(np.array([one.values for one in scored]))
    names = load_reference(runs[0][0]["references"]).name
    return dict(zip(names.tolist(), values.tolist(), strict=True))


INPUTS = ("features", "centroids", "statuses", "references", "reference_statuses", "batches")


def main(job):
    """Score the LC-MS runs of one patient.

    input: features, centroids, statuses, references, reference_statuses, batches (each one per run)
    output: row (json), status, ledger
    params: settings = @metabolomics.lcms, runs = [{assay, block, batch, order}] in the order of the inputs
    wildcards: patient
    """
    with core_job.step(job) as step:
        rows = list(job.params.runs)
        columns = {name: listed(job.input, name) for name in INPUTS}
        runs = [({n: columns[n][i] for n in INPUTS}, row) for i, row in enumerate(rows)]
        blocks: dict[str, dict] = {}
        for name in sorted({row["block"] for row in rows}):
            with step.block(name):
                own = [run for run in runs if run[1]["block"] == name]
                blocks[name] = score_block(step, own, job.params.settings)
        write_row(step.path(job.output.row), blocks)


if __name__ == "__main__":
    core_job.entry(main, globals().get("snakemake"))
