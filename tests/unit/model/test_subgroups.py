"""Subgroups."""

import numpy as np
import pandas as pd

from scripts.model.subgroups import subgroup_masks


def test_a_stage_is_compared_with_all_controls(cohort):
    cohort.obs["stage"] = np.where(cohort.obs["label"] == 1, "early", "")
    mask = subgroup_masks(cohort)[("stage", "early")]
    assert mask.all()


def test_afp_negative_needs_the_unit(cohort):
    table = pd.DataFrame({"afp": 5.0}, index=cohort.obs.index)
    cohort.tables["clinical"] = table
    cohort.dictionaries["clinical"] = pd.DataFrame({"unit": "kIU/L"}, index=["afp"])
    assert not any(group == "afp" for group, _ in subgroup_masks(cohort))
    cohort.dictionaries["clinical"]["unit"] = "ng/mL"
    assert subgroup_masks(cohort)[("afp", "under 20 ng/mL")].all()
    cohort.dictionaries["clinical"]["unit"] = "log10(ng/mL)"
    table["afp"] = 1.30  # 19.95 ng/mL
    table.iloc[0] = 1.31  # 20.4 ng/mL
    mask = subgroup_masks(cohort)[("afp", "under 20 ng/mL")]
    assert not mask[0] and mask[1:].all()
