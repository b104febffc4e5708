"""The TRIPOD+AI checklist."""

import csv
import io

from scripts.report import page, tripod
from scripts.report.results import Results
from scripts.report.write_report import sections_of
from tests.unit.report.made_up_run import make_internal, make_performance, make_validation

# Items of TRIPOD+AI 2024 (BMJ 385:e078378, table 2)
ITEMS = "1 2 3a 3b 3c 4 5a 5b 6a 6b 6c 7 8a 8b 8c 9a 9b 9c 10 11 12a 12b 12c 12d 12e 12f 12g 13 14"
ITEMS += " 15 16 17 18a 18b 18c 18d 18e 18f 19 20a 20b 20c 21 22 23a 23b 24 25 26 27a 27b 27c"


def results(**parts) -> Results:
    return Results(patients={}, plan={"patients": {}, "blocks": {}, "as_of": ""}, **parts)


def full() -> Results:
    bundle = {"bundle": "ab", "locked_at": "2026-03-01T10:00:00+00:00"}
    parts = {"performance": make_performance(60), "internal": make_internal(60)}
    return results(bundle=bundle, external=make_validation(30, ("E1", "E2")), **parts)


def test_every_item_is_there_once_with_both_languages():
    rows = tripod.checklist()
    assert [row["item"] for row in rows] == ITEMS.split()
    assert all(
        row[f"{k}_{tongue}"]
        for row in rows
        for k in ("topic", "wording")
        for tongue in ("en", "zh")
    )
    assert {row["who"] for row in rows} == {"run", "partly", "authors"}


def test_named_sections_exist_in_the_report():
    known = {"summary", "flow", "cohort", "quality", "audit", "performance", "internal"}
    known |= {"validation", "model", "conformance", "run"}
    named = {name for row in tripod.checklist() for name in row["sections"]}
    assert named <= known and all(page.text(f"section.{name}") for name in named)
    assert callable(sections_of)


def test_state_follows_what_the_run_has():
    states = {row["item"]: state for row, state, _ in tripod.filled(full())}
    assert states["18a"] == "authors" and states["10"] == "reported" and states["20c"] == "partly"
    bare = {row["item"]: (state, where.en) for row, state, where in tripod.filled(results())}
    assert bare["23a"] == ("absent", "not in this run: there is no model")
    assert bare["18a"][0] == "authors" and bare["20a"][0] == "reported"


def test_csv_holds_the_same_lines():
    rows = list(csv.DictReader(io.StringIO(tripod.as_csv(full()))))
    assert [row["item"] for row in rows] == ITEMS.split()
    assert all(row["where_en"] and row["where_zh"] for row in rows)
