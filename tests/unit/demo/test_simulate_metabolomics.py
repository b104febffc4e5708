import hashlib

import pytest

from scripts.core.sheets import schema_of
from scripts.demo.latent import make_people, with_raw
from scripts.demo.metabolite_panel import LC_COMPOUNDS
from scripts.demo.simulate_metabolomics import simulate

SEED = 3


def cohort(folder, people, mess):
    found = simulate(people, folder, SEED, mess)
    files = {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
    return found, files


@pytest.fixture(scope="module")
def twins(tmp_path_factory):
    people = make_people(SEED, 8, 2)
    return [
        cohort(tmp_path_factory.mktemp(name), people, name == "mess") for name in ("mess", "clean")
    ]


def test_the_same_seed_gives_the_same_bytes_and_more_people_change_nobody(twins, tmp_path):
    _, files = cohort(tmp_path, make_people(SEED, 5, 0), True)
    own = {name: digest for name, digest in files.items() if "/P0" in name}
    assert own and own.items() <= twins[0][1].items()


def test_the_twins_differ_in_the_planted_defects_only(twins):
    (messy, files), (clean, clean_files) = twins
    assert clean.findings == [] and sorted(files) == sorted(clean_files)
    differing = [name for name in files if files[name] != clean_files[name]]
    assert differing == ["raw/gcms/GB1/P0008.mzML.gz", "raw/lcms/LB2/P0005.mzML.gz"]
    assert {(f["subject"], f["block"]) for f in messy.findings} == {
        ("P0005", "lcms"),
        ("P0008", "gcms"),
    }


def test_rows_fit_the_sheet_and_every_batch_has_its_own_controls(twins):
    assays = twins[0][0].assays
    known = schema_of("assays")["properties"]
    assert all(set(row) <= set(known) for row in assays)
    people = make_people(SEED, 8, 2)
    for modality in ("lcms", "gcms"):
        own = [row for row in assays if row["modality"] == modality]
        assert sum("patient_id" in row for row in own) == len(with_raw(people, modality))
        for batch in {row["batch"] for row in own}:
            roles = [row["sample_role"] for row in own if row["batch"] == batch]
            assert roles.count("qc") >= 2 and ("blank" in roles or "ladder" in roles)
            orders = [row["run_order"] for row in own if row["batch"] == batch]
            assert len(orders) == len(set(orders))


def test_masses_of_the_panel():
    # PubChem exact mass + 1.00727646
    masses = {c.name: c.mz for c in LC_COMPOUNDS}
    assert masses["Caffeine"] == pytest.approx(195.08765, abs=1e-4)
    assert masses["Glycocholic acid"] == pytest.approx(466.31631, abs=1e-4)
    assert masses["LPC 16:0"] == pytest.approx(496.33977, abs=1e-4)
