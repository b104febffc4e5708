"""Rules that overrule a model: units, unknown values, what they do."""

import numpy as np
import pandas as pd
import pytest

from scripts.core.config import default_config
from scripts.model import (
    bundle,
    contributions,
    fit_model,
    interval_refits,
    locked,
    refits,
    rules,
    transport,
)
from scripts.model.cohort_tables import Cohort


def clinic(unit="log10(ng/mL)", **columns):
    """Three patients with clinical values."""
    index = pd.Index(["P1", "P2", "P3"])
    table = pd.DataFrame(columns, index=index, dtype=float)
    units = {"afp": unit, "age": "a"}
    dictionary = pd.DataFrame({"unit": [units.get(c, "1") for c in table]}, index=table.columns)
    return Cohort(
        pd.DataFrame({"label": [1, 0, 0]}, index=index),
        {"clinical": table},
        {"clinical": dictionary},
    )


AFP = {"feature": "clinical__afp", "at_least": 400, "unit": "ng/mL"}


@pytest.mark.parametrize(
    ("unit", "values"),
    [("ng/mL", [400, 399, np.nan]), ("log10(ng/mL)", np.log10([400, 399, np.nan]))],
)
def test_limit_is_read_in_the_unit_of_the_table(unit, values):
    cohort = clinic(unit, afp=values)
    found = rules.holds(rules.resolve(AFP, cohort.dictionaries), cohort)
    assert found.tolist()[:2] == [1.0, 0.0] and np.isnan(found.iloc[2])


def test_rule_in_another_unit_is_switched_off_with_its_reason(settings):
    on, off = rules.applicable(settings, clinic("IU/mL", afp=[1, 2, 3], age=[40, 50, 17]))
    assert [rule["id"] for rule in on] == ["under_age"]
    assert "rule afp_400: clinical__afp is in 'IU/mL', 'ng/mL' is needed" in off


def test_unknown_values_decide_only_where_the_other_part_does():
    cohort = clinic("ng/mL", afp=[500, np.nan, 5], age=[np.nan, 70, np.nan])
    old = {"feature": "clinical__age", "at_least": 60}
    either = rules.resolve({"any": [AFP, old]}, cohort.dictionaries)
    both = rules.resolve({"all": [AFP, old]}, cohort.dictionaries)
    assert rules.holds(either, cohort).tolist()[:2] == [1.0, 1.0]
    assert np.isnan(rules.holds(either, cohort).iloc[2])
    assert rules.holds(both, cohort).iloc[2] == 0.0
    assert rules.holds(both, cohort).iloc[:2].isna().all()


def test_floor_refusal_and_withholding_act_and_say_so(settings):
    cohort = clinic(
        "ng/mL", afp=[500, 5, 5], age=[40, 50, 17], warfarin=[0, 1, 0], pivka2=[30, 900, 20]
    )
    on, _ = rules.applicable(settings, cohort)
    hidden = rules.withheld(cohort, on).tables["clinical"]["pivka2"]
    assert hidden.isna().tolist() == [False, True, False]
    columns = {"probability": [0.2, 0.3, 0.4], "refused": "", "notes": ""}
    out = rules.overruled(pd.DataFrame(columns, index=cohort.obs.index), cohort, on)
    assert out["probability"].tolist()[:2] == [0.8, 0.3]
    assert np.isnan(out.loc["P3", "probability"])
    assert out.loc["P1", "notes"].startswith("rule afp_400: AFP of 400")
    assert out.loc["P2", "notes"].startswith("rule vitamin_k_antagonist")
    assert out.loc["P3", "refused"] == "rule under_age: under 18 years; the model is for adults"


@pytest.fixture
def unlike_warfarin(clinic):
    """The same cohort, the withheld scores of those on warfarin a hundred units higher still: it must change nothing."""
    table = clinic.tables["clinical"].copy()
    table.loc[table["warfarin"] == 1, ["galad", "asap"]] += 100
    return Cohort(clinic.obs, {"clinical": table}, clinic.dictionaries)


def test_withheld_values_stay_out_of_refits(clinic, unlike_warfarin, settings):
    model = fit_model.train_chosen("knowledge", clinic, settings, 1)
    ours, theirs = (
        refits.resample(model, c, range(2), settings, 1) for c in (clinic, unlike_warfarin)
    )
    pd.testing.assert_frame_equal(ours, theirs)


def test_withheld_values_stay_out_of_intervals(clinic, unlike_warfarin, settings):
    model = fit_model.train_chosen("knowledge", clinic, settings, 1)
    archives = [
        interval_refits.refit(model, c, settings, 1)[interval_refits.ARCHIVE]
        for c in (clinic, unlike_warfarin)
    ]
    assert archives[0] == archives[1]
    scores = model.score(clinic)
    ours, theirs = (
        interval_refits.log_odds_of_refits(archives[0], model, c, scores)
        for c in (clinic, unlike_warfarin)
    )
    assert np.array_equal(ours, theirs)


def test_withheld_values_stay_out_of_the_learning_curve(clinic, unlike_warfarin, settings):
    model = fit_model.train_chosen("knowledge", clinic, settings, 1)
    ours, theirs = (
        transport.learning_curve(model, c, settings, 1, [0.6, 1.0])
        for c in (clinic, unlike_warfarin)
    )
    assert ours["status"] == "ASSESSED" and ours == theirs


def test_withheld_values_are_missing_on_the_page_of_a_patient(clinic, settings):
    model = fit_model.train_chosen("knowledge", clinic, settings, 1)
    described = {"features": fit_model.describe_features(model, clinic)}
    parts = contributions.contributions(model, described, clinic, model.score(clinic))
    table = clinic.tables["clinical"]
    warfarin = parts[parts.index.isin(table.index[table["warfarin"] == 1])]
    withheld = warfarin[warfarin["feature"].isin(["galad", "asap"])]
    assert len(withheld) and set(withheld["range"]) == {"missing"}
    # all of them have the median: one contribution a score
    assert withheld.groupby("feature")["contribution"].agg(np.ptp).max() < 1e-12


def test_withheld_values_are_not_out_of_range_and_make_no_range(clinic, unlike_warfarin, settings):
    model = fit_model.train_chosen("knowledge", clinic, settings, 1)
    described = {
        "features": fit_model.describe_features(model, clinic),
        "thresholds": {"youden": 0.5},
    }
    assert described["features"] == fit_model.describe_features(model, unlike_warfarin)
    for found in (
        bundle.out_of_range(described, rules.withheld(unlike_warfarin, model.rules)),
        locked.score(model, described | {"patterns": [], "centres": ["C1"]}, unlike_warfarin)[
            "out_of_range"
        ],
    ):
        assert found.max() == 0
    # a hundred units more are seen in those whose scores count
    table = clinic.tables["clinical"].copy()
    patient = table.index[table["warfarin"] == 0][0]
    table.loc[patient, "galad"] += 100
    moved = Cohort(clinic.obs, {"clinical": table}, clinic.dictionaries)
    assert bundle.out_of_range(described, rules.withheld(moved, model.rules))[patient] > 0


def test_broken_rule_is_named(tmp_path):
    path = tmp_path / "rules.yaml"
    path.write_text(
        "rules:\n- {id: x, when: {}, effect: floor, reason_en: a, reason_zh: b, source: c}\n"
    )
    with pytest.raises(ValueError, match="rule x: effect floor needs value"):
        rules.read_rules(str(path))


def test_shipped_rules_have_sources():
    assert all(
        rule["source"] for rule in rules.read_rules(default_config()["model"]["knowledge"]["rules"])
    )
