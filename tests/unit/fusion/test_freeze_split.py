"""The frozen split: shares, groups, and that nobody ever moves."""

import pandas as pd
import pytest

from scripts.core.job import Named
from scripts.fusion import freeze_split
from scripts.fusion.blocks import read_tsv
from scripts.fusion.freeze_split import (
    CONFLICT,
    SPLIT_COLUMNS,
    assign,
    groups_among,
    strata_of,
)


def cohort(number, start=0, **columns):
    table = pd.DataFrame(
        {
            "patient_id": [f"P{i:03d}" for i in range(start, start + number)],
            "class": ["hcc" if i % 2 else "control" for i in range(number)],
            "centre": [f"C{i % 3}" for i in range(number)],
        }
    )
    return table.assign(**columns)


def split(patients, frozen=None, fraction=0.3):
    empty = pd.DataFrame(columns=SPLIT_COLUMNS, dtype=str)
    groups = groups_among(patients, set(patients["patient_id"]))
    strata = strata_of(patients, groups, ["label", "centre"])
    return assign(empty if frozen is None else frozen, groups, strata, fraction, seed=1)


def parts(table):
    return dict(zip(table["patient_id"], table["part"], strict=True))


def test_every_stratum_keeps_its_share_within_one_patient():
    table, _ = split(cohort(100))
    for _, part in table.groupby("stratum")["part"]:
        assert abs((part == "test").sum() - 0.3 * len(part)) <= 1
    assert abs((table["part"] == "test").sum() - 30) <= 1


def test_added_and_withdrawn_patients_move_nobody():
    first, _ = split(cohort(60))
    grown, _ = split(cohort(90), first)
    before, after = parts(first), parts(grown)
    assert all(after[patient] == part for patient, part in before.items())
    fewer = cohort(90)
    again, _ = split(fewer[fewer["patient_id"] != "P000"], grown)
    assert parts(again) == after


def test_order_of_the_sheet_does_not_matter():
    patients = cohort(50)
    assert parts(split(patients)[0]) == parts(split(patients.sample(frac=1, random_state=0))[0])


@pytest.mark.parametrize("column", ["person_id", "id1_hash", "contact_hash", "group_family"])
def test_linked_patients_share_a_side(column):
    patients = cohort(40, **{column: [f"v{i // 4}" for i in range(40)]})
    side = parts(split(patients)[0])
    for group in range(10):
        assert len({side[f"P{i:03d}"] for i in range(group * 4, group * 4 + 4)}) == 1


def test_links_over_two_columns_join_one_group():
    patients = cohort(4, person_id=["x", "x", "", ""], id1_hash=["", "h", "h", ""])
    groups = groups_among(patients, set(patients["patient_id"]))
    assert groups["P000"] == groups["P001"] == groups["P002"] != groups["P003"]


def test_link_over_somebody_without_a_class_counts():
    patients = cohort(4, person_id=["x", "x", "", ""], contact_hash=["", "h", "h", ""])
    assert groups_among(patients, {"P000", "P002", "P003"}) == {
        "P000": "P000",
        "P002": "P000",
        "P003": "P003",
    }
    # named after the first who is in the split
    assert groups_among(patients, {"P001", "P002"}) == {"P001": "P001", "P002": "P001"}


@pytest.fixture
def freeze(tmp_path):
    """Run the step on a sheet; those whose class is "" are in no class."""

    def run(patients, freeze=True):
        files = {name: tmp_path / name for name in ("patients", "outcome", "split", "ledger")}
        patients.drop(columns="class").to_csv(files["patients"], sep="\t", index=False)
        patients[["patient_id", "class"]].to_csv(files["outcome"], sep="\t", index=False)
        settings = {"stratify": ["label", "centre"], "test_fraction": 0.3}
        job = Named(
            rule="freeze_split",
            input=Named(patients=[str(files["patients"])], outcome=str(files["outcome"])),
            output=Named(split=str(files["split"]), ledger=str(files["ledger"])),
            params=Named(
                settings=settings,
                admitted=list(patients["patient_id"]),
                seed=1,
                frozen=str(tmp_path / "locks" / "split.tsv"),
                freeze=freeze,
            ),
            wildcards=Named(),
            log=[str(tmp_path / "log")],
            threads=1,
        )
        freeze_split.main(job)
        return freeze_split.read_frozen(tmp_path / "locks" / "split.tsv"), read_tsv(files["split"])

    return run


def test_step_keeps_people_linked_over_one_without_class_on_one_side(freeze):
    patients = cohort(60, person_id="", contact_hash="")
    first, _ = freeze(patients)
    side = parts(first)
    alone = next(p for p, s in side.items() if s == "test")
    more = cohort(62, person_id="", contact_hash="")
    more.loc[more["patient_id"].isin([alone, "P060"]), "person_id"] = "x"
    more.loc[more["patient_id"].isin(["P060", "P061"]), "contact_hash"] = "h"
    more.loc[more["patient_id"] == "P060", "class"] = ""
    frozen, today = freeze(more)
    assert frozen.head(60).equals(first)  # nobody moves
    assert parts(frozen)["P061"] == "test" and "P060" not in parts(frozen)
    assert today.set_index("patient_id").loc["P061", "group"] == alone


def test_newcomer_linked_to_both_sides_is_excluded_and_nobody_moves():
    first, _ = split(cohort(20))
    side = parts(first)
    train = next(p for p, s in side.items() if s == "train")
    test = next(p for p, s in side.items() if s == "test")
    patients = cohort(21)
    patients["person_id"] = ["x" if p in (train, "P020") else "" for p in patients["patient_id"]]
    patients["id1_hash"] = ["h" if p in (test, "P020") else "" for p in patients["patient_id"]]
    table, conflicts = split(patients, first)
    assert conflicts == ["P020"]
    assert parts(table)["P020"] == CONFLICT
    assert {p: s for p, s in parts(table).items() if p != "P020"} == side


def test_frozen_file_is_never_shortened(tmp_path):
    path = tmp_path / "locks" / "split.tsv"
    table, _ = split(cohort(10))
    freeze_split.write_frozen(path, table)
    with pytest.raises(ValueError, match="would lose or change"):
        freeze_split.write_frozen(path, table.head(9))
    assert freeze_split.read_frozen(path).equals(table)


def test_every_class_of_an_outcome_keeps_its_share():
    classes = ["control", "early_hcc", "advanced_hcc"]
    patients = cohort(120, **{"class": [classes[i % 3] for i in range(120)]})
    table, _ = split(patients)
    for name in classes:
        part = table.loc[table["stratum"].str.startswith(f"{name}|"), "part"]
        assert (part == "test").sum() == 12 and len(part) == 40


@pytest.mark.parametrize("per_centre", [1, 2, 3])
@pytest.mark.parametrize("fraction", [0.2, 0.3])
def test_centres_too_small_for_a_test_patient_are_split_by_label(per_centre, fraction):
    patients = cohort(80, centre=[f"C{i // per_centre}" for i in range(80)])
    table, _ = split(patients, fraction=fraction)
    labels = table["stratum"].str.split("|").str[0]
    for _, part in table["part"].groupby(labels):
        assert abs((part == "test").sum() - fraction * len(part)) <= 1


def test_small_centres_beside_a_large_one_keep_the_share_of_every_label():
    patients = cohort(90, centre=["big"] * 50 + [f"C{i}" for i in range(40)])
    table, _ = split(patients)
    first, _ = split(patients.head(70))
    grown, _ = split(patients, first)
    for found in (table, grown):
        for _, part in found["part"].groupby(found["stratum"].str.split("|").str[0]):
            assert abs((part == "test").sum() - 0.3 * len(part)) <= 2


def test_no_test_patient_is_never_a_pass():
    today = split(cohort(80))[0]
    assert freeze_split.share_problem(today, 0.3) == (pytest.approx(0.5, abs=0.5), "")
    none = today.assign(part="train", stratum=[f"hcc|C{i}" for i in range(80)])
    assert freeze_split.share_problem(none, 0.3)[1].startswith("no test patient among 80")
    few = none.assign(part=["test"] * 4 + ["train"] * 76)
    assert "class hcc is 20.0 patients off" in freeze_split.share_problem(few, 0.3)[1]


def test_split_of_a_cohort_too_small_for_a_model_is_not_frozen(freeze):
    frozen, today = freeze(cohort(12), freeze=False)
    assert frozen.empty and len(today) == 12
    frozen, _ = freeze(cohort(60))
    again, _ = freeze(cohort(60, start=0).head(40), freeze=False)
    assert len(frozen) == 60 and again.equals(frozen)
