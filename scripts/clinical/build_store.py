"""The store: one DuckDB file with all that is known of the people of a cohort, typed, labelled and with its edit log.

In: frozen sheets of admitted patients, cleaned laboratory rows, clinical table, verdicts, findings. Out: clinical.duckdb: tables,
views in Chinese and English, `edit_log`. Source: docs/clinical.md, "Store"; requirements CLE-01 to CLE-07 and TRC-01.
"""

import contextlib
from pathlib import Path

import duckdb
import pyarrow as pa

from scripts import __version__
from scripts.clinical import edit_log, store_tables, store_views
from scripts.clinical.clinical_features import index_features
from scripts.clinical.terminology import Dictionary
from scripts.core import job as core_job
from scripts.core.plan import load_plan

_TEXT, _NUMBER = pa.string(), pa.float64()
VERDICTS = dict.fromkeys(("patient_id", "block", "verdict", "reasons"), _TEXT)
CUSTODY = dict.fromkeys(("sample_id", "patient_id", "label", "uses", "verdict", "sprec"), _TEXT) | {
    "hours_to_spin": _NUMBER,
    "reasons": _TEXT,
}
EXCLUSIONS = dict.fromkeys(
    ("patient_id", "modality", "sample_id", "requirement_id", "reason"), _TEXT
)
FINDINGS = dict.fromkeys(
    (
        *("requirement_id", "severity", "subject", "centre", "block", "step"),
        *("check", "verdict", "value", "unit", "threshold", "reason", "evidence"),
    ),
    _TEXT,
)
FEATURES = dict.fromkeys(("feature", "description", "unit", "role", "source"), _TEXT)
VARIABLES = dict.fromkeys(("variable", "zh", "en", "kind", "unit", "ucum", "loinc"), _TEXT) | (
    dict.fromkeys(("hard_low", "hard_high", "soft_low", "soft_high"), _NUMBER)
)
REFUSED = dict.fromkeys(("patient_id", "domain", "requirement_id", "reason"), _TEXT)
LABS = (
    "patient_id, line, analyte, nullif(variable, '') AS variable, value_raw, unit_raw, factor, value, "
    "nullif(censor, '') AS censor, uln, date_raw, CAST(date AS DATE) AS date, CAST(days AS BIGINT) AS days, "
    "nullif(laboratory, '') AS laboratory, nullif(method, '') AS method, status, used, outside_window, "
    "nullif(requirement_id, '') AS requirement_id, nullif(reason, '') AS reason, nullif(doubt, '') AS doubt"
)


@contextlib.contextmanager
def opened(path: Path, threads: int = 1):
    """A new database file; nothing is loaded or installed from outside, and no log file stays beside it."""
    settings = {
        "threads": max(1, threads),
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
    }
    connection = duckdb.connect(str(path), config=settings)
    try:
        yield connection
        connection.execute("CHECKPOINT")
    finally:
        connection.close()
        path.with_name(f"{path.name}.wal").unlink(missing_ok=True)


def variable_rows(dictionary: Dictionary) -> list[dict]:
    """The variable dictionary as rows of the table `variables`."""
    return [
        {
            "variable": v.name,
            "zh": v.zh,
            "en": v.en,
            "kind": "qualitative" if v.qualitative else "number",
            "unit": v.unit or None,
            "ucum": v.ucum or None,
            "loinc": v.loinc or None,
            "hard_low": _known(v.hard[0]),
            "hard_high": _known(v.hard[1]),
            "soft_low": _known(v.soft[0]),
            "soft_high": _known(v.soft[1]),
        }
        for v in dictionary.variables.values()
    ]


def _known(number: float) -> float | None:
    return None if number != number else number


def put(connection, name: str, table: pa.Table) -> None:
    """Make a table, its rows in the order of all its columns."""
    connection.register("given", table)
    connection.execute(f"CREATE TABLE {name} AS SELECT * FROM given ORDER BY ALL")
    connection.unregister("given")


def put_tsv(connection, name: str, paths: list[str], columns: dict[str, pa.DataType]) -> None:
    """Make a table of TSV files that the steps wrote, with these columns; an empty cell is missing, a file may be empty."""
    put(connection, name, store_tables.rows_table([], columns))
    for path in paths:
        if Path(path).stat().st_size:
            connection.execute(
                f"INSERT INTO {name} BY NAME SELECT * FROM read_csv(?, delim = '\t', header = true, quote = '\"', "
                "escape = '\"', all_varchar = true, null_padding = false)",
                [str(path)],
            )


def put_clinical(connection, job) -> None:
    """labs, analyte_names, clinical, features, indices."""
    labs = str(job.input.labs[0]).replace("'", "''")
    connection.execute(
        f"CREATE TABLE labs AS SELECT {LABS} FROM read_parquet('{labs}') ORDER BY line"
    )
    connection.execute(
        "CREATE TABLE analyte_names AS SELECT analyte, variable, count(*) AS n FROM labs GROUP BY ALL ORDER BY ALL"
    )
    table = str(job.input.table[0]).replace("'", "''")
    connection.execute(
        f"CREATE TABLE clinical AS SELECT patient_id, * EXCLUDE (patient_id) FROM read_parquet('{table}') ORDER BY 1"
    )
    put_tsv(connection, "features", list(job.input.dictionary), FEATURES)
    reasons = str(job.input.indices[0]).replace("'", "''")
    have = {row[0] for row in connection.execute("DESCRIBE clinical").fetchall()}
    listed = [
        f"SELECT patient_id, '{f.feature}' AS index, "
        f"{f.feature if f.feature in have else 'NULL::DOUBLE'} AS value, '{f.unit}' AS unit FROM clinical"
        for f in index_features()
    ]
    connection.execute(
        f"CREATE TABLE indices AS SELECT i.*, r.reason FROM ({' UNION ALL '.join(listed)}) i "
        f"LEFT JOIN read_parquet('{reasons}') r USING (patient_id, index) ORDER BY 1, 2"
    )


def put_empty_clinical(connection) -> None:
    """The same tables for a cohort without laboratory values."""
    connection.execute(
        "CREATE TABLE labs (patient_id VARCHAR, line BIGINT, analyte VARCHAR, variable VARCHAR, value_raw VARCHAR, "
        "unit_raw VARCHAR, factor DOUBLE, value DOUBLE, censor VARCHAR, uln DOUBLE, date_raw VARCHAR, date DATE, "
        "days BIGINT, laboratory VARCHAR, method VARCHAR, status VARCHAR, used BOOLEAN, outside_window BOOLEAN, "
        "requirement_id VARCHAR, reason VARCHAR, doubt VARCHAR)"
    )
    connection.execute("CREATE TABLE analyte_names (analyte VARCHAR, variable VARCHAR, n BIGINT)")
    connection.execute("CREATE TABLE clinical (patient_id VARCHAR)")
    put_tsv(connection, "features", [], FEATURES)
    connection.execute(
        "CREATE TABLE indices (patient_id VARCHAR, index VARCHAR, value DOUBLE, unit VARCHAR, reason VARCHAR)"
    )


def encoding_edits(encodings: dict[str, str]) -> list[dict]:
    """Sheets that were not UTF-8, as rows of the edit log."""
    return [
        {"sheet": name, "line": 0, "field": "sheet", "kind": "encoding", "raw": encoding}
        | {"canonical": "utf-8", "reason": "decoded", "requirement_id": "CLE-04"}
        for name, encoding in sorted(encodings.items())
    ]


def fill(connection, job, plan: dict) -> list[str]:
    """All tables and views; returns the names of the views."""
    admitted = {patient: entry["domains"] for patient, entry in plan["patients"].items()}
    paths = {Path(path).stem: str(path) for path in job.input.sheets}
    dictionary = Dictionary.read(job.input.variables)
    put(connection, "variables", store_tables.rows_table(variable_rows(dictionary), VARIABLES))
    rows = store_tables.read_sheets(paths, admitted)
    for name, found in rows.items():
        put(connection, name, store_tables.sheet_table(name, found))
    put(connection, "refused", store_tables.rows_table(plan["refused"], REFUSED))
    put_clinical(connection, job) if job.input.labs else put_empty_clinical(connection)
    put_tsv(connection, "verdicts", list(job.input.verdicts), VERDICTS)
    custody = list(job.input.custody)
    put_tsv(connection, "custody", custody[:1], CUSTODY)
    put_tsv(connection, "exclusions", custody[1:], EXCLUSIONS)
    put_tsv(connection, "findings", [job.input.findings], FINDINGS)
    others = encoding_edits(plan["encodings"])
    for name in rows:
        others += store_tables.term_edits(name, paths[name], set(admitted))
    edit_log.create(connection, store_tables.rows_table(others, edit_log.TYPES))
    about = {"as_of": plan["as_of"], "purpose": plan["purpose"], "version": __version__}
    facts = [{"fact": key, "value": value} for key, value in about.items()]
    put(connection, "about", store_tables.rows_table(facts, {"fact": _TEXT, "value": _TEXT}))
    return store_views.create(connection, store_views.read_labels(job.input.labels))


def main(job):
    """Build the store anew.

    input: sheets (frozen sheets that the cohort has), [labs], [table], [dictionary], [indices] (of build_clinical_table, all or
    none), verdicts (of all blocks), custody ([] or verdicts and exclusions), findings, variables, labels; output: store
    """
    with core_job.step(job) as step:
        path = step.path(job.output.store)
        path.unlink(missing_ok=True)
        with opened(path, int(job.threads)) as connection:
            views = fill(connection, job, load_plan())
            for (name,) in connection.execute("SHOW TABLES").fetchall():
                if name not in views:
                    [count] = connection.execute(f'SELECT count(*) FROM "{name}"').fetchone()
                    step.log.info("%s: %d rows", name, count)


if __name__ == "__main__":
    core_job.entry(main, globals().get("snakemake"))
