"""PDF: Chinese can be read and searched, nothing is a box, and a machine that cannot print says so."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.core.hashing import ROOT
from scripts.report import page, print_reports, printing
from scripts.report.page import Figure, Section, Table, Text, text
from scripts.report.svg import Drawing
from tests.unit.report.written_page import make_job

try:
    PRINTER = printing.find_printer()
except OSError as error:  # pragma: no cover
    PRINTER = printing.Printer((), str(error))
needs_chinese = pytest.mark.skipif("zh" not in PRINTER.languages, reason=PRINTER.reason or "-")
FONTS = Path("/usr/share/fonts/truetype/dejavu")


def make_page(folder: Path) -> Path:
    """A page with a table and a drawing, both with a Chinese name."""
    draw = Drawing(200, 40, "AFP")
    draw.text(5, 20, Text("甲胎蛋白分布", "distribution of AFP"))
    table = Table(
        Text("变量", "Variables"), ["raw"], [[Text("甲胎蛋白", "alpha-fetoprotein")], ["≥ 1.2 µg"]]
    )
    sections = [Section("rows", text("section.rows"), [table, Figure("x", draw.markup())])]
    head = {"meta": Text("日期", "date"), "version": "0"}
    html = page.render(sections, here="data", language="zh", head=head)
    path = folder / "data_quality.html"
    path.write_text(html, encoding="utf-8")
    return path


def words_of(path: Path) -> str:
    """The text of a PDF as a reader's search sees it."""
    reader = shutil.which("pdftotext")
    if not reader:
        pytest.skip("no pdftotext (poppler-utils) on this machine")
    return subprocess.run([reader, str(path), "-"], capture_output=True, text=True).stdout


@needs_chinese
def test_chinese_text_of_a_pdf_can_be_extracted(tmp_path):
    pdf, missing = printing.printed(make_page(tmp_path).read_text(encoding="utf-8"), "zh")
    assert missing == set()  # a letter without a glyph would be a box
    (tmp_path / "a.pdf").write_bytes(pdf)
    said = words_of(tmp_path / "a.pdf")
    assert "甲胎蛋白" in said and "甲胎蛋白分布" in said
    assert "alpha-fetoprotein" not in said and "distribution of AFP" not in said


@needs_chinese
def test_pdf_is_the_same_twice_and_each_language_stands_alone(tmp_path):
    html = make_page(tmp_path).read_text(encoding="utf-8")
    english, missing = printing.printed(html, "en")
    assert missing == set() and english == printing.printed(html, "en")[0]
    plain = printing.one_language(html, "en")
    assert "甲胎蛋白" not in plain and "<script" not in plain and "alpha-fetoprotein" in plain
    assert "<title>Data-quality report</title>" in plain


def _printed(folder: Path, language: str) -> tuple[list[dict], str]:
    job = make_job("print_reports", {"pages": [str(make_page(folder))]}, {"pdf": f"pdf/{language}"})
    job.wildcards.language = language
    print_reports.main(job)
    lines = (folder / "pdf" / language / "printed.tsv").read_text().splitlines()
    rows = [dict(zip(lines[0].split("\t"), line.split("\t"), strict=True)) for line in lines[1:]]
    return rows, (folder / "logs/print_reports/cohort.log").read_text()


@needs_chinese
def test_folder_holds_the_pdf_and_says_so(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows, _ = _printed(tmp_path, "zh")
    expected = {
        "page": "data_quality.html",
        "language": "zh",
        "file": "data_quality.zh.pdf",
        "note": "",
    }
    assert rows == [expected]
    assert (tmp_path / "pdf/zh/data_quality.zh.pdf").read_bytes().startswith(b"%PDF")


def test_machine_without_pango_makes_no_pdf_and_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def refused(name, *args, **kwargs):
        if name.startswith("weasyprint"):
            raise OSError("cannot load library 'libpango-1.0-0'")
        return importing(name, *args, **kwargs)

    importing = __builtins__["__import__"]
    monkeypatch.setitem(__builtins__, "__import__", refused)
    rows, log = _printed(tmp_path, "zh")
    assert [row["file"] for row in rows] == [""]
    assert sorted(path.name for path in (tmp_path / "pdf/zh").iterdir()) == ["printed.tsv"]
    for said in (rows[0]["note"], log):
        assert "pango cannot be loaded" in said and "apt-get install libpango-1.0-0" in said


def _with_fonts(folder: Path, fonts: list[Path], code: str) -> str:
    """What a Python process says that sees these fonts only."""
    own = folder / "fonts"
    own.mkdir()
    for font in fonts:
        shutil.copy(font, own)
    settings = folder / "fonts.conf"
    settings.write_text(
        f'<?xml version="1.0"?><fontconfig><dir>{own}</dir><cachedir>{folder}/c</cachedir></fontconfig>'
    )
    environment = os.environ | {"FONTCONFIG_FILE": str(settings), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, cwd=folder
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


@needs_chinese
def test_machine_without_any_font_prints_nothing_and_does_not_crash(tmp_path):
    code = "from scripts.report.printing import find_printer; print(find_printer())"
    said = _with_fonts(tmp_path, [], code)
    assert "languages=()" in said and "no font is installed" in said


@needs_chinese
def test_machine_without_a_chinese_font_prints_english_and_words_for_chinese_letters(tmp_path):
    font = FONTS / "DejaVuSans.ttf"
    if not font.is_file():
        pytest.skip(f"no {font}")
    code = """
from scripts.report.printing import find_printer, printed
print(find_printer())
pdf, missing = printed('<html lang="zh-CN" data-lang="zh"><head></head><p>raw: 甲胎蛋白 4.2</p>', 'en')
open('a.pdf', 'wb').write(pdf)
print(sorted(missing))
"""
    said = _with_fonts(tmp_path, [font], code)
    assert "languages=('en',)" in said and "no Chinese font is installed" in said
    assert "'甲'" in said
    assert "[Chinese text]" in words_of(tmp_path / "a.pdf")


def test_letters_without_a_font_become_words():
    said = printing.without("<p>白蛋白 4 \U0001f600</p>", set("白蛋\U0001f600"))
    assert said == "<p>[Chinese text] 4 [U+1F600]</p>"
