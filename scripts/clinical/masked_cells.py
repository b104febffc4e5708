"""What of a laboratory cell may be shown: numbers, signs, units and words of a laboratory; other words may name a person.

In: cells as typed. Out: the same cells with "(words)" for the words that no laboratory prints as value or unit.
Source: requirement ETH-09; docs/clinical.md, "Persons in the sheets".
"""

import re

import pandas as pd

from scripts.clinical.lab_sheet import HIDDEN, recoded
from scripts.clinical.lab_values import ParsedValue
from scripts.clinical.terminology import Units

WORDS = "(words)"
_CHINESE = re.compile("[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f·]+")
# Results, limits, dates and units as Chinese laboratories print them.
_OF_A_LABORATORY = (
    *("阴性", "阳性", "弱", "强", "阴", "阳", "可疑", "灰区", "未", "见", "不", "非", "无", "假"),
    *("检出", "检测", "到", "下限", "上限", "检出限", "小于", "大于", "等于", "低于", "高于"),
    *("复检", "复查", "偏高", "偏低", "正常", "年", "月", "日", "每", "个", "万", "亿", "拷贝", "秒"),
    *("高", "低", "升高", "增高", "降低", "以上", "以下", "有", "反应性"),
    *("千克", "克", "毫克", "微克", "纳克", "皮克", "摩尔", "毫摩尔", "微摩尔", "毫当量", "国际单位", "单位"),
    *("升", "分升", "毫升", "微升", "飞升", "立方毫米", "百分比", "比值", "细胞"),
)  # fmt: skip


def masked_values(column: pd.Series, parsed: list[ParsedValue], units: Units) -> pd.Categorical:
    """The value cells; one without any digit that is no result becomes "(words)" as a whole. `parsed` : one per category."""
    known = _known_words(units)
    cells = zip(column.cat.categories, parsed, strict=True)
    names = [_masked_value(text, p.problem, known) for text, p in cells]
    return recoded(column.cat.codes.to_numpy(), names)


def masked_words(column: pd.Series, units: Units) -> pd.Categorical:
    """The cells of another column (unit, upper limit) without Chinese words that are no words of a laboratory."""
    known = _known_words(units)
    names = [_masked(text, known) for text in column.cat.categories]
    return recoded(column.cat.codes.to_numpy(), names)


def _known_words(units: Units) -> re.Pattern:
    spelled = {word for _, spelling in units.spellings for word in _CHINESE.findall(spelling)}
    words = sorted({*_OF_A_LABORATORY, *spelled}, key=lambda word: (-len(word), word))
    return re.compile(f"(?:{'|'.join(map(re.escape, words))})+")


def _masked_value(text: str, problem: str, known: re.Pattern) -> str:
    if text == HIDDEN or problem in ("missing", "not detected"):
        return text
    if problem == "no number can be read" and not re.search(r"\d", text):
        return WORDS
    return _masked(text, known)


def _masked(text: str, known: re.Pattern) -> str:
    return _CHINESE.sub(lambda m: m[0] if known.fullmatch(m[0].strip("·")) else WORDS, text)
