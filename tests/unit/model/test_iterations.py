"""The optimisation log: one line per iteration, unbroken, and a word when plans of validation differ."""

import pytest

from scripts.model.iterations import (
    COLUMNS,
    changes_of_plan,
    check_iterations,
    line_of,
    record_iteration,
)


class Step:
    def __init__(self):
        self.found = {}

    def check(self, requirement, what, verdict, **more):
        self.found = {"requirement": requirement, "verdict": verdict, **more}


@pytest.fixture
def develop(tmp_path):
    """Record a development whose settings, plan or result differ; returns all lines and what was checked."""
    cohort = tmp_path / "cohort.h5mu"
    cohort.write_bytes(b"a cohort")
    log = tmp_path / "locks" / "iterations.tsv"

    def run(auc=0.8, settings=None, **plan):
        plan = {
            "outer_folds": 5,
            "inner_folds": 5,
            "repeats": 2,
            "resamples": 1000,
            "seed": 7,
        } | plan
        metrics = {"auc": {"value": auc, "low": 0.7, "high": 0.9}} if auc else {}
        performance = {
            "strategies": {"late": {"metrics": metrics}},
            "selected": "late" if auc else None,
            "cohort": {"train": {"n": 60, "events": 30}},
            "settings": plan,
        }
        cells = line_of(performance, str(cohort), settings or {})
        rows, step = record_iteration(log, cells), Step()
        check_iterations(step, log, rows)
        return rows, step.found

    run.log = log
    return run


def test_every_iteration_adds_a_line_and_the_same_again_none(develop):
    develop()
    rows, found = develop()
    assert len(rows) == 1 and (found["requirement"], found["verdict"]) == ("EVA-05", "PASS")
    rows, found = develop(auc=0.83, settings={"strategies": ["late", "early"]})
    assert [row["value"] for row in rows] == ["0.800000", "0.830000"]
    assert (found["verdict"], found["value"]) == ("PASS", 2)
    assert rows[0]["settings"] != rows[1]["settings"] and rows[0]["cohort"] == rows[1]["cohort"]


def test_iterations_with_different_plans_are_said_not_to_compare(develop):
    develop()
    rows, found = develop(outer_folds=10)
    assert changes_of_plan(rows) == ["outer_folds: 5, 10"]
    assert found["verdict"] == "WARN" and "outer_folds: 5, 10" in found["reason"]


def test_iteration_without_a_result_is_kept_and_does_not_count_as_another_plan(develop):
    develop()
    rows, found = develop(auc=None)
    assert len(rows) == 2 and rows[1]["value"] == "" and found["verdict"] == "PASS"


def test_changed_line_is_found(develop):
    develop()
    develop(auc=0.83)
    text = develop.log.read_text(encoding="utf-8")
    develop.log.write_text(text.replace("0.800000", "0.900000"), encoding="utf-8")
    _, found = develop(auc=0.83)
    assert found["verdict"] == "FAIL" and "line 2" in found["reason"]


def test_header_names_every_column(develop):
    develop()
    assert develop.log.read_text(encoding="utf-8").splitlines()[0].split("\t") == COLUMNS
