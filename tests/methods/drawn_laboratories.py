"""Cohorts of laboratory values drawn from published shapes, clean or with one column in another unit than it says.

In: a seed. Out: rows of labs.tsv with the true values in the canonical unit. Medians and spreads are those of healthy people,
cirrhosis and liver cancer: healthy ones after WS/T 404 and 405 (middle of the reference intervals), the others after the UCI HCV
and PBC tables and typical surveillance cohorts; all are made up and lognormal.
"""

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from scripts.clinical.terminology import Dictionary, Units

# {variable: ((median, SD of the logarithm) of healthy people, cirrhosis, liver cancer)}, in the canonical unit
SHAPES = {
    "alt": ((20, 0.45), (35, 0.6), (40, 0.8)), "ast": ((22, 0.35), (45, 0.6), (55, 0.8)),
    "ggt": ((22, 0.55), (60, 0.8), (110, 0.9)), "alp": ((70, 0.25), (110, 0.4), (130, 0.55)),
    "ldh": ((180, 0.2), (200, 0.3), (240, 0.5)), "tbil": ((11, 0.4), (24, 0.7), (20, 0.85)),
    "dbil": ((3.2, 0.4), (9, 0.8), (7, 0.85)), "ibil": ((8, 0.4), (15, 0.6), (12, 0.6)),
    "alb": ((45, 0.07), (35, 0.17), (37, 0.16)), "tp": ((73, 0.06), (70, 0.1), (69, 0.1)),
    "hgb": ((145, 0.08), (115, 0.18), (125, 0.17)), "glob": ((28, 0.12), (34, 0.2), (32, 0.2)),
    "fib": ((3, 0.2), (2.2, 0.35), (3, 0.4)), "crea": ((72, 0.2), (75, 0.35), (74, 0.35)),
    "plt": ((220, 0.22), (90, 0.5), (140, 0.5)), "wbc": ((6, 0.25), (4.2, 0.4), (5.2, 0.4)),
    "neut": ((3.6, 0.3), (2.6, 0.5), (3.4, 0.5)), "lymph": ((1.9, 0.25), (1.1, 0.45), (1.2, 0.45)),
    "mono": ((0.4, 0.3), (0.4, 0.45), (0.45, 0.45)), "eo": ((0.12, 0.7), (0.1, 0.8), (0.1, 0.8)),
    "glu": ((5.2, 0.1), (5.8, 0.3), (5.8, 0.3)), "urea": ((5, 0.25), (5.5, 0.4), (5.4, 0.4)),
    "urate": ((310, 0.22), (320, 0.3), (310, 0.3)), "tg": ((1.2, 0.45), (1.0, 0.4), (1.1, 0.4)),
    "chol": ((4.8, 0.18), (3.8, 0.27), (4.2, 0.25)), "ldl": ((2.8, 0.25), (2.1, 0.4), (2.4, 0.35)),
    "hdl": ((1.3, 0.2), (1.0, 0.4), (1.1, 0.35)), "che": ((8.5, 0.2), (3.8, 0.45), (5, 0.4)),
    "hct": ((43, 0.07), (34, 0.16), (37, 0.15)), "afp": ((3, 0.5), (6, 1.0), (60, 2.8)),
    "inr": ((1.0, 0.06), (1.3, 0.2), (1.15, 0.12)),
}  # fmt: skip
COMPANIONS = ("alt", "tbil", "afp", "inr", "plt")


@dataclass
class Drawn:
    """`rows` as read_labs gives them with `truth` (canonical value); what is wrong, "" where nothing is."""

    rows: pd.DataFrame
    laboratory: str
    variable: str
    unit: str
    share: float


def common_units(variable, units: Units) -> list:
    """Units in common use of a variable that multiply."""
    rows = [r for d in variable.dimension.split("|") for r in units.rows[d]]
    return [r for r in rows if r.common and r.action == "" and not r.becomes]


def draw(seed: int, dictionary: Dictionary, units: Units, mislabelled: bool) -> Drawn:
    """One cohort of two to four laboratories, each of one kind of patients or of several, 30 to 500 rows an analyte; every
    laboratory writes each analyte in one of its common units. `mislabelled`: in one laboratory 5 to 100 % of the rows of one
    analyte are in another common unit than is written, at random or from a day on.
    """
    rng = np.random.default_rng(seed)
    several = [
        v
        for v in SHAPES
        if len({r.factor for r in common_units(dictionary.variables[v], units)}) > 1
    ]
    chosen = str(rng.choice(several))
    laboratories = [f"L{i}" for i in range(1, int(rng.integers(2, 5)) + 1)]
    wrong = str(rng.choice(laboratories))
    parts, unit, share = [], "", 0.0
    for laboratory in laboratories:
        size = int(np.exp(rng.uniform(math.log(30), math.log(500))))
        kinds = _kinds(rng, size)
        days = np.datetime64("2024-01-01") + rng.integers(0, 500, size)
        for name in dict.fromkeys((chosen, *COMPANIONS)):
            row = rng.choice(common_units(dictionary.variables[name], units))
            truth = _values(rng, name, kinds)
            number = truth / row.factor
            if mislabelled and (laboratory, name) == (wrong, chosen):
                others = [
                    r
                    for r in common_units(dictionary.variables[name], units)
                    if r.factor != row.factor
                ]
                unit, share = row.unit, float(rng.uniform(0.05, 1))
                moved = _moved(rng, share, days)
                number[moved] = truth[moved] / rng.choice(others).factor
            text = [f"{value:.4g}" for value in number]
            part = {
                "patient_id": [f"{laboratory}-{i}" for i in range(size)],
                "analyte": name,
                "value": text,
            }
            part |= {"unit": row.unit, "date": days.astype(str), "laboratory": laboratory}
            parts.append(pd.DataFrame(part | {"method": "", "uln": "", "truth": truth}))
    rows = pd.concat(parts, ignore_index=True)
    rows["line"] = np.arange(2, len(rows) + 2)
    for column in ("patient_id", "analyte", "value", "unit", "date", "laboratory", "method", "uln"):
        rows[column] = pd.Categorical(rows[column])
    return Drawn(rows, wrong if unit else "", chosen if unit else "", unit, share)


def _kinds(rng: np.random.Generator, size: int) -> np.ndarray:
    one = int(rng.integers(0, 6))
    weights = np.eye(3)[one] if one < 3 else rng.dirichlet((1, 1, 1))
    return rng.choice(3, size, p=weights)


def _values(rng: np.random.Generator, name: str, kinds: np.ndarray) -> np.ndarray:
    median, spread = (np.array(column)[kinds] for column in zip(*SHAPES[name], strict=True))
    return median * np.exp(rng.normal(0, 1, len(kinds)) * spread)


def _moved(rng: np.random.Generator, share: float, days: np.ndarray) -> np.ndarray:
    """Rows that are in the other unit: any, or those from a day on; at least two."""
    count = max(2, round(share * len(days)))
    if rng.random() < 0.5:
        return rng.permutation(len(days))[:count]
    return np.flatnonzero(days >= np.sort(days)[::-1][count - 1])


def judged(drawn: Drawn, dictionary: Dictionary, units: Units, settings: dict):
    """(cleaned rows, findings, rows of the table on a wrong scale) of a drawn cohort."""
    from scripts.clinical.clean_labs import clean

    table, findings = clean(
        drawn.rows.drop(columns="truth"), dictionary, units, as_of="2026-03-01", columns=settings
    )
    ratio = table["value"].to_numpy() / drawn.rows["truth"].to_numpy()
    wrong = np.isfinite(ratio) & (np.abs(np.log(np.where(np.isfinite(ratio), ratio, 1))) > 0.05)
    return table, findings, wrong
