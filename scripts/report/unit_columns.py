"""Columns that are not in their written unit: what was found, on what evidence, and a histogram of each.

In: unit_columns.json of the clinical step, the variable dictionary. Out: one section, none where every column is in order.
Source: docs/report.md, "Data-quality report"; requirements CLE-02, CLE-03.
"""

import json
import math
from pathlib import Path

from scripts.report import svg
from scripts.report.page import Cell, Figure, Paragraph, Row, Section, Table, Text, join, same, text
from scripts.report.variables import Variable, name_of

_KIND = {"converted": "warn", "parted": "warn", "set aside": "fail", "declared": "pass"}
_MOST_DRAWN = 24


def read_columns(path: str | None) -> list[dict]:
    """The findings of a run; none where there is no file."""
    return json.loads(Path(path).read_text(encoding="utf-8")) if path else []


def place_of(column: dict) -> Text:
    """The laboratory, else the centre."""
    if column["laboratory"]:
        return same(column["laboratory"])
    return text("flow.centre", centre=column["centre"]) if column["centre"] else same("–")


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.4g}"


def _share(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.0f} %"


def table(columns: list[dict], dictionary: dict[str, Variable]) -> Table:
    """One line a column, with medians and implausible shares under both units."""
    rows = [
        [
            place_of(column),
            name_of(column["variable"], dictionary),
            column["unit"] or "–",
            column["other"],
            Cell(
                text(f"unit_columns.{column['kind'].replace(' ', '_')}"),
                f"status {_KIND[column['kind']]}",
            ),
            column["rows"],
            column["converted"],
            column["aside"],
            f"{column['lines'][0]}–{column['lines'][1]}",
            f"{column['since']} – {column['until']}" if column["since"] or column["until"] else "–",
            f"{_number(column['median'])} / {_number(column['median_other'])}",
            f"{_share(column['implausible'])} / {_share(column['implausible_other'])}",
        ]
        for column in columns
    ]
    names = (
        "place",
        "variable",
        "unit",
        "other",
        "kind",
        "rows",
        "converted",
        "aside",
        "lines",
        "period",
    )
    return Table(
        caption=text("unit_columns.caption", n=len(columns)),
        columns=[text(f"unit_columns.column_{n}") for n in (*names, "medians", "implausible")],
        rows=rows,
        numeric=(5, 6, 7),
        notes=[text("unit_columns.note")],
    )


def drawing(column: dict, known: Variable | None) -> svg.Drawing:
    """Histogram of the numbers as written on a logarithmic axis."""
    name = known.name if known else same(column["analyte"])
    width, high, left = 330, 70, 30
    span = width - left - 12
    draw = svg.Drawing(width, 24 + high + 22, name)
    title = join([place_of(column), name, column["unit"] or "–"], "，", ", ")
    draw.text(left, 14, title, 11.5, weight="600")
    base, counts = 24 + high, column["counts"]
    wide, most = span / len(counts), max(*counts, 1)
    for place, n in enumerate(counts):
        if n:
            tall = high * n / most
            draw.box(left + wide * place, base - tall, wide - 0.6, tall, svg.SKY)
    draw.line(left, base, left + span, base, svg.GREY)
    draw.text(left - 5, 32, str(most), 10, "end", "#55606b")
    low, top = column["edges"]
    middle = math.sqrt(low * top)
    for tick, place, anchor in (
        (low, 0, "start"),
        (middle, span / 2, "middle"),
        (top, span, "end"),
    ):
        draw.text(left + place, base + 13, f"{tick:.3g}", 10, anchor, "#55606b")
    return draw


def section(columns: list[dict], dictionary: dict[str, Variable]) -> list[Section]:
    """The section in a list; an empty list where every column is in its written unit and none is declared."""
    if not columns:
        return []
    drawn = [
        Figure(
            text("unit_columns.figure", written=column["unit"] or "–", other=column["other"]),
            drawing(column, dictionary.get(column["variable"])).markup(),
        )
        for column in columns[:_MOST_DRAWN]
        if column["counts"]
    ]
    parts: list = [Paragraph(text("unit_columns.intro"), "flag"), table(columns, dictionary)]
    return [
        Section(
            "unit_columns", text("section.unit_columns"), [*parts, *([Row(drawn)] if drawn else [])]
        )
    ]
