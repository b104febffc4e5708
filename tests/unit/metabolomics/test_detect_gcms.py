import numpy as np
import pytest

from scripts.core.job import InputDefect
from scripts.metabolomics.deconvolution import Component, find_components
from scripts.metabolomics.detect_gcms import batch_ladder, load_compounds
from scripts.metabolomics.mass_spectra import Centroids


def gc_run(peaks, seed=0):
    """A run of 2 scans/s from (seconds, {m/z: height}) on a noise of about 10."""
    rng = np.random.default_rng(seed)
    times = np.arange(0, 60, 0.5)
    scan, mz, height = [], [], []
    for place, time in enumerate(times):
        ions = {
            int(m): float(h)
            for m, h in zip(rng.integers(50, 400, 10), rng.uniform(5, 15, 10), strict=True)
        }
        for centre, spectrum in peaks:
            for mass, value in spectrum.items():
                ions[mass] = ions.get(mass, 0) + value * np.exp(-0.5 * ((time - centre) / 1.0) ** 2)
        for mass in sorted(m for m, value in ions.items() if value >= 1):
            scan.append(place)
            mz.append(mass + 0.1)
            height.append(ions[mass])
    return Centroids(times, np.array(scan, "int32"), np.array(mz), np.array(height, "float32"))


def test_two_compounds_three_seconds_apart_are_two_components(gcms):
    first = {100: 1e4, 150: 5e3, 200: 8e3, 73: 9e3}
    second = {110: 1e4, 160: 5e3, 210: 8e3, 74: 9e3}
    found = find_components(gc_run([(20.0, first), (23.0, second)]), gcms)
    assert [round(c.rt) for c in found] == [20, 23]
    assert set(first) <= set(found[0].mass.tolist()) and not set(second) & set(
        found[0].mass.tolist()
    )
    # area of a Gaussian: height * SD * sqrt(2 pi), smoothed and cut at 3 SD
    assert found[0].area_of(100) == pytest.approx(1e4 * np.sqrt(2 * np.pi), rel=0.05)
    assert np.isnan(found[0].area_of(333))


def test_noise_alone_gives_no_component(gcms):
    assert find_components(gc_run([]), gcms) == []


def test_named_compounds_of_a_demo_run(gc_chain):
    run = next(r for r in gc_chain.runs if r["role"] == "qc")
    found = load_compounds(gc_chain.files[run["assay"]]["compounds"])
    assert found.name.size >= 16
    assert {"lactic_acid_2tms", "cholesterol_tms", "glucose_5tms_meox"} <= set(found.name.tolist())
    # metabolite_panel.GC_LIBRARY_ONLY is in the library, in no run
    assert not {"norvaline_2tms", "ribitol_5tms", "fructose_5tms_meox"} & set(found.name.tolist())
    index = dict(zip(found.name.tolist(), found.index.tolist(), strict=True))
    assert index["citric_acid_4tms"] == pytest.approx(1823, abs=5)


def test_the_planted_truncated_file_fails_in_detection(gc_chain):
    run = next(r for r in gc_chain.runs if r["patient"] == "P0008")
    status = gc_chain.status(run["assay"])
    assert status["verdict"] == "fail" and "truncated" in status["reasons"][0]
    assert status["subject"] == "P0008"


def test_a_batch_without_ladder_is_a_defect(gcms):
    with pytest.raises(InputDefect, match="no ladder run"):
        batch_ladder([], [], "B1", gcms)


def test_component_area_of_missing_ion_is_missing():
    component = Component(1.0, np.array([50, 60]), np.array([1.0, 2.0]), np.array([3.0, 4.0]))
    assert component.area_of(60) == 4.0 and np.isnan(component.area_of(55))
