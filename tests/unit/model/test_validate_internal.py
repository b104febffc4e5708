"""Refits of several jobs joined, and what the QC records say of their number."""

import json

import pandas as pd
import pytest

from scripts.core import job as core_job
from scripts.fusion.assemble_cohort import to_mudata, write_cohort
from scripts.model import permute_labels, refit_model, validate_internal

PARTS = 2


def run(step, inputs, outputs, params, part="0"):
    job = core_job.Named()
    job.rule, job.log, job.threads = step.__name__.split(".")[-1], [], 1
    job.input, job.output = (core_job.Named(d.values(), **d) for d in (inputs, outputs))
    job.params = core_job.Named(params.values(), **params)
    job.wildcards = core_job.Named([part], part=part)
    step.main(job)


@pytest.fixture
def internal(tmp_path, monkeypatch, settings, cohort):
    monkeypatch.chdir(tmp_path)
    verdicts = {b: pd.Series("pass", index=t.index) for b, t in cohort.tables.items()}
    write_cohort("c.h5mu", to_mudata(cohort.tables, cohort.dictionaries, verdicts, cohort.obs))

    def run_with(performance: dict) -> tuple[dict, list[dict]]:
        (tmp_path / "performance.json").write_text(json.dumps(performance))
        own = {"number": 8, "parts": PARTS, "learning_fractions": [0.5, 1.0]}
        params = {"settings": settings, "refits": own, "seed": 3}
        drawn = {"number": 4, "parts": PARTS, "minimum_patients": 100, "mean_auc": [0.3, 0.7]}
        params |= {"permutations": drawn}
        inputs = {"cohort": "c.h5mu", "performance": "performance.json"}
        names = {"refits": [], "apparent": []}
        for part in range(PARTS):
            outputs = {"refits": f"{part}.parquet", "apparent": f"{part}.json"}
            run(refit_model, inputs, outputs, params, str(part))
            for key, path in outputs.items():
                names[key].append(path)
            run(permute_labels, inputs, {"permuted": f"p{part}.json"}, params, str(part))
            names.setdefault("permuted", []).append(f"p{part}.json")
        outputs = {"internal": "internal.json", "ledger": "ledger.jsonl"}
        run(validate_internal, inputs | names, outputs, params)
        records = [json.loads(ln) for ln in (tmp_path / "ledger.jsonl").read_text().splitlines()]
        return json.loads((tmp_path / "internal.json").read_text()), records

    return run_with


def test_refits_centres_curve_and_size_are_there(internal):
    found, records = internal({"status": "ASSESSED", "reason": "", "selected": "late"})
    assert found["refits"]["number"] == 8
    auc = found["refits"]["quantities"]["auc"]
    assert auc["classical"]["value"] == pytest.approx(auc["apparent"] - auc["optimism"], abs=2e-6)
    assert set(found["centres"]["centres"]) == {"C1", "C2"}
    assert len(found["learning_curve"]["points"]) == 2
    assert found["sample_size"]["chosen"]["candidate_predictors"] == 24
    drawn = found["permutations"]
    assert drawn["number"] == 4 and 0.3 < drawn["mean"] < 0.7 and drawn["holds"]
    verdicts = {r["requirement_id"]: r["verdict"] for r in records}
    # 8 refits are not 1000, 4 permutations not 20.
    assert verdicts == {"MOD-04": "FAIL", "EVA-04": "PASS", "FUS-04": "FAIL"}


def test_no_model_is_not_assessed_to_the_end(internal):
    found, records = internal({"status": "NOT_ASSESSED", "reason": "only one class"})
    assert (found["status"], found["reason"]) == ("NOT_ASSESSED", "only one class")
    assert {r["verdict"] for r in records} == {"NOT_ASSESSED"}


def test_resample_in_two_parts_is_an_error(tmp_path):
    for name in "ab":
        pd.DataFrame({"number": [0, 1]}).to_parquet(tmp_path / f"{name}.parquet")
    with pytest.raises(ValueError, match="two parts"):
        validate_internal.read_refits([tmp_path / "a.parquet", tmp_path / "b.parquet"])
