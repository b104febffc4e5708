import math

import pandas as pd
import pytest

from scripts.core.job import InputDefect
from scripts.proteomics.table_numbers import with_numbers


def read(cells, others=()):
    """Numbers of a column beside another one; lines from 2 on."""
    others = [*others, *[""] * (len(cells) - len(others))]
    frame = pd.DataFrame({"Q": cells, "q": others}, index=range(2, len(cells) + 2))
    return with_numbers(frame, ["Q", "q"], "A1")["Q"].tolist()


@pytest.mark.parametrize(
    ("cells", "others", "numbers"),
    [
        (["234,5", "1.234,5", "12.234,5"], ["0,001"], [234.5, 1234.5, 12234.5]),
        (["234.5", "1,234.5", "12,234.5"], ["0.001"], [234.5, 1234.5, 12234.5]),
        (["1 234,5", "1\u00a0234,5", "1\u202f234,5"], [], [1234.5] * 3),
        (["1'234.5", "1\u2019234.5", "12'345'678.5"], [], [1234.5, 1234.5, 12345678.5]),
        (["1.234.567,8", "1.234"], [], [1234567.8, 1234.0]),
        (["1,234,567", "1,234"], [], [1234567.0, 1234.0]),
        (["12,34,567.5"], [], [1234567.5]),  # lakhs
        (["1,234"], ["0,001"], [1.234]),  # a decimal comma elsewhere
        (["1,234"], ["0.001"], [1234.0]),
        (["1.234"], ["0,001"], [1234.0]),
        (["1.234", "98765"], [], [1.234, 98765.0]),  # thousands stand without a mark
        (["1,234", "98765"], [], [1.234, 98765.0]),
        (["1.5E+06", "2e3"], [], [1.5e6, 2000.0]),
        (["1,5E+06"], [], [1.5e6]),
        (["\uff11\uff12.5", "\u22123.5"], [], [12.5, -3.5]),
        (["1234567", "12"], [], [1234567.0, 12.0]),
    ],
)
def test_numbers_of_any_locale(cells, others, numbers):
    assert read(cells, others) == pytest.approx(numbers)


def test_only_words_for_missing_are_missing():
    found = read(["", "NaN", "Filtered", "#N/A", "n. def.", None, "5"])
    assert all(math.isnan(value) for value in found[:-1]) and found[-1] == 5


@pytest.mark.parametrize(
    ("cells", "others", "words"),
    [
        (["5", "12abc"], [], "line 3, column Q: '12abc'"),
        (["1.234,5.6"], [], "is no number"),
        (["1.23.456"], [], "is no number"),
        (["5 %"], [], "is no number"),
        (["234,5"], ["234.5"], "different decimal marks"),
        (["1.234"], [], "may be thousands"),
        (["1,234", "12,345"], [], "may be thousands"),
    ],
)
def test_what_cannot_be_read_is_refused_with_line_and_column(cells, others, words):
    with pytest.raises(InputDefect, match=words):
        read(cells, others)


def test_numbers_of_parquet_stay():
    frame = pd.DataFrame({"Q": [1.5, float("nan")]})
    assert with_numbers(frame, ["Q"], "A1")["Q"].tolist()[0] == 1.5
