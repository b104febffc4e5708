"""Small vector drawings: lines, boxes, axes, with text kept as text in both languages.

In: numbers. Out: inline SVG, the same bytes for the same numbers. Source of the colours: Okabe and
Ito (2008), told apart by people with colour-blindness.
"""

from dataclasses import dataclass, field
from html import escape

from scripts.report.page import Text, same

BLUE, VERMILION, GREEN, ORANGE = "#0072B2", "#D55E00", "#009E73", "#E69F00"
SKY, PURPLE, BLACK, GREY = "#56B4E9", "#AA4499", "#1d2733", "#8a94a0"
SERIES = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY, BLACK)
DASHES = ("", "6 3", "2 3", "8 3 2 3", "4 2", "1 2", "10 4")
RULE, PALE = "#c9d1d9", "#eef1f4"


def _number(value: float) -> str:
    return f"{value:.1f}".rstrip("0").rstrip(".")


@dataclass
class Drawing:
    """An SVG of a given width and height in pixels; `title` is read out by screen readers."""

    width: float
    height: float
    title: object = ""
    items: list[str] = field(default_factory=list)

    def line(self, x1, y1, x2, y2, colour=RULE, width=1.0, dash="") -> None:
        """A straight line."""
        dashes = f' stroke-dasharray="{dash}"' if dash else ""
        self.items.append(
            f'<line x1="{_number(x1)}" y1="{_number(y1)}" x2="{_number(x2)}" y2="{_number(y2)}" '
            f'stroke="{colour}" stroke-width="{_number(width)}"{dashes}/>'
        )

    def path(self, points, colour, width=2.0, dash="", fill="none") -> None:
        """A line through points [(x, y), ...]."""
        d = "M" + "L".join(f"{_number(x)} {_number(y)}" for x, y in points)
        dashes = f' stroke-dasharray="{dash}"' if dash else ""
        self.items.append(
            f'<path d="{d}" fill="{fill}" stroke="{colour}" stroke-width="{_number(width)}" '
            f'stroke-linejoin="round"{dashes}/>'
        )

    def band(self, points, colour) -> None:
        """A pale area inside points [(x, y), ...]."""
        d = "M" + "L".join(f"{_number(x)} {_number(y)}" for x, y in points) + "Z"
        self.items.append(f'<path d="{d}" fill="{colour}" fill-opacity="0.13" stroke="none"/>')

    def box(self, x, y, width, height, fill="#fff", stroke="none", radius=0.0, hint="") -> None:
        """A rectangle; `hint` appears under the mouse."""
        title = f"<title>{escape(hint)}</title>" if hint else ""
        self.items.append(
            f'<rect x="{_number(x)}" y="{_number(y)}" width="{_number(width)}" height="{_number(height)}" '
            f'fill="{fill}" stroke="{stroke}" rx="{_number(radius)}">{title}</rect>'
        )

    def dot(self, x, y, radius=3.5, colour=BLUE, fill="") -> None:
        """A filled circle."""
        self.items.append(
            f'<circle cx="{_number(x)}" cy="{_number(y)}" r="{_number(radius)}" '
            f'fill="{fill or colour}" stroke="{colour}"/>'
        )

    def dots(self, points, colour, diameter=5.0) -> None:
        """Many points of one colour as one element: a path of round spots at [(x, y), ...]."""
        d = "".join(f"M{_number(x)} {_number(y)}h0" for x, y in points)
        if d:
            self.items.append(
                f'<path d="{d}" fill="none" stroke="{colour}" stroke-width="{_number(diameter)}" '
                f'stroke-linecap="round" stroke-opacity="0.8"/>'
            )

    def text(
        self, x, y, content, size=12, anchor="start", colour=BLACK, weight="", turn=False
    ) -> None:
        """A text at its baseline; both languages are written, the page shows one."""
        content = same(content)
        style = f' font-weight="{weight}"' if weight else ""
        turned = f' transform="rotate(-90 {_number(x)} {_number(y)})"' if turn else ""
        attributes = (
            f'x="{_number(x)}" y="{_number(y)}" font-size="{_number(size)}" text-anchor="{anchor}" '
            f'fill="{colour}"{style}{turned}'
        )
        if content.zh == content.en:
            self.items.append(f"<text {attributes}>{escape(content.en)}</text>")
            return
        for language, words in zip(("zh", "en"), content, strict=True):
            self.items.append(f'<text lang="{language}" {attributes}>{escape(words)}</text>')

    def arrow(self, x1, y1, x2, y2, colour=GREY) -> None:
        """An arrow along an axis, with its head at the second point."""
        self.line(x1, y1, x2, y2, colour, 1.4)
        if x1 == x2:
            side = -6 if y2 > y1 else 6
            points = [(x2 - 4, y2 + side), (x2 + 4, y2 + side), (x2, y2)]
        else:
            side = -6 if x2 > x1 else 6
            points = [(x2 + side, y2 - 4), (x2 + side, y2 + 4), (x2, y2)]
        self.path([*points, points[0]], colour, 1, fill=colour)

    def markup(self) -> str:
        """The SVG element."""
        label = same(self.title)
        name = f"{label.zh} / {label.en}" if label.zh != label.en else label.en
        return (
            f'<svg viewBox="0 0 {_number(self.width)} {_number(self.height)}" role="img" '
            f'width="{_number(self.width)}" height="{_number(self.height)}" aria-label="{escape(name)}">'
            + "".join(self.items)
            + "</svg>"
        )


@dataclass
class Axes:
    """A plotting frame inside a drawing, with linear scales and a legend below.

    `x`, `y` are (low, high); points outside are clipped to the frame.
    """

    drawing: Drawing
    x: tuple[float, float]
    y: tuple[float, float]
    left: float = 58
    top: float = 14
    right: float = 14
    bottom: float = 48

    def place(self, x: float, y: float) -> tuple[float, float]:
        """Pixel position of a point."""
        wide = self.drawing.width - self.left - self.right
        high = self.drawing.height - self.top - self.bottom
        along = (min(max(x, self.x[0]), self.x[1]) - self.x[0]) / (self.x[1] - self.x[0])
        up = (min(max(y, self.y[0]), self.y[1]) - self.y[0]) / (self.y[1] - self.y[0])
        return self.left + wide * along, self.top + high * (1 - up)

    def frame(self, x_label: Text, y_label: Text, x_ticks, y_ticks, style="{:.1f}") -> None:
        """Grid, ticks and labels."""
        draw = self.drawing
        for tick in x_ticks:
            px, py = self.place(tick, self.y[0])
            draw.line(px, self.top, px, py, PALE)
            draw.text(px, py + 16, style.format(tick), 11, "middle", "#55606b")
        for tick in y_ticks:
            px, py = self.place(self.x[0], tick)
            draw.line(px, py, draw.width - self.right, py, PALE)
            draw.text(px - 7, py + 4, style.format(tick), 11, "end", "#55606b")
        left, base = self.place(self.x[0], self.y[0])
        draw.line(left, self.top, left, base, GREY)
        draw.line(left, base, draw.width - self.right, base, GREY)
        draw.text((left + draw.width - self.right) / 2, base + 36, x_label, 12, "middle")
        draw.text(16, (self.top + base) / 2, y_label, 12, "middle", turn=True)

    def curve(self, xs, ys, colour, width=2.0, dash="") -> None:
        """A line through the points (xs, ys)."""
        points = [self.place(x, y) for x, y in zip(xs, ys, strict=True)]
        self.drawing.path(points, colour, width, dash)


def legend(drawing: Drawing, x: float, y: float, entries: list[tuple], step: float = 18) -> None:
    """Lines with their names, one below another: (name, colour, dash)."""
    for position, (name, colour, dash) in enumerate(entries):
        level = y + position * step
        drawing.line(x, level - 4, x + 26, level - 4, colour, 2.4, dash)
        drawing.text(x + 32, level, name, 11)


def shade(colour: str, strength: float) -> str:
    """A colour thinned with white: strength 0 is white, 1 the colour itself."""
    strength = min(max(strength, 0.0), 1.0)
    parts = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
    return "#" + "".join(f"{round(255 - (255 - part) * strength):02x}" for part in parts)


def whisker(low: float, estimate: float, high: float, colour=BLUE, reference=0.5) -> str:
    """A small interval on a scale from 0.3 to 1, for a table cell."""
    drawing = Drawing(150, 18)

    def at(value: float) -> float:
        return 4 + 142 * (min(max(value, 0.3), 1) - 0.3) / 0.7

    drawing.line(4, 9, 146, 9, PALE, 6)
    drawing.line(at(reference), 2, at(reference), 16, GREY, 1, "2 2")
    if low is not None and high is not None:
        drawing.line(at(low), 9, at(high), 9, colour, 2)
    drawing.dot(at(estimate), 9, 3.6, colour)
    return drawing.markup()
