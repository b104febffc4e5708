"""Views of the store in Chinese and English: the same rows under names that a reader understands.

In: tables of the store, resources/store_labels.tsv, the variables and features of the cohort. Out: `<table>_zh` and `<table>_en`.
Source: resources/variable_dictionary.csv names every variable in both languages.
"""

import csv
from pathlib import Path

LANGUAGES = ("zh", "en")


def read_labels(path: str | Path) -> dict[str, dict[str, str]]:
    """{language: {column or term: label}}."""
    with open(path, encoding="utf-8", newline="") as handle:
        rows = list(csv.DictReader(handle, delimiter="\t"))
    return {language: {row["name"]: row[language] for row in rows} for language in LANGUAGES}


def quoted(name: str) -> str:
    """A name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def _columns_of(connection, table: str) -> list[str]:
    sql = "SELECT column_name FROM duckdb_columns() WHERE table_name = ? ORDER BY column_index"
    return [row[0] for row in connection.execute(sql, [table]).fetchall()]


def feature_labels(connection, labels: dict[str, str], language: str) -> dict[str, str]:
    """{feature of the clinical table: label with its unit}; a name that two features would share gets the feature behind it."""
    names = dict(connection.execute(f"SELECT variable, {language} FROM variables").fetchall())
    out: dict[str, str] = {}
    sql = "SELECT feature, unit, source FROM features ORDER BY ALL"
    for feature, unit, source in connection.execute(sql).fetchall():
        label = names.get(feature) or labels.get(feature) or feature
        measured = feature in names or (source or "").endswith("indices.py")
        label += f" ({unit})" if measured and unit and unit != "1" else ""
        out[feature] = f"{label} [{feature}]" if label in out.values() else label
    return out


def create(connection, labels: dict[str, dict[str, str]]) -> list[str]:
    """Make both views of every table and return their names. The view of labs also names the variable."""
    tables = [row[0] for row in connection.execute("SHOW TABLES").fetchall()]
    made = []
    for language in LANGUAGES:
        own = labels[language]
        features = feature_labels(connection, own, language)
        for table in tables:
            names = own | features if table == "clinical" else own
            shown = [
                f"t.{quoted(column)} AS {quoted(names.get(column, column))}"
                for column in _columns_of(connection, table)
            ]
            source = f"{quoted(table)} t"
            if table in ("labs", "edit_log"):
                shown.insert(2, f"v.{language} AS {quoted(own['variable_name'])}")
                source += " LEFT JOIN variables v USING (variable)"
                shown = [s.replace('t."variable" AS', "variable AS") for s in shown]
            view = f"{table}_{language}"
            connection.execute(
                f"CREATE VIEW {quoted(view)} AS SELECT {', '.join(shown)} FROM {source}"
            )
            made.append(view)
    return made
