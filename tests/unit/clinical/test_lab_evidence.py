"""The laboratory sheet with its evidence taken away: nothing that was not looked at passes, and a part is said to be one."""

import pytest

from tests.unit.clinical.test_build_clinical_table import Built, lab, patient

DAY = "2025-06-10"  # index date of every patient
PANEL = [
    ("AFP", "<5", "ng/mL"),
    ("ALB", "40", "g/L"),
    ("TP", "70", "g/L"),
    ("TBIL", "17", "umol/L"),
    ("DBIL", "5", "umol/L"),
    ("ALT", "40", "U/L"),
    ("AST", "35", "U/L"),
    ("PLT", "150", "10^9/L"),
]


def rows_of(number: int, without: str = "", **changes) -> list[dict]:
    """A panel of one patient with method and upper limit; the column `without` is blank."""
    rows = [
        lab(name, value, unit, number, method="analyser", uln="40" if name == "AST" else "")
        for name, value, unit in PANEL
    ]
    return [row | changes | ({without: ""} if without else {}) for row in rows]


def status(built: Built, requirement: str) -> str:
    """The status of a requirement as the conformance step sees it."""
    from scripts.report.assess_conformance import status_of

    return status_of(
        [r["verdict"] for r in built.records if r["requirement_id"] == requirement and r["verdict"]]
    )


def built(cohort, **how) -> Built:
    people = [patient(number) for number in (1, 2, 3)]
    return Built(cohort, people, [row for n in (1, 2, 3) for row in rows_of(n, **how)])


def test_complete_evidence_passes(cohort):
    whole = built(cohort)
    for requirement in ("CLE-01", "CLE-02", "CLE-03", "CLE-04", "CLE-06", "CLN-06", "CLN-07"):
        assert status(whole, requirement) == "PASS", requirement
    assert {status(whole, name) for name in ("TRF-01", "TRF-02")} == {"PASS"}


@pytest.mark.parametrize(
    ("requirement", "column"),
    [
        ("CLN-06", "date"),
        ("CLN-06", "method"),
        ("CLN-06", "unit"),
        ("CLE-03", "unit"),
        ("TRF-02", "uln"),
        *((name, "value") for name in ("CLE-01", "CLE-02", "CLE-03", "CLE-06", "CLN-05")),
        *((name, "value") for name in ("CLN-06", "CLN-07", "TRF-01", "TRF-02")),
    ],
)
def test_a_blank_column_keeps_its_requirement_from_passing(cohort, requirement, column):
    assert status(built(cohort, without=column), requirement) not in ("PASS", "ATTESTED")


def test_no_date_in_any_row_is_not_assessed_and_a_part_is_told_as_a_share(cohort):
    none = [r for r in built(cohort, without="date").records if r["requirement_id"] == "CLN-06"]
    told = {r["check"]: (r["verdict"], r["reason"]) for r in none}
    assert told["rows say a date"] == (
        "NOT_ASSESSED",
        "none of 24 rows carry a date that can be read",
    )
    assert told["rows inside the window"][0] == "NOT_ASSESSED"
    rows = rows_of(1) + rows_of(2, without="date") + rows_of(3)
    part = Built(cohort, [patient(n) for n in (1, 2, 3)], rows)
    [record] = [r for r in part.records if r["check"] == "rows say a date"]
    assert (record["verdict"], record["value"]) == ("WARN", 16)
    assert record["reason"] == "16 of 24 rows carry a date that can be read"


def test_without_an_index_date_no_row_is_inside_the_window(cohort):
    people = [patient(1, index_date=None)]
    alone = Built(cohort, people, rows_of(1))
    assert status(alone, "CLN-06") == "NOT_ASSESSED"


def test_a_unit_in_the_cell_or_the_name_counts_as_said(cohort):
    rows = [lab("AFP (ng/mL)", "5", "", method="m"), lab("ALB", "40 g/L", "", method="m")]
    found = Built(cohort, [patient(1)], rows)
    [record] = [r for r in found.records if r["check"] == "rows say a unit"]
    assert (record["verdict"], record["value"]) == ("PASS", 2)


def test_rules_without_both_values_in_one_patient_are_not_assessed(cohort):
    rows = [
        lab("DBIL", "5", "umol/L", 1),
        lab("TBIL", "17", "umol/L", 2),
        lab("AFP", "5", "ng/mL", 2),
    ]
    apart = Built(cohort, [patient(1), patient(2)], rows)
    [record] = [r for r in apart.records if r["check"] == "rules between values"]
    assert (record["verdict"], record["value"]) == ("NOT_ASSESSED", 0)
    pair = Built(cohort, [patient(1), patient(2)], [*rows, lab("DBIL", "4", "umol/L", 2)])
    [record] = [r for r in pair.records if r["check"] == "rules between values"]
    assert (record["verdict"], record["value"]) == ("PASS", 1)
    assert "direct bilirubin up to total bilirubin: 1 of 2 patients" in record["reason"]


def test_no_limit_no_bin_no_index_is_not_assessed(cohort):
    found = Built(cohort, [patient(1)], [lab("ALP", "80", "U/L")], bins={})
    assert {status(found, n) for n in ("CLN-07", "TRF-01", "TRF-02")} == {"NOT_ASSESSED"}


def consent(number: int, signed: str, **more) -> dict:
    row = {"patient_id": f"P{number}", "kind": "base", "status": "signed", "signed_date": signed}
    return row | more


def test_values_drawn_before_the_consent_do_not_count(cohort):
    rows = [lab(*PANEL[0], 1, "2025-06-01"), lab(*PANEL[1], 1, "2025-06-05"), lab(*PANEL[1], 1)]
    signed = [consent(1, "2025-06-08")]
    found = Built(cohort, [patient(1)], rows, consents=signed)
    [record] = found.found("ETH-05", "FAIL")
    assert (record["subject"], record["value"]) == ("P1", 1)
    assert record["reason"] == (
        "1 laboratory values are not used: consent signed on 2025-06-08, after collection on 2025-06-01"
    )
    assert "afp" not in found.table or found.table["afp"].isna().all()
    assert found.table.loc["P1", "alb"] == 40
    early = found.labs[found.labs["date"] < "2025-06-08"]
    assert set(early["status"]) == {"quarantined"} and not early["used"].any()


@pytest.mark.parametrize(
    "documents",
    [
        [consent(1, "2025-06-01")],
        [consent(1, "2025-06-08"), consent(1, "2025-06-20", kind="waiver", document_id="W1", scope_modalities="clinical")],
    ],
)  # fmt: skip
def test_a_consent_of_the_day_or_a_waiver_covers_a_value(cohort, documents):
    rows = [lab(*PANEL[1], 1, "2025-06-01")]
    found = Built(cohort, [patient(1)], rows, consents=documents)
    assert found.found("ETH-05", "FAIL", "NOT_ASSESSED") == []
    assert found.table.loc["P1", "alb"] == 40


def test_older_values_that_do_not_count_are_no_finding(cohort):
    rows = [lab(*PANEL[1], 1, "2025-05-20"), lab(*PANEL[1], 1)]
    found = Built(cohort, [patient(1)], rows, consents=[consent(1, "2025-06-01")])
    assert found.found("ETH-05", "FAIL", "NOT_ASSESSED") == []
    assert list(found.labs["status"]) == ["ok", "ok"]


def test_values_without_a_date_leave_the_order_open(cohort):
    found = Built(
        cohort, [patient(1)], rows_of(1, without="date"), consents=[consent(1, "2025-06-01")]
    )
    [record] = found.found("ETH-05", "NOT_ASSESSED")
    assert (record["subject"], record["value"]) == ("P1", 8)
