"""Recalibration for a centre: a new version beside the old one, with the same metrics before and after."""

import json

import numpy as np
import pytest
from scipy.special import expit, logit

from scripts.model import bundle, locked
from scripts.model.recalibrate import RefusedRecalibration, fit_line, new_version, recalibration
from tests.unit.model.bundles import written


def test_line_finds_shift_and_slope():
    rng = np.random.default_rng(0)
    linear = rng.normal(0, 1.5, 4000)
    y = (rng.random(4000) < expit(-1 + 0.6 * linear)).astype(int)
    assert fit_line(linear, y, "intercept")[1] == 1.0
    assert fit_line(linear, y, "line") == pytest.approx((-1, 0.6), abs=0.1)


@pytest.fixture
def shifted(tmp_path, settings, make_cohort):
    """A bundle, and patients of another centre where the disease is rare."""
    name, _, _ = written(tmp_path, make_cohort(effect=1.8), settings, refits=0)
    model, description = bundle.load_bundle(tmp_path / name, name)
    cohort = make_cohort(n=200, seed=4, effect=1.8)
    case = cohort.obs.index[cohort.obs["label"] == 1]
    cohort = cohort.subset(cohort.obs.index.difference(case[25:]))
    cohort.obs = cohort.obs.assign(centre="X1")
    cohort.obs.index = [f"X{p}" for p in cohort.obs.index]
    cohort.tables = {b: t.set_axis([f"X{p}" for p in t.index]) for b, t in cohort.tables.items()}
    return tmp_path, name, model, description, cohort


def test_new_version_is_calibrated_for_the_centre_and_the_old_one_stays(shifted, settings):
    folder, name, model, description, cohort = shifted
    scores = locked.score(model, description, cohort)
    scores = scores[scores["probability"].notna()]
    y = cohort.obs.loc[scores.index, "label"].to_numpy(int)
    line, change = recalibration(scores, y, description, "X1", "line", settings, 1)
    assert change["before"]["metrics"]["o_e"]["value"] < 0.7
    assert change["after"]["metrics"]["o_e"]["value"] == pytest.approx(1, abs=0.15)
    assert change["before"]["metrics"].keys() == change["after"]["metrics"].keys()
    before = sorted((p.name, p.read_bytes()) for p in (folder / name).iterdir())
    more = {"recalibration": {"X1": line}, "changes": [change | {"reason": "rare there"}]}
    new = new_version(folder, name, more)
    assert new != name
    assert before == sorted((p.name, p.read_bytes()) for p in (folder / name).iterdir())
    assert new_version(folder, name, more) == new  # the same bytes again
    model, described = bundle.load_bundle(folder / new, new)
    found = locked.score(model, described, cohort).loc[scores.index]
    assert found["probability"].mean() == pytest.approx(y.mean(), abs=0.05)
    assert not found["flags"].str.contains("was not in training").any()
    other = cohort.obs.assign(centre="C1")
    cohort.obs = other
    same = locked.score(model, described, cohort).loc[scores.index, "probability"]
    assert np.array_equal(same, scores["probability"])  # other centres are as they were
    assert "rare there" in (folder / new / "model_card.md").read_text(encoding="utf-8")
    assert "XP0" not in json.dumps(described)


def test_second_recalibration_replaces_the_first(shifted, settings):
    _, _, model, description, cohort = shifted
    first = {"intercept": -1.0, "slope": 0.5, "persons": []}
    twice = {**description, "recalibration": {"X1": first}}
    scores = locked.score(model, twice, cohort)
    scores = scores[scores["probability"].notna()]
    y = cohort.obs.loc[scores.index, "label"].to_numpy(int)
    line, _ = recalibration(scores, y, twice, "X1", "intercept", settings, 1)
    whole = {**description, "recalibration": {"X1": line}}
    p = locked.score(model, whole, cohort).loc[scores.index, "probability"]
    assert p.mean() == pytest.approx(y.mean(), abs=1e-6)
    raw = locked.score(model, description, cohort).loc[scores.index, "probability"]
    assert np.allclose(logit(p), line["intercept"] + line["slope"] * logit(raw), atol=1e-9)


def test_too_few_patients_change_nothing(shifted, settings):
    _, _, model, description, cohort = shifted
    scores = locked.score(model, description, cohort).dropna(subset="probability").iloc[:12]
    y = cohort.obs.loc[scores.index, "label"].to_numpy(int)
    with pytest.raises(RefusedRecalibration, match="centre X1: .*; nothing was changed"):
        recalibration(scores, y, description, "X1", "line", settings, 1)


def test_recalibrated_patients_are_no_external_patients_any_more(shifted):
    from scripts.core.hashing import person_hash
    from scripts.model.validate_external import without_recalibrated

    *_, cohort = shifted
    gone = cohort.obs.index[:7]
    line = {"persons": [person_hash(p) for p in gone]}
    kept, used = without_recalibrated(cohort, {"recalibration": {"X1": line}})
    assert used == 7 and not set(kept.obs.index) & set(gone)
