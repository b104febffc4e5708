"""In: a fused model with its out-of-fold evidence. Out: for every pattern of blocks the line that calibrates it and its own
thresholds.
Source: docs/modelling.md, "Missing blocks": each pattern of measured blocks has its own cut.
"""

import numpy as np
from scipy.special import expit

from scripts.model import fused
from scripts.model.evaluation import choose_thresholds


def pattern_scores(
    model: fused.FusedModel, names: tuple[str, ...]
) -> tuple[np.ndarray, ...] | None:
    """Labels and out-of-fold probabilities of the training patients who have at least these members; None when they
    are too few to calibrate. Probabilities are at the share of events of the whole training part, as a patient's are.
    """
    line = model.calibration(names)
    if line is None:
        return None
    have = model.evidence[list(names)].notna().all(axis=1).to_numpy()
    mean = model.mean_evidence(model.evidence[have], names).to_numpy()
    return model.y[have], expit(line[0] + line[1] * mean)


def pattern_thresholds(model: fused.FusedModel, names: tuple[str, ...]) -> dict[str, float] | None:
    """{"youden", "high_specificity"} of a pattern, from its own out-of-fold scores; None when it cannot be calibrated."""
    scores = pattern_scores(model, names)
    if scores is None or "minimum_specificity" not in model.settings:
        return None
    return choose_thresholds(*scores, model.settings)


def thresholds_for(model: fused.FusedModel, description: dict, used: str) -> dict[str, float]:
    """Thresholds at which a patient is called whose blocks `used` (e.g. "clinical+lcms") were.

    All members together: those of the nested cross-validation; fewer: the pattern's own.
    """
    whole = {name: float(cut) for name, cut in description["thresholds"].items()}
    names = tuple(used.split("+")) if used else ()
    if not names or set(names) == {m.member.name for m in model.members}:
        return whole
    for line in description.get("patterns", []):
        if line["pattern"] == used and line.get("thresholds"):
            return {name: float(cut) for name, cut in line["thresholds"].items()}
    return pattern_thresholds(model, names) or whole


def describe_patterns(model: fused.FusedModel, whole: dict[str, float] | None = None) -> list[dict]:
    """Patterns of blocks that training showed, with the line that calibrates them and their thresholds.

    whole : thresholds of all blocks together, those of the nested cross-validation.
    """
    lines = []
    present = model.evidence.notna()
    for key, rows in present.groupby(list(present.columns)):
        key = key if isinstance(key, tuple) else (key,)
        names = tuple(sorted(n for n, has in zip(present.columns, key, strict=True) if has))
        line = model.calibration(names) if names else None
        have = present[list(names)].all(axis=1).to_numpy()
        all_of_them = len(names) == len(model.members) and whole
        cuts = dict(whole) if all_of_them else pattern_thresholds(model, names)
        lines.append(
            {
                "pattern": fused.pattern_name(names),
                "seen": len(rows),
                "n": int(have.sum()),
                "events": int(model.y[have].sum()),
                "intercept": None if line is None else line[0],
                "slope": None if line is None else line[1],
                "thresholds": None if line is None else cuts,
            }
        )
    return sorted(lines, key=lambda line: line["pattern"])
