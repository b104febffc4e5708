"""A small bundle in a folder, for tests of what is done with one."""

from scripts.model import bundle, fused, interval_refits
from scripts.model.cohort_tables import predictors
from scripts.model.fit_model import describe
from scripts.model.model_card import model_card

METRIC = {"value": 0.9, "low": 0.8, "high": 0.95}


def performance_of(strategy="late"):
    """What select_model would say, with made-up figures."""
    names = ("auc", "brier", "calibration_intercept", "calibration_slope", "o_e")
    entry = {
        "metrics": dict.fromkeys(names, METRIC),
        "thresholds": {"youden": {"threshold": 0.5}, "high_specificity": {"threshold": 0.7}},
    }
    verdict = {"text_en": "Discriminates: AUC 0.90.", "text_zh": "有区分能力：AUC 0.90。"}
    verdict["discrimination"] = "useful"
    return {"selected": strategy, "strategies": {strategy: entry}, "verdict": verdict}


def written(folder, cohort, settings, strategy="late", refits=4):
    """Train on a cohort, write the bundle below `folder`, return (name, model, description)."""
    allowed, _ = predictors(cohort, settings)
    model = fused.train(fused.members_of(strategy, allowed, settings), cohort, settings, seed=1)
    description = describe(model, cohort, performance_of(strategy), settings, 1, "c0de")
    archive = interval_refits.refit(model, cohort, {**settings, "interval_refits": refits}, 1)
    draft = folder / "draft"
    draft.mkdir(parents=True)
    (draft / "model_card.md").write_text(model_card(description), encoding="utf-8")
    name = bundle.write_bundle(draft, model, description, archive)
    draft.rename(folder / name)
    return name, model, description
