"""The core of a block decides who has it: derived and rare features turn nobody away, and a refusal names what lacks."""

import numpy as np
import pandas as pd

from scripts.model import coverage, fused, member_tables
from scripts.model.cohort_tables import Cohort, predictors

PANEL = ["f0", "f1", "f2", "f3"]


def trained(make_cohort, settings, strategy="late"):
    settings = {**settings, "core_panels": {"ct": PANEL}}
    cohort = make_cohort(effect=1.8)
    cohort.tables["lcms"].iloc[:60, 6:] = np.nan  # rarely measured
    allowed, _ = predictors(cohort, settings)
    return fused.train(fused.members_of(strategy, allowed, settings), cohort, settings, 1), cohort


def patient(cohort, block, columns):
    """One new patient who has these features of one block."""
    table = cohort.tables[block].iloc[[0]].copy()
    table.loc[:, [c for c in table if c not in columns]] = np.nan
    obs = pd.DataFrame({"centre": ["C1"]}, index=table.index)
    return Cohort(obs, {block: table}, {})


def test_complete_core_panel_gets_a_probability_without_the_other_features(make_cohort, settings):
    for strategy in ("late", "early"):
        model, cohort = trained(make_cohort, settings, strategy)
        scores = model.score(patient(cohort, "ct", PANEL))  # 4 of 12 features
        assert scores["probability"].notna().all(), strategy
        scores = model.score(patient(cohort, "ct", [f"f{i}" for i in range(3, 12)]))  # 1 of the 4
        assert (scores["refused"] != "").all(), strategy


def test_core_of_another_block_is_what_most_training_patients_have(make_cohort, settings):
    model, _ = trained(make_cohort, settings)
    core = next(m for m in model.members if m.member.name == "lcms").core
    assert [feature for _, feature in core] == [f"f{i}" for i in range(6)]


def test_refusal_says_how_many_are_there_and_which_lack(make_cohort, settings):
    model, cohort = trained(make_cohort, settings)
    new = patient(cohort, "ct", ["f0", "f7"])
    table = coverage.coverage(model, new)
    line = table[table["block"] == "ct"].iloc[0]
    assert (line["measured"], line["features"]) == (2, 12)
    assert (line["core_measured"], line["core"], line["needed"]) == (1, 4, 2)
    scores = model.score(new)
    coverage.add_what_lacks(scores, table)
    said = scores["refused"].iloc[0]
    assert "ct: 2 of the model's 12 features measured, 1 of the 4 of its core" in said
    assert "missing: f1, f2, f3" in said


def test_model_locked_without_a_core_is_judged_by_all_its_features():
    columns = pd.MultiIndex.from_tuples([("ct", f"f{i}") for i in range(4)])
    table = pd.DataFrame([[1, np.nan, np.nan, np.nan], [1, 2, np.nan, np.nan]], columns=columns)
    assert list(member_tables.present(table, 0.5).index) == [1]
    assert list(member_tables.present(table, 0.0).index) == [0, 1]
