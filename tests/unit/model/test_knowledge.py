"""Sets of genes and metabolites as features."""

import numpy as np
import pytest

from scripts.core.config import default_config
from scripts.model import fused, knowledge
from scripts.model.cohort_tables import predictors


@pytest.mark.parametrize(
    ("feature", "name"),
    [
        ("AFP_P02771", "afp"),
        ("ORM1_A0A024R3E3", "orm1"),
        ("valine_2tms", "valine"),
        ("glucose_5tms_meox", "glucose"),
        ("vaf_tp53_r249s", "tp53"),
        ("altering_ctnnb1", "ctnnb1"),
        ("octanoylcarnitine_d3", "octanoylcarnitine_d3"),  # an internal standard is no metabolite
        ("original_glcm_Imc1", "original_glcm_imc1"),
    ],
)
def test_name_without_accession_derivative_and_variant(feature, name):
    assert knowledge.bare_name(feature) == name


def test_sets_of_variants_and_of_amounts_stay_apart(settings):
    found = knowledge.sets_of(
        ["altering_alb", "truncating_alb", "ALB_P02768", "TTR_P02766"], settings
    )
    assert found["MUTATED_HEPATOCYTE_SECRETION"] == ("altering_alb", "truncating_alb")
    assert found["ACUTE_PHASE_FALLING"] == ("ALB_P02768", "TTR_P02766")


def test_numbered_features_are_not_taken_for_clotting_factors(settings):
    assert knowledge.sets_of(["f2", "f5", "F10", "c3", "c5"], settings) == {}
    found = knowledge.sets_of(["F2_P00734", "F10_P00742"], settings)
    assert found == {"COAGULATION": ("F2_P00734", "F10_P00742")}


def test_every_set_has_a_source_and_two_members():
    for path in default_config()["model"]["knowledge"]["sets"]:
        for title, members in knowledge.read_sets(path).items():
            assert members, title
        lines = (knowledge.ROOT / path).read_text(encoding="utf-8").splitlines()
        assert all(any(c.isdigit() for c in line.split("\t")[1]) for line in lines)


def test_broken_set_file_is_named_with_its_line(tmp_path):
    path = tmp_path / "own.gmt"
    path.write_text("A\tsource 2001\tx\ty\nB\n", encoding="utf-8")
    with pytest.raises(
        ValueError, match="own.gmt, line 2: a set needs a name, a source and members"
    ):
        knowledge.read_sets(str(path))


def test_score_is_the_mean_of_standardised_features(settings):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(50, 4)) * [1, 10, 1, 1] + [0, 5, 0, 0]
    columns = [("dia", f) for f in "abcd"]
    ready = knowledge.set_preparation(columns, (("S", ("a", "b")), ("T", ("d",))), settings)
    scores = ready.named_steps["sets"].fit(X).transform(X)
    z = (X - X.mean(0)) / X.std(0)
    assert scores[:, 0] == pytest.approx(z[:, :2].mean(1))
    assert scores[:, 1] == pytest.approx(z[:, 3])
    holed = X[:1].copy()
    holed[0, 0] = np.nan
    assert ready.named_steps["sets"].transform(holed)[0, 0] == pytest.approx(z[0, 1])


def test_knowledge_level_trains_on_sets_and_names_them(make_cohort, settings):
    cohort = make_cohort(n=100, effect=2.0, features=4, blocks=("dia",), missing=0)
    names = ["CRP_P02741", "SAA1_P0DJI8", "HP_P00738", "FGG_P02679"]
    cohort.tables["dia"].columns = names
    cohort.dictionaries["dia"].index = names
    allowed, _ = predictors(cohort, settings)
    model = fused.train(fused.members_of("knowledge", allowed, settings), cohort, settings, 1)
    assert list(model.members[0].weights) == [("dia", "ACUTE_PHASE_RISING")]
    scores = model.score(cohort)["probability"]
    assert scores[cohort.labels == 1].mean() > scores[cohort.labels == 0].mean() + 0.2
