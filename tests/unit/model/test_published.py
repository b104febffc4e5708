"""Scores and rules as they were published."""

import numpy as np
import pandas as pd
import pytest

from scripts.model.cohort_tables import Cohort
from scripts.model.published import score, score_table


def clinic(**columns):
    index = pd.Index([f"P{i}" for i in range(4)])
    table = pd.DataFrame(columns, index=index, dtype=float)
    dictionary = pd.DataFrame({"unit": ["ng/mL"] * table.shape[1]}, index=table.columns)
    obs = pd.DataFrame({"label": [1, 0, 1, 0]}, index=index)
    return Cohort(obs, {"clinical": table}, {"clinical": dictionary})


def test_order_stays_and_a_half_is_the_published_cut_off(settings):
    values = [-0.63, -5.0, 7.0, np.nan]
    found, reason = score("galad", clinic(galad=values), settings)
    assert reason == ""
    assert found.index.tolist() == ["P0", "P1", "P2"]
    assert found["P0"] == pytest.approx(0.5)
    assert found["P1"] < 0.5 < found["P2"] < 1


def test_surveillance_is_positive_by_ultrasound_or_afp(settings):
    # US-3 alone; AFP 20 alone; neither; AFP low and no ultrasound recorded = unknown
    cohort = clinic(us_category=[3, 1, 1, np.nan], afp=[5, 20, 19.9, 5])
    found, _ = score("surveillance", cohort, settings)
    assert found.to_dict() == {"P0": 1.0, "P1": 1.0, "P2": 0.0}


def test_what_was_not_recorded_is_not_assessed_with_the_reason(settings):
    table, reasons = score_table(clinic(afp=[1, 2, 3, 4]), settings)
    assert table.empty
    assert reasons["surveillance"] == "feature us_category of block clinical is not in this cohort"
    assert reasons["galad"] == "feature galad of block clinical is not in this cohort"
