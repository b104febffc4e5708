import pytest

from scripts.core.ledger import Record, read_records, write_records


def record(**changes) -> Record:
    given = {
        "requirement_id": "QCP-01",
        "subject": "P1",
        "check": "mean depth",
        "value": 31.5,
        "unit": "x",
        "threshold": ">= 30",
        "verdict": "PASS",
        "evidence": "P1_wes",
        "step": "call_variants",
        "version": "0.1.0",
        "time": "2026-03-01T00:00:00+00:00",
    }
    return Record(**given | changes)


def test_records_come_back_in_the_order_of_the_files(tmp_path):
    write_records(tmp_path / "1.jsonl", [record(), record(subject="P2")])
    write_records(tmp_path / "2.jsonl", [record(subject="甲")])
    found = read_records([tmp_path / "2.jsonl", tmp_path / "1.jsonl"])
    assert [r["subject"] for r in found] == ["甲", "P1", "P2"]


def test_step_without_checks_leaves_an_empty_ledger(tmp_path):
    write_records(tmp_path / "1.jsonl", [])
    assert list(read_records([tmp_path / "1.jsonl"])) == []


def test_unknown_verdict_is_refused():
    with pytest.raises(ValueError, match="PASSED"):
        record(verdict="PASSED")
