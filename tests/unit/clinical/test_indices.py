"""Clinical indices against worked values; sources stand at each value in
tests/data/golden_indices.yaml."""

from pathlib import Path

import numpy as np
import pytest
import yaml

from scripts.clinical import indices, staging

GOLDEN = yaml.safe_load(
    (Path(__file__).parents[2] / "data" / "golden_indices.yaml").read_text(encoding="utf-8")
)
CLASSES = {1: "A", 2: "B", 3: "C"}


def computed(index: str, given: dict):
    """The project's value for one golden entry, in the entry's own form."""
    values = list(given.values())
    if index in ("ALBI", "ALBI boundary"):
        score = indices.albi(*values)
        return [score, indices.albi_grade(score)]
    if index.startswith("Child-Pugh"):
        points = indices.child_pugh(*values, 1, 1)
        return [points, CLASSES[int(indices.child_pugh_class(points))]]
    if index == "aMAP":
        score = indices.amap(*values)
        return [score, indices.risk_class(score, 50, 60, above=True).capitalize()]
    if index == "PAGE-B":
        score = indices.page_b(*values)
        return [score, indices.risk_class(score, 10, 18)]
    if index == "mPAGE-B":
        score = indices.mpage_b(*values)
        return [score, indices.risk_class(score, 9, 13)]
    if index.startswith("eGFR"):
        return indices.egfr_2021(given["crea_mg"], given["age"], given["sex"] == "female")
    if index == "BMI":
        value = indices.bmi(*values)
        return [value, indices.bmi_class_zh(value)]
    if index == "BCLC/CNLC":
        return [staging.bclc(*values), staging.cnlc(*values)]
    if index == "Milan":
        return staging.within_milan(*values)
    function = {
        "FIB-4": indices.fib4,
        "APRI": indices.apri,
        "MELD(i)": indices.meld_i,
        "MELD-Na (UNOS)": indices.meld_na,
        "MELD 3.0": indices.meld3,
        "GALAD": indices.galad,
        "ASAP p": indices.asap,
        "REACH-B": indices.reach_b,
    }[index]
    return function(*values)


@pytest.mark.parametrize("entry", GOLDEN, ids=lambda e: f"{e['index']}-{e['expected']}")
def test_golden_value(entry):
    expected = entry["expected"]
    found = computed(entry["index"], entry["inputs"])
    pairs = zip(found, expected, strict=True) if isinstance(expected, list) else [(found, expected)]
    for value, wanted in pairs:
        if isinstance(wanted, str | bool):
            assert value == wanted
        else:
            assert float(value) == pytest.approx(wanted, abs=entry["tolerance"] or 1e-9)


def test_all_worked_values_are_there():
    assert len(GOLDEN) == 42


@pytest.mark.parametrize(
    ("function", "arguments"),
    [
        (indices.fib4, (55, 80, 60, 120)),
        (indices.apri, (80, 40, 120)),
        (indices.gpr, (100, 50, 120)),
        (indices.albi, (20, 38)),
        (indices.child_pugh, (20, 40, 1.1, 1, 1)),
        (indices.meld_i, (1.9, 4.2, 1.2, 0)),
        (indices.meld_na, (1.9, 4.2, 1.2, 125, 0)),
        (indices.meld3, (0, 2.5, 131, 1, 1.2, 3.8, 0)),
        (indices.egfr_2021, (1.0, 60, 0)),
        (indices.amap, (50, 1, 15, 42, 200)),
        (indices.asap, (60, 0, 20, 100)),
        (indices.galad, (65, 1, 20, 12, 5)),
        (indices.page_b, (55, 1, 150)),
        (indices.mpage_b, (55, 1, 150, 38)),
        (indices.reach_b, (55, 1, 60, 1, 5e5)),
        (indices.bmi, (70, 175)),
    ],
)
def test_index_with_any_missing_input_is_missing(function, arguments):
    assert np.isfinite(function(*arguments))
    obligatory = len(arguments) - (function in (indices.meld_i, indices.meld_na, indices.meld3))
    for position in range(obligatory):
        with_gap = [np.nan if i == position else a for i, a in enumerate(arguments)]
        assert np.isnan(function(*with_gap)), position


def test_logarithm_of_zero_is_missing_not_infinite():
    assert np.isnan(indices.asap_logit(60, 0, 0, 100))
    assert np.isnan(indices.galad(65, 1, 20, 12, 0))
    assert np.isnan(indices.fib4(55, 80, 60, 0))


def test_sodium_acts_only_above_eleven_after_rounding():
    # OPTN 2016: MELD(i) 11.4 rounds to 11, so low sodium changes nothing; 11.6 rounds to 12 and it
    # does.
    low = indices.meld_na(1.0, 1.4, 1.4, 125)
    assert low == indices.meld_na(1.0, 1.4, 1.4, 137) == 11
    assert indices.meld_na(1.0, 1.6, 1.4, 125) > indices.meld_na(1.0, 1.6, 1.4, 137) == 12


def test_creatinine_cap_is_four_in_meld_and_three_in_meld3():
    assert indices.meld_i(5, 2, 1.5) == indices.meld_i(4, 2, 1.5) > indices.meld_i(3, 2, 1.5)
    assert indices.meld3(0, 2, 130, 1.5, 4, 3) == indices.meld3(0, 2, 130, 1.5, 3, 3)
    assert indices.meld_i(1, 2, 1.5, 1) == indices.meld_i(4, 2, 1.5)  # dialysis


def test_scores_are_bounded_by_6_and_40():
    assert indices.meld_i(0.5, 0.5, 0.9) == pytest.approx(6.43)
    assert indices.meld3(0, 0.5, 140, 0.9, 0.5, 4.5) == 6
    assert indices.meld_na(9, 40, 9, 120) == indices.meld3(1, 40, 120, 9, 9, 1) == 40


def test_amap_is_high_only_above_sixty():
    assert indices.risk_class(60, 50, 60, above=True) == "intermediate"
    assert indices.risk_class(60.01, 50, 60, above=True) == "high"
    assert indices.risk_class(49.99, 50, 60, above=True) == "low"


def test_child_pugh_of_bilirubin_3_mg_dl_is_two_points_in_either_unit():
    # 3 x 17.1 = 51.300000000000004
    for bilirubin, points in ((3 * 17.1, 6), (51.3, 6), (51.4, 7)):
        assert indices.child_pugh(bilirubin, 36, 1.1, 1, 1) == points


def test_stage_without_any_lesion_is_none():
    assert staging.bclc(0, "A", 0, 0, False, False) == ""
    assert staging.cnlc(0, "A", 0, 0, False, False) == ""
    assert staging.within_milan(0, 0, False, False) is None


def test_stage_with_unknown_performance_is_unknown():
    assert staging.bclc(None, "A", 1, 2.0, False, False) == ""
    assert staging.cnlc(0, "A", float("nan"), 2.0, False, False) == ""
    assert staging.within_milan(None, 2.0, False, False) is None


def test_arrays_keep_their_shape():
    tbil, alb = np.array([20.0, np.nan, 17.1]), np.array([38.0, 40.0, 40.0])
    assert indices.albi(tbil, alb).shape == (3,)
    assert indices.albi_grade(indices.albi(tbil, alb)).tolist()[::2] == [2, 2]


@pytest.mark.parametrize(
    ("group", "scores", "groups"),
    [
        (
            indices.fib4_group,
            [1.44, 1.45, 3.25, 3.26, np.nan],
            [1, 2, 2, 3, np.nan],
        ),  # Sterling 2006
        (indices.amap_group, [49.9, 50, 60, 60.1], [1, 2, 2, 3]),  # Fan 2020
        (indices.page_b_group, [9, 10, 17, 18], [1, 2, 2, 3]),  # Papatheodoridis 2016
        (indices.mpage_b_group, [8, 9, 12, 13], [1, 2, 2, 3]),  # Kim 2018
    ],
)
def test_risk_group(group, scores, groups):
    np.testing.assert_array_equal(group(np.array(scores, dtype=float)), groups)
