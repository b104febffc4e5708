"""Opening a lock."""

import json

import pytest

from scripts.model import bundle, locked


def test_no_lock_and_empty_lock_say_why(tmp_path):
    path = tmp_path / "bundle.json"
    assert locked.open_lock(path, "", tmp_path)[2]["reason"] == "no model is locked"
    path.write_text(json.dumps({"bundle": None, "locked_at": None, "reason": "too few patients"}))
    model, _, lock = locked.open_lock(path, "", tmp_path)
    assert model is None and lock["reason"] == "too few patients"


def test_named_bundle_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(bundle.BundleError, match="no bundle at"):
        locked.open_lock(tmp_path / "bundle.json", "abc", tmp_path / "bundles")


def test_date_of_a_named_bundle_comes_from_the_log(tmp_path):
    (tmp_path / "locks").mkdir()
    (tmp_path / "locks" / "bundles.tsv").write_text(
        "bundle\tlocked_at\tversion\tgit\treason\nabc\t2026-01-02\t0\t\tx\n"
    )
    assert locked.locked_at(tmp_path / "bundles", "abc") == "2026-01-02"
