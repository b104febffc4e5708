import numpy as np
import pytest

from scripts.core.job import InputDefect
from scripts.metabolomics.standards import Standard, assign, feature_name, ion_mz, read_standards


@pytest.mark.parametrize(
    ("formula", "adduct", "mz"),
    [
        (
            "C8H10N4O2",
            "[M+H]+",
            195.08765,
        ),  # caffeine, PubChem exact mass 194.08037558 + 1.00727646
        ("C26H43NO6", "[M-H]-", 464.30176),  # glycocholic acid, PubChem 465.30903809 - 1.00727646
        ("C24H50NO7P", "[M+Na]+", 518.32171),  # LPC 16:0, PubChem 495.33249 + 22.98922
    ],
)
def test_ion_masses(formula, adduct, mz):
    assert ion_mz(formula, adduct) == pytest.approx(mz, abs=2e-4)


def test_names_of_features():
    assert feature_name("LPC 16:0") == "lpc_16_0"
    assert feature_name("Tryptophan-d5") == "tryptophan_d5"
    assert feature_name("\u03b1-Tocopherol") == "alpha_tocopherol"
    assert feature_name("\u5496\u5561\u56e0") == "compound_dd3e9871"  # printf ... | sha256sum


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "gb18030"])
def test_table_of_standards_may_come_from_any_spreadsheet(tmp_path, encoding):
    path = tmp_path / "s.tsv"
    path.write_bytes("name\trt\tmz\r\n\u5496\u5561\u56e0\t180\t195.0877\r\n".encode(encoding))
    assert read_standards(path) == [Standard("\u5496\u5561\u56e0", 195.0877, 180.0)]


def test_standard_without_a_finite_mass_is_refused(tmp_path):
    path = tmp_path / "s.tsv"
    path.write_text("name\trt\tmz\nA\t180\tnan\n")
    with pytest.raises(InputDefect, match="row 2: rt .seconds. and mz must be above 0"):
        read_standards(path)


def test_every_bad_row_is_named(tmp_path):
    path = tmp_path / "s.tsv"
    path.write_text(
        "name\trt\tmz\tformula\tadduct\nA\tx\t1\t\t\nB\t5\t\tC6H6\t[M+X]\nC\t5\t\t\t\nD\t5\t100\t\t\nD\t9\t200\t\t\n"
    )
    with pytest.raises(InputDefect) as defect:
        read_standards(path)
    for text in ("row 2: rt", "row 3: adduct", "row 4: needs mz", "d stands twice"):
        assert text in defect.value.reason


def test_a_table_without_times_is_refused(tmp_path):
    path = tmp_path / "s.tsv"
    path.write_text("name\tmz\nA\t100\n")
    with pytest.raises(InputDefect, match="no column rt"):
        read_standards(path)


def test_isomers_are_told_apart_by_time_and_each_standard_is_used_once():
    standards = [Standard("isoleucine", 132.1019, 84), Standard("leucine", 132.1019, 96)]
    mz, rt = np.array([132.1020, 132.1018, 132.1019]), np.array([95.0, 85.0, 90.5])
    named = assign(standards, mz, rt, ppm=15, rt_tolerance=10)
    assert {i: s.name for i, s in named.items()} == {0: "leucine", 1: "isoleucine"}
