import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from scripts.core import privacy
from scripts.core.privacy import (
    identifier_in,
    identifier_in_words,
    is_citizen_number,
    looks_like_a_name,
    without_numbers,
)

# The example number of GB 11643-1999: 11010519491231002X.
EXAMPLE = "11010519491231002X"


def test_example_of_the_standard_is_a_citizen_number():
    assert is_citizen_number(EXAMPLE)
    assert is_citizen_number(EXAMPLE.lower())


@pytest.mark.parametrize(
    "text",
    [
        "110105194912310021",  # wrong check digit
        "11010519491331002X",  # month 13
        "11010521491231002X",  # born 2149
    ],
)
def test_other_eighteen_digits_are_not(text):
    assert not is_citizen_number(text)


@pytest.mark.parametrize(
    "text",
    [
        EXAMPLE,
        f"P_{EXAMPLE}",
        f"scans/{EXAMPLE}/1.dcm",
        f"{EXAMPLE}.dcm",
        f"ct.{EXAMPLE}",
        f"号{EXAMPLE}。",
    ],
)
def test_citizen_number_is_found_inside_ids_and_paths(text):
    assert identifier_in(text) == ["a citizen number"]


@pytest.mark.parametrize(
    "text",
    [
        "13812345678",
        "tel:13812345678",
        "P-13812345678",
        "13812345678.nii.gz",
        "+8613812345678",
        "86-138-1234-5678",
        "138 1234 5678",
    ],
)
def test_mobile_number_is_found(text):
    assert identifier_in(text) == ["a mobile number"]


@pytest.mark.parametrize(
    "text",
    [
        "P0001",
        "12812345678",
        "138123456789",
        "0.13812345678",
        "1.2.840.13812345678.4",
        "1.2.840.11010519491231002",
        "20260301",
        "2025-06-01",
    ],
)
def test_study_ids_dates_uids_and_measurements_are_not_identifiers(text):
    assert identifier_in(text) == []


@pytest.mark.parametrize(
    "digest", ["ab13812345678cdef0", "18902634145e", "0f" + "1" * 10 + "13812345678" + "a" * 41]
)
def test_digits_inside_a_hash_are_no_number_of_a_person(digest):
    assert identifier_in(f"results.tsv\t{digest}\n") == []
    assert identifier_in(f"results.tsv\t{digest}\t13812345678\n") == ["a mobile number"]


def test_long_number_without_a_letter_is_no_hash():
    assert identifier_in("110105194912310021 11010519491231002x") == ["a citizen number"]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("电话１３８００１３８０００", "a mobile number"),
        ("138–0013–8000", "a mobile number"),  # en dashes
        ("１１０１０５１９４９１２３１００２Ｘ", "a citizen number"),  # EXAMPLE in full width
    ],
)
def test_full_width_digits_and_other_dashes_are_seen(text, kind):
    assert identifier_in(text) == [kind]


def test_whole_number_that_excel_saved_as_a_float_is_seen_in_a_cell():
    assert identifier_in_words("13800138000.0") == ["a mobile number"]


@pytest.mark.parametrize(
    "text",
    [
        *("13800138000.5", "0.13812345678", "1.2.840.13812345678.0", "13812345678.0.1", "1.380013800010"),
        *("10³/mm³", "138×10⁹/L", "①②③", "ab13812345678cdef0"),
    ],
)  # fmt: skip
def test_measurements_uids_units_and_digests_are_none_in_a_cell(text):
    assert identifier_in_words(text) == []


@pytest.mark.parametrize(
    ("text", "left", "count"),
    [
        (f"号{EXAMPLE}。", "号[gone]。", 1),
        ("１１０１０５１９４９１２３１００２Ｘ，ﬁne", "[gone]，ﬁne", 1),
        ("tel 138-0013-8000 or +86 13800138000", "tel [gone] or [gone]", 2),
        ("tel 138–0013–8000", "tel [gone]", 1),
        ("1.2.840.113619.13800138000", "1.2.840.113619.13800138000", 0),  # a UID
        ("3f13800138000a" * 2, "3f13800138000a" * 2, 0),  # a digest
        ("AFP 12.5 ng/mL, ＡＦＰ １２", "AFP 12.5 ng/mL, ＡＦＰ １２", 0),
    ],
)
def test_numbers_of_persons_are_taken_out_and_nothing_else(text, left, count):
    assert without_numbers(text, "[gone]") == (left, count)
    assert not identifier_in(left)


@pytest.mark.parametrize(
    ("text", "name"), [("高于", False), ("黄色", False), ("高强", True), ("黄 磊", True)]
)
def test_words_of_a_laboratory_are_no_names(text, name):
    assert looks_like_a_name(text) is name


_PIECES = (
    "name:", "Patient's name = Li", "患者名", "MRN", " hospital no. ", "record number #", "address: ", "住院号", "姓名：",
    "A12345", "138", "0013", "8000", "13800138000", "11010519491231002X", "+86 ", "-", " ", ".0", "．", "１３８",
    "LongStreet 12", "raw/P0001/",
)  # fmt: skip


@settings(max_examples=2000, deadline=None)
@example(["139.0-1234-5678"])
@example(["+86 138.00-0013.0-8000"])
@given(st.lists(st.sampled_from(_PIECES) | st.text("0189-. Xx+:#=", max_size=5), max_size=7))
def test_what_is_not_looked_at_closely_is_no_identifier(pieces):
    text = "".join(pieces)
    found = identifier_in_words(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(privacy, "_SUSPECT", re.compile(""))  # every text is
        assert identifier_in_words(text) == found
