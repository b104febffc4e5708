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


def operating_points(entry: dict, caption: Text) -> Table | None:
    """Sensitivity, specificity and predictive values at the thresholds fixed in training."""
    points = {k: v for k, v in (entry.get("thresholds") or {}).items() if v.get("sensitivity")}
    if not points:
        return None
    prevalences = sorted(
        {p for v in points.values() for p in v.get("at_prevalence", {})}, key=float
    )
    rows = []
    for name, point in points.items():
        at = [point.get("at_prevalence", {}).get(p, {}) for p in prevalences]
        rows.append(
            [
                text_or(f"threshold.{name}", name),
                number(point["threshold"]),
                *(
                    curves.estimate(point.get(key))
                    for key in ("sensitivity", "specificity", "accuracy")
                ),
                *(
                    f"{percent((p.get('ppv') or {}).get('value'), 1)} / "
                    f"{percent((p.get('npv') or {}).get('value'), 1)}"
                    for p in at
                ),
            ]
        )
    names = ("operating_point", "threshold", "sensitivity", "specificity", "accuracy")
    return Table(
        caption=caption,
        columns=[text(f"column.{name}") for name in names]
        + [text("column.ppv_npv", prevalence=percent(float(p))) for p in prevalences],
        rows=rows,
        numeric=tuple(range(1, 5 + len(prevalences))),
        notes=[text("performance.prevalence_note")],
    )


def subgroup_table(found: list[dict], caption: Text) -> Table | None:
    """AUC, sensitivity and specificity by stage, centre, AFP, sex, age, cause; small groups without
    interval."""
    if not found:
        return None
    rows, group = [], None
    for row in found:
        if row["group"] != group:
            group = row["group"]
            rows.append([Cell(text_or(f"group.{group}", group), "group"), *[Cell("", "group")] * 4])
        name = text_or(f"{_TEXTS_OF_GROUP.get(group, group)}.{row['value']}", row["value"])
        size = f"{row['n']} / {row['events']}"
        if row.get("status", "ASSESSED") != "ASSESSED":
            rows.append([name, size, Cell(text("performance.too_few"), "missing"), "–", "–"])
            continue
        rows.append(
            [
                name,
                size,
                *(curves.estimate(row.get(k)) for k in ("auc", "sensitivity", "specificity")),
            ]
        )
    return Table(
        caption=caption,
        columns=[
            text(f"column.{c}") for c in ("group", "n_events", "auc", "sensitivity", "specificity")
        ],
        rows=rows,
        numeric=(1, 2, 3, 4),
        notes=[text("performance.subgroup_note")],
    )
