"""Every sentence that a step can write has Chinese, whole or part by part."""

import ast
import re

import pytest
import yaml

from scripts.core.hashing import ROOT
from scripts.report import page, reasons
from scripts.report.requirement_list import limit_source

_FOUR_WORDS = re.compile(r"(?:\b[A-Za-z][a-z'-]*[ ,;:]+){3}[A-Za-z]")
_CHINESE = re.compile(r"[\u4e00-\u9fff]")
_GAP = "\0"
# Values that stand for what a step fills in.
_SAMPLES = ("7", "x", "image", "mask", "7 h")
# Words of the terminal and of files beside the pages: no page shows them.
_TERMINAL = (
    r"demo/|setup/|share/|report/(printing|print_reports|plan|assess_conformance|check_conformance)"
    r"|core/(plan|planning|progress|resume|failures|stub|config|give_up|interrupt|command_line|new_patients|names"
    r"|table_stream|job|run_processes|status_interval|hashing|kept|withdrawal|days|outcome|ledger|locked_bundle|features)"
    r"|clinical/(fhir|import_fhir|extract_quality|build_store|store_|convert_new|edit_log)"
    r"|model/(verdicts|model_card|recalibrate|restore|decide_withdrawal|fit_model|interval_refits)"
)
# Calls that log, parse a command line, search, describe a feature (feature_names), or end in a program error.
_UNSEEN_CALLS = {
    *("print", "info", "warning", "debug", "error", "compile", "getLogger", "SystemExit"),
    *("add_argument", "ArgumentParser", "Feature", "Index", "ValueError", "BundleError"),
    *("ConfigError", "RuntimeError", "FileNotFoundError", "NotImplementedError", "AssertionError"),
}
# Patterns that read the messages of other programs, and how features were made (dictionaries).
_UNSEEN_WORDS = re.compile(
    r"Unable to fetch|Odd number|end-of-stream|more reads in file|signed long long|Only identified by"
    r"|^GC-MS, area|^LC-MS, area|excess kurtosis|^bwa mem on|variant allele fraction at|^ and are not used"
    r"|^\0 \0(,| and) \0 \0\0$|^ \(and \0 other|^\0 \0 of \0$|^\0; \0 on \0$|^\0 in \0 \0$|^\0: \0 against \0$"
    r"|\(training \0 to \0\0"
    r"|vitamin K antagonist|first-degree relative|Milan criteria|CNLC stage, Ia|^bin of"
)


def _template(node: ast.AST) -> str | None:
    """The text of a string with a gap for every value; None for other code."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if isinstance(node, ast.JoinedStr):
        return "".join(p.value if isinstance(p, ast.Constant) else _GAP for p in node.values)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        left, right = _template(node.left), _template(node.right)
        return None if left is None and right is None else (left or _GAP) + (right or _GAP)
    return None


def _sentences(node: ast.AST):
    """Texts of four words and more below a node, docstrings and unseen calls left out."""
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return
    if isinstance(node, ast.Call):
        called = node.func
        if getattr(called, "attr", getattr(called, "id", "")) in _UNSEEN_CALLS:
            return
    written = _template(node)
    if written is None:
        for child in ast.iter_child_nodes(node):
            yield from _sentences(child)
    elif _FOUR_WORDS.search(written.replace(_GAP, "x")) and not _UNSEEN_WORDS.search(written):
        yield node.lineno, written


def _worded(written: str) -> bool:
    for sample in _SAMPLES:
        chinese = reasons.in_chinese(written.replace(_GAP, sample))
        if chinese and _CHINESE.search(chinese) and not _FOUR_WORDS.search(chinese):
            return True
    return False


def test_every_sentence_of_a_step_has_chinese():
    missing = []
    for path in sorted((ROOT / "scripts").rglob("*.py")):
        name = path.relative_to(ROOT / "scripts").as_posix()
        if not re.match(_TERMINAL, name):
            found = _sentences(ast.parse(path.read_text(encoding="utf-8")))
            missing += [f"{name}:{n} {w.replace(_GAP, '{}')}" for n, w in found if not _worded(w)]
    assert not missing, "add the Chinese to resources/report/phrases.yaml:\n" + "\n".join(missing)


def test_phrases_name_every_value_once():
    with open(reasons.RESOURCES / "phrases.yaml", encoding="utf-8") as handle:
        written = yaml.safe_load(handle)
    for english, chinese in written.items():
        named = sorted(int(n) for n in re.findall(r"\{(\d+)\}", chinese))
        assert named == list(range(1, english.count("{}") + 1)), english


@pytest.mark.parametrize(
    ("english", "chinese"),
    [
        (
            "clinical: not measured; ct_arterial: the mask is empty; draw it again",
            "clinical：未检测；ct_arterial：掩膜为空；请重新勾画",
        ),
        (
            "labs.tsv row 12: alt 2100 U/L: outside 5 to 2000; rare but possible, kept",
            "labs.tsv 第 12 行：alt 2100 U/L：超出 5 至 2000；少见但可能，保留",
        ),
        (
            "sample S1: label L1 also stands on a tube of the same patient in another centre",
            "样本 S1：标签 L1 也贴在 另一中心的同一患者 的管上",
        ),
        (
            "reading of r1 not used: the mask is off the image grid: it reaches beyond the image; draw it on this series",
            "阅片者 r1 的勾画未采用：掩膜不在图像网格上：超出图像范围；请在本序列上勾画",
        ),
        (
            "no record of the point model (and 2 other reasons)",
            "质控点 model 无记录（另有 2 种原因）",
        ),
        (
            "interval of the AUC includes 0.5; 0; p >= 0.01",
            "AUC 的区间包含 0.5；0；p >= 0.01",
        ),
        ("0; 0 groups on both sides", "0；没有分在两侧的组"),
        ("missing: afp, alb, tbil", "缺少：afp、alb、tbil"),
        ("clinical: male, clinical: asap", "clinical: male、clinical: asap"),
        ("found in a.jsonl (a citizen number)", "见于 a.jsonl（证件号）"),
        ("not measured (BLD-06)", "未检测 (BLD-06)"),
    ],
)
def test_parts_of_a_reason_are_translated_one_by_one(english, chinese):
    assert page.reason(english) == page.Text(chinese, english)


def test_values_and_unknown_words_stay_as_they_are():
    for written in ("0.87", "12 U/L", "odd: 3 of 4", "1, 2"):
        assert page.reason(written) == page.same(written)


def test_notes_of_units_that_are_not_converted_have_chinese():
    rows = [
        line.split("\t") for line in (ROOT / "resources/units.tsv").read_text("utf-8").splitlines()
    ]
    action, source = rows[0].index("action"), rows[0].index("source")
    notes = [row[source] for row in rows[1:] if row[action].startswith(("never", "config:"))]
    assert notes and all(_worded(note) for note in notes), notes


def test_sources_of_limits_have_chinese():
    known = yaml.safe_load((ROOT / "resources/requirements.yaml").read_text("utf-8"))
    told = {limit_source(row).zh for row in known["requirements"]}
    assert told and not [source for source in told if _FOUR_WORDS.search(source)]
