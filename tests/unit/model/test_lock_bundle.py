"""Locking: versions stand side by side, the log only grows."""

import pytest

from scripts.model import lock_bundle
from scripts.model.lock_bundle import LOG_COLUMNS, append_line, git_commit


def test_log_only_grows(tmp_path):
    path = tmp_path / "locks" / "bundles.tsv"
    for name in ("a", "b"):
        append_line(path, LOG_COLUMNS, dict.fromkeys(LOG_COLUMNS, name))
    lines = path.read_text().splitlines()
    assert lines[0].split("\t") == LOG_COLUMNS
    assert [line.split("\t")[0] for line in lines[1:]] == ["a", "b"]


def test_commit_is_read_without_git(tmp_path):
    assert git_commit(tmp_path) == ""
    (tmp_path / ".git" / "refs").mkdir(parents=True)
    (tmp_path / ".git" / "HEAD").write_text("ref: refs/main\n")
    (tmp_path / ".git" / "refs" / "main").write_text("0123456789abcdef\n")
    assert git_commit(tmp_path) == "0123456789ab"


def test_new_version_needs_a_reason(tmp_path):
    from scripts.core import job as core_job

    (tmp_path / "bundle.json").write_text('{"status": "ASSESSED"}')
    job = core_job.Named()
    job.rule, job.log, job.threads, job.wildcards = "relock_bundle", [], 1, core_job.Named()
    job.input, job.output = core_job.Named(fit=str(tmp_path)), core_job.Named()
    job.params = core_job.Named(relock=True, reason=" ")
    with pytest.raises(SystemExit):
        lock_bundle.main(job)
