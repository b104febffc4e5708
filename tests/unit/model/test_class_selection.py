"""Cross-validation, choice and internal performance of three or more classes."""

import numpy as np
import pandas as pd
import pytest

from scripts.model import class_performance, class_selection
from scripts.model.cross_validate import cross_validate, has_all_classes
from scripts.model.verdicts import judge


@pytest.fixture(scope="module")
def done():
    """One repeat of late fusion on 150 patients, and what is made of it."""
    from scripts.core.config import default_config
    from tests.unit.model.conftest import build_classes

    settings = default_config()["model"]
    settings |= {"elastic_net": {"c": [0.1], "l1_ratio": [0.5], "max_iter": 100}, "repeats": 1}
    settings["resamples"] = 200  # quick; a run has at least 1000
    cohort = build_classes()
    scores, folds = cross_validate(cohort, "late", settings, 1)
    run = {"strategy": "late", "repeat": 0, "status": "ASSESSED", "reason": "", "folds": folds}
    performance, mean = class_performance.internal(
        cohort, scores.assign(repeat=0), [run], settings, 1
    )
    return cohort, scores, folds, performance, mean


def test_every_fold_has_every_class_and_no_group_twice(done):
    _, scores, folds, _, _ = done
    assert all(has_all_classes(fold) and fold["shared_groups"] == 0 for fold in folds)
    own = scores[scores["strategy"] == "late"]
    assert own["patient_id"].is_unique and len(own) > 140
    assert np.allclose(own[["p0", "p1", "p2"]].sum(axis=1), 1)


def test_late_fusion_gives_every_block_alone(done):
    assert set(done[1]["strategy"]) == {"late", "block_lcms", "block_ct"}


def test_fusion_is_chosen_where_every_block_knows_another_class(done):
    performance = done[3]
    assert performance["status"] == "ASSESSED" and performance["selected"] == "late"
    entry = performance["strategies"]["late"]
    assert entry["metrics"]["macro_auc"]["value"] > 0.75
    assert np.sum(entry["confusion"]) == entry["n"] == sum(entry["classes"].values())
    gains = {line["baseline"]: line["delta_macro_auc"]["low"] for line in performance["increments"]}
    assert set(gains) == {"block_lcms", "block_ct"} and min(gains.values()) > 0


def test_selection_frequency_is_a_share_for_every_class(done):
    features = done[3]["strategies"]["late"]["features"]
    assert set(features) == {"control", "early", "late"}
    assert all(0 < line["selected"] <= 1 for own in features.values() for line in own)
    assert features["late"][0]["block"] == "lcms" and features["control"][0]["block"] == "ct"


def test_permuted_classes_are_called_useless(done):
    cohort, scores, _, _, _ = done
    rng = np.random.default_rng(0)
    chance = scores[scores["strategy"] == "late"].copy()
    chance["label"] = rng.permutation(chance["label"].to_numpy())
    entry = class_selection.describe_strategies(
        chance,
        chance,
        [],
        cohort,
        {"baselines": {}, "published": {}, "resamples": 1000, "minimum_class": 10},
        1,
    )["late"]
    entry = entry | {"metrics": {"auc": entry["metrics"]["macro_auc"]}}
    verdict = judge(entry, [], {"useful_upper": 0.7}, name="macro AUC")
    assert verdict["discrimination"] == "none" and "macro AUC" in verdict["text_en"]


def test_strategy_of_two_classes_is_said_to_be_one():
    settings = {"baselines": {"afp": ["clinical__afp"]}}
    assert class_selection.two_classes_only("late_xgboost", settings) == ""
    assert class_selection.two_classes_only("afp", settings) == ""
    found = class_selection.two_classes_only("knowledge", settings)
    assert found == "knowledge is defined for two classes only"


def test_mean_over_repeats_keeps_sums_of_one():
    table = pd.DataFrame(
        {"strategy": "late", "patient_id": "P1", "label": 0, "pattern": "ct", "fold": 0},
        index=range(2),
    ).assign(p0=[0.8, 0.2], p1=[0.1, 0.4], p2=[0.1, 0.4])
    mean = class_selection.mean_over_repeats(table, ["a", "b", "c"])
    # geometric means: sqrt(.16), sqrt(.04), sqrt(.04) = .4, .2, .2
    assert mean[["p0", "p1", "p2"]].iloc[0].tolist() == pytest.approx([0.5, 0.25, 0.25])


def test_sample_size_asks_for_the_worst_pair_of_classes():
    # pair 30 + 30 of 150 patients: Riley's 60-patient share of 150 is 0.4, so its minimum times 2.5
    found = class_selection.sample_size([90, 30, 30], 10)
    pair = class_selection.selection.sample_size(30, 60, 10)["riley_minimum"]
    assert found["minimum"] == int(np.ceil(pair * 2.5)) and found["verdict"] == "WARN"


def test_one_block_that_a_class_lacks_stays_out(three_classes, settings):
    late = three_classes.obs.index[three_classes.labels == 2]
    table = three_classes.tables["ct"]
    three_classes.tables["ct"] = table.drop(index=late, errors="ignore")
    performance, _ = class_performance.internal(
        three_classes, pd.DataFrame(columns=["strategy", "repeat"]), [], settings, 1
    )
    notes = {note["block"]: note for note in performance["blocks"]}
    assert (
        not notes["ct"]["used"] and "0 late have it; at least 10 of each" in notes["ct"]["reason"]
    )
    assert performance["status"] == "NOT_ASSESSED"
