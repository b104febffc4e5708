"""The choice between strategies and what it adds."""

import numpy as np
import pandas as pd
import pytest

from scripts.model.selection import feature_table, sample_size, select


def scores_of(effects, patients=100, coverage=None, seed=0):
    """Scores of strategies that differ in effect only, on the same patients and folds."""
    rng = np.random.default_rng(seed)
    label = np.arange(patients) % 2
    base = rng.normal(0, 1, patients)
    tables = []
    for strategy, effect in effects.items():
        keep = np.arange(patients) < patients * (coverage or {}).get(strategy, 1.0)
        p = 1 / (1 + np.exp(-(effect * label + base)))
        table = {"patient_id": [f"P{i}" for i in range(patients)], "strategy": strategy}
        table |= {"repeat": 0, "fold": np.arange(patients) // 2 % 5, "label": label}
        tables.append(pd.DataFrame({**table, "probability": p})[keep])
    return pd.concat(tables, ignore_index=True)


def test_simplest_within_one_standard_error_is_chosen(settings):
    chosen, _ = select(scores_of({"late": 2.0, "block_ct": 1.95}), 100, settings)
    assert chosen == "block_ct"
    chosen, _ = select(scores_of({"late": 3.0, "block_ct": 0.5}), 100, settings)
    assert chosen == "late"


def test_xgboost_needs_to_be_clearly_better(settings):
    chosen, _ = select(scores_of({"late": 1.5, "late_xgboost": 1.7}), 100, settings)
    assert chosen == "late"
    chosen, _ = select(scores_of({"late": 0.3, "late_xgboost": 4.0}), 100, settings)
    assert chosen == "late_xgboost"


def test_strategy_that_cannot_score_most_patients_is_no_candidate(settings):
    scores = scores_of({"late": 1.0, "block_ct": 4.0}, coverage={"block_ct": 0.6})
    chosen, table = select(scores, 100, settings)
    assert chosen == "late"
    reason = next(line["reason"] for line in table if line["strategy"] == "block_ct")
    assert reason == "can score only 60% of the training patients"


def test_baseline_is_never_chosen(settings):
    assert select(scores_of({"afp": 3.0}), 100, settings)[0] is None


def test_published_score_is_never_chosen_and_forest_only_within_the_rule(settings):
    assert select(scores_of({"galad": 3.0}), 100, settings)[0] is None
    chosen, _ = select(scores_of({"early": 1.5, "early_forest": 1.6}), 100, settings)
    assert chosen == "early"
    chosen, _ = select(scores_of({"early": 0.3, "early_forest": 4.0}), 100, settings)
    assert chosen == "early_forest"


def test_features_count_folds_that_never_chose_them():
    folds = [
        {"members": [{"member": "ct", "weights": [["ct", "a", 2.0]]}]},
        {"members": [{"member": "ct", "weights": [["ct", "b", -1.0]]}]},
    ]
    table = feature_table(folds, "block_ct")
    assert [(line["feature"], line["selected"], line["weight"]) for line in table] == [
        ("a", 0.5, 1.0),
        ("b", 0.5, -0.5),
    ]


def test_riley_minimum_worked_by_hand():
    # 20 predictors, prevalence 0.5: max R2 = 1 - 0.25 = 0.75, R2 = 0.1125,
    # n = 20 / (-0.1 * ln(1 - 0.125)) = 1497.8
    found = sample_size(50, 100, 20)
    assert found["riley_minimum"] == 1498
    assert found["verdict"] == "WARN"
    assert found["events_per_variable"] == pytest.approx(2.5)


def test_smaller_class_is_divided_by_the_predictors():
    # 400 events of 500 patients, 10 predictors: 100 others / 10
    assert sample_size(400, 500, 10)["events_per_variable"] == 10
    assert sample_size(100, 500, 10)["events_per_variable"] == 10
