"""The data-quality report: rows add up or it stops, and every change of a value is shown with its reason."""

import json
import re

import numpy as np
import pandas as pd
import pytest

from scripts.core.hashing import ROOT
from scripts.core.job import InputDefect
from scripts.report import (
    cells,
    lab_rows,
    modalities,
    normalisation,
    variables,
    write_quality_report,
)
from scripts.report.assess_conformance import COLUMNS
from tests.unit.report.written_page import Page, make_job

DICTIONARY = ROOT / "resources" / "variable_dictionary.csv"
CLINICAL = {"bins": {"afp": [20, 200, 400]}, "outlier_z": 5}


def _row(patient, analyte, variable, value_raw, unit_raw, value, **more):
    row = {"patient_id": patient, "analyte": analyte, "variable": variable, "value_raw": value_raw}
    row |= {"unit_raw": unit_raw, "value": value, "date_raw": "2025-03-01", "factor": 1.0}
    row |= {"censor": "", "status": "ok", "requirement_id": "", "reason": "", "used": True}
    return row | {"outside_window": False} | more


def _labs(patients: list[str]) -> list[dict]:
    """Three usable values a patient, and one row of every other state."""
    rng = np.random.default_rng(3)
    rows = []
    for patient in patients:
        afp = round(float(rng.lognormal(2.5, 1.2)), 2)
        rows.append(_row(patient, "甲胎蛋白", "afp", f"{afp}", "ng/mL", afp))
        tbil = round(float(rng.uniform(0.5, 2)), 2)
        rows.append(_row(patient, "TBIL", "tbil", f"{tbil}", "mg/dL", tbil * 17.1, factor=17.1))
        rows.append(_row(patient, "HBsAg", "hbsag", "阳性(+)", "", 1.0, factor=np.nan))
    first = patients[0]
    nothing = {"value": np.nan, "used": False}
    rows += [
        _row(first, "PLT", "plt", "152000", "10^9/L", 152.0, factor=0.001, status="repaired")
        | {"requirement_id": "CLE-02", "date_raw": "2025年3月1日"}
        | {"reason": "outside 1 to 3000 10^9/L; one other unit explains it: x 0.001"},
        _row(first, "ALB", "alb", "386", "g/L", np.nan, status="quarantined") | nothing
        | {"requirement_id": "CLE-02", "reason": "outside 5 to 70 g/L; impossible"},
        _row(first, "TBIL", "tbil", "5.9", "mmol", np.nan, status="quarantined") | nothing
        | {"requirement_id": "CLE-03", "reason": "unknown unit for tbil; known: umol/L, mg/dL, mg/L"},
        _row(first, "INR", "inr", "未检", "", np.nan, status="missing") | nothing
        | {"requirement_id": "CLE-01", "reason": "not measured"},
        _row(first, "XYZ", "", "1", "", np.nan, status="quarantined") | nothing
        | {"requirement_id": "CLE-04", "reason": "unknown analyte; not in the variable dictionary"},
        rows[0] | nothing | {"status": "duplicate", "requirement_id": "CLE-05"}
        | {"reason": "the same row stands above"},
        _row(patients[1], "AFP", "afp", "＜0.61", "ug/L", 0.431, censor="<", used=False),
    ]  # fmt: skip
    return rows


@pytest.fixture
def cohort(run):
    """A made-up run with laboratory rows; returns the inputs of the rule by name, and its folder."""
    inputs = run.base(40)
    plan = json.loads((run.folder / ".hcc/plan.json").read_text())
    admitted = sorted(p for p, e in plan["patients"].items() if "clinical" in e["domains"])
    rows = _labs(admitted)
    table = pd.DataFrame(rows)
    table["line"] = np.arange(2, len(table) + 2)
    for column in table.select_dtypes(["object", "string"]):
        table[column] = table[column].astype("category")
    run.write("results/clinical/x", "")
    table.to_parquet(run.folder / "results/clinical/labs.parquet")
    sheet = [{"patient_id": r["patient_id"], "analyte": r["analyte"]} for r in rows]
    sheet.append({"patient_id": "P0005", "analyte": "AFP"})  # the gate refuses the fifth patient
    run.write(".hcc/sheets/labs.tsv", sheet)
    inputs |= {"labs": ["results/clinical/labs.parquet"], "labs_sheet": [".hcc/sheets/labs.tsv"]}
    found = dict.fromkeys(COLUMNS, "")
    plausible = found | {"requirement_id": "CLE-02", "subject": admitted[2], "verdict": "WARN"}
    plausible |= {"step": "build_clinical_table", "block": "clinical"}
    depth = found | {"block": "cfdna", "step": "call_variants", "check": "mean depth", "unit": "x"}
    run.write(
        "results/report/findings.tsv",
        [
            plausible
            | {"check": "afp is plausible", "reason": "afp 0.4: outside 0.5 to 100000; kept"},
            plausible | {"check": "tbil is plausible", "reason": "tbil 99: robust z 6.1; kept"},
            depth | {"verdict": "PASS", "value": "41.5", "threshold": ">= 30", "subject": "P0001"},
            depth | {"verdict": "FAIL", "value": "18.3", "threshold": ">= 30", "subject": "P0003"},
        ],
    )
    inputs["findings"] = "results/report/findings.tsv"
    return run, inputs | {"dictionary": str(DICTIONARY)}, admitted


def _page(run, inputs, language="zh", listed=200):
    write_quality_report.main(
        make_job(
            "write_quality_report",
            inputs,
            {"report": "results/report/data_quality.html"},
            settings={"language": language, "cells_listed": listed},
            clinical=CLINICAL,
            plan=".hcc/plan.json",
        )
    )
    return (run.folder / "results/report/data_quality.html").read_text(encoding="utf-8")


def test_rows_in_are_the_sum_of_all_states(cohort):
    run, inputs, admitted = cohort
    english = Page(_page(run, inputs)).seen("en")
    ok = 3 * len(admitted) + 1  # three a patient and the limit
    assert f"{ok + 6} in = ok + repaired + missing + quarantined + duplicate" in english
    assert f"= {ok} + 1 + 1 + 3 + 1." in english


def test_report_stops_when_a_row_is_lost(cohort):
    run, inputs, _ = cohort
    path = run.folder / "results/clinical/labs.parquet"
    pd.read_parquet(path).iloc[1:].to_parquet(path)
    with pytest.raises((SystemExit, ValueError, InputDefect)):
        _page(run, inputs)
    log = (run.folder / "logs/write_quality_report/cohort.log").read_text()
    assert "the rows of labs.tsv do not add up" in log
    assert not (run.folder / "results/report/data_quality.html").exists()


def test_counts_that_disagree_are_named():
    counts = lab_rows.RowCounts(
        10, 2, {"ok": 7, "duplicate": 1}, {"C1": {"ok": 7}}, {"afp": {"ok": 8}}
    )
    with pytest.raises(ValueError, match="sum over centres 7"):
        lab_rows.check(counts, 8)


def test_rows_of_the_sheet_are_counted_in_any_encoding(tmp_path):
    content = "analyte\tpatient_id\tvalue\n甲胎蛋白\tP1\t3\n白蛋白\tP1 \t40\n白蛋白\t\t40\n白蛋白\tP2\t41\n"
    for encoding in ("utf-8-sig", "gb18030", "utf-16"):
        path = tmp_path / f"{encoding}.tsv"
        path.write_bytes(content.encode(encoding))
        assert lab_rows.rows_of_sheet(path) == {"P1": 2, "P2": 1}


def test_units_factors_repairs_and_refusals_are_shown(cohort):
    run, inputs, admitted = cohort
    english = Page(_page(run, inputs)).seen("en")
    assert f"mg/dL × 17.1 ({len(admitted)})" in english
    assert f"ng/mL × 1 ({len(admitted) + 1}); ug/L × 1 (1)" in english
    assert "mmol (1)" in english
    assert "one other unit explains it: x 0.001" in english and "152000" in english
    assert "outside 5 to 70 g/L; impossible" in english
    assert "(not in the dictionary)" in english


def test_limits_outliers_and_bins_are_counted(cohort):
    run, inputs, admitted = cohort
    labs = lab_rows.read_labs("results/clinical/labs.parquet", _plan(run))
    dictionary = variables.read_dictionary(str(DICTIONARY))
    findings = write_quality_report.read_results(
        make_job("", inputs, {}).input, ".hcc/plan.json", "", {}
    ).findings
    table = cells.outlier_table(labs, findings, dictionary, 5)
    by_name = {row[0].en: row for row in table.rows}
    afp, tbil = by_name["alpha-fetoprotein"], by_name["total bilirubin"]
    assert afp[6].content == 1 and afp[8] == "＜0.61 (1)" and tbil[7].content == 1
    assert by_name["platelets"][3].content == 1 and by_name["albumin"][4].content == 1
    bins = cells.bin_table(labs, CLINICAL["bins"], dictionary)
    assert sum(row[2] for row in bins.rows) == len(admitted)
    assert [row[1].en for row in bins.rows][:2] == ["< 20 ng/mL", "20 – < 200 ng/mL"]


def _plan(run) -> dict:
    return json.loads((run.folder / ".hcc/plan.json").read_text())


def test_single_cells_beyond_the_setting_are_pointed_to(cohort):
    run, inputs, _ = cohort
    english = Page(_page(run, inputs, listed=1)).seen("en")
    assert "The first 1 only; all 3 are in results/clinical/labs.parquet." in english


def test_completeness_is_by_centre_and_the_map_shares_columns_when_there_are_many():
    have = {"afp": {"P1", "P2"}, "tbil": {"P1"}}
    shares = variables.completeness(have, {"C1": ["P1"], "C2": ["P2", "P3"]})
    assert shares["afp"] == {"*": 2 / 3, "C1": 1.0, "C2": 0.5}
    assert shares["tbil"]["C2"] == 0
    crowd = {"C1": [f"P{n}" for n in range(5000)]}
    drawn = variables.patient_map({"afp": {f"P{n}" for n in range(0, 5000, 2)}}, crowd, {})
    assert len(drawn) < 40_000 and "<text" in drawn


@pytest.mark.parametrize(
    ("written", "form"),
    [
        ("4.2", "plain"), ("１３７", "full_width"), ("<0.61", "limit"), ("≥1210", "limit"), ("", "empty"),
        ("3,5", "comma"), ("1.2E3", "power"), ("阴性(-)", "word"), ("45↑", "other"),
    ],
)  # fmt: skip
def test_forms_of_values_are_told_apart(written, form):
    assert normalisation.form_of(written) == form


@pytest.mark.parametrize(
    ("written", "form"),
    [
        ("2025-03-01", "iso"), ("2025/3/1", "slashes"), ("2025年3月1日", "chinese"), ("45717", "serial"),
        ("2025-03-01 08:30", "iso"), ("", "none"), ("03/04/2025", "other"),
    ],
)  # fmt: skip
def test_forms_of_dates_are_told_apart(written, form):
    assert normalisation.date_form_of(written) == form


def test_measured_quantities_have_their_spread_and_limit(cohort):
    run, inputs, _ = cohort
    results = write_quality_report.read_results(
        make_job("", inputs, {}).input, ".hcc/plan.json", "", {}
    )
    row = modalities.measure_table(results).rows[-1]
    assert row[0].en == "mean depth (x)" and row[2:6] == [
        2,
        "29.9",
        "18.3 – 41.5",
        (">= 30", ">= 30"),
    ]
    assert row[8].content == 1  # one of them fails
    said = dict(modalities.agreement(results))
    assert "2 records" in said["depth"].en and "not recorded" in said["icc"].en


def test_distributions_are_drawn_with_text_as_text(cohort):
    run, inputs, _ = cohort
    html = _page(run, inputs)
    drawn = re.search(r'<section id="distributions">(.*?)</section>', html, re.DOTALL).group(1)
    assert (
        drawn.count("<svg") == 2
    )  # AFP and bilirubin; HBsAg is a word, one platelet count no distribution
    assert '<text lang="zh"' in drawn and "甲胎蛋白" in drawn and "C1" in drawn


def test_sheets_name_their_encoding(cohort):
    run, inputs, _ = cohort
    assert "GB18030" in _page(run, inputs)


def test_cohort_without_laboratory_sheet_says_so(run):
    inputs = run.base(20)
    inputs["findings"] = run.write("results/report/findings.tsv", [dict.fromkeys(COLUMNS, "")])
    html = _page(run, inputs | {"dictionary": str(DICTIONARY)})
    assert "no sheet of laboratory values" in Page(html).seen("en")
    assert '<section id="modalities">' in html


def test_page_is_the_same_twice_and_asks_for_nothing(cohort):
    run, inputs, _ = cohort
    html = _page(run, inputs)
    assert html == _page(run, inputs)
    others = {a for a in Page(html).addresses if not a.startswith(("#", "data:"))}
    assert others == {"report.html", "conformance.html"}
    assert not re.search(r"https?://|@import|url\(|fetch\(", html)


def test_columns_in_another_unit_are_shown_with_their_evidence_in_both_languages(cohort):
    run, inputs, _ = cohort
    column = {
        "laboratory": "L1",
        "centre": "C1",
        "analyte": "ALT",
        "variable": "alt",
        "unit": "U/L",
    }
    column |= {"other": "ukat/L", "kind": "converted", "rows": 24, "converted": 23, "aside": 1}
    column |= {"lines": [6, 236], "since": "", "until": "", "median": 1.24, "median_other": 74.6}
    column |= {"implausible": 0.96, "implausible_other": 0.0, "likelihood": None, "document": ""}
    column |= {"edges": [0.2, 5.1], "counts": [1, 5, 12, 5, 1]}
    aside = column | {
        "kind": "set aside",
        "laboratory": "",
        "median_other": None,
        "implausible_other": None,
    }
    run.write("results/clinical/unit_columns.json", json.dumps([column, aside]))
    inputs |= {"unit_columns": ["results/clinical/unit_columns.json"]}
    html = _page(run, inputs)
    english, chinese = Page(html).seen("en"), Page(html).seen("zh")
    assert "1.24 / 74.6" in english and "96 % / 0 %" in english and "6–236" in english
    assert "converted whole" in english and "整列换算" in chinese and "整列搁置" in chinese
    section = html.split('id="unit_columns"')[1].split("</section>")[0]
    assert section.count("<svg") == 2


def test_one_cause_is_one_line_with_its_number(cohort):
    run, inputs, _ = cohort
    path = run.folder / "results/clinical/labs.parquet"
    table = pd.read_parquet(path)
    wanted = (table["variable"] == "afp") & (table["status"] == "ok")
    table["status"] = table["status"].astype(str).where(~wanted, "repaired").astype("category")
    why = "outside 9 to 70 g/L; one other unit explains it: x 10"
    table["reason"] = table["reason"].astype(str).where(~wanted, why).astype("category")
    table.to_parquet(path)
    labs = lab_rows.read_labs(path, _plan(run))
    kinds = cells.kinds_table(labs, variables.read_dictionary(str(DICTIONARY)))
    assert [row[4] for row in kinds.rows if row[3].en == why] == [int(wanted.sum())]
