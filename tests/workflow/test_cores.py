"""The number of cores changes nothing but the time: same results, Parquet and bundle byte by byte."""

import pytest

from tests.compare import differences
from tests.workflow.runs import run_snakemake, write_table_cohort


@pytest.mark.long
def test_one_core_and_two_cores_give_equal_results(tmp_path):
    for cores in ("1", "2"):
        (tmp_path / cores).mkdir()
        config = write_table_cohort(tmp_path / cores)
        run_snakemake(tmp_path / cores, "--cores", cores, config=config)
    for name in ("results", "locks", "bundles"):
        found = differences(tmp_path / "1" / name, tmp_path / "2" / name)
        assert not found, "\n".join(found)
    models = [path for path in (tmp_path / "1").rglob("*") if path.suffix in (".parquet", ".skops")]
    assert len(models) > 5
    for path in models:
        other = tmp_path / "2" / path.relative_to(tmp_path / "1")
        assert path.read_bytes() == other.read_bytes(), path.name
