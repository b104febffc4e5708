"""Who belongs together."""

from scripts.core.linked_people import groups_of, people_in_both_roles

ROWS = [
    {"patient_id": "P5", "contact_hash": "c1"},
    {"patient_id": "P2", "contact_hash": "c1", "person_id": "x"},
    {"patient_id": "P1", "person_id": "y", "centre": "C1"},
    {"patient_id": "P3", "person_id": "x", "group_family": "f"},
    {"patient_id": "P4", "group_family": "", "person_id": "", "centre": "C1"},
    {"patient_id": "P6", "group_family": "f"},
]


def test_links_over_several_people_make_one_group():
    found = groups_of(ROWS)
    assert found == {"P1": "P1", "P2": "P2", "P3": "P2", "P4": "P4", "P5": "P2", "P6": "P2"}


def test_people_in_both_roles_are_named_by_their_ids():
    rows = [
        {"patient_id": "P1", "person_id": "H1", "contact_hash": "c"},
        {"patient_id": "E1", "person_id": "H1", "contact_hash": "d"},
        {"patient_id": "E2", "person_id": "H2", "contact_hash": "c"},
        {"patient_id": "P2", "id1_hash": "h"},
        {"patient_id": "P3", "id1_hash": "h"},
    ]
    roles = {
        "P1": "development",
        "P2": "development",
        "P3": "development",
        "E1": "external",
        "E2": "external",
    }
    assert people_in_both_roles(rows, roles) == ["P1 = E1"]
    assert people_in_both_roles(rows, {"P1": "development"}) == []
