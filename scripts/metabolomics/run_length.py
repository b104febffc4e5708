"""Whether a run was acquired as long as the QC runs were, and as the method says.

In: scan times of runs. Out: the time that QC runs cover; why a run cannot be used. Source: docs/metabolomics.md, "Raw data".
"""

from typing import TYPE_CHECKING

from scripts.core import job as core_job
from scripts.core.acquisition import covered_share
from scripts.core.features import read_status
from scripts.metabolomics.mass_spectra import REQUIREMENT

if TYPE_CHECKING:
    import numpy as np

CHECK = "whole run acquired"


def usual_window(times: list["np.ndarray"]) -> tuple[float, float]:
    """(start, end) of most runs in seconds: medians over runs; NaN without runs."""
    import numpy as np

    if not times:
        return float("nan"), float("nan")
    first, last = ([float(run[place]) for run in times] for place in (0, -1))
    return float(np.median(first)), float(np.median(last))


def why_incomplete(times: "np.ndarray", window: tuple[float, float], settings: dict) -> str:
    """Why a run with scans at `times` (s) is no whole run, "" when it is one.

    `settings`: min_run_share, and method_s (0: not declared) of config metabolomics.lcms or gcms; `window` in seconds.
    """
    least, declared = settings["min_run_share"], settings["method_s"]
    span = float(times[-1] - times[0])
    if declared and span < least * declared:
        return (
            f"the run lasts {span:.0f} s of the {declared:g} s that config method_s declares; it was aborted or started late: "
            "inject again"
        )
    start, end = window
    share = covered_share(times, start, end)
    if share >= least:
        return ""
    return (
        f"the run covers {share:.0%} of the time of the QC runs ({start:.0f} to {end:.0f} s; required: >= {least:.0%}); it was "
        "aborted, interrupted or started late: inject again"
    )


def require_whole(step, assay: str, times: "np.ndarray", window, settings: dict) -> None:
    """Record that a run is whole; InputDefect when it is not."""
    reason = why_incomplete(times, window, settings)
    if reason:
        raise core_job.InputDefect(
            f"{assay}: {reason}", requirement_id=REQUIREMENT, check=CHECK, evidence=assay
        )
    step.check(
        REQUIREMENT,
        CHECK,
        "PASS",
        value=covered_share(times, *window),
        threshold=f">= {settings['min_run_share']} of the QC runs' time",
        evidence=assay,
    )


def check_left_out(step, left_out: dict[str, str]) -> None:
    """Record, by name and reason, every QC run that is left out."""
    for assay, reason in left_out.items():
        step.check(
            "EXT-02",
            "QC run can be used",
            "WARN",
            value=assay,
            evidence=assay,
            reason=f"QC run {assay} is left out: {reason}",
        )


def check_ends(step, shares: list[float], settings: dict) -> None:
    """Warn where compounds elute at an end of most runs (`cut_at_an_end`): the runs may all be parts of one method.

    Nothing is judged where the configuration declares the length of the method (`method_s`).
    """
    import numpy as np

    if settings["method_s"] or not shares:
        return
    share, limit = float(np.median(shares)), settings["max_cut_share"]
    text = (
        "compounds elute where the QC runs begin or end: were all runs aborted or started late? Declare the length of the method "
        "(config method_s)"
    )
    step.check(
        "EXT-02",
        "QC runs begin and end without peaks",
        "PASS" if share <= limit else "WARN",
        value=share,
        threshold=f"<= {limit} of an even spread",
        reason="" if share <= limit else text,
    )


def why_failed(rows: list[dict], statuses: list[str]) -> str:
    """In brackets the number of failed runs and one of them by name, a QC run before others; "" where none failed."""
    failed = [
        row for row, path in zip(rows, statuses, strict=True) if read_status(path)[0] == "fail"
    ]
    if not failed:
        return ""
    first = min(failed, key=lambda row: row["role"] != "qc")
    return f" ({len(failed)} of {len(rows)} runs failed, such as {first['assay']})"


def nothing_to_learn_from(requirement: str, why: str = "") -> core_job.InputDefect:
    """The defect of a block none of whose runs can be used; `why` as `why_failed` gives it."""
    return core_job.InputDefect(
        f"no usable QC or sample run of a development batch; nothing to learn a reference from{why}",
        requirement_id=requirement,
        check="pooled QC runs",
    )
