"""Optimism, centres left out, learning curve and sample size in the report."""

import pytest

from scripts.report import internal, page
from scripts.report.results import Results
from tests.unit.report.made_up_run import make_internal


def words(section) -> str:
    rendered = page.render([section], title=section.title, language="en", head=HEAD)
    return rendered


HEAD = {"meta": page.same(""), "version": "0"}


def results(**parts) -> Results:
    return Results(patients={}, plan={"patients": {}, "blocks": {}}, **parts)


def test_corrected_values_centres_curve_and_sizes_are_shown():
    html = words(internal.section(results(internal=make_internal(60))))
    assert "Optimism (1000 bootstrap refits)" in html and "0.910 (0.860–0.960)" in html
    assert "Centre C1 left out" in html and "Prediction, another centre" in html
    assert "No clear gain in the last step: from 42 to 60 patients" in html
    assert "Fewer patients than advised: 60 in training, at least 3000" in html


@pytest.mark.parametrize("part", ["centres", "learning_curve"])
def test_part_that_could_not_be_made_keeps_its_reason(part):
    found = make_internal(60)
    found[part] = {"status": "NOT_ASSESSED", "reason": "one centre only"}
    html = words(internal.section(results(internal=found)))
    assert "one centre only" in html and "只有一个中心" in html


def test_without_refits_the_section_says_why():
    found = {"status": "NOT_ASSESSED", "reason": "too few patients"}
    assert "Not done: too few patients." in words(internal.section(results(internal=found)))


def test_fewer_than_three_centres_have_no_prediction():
    pooled = {"value": 0.9, "low": 0.8, "high": 0.95, "centres": 2}
    assert len(internal.pooled_rows(pooled, [{"n": 5, "events": 2}])) == 1
    assert internal.pooled_rows(None, []) == []
