"""New names and dates for a recipient: keyed, so that nobody without the key can go back, and two recipients cannot compare.

In: the site's key (it stays in locks/, never in a package). Out: pseudonyms, shifted or relative days.
Source: HMAC (RFC 2104) with SHA-256; docs/clinical.md, "Share package".
"""

import datetime
import hashlib
import hmac
import os
import secrets
from pathlib import Path

# No digits, so that no pseudonym looks like a number of a person; no vowels, so that none is a word.
_LETTERS = "BCDFGHJKLMNPQRSTVWXZ"
_LENGTH = 12


def read_key(path: Path) -> bytes:
    """The key of the site, made (readable by its owner only) where there is none yet."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        opened = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(opened, "w", encoding="ascii") as handle:
            handle.write(secrets.token_hex(32) + "\n")
    return path.read_bytes().strip()


class Pseudonyms:
    """Names and dates for one recipient and purpose.

    dates : "shifted" (every date of a person by the same number of days, 1 to `shift_days` back or forth) or "relative" (days
    from the index date)
    """

    def __init__(self, key: bytes, recipient: str, purpose: str, *, dates: str, shift_days: int):
        self._key, self._context = key, f"{recipient}\0{purpose}"
        self._dates, self._shift = dates, shift_days
        self._known: dict[tuple[str, str], int] = {}

    def _number(self, kind: str, text: str) -> int:
        if (kind, text) not in self._known:
            message = f"{self._context}\0{kind}\0{text}".encode()
            digest = hmac.new(self._key, message, hashlib.sha256).digest()
            self._known[kind, text] = int.from_bytes(digest)
        return self._known[kind, text]

    def name(self, kind: str, text: str) -> str:
        """The pseudonym of a patient (kind S), person (P), site (C) or sample (T): the kind's letter and twelve letters."""
        number, letters = self._number(kind, text), []
        for _ in range(_LENGTH):
            number, place = divmod(number, len(_LETTERS))
            letters.append(_LETTERS[place])
        return f"{kind}-{''.join(letters)}"

    def shift_of(self, person: str) -> int:
        """Days by which all dates of a person move; never 0."""
        number = self._number("shift", person) % (2 * self._shift)
        return number - self._shift if number < self._shift else number - self._shift + 1

    def day(self, person: str, text: str, index_date: str) -> str:
        """A date of a person as the recipient sees it; the time of day is left out. "" where nothing can be said."""
        if not text:
            return ""
        day = datetime.date.fromisoformat(text[:10])
        if self._dates == "shifted":
            return (day + datetime.timedelta(days=self.shift_of(person))).isoformat()
        if not index_date:
            return ""
        return str((day - datetime.date.fromisoformat(index_date)).days)
