"""From the cohort to predictions, step by step, as the rules call them."""

import json

import numpy as np
import pandas as pd
import pytest

from scripts.core import job as core_job
from scripts.core.features import write_block
from scripts.fusion.assemble_cohort import to_mudata, write_cohort
from scripts.model import (
    cross_validate,
    evaluate_test,
    fit_model,
    lock_bundle,
    predict_patients,
    select_model,
    validate_external,
)


def run(step, inputs, outputs, params, wildcards=None):
    job = core_job.Named()
    job.rule, job.log, job.threads = step.__name__.split(".")[-1], [], 1
    flat = [x for v in inputs.values() for x in (v if isinstance(v, list) else [v])]
    job.input = core_job.Named(flat, **inputs)
    job.output = core_job.Named(outputs.values(), **outputs)
    job.params = core_job.Named(params.values(), **params)
    wildcards = wildcards or {}
    job.wildcards = core_job.Named(wildcards.values(), **wildcards)
    step.main(job)


class Chain:
    """Runs the steps in the current folder."""

    def __init__(self, settings):
        self.settings = settings
        self.base = {"settings": settings, "seed": 7, "code": "c0de"}
        self.lock = {"lock": "locks/bundle.json", "named": "", "bundles": "bundles"}

    def store(self, cohort):
        verdicts = {b: pd.Series("pass", index=t.index) for b, t in cohort.tables.items()}
        whole = to_mudata(cohort.tables, cohort.dictionaries, verdicts, cohort.obs)
        whole.uns["outcome"] = json.dumps(cohort.outcome)
        write_cohort("cohort.h5mu", whole)

    def select(self, controls=(), scores=None):
        with open("audit.json", "w") as handle:
            json.dump({"negative_controls": list(controls)}, handle)
        nobody = pd.DataFrame(columns=["model", "patient_id", "stratum", "score0"])
        (nobody if scores is None else scores).to_parquet("controls.parquet")
        outputs = {"scores": "late.0.parquet", "folds": "late.0.json", "ledger": "cv.jsonl"}
        names = {"strategy": "late", "repeat": "0"}
        run(cross_validate, {"cohort": "cohort.h5mu"}, outputs, self.base, names)
        inputs = {"cohort": "cohort.h5mu", "audit": "audit.json"}
        inputs |= {"controls": "controls.parquet"}
        inputs |= {"scores": ["late.0.parquet"], "folds": ["late.0.json"]}
        outputs = {"performance": "performance.json", "oof": "oof.parquet", "ledger": "s.jsonl"}
        run(select_model, inputs, outputs, self.base | {"iterations": "locks/iterations.tsv"})
        return read("performance.json")

    def fit_and_lock(self, **more):
        inputs = {"cohort": "cohort.h5mu", "performance": "performance.json"}
        run(fit_model, inputs, {"fit": "fit", "ledger": "f.jsonl"}, self.base)
        params = {"bundles": "bundles", "log": "locks/bundles.tsv", "lock": "locks/bundle.json"}
        params |= {"relock": False, "reason": "", **more}
        run(lock_bundle, {"fit": "fit"}, {"ledger": "l.jsonl"}, params)
        return read("locks/bundle.json")

    def test_part(self):
        outputs = {"performance": "test.json", "ledger": "t.jsonl"}
        run(evaluate_test, {"cohort": "cohort.h5mu"}, outputs, self.base | self.lock)
        return read("test.json")

    def external(self, cohort, **columns):
        for block, table in cohort.tables.items():
            write_block(f"{block}.parquet", table)
            cohort.dictionaries[block].rename_axis("feature").reset_index().to_csv(
                f"{block}.features.tsv", sep="\t", index=False
            )
        sheet = pd.DataFrame({"patient_id": cohort.obs.index, "centre": cohort.obs["centre"]})
        sheet["diagnosis"] = np.where(cohort.obs["label"] == 1, "hcc", "cirrhosis")
        sheet["role"] = "external"
        sheet.assign(**columns).to_csv("patients.tsv", sep="\t", index=False)
        names = np.array(cohort.outcome["classes"])
        outcome = pd.DataFrame({"patient_id": cohort.obs.index, "role": "external"})
        outcome = outcome.assign(**{"class": names[cohort.labels], "reason": ""})
        outcome.to_csv("outcome.tsv", sep="\t", index=False)
        with open("outcome.json", "w") as handle:
            json.dump(cohort.outcome, handle)
        inputs = {"tables": [f"{b}.parquet" for b in cohort.tables], "patients": "patients.tsv"}
        inputs |= {"outcome": "outcome.tsv", "description": "outcome.json"}
        outputs = {"performance": "ext.json", "predictions": "p.parquet", "ledger": "e.jsonl"}
        params = self.base | self.lock | {"openings": "locks/openings.tsv"}
        params |= {"blocks": list(cohort.tables), "admitted": list(cohort.obs.index)}
        run(validate_external, inputs, outputs, params)
        return read("ext.json")

    def predict(self, text):
        with open("new.tsv", "w") as handle:
            handle.write(text)
        outputs = {
            "predictions": "predictions.tsv",
            "contributions": "c.tsv",
            "measured": "m.tsv",
            "ledger": "p.jsonl",
        }
        params = self.lock | {"unknown_centre": "refuse", "withdrawals": "none", "chains": {}}
        run(predict_patients, {"new": "new.tsv"}, outputs, params)
        return pd.read_csv("predictions.tsv", sep="\t", dtype=str, keep_default_na=False)


def read(path):
    with open(path) as handle:
        return json.load(handle)


@pytest.fixture
def chain(tmp_path, monkeypatch, settings, make_cohort):
    monkeypatch.chdir(tmp_path)
    made = Chain(settings)
    cohort = make_cohort(n=160, effect=2.0)
    cohort.obs["part"] = np.where(np.arange(160) % 10 < 7, "train", "test")
    made.cohort = cohort
    made.store(cohort)
    return made


def test_from_cohort_to_external_validation_and_prediction(chain, make_cohort):
    performance = chain.select()
    assert performance["status"] == "ASSESSED"
    assert performance["verdict"]["discrimination"] == "useful"
    tables = chain.cohort.part("train").tables
    assert performance["cohort"]["train"]["n"] == len(
        tables["ct"].index.union(tables["lcms"].index)
    )
    lock = chain.fit_and_lock()
    test = chain.test_part()
    assert test["bundle"] == lock["bundle"]
    assert test["pooled"]["n"] == test["flow"]["scored"] <= 48
    outside = make_cohort(n=60, seed=5, effect=2.0)
    outside.obs["centre"] = "E1"
    found = chain.external(outside, enrolment_date="2001-01-01")
    assert found["pooled"]["metrics"]["auc"]["value"] > 0.8
    assert found["prospective"]["status"] == "FAIL"
    again = chain.external(outside, enrolment_date="2001-01-01")
    assert again == found
    with open("locks/openings.tsv") as handle:
        assert len(handle.readlines()) == 2  # header and one opening, although opened twice


def test_bundle_of_another_outcome_judges_nobody(chain, make_cohort):
    chain.select()
    chain.fit_and_lock()
    other = {"name": "early_hcc_vs_controls", "kind": "binary", "classes": ["control", "early_hcc"]}
    chain.cohort.outcome = other
    chain.store(chain.cohort)
    outside = make_cohort(n=40, seed=5)
    outside.outcome = other
    for found in (chain.test_part(), chain.external(outside)):
        assert found["status"] == "NOT_ASSESSED" and "pooled" not in found
        assert found["reason"].startswith("the locked bundle tells control, hcc apart")


def test_locked_threshold_is_the_training_threshold(chain):
    performance = chain.select()
    chain.fit_and_lock()
    strategy = performance["strategies"][performance["selected"]]
    test = chain.test_part()
    for name, entry in strategy["thresholds"].items():
        assert test["pooled"]["thresholds"][name]["threshold"] == entry["threshold"]


def test_prediction_names_flags_and_refusals(chain):
    chain.select()
    chain.fit_and_lock()
    names = [f"{block}__f{i} [umol/L]" for block in ("ct", "lcms") for i in range(12)]
    header = "\t".join(["patient_id", "centre", *names])
    rows = ["\t".join(["N1", "C1", *["0.1"] * 24]), "\t".join(["N2", "C2", *["99"] * 24])]
    rows.append("\t".join(["N3", "C1", *[""] * 24]))
    found = chain.predict("\n".join([header, *rows]) + "\n").set_index("patient_id")
    assert found.loc["N1", "flags"] == "" and found.loc["N1", "probability"] != ""
    assert "100% of the features outside the training range" in found.loc["N2", "flags"]
    assert found.loc["N3", "probability"] == ""
    assert found.loc["N3", "refused"].startswith("below the minimum set of blocks")


def test_class_too_small_is_not_assessed_to_the_very_end(chain):
    controls = chain.cohort.obs.index[chain.cohort.obs["label"] == 0]
    hcc = chain.cohort.obs.index[chain.cohort.obs["label"] == 1][:5]
    chain.store(chain.cohort.subset(controls.union(hcc)))
    performance = chain.select()
    assert performance["status"] == "NOT_ASSESSED"
    assert "too few patients" in performance["reason"]
    assert performance["verdict"]["discrimination"] == "not_assessed"
    assert chain.fit_and_lock()["bundle"] is None
    assert chain.test_part()["status"] == "NOT_ASSESSED"


def test_acquisition_that_predicts_as_well_is_said(chain):
    auc = {"value": 0.99, "low": 0.97, "high": 1.0}
    mask = {"model": "missing mask", "status": "ASSESSED", "auc": auc, "flag": True, "reason": ""}
    obs = chain.cohort.obs
    scores = pd.DataFrame({"model": "missing mask", "patient_id": obs.index, "stratum": ""})
    performance = chain.select([mask], scores.assign(score0=obs["label"].to_numpy(float)))
    verdict = performance["verdict"]
    assert verdict["separable_from_acquisition"] is False
    assert verdict["code"] == "not_separable" and verdict["discrimination"] == "void"
    assert verdict["text_en"].startswith("Not separable from acquisition: missing mask")
    assert performance["confounding"][0]["difference"]["value"] <= 0


def test_two_runs_lock_the_same_bundle(chain):
    chain.select()
    first = chain.fit_and_lock()["bundle"]
    chain.select()
    assert chain.fit_and_lock()["bundle"] == first


def test_cohort_of_nobody_has_no_model(chain):
    with open("cohort.h5mu", "w"):
        pass
    performance = chain.select()
    assert performance["status"] == "NOT_ASSESSED" and performance["selected"] is None


def test_groups_of_the_training_part_reach_every_interval(chain, monkeypatch):
    chain.cohort.obs["group"] = [f"G{i // 2}" for i in range(len(chain.cohort.obs))]
    chain.store(chain.cohort)
    seen, plain = [], select_model.increments.metrics.resample_counts

    def spy(y, resamples, seed, groups=None, stratify=True):
        seen.append(groups is not None and len(groups) == len(y))
        return plain(y, resamples, seed, groups, stratify)

    monkeypatch.setattr(select_model.increments.metrics, "resample_counts", spy)
    performance = chain.select()
    assert performance["increments"] and performance["subgroups"]
    assert seen and all(seen)


def test_blocks_and_baselines_go_to_test_and_external_patients_paired_with_the_model(
    chain, make_cohort
):
    settings = chain.base["settings"]
    settings["baselines"] = {"two": ["ct__f0", "lcms__f1"], "absent": ["clinical__afp"]}
    settings["published"] = {"cut": {"feature": "ct__f0", "positive_from": 0.0}}
    chain.select()
    chain.fit_and_lock()
    outside = make_cohort(n=80, seed=5, effect=2.0)
    for found in (chain.test_part(), chain.external(outside)):
        rivals = found["baselines"]
        assert {"block_ct", "block_lcms", "cut"} <= set(rivals)
        assert rivals["absent"]["reason"] == "the locked bundle holds no fit of this baseline"
        for name in ("block_ct", "cut"):
            line = rivals[name]
            assert line["status"] == "ASSESSED"
            gap = line["paired"]["auc"] - line["paired"]["auc_baseline"]
            assert line["delta_auc"]["value"] == pytest.approx(gap, abs=2e-6)
            assert line["paired"]["n"] <= found["pooled"]["n"]
        assert set(rivals["cut"]["metrics"]) == {"auc"}
        assert rivals["block_ct"]["metrics"]["brier"]["value"] < 0.25
