"""What does not conform, who has to act, and how.

In: nonconformities.tsv where the conformance step wrote one, else the requirements that fail and their findings. Out: one
table, the decisive severities first. Source: docs/report.md, "Conformance report".
"""

from collections import Counter

from scripts.report.page import Cell, Table, Text, join, reason, same, text, text_or
from scripts.report.results import Results

COLUMNS = (
    "requirement_id",
    "status",
    "severity",
    "scope",
    "centre",
    "n",
    "subjects",
    "what",
    "owner",
    "action",
)
SEVERITIES = ("block", "major", "exclude", "minor", "info")
EXAMPLES = 6


def derived(results: Results) -> list[dict]:
    """One row a failing requirement and centre, in the columns of nonconformities.tsv.

    The owner is the centre, or the study for what concerns the whole cohort; the action follows from
    the severity.
    """
    failing = {
        name: row
        for name, row in results.conformance["requirements"].items()
        if row["status"] == "FAIL"
    }
    places: dict[tuple[str, str], list[dict]] = {}
    for finding in results.findings:
        if finding["verdict"] == "FAIL" and finding["requirement_id"] in failing:
            key = (finding["requirement_id"], finding["centre"])
            places.setdefault(key, []).append(finding)
    rows = []
    for (name, centre), found in sorted(places.items()):
        subjects = sorted({f["subject"] for f in found})
        said = Counter(f["reason"] or f["check"] for f in found)
        most = [words for words, _ in sorted(said.items(), key=lambda item: (-item[1], item[0]))]
        rows.append(
            {
                "requirement_id": name,
                "status": "FAIL",
                "severity": failing[name]["severity"],
                "scope": "centre" if centre else "cohort",
                "centre": centre,
                "n": str(len(found)),
                "subjects": _some(subjects),
                "what": most[0],
                "owner": text("owner.centre", centre=centre) if centre else text("owner.study"),
                "action": text(f"action.{failing[name]['severity']}"),
            }
        )
    return rows


def table(results: Results, written: list[dict], names: dict[str, Text], link) -> Table | None:
    """The list; None when nothing fails.

    written : rows of nonconformities.tsv, [] when there is none; names : {requirement: its text};
    link : requirement id -> what its cell shows
    """
    rows = written or derived(results)
    if not rows:
        return None
    order = {name: position for position, name in enumerate(SEVERITIES)}
    rows = sorted(
        rows,
        key=lambda r: (
            r["status"] != "FAIL",
            order.get(r["severity"], 9),
            r["requirement_id"],
            r["centre"],
        ),
    )
    return Table(
        caption=text("nonconformity.caption", n=len(rows)),
        columns=[
            text(f"nonconformity.{column}")
            for column in ("requirement", "severity", "place", "n", "what", "owner", "action")
        ],
        rows=[
            [
                Cell(link(row["requirement_id"]), "narrow"),
                Cell(_severity(row), "narrow"),
                _place(row),
                row["n"],
                join(
                    [names.get(row["requirement_id"], same("")), reason(row["what"])],
                    "——",
                    " — ",
                ),
                Cell(reason(row["owner"]), "narrow"),
                reason(row["action"]),
            ]
            for row in rows
        ],
        numeric=(3,),
        notes=[text("conformance.severity_note")],
    )


def _severity(row: dict) -> Text:
    """Severity, and the status where it is no FAIL."""
    severity = text(f"severity.{row['severity']}")
    if row["status"] == "FAIL":
        return severity
    return join([severity, text_or(f"status.{row['status']}", row["status"])], " · ", " · ")


def _place(row: dict) -> Text:
    """The centre or scope, and whom it concerns."""
    where = row["centre"] or text_or(f"scope.{row['scope']}", row["scope"])
    return join([where, row["subjects"]], "：", ": ") if row["subjects"] else same(where)


def _some(names: list[str]) -> str:
    more = len(names) - EXAMPLES
    return ", ".join(names[:EXAMPLES]) + (f", … (+{more})" if more > 0 else "")
