"""What a laboratory value or date may look like, and what cannot be read one way only."""

import math

import pytest

from scripts.clinical.lab_values import parse_date, parse_upper_limit, parse_value


@pytest.mark.parametrize(
    ("text", "number", "censor"),
    [
        ("12.5", 12.5, ""),
        ("１２．５", 12.5, ""),
        ("<0.61", 0.61, "<"),
        ("＞1210", 1210, ">"),
        ("≤0.5", 0.5, "<"),
        ("小于20", 20, "<"),
        ("3,5", 3.5, ""),
        ("0,123", 0.123, ""),
        ("12,345.6", 12345.6, ""),
        ("1.234,5", 1234.5, ""),
        ("1,234,567", 1234567, ""),
        ("1.2E5", 1.2e5, ""),
        ("1.2×10^5", 1.2e5, ""),
        ("1.2x10⁵", 1.2e5, ""),
        ("35.2↑", 35.2, ""),
        ("35.2 H", 35.2, ""),
        ("38.5*", 38.5, ""),
        ("-5", -5, ""),
        ("12.5 (H)", 12.5, ""),
        ("12.5(↑)", 12.5, ""),
        *(
            ("≦0.61", 0.61, "<"),
            ("≧1210", 1210, ">"),
            ("↑35.2", 35.2, ""),
            ("*35.2", 35.2, ""),
            ("35.2高", 35.2, ""),
        ),
        *(
            ("35.2 偏低", 35.2, ""),
            ("35.2(高)", 35.2, ""),
            ("35.2 升高", 35.2, ""),
            ("↑＞1210", 1210, ">"),
        ),
        *(
            ("1210以上", 1210, ">"),
            ("20 以下", 20, "<"),
            ("未检出(<20)", 20, "<"),
            ("未检出 小于20", 20, "<"),
        ),
        *(("Not detected（＜20）", 20, "<"), ("<20(未检出)", 20, "<")),
    ],
)
def test_number(text, number, censor):
    parsed = parse_value(text)
    assert (parsed.number, parsed.censor, parsed.problem) == (pytest.approx(number), censor, "")
    assert math.isnan(parsed.other)


def test_one_comma_before_three_digits_can_be_read_in_two_ways():
    parsed = parse_value("1,234")
    assert (parsed.number, parsed.other) == (1.234, 1234.0)


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("35.2↑ U/L", "U/L"),
        ("35.2高U/L", "U/L"),
        ("4.5 g/L", "g/L"),
        ("12.5 ng/mL", "ng/mL"),
        ("150 x10^9/L", "x10^9/L"),
    ],
)
def test_unit_inside_the_cell(text, unit):
    assert parse_value(text).unit == unit


@pytest.mark.parametrize(
    "text", ["1 234", "1:80", "12;5", "12.5 12.6", "12月5日", "0.61<", "1210+", "5-", "1’234"]
)
def test_what_follows_a_number_and_is_no_unit_makes_the_cell_unreadable(text):
    """A unit column beside it would else turn 1 234 into 1 and Excel's 12月5日 into 12."""
    parsed = parse_value(text)
    assert parsed.problem.startswith("the cell holds more than one number")
    assert math.isnan(parsed.number)


@pytest.mark.parametrize("text", ["", "未检", "—", "/", "--", "N/A", "未做", " "])
def test_not_measured(text):
    assert parse_value(text).problem == "missing"


def test_not_detected_is_not_the_same_as_not_measured():
    for text in ("未检出", "<LOD", "<检测下限", "检测不到"):
        parsed = parse_value(text)
        assert (parsed.problem, parsed.positive) == ("not detected", 0.0)


@pytest.mark.parametrize(
    ("text", "positive", "number"),
    [
        ("阴性(-)", 0, math.nan),
        ("阴性（－）", 0, math.nan),
        ("阳性(+) 250", 1, 250),
        ("弱阳性", 1, math.nan),
        ("0.05(阴性)", 0, 0.05),
        ("neg", 0, math.nan),
        ("Positive", 1, math.nan),
        ("+", 1, math.nan),
        ("阴", 0, math.nan),
        ("阳", 1, math.nan),
        *(
            ("Reactive", 1, math.nan),
            ("有反应性", 1, math.nan),
            ("弱反应性", 1, math.nan),
            ("Reactive 12.5", 1, 12.5),
        ),
        *(
            ("Nonreactive", 0, math.nan),
            ("Non-reactive", 0, math.nan),
            ("NON REACTIVE", 0, math.nan),
        ),
        *(
            ("not reactive", 0, math.nan),
            ("无反应性", 0, math.nan),
            ("非反应性", 0, math.nan),
            ("未检出(<20)", 0, 20),
        ),
    ],
)
def test_qualitative(text, positive, number):
    parsed = parse_value(text)
    assert parsed.positive == positive
    assert parsed.number == pytest.approx(number, nan_ok=True)


@pytest.mark.parametrize("text", ["5-8", "5~8", "abc", "1.2.3", "1,23,4", "±", "可疑", "9e999"])
def test_unreadable_value_has_a_reason_and_no_number(text):
    parsed = parse_value(text)
    assert parsed.problem not in ("", "missing")
    assert math.isnan(parsed.number)


@pytest.mark.parametrize(
    "text",
    [
        "2025-03-01",
        "2025/3/1",
        "2025.3.1",
        "2025年3月1日",
        "20250301",
        "45717",
        "2025-03-01 08:30",
        "２０２５年３月１日",
    ],
)
def test_date(text):  # 45717 is 2025-03-01 in Excel: 1899-12-30 + 45717 d
    assert parse_date(text) == "2025-03-01"


@pytest.mark.parametrize(
    "text", ["01/03/2025", "3/2025", "2025-02-30", "100", "2025-13-01", "yesterday"]
)
def test_date_that_cannot_be_read_one_way_is_refused(text):
    with pytest.raises(ValueError, match=r"YYYY-MM-DD|calendar"):
        parse_date(text)


def test_empty_date_is_missing():
    assert parse_date("") == parse_date("/") == ""


@pytest.mark.parametrize(
    "text",
    [
        *("未见阳性", "不阳性", "非阴性", "假阳性", "not positive", "non-negative", "阳性待排", "阳性?"),
        *("未见反应性", "假反应性", "reactive?", "阴性(反应性)"),
        *("阳性复查阴性", "疑似阳性", "弱阳性(+-)", "阴性(-) positive"),
    ],
)  # fmt: skip
def test_result_that_is_turned_or_doubted_is_none(text):
    parsed = parse_value(text)
    assert parsed.problem == "neither positive nor negative"
    assert math.isnan(parsed.positive)


@pytest.mark.parametrize(
    ("text", "positive"),
    [("阴性(无反应性)", 0), ("阳性(未复查)", 1), ("non-reactive (negative)", 0)],
)
def test_word_in_another_phrase_does_not_turn_the_result(text, positive):
    assert parse_value(text).positive == positive


@pytest.mark.parametrize(
    ("text", "number", "censor"),
    [
        *(("1.5E-3阳性", 0.0015, ""), ("阳性 1.0E-1", 0.1, ""), ("1.5x10-3 阳性", 0.0015, "")),
        *(("阳性(+) 250", 250, ""), ("阴性(-) <0.05", 0.05, "<"), ("阳性: >250", 250, ">")),
    ],
)  # fmt: skip
def test_number_beside_a_result_keeps_its_exponent_and_limit(text, number, censor):
    parsed = parse_value(text)
    assert (parsed.number, parsed.censor) == (pytest.approx(number), censor)


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        *(("40", 40), ("４０", 40), ("0-40", 40), ("15～40", 40), ("<40", 40), ("≤40", 40), ("小于40", 40)),
        *(("9.5 - 40,5", 40.5), ("15—40", 40)),
    ],
)  # fmt: skip
def test_upper_limit_of_normal(text, limit):
    assert parse_upper_limit(text) == limit


@pytest.mark.parametrize("text", ["", "-", "/"])
def test_empty_upper_limit_is_none(text):
    assert math.isnan(parse_upper_limit(text))


@pytest.mark.parametrize(
    "text", ["-40", "0", "1,200", ">40", "40-15", "40 U/L", "男9-50", "0-0", ","]
)
def test_upper_limit_that_says_none_is_refused(text):
    with pytest.raises(ValueError, match="upper limit"):
        parse_upper_limit(text)


def test_very_long_cell_is_no_endless_one():
    assert parse_value("未检出" * 5000 + "(<20)").problem
    assert parse_value("<" * 20000).problem


@pytest.mark.parametrize(
    "text", ["31.12.2024", "31/12/2024", "12/31/2024", "31-12-2024", "31.12.2024 08:30"]
)
def test_year_last_is_read_where_only_one_number_can_be_the_month(text):
    assert parse_date(text) == "2024-12-31"


def test_year_last_with_the_same_day_and_month_has_one_reading():
    assert parse_date("05/05/2024") == "2024-05-05"


@pytest.mark.parametrize(
    "text", ["03/04/2024", "12.11.2024", "32/12/2024", "13/13/2024", "31/02/2024", "31.12/2024"]
)
def test_year_last_that_says_no_one_day_is_refused(text):
    with pytest.raises(ValueError, match=r"YYYY-MM-DD|calendar"):
        parse_date(text)


@pytest.mark.parametrize(
    ("text", "positive"),
    [
        *(("negativ", 0), ("NEG", 0), ("nicht reaktiv", 0), ("reaktiv", 1), ("positiv", 1)),
        *(("nicht nachweisbar", 0), ("undetectable", 0), ("none detected", 0), ("Below LOD", 0)),
        *(("nicht negativ", math.nan), ("kein positiver", math.nan), ("grenzwertig", math.nan)),
    ],
)
def test_german_and_english_words_for_a_result(text, positive):
    found = parse_value(text).positive
    assert found == positive or (math.isnan(found) and math.isnan(positive))
