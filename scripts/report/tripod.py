"""The TRIPOD+AI checklist, filled from the run.

In: resources/report/tripod_ai.tsv, Results. Out: the section, and the same table as CSV. Source: TRIPOD+AI 2024
(doi:10.1136/bmj-2023-078378), item numbers; the wordings are the project's own.
"""

import csv
import io

from scripts.report import internal, validation
from scripts.report.page import RESOURCES, Cell, Paragraph, Section, Table, Text, join, text
from scripts.report.performance import assessed
from scripts.report.results import Results

CHECKLIST = RESOURCES / "tripod_ai.tsv"
KINDS = {"reported": "pass", "partly": "warn", "absent": "missing", "authors": ""}


def checklist() -> list[dict]:
    """Items in their order: item, topics, wordings, who (run, partly, authors), sections, needs."""
    with open(CHECKLIST, encoding="utf-8", newline="") as handle:
        rows = list(csv.DictReader(handle, delimiter="\t"))
    lists = ("sections", "needs")
    return [row | {k: [v for v in row[k].split(",") if v] for k in lists} for row in rows]


def have(results: Results) -> dict[str, bool]:
    """What this run has of that which items need."""
    left_out = (results.internal.get("centres") or {}).get("status") == "ASSESSED"
    several = validation.done(results.external) and len(results.external.get("centres", {})) > 1
    groups = results.performance.get("subgroups") or []
    return {
        "model": assessed(results.performance),
        "internal": internal.done(results.internal),
        "centres": left_out or several,
        "external": validation.done(results.external),
        "bundle": bool(results.bundle.get("bundle")),
        "subgroups": any(row.get("status") == "ASSESSED" for row in groups),
    }


def filled(results: Results) -> list[tuple[dict, str, Text]]:
    """(item, state, where) of every item; state is reported, partly, absent or authors."""
    known, out = have(results), []
    for row in checklist():
        lacking = [need for need in row["needs"] if not known[need]]
        where = join([text(f"section.{name}") for name in row["sections"]])
        if row["who"] == "authors":
            out.append((row, "authors", text("tripod.authors")))
        elif lacking:
            what = join([text(f"tripod_needs.{need}") for need in lacking])
            out.append((row, "absent", text("tripod.absent", what=what)))
        elif row["who"] == "partly":
            out.append((row, "partly", join([where, text("tripod.partly")], "", "")))
        else:
            out.append((row, "reported", where))
    return out


def as_csv(results: Results) -> str:
    """The checklist as CSV in both languages, UTF-8."""
    written = io.StringIO()
    table = csv.writer(written, lineterminator="\n")
    names = ("topic", "what", "where")
    table.writerow(["item", "state", *(f"{n}_{tongue}" for tongue in ("en", "zh") for n in names)])
    for row, state, where in filled(results):
        english = [row["topic_en"], row["wording_en"], where.en]
        table.writerow([row["item"], state, *english, row["topic_zh"], row["wording_zh"], where.zh])
    return written.getvalue()


def section(results: Results) -> Section:
    """The checklist with counts."""
    lines = filled(results)
    states = [state for _, state, _ in lines]
    rows = [
        [
            row["item"],
            Text(row["topic_zh"], row["topic_en"]),
            Text(row["wording_zh"], row["wording_en"]),
            Cell(where, KINDS[state]),
        ]
        for row, state, where in lines
    ]
    counts = text(
        "tripod.counts",
        reported=states.count("reported") + states.count("partly"),
        absent=states.count("absent"),
        authors=states.count("authors"),
    )
    table = Table(
        caption=text("tripod.table"),
        columns=[text(f"column.{name}") for name in ("tripod_item", "topic", "what", "where")],
        rows=rows,
        folded=True,
    )
    parts = [Paragraph(text("tripod.intro")), Paragraph(counts), table]
    return Section("tripod", text("section.tripod"), parts)
