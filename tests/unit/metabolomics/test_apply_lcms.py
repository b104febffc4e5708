import json
from pathlib import Path

import numpy as np
import pytest

from scripts.metabolomics.apply_lcms import score
from scripts.metabolomics.detect_lcms import load_features
from scripts.metabolomics.drift import Drift
from scripts.metabolomics.fit_lcms_batch import Batch, load_batch
from scripts.metabolomics.ion_chromatograms import load_centroids
from scripts.metabolomics.lcms_reference import load_reference


def block(chain, patient):
    return chain.status(patient)["blocks"]["lcms"]


def test_rows_follow_the_true_levels(lc_chain, lc_cohort):
    """Measured against simulated plasma: same compound over people, drift and batches taken off."""
    from scripts.demo.latent import generator
    from scripts.demo.metabolite_panel import LC_COMPOUNDS
    from scripts.demo.simulate_lcms import plasma
    from scripts.metabolomics.standards import feature_name

    people = [p for p in lc_cohort[0] if p.number != 4]
    truth = np.array([plasma(p, generator(5, "lcms sample", p.number)) for p in people])
    truth -= np.median(truth - np.median(truth, axis=0), axis=1)[:, None]
    for place, compound in enumerate(LC_COMPOUNDS):
        name = feature_name(compound.name)
        measured = [lc_chain.row(p.patient_id)["lcms"].get(name) for p in people]
        if None in measured or compound.spread < 0.8:
            continue
        difference = np.array(measured) - truth[:, place]
        assert np.std(difference) < 0.45, name
        assert np.corrcoef(measured, truth[:, place])[0, 1] > 0.9, name


def test_the_planted_failed_run_fails_with_its_patient(lc_chain):
    assert block(lc_chain, "P0005")["verdict"] == "fail"
    assert "failed run" in block(lc_chain, "P0005")["reasons"][0]
    assert lc_chain.row("P0005") == {}
    fail = [r for r in lc_chain.records("P0005") if r["verdict"] == "FAIL"]
    assert [(r["requirement_id"], r["subject"], r["block"]) for r in fail] == [
        ("OMX-02", "P0005", "lcms")
    ]


def test_others_pass_and_have_all_features(lc_chain):
    names = load_reference(lc_chain.path("reference.npz")).name.tolist()
    for patient in ("P0001", "P0002", "P0003", "P0004", "P0006", "P0007"):
        assert block(lc_chain, patient) == {"verdict": "pass", "reasons": []}
        row = lc_chain.row(patient)["lcms"]
        assert sorted(row) == sorted(names)
        assert sum(value is None for value in row.values()) <= 2


def test_a_run_scored_alone_equals_the_run_scored_with_others(lc_chain, lc_cohort, new_lc_chain):
    """One new external patient, with nothing but its own batch's QC runs and the frozen reference."""
    rows = lc_cohort[2]
    patient = next(r for r in rows if r["patient"] and not r["development"])
    own = [
        r
        for r in rows
        if r["batch"] == patient["batch"] and r["patient"] in ("", patient["patient"])
    ]
    chain = new_lc_chain(own)
    for run in own:
        chain.detect(run)
    for name in ("reference.npz", "reference.status.json"):
        Path(chain.path(name)).write_bytes(Path(lc_chain.path(name)).read_bytes())
    chain.fit_batch(patient["batch"])
    chain.apply(patient["patient"])
    alone, together = (c.row(patient["patient"])["lcms"] for c in (chain, lc_chain))
    assert alone == pytest.approx(together, abs=1e-9)


def test_dilution_is_taken_off(lc_chain, lcms):
    run = next(r for r in lc_chain.runs if r["patient"] == "P0001")
    files = lc_chain.files[run["assay"]]
    features, _ = load_features(files["features"])
    points = load_centroids(files["centroids"])
    reference = load_reference(lc_chain.path("reference.npz"))
    batch = load_batch(lc_chain.path("batch_LB1.npz"))
    plain = score(features, points, run["order"], reference, batch, lcms)
    diluted = type(points)(points.rt, points.mz, points.intensity / 2, points.scan)
    half = score(features, diluted, run["order"], reference, batch, lcms)
    assert half.dilution == pytest.approx(plain.dilution - 1, abs=1e-6)
    assert half.values == pytest.approx(plain.values, abs=1e-6, nan_ok=True)


def test_a_batch_without_qc_runs_is_not_corrected_and_warned(lc_chain, lcms, new_lc_chain):
    run = next(r for r in lc_chain.runs if r["patient"] == "P0001")
    chain = new_lc_chain([run])
    chain.files = lc_chain.files
    for name in ("reference.npz", "reference.status.json"):
        Path(chain.path(name)).write_bytes(Path(lc_chain.path(name)).read_bytes())
    chain.fit_batch("LB1")
    chain.apply("P0001")
    assert block(chain, "P0001")["verdict"] == "warn"
    assert "no usable QC run" in block(chain, "P0001")["reasons"][0]
    nothing = Batch(Drift(np.array([]), np.zeros((0, 50)), "level"), np.nan, np.nan)
    assert nothing.qcs == 0


def test_the_other_polarity_is_refused(lc_chain, new_lc_chain, tmp_path):
    run = next(r for r in lc_chain.runs if r["patient"] == "P0001")
    with np.load(lc_chain.files[run["assay"]]["features"]) as data:
        changed = {name: data[name] for name in data.files} | {"polarity": np.array("negative")}
    np.savez(tmp_path / "negative.npz", **changed)
    chain = new_lc_chain([run])
    chain.files = {
        run["assay"]: lc_chain.files[run["assay"]] | {"features": str(tmp_path / "negative.npz")}
    }
    for name in ("reference.npz", "reference.status.json", "batch_LB1.npz"):
        Path(chain.path(name)).write_bytes(Path(lc_chain.path(name)).read_bytes())
    chain.apply("P0001")
    assert block(chain, "P0001")["verdict"] == "fail"
    assert "polarity" in block(chain, "P0001")["reasons"][0]


def test_of_two_runs_of_a_patient_a_failed_one_is_left_out(lc_chain, new_lc_chain):
    rows = [dict(r) for r in lc_chain.runs if r["patient"] in ("P0002", "P0005")]
    for row in rows:
        row["patient"] = "P0002"
    chain = new_lc_chain(rows)
    chain.files = lc_chain.files
    for name in ("reference.npz", "reference.status.json", "batch_LB2.npz"):
        Path(chain.path(name)).write_bytes(Path(lc_chain.path(name)).read_bytes())
    chain.apply("P0002")
    assert block(chain, "P0002")["verdict"] == "warn"
    assert json.dumps(chain.row("P0002")) == json.dumps(lc_chain.row("P0002"))
