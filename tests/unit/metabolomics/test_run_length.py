"""One run with a fault, and a whole cohort with it: right values or one message, and never a reference learned from it."""

from dataclasses import replace

import numpy as np
import pytest

from scripts.metabolomics.detect_lcms import load_features
from scripts.metabolomics.lcms_reference import load_reference
from scripts.metabolomics.run_length import usual_window
from tests.made_up_runs import lc_run, sampled, write_run

PLAN = ("QC1", "QC2", "M1", "M2", "QC3")


@pytest.fixture
def cohort(tmp_path, new_lc_chain):
    """A function (fault, all_runs, how it is written) -> chain of three QC runs and two patients; M2 has the fault."""

    def make(fault=None, all_runs=False, settings=None, **written):
        rows = []
        for order, name in enumerate(PLAN, start=1):
            bad = all_runs or name == "M2"
            spectra = lc_run(order, 30, 70)
            if bad and fault:
                spectra = fault(spectra)
            path = write_run(tmp_path / f"{name}.mzML", spectra, **(written if bad else {}))
            role = "qc" if name.startswith("QC") else "sample"
            rows.append(
                {"assay": name, "file": str(path), "patient": name if role == "sample" else ""}
                | {"role": role, "block": "lcms", "batch": "B1", "order": order}
                | {"development": role == "sample"}
            )
        chain = new_lc_chain(rows, **(settings or {}))
        chain.all()
        return chain

    return make


def verdict(chain, patient="M2"):
    status = chain.status(patient)
    block = status["blocks"]["lcms"]
    return block["verdict"], " ".join(block["reasons"])


def half_voltage(spectra):
    """Every second scan under another voltage that hardly lets ions under m/z 480 pass."""
    return [
        replace(s, voltage=-45.0)
        if k % 2 == 0
        else replace(s, voltage=-65.0, intensity=s.intensity * np.where(s.mz < 480, 0.05, 1.0))
        for k, s in enumerate(spectra)
    ]


def with_functions(spectra):
    """MSe and lock mass beside the survey, all called MS1."""
    out = []
    for k, s in enumerate(spectra):
        out.append(replace(s, id=f"function=1 process=0 scan={k + 1}"))
        fragments = {"mz": np.sort(s.mz * 0.5 + 20), "intensity": s.intensity * 0.4}
        out.append(
            replace(
                s, seconds=s.seconds + 0.5, id=f"function=2 process=0 scan={k + 1}", **fragments
            )
        )
        if k % 20 == 10:
            lock = {"mz": np.array([556.2771]), "intensity": np.array([5e6])}
            out.append(
                replace(s, seconds=s.seconds + 0.7, id=f"function=3 process=0 scan={k + 1}", **lock)
            )
    return out


REFUSED = {
    "milliseconds called seconds": (None, {"factor": 1000.0}, "unit of its times"),
    "no unit": (
        lambda x: [replace(s, seconds=30 * s.seconds) for s in x],
        {"unit": "none", "factor": 1 / 60},
        "no unit",
    ),
    "two voltages": (half_voltage, {}, "-65 V, -45 V"),
    "no polarity": (
        lambda x: [replace(s, polarity="") for s in x],
        {},
        "the file does not say whether",
    ),
    "both polarities": (
        lambda x: [replace(s, polarity=("positive", "negative")[k % 2]) for k, s in enumerate(x)],
        {},
        "positive and negative",
    ),
    "fewer spectra than announced": (lambda x: x[:35], {"declared": 70}, "announces 70"),
}


@pytest.mark.parametrize("fault", REFUSED)
def test_a_fault_is_refused_in_one_run_and_in_all(fault, cohort):
    change, written, words = REFUSED[fault]
    assert words in verdict(cohort(change, **written))[1]
    chain = cohort(change, all_runs=True, **written)
    assert chain.status("reference")["verdict"] == "fail"
    kind, reason = verdict(chain)
    assert kind == "fail" and words in reason and reason.startswith("M2:")


RIGHT = {
    "minutes": (None, {"unit": "minute", "factor": 1 / 60}),
    "milliseconds": (None, {"unit": "millisecond", "factor": 1000.0}),
    "profile called centroid": (lambda x: sampled(x, "centroid"), {}),
    "profile": (sampled, {}),
    "centroid called profile": (lambda x: [replace(s, label="profile") for s in x], {}),
    "MSe and lock mass": (with_functions, {}),
}


@pytest.mark.parametrize("fault", RIGHT)
def test_a_run_that_can_be_read_is_read_right(fault, cohort):
    change, written = RIGHT[fault]
    chain = cohort(change, **written)
    assert verdict(chain)[0] == "pass"
    counts = [load_features(chain.files[r]["features"])[0].size for r in ("M1", "M2")]
    assert abs(counts[1] - counts[0]) <= 0.05 * counts[0]
    one, other = (chain.row(patient)["lcms"] for patient in ("M1", "M2"))
    apart = [abs(other[name] - value) for name, value in one.items()]
    assert np.median(apart) < 0.2  # 8 % of scatter in each


@pytest.mark.parametrize("fault", ["milliseconds", "profile called centroid", "MSe and lock mass"])
def test_a_whole_cohort_that_can_be_read_teaches_the_same_reference(fault, cohort):
    change, written = RIGHT[fault]
    chain = cohort(change, all_runs=True, **written)
    assert verdict(chain)[0] == "pass"
    reference = load_reference(chain.path("reference.npz"))
    assert reference.name.size == 30 and reference.window == (0.0, 69.0)


@pytest.mark.parametrize(
    ("part", "share"),
    [(slice(0, 35), "51%"), (slice(35, 70), "51%"), (slice(0, 58), "84%")],
)
def test_a_part_of_a_run_fails_and_says_so(part, share, cohort):
    kind, reason = verdict(cohort(lambda x: x[part]))
    assert kind == "fail" and "aborted" in reason and share in reason


def test_a_hole_in_a_run_fails(cohort):
    kind, reason = verdict(cohort(lambda x: x[:25] + x[45:]))
    assert kind == "fail" and "interrupted" in reason


def test_a_cohort_of_aborted_runs_is_warned_of_or_fails_by_the_declared_method(cohort):
    chain = cohort(lambda x: x[:35], all_runs=True)
    kind, reason = verdict(chain)
    assert kind == "warn" and "were all runs aborted" in reason
    chain = cohort(lambda x: x[:35], all_runs=True, settings={"method_s": 69})
    assert chain.status("reference")["verdict"] == "fail"
    kind, reason = verdict(cohort(lambda x: x[:35], settings={"method_s": 69}))
    assert kind == "fail" and "of the 69 s that config method_s declares" in reason


def test_an_aborted_qc_run_teaches_nothing_and_is_named(cohort, tmp_path, new_lc_chain):
    chain = cohort()
    whole = load_reference(chain.path("reference.npz"))
    write_run(tmp_path / "QC2.mzML", lc_run(2, 30, 70)[:35])
    again = new_lc_chain(chain.runs)
    again.all()
    assert "QC2 is left out" in " ".join(again.status("reference")["reasons"])
    assert "QC2 is left out" in " ".join(again.status("batch_B1")["reasons"])
    reference = load_reference(again.path("reference.npz"))
    assert reference.window == whole.window and reference.name.size == whole.name.size


def test_the_usual_window_is_that_of_most_runs():
    runs = [np.arange(0.0, 90), np.arange(0.0, 90), np.arange(0.0, 45)]
    assert usual_window(runs) == (0.0, 89.0)
