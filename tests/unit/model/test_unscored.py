"""Reasons that are true of patients who gave no figures."""

import pandas as pd
import pytest

from scripts.model.evaluation import assess, too_few
from scripts.model.unscored import among_scored, why_unscored
from scripts.report.page import reason

DESCRIPTION = {
    "features": [{"block": "lcms"}, {"block": "dia"}, {"block": "lcms"}],
    "settings": {"minimum_blocks": 1, "required_blocks": ["dia"]},
}


def refused(*reasons):
    return pd.DataFrame({"refused": list(reasons)}, index=[f"E{i}" for i in range(len(reasons))])


@pytest.mark.parametrize(
    ("reasons", "said"),
    [
        (
            ["below the minimum set of blocks: 0 usable, 1 needed"] * 3,
            "none of the 3 patients can be scored: 3 have fewer than 1 usable of the blocks that the model needs (dia, lcms)",
        ),
        (
            ["required block missing: dia"] * 2
            + ["below the minimum set of blocks: 0 usable, 1 needed"],
            "none of the 3 patients can be scored: 2 lack a required block (dia)",
        ),
        (
            ["under 18 years: not for children"],
            "none of the 1 patients can be scored: 1 x under 18 years",
        ),
        ([], "no patient is in a class of the outcome"),
        (["", "under 18 years"], ""),
    ],
)
def test_nobody_scored_has_the_reason_of_the_refusals(reasons, said):
    found = why_unscored(refused(*reasons), DESCRIPTION)
    assert found == said
    if found:
        assert reason(found).zh != found  # worded in Chinese too


def test_too_few_scored_says_of_how_many():
    small = too_few(pd.Series([1, 1, 0]).to_numpy(), 10)
    assert small == "too few patients (2 hcc, 1 controls; at least 10 of each)"
    found = among_scored(small, 3, 40)
    assert found == small + " among the 3 of 40 patients who can be scored"
    assert reason(found).zh != found
    assert among_scored(small, 40, 40) == small


def test_classes_are_called_by_their_names():
    y = pd.Series([1] * 3 + [0] * 20).to_numpy()
    entry = assess(y, y * 0.5, {}, {"minimum_class": 10, "classes": ["slow", "fast"]}, 1)
    assert entry["reason"] == "too few patients (3 fast, 20 slow; at least 10 of each)"
