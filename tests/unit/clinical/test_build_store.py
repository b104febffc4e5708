"""The store: types, labels, edit log; nobody in it whom the gate did not let in."""

import datetime
import json
from pathlib import Path

import duckdb
import pytest

from scripts.clinical import build_clinical_table, build_store
from scripts.report import assess_conformance
from tests.compare import difference

ROOT = Path(__file__).parents[3]
TABLE = {
    "table": "clinical.table.parquet",
    "verdicts": "clinical.table.verdicts.tsv",
    "dictionary": "clinical.dictionary.tsv",
    "labs": "labs.parquet",
    "indices": "missing_indices.parquet",
    "missing": "missing.tsv",
    "columns": "unit_columns.json",
    "status": "status.json",
    "ledger": "ledger.jsonl",
}
PATIENTS = [
    {"patient_id": "P1", "centre": "C1", "diagnosis": "hcc", "role": "development"}
    | {"index_date": "2025-06-10", "sex": "男", "age": 61, "aetiology": "hbv"},
    {"patient_id": "P2", "centre": "C1", "diagnosis": "cirrhosis", "role": "development"}
    | {"index_date": "2025-06-10", "sex": "female", "age": 58, "aetiology": "hbv"},
    {"patient_id": "P9", "centre": "C1", "diagnosis": "hcc", "role": "development"}
    | {"index_date": "2025-06-10", "sex": "male", "age": 50, "aetiology": "hbv"},
]
# One cell of every kind that cleaning treats (docs/inputs.md, "Laboratory values"); line 2 needs nothing.
LABS = [
    ("P1", "AFP", "35.2", "ng/mL", "2025-06-10"),
    ("P1", "白蛋白", "３８．６", "g/L", "2025年6月10日"),
    ("P1", "PLT", "152000", "10^9/L", "2025-06-10"),
    ("P1", "ALB", "386", "g/L", "2025-06-10"),
    ("P1", "总胆红素", "1.0", "mg/dL", "2025/6/10"),
    ("P1", "乙肝表面抗原", "阴性(-)", "", "2025-06-10"),
    ("P1", "GGT", "未检", "U/L", "2025-06-10"),
    ("P1", "ALT", "40", "IU/L", "2025-06-10"),
    ("P1", "ALT", "40", "IU/L", "2025-06-10"),
    ("P2", "AFP", "<0.61", "ng/mL", "2025-06-10"),
    ("P9", "AFP", "5", "ng/mL", "2025-06-10"),
]


@pytest.fixture
def job(cohort):
    """A job of build_store; P9 was not let in, P2's consent does not cover clinical data."""
    refusal = {"patient_id": "P9", "domain": "*", "requirement_id": "ETH-01", "reason": "none"}
    plan = cohort.plan(PATIENTS[:2], refused=[refusal])
    plan["patients"]["P2"]["domains"] = ["genomics"]
    Path(".hcc/plan.json").write_text(json.dumps(plan), encoding="utf-8")
    columns = ("patient_id", "analyte", "value", "unit", "date")
    inputs = {
        "labs": cohort.sheet("labs", [dict(zip(columns, row, strict=True)) for row in LABS]),
        "patients": cohort.sheet("patients", PATIENTS),
        "history": cohort.sheet("history", [{"patient_id": "P2", "weight_kg": 60}]),
        "pathology": [],
        "dictionary_table": str(ROOT / "resources/variable_dictionary.csv"),
        "units": str(ROOT / "resources/units.tsv"),
    }
    made = cohort.job("build_clinical_table", inputs, TABLE, settings=cohort.settings)
    build_clinical_table.main(made)
    consents = [
        {"patient_id": p, "kind": "base", "status": "signed", "signed_date": "2025-06-01"}
        | {"document_id": f"D{p}", "proxy_name_hash": "0123456789abcdef"}
        for p in ("P1", "P9")
    ]
    samples = [
        {"sample_id": "S1", "patient_id": "P1", "collected_at": "2025-06-10 07:30"},
        {"sample_id": "S2", "patient_id": "P2", "collected_at": "2025-06-10"},
        {"sample_id": "S9", "patient_id": "P9", "collected_at": "2025-06-10"},
    ]
    events = [{"sample_id": s, "event": "frozen", "time": "2025-06-10"} for s in ("S1", "S9")]
    findings = cohort.folder / "findings.tsv"
    findings.write_text(
        "\t".join(assess_conformance.COLUMNS)  # as the step writes it
        + "\nCLE-02\tmajor\tP1\tC1\tclinical\tx\ty\tFAIL\t1\t\t\tz\tS1\n"
    )
    out = cohort.folder / "out"
    inputs = {
        "sheets": [
            inputs["patients"],
            inputs["history"],
            cohort.sheet("consents", consents),
            cohort.sheet("samples", samples),
            cohort.sheet("sample_events", events),
        ],
        "labs": [str(out / TABLE["labs"])],
        "table": [str(out / TABLE["table"])],
        "dictionary": [str(out / TABLE["dictionary"])],
        "indices": [str(out / TABLE["indices"])],
        "verdicts": [str(out / TABLE["verdicts"])],
        "custody": [],
        "findings": str(findings),
        "variables": str(ROOT / "resources/variable_dictionary.csv"),
        "labels": str(ROOT / "resources/store_labels.tsv"),
    }
    return cohort.job("build_store", inputs, {"store": "clinical.duckdb"})


@pytest.fixture
def store(job):
    build_store.main(job)
    with duckdb.connect(job.output.store, read_only=True) as connection:
        yield connection


def rows(store, sql: str) -> list[tuple]:
    return store.execute(sql).fetchall()


def test_columns_have_the_types_of_their_content(store):
    types = {name: kind for name, kind, *_ in rows(store, "DESCRIBE patients")}
    assert (types["index_date"], types["age"], types["sex"]) == ("DATE", "DOUBLE", "VARCHAR")
    types = {name: kind for name, kind, *_ in rows(store, "DESCRIBE labs")}
    assert (types["date"], types["value"], types["used"]) == ("DATE", "DOUBLE", "BOOLEAN")
    assert rows(store, "SELECT index_date FROM patients")[0] == (datetime.date(2025, 6, 10),)


def test_a_bare_date_is_told_from_a_time(store):
    found = rows(store, "SELECT sample_id, collected_at, collected_at_precision FROM samples")
    assert found == [
        ("S1", datetime.datetime(2025, 6, 10, 7, 30), "minute"),
        ("S2", datetime.datetime(2025, 6, 10), "day"),
    ]


def test_nobody_is_in_it_whom_the_gate_refused(store):
    for table in ("patients", "labs", "clinical", "consents", "samples", "indices", "edit_log"):
        assert rows(store, f"SELECT count(*) FROM {table} WHERE patient_id = 'P9'") == [(0,)]
    assert rows(store, "SELECT sample_id FROM sample_events") == [("S1",)]
    assert rows(store, "SELECT patient_id FROM refused") == [("P9",)]


def test_clinical_rows_need_the_consent_for_clinical_data(store):
    assert rows(store, "SELECT patient_id FROM patients ORDER BY 1") == [("P1",), ("P2",)]
    assert rows(store, "SELECT DISTINCT patient_id FROM labs") == [("P1",)]
    assert rows(store, "SELECT * FROM history") == []


def test_hashes_of_identifiers_stay_out(store):
    columns = {row[0] for row in rows(store, "SELECT column_name FROM duckdb_columns()")}
    assert not {"proxy_name_hash", "id1_hash", "contact_hash"} & columns


def test_raw_value_unit_and_factor_stand_beside_the_canonical_value(store):
    sql = "SELECT value_raw, unit_raw, factor, value FROM labs WHERE variable = 'tbil'"
    [(value, unit, factor, canonical)] = rows(store, sql)
    assert (value, unit, factor) == ("1.0", "mg/dL", 17.1)  # 17.1 umol/L per mg/dL (units.tsv)
    assert canonical == pytest.approx(17.1)


def test_every_edit_is_in_the_log_and_nothing_else(store):
    sql = "SELECT sheet, line, kind, raw, canonical, requirement_id FROM edit_log ORDER BY edit"
    assert rows(store, sql) == [
        ("labs", 3, "date", "2025年6月10日", "2025-06-10", "CLN-06"),
        ("labs", 3, "reading", "３８．６", "38.6 g/L", "CLE-04"),
        ("labs", 4, "repair", "152000 10^9/L", "152 10^9/L", "CLE-02"),
        ("labs", 4, "unit conversion", "152000 10^9/L", "152 10^9/L", "CLE-03"),
        ("labs", 5, "quarantine", "386 g/L", None, "CLE-02"),
        ("labs", 6, "date", "2025/6/10", "2025-06-10", "CLN-06"),
        ("labs", 6, "unit conversion", "1.0 mg/dL", "17.1 umol/L", "CLE-03"),
        ("labs", 7, "reading", "阴性(-)", "0", "CLE-04"),
        ("labs", 8, "not measured", "未检", None, "CLE-01"),
        ("labs", 9, "unit name", "IU/L", "U/L", "CLE-03"),
        ("labs", 10, "duplicate", "40 IU/L", None, "CLE-05"),
        ("patients", 2, "term", "男", "male", "CLE-04"),
    ]


def test_views_speak_both_languages(store):
    assert rows(store, 'SELECT "变量名称", "规范值" FROM labs_zh WHERE "变量" = \'afp\'') == [
        ("甲胎蛋白", 35.2)
    ]
    sql = "SELECT \"name of the variable\" FROM labs_en WHERE variable = 'plt'"
    assert rows(store, sql) == [("platelets",)]
    columns = [row[0] for row in rows(store, "DESCRIBE clinical_zh")]
    assert "白蛋白 (g/L)" in columns and "患者编号" in columns


def test_every_column_of_a_view_has_a_label(store):
    labels = build_store.store_views.read_labels(ROOT / "resources/store_labels.tsv")
    known = {row[0] for row in rows(store, "SELECT variable FROM variables")}
    sql = "SELECT DISTINCT column_name FROM duckdb_columns() WHERE table_name NOT LIKE '%\\_zh' ESCAPE '\\' "
    sql += "AND table_name NOT LIKE '%\\_en' ESCAPE '\\' AND NOT internal"
    columns = {row[0] for row in rows(store, sql)}
    assert columns - known - set(labels["zh"]) == set()
    assert set(labels["zh"]) == set(labels["en"]) and all(labels["zh"].values())


def test_index_without_its_input_says_why(store):
    found = dict(rows(store, "SELECT index, reason FROM indices WHERE value IS NULL"))
    assert "missing: ast" in found["fib4"]


def test_verdicts_and_findings_are_in_it(store):
    assert rows(store, "SELECT patient_id, block FROM verdicts") == [("P1", "clinical")]
    assert rows(store, "SELECT requirement_id, verdict FROM findings") == [("CLE-02", "FAIL")]


def test_same_input_gives_the_same_content_and_no_file_stays_beside_it(job, tmp_path):
    build_store.main(job)
    first = tmp_path / "first.duckdb"
    first.write_bytes(Path(job.output.store).read_bytes())
    build_store.main(job)
    assert difference(first, Path(job.output.store)) == ""
    assert [p.name for p in Path(job.output.store).parent.iterdir() if ".wal" in p.name] == []


def test_cohort_without_laboratory_values_has_a_store_too(job):
    for name in ("labs", "table", "dictionary", "indices"):
        setattr(job.input, name, [])
    build_store.main(job)
    with duckdb.connect(job.output.store, read_only=True) as connection:
        assert rows(connection, "SELECT count(*) FROM patients") == [(2,)]
        assert rows(connection, "SELECT count(*) FROM labs_en") == [(0,)]
