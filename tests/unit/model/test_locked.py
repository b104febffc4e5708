"""Opening a lock."""

import json

import numpy as np
import pytest

from scripts.model import bundle, locked
from tests.unit.model.bundles import written


def test_no_lock_and_empty_lock_say_why(tmp_path):
    path = tmp_path / "bundle.json"
    assert locked.open_lock(path, "", tmp_path)[2]["reason"] == "no model is locked"
    path.write_text(json.dumps({"bundle": None, "locked_at": None, "reason": "too few patients"}))
    model, _, lock = locked.open_lock(path, "", tmp_path)
    assert model is None and lock["reason"] == "too few patients"


def test_named_bundle_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(bundle.BundleError, match="no bundle at"):
        locked.open_lock(tmp_path / "bundle.json", "abc", tmp_path / "bundles")


def test_date_of_a_named_bundle_comes_from_the_log(tmp_path):
    (tmp_path / "locks").mkdir()
    (tmp_path / "locks" / "bundles.tsv").write_text(
        "bundle\tlocked_at\tversion\tgit\treason\nabc\t2026-01-02\t0\t\tx\n"
    )
    assert locked.locked_at(tmp_path / "bundles", "abc") == "2026-01-02"


@pytest.fixture
def judged(tmp_path, settings, make_cohort):
    """A bundle with blocks that are often missing, new patients each entered twice, and their scores."""
    trained = make_cohort(n=200, effect=1.2, missing=0.35, seed=1)
    _, model, description = written(tmp_path, trained, settings, refits=0)
    cohort = make_cohort(n=200, effect=1.2, missing=0.35, seed=2)
    cohort.obs = cohort.obs.assign(centre="X1", group=[f"G{i // 2}" for i in range(200)])
    cohort.obs.index = [f"X{p}" for p in cohort.obs.index]
    cohort.tables = {b: t.set_axis([f"X{p}" for p in t.index]) for b, t in cohort.tables.items()}
    return description, cohort, locked.score(model, description, cohort)


def test_figures_are_those_of_the_delivered_calls(judged, settings):
    description, cohort, scores = judged
    found = locked.evaluate_scored(scores, cohort, description, settings, 1)
    scored = scores[scores["probability"].notna()]
    event = cohort.obs.loc[scored.index, "label"].to_numpy() == 1
    called = (scored["positive"] == "yes").to_numpy()
    whole = description["thresholds"]["youden"]
    assert (called != (scored["probability"] >= whole).to_numpy()).any()
    for part in (found["pooled"], found["centres"]["X1"]):
        table = part["thresholds"]["youden"]
        assert table["sensitivity"]["value"] == called[event].mean()
        assert table["specificity"]["value"] == (~called[~event]).mean()
        assert table["threshold"] == whole
        assert table["own_threshold"] == (scored["threshold"] != whole).sum() > 0


def test_groups_of_the_cohort_reach_every_interval(judged, settings, monkeypatch):
    description, cohort, scores = judged
    seen = []
    plain = locked.metrics.resample_counts

    def spy(y, resamples, seed, groups=None, stratify=True):
        seen.append(None if groups is None else len(groups) == len(y))
        return plain(y, resamples, seed, groups, stratify)

    monkeypatch.setattr(locked.metrics, "resample_counts", spy)
    values = cohort.tables["ct"]["f0"].rank(pct=True)
    rivals = {"one": ({"title": "one", "kind": "baseline", "thresholds": {}}, values, "")}
    found = locked.evaluate_scored(scores, cohort, description, settings, 1, rivals)
    assert found["baselines"]["one"]["status"] == "ASSESSED"
    assert seen and all(seen)
    cohort.obs = cohort.obs.drop(columns="group")
    assert np.isfinite(
        locked.evaluate_scored(scores, cohort, description, settings, 1)["pooled"]["metrics"][
            "auc"
        ]["low"]
    )


def test_nobody_who_can_be_scored_has_a_reason_that_is_true(tmp_path, settings, make_cohort):
    _, model, description = written(tmp_path, make_cohort(n=80, effect=1.2), settings, refits=0)
    cohort = make_cohort(n=40, seed=2)
    cohort.tables = {"other": cohort.tables["ct"]}
    scores = locked.score(model, description, cohort)
    found = locked.evaluate_scored(scores, cohort, description, settings, 1)
    assert found["flow"]["scored"] == 0
    assert found["pooled"]["reason"].startswith(
        "none of the 40 patients can be scored: 40 have fewer"
    )
