"""Sheets of a cohort as typed columns: dates as dates, numbers as numbers, times with their precision.

In: sheets (docs/inputs.md), the patients whom the gate let in. Out: Arrow tables for the store.
Source: the schemas in config/schemas/.
"""

import datetime

import pyarrow as pa

from scripts.core.sheets import read_sheet, read_text_table, schema_of

# {sheet: domain whose consent its rows need ("" = any), in the order of the store}. Rows without patient_id go by `LINKS`.
SHEETS = {
    "patients": "",
    "history": "clinical",
    "pathology": "clinical",
    "consents": "",
    "samples": "",
    "sample_events": "",
    "aliquots": "",
    "extractions": "",
    "imaging_studies": "imaging",
    "imaging_series": "imaging",
    "ihc": "ihc",
}
LINKS = {
    "sample_events": ("samples", "sample_id"),
    "aliquots": ("samples", "sample_id"),
    "extractions": ("samples", "sample_id"),
    "imaging_series": ("imaging_studies", "study_id"),
}
# Hashes of identifiers and of documents: the gate and the custody need them, a reader of the store does not.
LEFT_OUT = {
    *("id1_hash", "id2_hash", "contact_hash", "proxy_name_hash", "pathology_no_hash", "sha256"),
    *("note", "collection_site"),  # free text, which may name somebody
}


def _is_time(rule: dict) -> bool:
    return "HH:MM" in rule.get("x-allowed", "")


def arrow_type(rule: dict) -> pa.DataType:
    """The type of a column, by its schema."""
    if rule.get("format") == "date":
        return pa.date32()
    if _is_time(rule):
        return pa.timestamp("us")
    kinds = {"integer": pa.int64(), "number": pa.float64(), "boolean": pa.bool_()}
    return kinds.get(rule.get("type"), pa.string())


def _cell(value, kind: pa.DataType):
    if value is None:
        return None
    if pa.types.is_date(kind):
        return datetime.date.fromisoformat(value)
    if pa.types.is_timestamp(kind):
        return datetime.datetime.fromisoformat(value)
    return float(value) if pa.types.is_floating(kind) else value


def sheet_table(name: str, rows: list[dict]) -> pa.Table:
    """Rows of a sheet as a table with every column of its schema, typed; a time gets a second column that says whether it was
    given to the `minute` or only to the `day`."""
    columns: dict[str, pa.Array] = {}
    for column, rule in schema_of(name)["properties"].items():
        if column in LEFT_OUT:
            continue
        kind = arrow_type(rule)
        texts = [row.get(column) for row in rows]
        columns[column] = pa.array([_cell(text, kind) for text in texts], kind)
        if _is_time(rule):
            exact = [text and ("minute" if len(text) > 10 else "day") for text in texts]
            columns[f"{column}_precision"] = pa.array(exact, pa.string())
    return pa.table(columns)


def read_sheets(paths: dict[str, str], admitted: dict[str, list[str]]) -> dict[str, list[dict]]:
    """{sheet: rows of people who may be in it}.

    paths : {sheet: path} of those that the cohort has; admitted : {patient_id: domains} of the gate
    """
    out: dict[str, list[dict]] = {}
    for name, domain in SHEETS.items():
        if name not in paths:
            continue
        rows = read_sheet(paths[name], name).rows
        if name in LINKS:
            parent, key = LINKS[name]
            known = {row[key] for row in out.get(parent, [])}
            out[name] = [row for row in rows if row[key] in known]
            continue
        out[name] = [
            row
            for row in rows
            if row["patient_id"] in admitted
            and (not domain or domain in admitted[row["patient_id"]])
        ]
    return out


def term_edits(name: str, path: str, admitted: set[str]) -> list[dict]:
    """Cells of a sheet that were read through a synonym (男 as male), as rows of the edit log."""
    rules = schema_of(name)["properties"]
    header, rows, lines, _ = read_text_table(path)
    if "patient_id" not in header:
        return []
    patient = header.index("patient_id")
    out = []
    for place, column in enumerate(header):
        synonyms = rules.get(column, {}).get("x-synonyms", {})
        for line, row in zip(lines, rows, strict=True) if synonyms else ():
            if row[place] in synonyms and row[patient] in admitted:
                out.append(
                    {
                        "sheet": name,
                        "line": line,
                        "patient_id": row[patient],
                        "field": column,
                        "kind": "term",
                        "raw": row[place],
                        "canonical": synonyms[row[place]],
                        "reason": "synonym of the schema",
                        "requirement_id": "CLE-04",
                    }
                )
    return out


def rows_table(rows: list[dict], types: dict[str, pa.DataType]) -> pa.Table:
    """Rows as a table with these columns; a key that a row does not have is missing."""
    return pa.table(
        {
            column: pa.array([_cell(row.get(column), kind) for row in rows], kind)
            for column, kind in types.items()
        }
    )
