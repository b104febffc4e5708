"""What a performance must hold before a requirement about it may pass: figures with intervals, not only a finished run.

In: performance.json as select_model makes it. Out: for each requirement the figures that are not there. Source: requirements
EVA-01, EVA-02, EVA-03, EVA-04, EVA-06, FUS-03; TRC-02 (missing evidence is never a pass).
"""

from scripts.model.evaluation import NOT_ASSESSED

POINT = ("sensitivity", "specificity", "ppv", "npv", "accuracy")
SUBGROUPS = ("stage", "afp", "aetiology", "centre", "sex", "age")  # of the text of EVA-04


def _is_estimate(figure: dict | None) -> bool:
    """Whether value and interval of a figure are there."""
    return bool(figure) and all(figure.get(key) is not None for key in ("value", "low", "high"))


def lacking(entry: dict | None) -> dict[str, list[str]]:
    """{requirement: figures that the entry of the chosen strategy does not hold}; two classes."""
    entry = entry or {}
    metrics = entry.get("metrics", {})
    cut = entry.get("thresholds", {}).get("youden", {})
    point = [name for name in POINT if not _is_estimate(cut.get(name))]
    calibration = ("brier", "calibration_slope", "calibration_intercept")
    curves = ("decision_curve",)
    prevalences = cut.get("at_prevalence", {})
    bare = [
        f"ppv and npv at {prevalence}"
        for prevalence, at in prevalences.items()
        if not (_is_estimate(at.get("ppv")) and _is_estimate(at.get("npv")))
    ]
    return {
        "EVA-01": ([] if _is_estimate(metrics.get("auc")) else ["auc"]) + point,
        "EVA-02": [] if cut.get("threshold") is not None else ["threshold"],
        "EVA-03": [name for name in calibration if not _is_estimate(metrics.get(name))]
        + [name for name in curves if not entry.get(name)],
        "EVA-06": bare if prevalences else ["ppv and npv at a stated prevalence"],
        "FUS-03": [] if entry.get("features") else ["features with their selection frequency"],
    }


def verdict_of(names: list[str]) -> tuple[str, str]:
    """Verdict and reason of a requirement with these figures lacking."""
    return (NOT_ASSESSED, f"not given: {', '.join(names)}") if names else ("PASS", "")


def subgroup_verdict(lines: list[dict], asked: tuple[str, ...] = SUBGROUPS) -> tuple[str, int, str]:
    """EVA-04: verdict, number of assessed subgroups, reason. WARN where a kind of subgroup could not be assessed at all."""
    done = [line for line in lines if line["status"] == "ASSESSED"]
    gone = [kind for kind in asked if kind not in {line["group"] for line in done}]
    if not done:
        return NOT_ASSESSED, 0, "no subgroup could be assessed"
    text = f"no subgroup of {', '.join(gone)} could be assessed" if gone else ""
    return ("WARN" if gone else "PASS"), len(done), text
