"""The edit log: what cleaning made of every cell that it did not simply take over, raw beside canonical.

In: the tables `labs` and `variables` of the store. Out: the table `edit_log`.
Source: requirements CLE-01 to CLE-05, CLN-06, CLN-07.
"""

import pyarrow as pa

TYPES = {
    "sheet": pa.string(),
    "line": pa.int64(),
    "patient_id": pa.string(),
    "analyte": pa.string(),
    "variable": pa.string(),
    "field": pa.string(),
    "kind": pa.string(),
    "raw": pa.string(),
    "canonical": pa.string(),
    "factor": pa.float64(),
    "reason": pa.string(),
    "requirement_id": pa.string(),
}
_RAW = "trim(value_raw || ' ' || unit_raw)"
_VALUE = "printf('%.12g', value) || coalesce(' ' || v.unit, '')"
# How the digits of the cell read by themselves; NULL where they need the reading of scripts/clinical/lab_values.py.
_PLAIN = "try_cast(value_raw AS DOUBLE)"
_SAME = f"abs({_PLAIN} * factor - value) <= 1e-9 * greatest(abs(value), 1e-300)"


def _part(field: str, kind: str, raw: str, canonical: str, where: str, **own: str) -> str:
    """One kind of edit as a SELECT over labs. `own`: SQL for factor, reason, requirement where they are not the row's."""
    factor = own.get("factor", "NULL::DOUBLE")
    reason, requirement = own.get("reason", "reason"), own.get("requirement", "requirement_id")
    return (
        f"SELECT 'labs' AS sheet, line, patient_id, analyte, variable, '{field}' AS field, "
        f"'{kind}' AS kind, {raw} AS raw, {canonical} AS canonical, "
        f"{factor} AS factor, {reason} AS reason, {requirement} AS requirement_id "
        f"FROM labs LEFT JOIN variables v USING (variable) WHERE {where}"
    )


_USABLE = "status IN ('ok', 'repaired') AND value IS NOT NULL AND isfinite(value)"
PARTS = (
    _part("row", "quarantine", _RAW, "NULL", "status = 'quarantined'"),
    _part("row", "repair", _RAW, _VALUE, "status = 'repaired'", factor="factor"),
    _part("row", "duplicate", _RAW, "NULL", "status = 'duplicate'"),
    _part(
        "value",
        "not measured",
        "value_raw",
        "NULL",
        "status = 'missing' AND value_raw <> ''",
        reason="'a word or sign for a value that is not there'",
        requirement="'CLE-01'",
    ),
    _part(
        "value",
        "limit",
        "value_raw",
        _VALUE,
        f"{_USABLE} AND censor IS NOT NULL",
        reason="CASE censor WHEN '<' THEN 'below a limit: counts as limit / divisor of the config' "
        "ELSE 'above a limit: counts as the limit' END",
        requirement="'CLN-07'",
    ),
    _part(
        "value",
        "reading",
        "value_raw",
        _VALUE,
        f"{_USABLE} AND censor IS NULL AND NOT coalesce({_SAME}, false) AND status = 'ok'",
        reason="'notation of the cell: signs, words, separators, powers, flags'",
        requirement="'CLE-04'",
    ),
    _part(
        "unit",
        "unit conversion",
        _RAW,
        _VALUE,
        f"{_USABLE} AND factor <> 1",
        factor="factor",
        reason="'unit table'",
        requirement="'CLE-03'",
    ),
    _part(
        "unit",
        "unit name",
        "unit_raw",
        "v.unit",
        f"{_USABLE} AND factor = 1 AND unit_raw <> '' AND v.unit IS NOT NULL AND unit_raw <> v.unit",
        factor="factor",
        reason="'another name of the same unit'",
        requirement="'CLE-03'",
    ),
    _part(
        "date",
        "date",
        "date_raw",
        "strftime(date, '%Y-%m-%d')",
        "date IS NOT NULL AND date_raw <> strftime(date, '%Y-%m-%d')",
        reason="'another form of the same day'",
        requirement="'CLN-06'",
    ),
)


def create(connection, others: pa.Table) -> None:
    """Make the table `edit_log` from labs and from edits of other sheets, numbered in the order of sheet and line."""
    connection.register("other_edits", others)
    columns = ", ".join(TYPES)
    union = " UNION ALL ".join([*PARTS, f"SELECT {columns} FROM other_edits"])
    connection.execute(
        f"CREATE TABLE edit_log AS SELECT row_number() OVER (ORDER BY {columns}) AS edit, {columns} "
        f"FROM ({union}) ORDER BY edit"
    )
    connection.unregister("other_edits")
