import csv
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from scripts.metabolomics import assess_dispersion
from scripts.metabolomics.assess_dispersion import d_ratios
from scripts.metabolomics.drift import relative_sd
from tests.unit.metabolomics.conftest import make_job


def test_d_ratio_by_hand():
    # log2 areas 9, 10, 11, 12, 13: MAD 1, robust SD 1.4826; RSD 0.1 is 0.1 / ln 2 on the log2 scale
    samples = pd.DataFrame(
        {"a": [9.0, 10, 11, 12, 13], "flat": 10.0, "few": [9.0, 10] + [np.nan] * 3}
    )
    rsd = pd.Series({"a": 0.1, "flat": 0.1, "few": 0.1, "unknown": np.nan})
    ratio = d_ratios(samples, rsd)
    assert ratio["a"] == pytest.approx(0.1 / np.log(2) / 1.4826)
    assert ratio[["flat", "few", "unknown"]].isna().all()


def assess(chain, patients, tmp_path) -> tuple[list[dict], dict]:
    inputs = {
        "rows": [chain.path(f"{p}.row.json") for p in patients],
        "statuses": [chain.path(f"{p}.status.json") for p in patients],
        "stability": chain.path("reference.stability.tsv"),
    }
    names = ("dispersion", "status", "ledger")
    output = {name: str(tmp_path / name) for name in names}
    block = chain.runs[0]["block"]
    assess_dispersion.main(make_job("assess_dispersion", inputs, output, {}, {"block": block}))
    with open(tmp_path / "dispersion", encoding="utf-8") as handle:
        rows = list(csv.DictReader(handle, delimiter="\t"))
    return rows, json.loads(Path(tmp_path / "ledger").read_text().splitlines()[0])


def test_pooled_qcs_scatter_less_than_people(lc_chain, tmp_path):
    patients = sorted({row["patient"] for row in lc_chain.runs if row["development"]})
    rows, record = assess(lc_chain, patients, tmp_path)
    assert (
        len(rows) == len(Path(lc_chain.path("reference.stability.tsv")).read_text().split("\n")) - 2
    )
    known = [float(row["d_ratio"]) for row in rows if row["d_ratio"]]
    if len(patients) < 6:  # one of them failed: fewer than five samples give no scatter
        assert not known and record["verdict"] == "NOT_ASSESSED"
    else:
        assert np.median(known) < 0.5 and record["value"] == pytest.approx(
            np.median(known), abs=1e-5
        )


def test_two_patients_are_too_few(lc_chain, tmp_path):
    rows, record = assess(lc_chain, ["P0001", "P0002"], tmp_path)
    assert all(row["d_ratio"] == "" for row in rows)
    assert record["verdict"] == "NOT_ASSESSED" and record["value"] is None


@pytest.mark.real
def test_reference_materials_differ_more_than_their_qcs(testdata):
    # six plasma reference materials (classes 1-6, 24 injections) and eleven pooled QC runs of one batch
    folder = testdata / "ms" / "plasma"
    kind = pd.read_csv(folder / "refmat_sample.csv", index_col="sample")["class"]
    areas = pd.read_csv(folder / "refmat_data.csv", index_col="sample").reindex(kind.index)
    values = np.log2(areas.where(areas > 0))
    rsd = pd.Series(relative_sd(values[kind == "QC"].to_numpy()), values.columns)
    ratio = d_ratios(values[kind.isin(list("123456"))], rsd).dropna()
    assert len(ratio) > 350 and ratio.median() < 0.5 < ratio.quantile(0.9)
