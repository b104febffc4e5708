"""What may enter a model."""

import numpy as np
import pandas as pd

from scripts.core.cohort_file import stable
from scripts.model.cohort_tables import predictors


def test_icc_of_exactly_the_limit_fails(settings):
    table = pd.DataFrame({"stability": [0.75, 0.7501, np.nan]}, index=["a", "b", "c"])
    assert stable(table, settings).tolist() == [False, True, True]


def test_rsd_is_read_the_other_way_round(settings):
    table = pd.DataFrame({"stability": [0.30, 0.31], "stability_kind": "rsd"}, index=["a", "b"])
    assert stable(table, settings).tolist() == [True, False]


def test_annotation_and_one_sided_blocks_stay_out(make_cohort, settings):
    cohort = make_cohort()
    cohort.dictionaries["lcms"]["role"] = "annotation"
    cases = cohort.obs.index[cohort.obs["label"] == 1]
    cohort.tables["ct"] = cohort.tables["ct"].loc[cohort.tables["ct"].index.intersection(cases)]
    allowed, notes = predictors(cohort, settings)
    assert allowed == {}
    reasons = {note["block"]: note["reason"] for note in notes}
    assert reasons["lcms"] == "no predictor in its dictionary"
    assert "0 controls" in reasons["ct"]


def test_block_of_constant_features_and_block_without_patients_are_left_out(make_cohort, settings):
    cohort = make_cohort(blocks=("lcms", "ct", "dia"))
    cohort.tables["lcms"] = cohort.tables["lcms"] * 0 + 3.0
    cohort.tables["ct"] = cohort.tables["ct"].iloc[:0]
    allowed, notes = predictors(cohort, settings)
    reasons = {note["block"]: note["reason"] for note in notes}
    assert list(allowed) == ["dia"]
    assert reasons["lcms"] == "every feature has one value in nearly all patients"
    assert reasons["ct"] == "0 hcc and 0 controls have it; at least 10 of each"
