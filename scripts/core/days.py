"""Days as people and programs write them: one day of the calendar, or none.

In: the text of a cell, and the order of day and month where the column proves one. Out: an ISO day and time of day. Source: forms
in exports of Chinese, European and American hospital systems; 13/01/2026 can only be day first, 01/13/2026 only month first.
"""

import datetime
import re
import unicodedata
from collections.abc import Iterable

ORDERS = ("day_first", "month_first")
_TIME = (
    r"(?:\s*(?:[T,]|(?<=[\d日])\s)\s*(?P<hour>\d{1,2})[:时点](?P<minute>\d{2})(?:[:分](?P<second>\d{2}))?[分秒]?(?:[.,]\d+)?"
    r"\s*(?P<half>[AaPp]\.?[Mm]\.?)?\s*(?:Z|UTC|[+-]\d{2}:?\d{2})?)?"
)
_YEAR_FIRST = re.compile(
    r"(?P<year>\d{4})\s*[-/.年 ]\s*(?P<month>\d{1,2})\s*[-/.月 ]\s*(?P<day>\d{1,2})\s*日?" + _TIME
)
_COMPACT = re.compile(r"(?P<year>(?:19|20)\d{2})(?P<month>\d{2})(?P<day>\d{2})(?:\d{4,6})?" + _TIME)
_NUMBERS = re.compile(
    r"(?P<one>\d{1,2})(?P<sign>[./-])(?P<two>\d{1,2})(?P=sign)(?P<year>\d{4})" + _TIME
)
_DAY_NAME = re.compile(
    r"(?P<day>\d{1,2})(?:st|nd|rd|th|\.)?[\s./,-]*(?P<name>[A-Za-zä]{3,9})\.?[\s./,-]*(?P<year>\d{4})"
    + _TIME
)
_NAME_DAY = re.compile(
    r"(?P<name>[A-Za-zä]{3,9})\.?[\s-]*(?P<day>\d{1,2})(?:st|nd|rd|th)?[\s,-]+(?P<year>\d{4})"
    + _TIME
)
_YEAR_NAME = re.compile(
    r"(?P<year>\d{4})[\s/-]+(?P<name>[A-Za-zä]{3,9})\.?[\s/-]+(?P<day>\d{1,2})" + _TIME
)
_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            *(
                "january januar jan",
                "february februar feb",
                "march maerz märz mar mrz",
                "april apr",
            ),
            *("may mai", "june juni jun", "july juli jul", "august aug", "september sep sept"),
            *("october oktober oct okt", "november nov", "december dezember dec dez"),
        ),
        start=1,
    )
    for name in names.split()
}


class NoDay(ValueError):
    """The text is no day of the calendar."""


class TwoWays(ValueError):
    """Day and month can be either way round, and nothing says which is which."""


def read_day(text: str, order: str | dict[str, str] = "") -> tuple[str, str]:
    """(YYYY-MM-DD, HH:MM[:SS] or "") of a text. NoDay when it is none; TwoWays for 03/04/2026 where `order` (one of ORDERS, or
    what `orders_of` gives) does not say which is the day."""
    text = unicodedata.normalize("NFKC", text).strip()
    for pattern in (_YEAR_FIRST, _COMPACT, _NUMBERS, _DAY_NAME, _NAME_DAY, _YEAR_NAME):
        match = pattern.fullmatch(text)
        if match:
            found = match.groupdict()
            return _iso(*_parts(found, order)), _time(found)
    raise NoDay("not a day")


def orders_of(texts: Iterable[str]) -> dict[str, str]:
    """{sign between the numbers: order} that a column proves: a day above 12 stands first in some cells with this sign, and
    second in none. 31.12.2024 says nothing about 03/04/2024."""
    proven: dict[str, set[str]] = {}
    for text in texts:
        match = _NUMBERS.fullmatch(unicodedata.normalize("NFKC", text).strip())
        if match:
            one, two = int(match["one"]), int(match["two"])
            if one <= 12 < two <= 31 or two <= 12 < one <= 31:
                proven.setdefault(match["sign"], set()).add(ORDERS[0] if one > 12 else ORDERS[1])
    return {sign: next(iter(found)) for sign, found in proven.items() if len(found) == 1}


def _parts(found: dict, order: str | dict[str, str]) -> tuple[int, int, int]:
    year = int(found["year"])
    if "name" in found:
        month = _MONTHS.get(found["name"].lower())
        if month is None:
            raise NoDay("no month of this name")
        return year, month, int(found["day"])
    if "month" in found:
        return year, int(found["month"]), int(found["day"])
    one, two = int(found["one"]), int(found["two"])
    if one != two and max(one, two) <= 12:
        order = order.get(found["sign"], "") if isinstance(order, dict) else order
        if order not in ORDERS:
            raise TwoWays("day and month can be either way round")
        day, month = (one, two) if order == ORDERS[0] else (two, one)
    else:
        day, month = max(one, two), min(one, two)
    return year, month, day


def _iso(year: int, month: int, day: int) -> str:
    try:
        return datetime.date(year, month, day).isoformat()
    except ValueError:
        raise NoDay("no such day in the calendar") from None


def _time(found: dict) -> str:
    if not found["hour"]:
        return ""
    hour, half = int(found["hour"]), (found["half"] or "").lower()[:1]
    if half and not 1 <= hour <= 12:
        raise NoDay("no such time of day")
    hour = hour % 12 + 12 * (half == "p") if half else hour
    try:
        moment = datetime.time(hour, int(found["minute"]), int(found["second"] or 0))
    except ValueError:
        raise NoDay("no such time of day") from None
    return moment.isoformat("seconds" if found["second"] and moment.second else "minutes")
