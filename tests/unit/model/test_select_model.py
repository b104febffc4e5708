"""What is said about a model: useful, useless, not separable."""

from scripts.model.select_model import judge


def entry(value, low, high):
    return {"status": "ASSESSED", "metrics": {"auc": {"value": value, "low": low, "high": high}}}


def test_interval_with_a_half_or_below_the_limit_is_no_useful_discrimination(settings):
    assert judge(entry(0.6, 0.45, 0.75), [], settings)["discrimination"] == "none"
    assert judge(entry(0.62, 0.55, 0.69), [], settings)["discrimination"] == "none"
    assert judge(entry(0.8, 0.7, 0.9), [], settings)["discrimination"] == "useful"


def test_without_any_negative_control_nothing_is_claimed(settings):
    assert judge(entry(0.8, 0.7, 0.9), [], settings)["separable_from_acquisition"] is None


def test_weaker_negative_control_leaves_the_model_standing(settings):
    auc = {"value": 0.65, "low": 0.55, "high": 0.75}
    control = {"model": "centre", "status": "ASSESSED", "auc": auc, "flag": True}
    assert judge(entry(0.8, 0.7, 0.9), [control], settings)["separable_from_acquisition"] is True


def test_nothing_to_judge(settings):
    assert judge(None, [], settings)["discrimination"] == "not_assessed"
