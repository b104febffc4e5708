"""The evidence that requirements.yaml names: columns and keys that exist, and no pass of any requirement without it."""

import re

import pytest
import yaml

from scripts.core.hashing import ROOT
from scripts.core.sheets import read_sheet, schema_of, sheet_names
from scripts.core.table_stream import filled_columns
from scripts.report import assess_conformance as conformance
from scripts.report import nonconformities
from scripts.report.evidence import (
    Available,
    Evidence,
    groups_of,
    listed,
    missing,
    wanted,
    without_evidence,
)
from tests.unit.report.made_up_run import (
    REQUIREMENTS,
    make_consents,
    make_patients,
    make_plan,
    record,
)

LIST = conformance.read_requirements(REQUIREMENTS)
NAMED = sorted({entry for row in LIST.values() for entry in row["evidence"]})
COLUMNS = [e for e in map(Evidence.parse, NAMED) if e.kind == "sheet"]
# Texts of which one fits every pattern of the schemas.
SAMPLES = (
    *("P1", "2026-01-10", "0" * 64, "0" * 32, "C22.0", "0;800", "arterial"),
    *("clinical", "research", "PL1-PED-B-N-N-N-A"),
)


def _value(rule: dict) -> str:
    """A cell that a rule of a schema accepts."""
    if "enum" in rule:
        return str(rule["enum"][0])
    if rule["type"] in ("number", "integer"):
        return f"{max(rule.get('minimum', 0), 1):g}"
    if rule["type"] == "boolean":
        return "yes"
    if rule.get("format"):
        return "2026-01-10"
    return next(text for text in SAMPLES if re.search(rule.get("pattern", ""), text))


def _config_has(key: str) -> bool:
    node = yaml.safe_load((ROOT / "config/schemas/config.schema.yaml").read_text(encoding="utf-8"))
    for part in key.split("."):
        node = node.get("properties", {}).get(part)
        if node is None:
            return False
    return True


def test_every_name_of_evidence_exists_in_a_schema():
    sheets, unknown = set(sheet_names()), []
    for entry, evidence in ((entry, Evidence.parse(entry)) for entry in NAMED):
        if evidence.kind == "sheet":
            known = evidence.place in sheets
            known = known and evidence.column in schema_of(evidence.place)["properties"]
        else:
            known = evidence.kind == "run" or _config_has(evidence.place)
        unknown += [] if known else [entry]
    assert unknown == []


def test_alternatives_and_conditional_names_are_names_of_evidence():
    for name, row in LIST.items():
        named = set(row["evidence"])
        assert named, name
        assert {e for group in row.get("alternatives", ()) for e in group} <= named, name
        assert set(row.get("conditional", ())) <= named, name


@pytest.mark.parametrize("text", ["labs", "outputs.", "config:model", "run: ", ".value"])
def test_another_form_of_evidence_is_refused(text):
    with pytest.raises(ValueError, match="is no evidence"):
        Evidence.parse(text)


@pytest.mark.parametrize("name", sorted({e.place for e in COLUMNS}))
def test_a_column_that_an_action_names_can_be_typed(name, tmp_path):
    schema = schema_of(name)
    named = {e.column for e in COLUMNS if e.place == name}
    columns = list(dict.fromkeys([*schema["required"], *schema.get("x-columns", ()), *sorted(named)]))  # fmt: skip
    cells = [_value(schema["properties"][column]) for column in columns]
    path = tmp_path / f"{name}.tsv"
    path.write_text("\t".join(columns) + "\n" + "\t".join(cells) + "\n", encoding="utf-8")
    assert named <= set(read_sheet(path, name).rows[0])


def test_columns_with_any_value_are_told_from_blank_ones(tmp_path):
    path = tmp_path / "labs.tsv"
    path.write_text("patient_id\tvalue\tdate\nA\t\t\nB\t5\t \n", encoding="utf-8")
    assert filled_columns(path) == {"patient_id", "value"}


def _plan() -> dict:
    patients = make_patients(8, external=True)
    return make_plan(patients, make_consents(patients))


def _status(name: str, verdict: str, available: Available) -> str:
    plan = _plan()
    centres = {p: row["centre"] for p, row in plan["patients"].items()}
    findings = conformance.findings_of([record(name, "cohort", verdict)], LIST, plan, centres)
    findings += without_evidence(findings, LIST, available, "assess_conformance")
    return conformance.conformance(findings, LIST, plan)["requirements"][name]["status"]


# Whose evidence is a key of the configuration, or due of some subjects only: the step that judges them keeps them from passing.
LEFT_TO_THE_STEP = {"ETH-01", "ETH-02", "ETH-06", "ETH-10", "EXT-03", "REF-01"}


@pytest.mark.parametrize("name", sorted(set(LIST) - LEFT_TO_THE_STEP))
def test_a_pass_without_any_of_its_evidence_becomes_not_assessed(name, tmp_path):
    nothing = Available({"sheets": {}}, tmp_path, tmp_path)
    verdict = "ATTESTED" if conformance.is_attested(LIST, name) else "PASS"
    assert _status(name, verdict, nothing) == "NOT_ASSESSED"


def test_what_no_sheet_can_show_is_left_to_the_step():
    nothing = Available({"sheets": {}}, ROOT / "nowhere", ROOT / "nowhere")
    assert {name for name, row in LIST.items() if not missing(row, nothing)} == LEFT_TO_THE_STEP


GROUPS = [
    (name, number)
    for name, row in LIST.items()
    for number, group in enumerate(groups_of(row))
    if all(Evidence.parse(e).kind != "config" and not e.startswith("feature_") for e in group)
]


def test_each_group_of_evidence_that_is_blank_keeps_its_requirement_from_passing(tmp_path):
    """All other evidence is there: one group after the other is blank."""
    filled = {}
    for evidence in COLUMNS:
        filled.setdefault(evidence.place, set()).add(evidence.column)
    made = {e.place for e in map(Evidence.parse, NAMED) if e.kind == "run"}
    available = Available({"sheets": dict.fromkeys(filled, "0")}, tmp_path, tmp_path)
    available._filled, available._is_made = filled, made.__contains__
    for row in LIST.values():
        assert missing(row, available) == []
    for name, number in GROUPS:
        group = [Evidence.parse(entry) for entry in groups_of(LIST[name])[number]]
        blank = {s: c - {e.column for e in group if e.place == s} for s, c in filled.items()}
        available._filled = blank
        available._is_made = (made - {e.place for e in group if e.kind == "run"}).__contains__
        assert len(missing(LIST[name], available)) >= 1, (name, group)


def test_a_requirement_that_did_not_pass_gets_no_second_finding(tmp_path):
    findings = [record("CLN-06", "cohort", "WARN") | {"centre": "", "severity": "minor"}]
    nothing = Available({"sheets": {}}, tmp_path, tmp_path)
    assert without_evidence(findings, LIST, nothing, "assess_conformance") == []


def test_the_action_names_the_columns_in_both_languages():
    row = nonconformities._row(
        ("ETH-07", "NOT_ASSESSED", "C1"),
        [{"subject": "C1", "reason": "no ethics_approvals.tsv", "check": ""}],
        LIST["ETH-07"],
    )
    assert row["action"].startswith("supply the evidence: ethics_approvals.approval_no, ")
    assert "patients.index_date or samples.collected_at" in row["action"]
    assert row["action_zh"].startswith("补充证据：ethics_approvals.approval_no、")
    assert "patients.index_date 或 samples.collected_at" in row["action_zh"]


def test_keys_and_artefacts_are_named_in_words():
    assert wanted(LIST["ETH-10"]) == (
        "配置项 privacy.link_table",
        "configuration key privacy.link_table",
    )
    assert wanted(LIST["EVA-01"]) == (
        "流程产物 results/model/performance.json",
        "results/model/performance.json (made by the workflow)",
    )
    assert listed(LIST["EXT-04"]) == "extractions.kind, extractions.rin | extractions.dv200"
