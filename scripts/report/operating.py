"""Operating points and subgroups of a model, internal or external.

In: an entry of performance.json, its subgroups. Out: tables. Source: docs/outputs.md; predictive
values at stated prevalences by Bayes' rule (requirement EVA-06).
"""

from scripts.report import curves
from scripts.report.page import Cell, Table, Text, number, percent, text, text_or

_TEXTS_OF_GROUP = {
    "stage": "stage",
    "aetiology": "aetiology",
    "sex": "sex",
    "afp": "afp_group",
    "age": "age_group",
}


def points_of(entry: dict) -> list[tuple[str, dict]]:
    """(name, point) of the operating points that were assessed, Youden's first."""
    found = [(k, v) for k, v in (entry.get("thresholds") or {}).items() if v.get("sensitivity")]
    return sorted(found, key=lambda item: (item[0] != "youden", item[0]))


def operating_points(entry: dict, caption: Text) -> Table | None:
    """Sensitivity, specificity and accuracy at the thresholds fixed in training."""
    columns = ("sensitivity", "specificity", "accuracy", "f1", "mcc")
    rows = [
        [
            text_or(f"threshold.{name}", name),
            number(point["threshold"]),
            *(curves.estimate(point.get(key)) for key in columns),
        ]
        for name, point in points_of(entry)
    ]
    if not rows:
        return None
    names = ("operating_point", "threshold", *columns)
    otherwise = max(point.get("own_threshold", 0) for _, point in points_of(entry))
    return Table(
        caption=caption,
        columns=[text(f"column.{name}") for name in names],
        rows=rows,
        numeric=tuple(range(1, len(names))),
        notes=[text("performance.own_threshold", n=otherwise)] if otherwise else [],
    )


def predictive_values(entry: dict) -> Table | None:
    """PPV and NPV with intervals at the stated prevalences."""
    rows = [
        [
            text_or(f"threshold.{name}", name),
            percent(float(prevalence)),
            *(_shares(at.get(key)) for key in ("ppv", "npv")),
        ]
        for name, point in points_of(entry)
        for prevalence, at in sorted(
            point.get("at_prevalence", {}).items(), key=lambda item: float(item[0])
        )
    ]
    if not rows:
        return None
    return Table(
        caption=text("performance.predictive"),
        columns=[text(f"column.{c}") for c in ("operating_point", "prevalence", "ppv", "npv")],
        rows=rows,
        numeric=(1, 2, 3),
        notes=[text("performance.prevalence_note")],
    )


def _shares(value: dict | None) -> str:
    if not value or value["value"] is None:
        return "–"
    if value.get("low") is None:
        return percent(value["value"], 1)
    low, high = percent(value["low"], 1), percent(value["high"], 1)
    return f"{percent(value['value'], 1)} ({low}–{high})"


def subgroup_table(found: list[dict], caption: Text) -> Table | None:
    """AUC, sensitivity, specificity and calibration by stage, centre, AFP, sex, age, cause; small groups without
    interval."""
    if not found:
        return None
    measures = ("auc", "sensitivity", "specificity", "brier", "calibration_slope", "o_e")
    rows, group = [], None
    for row in found:
        if row["group"] != group:
            group = row["group"]
            rows.append([Cell(text_or(f"group.{group}", group), "group", 2 + len(measures))])
        name = text_or(f"{_TEXTS_OF_GROUP.get(group, group)}.{row['value']}", row["value"])
        size = f"{row['n']} / {row['events']}"
        if row.get("status", "ASSESSED") != "ASSESSED":
            rows.append([name, size, Cell(text("performance.too_few"), "missing", len(measures))])
            continue
        rows.append([name, size, *(curves.estimate(row.get(k)) for k in measures)])
    return Table(
        caption=caption,
        columns=[
            text(f"column.{'slope' if c == 'calibration_slope' else c}")
            for c in ("group", "n_events", *measures)
        ],
        rows=rows,
        numeric=tuple(range(1, 2 + len(measures))),
        notes=[text("performance.subgroup_note")],
    )
