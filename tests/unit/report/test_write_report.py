"""The report: opens alone, says what is missing, keeps both languages, shows nobody's identity."""

import re
import shutil
import subprocess

import pytest

from scripts.core.config import default_config
from scripts.report import assess_conformance, page, write_report
from tests.unit.report.made_up_run import REQUIREMENTS, make_entry, make_performance, record
from tests.unit.report.written_page import OTHER_PAGES, Page, make_job

CITIZEN_NUMBER = "11010519491231002X"  # the worked example of GB 11643-1999, check digit X
MOBILE = "13912345678"


def _report(inputs, language="zh"):
    """Both steps of the domain on a made-up run; returns the page."""
    inputs = inputs | {"requirements": str(REQUIREMENTS)}
    outputs = {"findings": "results/report/findings.tsv"}
    outputs["conformance"] = "results/report/conformance.json"
    shared = {"plan": ".hcc/plan.json"}
    ledgers = ["results/qc/ledger"]
    searching = {"ledgers": ledgers, "searched": ["results", "logs"]}
    assess_conformance.main(make_job("assess_conformance", inputs, outputs, **searching, **shared))
    shown = {key: value for key, value in default_config().items() if key != "sheets"}
    write_report.main(
        make_job(
            "write_report",
            inputs | outputs,
            {"report": "results/report/report.html", "tripod": "results/report/tripod_ai.csv"},
            settings={"language": language},
            openings="locks/openings.tsv",
            iterations="locks/iterations.tsv",
            withdrawals="locks/bundle_withdrawals.tsv",
            shown=shown,
            **shared,
        )
    )
    with open("results/report/report.html", encoding="utf-8") as handle:
        return handle.read()


def test_iterations_of_development_are_listed(run):
    inputs = run.full()
    line = {"recorded_at": "2026-03-01T10:00:00+00:00", "patients": 60, "events": 30}
    line |= {"outer_folds": 5, "repeats": 2, "selected": "late", "low": 0.7, "high": 0.9}
    run.write("locks/iterations.tsv", [line | {"value": auc} for auc in (0.801, 0.834)])
    html = _report(inputs)
    assert "0.80 (0.70–0.90)" in html and "0.83 (0.70–0.90)" in html
    assert "Iterations of development" in html and "建模迭代记录" in html


def test_page_asks_for_nothing_from_elsewhere(run):
    html = _report(run.full())
    found = Page(html)
    assert {a for a in found.addresses if not a.startswith(("#", "data:"))} == OTHER_PAGES
    assert not re.search(r"https?://|//cdn|@import|url\(|fetch\(|XMLHttpRequest", html)
    assert "default-src 'none'" in html


def test_all_sections_are_there_and_none_is_empty(run):
    html = _report(run.full())
    for name in ("summary", "flow", "cohort", "quality", "audit", "explore", "performance"):
        assert f'<section id="{name}">' in html
    for name in ("associations", "internal", "validation", "model", "tripod"):
        assert f'<section id="{name}">' in html
    for name in ("conformance", "run"):
        assert f'<section id="{name}">' in html
    bodies = re.findall(r"<section id=.*?</h2>(.*?)</section>", html, flags=re.DOTALL)
    assert len(bodies) == 14 and all(re.search(r"<(p|table|dl|figure)", body) for body in bodies)


def test_full_run_names_figures_of_every_part(run):
    english = Page(_report(run.full())).seen("en")
    assert "0.91 (0.86–0.96)" in english  # AUC of the made-up performance
    assert "Fusion is not shown to beat the best single block" in english
    assert "The chosen strategy beats AFP alone" in english
    assert "Fusion does not win: of 2 single blocks and baselines" in english
    assert "NRI (95 % interval)" in english and "no evidence by themselves" in english
    assert "External centre E1" in english and "3f2a" * 16 in english
    assert "Predictive values at stated prevalences" in english and "not conformant" in english
    assert "Prospective (locked before enrolment): FAIL" in english


def test_no_useful_discrimination_is_said_plainly_in_both_languages(run):
    seen = Page(_report(run.full(auc=0.53)))
    assert "No useful discrimination" in seen.seen("en")
    assert "没有有用的区分能力" in seen.seen("zh")
    assert "Excellent" not in seen.seen("en")


def test_chosen_single_block_is_reported_against_fusion_with_the_sign_turned(run):
    performance = make_performance(60)
    performance["selected"] = "block_lcms"
    performance["increments"] = [
        row | {"strategy": "block_lcms", "baseline": "late", "delta_auc": delta}
        for row, delta in zip(
            performance["increments"][:1], [{"value": 0.04, "low": 0.01, "high": 0.07}], strict=True
        )
    ]
    inputs = run.full()
    run.write("results/model/performance.json", performance)
    english = Page(_report(inputs)).seen("en")
    assert "Fusion is worse than the best single block" in english
    assert "difference −0.04 (−0.07–−0.01)" in english


def test_tables_only_cohort_says_what_is_absent(run):
    english = Page(_report(run.base(40, external=False, consents=False))).seen("en")
    assert "External validation not done: no external patients" in english
    assert "This run has no QC records" in english
    assert "No model is locked" in english
    assert "No audit was made" in english
    assert "There is no model: this run made no internal validation." in english


def test_six_patients_without_data_still_give_a_report(run):
    inputs = run.base(6, external=False, blocks=False)
    reason = {"status": "NOT_ASSESSED", "reason": "fewer than 10 patients of a class"}
    inputs["performance"] = run.write("results/model/performance.json", reason | {"selected": None})
    english = Page(_report(inputs)).seen("en")
    assert "There is no model: fewer than 10 patients of a class." in english
    assert "This cohort has no measured data" in english
    assert "n = 6" in english


def test_strategy_that_could_not_be_assessed_keeps_its_reason(run):
    assert "too few patients" in Page(_report(run.full())).seen("en")


def test_planted_identifiers_never_reach_the_page_or_the_findings(run):
    inputs = run.full()
    reason = f"value {CITIZEN_NUMBER} in column 3, phone {MOBILE}"
    run.ledger("check_ct", "P0001", record("IMG-CT", "P0001", "FAIL", reason=reason))
    html = _report(inputs)
    findings = (run.folder / "results/report/findings.tsv").read_text()
    for written in (html, findings):
        assert CITIZEN_NUMBER not in written and MOBILE not in written
    assert "[identifier removed]" in html
    assert "ETH-09\tblock\tcohort" in findings and "found in results/qc/ledger" in findings


def test_markup_in_a_reason_is_shown_not_run(run):
    inputs = run.full()
    reason = "<script>alert(1)</script>"
    run.ledger("check_ct", "cohort", record("IMG-CT", "cohort", "FAIL", reason=reason))
    html = _report(inputs)
    assert reason not in html and "&lt;script&gt;alert(1)" in html


def test_language_of_the_setting_opens_and_both_are_inside(run):
    html = _report(run.full(), language="en")
    assert '<html lang="en" data-lang="en">' in html
    assert "肝细胞癌" in html and "Hepatocellular" in html


def test_report_is_the_same_twice(run):
    inputs = run.full()
    assert _report(inputs) == _report(inputs)


def test_no_clause_number_below_a_chapter_is_printed(run):
    words = Page(_report(run.full())).seen("zh")
    assert "第 5 章" in words
    assert not re.search(r"(?:第|条款|clause|chapter)\s*\d+\.\d", words)
    assert "6.4/" not in words  # one section of the notes carries a number of its own


def test_masking_leaves_measured_numbers_alone():
    text = f"area 15234567890.25, sha {'1' * 64}, id {CITIZEN_NUMBER}, 12345678901"
    shown, count = page.masked(text)
    assert count == 1
    assert shown == text.replace(CITIZEN_NUMBER, "[identifier removed]")


def test_an_entry_with_missing_parts_does_not_stop_the_report(run):
    inputs = run.full()
    performance = make_performance(60)
    bare = make_entry(0.8, 60, "fusion", ["clinical"])
    for key in ("roc", "calibration", "decision_curve", "thresholds", "features"):
        bare[key] = [] if key != "thresholds" else {}
    bare["metrics"]["calibration_slope"] = {"value": None, "low": None, "high": None}
    performance["strategies"]["early"] = performance["strategies"]["late"] = bare
    performance |= {"increments": [], "subgroups": [], "patterns": [], "sample_size": {}}
    run.write("results/model/performance.json", performance)
    english = Page(_report(inputs)).seen("en")
    assert "No comparison with AFP" in english


@pytest.mark.long
def test_chromium_opens_it_without_an_error_or_a_request(run):
    chromium = shutil.which("chromium")
    if not chromium:
        pytest.skip("no chromium on this machine")
    _report(run.full())
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync"]
    flags += ["--disable-background-networking", "--disable-component-update", "--disable-quic"]
    flags += [f"--user-data-dir={run.folder / 'profile'}", "--enable-logging=stderr", "--v=0"]
    flags += ["--log-net-log=net.json", "--dump-dom"]
    url = (run.folder / "results/report/report.html").as_uri()
    done = subprocess.run([chromium, *flags, url], capture_output=True, text=True, check=True)
    assert "CONSOLE" not in done.stderr
    asked = re.findall(r'"url":"(https?://[^/"]+)', (run.folder / "net.json").read_text())
    own = ("google.com", "googleapis.com", "gvt1.com")  # what the browser asks by itself
    assert not [host for host in asked if not host.endswith(own)]
    assert 'data-lang="zh"' in done.stdout


def test_model_trained_on_people_who_withdrew_asks_for_a_decision(run):
    asked = {"bundle": "3f2a" * 16, "date": "2026-02-01", "subjects": 2, "decision": "open"}
    run.write("locks/bundle_withdrawals.tsv", [asked, asked | {"bundle": "other", "subjects": 7}])
    page = _report(run.full())
    assert "2026-02-01: 2; open: keep" in page or "open: keep (on which legal ground)" in page
    assert "2026-02-01: 7" not in page
    run.write("locks/bundle_withdrawals.tsv", [asked | {"decision": "kept: contract of 2025"}])
    page = _report(run.full())
    assert "kept: contract of 2025" in page and "open: keep" not in page
