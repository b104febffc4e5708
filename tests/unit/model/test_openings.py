"""The log of openings: it only grows, and a changed line is found."""

import pytest

from scripts.model.chained_log import broken_at
from scripts.model.openings import COLUMNS, UNCHAINED, read_openings, record_opening


@pytest.fixture
def log(tmp_path):
    path = tmp_path / "locks" / "openings.tsv"
    for data in ("d1", "d2", "d3"):
        record_opening(path, "validation", "b1", data, 10, 5)
    return path


def test_each_line_follows_from_those_before(log):
    rows = read_openings(log)
    assert [row["data_sha256"] for row in rows] == ["d1", "d2", "d3"]
    assert broken_at(rows, COLUMNS) == 0


def test_opening_the_same_data_again_adds_no_line(log):
    before = log.read_text()
    first = record_opening(log, "validation", "b1", "d1", 10, 5)
    assert log.read_text() == before and first == read_openings(log)[0]["opened_at"]
    record_opening(log, "recalibration", "b1", "d1", 10, 5)
    assert len(read_openings(log)) == 4


def test_changed_line_and_line_taken_out_break_the_chain(log):
    lines = log.read_text().splitlines(keepends=True)
    log.write_text("".join(lines).replace("\t10\t5\t", "\t99\t5\t", 1))
    assert broken_at(read_openings(log), COLUMNS) == 1
    log.write_text("".join([*lines[:2], *lines[3:]]))
    assert broken_at(read_openings(log), COLUMNS) == 2


def test_log_from_before_the_chain_is_chained_from_now_on(tmp_path):
    from scripts.model.openings import check_openings

    class Step:
        said = []

        def check(self, *words, **more):
            self.said.append(words[2])

    path = tmp_path / "openings.tsv"
    path.write_text("\t".join(UNCHAINED) + "\n2026-01-01\tb\td\t10\t5\n")
    check_openings(Step(), path)
    rows = read_openings(path)
    assert list(rows[0]) == COLUMNS and broken_at(rows, COLUMNS) == 0 and Step.said == ["PASS"]
