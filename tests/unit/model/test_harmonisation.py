"""ComBat in the pipelines: inside folds, stored, never silent about a centre."""

import copy

import numpy as np
import pytest

from scripts.model import bundle, fused, locked, pipelines
from scripts.model.cohort_tables import predictors
from scripts.model.harmonisation import fit_harmoniser, read_harmoniser, write_harmoniser


@pytest.fixture
def shifted(make_cohort, settings):
    """Two centres, the second with all values of lcms three units higher; ComBat asked for lcms."""
    settings = copy.deepcopy(settings)
    settings["blocks"]["lcms"] = {"harmonise": "combat"}
    cohort = make_cohort(n=100, effect=1.5, features=6)
    table = cohort.tables["lcms"].copy()
    table[cohort.obs.loc[table.index, "centre"] == "C2"] += 3.0
    cohort.tables["lcms"] = table
    return cohort, settings


@pytest.fixture
def trained(shifted):
    cohort, settings = shifted
    allowed, _ = predictors(cohort, settings)
    return fused.train(fused.members_of("late", allowed, settings), cohort, settings, 1)


def lcms_of(model):
    """The harmoniser of the member lcms."""
    return next(m.harmoniser for m in model.members if m.member.name == "lcms")


def at_centre(cohort, name, patients):
    """Some of the patients, moved to a centre."""
    part = cohort.subset(cohort.obs.index[:patients])
    part.obs = part.obs.assign(centre=name)
    return part


def test_only_the_block_that_asks_is_harmonised(trained):
    found = {m.member.name: m.harmoniser for m in trained.members}
    assert found["ct"] is None
    assert found["lcms"].blocks["lcms"].combat.centres == ["C1", "C2"]


def test_shift_of_a_known_centre_is_taken_out(shifted):
    cohort, settings = shifted
    columns = [("lcms", name) for name in cohort.tables["lcms"]]
    X = cohort.tables["lcms"].to_numpy()
    centre = cohort.obs.loc[cohort.tables["lcms"].index, "centre"].to_numpy(str)
    harmonised, notes = fit_harmoniser(columns, settings, X, centre).apply(X, centre)
    gap = harmonised[centre == "C2"].mean(0) - harmonised[centre == "C1"].mean(0)
    assert np.abs(gap).max() < 0.3  # three before
    assert set(notes) == {""}


@pytest.fixture
def below_limit(settings):
    """Peak areas of 200 patients in two centres, a quarter of each feature below its detection limit; who lacks all of them was
    not measured.
    """
    settings = copy.deepcopy(settings)
    settings["blocks"]["lcms"] = {"harmonise": "combat", "imputation": "detection_limit"}
    rng = np.random.default_rng(0)
    X = 1e4 * rng.lognormal(3, 1.5, (200, 3))
    X[np.quantile(X, 0.25, axis=0) > X] = np.nan
    X[:5] = np.nan
    return X, np.where(rng.random(200) < 0.5, "A", "B"), settings


def test_value_below_the_detection_limit_is_half_the_smallest_before_the_logarithm(below_limit):
    X, centre, settings = below_limit
    columns = [("lcms", f"f{i}") for i in range(3)]
    own = fit_harmoniser(columns, settings, X, centre).blocks["lcms"]
    smallest = np.nanmin(X, axis=0)
    assert own.limit == pytest.approx(smallest / 2)
    lacking = np.isnan(X) & ~np.isnan(X).all(axis=1, keepdims=True)
    # log(half the smallest + the offset, which is half the smallest too)
    filled = np.where(lacking, np.log(smallest), own.to_log(X))
    assert own.logged.all() and np.array_equal(own.to_log(X), filled, equal_nan=True)


def test_harmonised_block_is_complete_for_whom_it_was_measured(below_limit):
    X, centre, settings = below_limit
    columns = [("lcms", f"f{i}") for i in range(3)]
    harmonised = fit_harmoniser(columns, settings, X, centre).apply(X, centre)[0]
    measured = ~np.isnan(X).all(axis=1)
    assert not np.isnan(harmonised[measured]).any() and np.isnan(harmonised[~measured]).all()
    inside = pipelines.preparation(settings, 3, "lcms").named_steps["usable"].fit(harmonised)
    assert not inside.below_limit  # a limit of logged values would be another one
    # who lacks a value has less of it than nearly everybody who has one, in every centre
    for feature, column in enumerate(harmonised.T):
        lacks = measured & np.isnan(X[:, feature])
        for name in ("A", "B"):
            observed = column[(centre == name) & ~np.isnan(X[:, feature])]
            assert column[lacks & (centre == name)].max() <= np.quantile(observed, 0.02)


def test_rarely_measured_feature_is_left_to_the_filter(below_limit):
    X, centre, settings = below_limit
    X[:120, 2] = np.nan  # more than maximum_missing, .4
    columns = [("lcms", f"f{i}") for i in range(3)]
    harmonised = fit_harmoniser(columns, settings, X, centre).apply(X, centre)[0]
    usable = pipelines.preparation(settings, 3, "lcms").named_steps["usable"].fit(harmonised)
    assert usable.kept_.tolist() == [True, True, False]


def test_limits_are_stored_and_older_bundles_have_none(below_limit, tmp_path):
    X, centre, settings = below_limit
    own = fit_harmoniser([("lcms", f"f{i}") for i in range(3)], settings, X, centre)
    write_harmoniser(tmp_path / "a.npz", own)
    again = read_harmoniser(tmp_path / "a.npz")
    assert np.array_equal(again.apply(X, centre)[0], own.apply(X, centre)[0], equal_nan=True)
    with np.load(tmp_path / "a.npz") as stored:
        arrays = {name: stored[name] for name in stored.files if name != "lcms/limit"}
    np.savez(tmp_path / "old.npz", **arrays)
    old = read_harmoniser(tmp_path / "old.npz").apply(X, centre)[0]
    assert np.array_equal(np.isnan(old), np.isnan(X))


def test_few_patients_of_an_unknown_centre_lose_the_block_and_are_told(trained, shifted):
    scores = trained.score(at_centre(shifted[0], "X9", 8))
    assert not any("lcms" in pattern for pattern in scores["pattern"])
    text = "block lcms not used: centre X9 was not in training and"
    alone = scores[scores["pattern"] == ""]
    assert scores["notes"].str.contains(text).any()
    assert alone["probability"].isna().all()
    assert all(row.refused for row in alone.itertuples())


def test_many_patients_of_an_unknown_centre_adapt_it_and_are_told(trained, shifted):
    part = at_centre(shifted[0], "X9", 60)
    part.tables["lcms"] = part.tables["lcms"] + 50.0
    scores = trained.score(part)
    assert (
        scores.loc[scores["pattern"].str.contains("lcms"), "notes"]
        .str.contains("block lcms adapted to new centre X9 from")
        .all()
    )
    known = lcms_of(trained).blocks["lcms"].combat.centres
    assert known == ["C1", "C2"]  # what is locked does not change


def test_stored_harmoniser_is_the_same_and_has_the_same_bytes(trained, shifted, tmp_path):
    own = lcms_of(trained)
    for name in ("a.npz", "b.npz"):
        write_harmoniser(tmp_path / name, own)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    X = shifted[0].tables["lcms"].to_numpy()
    centre = np.where(np.arange(len(X)) % 2, "C1", "C2")
    again = read_harmoniser(tmp_path / "a.npz")
    assert np.array_equal(again.apply(X, centre)[0], own.apply(X, centre)[0])


def test_bundle_keeps_it_and_the_flag_reaches_the_reader(trained, shifted, tmp_path):
    cohort, settings = shifted
    (tmp_path / "b").mkdir()
    described = {"settings": settings, "features": [], "centres": ["C1", "C2"]}
    name = bundle.write_bundle(
        tmp_path / "b", trained, {**described, "thresholds": {"youden": 0.5}}
    )
    again, description = bundle.load_bundle(tmp_path / "b", name)
    part = at_centre(cohort, "X9", 60)
    gap = again.score(part)["probability"] - trained.score(part)["probability"]
    assert gap.abs().max() <= 1e-12
    flags = locked.score(again, description, part)["flags"]
    assert flags.str.contains("adapted to new centre X9").any()
