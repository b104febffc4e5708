"""Names of strategies and what they train."""

from scripts.model.strategies import level_of, members_of, rank_of, split_name, title_of


def test_name_says_level_and_learner():
    assert split_name("late_svm") == ("late", "svm")
    assert split_name("early_forest") == ("early", "forest")
    assert split_name("block_my_svm") == ("block_my_svm", "elastic_net")
    assert [level_of(s) for s in ("early_xgboost", "late", "stacking", "knowledge", "afp")] == [
        "data",
        "model",
        "model",
        "knowledge",
        "",
    ]
    assert title_of("early_forest") == "early fusion (random forest on all blocks)"


def test_simple_before_complicated_and_xgboost_last():
    order = ["block_ct", "late", "knowledge", "stacking", "early", "late_svm", "early_svm"]
    order += ["late_forest", "early_forest", "late_xgboost", "early_xgboost"]
    assert [rank_of(s) for s in order] == sorted({rank_of(s) for s in order})


def test_members_of_each_level(settings):
    allowed = {"clinical": ["amap", "fib4"], "dia": ["CRP_P02741", "SAA1_P0DJI8", "X_P00000"]}
    assert [m.name for m in members_of("late_svm", allowed, settings)] == ["clinical", "dia"]
    assert [m.learner for m in members_of("early_forest", allowed, settings)] == ["forest"]
    sets, scores = members_of("knowledge", allowed, settings)
    assert sets.columns == (("dia", "CRP_P02741"), ("dia", "SAA1_P0DJI8"))
    assert scores.columns == (("clinical", "amap"), ("clinical", "fib4"))
