"""The page of one new patient: result first, both languages, no identifier, nothing from elsewhere."""

import re

from scripts.core import job as core_job
from scripts.report import write_patient_page
from scripts.report.write_patient_page import file_name, patient_page

BUNDLE = {
    "strategy": "late",
    "title": "late fusion",
    "internal": {"metrics": {"auc": {"value": 0.9, "low": 0.8, "high": 0.95}}},
    "training": {"n": 100, "events": 40},
    "centres": ["A", "B"],
    "interval": "log odds +- 1.96 SD",
}
LINE = {
    "patient_id": "N1",
    "bundle": "ab12",
    "centre": "A",
    "probability": "0.731",
    "low": "0.6",
    "high": "0.85",
    "positive": "yes",
    "threshold": "0.4",
    "positive_high_specificity": "no",
    "threshold_high_specificity": "0.8",
    "calibrated_on": "ct_arterial+lcms",
    "verdict": "useful",
    "judged_on": "ct_arterial+lcms",
    **{"auc": "0.81", "auc_low": "0.72", "auc_high": "0.90", "auc_n": "88", "auc_events": "40"},
    **{"sensitivity": "0.8", "specificity": "0.9"},
    **{"sensitivity_high_specificity": "0.6", "specificity_high_specificity": "0.95"},
    "read_as": "AFP repaired: read as 6: in range only so",
    "flags": "20% of the features outside the training range",
    "outside": "lcms__m1 90 umol/L (training 0 to 3)",
    "not_used": "wes fail: mean depth 8 is under the required 30",
    "refused": "",
}
PARTS = [
    {"block": "(base)", "feature": "", "value": "", "unit": "", "low": "", "high": "", "range": ""},
    {"block": "lcms", "feature": "m1", "value": "90", "unit": "umol/L", "low": "0", "high": "3"},
    {"block": "ct_arterial", "feature": "f2", "value": "", "unit": "", "low": "0", "high": "1"},
]
for part, more in zip(PARTS, (("", "0.2"), ("above", "1.1"), ("missing", "-0.3")), strict=True):
    part["patient_id"] = "N1"
    part["range"], part["contribution"] = more


MEASURED = {
    **{"patient_id": "N1", "block": "clinical", "features": "58", "measured": "4", "core": "9"},
    **{"core_measured": "2", "needed": "5", "usable": "False", "missing": "alb tbil alt"},
}


def clinical_part(feature, value, unit, low, high, where="inside", typed=""):
    shown = {"value": value, "unit": unit, "low": low, "high": high, "range": where}
    part = {"patient_id": "N1", "block": "clinical", "feature": feature, "contribution": "0.4"}
    return part | shown | {"typed": typed}


def test_figures_are_those_of_the_blocks_that_were_used_and_not_of_the_whole_model():
    written = patient_page(LINE, PARTS, BUNDLE, "en", "2026-03-01")
    assert "0.81 (0.72–0.90)" in written and "0.90 (0.80–0.95)" not in written


def test_without_useful_discrimination_the_page_says_so_first_and_gives_no_number():
    line = LINE | {"verdict": "none+not_separable", "auc": "0.37", "auc_low": "0.28"}
    line |= {"auc_high": "0.46", "refused": "no useful discrimination: ...", "probability": ""}
    written = patient_page(line, [], BUNDLE, "en", "2026-03-01")
    for words in ("No useful discrimination", "没有有用的区分能力", "0.37 (0.28–0.46)"):
        assert words in written, words
    assert "not separable from acquisition" in written and "Probability of HCC" not in written
    shown = patient_page(
        line | {"refused": "", "probability": "0.7"}, [], BUNDLE, "en", "2026-03-01"
    )
    body = shown[shown.index("<main") :]
    assert body.index("No useful discrimination") < body.index("Probability of HCC")


def test_old_bundle_without_a_verdict_is_said():
    line = LINE | {"verdict": "unknown", "positive": "", "positive_high_specificity": ""}
    written = patient_page(line, PARTS, BUNDLE, "zh", "2026-03-01")
    assert "区分能力未知" in written and "above the threshold" not in written


def test_values_are_shown_as_the_laboratory_reports_them_and_imputed_ones_marked():
    parts = [
        clinical_part("afp", "0.7781512503836436", "log10(ng/mL)", "-0.301", "3.5", typed="6 ug/L"),
        clinical_part("age", "60", "a", "35", "77"),
        clinical_part("male", "1", "1", "0", "1"),
        clinical_part("tbil", "", "log10(umol/L)", "0.8", "1.8", "missing"),
    ]
    written = patient_page(LINE, parts, BUNDLE, "zh", "2026-03-01")
    for words in ("6.0 ng/mL", "6 ug/L", "甲胎蛋白", "alpha-fetoprotein", "60 岁", "60 years"):
        assert words in written, words
    assert "1 of 4 features in use were not measured" in written and "总胆红素" in written
    assert "log10" not in written


def test_predictive_values_follow_the_declared_prevalence():
    # Bayes by hand: .8 x .03 / (.8 x .03 + .1 x .97) = .1983; .9 x .97 / (.9 x .97 + .2 x .03) = .9932
    written = patient_page(LINE, PARTS, BUNDLE, "en", "2026-03-01", [], 0.03)
    assert "PPV 19.8%, NPV 99.3% at a prevalence of 3.0%" in written
    # odds .731/.269 x (.03/.97) x (.6/.4) = .1261: 11.2 %
    assert "11.2%" in written
    assert "No prevalence was declared" in patient_page(LINE, PARTS, BUNDLE, "en", "2026-03-01")


def test_equal_thresholds_are_said_to_be_one():
    line = LINE | {
        "threshold_high_specificity": LINE["threshold"],
        "positive_high_specificity": "yes",
    }
    assert "the two thresholds are the same" in patient_page(
        line, PARTS, BUNDLE, "en", "2026-03-01"
    )
    assert "the two thresholds" not in patient_page(LINE, PARTS, BUNDLE, "en", "2026-03-01")


def test_refusal_names_what_lacks_by_number_and_in_words():
    line = dict.fromkeys(LINE, "") | {"patient_id": "N1", "bundle": "ab12", "centre": "A"}
    line["refused"] = "below the minimum set of blocks: 0 usable, 1 needed | clinical: 4 of ..."
    written = patient_page(line, [], BUNDLE, "zh", "2026-03-01", [MEASURED])
    for words in ("4 of the model", "58 features were measured", "白蛋白", "at least 5 are needed"):
        assert words in written, words


def test_page_says_result_reasons_and_flags_in_both_languages():
    written = patient_page(LINE, PARTS, BUNDLE, "zh", "2026-03-01")
    for words in (
        "73.1%",
        "60.0%–85.0%",
        "肝细胞癌概率",
        "Probability of HCC",
        "above the threshold",
    ):
        assert words in written, words
    assert "20% 的特征超出训练范围" in written and "CT 动脉期" in written
    assert "平均深度 8，低于要求的 30" in written and "m1" in written
    assert not re.search(r'(src|href)="https?:', written)


def test_refused_patient_has_a_reason_and_no_number():
    refused = dict.fromkeys(LINE, "") | {"patient_id": "N2", "bundle": "ab12", "centre": "X"}
    refused["refused"] = "below the minimum set of blocks: 0 usable, 1 needed"
    written = patient_page(refused, [], BUNDLE, "en", "2026-03-01")
    assert "No probability was given: below the minimum set of blocks" in written
    assert "Probability of HCC" not in written and "patient.sums" not in written


def test_file_is_named_after_the_study_id_never_after_a_person():
    assert file_name("P-01_a", 1) == "P-01_a.html"
    assert file_name("13800138000", 7) == "row7.html"
    assert file_name("../x", 2) == "row2.html"


def test_step_writes_one_page_for_each_line(tmp_path):
    import json

    (tmp_path / "bundles" / "ab12").mkdir(parents=True)
    (tmp_path / "bundles" / "ab12" / "bundle.json").write_text(json.dumps(BUNDLE))
    tables = (("predictions", [LINE]), ("contributions", PARTS), ("measured", [MEASURED]))
    for name, rows in tables:
        lines = [list(rows[0]), *([row[c] for c in rows[0]] for row in rows)]
        (tmp_path / f"{name}.tsv").write_text("".join("\t".join(x) + "\n" for x in lines))
    job = core_job.Named()
    job.rule, job.log, job.threads, job.wildcards = "write_patient_page", [], 1, core_job.Named()
    job.input = core_job.Named(
        predictions=str(tmp_path / "predictions.tsv"),
        contributions=str(tmp_path / "contributions.tsv"),
        measured=str(tmp_path / "measured.tsv"),
    )
    job.output = core_job.Named([str(tmp_path / "pages")], pages=str(tmp_path / "pages"))
    job.params = core_job.Named(
        bundles=str(tmp_path / "bundles"), settings={"language": "zh"}, prevalence=0.03
    )
    write_patient_page.main(job)
    assert [p.name for p in (tmp_path / "pages").iterdir()] == ["N1.html"]
