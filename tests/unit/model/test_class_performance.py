"""Three classes from the cohort to predictions, through the steps that the rules call."""

import numpy as np
import pandas as pd
import pytest

from tests.unit.model.test_evaluate_test import Chain, read


@pytest.fixture(scope="module")
def walked(tmp_path_factory):
    """Everything done once: performance, lock, test part, external centre, two new patients."""
    from scripts.core.config import default_config
    from tests.unit.model.conftest import build_classes

    settings = default_config()["model"]
    settings |= {"elastic_net": {"c": [0.1], "l1_ratio": [0.5], "max_iter": 100}, "repeats": 1}
    settings["resamples"] = 200  # quick; a run has at least 1000
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("classes"))
        chain = Chain(settings)
        cohort = build_classes(n=210)
        cohort.obs["part"] = np.where(np.arange(210) % 10 < 7, "train", "test")
        chain.store(cohort)
        found = {"performance": chain.select(), "lock": chain.fit_and_lock()}
        found["test"] = chain.test_part()
        outside = build_classes(n=60, seed=4)
        outside.obs["centre"] = "E1"
        del outside.tables["ct"]  # a block that the external centre does not measure
        found["external"] = chain.external(outside, enrolment_date="2001-01-01")
        found["scores"] = pd.read_parquet("p.parquet")
        names = [f"ct__f{i} [umol/L]" for i in range(12)]
        rows = ["\t".join([n, "C1", *v]) for n, v in (("N1", ["0.1"] * 12), ("N2", [""] * 12))]
        header = "\t".join(["patient_id", "centre", *names])
        new = chain.predict("\n".join([header, *rows]) + "\n")
        found["new"] = new.set_index("patient_id")
        found["bundle"] = read(f"bundles/{found['lock']['bundle']}/bundle.json")
    return found


def test_performance_counts_every_part_by_class(walked):
    found = walked["performance"]
    assert found["status"] == "ASSESSED" and found["outcome"]["kind"] == "multiclass"
    for part in found["cohort"].values():
        assert part["n"] == sum(part["classes"].values())


def test_test_part_is_scored_by_the_locked_bundle(walked):
    test = walked["test"]
    assert test["bundle"] == walked["lock"]["bundle"] and test["status"] == "ASSESSED"
    assert test["pooled"]["metrics"]["macro_auc"]["value"] > 0.75
    assert np.sum(test["pooled"]["confusion"]) == test["flow"]["scored"]


def test_external_patients_without_a_block_are_scored_by_their_pattern(walked):
    scores, found = walked["scores"], walked["external"]
    assert set(scores.loc[scores["class"] != "", "pattern"]) == {"lcms"}
    assert found["pooled"]["status"] == "ASSESSED"
    assert found["prospective"]["status"] == "FAIL"
    late = found["pooled"]["per_class"]["late"]["auc"]["value"]
    assert late > 0.8  # the block that is there knows this class


def test_new_patient_gets_a_probability_of_every_class(walked):
    new = walked["new"]
    columns = [f"probability {name}" for name in ("control", "early", "late")]
    assert new.loc["N1", columns].astype(float).sum() == pytest.approx(1, abs=1e-5)
    assert new.loc["N1", "class"] in ("control", "early", "late")
    assert new.loc["N2", "class"] == "" and new.loc["N2", "refused"].startswith("below the minimum")


def test_bundle_says_outcome_and_classes(walked):
    assert walked["bundle"]["outcome"]["classes"] == ["control", "early", "late"]
    assert (
        sum(walked["bundle"]["training"]["classes"].values()) == walked["bundle"]["training"]["n"]
    )
