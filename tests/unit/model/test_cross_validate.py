"""Nested cross-validation: nothing leaks."""

import numpy as np
import pytest

from scripts.model import metrics
from scripts.model.cross_validate import (
    cross_validate,
    missing_features,
    outer_folds,
    why_no_scores,
)
from scripts.report.page import reason


def auc_of(scores, strategy="late"):
    own = scores[scores["strategy"] == strategy]
    return metrics.auc(own["label"].to_numpy(int), own["probability"].to_numpy())


def test_every_patient_is_scored_once_by_a_model_that_never_saw_his_group(cohort, settings):
    cohort.obs["group"] = [f"G{i // 3}" for i in range(len(cohort.obs))]
    scores, folds = cross_validate(cohort, "late", settings, seed=1)
    own = scores[scores["strategy"] == "late"]
    assert own["patient_id"].is_unique
    assert all(fold["shared_groups"] == 0 for fold in folds)
    assert {"block_ct", "block_lcms", "stacking"} < set(scores["strategy"])


def test_signal_is_found_and_the_same_seed_gives_the_same_scores(cohort, settings):
    first, _ = cross_validate(cohort, "late", settings, seed=1)
    again, _ = cross_validate(cohort, "late", settings, seed=1)
    assert auc_of(first) > 0.7
    assert first.equals(again)


def test_strategies_share_their_outer_folds(cohort):
    a, b = (outer_folds(cohort, 5, seed=3) for _ in range(2))
    assert all(x[1].equals(y[1]) for x, y in zip(a, b, strict=True))


@pytest.mark.parametrize("strategy", ["late_xgboost", "late_svm", "early_forest"])
def test_every_learner_scores_everybody_and_finds_the_signal(cohort, settings, strategy):
    scores, folds = cross_validate(cohort, strategy, settings, seed=1)
    assert (
        len(scores)
        == cohort.subset(cohort.tables["ct"].index.union(cohort.tables["lcms"].index)).obs.shape[0]
    )
    assert auc_of(scores, strategy) > 0.65
    assert all(member["weights"] for fold in folds for member in fold["members"])


def test_baseline_without_its_feature_says_so(cohort, settings):
    assert missing_features("afp", cohort, settings) == (
        "feature afp of block clinical is not in this cohort"
    )


def test_folds_too_small_for_a_class_are_the_reason_and_not_the_features(make_cohort, settings):
    # 11 of each, 5 folds: 8 or 9 of each stay in a training fold, 10 are needed; everybody has every feature.
    cohort = make_cohort(n=22, missing=0)
    scores, folds = cross_validate(cohort, "late", settings, seed=1)
    assert scores.empty
    said = why_no_scores(cohort, "late", folds, settings)
    assert said.startswith(
        "a training fold of cross-validation keeps 8 of the smallest class (11 hcc and 11 controls"
    )
    assert "about 13 training patients of each class" in said
    assert reason(said).zh != said


def test_features_that_few_have_are_the_reason(make_cohort, settings):
    cohort = make_cohort(n=80, missing=0)
    cohort.tables["ct"].loc[cohort.obs.index[12:], "f0"] = float("nan")
    settings["baselines"] = {"rare": ["ct__f0"]}
    scores, folds = cross_validate(cohort, "rare", settings, seed=1)
    assert scores.empty
    said = why_no_scores(cohort, "rare", folds, settings)
    events = int(cohort.labels[:12].sum())
    assert said.startswith(f"{events} hcc and {12 - events} controls have enough of these features")
    assert reason(said).zh != said


def test_knowledge_level_without_sets_and_scores_says_so(cohort, settings):
    assert missing_features("knowledge", cohort, settings) == (
        "no gene set, metabolite set or published score fits these features"
    )


@pytest.mark.long
def test_noise_with_2000_features_is_not_learned(make_cohort, settings):
    # labels independent of the data: the truth is 0.5; 20 seeds of n 100, p 2000
    found = [
        auc_of(
            cross_validate(
                make_cohort(
                    n=100, seed=seed, effect=0.0, features=2000, blocks=("noise",), missing=0
                ),
                "late",
                settings,
                seed,
            )[0]
        )
        for seed in range(20)
    ]
    assert 0.45 <= np.mean(found) <= 0.55


@pytest.mark.long
def test_permuted_labels_are_not_learned(make_cohort, settings):
    found = []
    for seed in range(20):
        cohort = make_cohort(n=120, seed=1)
        rng = np.random.default_rng(seed)
        cohort.obs["label"] = rng.permutation(cohort.obs["label"].to_numpy())
        found.append(auc_of(cross_validate(cohort, "late", settings, seed)[0]))
    assert 0.45 <= np.mean(found) <= 0.55


@pytest.mark.real
@pytest.mark.long
def test_three_omics_of_breast_tcga_separate_basal_from_luminal(testdata, settings):
    # mixOmics' breast.TCGA training set: the two subtypes separate nearly perfectly (Rohart 2017)
    import pandas as pd

    from scripts.model.cohort_tables import Cohort

    folder = testdata / "tables" / "breast_tcga"
    subtype = pd.read_csv(folder / "train_subtype.csv")["subtype"]
    keep = subtype.isin(["Basal", "LumA"]).to_numpy()
    tables, dictionaries = {}, {}
    for name in ("mrna", "mirna", "protein"):
        table = pd.read_csv(folder / f"train_{name}.csv")
        table = table.drop(columns=[c for c in table if c == "dim_0"])[keep]
        table.index = [f"T{i:03d}" for i in range(len(table))]
        tables[name] = table.astype(float)
        entry = {"role": "predictor", "unit": "", "stability": np.nan}
        dictionaries[name] = pd.DataFrame(entry, index=table.columns)
    index = tables["mrna"].index
    obs = pd.DataFrame({"label": (subtype[keep] == "Basal").to_numpy(int)}, index=index)
    obs["group"], obs["centre"] = index, "T"
    scores, _ = cross_validate(Cohort(obs, tables, dictionaries), "late", settings, seed=1)
    assert auc_of(scores) > 0.97
    assert {"block_mrna", "block_mirna", "block_protein"} < set(scores["strategy"])
