"""One page as a PDF in one language, with the fonts of this machine and never with boxes for letters.

In: a page of the report as HTML. Out: PDF bytes, or the reason why there is none. Source: WeasyPrint 70 with the system's
pango and fontconfig; docs/report.md, "PDF".
"""

import contextlib
import gc
import io
import logging
import re
import warnings
from dataclasses import dataclass

from scripts.report.page import LANGUAGES, RESOURCES

# Letters that a font must have: simplified Chinese ones too, which Japanese fonts lack.
PROBES = {"en": "Research use 0123456789", "zh": "甲胎蛋白 肝细胞癌诊断"}
CURE = (
    "on Debian: apt-get install libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0 fonts-noto-cjk"
)
_FONTS = (
    "'Noto Sans CJK SC', 'Noto Sans SC', 'Source Han Sans SC', 'WenQuanYi Micro Hei', "
    "'WenQuanYi Zen Hei', 'Droid Sans Fallback', 'DejaVu Sans', sans-serif"
)
_CHINESE = re.compile(r"[\u2e80-\u303f\u3400-\u9fff\uf900-\ufaff\uff00-\uffef]")


@dataclass(frozen=True)
class Printer:
    """What this machine can print: languages of LANGUAGES; why the others cannot be, and the cure."""

    languages: tuple[str, ...]
    reason: str = ""


class _Missing(logging.Handler):
    """The characters for which WeasyPrint found no glyph."""

    def __init__(self):
        super().__init__()
        self.characters: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        if str(record.msg).startswith(".notdef glyph") and record.args:
            self.characters.add(str(record.args[0]))


class _Refusal:
    """A fetcher that fetches nothing: a page holds everything itself."""

    def __call__(self, url, *args, **kwargs):
        raise ValueError(f"a page must not ask for {url}")

    fetch = __call__


def find_printer() -> Printer:
    """Try a line in each language. Without pango or without any font nothing can be printed; without
    a Chinese font English only."""
    try:
        with (
            warnings.catch_warnings(record=True) as told,
            contextlib.redirect_stdout(io.StringIO()),
        ):
            warnings.simplefilter("always")
            import weasyprint.text.ffi
            import weasyprint.text.fonts  # noqa: F401
    except OSError as error:
        return Printer((), f"pango cannot be loaded ({str(error).splitlines()[0]}); {CURE}")
    # Without a single font pango ends the process: nothing may be drawn then.
    if any("FontConfig" in str(warning.message) for warning in told):
        return Printer((), f"no font is installed; {CURE}")
    able = []
    for language in LANGUAGES:
        try:
            _, missing = draw(f"<p>{PROBES[language]}</p>")
        except (OSError, AttributeError) as error:
            return Printer((), f"pango is too old for WeasyPrint ({error}); {CURE}")
        if not missing:
            able.append(language)
    if "en" not in able:
        return Printer((), f"no font for Latin letters is installed; {CURE}")
    return Printer(tuple(able), "" if "zh" in able else f"no Chinese font is installed; {CURE}")


def draw(html: str) -> tuple[bytes, set[str]]:
    """PDF of a document, and the characters that no font has."""
    import weasyprint

    handler, log = _Missing(), logging.getLogger("weasyprint")
    log.addHandler(handler)
    gc.disable()  # a document is a million objects that all stay: looking for garbage took a quarter of the time
    try:
        document = weasyprint.HTML(string=html, url_fetcher=_Refusal())
        return document.write_pdf(), handler.characters
    finally:
        gc.enable()
        log.removeHandler(handler)


def one_language(html: str, language: str) -> str:
    """A page without its scripts and without the other language, styled for print."""
    other = LANGUAGES[1 - LANGUAGES.index(language)]
    html = re.sub(r"<script\b.*?</script>", "", html, flags=re.DOTALL)
    html = re.sub(rf'<(\w+) lang="{other}"[^>]*>[^<]*</\1>', "", html)
    html = re.sub(rf'<span lang="{language}">([^<]*)</span>', r"\1", html)
    html = re.sub(
        r'<html lang="[^"]*" data-lang="[^"]*">',
        f'<html lang="{"zh-CN" if language == "zh" else "en"}" data-lang="{language}">',
        html,
    )
    title = re.search(r'<h1 data-zh="([^"]*)" data-en="([^"]*)"', html)
    if title:
        shown = title.group(1 + LANGUAGES.index(language))
        html = re.sub(r"<title>.*?</title>", lambda _: f"<title>{shown}</title>", html)
    html = html.replace("<svg ", f'<svg font-family="{_FONTS}" ')
    style = (RESOURCES / "print.css").read_text(encoding="utf-8").replace("FONTS", _FONTS)
    return html.replace("</head>", f"<style>\n{style}</style>\n</head>")


def without(html: str, characters: set[str]) -> str:
    """A page with words in the place of letters that no font has."""

    def named(match: re.Match) -> str:
        run = match.group()
        if _CHINESE.search(run):
            return "[Chinese text]"
        return "[" + " ".join(f"U+{ord(letter):04X}" for letter in run) + "]"

    letters = "".join(re.escape(letter) for letter in sorted(characters))
    return re.sub(f"[{letters}]+", named, html)


def printed(html: str, language: str) -> tuple[bytes, set[str]]:
    """PDF of a page in one language, and the characters for which words had to stand in."""
    page = one_language(html, language)
    pdf, missing = draw(page)
    if missing:
        pdf, left = draw(without(page, missing))
        if left:
            raise ValueError(f"no font for {''.join(sorted(left))}")
    return pdf, missing
