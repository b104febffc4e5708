"""How many patients of each class a model needs, and what is said before anything runs."""

import pytest

from scripts.core.cohort_size import (
    class_sizes,
    held_out,
    patients_needed,
    too_small,
    training_needed,
)

MODEL = {"minimum_class": 10, "inner_folds": 5, "outer_folds": 5}


def test_every_training_fold_keeps_the_least_of_each_class():
    # 13 in 5 folds: the largest fold takes 3, 10 stay; of 12 the largest takes 3, 9 stay. In 10 folds 12 keep 10.
    assert training_needed(MODEL) == 13
    assert training_needed(MODEL, 10) == 12
    # Fewer than inner_folds of a class cannot be calibrated, whatever minimum_class says: 7 - 2 = 5.
    assert training_needed({**MODEL, "minimum_class": 3}) == 7


def test_held_out_patients_come_on_top():
    # 18: round(5.4) = 5 are held out, 13 stay.
    assert held_out(18, 0.3) == 5
    assert patients_needed(MODEL, 0.3) == 18
    assert patients_needed(MODEL, 0.0) == 13
    assert patients_needed(MODEL, 0.5) == 26


@pytest.mark.parametrize(
    ("size", "cure"),
    [
        (15, "set fusion.split.test_fraction: 0, or enrol more"),
        (17, "set model.outer_folds: 10, or enrol more"),  # 12 in training, 10 folds keep 10
        (12, "set fusion.split.test_fraction: 0, model.outer_folds: 10, or enrol more"),
        (9, "enrol more: with no test part and any number of folds it takes 12 of each"),
    ],
)
def test_sentence_names_numbers_and_the_smallest_cure(size, cure):
    said = too_small({"control": 40, "hcc": size}, MODEL, 0.3)
    assert f"(40 control, {size} hcc): at least 18 of each class are needed" in said
    assert said.endswith(cure)


def test_large_enough_classes_are_not_mentioned():
    assert too_small({"control": 18, "hcc": 30}, MODEL, 0.3) == ""
    assert too_small({"control": 13, "hcc": 13}, MODEL, 0.0) == ""
    assert too_small({"a": 18, "b": 18, "c": 5}, MODEL, 0.3) != ""


def person(patient, diagnosis, **more):
    return {"patient_id": patient, "diagnosis": diagnosis, **more}


def test_controls_without_follow_up_do_not_count_where_others_have_it(tmp_path):
    rows = [person("A", "hcc"), person("B", "cirrhosis", follow_up_months=24.0)]
    rows += [person("C", "cirrhosis"), person("D", "healthy", follow_up_months=2.0)]
    outcome = {"name": "hcc_vs_controls"}
    assert class_sizes(outcome, rows, tmp_path, 180) == {"control": 1, "hcc": 1}
    bare = [person("B", "cirrhosis"), person("C", "cirrhosis")]
    assert class_sizes(outcome, bare, tmp_path, 180) == {"control": 2, "hcc": 0}


def test_unknown_stages_count_where_they_may_belong(tmp_path):
    rows = [
        person("A", "hcc", stage="early"),
        person("B", "hcc"),
        person("C", "hcc", stage="advanced"),
    ]
    outcome = {"name": "early_hcc_vs_controls"}
    assert class_sizes(outcome, rows, tmp_path, 180) == {"control": 0, "early_hcc": 2}


def test_labels_of_a_subtype_are_counted_among_the_admitted(tmp_path):
    text = "patient_id\tlabel_sub\nA\tx\nB\ty\nC\ty\nD\t\n"
    (tmp_path / "patients.tsv").write_text(text)
    outcome = {"name": "subtype", "sheet": "patients", "column": "label_sub", "classes": []}
    rows = [person(p, "hcc") for p in "ABD"]
    assert class_sizes(outcome, rows, tmp_path, 180) == {"x": 1, "y": 1}
