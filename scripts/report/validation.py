"""The locked model on data that it never saw: held-out internal part, external centres.

In: test.json, external/performance.json, bundle. Out: the validation section. Source: requirements
MOD-07, MOD-08 and MOD-10; docs/outputs.md (shape of the files).
"""

from scripts.report import curves, svg
from scripts.report.internal import pooled_rows
from scripts.report.operating import operating_points, points_of, predictive_values, subgroup_table
from scripts.report.page import (
    Cell,
    Figure,
    Heading,
    Paragraph,
    Section,
    Table,
    Text,
    join,
    reason,
    text,
    text_or,
)
from scripts.report.performance import (
    assessed,
    chosen,
    figures,
    strategy_name,
)
from scripts.report.results import Results


def done(validation: dict) -> bool:
    """Whether a validation was made and gave an AUC."""
    pooled = validation.get("pooled") or {}
    value = ((pooled.get("metrics") or {}).get("auc") or {}).get("value")
    return validation.get("status") == "ASSESSED" and value is not None


def has_auc(entry: dict) -> bool:
    """Whether this part of a validation has an AUC."""
    found = ((entry.get("metrics") or {}).get("auc") or {}).get("value")
    return entry.get("status", "ASSESSED") == "ASSESSED" and found is not None


def forest_rows(results: Results) -> list[tuple[Text, dict, str]]:
    """Internal, held-out, external pooled, every external centre, baselines on external
    patients."""
    rows = []
    if assessed(results.performance):
        rows.append((text("forest.internal"), chosen(results.performance), svg.GREY))
    if done(results.test):
        rows.append((text("forest.test"), results.test["pooled"], svg.BLUE))
    if done(results.external):
        rows.append((text("forest.external"), results.external["pooled"], svg.VERMILION))
        for centre, entry in sorted(results.external.get("centres", {}).items()):
            if has_auc(entry):
                rows.append((text("forest.centre", centre=centre), entry, svg.VERMILION))
        known = [e for e in results.external.get("centres", {}).values() if has_auc(e)]
        rows += pooled_rows(results.external.get("centres_pooled"), known)
        for name, entry in sorted(results.external.get("baselines", {}).items()):
            if has_auc(entry):
                label = text("forest.baseline", name=strategy_name(name, entry))
                rows.append((label, entry, svg.ORANGE))
    return rows


def why_not(results: Results, validation: dict, kind: str) -> Text:
    """Why a validation is absent, in words."""
    if validation.get("reason"):
        return text(f"validation.{kind}_absent", reason=reason(validation["reason"]))
    if kind == "external" and not results.admitted("external"):
        return text("validation.external_absent", reason=text("validation.no_external_patients"))
    if not assessed(results.performance):
        return text(f"validation.{kind}_absent", reason=text("validation.no_model"))
    return text(f"validation.{kind}_absent", reason=text("validation.not_run"))


def flow_note(validation: dict) -> Paragraph | None:
    """How many patients were scored and how many were refused, with reasons."""
    flow = validation.get("flow") or {}
    if not flow:
        return None
    reasons = join(
        [
            join([reason(why), f"({n})"], " ", " ")
            for why, n in sorted(flow.get("reasons", {}).items())
        ]
    )
    refused = flow.get("refused", 0)
    tail = (
        text("validation.refused", n=refused, reasons=reasons)
        if refused
        else text("validation.all_scored")
    )
    return Paragraph(
        join(
            [text("validation.flow", admitted=flow["admitted"], scored=flow["scored"]), tail],
            "",
            " ",
        )
    )


def centre_table(validation: dict) -> Table | None:
    """One line a centre."""
    centres = validation.get("centres") or {}
    if not centres:
        return None
    rows = []
    for centre, entry in sorted(centres.items()):
        size = f"{entry['n']} / {entry['events']}"
        if not has_auc(entry):
            rows.append([centre, size, Cell(reason(entry.get("reason") or "–"), "missing", 6)])
            continue
        metrics = entry["metrics"]
        point = next((point for _, point in points_of(entry)), {})
        rows.append(
            [
                centre,
                size,
                *(
                    curves.estimate(metrics.get(k))
                    for k in ("auc", "brier", "calibration_slope", "o_e")
                ),
                *(curves.estimate(point.get(k)) for k in ("sensitivity", "specificity")),
            ]
        )
    names = ("centre", "n_events", "auc", "brier", "slope", "o_e", "sensitivity", "specificity")
    return Table(
        caption=text("validation.centres"),
        columns=[text(f"column.{name}") for name in names],
        rows=rows,
        numeric=tuple(range(1, 8)),
        notes=[text("validation.centres_note")],
    )


def reuse_note(audit: dict) -> Paragraph | None:
    """That no external row or file was seen in development; the run stops where one was."""
    if audit.get("status") != "ASSESSED":
        return None
    return Paragraph(text("audit_external.none_reused", n=audit["patients"]), "good")


def prospective_note(validation: dict) -> Paragraph | None:
    """Whether the model was locked before the external patients were enrolled."""
    found = validation.get("prospective") or {}
    if not found:
        return None
    status = text_or(f"status.{found['status']}", found["status"])
    counts = text(
        "validation.prospective",
        status=status,
        after=found.get("after_lock", 0),
        before=found.get("before_lock", 0),
        unknown=found.get("unknown", 0),
    )
    return Paragraph(counts, {"FAIL": "flag", "PASS": "good"}.get(found["status"], "note"))


def curve_entries(external: dict) -> list[tuple[Text, dict]]:
    """External curves: every centre by itself, and all together."""
    entries = [(text("forest.external"), external["pooled"])]
    entries += [
        (text("forest.centre", centre=centre), entry)
        for centre, entry in sorted(external.get("centres", {}).items())
        if has_auc(entry)
    ]
    return entries


def section(results: Results) -> Section:
    """The section; what was not done is said."""
    parts: list = [Paragraph(text("validation.intro"))]
    rows = forest_rows(results)
    if done(results.test) or done(results.external):
        parts.append(Figure(text("figure.caption_forest"), curves.forest(rows), "wide"))
    if done(results.test):
        parts.append(Heading(text("forest.test")))
        parts.append(flow_note(results.test))
        pooled = results.test["pooled"]
        parts.append(operating_points(pooled, text("validation.test_operating")))
        parts.append(predictive_values(pooled))
    else:
        parts.append(Paragraph(why_not(results, results.test, "test"), "note"))
    if done(results.external):
        external = results.external
        parts += [
            Heading(text("validation.external")),
            flow_note(external),
            reuse_note(results.external_audit),
            prospective_note(external),
            centre_table(external),
            figures(curve_entries(external)),
            operating_points(external["pooled"], text("validation.external_operating")),
            predictive_values(external["pooled"]),
            subgroup_table(external.get("subgroups") or [], text("validation.subgroups")),
        ]
    else:
        parts.append(Paragraph(why_not(results, results.external, "external"), "note"))
    return Section("validation", text("section.validation"), [part for part in parts if part])
