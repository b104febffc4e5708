"""Shared fixtures: where the real test data lie, and the skip when they do not."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
# As Snakemake does for a job of one thread; threads that wait for each other on a busy machine take ten times as long.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_name, "1")


@pytest.fixture(scope="session")
def testdata() -> Path:
    """Folder of the real files (HCC_OMICS_TESTDATA, default ../shared/data); skips the test where it is absent."""
    folder = Path(os.environ.get("HCC_OMICS_TESTDATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"real test data not at {folder}; set HCC_OMICS_TESTDATA")
    return folder
