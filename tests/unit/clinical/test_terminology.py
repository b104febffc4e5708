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
        ("尿素(酶法)", "urea"),
        ("尿酸(尿酸酶法)", "urate"),
        ("总胆红素(ALB)", ""),  # two names that contradict each other
        ("foo", ""),
        # method, specimen or kind of test in brackets or behind a comma; both names of one enzyme
        ("甲胎蛋白测定(定量)", "afp"),
        ("甲胎蛋白（电化学发光法）", "afp"),
        ("AFP(化学发光)", "afp"),
        ("肌酐(酶法)", "crea"),
        ("肌酐[苦味酸法]", "crea"),
        ("白蛋白(溴甲酚绿法)", "alb"),
        ("钾(离子选择电极法)", "k"),
        ("乙肝病毒DNA(荧光定量PCR)", "hbv_dna"),
        ("高敏HBV-DNA", "hbv_dna"),
        ("谷丙转氨酶(ALT/GPT)", "alt"),
        ("AST/GOT", "ast"),
        ("★总胆红素(血清)", "tbil"),
        ("急诊肌酐", "crea"),
        ("胆红素(直接)", "dbil"),
        ("Alanine transaminase", "alt"),
        ("Bilirubin, total", "tbil"),
        ("Bilirubin, direct, serum", "dbil"),
        ("Albumin, Serum", "alb"),
        ("Serum albumin level", "alb"),
        ("Creatinine (Jaffe, kinetic)", "crea"),
        ("Albumin [Mass/volume] in Serum or Plasma", "alb"),
        ("Bilirubin.total [Moles/volume] in Serum or Plasma", "tbil"),
        ("Platelets [#/volume] in Blood by Automated count", "plt"),
        ("Gesamtbilirubin", "tbil"),
        # another quantity: other material, a fraction, two names that contradict each other
        ("Albumin, Urine", ""),
        ("白蛋白(尿)", ""),
        ("Creatinine [Mass/volume] in Urine", ""),
        ("Bilirubin, Total, Ascites", ""),
        ("Hemoglobin, Plasma", "free_hb"),
        ("血红蛋白(血浆)", "free_hb"),
        ("Hemoglobin S", ""),
        ("Immunoglobulin G", ""),
        ("Protein S", ""),
        ("ALT(AST)", ""),
        ("总胆红素(直接胆红素)", ""),
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


# Codes of the same analytes in other units or specimens of blood (LOINC), beside those of the dictionary.
OTHER_CODES = {
    **{"1975-2": "tbil", "1968-7": "dbil", "15152-2": "dbil", "1971-1": "ibil", "2160-0": "crea"},
    **{"38483-4": "crea", "3094-0": "urea", "2345-7": "glu", "2339-0": "glu", "3084-1": "urate"},
    **{"2571-8": "tg", "2093-3": "chol", "13457-7": "ldl", "2089-1": "ldl", "2085-9": "hdl"},
    **{
        "6298-4": "k",
        "32713-0": "k",
        "2947-0": "na",
        "32717-1": "na",
        "3243-3": "tt",
        "3173-2": "aptt",
    },
    **{"13954-3": "hbeag", "20509-6": "hgb", "48703-3": "hct", "32354-3": "hct", "32207-3": "pdw"},
}


@pytest.mark.real
def test_loinc_names_mean_what_their_codes_say(testdata):
    """1,630 items of MIMIC-IV with their LOINC names: no name of another code or specimen is taken for one of ours."""
    codes = {v.loinc: name for name, v in DICTIONARY.variables.items() if v.loinc} | OTHER_CODES
    path = testdata / "clinical" / "mimic_d_labitems_to_loinc.csv"
    with open(path, encoding="utf-8-sig", newline="") as handle:
        rows = list(csv.DictReader(handle))
    known = wrong = 0
    for row in rows:
        found = DICTIONARY.resolve(row["omop_concept_name"])
        meant = codes.get(row["omop_concept_code"], "")
        wrong += bool(found) and found != meant
        known += bool(meant) and found == meant
    assert len(rows) == 1630 and wrong == 0
    assert known >= 120
