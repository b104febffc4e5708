"""The made-up run as a fixture."""

import pytest

from tests.unit.report.made_up_run import Run


@pytest.fixture
def run(tmp_path, monkeypatch) -> Run:
    """An empty run folder, which is the working directory."""
    monkeypatch.chdir(tmp_path)
    return Run(tmp_path)
