"""Properties of parsing and unit conversion, over generated cells (hypothesis): what is written is what is read."""

import datetime
import math
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from scripts.clinical.lab_values import _parse_other, parse_date, parse_value
from scripts.clinical.terminology import Dictionary, Units

ROOT = Path(__file__).parents[3]
DICTIONARY = Dictionary.read(ROOT / "resources" / "variable_dictionary.csv")
UNITS = Units.read(ROOT / "resources" / "units.tsv")
WIDE = str.maketrans("0123456789.,<>", "０１２３４５６７８９．，＜＞")
# Every unit that multiplies, of every variable.
LINEAR = [
    (variable, row)
    for variable in DICTIONARY.variables.values()
    for row in UNITS.rows.get(variable.dimension, [])
    if row.action == "" and not math.isnan(row.factor)
]
numbers = st.decimals(min_value="0.0001", max_value="999999", places=4).map(float)
days = st.dates(datetime.date(1960, 1, 1), datetime.date(2060, 12, 31))


@settings(max_examples=200, deadline=None)
@given(numbers, st.sampled_from(["", "<", ">", "≤", "≥", "小于", "大于"]), st.booleans())
def test_number_is_read_as_it_was_written_with_its_sign(number, sign, wide):
    text = f"{sign}{number:.4f}"
    parsed = parse_value(text.translate(WIDE) if wide else text)
    assert math.isclose(parsed.number, number, rel_tol=1e-12, abs_tol=1e-12)
    expected = {"": "", "<": "<", "≤": "<", "小于": "<"}.get(sign, ">")
    assert (parsed.censor, parsed.problem) == (expected, "")


@settings(max_examples=200, deadline=None)
@given(numbers)
def test_decimal_comma_is_one_of_the_readings(number):
    text = f"{number:.4f}".replace(".", ",")
    parsed = parse_value(text)
    readings = [parsed.number, parsed.other]
    assert any(math.isclose(r, number, rel_tol=1e-12, abs_tol=1e-12) for r in readings)


@settings(max_examples=300, deadline=None)
@given(st.from_regex(r"[0-9]{1,16}(\.[0-9]{0,16})?", fullmatch=True))
def test_ordinary_number_is_read_at_once_as_it_is_the_long_way(text):
    assert repr(parse_value(text)) == repr(_parse_other(text))  # repr: NaN is equal to NaN


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=30))
def test_any_text_is_read_or_has_a_reason_and_nothing_is_raised(text):
    parsed = parse_value(text)
    assert parsed.problem or math.isfinite(parsed.number) or math.isfinite(parsed.positive)
    if parsed.problem and math.isnan(parsed.positive):
        assert math.isnan(parsed.number)


@settings(max_examples=200, deadline=None)
@given(days)
def test_every_form_of_a_day_is_the_same_day(day):
    serial = (day - datetime.date(1899, 12, 30)).days
    forms = [
        day.isoformat(),
        f"{day.year}/{day.month}/{day.day}",
        f"{day.year}.{day.month:02d}.{day.day:02d}",
        f"{day.year}年{day.month}月{day.day}日",
        f"{day:%Y%m%d}",
        f"{day.isoformat()} 08:30",
        str(serial),
        f"{serial}.35",
        day.isoformat().translate(WIDE),
    ]
    assert {parse_date(form) for form in forms} == {day.isoformat()}


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(LINEAR), numbers, numbers)
def test_conversion_is_one_factor_whatever_the_spelling(pair, first, second):
    variable, row = pair
    conversion = UNITS.conversion(variable, row.unit)
    assert conversion.factor == row.factor > 0
    for spelling in (row.unit.upper(), f" {row.unit} ", f"({row.unit})"):
        again = UNITS.conversion(variable, spelling)
        assert (again.action, again.factor, again.becomes) == ("", row.factor, row.becomes)
    together = (first + second) * conversion.factor
    apart = first * conversion.factor + second * conversion.factor
    assert math.isclose(together, apart, rel_tol=1e-9)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(LINEAR), st.text(min_size=1, max_size=12))
def test_unit_is_known_or_refused_and_never_guessed(pair, text):
    variable, _ = pair
    conversion = UNITS.conversion(variable, text)
    if conversion.action == "refuse":
        assert conversion.problem and math.isnan(conversion.factor)
    elif conversion.action in ("", "log10", "cut"):
        assert conversion.factor > 0
    else:
        assert conversion.action == "guess"
