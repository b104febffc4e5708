"""The reference of one GC-MS block, learned on the pooled QC and blank runs of the development batches (no diagnosis).

In: compounds of QC and blank runs; of development samples where QC runs are too few. Out: reference (npz), quality,
dictionary, stability. Source: Broadhurst et al. 2018, Metabolomics 14:72 (QC rules); docs/metabolomics.md.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from scripts.core import job as core_job
from scripts.core.acquisition import cut_at_an_end
from scripts.core.features import Feature, write_dictionary
from scripts.metabolomics.detect_gcms import Compounds, load_compounds
from scripts.metabolomics.fit_tables import write_quality, write_stability
from scripts.metabolomics.normalisation import blank_ratio, nanmedian, qc_quality
from scripts.metabolomics.run_length import (
    check_ends,
    check_left_out,
    nothing_to_learn_from,
    usual_window,
    why_failed,
    why_incomplete,
)
from scripts.metabolomics.run_sheet import listed

if TYPE_CHECKING:
    import numpy as np

SOURCE = "GC-MS, area of the quantifier ion, QC drift corrected, PQN"


@dataclass(frozen=True)
class GcReference:
    """name, level (features,): log2 area of the pooled QC, also the PQN spectrum.

    signal: median summed area of QC runs; window: (start, end) that they cover, in seconds.
    """

    name: "np.ndarray"
    level: "np.ndarray"
    signal: float
    window: tuple[float, float]


def load_gc_reference(path: str | Path) -> GcReference:
    """The reference written by this step."""
    import numpy as np

    with np.load(path) as data:
        window = float(data["start"]), float(data["end"])
        return GcReference(data["name"], data["level"], float(data["signal"]), window)


def usable(
    runs: list[tuple[dict, Compounds]], settings: dict, window: tuple[float, float] | None = None
) -> tuple[list[tuple[dict, Compounds]], dict[str, str]]:
    """Runs that may stand for others, and {assay: why} of those that are left out.

    Left out are runs shorter than `window` (start, end in seconds; default: that of most of the runs) and those whose summed
    area is below a share of the median.
    """
    import numpy as np

    window = window or usual_window([compounds.times for _, compounds in runs])
    why = {row["assay"]: why_incomplete(table.times, window, settings) for row, table in runs}
    left_out = {assay: reason for assay, reason in why.items() if reason}
    whole = [run for run in runs if run[0]["assay"] not in left_out]
    middle = float(np.median([compounds.signal for _, compounds in whole] or [0.0]))
    for row, compounds in whole:
        if compounds.signal < settings["min_signal_ratio"] * middle:
            left_out[row["assay"]] = "hardly any signal"
    return [run for run in whole if run[0]["assay"] not in left_out], left_out


def load_passed(rows: list[dict], tables: list, statuses: list) -> list[tuple[dict, Compounds]]:
    """(row of the sheet, compounds) of the runs that detection passed."""
    out = []
    for row, table, status in zip(rows, tables, statuses, strict=True):
        if json.loads(Path(status).read_text(encoding="utf-8"))["verdict"] != "fail":
            out.append((row, load_compounds(table)))
    return out


def fit(
    runs: list[tuple[dict, Compounds]], settings: dict
) -> tuple[GcReference, dict, dict[str, str]]:
    """Reference, quality table {column: (candidates,)}, {QC run left out: why}; InputDefect with nothing to learn from."""
    import numpy as np

    qcs, left_out = usable([run for run in runs if run[0]["role"] == "qc"], settings)
    samples = [run for run in runs if run[0]["role"] == "sample"]
    with_qcs = len(qcs) >= settings["min_qcs"]
    basis = qcs if with_qcs else usable(qcs + samples, settings)[0]
    names = sorted({name for _, compounds in basis for name in compounds.name.tolist()})
    if not names:
        reason = "no usable QC or sample run of a development batch names a compound"
        raise core_job.InputDefect(reason, requirement_id="OMX-02", check="compounds named")
    values = np.array([compounds.log2_area(names) for _, compounds in basis])
    present = np.isfinite(values).mean(axis=0)
    shown = present >= settings["min_presence" if with_qcs else "min_presence_without_qcs"]
    names, values, present = (
        [n for n, s in zip(names, shown, strict=True) if s],
        values[:, shown],
        present[shown],
    )
    if with_qcs:
        table = qc_quality([row for row, _ in qcs], values, settings)
    else:
        unknown = np.full(len(names), np.nan)
        table = {"level": nanmedian(values), "rsd_before": unknown, "rsd": unknown}
    window = usual_window([compounds.times for _, compounds in basis])
    blanks = [
        compounds.log2_area(names)
        for row, compounds in runs
        if row["role"] == "blank" and not why_incomplete(compounds.times, window, settings)
    ]
    blank_values = np.array(blanks, dtype="float64").reshape(len(blanks), len(names))
    ratio = blank_ratio(blank_values, table["level"])
    reason = np.where(ratio > settings["max_blank_ratio"], "blank", "")
    reason = np.where((reason == "") & (table["rsd"] > settings["max_rsd"]), "QC RSD", reason)
    kept = reason == ""
    if not kept.any():
        text = "no compound is repeatable in QC runs and absent from blanks"
        raise core_job.InputDefect(text, requirement_id="EXT-02", check="features kept")
    signal = float(np.median([compounds.signal for _, compounds in basis]))
    names_kept = np.array(names, dtype=str)[kept]
    reference = GcReference(names_kept, table["level"][kept], signal, window)
    index, score, label, ion = _about(names, basis)
    description = [
        f"{label[i]}: m/z {ion[i]}, retention index {index[i]:.0f}, MSI level 2 (EI library, index)"
        for i in range(len(names))
    ]
    quality = {
        "feature": names,
        "description": description,
        "role": ["predictor"] * len(names),
        "index": index,
        "cosine": score,
        "present": present,
        "rsd_before": table["rsd_before"],
        "rsd": table["rsd"],
        "blank_ratio": ratio,
        "dropped": reason,
    }
    return reference, quality, left_out


def _about(names: list[str], runs: list[tuple[dict, Compounds]]) -> tuple:
    """Median retention index and cosine, library name and quantifier ion of each compound."""
    import numpy as np

    index, score, label, ion = [], [], [], []
    for name in names:
        found = [(c, int(np.flatnonzero(c.name == name)[0])) for _, c in runs if name in c.name]
        index.append(float(np.median([c.index[i] for c, i in found])))
        score.append(float(np.median([c.score[i] for c, i in found])))
        label.append(str(found[0][0].label[found[0][1]]))
        ion.append(int(found[0][0].quantifier[found[0][1]]))
    return np.array(index), np.array(score), label, ion


def main(job):
    """Learn the reference of one GC-MS block.

    input: compounds, statuses (one per run, in the order of params.runs)
    output: reference (npz), quality, dictionary, stability (tsv), status, ledger
    params: settings = @metabolomics.gcms, runs = [{assay, role, batch, order}]
    wildcards: block
    """
    import numpy as np

    with core_job.step(job) as step:
        settings, rows = job.params.settings, list(job.params.runs)
        statuses = listed(job.input, "statuses")
        runs = load_passed(rows, listed(job.input, "compounds"), statuses)
        if not runs:
            raise nothing_to_learn_from("OMX-02", why_failed(rows, statuses))
        reference, table, left_out = fit(runs, settings)
        check_left_out(step, left_out)
        ends = [
            cut_at_an_end(compounds.peaks, settings["half_width_s"], *compounds.times[[0, -1]])
            for row, compounds in runs
            if row["role"] == "qc"
        ]
        check_ends(step, ends, settings)
        qcs = sum(row["role"] == "qc" for row, _ in runs) - len(left_out)
        enough = qcs >= settings["min_qcs"]
        step.check(
            "EXT-02",
            "pooled QC runs in development batches",
            "PASS" if enough else "WARN",
            value=qcs,
            threshold=f">= {settings['min_qcs']}",
            reason="" if enough else f"{qcs} pooled QC runs: repeatability is not known",
        )
        kept = np.array(table["dropped"]) == ""
        step.check(
            "OMX-02",
            "compounds with MSI level 2",
            "PASS" if kept.any() else "WARN",
            value=int(kept.sum()),
            threshold=">= 1",
            reason="" if kept.any() else "no compound of the library is kept",
        )
        np.savez_compressed(
            step.path(job.output.reference),
            name=reference.name,
            level=reference.level,
            signal=np.float64(reference.signal),
            start=np.float64(reference.window[0]),
            end=np.float64(reference.window[1]),
        )
        write_quality(step.path(job.output.quality), table)
        write_stability(step.path(job.output.stability), table)
        described = [
            Feature(name, text, "log2 area", "predictor", SOURCE)
            for name, text, use in zip(table["feature"], table["description"], kept, strict=True)
            if use
        ]
        write_dictionary(step.path(job.output.dictionary), described)


if __name__ == "__main__":
    core_job.entry(main, globals().get("snakemake"))
