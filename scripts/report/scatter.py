"""Points of patients as small panels, coloured by diagnosis or by centre, with one legend.

In: points of explore.json (x, y, diagnosis, centre). Out: inline SVG. Source: docs/report.md; colours of svg.py; what has more
kinds than colours is grey together.
"""

from collections import Counter

from scripts.report import svg
from scripts.report.page import Text, same, text, text_or

COLOURS = svg.SERIES[:6]


def palette(panels: list[dict], by: str) -> dict[str, tuple[Text, str]]:
    """{kind: (name, colour)} over all panels, the most frequent first; hcc is always vermilion."""
    counts = Counter(kind for panel in panels for kind in panel[by])
    order = sorted(counts, key=lambda kind: (kind != "hcc", -counts[kind], kind))
    colours = list(COLOURS)
    if by == "diagnosis":
        colours.remove(svg.VERMILION)
        colours = [svg.VERMILION, *colours] if "hcc" in counts else colours
    found = {}
    for place, kind in enumerate(order):
        name = text_or(f"diagnosis.{kind}", kind or "–") if by == "diagnosis" else same(kind or "–")
        grey = place >= len(colours)
        found[kind] = (text("explore.others"), svg.GREY) if grey else (same(name), colours[place])
    return found


def panel(
    draw: svg.Drawing,
    left: float,
    top: float,
    size: float,
    points: dict,
    by: str,
    kinds: dict,
    title,
    axes=None,
) -> None:
    """One square panel at (left, top); axes are the names below and at the left."""
    draw.box(left, top, size, size, "#fff", svg.RULE)
    draw.text(left, top - 7, title, 12, weight="600")
    if axes:
        draw.text(left + size / 2, top + size + 15, axes[0], 11, "middle", "#55606b")
        draw.text(left - 7, top + size / 2, axes[1], 11, "middle", "#55606b", turn=True)
    xs, ys = points["x"], points["y"]
    if not xs:
        return
    place_x, place_y = (_scale(values, size) for values in (xs, ys))
    by_colour: dict[str, list] = {}
    for x, y, kind in zip(xs, ys, points[by], strict=True):
        by_colour.setdefault(kinds[kind][1], []).append(
            (left + place_x(x), top + size - place_y(y))
        )
    diameter = 5.0 if len(xs) < 250 else 3.6
    for colour in sorted(by_colour, key=lambda c: -len(by_colour[c])):
        draw.dots(by_colour[colour], colour, diameter)


def _scale(values: list[float], size: float):
    low, high = min(values), max(values)
    spread = (high - low) or 1.0

    def place(value: float) -> float:
        return 8 + (size - 16) * (value - low) / spread

    return place


def legend(draw: svg.Drawing, x: float, y: float, kinds: dict) -> None:
    """The names of the colours in one line, each once."""
    shown = list(dict.fromkeys(kinds.values()))
    for name, colour in shown:
        draw.dots([(x + 5, y - 4)], colour, 9)
        draw.text(x + 15, y, name, 11.5)
        widest = max(len(name.en) * 6.4, len(name.zh) * 12.5)
        x += 36 + widest


def grid(panels: list[tuple], by: str, title: Text, across: int = 5, width: float = 1000) -> str:
    """Panels (name, points) side by side, `across` in a row."""
    step = width / across
    size = step - 26
    kinds = palette([points for _, points in panels], by)
    lines = -(-len(panels) // across)
    draw = svg.Drawing(width, 28 + lines * (step + 6), title)
    legend(draw, 4, 14, kinds)
    for place, (name, points) in enumerate(panels):
        left = 8 + (place % across) * step
        panel(draw, left, 46 + (place // across) * (step + 6), size, points, by, kinds, name)
    return draw.markup()
