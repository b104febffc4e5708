"""Rows as cleaning leaves them: cut-offs, powers of ten, words, duplicates, units; canonical factors from resources/units.tsv."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from scripts.clinical.choose_values import mark_used
from scripts.clinical.clean_labs import clean
from scripts.clinical.lab_sheet import read_labs
from scripts.clinical.terminology import Dictionary, Units

RESOURCES = Path(__file__).parents[3] / "resources"
DICTIONARY = Dictionary.read(RESOURCES / "variable_dictionary.csv")
UNITS = Units.read(RESOURCES / "units.tsv")
HEADER = "patient_id\tanalyte\tvalue\tunit\tdate\n"


@pytest.fixture
def cleaned(tmp_path):
    """Clean rows (analyte, value, unit, date) of one patient."""

    def run(*rows: tuple[str, ...]) -> pd.DataFrame:
        path = tmp_path / "labs.tsv"
        lines = ["\t".join(("P1", *row, *[""] * (4 - len(row)))) + "\n" for row in rows]
        path.write_text(HEADER + "".join(lines), encoding="utf-8")
        return clean(read_labs(path)[0], DICTIONARY, UNITS, as_of="2026-03-01")[0]

    return run


@pytest.mark.parametrize(
    ("analyte", "value", "unit", "positive"),
    [  # cut-offs: HBsAg 0.05 IU/mL, index 1
        *(("HBsAg", "<0.05", "IU/mL", 0), ("HBsAg", "＜0.05", "IU/mL", 0), ("HBsAg", "<1", "COI", 0)),
        *(("anti-HCV", "<1.00", "S/CO", 0), ("HBsAg", ">250", "IU/mL", 1), ("HBeAg", ">1", "COI", 1)),
        *(("HBsAg", "0.05", "IU/mL", 1), ("HBsAg", "0.04", "IU/mL", 0), ("HBsAg", "阴性 <0.05", "IU/mL", 0)),
    ],
)  # fmt: skip
def test_limit_on_its_side_of_the_cut_off_is_a_result(cleaned, analyte, value, unit, positive):
    row = cleaned((analyte, value, unit)).iloc[0]
    assert (row["status"], row["value"]) == ("ok", positive)


@pytest.mark.parametrize(
    ("analyte", "value", "unit"),
    [("HBeAg", ">0.5", "COI"), ("HBsAg", "<1", "IU/mL"), ("anti-HCV", "<2", "S/CO")],
)
def test_limit_on_the_wrong_side_of_the_cut_off_says_nothing(cleaned, analyte, value, unit):
    row = cleaned((analyte, value, unit)).iloc[0]
    assert (row["status"], row["requirement_id"]) == ("quarantined", "CLE-02")
    assert row["reason"] == "a limit on the wrong side of the cut-off"
    assert np.isnan(row["value"])


@pytest.mark.parametrize(
    "value", ["250", "12.5", "25000"]
)  # the hard range of HBV DNA ends at 1e11
def test_power_of_ten_outside_the_hard_range_is_in_quarantine(cleaned, value):
    row = cleaned(("HBV DNA", value, "log10 IU/mL")).iloc[0]
    assert (row["status"], row["requirement_id"]) == ("quarantined", "CLE-02")
    assert row["reason"] == "10 to this power is outside the hard range"


def test_power_of_ten_with_a_comma_is_read_as_the_possible_one(cleaned):
    row = cleaned(("HBV DNA", "5,301", "lg IU/mL")).iloc[0]
    assert (row["status"], row["value"]) == ("repaired", pytest.approx(10**5.301))


def test_impossible_power_of_ten_does_not_win_over_a_valid_one(cleaned):
    rows = [("HBV DNA", "25000", "lg IU/mL", "2025-06-01"), ("HBV DNA", "5.3", "lg IU/mL", "2025-05-20")]  # fmt: skip
    day, never = pd.Series({"P1": pd.Timestamp("2025-06-01")}), pd.Series({"P1": pd.NaT})
    assert mark_used(cleaned(*rows), day, never, 30)["used"].tolist() == [False, True]


def test_contradicting_words_of_one_day_are_no_duplicates(cleaned):
    rows = [
        ("HBsAg", word, "", "2025-01-01")
        for word in ("阳性(复检甲)", "阴性(复检甲)", "阳性(复检甲)")
    ]
    assert cleaned(*rows)["status"].tolist() == ["ok", "ok", "duplicate"]


@pytest.mark.parametrize(
    ("value", "unit", "shown"),
    [
        ("35(李明复查)", "U/L", ("35((words))", "U/L")),
        ("35", "李明复查", ("35", "(words)")),
        ("35 电话１３８００１３８０００", "U/L", ("(hidden)", "U/L")),
        ("13800138000.0", "U/L", ("(hidden)", "U/L")),
        ("小于20单位/升", "", ("小于20单位/升", "")),
        ("35", "单位/升", ("35", "单位/升")),
    ],
)
def test_words_of_no_laboratory_are_masked_in_value_and_unit(cleaned, value, unit, shown):
    row = cleaned(("ALT", value, unit)).iloc[0]
    assert (row["value_raw"], row["unit_raw"]) == shown


@pytest.mark.parametrize(
    ("analyte", "value", "factor"),
    [  # urea 60.06 g/mol: 10 / 60.06; urea nitrogen 28.01 g in one mole of urea: 10 / 28.01
        *(("尿素", "40", 0.1665), ("UREA", "40", 0.1665), ("BUN", "40", 0.357), ("尿素氮", "40", 0.357)),
        *(("尿素氮(BUN)", "40", 0.357), ("urea nitrogen", "40", 0.357), ("尿素(UREA)", "40", 0.1665)),
    ],
)  # fmt: skip
def test_mass_of_urea_and_of_its_nitrogen_are_two_factors(cleaned, analyte, value, factor):
    row = cleaned((analyte, value, "mg/dL")).iloc[0]
    assert (row["variable"], row["status"]) == ("urea", "ok")
    assert row["value"] == pytest.approx(40 * factor)


def test_name_that_says_urea_and_its_nitrogen_is_clear_in_moles_only(cleaned):
    table = cleaned(("尿素(BUN)", "6", "mmol/L"), ("尿素(BUN)", "40", "mg/dL"))
    assert table["status"].tolist() == ["ok", "quarantined"]
    assert table["value"][0] == 6
    assert table["reason"][1] == "mg/dL of urea or urea nitrogen; name only one of them"


def test_impossible_urea_nitrogen_is_explained_by_its_own_factor(cleaned):
    row = cleaned(("BUN", "150", "mmol/L")).iloc[0]  # the hard range ends at 100 mmol/L
    assert (row["status"], row["value"]) == ("repaired", pytest.approx(150 * 0.357))


@pytest.mark.parametrize(
    ("analyte", "value", "unit", "expected"),
    [
        *(("PLT", "150", "10³/mm³", 150), ("PLT", "150000", "/mm³", 150), ("MCV", "90", "µm³", 90)),
        *(("PLT", "150 10³/mm³", "", 150), ("INR", "1.1", "-", 1.1), ("INR", "1.1", "/", 1.1)),
        *(("ALB", "38 g/L", "-", 38), ("AFP-L3", "12 %", "—", 12)),
    ],
)  # fmt: skip
def test_cubes_and_units_that_are_only_a_dash(cleaned, analyte, value, unit, expected):
    row = cleaned((analyte, value, unit)).iloc[0]
    assert (row["status"], row["value"]) == ("ok", pytest.approx(expected))


@pytest.mark.parametrize(
    ("value", "unit"), [("阴性 250", "IU/mL"), ("阳性 0.01", "IU/mL"), ("阴性(3.5)", "COI")]
)
def test_word_against_number_of_a_cell_is_in_quarantine(cleaned, value, unit):
    row = cleaned(("HBsAg", value, unit)).iloc[0]
    assert (row["status"], row["requirement_id"]) == ("quarantined", "CLE-02")
    assert row["reason"] == "the word and the number of the cell contradict each other"


@pytest.mark.parametrize("value", ["0.3", "0.7", "1.2"])
def test_hbeag_in_peiu_is_refused_because_its_cut_off_is_that_of_the_assay(cleaned, value):
    row = cleaned(("HBeAg", value, "PEIU/mL")).iloc[0]
    assert (row["status"], row["requirement_id"]) == ("quarantined", "CLE-03")
    assert cleaned(("HBeAg", f"阳性 {value}", "PEIU/mL")).iloc[0]["value"] == 1


@pytest.mark.parametrize(
    ("analyte", "value", "status"),
    [  # 10^9/L, or % of the leukocytes? More than 5 lymphocytes are a lymphocytosis, 20 neutrophils a leukaemoid reaction
        *(("LYMPH", "18", "quarantined"), ("LYMPH", "8", "quarantined"), ("NEUT", "35", "quarantined")),
        *(("LYMPH", "1.8", "repaired"), ("NEUT", "4.2", "repaired")),
    ],
)  # fmt: skip
def test_neutrophils_or_lymphocytes_without_unit_that_may_be_a_share(
    cleaned, analyte, value, status
):
    rows = cleaned((analyte, value, ""), (analyte, value, "%"))
    assert rows["status"].tolist() == [status, "quarantined"]
    assert cleaned(("LYMPH", "1800", "/uL")).iloc[0]["value"] == pytest.approx(1.8)


@pytest.mark.parametrize("value", ["3.9", "5.0", "5.3"])  # a healthy person has up to 5.5 g/dL
def test_albumin_in_g_dl_under_a_header_of_g_l_is_repaired(cleaned, value):
    row = cleaned(("ALB", value, "g/L")).iloc[0]
    assert (row["status"], row["value"]) == ("repaired", pytest.approx(float(value) * 10))


@pytest.mark.parametrize("name", ["异常凝血酶原(DCP)", "异常凝血酶原（DCP）", "DCP(异常凝血酶原)"])
def test_unit_says_which_prothrombin_a_name_for_both_means(cleaned, name):
    rows = cleaned((name, "40", "mAU/mL"), (name, "8", "ng/mL"), (name, "40", ""))
    assert rows["variable"].tolist()[:2] == ["pivka2", "dcp"]
    assert rows["status"].tolist() == ["ok", "ok", "quarantined"]


@pytest.mark.parametrize(
    ("analyte", "value", "unit", "expected"),
    [
        *(("PLT", "150", "×10⁹·L⁻¹", 150), ("PLT", "150", "10^9.L-1", 150), ("PLT", "150", "10∧9/L", 150)),
        *(("PLT", "150", "/nL", 150), ("PLT", "150", "K/mm³", 150), ("PLT", "150000", "cells/mm³", 150)),
        *(("ALB", "38", "克/升", 38), ("ALB", "38", "g·L-1", 38), ("AFP", "35", "微克/升", 35)),
        *(("TBIL", "17", "微摩尔/升", 17), ("AFP", "35", "ng∕mL", 35), ("Na", "140", "毫摩尔/升", 140)),
        *(("INR", "1.1", "无", 1.1), ("INR", "1.1", "N/A", 1.1)),
        *(("PLT", "150", "E9/L", 150), ("PLT", "150", "10^9cells/L", 150), ("PLT", "150", "1000/uL", 150)),
        *(("ALT", "35", "units/L", 35), ("ALT", "35", "U/L(37℃)", 35), ("ALT", "35", "U/L 37°C", 35)),
        *(("ALB", "3.8", "gm/dL", 38), ("CREA", "1", "mg/100mL", 88.4), ("GLU", "5.5", "mM", 5.5)),
        *(("TBIL", "17", "µM", 17), ("TBIL", "17", "uM", 17), ("FIB", "300", "mg/100 mL", 3)),
    ],
)  # fmt: skip
def test_more_ways_to_write_a_unit(cleaned, analyte, value, unit, expected):
    row = cleaned((analyte, value, unit)).iloc[0]
    assert (row["status"], row["value"]) == ("ok", pytest.approx(expected))


@pytest.mark.parametrize("unit", ["gL1", "千克/升", "?"])
def test_what_is_no_unit_stays_refused(cleaned, unit):
    assert cleaned(("ALB", "38", unit)).iloc[0]["requirement_id"] == "CLE-03"


@pytest.mark.parametrize(
    ("analyte", "unit"),
    [("ALT", "U/L(30℃)"), ("PLT", "100/uL"), ("PLT", "E/L"), ("GLU", "mm"), ("PLT", "1000/mL")],
)
def test_unit_that_only_looks_like_one_stays_refused(cleaned, analyte, unit):
    assert cleaned((analyte, "35", unit)).iloc[0]["requirement_id"] == "CLE-03"


@pytest.mark.parametrize("unit", ["无", "NA", "-"])
def test_word_for_no_unit_is_an_empty_unit(cleaned, unit):
    rows = cleaned(("ALB", "38", unit), ("AFP", "38", unit))
    assert rows["status"].tolist() == ["repaired", "quarantined"]
    assert rows["reason"].str.startswith("no unit").all()


@pytest.mark.parametrize(
    ("analyte", "value", "unit", "other"),
    [  # 6.3 mg/dL = 557 umol/L, 20 mg/dL = 1768 umol/L, 1.2 mg/dL = 20.5 umol/L; 350 /uL = 0.35 10^9/L
        *(("CREA", "6.3", "umol/L", "mg/dL"), ("CREA", "20", "mg/dL", "umol/L"), ("TBIL", "1.2", "umol/L", "mg/dL")),
        *(("LYMPH", "350", "10^9/L", "/uL"), ("NEUT", "4.2", "/uL", "10^9/L"), ("LYMPH", "1.8", "/uL", "10^9/L")),
        *(("EO", "0.15", "/uL", "10^9/L"), ("TBIL", "60", "mg/dL", "umol/L")),
    ],
)  # fmt: skip
def test_value_that_another_unit_would_make_ordinary_is_in_quarantine(
    cleaned, analyte, value, unit, other
):
    analyte = {"EO": "EO#"}.get(analyte, analyte)
    row = cleaned((analyte, value, unit)).iloc[0]
    assert (row["status"], row["requirement_id"]) == ("quarantined", "CLE-02")
    assert f", ordinary in {other}; correct the unit" in row["reason"]


@pytest.mark.parametrize(
    ("analyte", "value", "unit"),
    [  # agranulocytosis, a leukaemia, cachexia, and the same numbers as the messages ask for them
        *(("NEUT", "0", "10^9/L"), ("NEUT", "0", "/uL"), ("LYMPH", "60", "10^9/L"), ("CREA", "18", "umol/L")),
        *(("CREA", "0.0713", "mg/dL"), ("NEUT", "0.0042", "10^9/L"), ("LYMPH", "350000", "/uL")),
        *(("CREA", "1768", "umol/L"), ("ALT", "4", "U/L"), ("CREA", "1.1", "mg/dL"), ("TBIL", "2.1", "umol/L")),
    ],
)  # fmt: skip
def test_rare_value_without_a_double_is_kept(cleaned, analyte, value, unit):
    row = cleaned((analyte, value, unit)).iloc[0]
    factor = {"mg/dL": 88.4, "/uL": 0.001}.get(unit, 1)
    assert (row["status"], row["value"]) == ("ok", pytest.approx(float(value) * factor))


@pytest.mark.parametrize(
    ("analyte", "value", "unit", "expected"),
    [  # impossible as they stand: hard ranges of creatinine 5 to 3000, of neutrophils and lymphocytes to 400
        *(("CREA", "4.9", "umol/L", 433.16), ("LYMPH", "1200", "10^9/L", 1.2), ("CREA", "80", "mg/dL", 80)),
    ],
)  # fmt: skip
def test_impossible_value_is_still_repaired(cleaned, analyte, value, unit, expected):
    row = cleaned((analyte, value, unit)).iloc[0]
    assert (row["status"], row["value"]) == ("repaired", pytest.approx(expected))


@pytest.mark.parametrize(
    ("analyte", "value", "expected"),
    [  # 1 ukat/L = 60 U/L, 1 mg/dL = 17.1 umol/L bilirubin, 1 mg/dL = 0.0555 mmol/L glucose; hard ranges of the dictionary
        *(("ALT", "3", None), ("ALT", "0.5", 30), ("ALT", "40", 40), ("TBIL", "1.2", None), ("TBIL", "0.4", 6.84)),
        *(("PT", "13", 13), ("PT", "20", 20), ("PT", "45", None), ("PT", "85", None), ("APTT", "45", 45)),
        *(("GLU", "90", 4.995), ("GLU", "60", None), ("AFP-L3", "0.3", None), ("HGB", "14", 140), ("PLT", "152000", 152)),
    ],
)  # fmt: skip
def test_number_without_unit_is_converted_only_where_it_is_impossible_as_it_stands(
    cleaned, analyte, value, expected
):
    row = cleaned((analyte, value, "")).iloc[0]
    assert row["status"] == ("repaired" if expected else "quarantined")
    assert row["value"] == pytest.approx(expected or np.nan, nan_ok=True)


@pytest.mark.parametrize(
    ("analyte", "allowed"),
    [
        ("AFP", "ng/mL, ng/L"),
        ("ALT", "U/L, ukat/L, nkat/L"),
        ("PT", "s; is it the prothrombin activity in %?"),
        ("DCP", "ng/mL, mAU/mL"),
    ],
)
def test_reason_of_a_missing_unit_names_those_that_are_taken(cleaned, analyte, allowed):
    value = {"ALT": "3", "PT": "45"}.get(analyte, "35")
    assert cleaned((analyte, value, "")).iloc[0]["reason"].endswith(f"; give one of {allowed}")


def test_prothrombin_activity_is_never_converted(cleaned):
    row = cleaned(("PT", "85", "%")).iloc[0]
    assert row["status"] == "quarantined"
    assert row["reason"].startswith("% is never converted: activity (Quick)")


@pytest.mark.parametrize(
    ("beside", "status", "value"),
    [  # 12450 ng/mL of AFP is as possible as 12.45; haemoglobin ends at 260 g/L
        *(("35,5", "quarantined", None), ("1.234,5", "quarantined", None), ("0,123", "quarantined", None)),
        *(("35.5", "ok", 12.45), ("1,234,567", "ok", 12.45), ("1,234.5", "ok", 12.45), ("1,234", "ok", 12.45)),
    ],
)  # fmt: skip
def test_point_before_three_digits_beside_decimal_commas_can_be_read_in_two_ways(
    cleaned, beside, status, value
):
    rows = cleaned(("AFP", "12.450", "ng/mL"), ("AFP", beside, "ng/mL"), ("HGB", "12.450", "g/dL"))
    assert rows["status"][0] == status
    assert rows["value"][0] == pytest.approx(value or np.nan, nan_ok=True)
    assert rows["value"][2] == pytest.approx(124.5)
    if not value:
        assert rows["reason"][0].startswith(
            "digits that can be read in two ways; write them with a decimal"
        )
        assert rows["reason"][2] == "digits of which one reading only is in range"


@pytest.mark.parametrize(("points", "status"), [(0, "quarantined"), (1, "ok"), (2, "ok")])
def test_decimal_points_that_are_as_many_as_the_commas_make_a_comma_a_slip(cleaned, points, status):
    beside = [("ALB", "3,8", "g/dL"), *[("AFP", "5.2", "ng/mL")] * points]
    assert cleaned(("AFP", "3.125", "ng/mL"), *beside)["status"][0] == status


def test_albumin_of_a_nephrotic_person_is_possible(cleaned):
    # ILPD has 0.9 g/dL twice, and the ratio to globulin bears it out
    rows = cleaned(("ALB", "0.9", "g/dL"), ("ALB", "5.0", "g/L"))
    assert rows["status"].tolist() == ["ok", "repaired"]
    assert rows["value"].tolist() == pytest.approx([9, 50])


def test_decimal_commas_of_one_laboratory_say_nothing_about_another(tmp_path):
    path = tmp_path / "labs.tsv"
    rows = ("P1\tAFP\t12.450\tng/mL\tA", "P1\tALB\t35,5\tg/L\tB", "P1\tAFP\t12.450\tng/mL\tB")
    path.write_text("\n".join(["patient_id\tanalyte\tvalue\tunit\tlaboratory", *rows, ""]))
    table = clean(read_labs(path)[0], DICTIONARY, UNITS, as_of="2026-03-01")[0]
    assert table["status"].tolist() == ["ok", "ok", "quarantined"]


@pytest.mark.parametrize(
    ("analyte", "value", "unit", "expected"),
    [  # 1 g/dL = 10 g/L
        *(("ALT(U/L)", "35", "", 35), ("AFP(ng/ml)", "35", "", 35), ("PT(s)", "45", "", 45), ("ALB (g/dL)", "3.8", "", 38)),
        *(("甲胎蛋白（AFP）（ng/ml）", "35", "-", 35), ("ALT[U/L]", "35", "IU/L", 35), ("AFP(ng/mL)", "35 ug/L", "", 35)),
        *(("PT(%)", "85", "", None), ("ALB(g/dL)", "38", "g/L", None), ("ALB(g/dL)", "38 g/L", "", None)),
        *(("ALT(mmol/L)", "35", "", None), ("PIVKA-II(ng/mL)", "35", "", None)),
    ],
)  # fmt: skip
def test_unit_in_brackets_behind_a_name(cleaned, analyte, value, unit, expected):
    row = cleaned((analyte, value, unit)).iloc[0]
    assert row["status"] == ("ok" if expected else "quarantined")
    assert row["value"] == pytest.approx(expected or np.nan, nan_ok=True)


def test_unit_in_brackets_against_that_of_the_value_has_its_own_reason(cleaned):
    reasons = set(cleaned(("ALB(g/dL)", "38", "g/L"), ("ALB(g/dL)", "38 g/L", ""))["reason"])
    assert reasons == {"the unit in the name of the analyte is not that of the value"}


def test_mass_of_urea_nitrogen_in_serum_keeps_its_factor(cleaned):
    row = cleaned(("血清尿素氮", "14", "mg/dL")).iloc[0]
    assert row["value"] == pytest.approx(14 * 0.357)  # 28.01 g in one mole of urea: 10 / 28.01


@pytest.mark.parametrize(
    ("value", "expected", "censor"),
    [
        ("35.2高", 35.2, ""),
        ("1210以上", 1210, ">"),
        ("未检出(<20)", 20 / np.sqrt(2), "<"),
        ("↑35.2", 35.2, ""),
    ],
)
def test_flag_or_word_of_a_limit_beside_a_number(cleaned, value, expected, censor):
    row = cleaned(("AFP", value, "ng/mL")).iloc[0]
    assert (row["status"], row["censor"], row["value_raw"]) == ("ok", censor, value)
    assert row["value"] == pytest.approx(expected)


def test_words_of_reactivity_are_results(cleaned):
    words = ("Reactive", "Nonreactive", "有反应性", "无反应性")
    rows = cleaned(*(("HBsAg", word, "", f"2025-01-0{i}") for i, word in enumerate(words, 1)))
    assert rows["value"].tolist() == [1, 0, 1, 0]
    assert rows["value_raw"].tolist() == list(words)


def test_message_about_a_ratio_prints_no_unit_and_says_what_may_be_meant(cleaned):
    reason = "outside 0.5 to 20; impossible; is it the prothrombin activity in %?"
    assert cleaned(("INR", "85", "")).iloc[0]["reason"] == reason


def test_day_before_month_is_taken_where_it_reads_one_way(cleaned):
    rows = cleaned(("ALT", "35", "U/L", "31.12.2024"), ("ALT", "35", "U/L", "03/04/2024"))
    assert rows["status"].tolist() == ["ok", "quarantined"]
    assert str(rows["date"][0].date()) == "2024-12-31"


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_line_break_inside_a_cell_does_not_shift_the_lines_below(tmp_path, end):
    path = tmp_path / "labs.tsv"
    rows = (
        "P1\tALT\t35\tU/L",
        'P1\t"AST\n(serum)"\t35\tU/L',
        "",
        "P1\tGGT\t35\tU/L",
        'P1\t"ALB"\t40\tg/L',
    )
    text = "patient_id\tanalyte\tvalue\tunit\n" + "\n".join(rows) + "\n"
    path.write_bytes(text.replace("\n", end).encode())
    table = read_labs(path)[0]
    assert table["analyte"].tolist()[::2] == ["ALT", "GGT"]
    assert table["line"].tolist() == [
        2,
        3,
        6,
        7,
    ]  # where the record begins, as in every other sheet


def test_quotation_marks_alone_leave_the_lines_as_they_are(tmp_path):
    path = tmp_path / "labs.tsv"
    path.write_text('patient_id\tanalyte\tvalue\tunit\nP1\t"ALT"\t35\tU/L\n\nP1\tAST\t35\t""\n')
    assert read_labs(path)[0]["line"].tolist() == [2, 4]


def test_limit_of_detection_of_bilirubin_is_no_value_in_doubt(cleaned):
    row = cleaned(("TBIL", "<1.7", "umol/L")).iloc[0]  # 0.1 mg/dL
    assert (row["status"], row["value"]) == ("ok", pytest.approx(1.7 / np.sqrt(2)))


@pytest.mark.parametrize(
    ("analyte", "value", "unit", "found"),
    [  # 50 mg/dL x 17.1 is 855 but for rounding; a limit below may be small in either reading of its comma
        ("TBIL", "50", "mg/dL", 855.0),
        ("TBIL", ">50", "mg/dL", 855.0),
        ("CREA", "<5,000", "umol/L", 5 / np.sqrt(2)),
        ("TBIL", "<1,710", "umol/L", 1.71 / np.sqrt(2)),
    ],
)
def test_limits_of_the_sure_range_are_inside_and_limits_of_detection_are_no_doubt(
    cleaned, analyte, value, unit, found
):
    assert cleaned((analyte, value, unit, "2025-01-01"))["value"][0] == pytest.approx(found)


def test_an_exact_value_stays_in_doubt_beside_a_limit_of_the_same_digits(cleaned):
    table = cleaned(("CREA", "5,000", "umol/L", ""), ("CREA", "<5,000", "umol/L", ""))
    assert table["status"].tolist() == ["quarantined", "repaired"]


def test_the_way_of_writing_that_a_doubt_asks_for_is_in_no_doubt(cleaned):
    table = cleaned(("EO#", "2.5", "10^4/uL", ""), ("EO#", "25000", "/uL", ""))
    assert table["reason"][0].endswith("write it in /uL where it is right")
    assert table["status"][1] == "ok"


def test_only_commas_of_known_analytes_say_how_a_laboratory_writes_numbers(cleaned):
    assert cleaned(("AFP", "3.125", "ng/mL", ""), ("备注", "0,61", "", ""))["status"][0] == "ok"
    assert cleaned(("AFP", "3.125", "ng/mL", ""), ("ALT", "5,", "U/L", ""))["status"][0] == "ok"
    both = cleaned(("AFP", "3.125", "ng/mL", ""), ("ALB", "3,8", "g/dL", ""))
    assert both["status"][0] == "quarantined"


@pytest.mark.parametrize(
    "word",
    ["grayzone reactive", "grey zone", "initially reactive", "Reactive, not confirmed",
     "unconfirmed reactive", "un-reactive", "never reactive", "反应性，未确认"],
)  # fmt: skip
def test_doubtful_reactivity_is_no_result(cleaned, word):
    assert cleaned(("anti-HCV", word, "S/CO", ""))["status"][0] == "quarantined"


def test_per_microlitre_with_an_exponent_is_no_activity(cleaned):
    rows = [("ALT", "30", "μL-1", ""), ("ALT", "30", "个·μL-1", ""), ("PLT", "150000", "μL-1", "")]
    rows += [("ALT", "30", "U·L-1", ""), ("AFP", "30", "ng·mL-1", ""), ("ALB", "40", "g.L-1", "")]
    rows += [("PLT", "150", "10^9·L-1", ""), ("TBIL", "20", "umol·L^-1", "")]
    table = cleaned(*rows)
    assert table["status"].tolist() == ["quarantined"] * 2 + ["ok"] * 6
    assert table["value"].tolist()[2:] == [150.0, 30.0, 30.0, 40.0, 150.0, 20.0]


def test_laboratory_that_proves_day_first_is_read_so_whole_and_no_other(tmp_path):
    path = tmp_path / "labs.tsv"
    days = {
        "A": ["25/01/2026", "03/01/2026"],
        "B": ["03/01/2026"],
        "C": ["01/25/2026", "03/01/2026"],
    }
    rows = [
        f"P1\tALT\t{30 + n}\tU/L\t{day}\t{lab}\n" for lab in days for n, day in enumerate(days[lab])
    ]
    path.write_text("patient_id\tanalyte\tvalue\tunit\tdate\tlaboratory\n" + "".join(rows))
    labs = read_labs(path)[0]
    table, _ = clean(labs, DICTIONARY, UNITS, as_of="2026-03-05")
    read = [str(day.date()) if day == day else "" for day in table["date"]]
    assert read == ["2026-01-25", "2026-01-03", "", "2026-01-25", "2026-03-01"]
    assert table["status"].tolist()[2] == "quarantined"
    declared, _ = clean(labs, DICTIONARY, UNITS, as_of="2026-03-05", dates={"B": "day_first"})
    assert str(declared["date"][2].date()) == "2026-01-03"


def test_serial_numbers_that_fit_the_index_dates_only_from_1904_are_read_so(tmp_path):
    """46032 is 2026-01-10 when days count from 1899-12-30; the same day counts as 44570 from 1904-01-01."""
    path = tmp_path / "labs.tsv"
    rows = [
        f"P{n}\tALT\t{30 + n}\tU/L\t{serial + n}\t{lab}\n"
        for n in range(4)
        for serial, lab in ((46032, "A"), (44570, "B"))
    ]
    path.write_text("patient_id\tanalyte\tvalue\tunit\tdate\tlaboratory\n" + "".join(rows))
    labs = read_labs(path)[0]
    index = {f"P{n}": "2026-01-20" for n in range(4)}
    table, _ = clean(labs, DICTIONARY, UNITS, as_of="2026-03-05", index_days=index)
    assert [str(day.date()) for day in table["date"][:2]] == ["2026-01-10", "2026-01-10"]
    assert table["status"].tolist()[:2] == ["ok", "repaired"]
    assert "1904" in table["reason"][1]
    unknown, _ = clean(labs, DICTIONARY, UNITS, as_of="2026-03-05")  # nothing to tell it by
    assert str(unknown["date"][1].date()) == "2022-01-09"
    declared, _ = clean(labs, DICTIONARY, UNITS, as_of="2026-03-05", dates={"B": "excel_1904"})
    assert str(declared["date"][1].date()) == "2026-01-10"
