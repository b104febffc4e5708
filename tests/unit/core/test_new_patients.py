"""A folder of new patients: where it is worked on, with what settings; what is refused."""

import json
from pathlib import Path

import pytest

from scripts.core.config import ConfigError, default_config
from scripts.core.new_patients import enter, role_problems


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A run folder with a locked bundle and a folder of new patients beside it; the current folder."""
    run, sheets = tmp_path / "run", tmp_path / "new_batch"
    for folder in (run / "locks", run / "bundles" / "ab12" / "references", sheets):
        folder.mkdir(parents=True)
    locked = default_config()["metabolomics"]
    locked = json.loads(json.dumps(locked)) | {"standards": "cohort/standards.tsv"}
    locked["lcms"]["ppm"] = 7
    manifest = {
        "settings": {"metabolomics": locked},
        "tables": {"metabolomics.gcms.library": "tables/library.msp", "clinical.units": "u.tsv"},
        "files": {"results/a.npz": "d1"},
        "linked": {"results/b.fa": "d2"},
    }
    path = run / "bundles" / "ab12" / "references" / "manifest.json"
    path.write_text(json.dumps(manifest))
    (run / "locks" / "bundle.json").write_text('{"bundle": "ab12"}')
    monkeypatch.chdir(run)
    return run


def config_with(new):
    return default_config() | {"new": str(new)}


def test_locked_settings_win_and_the_folder_has_a_place_of_its_own(home):
    config = config_with("../new_batch")
    config["metabolomics"]["lcms"]["ppm"] = 99  # edited after the lock
    new = enter(config)
    assert config["metabolomics"]["lcms"]["ppm"] == 7
    assert config["metabolomics"]["standards"] == str(home / "cohort/standards.tsv")
    library = home / "bundles/ab12/references/tables/library.msp"
    assert config["metabolomics"]["gcms"]["library"] == str(library)
    assert config["sheets"] == str(home.parent / "new_batch")
    assert Path.cwd() == home / "predictions" / "new_batch"
    assert new.restored() == ["results/a.npz", "results/b.fa"] and new.bundle == "ab12"


def test_sheet_or_nothing_changes_nothing(home):
    config = config_with("new.tsv")
    assert enter(config) is None and config == config_with("new.tsv") and Path.cwd() == home


def test_without_a_lock_or_references_it_says_so(home):
    (home / "bundles/ab12/references/manifest.json").unlink()
    with pytest.raises(ConfigError, match="holds no references of extraction"):
        enter(config_with("../new_batch"))
    (home / "locks/bundle.json").unlink()
    with pytest.raises(ConfigError, match="no model is locked"):
        enter(config_with("../new_batch"))


def test_roles_fit_the_folder():
    rows = [
        {"role": "new", "diagnosis": "unknown"},
        {"role": "external", "diagnosis": "hcc"},
        {"role": "development", "diagnosis": "unknown"},
    ]
    new = role_problems(rows, [2, 3, 4], True)
    assert [(line, column) for line, column, *_ in new] == [
        (3, "role"),
        (4, "role"),
        (4, "diagnosis"),
    ]
    assert [(line, column) for line, column, *_ in role_problems(rows, [2, 3, 4], False)] == [
        (2, "role"),
        (4, "diagnosis"),
    ]
