"""Ids that read like several samples of one person."""

import pandas as pd
import pytest

from scripts.core.config import default_config
from scripts.fusion.sample_stems import same_stem, stem_of

PATTERN = default_config()["fusion"]["audit"]["stem_pattern"]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("L3-1", "L3-2"),
        ("L3_1", "L3_2"),
        ("P01a", "P01b"),
        ("P001_T0", "P001_T1"),
        ("P001T0", "P001T1"),
        ("P001", "P001_2"),
        ("p001-A", "P001-b"),
        ("P001_post", "P001_pre"),
        ("TCGA-A1-A0SB-01", "TCGA-A1-A0SB-11"),
    ],
)
def test_samples_of_one_person_share_a_stem(one, other):
    assert stem_of(one, PATTERN) == stem_of(other, PATTERN)
    assert same_stem([one, other, "X9"], pd.DataFrame(), PATTERN) == [sorted([one, other])]


@pytest.mark.parametrize(
    "ids",
    [
        [f"P{i:04d}" for i in range(200)],
        [f"C1-{i:03d}" for i in range(60)] + [f"C2-{i:03d}" for i in range(40)],
        [f"C{c}-{i:02d}" for c in range(4) for i in range(30)],
        [f"E{i}-1" for i in range(60)],
        [f"{a}{i}" for a in "AB" for i in range(50)],
    ],
)
def test_ordinary_ids_are_not_accused(ids):
    assert same_stem(ids, pd.DataFrame(), PATTERN) == []


def test_stems_of_people_who_differ_are_centres():
    ids = [f"S{c}-{i}" for c in range(20) for i in range(3)]
    sex = ["male", "female", "female"] * 20
    people = pd.DataFrame({"patient_id": ids, "sex": sex, "age": range(30, 90)})
    assert same_stem(ids, people, PATTERN) == []
    visits = people.assign(sex="male", age=50)
    assert len(same_stem(ids, visits, PATTERN)) == 20
    assert same_stem(ids, visits, "") == []


def test_age_may_grow_with_the_time_between_visits():
    people = pd.DataFrame(
        {
            "patient_id": ["P1_T0", "P1_T1"],
            "age": [50, 58],
            "index_date": ["2016-01-01", "2024-01-01"],
        }
    )
    assert same_stem(people["patient_id"], people, PATTERN) == [["P1_T0", "P1_T1"]]
    assert same_stem(people["patient_id"], people.drop(columns="index_date"), PATTERN) == []
