"""Acceptance of the judgement of whole columns: mislabelled units are named and never leave two scales, clean cohorts are let be.

In: drawn cohorts (drawn_laboratories.py). Out: lines of validate_methods. Source: docs/clinical.md, "Units of a column".
"""

from pathlib import Path

from scripts.clinical.terminology import Dictionary, Units
from scripts.core.config import default_config
from tests.methods.drawn_laboratories import draw, judged

RESOURCES = Path(__file__).resolve().parents[2] / "resources"
COHORTS = 200


def count(cohorts: int, mislabelled: bool, start: int = 1) -> dict[str, list[int]]:
    """{named, torn, accused: seeds} of drawn cohorts: the column named by laboratory, analyte and unit; a column on two scales,
    or a wrong value anywhere; a finding about another column."""
    dictionary = Dictionary.read(RESOURCES / "variable_dictionary.csv")
    units = Units.read(RESOURCES / "units.tsv")
    settings = default_config()["clinical"]["unit_columns"]
    found: dict[str, list[int]] = {"named": [], "torn": [], "accused": []}
    for seed in range(start, start + cohorts):
        drawn = draw(seed, dictionary, units, mislabelled)
        _, findings, wrong = judged(drawn, dictionary, units, settings)
        own = (drawn.laboratory, drawn.variable, drawn.unit)
        names = [(f.laboratory, f.variable, f.unit) for f in findings]
        found["named"] += [seed] if own in names else []
        found["torn"] += [seed] if wrong.any() else []
        found["accused"] += [seed] if set(names) - {own} else []
    return found


def mislabelled_columns(data: Path | None) -> dict:
    """Cohorts with one column of which 5 to 100 % are in another unit."""
    found = count(COHORTS, mislabelled=True)
    named, torn, accused = (len(found[k]) for k in ("named", "torn", "accused"))
    return {
        "name": "one column in another unit than it says",
        "data": f"{COHORTS} drawn cohorts, 5-100 % of a laboratory's rows",
        "measured": f"{named} named, {torn} with a value on a wrong scale, {accused} others accused",
        "limit": ">= 95 % named; 0 on two scales",
        "holds": named >= 0.95 * COHORTS and not torn and not accused,
    }


def clean_columns(data: Path | None) -> dict:
    """Cohorts in which every unit is right."""
    found = count(COHORTS, mislabelled=False, start=10_001)
    return {
        "name": "no column accused where all units are right",
        "data": f"{COHORTS} drawn cohorts",
        "measured": f"{len(found['accused'])} accused, {len(found['torn'])} changed",
        "limit": "0",
        "holds": not found["accused"] and not found["torn"],
    }


CHECKS = [mislabelled_columns, clean_columns]
