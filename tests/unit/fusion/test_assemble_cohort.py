"""The cohort file: union of patients, missing rows and values kept."""

import numpy as np
import pandas as pd
import pytest

from scripts.fusion.assemble_cohort import describe_patients, to_mudata, write_cohort


@pytest.fixture
def obs():
    patients = pd.DataFrame(
        {
            "patient_id": ["P1", "P2", "P3"],
            "centre": "C1",
            "diagnosis": ["hcc", "cirrhosis", "hcc"],
            "age": ["60", "", "41.5"],
        }
    )
    split = pd.DataFrame(
        {
            "patient_id": ["P1", "P2", "P3"],
            "group": ["P1", "P2", "P3"],
            "stratum": "all",
            "part": ["train", "test", "train"],
        }
    )
    classes = pd.Series({"P1": "hcc", "P2": "control", "P3": "hcc"})
    return describe_patients(patients, split, classes, ["control", "hcc"])


def test_obs_says_label_and_part_and_leaves_unknown_unknown(obs):
    assert obs["label"].tolist() == [1, 0, 1]
    assert obs["class"].tolist() == ["hcc", "control", "hcc"]
    assert np.isnan(obs.loc["P2", "age"])
    assert obs["stage"].tolist() == ["", "", ""]


def test_union_of_patients_survives_writing_and_reading(obs, tmp_path):
    import mudata

    tables = {
        "lcms": pd.DataFrame({"a": [1.0, np.nan]}, index=["P1", "P3"]),
        "ct_arterial": pd.DataFrame({"a": [2.0]}, index=["P2"]),
        "empty": pd.DataFrame(),
    }
    entry = {"role": "predictor", "unit": "", "stability": np.nan}
    dictionaries = {name: pd.DataFrame(entry, index=["a"]) for name in tables}
    verdicts = {name: pd.Series("pass", index=table.index) for name, table in tables.items()}
    write_cohort(tmp_path / "c.h5mu", to_mudata(tables, dictionaries, verdicts, obs))
    with mudata.set_options(pull_on_update=False):
        cohort = mudata.read_h5mu(tmp_path / "c.h5mu")
    assert list(cohort.obs_names) == ["P1", "P2", "P3"]
    assert sorted(cohort.mod) == ["ct_arterial", "lcms"]
    assert list(cohort["lcms"].obs_names) == ["P1", "P3"]
    assert np.isnan(cohort["lcms"].X[1, 0])
    assert list(cohort["lcms"].var_names) == ["lcms__a"]
