"""The sections of three or more classes, with made-up scores."""

import json

import numpy as np
import pytest

from scripts.core.config import default_config
from scripts.core.job import Named
from scripts.model import class_metrics
from scripts.report import class_figures, classes, flow
from scripts.report.results import read_results
from scripts.report.write_report import report_page

NAMES = ["control", "early_hcc", "advanced_hcc"]


def scored(n=90, seed=0):
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 3
    logits = rng.normal(size=(n, 3)) + 1.5 * np.eye(3)[y]
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    entry = class_metrics.assess(y, p, NAMES, {"resamples": 1000, "minimum_class": 10}, 1)
    features = {
        name: [{"block": "lcms", "feature": "m1", "selected": 1.0, "weight": 0.5}] for name in NAMES
    }
    more = {"title": "late fusion", "kind": "fusion", "coverage": 1.0, "features": features}
    return json.loads(json.dumps(entry | more, default=float))


@pytest.fixture(scope="module")
def entry():
    return scored()


def performance(entry):
    small = {"title": "x", "kind": "block", "status": "NOT_ASSESSED", "reason": "too few patients"}
    counts = {"n": 90, "classes": dict.fromkeys(NAMES, 30)}
    delta = {"value": 0.1, "low": 0.02, "high": 0.2}
    increment = {"strategy": "late", "baseline": "block_lcms", "n": 90, "macro_auc": 0.9}
    return {
        "status": "ASSESSED",
        "reason": "",
        "outcome": {"name": "stage", "kind": "multiclass", "classes": NAMES},
        "cohort": {"train": counts, "test": counts},
        "settings": {"outer_folds": 5, "inner_folds": 5, "repeats": 2, "resamples": 1000},
        "selected": "late",
        "strategies": {"late": entry, "block_lcms": {**small, "n": 4}},
        "increments": [increment | {"macro_auc_baseline": 0.8, "delta_macro_auc": delta}],
        "subgroups": [
            {"group": "sex", "value": "male", "n": 50, "status": "ASSESSED"}
            | {"macro_auc": 0.91, "balanced_accuracy": 0.8},
            {"group": "centre", "value": "C9", "n": 4, "status": "NOT_ASSESSED"}
            | {"reason": "only one class (4 control, 0 early_hcc, 0 advanced_hcc)"},
        ],
        "patterns": [{"pattern": "clinical+lcms", "n": 40, "macro_auc": 0.9}],
        "blocks": [
            {"block": "ct_arterial", "used": False, "reason": "no predictor in its dictionary"}
        ],
        "sample_size": {"smallest_class": 30, "candidate_predictors": 9, "minimum": 400}
        | {"verdict": "WARN"},
        "verdict": {"text_en": "Discriminates: macro AUC 0.9.", "text_zh": "有区分能力。"},
    }


@pytest.fixture
def results(run, entry):
    inputs = run.base()
    roles = json.loads((run.folder / ".hcc/plan.json").read_text())["patients"]
    rows = [
        {"patient_id": p, "role": row["role"], "class": NAMES[i % 3], "reason": ""}
        for i, (p, row) in enumerate(sorted(roles.items()))
    ]
    rows[0] |= {"class": "", "reason": "no_follow_up"}
    inputs["outcome"] = run.write("results/cohort/outcome.tsv", rows)
    inputs["performance"] = run.write("results/model/performance.json", performance(entry))
    flow_of = {"admitted": 28, "scored": 27, "refused": 1, "reasons": {"no block": 1}}
    tested = {"status": "ASSESSED", "reason": "", "flow": flow_of, "pooled": entry}
    tested |= {"centres": {"E1": entry}, "subgroups": []}
    inputs["external"] = run.write("results/external/performance.json", tested)
    inputs["bundle"] = run.write("locks/bundle.json", {"bundle": None, "reason": "no model"})
    return read_results(
        Named([], **inputs), ".hcc/plan.json", "locks/openings.tsv", default_config()
    )


def test_every_section_has_both_languages_and_the_figures(results):
    page = report_page(results, language="zh", run_date="2026-03-02")
    for words in (
        "宏平均 AUC",
        "Macro AUC",
        "混淆矩阵",
        "Confusion table",
        "中晚期肝细胞癌",
        "advanced HCC",
    ):
        assert words in page
    assert page.count("</svg>") > 6


def test_confusion_table_shows_counts_and_shares_of_the_true_class(entry):
    drawn = class_figures.confusion(entry)
    n, total = entry["confusion"][0][0], sum(entry["confusion"][0])
    assert f"{n} ({100 * n / total:.0f}%)" in drawn
    assert class_figures.shade(0) == "#ffffff" and class_figures.shade(1) == "#0072b2"


def test_no_model_is_said_with_its_reason(results, run):
    results.performance = {
        "status": "NOT_ASSESSED",
        "reason": "too few patients (40 control, 12 early_hcc, 3 advanced_hcc; at least 10 of each class)",
        "outcome": {"name": "stage", "kind": "multiclass", "classes": NAMES},
        "strategies": {},
    }
    section = classes.section(results)
    assert len(section.parts) == 1 and "3 advanced_hcc" in section.parts[0].content.en
    assert "患者太少" in section.parts[0].content.zh


def test_patients_in_no_class_are_counted_and_everything_adds_up(results):
    counted = flow.count(results)
    assert counted.split["left_out.no_follow_up"] == 1
    assert counted.left_out["development"] == {"no_follow_up": 1}
    assert sum(counted.classes["development"].values()) + 1 == counted.roles["development"]
    assert sum(counted.classes["external"].values()) == counted.roles["external"]
    assert "no follow-up, so no control" in flow.diagram(counted)


def test_class_missing_from_the_outcome_table_stops_the_report(results):
    results.outcome.pop(results.admitted("external")[0])
    with pytest.raises(ValueError, match=r"external = classes \+ left out"):
        flow.count(results)
