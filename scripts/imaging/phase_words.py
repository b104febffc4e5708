"""The contrast phase that the name of a series gives, in Chinese, English, German and other languages of scanners.

In: a series description or protocol name. Out: native, arterial, portal, delayed, hepatobiliary, or None when it names none or
several. Source: usual names of vendors and hospitals; phases as in LI-RADS v2018 (acr.org), transitional counted as delayed.
"""

import re
import unicodedata

# Chinese, simplified and traditional. 主动脉 (aorta) is no phase.
_HAN = {
    "arterial": r"(?<!主)[动動]脉|(?<!主)[动動]脈",
    "portal": r"门静脉|門靜脈|门脉|門脈|门静|静脉期|靜脈期|[静靜][脉脈]",
    "delayed": r"延[迟遲时時]|平衡期?|移行期|过渡期|過渡期",
    "hepatobiliary": r"肝[胆膽]|肝特异|肝特異|肝细胞期|肝細胞期",
    "native": r"平[扫掃]|增[强強]前|非增[强強]|未增[强強]|蒙片",
}
# Whole words after accents are folded (ä as ae and as a).
_WORDS = {
    "arterial": r"arterial|arteriell\w*|arteriel\w*|arteriosa?|art|arterie\w*|hap|eap|lap|aph|aphase|arterphase|artphase"
    r"|arterialphase",
    "portal": r"portal\w*|porto\w*|venous|venosa?|venoes\w*|venos\w*|veineu\w*|ven|pvp|pv|pvphase|vphase|venousphase",
    "delayed": r"delay\w*|equilibrium|aequilibrium|verzoegert\w*|transitional|tp3min",
    "hepatobiliary": r"hepatobili\w*|hbp|hb|leberspezifisch\w*|hepatocyt\w*|hepatozyt\w*|20 ?min\w*|15 ?min\w*",
    "native": r"native?|nativ\w*|plain|unenhanced|non ?contrast|non ?con|non ?ce|nonenhanced|precontrast|pre|nect|ncct|"
    r"sans|senza|basale|ohne|without|w o|vor km|sin contraste|sin civ|c minus|simple",
}
_LATE = r"late|spaet\w*|spat\w*|tardi\w*"
_OTHER = r"post|nach|apres|after|mit|with|w wo|sub|subtraction|subtr"  # cancels "pre": both stand in one series
_LETTER_PHASES = {"arterial": r"a", "portal": r"p|v", "delayed": r"d|e|t", "hepatobiliary": r"h"}


def phase_in_text(text: str) -> str | None:
    """The one contrast phase that a text names, or None when it names none or several."""
    found = _phases(text) | {phase for one in _decoded_again(text) for phase in _han_phases(one)}
    return found.pop() if len(found) == 1 else None


def _decoded_again(text: str) -> list[str]:
    """Readings of bytes in GB 18030 or UTF-8 whose file does not say so (pydicom takes them as Latin 1)."""
    if text.isascii() or any(ord(letter) > 255 for letter in text):
        return []
    found = []
    for encoding in ("utf-8", "gb18030"):
        try:
            found.append(text.encode("latin-1").decode(encoding))
        except UnicodeDecodeError:
            continue
    return [one for one in found if re.search("[\u4e00-\u9fff]", one)]


def _folded(text: str) -> list[str]:
    """Lower-case words parted by single spaces; camel case and numbers parted; twice where umlauts can be written two ways."""
    text = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text)
    text = re.sub(r"\b[cC][- ]?-(?!\w)|\b[cC]\(-\)", " c minus ", text).lower()
    text = re.sub(r"w/o|w\.o\.", " w o ", text).replace("non-", "non ")
    german = text.translate(str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss"}))
    found = []
    for one in (german, text):
        plain = unicodedata.normalize("NFKD", one)
        plain = "".join(letter for letter in plain if not unicodedata.combining(letter))
        found.append(" ".join(re.findall(r"[0-9]+ ?min|[a-z]+", plain)))
    return list(dict.fromkeys(found))


def _han_phases(text: str) -> set[str]:
    return {phase for phase, pattern in _HAN.items() if re.search(pattern, text)}


def _phases(text: str) -> set[str]:
    found = _han_phases(text)
    late = False
    for words in _folded(text):
        for phase, pattern in _WORDS.items():
            if re.search(rf"(?<!\S)(?:{pattern})(?!\S)", words):
                found.add(phase)
        for phase, letters in _LETTER_PHASES.items():
            if re.search(rf"(?<!\S)(?:{letters}) ?phase(?!\S)", words):
                found.add(phase)
        late |= re.search(rf"(?<!\S)(?:{_LATE})(?!\S)", words) is not None
        both = re.search(rf"(?<!\S)(?:{_OTHER})(?!\S)", words) is not None
        if (
            both
            and "native" in found
            and re.search(r"(?<!\S)(?:pre|without|w o|ohne)(?!\S)", words)
        ):
            found.add("with and without")
    if late and not found:
        found.add("delayed")
    return found
