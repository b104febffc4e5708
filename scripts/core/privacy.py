"""Recognising identifiers of persons in ids, paths and free text.

In: a text. Out: what kinds of identifier it holds; the identifier itself is never repeated.
Source: GB 11643-1999 (18-digit citizen number, ISO 7064 MOD 11-2 check digit); mobile numbers
1[3-9] + 9 digits.
"""

import re

# Not inside a longer number, a decimal fraction or a DICOM UID; a full stop before a suffix or a word is no hindrance.
_BEFORE, _AFTER = r"(?<!\d)(?<!\d\.)", r"(?!\d|\.\d)"
_CITIZEN = re.compile(rf"{_BEFORE}\d{{17}}[\dXx]{_AFTER}")
_MOBILE = re.compile(rf"{_BEFORE}(?:\+?86[- ]?)?1[3-9]\d(?:[- ]?\d{{4}}){{2}}{_AFTER}")
# Digests are hex words: eleven digits in a row are nothing rare in them.
_DIGEST = re.compile(r"(?<![0-9A-Za-z])(?=[0-9]*[a-f])[0-9a-f]{16,}(?![0-9A-Za-z])")
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


def identifier_in(text: str) -> list[str]:
    """Kinds of person identifiers found in a text, as whole tokens: "a citizen number", "a mobile
    number". Hashes (hex words of 16 letters and digits or more) are left out."""
    text = _DIGEST.sub(" ", text)
    found = []
    if any(is_citizen_number(match) for match in _CITIZEN.findall(text)):
        found.append("a citizen number")
    if _MOBILE.search(text):
        found.append("a mobile number")
    return found
