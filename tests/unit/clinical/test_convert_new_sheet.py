"""Typed values of new patients become the features that the laboratory sheet would give; what is unclear is refused by name."""

import json

import numpy as np
import pandas as pd
import pytest

from scripts.clinical.build_clinical_table import feature_table
from scripts.clinical.choose_values import mark_used, wide_table
from scripts.clinical.clean_labs import clean
from scripts.clinical.convert_new_sheet import convert
from scripts.clinical.lab_sheet import read_labs
from scripts.clinical.terminology import Dictionary, Units
from scripts.core import job as core_job
from scripts.core.config import default_config
from scripts.core.hashing import ROOT
from scripts.core.typed_sheet import read_typed

VARIABLES, UNITS = ROOT / "resources/variable_dictionary.csv", ROOT / "resources/units.tsv"
LABS = [
    ("AFP", "6.3", "ng/mL", "afp"),
    ("PIVKA-II", "30", "mAU/mL", "pivka2"),
    ("ALB", "40", "g/L", "alb"),
    ("TBIL", "17", "umol/L", "tbil"),
    ("ALT", "35", "U/L", "alt"),
    ("AST", "36", "U/L", "ast"),
    ("PLT", "150", "10^9/L", "plt"),
    ("INR", "1.1", "1", "inr"),
    ("CREA", "70", "umol/L", "crea"),
    ("HBsAg", "阳性", "", "hbsag"),
]
REST = "\t".join(f"{name} [{unit}]" if unit else name for name, _, unit, _ in LABS[1:])
CELLS = "\t".join(value for _, value, _, _ in LABS[1:])
PERSON, WHO = "age\tsex\taetiology", "60\tmale\thbv"


@pytest.fixture(scope="module")
def settings():
    return default_config()["clinical"]


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    """The folder of a bundle that holds dictionary and unit table."""
    folder = tmp_path_factory.mktemp("tables")
    (folder / "clinical.variables.csv").write_bytes(VARIABLES.read_bytes())
    (folder / "clinical.units.tsv").write_bytes(UNITS.read_bytes())
    return folder


@pytest.fixture(scope="module")
def expected(settings, tmp_path_factory):
    """The row that the laboratory sheet gives, through the steps of build_clinical_table, and its dictionary."""
    path = tmp_path_factory.mktemp("labs") / "labs.tsv"
    rows = [f"N1\t{name}\t{value}\t{unit}\n" for name, value, unit, _ in LABS]
    path.write_text("patient_id\tanalyte\tvalue\tunit\n" + "".join(rows), encoding="utf-8")
    dictionary, raw = Dictionary.read(VARIABLES), read_labs(path)[0]
    labs, _ = clean(
        raw, dictionary, Units.read(UNITS), as_of="", lod_divisor=settings["lod_divisor"]
    )
    nobody = pd.Series(pd.NaT, index=["N1"])
    labs = mark_used(labs, nobody, nobody, settings["window_days"])
    values, uln = (wide_table(labs, column, ["N1"]) for column in ("value", "uln"))
    person = pd.DataFrame(
        {
            "age": [60.0],
            "sex": ["male"],
            "aetiology": ["hbv"],
            "role": "new",
            "diagnosis": "unknown",
        },
        index=pd.Index(["N1"], name="patient_id"),
    )
    table, features, *_ = feature_table(values, uln, person, dictionary, settings)
    return table, {feature.feature: feature.unit for feature in features}


@pytest.fixture
def read(tables, settings, expected, tmp_path):
    """A function text of a sheet -> (features, reading)."""

    def run(text, units=None, encoding="utf-8"):
        path = tmp_path / "new.tsv"
        path.write_bytes(text.encode(encoding))
        about = expected[1] | (units or {})
        features = [{"block": "clinical", "feature": f, "unit": u} for f, u in about.items()]
        return convert(read_typed(path), features, tables, settings)

    return run


def wide(header, cell="6.3", more=""):
    return f"patient_id\tcentre\t{header}\t{REST}\t{PERSON}\n{more}N1\tC1\t{cell}\t{CELLS}\t{WHO}\n"


def problems(reading):
    return [f"{row} {column}: {allowed}" for row, column, _, allowed in reading["problems"]]


HEADERS = [
    *(
        "clinical__afp [ng/mL]",
        "clinical__afp(ng/mL)",
        "AFP(ng/mL)",
        "AFP ng/mL",
        "甲胎蛋白（ng/mL）",
    ),
    *("AFP_ng_mL", "afp_ng_ml", "ＡＦＰ（ｎｇ／ｍＬ）", "AFP.ng.mL", "AFP..ng.mL.", "AFP, ng/mL"),
    *("AFP【ng/mL】", "AFP［ng/mL］", "AFP in ng/mL", "AFP_ng_per_mL", "甲胎蛋白(AFP)(ng/mL)"),
    *("甲胎蛋白 AFP ng/mL", "AFP (µg/L)", "AFP ug/L", "AFP µg·L-1", "AFP/ng/mL", "甲胎蛋白ng/毫升"),
]


@pytest.mark.parametrize("header", HEADERS)
def test_unit_in_the_header_gives_the_row_of_the_laboratory_sheet(read, expected, header):
    table, reading = read(wide(header))
    assert reading["problems"] == []
    pd.testing.assert_frame_equal(table[expected[0].columns], expected[0], rtol=0, atol=1e-12)


LONG = "patient_id\tanalyte\tvalue\tunit\tcentre\tage\tsex\taetiology\n" + "".join(
    f"N1\t{name}\t{value}\t{unit}\tC1\t60\tmale\thbv\n" for name, value, unit, _ in LABS
)
LONG_CHINESE = "病人编号\t检验项目\t结果\t单位\n" + "".join(
    f"N1\t{name}\t{value}\t{unit}\n"
    for name, value, unit, _ in [*LABS, ("年龄", "60", "岁", ""), ("性别", "男", "", "")]
)
LONG_CHINESE += "N1\t病因\t乙肝\t\nN1\t中心\tC1\t\n"
LAYOUTS = {
    "unit in the cell": wide("AFP", "6.3 ng/mL"),
    "unit row": wide("AFP", more="\t\tng/mL\n"),
    "unit row with a word": wide("AFP", more="单位\t\tng/mL\n"),
    "unit column": wide("AFP\tAFP unit", "6.3\tng/mL"),
    "unit column of another name": wide("clinical__afp\tafp_unit", "6.3\tug/L"),
    "unit column beside": wide("甲胎蛋白\t单位", "6.3\tng/mL"),
    "log10": wide("clinical__afp [log10(ng/mL)]", repr(float(np.log10(6.3)))),
    "log10 before the name": wide("log10(AFP) [ng/mL]", repr(float(np.log10(6.3)))),
    "another unit": wide("AFP [ng/L]", "6300"),
    "full-width digits": wide("AFP [ng/mL]", "６．３"),
    "decimal comma": wide("AFP [ng/mL]", "6,3"),
    "apostrophe of Excel": wide("AFP [ng/mL]", "'6.3"),
    "long": LONG,
    "long, Chinese": LONG_CHINESE,
    "commas": wide("AFP [ng/mL]").replace("\t", ","),
    "semicolons, sep line": "sep=;\n" + wide("AFP [ng/mL]").replace("\t", ";"),
    "blank lines and empty columns": "\n" + wide("AFP [ng/mL]").replace("\n", "\t\t\r\n") + "\t\t\r\n",
    "codes": wide("AFP [ng/mL]")
    .replace(PERSON, "clinical__age\tclinical__male\taetiology_hbv\taetiology_hcv\taetiology_ald\taetiology_masld")
    .replace(WHO, "60\t1\t1\t0\t0\t0"),
}  # fmt: skip


@pytest.mark.parametrize("name", LAYOUTS)
def test_layout_gives_the_row_of_the_laboratory_sheet(read, expected, name):
    table, reading = read(LAYOUTS[name], encoding="utf-8-sig" if name == "commas" else "utf-8")
    assert reading["problems"] == []
    pd.testing.assert_frame_equal(table[expected[0].columns], expected[0], rtol=0, atol=1e-12)


@pytest.mark.parametrize("encoding", ["gb18030", "utf-16"])
def test_encodings_of_excel_are_read(read, expected, encoding):
    table, _ = read(wide("甲胎蛋白（ng/mL）"), encoding=encoding)
    pd.testing.assert_frame_equal(table[expected[0].columns], expected[0], rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (wide("clinical__afp"), "1 clinical__afp: no unit; say it, as clinical__afp [ng/mL]"),
        (wide("AFP (nmol/L)"), "1 AFP (nmol/L): unknown unit for afp; known: ng/mL"),
        (wide("AFP [U/L]"), "1 AFP [U/L]: U/L is off"),
        (wide("AFP [IU/mL]"), "1 AFP [IU/mL]: IU/mL is off (config keys afp_iu_factor"),
        (wide("AFP [ng/mL]\t甲胎蛋白（ug/L）", "6\t6"), "甲胎蛋白（ug/L）: the same feature as column AFP [ng/mL]"),
        (wide("AFP [ng/mL]", "high"), "2 AFP [ng/mL]: "),
        (wide("AFP [ng/mL]", "6 ug/mL"), "AFP [ng/mL]: the unit in the cell is not that of the unit column"),
        (wide("AFP [ng/mL]", "-3"), "2 AFP [ng/mL]: "),
        (wide("AFP [ng/mL]\tAFP unit", "6\tug/mL"), "the header says ng/mL, its unit says ug/mL"),
        (wide("AFP [ng/mL]").replace("\tmale\t", "\t1\t"), "2 sex: allowed: male, female"),
        (wide("AFP [ng/mL]").replace("\t60\t", "\t600\t"), "2 age: allowed: a number from 0 to 120"),
        (wide("AFP [ng/mL]\tweight", "6\t70"), "1 weight: no unit; say it, as weight [kg]"),
        (wide("AFP [ng/mL]\tmale", "6\t1"), "sex: the same feature as column male; keep one"),
        (wide("AFP [ng/mL]\taetiology_hbv", "6\t1"), "aetiology: the same feature as column aetiology_hbv"),
        (LONG.replace("\tng/mL\t", "\t\t", 1), "2 analyte: no unit; fill the column unit; units of afp"),
        (LONG + "N1\t甲胎蛋白\t7\tng/mL\tC1\t60\tmale\thbv\n", "12 analyte: another value of afp"),
    ],
)  # fmt: skip
def test_what_is_unclear_is_refused_by_name(read, text, said):
    _, reading = read(text)
    assert any(said in line for line in problems(reading)), problems(reading)


def test_activity_under_a_mass_unit_is_refused(read):
    text = wide("AFP [ng/mL]").replace("PIVKA-II [mAU/mL]", "PIVKA-II [ng/mL]")
    assert any("is never converted" in line for line in problems(read(text)[1]))


def test_value_below_a_limit_counts_as_in_the_laboratory_sheet(read):
    table, reading = read(wide("AFP [ng/mL]", "<0.61"))
    # 0.61 / sqrt(2) = 0.431, below the smallest plausible AFP of the dictionary: 0.5 ng/mL
    assert table.loc["N1", "afp"] == pytest.approx(np.log10(0.5))
    assert reading["values"]["N1"]["afp"]["typed"] == "<0.61 ng/mL"
    table, _ = read(wide("AFP [ng/mL]", "<2"))
    assert table.loc["N1", "afp"] == pytest.approx(np.log10(2 / settings_divisor()))


def settings_divisor():
    return default_config()["clinical"]["lod_divisor"]


def test_missing_cell_is_missing_and_a_code_alone_leaves_the_others_missing(read):
    text = wide("AFP [ng/mL]", "NA").replace(PERSON, "age\tsex\taetiology_hbv")
    table, _ = read(text.replace(WHO, "60\tmale\t1"))
    assert "afp" not in table or np.isnan(table.loc["N1", "afp"])
    assert table.loc["N1", "aetiology_hbv"] == 1 and np.isnan(table.loc["N1", "aetiology_hcv"])
    assert np.isnan(table.get("asap", pd.Series({"N1": np.nan}))["N1"])  # needs AFP


def test_typed_index_counts_only_where_its_inputs_lack(read, expected):
    table, reading = read(wide("AFP [ng/mL]\tclinical__fib4\tclinical__nlr", "6.3\t9\t2.5"))
    assert table.loc["N1", "fib4"] == pytest.approx(expected[0].loc["N1", "fib4"])
    assert reading["notes"]["N1"][0].startswith("fib4 was typed as 9; ")
    assert table.loc["N1", "nlr"] == 2.5  # no neutrophils, no lymphocytes


def test_model_in_another_unit_gets_its_own(read, expected):
    table, _ = read(wide("AFP [ng/mL]"), units={"tbil": "mg/dL", "afp": "ng/mL"})
    assert table.loc["N1", "tbil"] == pytest.approx(17 / 17.1)  # units.tsv: 17.1 umol/L per mg/dL
    assert table.loc["N1", "afp"] == pytest.approx(6.3)


def test_other_blocks_and_unused_analytes_are_left_alone(read):
    _, reading = read(wide("AFP [ng/mL]\tct__volume [mm3]\tglucose", "6.3\t5\t5.1"))
    assert "ct__volume [mm3]" not in reading["columns"]
    assert reading["unused"] == ["glucose"] and reading["problems"] == []


def test_name_of_a_person_is_not_repeated(read):
    _, reading = read(wide("AFP [ng/mL]", "姓名：王小明"))
    assert reading["problems"] and "王小明" not in json.dumps(reading, ensure_ascii=False)


def job_of(folder, sheet, bundles, named):
    job = core_job.Named()
    job.rule, job.log, job.threads, job.wildcards = "convert_new_sheet", [], 1, core_job.Named()
    job.input = core_job.Named([str(sheet)], new=str(sheet))
    outputs = {"table": str(folder / "t.parquet"), "reading": str(folder / "r.json")}
    job.output = core_job.Named(outputs.values(), **outputs)
    params = {"lock": str(folder / "bundle.json"), "named": named, "bundles": str(bundles)}
    job.params = core_job.Named(params.values(), **params)
    return job


def test_changed_bundle_reads_nothing(tmp_path, capsys):
    from scripts.clinical import convert_new_sheet
    from scripts.core.hashing import digest_of_file

    folder = tmp_path / "bundles" / "ab"
    folder.mkdir(parents=True)
    (folder / "bundle.json").write_text('{"features": []}')
    digest = digest_of_file(folder / "bundle.json")
    (folder / "SHA256SUMS").write_text(f"{digest}  bundle.json\n")
    sheet = tmp_path / "new.tsv"
    sheet.write_text("patient_id\tct__a\nN1\t1\n")
    convert_new_sheet.main(job_of(tmp_path, sheet, tmp_path / "bundles", "ab"))
    assert json.loads((tmp_path / "r.json").read_text())["columns"] == []
    (folder / "bundle.json").write_text('{"features": [] }')
    with pytest.raises(SystemExit):
        convert_new_sheet.main(job_of(tmp_path, sheet, tmp_path / "bundles", "ab"))
    assert "changed since the lock" in capsys.readouterr().err
