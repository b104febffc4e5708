import json
import math

import pandas as pd
import pytest

from scripts.core.config import default_config
from scripts.proteomics.quantify_proteins import main, quantify

SETTINGS = default_config()["proteomics"]["dda"]
# two proteins of two ions each: levels and effects as infer_proteins freezes them
IONS = pd.DataFrame(
    {"protein": ["A", "A", "B", "B"], "level": [20, 21, 22, 24.0], "effect": [-0.5, 0.5, -1, 1.0]},
    index=pd.Index(["PEA/2", "PEB/2", "PEC/2", "PED/3"], name="ion"),
)
PROTEINS = pd.DataFrame({"protein": ["A", "B"], "feature": ["G1_A", "G2_B"]})


def matches(areas):
    """Matches with the given log2 areas {ion: value}."""
    rows = [
        [ion.split("/")[0], int(ion.split("/")[1]), 2.0**value, 0.001, False, "dda"]
        for ion, value in areas.items()
    ]
    return pd.DataFrame(rows, columns=["peptide", "charge", "area", "q_value", "is_decoy", "block"])


def test_run_equal_to_the_reference_gives_its_levels():
    row, seen = quantify(matches(IONS["level"].to_dict()), IONS, PROTEINS, SETTINGS)
    # by hand: A = median(20 + .5, 21 - .5) = 20.5, B = median(22 + 1, 24 - 1) = 23
    assert seen == 4 and row["qc_shift"] == 0
    assert (row["G1_A"], row["G2_B"]) == (20.5, 23.0)


def test_more_injected_material_changes_nothing_but_the_shift():
    more = (IONS["level"] + 3).to_dict()
    row, _ = quantify(matches(more), IONS, PROTEINS, SETTINGS)
    assert (row["G1_A"], row["G2_B"], row["qc_shift"]) == (20.5, 23.0, 3.0)


def test_protein_without_ions_and_ions_above_the_fdr_are_missing():
    only = matches({"PEA/2": 20, "PEB/2": 21})
    unsure = matches({"PEC/2": 22, "PED/3": 24}).assign(q_value=0.02)
    row, seen = quantify(pd.concat([only, unsure]), IONS, PROTEINS, SETTINGS)
    assert seen == 2 and math.isnan(row["G2_B"]) and row["qc_psms"] == 2


@pytest.fixture
def run(tmp_path, by_hand):
    """The step on given areas."""

    def go(areas, search="pass", reference="pass"):
        matches(areas).to_parquet(tmp_path / "psms.parquet")
        IONS.to_parquet(tmp_path / "ions.parquet")
        PROTEINS.to_csv(tmp_path / "proteins.tsv", sep="\t", index=False)
        for name, verdict in (("search", search), ("reference", reference)):
            reasons = [] if verdict == "pass" else [f"{name} failed"]
            text = json.dumps({"verdict": verdict, "reasons": reasons, "blocks": {}})
            (tmp_path / f"{name}.json").write_text(text)
        inputs = ["psms=psms.parquet", "ions=ions.parquet", "proteins=proteins.tsv"]
        inputs += ["search_status=search.json", "reference_status=reference.json"]
        inputs = [item.replace("=", f"={tmp_path}/") for item in inputs]
        code, status = by_hand(main, inputs, ["row=row.json"], ["settings=@proteomics.dda"])
        return code, status, json.loads((tmp_path / "out" / "row.json").read_text())

    return go


def test_row_by_hand(run):
    code, status, row = run(IONS["level"].to_dict())
    assert code == 0 and status["blocks"]["dda"]["verdict"] == "pass"
    assert row["dda"]["G1_A"] == 20.5 and row["dda"]["qc_proteins"] == 2


def test_failed_search_or_reference_hands_its_reason_on(run, reasons):
    for given, reason in (
        ({"search": "fail"}, "search failed"),
        ({"reference": "fail"}, "reference failed"),
    ):
        code, status, row = run(IONS["level"].to_dict(), **given)
        assert code == 2 and reasons(status) == reason and row == {}


def test_run_with_none_of_the_reference_proteins_fails(run, reasons):
    code, status, row = run({"OTHER/2": 20})
    assert code == 2 and "0 of 2 reference proteins" in reasons(status)
    assert row["dda"]["G1_A"] is None
