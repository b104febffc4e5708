"""The final fit: what is written down about it."""

import numpy as np

from scripts.model.fit_model import data_digest, describe_features, train_chosen
from scripts.model.patterns import describe_patterns


def test_one_block_alone_uses_that_block_only(cohort, settings):
    model = train_chosen("block_ct", cohort, settings, seed=1)
    assert [m.member.name for m in model.members] == ["ct"]


def test_features_carry_unit_and_training_range(cohort, settings):
    model = train_chosen("late", cohort, settings, seed=1)
    line = describe_features(model, cohort)[0]
    values = cohort.tables[line["block"]][line["feature"]]
    assert (line["low"], line["high"], line["unit"]) == (values.min(), values.max(), "umol/L")


def test_patterns_count_patients_who_have_at_least_these_blocks(cohort, settings):
    model = train_chosen("late", cohort, settings, seed=1)
    patterns = {line["pattern"]: line for line in describe_patterns(model)}
    assert patterns["ct"]["n"] == len(cohort.tables["ct"])
    assert patterns["ct+lcms"]["seen"] == patterns["ct+lcms"]["n"]
    assert patterns["ct"]["seen"] < patterns["ct"]["n"]


def test_digest_changes_with_one_value(cohort):
    before = data_digest(cohort)
    cohort.tables["ct"] = cohort.tables["ct"].copy()
    cohort.tables["ct"].iloc[0, 0] = np.nan
    assert data_digest(cohort) != before
