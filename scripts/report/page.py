"""The parts a page is made of, every text in Chinese and English.

In: resources/report/texts.yaml, texts, tables and figures. Out: HTML by the Jinja2 template
report.html.j2. Source: docs/report.md; a test asserts that every text key has both languages.
"""

from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import NamedTuple

from scripts.report.identifiers import masked
from scripts.report.reasons import RESOURCES, in_chinese

LANGUAGES = ("zh", "en")
# The pages of a run, beside one another in results/report; every page links to the others.
PAGES = {"report": "report.html", "conformance": "conformance.html", "data": "data_quality.html"}


class Text(NamedTuple):
    """One text in both languages."""

    zh: str
    en: str


class Cell(NamedTuple):
    """A table cell with a CSS class `kind` (pass, warn, fail, strong ...), over `span` columns."""

    content: object
    kind: str = ""
    span: int = 1


@dataclass
class Paragraph:
    """A paragraph; `kind` is a CSS class ("" or note, flag, good, lead)."""

    content: object
    kind: str = ""
    template = "paragraph"


@dataclass
class Bullets:
    """A list of texts."""

    items: list
    kind: str = ""
    template = "bullets"


@dataclass
class Table:
    """A table. Columns named in `numeric` (positions) are set right-aligned; `folded` hides it
    behind its caption until it is opened or, with `printed`, printed."""

    caption: object
    columns: list
    rows: list[list]
    numeric: tuple[int, ...] = ()
    notes: list = field(default_factory=list)
    folded: bool = False
    printed: bool = True
    template = "table"


@dataclass
class Figure:
    """An inline SVG with its caption; `kind` is a CSS class (wide or "")."""

    caption: object
    svg: str
    kind: str = ""
    template = "figure"


@dataclass
class Row:
    """Figures or tables side by side."""

    parts: list
    template = "row"


@dataclass
class Heading:
    """A heading inside a section."""

    content: object
    template = "heading"


@dataclass
class Facts:
    """Key figures as tiles: (label, value, comment)."""

    items: list[tuple]
    template = "facts"


@dataclass
class Section:
    """One numbered section; `name` is its anchor."""

    name: str
    title: Text
    parts: list


def same(value: object) -> Text:
    """A text that is the same in both languages."""
    return value if isinstance(value, Text) else Text(str(value), str(value))


def join(items: list, zh: str = "；", en: str = "; ") -> Text:
    """Texts joined with the separator of each language."""
    texts = [same(item) for item in items]
    return Text(zh.join(t.zh for t in texts), en.join(t.en for t in texts))


@cache
def _texts() -> dict[str, dict[str, str]]:
    import yaml

    flat = {}
    for path in sorted(RESOURCES.glob("texts*.yaml")):
        with open(path, encoding="utf-8") as handle:
            for group, entries in yaml.safe_load(handle).items():
                flat |= {f"{group}.{key}": entry for key, entry in entries.items()}
    return flat


def text(key: str, **values) -> Text:
    """The text of a key, filled with values; a value may itself be a Text. KeyError when the key is
    not there."""
    entry = _texts()[key]
    filled = {name: same(value) for name, value in values.items()}
    zh = entry["zh"].format(**{name: value.zh for name, value in filled.items()})
    return Text(zh.strip(), entry["en"].format(**{n: v.en for n, v in filled.items()}).strip())


def text_or(key: str, fallback: object) -> Text:
    """The text of a key, or the fallback unchanged when there is no such key (a block nobody named
    yet)."""
    return text(key) if key in _texts() else same(fallback)


def reason(written: object) -> Text:
    """A reason that a step wrote in English, with its Chinese wording where one is known."""
    if isinstance(written, Text):
        return written
    chinese = in_chinese(str(written))
    return same(written) if chinese is None else Text(chinese, str(written))


def both(value: object):
    """HTML of a text in both languages; a plain string is escaped once."""
    from markupsafe import Markup, escape

    if isinstance(value, Markup):
        return value
    if not isinstance(value, Text) or value.zh == value.en:
        return escape(value.zh if isinstance(value, Text) else value)
    return Markup('<span lang="zh">{}</span><span lang="en">{}</span>').format(*value)


def render(
    sections: list[Section], *, here: str, language: str, head: dict, title: Text | None = None
) -> str:
    """The whole page as HTML: no script, style, font or image from elsewhere.

    `here` is a key of PAGES, or another key of `disclaimer` for a page that stands alone; `head` holds meta (a Text) and
    version; `title` stands for that of `here`.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=FileSystemLoader(RESOURCES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["both"] = both
    environment.globals |= {"text": text}
    scripts = dict.fromkeys(getattr(part, "script", "") for s in sections for part in s.parts)
    names = ["report.js", *filter(None, scripts)]
    return environment.get_template("report.html.j2").render(
        sections=sections,
        here=here,
        pages=PAGES if here in PAGES else {},
        title=title or text(f"title.{here}"),
        language=language,
        style=Markup((RESOURCES / "report.css").read_text(encoding="utf-8")),
        scripts=[Markup((RESOURCES / name).read_text(encoding="utf-8")) for name in names],
        markup=Markup,
        **head,
    )


def number(value: object, digits: int = 2) -> str:
    """A number with fixed digits, "–" when there is none."""
    if value is None or value != value:
        return "–"
    written = f"{float(value):.{digits}f}"
    return written.lstrip("-") if float(written) == 0 else written.replace("-", "−")


def interval(estimate: object, low: object, high: object, digits: int = 2) -> str:
    """0.87 (0.81–0.92); without bounds only the estimate."""
    if estimate is None or estimate != estimate:
        return "–"
    if low is None or high is None or low != low or high != high:
        return number(estimate, digits)
    return f"{number(estimate, digits)} ({number(low, digits)}–{number(high, digits)})"


def percent(value: object, digits: int = 0) -> str:
    """A share as per cent, "–" when there is none."""
    return "–" if value is None or value != value else f"{100 * float(value):.{digits}f}%"


def write(path: Path, page: str) -> int:
    """Write the page with identifiers of persons masked; returns how many were."""
    page, count = masked(page)
    path.write_text(page, encoding="utf-8")
    return count
