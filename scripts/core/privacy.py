"""Recognising identifiers of persons in ids, paths and free text.

In: a text. Out: what kinds of identifier it holds; the identifier itself is never repeated.
Source: GB 11643-1999 (18-digit citizen number, ISO 7064 MOD 11-2 check digit); mobile numbers
1[3-9] + 9 digits; words before a name, hospital number or address as Chinese records write them;
the hundred commonest surnames (Ministry of Public Security, national name report 2020).
"""

import re
import unicodedata

# Not inside a longer number, a decimal fraction or a DICOM UID; a full stop before a suffix or a word is no hindrance.
_BEFORE, _AFTER = r"(?<!\d)(?<!\d\.)", r"(?!\d|\.\d)"
_CITIZEN = re.compile(rf"{_BEFORE}\d{{17}}[\dXx]{_AFTER}")
_MOBILE = re.compile(rf"{_BEFORE}(?:\+?86[- ]?)?1[3-9]\d(?:[- ]?\d{{4}}){{2}}{_AFTER}")
# Digests and UUIDs hold digits by chance: 1 sha256 in 350 would be a mobile number.
_DIGEST = re.compile(
    r"(?<![0-9A-Za-z])(?:(?=\d*[a-f])[0-9a-f]{12,}"
    r"|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?![0-9A-Za-z])"
)
_SURNAMES = (
    "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧肖程曹袁邓许傅沈曾彭吕苏卢蒋蔡贾丁魏薛叶阎余潘杜戴夏钟汪田任姜"
    "范方石姚谭廖邹熊金陆郝孔白崔康毛邱秦江史顾侯邵孟龙万段雷钱汤尹黎易常武乔贺赖龚文覃韦莫农"
)
_COMPOUND = ("欧阳", "上官", "司马", "诸葛", "皇甫", "尉迟")
_HAN = "\u4e00-\u9fff"
# Characters of the names of tests, which names of persons hardly have.
_OF_TESTS = re.compile(
    "[酶酸素糖脂蛋胞球板值率比抗原体液尿血清检测项指标离子钙钠钾氯镁磷铁铜锌氨氮碱酐红胆固醇疸汗痰便]"
)
# Words that laboratories print and that begin like a surname.
_NO_NAMES = {"高于", "高值", "高危", "高度", "高倍", "黄色", "白色", "常规", "常见", "方法", "石蜡"}
_NAMED = re.compile(
    rf"(?:姓\s*名|患者名|病人名)\s*[:：]?\s*[{_HAN}·]{{2,6}}|(?:patient\W?s?\s*)?\bname\s*[:：=]\s*[A-Za-z{_HAN}]",
    re.I,
)
_RECORD_NUMBER = re.compile(
    r"(?:住院号|病案号|门诊号|就诊号|病历号|登记号|医保号|社保号|\bMRN\b|hospital\s*(?:no\b|number|id\b)|record\s*(?:no\b|number))"
    r"\s*[.:：#=]?\s*(?=[A-Za-z-]*\d)[A-Za-z0-9-]{4,}",
    re.I,
)
_ADDRESS = re.compile(
    rf"(?:住址|地址|家住|\baddress)\s*[:：=]\s*\S{{4,}}|[{_HAN}]{{1,}}[省市区县][{_HAN}]{{1,}}[路街巷村镇][{_HAN}]*\d+号",
    re.I,
)
_DASHES = re.compile("[\u2010-\u2014\u2212]")
# Character for character, so that places in the narrow text are places in the text (NFKC may change its length).
_NARROW = str.maketrans(
    "０１２３４５６７８９Ｘｘ＋\u2010\u2011\u2012\u2013\u2014\u2212", "0123456789Xx+------"
)
_OF_EXCEL = re.compile(r"(?<=\d)\.0+(?![\d.])")  # a whole number that was saved as a float
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECK_DIGITS = "10X98765432"


def is_citizen_number(text: str) -> bool:
    """Whether 18 characters are a citizen number: a plausible birth date and the right check
    digit."""
    if (
        not 1 <= int(text[10:12]) <= 12
        or not 1 <= int(text[12:14]) <= 31
        or text[6:8] not in ("18", "19", "20")
    ):
        return False
    total = sum(int(digit) * weight for digit, weight in zip(text[:17], _WEIGHTS, strict=True))
    return _CHECK_DIGITS[total % 11] == text[17].upper()


def _narrow(text: str) -> str:
    """A text with full-width characters made narrow (NFKC) and every dash as -."""
    return text if text.isascii() else _DASHES.sub("-", unicodedata.normalize("NFKC", text))


def identifier_in(text: str) -> list[str]:
    """Kinds of person identifiers found in a text, as whole tokens: "a citizen number", "a mobile
    number". Digests, UIDs, fractions and longer numbers are none; full-width digits are digits."""
    return _numbers_in(_narrow(text))


def _numbers_in(text: str) -> list[str]:
    found = []
    text = _DIGEST.sub(" ", text)
    if any(is_citizen_number(match) for match in _CITIZEN.findall(text)):
        found.append("a citizen number")
    if _MOBILE.search(text):
        found.append("a mobile number")
    return found


def without_numbers(text: str, instead: str) -> tuple[str, int]:
    """A text with `instead` for every citizen and mobile number that `identifier_in` would name, and how many there were."""
    narrow = _DIGEST.sub(lambda match: " " * len(match.group()), text.translate(_NARROW))
    spans = [m.span() for m in _CITIZEN.finditer(narrow) if is_citizen_number(m.group())]
    spans += [m.span() for m in _MOBILE.finditer(narrow)]
    for start, end in sorted(spans, reverse=True):
        text = text[:start] + instead + text[end:]
    return text, len(spans)


# What each kind of identifier needs: most cells have nothing of it.
_SUSPECT = re.compile(
    r"[^\x00-\x7f]|\d(?:(?:\.0+)?[- ]?\d){9}|name|mrn|hospital|record|address", re.I
)


def identifier_in_words(text: str) -> list[str]:
    """What a cell or free text holds: the kinds of `identifier_in`, also as a float of Excel (13800138000.0), and a name,
    hospital number or address that says what it is."""
    if not _SUSPECT.search(text):
        return []
    text = _OF_EXCEL.sub("", _narrow(text))
    found = _numbers_in(text)
    for what, pattern in (
        ("a name", _NAMED),
        ("a hospital number", _RECORD_NUMBER),
        ("an address", _ADDRESS),
    ):
        if pattern.search(text):
            found.append(what)
    return found


def looks_like_a_name(text: str) -> bool:
    """Whether a whole cell reads like a Chinese name: two to four characters, a common surname first, no word of a laboratory."""
    text = re.sub(r"[\s·]", "", _narrow(text))
    if not re.fullmatch(f"[{_HAN}]{{2,4}}", text) or _OF_TESTS.search(text) or text in _NO_NAMES:
        return False
    return text.startswith(_COMPOUND) or (text[0] in _SURNAMES and len(text) <= 3)


def watched(path: str) -> re.Pattern | None:
    """One pattern for the entries of a watch list (one name, number or address a line), None for an empty one.

    Entries match as whole tokens; blanks, ^, comma, full stop, _ and - between the parts of a name are all the same. OSError
    when the file cannot be read.
    """
    with open(path, encoding="utf-8-sig") as handle:
        entries = {line.strip() for line in handle}
    parts = [re.split(r"[\s^,._-]+", entry) for entry in entries if len(entry) > 1]
    joined = [r"[\s^,._-]*".join(map(re.escape, filter(None, words))) for words in sorted(parts)]
    joined = [text for text in joined if text]
    return (
        re.compile(rf"(?<![A-Za-z0-9])(?:{'|'.join(joined)})(?![A-Za-z0-9])", re.I)
        if joined
        else None
    )
