"""What fusion adds: in a sentence, against everything on the same patients, at stated thresholds.

In: performance.json (increments, fusion_verdict). Out: parts of the internal-validation section. Source: docs/outputs.md;
caveat of NRI and IDI: Hilden and Gerds 2014 (Stat Med 33:3405), Kerr 2014 (Epidemiology 25:114).
"""

from scripts.report import curves
from scripts.report.page import Paragraph, Table, Text, join, number, text
from scripts.report.strategy_names import strategy_name


def shown(performance: dict) -> list:
    """All parts that the file has something for."""
    selected = performance.get("selected")
    found = performance.get("increments") or []
    own = [row for row in found if row["strategy"] == selected]
    levels = [row for row in found if row["strategy"] != selected]
    return [
        verdict(performance),
        comparisons(performance, own, "increments", folded=False),
        comparisons(performance, levels, "increments_levels", folded=True),
        benefits(performance, own),
    ]


def verdict(performance: dict) -> Paragraph | None:
    """Whether fusion wins, in plain words."""
    found = performance.get("fusion_verdict")
    if not found or not found.get("fusion"):
        return None
    losing = found["not_shown"] or found["worse"]
    entry = performance["strategies"].get(found["fusion"], {})
    won, rivals = (
        len(found["better"]),
        sum(len(found[key]) for key in ("better", "not_shown", "worse")),
    )
    if not rivals:
        return None
    values = {"fusion": strategy_name(found["fusion"], entry), "rivals": rivals}
    if not losing:
        return Paragraph(text("performance.fusion_wins", **values), "good")
    values |= {"won": won, "not_shown": len(found["not_shown"]), "worse": len(found["worse"])}
    named = [
        strategy_name(name, performance["strategies"].get(name, {}))
        for name in [*found["not_shown"], *found["worse"]]
    ]
    return Paragraph(text("performance.fusion_does_not_win", names=join(named), **values), "note")


def pair_name(performance: dict, row: dict) -> Text:
    """One against another."""
    names = [
        strategy_name(row[key], performance["strategies"].get(row[key], {}))
        for key in ("strategy", "baseline")
    ]
    return join(names, " 对比 ", " against ")


def comparisons(performance: dict, found: list[dict], caption: str, folded: bool) -> Table | None:
    """AUC and net benefit of pairs, on the patients whom both can score."""
    if not found:
        return None
    rows = [
        [
            pair_name(performance, row),
            f"{row['n']} / {row['events']}",
            number(row.get("auc")),
            number(row.get("auc_baseline")),
            curves.estimate(row.get("delta_auc")),
            p_value(row.get("p_delong")),
            number(row.get("delta_net_benefit"), 3),
        ]
        for row in found
    ]
    names = (
        "comparison",
        "n_events",
        "auc_plain",
        "auc_baseline",
        "delta_auc",
        "p_delong",
        "delta_benefit",
    )
    return Table(
        caption=text(f"performance.{caption}"),
        columns=[text(f"column.{name}") for name in names],
        rows=rows,
        numeric=tuple(range(1, 7)),
        notes=[text("performance.increments_note")],
        folded=folded,
    )


def benefits(performance: dict, found: list[dict]) -> Table | None:
    """Difference in net benefit at the stated thresholds, NRI and IDI."""
    found = [row for row in found if row.get("net_benefit")]
    if not found:
        return None
    thresholds = [entry["threshold"] for entry in found[0]["net_benefit"]]
    rows = [
        [
            pair_name(performance, row),
            *(curves.estimate(entry["delta"], 3) for entry in row["net_benefit"]),
            curves.estimate((row.get("nri") or {}).get("total")),
            curves.estimate(row.get("idi")),
        ]
        for row in found
    ]
    return Table(
        caption=text("performance.net_benefit"),
        columns=[
            text("column.comparison"),
            *(text("performance.at_threshold", threshold=f"{t:g}") for t in thresholds),
            text("column.nri"),
            text("column.idi"),
        ],
        rows=rows,
        numeric=tuple(range(1, len(thresholds) + 3)),
        notes=[text("performance.net_benefit_note"), text("performance.nri_note")],
        folded=True,
    )


def p_value(value: float | None) -> str:
    """A p-value; below 0.001 only that."""
    if value is None:
        return "–"
    return "< 0.001" if value < 0.001 else f"{value:.3f}"
