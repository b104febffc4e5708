"""What the chosen model is made of: features, patterns of blocks, sample size, blocks left out.

In: performance.json. Out: tables and notes. Source: docs/outputs.md; minimum sample size Riley et
al. 2020 (doi:10.1136/bmj.m441).
"""

from scripts.report.flow import block_name
from scripts.report.page import Paragraph, Table, join, number, percent, reason, text


def size_note(performance: dict) -> Paragraph | None:
    """How the number of cases compares with what the number of predictors asks for."""
    size = performance.get("sample_size") or {}
    if not size.get("events"):
        return None
    key = "sample_size_warn" if size.get("verdict") != "PASS" else "sample_size"
    content = text(
        f"performance.{key}",
        events=size["events"],
        predictors=size["candidate_predictors"],
        epv=number(size.get("events_per_variable"), 2),
        minimum=size.get("riley_minimum") or "–",
    )
    return Paragraph(content, "flag" if key.endswith("warn") else "")


def pattern_table(performance: dict) -> Table | None:
    """Performance by pattern of available blocks."""
    found = performance.get("patterns") or []
    if not found:
        return None
    rows = [
        [
            join([block_name(b) for b in row["pattern"].split("+")], " + ", " + "),
            f"{row['n']} / {row['events']}",
            number(row.get("auc")),
            number(row.get("brier"), 3),
            number(row.get("o_e")),
        ]
        for row in found
    ]
    return Table(
        caption=text("performance.patterns"),
        columns=[text(f"column.{c}") for c in ("pattern", "n_events", "auc_plain", "brier", "o_e")],
        rows=rows,
        numeric=(1, 2, 3, 4),
        folded=len(rows) > 12,
    )


def feature_table(entry: dict, most: int = 20) -> Table | None:
    """The features chosen most often over the folds."""
    found = [f for f in entry.get("features") or [] if f.get("selected")]
    found = sorted(found, key=lambda f: (-f["selected"], -abs(f.get("weight") or 0), f["feature"]))
    if not found:
        return None
    rows = [
        [
            f["feature"],
            block_name(f["block"]),
            percent(f["selected"]),
            number(f.get("weight"), 3),
        ]
        for f in found[:most]
    ]
    return Table(
        caption=text("performance.features", shown=len(rows), all=len(found)),
        columns=[text(f"column.{c}") for c in ("feature", "block", "selected", "weight")],
        rows=rows,
        numeric=(2, 3),
        notes=[text("performance.features_note")],
        folded=True,
    )


def left_out(performance: dict) -> Paragraph | None:
    """Blocks that no strategy uses, with the reason."""
    found = [b for b in performance.get("blocks") or [] if not b.get("used")]
    if not found:
        return None
    named = [
        join([block_name(b["block"]), reason(b.get("reason") or "–")], "：", ": ") for b in found
    ]
    return Paragraph(text("performance.left_out", blocks=join(named)), "small")
