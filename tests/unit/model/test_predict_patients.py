"""New patients: the sheet, intervals, contributions, calls, centres; a bad sheet never gives a number."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import logit

from scripts.core import job as core_job
from scripts.core.sheets import SheetErrors
from scripts.model import bundle, predict_patients
from scripts.model.new_sheet import read_new
from scripts.model.predict_patients import predict
from tests.unit.model.bundles import written

DESCRIPTION = {
    "features": [
        {"block": "ct", "feature": "a", "unit": "mm", "low": 0.0, "high": 1.0},
        {"block": "lcms", "feature": "b", "unit": "", "low": 0.0, "high": 1.0},
    ]
}


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A folder with bundles of three strategies: {strategy: (folder, model, description)}."""

    from scripts.core.config import default_config
    from tests.unit.model.conftest import build_cohort

    settings = default_config()["model"]
    settings |= {"elastic_net": {"c": [0.1], "l1_ratio": [0.5], "max_iter": 100}}
    settings["xgboost"] = {**settings["xgboost"], "rounds": 20}
    cohort = build_cohort(effect=1.8)
    folder = tmp_path_factory.mktemp("bundles")
    found = {}
    for strategy in ("late", "early", "late_xgboost"):
        name, _, _ = written(folder, cohort, settings, strategy)
        found[strategy] = (folder / name, *bundle.load_bundle(folder / name, name))
    return found


def new_patients(make_cohort, n=12):
    cohort = make_cohort(n=n, seed=9, effect=1.8)
    cohort.obs = cohort.obs[["centre"]]
    return cohort


def test_block_without_values_counts_as_not_measured(tmp_path):
    path = tmp_path / "new.tsv"
    path.write_text("patient_id\tcentre\tct__a [mm]\tlcms__b\nN1\tC1\t1.5\tNA\nN2\t\t\t2\n")
    cohort = read_new(path, DESCRIPTION)
    assert list(cohort.tables["ct"].index) == ["N1"]
    assert list(cohort.tables["lcms"].index) == ["N2"]
    assert cohort.obs["centre"].to_dict() == {"N1": "C1", "N2": ""}


def test_unit_in_the_header_is_the_units_of_the_bundle(tmp_path):
    path = tmp_path / "new.tsv"
    path.write_text("patient_id\tct__a [mm]\nN1\t1.5\n")
    assert read_new(path, DESCRIPTION).tables["ct"].loc["N1", "a"] == 1.5


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "new.tsv: empty"),
        ("id\tct__a\nN1\t1\n", "new.tsv, row 1, column patient_id"),
        ("patient_id\tct__a\n", "new.tsv: no patient"),
        (
            "patient_id\tct__a [mm]\nN1\t1\nN1\t2\n",
            "row 3, column patient_id: 'N1': already in row 2",
        ),
        ("patient_id\tct__a\n\t1\n", "row 2, column patient_id"),
        ("patient_id\tage\tct__a\nN1\t1\t1\n", "row 1, column age: 'age': unknown column"),
        ("patient_id\tct__aa\nN1\t1\n", "did you mean ct__a?"),
        ("patient_id\tct__a\nN1\thigh\n", "new.tsv, row 2, column ct__a: 'high'"),
        ("patient_id\tct__a\nN1\tinf\n", "row 2, column ct__a: 'inf'"),
        ("patient_id\tct__a\nN1\t1_000\n", "row 2, column ct__a: '1_000'"),
        ("patient_id\tct__a [cm]\nN1\t1\n", "unit 'cm'; the model was trained in 'mm'"),
        ("patient_id\tct__a\tct__a [mm]\nN1\t1\t1\n", "the same feature as column ct__a"),
        ("patient_id\tct__a\nN1\t1\n", "no unit; the model was trained in 'mm': write ct__a [mm]"),
        ("patient_id\tct__a\n13800138000\t1\n", "a mobile number"),
    ],
)
def test_bad_sheet_is_refused_with_file_row_column_and_value(tmp_path, text, message):
    path = tmp_path / "new.tsv"
    path.write_text(text)
    with pytest.raises(SheetErrors) as caught:
        read_new(path, DESCRIPTION)
    assert message in str(caught.value)


@pytest.mark.parametrize("strategy", ["late", "early", "late_xgboost"])
def test_contributions_add_up_to_the_log_odds(home, make_cohort, strategy):
    folder, model, description = home[strategy]
    cohort = new_patients(make_cohort)
    scores, parts = predict(model, description, cohort, folder, "refuse")
    scored = scores[scores["probability"].notna()]
    total = parts.groupby(level=0)["contribution"].sum()
    assert np.abs(total - logit(scored["probability"])).max() <= 1e-9
    assert set(parts.index) == set(scored.index)


def test_contribution_of_a_linear_feature_is_what_changing_it_changes(home, make_cohort):
    folder, model, description = home["late"]
    cohort = new_patients(make_cohort)
    both = cohort.tables["ct"].index.intersection(cohort.tables["lcms"].index)[0]
    _, parts = predict(model, description, cohort, folder, "refuse")
    own = parts.loc[both]
    largest = own[own["block"] == "ct"].iloc[0]
    step = next(m for m in model.members if m.member.name == "ct").preparation
    mean = step.named_steps["scale"].mean_[step.named_steps["usable"].kept_.nonzero()[0].tolist()]
    position = list(cohort.tables["ct"].columns).index(largest["feature"])
    changed = cohort.subset(cohort.obs.index)
    changed.tables["ct"] = cohort.tables["ct"].copy()
    changed.tables["ct"].loc[both, largest["feature"]] = mean[position]
    before, after = (model.score(c).loc[both, "probability"] for c in (cohort, changed))
    assert logit(before) - logit(after) == pytest.approx(largest["contribution"], abs=1e-9)


def test_patient_alone_gets_the_same_numbers_as_among_others(home, make_cohort):
    folder, model, description = home["late"]
    cohort = new_patients(make_cohort)
    together, _ = predict(model, description, cohort, folder, "refuse")
    for patient in cohort.obs.index[:4]:
        alone, _ = predict(model, description, cohort.subset([patient]), folder, "refuse")
        for column in ("probability", "low", "high"):
            assert alone.loc[patient, column] == pytest.approx(
                together.loc[patient, column], abs=1e-9, nan_ok=True
            )


def test_interval_holds_the_probability_and_is_wider_where_less_was_measured(home, make_cohort):
    folder, model, description = home["late"]
    cohort = new_patients(make_cohort, n=60)
    scores, _ = predict(model, description, cohort, folder, "refuse")
    scored = scores[scores["probability"].notna()]
    assert (scored["low"] < scored["probability"]).all()
    assert (scored["probability"] < scored["high"]).all()


def test_patient_is_called_at_the_threshold_of_the_blocks_that_were_measured(home, make_cohort):
    folder, model, description = home["late"]
    scores, _ = predict(model, description, new_patients(make_cohort, 60), folder, "refuse")
    own = {line["pattern"]: line["thresholds"]["youden"] for line in description["patterns"]}
    assert own["ct+lcms"] == 0.5 and len(set(own.values())) == 3  # whole: the locked one
    for used, rows in scores[scores["calibrated_on"] != ""].groupby("calibrated_on"):
        assert set(rows["threshold"]) == {own[used]}
        assert ((rows["probability"] >= own[used]) == (rows["positive"] == "yes")).all()


def test_unknown_centre_gets_no_number_unless_it_is_asked_for(home, make_cohort):
    folder, model, description = home["late"]
    cohort = new_patients(make_cohort)
    cohort.obs["centre"] = "X9"
    refused, parts = predict(model, description, cohort, folder, "refuse")
    assert refused[["probability", "low", "high", "threshold"]].isna().all(axis=None)
    assert parts.empty and (refused["positive"] == "").all()
    measured = refused["pattern"] != ""
    assert refused.loc[measured, "refused"].str.contains("unknown centre: X9").all()
    flagged, _ = predict(model, description, cohort, folder, "flag")
    assert flagged.loc[measured, "probability"].notna().all()
    assert flagged["flags"].str.contains("centre X9 was not in training").all()


def test_training_patient_is_flagged(home, make_cohort):
    folder, model, description = home["late"]
    cohort = new_patients(make_cohort)  # ids P0000 to P0011 were in training
    scores, _ = predict(model, description, cohort, folder, "refuse")
    assert scores["flags"].str.contains("was in training").any()


def test_value_far_out_is_named_with_its_range(home, make_cohort):
    folder, model, description = home["late"]
    cohort = new_patients(make_cohort)
    patient = cohort.tables["ct"].index[0]
    cohort.tables["ct"].loc[patient, "f0"] = 5000.0
    scores, _ = predict(model, description, cohort, folder, "refuse")
    assert scores.loc[patient, "outside"].startswith("ct__f0 5000 umol/L (training")
    assert "check the unit" in scores.loc[patient, "outside"]


def job_of(folder, sheet, lock, **more):
    job = core_job.Named()
    job.rule, job.log, job.threads, job.wildcards = "predict_patients", [], 1, core_job.Named()
    job.input = core_job.Named([str(sheet)], new=str(sheet))
    names = ("predictions", "contributions", "measured")
    outputs = {n: str(folder / f"{n}.tsv") for n in names}
    job.output = core_job.Named(outputs.values(), **outputs)
    params = {"lock": "", "named": lock.name, "bundles": str(lock.parent), "chains": {}}
    params |= {"unknown_centre": "refuse", "withdrawals": str(folder / "none.tsv"), **more}
    job.params = core_job.Named(params.values(), **params)
    return job


def test_bad_sheet_leaves_no_table_and_says_why(home, tmp_path, capsys):
    sheet = tmp_path / "new.tsv"
    sheet.write_text("patient_id\tcentre\tct__f0\nN1\tC1\thigh\n")
    with pytest.raises(SystemExit):
        predict_patients.main(job_of(tmp_path, sheet, home["late"][0]))
    said = capsys.readouterr().err
    assert "new.tsv, row 2, column ct__f0: 'high'" in said and "Traceback" not in said
    assert not list(tmp_path.glob("predictions*"))


def test_bundle_to_be_trained_again_predicts_no_more(home, tmp_path, capsys):
    sheet, lock = tmp_path / "new.tsv", home["late"][0]
    sheet.write_text("patient_id\tcentre\tct__f0 [umol/L]\nN1\tC1\t1\n")
    table = tmp_path / "withdrawals.tsv"
    lines = "bundle\tdate\tsubjects\tdecision\n" + f"{lock.name}\t2026-01-01\t1\tretrain\n"
    table.write_text(lines)
    with pytest.raises(SystemExit):
        predict_patients.main(job_of(tmp_path, sheet, lock, withdrawals=str(table)))
    assert "is to be trained again" in capsys.readouterr().err
    table.write_text(lines.replace("retrain", "open"))
    predict_patients.main(job_of(tmp_path, sheet, lock, withdrawals=str(table)))
    found = pd.read_csv(tmp_path / "predictions.tsv", sep="\t", dtype=str, keep_default_na=False)
    assert "is not decided" in found.loc[0, "flags"]


@pytest.mark.parametrize("change", ["flip", "add"])
def test_changed_bundle_predicts_nothing(home, tmp_path, capsys, change):
    import shutil

    sheet = tmp_path / "new.tsv"
    sheet.write_text("patient_id\tcentre\tct__f0 [umol/L]\nN1\tC1\t1\n")
    lock = tmp_path / home["late"][0].name
    shutil.copytree(home["late"][0], lock)
    if change == "flip":
        data = bytearray((lock / "refits.zip").read_bytes())
        data[len(data) // 2] ^= 1
        (lock / "refits.zip").write_bytes(data)
    else:
        (lock / "references").mkdir()
        (lock / "references" / "more.tsv").write_text("x")
    with pytest.raises(SystemExit):
        predict_patients.main(job_of(tmp_path, sheet, lock))
    assert ("changed since the lock" in (said := capsys.readouterr().err)) or "added" in said
