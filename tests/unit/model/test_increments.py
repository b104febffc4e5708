"""What one score adds to another."""

import numpy as np
import pandas as pd
import pytest

from scripts.model.increments import compare, fusion_verdict, increments, pairs

# Six patients, worked by hand in the tests.
Y = [1, 1, 1, 0, 0, 0]
OURS = [0.9, 0.8, 0.4, 0.6, 0.2, 0.1]
OTHER = [0.6, 0.9, 0.3, 0.7, 0.4, 0.1]


def frame(values, label=Y):
    index = [f"P{i}" for i in range(len(values))]
    return pd.DataFrame({"label": label, "probability": values}, index=index)


@pytest.fixture
def small(settings):
    return {**settings, "minimum_class": 3}


def test_nri_idi_and_net_benefit_worked_by_hand(small):
    found = compare(frame(OURS), frame(OTHER), 0.5, small, seed=1)
    # events: up, down, up = 1/3; others: down, down, equal = 2/3
    assert found["nri"]["events"]["value"] == pytest.approx(1 / 3)
    assert found["nri"]["others"]["value"] == pytest.approx(2 / 3)
    assert found["nri"]["total"]["value"] == pytest.approx(1.0)
    # mean of events .7 - .6, of others .3 - .4: gain .1 + .1
    assert found["idi"]["value"] == pytest.approx(0.2)
    # at .5: ours 2 true, 1 false; other 2 true, 1 false
    assert found["net_benefit"][-1]["threshold"] == 0.5
    assert found["net_benefit"][-1]["delta"]["value"] == pytest.approx(0.0)
    # at .3, odds 3/7: ours 3 true 1 false, other 3 true 2 false, difference 3/7 of 6 patients
    assert found["net_benefit"][2]["delta"]["value"] == pytest.approx(3 / 7 / 6)
    assert "no evidence by themselves" in found["note"]


def test_published_score_is_compared_by_its_own_call(small):
    found = compare(frame(OURS), frame([1, 0, 1, 1, 0, 0]), 0.5, small, seed=1, calls=True)
    assert found["nri"] is None and found["idi"] is None
    # the call stays 2 true, 1 false at every threshold; ours at .1: 3 true, 3 false; odds 1/9
    first = found["net_benefit"][0]
    assert first["baseline"] == pytest.approx((2 - 1 / 9) / 6)
    assert first["value"] == pytest.approx((3 - 3 / 9) / 6)


def test_only_patients_with_both_scores_are_compared(small):
    found = compare(
        frame(OURS), frame(OTHER).drop(index=["P1"]), 0.5, {**small, "minimum_class": 2}, 1
    )
    assert (found["n"], found["events"]) == (5, 2)
    assert compare(frame(OURS), frame(OTHER).iloc[:2], 0.5, small, 1) is None


def strategies(**aucs):
    kinds = {
        "late": "fusion",
        "early": "fusion",
        "ct": "block",
        "afp": "baseline",
        "galad": "baseline",
    }
    return {
        name: {"kind": kinds[name], "status": "ASSESSED", "metrics": {"auc": {"value": value}}}
        for name, value in aucs.items()
    }


def test_each_level_meets_every_block_and_baseline_once():
    found = pairs(strategies(late=0.8, early=0.7, ct=0.8, afp=0.6), "ct")
    assert len(found) == len(set(found))
    assert {("ct", "late"), ("late", "afp"), ("early", "afp"), ("late", "ct")} <= set(found)
    assert ("afp", "late") not in found


def drawn(effects, n=200):
    rng = np.random.default_rng(0)
    label = np.arange(n) % 2
    parts = []
    for name, effect in effects.items():
        p = 1 / (1 + np.exp(-(effect * (label - 0.5) + rng.normal(0, 1, n))))
        index = [f"P{i}" for i in range(n)]
        parts.append(
            pd.DataFrame({"patient_id": index, "strategy": name, "label": label, "probability": p})
        )
    return pd.concat(parts)


def test_verdict_says_plainly_whether_fusion_wins(settings):
    known = strategies(late=0.9, ct=0.8, afp=0.6)
    lines = increments(drawn({"late": 4, "ct": 1, "afp": 0.5}), known, "late", 0.5, settings, 1)
    won = fusion_verdict(lines, known, "late")
    assert sorted(won["better"]) == ["afp", "ct"]
    assert (
        won["text_en"]
        == "Fusion (late) beats every single block and baseline it could be compared with (2)."
    )
    lines = increments(drawn({"late": 1, "ct": 3, "afp": 1}), known, "ct", 0.5, settings, 1)
    lost = fusion_verdict(lines, known, "ct")
    assert lost["worse"] == ["ct"]
    assert lost["text_en"].startswith(
        "Fusion (late) does not win: of 2 single blocks and baselines"
    )
    assert "未能胜出" in lost["text_zh"]


def test_nothing_to_compare_is_said():
    assert fusion_verdict([], {}, None)["text_en"] == "Fusion could not be assessed."


def test_difference_in_net_benefit_varies_with_the_share_of_events(small):
    # all events found by ours alone, no false positive: the difference is the share of events, 3 of 6
    found = compare(frame([0.9, 0.9, 0.9, 0.1, 0.1, 0.1]), frame([0.2] * 6), 0.5, small, seed=1)
    delta = found["net_benefit"][-1]["delta"]
    assert delta["value"] == 0.5 and delta["low"] < 0.3 and delta["high"] > 0.7


def test_linked_patients_widen_the_difference(small):
    tables = drawn({"late": 2, "ct": 1})
    one, other = (own.set_index("patient_id") for _, own in tables.groupby("strategy"))
    place = np.arange(200) % 100  # the first hundred patients, each twice
    one, other = (table.iloc[place].set_axis(one.index) for table in (one, other))
    groups = pd.Series(place.astype(str), index=one.index)
    blind = compare(one, other, 0.5, small, 1)
    found = compare(one, other, 0.5, small, 1, groups=groups)
    for name in ("delta_auc", "idi"):
        widths = [line[name]["high"] - line[name]["low"] for line in (blind, found)]
        assert widths[1] > 1.2 * widths[0]
    assert found["p_delong"] > blind["p_delong"]
