"""What is said about a model: useful, useless, not separable, leaked."""

import pytest

from scripts.model.verdicts import judge


def entry(value, low, high, blocks=("lcms",)):
    auc = {"value": value, "low": low, "high": high}
    return {"status": "ASSESSED", "metrics": {"auc": auc}, "blocks": list(blocks)}


def control(model="centre", separable=True, within=None, low=0.02, flag=True):
    """A line of confounding.judge_controls."""
    found = {"model": model, "status": "ASSESSED", "reason": "", "flag": flag, "n": 90}
    found |= {"auc": {"value": 0.8, "low": 0.7, "high": 0.9}, "separable": separable}
    found["difference"] = {"value": low + 0.05, "low": low, "high": low + 0.1}
    return found | {"within": within}


def test_interval_with_a_half_or_below_the_limit_is_no_useful_discrimination(settings):
    assert judge(entry(0.6, 0.45, 0.75), [], settings)["discrimination"] == "none"
    assert judge(entry(0.62, 0.55, 0.69), [], settings)["code"] == "no_discrimination"
    assert judge(entry(0.8, 0.7, 0.9), [], settings)["discrimination"] == "useful"


def test_without_any_negative_control_nothing_is_claimed(settings):
    assert judge(entry(0.8, 0.7, 0.9), [], settings)["separable_from_acquisition"] is None


def test_weaker_negative_control_leaves_the_model_standing(settings):
    found = judge(entry(0.8, 0.7, 0.9), [control("missing mask")], settings)
    assert found["separable_from_acquisition"] is True
    assert found["text_en"] == "Discriminates: AUC 0.80 (95 % CI 0.70-0.90)."


@pytest.mark.parametrize("leaks", [[], [{"block": "lcms", "feature": "bclc_code"}]])
def test_void_verdict_never_opens_with_praise(settings, leaks):
    found = judge(entry(0.95, 0.9, 0.99), [control(separable=False, low=-0.03)], settings, leaks)
    assert found["discrimination"] == "void"
    assert found["code"] == ("leak_suspected" if leaks else "not_separable")
    assert found["void"][-1] == "not_separable"
    assert found["text_en"].startswith("Leak suspected" if leaks else "Not separable")
    assert found["text_zh"].startswith("疑似" if leaks else "与采集方式无法区分")


def test_leak_of_a_block_that_the_model_does_not_use_is_not_its_own(settings):
    leak = [{"block": "ct", "feature": "size"}]
    assert judge(entry(0.8, 0.7, 0.9), [], settings, leak)["code"] == "discriminates"


def test_model_that_is_told_from_its_centres_by_them_is_worth_what_it_is_worth_within(settings):
    within = {"value": 0.75, "low": 0.6, "high": 0.87, "strata": 2, "patients": 90, "pairs": 300}
    found = judge(entry(0.9, 0.8, 0.95), [control(within=within)], settings)
    assert "within centres 0.75 (0.60-0.87)" in found["text_en"]
    weak = within | {"value": 0.6, "low": 0.52, "high": 0.68}
    found = judge(entry(0.9, 0.8, 0.95), [control(within=weak)], settings)
    assert found["code"] == "no_discrimination" and "within centres" in found["text_en"]


def test_nothing_to_judge(settings):
    assert judge(None, [], settings)["discrimination"] == "not_assessed"
