"""Texts: every key in Chinese and English with the same fields, every key that is used exists."""

import re
from pathlib import Path

import pytest
import yaml

from scripts.report import page

FILES = sorted(page.RESOURCES.glob("texts*.yaml"))
CODE = sorted(Path(page.__file__).parent.glob("*.py")) + [page.RESOURCES / "report.html.j2"]


def _entries():
    for path in FILES:
        for group, entries in yaml.safe_load(path.read_text(encoding="utf-8")).items():
            for key, entry in entries.items():
                yield f"{group}.{key}", entry


def test_every_text_is_there_in_both_languages_with_the_same_fields():
    for key, entry in _entries():
        assert set(entry) == {"zh", "en"}, key
        assert entry["zh"].strip() and entry["en"].strip(), key
        fields = [set(re.findall(r"{(\w+)}", entry[language])) for language in ("zh", "en")]
        assert fields[0] == fields[1], key


def test_sentences_are_translated_not_copied():
    sentences = [e for k, e in _entries() if len(e["en"].split()) > 4]
    assert sentences
    for entry in sentences:
        assert re.search(r"[\u4e00-\u9fff]", entry["zh"]), entry["en"]


def test_no_key_stands_twice():
    for path in FILES:
        groups = [
            line for line in path.read_text(encoding="utf-8").splitlines() if line[:1].isalpha()
        ]
        assert len(groups) == len(set(groups)), path.name


def test_every_fixed_key_in_the_code_exists():
    known = dict(_entries())
    used = set()
    for path in CODE:
        used |= set(re.findall(r'text(?:_or)?\(\s*"([a-z_]+\.[a-z_]+)"', path.read_text()))
    assert len(used) > 80
    assert not used - set(known)


def test_every_group_that_the_code_fills_in_exists():
    groups = {key.split(".")[0] for key, _ in _entries()}
    used = set()
    for path in CODE:
        used |= set(re.findall(r'text(?:_or)?\(\s*f"([a-z_]+)\.', path.read_text()))
    assert len(used) > 15
    assert not used - groups


def test_unknown_key_is_an_error_and_unknown_name_stays():
    with pytest.raises(KeyError):
        page.text("page.no_such_text")
    assert page.text_or("block.nmr", "nmr") == page.Text("nmr", "nmr")


def test_known_reasons_are_worded_in_chinese_and_others_stay():
    english = "too few patients (3 hcc, 4 controls; at least 10 of each)"
    chinese = "患者太少（肝细胞癌 3 名，对照 4 名；每类至少 10 名）"
    assert page.reason(english) == page.Text(chinese, english)
    thawed = page.reason("sample S1: thawed 4 times, <= 3, warning above 1 (BLD-06)")
    assert thawed.zh == "样本 S1：冻融 4 次（上限 3，超过 1 次警告） (BLD-06)"
    assert page.reason("odd: 3 of 4") == page.Text("odd: 3 of 4", "odd: 3 of 4")


def test_missing_number_is_a_dash_never_zero():
    assert page.number(None) == page.percent(float("nan")) == page.interval(None, 0, 1) == "–"
    assert page.number(-0.5) == "−0.50"
    assert page.interval(0.5, None, None) == "0.50"
