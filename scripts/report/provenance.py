"""What the figures rest on: locked model, openings of external data, versions, settings, dates.

In: Results. Out: the section on the model's identity and the section on the run.
Source: requirements MOD-10 and TRC-01.
"""

import platform
from importlib import metadata
from pathlib import PurePath

from scripts import __version__
from scripts.report.page import Cell, Paragraph, Row, Section, Table, join, reason, text
from scripts.report.results import Results
from scripts.report.strategy_names import strategy_name

PACKAGES = (
    "snakemake",
    "numpy",
    "pandas",
    "scikit-learn",
    "xgboost-cpu",
    "mudata",
    "pyopenms",
    "pysam",
    "SimpleITK",
    "pyradiomics-bhklab",
)


def bundle_section(results: Results) -> Section:
    """Which model is locked, since when, and how often external data were opened."""
    title, bundle = text("section.model"), results.bundle
    if not bundle.get("bundle"):
        why = reason(bundle.get("reason") or text("model.not_locked"))
        return Section("model", title, [Paragraph(text("model.none", reason=why), "note")])
    rows = [
        [text("model.bundle"), Cell(bundle["bundle"], "code")],
        [text("model.locked_at"), bundle.get("locked_at") or "–"],
    ]
    if bundle.get("reason"):
        rows.append([text("model.reason"), reason(bundle["reason"])])
    rows.append([text("model.openings"), str(len(results.openings))])
    for row in results.withdrawals:
        if row["bundle"] == bundle["bundle"]:
            open_ = row["decision"].strip() in ("", "open")
            decision = text("model.undecided") if open_ else row["decision"]
            count = text("model.withdrawn_count", n=row["subjects"], date=row["date"])
            shown = join([count, decision], "；", "; ")
            rows.append([text("model.withdrawn"), Cell(shown, "warn" if open_ else "")])
    parts: list = [
        Paragraph(text("model.intro")),
        Table(text("model.identity"), [text("column.item"), text("column.value")], rows),
    ]
    if results.openings:
        columns = ("opened_at", "bundle", "data_sha256", "patients", "events")
        parts.append(
            Table(
                text("model.opening_list"),
                [text(f"column.{column}") for column in columns],
                [
                    [
                        row.get("opened_at", "–"),
                        Cell(row.get("bundle", "–")[:16], "code"),
                        Cell(row.get("data_sha256", "–")[:16], "code"),
                        row.get("patients", "–"),
                        row.get("events", "–"),
                    ]
                    for row in results.openings
                ],
                numeric=(3, 4),
            )
        )
    else:
        parts.append(Paragraph(text("model.no_openings"), "note"))
    if results.iterations:
        parts.append(_iterations(results.iterations))
    return Section("model", title, parts)


def _iterations(rows: list[dict]) -> Table:
    """The optimisation log: every development in this run folder, and what came out of it."""
    shown = [
        [
            row["recorded_at"],
            row["patients"],
            row["events"] or "–",
            f"{row['outer_folds']} × {row['repeats']}",
            strategy_name(row["selected"], {}) if row["selected"] else "–",
            f"{float(row['value']):.2f} ({float(row['low']):.2f}–{float(row['high']):.2f})"
            if row["value"] and row["low"]
            else "–",
        ]
        for row in rows
    ]
    columns = ("recorded_at", "patients", "events", "folds_repeats", "strategy", "auc")
    return Table(
        text("model.iterations"), [text(f"column.{c}") for c in columns], shown, numeric=(1, 2)
    )


def version_of(package: str) -> str:
    """Installed version of a package, "–" when it is not installed."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "–"


def settings_rows(settings: dict, prefix: str = "") -> list[list]:
    """Settings as (dotted key, value), sorted; a nested dict becomes several lines."""
    rows: list[list] = []
    for key, value in sorted(settings.items()):
        if isinstance(value, dict) and value:
            rows += settings_rows(value, f"{prefix}{key}.")
        else:
            shown = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
            if "/" in shown and " " not in shown:
                shown = PurePath(shown).name  # a path on this machine is nobody's business
            rows.append([Cell(f"{prefix}{key}", "code"), reason(shown)])
    return rows


def run_section(results: Results, run_date: str) -> Section:
    """Dates, versions and settings of this run."""
    plan = results.plan
    rows = [
        [text("run.run_date"), run_date],
        [text("run.as_of"), plan["as_of"]],
        [text("run.purpose"), text(f"purpose.{plan['purpose']}")],
        [text("run.seed"), str(results.settings.get("seed", "–"))],
        [text("run.sheets"), reason(", ".join(sorted(plan["sheets"])) or "–")],
        [text("run.tables"), reason(", ".join(sorted(plan["tables"])) or "–")],
    ]
    versions = [["hcc-omics", __version__], ["Python", platform.python_version()]]
    versions += [[package, version_of(package)] for package in PACKAGES]
    facts = Table(text("run.facts"), [text("column.item"), text("column.value")], rows)
    columns = [text("column.software"), text("column.version")]
    parts: list = [Row([facts, Table(text("run.versions"), columns, versions)])]
    if results.settings:
        columns = [text("column.setting"), text("column.value")]
        found = settings_rows(results.settings)
        table = Table(text("run.settings", n=len(found)), columns, found)
        table.folded, table.printed = True, False
        parts.append(table)
    return Section("run", text("section.run"), parts)
