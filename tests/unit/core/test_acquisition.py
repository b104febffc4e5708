from dataclasses import replace

import numpy as np
import pytest

from scripts.core.acquisition import (
    Judge,
    covered_share,
    cut_at_an_end,
    list_scans,
    polarity_of,
    survey_of,
    voltage_of,
)
from scripts.core.job import InputDefect
from scripts.core.mzml_scans import Scan
from tests.made_up_runs import lc_run, write_run

SETTINGS = {"min_run_s": 30, "max_run_s": 14400, "cycle_s": [0.02, 10], "unitless_run_s": 180}
JUDGE = Judge("R1", "OMX-02")


def scans(count=200, cycle=1.0, factor=1.0, start=0, **more):
    return [
        Scan(f"scan={start + k}", number=k * cycle, factor=factor, polarity="positive", **more)
        for k in range(count)
    ]


def waters(function, count=200, every=1.0, offset=0.0, **more):
    return [
        Scan(
            f"function={function} process=0 scan={k + 1}",
            number=k * every + offset,
            factor=1.0,
            **more,
        )
        for k in range(count)
    ]


@pytest.mark.parametrize(
    ("cycle", "count", "unit"),
    [
        (1.0, 1200, "seconds"),  # 20 minutes
        (1 / 60, 1200, "minutes"),
        (1000.0, 1200, "milliseconds"),
        (0.5 / 60, 7200, "minutes"),  # an hour
    ],
)
def test_a_missing_unit_is_told_by_scan_rate_and_length_together(cycle, count, unit):
    survey = survey_of(scans(count, cycle, float("nan")), SETTINGS, JUDGE)
    assert survey.guessed_unit == unit
    seconds = [survey.seconds[scan.id] for scan in survey.scans]
    assert 0.4 < np.median(np.diff(seconds)) < 1.1


@pytest.mark.parametrize(("cycle", "count"), [(0.5, 120), (1.0, 120), (0.1, 2000), (60.0, 10)])
def test_a_missing_unit_that_nothing_tells_is_refused(cycle, count):
    """0.5 over 60: a scan rate as in seconds, a length as in minutes. 0.1 over 200: both are possible."""
    with pytest.raises(InputDefect, match="no unit"):
        survey_of(scans(count, cycle, float("nan")), SETTINGS, JUDGE)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (scans(1200, 1000.0), "unit of its times is wrong"),  # milliseconds called seconds
        (scans(7200, 0.5 / 60), "unit of its times is wrong"),  # minutes called seconds: 120 Hz
        (scans(1200, 1.0, 60.0), "unit of its times is wrong"),  # seconds called minutes
        (scans(1200, 1.0, 1e-3), "span 1.2 s"),
        (scans(200) + [Scan("x", factor=1.0)], "1 of its 201 scans carry no time"),
        (scans(200) + [Scan("x", number=3.0)], "1 of its 201 scan times have no unit"),
        (scans(200, unit="day", factor=float("nan")), "'day'"),
        (scans(200, -1.0), "below 0"),
        (scans(2), "holds 2 MS1 scans"),
    ],
)
def test_times_that_cannot_be_those_of_a_run_are_refused(given, words):
    with pytest.raises(InputDefect, match=words):
        survey_of(given, SETTINGS, JUDGE)


def test_mse_and_lock_mass_are_left_out_by_energy_or_function_number():
    low, high = waters(1, energy=6.0), waters(2, offset=0.5, energy=30.0)
    lock = waters(3, 20, 10.0, 0.7)
    survey = survey_of(low + high + lock, SETTINGS, JUDGE)
    assert survey.scans == low
    assert "function 2" in survey.left_out and "lock mass" in survey.left_out
    without_energies = [replace(scan, energy=None) for scan in low + high]
    survey = survey_of(without_energies, SETTINGS, JUDGE)
    assert {scan.function for scan in survey.scans} == {1}
    # Agilent's all-ions mode: no function number, energies only
    survey = survey_of(scans(100) + scans(100, 1.0, start=500, energy=20.0), SETTINGS, JUDGE)
    assert len(survey.scans) == 100 and "collision energy 20" in survey.left_out


def test_functions_one_after_the_other_are_one_survey():
    survey = survey_of(waters(1, 100) + waters(2, 100, offset=100.0), SETTINGS, JUDGE)
    assert len(survey.scans) == 200 and not survey.left_out


def test_two_surveys_side_by_side_are_refused():
    low, high = (50.0, 400.0), (400.0, 1200.0)
    with pytest.raises(InputDefect, match="functions 1 and 2 both scan MS1"):
        survey_of(waters(1, window=low) + waters(2, offset=0.5, window=high), SETTINGS, JUDGE)
    with pytest.raises(InputDefect, match="functions 1 and 2"):
        survey_of(waters(1, energy=6.0) + waters(2, offset=0.5, energy=6.0), SETTINGS, JUDGE)


def test_polarity_and_voltage_of_a_run():
    assert polarity_of(scans(5), JUDGE, True) == "positive"
    unsaid = [Scan("a"), Scan("b")]
    assert polarity_of(unsaid, JUDGE, False) == "unknown"
    with pytest.raises(InputDefect, match="the file does not say .* converter"):
        polarity_of(unsaid, JUDGE, True)
    with pytest.raises(InputDefect, match="positive and negative"):
        polarity_of([*scans(5), Scan("n", polarity="negative")], JUDGE, True)
    assert voltage_of(scans(5), JUDGE) is None
    assert voltage_of(scans(5, voltage=-45.0), JUDGE) == -45.0
    with pytest.raises(InputDefect, match=r"\(-65 V, -45 V\)"):
        voltage_of(scans(5, voltage=-45.0) + scans(5, voltage=-65.0), JUDGE)
    with pytest.raises(InputDefect, match="none"):
        voltage_of(scans(5) + scans(5, voltage=-65.0), JUDGE)


def test_fewer_spectra_than_announced_and_twin_ids_are_refused(tmp_path):
    with pytest.raises(InputDefect, match="announces 40 spectra and holds 20"):
        list_scans(write_run(tmp_path / "a.mzML", lc_run(1, 3, 20), declared=40), JUDGE)
    twins = [replace(s, id="scan=1") for s in lc_run(1, 3, 20)]
    with pytest.raises(InputDefect, match="one id"):
        list_scans(write_run(tmp_path / "b.mzML", twins), JUDGE)


def test_peaks_at_an_end_against_an_even_spread():
    assert cut_at_an_end(np.linspace(20, 80, 50), 5.0, 0.0, 100.0) == 0.0
    assert cut_at_an_end(np.linspace(20, 99, 50), 5.0, 0.0, 100.0) > 0.9
    assert cut_at_an_end(np.array([]), 5.0, 0.0, 100.0) == 0.0


def test_share_of_a_time_that_scans_cover():
    whole = np.arange(0, 101.0)
    assert covered_share(whole, 0, 100) == 1.0
    assert covered_share(whole[:51], 0, 100) == pytest.approx(0.51)
    assert covered_share(whole[50:], 0, 100) == pytest.approx(0.51)
    with_hole = np.r_[whole[:31], whole[60:]]
    assert covered_share(with_hole, 0, 100) == pytest.approx(0.70)  # 30 of 100 s are missing
    assert covered_share(whole[::2], 0, 100) == 1.0  # half as many scans, the whole time
    assert covered_share(whole + 300, 0, 100) == 0.0
    assert covered_share(whole, float("nan"), float("nan")) == 1.0
