"""Tables with dictionaries, bundles without patients."""

import zipfile
from pathlib import Path

import pandas as pd
import pytest

from scripts.report.stored_files import bundles_hold_no_patient, tables_have_dictionaries


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "results/features").mkdir(parents=True)
    (tmp_path / "bundles/abc").mkdir(parents=True)
    table = pd.DataFrame({"a": [1.0], "b": [2.0]}, index=pd.Index(["P0001"], name="patient_id"))
    table.to_parquet(tmp_path / "results/features/ct.parquet")
    return tmp_path


def test_table_needs_the_dictionary_of_its_own_columns(folder):
    assert tables_have_dictionaries()[:2] == ("FAIL", "ct has no dictionary")
    path = folder / "results/features/ct.features.tsv"
    path.write_text("feature\trole\na\tpredictor\n")
    assert "columns are not those" in tables_have_dictionaries()[1]
    path.write_text("feature\trole\na\tpredictor\nb\tpredictor\n")
    assert tables_have_dictionaries()[:2] == ("NOT_ASSESSED", "no feature is described: ct")
    path.write_text("feature\tdescription\na\tvolume\nb\t\n")
    assert tables_have_dictionaries()[:2] == ("WARN", "features described: ct 1 of 2")
    path.write_text("feature\tdescription\na\tvolume\nb\tmean\n")
    verdict, reason, number = tables_have_dictionaries()
    assert (verdict, number) == ("PASS", 1) and reason.startswith("sha256 over all tables ")


def test_run_without_tables_or_bundles_says_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert tables_have_dictionaries() is None and bundles_hold_no_patient({"P0001"}) is None


def test_patient_in_a_bundle_is_found_in_texts_and_archives_and_never_repeated(folder):
    (folder / "bundles/abc/model.json").write_text('{"feature": "XP0001", "n": 12}')
    assert bundles_hold_no_patient({"P0001"})[0] == "PASS"
    with zipfile.ZipFile(folder / "bundles/abc/model.skops", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("schema.json", '{"rows": ["P0001"]}')
    verdict, reason, number = bundles_hold_no_patient({"P0001"})
    assert (verdict, number) == ("FAIL", 2)
    assert "model.skops" in reason and "P0001" not in reason


def test_ids_that_could_be_any_word_are_not_searched_for(folder):
    (folder / "bundles/abc/model.json").write_text("12")
    assert bundles_hold_no_patient({"12", "A1"})[0] == "NOT_ASSESSED"
