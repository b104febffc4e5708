"""The audit: what it stops, what it flags, what it leaves alone."""

import numpy as np
import pandas as pd
import pytest

from scripts.core.config import default_config
from scripts.fusion import audit_cohort, class_separation, reuse
from scripts.fusion.audit_cohort import Audit, check_duplicates, check_roles
from scripts.fusion.negative_controls import control_model, control_models, mask_columns

SETTINGS = default_config()["fusion"]["audit"]

NAMES = ["control", "hcc"]


def table(patients, features=20, seed=0):
    rng = np.random.default_rng(seed)
    columns = [f"f{i}" for i in range(features)]
    return pd.DataFrame(rng.normal(size=(len(patients), features)), patients, columns)


def test_row_twice_in_development_is_a_flag_only():
    inside = table([f"P{i}" for i in range(40)])
    inside.loc["P1"] = inside.loc["P2"]
    audit = Audit()
    check_duplicates(audit, {"lcms": inside}, {}, SETTINGS)
    found = {c["check"]: c for c in audit.checks}
    assert found["duplicate rows"]["verdict"] == "WARN"
    assert found["duplicate rows"]["subjects"] == ["P1 = P2"]


def test_patients_without_any_variant_are_not_called_duplicates():
    burdens = pd.DataFrame(0.0, [f"P{i}" for i in range(50)], [f"gene{i}" for i in range(30)])
    burdens.iloc[0, 0] = 1.0
    assert reuse.equal_rows(burdens, 30) == []


@pytest.mark.parametrize(
    ("column", "value", "found"),
    [
        ("md5", "d41d8", "E1 = P1 (same raw file)"),
        ("file", "raw/a.mzML", "E1 = P1 (same raw file)"),
    ],
)
def test_file_that_the_sheet_names_in_both_roles_stops_the_run(column, value, found):
    assays = pd.DataFrame({"patient_id": ["P1", "E1"], "modality": "lcms", "file": ["a", "b"]})
    assays[column] = value
    roles = {"P1": "development", "E1": "external"}
    with pytest.raises(reuse.ReuseAcrossRoles) as error:
        check_roles(Audit(), pd.DataFrame({"patient_id": ["P1", "E1"]}), assays, roles)
    assert found in str(error.value)
    check_roles(Audit(), pd.DataFrame({"patient_id": []}), assays.assign(modality="dia"), roles)


def test_person_in_both_roles_stops_the_run_and_a_shared_contact_does_not():
    people = pd.DataFrame({"patient_id": ["P1", "E1"], "contact_hash": "c", "id1_hash": "h"})
    roles = {"P1": "development", "E1": "external"}
    with pytest.raises(reuse.ReuseAcrossRoles, match=r"E1 = P1 \(one person\)"):
        check_roles(Audit(), people, pd.DataFrame(), roles)
    check_roles(Audit(), people.assign(id1_hash=""), pd.DataFrame(), roles)


def test_fingerprint_sees_a_change_at_either_end(tmp_path):
    found = set()
    for place in (0, 2_999_999, None):
        data = bytearray(3_000_000)
        if place is not None:
            data[place] = 1
        (tmp_path / "x").write_bytes(data)
        found.add(reuse.fingerprint(tmp_path / "x"))
    assert len(found) == 3


def test_one_patients_samples_in_both_parts_are_flagged():
    split = pd.DataFrame(
        {
            "patient_id": ["X12-1", "X12-2", "Y1-1", "Y1-2", "P0001", "P0002"],
            "part": ["train", "test", "train", "train", "train", "test"],
        }
    )
    split["group"] = split["patient_id"]
    assert audit_cohort.stems_across(split, pd.DataFrame(), SETTINGS["stem_pattern"]) == [
        ["X12-1", "X12-2"]
    ]


def test_missing_mask_that_predicts_the_label_is_flagged():
    rng = np.random.default_rng(0)
    patients = pd.Index([f"P{i:03d}" for i in range(120)])
    y = np.arange(120) % 2
    often = table(patients[(y == 1) | (rng.random(120) < 0.4)])
    chance = table(patients[rng.random(120) < 0.6])
    settings = {"resamples": 300}
    results = {}
    for name, tables in {"often": {"a": often}, "chance": {"a": chance}}.items():
        X = mask_columns(tables, patients)
        results[name] = control_model("mask", X, y, patients.to_numpy(str), NAMES, 10, settings, 1)
    assert results["often"]["flag"] and results["often"]["auc"]["value"] > 0.7
    assert not results["chance"]["flag"]


def test_mask_names_each_feature_whose_missingness_varies_once():
    patients = pd.Index([f"P{i}" for i in range(6)])
    values = pd.DataFrame(1.0, patients[:5], ["a", "b", "c", "d"])
    values.loc["P0", ["a", "b"]] = np.nan
    values.loc["P1", "c"] = np.nan
    X = mask_columns({"lab": values}, patients)
    assert list(X) == ["lab measured", "lab missing share", "lab missing a", "lab missing c"]
    assert X.shape == (6, 4)
    assert X["lab missing a"].tolist() == [1, 0, 0, 0, 0, 0.2]  # P5 has no block: the mean


def test_missingness_of_annotations_is_no_concern_of_the_mask():
    rng = np.random.default_rng(0)
    patients = [f"P{i:02d}" for i in range(60)]
    y = np.arange(60) % 2
    values = pd.DataFrame(rng.normal(size=(60, 2)), patients, ["alb", "tumour_size"])
    values.loc[y == 0, "tumour_size"] = np.nan
    roles = pd.DataFrame({"role": ["predictor", "annotation"]}, ["alb", "tumour_size"])
    people = pd.DataFrame({"patient_id": patients, "centre": "A"})
    classes = pd.Series(np.where(y == 1, "hcc", "control"), patients)
    split = pd.DataFrame({"patient_id": patients, "part": "train", "group": patients})
    controls, _ = control_models(
        {"clinical": values},
        {"clinical": roles},
        people,
        pd.DataFrame(),
        split,
        classes,
        NAMES,
        {"resamples": 9},
        1,
    )
    mask = next(c for c in controls if c["model"] == "missing mask")
    assert mask["reason"] == "nothing varies"


def test_mask_that_tells_one_of_three_classes_is_flagged():
    rng = np.random.default_rng(0)
    patients = pd.Index([f"P{i:03d}" for i in range(150)])
    y = np.arange(150) % 3
    measured = table(patients[(y == 2) | (rng.random(150) < 0.3)])
    X = mask_columns({"a": measured}, patients)
    groups, names = patients.to_numpy(str), ["control", "early", "late"]
    found = control_model("mask", X, y, groups, names, 10, {"resamples": 200}, 1)
    assert found["flag"] and 0.6 < found["auc"]["value"] < 0.9
    few = control_model("mask", X[:30], y[:30], groups[:30], names, 20, {"resamples": 9}, 1)
    assert few["reason"] == "too few patients (10 control, 10 early, 10 late)"


def test_centre_confounded_with_label_is_measured():
    y = np.repeat(["control", "hcc"], 30)
    centres = pd.Series(["A"] * 30 + ["B"] * 30)
    p, v = class_separation.centre_association(centres, y)
    assert p < 1e-6 and v > 0.9
    assert class_separation.centre_association(pd.Series(["A"] * 60), y) == (None, None)


def test_single_feature_that_separates_the_classes_is_named():
    patients = [f"P{i}" for i in range(40)]
    classes = pd.Series(["control", "hcc"] * 20, patients)
    values = table(patients)
    values["leak"] = -(classes == "hcc").astype(float)
    values["size"] = (classes == "hcc").astype(float)
    roles = pd.DataFrame({"role": "predictor"}, values.columns)
    roles.loc["size", "role"] = "annotation"
    found = class_separation.single_features({"ct": values}, {"ct": roles}, classes, NAMES, 0.99)
    assert found == [{"block": "ct", "feature": "leak", "class": "hcc"}]


def test_single_feature_that_tells_one_class_from_the_rest_names_the_class():
    patients = [f"P{i}" for i in range(60)]
    classes = pd.Series(["a", "b", "c"] * 20, patients)
    values = table(patients).assign(leak=(classes == "b").astype(float))
    roles = pd.DataFrame({"role": "predictor"}, values.columns)
    found = class_separation.single_features(
        {"ct": values}, {"ct": roles}, classes, ["a", "b", "c"], 0.99
    )
    assert found == [{"block": "ct", "feature": "leak", "class": "b"}]
    assert class_separation.in_words(found[0], ["a", "b", "c"]) == "ct: leak (b)"


def test_block_of_cases_only_is_named_and_left_out_of_the_mask():
    classes = pd.Series(["control", "hcc"] * 20, [f"P{i}" for i in range(40)])
    tables = {"ihc": table(classes.index[classes == "hcc"]), "ct": table(classes.index)}
    assert class_separation.one_sided(tables, classes, NAMES) == ["ihc"]


def test_controls_without_any_follow_up_are_a_red_flag():
    audit = Audit()
    audit_cohort.check_outcome(audit, {"follow_up_recorded": False, "stages_disagree": ["P3"]})
    found = {check["check"]: check["verdict"] for check in audit.checks}
    assert found == {"follow-up of controls": "WARN", "stage differs between sources": "WARN"}


def test_class_too_small_makes_no_block_one_sided_and_is_offered_to_be_left_out():
    classes = pd.Series(["a"] * 45 + ["b"] * 44 + ["c"] * 5, [f"P{i}" for i in range(94)])
    names = ["a", "b", "c"]
    tables = {"lcms": table(classes.index), "ct": table(classes.index[:45])}
    assert class_separation.one_sided(tables, classes, names) == ["ct"]
    small = class_separation.small_classes(classes, names)
    assert small == {"c": 5}
    assert "leave it out" in audit_cohort.small_class_texts(small)[0]
    assert class_separation.small_classes(classes[:89], names[:2]) == {}
