"""Internal validation: strategies side by side, curves, operating points, subgroups.

In: performance.json. Out: the section of internal performance. Source: docs/outputs.md (shape of
the file), TRIPOD+AI items 23-25; post-test probabilities at stated prevalences by Bayes' rule.
"""

from scripts.report import curves, increments, svg
from scripts.report.ingredients import feature_table, left_out, pattern_table, size_note
from scripts.report.operating import operating_points, predictive_values, subgroup_table
from scripts.report.page import (
    Cell,
    Facts,
    Figure,
    Paragraph,
    Row,
    Section,
    Table,
    Text,
    join,
    number,
    percent,
    reason,
    text,
    text_or,
)
from scripts.report.results import Results
from scripts.report.strategy_names import strategy_name

KINDS = ("fusion", "block", "baseline")
MARKERS = {
    "fusion": svg.BLUE,
    "block": svg.GREEN,
    "baseline": svg.ORANGE,
}


def assessed(performance: dict) -> bool:
    """Whether there is a chosen strategy with figures."""
    return performance.get("status") == "ASSESSED" and bool(performance.get("selected"))


def chosen(performance: dict) -> dict:
    """The entry of the selected strategy."""
    return performance["strategies"][performance["selected"]]


def _auc(entry: dict) -> float:
    return (entry.get("metrics", {}).get("auc") or {}).get("value") or 0.0


def ranked(performance: dict) -> list[tuple[str, dict]]:
    """Strategies by kind (fusion, single block, baseline), the best first; those not assessed
    last."""
    return sorted(
        performance.get("strategies", {}).items(),
        key=lambda item: (
            KINDS.index(item[1].get("kind", "fusion")) if item[1].get("kind") in KINDS else 9,
            -_auc(item[1]),
            item[0],
        ),
    )


def comparison(performance: dict) -> Table:
    """One line a strategy: patients, AUC with interval and whisker, Brier, calibration; the chosen
    marked."""
    from markupsafe import Markup

    rows, kind = [], None
    for name, entry in ranked(performance):
        if entry.get("kind") != kind:
            kind = entry.get("kind")
            rows.append([Cell(text_or(f"kind.{kind}", kind or ""), "group", 7)])
        label = strategy_name(name, entry)
        if name == performance.get("selected"):
            label = join([label, text("performance.chosen")], " ", " ")
        size = f"{entry.get('n', '–')} / {entry.get('events', '–')}"
        if entry.get("status") != "ASSESSED":
            why = reason(entry.get("reason") or "–")
            rows.append([label, size, Cell(why, "missing", 5)])
            continue
        metrics = entry["metrics"]
        auc = metrics["auc"]
        colour = (
            svg.VERMILION if name == performance.get("selected") else MARKERS.get(kind, svg.BLUE)
        )
        mark = svg.whisker(auc["low"], auc["value"], auc["high"], colour)
        rows.append(
            [
                Cell(label, "strong" if name == performance.get("selected") else ""),
                size,
                curves.estimate(auc),
                Markup(mark),
                number((metrics.get("brier") or {}).get("value"), 3),
                number((metrics.get("calibration_slope") or {}).get("value")),
                percent(entry.get("coverage")),
            ]
        )
    names = ("strategy", "n_events", "auc", "auc_plot", "brier", "slope", "coverage")
    return Table(
        caption=text("performance.comparison"),
        columns=[text(f"column.{name}") for name in names],
        rows=rows,
        numeric=(1, 2, 4, 5, 6),
        notes=[text("performance.comparison_note")],
    )


def curve_entries(performance: dict) -> list[tuple[Text, dict]]:
    """What the curves show: the chosen strategy, AFP, and the best single block if it is another
    one."""
    best = next((n for n, e in ranked(performance) if e.get("kind") == "block"), None)
    afp = next((n for n, e in ranked(performance) if n.startswith("afp")), None)
    names = dict.fromkeys(n for n in (performance["selected"], best, afp) if n)
    return [
        (strategy_name(n, performance["strategies"][n]), performance["strategies"][n])
        for n in names
    ]


def figures(entries: list[tuple[Text, dict]]) -> Row | None:
    """ROC, calibration and decision curve of the entries that have them."""
    found = []
    for part, draw in (
        ("roc", curves.roc),
        ("calibration", curves.calibration),
        ("decision_curve", curves.decision),
    ):
        shown = [(name, entry) for name, entry in entries if curves.usable(entry, part)]
        if shown:
            found.append(Figure(text(f"figure.caption_{part}"), draw(shown)))
    return Row(found) if found else None


def fact(value: dict | None) -> tuple[str, str | None]:
    """Estimate and interval of a tile."""
    if not value or value["value"] is None:
        return "–", None
    if value.get("low") is None:
        return number(value["value"]), None
    return number(value["value"]), f"95% CI {number(value['low'])} to {number(value['high'])}"


def fine_print(entry: dict) -> list:
    """What the AUC is one of (the mean over repeats, with the AUC of each), and settings at the edge of their grid."""
    parts = []
    own = entry.get("auc_of_repeats") or []
    if len(own) > 1:
        values = join([number(value) for value in own], "、", ", ")
        parts.append(Paragraph(text("performance.auc_of_mean", n=len(own), values=values), "note"))
    for line in entry.get("grid_edges") or []:
        key = f"performance.edge_{line['edge']}"
        shown = {k: line[k] for k in ("member", "parameter", "folds", "of")}
        parts.append(Paragraph(text(key, value=f"{line['value']:g}", **shown), "note"))
    return parts


def section(results: Results) -> Section:
    """The section; says plainly why when there is no model."""
    performance = results.performance
    title = text("section.performance")
    if not assessed(performance):
        why = reason(performance.get("reason") or text("performance.no_file"))
        parts: list = [Paragraph(text("performance.none", reason=why), "note")]
        if any(e.get("status") == "ASSESSED" for e in performance.get("strategies", {}).values()):
            parts.append(comparison(performance))
        return Section("performance", title, parts)
    settings = performance.get("settings", {})
    entry = chosen(performance)
    train = performance.get("cohort", {}).get("train", {})
    parts = [
        Paragraph(
            text(
                "performance.intro",
                n=train.get("n", entry["n"]),
                events=train.get("events", entry["events"]),
                outer=settings.get("outer_folds", "–"),
                inner=settings.get("inner_folds", "–"),
                repeats=settings.get("repeats", "–"),
                resamples=settings.get("resamples", "–"),
            )
        ),
        Facts(
            [
                (
                    text("fact.chosen"),
                    strategy_name(performance["selected"], entry),
                    text("performance.rule"),
                ),
                *(
                    (text(f"fact.{key}"), *fact(entry["metrics"].get(key)))
                    for key in ("auc", "brier", "calibration_slope", "calibration_intercept", "o_e")
                ),
            ]
        ),
        *fine_print(entry),
        comparison(performance),
        *increments.shown(performance),
        figures(curve_entries(performance)),
        operating_points(entry, text("performance.operating")),
        predictive_values(entry),
        subgroup_table(performance.get("subgroups") or [], text("performance.subgroups")),
        size_note(performance),
        pattern_table(performance),
        feature_table(entry),
        left_out(performance),
    ]
    return Section("performance", title, [part for part in parts if part])
