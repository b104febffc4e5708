"""In: the admitted development patients, their classes, the settings of split and cross-validation. Out: how many patients of
each class a model needs at these settings and, before anything runs, a sentence where there are fewer.
Source: docs/modelling.md, "Small cohorts": every training fold calibrates its model on `minimum_class` patients of each class.
"""

import math
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from scripts.core.outcome import CASE, CONTROL, column_of, no_control, outcome_of
from scripts.core.sheets import SheetErrors

FOLDS = (5, 10)  # numbers of outer folds that the requirements allow (MOD-03)


def training_needed(settings: Mapping, outer_folds: int = 0) -> int:
    """Training patients of each class from which on every training side of the outer folds has enough of it.

    settings : section model (minimum_class, inner_folds, outer_folds); outer_folds : instead of the setting
    """
    outer = outer_folds or int(settings["outer_folds"])
    least = max(int(settings["minimum_class"]), int(settings["inner_folds"]))
    needed = least
    while needed - math.ceil(needed / outer) < least:
        needed += 1
    return needed


def held_out(patients: int, test_fraction: float) -> int:
    """Patients of a class in the test part."""
    return math.floor(test_fraction * patients + 0.5)


def patients_needed(settings: Mapping, test_fraction: float, outer_folds: int = 0) -> int:
    """Development patients of each class from which on a model can be cross-validated."""
    training = training_needed(settings, outer_folds)
    needed = training
    while needed - held_out(needed, test_fraction) < training:
        needed += 1
    return needed


def class_sizes(outcome: Mapping, rows: list[dict], folder: Path, follow_up_days: float) -> dict:
    """{class: patients} of the outcome, at most: an HCC of unknown stage counts in every class that it may turn out to be in.

    outcome : settings model.outcome; rows : of patients.tsv, the admitted development patients
    """
    if outcome["name"] == "subtype":
        admitted = {row["patient_id"] for row in rows}
        labels = {(p, label) for _, p, label in column_of(outcome, folder) if label}
        counts = Counter(label for patient, label in labels if patient in admitted)
        return {name: counts[name] for name in outcome_of(outcome, list(counts)).classes}
    ill = [row for row in rows if row["diagnosis"] == "hcc"]
    well = [row for row in rows if row["diagnosis"] != "hcc"]
    if any("follow_up_months" in row for row in well):
        well = [row for row in well if not no_control(row, follow_up_days)]
    found = outcome_of(outcome)
    sizes = {CONTROL: len(well)}
    for name, groups in found.stages:
        sizes[name] = sum(row.get("stage", groups[0]) in groups for row in ill)
    return sizes if found.stages else sizes | {CASE: len(ill)}


def too_small(sizes: Mapping[str, int], settings: Mapping, test_fraction: float) -> str:
    """Why no model can be made of classes of these sizes, and what to set; "" when one can."""
    needed = patients_needed(settings, test_fraction)
    smallest = min(sizes.values(), default=0)
    if len(sizes) > 1 and smallest >= needed:
        return ""
    shown = ", ".join(f"{n} {name}" for name, n in sizes.items())
    named = ", ".join(f"{key} {settings[key]}" for key in ("outer_folds", "minimum_class"))
    return (
        f"too few development patients ({shown}): at least {needed} of each class are needed with test_fraction "
        f"{test_fraction:g}, {named}; {_cure(smallest, settings, test_fraction)}"
    )


def _cure(smallest: int, settings: Mapping, test_fraction: float) -> str:
    """What to set so that the smallest class suffices, the smallest change first."""
    outer = int(settings["outer_folds"])
    for share in (test_fraction, 0.0):
        for folds in (outer, *FOLDS):
            if smallest >= patients_needed(settings, share, folds):
                keys = ["fusion.split.test_fraction: 0"] if share != test_fraction else []
                keys += [f"model.outer_folds: {folds}"] if folds != outer else []
                return f"set {', '.join(keys)}, or enrol more"
    fewest = min(patients_needed(settings, 0.0, folds) for folds in FOLDS)
    return f"enrol more: with no test part and any number of folds it takes {fewest} of each"


def why_no_model(rows: list[dict], plan: Mapping, config: Mapping, folder: Path) -> str:
    """`too_small` of the development patients of a plan; "" without any, or while their labels cannot be read.

    rows : of patients.tsv; folder : of the sheets
    """
    admitted = {p for p, entry in plan["patients"].items() if entry["role"] == "development"}
    if not admitted or "model" not in config:
        return ""
    rows = [row for row in rows if row["patient_id"] in admitted]
    days = float(config["clinical"]["follow_up_days"])
    try:
        sizes = class_sizes(config["model"]["outcome"], rows, folder, days)
    except SheetErrors:  # told by check_outcome
        return ""
    return too_small(sizes, config["model"], float(config["fusion"]["split"]["test_fraction"]))
