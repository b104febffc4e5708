"""Other seeds of the demo, cut to six people: what is planted in them is found, and nothing else fails."""

import pytest

from tests.workflow.planted import missed, rows_of, strange
from tests.workflow.runs import ROOT, run_snakemake

CONFIG = ROOT / "config/demo/config.yaml"


@pytest.mark.long
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_planted_findings_of_six_people(tmp_path, seed):
    cut = f"demo={{'seed': {seed}, 'raw_patients': 6, 'table_patients': 0}}"
    run_snakemake(tmp_path, "make_cohort", "--config", cut, config=CONFIG)
    run_snakemake(tmp_path, "--config", cut, config=CONFIG)
    assert len(rows_of(tmp_path / "cohort/expected_findings.tsv")) > 5
    assert missed(tmp_path) == []
    assert strange(tmp_path) == []
