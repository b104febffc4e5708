"""Centres left out and the learning curve."""

import numpy as np
import pytest

from scripts.model import fit_model, transport


def test_every_centre_is_scored_by_a_model_without_it(make_cohort, settings):
    cohort = make_cohort(n=160, effect=1.8)
    found = transport.leave_centres_out("late", cohort, settings, 1)
    assert found["status"] == "ASSESSED"
    assert sum(e["n"] for e in found["centres"].values()) <= 160
    assert found["pooled"]["centres"] == 2 and found["pooled"]["value"] > 0.8


def test_person_of_the_left_out_centre_is_in_no_training(make_cohort, settings, monkeypatch):
    cohort = make_cohort(n=160, effect=1.8)
    patients = {c: cohort.obs.index[cohort.obs["centre"] == c] for c in ("C1", "C2")}
    twice = [patients["C1"][0], patients["C2"][0]]  # one person, registered in both centres
    cohort.obs.loc[twice, "group"] = twice[0]
    trained = []
    train = transport.train_chosen
    monkeypatch.setattr(
        transport,
        "train_chosen",
        lambda strategy, part, *more: trained.append(part) or train(strategy, part, *more),
    )
    transport.leave_centres_out("late", cohort, settings, 1)
    assert [sorted(part.obs.index) for part in trained] == [
        sorted(patients["C2"][1:]),
        sorted(patients["C1"][1:]),
    ]


def test_centre_that_is_the_label_cannot_be_left_out(make_cohort, settings):
    cohort = make_cohort(n=120)
    cohort.obs["centre"] = np.where(cohort.labels == 1, "A", "B")
    found = transport.leave_centres_out("late", cohort, settings, 1)
    assert found["status"] == "NOT_ASSESSED"
    assert "only one class" in found["centres"]["A"]["reason"]


def test_one_centre_is_not_assessed(cohort, settings):
    cohort.obs["centre"] = "A"
    found = transport.leave_centres_out("late", cohort, settings, 1)
    assert (found["status"], found["reason"]) == ("NOT_ASSESSED", "one centre only")


def test_shares_lie_within_one_another_and_keep_the_classes(cohort):
    small, large = (set(transport.subsets(cohort, f, 1)) for f in (0.4, 0.8))
    assert small < large and len(small) == 48
    assert cohort.subset(small).labels.mean() == pytest.approx(0.5)


def test_curve_uses_the_settings_of_the_final_fit(cohort, settings):
    settings["elastic_net"]["c"] = [0.03, 0.5]
    model = fit_model.train_chosen("late", cohort, settings, 1)
    own = transport.fixed(settings, model.members[0])
    assert own["elastic_net"]["c"] == [model.members[0].parameters["C"]]
    found = transport.learning_curve(model, cohort, settings, 1, [0.4, 1.0])
    assert [p["fraction"] for p in found["points"]] == [0.4, 1.0]
    assert found["points"][0]["n"] < found["points"][1]["n"]
    assert found["points"][1]["auc"]["value"] > 0.8
