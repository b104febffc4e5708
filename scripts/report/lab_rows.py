"""The laboratory rows of a run: how many came in, in which state each ended, and that the numbers add up.

In: labs.parquet, the frozen labs sheet, the plan. Out: counts, or ValueError where they do not add up. Source: docs/report.md,
"Data-quality report"; requirements CLE-01 to CLE-06.
"""

import io
from dataclasses import dataclass
from pathlib import Path

from scripts.core.sheets import decode
from scripts.report.page import Cell, Facts, Paragraph, Section, Table, text

STATES = ("ok", "repaired", "missing", "quarantined", "duplicate")
_COLUMNS = (
    "patient_id",
    "line",
    "analyte",
    "value_raw",
    "unit_raw",
    "date_raw",
    "variable",
    "factor",
    "value",
    "censor",
    "status",
    "requirement_id",
    "reason",
    "used",
    "outside_window",
)


@dataclass
class RowCounts:
    """Rows of labs.tsv.

    sheet : rows with a patient; left_out : those of people whose clinical data the gate does not let
    in; states : {state: n} of the others; centres : {centre: {state: n}}; variables : {variable:
    {state: n}}, "" for analytes that are not in the dictionary
    """

    sheet: int
    left_out: int
    states: dict[str, int]
    centres: dict[str, dict[str, int]]
    variables: dict[str, dict[str, int]]


def read_labs(path: str | Path, plan: dict):
    """labs.parquet as a table with the centre of every row (category)."""
    import pandas as pd

    table = pd.read_parquet(path, columns=list(_COLUMNS))
    own = table["patient_id"].cat
    centres = [plan["patients"][patient]["centre"] for patient in own.categories]
    names = sorted(set(centres))
    place = pd.Series([names.index(c) for c in centres], dtype="int32")
    codes = place.reindex(own.codes.to_numpy()).to_numpy()
    table["centre"] = pd.Categorical.from_codes(codes, names)
    return table


def rows_of_sheet(path: str | Path) -> dict[str, int]:
    """{patient: rows} of the labs sheet itself, in any of the accepted encodings; rows without a
    patient are none."""
    import pandas as pd

    content, _ = decode(Path(path).read_bytes())
    table = pd.read_csv(
        io.StringIO(content),
        sep="\t",
        dtype="category",
        na_filter=False,
        skip_blank_lines=False,
        index_col=False,
        usecols=lambda name: name.strip() == "patient_id",
    )
    found: dict[str, int] = {}
    for patient, n in table.iloc[:, 0].value_counts().items():
        found[str(patient).strip()] = found.get(str(patient).strip(), 0) + int(n)
    found.pop("", None)
    return found


def count(labs, in_sheet: dict[str, int], plan: dict) -> RowCounts:
    """Count every row once in every way.

    Raises ValueError when rows in do not equal ok + repaired + missing + quarantined + duplicate, over
    all rows, by centre, by variable, or against the sheet: a row would have been lost.
    """
    admitted = {p for p, entry in plan["patients"].items() if "clinical" in entry["domains"]}
    counts = RowCounts(
        sheet=sum(in_sheet.values()),
        left_out=sum(n for patient, n in in_sheet.items() if patient not in admitted),
        states=_states(labs["status"]),
        centres={str(c): _states(part) for c, part in _parts(labs, "centre")},
        variables={str(v): _states(part) for v, part in _parts(labs, "variable")},
    )
    check(counts, len(labs))
    return counts


def _parts(labs, column: str):
    return labs.groupby(column, observed=True)["status"]


def _states(status) -> dict[str, int]:
    found = status.value_counts()
    return {state: int(found.get(state, 0)) for state in STATES}


def check(counts: RowCounts, rows: int) -> None:
    """ValueError, with the numbers, when anything does not add up. `rows` is the length of
    labs.parquet."""
    taken = counts.sheet - counts.left_out
    sums = {
        "rows of admitted patients in labs.tsv": taken,
        "rows of labs.parquet": rows,
        "sum over ok, repaired, missing, quarantined, duplicate": sum(counts.states.values()),
        "sum over centres": sum(sum(own.values()) for own in counts.centres.values()),
        "sum over variables": sum(sum(own.values()) for own in counts.variables.values()),
    }
    if len(set(sums.values())) > 1:
        said = ", ".join(f"{name} {n}" for name, n in sums.items())
        raise ValueError(f"the rows of labs.tsv do not add up: {said}")


def section(counts: RowCounts | None) -> Section:
    """How many rows came in and what became of them."""
    title = text("section.rows")
    if counts is None:
        return Section("rows", title, [Paragraph(text("rows.nothing"), "note")])
    taken = counts.sheet - counts.left_out
    lines = [(text("conformance.cohort"), counts.states)]
    lines += [(text("flow.centre", centre=c), own) for c, own in sorted(counts.centres.items())]
    table = Table(
        caption=text("rows.caption"),
        columns=[
            text("column.unit"),
            text("rows.in"),
            *(text(f"state.{s}") for s in STATES),
            text("rows.sum"),
        ],
        rows=[
            [
                name,
                sum(own.values()),
                *(Cell(own[s], _KIND[s]) if own[s] else "0" for s in STATES),
                Cell(sum(own.values()), "strong"),
            ]
            for name, own in lines
        ],
        numeric=tuple(range(1, len(STATES) + 3)),
        notes=[text("rows.note")],
    )
    facts = Facts(
        [
            (text("rows.sheet"), str(counts.sheet), text("rows.sheet_comment")),
            (text("rows.left_out"), str(counts.left_out), text("rows.left_out_comment")),
            (text("rows.taken"), str(taken), text("rows.taken_comment")),
            *(
                (text(f"state.{s}"), str(counts.states[s]), text(f"state_meaning.{s}"))
                for s in STATES
            ),
        ]
    )
    added = text("rows.added", n=taken, sum=" + ".join(str(counts.states[s]) for s in STATES))
    return Section("rows", title, [Paragraph(added, "good"), facts, table])


_KIND = {"ok": "", "repaired": "warn", "missing": "missing", "quarantined": "fail", "duplicate": ""}
