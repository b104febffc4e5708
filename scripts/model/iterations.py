"""The optimisation log: every development of a model, with the same metric on the same plan of validation.

In: performance.json as it was just made, the cohort file it came from. Out: a line in locks/iterations.tsv for every iteration
that differs from the last, and a QC record of whether they can be compared. Source: requirement EVA-05; chained_log.py.
"""

import datetime
from pathlib import Path

from scripts.core.hashing import digest_of, digest_of_file
from scripts.model.chained_log import append_line, damage, read_log
from scripts.model.evaluation import NOT_ASSESSED

PLAN = ["metric", "outer_folds", "inner_folds", "repeats", "resamples", "seed"]
RESULT = ["selected", "value", "low", "high"]
COLUMNS = ["recorded_at", "patients", "events", "cohort", "settings", *PLAN, *RESULT, "chain"]


def line_of(performance: dict, cohort: str, settings: dict) -> list[str]:
    """Cells of one iteration without its time and link; the interval is empty when nothing could be assessed."""
    entry = performance["strategies"].get(performance["selected"]) or {}
    name = "auc" if "auc" in entry.get("metrics", {}) else "macro_auc"
    found = entry.get("metrics", {}).get(name, {})
    train = performance["cohort"]["train"]
    plan = {"metric": name if found else "", **performance["settings"]}
    events = train.get("events", "")
    return [
        *(str(train["n"]), str(events), digest_of_file(cohort)[:16], digest_of(settings)),
        *(str(plan[key]) for key in PLAN),
        performance["selected"] or "",
        *(f"{found[key]:.6f}" if found.get(key) is not None else "" for key in RESULT[1:]),
    ]


def record_iteration(path: Path, cells: list[str]) -> list[dict[str, str]]:
    """Append an iteration unless it is the last one again; returns all of them."""
    rows = read_log(path, COLUMNS)
    if not rows or [rows[-1][c] for c in COLUMNS[1:-1]] != cells:
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        append_line(path, COLUMNS, [now, *cells])
    return read_log(path, COLUMNS)


def changes_of_plan(rows: list[dict[str, str]]) -> list[str]:
    """What differs between the first plan of validation and later ones; iterations without a result do not count."""
    done = [row for row in rows if row["selected"]]
    return [
        f"{key}: {', '.join(values)}"
        for key in PLAN
        if len(values := list(dict.fromkeys(row[key] for row in done))) > 1
    ]


def check_iterations(step, path: Path, rows: list[dict[str, str]]) -> None:
    """QC record: the log is whole, and every iteration was judged by the same metric and plan."""
    broken, changed = damage(path, rows, COLUMNS), changes_of_plan(rows)
    done = any(row["selected"] for row in rows)
    differ = f"iterations judged by different plans: {'; '.join(changed)}" if changed else ""
    step.check(
        "EVA-05",
        "optimisation log with the same metric and plan",
        "FAIL" if broken else "WARN" if changed else "PASS" if done else NOT_ASSESSED,
        value=len(rows),
        unit="iterations",
        reason=broken or differ or ("" if done else "no iteration has a result"),
        acts=False,
    )
