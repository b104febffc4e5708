"""Operating points: whose calls the figures describe."""

from scripts.report.operating import operating_points
from scripts.report.page import text
from tests.unit.report.made_up_run import make_entry


def test_calls_at_the_threshold_of_a_pattern_are_counted_below_the_table():
    entry = make_entry(0.9, 60, "fusion", ["ct"])
    caption = text("performance.operating")
    assert operating_points(entry, caption).notes == []
    entry["thresholds"]["youden"]["own_threshold"] = 7
    assert operating_points(entry, caption).notes == [text("performance.own_threshold", n=7)]
