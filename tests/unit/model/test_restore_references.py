"""Extraction references: they travel in the bundle and come back as they were, whatever became of the cohort."""

import json

import pytest

from scripts.core import job as core_job
from scripts.core.hashing import digest_of_file
from scripts.model import bundle, restore_references
from scripts.model.lock_bundle import keep
from scripts.model.references import FOLDER, differences, locked_settings, read_manifest
from tests.unit.model.bundles import written

REFERENCE = "results/metabolomics/lcms/reference/lcms.npz"
GENOME = "results/genomics/reference/genome.fa"


@pytest.fixture
def run_folder(tmp_path, monkeypatch, cohort, settings):
    """A run folder with a fit, references of its blocks and a genome; the current folder. Returns (folder, hash, chains)."""
    monkeypatch.chdir(tmp_path)
    name, _, _ = written(tmp_path, cohort, settings, refits=0)
    for path, text in ((REFERENCE, "learned"), (GENOME, "ACGT"), ("units.tsv", "unit\n")):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    chains = {
        "files": {"lcms": [REFERENCE], "gcms": ["not/there"]},
        "linked": {"ct": [GENOME]},
        "tables": {"clinical.units": "units.tsv"},
        "settings": {"metabolomics": {"lcms": {"ppm": 15}}},
        "code": {"lcms": "c1", "ct": "c2", "gcms": "c3"},
        "modality": {"lcms": "lcms", "ct": "ct", "gcms": "gcms"},
    }
    return tmp_path, keep(tmp_path / name, tmp_path / "bundles", chains), chains


def restore(folder, name, outputs):
    job = core_job.Named()
    job.rule, job.log, job.threads, job.wildcards = "restore_references", [], 1, core_job.Named()
    job.input, job.output = core_job.Named(), core_job.Named(outputs)
    job.params = core_job.Named(bundle=str(folder / "bundles" / name), root=str(folder))
    restore_references.main(job)


def test_only_what_the_model_uses_travels(run_folder):
    folder, name, _ = run_folder
    manifest = read_manifest(folder / "bundles" / name)
    assert manifest["blocks"] == {"ct": "ct", "lcms": "lcms"}
    assert list(manifest["files"]) == [REFERENCE] and list(manifest["linked"]) == [GENOME]
    assert (folder / "bundles" / name / FOLDER / "tables/clinical.units.tsv").is_file()
    bundle.load_bundle(folder / "bundles" / name, name)


def test_locked_references_come_back_though_the_cohort_changed(run_folder, monkeypatch):
    folder, name, _ = run_folder
    (folder / REFERENCE).write_text("learned anew")
    new = folder / "predictions" / "p"
    new.mkdir(parents=True)
    monkeypatch.chdir(new)
    restore(folder, name, [REFERENCE, GENOME])
    assert (new / REFERENCE).read_text() == "learned" and (new / GENOME).read_text() == "ACGT"


def test_another_genome_is_refused(run_folder, monkeypatch, capsys):
    folder, name, _ = run_folder
    (folder / GENOME).write_text("TTTT")
    (new := folder / "predictions").mkdir()
    monkeypatch.chdir(new)
    with pytest.raises(SystemExit):
        restore(folder, name, [REFERENCE, GENOME])
    assert "is not the file that the bundle was locked with" in capsys.readouterr().err
    assert not (new / REFERENCE).exists()


def test_flipped_byte_of_a_reference_is_refused(run_folder):
    folder, name, _ = run_folder
    (folder / "bundles" / name / FOLDER / REFERENCE).write_text("learneD")
    with pytest.raises(bundle.BundleError, match="changed since the lock: references/results"):
        bundle.load_bundle(folder / "bundles" / name, name)


def test_same_references_give_the_same_bundle_others_another(run_folder, monkeypatch):
    folder, name, chains = run_folder
    fit = next(p for p in folder.iterdir() if (p / "SHA256SUMS").is_file())
    assert keep(fit, folder / "bundles", chains) == name
    (folder / REFERENCE).write_text("learned anew")
    assert keep(fit, folder / "bundles", chains) != name
    assert digest_of_file(folder / "bundles" / name / FOLDER / REFERENCE)


def test_changed_extraction_code_is_said(run_folder):
    folder, name, chains = run_folder
    found = differences(folder / "bundles" / name, chains["code"] | {"ct": "other"})
    assert found == ["the code of the ct chain changed since the lock"]


def test_core_panel_is_that_of_development(tmp_path):
    path = tmp_path / "clinical.dictionary.tsv"
    path.write_text("feature\tdescription\nafp\tx\nalb\tx\n")
    settings = {"clinical": {"core_panel": ["afp", "pivka2", "alb"]}}
    assert locked_settings(settings, str(path))["clinical"]["core_panel"] == ["afp", "alb"]
    assert locked_settings(settings, "") == settings and json.dumps(settings)
