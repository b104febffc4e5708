import dataclasses
import hashlib

import numpy as np
import pytest

from scripts.demo.latent import make_people
from scripts.demo.mzml_writer import Spectrum, write_mzml
from scripts.demo.protein_panel import PANEL
from scripts.demo.simulate_proteomics import ihc_rows, protein_levels, simulate
from scripts.demo.synthetic_peptides import fragments

SEED = 11


def digests(folder):
    return {
        str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in sorted(folder.rglob("*"))
        if p.is_file()
    }


def simulated(tmp_path, name, raw=9, table=0, mess=True):
    folder = tmp_path / name
    found = simulate(make_people(SEED, raw, table), folder, SEED, mess)
    return found, digests(folder), folder


def test_same_seed_gives_the_same_bytes_and_more_people_change_nobody(tmp_path):
    few, again, more = (simulated(tmp_path, n, raw)[1] for n, raw in (("a", 4), ("b", 4), ("c", 9)))
    assert few == again
    assert all(
        more[name] == digest for name, digest in few.items() if not name.endswith("report.tsv")
    )


def test_mess_and_clean_twin_differ_in_the_planted_defects_only(tmp_path):
    mess, dirty, folder = simulated(tmp_path, "mess")
    clean, twin, _ = simulated(tmp_path, "clean", mess=False)
    assert clean.findings == []
    assert {name for name in dirty if dirty[name] != twin[name]} == {
        "raw/dda/P0007.mzML",
        "raw/dia/report.tsv",
    }
    planted = {(f["subject"], f["block"], f["requirement_id"]) for f in mess.findings}
    assert planted == {
        ("P0007", "dda", "OMX-03"),
        ("P0009", "dia", "OMX-03"),
        ("P0001", "ihc", "QCP-03"),
    }
    assert mess.assays == clean.assays
    changed = [a for a, b in zip(mess.sheets["ihc"], clean.sheets["ihc"], strict=True) if a != b]
    assert {(row["patient_id"], row["marker"]) for row in changed} == {("P0001", "GPC3")}
    assert all((folder / row["file"]).is_file() for row in mess.assays)


def test_every_run_has_at_least_150_fragment_spectra(tmp_path):
    _, found, folder = simulated(tmp_path, "clean", mess=False)
    for path in (folder / "raw" / "dda").iterdir():
        assert path.read_text().count('name="ms level" value="2"') >= 150


def test_protein_levels_follow_the_latent_value():
    person = make_people(SEED, 1, 0)[0]
    low, high = (
        dataclasses.replace(person, latent={**person.latent, "dda": value}) for value in (0.0, 2.0)
    )
    a, b = protein_levels(low, "dda", SEED), protein_levels(high, "dda", SEED)
    effect = {p.accession: p.effect for p in PANEL}
    assert all(b[k] - a[k] == pytest.approx(2 * effect[k]) for k in a)


def test_panel_has_unique_real_style_accessions():
    assert len({p.accession for p in PANEL}) == len({p.gene for p in PANEL}) == len(PANEL)
    assert 60 <= len(PANEL) <= 100


def test_y1_of_a_peptide_that_ends_in_lysine_is_147_113():
    # y1 of K: 128.09496 + 18.01056 + 1.00728 = 147.1128 (any fragment table)
    found = [fragments("PEPTIDEK", np.random.default_rng(i))[0] for i in range(9)]
    assert any(np.abs(mz - 147.1128).min() < 0.002 for mz in found)


def test_readers_of_one_marker_agree_where_nothing_is_planted():
    for person in [p for p in make_people(SEED, 12, 0) if "ihc" in p.modalities]:
        rows = ihc_rows(person, SEED, False)
        for first, second in zip(rows[::2], rows[1::2], strict=True):
            assert first["marker"] == second["marker"] and first["intensity"] == second["intensity"]
            assert abs(first["percent"] - second["percent"]) <= 20


def test_mzml_is_read_back_by_pyopenms(tmp_path):
    import pyopenms as oms

    write_mzml(
        tmp_path / "x.mzML",
        [
            Spectrum(1, 1.5, np.array([400.12345]), np.array([10.0])),
            Spectrum(2, 2.5, np.array([200.1, 300.2]), np.array([5.0, 6.0]), 400.12345, 2),
        ],
    )
    run = oms.MSExperiment()
    oms.MzMLFile().load(str(tmp_path / "x.mzML"), run)
    survey, fragment = list(run)
    assert (survey.getMSLevel(), survey.getRT()) == (1, 1.5)
    assert survey.get_peaks()[0][0] == 400.12345
    precursor = fragment.getPrecursors()[0]
    assert (precursor.getMZ(), precursor.getCharge()) == (400.12345, 2)
    assert list(fragment.get_peaks()[1]) == [5, 6]
