"""Settings at the edge of their grid are said."""

from scripts.model.grid_edges import grid_edges


def folds(*values):
    return [
        {"members": [{"member": "joint", "parameters": {"C": v, "l1_ratio": 0.9}}]} for v in values
    ]


def test_setting_that_most_folds_choose_at_an_end_is_found():
    settings = {"elastic_net": {"c": [0.03, 0.1, 0.5], "l1_ratio": [0.9, 0.2]}}
    line = {"member": "joint", "parameter": "C", "value": 0.5, "edge": "highest"}
    assert grid_edges(folds(0.5, 0.5, 0.1), "elastic_net", settings) == [
        line | {"folds": 2, "of": 3}
    ]
    assert grid_edges(folds(0.1, 0.1, 0.5), "elastic_net", settings) == []
    low = grid_edges(folds(0.03, 0.03), "elastic_net", settings)
    assert [entry["edge"] for entry in low] == ["lowest"]


def test_grid_of_one_or_two_values_has_no_inside():
    assert grid_edges(folds(0.1), "elastic_net", {"elastic_net": {"c": [0.1]}}) == []
    assert grid_edges(folds(0.1), "published", {}) == []
