"""Reasons, checks and limits that steps wrote in English, in Chinese.

In: resources/report/reasons.yaml (regular expressions) and phrases.yaml (wording with {} for values). Out: the Chinese, or None.
A reason that several parts make up is translated part by part, here and nowhere else. Source: docs/report.md.
"""

import re
from functools import cache, lru_cache
from typing import NamedTuple

from scripts.core.hashing import ROOT

RESOURCES = ROOT / "resources" / "report"
_REQUIREMENT = re.compile(r" \([A-Z]{3}-(?:\d\d|[A-Z]{2})\)$")
_VALUE = re.compile(r"\{(\d)\}|\\(\d)")  # a value in the Chinese of a phrase or of a pattern
_OTHERS = re.compile(r"(.+) \(and (\d+) other reasons?\)", re.DOTALL)
_BRACKET = re.compile(r"(.*\S) \(([^()]+)\)", re.DOTALL)
_LETTERS = re.compile(r"[A-Za-z]{2}")
_NAME = r"[\w.:/+-]+(?:: [\w.:/+-]+)?"
_NAMES = re.compile(f"{_NAME}(?:, {_NAME})+")  # a list of names, each one word or `block: word`


class Phrase(NamedTuple):
    """A wording with values: its patterns (values without a joint, any values), the longest of its fixed parts, the Chinese."""

    strict: re.Pattern
    loose: re.Pattern
    fixed: str
    chinese: str


@cache
def _patterns() -> list[tuple]:
    import yaml

    with open(RESOURCES / "reasons.yaml", encoding="utf-8") as handle:
        return [(re.compile(pattern), chinese) for pattern, chinese in yaml.safe_load(handle)]


@cache
def _phrases() -> tuple[dict[str, str], list[Phrase]]:
    """Wordings without a value, and those with values, the most telling first."""
    import yaml

    with open(RESOURCES / "phrases.yaml", encoding="utf-8") as handle:
        written = yaml.safe_load(handle)
    with_values = []
    for english, chinese in written.items():
        parts = english.split("{}")
        if len(parts) > 1:
            strict, loose = (
                re.compile(value.join(map(re.escape, parts)), re.DOTALL)
                for value in (r"((?:(?!; |: ).)+?)", "(.+?)")
            )
            phrase = Phrase(strict, loose, max(parts, key=len), chinese)
            with_values.append((sum(map(len, parts)), phrase))
    with_values.sort(key=lambda entry: -entry[0])
    return {e: c for e, c in written.items() if "{}" not in e}, [p for _, p in with_values]


def _filled(chinese: str, values: tuple) -> str:
    """The Chinese with its values, each in Chinese where it is known."""
    told = [value and (in_chinese(value) or value) or "" for value in values]
    return _VALUE.sub(lambda place: told[int(place[1] or place[2]) - 1], chinese)


@lru_cache(maxsize=20_000)
def _whole(words: str) -> str | None:
    """The Chinese of words that are listed as they stand."""
    plain, with_values = _phrases()
    if words in plain:
        return plain[words]
    for pattern, chinese in _patterns():
        if match := pattern.fullmatch(words):
            return _filled(chinese, match.groups())
    return _phrase(words, [(p.strict, p) for p in with_values if p.fixed in words])


def _phrase(words: str, candidates: list[tuple[re.Pattern, Phrase]]) -> str | None:
    for pattern, phrase in candidates:
        if match := pattern.fullmatch(words):
            return _filled(phrase.chinese, match.groups())
    return None


@lru_cache(maxsize=20_000)
def _single(words: str) -> str | None:
    """The Chinese of one listed wording behind any number of names: `name: wording`."""
    chinese = _whole(words)
    for found in re.finditer(": ", words) if chinese is None else ():
        name, rest = words[: found.start()], words[found.end() :]
        if "; " not in name and (after := _single(rest)) is not None:
            return f"{_whole(name) or name}：{after}"
    return chinese


def _named(words: str) -> str | None:
    """The Chinese of `name: words` where the name or the words are known."""
    for found in re.finditer(": ", words):
        name, rest = words[: found.start()], words[found.end() :]
        ahead, after = _whole(name), in_chinese(rest)
        if ahead is not None or after is not None:
            return f"{ahead or name}：{after or rest}"
    return None


def _listed(words: str, joint: str, mark: str) -> str | None:
    """The Chinese of parts joined by `joint`, the longest known part first; None where none is known."""
    pieces, told, known = words.split(joint), [], False
    while pieces:
        for n in range(len(pieces), 0, -1):
            part = joint.join(pieces[:n])
            chinese = _single(part)
            if chinese is not None:
                break
        chinese = _named(part) if chinese is None and part != words else chinese
        known |= chinese is not None
        told.append(chinese or part)
        pieces = pieces[n:]
    return mark.join(told) if known else None


@lru_cache(maxsize=20_000)
def _any(words: str) -> str | None:
    """Whole, then part by part, then as a phrase around words that hold joints themselves."""
    chinese = _single(words)
    if chinese is None and _NAMES.fullmatch(words) and all(map(_LETTERS.search, words.split(", "))):
        told = [_whole(name) for name in words.split(", ")]
        if not any(told):
            return words.replace(", ", "、")
    for joint, mark in (("; ", "；"), (": ", ""), (", ", "，")):
        if chinese is None and joint in words:
            chinese = _listed(words, joint, mark) if mark else _named(words)
    if chinese is None and (bracket := _BRACKET.fullmatch(words)):
        outer, inner = in_chinese(bracket[1]), in_chinese(bracket[2])
        if outer is not None or inner is not None:
            return f"{outer or bracket[1]}（{inner or bracket[2]}）"
    if chinese is None:
        chinese = _phrase(words, [(p.loose, p) for p in _phrases()[1] if p.fixed in words])
    return chinese


def in_chinese(words: str) -> str | None:
    """The Chinese of a reason, a check or a limit; None where no part of it is known.

    A requirement in brackets at the end stays as it is.
    """
    if others := _OTHERS.fullmatch(words):
        return f"{in_chinese(others[1]) or others[1]}（另有 {others[2]} 种原因）"
    requirement = _REQUIREMENT.search(words)
    end = requirement.group() if requirement else ""
    words = words.removesuffix(end)
    chinese = _any(words) if _LETTERS.search(words) else None
    return None if chinese is None else chinese + end
