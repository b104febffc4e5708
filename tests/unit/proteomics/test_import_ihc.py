import json

import pandas as pd
import pytest

from scripts.core.sheets import SheetErrors, read_sheet
from scripts.proteomics.import_ihc import main, marker_lookup, read_markers, score_of

HEADER = ["patient_id", "marker", "intensity", "percent", "reader"]
OUTPUTS = ["table=ihc.parquet", "verdicts=ihc.verdicts.tsv", "dictionary=dictionary.tsv"]


def calls(*pairs):
    return [{"intensity": i, "percent": p} for i, p in pairs]


def test_h_score_worked_by_hand():
    # McCarty 1985: 1 x 20 % + 2 x 30 % + 3 x 40 % = 200
    assert score_of(calls((1, 20), (2, 30), (3, 40)), "h_score") == 200
    assert score_of(calls((3, 100)), "h_score") == 300
    assert score_of(calls((0, 100)), "h_score") == 0


def test_labelling_index_ignores_the_intensity():
    assert score_of(calls((1, 10), (3, 15), (0, 75)), "index") == 25


def test_more_than_100_percent_is_refused():
    with pytest.raises(ValueError, match="110"):
        score_of(calls((1, 60), (2, 50)), "h_score")


def test_the_same_row_twice_is_refused():
    with pytest.raises(ValueError, match="twice"):
        score_of(calls((2, 30), (2, 30)), "h_score")


def test_synonyms_lead_to_one_marker():
    lookup = marker_lookup(read_markers())
    for name in ("arg1", "arginase1", "精氨酸酶1"):
        assert lookup[name] == "Arg-1"


@pytest.fixture
def run(tmp_path, by_hand):
    """Import rows of the sheet; returns exit code, table, verdicts {patient: (verdict, reasons)}, ledger."""

    def go(rows, allowed=("P1", "P2")):
        sheet = tmp_path / "ihc.tsv"
        sheet.write_text("\n".join("\t".join(map(str, row)) for row in [HEADER, *rows]) + "\n")
        params = ["settings=@proteomics.ihc", f"allowed=[{', '.join(allowed)}]"]
        code, _ = by_hand(main, [f"sheet={sheet}"], OUTPUTS, params, "subject=cohort")
        out = tmp_path / "out"
        verdicts = pd.read_csv(out / "ihc.verdicts.tsv", sep="\t", keep_default_na=False)
        ledger = [json.loads(line) for line in (out / "ledger.jsonl").read_text().splitlines()]
        found = {r.patient_id: (r.verdict, r.reasons) for r in verdicts.itertuples()}
        return code, pd.read_parquet(out / "ihc.parquet"), found, ledger

    return go


def test_mean_of_agreeing_readers_and_missing_stays_missing(run):
    code, table, verdicts, _ = run(
        [["P1", "GPC3", 2, 50, "R1"], ["P1", "GPC3", 2, 60, "R2"], ["P2", "Ki-67", 1, 30, "R1"]]
    )
    assert code == 0
    assert table.loc["P1", "hscore_gpc3"] == 110
    assert pd.isna(table.loc["P2", "hscore_gpc3"]) and table.loc["P2", "ki67_percent"] == 30
    assert verdicts == {"P1": ("pass", ""), "P2": ("pass", "")}


def test_readers_who_differ_are_recorded_and_their_marker_is_left_out(run):
    _, table, verdicts, ledger = run(
        [["P1", "GPC3", 3, 80, "R1"], ["P1", "GPC3", 0, 0, "R2"], ["P1", "CD34", 2, 50, "R1"]]
    )
    assert "hscore_gpc3" not in table or pd.isna(table.loc["P1", "hscore_gpc3"])
    assert table.loc["P1", "hscore_cd34"] == 100
    assert verdicts["P1"] == ("warn", "GPC3: readers differ by 240 in H-score and 3 in intensity")
    found = [r for r in ledger if r["requirement_id"] == "QCP-03" and r["subject"] == "P1"]
    assert [r["verdict"] for r in found] == ["FAIL"]


def test_two_blocks_of_tissue_are_averaged_not_added(tmp_path, by_hand):
    """60 % and 80 % of two blocks are no 140 % of one."""
    sheet = tmp_path / "ihc.tsv"
    lines = ["patient_id\tmarker\tintensity\tpercent\treader\tsample_id"]
    lines += ["P1\tGPC3\t2\t60\tR1\tT1", "P1\tGPC3\t2\t80\tR1\tT2"]
    sheet.write_text("\n".join(lines) + "\n")
    params = ["settings=@proteomics.ihc", "allowed=[P1]"]
    assert by_hand(main, [f"sheet={sheet}"], OUTPUTS, params, "subject=cohort")[0] == 0
    table = pd.read_parquet(tmp_path / "out" / "ihc.parquet")
    assert table.loc["P1", "hscore_gpc3"] == 140  # mean of 120 and 160


def test_patients_outside_the_consent_do_not_enter(run):
    _, table, verdicts, ledger = run(
        [["P1", "CD34", 1, 5, "R1"], ["P9", "CD34", 1, 5, "R1"]], ("P1",)
    )
    assert list(table.index) == ["P1"] and list(verdicts) == ["P1"]
    assert "P9" not in {record["subject"] for record in ledger}


def test_impossible_percentages_fail_the_patient_only(run):
    _, table, verdicts, _ = run(
        [["P1", "CD34", 1, 70, "R1"], ["P1", "CD34", 2, 70, "R1"], ["P2", "CD34", 1, 5, "R1"]]
    )
    assert verdicts["P1"][0] == "fail" and "140" in verdicts["P1"][1]
    assert list(table.index) == ["P2"]


def test_unknown_marker_is_named_and_the_rest_is_used(run):
    _, table, verdicts, _ = run([["P1", "XYZ9", 1, 5, "R1"], ["P1", "CD34", 1, 5, "R1"]])
    assert verdicts["P1"][0] == "warn" and "XYZ9" in verdicts["P1"][1]
    assert table.loc["P1", "hscore_cd34"] == 5


def test_agreement_of_the_cohort_is_in_the_ledger(run):
    patients = [f"P{i}" for i in range(12)]
    rows = [[p, "GPC3", i % 4, i * 8, r] for i, p in enumerate(patients) for r in ("R1", "R2")]
    ledger = run(rows, patients)[3]
    agreement = {r["check"]: r for r in ledger if r["subject"] == "cohort"}
    assert agreement["ICC(2,1) of two readers, GPC3"]["value"] == 1
    assert agreement["weighted kappa of two readers, GPC3"]["verdict"] == "PASS"


def test_every_feature_is_annotation(run, tmp_path):
    run([["P1", "CD34", 1, 5, "R1"]])
    lines = (tmp_path / "out" / "dictionary.tsv").read_text().splitlines()[1:]
    assert {line.split("\t")[3] for line in lines} == {"annotation"}


def test_bad_cells_are_refused_by_the_sheet(tmp_path):
    sheet = tmp_path / "ihc.tsv"
    sheet.write_text("\t".join(HEADER) + "\nP1\tCD34\t4\t120\tR1\n")
    with pytest.raises(SheetErrors) as error:
        read_sheet(sheet)
    assert {p.column for p in error.value.problems} == {"intensity", "percent"}


def test_bad_sheet_by_hand_is_exit_2(tmp_path, by_hand):
    sheet = tmp_path / "ihc.tsv"
    sheet.write_text("patient_id\tmarker\n")
    params = ["settings=@proteomics.ihc", "allowed=[]"]
    code, status = by_hand(main, [f"sheet={sheet}"], OUTPUTS, params, "subject=cohort")
    assert code == 2 and status["verdict"] == "fail"
