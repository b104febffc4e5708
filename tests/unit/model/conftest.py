"""A small synthetic cohort: two informative blocks, one of noise, not everybody has everything."""

import numpy as np
import pandas as pd
import pytest

from scripts.core.config import default_config
from scripts.model.cohort_tables import Cohort


def build_cohort(n=120, seed=0, effect=1.0, features=12, blocks=("lcms", "ct"), missing=0.2):
    """A cohort whose blocks see a latent value with `effect` SD between the classes."""
    rng = np.random.default_rng(seed)
    index = pd.Index([f"P{i:04d}" for i in range(n)])
    label = rng.permutation(np.arange(n) % 2)
    obs = pd.DataFrame(
        {
            "label": label,
            "part": "train",
            "group": index,
            "centre": np.where(rng.random(n) < 0.5, "C1", "C2"),
            "sex": np.where(rng.random(n) < 0.5, "male", "female"),
            "age": rng.uniform(30, 80, n),
        },
        index=index,
    )
    tables, dictionaries = {}, {}
    for block in blocks:
        latent = effect * label + rng.normal(0, 1, n)
        weight = np.where(np.arange(features) < 4, 1.0, 0.0)
        values = latent[:, None] * weight + rng.normal(0, 1, (n, features))
        table = pd.DataFrame(values, index=index, columns=[f"f{i}" for i in range(features)])
        tables[block] = table[rng.random(n) >= missing]
        entry = {"role": "predictor", "unit": "umol/L", "stability": np.nan}
        dictionaries[block] = pd.DataFrame(entry, index=table.columns)
    return Cohort(obs, tables, dictionaries)


@pytest.fixture
def make_cohort():
    """The builder itself."""
    return build_cohort


@pytest.fixture
def cohort():
    """120 patients, two blocks."""
    return build_cohort(effect=1.8)


@pytest.fixture
def settings():
    """The model settings of the project with one grid point, so that tests are quick."""
    found = default_config()["model"]
    found["elastic_net"] = {"c": [0.1], "l1_ratio": [0.5], "max_iter": 100}
    found["xgboost"]["rounds"] = 20
    found["svm"]["c"], found["forest"]["trees"] = [1.0], 20
    found["screen"] = 60
    found["strategies"] = ["late"]
    found["repeats"] = 1
    found["interval_refits"] = 3
    return found


def build_classes(n=150, seed=0, effect=2.0, missing=0.15, names=("control", "early", "late")):
    """A cohort of three classes; the first block tells the last from the rest, the second the first."""
    rng = np.random.default_rng(seed)
    found = build_cohort(n, seed, 0.0, missing=0.0)
    label = rng.permutation(np.arange(n) % len(names))
    obs = found.obs.assign(label=label, **{"class": np.array(names)[label]})
    shifts = {"lcms": label == len(names) - 1, "ct": label == 0}
    tables = {}
    for block, table in found.tables.items():
        values = table.copy()
        values.iloc[:, :4] += effect * shifts[block].astype(float)[:, None]
        tables[block] = values[rng.random(n) >= missing]
    outcome = {"name": "stage", "kind": "multiclass", "classes": list(names)}
    return Cohort(obs, tables, found.dictionaries, outcome)


@pytest.fixture
def three_classes():
    """150 patients of three classes, two blocks, some of them missing."""
    return build_classes()


@pytest.fixture
def make_classes():
    """The builder itself."""
    return build_classes


def build_clinic(n=160, seed=0):
    """A cohort with published scores, three in ten on warfarin, which lifts two of the scores by 8 SD."""
    rng = np.random.default_rng(seed)
    index = pd.Index([f"P{i:04d}" for i in range(n)])
    label = rng.permutation(np.arange(n) % 2)
    warfarin = (rng.random(n) < 0.3) * 1.0
    values = {name: 1.5 * label + rng.normal(0, 1, n) for name in ("galad", "asap", "amap", "fib4")}
    values |= {name: values[name] + 8 * warfarin for name in ("galad", "asap")}
    table = pd.DataFrame({**values, "warfarin": warfarin, "age": 50.0}, index=index)
    entry = {"role": "predictor", "unit": "", "stability": np.nan}
    dictionary = pd.DataFrame(entry, index=table.columns)
    dictionary.loc[["warfarin", "age"], "role"] = "annotation"
    obs = pd.DataFrame({"label": label, "part": "train", "group": index, "centre": "C1"}, index)
    return Cohort(obs, {"clinical": table}, {"clinical": dictionary})


@pytest.fixture
def clinic():
    """160 patients for the knowledge level; a rule withholds two scores from those on warfarin."""
    return build_clinic()
