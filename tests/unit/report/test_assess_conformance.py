"""Conformance: missing evidence is never a pass, and people who left leave no trace."""

import json
from pathlib import Path

import pytest

from scripts.core.job import Named
from scripts.core.ledger import STATUSES
from scripts.report import assess_conformance as conformance
from scripts.report import nonconformities, whole_run
from tests.unit.report.made_up_run import (
    REQUIREMENTS,
    make_consents,
    make_patients,
    make_plan,
    record,
)

LIST = conformance.read_requirements(REQUIREMENTS)


def _plan(n=8, consents=True):
    patients = make_patients(n, external=True)
    return make_plan(patients, make_consents(patients) if consents else None)


def _assess(records, plan):
    centres = {p: row["centre"] for p, row in plan["patients"].items()}
    findings = conformance.findings_of(records, LIST, plan, centres)
    return conformance.conformance(findings, LIST, plan)


def _job(run, **params):
    job = Named()
    job.input = Named(patients=[".hcc/sheets/patients.tsv"], requirements=str(REQUIREMENTS))
    job.output = Named(
        ["findings.tsv", "conformance.json", "nonconformities.tsv"],
        findings="findings.tsv",
        conformance="conformance.json",
        nonconformities="nonconformities.tsv",
    )
    job.params = Named(
        plan=".hcc/plan.json", ledgers=["results/qc/ledger"], searched=["results"], **params
    )
    job.wildcards, job.log, job.threads, job.rule = Named(), [], 1, "assess_conformance"
    return job


def test_without_any_record_nothing_passes():
    assessed = _assess([], _plan(consents=False))["requirements"]
    assert len(assessed) == 90  # entries of resources/requirements.yaml
    statuses = {name: row["status"] for name, row in assessed.items()}
    absent = {name for name, status in statuses.items() if status == "NOT_APPLICABLE"}
    assert absent == {
        "IMG-MRI",
        "IMG-US",
        "OMX-03",
        "EXT-04",
    }  # blocks of the plan: clinical, lcms, ct, cfdna
    assert set(statuses.values()) == {"NOT_ASSESSED", "NOT_APPLICABLE"}


def test_every_requirement_has_a_finding_and_one_without_a_record_says_what_is_missing():
    plan = _plan()
    findings = conformance.findings_of([], LIST, plan, {})
    assert {f["requirement_id"] for f in findings} == set(LIST) - {"TRC-02"}
    told = {f["requirement_id"]: f["reason"] for f in findings}
    assert "evidence would be personnel.person_id" in told["PER-01"]
    assert told["EXT-03"] == "the draft reserves these items and names none"
    assert told["IMG-US"] == "the cohort has no us"


def test_table_of_an_unknown_kind_may_be_of_any_modality():
    plan = _plan()
    plan["blocks"]["metabolites"] = {"modality": "metabolites", "domain": ""}
    assert _assess([], plan)["requirements"]["BLD-03"]["status"] == "NOT_ASSESSED"


def test_deleted_sheet_of_samples_makes_custody_not_assessed_and_the_verdict_not_conformant():
    plan = _plan()
    del plan["sheets"]["samples"]
    files = [f"results/qc/ledger/{step}/cohort.jsonl" for step in ("check_custody", "other")]
    assert conformance.current_files(files, plan) == files[1:]
    plan["sheets"]["samples"] = "0"
    assert conformance.current_files(files, plan) == files
    custody = [name for name, row in LIST.items() if row["entity"] in ("sample", "aliquot")]
    records = [record(name, "cohort", "PASS") for name in LIST if name not in custody]
    found = _assess(records, plan)
    assert {found["requirements"][name]["status"] for name in custody} == {"NOT_ASSESSED"}
    assert found["verdict"]["process"] == "not conformant"
    assert found["verdict"]["grounds"] == ["evidence is missing"]
    assert {row["process"] for row in found["centres"].values()} == {"not conformant"}


def test_a_patient_without_a_record_keeps_a_requirement_from_passing():
    plan = _plan()
    admitted = sorted(plan["patients"])
    records = [record("CLN-01", patient, "PASS") for patient in admitted]
    assert _assess(records, plan)["requirements"]["CLN-01"]["status"] == "PASS"
    partial = _assess(records[:-1], plan)["requirements"]["CLN-01"]
    assert (partial["status"], partial["missing"]) == ("NOT_ASSESSED", 1)


def test_a_record_of_the_whole_cohort_speaks_for_everybody():
    found = _assess([record("CLN-01", "cohort", "PASS")], _plan())["requirements"]["CLN-01"]
    assert (found["status"], found["missing"]) == ("PASS", 0)


@pytest.mark.parametrize(
    ("verdicts", "status"),
    [
        (["PASS", "FAIL", "NOT_ASSESSED"], "FAIL"),
        (["PASS", "NOT_ASSESSED", "WARN"], "NOT_ASSESSED"),
        (["PASS", "WARN"], "WARN"),
        (["PASS", "ATTESTED"], "ATTESTED"),
        (["PASS", "NOT_APPLICABLE"], "PASS"),
        (["NOT_APPLICABLE"], "NOT_APPLICABLE"),
        ([], "NOT_ASSESSED"),
    ],
)
def test_mixed_evidence_takes_the_worst_and_a_gap_comes_before_anything_good(verdicts, status):
    assert conformance.status_of(verdicts) == status


def test_order_of_words_covers_every_status():
    assert set(conformance.ORDER) == set(STATUSES)


@pytest.mark.parametrize(
    ("requirement", "verdict", "expected"),
    [
        ("IMG-CT", "FAIL", "not conformant"),  # major
        ("MOD-03", "FAIL", "not conformant"),  # block
        ("CLN-03", "FAIL", "conformant"),  # minor: shown only
        ("MOD-05", "FAIL", "conformant"),  # exclude: the feature is dropped and counted
        ("IMG-CT", "NOT_ASSESSED", "not conformant"),
        ("MOD-03", "NOT_ASSESSED", "not conformant"),
        ("MOD-05", "NOT_ASSESSED", "conformant"),
    ],
)
def test_only_block_and_major_failures_decide_the_verdict(requirement, verdict, expected):
    records = [record(name, "cohort", "PASS") for name in LIST if name != requirement]
    found = _assess([*records, record(requirement, "cohort", verdict)], _plan())
    assert found["verdict"]["process"] == expected


def test_conformant_needs_evidence_for_every_decisive_requirement():
    records = [record(name, "cohort", "PASS") for name in LIST]
    assert _assess(records, _plan())["verdict"]["process"] == "conformant"
    gap = [r for r in records if r["requirement_id"] != "MOD-03"]
    verdict = _assess(gap, _plan())["verdict"]
    assert (verdict["process"], verdict["grounds"]) == ("not conformant", ["evidence is missing"])


def test_a_failure_counts_for_its_own_centre_only():
    plan = _plan()
    patient = sorted(plan["patients"])[0]
    records = [record(name, "cohort", "PASS") for name in LIST]
    found = _assess([*records, record("IMG-CT", patient, "FAIL")], plan)
    verdicts = {centre: row["process"] for centre, row in found["centres"].items()}
    assert verdicts.pop(plan["patients"][patient]["centre"]) == "not conformant"
    assert verdicts and set(verdicts.values()) == {"conformant"}


def test_a_dropped_sample_fails_the_process_but_not_the_data():
    plan = _plan()
    patients = sorted(plan["patients"])
    records = [record("BLD-03", patients[0], "FAIL"), record("BLD-03", patients[1], "PASS")]
    found = _assess(records, plan)["requirements"]["BLD-03"]  # severity exclude
    assert (found["status"], found["data_status"]) == ("FAIL", "PASS")


def test_refusals_of_the_gate_count_for_the_process_but_not_for_the_data():
    plan = _plan()
    admitted = [
        record("ETH-01", patient, "PASS", step="validate_inputs") for patient in plan["patients"]
    ]
    refusal = record("ETH-01", "P0005", "FAIL", step="validate_inputs", reason="no base consent")
    records = conformance.current_records([*admitted, refusal], plan)
    assert len(records) == len(admitted) + 1
    found = _assess(records, plan)["requirements"]["ETH-01"]
    assert (found["status"], found["data_status"]) == ("FAIL", "ATTESTED")
    assert found["failed"] == ["P0005"]


def test_a_document_of_the_site_is_attested_not_passed():
    found = _assess([record("ETH-07", "C1", "PASS")], _plan())["requirements"]["ETH-07"]
    assert found["status"] == "ATTESTED"  # evidence_kind registered+document


def test_ledger_files_of_people_who_left_are_not_read():
    plan = _plan()
    plan["runs"] = {"lcms": [{"assay_id": "qc_lcms_1"}]}
    names = ["check_a/P0001", "check_a/P0002", "check_a/P9999", "check_a/qc_lcms_1"]
    names += ["collect_block/lcms", "cross_validate/late.0"]
    kept = conformance.current_files([f"results/qc/ledger/{n}.jsonl" for n in names], plan)
    assert [path.removeprefix("results/qc/ledger/")[:-6] for path in kept] == [
        "check_a/P0001",
        "check_a/qc_lcms_1",
        "collect_block/lcms",
        "cross_validate/late.0",
    ]


def test_ledger_of_a_patient_who_left_is_known_by_its_name_before_the_dot(run):
    plan = _plan()
    names = ["check_a/P0001.ct", "check_a/P9999.ct", "align/P9999.wes.wes", "cross_validate/late.0"]
    for name, subject in zip(names, ("P0001", "P9999", "P9999", "0"), strict=True):
        run.ledger(*name.split("/"), record("", subject, "PASS"))  # nobody else has been aligned
    kept = conformance.current_files([f"results/qc/ledger/{n}.jsonl" for n in names], plan)
    assert [Path(path).stem for path in kept] == ["P0001.ct", "late.0"]


def test_records_about_refused_people_and_domains_are_dropped_from_cohort_files():
    plan = _plan()
    records = [
        record("CHN-01", "P0005", "PASS"),
        record("OMX-01", "P0006", "PASS", block="cfdna"),
        record("OMX-04", "P0006", "PASS", block="ct_arterial"),
    ]
    kept = conformance.current_records(records, plan)
    assert [r["requirement_id"] for r in kept] == ["OMX-04"]


def test_a_misspelt_requirement_is_refused():
    with pytest.raises(ValueError, match="XXX-99"):
        conformance.findings_of([record("XXX-99", "P0001", "PASS")], LIST, _plan(), {})


def test_the_step_writes_findings_and_statuses(run):
    run.base(8)
    run.ledger("check_ct", "P0001", record("IMG-CT", "P0001", "FAIL", reason="slice\tmissing"))
    run.ledger("check_ct", "P0002", record("IMG-CT", "P0002", "FAIL", reason="withdrawn patient"))
    conformance.main(_job(run))
    lines = (run.folder / "findings.tsv").read_text().splitlines()
    assert lines[0].split("\t") == conformance.COLUMNS
    assert [line for line in lines if "slice missing" in line]
    assert not [line for line in lines if "withdrawn patient" in line]
    found = json.loads((run.folder / "conformance.json").read_text())
    assert found["requirements"]["IMG-CT"]["failed"] == ["P0001"]
    assert sum(found["counts"].values()) == 90


def _nonconformities(records, plan):
    centres = {p: row["centre"] for p, row in plan["patients"].items()}
    findings = conformance.findings_of(records, LIST, plan, centres)
    return nonconformities.rows_of(findings, conformance.conformance(findings, LIST, plan), LIST)


def test_nonconformities_name_centre_subjects_owner_and_action():
    plan = _plan()
    [first, second] = sorted(plan["patients"])[:2]
    records = [record(name, "cohort", "PASS") for name in LIST]
    records += [record("PER-01", p, "FAIL", reason="licence expired") for p in (first, second)]
    rows = _nonconformities(records, plan)
    assert {(r["requirement_id"], r["status"], r["scope"]) for r in rows} == {
        ("PER-01", "FAIL", "centre")
    }
    assert {r["centre"] for r in rows} == {plan["patients"][p]["centre"] for p in (first, second)}
    assert {r["subjects"] for r in rows} <= {first, second, f"{first}, {second}"}
    assert rows[0]["what"] == "licence expired" and rows[0]["severity"] == "major"
    assert "head of the department" in rows[0]["owner"] and "renew the licence" in rows[0]["action"]


def test_missing_evidence_is_a_nonconformity_with_what_to_supply():
    records = [record(name, "cohort", "PASS") for name in LIST if name not in ("CHN-01", "CLN-03")]
    [row] = _nonconformities(records, _plan())
    assert (row["requirement_id"], row["status"]) == ("CHN-01", "NOT_ASSESSED")  # CLN-03 is minor
    assert row["action"] == (
        "supply the evidence: samples.collected_at, samples.intended_assays or assays.sample_id, "
        "sample_events.event, sample_events.time"
    )


@pytest.mark.parametrize(
    ("place", "verdict"),
    [
        ("", "NOT_ASSESSED"),
        ("../key.csv", "PASS"),
        ("../elsewhere/key.csv", "WARN"),  # nothing is there to be seen
        ("results/key.csv", "FAIL"),
    ],
)
def test_link_table_lies_apart_from_the_run(tmp_path, monkeypatch, place, verdict):
    (tmp_path / "run").mkdir()
    (tmp_path / "key.csv").touch()
    monkeypatch.chdir(tmp_path / "run")
    assert whole_run.link_table(place, ["."])["verdict"] == verdict
