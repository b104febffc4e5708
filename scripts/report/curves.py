"""Figures of performance: ROC, calibration, decision curve, forest of AUCs.

In: points of performance.json. Out: inline SVG. Source: decision curve Vickers and Elkin 2006
(doi:10.1177/0272989X06295361); calibration Van Calster 2019 (doi:10.1186/s12916-019-1466-7).
"""

from scripts.report import svg
from scripts.report.page import Text, interval, join, text

SIZE = 350
TENTHS = [tick / 10 for tick in range(0, 11, 2)]


def _style(position: int) -> tuple[str, str]:
    return svg.SERIES[position % len(svg.SERIES)], svg.DASHES[position % len(svg.DASHES)]


def _square(entries: int, title: Text) -> tuple[svg.Drawing, svg.Axes]:
    """A square plot with room for a legend of some lines below."""
    below = 64 + 18 * entries
    drawing = svg.Drawing(SIZE, SIZE - 48 + below, title)
    return drawing, svg.Axes(drawing, (0, 1), (0, 1), bottom=below)


def roc(curves: list[tuple[Text, dict]]) -> str:
    """ROC curves of (name, entry); an entry has roc and metrics."""
    drawing, axes = _square(len(curves), text("figure.roc"))
    axes.frame(text("figure.fpr"), text("figure.tpr"), TENTHS, TENTHS)
    axes.curve([0, 1], [0, 1], svg.GREY, 1, "3 3")
    names = []
    for position, (name, entry) in enumerate(curves):
        colour, dash = _style(position)
        points = entry["roc"]
        axes.curve([p["fpr"] for p in points], [p["tpr"] for p in points], colour, 2, dash)
        auc = entry["metrics"]["auc"]
        label = join([name, "AUC " + estimate(auc)], "，", ", ")
        names.append((label, colour, dash))
    svg.legend(drawing, 12, SIZE + 12, names)
    return drawing.markup()


def calibration(curves: list[tuple[Text, dict]]) -> str:
    """Observed share against mean predicted probability in groups, with 95 % intervals."""
    drawing, axes = _square(len(curves), text("figure.calibration"))
    axes.frame(text("figure.predicted"), text("figure.observed"), TENTHS, TENTHS)
    axes.curve([0, 1], [0, 1], svg.GREY, 1, "3 3")
    names = []
    for position, (name, entry) in enumerate(curves):
        colour, dash = _style(position)
        points = [p for p in entry["calibration"] if p["observed"] is not None]
        for point in points:
            if point["low"] is not None and point["high"] is not None:
                x, low = axes.place(point["predicted"], point["low"])
                high = axes.place(point["predicted"], point["high"])[1]
                drawing.line(x, low, x, high, colour, 1)
        axes.curve(
            [p["predicted"] for p in points], [p["observed"] for p in points], colour, 1.6, dash
        )
        for point in points:
            drawing.dot(*axes.place(point["predicted"], point["observed"]), 3.2, colour)
        names.append((name, colour, dash))
    svg.legend(drawing, 12, SIZE + 12, names)
    return drawing.markup()


def decision(curves: list[tuple[Text, dict]]) -> str:
    """Net benefit of the models, of treating all and of treating none, over threshold
    probability."""
    points = [p for _, entry in curves for p in entry["decision_curve"]]
    best = max([p[key] for p in points for key in ("model", "all") if p[key] is not None] + [0.1])
    step = 0.1 if best < 0.55 else 0.2
    top = step * (int(best / step) + 1)
    below = 64 + 18 * (len(curves) + 2)
    drawing = svg.Drawing(SIZE, SIZE - 48 + below, text("figure.decision"))
    axes = svg.Axes(drawing, (0, 1), (-0.1 * top, top), bottom=below)
    ticks = [step * k for k in range(round(top / step) + 1)]
    axes.frame(text("figure.threshold"), text("figure.net_benefit"), TENTHS, ticks, "{:.1f}")
    names = []
    for position, (name, entry) in enumerate(curves):
        colour, dash = _style(position)
        shown = [p for p in entry["decision_curve"] if p["model"] is not None]
        band = [p for p in shown if p.get("low") is not None] if position == 0 else []
        if band:
            edge = [axes.place(p["threshold"], p["high"]) for p in band]
            edge += [axes.place(p["threshold"], p["low"]) for p in reversed(band)]
            drawing.band(edge, colour)
        axes.curve([p["threshold"] for p in shown], [p["model"] for p in shown], colour, 2, dash)
        names.append((name, colour, dash))
    everyone = [p for p in curves[0][1]["decision_curve"] if p["all"] is not None]
    xs, ys = [p["threshold"] for p in everyone], [p["all"] for p in everyone]
    axes.curve(xs, ys, svg.GREY, 1.4, "2 3")
    axes.curve([0, 1], [0, 0], svg.BLACK, 1.2)
    names += [(text("figure.all"), svg.GREY, "2 3"), (text("figure.none"), svg.BLACK, "")]
    svg.legend(drawing, 12, SIZE + 12, names)
    return drawing.markup()


def forest(rows: list[tuple[Text, dict, str]]) -> str:
    """AUC with 95 % interval of (name, entry, colour), one line each; an entry has n, events,
    metrics."""
    left, wide, step = 250, 360, 26
    drawing = svg.Drawing(800, 34 + step * len(rows) + 40, text("figure.forest"))

    def at(value: float) -> float:
        return left + wide * (min(max(value, 0.3), 1) - 0.3) / 0.7

    base = 30 + step * len(rows)
    drawing.text(8, 16, text("column.data"), 12, weight="600")
    drawing.text(left + wide + 20, 16, text("figure.auc"), 12, weight="600")
    for tick in range(3, 11):
        drawing.line(at(tick / 10), 26, at(tick / 10), base, svg.PALE)
        drawing.text(at(tick / 10), base + 16, f"{tick / 10:.1f}", 11, "middle", "#55606b")
    drawing.line(at(0.5), 26, at(0.5), base, svg.GREY, 1, "3 3")
    drawing.line(at(0.3), base, at(1), base, svg.GREY)
    for position, (name, entry, colour) in enumerate(rows):
        level = 30 + step * position + step / 2
        auc = entry["metrics"]["auc"]
        drawing.text(8, level + 4, name, 12)
        drawing.text(
            left - 14, level + 4, f"{entry['n']} / {entry['events']}", 11, "end", "#55606b"
        )
        if auc["low"] is not None and auc["high"] is not None:
            drawing.line(at(auc["low"]), level, at(auc["high"]), level, colour, 2)
        drawing.box(at(auc["value"]) - 4, level - 4, 8, 8, colour)
        drawing.text(left + wide + 20, level + 4, estimate(auc), 12)
    return drawing.markup()


def estimate(value: dict | None, digits: int = 2) -> str:
    """A {value, low, high} as text; "–" when it could not be computed."""
    if not value:
        return "–"
    return interval(value["value"], value.get("low"), value.get("high"), digits)


def usable(entry: dict | None, part: str) -> bool:
    """Whether an entry was assessed and has points of this part and an AUC."""
    if not entry or entry.get("status", "ASSESSED") != "ASSESSED" or not entry.get(part):
        return False
    return (entry.get("metrics", {}).get("auc") or {}).get("value") is not None
