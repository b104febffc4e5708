"""The confusion table, and every class against the rest: curves and figures.

In: the entry of a model of three or more classes (class_metrics.evaluate). Out: figures and a table. Source: docs/outputs.md;
TRIPOD+AI item 23.
"""

from scripts.report import curves, svg
from scripts.report.page import Figure, Row, Table, Text, text, text_or

OF_CLASS = (
    *("auc", "sensitivity", "specificity", "ppv"),
    *("calibration_slope", "o_e"),
)


def class_name(name: str) -> Text:
    """Readable name of a class; a label of the site stays as it is."""
    return text_or(f"class.{name}", name)


def confusion(entry: dict) -> str:
    """True class against called class: patients and share of the true class, as SVG."""
    names, table = list(entry["per_class"]), entry["confusion"]
    left, top, wide, high = 190, 66, 118, 46
    draw = svg.Drawing(
        left + wide * len(names) + 20, top + high * len(names) + 16, text("classes.confusion")
    )
    draw.text(left, 18, text("classes.called"), 12, weight="600")
    draw.text(8, top - 12, text("classes.true"), 12, weight="600")
    for column, name in enumerate(names):
        draw.text(left + wide * (column + 0.5), top - 12, class_name(name), 12, "middle")
    for line, name in enumerate(names):
        total = max(1, sum(table[line]))
        level = top + high * line
        draw.text(8, level + high / 2 + 4, class_name(name), 12)
        for column, n in enumerate(table[line]):
            share = n / total
            draw.box(left + wide * column + 1, level + 1, wide - 2, high - 2, shade(share))
            colour = "#fff" if share > 0.6 else svg.BLACK
            middle = left + wide * (column + 0.5)
            words = f"{n} ({100 * share:.0f}%)"
            draw.text(middle, level + high / 2 + 4, words, 13, "middle", colour)
    return draw.markup()


def shade(share: float) -> str:
    """White for 0, blue for 1."""
    low, high = (255, 255, 255), (0, 114, 178)
    mixed = (round(a + (b - a) * share) for a, b in zip(low, high, strict=True))
    return "#" + "".join(f"{value:02x}" for value in mixed)


def class_table(entry: dict) -> Table:
    """One line a class: against the rest, with intervals."""
    rows = [
        [class_name(name), str(own["n"]), *(curves.estimate(own[key]) for key in OF_CLASS)]
        for name, own in entry["per_class"].items()
    ]
    names = ("class", "n", "auc", "sensitivity", "specificity", "ppv")
    names += ("slope", "o_e")
    return Table(
        caption=text("classes.per_class"),
        columns=[text(f"column.{name}") for name in names],
        rows=rows,
        numeric=tuple(range(1, len(names))),
        notes=[text("classes.per_class_note")],
    )


def figures(entry: dict) -> list:
    """Confusion table, and ROC and calibration of every class against the rest."""
    shown = [
        (class_name(name), {**own, "metrics": {"auc": own["auc"]}})
        for name, own in entry["per_class"].items()
    ]
    return [
        Figure(text("classes.caption_confusion"), confusion(entry)),
        Row(
            [
                Figure(text("classes.caption_roc"), curves.roc(shown)),
                Figure(text("classes.caption_calibration"), curves.calibration(shown)),
            ]
        ),
    ]
