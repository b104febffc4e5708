import csv

import numpy as np
import pytest

from scripts.metabolomics.drift import fit_drift, leave_one_out, relative_sd
from scripts.metabolomics.normalisation import blank_ratio, dilution, nanmedian, to_reference_level

SPANS = [0.5, 0.75, 1.0, 2.0]


def test_relative_sd_by_hand():
    # 90, 100, 110: mean 100, SD 10
    values = np.log2(np.array([[90.0], [100.0], [110.0]]))
    assert relative_sd(values)[0] == pytest.approx(0.1)
    assert np.isnan(relative_sd(values[:2])[0])


def test_a_straight_drift_is_taken_off_and_held_at_the_ends():
    order = np.arange(1.0, 20, 3)
    values = np.column_stack([10 - 0.1 * order, 12 - 0.1 * order])
    drift = fit_drift(order, values, SPANS, 5)
    assert drift.method != "level"
    assert drift.at(8.0) == pytest.approx([10 - 0.8, 12 - 0.8], abs=0.02)
    assert drift.at(100.0) == pytest.approx(drift.at(order[-1]))


def test_few_qcs_or_no_order_give_the_level_only():
    values = np.array([[10.0], [11.0], [12.0]])
    assert fit_drift(np.arange(3.0), values, SPANS, 5).method == "level"
    six = np.repeat(values, 2, axis=0)
    assert fit_drift(np.full(6, np.nan), six, SPANS, 5).method == "level"
    assert fit_drift(np.arange(3.0), values, SPANS, 5).at(1.0)[0] == 11.0


def test_pure_noise_keeps_the_level():
    values = np.random.default_rng(0).normal(10, 0.1, (8, 200))
    assert fit_drift(np.arange(8.0), values, SPANS, 5).method in ("level", "2.0")


def test_no_qcs_leave_a_run_as_it_is():
    drift = fit_drift(np.array([]), np.zeros((0, 2)), SPANS, 5)
    values = np.array([1.0, 2.0])
    assert to_reference_level(values, drift.at(3.0), np.array([5.0, 5.0])) == pytest.approx(values)


def test_a_feature_that_no_qc_shows_takes_the_median_correction():
    level, drift = np.array([10.0, 10.0, 10.0]), np.array([9.0, 9.0, np.nan])
    assert to_reference_level(np.zeros(3), drift, level) == pytest.approx([1, 1, 1])


def test_dilution_is_the_median_quotient():
    level = np.array([10.0, 12.0, 14.0, 9.0])
    values = level + np.array([1.0, 1.0, 1.0, 5.0])
    assert dilution(values, level, np.ones(4, bool)) == pytest.approx(1.0)
    assert dilution(np.full(4, np.nan), level, np.ones(4, bool)) == 0.0


def refmat(testdata):
    """Areas (runs, features) and rows of the samples of the reference material run."""
    folder = testdata / "ms" / "plasma"
    with open(folder / "refmat_sample.csv") as handle:
        rows = list(csv.DictReader(handle))
    with open(folder / "refmat_data.csv") as handle:
        table = {
            line[0]: [float(x or 0) for x in line[1:]] for line in list(csv.reader(handle))[1:]
        }
    areas = np.array([table[row["sample"]] for row in rows])
    return np.where(areas > 0, areas, np.nan), rows


@pytest.mark.real
def test_drift_of_the_reference_material_on_held_out_qcs(testdata):
    # acceptance list of the data: median RSD of every third QC 0.130 before, <= 0.09 after
    areas, rows = refmat(testdata)
    qc = np.array([row["class"] == "QC" for row in rows])
    order = np.array([float(row["order"]) for row in rows])[qc]
    values = np.log2(areas[qc])
    held = np.arange(order.size) % 3 == 1
    drift = fit_drift(order[~held], values[~held], SPANS, 5)
    corrected = np.array([values[i] - drift.at(order[i]) for i in np.flatnonzero(held)])
    assert np.nanmedian(relative_sd(values[held])) == pytest.approx(0.130, abs=0.002)
    assert np.nanmedian(relative_sd(corrected)) <= 0.09
    assert np.nanmedian(relative_sd(leave_one_out(order, values, drift.method))) <= 0.10


@pytest.mark.real
def test_blank_filter_of_the_reference_material(testdata):
    # acceptance list of the data: 15.8 +- 1 % of the features above 0.2 (blank, solvent and zero runs)
    areas, rows = refmat(testdata)
    kind = np.array([row["class"] for row in rows])
    level = nanmedian(np.log2(areas[kind == "QC"]))
    ratio = blank_ratio(np.log2(areas[np.isin(kind, ["B", "SV", "Z"])]), level)
    assert 100 * np.mean(ratio[np.isfinite(level)] > 0.2) == pytest.approx(15.8, abs=1.0)
