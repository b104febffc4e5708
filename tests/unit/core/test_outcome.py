"""Outcomes of the configuration, and what is said of one that cannot be known."""

import pytest

from scripts.core.config import ConfigError, check_config, default_config
from scripts.core.outcome import check_outcome, outcome_of
from scripts.core.sheets import SheetErrors

HEAD = "patient_id\tcentre\tdiagnosis\trole"


def settings(**more):
    return {**default_config()["model"]["outcome"], **more}


def refusal(given, tmp_path, patients, **sheets):
    (tmp_path / "patients.tsv").write_text(patients)
    for name, text in sheets.items():
        (tmp_path / f"{name}.tsv").write_text(text)
    with pytest.raises(SheetErrors) as error:
        check_outcome(given, tmp_path)
    return str(error.value)


def test_default_is_hcc_against_controls_with_hcc_as_the_event():
    assert outcome_of(settings()).classes == ("control", "hcc")
    assert not outcome_of(settings()).multiclass


def test_stage_has_control_and_the_configured_classes():
    found = outcome_of(settings(name="stage"))
    assert found.classes == ("control", "early_hcc", "advanced_hcc") and found.multiclass
    assert found.class_of_stage("intermediate") == "advanced_hcc"


def test_two_labels_of_a_subtype_are_a_binary_outcome():
    assert not outcome_of(settings(name="subtype", classes=["M0", "M1"])).multiclass


def test_missing_label_column_is_named_with_the_columns_there(tmp_path):
    given = settings(name="subtype", column="label_pam50")
    text = refusal(given, tmp_path, f"{HEAD}\nP1\tC\thcc\tdevelopment\n")
    assert text.startswith("patients.tsv, row 1, column label_pam50: ''" + ": no such column")
    assert "Columns: patient_id, centre, diagnosis, role" in text


def test_missing_sheet_of_labels_is_named(tmp_path):
    given = settings(name="subtype", sheet="pathology", column="mvi")
    text = refusal(given, tmp_path, f"{HEAD}\nP1\tC\thcc\tdevelopment\n")
    assert text.startswith("pathology.tsv: the outcome subtype takes its labels from this sheet")


def test_unknown_label_is_named_with_row_and_what_is_allowed(tmp_path):
    given = settings(name="subtype", column="label_x", classes=["a", "b", "c"])
    patients = f"{HEAD}\tlabel_x\nP1\tC\thcc\tdevelopment\ta\nP2\tC\thcc\tdevelopment\td\n"
    text = refusal(given, tmp_path, patients)
    assert text == (
        "patients.tsv, row 3, column label_x: 'd': unknown label; classes of the configuration: "
        "a, b, c (or empty)"
    )


def test_one_label_only_is_no_outcome(tmp_path):
    given = settings(name="subtype", column="label_x")
    text = refusal(given, tmp_path, f"{HEAD}\tlabel_x\nP1\tC\thcc\tdevelopment\ta\n")
    assert "needs two or more different labels; found: a" in text


def test_stage_outcome_without_any_stage_says_where_to_put_it(tmp_path):
    given = settings(name="early_hcc_vs_controls")
    text = refusal(given, tmp_path, f"{HEAD}\nP1\tC\thcc\tdevelopment\n")
    assert text.startswith(
        "patients.tsv, column stage: '': the outcome early_hcc_vs_controls needs"
    )


def test_recorded_bclc_is_enough(tmp_path):
    (tmp_path / "patients.tsv").write_text(f"{HEAD}\nP1\tC\thcc\tdevelopment\n")
    (tmp_path / "history.tsv").write_text("patient_id\tbclc\nP1\tA\n")
    check_outcome(settings(name="stage"), tmp_path)


def test_stage_group_in_two_classes_is_refused(tmp_path):
    stages = [{"class": "a", "groups": ["early"]}, {"class": "b", "groups": ["early", "advanced"]}]
    text = refusal(settings(name="stage", stages=stages), tmp_path, f"{HEAD}\tstage\n")
    assert "early twice; every class and every stage group once" in text


@pytest.mark.parametrize("wrong", [{"name": "survival"}, {"classes": ["only"]}, {"classes": [""]}])
def test_configuration_says_which_outcomes_there_are(wrong):
    config = default_config()
    config["model"]["outcome"].update(wrong)
    with pytest.raises(ConfigError):
        check_config(config)
