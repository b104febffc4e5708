"""A performance with its figures taken away: a finished run alone passes nothing."""

import copy

import pytest

from scripts.model import class_performance, select_model
from scripts.model.performance_evidence import lacking, subgroup_verdict
from tests.unit.report.made_up_run import make_performance

SETTINGS = {"resamples": 1000, "baselines": {"afp": []}, "published": {}, "icc_minimum": 0.75}


class Records:
    """Verdicts by requirement of what a step records."""

    def __init__(self):
        self.found: dict[str, str] = {}

    def check(self, requirement, check, verdict, **more):
        self.found[requirement] = verdict


def found(performance: dict) -> dict[str, str]:
    step = Records()
    strategies = {k: v | {"level": "data"} for k, v in performance["strategies"].items()}
    select_model.record(step, performance | {"strategies": strategies, "blocks": []}, SETTINGS)
    return step.found


def blanked(*path: str) -> dict:
    """The made-up performance without one figure of the chosen strategy."""
    performance = copy.deepcopy(make_performance(120))
    node = performance["strategies"]["late"]
    for key in path[:-1]:
        node = node[key]
    node[path[-1]] = type(node[path[-1]])() if isinstance(node[path[-1]], list | dict) else None
    return performance


def test_a_complete_performance_passes():
    assert lacking(make_performance(120)["strategies"]["late"]) == {
        name: [] for name in ("EVA-01", "EVA-02", "EVA-03", "EVA-06", "FUS-03")
    }
    told = found(make_performance(120))
    assert {told[name] for name in ("EVA-01", "EVA-02", "EVA-03", "EVA-06", "FUS-03")} == {"PASS"}


@pytest.mark.parametrize(
    ("requirement", "path"),
    [
        ("EVA-01", ("metrics", "auc")),
        ("EVA-01", ("metrics", "auc", "low")),
        *(("EVA-01", ("thresholds", "youden", n)) for n in ("sensitivity", "ppv", "accuracy")),
        ("EVA-02", ("thresholds", "youden", "threshold")),
        *(("EVA-03", ("metrics", n)) for n in ("brier", "calibration_slope")),
        ("EVA-03", ("decision_curve",)),
        ("EVA-06", ("thresholds", "youden", "at_prevalence")),
        ("EVA-06", ("thresholds", "youden", "at_prevalence", "0.01", "ppv")),
        ("FUS-03", ("features",)),
        *((name, ("thresholds",)) for name in ("EVA-01", "EVA-02", "EVA-06")),
    ],
)
def test_a_figure_that_is_not_there_is_no_pass(requirement, path):
    assert found(blanked(*path))[requirement] == "NOT_ASSESSED"


def test_what_was_not_assessed_passes_nothing():
    empty = {"status": "NOT_ASSESSED", "reason": "too few", "subgroups": [], "strategies": {}}
    assert "PASS" not in found(empty | {"selected": None}).values()
    step = Records()
    class_performance.record(step, empty | {"selected": None, "increments": []}, SETTINGS)
    assert "PASS" not in step.found.values()


@pytest.mark.parametrize(
    ("groups", "verdict"),
    [
        (("stage", "afp", "aetiology", "centre", "sex", "age"), "PASS"),
        (("centre", "sex", "age"), "WARN"),
        ((), "NOT_ASSESSED"),
    ],
)
def test_kinds_of_subgroups_that_nobody_could_assess_are_named(groups, verdict):
    lines = [{"group": group, "status": "ASSESSED"} for group in groups]
    lines.append({"group": "stage", "status": "NOT_ASSESSED"})
    told, number, reason = subgroup_verdict(lines)
    assert (told, number) == (verdict, len(groups))
    assert ("stage, afp, aetiology" in reason) == (verdict == "WARN")
