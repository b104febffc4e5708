"""Distributions of the laboratory variables as small drawings, one a variable, with the centres below.

In: the values that count, the variable dictionary. Out: inline SVG with text as text. Source: docs/report.md, "Data-quality
report"; whiskers are the 5th and 95th percentile, the box the quartiles.
"""

import math

import numpy as np

from scripts.report import svg
from scripts.report.page import Figure, Paragraph, Row, Section, join, text
from scripts.report.variables import Variable

BINS = 24
MOST_CENTRES = 8
FEWEST = 3  # values; fewer make no distribution


def _scale(values: np.ndarray, log: bool):
    """A function value -> 0..1 over the values seen, and three ticks."""
    shown = np.log10(values) if log else values
    low, high = float(shown.min()), float(shown.max())
    if high == low:
        low, high = low - 0.5, high + 0.5

    def place(value: float) -> float:
        position = math.log10(value) if log else value
        return (position - low) / (high - low)

    marks = [low, (low + high) / 2, high]
    return place, [10**m if log else m for m in marks]


def _short(value: float) -> str:
    """A tick: three digits, large numbers in full."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def drawing(
    known: Variable, by_centre: dict[str, np.ndarray], flagged: tuple[float, float]
) -> svg.Drawing:
    """Histogram of all values, the soft range as dashed lines, and a box a centre.

    by_centre : {centre: values in the canonical unit}; flagged : soft range, nan where there is none
    """
    values = np.concatenate(list(by_centre.values()))
    log = known.log and bool((values > 0).all())
    place, ticks = _scale(values, log)
    centres = list(by_centre)[:MOST_CENTRES]
    left, width, high = 46, 330, 74
    span = width - left - 12
    draw = svg.Drawing(width, 24 + high + 26 + 15 * len(centres) + 6, known.name)
    draw.text(left, 14, known.name, 12.5, weight="600")
    unit = join([known.unit or "1", *([text("distributions.log")] if log else [])], "，", ", ")
    draw.text(width - 12, 14, unit, 10.5, "end", "#55606b")
    base = 24 + high
    positions = np.clip([place(v) for v in values], 0, 1)
    counts, edges = np.histogram(positions, bins=BINS, range=(0, 1))
    most = max(int(counts.max()), 1)
    for n, start, end in zip(counts, edges[:-1], edges[1:], strict=True):
        if n:
            tall = high * n / most
            draw.box(left + span * start, base - tall, span * (end - start) - 0.6, tall, svg.SKY)
    draw.line(left, base, left + span, base, svg.GREY)
    draw.text(left - 5, 32, str(most), 10, "end", "#55606b")
    for limit in flagged:
        inside = limit == limit and (limit > 0 or not log)
        if inside and 0 <= place(limit) <= 1:
            x = left + span * place(limit)
            draw.line(x, 24, x, base, svg.VERMILION, 1.2, "3 3")
    for tick, anchor in zip(ticks, ("start", "middle", "end"), strict=True):
        draw.text(left + span * place(tick), base + 13, _short(tick), 10, anchor, "#55606b")
    for line, centre in enumerate(centres):
        level = base + 30 + 15 * line
        draw.text(left - 5, level + 3.5, centre, 10, "end")
        if len(by_centre[centre]) < FEWEST:
            continue
        cuts = np.percentile(by_centre[centre], [5, 25, 50, 75, 95])
        p5, q1, middle, q3, p95 = (left + span * min(max(place(c), 0), 1) for c in cuts)
        draw.line(p5, level, p95, level, svg.GREY, 1.2)
        draw.box(q1, level - 4, max(q3 - q1, 1), 8, "#cfe0ec", svg.BLUE)
        draw.line(middle, level - 5, middle, level + 5, svg.BLUE, 2)
    return draw


def figures(labs, dictionary: dict[str, Variable]) -> list[Figure]:
    """One figure a numeric variable with at least FEWEST values that count."""
    used = labs[labs["used"] & labs["value"].notna()]
    found = []
    for variable, own in used.groupby("variable", observed=True):
        known = dictionary.get(str(variable))
        if not known or known.qualitative or len(own) < FEWEST:
            continue
        groups = own.groupby("centre", observed=True)["value"]
        by_centre = {str(c): part.to_numpy(dtype=float) for c, part in groups if len(part)}
        soft = tuple(float(limit) if limit else math.nan for limit in known.soft)
        note = text("distributions.n", n=len(own), centres=len(by_centre))
        found.append(Figure(note, drawing(known, by_centre, soft).markup()))
    return found


def section(labs, dictionary: dict) -> Section:
    """All drawings side by side."""
    title, drawn = text("section.distributions"), figures(labs, dictionary)
    if not drawn:
        return Section("distributions", title, [Paragraph(text("distributions.nothing"), "note")])
    return Section("distributions", title, [Paragraph(text("distributions.intro")), Row(drawn)])
