"""The boundary list of the notes, each value walked through the step that judges it (its main(), or the gate of a run)."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from scripts.clinical import check_custody
from scripts.core import job as core_job
from scripts.core.config import ConfigError, check_config, default_config
from scripts.core.job import Named
from scripts.core.plan import make_plan
from scripts.imaging import assess_stability
from scripts.model import cross_validate as cross_validation
from scripts.model.cohort_tables import predictors
from scripts.model.select_model import record
from tests.unit.model.conftest import build_cohort
from tests.workflow.runs import write_sheet

CUSTODY = default_config()["clinical"]["custody"]
REQUIREMENTS = Path(__file__).parents[2] / "resources" / "requirements.yaml"
SCOPE = "clinical;imaging;genomics;metabolomics;proteomics;ihc"


def job_of(folder: Path, rule: str, inputs: dict, outputs: dict, params: dict, **wildcards):
    """A job of a step below `folder`."""
    outputs = {name: str(folder / "out" / file) for name, file in outputs.items()}
    return SimpleNamespace(
        input=Named([p for p in inputs.values() if p], **inputs),
        output=Named(list(outputs.values()), **outputs),
        wildcards=Named([], **wildcards),
        params=SimpleNamespace(**params),
        log=[str(folder / "log.txt")],
        threads=1,
        rule=rule,
    )


def verdicts(job, requirement: str, check: str = "") -> set[str]:
    lines = Path(job.output.ledger).read_text(encoding="utf-8").splitlines()
    rows = [row for row in map(json.loads, lines) if row["requirement_id"] == requirement]
    return {row["verdict"] for row in rows if check in row["check"]}


@pytest.fixture
def cohort(tmp_path, monkeypatch) -> Path:
    """A run folder with the sheets of one patient who signed on 2025-06-10."""
    monkeypatch.chdir(tmp_path)
    patient = {"patient_id": "P1", "centre": "C1", "diagnosis": "hcc", "role": "development"}
    write_sheet(tmp_path / "cohort/patients.tsv", [patient | {"index_date": "2025-06-20"}])
    scope = {"scope_modalities": SCOPE, "scope_purposes": "research"}
    rows = [
        {
            "patient_id": "P1",
            "kind": kind,
            "status": "signed",
            "signed_date": "2025-06-10",
            "special_test": test,
        }
        | (scope if kind == "data_use" else dict.fromkeys(scope, ""))
        for kind, test in (("base", ""), ("data_use", ""), ("special", "genomics"))
    ]
    write_sheet(tmp_path / "cohort/consents.tsv", rows)
    return tmp_path


def custody(folder: Path, collected: str = "2025-06-10 08:00:00", **sheets):
    """Run check_custody on one EDTA plasma tube for cfDNA; returns the job."""
    tube = {
        "sample_id": "S1",
        "patient_id": "P1",
        "specimen": "plasma",
        "tube_type": "K2EDTA",
        "intended_assays": "cfdna",
    }
    write_sheet(folder / "cohort/samples.tsv", [tube | {"collected_at": collected}])
    for name, rows in sheets.items():
        write_sheet(folder / f"cohort/{name}.tsv", rows)
    make_plan({"sheets": "cohort", "as_of": "2026-03-01", "purpose": "research"}, write=True)
    names = {"events": "sample_events", "aliquots": "aliquots", "extractions": "extractions"}
    names |= {"samples": "samples", "patients": "patients", "consents": "consents"}
    inputs = {
        key: [f".hcc/sheets/{name}.tsv"] if Path(f".hcc/sheets/{name}.tsv").exists() else []
        for key, name in names.items()
    }
    outputs = {"verdicts": "v.tsv", "exclusions": "e.tsv", "status": "s.json", "ledger": "l.jsonl"}
    job = job_of(
        folder,
        "check_custody",
        inputs | {"requirements": str(REQUIREMENTS)},
        outputs,
        {"settings": CUSTODY},
    )
    check_custody.main(job)
    return job


@pytest.mark.parametrize(
    ("spun", "verdict", "used"),
    [("14:00:00", "WARN", True), ("14:00:36", "FAIL", False)],  # 6.0 h and 6.01 h after 08:00
)
def test_edta_blood_for_cfdna_at_six_hours(cohort, spun, verdict, used):
    events = [
        {"sample_id": "S1", "event": "centrifuged", "time": f"2025-06-10 {spun}", "rcf_g": 1600}
    ]
    job = custody(cohort, sample_events=events)
    assert verdicts(job, "BLD-03", "cfdna") == {verdict}
    excluded = Path(job.output.exclusions).read_text(encoding="utf-8")
    assert ("BLD-03" not in excluded) == used


@pytest.mark.parametrize(
    ("ratio", "verdict"), [(1.79, "FAIL"), (1.80, "PASS"), (2.00, "PASS"), (2.01, "FAIL")]
)
def test_a260_280_at_its_ends(cohort, ratio, verdict):
    extract = {"extraction_id": "X1", "sample_id": "S1", "kind": "cfdna", "a260_280": ratio}
    assert verdicts(custody(cohort, extractions=[extract]), "EXT-01", "A260/280") == {verdict}


@pytest.mark.parametrize(
    ("collected", "excluded"), [("2025-06-10 08:00", False), ("2025-06-09 08:00", True)]
)
def test_consent_on_the_day_of_the_tube_passes_and_on_the_next_day_fails(
    cohort, collected, excluded
):
    job = custody(cohort, collected)
    assert ("ETH-05" in Path(job.output.exclusions).read_text(encoding="utf-8")) == excluded
    assert ("FAIL" in verdicts(job, "ETH-05")) == excluded


@pytest.mark.parametrize(("day", "allowed"), [("2025-06-10", True), ("2025-06-09", False)])
@pytest.mark.parametrize("sheet", ["assays", "imaging_studies"])
def test_consent_on_the_day_of_the_image_passes_and_on_the_next_day_fails(
    cohort, sheet, day, allowed
):
    Path("cohort/a.nii").write_bytes(b"image")
    row = {"patient_id": "P1", "modality": "ct"}
    if sheet == "assays":
        row |= {"file": "a.nii", "date": day}
    else:
        row |= {"study_id": "I1", "study_datetime": f"{day} 09:00"}
    write_sheet(cohort / f"cohort/{sheet}.tsv", [row])
    plan = make_plan({"sheets": "cohort", "as_of": "2026-03-01", "purpose": "research"}, write=True)
    assert ("imaging" in plan["patients"]["P1"]["domains"]) == allowed
    refused = {(r["domain"], r["requirement_id"]) for r in plan["refused"]}
    assert refused == (set() if allowed else {("imaging", "ETH-05")})


@pytest.mark.parametrize(("icc", "kept"), [(0.75, False), (0.7501, True)])
def test_icc_at_its_limit(icc, kept):
    cohort = build_cohort(blocks=("ct_arterial",))
    cohort.dictionaries["ct_arterial"]["stability"] = icc
    allowed, _ = predictors(cohort, default_config()["model"])
    assert ("ct_arterial" in allowed) == kept
    assert (
        assess_stability.stable(icc, default_config()["imaging"]["stability"]["threshold"]) == kept
    )


@pytest.mark.parametrize(("folds", "verdict"), [(5, "PASS"), (10, "PASS"), (7, "FAIL")])
def test_five_and_ten_folds_pass_and_seven_fail(tmp_path, monkeypatch, folds, verdict):
    config = default_config()
    config["model"]["outer_folds"] = folds
    if verdict == "FAIL":
        with pytest.raises(ConfigError, match="model.outer_folds.*7"):
            check_config(config)
    else:
        check_config(config)
    settings = config["model"] | {"elastic_net": {"c": [0.1], "l1_ratio": [0.5], "max_iter": 50}}
    settings |= {"inner_folds": 2}
    made = build_cohort(n=80, features=4, blocks=("lcms",), missing=0)
    monkeypatch.setattr(cross_validation, "read_cohort", lambda *a, **k: made)
    outputs = {"scores": "s.parquet", "folds": "f.json", "ledger": "l.jsonl", "status": "st.json"}
    job = job_of(
        tmp_path, "cross_validate", {"cohort": "c.h5mu"}, outputs, {"settings": settings, "seed": 1},
        strategy="early", repeat="0",
    )  # fmt: skip
    cross_validation.main(job)
    assert verdicts(job, "MOD-03") == {verdict}


@pytest.mark.parametrize(("resamples", "verdict"), [(999, "FAIL"), (1000, "PASS")])
def test_a_thousand_resamples(tmp_path, resamples, verdict):
    config = default_config()
    config["model"]["resamples"] = resamples
    if verdict == "FAIL":
        with pytest.raises(ConfigError, match="model.resamples.*999"):
            check_config(config)
    else:
        check_config(config)
    job = job_of(tmp_path, "select_model", {}, {"ledger": "l.jsonl"}, {})
    performance = {"status": "ASSESSED", "reason": "", "strategies": {}, "blocks": []}
    with core_job.step(job) as step:
        record(step, performance, config["model"])
    assert verdicts(job, "MOD-04") == {verdict}


def test_limits_of_the_list_are_those_of_the_default_configuration():
    config = default_config()
    assert CUSTODY["draw_to_spin_h"]["cfdna_edta"] == {"warn": 4, "fail": 6}
    assert CUSTODY["a260_280"] == [1.8, 2.0]
    assert (config["model"]["icc_minimum"], config["model"]["resamples"]) == (0.75, 1000)
    assert config["model"]["outer_folds"] in (5, 10)
