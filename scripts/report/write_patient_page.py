"""One page for each new patient: probability, interval, call, what it rests on, flags, the model.

In: predictions.tsv, contributions.tsv, the bundle they name. Out: results/predictions/patients/<patient>.html, zh and en in one
file. Source: docs/report.md; docs/modelling.md, "Prediction".
"""

import csv
import datetime
import json
import re
from pathlib import Path

from scripts import __version__
from scripts.core import job as core_job
from scripts.core.privacy import identifier_in
from scripts.report import page
from scripts.report.feature_names import block_name, feature_name, named, value_text
from scripts.report.page import (
    Bullets,
    Cell,
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
from scripts.report.patient_result import WHOLE, figures_of, result_section, to_number
from scripts.report.strategy_names import strategy_name
from scripts.report.svg import BLUE, GREY, VERMILION, Drawing

LARGEST = 15  # features in the figure
BASE = "(base)"
_OUTSIDE = re.compile(r"(\w+?)__(\S+) (.+) \(training (\S+) to ([^\s,]+)(, check the unit)?\)")
_READ_AS = re.compile(r"(.+?) (repaired|missing): (.+)", re.S)


def read_table(path: str | Path) -> list[dict[str, str]]:
    """Rows of a TSV as text."""
    with open(path, encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle, delimiter="\t"))


def bars(caption: Text, lines: list[tuple[object, float]]) -> Figure:
    """Horizontal bars of log odds: to the right for HCC, to the left against."""
    row, left, wide = 22, 330, 380
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
        lines = [(marked(p), float(p["contribution"])) for p in largest]
        caption = text("patient.by_feature", n=len(largest), all=len(features))
        found.append(bars(caption, lines))
        found.append(feature_table(features))
    return Section("why", text("patient.why"), found)


def marked(part: dict) -> Text:
    """Block, feature and value, an imputed one marked."""
    name = named(part["block"], part["feature"])
    if part["range"] == "missing":
        return join([name, text("patient.is_imputed")], "", " ")
    shown = value_text(part["block"], part["feature"], to_number(part["value"]), part["unit"])
    return join([name, shown], " ", " ")


def feature_table(features: list[dict]) -> Table:
    """Value as measured and as typed, training range and contribution of every feature in use, folded."""
    names = ("block", "feature", "value", "typed", "range", "place", "part")
    columns = [text("column.value" if name == "value" else f"patient.{name}") for name in names]
    rows = []
    for part in features:
        block, feature, unit = part["block"], part["feature"], part["unit"]
        odd = part["range"] != "inside"
        low, high = (
            value_text(block, feature, to_number(part[key]), unit) for key in ("low", "high")
        )
        rows.append(
            [
                block_name(block),
                feature_name(block, feature),
                value_text(block, feature, to_number(part["value"]), unit),
                part.get("typed") or "",
                join([low, high], " – ", " – "),
                Cell(text(f"patient.{part['range']}"), "warn" if odd else ""),
                number(float(part["contribution"]), 3),
            ]
        )
    return Table(text("patient.features"), columns, rows, numeric=(2, 6), folded=True)


def outside_text(entry: str) -> Text:
    """A feature outside the training range, its name in words."""
    match = _OUTSIDE.fullmatch(entry)
    if not match:
        return reason(entry)
    block, feature, value, low, high, doubt = match.groups()
    shown = {"name": named(block, feature), "value": value, "low": low, "high": high}
    return text("patient.outside_unit" if doubt else "patient.outside_range", **shown)


def read_as_text(entry: str) -> Text:
    """How a typed value was read, where that needs a word."""
    match = _READ_AS.fullmatch(entry)
    if not match:
        return reason(entry)
    name, status, why = match.groups()
    said = join([name, text(f"patient.cell_{status}")], " ", " ")
    return join([said, reason(why)], "：", ": ")


def data_section(line: dict) -> Section:
    """Features outside the training range, data that were not used."""
    parts: list = []
    if line["outside"]:
        parts += [
            page.Heading(text("patient.outside")),
            Bullets(list(map(outside_text, line["outside"].split("; ")))),
        ]
    if line.get("read_as"):
        items = list(map(read_as_text, line["read_as"].split(" | ")))
        parts += [page.Heading(text("patient.read_as")), Bullets(items)]
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
    training = bundle["training"]
    centres = ", ".join(bundle["centres"])
    rows = [
        [text("model.bundle"), Cell(line["bundle"], "code")],
        [text("patient.strategy"), strategy_name(bundle["strategy"], bundle)],
        [
            text("patient.trained_on"),
            text(
                "patient.trained_text", centres=centres, **{k: training[k] for k in ("n", "events")}
            ),
        ],
        [text("patient.internal"), figures_of(line)],
        [text("patient.method"), reason(bundle.get("interval") or "–")],
    ]
    centre = same(line["centre"] or "–")
    if line["centre"] in bundle.get("recalibration", {}):
        centre = join([centre, text("patient.recalibrated")], "，", ", ")
    rows.insert(0, [text("patient.centre"), centre])
    columns = [text("column.item"), text("column.value")]
    return Section("model", text("patient.model"), [Table(text("patient.model"), columns, rows)])


def patient_page(
    line: dict,
    parts: list[dict],
    bundle: dict,
    language: str,
    run_date: str,
    measured: list[dict] | None = None,
    prevalence: float | None = None,
) -> str:
    """The whole page of one patient.

    parts : rows of contributions.tsv, the largest first; measured : rows of measured.tsv; prevalence : as declared, or None
    """
    sections = [
        result_section(line, parts, measured or [], bundle, prevalence),
        why_section(line, parts),
        data_section(line),
        model_section(line, bundle),
    ]
    return page.render(
        [section for section in sections if section],
        here="patient",
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


def by_patient(path: str) -> dict[str, list[dict]]:
    """{patient: rows of a TSV}, in its order."""
    found: dict[str, list[dict]] = {}
    for row in read_table(path):
        found.setdefault(row["patient_id"], []).append(row)
    return found


def main(job) -> None:
    """Write a page for each line of the predictions.

    input: predictions, contributions, measured (TSV); output: pages (directory)
    params: bundles, settings (report), prevalence (declared share of events, or None)
    """
    with core_job.step(job) as step:
        lines = read_table(job.input.predictions)
        parts, measured = map(by_patient, (job.input.contributions, job.input.measured))
        folder = step.path(job.output.pages)
        folder.mkdir(parents=True)
        today = datetime.date.today().isoformat()
        for position, line in enumerate(lines, start=1):
            path = Path(job.params.bundles) / line["bundle"] / "bundle.json"
            bundle = json.loads(path.read_text(encoding="utf-8"))
            own = parts.get(line["patient_id"], [])
            written = patient_page(
                line,
                own,
                bundle,
                job.params.settings["language"],
                today,
                measured.get(line["patient_id"]),
                job.params.prevalence,
            )
            hidden = page.write(folder / file_name(line["patient_id"], position), written)
            if hidden:
                step.log.warning("%d identifiers of persons masked", hidden)
        step.log.info("%d pages", len(lines))


if __name__ == "__main__":
    core_job.entry(main, globals().get("snakemake"))
