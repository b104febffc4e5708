"""In: a cohort; scores and rules as they were published. Out: their values on a scale where 0.5 is the published
cut-off; nothing is fitted.
Source: config key model.published (Johnson 2014, Yang 2019, Fan 2020; ACR US LI-RADS v2024, AASLD 2023).
"""

import numpy as np
import pandas as pd
from scipy.special import expit

from scripts.model import rules
from scripts.model.cohort_tables import Cohort

CUT = 0.5
WIDTH = 10.0  # log odds of the value that lies farthest from the cut-off


def score(name: str, cohort: Cohort, settings: dict) -> tuple[pd.Series, str]:
    """Score of every patient who has what it needs, and why there is none ("" = there is one).

    0.5 and more is a positive call. Values keep their order; a rule gives 0 or 1.
    """
    entry = settings["published"][name]
    none = pd.Series(dtype=float)
    if "positive_from" not in entry:
        try:
            called = rules.holds(rules.resolve(entry, cohort.dictionaries), cohort)
        except rules.NotApplicable as reason:
            return none, str(reason)
        called = called.dropna()
        return called, "" if len(called) else "no patient has what the rule asks for"
    block, _, feature = entry["feature"].partition("__")
    table = cohort.tables.get(block)
    if table is None or feature not in table:
        return none, f"feature {feature} of block {block} is not in this cohort"
    gap = table[feature].dropna() - float(entry["positive_from"])
    if gap.empty:
        return none, f"no patient has feature {feature} of block {block}"
    farthest = float(np.abs(gap).max()) or 1.0
    return pd.Series(expit(WIDTH * gap / farthest), index=gap.index), ""


def score_table(cohort: Cohort, settings: dict) -> tuple[pd.DataFrame, dict[str, str]]:
    """Scores of all published entries as rows like those of cross-validation, and {name: why not}."""
    parts, reasons = [], {}
    for name in settings["published"]:
        values, reason = score(name, cohort, settings)
        values = values[values.index.isin(cohort.obs.index)].sort_index()
        if reason:
            reasons[name] = reason
            continue
        part = pd.DataFrame({"patient_id": values.index.astype(str), "strategy": name})
        part["fold"], part["repeat"] = 0, 0
        part["label"] = cohort.obs.loc[values.index, "label"].to_numpy(int)
        part["probability"], part["pattern"] = values.to_numpy(float), name
        parts.append(part)
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(), reasons
