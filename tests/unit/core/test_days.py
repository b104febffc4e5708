"""Days as people write them."""

import pytest

from scripts.core.days import NoDay, TwoWays, orders_of, read_day


@pytest.mark.parametrize(
    ("text", "day", "time"),
    [
        ("2026-01-10", "2026-01-10", ""),
        ("2026/1/10", "2026-01-10", ""),
        ("2026.1.10 7:30", "2026-01-10", "07:30"),
        ("\uff12\uff10\uff12\uff16\u5e741\u670810\u65e5 8\u65f605\u5206", "2026-01-10", "08:05"),
        ("20260110", "2026-01-10", ""),
        ("2026-01-10T07:30:15Z", "2026-01-10", "07:30:15"),
        ("10-Jan-2026", "2026-01-10", ""),
        ("10JAN2026", "2026-01-10", ""),
        ("Jan 10, 2026", "2026-01-10", ""),
        ("10. M\u00e4rz 2026", "2026-03-10", ""),
        ("2026-Jan-10", "2026-01-10", ""),
        ("13/01/2026", "2026-01-13", ""),
        ("01/13/2026 3:05 PM", "2026-01-13", "15:05"),
        ("12/31/2025 12:10 AM", "2025-12-31", "00:10"),
    ],
)
def test_day_that_reads_one_way(text, day, time):
    assert read_day(text) == (day, time)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "31-Feb-2026",
        "2026-13-01",
        "12\u67085\u65e5",
        "2026-01-10 25:00",
        "10-Foo-2026",
        "10-01-26",
        "45678",
    ],
)
def test_text_that_is_no_day(text):
    with pytest.raises(NoDay):
        read_day(text)


def test_two_readings_need_an_order():
    with pytest.raises(TwoWays):
        read_day("03/04/2026")
    assert read_day("03/04/2026", "day_first")[0] == "2026-04-03"
    assert read_day("03/04/2026", "month_first")[0] == "2026-03-04"
    assert read_day("04/04/2026") == ("2026-04-04", "")


@pytest.mark.parametrize(
    ("column", "order"),
    [
        (["13/01/2026", "03/01/2026", ""], {"/": "day_first"}),
        (["1.2.2026", "1.31.2026"], {".": "month_first"}),
        (["03/01/2026", "2026-01-13"], {}),
        (["13/01/2026", "01/13/2026"], {}),  # both: nothing is proven
        (["99/88/2026", "\uff11\uff13/01/2026"], {"/": "day_first"}),
        (["31.12.2025", "12/31/2025"], {".": "day_first", "/": "month_first"}),
    ],
)
def test_order_that_a_column_proves(column, order):
    assert orders_of(column) == order
