"""The conformance report: nothing is left out, nothing claimed, and every record can be found."""

import json
import re

import pytest
import yaml

from scripts.core.ledger import STATUSES
from scripts.report import assess_conformance, nonconformities, records, write_conformance_report
from scripts.report.page import Text
from scripts.report.requirement_list import limit_source
from tests.unit.report.made_up_run import REQUIREMENTS, record
from tests.unit.report.written_page import Page, make_job

CITIZEN_NUMBER = "11010519491231002X"  # the worked example of GB 11643-1999, check digit X
SAMPLES = [
    {"sample_id": f"S{p}A", "patient_id": f"P{p}", "collected_at": "2025-03-01T08:00"}
    for p in ("0001", "0003")
]


def _report(run, inputs, language="zh", most=1000, written=None):
    """Both steps on a made-up run; returns the page."""
    inputs = inputs | {"requirements": str(REQUIREMENTS)}
    outputs = {"findings": "results/report/findings.tsv"}
    outputs["conformance"] = "results/report/conformance.json"
    searching = {"ledgers": ["results/qc/ledger"], "searched": ["results", "logs"]}
    assess_conformance.main(
        make_job("assess_conformance", inputs, outputs, plan=".hcc/plan.json", **searching)
    )
    if written:
        inputs["nonconformities"] = run.write("results/report/nonconformities.tsv", written)
    write_conformance_report.main(
        make_job(
            "write_conformance_report",
            inputs | outputs,
            {"report": "results/report/conformance.html"},
            settings={"language": language, "records_listed": most},
            plan=".hcc/plan.json",
        )
    )
    return (run.folder / "results/report/conformance.html").read_text(encoding="utf-8")


def _packed(html: str) -> dict:
    return json.loads(re.search(r'id="records-data">(.*?)</script>', html, re.DOTALL).group(1))


def _rows(html: str) -> list[dict]:
    columns = _packed(html)["columns"]
    n = len(columns["status"]["codes"])
    return [
        {name: own["texts"][own["codes"][row]] for name, own in columns.items()} for row in range(n)
    ]


@pytest.fixture
def inputs(run):
    found = run.base(20)
    run.ledger(
        "check_custody",
        "cohort",
        record("BLD-03", "P0001", "FAIL", reason="sample S0001A: spun late", threshold="<= 6"),
        record("BLD-02", "P0003", "PASS", evidence="S0003A"),
        record("CLE-02", "P0003", "WARN", reason="tbil 900: outside 2 to 600", value=900.0),
    )
    return found


def test_every_requirement_is_there_in_both_languages_with_its_status(run, inputs):
    page = Page(_report(run, inputs))
    listed = yaml.safe_load(REQUIREMENTS.read_text(encoding="utf-8"))["requirements"]
    chinese, english = page.seen("zh"), page.seen("en")
    assert len(listed) >= 90
    for requirement in listed:
        assert requirement["requirement_zh"] in chinese
        assert requirement["requirement_en"] in english


def test_nothing_is_claimed_and_no_clause_below_a_chapter_is_named(run, inputs):
    page = Page(_report(run, inputs))
    english = page.seen("en")
    assert "checked against the project's reading of the draft notes" in english
    assert "Research use, not a diagnosis" in english
    assert not re.search(r"meets the standard|compliant with", english, re.I)
    for words in (english, page.seen("zh")):
        assert not re.search(r"(?:第|条款|clause|chapter)\s*\d+\.\d", words)


def test_verdicts_of_cohort_and_centres_and_counts_of_every_status(run, inputs):
    html = _report(run, inputs)
    english = Page(html).seen("en")
    counts = json.loads((run.folder / "results/report/conformance.json").read_text())["counts"]
    for status in STATUSES:
        name = status.replace("_", " ")
        assert re.search(rf"<dt>.*{name}.*</dt><dd>{counts[status]}</dd>", html)
    assert "not conformant" in english and "External centre" not in english
    assert {"C1", "C2", "E2"} <= set(re.findall(r"\b[CE]\d\b", english))


def test_limit_stands_with_its_source(run, inputs):
    english = Page(_report(run, inputs)).seen("en")
    assert "<= 6 (project default" in english
    assert limit_source({"default_source": "seed"}) == Text("编制说明", "stated by the notes")
    source = limit_source({"default_source": "pooled-QC 30 % common practice (from memory)"})
    assert source.en == "project default; pooled-QC 30 % common practice; source not verified"


def test_failures_have_an_owner_and_an_action(run, inputs):
    english = Page(_report(run, inputs)).seen("en")
    assert "sample S0001A: spun late" in english
    assert "centre C1" in english and "measure again, then run again" in english


def test_written_list_of_nonconformities_is_taken_as_it_is(run, inputs):
    row = dict.fromkeys(nonconformities.COLUMNS, "")
    row |= {"requirement_id": "PER-01", "status": "WARN", "severity": "minor", "scope": "centre"}
    row |= {"centre": "C2", "n": "3", "what": "expired licence", "owner": "laboratory head C2"}
    row["action"] = "renew the licence"
    english = Page(_report(run, inputs, written=[row])).seen("en")
    assert "Non-conformities: 1" in english
    assert "laboratory head C2" in english and "renew the licence" in english
    assert "measure again, then run again" not in english


def test_records_name_patient_sample_and_requirement(run, inputs):
    inputs["samples"] = [run.write(".hcc/sheets/samples.tsv", SAMPLES)]
    rows = _rows(_report(run, inputs))
    late = next(row for row in rows if row["requirement"] == "BLD-03")
    assert (late["patient"], late["sample"], late["centre"]) == ("P0001", "S0001A", "C1")
    assert late["limit"] == "<= 6" and late["status"] == "FAIL"
    findings = (run.folder / "results/report/findings.tsv").read_text().splitlines()
    assert len(rows) == len(findings) - 1


def test_evidence_names_the_sample_where_a_finding_has_it():
    finding = dict.fromkeys(assess_conformance.COLUMNS, "")
    finding |= {"subject": "P0003", "verdict": "PASS", "evidence": "S0003A"}
    known = {"S0003A": ("P0003", "S0003A"), "S0001A": ("P0001", "S0001A")}
    assert records.placed(finding, known)["sample"] == "S0003A"
    finding["evidence"] = "S0001A"  # a tube of somebody else is not this patient's sample
    assert records.placed(finding, known)["sample"] == ""


def test_more_records_than_the_page_takes_are_grouped_failures_last(run, inputs):
    many = [record("BLD-05", f"P{n:04d}", "PASS", check="storage", value=n) for n in range(7, 900)]
    run.ledger("store_samples", "cohort", *many)
    html = _report(run, inputs, most=400)
    rows = _rows(html)
    stored = [row for row in rows if row["check"] == "storage"]
    assert len(rows) < 400 and sum(int(row["n"]) for row in stored) == len(many)
    assert all(row["patient"] == "" for row in stored)
    assert [row for row in rows if row["status"] == "FAIL" and row["patient"] == "P0001"]
    english = Page(html).seen("en")
    assert "results/report/findings.tsv" in english and "grouped by requirement" in english
    own = _packed(html)["people"]["P0007"]  # counts of a person whose records are in groups
    assert own[records.VERDICTS.index("PASS")] > 0


@pytest.mark.long
def test_five_thousand_patients_with_a_hundred_records_fit_in_a_page():
    checks = [f"check {n}" for n in range(100)]
    finding = dict.fromkeys(assess_conformance.COLUMNS, "")
    finding |= {"requirement_id": "BLD-05", "centre": "C1", "step": "check_custody"}
    findings = [
        finding
        | {"subject": f"P{p:04d}", "check": check, "verdict": "FAIL" if p % 250 == 0 else "PASS"}
        for p in range(5000)
        for check in checks
    ]
    part = records.part(findings, {}, 100_000, "findings.tsv")
    assert part.listed == 2000 and part.grouped == 498_000  # 20 patients fail all 100 checks
    assert len(part.data) < 1_000_000  # characters; the page opens at once
    assert len(json.loads(part.data)["people"]) == 5000


def test_text_of_a_record_cannot_end_the_data_and_identifiers_are_masked(run, inputs):
    reason = f"</script><script>alert(1)</script> {CITIZEN_NUMBER}"
    run.ledger("check_ct", "P0001", record("IMG-CT", "P0001", "FAIL", reason=reason))
    html = _report(run, inputs)
    assert "<script>alert(1)" not in html and CITIZEN_NUMBER not in html
    said = [row["reason"] for row in _rows(html) if row["requirement"] == "IMG-CT"]
    assert said == ["</script><script>alert(1)</script> [identifier removed]"]


def test_page_is_the_same_twice_and_asks_for_nothing(run, inputs):
    html = _report(run, inputs)
    assert html == _report(run, inputs)
    others = {a for a in Page(html).addresses if not a.startswith(("#", "data:"))}
    assert others == {"report.html", "data_quality.html"}
    assert not re.search(r"https?://|@import|url\(|fetch\(|XMLHttpRequest|innerHTML", html)
