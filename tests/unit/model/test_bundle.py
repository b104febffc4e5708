"""The locked bundle: what comes out is what went in, and nothing else gets in."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest

from scripts.model import bundle, fused
from scripts.model.cohort_tables import predictors


@pytest.fixture
def parts(cohort, settings):
    allowed, _ = predictors(cohort, settings)
    model = fused.train(fused.members_of("late", allowed, settings), cohort, settings, seed=1)
    features = [
        {"block": b, "feature": f, "unit": "umol/L", "low": -3.0, "high": 3.0}
        for b, names in allowed.items()
        for f in names
    ]
    return cohort, model, {"settings": settings, "features": features}


def written(folder, model, description):
    folder.mkdir()
    return bundle.write_bundle(folder, model, description)


def test_reloaded_model_predicts_the_same(parts, tmp_path):
    cohort, model, description = parts
    name = written(tmp_path / "b", model, description)
    again, _ = bundle.load_bundle(tmp_path / "b", name)
    difference = model.score(cohort)["probability"] - again.score(cohort)["probability"]
    assert difference.abs().max() <= 1e-12


@pytest.mark.parametrize(
    "learner", ["late", "late_xgboost", "early", "stacking", "late_svm", "early_forest"]
)
def test_two_trainings_give_the_same_bytes(cohort, settings, tmp_path, learner):
    names = []
    for folder in ("a", "b"):
        allowed, _ = predictors(cohort, settings)
        model = fused.train(fused.members_of(learner, allowed, settings), cohort, settings, 1)
        names.append(written(tmp_path / folder, model, {"settings": settings, "features": []}))
    assert names[0] == names[1]
    again, _ = bundle.load_bundle(tmp_path / "a", names[0])
    gap = again.score(cohort)["probability"] - model.score(cohort)["probability"]
    assert gap.abs().max() <= 1e-12


@pytest.mark.parametrize("selection", ["mrmr", "stability"])
def test_selectors_are_stored_with_the_model(cohort, settings, tmp_path, selection):
    settings["blocks"]["default"] = {
        "harmonise": "none",
        "imputation": "detection_limit",
        "selection": selection,
    }
    allowed, _ = predictors(cohort, settings)
    one = {"ct": allowed["ct"]}
    model = fused.train(fused.members_of("late", one, settings), cohort, settings, 1)
    name = written(tmp_path / "b", model, {"settings": settings, "features": []})
    again, _ = bundle.load_bundle(tmp_path / "b", name)
    gap = again.score(cohort)["probability"] - model.score(cohort)["probability"]
    assert gap.abs().max() <= 1e-12


def test_no_patient_id_is_stored(parts, tmp_path):
    cohort, model, description = parts
    written(tmp_path / "b", model, description)
    assert cohort.obs.index[0] not in (tmp_path / "b" / "bundle.json").read_text()
    stored = pd.read_parquet(tmp_path / "b" / "oof.parquet")
    assert not set(stored.index) & set(cohort.obs.index)


@pytest.mark.parametrize("file", ["bundle.json", "00_lcms.model.skops", "oof.parquet"])
def test_flipped_byte_is_refused(parts, tmp_path, file):
    written(tmp_path / "b", *parts[1:])
    path = tmp_path / "b" / file
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(bundle.BundleError, match=f"changed since the lock: {file}"):
        bundle.load_bundle(tmp_path / "b")


def test_added_file_and_foreign_bundle_are_refused(parts, tmp_path):
    written(tmp_path / "b", *parts[1:])
    with pytest.raises(bundle.BundleError, match="content hash is not"):
        bundle.load_bundle(tmp_path / "b", "0" * 16)
    (tmp_path / "b" / "more.txt").write_text("x")
    with pytest.raises(bundle.BundleError, match="files added or missing: more.txt"):
        bundle.load_bundle(tmp_path / "b")


def test_extra_type_is_refused_even_with_right_sums(parts, tmp_path):
    import skops.io
    from sklearn.preprocessing import FunctionTransformer

    written(tmp_path / "b", *parts[1:])
    foreign = FunctionTransformer(func=shutil.rmtree)
    (tmp_path / "b" / "00_lcms.model.skops").write_bytes(skops.io.dumps(foreign))
    bundle.write_sums(tmp_path / "b")
    with pytest.raises(bundle.BundleError, match="types that a bundle may not hold: shutil.rmtree"):
        bundle.load_bundle(tmp_path / "b")


def test_other_unit_is_refused_and_silence_is_counted(parts):
    cohort, _, description = parts
    assert bundle.check_units(description, cohort.dictionaries) == 0
    cohort.dictionaries["ct"]["unit"] = ""
    assert bundle.check_units(description, cohort.dictionaries) == 12
    cohort.dictionaries["lcms"].loc["f3", "unit"] = "mg/dL"
    with pytest.raises(bundle.BundleError, match="lcms: f3 in 'mg/dL', trained in 'umol/L'"):
        bundle.check_units(description, cohort.dictionaries)


def test_share_out_of_range_counts_measured_features_only(parts):
    cohort, _, description = parts
    cohort.tables["ct"] = cohort.tables["ct"].copy()
    patient = cohort.tables["ct"].index.difference(cohort.tables["lcms"].index)[0]
    cohort.tables["ct"].loc[patient] = [99.0, 99.0, 0.0, 0.0] + [np.nan] * 8
    assert bundle.out_of_range(description, cohort)[patient] == pytest.approx(0.5)


def test_schema_of_a_later_version_is_refused(parts, tmp_path):
    written(tmp_path / "b", *parts[1:])
    path = tmp_path / "b" / "bundle.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "schema_version": 99}))
    bundle.write_sums(tmp_path / "b")
    with pytest.raises(bundle.BundleError, match="schema 99 unknown"):
        bundle.load_bundle(tmp_path / "b")
