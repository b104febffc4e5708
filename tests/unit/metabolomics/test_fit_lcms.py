import csv
import shutil
from pathlib import Path

import numpy as np
import pytest

from scripts.metabolomics.candidates import Run
from scripts.metabolomics.detect_lcms import find_features, noise_level
from scripts.metabolomics.fit_lcms import fit
from scripts.metabolomics.ion_chromatograms import save_centroids
from scripts.metabolomics.lcms_reference import load_reference
from scripts.metabolomics.mass_spectra import read_ms1


def table_of(chain, suffix):
    with open(chain.path(f"reference.{suffix}.tsv")) as handle:
        return {row["feature"]: row for row in csv.DictReader(handle, delimiter="\t")}


def test_compounds_get_their_names_though_the_runs_are_shifted(lc_chain):
    quality = table_of(lc_chain, "quality")
    # the simulator's times of standards; the batches are shifted by up to 10 s
    for name in ("glycocholic_acid", "leucine", "isoleucine", "lpc_16_0", "valine", "betaine"):
        assert quality[name]["dropped"] == ""
    assert float(quality["leucine"]["rt"]) > float(quality["isoleucine"]["rt"])
    assert float(quality["valine"]["rt"]) > float(quality["betaine"]["rt"])


def test_contaminants_of_blanks_are_dropped(lc_chain):
    quality = table_of(lc_chain, "quality")
    blank = [name for name, row in quality.items() if row["dropped"] == "blank"]
    # metabolite_panel.CONTAMINANTS
    assert sorted(name.split("_")[0][:5] for name in blank) == [
        "mz149",
        "mz279",
        "mz338",
        "mz371",
        "mz391",
    ]


def test_unknown_features_are_named_by_mass_and_time_and_internal_standards_are_no_predictors(
    lc_chain,
):
    dictionary = table_of(lc_chain, "dictionary")
    unknown = [
        name for name in dictionary if name.startswith("mz363.21")
    ]  # cortisol is not in the table
    assert len(unknown) == 1 and "MSI level 4" in dictionary[unknown[0]]["description"]
    assert dictionary["octanoylcarnitine_d3"]["role"] == "qc"
    assert "level 2" in dictionary["caffeine"]["description"]
    stability = table_of(lc_chain, "stability")
    assert list(stability) == list(dictionary)
    assert all(float(row["stability"]) <= 0.3 for row in stability.values())


def test_external_runs_do_not_touch_the_reference(lc_chain, lc_cohort, new_lc_chain):
    _, folder, rows = lc_cohort
    inside = {row["batch"] for row in rows if row["development"]}
    chain = new_lc_chain([row for row in rows if row["batch"] in inside])
    chain.all(str(folder / "reference" / "metabolomics" / "standards.tsv"))
    for name in ("reference.npz", "reference.quality.tsv", "P0001.row.json"):
        assert Path(chain.path(name)).read_bytes() == Path(lc_chain.path(name)).read_bytes()


def test_without_qc_runs_a_warning_and_a_reference_from_samples(lc_cohort, new_lc_chain, lc_chain):
    rows = [row for row in lc_cohort[2] if row["role"] == "sample" and row["order"] != 4]
    chain = new_lc_chain(rows)
    chain.all()
    assert chain.status("reference")["verdict"] == "warn"
    assert load_reference(chain.path("reference.npz")).mz.size > 30
    assert chain.status("P0001")["blocks"]["lcms"]["verdict"] == "warn"
    assert any(
        "drift is not corrected" in r for r in chain.status("P0001")["blocks"]["lcms"]["reasons"]
    )


def test_nothing_to_learn_from_is_a_defect_and_fails_the_patients(lc_cohort, new_lc_chain, mzml):
    rows = [dict(row) for row in lc_cohort[2] if row["batch"] == "LB1"]
    for row in rows:
        row["file"] = str(mzml(level=2))
    chain = new_lc_chain(rows)
    chain.all()
    assert chain.status("reference")["verdict"] == "fail"
    patient = next(row["patient"] for row in rows if row["patient"])
    assert chain.status(patient)["blocks"]["lcms"]["verdict"] == "fail"
    assert chain.row(patient) == {}


def plasma(testdata, folder, lcms, names):
    """Runs of pooled plasma QCs as `fit` takes them."""
    runs = []
    for place, name in enumerate(names):
        run = read_ms1(testdata / f"ms/plasma/NZ_20200227_{name}.mzML.gz", name, lcms)
        noise = noise_level(run, lcms["ppm"], lcms["noise_quantile"])
        path = folder / f"{name}.npz"
        save_centroids(path, run, noise / 4)
        row = {"assay": name, "role": "qc", "batch": "B1", "order": place + 1}
        about = {
            "tic": float(np.median(run.total_ion_current())),
            "noise": noise,
            "polarity": run.polarity,
            "voltage": float("nan"),
            "times": run.rt,
        }
        runs.append(Run(row, find_features(run, noise, lcms), about, str(path)))
    return runs


@pytest.mark.real
def test_three_plasma_qc_runs(testdata, tmp_path, lcms):
    reference, table, *_ = fit(plasma(testdata, tmp_path, lcms, ("025", "027", "029")), [], lcms)
    assert len(table["feature"]) >= 85
    assert np.mean(table["rsd_before"] < 0.3) >= 0.6
    caffeine = np.argmin(np.abs(table["mz"] - 195.0877) + np.abs(table["rt"] - 182) / 1000)
    assert table["mz"][caffeine] == pytest.approx(195.0877, abs=0.003)
    assert table["rt"][caffeine] == pytest.approx(182, abs=3)
    assert reference.polarity == "positive"


@pytest.mark.real
@pytest.mark.long
def test_eleven_plasma_qc_runs(testdata, tmp_path, lcms):
    # acceptance list of the data: >= 85 features in >= 80 % of the QCs, >= 60 % of them with RSD < 0.30, missing after
    # gap fill < 0.5 %, caffeine 195.0877 at 182 +- 3 s with RSD <= 0.10
    names = ("025", "027", "029", "039", "049", "059", "069", "079", "089", "091", "093")
    _, table, *_ = fit(plasma(testdata, tmp_path, lcms, names), [], lcms)
    assert len(table["feature"]) >= 85 and (table["present"] >= 0.8).all()
    assert np.mean(table["rsd_before"] < 0.3) >= 0.6
    assert np.mean(table["rsd"] < 0.3) >= 0.6
    assert np.mean(table["missing_after_gap_fill"]) < 0.005
    caffeine = np.argmin(np.abs(table["mz"] - 195.0877) + np.abs(table["rt"] - 182) / 1000)
    assert table["rt"][caffeine] == pytest.approx(182, abs=3)
    assert table["rsd_before"][caffeine] <= 0.10


def test_same_runs_in_another_folder_give_the_same_bytes(
    lc_chain, lc_cohort, tmp_path, new_lc_chain
):
    _, folder, rows = lc_cohort
    moved = shutil.copytree(folder, tmp_path / "moved")
    rows = [row | {"file": row["file"].replace(str(folder), str(moved))} for row in rows]
    chain = new_lc_chain(rows)
    chain.all(str(moved / "reference" / "metabolomics" / "standards.tsv"))
    for name in ("reference.npz", "batch_LB1.npz", "P0002.row.json", "P0004.row.json"):
        assert Path(chain.path(name)).read_bytes() == Path(lc_chain.path(name)).read_bytes()
