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
    for name, rows in (("predictions", [LINE]), ("contributions", PARTS)):
        lines = [list(rows[0]), *([row[c] for c in rows[0]] for row in rows)]
        (tmp_path / f"{name}.tsv").write_text("".join("\t".join(x) + "\n" for x in lines))
    job = core_job.Named()
    job.rule, job.log, job.threads, job.wildcards = "write_patient_page", [], 1, core_job.Named()
    job.input = core_job.Named(
        predictions=str(tmp_path / "predictions.tsv"),
        contributions=str(tmp_path / "contributions.tsv"),
    )
    job.output = core_job.Named([str(tmp_path / "pages")], pages=str(tmp_path / "pages"))
    job.params = core_job.Named(bundles=str(tmp_path / "bundles"), settings={"language": "zh"})
    write_patient_page.main(job)
    assert [p.name for p in (tmp_path / "pages").iterdir()] == ["N1.html"]
