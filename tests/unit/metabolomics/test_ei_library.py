import numpy as np
import pytest

from scripts.core.job import InputDefect
from scripts.metabolomics.deconvolution import Component
from scripts.metabolomics.ei_library import Entry, cosine, identify, read_msp


def entry(name, index, ions):
    return Entry(
        name, index, np.array(sorted(ions)), np.array([float(ions[m]) for m in sorted(ions)])
    )


def as_component(found: Entry, rt=10.0):
    return Component(rt, found.mass, found.intensity, found.intensity)


def test_spectra_of_two_spellings_are_read(tmp_path):
    path = tmp_path / "lib.msp"
    path.write_text(
        'NAME: B\nRETENTIONINDEX: 1200.5\nNum Peaks: 2\n73.05\t100\t"a 99 b"\n147.1\t50\n\n'
        "Name: A\nRI: 1100\nNum peaks: 2\n73 100; 117 60;\n"
    )
    first, second = read_msp(path)
    assert (first.name, first.index, first.mass.tolist()) == ("A", 1100.0, [73, 117])
    assert (second.name, second.index, second.intensity.tolist()) == ("B", 1200.5, [100.0, 50.0])
    assert first.quantifier == 117  # 73 is the silyl group's own ion


def test_spectra_without_a_blank_line_between_them_stay_two(tmp_path):
    path = tmp_path / "lib.msp"
    path.write_text(
        "Name: A\nRI: 1100\nNum Peaks: 1\n73 100\nName: B\nRI: 1200\nNum Peaks: 1\n117 60\n"
    )
    assert [(e.name, e.index, e.mass.tolist()) for e in read_msp(path)] == [
        ("A", 1100.0, [73]),
        ("B", 1200.0, [117]),
    ]


def test_notes_are_no_peaks_and_pairs_may_be_joined_by_a_colon(tmp_path):
    path = tmp_path / "lib.msp"
    path.write_text("Name: A\nmade with v1.0.2\nRI: 1100\nNum Peaks: 2\n73:100 117:60\n")
    (only,) = read_msp(path)
    assert (only.mass.tolist(), only.intensity.tolist()) == ([73, 117], [100.0, 60.0])


def test_index_of_several_columns_is_that_of_the_semi_standard_one(tmp_path):
    path = tmp_path / "lib.msp"
    path.write_text(
        "Name: A\nRetention_index: StdNP=1095/4/12 SemiStdNP=1101/2/34\nNum Peaks: 1\n73 9\n"
    )
    assert read_msp(path)[0].index == 1101.0


def test_a_file_without_spectra_is_a_defect(tmp_path):
    path = tmp_path / "lib.msp"
    path.write_text("name\tmass\n")
    with pytest.raises(InputDefect, match="holds no spectrum"):
        read_msp(path)


GOOD = "Name: good\nRI: 1000\nNum Peaks: 2\n73 10\n75 20\n\n"


@pytest.mark.parametrize(
    ("record", "words"),
    [
        ("Name: bad\nRI: 1300\nNum Peaks: 5\n73 1000\n102 500\n", "line 9 .*Num Peaks says 5, 2"),
        ("Name: bad\nNum Peaks: 1\n73 1000\n102 500\n", "line 8 .*says 1, 2"),
        ("Name: bad\nNum Peaks: 2\n73 1000\n102 5O0\n", "line 10 .*'5O0'"),
        ("Name: bad\nNum Peaks: 2\n73 1000\n102\n", "line 10 .*pairs"),
        ("Name: bad\nNum Peaks: 1\n73 -1000\n", "line 9 .*'-1000'"),
        ("Name: bad\nNum Peaks: 1\n0 1000\n", "above 0"),
        ("Name: bad\nNum Peaks: 1\n73,05 1000,5\n", "says 1, 2"),
        ("Name: bad\nNum Peaks: 1\n73 0\n", "all intensities"),
        ("Name: bad\nNum Peaks: two\n73 1\n75 2\n", "line 8 .*'two'"),
        ("Name: bad\n73 1\n75 2\n", "no Num Peaks"),
        ("Name:\nNum Peaks: 1\n73 1\n", "Name is empty"),
        ("Name: bad\nRI: 1,300\nNum Peaks: 1\n73 1\n", "line 8 .*'1,300'"),
        ("Name: bad\nRI: abc\nNum Peaks: 1\n73 1\n", "'abc'"),
        (
            "Name: bad\nNum Peaks: 1\n73 1\n\nRI: 1300\nNum Peaks: 1\n75 2\n",
            "line 11 .*'RI' is no number",
        ),
    ],
)
def test_a_broken_record_is_refused_with_line_and_record(tmp_path, record, words):
    path = tmp_path / "lib.msp"
    path.write_text(GOOD + record)
    with pytest.raises(InputDefect, match=words) as defect:
        read_msp(path)
    assert "record 2" in defect.value.reason and "record 1" not in defect.value.reason


def test_a_record_without_index_or_peaks_is_no_broken_one(tmp_path):
    path = tmp_path / "lib.msp"
    path.write_text(
        GOOD + "Name: a\nRI: -1\nNum Peaks: 1\n73 1 M+\nName: b\nRI: StdNP=900/1/2\nNum Peaks: 0\n"
    )
    first, second = read_msp(path)
    assert (first.name, second.name) == ("a", "good") and np.isnan(first.index)


@pytest.mark.real
def test_every_spectrum_of_a_real_library_finds_itself(testdata):
    library = read_msp(testdata / "ms/library/recetox_gc-ei_ms_20201028.msp")
    assert len(library) == 133  # grep -c NAME
    for one in library:
        scores = [cosine(one.mass, one.intensity, other.mass, other.intensity) for other in library]
        best = np.flatnonzero(np.array(scores) > 1 - 1e-9)
        assert one.name in {library[i].name for i in best}


def test_spectrum_and_index_must_both_match(gcms):
    right = entry("right", 1200, {100: 100, 150: 60, 200: 30})
    far = entry("far", 1300, {100: 100, 150: 60, 200: 30})
    other = entry("other", 1210, {101: 100, 151: 60, 205: 30})
    unindexed = entry("unindexed", float("nan"), {100: 100, 150: 60, 200: 30})
    hits = identify([as_component(right)], np.array([1205.0]), [right, far, other, unindexed], gcms)
    assert [hit.entry.name for hit in hits] == ["right"]
    assert identify([as_component(right)], np.array([np.nan]), [right], gcms) == []


def test_each_component_and_each_name_is_used_once(gcms):
    one = entry("one", 1200, {100: 100, 150: 60, 200: 30})
    two = entry("two", 1205, {100: 100, 150: 60, 200: 28})
    hits = identify(
        [as_component(one), as_component(two, 12.0)], np.array([1200.0, 1205.0]), [one, two], gcms
    )
    assert {hit.entry.name: hit.component.rt for hit in hits} == {"one": 10.0, "two": 12.0}
