import json
import math

import numpy as np
import pandas as pd
import pytest

from scripts.core.features import (
    Feature,
    read_block,
    read_row,
    read_status,
    write_block,
    write_dictionary,
    write_row,
)


def test_missing_values_survive_as_missing_and_never_as_zero(tmp_path):
    write_row(tmp_path / "row.json", {"lcms": {"a": 1, "b": None, "c": float("nan"), "d": 0.0}})
    row = read_row(tmp_path / "row.json", "lcms")
    assert (row["a"], row["d"]) == (1.0, 0.0)
    assert math.isnan(row["b"])
    assert math.isnan(row["c"])


def test_row_of_a_failed_step_is_empty(tmp_path):
    (tmp_path / "row.json").touch()
    assert read_row(tmp_path / "row.json", "lcms") == {}


def test_infinite_feature_is_refused(tmp_path):
    with pytest.raises(ValueError, match="feature a of block lcms is infinite"):
        write_row(tmp_path / "row.json", {"lcms": {"a": math.inf}})


def test_row_is_the_same_bytes_in_whatever_order_it_was_made(tmp_path):
    write_row(tmp_path / "1.json", {"x": {"b": 2, "a": np.float64(1)}, "w": {}})
    write_row(tmp_path / "2.json", {"w": {}, "x": {"a": 1.0, "b": 2.0}})
    assert (tmp_path / "1.json").read_bytes() == (tmp_path / "2.json").read_bytes()


def status(tmp_path, verdict: str, reasons: list[str], **blocks: tuple):
    path = tmp_path / "status.json"
    blocks = {name: {"verdict": v, "reasons": r} for name, (v, r) in blocks.items()}
    path.write_text(json.dumps({"verdict": verdict, "reasons": reasons, "blocks": blocks}))
    return path


def test_block_verdict_is_lowered_by_the_whole_step(tmp_path):
    path = status(tmp_path, "fail", ["no space left"], ct_portal=("pass", []))
    assert read_status(path, "ct_portal") == ("fail", ["no space left"])


def test_defect_of_one_block_leaves_the_others_alone(tmp_path):
    path = status(tmp_path, "pass", [], a=("fail", ["empty mask"]), b=("warn", ["one reader"]))
    assert read_status(path, "a") == ("fail", ["empty mask"])
    assert read_status(path, "b") == ("warn", ["one reader"])
    assert read_status(path) == ("pass", [])


def test_step_of_which_every_block_failed_gives_their_reasons(tmp_path):
    path = status(tmp_path, "fail", [], a=("fail", ["empty mask"]), b=("fail", ["empty mask"]))
    assert read_status(path) == ("fail", ["empty mask"])


def test_block_table_is_the_same_bytes_for_the_same_values(tmp_path):
    table = pd.DataFrame({"x": [1, 2]}, index=["P2", "P1"])
    write_block(tmp_path / "1.parquet", table)
    write_block(tmp_path / "2.parquet", table.iloc[::-1].astype("float32"))
    assert (tmp_path / "1.parquet").read_bytes() == (tmp_path / "2.parquet").read_bytes()
    assert read_block(tmp_path / "1.parquet").index.tolist() == ["P1", "P2"]


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (pd.DataFrame({"x": [1.0, 2.0]}, index=["P1", "P1"]), "twice"),
        (pd.DataFrame({"x": [np.inf]}, index=["P1"]), "infinite"),
    ],
)
def test_block_table_with_a_duplicate_or_an_infinity_is_refused(tmp_path, table, words):
    with pytest.raises(ValueError, match=words):
        write_block(tmp_path / "t.parquet", table)


def test_dictionary_keeps_the_given_order(tmp_path):
    write_dictionary(tmp_path / "d.tsv", [Feature("b", "B", "mm"), Feature("a", "A", "1", "qc")])
    lines = (tmp_path / "d.tsv").read_text().splitlines()
    assert lines[0] == "feature\tdescription\tunit\trole\tsource"
    assert lines[1:] == ["b\tB\tmm\tpredictor\t", "a\tA\t1\tqc\t"]


def test_unknown_role_is_refused():
    with pytest.raises(ValueError, match="role 'label' of feature a"):
        Feature("a", "A", "1", "label")
