"""The flow of patients: every number adds up, or the step stops."""

import re

import pytest

from scripts.core.config import default_config
from scripts.core.job import Named
from scripts.report import flow
from scripts.report.results import read_results


def _results(run, **options):
    inputs = Named([], **run.base(**options))
    return read_results(inputs, ".hcc/plan.json", "locks/openings.tsv", default_config())


def test_stations_add_up(run):
    counted = flow.count(_results(run))
    assert counted.enrolled == 120
    assert counted.enrolled == counted.admitted + sum(counted.refused.values())
    assert counted.admitted == counted.roles["development"] + counted.roles["external"]
    assert counted.roles["development"] == counted.split["train"] + counted.split["test"]
    for roles in counted.blocks.values():
        for role, counts in roles.items():
            assert sum(counts.values()) == counted.roles[role]


def test_refused_patients_are_counted_once_with_their_first_reason(run):
    counted = flow.count(_results(run))
    assert counted.refused == {"withdrawn": 1, "no_base": 1}  # made_up_run.make_consents
    assert counted.domains == {("genomics", "no_special"): 1}


def test_numbers_of_the_diagram_are_the_counted_ones(run):
    counted = flow.count(_results(run))
    drawn = [int(n) for n in re.findall(r"n = (\d+)<", flow.diagram(counted))]
    assert drawn == [
        counted.enrolled,
        sum(counted.refused.values()),
        counted.admitted,
        sum(counted.domains.values()),
        counted.roles["development"],
        counted.roles["external"],
    ]


def test_a_patient_lost_between_stations_stops_the_report(run):
    results = _results(run)
    results.patients.pop("P0001")
    with pytest.raises(ValueError, match="does not add up"):
        flow.count(results)


def test_development_patients_without_a_split_are_shown_as_such(run):
    results = _results(run)
    results.split.pop("P0001")
    assert flow.count(results).split["unassigned"] == 1


@pytest.mark.parametrize(
    ("verdict", "reasons", "outcome"),
    [
        ("pass", [], "used"),
        ("warn", ["coverage 18x"], "warned"),
        ("fail", ["truncated FASTQ"], "failed"),
        ("fail", ["sample S1: spun after 7.0 h (BLD-03)"], "custody"),
        ("missing", ["outside the scope of the consent"], "consent"),
        ("missing", ["not measured"], "none"),
    ],
)
def test_every_verdict_has_one_station(verdict, reasons, outcome):
    assert flow.outcome_of(verdict, reasons) == outcome


def test_reasons_of_the_gate_have_a_name(run):
    results = _results(run)
    keys = {flow.reason_of(row) for row in results.plan["refused"]}
    assert keys == {"no_base", "no_special", "scope"}
