"""Every page in a headless browser without a network: no request, no error, both languages, a filter that works."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from scripts.core.hashing import ROOT
from scripts.report import page, records
from scripts.report.assess_conformance import COLUMNS
from scripts.report.page import Paragraph, Section, Text, text

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync"]
FLAGS += ["--disable-background-networking", "--disable-component-update", "--disable-quic"]
FLAGS += ["--host-resolver-rules=MAP * ~NOTFOUND", "--enable-logging=stderr", "--v=0"]


def _open(folder: Path, html: str) -> str:
    """The page as the browser has it after its scripts ran; an error or a request fails the test."""
    if not CHROMIUM:
        pytest.skip("no chromium on this machine")
    (folder / "page.html").write_text(html, encoding="utf-8")
    own = [f"--user-data-dir={folder / 'profile'}", f"--log-net-log={folder / 'net.json'}"]
    url = (folder / "page.html").as_uri()
    done = subprocess.run(
        [CHROMIUM, *FLAGS, *own, "--dump-dom", url], capture_output=True, text=True, check=True
    )
    assert "CONSOLE" not in done.stderr, done.stderr
    log = (folder / "net.json").read_text()
    asked = re.findall(r'"url":"(https?://[^/"]+)', log)
    browser = ("google.com", "googleapis.com", "gvt1.com")  # what the browser asks by itself
    assert [host for host in asked if not host.endswith(browser)] == []
    return done.stdout


def _findings() -> list[dict]:
    bare = dict.fromkeys(COLUMNS, "")
    shared = bare | {"requirement_id": "BLD-03", "centre": "C1", "step": "check_custody"}
    found = [
        shared | {"subject": f"P{n:04d}", "verdict": "PASS", "check": "draw to spin"}
        for n in range(120)
    ]
    late = {
        "subject": "P0999",
        "verdict": "FAIL",
        "check": "draw to spin",
        "value": "7.5",
        "unit": "h",
    }
    return [*found, shared | late | {"threshold": "<= 6", "reason": "not measured"}]


def _page(after: str = "") -> str:
    """A conformance page with 121 records, and a script that acts as a reader would."""
    part = records.part(_findings(), {}, 1000, "results/report/findings.tsv")
    sections = [Section("records", text("section.records"), [part])]
    head = {"meta": Text("日期", "date"), "version": "0"}
    html = page.render(sections, here="conformance", language="zh", head=head)
    return html.replace("</body>", f"<script>{after}</script></body>")


def _lines(dom: str) -> list[str]:
    body = re.search(r'<tbody id="records-body">(.*?)</tbody>', dom, re.DOTALL).group(1)
    return re.findall(r"<tr>(.*?)</tr>", body, re.DOTALL)


def test_records_are_shown_fifty_at_a_time_failures_first(tmp_path):
    dom = _open(tmp_path, _page())
    assert len(_lines(dom)) == 50 and "P0999" in _lines(dom)[0]
    assert "7.5 h" in _lines(dom)[0] and "未检测" in _lines(dom)[0]  # the reason in Chinese, too
    assert "1–50 / 121" in dom and 'data-lang="zh"' in dom


def test_reader_turns_pages_filters_and_switches_the_language(tmp_path):
    acts = """
    document.getElementById("records-on").click();
    document.title = document.getElementById("records-count").textContent;
    var form = document.getElementById("records-form");
    form.elements.patient.value = "P0999";
    form.elements.status.value = "FAIL";
    form.dispatchEvent(new Event("input"));
    document.getElementById("switch").click();
    document.querySelector("h1").id = "was " + document.title;
    """
    dom = _open(tmp_path, _page(acts))
    assert len(_lines(dom)) == 1 and "P0999" in _lines(dom)[0]
    assert "1–1 / 1" in dom and 'data-lang="en"' in dom
    assert "Conformance report</title>" in dom
    said = re.search(r'id="records-person">(.*?)</p>', dom, re.DOTALL).group(1)
    assert "P0999: FAIL 1" in said and "P0999：不通过 1" in said


def test_data_page_opens_alone(tmp_path):
    sections = [Section("rows", text("section.rows"), [Paragraph(text("rows.nothing"))])]
    head = {"meta": Text("日期", "date"), "version": "0"}
    dom = _open(tmp_path, page.render(sections, here="data", language="en", head=head))
    assert "数据质量报告" in dom and 'data-lang="en"' in dom


def test_texts_in_the_record_browser_come_from_the_page():
    script = (ROOT / "resources/report/records.js").read_text(encoding="utf-8")
    assert "innerHTML" not in script and not re.search(r"[\u4e00-\u9fff]", script)
    assert json.loads(records.packed([], []))["people"] == {}
