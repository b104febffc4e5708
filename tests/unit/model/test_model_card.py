"""The model card: filled from the description, in both languages."""

from scripts.model.model_card import model_card
from tests.unit.model.bundles import written


def test_card_says_use_people_figures_and_limits_in_both_languages(tmp_path, cohort, settings):
    name, _, description = written(tmp_path, cohort, settings, refits=0)
    card = (tmp_path / name / "model_card.md").read_text(encoding="utf-8")
    english, chinese = card.split("\n---\n")
    for words in ("Intended use", "patients, ", "C1", "Age (years)"):
        assert words in english, words
    for words in ("0.900 (0.800 to 0.950)", "Discriminates: AUC 0.90.", "Limits", "0.500"):
        assert words in english, words
    for words in ("预期用途", "训练数据", "局限", "有区分能力：AUC 0.90。", "约登指数"):
        assert words in chinese, words
    assert "{" not in card and "nan" not in card
    assert f"| ct+lcms | {description['patterns'][1]['n']}" in english


def test_change_log_is_in_the_card(tmp_path, cohort, settings):
    _, _, description = written(tmp_path, cohort, settings, refits=0)
    before = {"metrics": {"o_e": {"value": 0.5, "low": 0.4, "high": 0.6}}}
    change = {"centre": "X1", "method": "line", "n": 90, "events": 20, "reason": "rare there"}
    change |= {"before": before, "after": {"metrics": {}}}
    card = model_card({**description, "changes": [change]})
    assert "X1, line, n = 90 (20): rare there" in card
    assert "Observed / expected events: 0.500 (0.400 to 0.600) -> –" in card
