"""What the search of a DDA run found, judged: enough spectra, a whole run, mass error, areas.

In: counts of a run as search_spectra leaves them, the time that the development runs cover. Out: QC records, verdicts.
Source: docs/proteomics.md, "What is checked". Limits live here and not in the search, which need not run again for them.
"""

from typing import TYPE_CHECKING

from scripts.core.acquisition import cut_at_an_end
from scripts.proteomics.spectra import REQUIREMENT

if TYPE_CHECKING:
    import pandas as pd

PARTS = 20  # a twentieth of a run at either end holds no peptides: loading, wash


def share_of_window(run: dict, window: tuple[float, float]) -> float:
    """Share of the time from start to end of `window` (s) in which the run acquired; 1 where no window is known."""
    start, end = window
    if not end > start:
        return 1.0
    inside = min(run["end"], end) - max(run["start"], start) - run["lost"]
    return max(0.0, inside / (end - start))


def usual_window(runs: list[dict]) -> tuple[float, float]:
    """(start, end) of most runs in seconds; NaN without runs."""
    import numpy as np

    if not runs:
        return float("nan"), float("nan")
    return tuple(float(np.median([run[key] for run in runs])) for key in ("start", "end"))


def why_unusable(run: dict, window: tuple[float, float], settings: dict) -> str:
    """Why a run cannot be used, "" when it can.

    `settings`: min_run_share, method_s, min_psms, psm_q_value of config proteomics.dda.
    """
    least, declared = settings["min_run_share"], settings["method_s"]
    span = run["end"] - run["start"]
    if declared and span < least * declared:
        return (
            f"the run lasts {span:.0f} s of the {declared:g} s that config method_s declares; it was aborted or started late: "
            "inject again"
        )
    share = share_of_window(run, window)
    if share < least:
        return (
            f"the run covers {share:.0%} of the time of the development runs ({window[0]:.0f} to {window[1]:.0f} s; required: >= "
            f"{least:.0%}); it was aborted, interrupted or started late: inject again"
        )
    if run["identified"] < settings["min_psms"]:
        return f"{run['identified']} PSMs at {settings['psm_q_value']:.0%} FDR are too few"
    return ""


def check_run(step, assay_id: str, run: dict, window: tuple[float, float], settings: dict) -> bool:
    """Record a run of one subject; returns whether it can be used."""
    why = why_unusable(run, window, settings)
    step.check(
        REQUIREMENT,
        f"whole run, PSMs at {settings['psm_q_value']:.0%} FDR",
        "FAIL" if why else "PASS",
        value=run["identified"],
        unit="PSMs",
        threshold=f">= {settings['min_psms']}",
        evidence=assay_id,
        reason=f"{assay_id}: {why}" if why else "",
    )
    if why:
        return False
    limit, error = settings["max_mass_error_ppm"], run["mass_error"]
    step.check(
        REQUIREMENT,
        "median precursor mass error",
        "PASS" if abs(error) <= limit else "WARN",
        value=error,
        unit="ppm",
        threshold=f"within +-{limit}",
        evidence=assay_id,
    )
    share = run["with_area"] / run["identified"]
    reason = f"{assay_id}: {share:.0%} of the PSMs have an MS1 elution peak"
    reason += " (no MS1 spectra: identification only)" if run["ms1"] == 0 else ""
    step.check(
        REQUIREMENT,
        "PSMs with MS1 area",
        "PASS" if share >= settings["min_area_share"] else "WARN",
        value=share,
        threshold=f">= {settings['min_area_share']}",
        evidence=assay_id,
        reason=reason,
    )
    return True


def check_ends(step, matches: "pd.DataFrame", window: tuple[float, float], settings: dict) -> None:
    """Warn where peptides elute in the first or last twentieth of the runs, as if they were parts of a method.

    `matches`: those of the runs that teach, with retention_time, q_value, is_decoy. Nothing is judged where the configuration
    declares the length of the method (`method_s`).
    """
    start, end = window
    if settings["method_s"] or not end > start:
        return
    good = matches[(matches["q_value"] <= settings["psm_q_value"]) & ~matches["is_decoy"]]
    times = good["retention_time"].to_numpy(float)
    share = cut_at_an_end(times, (end - start) / PARTS, start, end)
    limit = settings["max_cut_share"]
    text = (
        "peptides elute where the development runs begin or end: were all runs aborted or started late? Declare the length of "
        "the method (config method_s)"
    )
    step.check(
        REQUIREMENT,
        "runs begin and end without peptides",
        "PASS" if share <= limit else "WARN",
        value=share,
        threshold=f"<= {limit} of an even spread",
        reason="" if share <= limit else text,
    )
