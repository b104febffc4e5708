"""The model against its negative controls, on drawn cohorts whose truth is known."""

import numpy as np
import pandas as pd
import pytest

from scripts.model.confounding import judge_controls, within_strata
from tests.methods.checks_verdicts import RIGHT, settings_of_check, verdict_of


def test_auc_within_strata_counts_pairs_of_one_stratum_only():
    # worked by hand: A has cases 3, 1 and control 2 (1 of 2 pairs won), B case 9 and control 8 (1 of 1); no stratum: out
    label = np.array([1, 1, 0, 1, 0, 0])[:, None]
    score = np.array([3.0, 1.0, 2.0, 9.0, 8.0, 99.0])[:, None]
    found = within_strata(label, score, np.array(["A", "A", "A", "B", "B", ""]))
    assert found["value"] == pytest.approx(2 / 3)
    assert (found["pairs"], found["strata"], found["patients"]) == (3, 2, 5)
    assert found["low"] < 0.5 < found["high"]
    assert within_strata(label, score, np.array(["A", "A", "B", "A", "C", ""])) is None


def test_three_classes_are_held_against_their_control():
    rng = np.random.default_rng(0)
    y = np.arange(90) % 3
    index = pd.Index([f"P{i:02d}" for i in range(90)])
    p = np.eye(3)[y] + rng.uniform(0, 0.1, (90, 3))
    ours = pd.DataFrame(p / p.sum(1, keepdims=True), index, ["p0", "p1", "p2"]).assign(label=y)
    table = pd.DataFrame({"model": "centre", "patient_id": index, "stratum": "A"})
    for column in range(3):
        table[f"score{column}"] = rng.normal(size=90)
    control = {"model": "centre", "status": "ASSESSED", "reason": "", "flag": True}
    settings = {"resamples": 200}
    line = judge_controls([control], table, ours, index.to_series(), settings, 1)[0]
    assert line["separable"] and line["difference"]["low"] > 0.2 and line["within"] is None


@pytest.mark.parametrize("kind", ["centre_100", "time"])
def test_verdict_on_a_drawn_cohort_is_right(kind):
    assert verdict_of(kind, 1, settings_of_check())["code"] in RIGHT[kind]
