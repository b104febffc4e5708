"""Reading one laboratory value or date as it is typed: numbers, limits, words, full-width digits.

In: the text of a cell. Out: ParsedValue (number, censoring, qualitative result, unit inside the
cell) or an ISO date.
Source: docs/clinical.md, "What a value may look like"; forms seen in exports of Chinese and
European laboratories.
"""

import datetime
import math
import re
import unicodedata
from dataclasses import dataclass

from scripts.core.days import NoDay, TwoWays, read_day
from scripts.core.sheets import FIRST_YEAR, LAST_YEAR

NAN = math.nan
_SUPERSCRIPTS = str.maketrans({c: str(i) for i, c in enumerate("⁰¹²³⁴⁵⁶⁷⁸⁹")})
_NOT_MEASURED = {
    *(
        "",
        "-",
        "--",
        "---",
        "—",
        "——",
        "–",
        "/",
        "\\",
        ".",
        "na",
        "n/a",
        "nan",
        "null",
        "none",
        "nd",
        "missing",
    ),
    *("unknown", "not done", "not tested", "未检", "未测", "未做", "未查", "未检测", "无", "缺失"),
    *("不详", "未知"),
}
_NOT_DETECTED = (
    "未检出",
    "未检测到",
    "低于检测下限",
    "低于检出限",
    "小于检测下限",
    "检测不到",
    "检不出",
    "<lod",
    "<loq",
    "<检测下限",
    "<检出限",
    "not detected",
    "none detected",
    "nothing detected",
    "not found",
    "not detectable",
    "undetected",
    "undetectable",
    "target not detected",
    "tnd",
    "below detection limit",
    "below limit of detection",
    "below the limit of detection",
    "below lod",
    "below loq",
    "nicht nachweisbar",
    "nicht nachgewiesen",
    "n.n.",
    "unter der nachweisgrenze",
    "unter nachweisgrenze",
)
_NEGATIVE = re.compile(r"阴性|^阴$|negativ[e]?\b|\bneg\b|^\(?-\)?$|\(-\)", re.I)
_POSITIVE = re.compile(r"阳性|^阳$|positiv[e]?\b|\bpos\b|^\(?\++\)?$|\(\++\)", re.I)
# Words of reactivity and what they say; 非, 无 and non turn the word, other words doubt it (未见反应性).
_REACTIVE = (
    (re.compile(r"\b(?:non?t?|nicht)[\s-]*rea[ck]tive?\b|[无非]反应性?", re.I), "negative"),
    (re.compile(r"\brea[ck]tive?\b|有?反应性", re.I), "positive"),
)
_UNDECIDED = re.compile(
    r"可疑|灰区|gr[ae]y[\s-]*zone|equivocal|borderline|±|\+/?-|indeterminate"
    r"|\b(?:grenzwertig|fraglich|unbestimmt)\b|\binitial(?:ly)?\b|\b(?:not |un)confirmed\b|未确[认证]",
    re.I,
)
_RESULT = r"(?:阴性|阳性|negative?|positive?|\bneg\b|\bpos\b)"
# A word that turns or doubts the result: before it in the same phrase (未见阳性, non-negative), or right behind it.
_TURNED = re.compile(
    rf"(?:[未不非无没否假疑]|排除|\b(?:not?\b|nicht\b|kein|non|un-|never\b|without\b|false\b|exclu))[^(),;。]*?{_RESULT}"
    rf"|{_RESULT}\s*:?\s*(?:[未不非无没否疑待]|排除|not?\b|false\b|excluded)|\?.*{_RESULT}|{_RESULT}.*\?",
    re.I | re.S,
)
# Signs beside a result word, (-) or ++, but not that of an exponent (1.5E-3, 1.5 x 10^-3).
_SIGNS = re.compile(r"弱|[():]|(?<![eE^*])(?<![x×*]10)(?<![x×*] 10)[+\-]")
_LESS, _MORE = (
    ("<=", "≤", "≦", "⩽", "<", "小于等于", "小于", "低于"),
    (">=", "≥", "≧", "⩾", ">", "大于等于", "大于", "高于"),
)
_BEYOND = (("以上", ">"), ("以下", "<"))  # 1210以上
_WORD, _BELOW = (
    "|".join(map(re.escape, sorted(words, key=len, reverse=True)))
    for words in (_NOT_DETECTED, _LESS)
)
_UNDETECTED_BELOW = re.compile(  # 未检出(<20), <20 (not detected)
    rf"(?:{_WORD})[\s:,;(]*(?:{_BELOW})([^()]+)\)?|(?:{_BELOW})([^()]+?)\s*\(?(?:{_WORD})\)?", re.I
)
_NUMBER = re.compile(
    r"(?P<sign>[+-]?)(?P<digits>\d[\d.,]*|[.,]\d+)"
    r"(?P<power>\s*(?:[eE]|[x×*]\s*10\s*(?:\^|\*\*|[eE])?)\s*(?P<exponent>[+-]?\d+))?(?P<rest>.*)",
    re.S,
)
# Nearly all cells: a number that can be read one way only.
_ORDINARY = re.compile(r"[0-9]{1,15}(\.(?:[0-9]{1,2}|[0-9]{4,15}))?")
_THOUSANDS = re.compile(r"[1-9]\d{0,2}\.\d{3}")
_DECIMAL_COMMA = re.compile(r"[\d.]*,\d+")
_DECIMAL_POINT = re.compile(r"[\d,]*\.(?:\d{1,2}|\d{4,})")  # 12.450 alone may also be a thousand
_LARGEST_EXPONENT = 30  # no laboratory value lies beyond it
_FLAG = r"↑+|↓+|偏?[高低]|[升增]高|降低"
_FLAGS = re.compile(rf"(?:{_FLAG}|\*|(?<![A-Za-z/])[HL]|\((?:{_FLAG}|[HL])\))\s*$")
_FLAG_AT_ONCE = re.compile(rf"^\s*(?:{_FLAG})")  # 35.2↑ U/L
_FLAG_BEFORE = re.compile(r"^(?:[↑↓]+|\*)\s*(?=[\d.<>≤≥≦≧])")
# What may follow a number as its unit: no second number (1 234, 1:80, 12;5), no sign (0.61<, 1210+), no date (12月5日).
_UNIT = re.compile(
    r"(?:[x×*]?\s*10\s*(?:\^|\*\*?|[eE])\s*\d{1,2}|[^\d\s:;,<>=+\-^’'|])[^:;<>=月日年]*", re.S
)


@dataclass(frozen=True)
class ParsedValue:
    """One cell. `other` is a second way to read the digits (1,234), NaN where there is only one.

    grouped : second way where the laboratory writes decimal commas (12.450), else NaN
    decimal : 1 where the comma of this cell can only be a decimal one, -1 where its point can, else 0
    censor : "" exact, "<" below or ">" above `number`, which then is the limit
    positive : 1.0, 0.0, or NaN where the cell holds no qualitative result
    unit : unit written inside the cell, else ""
    problem : "" | "missing" | "not detected" (no limit stated) | what cannot be read
    """

    number: float = NAN
    other: float = NAN
    grouped: float = NAN
    decimal: int = 0
    censor: str = ""
    positive: float = NAN
    unit: str = ""
    problem: str = ""


def plain(text: str) -> str:
    """Full-width characters made narrow, superscript powers written with ^, outer blanks
    removed."""
    text = re.sub("([⁰¹²³⁴⁵⁶⁷⁸⁹]+)", lambda m: "^" + m[1].translate(_SUPERSCRIPTS), text)
    return unicodedata.normalize("NFKC", text).replace("−", "-").strip()


def parse_value(text: str) -> ParsedValue:
    """Read one cell of labs.tsv `value`; never raises."""
    ordinary = _ORDINARY.fullmatch(text)
    if ordinary:
        return ParsedValue(number=float(text), decimal=-1 if ordinary[1] else 0)
    return _parse_other(text)


def _parse_other(text: str) -> ParsedValue:
    """`parse_value` of a cell that is more than digits with a point (and of those, the long way)."""
    text = plain(text)
    low = text.lower()
    if low in _NOT_MEASURED:
        return ParsedValue(problem="missing")
    if low in _NOT_DETECTED:
        return ParsedValue(positive=0.0, problem="not detected")
    below = _UNDETECTED_BELOW.fullmatch(text)
    if below:
        return _with_number((below[1] or below[2]).strip(), "<", 0.0)
    if "react" in low or "reakt" in low or "反应" in text:
        for pattern, word in _REACTIVE:
            text = pattern.sub(word, text)
    positive = NAN
    both = _NEGATIVE.search(text) and _POSITIVE.search(text)
    if both or _UNDECIDED.search(text) or _TURNED.search(text):
        return ParsedValue(problem="neither positive nor negative")
    for pattern, result in ((_NEGATIVE, 0.0), (_POSITIVE, 1.0)):
        if pattern.search(text):
            positive = result
            text = _SIGNS.sub(" ", pattern.sub(" ", text)).strip()
            if not text:
                return ParsedValue(positive=positive)
            break
    text, censor = _FLAG_BEFORE.sub("", text), ""
    for sign, prefixes in (("<", _LESS), (">", _MORE)):
        for prefix in prefixes:
            if not censor and text.startswith(prefix):
                censor, text = sign, text[len(prefix) :].strip()
    for suffix, sign in _BEYOND:
        if not censor and text.endswith(suffix):
            censor, text = sign, text.removesuffix(suffix).strip()
    return _with_number(text, censor, positive)


def _with_number(text: str, censor: str, positive: float) -> ParsedValue:
    match = _NUMBER.fullmatch(text)
    if not match:
        return ParsedValue(positive=positive, problem="no number can be read")
    rest, exponent = match["rest"], match["exponent"]
    if match["power"] and rest.startswith("/"):  # 150 x10^9/L: the power belongs to the unit
        rest, exponent = match["power"] + rest, None
    rest = _FLAG_AT_ONCE.sub("", _FLAGS.sub("", rest)).strip()
    if re.match(r"[-~–—]\s*\d", rest) or re.search(r"\d\s*[-~–—]\s*\d", rest):
        return ParsedValue(positive=positive, problem="a range, not one value")
    if rest and not _UNIT.fullmatch(rest):
        return ParsedValue(
            positive=positive, problem="the cell holds more than one number with its unit"
        )
    readings = readings_of(match["digits"])
    if not readings:
        return ParsedValue(positive=positive, problem="digits and separators do not form a number")
    if abs(int(exponent or 0)) > _LARGEST_EXPONENT:
        return ParsedValue(positive=positive, problem="the number is too large or too small")
    scale = (-1.0 if match["sign"] == "-" else 1.0) * 10.0 ** int(exponent or 0)
    values = [reading * scale for reading in readings]
    if not all(map(math.isfinite, values)):
        return ParsedValue(positive=positive, problem="the number is too large or too small")
    digits = match["digits"]
    return ParsedValue(
        number=values[0],
        other=values[1] if len(values) > 1 else NAN,
        grouped=float(digits.replace(".", "")) * scale if _THOUSANDS.fullmatch(digits) else NAN,
        decimal=(bool(_DECIMAL_COMMA.fullmatch(digits)) - bool(_DECIMAL_POINT.fullmatch(digits)))
        * (len(values) == 1),
        censor=censor,
        positive=positive,
        unit=rest,
    )


def parse_upper_limit(text: str) -> float:
    """The upper limit of normal that a cell says: a number, "<40", or the upper end of a range; NaN for an empty cell.

    ValueError when the cell is filled and says no limit above 0 in one way (-40, 1,200, >40, 40 U/L).
    """
    text = plain(text)
    if text.lower() in _NOT_MEASURED:
        return NAN
    parts = re.fullmatch(
        r"(?:([\d.,]+)\s*(?:[-~–—至]+)\s*)?(?:[<≤]=?|小于等于|小于|低于)?\s*([\d.,]+)", text
    )
    ends = [readings_of(part) for part in parts.groups() if part] if parts else []
    if not ends or any(len(end) != 1 for end in ends):
        raise ValueError("no upper limit of normal that can be read one way only")
    if not ends[0][0] <= ends[-1][0] or ends[-1][0] <= 0:
        raise ValueError("an upper limit of normal is above 0 and above its lower end")
    return ends[-1][0]


def readings_of(digits: str) -> list[float]:
    """The numbers that digits with points and commas can mean; two for 1,234, none for 1.2.3.

    The last separator is the decimal one when both kinds occur; one comma before exactly three
    digits can be either.
    """
    commas, points = digits.count(","), digits.count(".")
    if commas + points == len(digits):
        return []
    if not commas and points <= 1:
        return [float(digits)]
    if commas and points:
        decimal = "," if digits.rfind(",") > digits.rfind(".") else "."
        group = "." if decimal == "," else ","
        whole, _, fraction = digits.rpartition(decimal)
        if decimal in whole or not _is_grouped(whole, group) or not fraction.isdigit():
            return []
        return [float(whole.replace(group, "") + "." + fraction)]
    separator = "," if commas else "."
    if max(commas, points) > 1:
        return [float(digits.replace(separator, ""))] if _is_grouped(digits, separator) else []
    whole, _, fraction = digits.partition(",")
    decimal_reading = float(f"{whole or 0}.{fraction or 0}")
    if len(fraction) == 3 and 1 <= len(whole) <= 3 and not whole.startswith("0"):
        return [decimal_reading, float(whole + fraction)]
    return [decimal_reading]


def _is_grouped(text: str, separator: str) -> bool:
    first, *others = text.split(separator)
    return (
        1 <= len(first) <= 3 and first.isdigit() and all(re.fullmatch(r"\d{3}", o) for o in others)
    )


_EXCEL_FIRST, _EXCEL_LAST = 20_000, 60_000  # 1954 to 2064; outside it is no plausible day
# Day 0 of the two date systems of spreadsheets (ECMA-376 part 1, 18.17.4.1).
SERIAL = re.compile(r"\d{5}(?:\.\d+)?")
EPOCHS = {1900: datetime.date(1899, 12, 30), 1904: datetime.date(1904, 1, 1)}


def parse_date(text: str, order: str | dict[str, str] = "", system: int = 1900) -> str:
    """An ISO date (YYYY-MM-DD) from the common forms; "" when the cell is empty. ValueError with
    the reason else.

    Spreadsheet serial numbers count days in `system`. 3/4/2025 is refused without an `order` (scripts/core/days.py), because
    nobody can tell which is the day, but where only one of them can be a month (31.12.2024).
    """
    text = plain(text)
    if text.lower() in _NOT_MEASURED:
        return ""
    if SERIAL.fullmatch(text) and _EXCEL_FIRST <= float(text) <= _EXCEL_LAST:
        return (EPOCHS[system] + datetime.timedelta(days=int(float(text)))).isoformat()
    try:
        day, _ = read_day(text, order)
    except TwoWays:
        raise ValueError("not a date that can be read one way only; write YYYY-MM-DD") from None
    except NoDay as error:
        if " " in text:  # words behind the day
            return parse_date(text.split()[0], order, system)
        if "calendar" in str(error):
            raise ValueError("no such day in the calendar") from None
        raise ValueError("not a date that can be read one way only; write YYYY-MM-DD") from None
    if not FIRST_YEAR <= day[:4] <= LAST_YEAR:
        raise ValueError(f"no day of the years {FIRST_YEAR} to {LAST_YEAR}; leave it empty")
    return day
