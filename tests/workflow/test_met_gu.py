"""A real cohort of ready-made tables, from features to the report in one command."""

import json

import pandas as pd
import pytest

from tests.workflow.runs import run_snakemake


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
    run_snakemake(tmp_path, config=tmp_path / "config.yaml")
    performance = json.loads((tmp_path / "results" / "model" / "performance.json").read_text())
    chosen = performance["strategies"][performance["selected"]]
    assert 0.40 <= chosen["metrics"]["auc"]["value"] <= 0.70
    assert performance["verdict"]["discrimination"] == "none"
    assert performance["cohort"]["train"] == {"n": 84, "events": 42}
    external = tmp_path / "results" / "external" / "performance.json"
    assert not external.exists()  # nobody external: nothing to validate on
    report = (tmp_path / "results" / "report" / "report.html").read_text(encoding="utf-8")
    for plain in ("No useful discrimination: ", "没有有用的区分能力：", "no external patients"):
        assert plain in report, plain
