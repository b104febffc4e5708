"""What does not conform, who has to act, and how.

In: nonconformities.tsv of the conformance step. Out: one table, the decisive severities first.
Source: docs/report.md, "Conformance report".
"""

from scripts.report.page import Cell, Table, Text, join, reason, same, text, text_or

SEVERITIES = ("block", "major", "exclude", "minor", "info")


def table(written: list[dict], names: dict[str, Text], link) -> Table | None:
    """The list; None when nothing fails.

    written : rows of nonconformities.tsv, [] when there is none; names : {requirement: its text};
    link : requirement id -> what its cell shows
    """
    if not written:
        return None
    order = {name: position for position, name in enumerate(SEVERITIES)}
    rows = sorted(
        written,
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
                Cell(Text(row["owner_zh"], row["owner"]), "words"),
                Text(row["action_zh"], row["action"]),
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
