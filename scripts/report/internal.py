"""What internal validation says beyond cross-validation: optimism, centres left out, learning curve, sample size.

In: internal.json. Out: the section. Source: Harrell 1996, Efron 1997 (optimism); TRIPOD+AI items 10, 12d, 23b; docs/modelling.md.
"""

from scripts.report import curves, svg
from scripts.report.page import (
    Cell,
    Figure,
    Paragraph,
    Row,
    Section,
    Table,
    Text,
    number,
    reason,
    text,
)
from scripts.report.results import Results

QUANTITIES = ("auc", "brier", "calibration_intercept", "calibration_slope")


def done(internal: dict) -> bool:
    """Whether refits were made."""
    return internal.get("status") == "ASSESSED"


def optimism_table(internal: dict) -> Table:
    """One line a quantity: apparent, optimism, corrected, among those who were not drawn."""
    found = internal["refits"]
    rows = [
        [
            text(f"fact.{name}"),
            number(entry["apparent"], 3),
            number(entry["optimism"], 3),
            curves.estimate(entry["classical"], 3),
            Cell(curves.estimate(entry["corrected"], 3), "strong"),
            curves.estimate(entry["outside"], 3),
            str(entry["n"]),
        ]
        for name in QUANTITIES
        for entry in [found["quantities"][name]]
    ]
    names = ("quantity", "apparent", "optimism", "classical", "corrected", "outside", "refits")
    return Table(
        caption=text("internal.optimism", n=found["number"]),
        columns=[text(f"column.{name}") for name in names],
        rows=rows,
        numeric=(1, 2, 3, 4, 5, 6),
        notes=[text("internal.optimism_note"), text("internal.held")],
    )


def pooled_rows(pooled: dict | None, entries: list[dict]) -> list[tuple[Text, dict, str]]:
    """Forest lines of the mean over centres and of its prediction for another centre."""
    if not pooled:
        return []
    size = {key: sum(entry[key] for entry in entries) for key in ("n", "events")}
    mean = {key: pooled[key] for key in ("value", "low", "high")}
    rows = [(text("forest.pooled"), size | {"metrics": {"auc": mean}}, svg.BLACK)]
    if pooled.get("predicted_low") is not None:
        bounds = {"low": pooled["predicted_low"], "high": pooled["predicted_high"]}
        entry = size | {"metrics": {"auc": {"value": pooled["value"], **bounds}}}
        rows.append((text("forest.predicted"), entry, svg.GREY))
    return rows


def centre_parts(internal: dict) -> list:
    """Forest and table of the centres that were left out, or why there are none."""
    found = internal.get("centres") or {}
    if found.get("status") != "ASSESSED":
        why = reason(found.get("reason") or "–")
        return [Paragraph(text("internal.centres_absent", reason=why), "note")]
    known = {c: e for c, e in sorted(found["centres"].items()) if e["status"] == "ASSESSED"}
    rows = [(text("forest.left_out", centre=c), e, svg.BLUE) for c, e in known.items()]
    rows += pooled_rows(found.get("pooled"), list(known.values()))
    lines = []
    for centre, entry in sorted(found["centres"].items()):
        size = f"{entry['n']} / {entry['events']}"
        if entry["status"] != "ASSESSED":
            lines.append([centre, size, Cell(reason(entry["reason"]), "missing", 4)])
            continue
        names = ("auc", "brier", "calibration_slope", "o_e")
        lines.append([centre, size, *(curves.estimate(entry["metrics"].get(k)) for k in names)])
    columns = ("centre", "n_events", "auc", "brier", "slope", "o_e")
    return [
        Figure(text("figure.caption_left_out"), curves.forest(rows), "wide"),
        Table(
            caption=text("internal.centres"),
            columns=[text(f"column.{name}") for name in columns],
            rows=lines,
            numeric=(1, 2, 3, 4, 5),
            notes=[text("internal.centres_note")],
        ),
    ]


def learning_figure(points: list[dict]) -> str:
    """AUC with its interval over the number of patients in training."""
    drawing = svg.Drawing(curves.SIZE, curves.SIZE, text("figure.learning"))
    largest = max(point["n"] for point in points)
    step = next(s for s in (5, 10, 20, 50, 100, 200, 500, 1000, 10**6) if largest / s <= 7)
    ticks = [step * k for k in range(int(largest / step) + 2)]
    axes = svg.Axes(drawing, (0, ticks[-1]), (0.4, 1))
    axes.frame(
        text("figure.patients"), text("figure.auc"), [], [t / 10 for t in range(4, 11)], "{:.1f}"
    )
    for tick in ticks:
        px, py = axes.place(tick, 0.4)
        drawing.line(px, axes.top, px, py, svg.PALE)
        drawing.text(px, py + 16, str(tick), 11, "middle", "#55606b")
    for point in points:
        x, low = axes.place(point["n"], point["auc"]["low"])
        drawing.line(x, low, x, axes.place(point["n"], point["auc"]["high"])[1], svg.BLUE, 1.6)
    axes.curve([p["n"] for p in points], [p["auc"]["value"] for p in points], svg.BLUE, 2)
    for point in points:
        drawing.dot(*axes.place(point["n"], point["auc"]["value"]), 3.6, svg.BLUE)
    return drawing.markup()


def learning_parts(internal: dict) -> list:
    """The learning curve with one sentence, or why there is none."""
    found = internal.get("learning_curve") or {}
    if found.get("status") != "ASSESSED":
        why = reason(found.get("reason") or "–")
        return [Paragraph(text("internal.curve_absent", reason=why), "note")]
    points = found["points"]
    key = "rising" if found["rising"] else "flat"
    said = text(
        f"internal.curve_{key}",
        delta=curves.estimate(found["gain"]),
        low=round(points[-2]["n"]),
        high=round(points[-1]["n"]),
    )
    rows = [
        [
            f"{100 * point['fraction']:.0f}%",
            f"{point['n']:.0f} / {point['events']:.0f}",
            curves.estimate(point["auc"]),
            number(point["brier"]["value"], 3),
        ]
        for point in points
    ]
    table = Table(
        caption=text("internal.curve"),
        columns=[text(f"column.{c}") for c in ("share", "n_events", "auc", "brier")],
        rows=rows,
        numeric=(0, 1, 2, 3),
        notes=[text("internal.curve_note")],
    )
    figure = Figure(text("figure.caption_learning"), learning_figure(points))
    return [Row([figure, table]), Paragraph(said)]


def size_table(internal: dict) -> list:
    """Patients that each criterion asks for, against those there are."""
    found = internal.get("sample_size") or {}
    if not found:
        return []
    rows = []
    for name in ("chosen", "all"):
        entry = found[name]
        rows.append(
            [Cell(text(f"internal.size_{name}", p=entry["candidate_predictors"]), "group", 3)]
        )
        for criterion, needed in entry["criteria"].items():
            value = text("internal.too_many") if needed is None else str(needed)
            enough = needed is not None and entry["n"] >= needed
            mark = (
                "–" if needed is None else text("internal.enough" if enough else "internal.short")
            )
            kind = "" if needed is None else "pass" if enough else "warn"
            rows.append([text(f"size.{criterion}"), value, Cell(mark, kind)])
        limit = entry["events_per_variable"]
        kind = "pass" if limit >= 10 else "warn"
        mark = Cell(text("internal.enough" if limit >= 10 else "internal.short"), kind)
        rows.append([text("size.events per variable"), number(limit, 2), mark])
    entry = found["chosen"]
    warned = entry["verdict"] != "PASS"
    said = text(
        "internal.size_warn" if warned else "internal.size_pass",
        n=entry["n"],
        minimum=entry["minimum"],
    )
    return [
        Table(
            caption=text("internal.size", n=entry["n"], events=entry["events"]),
            columns=[text(f"column.{c}") for c in ("criterion", "needed", "finding")],
            rows=rows,
            numeric=(1,),
            notes=[text("internal.size_note")],
        ),
        Paragraph(said, "flag" if warned else "good"),
    ]


def permutation_parts(internal: dict) -> list:
    """What is left under shuffled labels, or why that was not looked at."""
    found = internal.get("permutations") or {}
    if found.get("status") != "ASSESSED":
        why = reason(found.get("reason") or text("validation.not_run"))
        return [Paragraph(text("internal.permuted_absent", reason=why), "note")]
    key = "holds" if found["holds"] else "fails"
    said = text(
        f"internal.permuted_{key}",
        n=found["number"],
        mean=number(found["mean"], 3),
        low=number(found["lowest"], 2),
        high=number(found["highest"], 2),
        limits="–".join(f"{limit:g}" for limit in found["limits"]),
    )
    return [Paragraph(said, "good" if found["holds"] else "flag")]


def section(results: Results) -> Section:
    """The section; says why when nothing was refitted."""
    internal, title = results.internal, text("section.internal")
    if not done(internal):
        why = reason(internal.get("reason") or text("validation.not_run"))
        none = Paragraph(text("internal.none", reason=why), "note")
        return Section("internal", title, [none, *permutation_parts(internal)])
    parts: list = [Paragraph(text("internal.intro")), optimism_table(internal)]
    parts += centre_parts(internal) + learning_parts(internal) + size_table(internal)
    parts += permutation_parts(internal)
    return Section("internal", title, parts)
