"""Features of a model in words and values as a laboratory reports them.

In: block, feature, value, unit of a bundle. Out: texts in both languages; 0.78 log10(ng/mL) is shown as 6.0 ng/mL.
Source: resources/variable_dictionary.csv; resources/report/texts_patient.yaml (`feature`).
"""

import math
from functools import cache

from scripts.core.features import as_measured
from scripts.core.hashing import ROOT
from scripts.report.page import Text, join, same, text, text_or
from scripts.report.variables import Variable, read_dictionary

CLINICAL = "clinical"
CODES = ("cirrhosis", "antiviral", "warfarin", "dialysis", "family_hcc", "diabetes")


@cache
def _dictionary() -> dict[str, Variable]:
    return read_dictionary(str(ROOT / "resources" / "variable_dictionary.csv"))


def block_name(block: str) -> Text:
    """A block with its sequence or phase, e.g. CT arterial."""
    return join([text_or(f"block.{part}", part) for part in block.split("_")], " ", " ")


def pattern_name(used: str) -> Text:
    """Blocks that were used together, e.g. clinical, CT arterial."""
    return join([block_name(block) for block in used.split("+")], "、", ", ")


def feature_name(block: str, feature: str) -> Text:
    """A clinical feature in words; others keep the name that their own standard gives them."""
    if block != CLINICAL:
        return same(feature)
    known = _dictionary().get(feature)
    return known.name if known else text_or(f"feature.{feature}", feature)


def named(block: str, feature: str) -> Text:
    """Block and feature."""
    return join([block_name(block), feature_name(block, feature)], " ", " ")


def is_code(block: str, feature: str) -> bool:
    """Whether a feature is 1 for yes and 0 for no."""
    qualitative = feature in _dictionary() and _dictionary()[feature].qualitative
    return block == CLINICAL and (
        feature in CODES or feature.startswith("aetiology_") or feature == "male" or qualitative
    )


def number_text(value: float) -> str:
    """Four significant digits, at least one decimal below 100: 6.0, 35.2, 350."""
    if value != value or math.isinf(value):
        return "–"
    digits = max(1 if abs(value) < 100 else 0, 4 - len(f"{abs(value):.0f}".lstrip("0")) - 1)
    shown = f"{value:.{digits}f}" if 1e-2 <= abs(value) < 1e6 or value == 0 else f"{value:.3g}"
    whole, point, decimals = shown.partition(".")
    kept = decimals.rstrip("0") or ("0" if abs(value) < 100 else "")
    return (whole + (point + kept if kept else "")).replace("-", "−")


def value_text(block: str, feature: str, value: float | None, unit: str) -> Text:
    """A value with its unit on the scale on which it was measured; codes in words; "–" when it is missing."""
    if value is None or math.isnan(value):
        return same("–")
    if is_code(block, feature) and value in (0.0, 1.0):
        if feature == "male":
            return text("patient.male" if value else "patient.female")
        return text("patient.code_yes" if value else "patient.code_no")
    plain, unit = as_measured(value, unit)
    shown = f"{plain:g}" if feature == "age" else number_text(plain)
    if unit == "a":
        return text("patient.years", n=shown)
    return same(f"{shown} {unit}" if unit not in ("", "1", "logit") else shown)
