"""Collecting a block: who has a row, who has only a verdict, what the dictionary says."""

import json
import math

import pandas as pd
import pytest

from scripts.core import job as core_job
from scripts.core.features import Feature, read_block, write_dictionary, write_row
from scripts.fusion import collect_block
from scripts.fusion.blocks import read_tsv

ADMITTED = ["P1", "P2", "P3", "P4"]


def leave_row(folder, patient, features, verdict="pass", reasons=()):
    """What a per-patient chain leaves behind."""
    target = folder / patient
    target.mkdir(parents=True)
    write_row(target / "row.json", {"lcms": features})
    status = {"verdict": verdict, "reasons": list(reasons), "blocks": {}}
    (target / "status.json").write_text(json.dumps(status))


@pytest.fixture
def run(tmp_path):
    """Run collect_block on tmp_path and return table, dictionary and verdicts."""

    def _run(admitted=ADMITTED, barred=(), domain="metabolomics", given_up=None, **inputs):
        job = core_job.Named()
        job.rule, job.log, job.threads = "collect_block", [], 1
        job.wildcards = core_job.Named(["lcms"], block="lcms")
        flat = [path for paths in inputs.values() for path in paths]
        job.input = core_job.Named(flat, **inputs)
        names = ("table", "dictionary", "verdicts", "status", "ledger")
        outputs = {name: str(tmp_path / f"out.{name}") for name in names}
        job.output = core_job.Named(outputs.values(), **outputs)
        lines = [f"{p}\tA\thcc\tdevelopment\n" for p in (*ADMITTED, *barred)]
        sheet = tmp_path / "patients.tsv"
        sheet.write_text("patient_id\tcentre\tdiagnosis\trole\n" + "".join(lines))
        params = {
            "patients": str(sheet),
            "modality": "lcms",
            "domain": domain,
            "admitted": list(admitted),
            "barred": list(barred),
            "given_up": given_up or {},
        }
        job.params = core_job.Named(params.values(), **params)
        collect_block.main(job)
        return (
            read_block(outputs["table"]),
            read_tsv(outputs["dictionary"]).set_index("feature"),
            read_tsv(outputs["verdicts"]).set_index("patient_id"),
        )

    return _run


def rows_of(folder):
    found = sorted(folder.iterdir())
    return {
        "rows": [str(p / "row.json") for p in found],
        "statuses": [str(p / "status.json") for p in found],
    }


def test_rows_of_nobody_are_counted_with_their_lines_and_not_used(run, tmp_path):
    ready = tmp_path / "lcms.tsv"
    ready.write_text("patient_id\ta\nQC-pool\t1\nP1\t2\n\nP99\t3\nP2\t4\n")
    table, _, _ = run(ready=[str(ready)])
    assert list(table.index) == ["P1", "P2"]
    records = [json.loads(line) for line in (tmp_path / "out.ledger").read_text().splitlines()]
    [told] = [r for r in records if r["check"] == "ids of the table are known"]
    assert (told["verdict"], told["value"]) == ("WARN", 2)
    assert told["reason"].endswith("not used: row 2, 5") and "QC-pool" not in told["reason"]


def test_failed_row_is_dropped_and_listed_with_its_reason(run, tmp_path):
    leave_row(tmp_path / "lcms", "P1", {"a": 1.0, "b": None}, "warn", ["late"])
    leave_row(tmp_path / "lcms", "P2", {"a": 2.0, "b": 3.0}, "fail", ["truncated file"])
    table, _, verdicts = run(**rows_of(tmp_path / "lcms"))
    assert list(table.index) == ["P1"]
    assert math.isnan(table.loc["P1", "b"])
    assert verdicts["verdict"].to_dict() == {
        "P1": "warn",
        "P2": "fail",
        "P3": "missing",
        "P4": "missing",
    }
    assert verdicts.loc["P2", "reasons"] == "truncated file"


def test_row_without_any_value_is_missing_not_zero(run, tmp_path):
    leave_row(tmp_path / "lcms", "P1", {"a": None})
    table, _, verdicts = run(**rows_of(tmp_path / "lcms"))
    assert len(table) == 0
    assert verdicts.loc["P1", "verdict"] == "missing"


def test_raw_files_win_over_a_ready_made_row(run, tmp_path):
    leave_row(tmp_path / "lcms", "P1", {"a": 1.0})
    (tmp_path / "ready.tsv").write_text("patient_id\ta\nP1\t9\nP2\t8\n")
    table, _, verdicts = run(**rows_of(tmp_path / "lcms"), ready=[str(tmp_path / "ready.tsv")])
    assert table["a"].to_dict() == {"P1": 1.0, "P2": 8.0}
    assert "raw files win" in verdicts.loc["P1", "reasons"]


def test_ready_made_row_outside_the_consent_is_dropped_and_counted(run, tmp_path):
    (tmp_path / "ready.tsv").write_text("patient_id\ta\nP1\t1\nP9\t2\nX1\t3\n")
    table, _, verdicts = run(admitted=["P1"], barred=["P9"], ready=[str(tmp_path / "ready.tsv")])
    assert list(table.index) == ["P1"]
    assert sorted(verdicts.index) == ["P1", "P9"]
    assert "consent" in verdicts.loc["P9", "reasons"]
    ledger = [json.loads(line) for line in (tmp_path / "out.ledger").read_text().splitlines()]
    assert [r["value"] for r in ledger if r["requirement_id"] == "ETH-02"] == [1]


def test_custody_exclusion_drops_the_row_of_that_modality_only(run, tmp_path):
    leave_row(tmp_path / "lcms", "P1", {"a": 1.0})
    leave_row(tmp_path / "lcms", "P2", {"a": 2.0})
    (tmp_path / "exclusions.tsv").write_text(
        "patient_id\tmodality\tsample_id\trequirement_id\treason\n"
        "P1\tlcms\tS1\tBLD-03\tspun after 9 h\nP2\tcfdna\tS2\tBLD-03\tspun after 9 h\n"
    )
    table, _, verdicts = run(
        **rows_of(tmp_path / "lcms"), exclusions=[str(tmp_path / "exclusions.tsv")]
    )
    assert list(table.index) == ["P2"]
    assert "spun after 9 h" in verdicts.loc["P1", "reasons"]


def test_dictionary_carries_stability_and_missing_fraction(run, tmp_path):
    leave_row(tmp_path / "lcms", "P1", {"a": 1.0, "b": None, "odd": 1.0})
    leave_row(tmp_path / "lcms", "P2", {"a": 1.0, "b": 2.0, "odd": 1.0})
    described = [Feature("b", "second", "umol/L"), Feature("a", "first", "umol/L")]
    write_dictionary(tmp_path / "own.tsv", described)
    (tmp_path / "icc.tsv").write_text("feature\tstability\tkind\na\t0.75\trsd\n")
    table, dictionary, _ = run(
        **rows_of(tmp_path / "lcms"),
        dictionary=[str(tmp_path / "own.tsv")],
        stability=[str(tmp_path / "icc.tsv")],
    )
    assert list(table.columns) == ["b", "a", "odd"]
    assert dictionary["missing_fraction"].to_dict() == {"b": "0.5", "a": "0", "odd": "0"}
    assert dictionary.loc["a", "stability"] == "0.75"
    assert dictionary["stability_kind"].to_dict() == {"b": "", "a": "rsd", "odd": ""}
    assert dictionary.loc["odd", "role"] == "annotation"


def test_table_of_a_domain_is_read_with_its_verdicts(run, tmp_path):
    made = pd.DataFrame({"a": [1.0, 2.0]}, index=pd.Index(["P1", "X9"], name="patient_id"))
    made.to_parquet(tmp_path / "made.parquet")
    (tmp_path / "made.verdicts.tsv").write_text(
        "patient_id\tblock\tverdict\treasons\nP1\tlcms\twarn\tone; do this | two\nP2\tlcms\tfail\tbad\n"
    )
    table, _, verdicts = run(
        table=[str(tmp_path / "made.parquet")],
        table_verdicts=[str(tmp_path / "made.verdicts.tsv")],
    )
    assert list(table.index) == ["P1"]
    assert verdicts.loc["P1", "reasons"] == "one; do this | two"
    assert verdicts["verdict"].to_dict() == {
        "P1": "warn",
        "P2": "fail",
        "P3": "missing",
        "P4": "missing",
    }


def test_given_up_patient_fails_with_the_reason_and_has_no_row(run, tmp_path):
    leave_row(tmp_path / "lcms", "P2", {"a": 2.0})
    table, _, verdicts = run(given_up={"P1": "out of memory"}, **rows_of(tmp_path / "lcms"))
    assert list(table.index) == ["P2"]
    assert list(verdicts.loc["P1", ["verdict", "reasons"]]) == ["fail", "given up: out of memory"]
    ledger = [json.loads(line) for line in (tmp_path / "out.ledger").read_text().splitlines()]
    assert [r["verdict"] for r in ledger if r["subject"] == "P1"] == ["FAIL"]
