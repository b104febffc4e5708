"""Units of whole columns: one laboratory, analyte and written unit are judged together, and never leave two scales."""

import math
from statistics import NormalDist

import numpy as np
import pandas as pd
import pytest

from scripts.clinical.clean_labs import clean
from scripts.clinical.lab_sheet import read_labs
from scripts.clinical.terminology import Dictionary, Units
from scripts.core.config import default_config
from scripts.core.hashing import ROOT
from scripts.report.page import reason
from tests.methods import checks_units

DICTIONARY = Dictionary.read(ROOT / "resources" / "variable_dictionary.csv")
UNITS = Units.read(ROOT / "resources" / "units.tsv")
COLUMNS = default_config()["clinical"]["unit_columns"]
HEADER = "patient_id\tanalyte\tvalue\tunit\tdate\tlaboratory\tmethod\n"


def _values(median: float, spread: float, size: int, seed: int = 1) -> np.ndarray:
    """Lognormal values by quantiles in a random order, so that no test hangs on a tail."""
    quantiles = np.random.default_rng(seed).permutation((np.arange(size) + 0.5) / size)
    return median * np.exp(spread * np.array([_NORMAL.inv_cdf(q) for q in quantiles]))


_NORMAL = NormalDist()


@pytest.fixture
def cleaned(tmp_path):
    """Clean rows (analyte, value, unit, date, laboratory, method), one patient a row: (table, findings)."""

    def run(*rows: tuple, declared=(), centre=None):
        path = tmp_path / "labs.tsv"
        lines = [
            "\t".join([f"P{i}", *map(str, row), *[""] * (6 - len(row))])
            for i, row in enumerate(rows)
        ]
        path.write_text(HEADER + "\n".join(lines) + "\n", encoding="utf-8")
        labs = read_labs(path)[0]
        places = None if centre is None else pd.Series(centre, [f"P{i}" for i in range(len(rows))])
        return clean(
            labs,
            DICTIONARY,
            UNITS,
            as_of="2026-03-01",
            columns=COLUMNS,
            declared=list(declared),
            centre=places,
        )

    return run


def column(analyte, values, unit, day="2025-06-01", laboratory="L1", method=""):
    return [(analyte, f"{v:.4g}", unit, day, laboratory, method) for v in values]


def test_column_in_another_unit_is_converted_whole_or_set_aside(cleaned):
    """24 values of ALT in ukat/L (0.2 to 2.7) under U/L: 1 ukat/L = 60 U/L."""
    values = _values(0.7, 0.6, 24)
    table, findings = cleaned(*column("ALT", values, "U/L"))
    kept = table["value"].notna()
    assert np.allclose(table["value"][kept], 60 * values[kept], rtol=1e-3)
    (found,) = findings
    assert (found.laboratory, found.variable, found.unit, found.other) == (
        "L1",
        "alt",
        "U/L",
        "ukat/L",
    )
    assert found.median == pytest.approx(0.7, rel=0.1) and found.median_other == pytest.approx(
        42, rel=0.1
    )
    assert sum(found.counts) == 24 and found.implausible > 0.9 and found.implausible_other == 0
    assert found.lines == [2, 25]


@pytest.mark.parametrize("share", [0.1, 0.3, 0.5, 0.8])
def test_column_in_two_units_never_keeps_two_scales(cleaned, share):
    truth = _values(35, 0.6, 60)
    other = np.arange(60) < share * 60
    table, findings = cleaned(*column("AST", np.where(other, truth / 60, truth), "U/L"))
    ratio = table["value"] / truth
    assert np.allclose(ratio.dropna(), 1, rtol=1e-3)
    assert [f.other for f in findings] == ["ukat/L"]


def test_two_units_with_nothing_between_them_are_parted_row_by_row(cleaned):
    """Albumin of 28 to 48 g/L, five of them in g/dL: all 60 are known."""
    truth = _values(38, 0.12, 60)
    values = np.where(np.arange(60) < 5, truth / 10, truth)
    table, (found,) = cleaned(*column("ALB", values, "g/L"))
    assert np.allclose(table["value"], truth, rtol=1e-3)
    assert (found.kind, found.converted, found.aside) == ("parted", 5, 0)
    assert table["reason"][:5].nunique() == 1


def test_unit_that_changes_on_a_day_converts_that_period_only(cleaned):
    truth = _values(30, 0.5, 60)
    old = column("ALT", truth[:40], "U/L", "2025-01-10")
    new = column("ALT", truth[40:] / 60, "U/L", "2025-05-10")
    table, (found,) = cleaned(*old, *new)
    assert np.allclose(table["value"], truth, rtol=1e-3)
    assert (found.kind, found.since, found.until, found.rows) == (
        "converted",
        "2025-05-10",
        "2025-05-10",
        20,
    )


@pytest.mark.parametrize("by", ["centre", "method"])
def test_part_of_a_laboratory_is_told_by_its_centre_or_method(cleaned, by):
    truth = _values(30, 0.5, 60)
    names = ["A"] * 35 + ["B"] * 25
    values = np.where(np.arange(60) < 35, truth, truth / 60)
    method = names if by == "method" else [""] * 60
    rows = [
        ("ALT", f"{v:.4g}", "U/L", "2025-01-10", "L1", m)
        for v, m in zip(values, method, strict=True)
    ]
    table, (found,) = cleaned(*rows, centre=names)
    assert np.allclose(table["value"], truth, rtol=1e-3) and found.rows == 25


def test_single_stray_row_is_repaired_alone_and_nobody_is_accused(cleaned):
    truth = _values(38, 0.12, 60)
    values = np.where(np.arange(60) < 1, truth / 10, truth)
    table, findings = cleaned(*column("ALB", values, "g/L"))
    assert not findings and table["status"].tolist() == ["repaired", *["ok"] * 59]


@pytest.mark.parametrize(
    ("analyte", "median", "spread", "unit"),
    [  # acute flares, decompensation, dialysis, large tumours, suppressed marrow
        *(("ALT", 400, 1.1, "U/L"), ("TBIL", 90, 1.0, "umol/L"), ("TBIL", 5, 1.0, "mg/dL"), ("CREA", 700, 0.4, "umol/L")),
        *(("AFP", 3000, 3.0, "ng/mL"), ("ALB", 24, 0.2, "g/L"), ("PLT", 45, 0.5, "10^9/L"), ("ALP", 1260, 0.8, "U/L")),
        *(("INR", 2.2, 0.3, ""), ("HBV DNA", 1e6, 3.0, "IU/mL"), ("CREA", 8, 0.4, "mg/dL"), ("GGT", 350, 1.0, "U/L")),
    ],
)  # fmt: skip
def test_laboratory_of_very_sick_patients_is_not_accused(cleaned, analyte, median, spread, unit):
    _, findings = cleaned(*column(analyte, _values(median, spread, 120), unit))
    assert not findings


def test_few_rows_that_can_be_either_are_set_aside(cleaned):
    table, findings = cleaned(*column("ALT", (0.6, 0.8, 2.5, 7, 30), "U/L"))
    assert set(table["status"]) == {"quarantined"} and findings[0].kind == "set aside"


def test_seconds_under_inr_are_no_ratio(cleaned):
    """Prothrombin times of 11 to 14 s: a single one is doubted, a column is named; none is a ratio."""
    single, findings = cleaned(*column("INR", (12,), ""), *column("ALB", (40,), "g/L"))
    assert single["status"].tolist() == ["quarantined", "ok"] and not findings
    table, (found,) = cleaned(*column("INR", _values(12, 0.06, 30), ""))
    assert table["value"].isna().all() and (found.variable, found.other) == ("inr", "s")
    mixed = np.r_[_values(12, 0.06, 6), _values(1.1, 0.1, 40)]
    table, (found,) = cleaned(*column("INR", mixed, "1"))
    assert table["value"].notna().tolist() == [False] * 6 + [True] * 40 and found.kind == "parted"
    assert cleaned(*column("INR", (12,), "s"))[0]["variable"].tolist() == ["pt"]


def test_logarithms_under_copies_per_volume_are_set_aside(cleaned):
    """HBV DNA of 2.1 to 7.8 log10 IU/mL under IU/mL."""
    table, (found,) = cleaned(*column("HBV DNA", _values(4.2, 0.25, 30), "IU/mL"))
    assert table["value"].isna().all() and found.other == "log10 IU/mL"


def test_column_without_any_unit_is_read_in_one_unit_throughout(cleaned):
    truth = _values(75, 0.35, 40)
    table, _ = cleaned(*column("CREA", truth / 88.4, ""))
    assert np.allclose(table["value"], truth, rtol=1e-3) and set(table["status"]) == {"repaired"}
    table, _ = cleaned(*column("ALT", np.r_[truth[:20], truth[20:] / 60], ""))
    assert np.allclose((table["value"] / np.r_[truth]).dropna(), 1, rtol=1e-3)


def test_declared_unit_counts_for_its_laboratory_and_is_attested(cleaned):
    values = _values(0.7, 0.6, 24)
    declared = [{"laboratory": "L1", "analyte": "ALT", "unit": "ukat/L", "document": "D-7"}]
    rows = [*column("ALT", values, "U/L"), *column("ALT", 60 * values, "U/L", laboratory="L2")]
    table, (found,) = cleaned(*rows, declared=declared)
    assert np.allclose(table["value"], np.r_[60 * values, 60 * values], rtol=1e-3)
    assert (found.kind, found.converted, found.document) == ("declared", 24, "D-7")
    assert set(table["status"]) == {"ok"}


def test_declaration_that_no_value_fits_is_contradicted(cleaned):
    declared = [{"laboratory": "L1", "analyte": "ALB", "unit": "g/L"}]
    table, findings = cleaned(*column("ALB", _values(3.8, 0.1, 30), "g/L"), declared=declared)
    assert table["value"].isna().all() or {f.kind for f in findings} > {"declared"}


def test_declaration_of_a_period(cleaned):
    values = _values(30, 0.4, 20)
    declared = [{"analyte": "GPT", "unit": "ukat/L", "since": "2025-03-01", "until": "2025-12-31"}]
    rows = [
        *column("ALT", values, "U/L", "2025-01-10"),
        *column("ALT", values / 60, "U/L", "2025-05-10"),
    ]
    table, _ = cleaned(*rows, declared=declared)
    assert np.allclose(table["value"], np.r_[values, values], rtol=1e-3)


@pytest.mark.parametrize(
    ("analyte", "value", "unit", "expected"),
    [  # SI prefixes, powers of ten, other volumes, logarithms
        *(("HBV-DNA", "1.2", "kIU/mL", 1200), ("HBV-DNA", "1.2", "10^3 IU/mL", 1200), ("HBV-DNA", "1.2", "×10³IU/mL", 1200)),
        *(("HBV-DNA", "3.1", "万IU/mL", 31000), ("HBV-DNA", "1200", "IU/L", 1.2), ("HBV-DNA", "4", "log10 IU/mL", 1e4)),
        *(("ALT", "0.04", "kU/L", 40), ("ALT", "40", "mU/mL", 40), ("CA19-9", "35000", "mU/mL", 35), ("CEA", "3000", "pg/mL", 3)),
        *(("PIVKA-II", "0.04", "kAU/L", 40), ("CHE", "7", "kU/L", 7), ("GLU", "5200", "umol/L", 5.2)),
        *(("PLT", "1.5", "10^5/uL", 150), ("AFP", "0.02", "mg/L", 20), ("HBV DNA copies", "5", "lg copies/mL", 1e5)),
    ],
)  # fmt: skip
def test_units_with_prefixes_and_powers(cleaned, analyte, value, unit, expected):
    row = cleaned((analyte, value, unit))[0].iloc[0]
    assert (row["status"], row["value"]) == ("ok", pytest.approx(expected))


@pytest.mark.parametrize(
    ("analyte", "unit"),
    [("HBV-DNA", "MIU/mL"), ("ALT", "kg/L"), ("PIVKA-II", "ug/mL"), ("AFP", "kIU/mL")],
)
def test_mega_or_milli_and_what_is_never_converted_stay_refused(cleaned, analyte, unit):
    assert cleaned((analyte, "1.2", unit))[0].iloc[0]["requirement_id"] == "CLE-03"


def test_hbsag_cut_off_moves_with_the_prefix(cleaned):
    """Positive from 0.05 IU/mL, which is 50 mIU/mL."""
    table, _ = cleaned(("HBsAg", "49", "mIU/mL"), ("HBsAg", "51", "mIU/mL"))
    assert table["value"].tolist() == [0, 1]


def test_every_reason_of_a_column_has_its_chinese(cleaned):
    truth = _values(38, 0.12, 60)
    seen = [
        *cleaned(*column("ALB", np.where(np.arange(60) < 5, truth / 10, truth), "g/L"))[0][
            "reason"
        ],
        *cleaned(*column("ALT", _values(0.7, 0.6, 24), "U/L"))[0]["reason"],
        *cleaned(*column("ALT", (0.6, 0.8, 2.5, 7, 30), "U/L"))[0]["reason"],
        *cleaned(*column("CREA", truth / 40, ""))[0]["reason"],
        *cleaned(*column("ALB", (3.1,), "g/L"), *column("INR", (12,), ""))[0]["reason"],
    ]
    texts = {text for text in seen if text}
    assert len(texts) >= 5 and all(reason(text).zh != text for text in texts), texts


def test_drawn_columns_are_named_and_clean_ones_let_be():
    wrong = checks_units.count(8, mislabelled=True)
    assert len(wrong["named"]) == 8 and not wrong["torn"] and not wrong["accused"]
    clean_ones = checks_units.count(8, mislabelled=False)
    assert not clean_ones["accused"] and not clean_ones["torn"]


@pytest.mark.long
@pytest.mark.parametrize("check", checks_units.CHECKS, ids=lambda check: check.__name__)
def test_two_hundred_drawn_cohorts(check):
    line = check(None)
    assert line["holds"], line["measured"]


def test_shift_between_units_is_that_of_the_table():
    """ln 60 for U/L and ukat/L, ln 17.1 for umol/L and mg/dL."""
    from scripts.clinical.judge_columns import alternatives

    shifts = {a.unit: a.shift for a in alternatives(DICTIONARY.variables["alt"], 1.0, UNITS)}
    assert shifts["ukat/L"] == pytest.approx(math.log(60))
    shifts = {a.unit: a.shift for a in alternatives(DICTIONARY.variables["tbil"], 17.1, UNITS)}
    assert shifts["umol/L"] == pytest.approx(-math.log(17.1))


def test_repeated_slip_of_one_patient_is_repaired_cell_by_cell(tmp_path):
    """Platelets per uL under a header of G/L, twice for one patient, the only rows of the laboratory with this unit."""
    path = tmp_path / "labs.tsv"
    rows = [f"P1\tPLT\t152000\t10^9/L\t2025-04-{day}\tLAB2\n" for day in (17, 24)]
    rows += [f"P{n}\tPLT\t{150 + n}\t10^3/mm3\t2025-04-17\tLAB2\n" for n in range(2, 6)]
    path.write_text("patient_id\tanalyte\tvalue\tunit\tdate\tlaboratory\n" + "".join(rows))
    table, findings = clean(
        read_labs(path)[0], DICTIONARY, UNITS, as_of="2026-03-01", columns=COLUMNS
    )
    assert findings == []
    assert table["status"].tolist()[:2] == ["repaired", "repaired"]
    assert table["value"].tolist()[:2] == [152, 152]
