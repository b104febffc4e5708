"""Three omics and three subtypes of real patients, from tables to external validation in one command."""

import json

import pytest

from tests.methods.checks_outcomes import figures_of, run, write_breast_cohort


@pytest.mark.real
@pytest.mark.long
def test_three_subtypes_run_from_tables_alone_and_outside_without_proteins(testdata, tmp_path):
    # mixOmics' breast.TCGA, training part: 45 Basal, 30 Her2, 75 LumA (docs/validation.md has the figures)
    config = write_breast_cohort(testdata / "tables" / "breast_tcga", tmp_path)
    done = run(tmp_path, config, "results/external/performance.json")
    assert done.returncode == 0, done.stderr[-2000:]
    found = figures_of(tmp_path)
    assert found["n"] == 100 and found["scored_outside"] == found["admitted_outside"] == 50
    assert found["error_of_late"] <= 0.10 and found["error_outside"] <= 0.15
    outside = json.loads((tmp_path / "results/external/performance.json").read_text())
    assert outside["outcome"]["classes"] == ["Basal", "Her2", "LumA"]
    assert {name: own["n"] for name, own in outside["pooled"]["per_class"].items()} == {
        "Basal": 15,
        "Her2": 10,
        "LumA": 25,
    }
