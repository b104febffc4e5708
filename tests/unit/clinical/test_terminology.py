"""Names of analytes and units."""

import csv
from pathlib import Path

import pytest

from scripts.clinical.terminology import Dictionary, Units, fold_unit

RESOURCES = Path(__file__).parents[3] / "resources"
DICTIONARY = Dictionary.read(RESOURCES / "variable_dictionary.csv")
UNITS = Units.read(RESOURCES / "units.tsv")


@pytest.mark.parametrize(
    ("name", "variable"),
    [
        ("甲胎蛋白(AFP)", "afp"),
        ("总胆红素 TBIL", "tbil"),
        ("γ-GT", "ggt"),
        ("r-GT", "ggt"),
        ("ＡＬＴ", "alt"),
        ("NEUT%", "neut_pct"),
        ("NEUT#", "neut"),
        ("PIVKA-Ⅱ", "pivka2"),
        ("Na+", "na"),
        *(
            ("INR(PT)", "inr"),
            ("PT(INR)", "inr"),
            ("血清总胆红素", "tbil"),
            ("甲胎蛋白测定", "afp"),
        ),
        *(
            ("HBV DNA定量", "hbv_dna"),
            ("HBsAg定量", "hbsag"),
            ("NE#", "neut"),
            ("NEU#", "neut"),
            ("LY#", "lymph"),
        ),
        *(
            ("谷氨酰转移酶", "ggt"),
            ("血清钠", "na"),
            ("血清甲胎蛋白定量检测(AFP)", "afp"),
            ("血浆凝血酶原时间", "pt"),
        ),
        ("血浆血红蛋白", "free_hb"),  # outside the cells
        ("血清TT", ""),  # serum has clotted: testosterone or thyroxine
        ("尿总蛋白", ""),
        ("总胆红素(ALB)", ""),  # two names that contradict each other
        ("foo", ""),
    ],
)
def test_name(name, variable):
    assert DICTIONARY.resolve(name) == variable


@pytest.mark.parametrize(
    ("variable", "unit", "factor"),
    [
        ("alb", "g/dL", 10),
        ("tbil", "mg/dl", 17.1),  # 34.2 umol/L = 2 mg/dL in Child-Pugh
        ("crea", "mg/dL", 88.4),
        ("alt", "µkat/L", 60),
        ("plt", "X10E9/L", 1),
        ("plt", "10⁹/L", 1),
        ("plt", "10*9/L", 1),
        ("plt", "G/L", 1),
        ("plt", "/μL", 0.001),
        ("afp_l3", "1", 100),
        ("pivka2", "[arb'U]/L", 1),
        ("crea", "μmol/L", 1),  # Greek mu
        ("crea", "µmol/L", 1),  # micro sign
    ],
)
def test_factor(variable, unit, factor):
    conversion = UNITS.conversion(DICTIONARY.variables[variable], unit)
    assert (conversion.action, conversion.factor) == ("", factor)


def test_pivka_in_mass_units_is_never_converted():
    refused = UNITS.conversion(DICTIONARY.variables["pivka2"], "ng/mL")
    assert (refused.action, "never converted" in refused.problem) == ("refuse", True)


def test_unit_decides_between_activity_and_mass():
    assert UNITS.conversion(DICTIONARY.variables["dcp"], "mAU/mL").becomes == "pivka2"


def test_afp_in_international_units_needs_a_declared_factor():
    variable = DICTIONARY.variables["afp"]
    assert UNITS.conversion(variable, "IU/mL").action == "refuse"
    declared = Units.read(RESOURCES / "units.tsv", {"afp_iu_factor": (1.21, "DOC-7")})
    conversion = declared.conversion(variable, "IU/mL")
    assert (conversion.factor, conversion.attested) == (1.21, "DOC-7")


def test_unknown_unit_names_the_known_ones():
    assert "umol/L, mg/dL" in UNITS.conversion(DICTIONARY.variables["tbil"], "mmol").problem


def test_every_variable_has_its_own_unit_in_the_unit_table():
    for variable in DICTIONARY.variables.values():
        if variable.unit:
            conversion = UNITS.conversion(variable, variable.unit)
            assert (conversion.action, conversion.factor) == ("", 1.0), variable.name


def test_every_unit_names_its_source():
    with open(RESOURCES / "units.tsv", encoding="utf-8", newline="") as handle:
        rows = list(csv.DictReader(handle, delimiter="\t", quoting=csv.QUOTE_NONE))
    assert len(rows) >= 40
    assert all(row["source"] for row in rows)


def test_powers_of_ten_are_one():
    spellings = ["10^9/L", "10*9/L", "x10E9/L", "×10⁹/L", "10e9/l", "109/L", "X 10^9 / L"]
    assert {fold_unit(text) for text in spellings} == {"10^9/l"}


@pytest.mark.real
def test_chinese_laboratory_panel_is_understood(testdata):
    """47 items of a Chinese hospital: every name means one variable, every unit is known."""
    path = testdata / "clinical" / "zh_lab_panel_reference_items.csv"
    with open(path, encoding="utf-8-sig", newline="") as handle:
        rows = list(csv.DictReader(handle))
    assert len(rows) == 47
    for row in rows:
        name = DICTIONARY.resolve(row["name_zh"])
        assert name, row
        if (
            row["short_name"] != "PCT"
        ):  # plateletcrit here, procalcitonin elsewhere: not in the dictionary
            assert DICTIONARY.resolve(row["short_name"]) == name, row
        if row["unit"]:
            assert UNITS.conversion(DICTIONARY.variables[name], row["unit"]).action == "", row
