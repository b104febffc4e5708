"""A model or a pattern without useful discrimination gives no call; the figures are those of the blocks that were used."""

import json
from copy import deepcopy

import numpy as np
import pytest

from scripts.core.config import default_config
from scripts.model import bundle, discrimination, fused
from scripts.model.cohort_tables import predictors
from scripts.model.cross_validate import cross_validate
from scripts.model.fit_model import describe
from scripts.model.predict_patients import predict
from tests.unit.model.bundles import performance_of, written
from tests.unit.model.conftest import build_cohort


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A locked model of one informative block and one of noise: (folder, model, description)."""
    settings = default_config()["model"]
    settings |= {"elastic_net": {"c": [0.1], "l1_ratio": [0.5], "max_iter": 100}}
    cohort = build_cohort(n=160, effect=2.2)
    rng = np.random.default_rng(3)
    cohort.tables["us"] = cohort.tables.pop("ct")
    cohort.dictionaries["us"] = cohort.dictionaries.pop("ct")
    cohort.tables["us"].loc[:, :] = rng.normal(0, 1, cohort.tables["us"].shape)
    folder = tmp_path_factory.mktemp("bundles")
    name, _, _ = written(folder, cohort, settings)
    return folder / name, *bundle.load_bundle(folder / name, name), cohort


def new_patients(cohort, blocks):
    own = cohort.subset(cohort.obs.index[:12])
    own.tables = {block: own.tables[block] for block in blocks if block in own.tables}
    own.obs = own.obs[["centre"]]
    return own


def scored(home, blocks, change=None, show="refuse"):
    folder, model, description, cohort = home
    described = deepcopy(description)
    if change:
        change(described)
    return predict(model, described, new_patients(cohort, blocks), folder, "refuse", show)


def test_lock_carries_a_verdict_for_every_pattern(home):
    lines = {line["pattern"]: line for line in home[2]["patterns"]}
    assert lines["us"]["discrimination"] == "none" and lines["us"]["auc"]["low"] < 0.5
    assert lines["lcms"]["discrimination"] == "useful" and lines["lcms"]["source"] == "evidence"
    assert lines["lcms+us"]["source"] == "nested"  # that of the made-up evaluation
    assert lines["lcms+us"]["auc"]["value"] == 0.9
    assert 0 < lines["lcms"]["operating"]["youden"]["sensitivity"]["value"] <= 1
    assert json.dumps(lines)


def test_pattern_of_noise_is_refused_under_a_good_model(home):
    scores, parts = scored(home, ["us"])
    measured = scores["pattern"] == "us"
    assert measured.any() and scores.loc[measured, "probability"].isna().all()
    assert (scores["positive"] == "").all() and (scores["positive_high_specificity"] == "").all()
    assert set(scores.loc[measured, "verdict"]) == {"none"}
    assert scores.loc[measured, "refused"].str.contains("cross-validated AUC of us 0").all()
    assert parts.empty
    assert (scores.loc[measured, "auc_low"] < 0.5).all()


def test_good_pattern_is_called_with_its_own_figures(home):
    scores, _ = scored(home, ["lcms"])
    own = scores[scores["pattern"] == "lcms"]
    assert set(own["verdict"]) == {"useful"} and set(own["positive"]) <= {"yes", "no"}
    line = next(line for line in home[2]["patterns"] if line["pattern"] == "lcms")
    assert set(own["auc"]) == {line["auc"]["value"]} and line["auc"]["value"] != 0.9


def test_number_is_shown_where_it_is_asked_for_and_never_a_call(home):
    scores, _ = scored(home, ["us"], show="show")
    own = scores[scores["pattern"] == "us"]
    assert own["probability"].notna().all() and (own["positive"] == "").all()
    assert (own["positive_high_specificity"] == "").all()
    assert own["flags"].str.startswith("no useful discrimination").all()


@pytest.mark.parametrize(
    ("verdict", "expected"),
    [
        ({"discrimination": "none"}, "none"),
        ({"discrimination": "not_assessed"}, "unknown"),
        ({"discrimination": "useful", "separable_from_acquisition": False}, "useful+not_separable"),
        ({"discrimination": "useful", "void": ["leakage"]}, "useful+leakage"),
        ({"discrimination": "useful", "void": "leakage"}, "useful+leakage"),
        ({"discrimination": "useful", "separable_from_acquisition": None}, "useful"),
    ],
)
def test_verdict_of_the_evaluation_bars_calls(home, verdict, expected):
    def change(described):
        described["internal"]["verdict"] = verdict

    scores, _ = scored(home, ["lcms"], change)
    own = scores[scores["pattern"] == "lcms"]
    assert set(own["verdict"]) == {expected}
    called = (own["positive"] != "").any() or (own["positive_high_specificity"] != "").any()
    assert called == (expected == "useful")


def test_bundle_locked_without_verdicts_is_judged_by_its_evidence_and_unknown_is_said(home):
    def change(described):
        for line in described["patterns"]:
            for key in ("discrimination", "auc", "source", "operating", "auc_n", "auc_events"):
                del line[key]

    scores, _ = scored(home, ["us"], change)
    assert set(scores.loc[scores["pattern"] == "us", "verdict"]) == {"none"}

    def without(described):
        change(described)
        del described["internal"]["verdict"]

    scores, _ = scored(home, ["lcms"], without)
    own = scores[scores["pattern"] == "lcms"]
    assert set(own["verdict"]) == {"unknown"} and (own["positive"] == "").all()
    assert own["probability"].notna().all()
    assert own["flags"].str.contains("no verdict of its evaluation").all()


# 2 and 10: blocks of noise whose 95 % interval excludes .5
@pytest.mark.parametrize("seed", [2, *(pytest.param(n, marks=pytest.mark.long) for n in (0, 10))])
def test_model_of_noise_never_calls(seed, settings, tmp_path):
    cohort = build_cohort(n=100, seed=seed, effect=0.0, features=30, missing=0.0)
    scores, _ = cross_validate(cohort, "late", settings, seed)
    strategies = performance_of()["strategies"]
    for name, own in scores.groupby("strategy"):
        y, p = own["label"].to_numpy(int), own["probability"].to_numpy()
        found = {"auc": discrimination.delong_interval(y, p)}
        strategies[name] = deepcopy(strategies["late"]) | {"metrics": found}
    performance = performance_of() | {"strategies": strategies}
    allowed, _ = predictors(cohort, settings)
    model = fused.train(fused.members_of("late", allowed, settings), cohort, settings, seed=1)
    described = describe(model, cohort, performance, settings, 1, "c0de")
    for blocks in (["ct", "lcms"], ["ct"], ["lcms"]):
        found, _ = predict(model, described, new_patients(cohort, blocks), tmp_path, "refuse")
        assert set(found["verdict"]) == {"none"} and found["probability"].isna().all()


def test_interval_that_touches_a_half_or_stays_below_the_useful_is_none():
    code = discrimination.code_of
    assert code({"value": 0.6, "low": 0.5, "high": 0.7}, 0.7) == "none"
    assert code({"value": 0.6, "low": 0.51, "high": 0.69}, 0.7) == "none"
    # 99.9 % of a normal distribution is 3.2905 SD: .65 - .07 x 3.2905 / 1.96 = .532, .64 - .11 x 1.679 = .455
    assert code({"value": 0.65, "low": 0.58, "high": 0.72}, 0.7) == "useful"
    assert code({"value": 0.64, "low": 0.53, "high": 0.75}, 0.7) == "none"
    assert code({"value": 0.64, "low": 0.53, "high": 0.75}, 0.7, 0.95) == "useful"
    assert code({"value": 0.65, "low": None, "high": None}, 0.7) == "unknown"
    assert code(None, 0.7) == "unknown"
