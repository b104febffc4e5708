"""The decision on a bundle whose training subjects withdrew."""

import pytest

from scripts.core.withdrawal import BUNDLE_COLUMNS, append, decision_of
from scripts.model.decide_withdrawal import RefusedDecision, decide


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "locks" / "bundle_withdrawals.tsv"
    for name, decision in (("a1", "open"), ("b2", "keep: contract (2026-01-01)")):
        line = {"bundle": name, "date": "2026-01-01", "subjects": 1, "decision": decision}
        append(path, BUNDLE_COLUMNS, line)
    return path


def test_decision_is_recorded_with_ground_and_day(table):
    assert decision_of(table, "a1") == "open"
    assert decide(table, "a1", "keep", "PIPL art. 13, document E-7", "2026-02-03") == 1
    assert "keep: PIPL art. 13, document E-7 (2026-02-03)" in table.read_text()
    assert decision_of(table, "a1") == "keep" and decision_of(table, "b2") == "keep"
    assert decision_of(table, "c3") == ""


def test_next_withdrawal_asks_again(table):
    decide(table, "a1", "keep", "ground", "2026-02-03")
    line = {"bundle": "a1", "date": "2026-03-01", "subjects": 1, "decision": "open"}
    append(table, BUNDLE_COLUMNS, line)
    assert decision_of(table, "a1") == "open"
    decide(table, "a1", "retrain", "", "2026-03-02")
    assert decision_of(table, "a1") == "retrain"


@pytest.mark.parametrize(
    ("name", "decision", "ground", "message"),
    [
        ("a1", "drop", "x", "allowed: keep, retrain"),
        ("a1", "keep", "", "needs the legal ground"),
        ("b2", "retrain", "", "is decided already"),
        ("c3", "retrain", "", "has no question; bundles with questions: a1, b2"),
    ],
)
def test_what_cannot_be_decided_is_refused_and_changes_nothing(
    table, name, decision, ground, message
):
    before = table.read_text()
    with pytest.raises(RefusedDecision, match=message):
        decide(table, name, decision, ground, "2026-02-03")
    assert table.read_text() == before
