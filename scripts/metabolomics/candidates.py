"""What the QC, blank and sample runs of a block say about its candidate features.

In: features and centroids of runs. Out: linked candidates, their areas at the reference positions.
Source: Broadhurst et al. 2018, Metabolomics 14:72 (QC samples); docs/metabolomics.md.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from scripts.metabolomics.detect_lcms import Features, load_features
from scripts.metabolomics.feature_linking import link_features, medians
from scripts.metabolomics.ion_chromatograms import load_centroids
from scripts.metabolomics.lcms_reference import align_to, log2_areas
from scripts.metabolomics.run_length import usual_window, why_incomplete

if TYPE_CHECKING:
    import numpy as np


@dataclass
class Run:
    """One run of the fit: row of the sheet, features and more as `load_features` gives them, path of centroids."""

    row: dict
    features: Features
    about: dict
    centroids: str = ""


def load_runs(rows: list[dict], features: list, statuses: list, centroids: dict) -> list[Run]:
    """Runs that detection passed, in the order of the sheet. `centroids` is {assay: path}."""
    runs = []
    for row, table, status in zip(rows, features, statuses, strict=True):
        if json.loads(Path(status).read_text(encoding="utf-8"))["verdict"] == "fail":
            continue
        runs.append(Run(row, *load_features(table), centroids.get(row["assay"], "")))
    return runs


def usable(
    runs: list[Run], settings: dict, window: tuple[float, float] | None = None
) -> tuple[list[Run], dict[str, str]]:
    """Runs that may stand for others, and {assay: why} of those that are left out.

    Left out are runs shorter than `window` (start, end in seconds; default: that of most of the runs) and those whose total
    ion current is below a share of the median.
    """
    import numpy as np

    window = window or usual_window([run.about["times"] for run in runs])
    why = {run.row["assay"]: why_incomplete(run.about["times"], window, settings) for run in runs}
    left_out = {assay: reason for assay, reason in why.items() if reason}
    whole = [run for run in runs if run.row["assay"] not in left_out]
    limit = settings["min_tic_ratio"] * float(np.median([r.about["tic"] for r in whole] or [0.0]))
    for run in whole:
        if run.about["tic"] < limit:
            left_out[run.row["assay"]] = "hardly any signal"
    return [run for run in whole if run.row["assay"] not in left_out], left_out


def consensus(runs: list[Run], settings: dict, log=None) -> dict:
    """Candidates linked over runs: arrays mz, rt, half_width, area, charge (candidates,), present (share of the runs).

    All runs are aligned to the one with the most features (first by name among equals).
    """
    import numpy as np

    anchor = min(runs, key=lambda run: (-run.features.size, run.row["assay"])).features
    maps = []
    for run in runs:
        alignment = align_to(run.features, (anchor.mz, anchor.rt, anchor.area), settings)
        table = run.features
        mz = table.mz / (1 + alignment.offset_ppm * 1e-6)
        maps.append((mz, alignment.to_reference(table.rt), table.area, table.charge, table.fwhm))
    linked = link_features(
        maps, ppm=settings["ppm"], rt_tolerance=settings["rt_tolerance_s"], log=log
    )
    mz, rt, area, charge, fwhm = (medians(maps, linked, column) for column in range(5))
    cycle = float(np.median(np.diff(np.unique(anchor.rt)))) if anchor.size > 1 else 0.0
    return {
        "mz": mz,
        "rt": rt,
        "area": area,
        "charge": charge,
        "half_width": np.clip(
            settings["half_width_fwhm"] * fwhm, settings["min_trace_s"], settings["max_fwhm_s"]
        ),
        "present": (linked >= 0).mean(axis=1),
        "cycle": cycle,
    }


def measure(
    runs: list[Run], found: dict, landmarks: tuple, settings: dict, neighbours: list[Run] = ()
) -> "np.ndarray":
    """(runs, candidates) log2 areas of QC or blank runs at the candidates' positions.

    A run with too few landmarks (a blank has few features) takes the alignment of the nearest of the `neighbours` of its
    batch in injection order.
    """
    import numpy as np

    rows = []
    for run in runs:
        alignment = align_to(run.features, landmarks, settings)
        near = [other for other in neighbours if other.row["batch"] == run.row["batch"]]
        if alignment.problem and near:
            near.sort(key=lambda other: abs(other.row["order"] - run.row["order"]))
            alignment = align_to(near[0].features, landmarks, settings)
        positions = found["mz"], found["rt"], found["half_width"]
        rows.append(log2_areas(load_centroids(run.centroids), alignment, *positions, settings))
    return np.array(rows).reshape(len(runs), found["mz"].size)
