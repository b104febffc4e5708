"""One page for each new patient: probability, interval, call, what it rests on, flags, the model.

In: predictions.tsv, contributions.tsv, the bundle they name. Out: results/predictions/patients/<patient>.html, zh and en in one
file. Source: docs/report.md; docs/modelling.md, "Prediction".
"""

import csv
import datetime
import json
import math
from pathlib import Path

from scripts import __version__
from scripts.core import job as core_job
from scripts.core.privacy import identifier_in
from scripts.report import page
from scripts.report.page import (
    Bullets,
    Cell,
    Facts,
    Figure,
    Paragraph,
    Section,
    Table,
    Text,
    join,
    number,
    reason,
    same,
    text,
    text_or,
)
from scripts.report.svg import BLUE, GREY, VERMILION, Drawing

LARGEST = 15  # features in the figure
BASE = "(base)"
WHOLE = "(all)"


def read_table(path: str | Path) -> list[dict[str, str]]:
    """Rows of a TSV as text."""
    with open(path, encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle, delimiter="\t"))


def to_number(cell: str) -> float | None:
    """The number of a cell, None when it is empty."""
    return float(cell) if cell not in ("", None) else None


def block_name(block: str) -> Text:
    """A block with its sequence or phase, e.g. CT arterial."""
    return join([text_or(f"block.{part}", part) for part in block.split("_")], " ", " ")


def bars(caption: Text, lines: list[tuple[object, float]]) -> Figure:
    """Horizontal bars of log odds: to the right for HCC, to the left against."""
    row, left, wide = 22, 250, 420
    draw = Drawing(left + wide + 70, row * len(lines) + 24, caption)
    largest = max([abs(value) for _, value in lines] + [1e-9])
    zero = left + wide / 2
    for position, (name, value) in enumerate(lines):
        y = 8 + row * position
        end = zero + value / largest * (wide / 2 - 4)
        colour = VERMILION if value > 0 else BLUE
        draw.text(left - 10, y + 13, name, 12, "end")
        draw.box(min(zero, end), y + 2, max(abs(end - zero), 1), row - 7, fill=colour)
        draw.text(left + wide + 8, y + 13, number(value), 11, "start", "#55606b")
    draw.line(zero, 4, zero, 10 + row * len(lines), GREY)
    return Figure(caption, draw.markup(), "wide")


def result_section(line: dict) -> Section:
    """Probability with its interval, the calls, the blocks used; or why there is no probability."""
    title = text("patient.result")
    use = Paragraph(text("patient.use"), "note")
    if line["refused"]:
        why = text("patient.refused", reason=reason(line["refused"]))
        return Section("result", title, [Paragraph(why, "flag"), use])
    items = class_items(line) if "class" in line else event_items(line)
    used = join([block_name(block) for block in line["calibrated_on"].split("+")], "、", ", ")
    items.append((text("patient.blocks"), used, ""))
    parts: list = [Facts(items)]
    if line["flags"]:
        flags = join([reason(flag) for flag in line["flags"].split("; ")], "；", "; ")
        parts.insert(0, Paragraph(text("patient.flagged", flags=flags), "flag"))
    return Section("result", title, [*parts, use])


def class_items(line: dict) -> list[tuple]:
    """The class called and the probability of each class."""
    start = "probability "
    items = [(text("patient.class"), text_or(f"class.{line['class']}", line["class"]), "")]
    for key, cell in line.items():
        if key.startswith(start):
            name = key.removeprefix(start)
            shown = page.percent(to_number(cell), 1)
            items.append((text_or(f"class.{name}", name), shown, text("patient.of_class")))
    return items


def event_items(line: dict) -> list[tuple]:
    """Probability with its interval, and the calls at both thresholds."""
    low, high = to_number(line["low"]), to_number(line["high"])
    comment = text("patient.no_interval")
    if low is not None:
        comment = text("patient.interval", low=page.percent(low, 1), high=page.percent(high, 1))
    items = [
        (text("patient.probability"), page.percent(to_number(line["probability"]), 1), comment)
    ]
    for key, called, cut in (
        ("patient.at_youden", "positive", "threshold"),
        ("patient.at_specificity", "positive_high_specificity", "threshold_high_specificity"),
    ):
        if line[called]:
            label = text(key, cut=page.percent(to_number(line[cut]), 1))
            shown = text("patient.positive" if line[called] == "yes" else "patient.negative")
            items.append((label, shown, text("patient.own_threshold")))
    return items


def why_section(line: dict, parts: list[dict]) -> Section | None:
    """Contributions by block and feature; None without a probability."""
    if line["refused"] or not parts:
        return None
    blocks: dict[str, float] = {}
    for part in parts:
        blocks[part["block"]] = blocks.get(part["block"], 0.0) + float(part["contribution"])
    total = sum(blocks.values())
    shown = [(text("patient.base"), blocks.pop(BASE, 0.0))]
    shown += [(block_name(b), v) for b, v in sorted(blocks.items(), key=lambda e: -abs(e[1]))]
    features = [part for part in parts if part["feature"] not in ("", WHOLE)]
    largest = features[:LARGEST]
    found: list = [
        Paragraph(text("patient.sums", total=number(total))),
        bars(text("patient.by_block"), shown),
    ]
    if largest:
        named = [
            (join([block_name(p["block"]), p["feature"]], " ", " "), float(p["contribution"]))
            for p in largest
        ]
        caption = text("patient.by_feature", n=len(largest), all=len(features))
        found.append(bars(caption, named))
        found.append(feature_table(features))
    return Section("why", text("patient.why"), found)


def feature_table(features: list[dict]) -> Table:
    """Value, unit, training range and contribution of every feature in use, folded."""
    names = ("block", "feature", "value", "unit", "low", "high", "place", "part")
    columns = [text("column.value" if name == "value" else f"patient.{name}") for name in names]
    rows = []
    for part in features:
        odd = part["range"] != "inside"
        rows.append(
            [
                block_name(part["block"]),
                Cell(part["feature"], "code"),
                *(short(part[name]) if name != "unit" else part[name] for name in names[2:6]),
                Cell(text(f"patient.{part['range']}"), "warn" if odd else ""),
                number(float(part["contribution"]), 3),
            ]
        )
    return Table(text("patient.features"), columns, rows, numeric=(2, 4, 5, 7), folded=True)


def short(cell: str) -> str:
    """A number with four significant digits, "–" when there is none."""
    value = to_number(cell)
    return "–" if value is None or math.isnan(value) else f"{value:.4g}"


def data_section(line: dict) -> Section:
    """Features outside the training range, data that were not used."""
    parts: list = []
    if line["outside"]:
        parts += [
            page.Heading(text("patient.outside")),
            Bullets(list(map(reason, line["outside"].split("; ")))),
        ]
    if line["not_used"]:
        items = []
        for entry in line["not_used"].split(" | "):
            head, _, why = entry.partition(": ")
            block, _, verdict = head.partition(" ")
            named = join([block_name(block), text_or(f"verdict.{verdict}", verdict)], "：", ": ")
            items.append(join([named, reason(why)], "，", ", ") if why else named)
        parts += [page.Heading(text("patient.not_used")), Bullets(items)]
    return Section("data", text("patient.data"), parts or [Paragraph(text("patient.no_flags"))])


def model_section(line: dict, bundle: dict) -> Section:
    """Which model, trained on whom, how well it did."""
    auc, training = bundle["internal"]["metrics"]["auc"], bundle["training"]
    centres = ", ".join(bundle["centres"])
    rows = [
        [text("model.bundle"), Cell(line["bundle"], "code")],
        [text("patient.strategy"), text_or(f"strategy.{bundle['strategy']}", bundle["title"])],
        [
            text("patient.trained_on"),
            text(
                "patient.trained_text", centres=centres, **{k: training[k] for k in ("n", "events")}
            ),
        ],
        [text("patient.internal"), page.interval(auc["value"], auc["low"], auc["high"])],
        [text("patient.method"), reason(bundle.get("interval") or "–")],
    ]
    centre = same(line["centre"] or "–")
    if line["centre"] in bundle.get("recalibration", {}):
        centre = join([centre, text("patient.recalibrated")], "，", ", ")
    rows.insert(0, [text("patient.centre"), centre])
    columns = [text("column.item"), text("column.value")]
    return Section("model", text("patient.model"), [Table(text("patient.model"), columns, rows)])


def patient_page(line: dict, parts: list[dict], bundle: dict, language: str, run_date: str) -> str:
    """The whole page of one patient; `parts` are the rows of contributions.tsv, the largest first."""
    sections = [
        result_section(line),
        why_section(line, parts),
        data_section(line),
        model_section(line, bundle),
    ]
    return page.render(
        [section for section in sections if section],
        title=text("patient.title", name=line["patient_id"]),
        language=language,
        head={
            "meta": text("patient.meta", bundle=line["bundle"], run_date=run_date),
            "version": __version__,
        },
    )


def file_name(patient: str, position: int) -> str:
    """Name of a page: the study id, or the position in the table when the id holds an identifier of a person."""
    safe = patient.replace("-", "").replace("_", "").isalnum() and patient.isascii()
    return f"{patient}.html" if safe and not identifier_in(patient) else f"row{position}.html"


def main(job) -> None:
    """Write a page for each line of the predictions.

    input: predictions, contributions (TSV); output: pages (directory); params: bundles, settings (report)
    """
    with core_job.step(job) as step:
        lines = read_table(job.input.predictions)
        parts: dict[str, list[dict]] = {}
        for row in read_table(job.input.contributions):
            parts.setdefault(row["patient_id"], []).append(row)
        folder = step.path(job.output.pages)
        folder.mkdir(parents=True)
        today = datetime.date.today().isoformat()
        for position, line in enumerate(lines, start=1):
            path = Path(job.params.bundles) / line["bundle"] / "bundle.json"
            bundle = json.loads(path.read_text(encoding="utf-8"))
            own = parts.get(line["patient_id"], [])
            written = patient_page(line, own, bundle, job.params.settings["language"], today)
            hidden = page.write(folder / file_name(line["patient_id"], position), written)
            if hidden:
                step.log.warning("%d identifiers of persons masked", hidden)
        step.log.info("%d pages", len(lines))


if __name__ == "__main__":
    core_job.entry(main, globals().get("snakemake"))
