"""A real cohort of ready-made tables, from features to validation in one command."""

import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.real
@pytest.mark.long
def test_met_gu_runs_from_tables_alone_and_is_called_useless(testdata, tmp_path):
    # 60 hcc and 60 cirrhosis patients, 39 serum metabolites (Zuo 2021); nothing separates them
    table = pd.read_csv(testdata / "tables" / "met_gu" / "met_gu.csv")
    (tmp_path / "cohort" / "features").mkdir(parents=True)
    diagnosis = table["HCC"].map({1: "hcc", 0: "cirrhosis"})
    patients = pd.DataFrame({"patient_id": table["subject"], "centre": "GU"})
    patients = patients.assign(diagnosis=diagnosis, role="development")
    patients.to_csv(tmp_path / "cohort" / "patients.tsv", sep="\t", index=False)
    table = table.drop(columns="HCC").rename(columns={"subject": "patient_id"})
    table.to_csv(tmp_path / "cohort" / "features" / "metabolites.tsv", sep="\t", index=False)
    (tmp_path / "config.yaml").write_text(
        "sheets: cohort\nconsent: {not_available: public data, document: met_gu}\n"
    )
    command = [sys.executable, "-m", "snakemake", "-s", str(ROOT / "Snakefile"), "--cores", "2"]
    command += ["--directory", str(tmp_path), "--configfile", str(tmp_path / "config.yaml"), "--"]
    targets = ["results/external/performance.json", "results/model/test.json"]
    done = subprocess.run([*command, *targets], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    performance = json.loads((tmp_path / "results" / "model" / "performance.json").read_text())
    chosen = performance["strategies"][performance["selected"]]
    assert 0.40 <= chosen["metrics"]["auc"]["value"] <= 0.70
    assert performance["verdict"]["discrimination"] == "none"
    assert performance["cohort"]["train"] == {"n": 84, "events": 42}
    external = json.loads((tmp_path / targets[0]).read_text())
    assert external["status"] == "NOT_ASSESSED"
    assert external["reason"] == "the cohort has no external patients"
