"""The audit of the data, before any model: red flags and negative-control models.

In: audit.json. Out: the audit section. Source: docs/modelling.md, "Audit".
"""

from scripts.report import svg
from scripts.report.conformity import status_cell
from scripts.report.curves import estimate
from scripts.report.page import Cell, Paragraph, Section, Table, Text, join, reason, text, text_or
from scripts.report.results import Results

SHOWN = 10
NUMBERS_ONLY = ("negative control", "centre against label")  # checks whose text is a figure


def flags(audit: dict) -> list[Text]:
    """Checks that are not passed, in words; what is only a number is named too."""
    found = []
    for check in audit.get("checks", []):
        if check["verdict"] not in ("FAIL", "WARN"):
            continue
        words = Text(check.get("text_zh") or check["check"], check.get("text_en") or check["check"])
        if check["check"].startswith(NUMBERS_ONLY):
            name = text_or(f"audit_check.{check['check']}", reason(check["check"]))
            words = join([name, words], "：", ": ")
        found.append(words)
    return found


def check_table(audit: dict) -> Table:
    """One line a check."""
    rows = []
    for check in audit["checks"]:
        if check["check"].startswith("negative control"):
            continue
        subjects = [str(subject) for subject in check.get("subjects") or []]
        more = len(subjects) - SHOWN
        named = ", ".join(subjects[:SHOWN]) + (f", … (+{more})" if more > 0 else "")
        value = "–" if check.get("value") is None else str(check["value"])
        finding = Text(check.get("text_zh") or "–", check.get("text_en") or "–")
        if check["verdict"] == "PASS" and check.get("value") == 0:
            finding = text("audit.nothing")
        rows.append(
            [
                text_or(f"audit_check.{check['check']}", reason(check["check"])),
                status_cell(check["verdict"]),
                value,
                reason(check.get("threshold") or "–"),
                finding,
                reason(named or "–"),
            ]
        )
    names = ("check", "status", "value", "limit", "finding", "subjects")
    return Table(
        caption=text("audit.checks"),
        columns=[text(f"column.{name}") for name in names],
        rows=rows,
        numeric=(2,),
    )


def control_table(audit: dict) -> Table:
    """Models that must not work: from the missing mask, the centre, technical covariates alone."""
    from markupsafe import Markup

    rows = []
    for control in audit["negative_controls"]:
        name = text_or(f"control.{control['model']}", control["model"])
        if control.get("status", "ASSESSED") != "ASSESSED":
            why = reason(control.get("reason") or "–")
            rows.append([name, Cell(why, "missing", 4)])
            continue
        auc, flagged = control["auc"], control.get("flag")
        mark = svg.whisker(
            auc["low"], auc["value"], auc["high"], svg.VERMILION if flagged else svg.BLUE
        )
        verdict = Cell(text("audit.flag"), "warn") if flagged else Cell(text("audit.clear"), "pass")
        size = f"{control['n']} / {control['events']}"
        rows.append([name, size, estimate(auc), Markup(mark), verdict])
    names = ("control", "n_events", "auc", "auc_plot", "finding")
    return Table(
        caption=text("audit.controls"),
        columns=[text(f"column.{name}") for name in names],
        rows=rows,
        numeric=(1, 2),
        notes=[text("audit.controls_note")],
    )


def evidence_table(lines: list[dict]) -> Table:
    """The chosen model against every negative control on the same patients, and its AUC among patients who are alike in it."""
    rows = []
    for line in lines:
        name = text_or(f"control.{line['model']}", line["model"])
        if line["separable"] is None:
            rows.append([name, Cell(reason(line["reason"] or "–"), "missing", 5)])
            continue
        within = line["within"]
        key = "separable" if line["separable"] else "inseparable"
        rows.append(
            [
                name,
                str(line["n"]),
                estimate(line["auc"]),
                estimate(line["difference"]),
                estimate(within) if within else "–",
                Cell(text(f"audit.{key}"), "pass" if line["separable"] else "warn"),
            ]
        )
    names = ("control", "patients", "auc", "model_difference", "auc_within", "finding")
    return Table(
        caption=text("audit.evidence"),
        columns=[text(f"column.{name}") for name in names],
        rows=rows,
        numeric=(1, 2, 3, 4),
        notes=[text("audit.evidence_note")],
    )


def section(results: Results) -> Section:
    """The audit section; says why when there was no audit."""
    audit, title = results.audit, text("section.audit")
    if not audit.get("checks") and not audit.get("negative_controls"):
        why = reason(audit.get("reason") or text("audit.absent"))
        return Section("audit", title, [Paragraph(text("audit.none", reason=why), "note")])
    found = flags(audit)
    summary = text("audit.flags", n=len(found)) if found else text("audit.no_flags")
    parts: list = [Paragraph(text("audit.intro")), Paragraph(summary, "flag" if found else "good")]
    if audit.get("checks"):
        parts.append(check_table(audit))
    if audit.get("negative_controls"):
        parts.append(control_table(audit))
    if results.performance.get("confounding"):
        parts.append(evidence_table(results.performance["confounding"]))
    return Section("audit", title, parts)
