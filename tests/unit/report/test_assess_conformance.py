"""Conformance: missing evidence is never a pass, and people who left leave no trace."""

import json
from pathlib import Path

import pytest

from scripts.core.job import Named
from scripts.core.ledger import STATUSES
from scripts.report import assess_conformance as conformance
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
        ["findings.tsv", "conformance.json"],
        findings="findings.tsv",
        conformance="conformance.json",
    )
    job.params = Named(
        plan=".hcc/plan.json", ledgers=["results/qc/ledger"], searched=["results"], **params
    )
    job.wildcards, job.log, job.threads, job.rule = Named(), [], 1, "assess_conformance"
    return job


def test_without_any_record_nothing_passes_except_the_rule_about_itself():
    assessed = _assess([], _plan(consents=False))["requirements"]
    assert len(assessed) == 90  # entries of resources/requirements.yaml
    statuses = {name: row["status"] for name, row in assessed.items()}
    assert statuses.pop("TRC-02") == "PASS"
    assert set(statuses.values()) == {"NOT_ASSESSED"}


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
        ("CLN-03", "FAIL", "evidence incomplete"),  # minor: shown only
    ],
)
def test_only_block_and_major_failures_decide_the_verdict(requirement, verdict, expected):
    found = _assess([record(requirement, "cohort", verdict)], _plan())
    assert found["verdict"]["process"] == expected


def test_conformant_needs_evidence_for_every_decisive_requirement():
    records = [record(name, "cohort", "PASS") for name in LIST]
    assert _assess(records, _plan())["verdict"]["process"] == "conformant"
    gap = [r for r in records if r["requirement_id"] != "MOD-03"]
    assert _assess(gap, _plan())["verdict"]["process"] == "evidence incomplete"


def test_a_failure_counts_for_its_own_centre_only():
    plan = _plan()
    patient = sorted(plan["patients"])[0]
    found = _assess([record("IMG-CT", patient, "FAIL")], plan)
    verdicts = {centre: row["process"] for centre, row in found["centres"].items()}
    assert verdicts.pop(plan["patients"][patient]["centre"]) == "not conformant"
    assert verdicts and set(verdicts.values()) == {"evidence incomplete"}


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
