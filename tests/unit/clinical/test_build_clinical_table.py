"""The clinical table: cleaning, choice of the value that counts, features, verdicts; small sheets and real ones."""

import csv
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from scripts.clinical import build_clinical_table
from scripts.clinical.lab_sheet import read_labs
from scripts.core.features import read_block
from scripts.core.job import InputDefect

ROOT = Path(__file__).parents[3]
OUTPUTS = {
    "table": "clinical.table.parquet",
    "verdicts": "clinical.table.verdicts.tsv",
    "dictionary": "dictionary.tsv",
    "labs": "labs.parquet",
    "indices": "missing_indices.parquet",
    "missing": "missing.tsv",
    "columns": "unit_columns.json",
    "status": "status.json",
    "ledger": "ledger.jsonl",
}


def patient(number: int, **changes) -> dict:
    """A row of patients.tsv."""
    row = {
        "patient_id": f"P{number}",
        "centre": "C1",
        "diagnosis": "hcc" if number % 2 else "cirrhosis",
        "role": "development",
        "index_date": "2025-06-10",
        "sex": "male",
        "age": 50,
        "aetiology": "hbv",
    }
    return row | changes


class Built:
    """Run of the step: table, verdicts, rows, records."""

    def __init__(
        self, cohort, patients, labs, *, history=(), consents=(), encoding="utf-8", **settings
    ):
        cohort.plan(patients)
        inputs = {
            "labs": cohort.sheet("labs", labs, encoding),
            "patients": cohort.sheet("patients", patients),
            "history": cohort.sheet("history", list(history)) if history else [],
            "pathology": [],
            "consents": cohort.sheet("consents", list(consents)) if consents else [],
            "dictionary_table": str(ROOT / "resources" / "variable_dictionary.csv"),
            "units": str(ROOT / "resources" / "units.tsv"),
        }
        job = cohort.job(
            "build_clinical_table", inputs, OUTPUTS, settings=cohort.settings | settings
        )
        build_clinical_table.main(job)
        self.table = read_block(job.output.table)
        self.verdicts = pd.read_csv(job.output.verdicts, sep="\t", keep_default_na=False).set_index(
            "patient_id"
        )
        self.dictionary = pd.read_csv(job.output.dictionary, sep="\t").set_index("feature")
        self.labs = pd.read_parquet(job.output.labs)
        self.indices = pd.read_parquet(job.output.indices)
        self.records = cohort.records(job)

    def found(self, requirement: str, *verdicts: str) -> list[dict]:
        wanted = verdicts or ("FAIL", "WARN")
        return [
            r for r in self.records if r["requirement_id"] == requirement and r["verdict"] in wanted
        ]


def lab(analyte: str, value, unit: str, number: int = 1, date: str = "2025-06-10", **more) -> dict:
    return {
        "patient_id": f"P{number}",
        "analyte": analyte,
        "value": value,
        "unit": unit,
        "date": date,
        **more,
    }


def one(cohort, *rows, **more) -> Built:
    """Rows of one patient, with an albumin so that there is something."""
    return Built(cohort, [patient(1)], [lab("ALB", "40", "g/L"), *rows], **more)


def test_chinese_names_mixed_units_and_gb18030(cohort):
    rows = [
        lab("总胆红素", "１．２", "mg/dL"),
        lab("血小板计数", "152000", "/μL"),
        lab("肌酐", "1,1", "mg/dL"),
    ]
    built = one(cohort, *rows, encoding="gb18030")
    values = built.labs.set_index("variable")["value"]
    assert values["tbil"] == pytest.approx(20.52)  # 1.2 x 17.1
    assert values["plt"] == pytest.approx(152)
    assert values["crea"] == pytest.approx(97.24)  # 1.1 x 88.4
    raw = built.labs.set_index("variable").loc["plt"]
    assert (raw["value_raw"], raw["unit_raw"], raw["factor"]) == ("152000", "/μL", 0.001)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
def test_every_form_of_value_and_date_in_every_encoding(cohort, encoding):
    """The list of the notes: BOM, GB18030, UTF-16, full-width digits, limits, words, decimal comma, five forms of a date."""
    forms = ["2025-06-01", "2025/6/1", "2025年6月1日", "20250601", "45809", "２０２５/６/１"]
    rows = [lab("GGT", "40", "U/L", date=form) for form in forms]
    rows += [
        lab("甲胎蛋白", "<0.61", "ng/mL"),
        lab("ALT", "＞1210", "U/L"),
        lab("总胆红素", "１２．５", "umol/L"),
        lab("CREA", "0,9", "mg/dL"),
        lab("乙肝表面抗原", "阴性(-)", ""),
        lab("AST", "未检", "U/L"),
        lab("PLT", "/", "10^9/L"),
    ]
    built = one(cohort, *rows, encoding=encoding)
    assert set(built.labs["date"].dt.strftime("%Y-%m-%d")[1:7]) == {"2025-06-01"}
    lines = built.labs[built.labs["variable"] != "ggt"].set_index("variable")
    assert (lines.loc["afp", "censor"], lines.loc["alt", "censor"]) == ("<", ">")
    assert lines.loc["tbil", "value"] == 12.5
    assert lines.loc["crea", "value"] == pytest.approx(79.56)  # 0.9 x 88.4
    assert lines.loc["hbsag", "value"] == 0
    assert lines.loc[["ast", "plt"], "status"].tolist() == ["missing", "missing"]
    assert not built.found("CLE-02", "FAIL") and not built.found("CLE-03", "FAIL")


@pytest.mark.parametrize(
    "cell", ["张三丰", "35.2 张三", "Zhang San", "姓名：李娜", "住院号 ZY00123456"]
)
def test_name_or_hospital_number_in_a_cell_is_in_no_output(cohort, cell):
    built = one(cohort, lab("AFP", cell, "ng/mL"), lab("张三丰", "1", "g/L"))
    assert built.labs.iloc[1]["status"] == "quarantined"
    written = built.labs.to_csv() + str(built.records) + built.verdicts.to_csv()
    written += "".join(
        p.read_text(errors="replace") for p in Path("out").iterdir() if p.suffix != ".parquet"
    )
    assert not any(part in written for part in ("张三", "Zhang", "李娜", "ZY00123456"))


def test_unit_in_the_cell_that_is_not_the_unit_columns_is_in_quarantine(cohort):
    rows = [lab("TBIL", "1.2 mg/dL", "umol/L"), lab("PLT", "150x10^9/L", "10^9/L")]
    built = one(cohort, *rows, lab("CREA", "80 umol/L", ""))
    assert "tbil" not in built.table  # nobody has one
    values = built.labs.set_index("variable")["value"]
    assert (values["plt"], values["crea"]) == (150, 80)
    (record,) = built.found("CLE-03")
    assert record["verdict"] == "FAIL" and "not that of the unit column" in record["reason"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no tab-separated text"),
        ('patient_id\tanalyte\tvalue\tunit\nP1\tAFP\t"12\tng/mL\n', "no tab-separated text"),
        ("patient_id,analyte,value,unit\nP1,AFP,12,ng/mL\n", "separated by tabs"),
        ("patient_id\tanalyte\tvalue\tunit\tunit\nP1\tAFP\t12\tng/mL\tx\n", "unit stands twice"),
    ],
)
def test_laboratory_sheet_that_is_no_table_is_one_message(tmp_path, text, words):
    path = tmp_path / "labs.tsv"
    path.write_text(text)
    with pytest.raises(InputDefect, match=words):
        read_labs(path)


def test_value_outside_the_hard_range_is_repaired_by_the_one_unit_that_explains_it(cohort):
    built = one(cohort, lab("PLT", "152000", "10^9/L"))
    assert built.table.loc["P1", "plt"] == pytest.approx(152)
    assert [r["verdict"] for r in built.found("CLE-02")] == ["WARN"]
    assert built.verdicts.loc["P1", "verdict"] == "warn"


@pytest.mark.parametrize(
    ("row", "requirement"),
    [
        (lab("ALB", "386", "g/L", date="2025-06-09"), "CLE-02"),
        (lab("PLT", "0.15", "X10E9/L"), "CLE-02"),
        (lab("AFP-L3", "134", "%"), "CLE-06"),
        (lab("TBIL", "20", "mmol"), "CLE-03"),
        (lab("PIVKA-II", "6.8", "ng/mL"), "CLE-03"),
        (lab("AFP", "20", ""), "CLE-03"),
        (lab("AFP", "1,234", "ng/mL"), "CLE-02"),
        (lab("AFP", "5-8", "ng/mL"), "CLE-02"),
        (lab("AFP", "20", "ng/mL", date="01/03/2025"), "CLN-06"),
        (lab("AFP", "20", "ng/mL", date="2026-03-02"), "CLE-06"),
        (lab("AFP", "13800138000", "ng/mL"), "ETH-09"),
    ],
)
def test_what_cannot_be_decided_goes_to_quarantine_with_a_record(cohort, row, requirement):
    built = one(cohort, row)
    line = built.labs.iloc[1]
    assert (line["status"], line["requirement_id"]) == ("quarantined", requirement)
    assert np.isnan(line["value"])
    [record] = built.found(requirement, "FAIL")
    assert record["subject"] == "P1"
    assert "labs.tsv row 3" in record["reason"]


def test_identifier_of_a_person_in_a_cell_is_never_repeated(cohort):
    built = one(cohort, lab("AFP", "13800138000", "ng/mL"))
    assert "13800138000" not in built.labs.to_csv() + str(built.records)


def test_unknown_analyte_is_one_record_for_the_cohort(cohort):
    built = one(cohort, lab("Foo", "1", "g/L"), lab("Foo", "2", "g/L"))
    [record] = built.found("CLE-04")
    assert (record["verdict"], record["value"], record["subject"]) == ("WARN", 2, "cohort")
    assert built.verdicts.loc["P1", "verdict"] == "pass"


def test_exact_duplicates_count_once_and_different_values_of_a_day_are_told(cohort):
    afp = lab("AFP", "20", "ng/mL")
    built = one(cohort, afp, afp, lab("甲胎蛋白", "30", "ng/mL"))
    assert built.labs["status"].tolist() == ["ok", "ok", "duplicate", "ok"]
    assert 10 ** built.table.loc["P1", "afp"] == pytest.approx(20)  # the first row
    assert len(built.found("CLE-05", "WARN")) == 2


def test_nearest_value_to_the_index_date_counts(cohort):
    rows = [
        lab("PLT", "100", "10^9/L", date="2025-05-20"),
        lab("PLT", "110", "10^9/L", date="2025-06-08"),
        lab("PLT", "120", "10^9/L", date="2025-06-12"),  # as near, but after
        lab("PLT", "130", "10^9/L", date=""),
    ]
    assert one(cohort, *rows).table.loc["P1", "plt"] == 110


def test_values_outside_the_window_or_after_treatment_do_not_count(cohort):
    rows = [
        lab("PLT", "100", "10^9/L", date="2025-05-10"),
        lab("INR", "1.1", "", date="2025-06-12"),
    ]
    history = [{"patient_id": "P1", "cirrhosis": "yes", "treatment_date": "2025-06-12"}]
    built = one(cohort, *rows, history=history)
    assert "plt" not in built.table  # 31 d before; the window is 30 d
    assert "inr" not in built.table
    assert built.found("CLN-06", "WARN")[0]["value"] == 2


def test_value_below_a_limit_counts_as_limit_by_square_root_of_two_and_keeps_its_sign(cohort):
    built = one(cohort, lab("AFP", "<6.1", "ng/mL"), lab("GGT", ">1210", "U/L"))
    lines = built.labs.set_index("variable")
    assert lines.loc["afp", "value"] == pytest.approx(6.1 / 2**0.5)
    assert (lines.loc["afp", "censor"], lines.loc["ggt", "censor"]) == ("<", ">")
    assert lines.loc["ggt", "value"] == 1210


def test_index_without_an_input_is_missing_with_the_reason(cohort):
    rows = [lab("AST", "80", "U/L"), lab("ALT", "60", "U/L")]
    built = Built(
        cohort,
        [patient(1, age=55), patient(2)],
        [*rows, lab("PLT", "120", "10^9/L"), lab("AST", "60", "U/L", 2)],
    )
    assert built.table.loc["P1", "fib4"] == pytest.approx(80 * 55 / (120 * 60**0.5))
    assert np.isnan(built.table.loc["P2", "fib4"])
    reasons = built.indices.set_index(["patient_id", "index"])["reason"]
    assert reasons["P2", "fib4"] == "missing: alt, plt"
    assert (
        reasons["P1", "child_pugh"].startswith("missing: tbil, inr, ascites")
        or "alb" in reasons["P1", "child_pugh"]
    )


def test_galad_refuses_activity_units_unless_a_factor_is_declared_with_a_document(cohort):
    rows = [lab("AFP", "20", "ng/mL"), lab("AFP-L3", "12", "%"), lab("PIVKA-II", "100", "mAU/mL")]
    assert "galad" not in one(cohort, *rows).table
    assert "galad" not in one(cohort, *rows, pivka2_ng_per_mau=0.05).table
    built = one(cohort, *rows, pivka2_ng_per_mau=0.05, factor_document="DOC-1")
    # DCP 5 ng/mL, AFP 20, AFP-L3 12 %, age 50, male: -10.08+4.5+1.67+2.34*log10(20)+0.48+1.33*log10(5)
    assert built.table.loc["P1", "galad"] == pytest.approx(0.5440, abs=1e-3)


def test_galad_takes_dcp_in_mass_units(cohort):
    rows = [lab("AFP", "20", "ng/mL"), lab("AFP-L3", "12", "%"), lab("DCP", "5", "ng/mL")]
    built = Built(cohort, [patient(1, age=65)], rows)
    assert built.table.loc["P1", "galad"] == pytest.approx(1.894, abs=1e-3)  # golden value


def test_index_for_hepatitis_b_is_missing_with_another_aetiology(cohort):
    rows = [lab("AFP", "20", "ng/mL", n) for n in (1, 2)] + [
        lab("PIVKA-II", "100", "mAU/mL", n) for n in (1, 2)
    ]
    built = Built(cohort, [patient(1), patient(2, aetiology="ald")], rows)
    assert np.isfinite(built.table.loc["P1", "asap"])
    assert np.isnan(built.table.loc["P2", "asap"])


def test_upper_limit_of_the_laboratory_wins_over_the_default(cohort):
    rows = [lab("PLT", "120", "10^9/L"), lab("AST", "80", "U/L", uln="50")]
    assert one(cohort, *rows).table.loc["P1", "apri"] == pytest.approx(80 / 50 / 120 * 100)
    rows[1].pop("uln")
    assert one(cohort, *rows).table.loc["P1", "apri"] == pytest.approx(80 / 40 / 120 * 100)


def test_tumour_findings_are_annotation_and_so_is_what_only_cases_have(cohort):
    history = [
        {"patient_id": "P1", "cirrhosis": "yes", "ecog_ps": 0, "tumour_number": 1, "tumour_max_cm": 2,
         "vascular_invasion": "no", "extrahepatic": "no", "ascites": "none", "encephalopathy": "none",
         "us_category": 3},
        {"patient_id": "P2", "us_category": 1},
    ]  # fmt: skip
    rows = [lab("ALB", "40", "g/L", n) for n in (1, 2)] + [
        lab("CEA", "3", "ng/mL"),
        lab("TBIL", "20", "umol/L"),
        lab("INR", "1", ""),
    ]
    built = Built(cohort, [patient(1), patient(2)], rows, history=history)
    roles = built.dictionary["role"]
    assert roles[["tumour_max_cm", "milan", "bclc", "cnlc", "alb_bin"]].eq("annotation").all()
    assert roles["cea"] == "annotation"  # measured in the case only
    assert roles["alb"] == "predictor"
    assert roles["us_category"] == "annotation"  # for the surveillance baseline only
    assert built.table["us_category"].tolist() == [3, 1]
    assert built.table.loc["P1", ["bclc", "cnlc", "milan"]].tolist() == [0, 0, 1]


def test_direct_above_total_bilirubin_is_a_record_and_both_stay(cohort):
    built = one(cohort, lab("TBIL", "20", "umol/L"), lab("DBIL", "25", "umol/L"))
    [record] = built.found("CLE-06", "FAIL")
    assert record["subject"] == "P1"
    assert {"tbil", "dbil"} <= set(built.table)


def test_patient_without_laboratory_values_is_missing_and_with_few_fails(cohort):
    core = ["AFP", "PIVKA-II", "ALB", "TBIL", "ALT", "AST", "PLT"]
    units = ["ng/mL", "mAU/mL", "g/L", "umol/L", "U/L", "U/L", "10^9/L"]
    rows = [lab(a, "40", u) for a, u in zip(core, units, strict=True)] + [
        lab("ALB", "40", "g/L", 2)
    ]
    built = Built(cohort, [patient(1), patient(2), patient(3)], rows)
    assert built.verdicts["verdict"].tolist() == ["pass", "fail", "missing"]
    panel = {r["subject"]: r["verdict"] for r in built.found("CLN-05", "PASS", "FAIL")}
    assert panel == {"P1": "FAIL", "P2": "FAIL", "P3": "FAIL"}  # 7, 1 and 0 of 9 analytes


def test_other_patients_rows_are_not_read(cohort):
    rows = [lab("ALB", "40", "g/L"), lab("ALB", "41", "g/L", 9)]
    built = Built(cohort, [patient(1)], rows)
    assert built.labs["patient_id"].tolist() == ["P1"]


def test_two_runs_give_the_same_bytes(cohort):
    rows = [lab("AFP", "20", "ng/mL"), lab("AFP", "20", "ng/mL"), lab("TBIL", "x", "mg/dL")]
    one(cohort, *rows)
    first = {p.name: p.read_bytes() for p in Path("out").iterdir() if p.suffix != ".jsonl"}
    one(cohort, *rows)
    assert {p.name: p.read_bytes() for p in Path("out").iterdir() if p.suffix != ".jsonl"} == first


@pytest.mark.real
def test_indian_liver_patients(cohort, testdata):
    """ILPD, 583 rows: 13 exact duplicates, direct above total bilirubin in file lines 248, 263, 281, 25 minors; none lost."""
    with open(
        testdata / "clinical" / "ilpd_583x11.csv", encoding="utf-8-sig", newline=""
    ) as handle:
        rows = list(csv.DictReader(handle))
    columns = {
        "TBN": ("TBIL", "mg/dL"), "DBN": ("DBIL", "mg/dL"), "ALPHOS": ("ALP", "U/L"), "ALAMTRS": ("ALT", "U/L"),
        "ASAMTRS": ("AST", "U/L"), "TPR": ("TP", "g/dL"), "ALB": ("ALB", "g/dL"), "ALBGLBR": ("A/G", ""),
    }  # fmt: skip
    patients = [
        patient(
            i,
            sex=row["Gender"].lower(),
            age=row["Age"],
            diagnosis="cirrhosis" if row["Dataset"] == "1" else "healthy",
            aetiology=None,
        )
        for i, row in enumerate(rows, 2)
    ]
    labs = [
        lab(name, row[c], unit, i)
        for i, row in enumerate(rows, 2)
        for c, (name, unit) in columns.items()
    ]
    built = Built(cohort, patients, labs)
    assert len(built.table) == len(built.verdicts) == 583
    assert len(built.labs) == 583 * 8
    contradictions = {
        r["subject"] for r in built.found("CLE-06", "FAIL") if "bilirubin" in r["check"]
    }
    assert contradictions == {"P248", "P263", "P281"}
    twice = [r for r in built.found("CLE-05", "WARN") if r["check"] == "patient stands once"]
    assert len(twice) == 13
    assert built.labs["status"].isin(["ok", "missing"]).mean() > 0.99
    assert Counter(built.verdicts["verdict"])["missing"] == 0
    from scripts.clinical.validate_inputs import demographics

    minors = [
        p
        for p in patients
        if demographics({**p, "age": float(p["age"])}, [18, 100])[0].verdict == "FAIL"
    ]
    assert len(minors) == 25


@pytest.mark.real
def test_hepatitis_c_cohort_in_si_units(cohort, testdata):
    """UCI HCV, 615 rows in SI units: values as printed; FIB-4 has no platelets and is missing for everybody."""
    with open(
        testdata / "clinical" / "uci_hcv_hcvdat0.csv", encoding="utf-8-sig", newline=""
    ) as handle:
        rows = list(csv.DictReader(handle))
    units = {
        "ALB": "g/L", "ALP": "U/L", "ALT": "U/L", "AST": "U/L", "BIL": "umol/L", "CHE": "kU/L", "CHOL": "mmol/L",
        "CREA": "umol/L", "GGT": "U/L", "PROT": "g/L",
    }  # fmt: skip
    patients = [
        patient(
            i,
            sex={"m": "male", "f": "female"}[row["Sex"]],
            age=row["Age"],
            diagnosis="healthy",
            aetiology=None,
        )
        for i, row in enumerate(rows, 1)
    ]
    labs = [
        lab(name, row[name], unit, i)
        for i, row in enumerate(rows, 1)
        for name, unit in units.items()
    ]
    built = Built(cohort, patients, labs)
    assert len(built.table) == 615
    assert built.table.loc["P1", "alb"] == 38.5
    assert built.table.loc["P1", "egfr"] == pytest.approx(82.47, abs=0.01)
    # by hand: 142 (106/88.4/0.9)^-1.2 0.9938^32
    assert "fib4" not in built.table
    empty = sum(row[name] in ("", "NA") for row in rows for name in units)
    assert (built.labs["status"] == "missing").sum() == empty
    assert not (built.labs["requirement_id"] == "CLE-03").any()


def test_new_patient_is_judged_alone_as_among_others():
    labs = pd.DataFrame(columns=["patient_id", "analyte", "status", "reason", "requirement_id"])
    values = pd.DataFrame(
        {"afp": [1.0, 2.0], "alb": [None, 40.0], "tbil": [None, 9.0]}, index=["N1", "N2"]
    )
    panel = ["afp", "alb", "tbil"]
    together = build_clinical_table.verdicts_of(
        labs, values, panel, 0.5, whole_panel=True
    ).set_index("patient_id")
    alone = build_clinical_table.verdicts_of(labs, values.loc[["N1"]], panel, 0.5, whole_panel=True)
    assert alone.loc[0, "verdict"] == together.loc["N1", "verdict"] == "fail"
    assert alone.loc[0, "reasons"] == together.loc["N1", "reasons"]


def test_age_that_is_not_said_is_that_of_the_birth_date_at_the_index_date(cohort):
    born = patient(1, age=None, birth_date="1965-06-11")  # one day before 60 at 2025-06-10
    rows = [lab("AST", "80", "U/L"), lab("ALT", "64", "U/L"), lab("PLT", "118", "10^9/L")]
    built = Built(cohort, [born], rows)
    assert built.table.loc["P1", "age"] == 59
    assert built.table.loc["P1", "fib4"] == pytest.approx(59 * 80 / (118 * 8))  # sqrt 64 = 8


@pytest.mark.parametrize("cell", ["50", "５０", "0-50", "15～50", "<50"])
def test_upper_limit_of_the_sheet_is_read_in_its_usual_forms(cohort, cell):
    built = one(cohort, lab("PLT", "120", "10^9/L"), lab("AST", "80", "U/L", uln=cell))
    assert built.table.loc["P1", "apri"] == pytest.approx(80 / 50 / 120 * 100)
    assert not built.found("TRF-02")


@pytest.mark.parametrize("cell", ["-40", "1,200", "40 张三丰"])
def test_filled_upper_limit_that_is_not_used_is_a_record(cohort, cell):
    built = one(cohort, lab("PLT", "120", "10^9/L"), lab("AST", "80", "U/L", uln=cell))
    own = cohort.settings["uln"]["ast"]["male"]  # WS/T 404-2012 by sex
    assert built.table.loc["P1", "apri"] == pytest.approx(80 / own / 120 * 100)
    (record,) = built.found("TRF-02")
    assert record["verdict"] == "WARN"
    assert record["reason"].startswith("labs.tsv row 4: AST uln ")
    assert "张三丰" not in str(built.records)


@pytest.mark.parametrize(
    ("value", "unit", "cell", "limit"),
    [  # 1 ukat/L = 60 U/L; the limit of the config for men is 40 U/L
        *(("80", "U/L", "0.67", None), ("0.9", "U/L", "40", None), ("1.5", "ukat/L", "40", None)),
        *(("1.5", "ukat/L", "0.67", 40.2), ("80", "U/L", "35", 35), ("80", "U/L", "400", None)),
    ],
)  # fmt: skip
def test_upper_limit_in_another_unit_than_its_value_is_a_record(cohort, value, unit, cell, limit):
    built = one(cohort, lab("PLT", "120", "10^9/L"), lab("AST", value, unit, uln=cell))
    row = built.labs.set_index("variable").loc["ast"]
    assert row["uln"] == pytest.approx(limit or np.nan, nan_ok=True)
    assert built.table.loc["P1", "apri"] == pytest.approx(row["value"] / (limit or 40) / 120 * 100)
    found = built.found("TRF-02", "WARN")
    assert len(found) == (limit is None)
    assert all("outside 11.67 to 120 U/L" in r["reason"] for r in found)


@pytest.mark.parametrize("day", ["9999-12-31", "0001-01-01", "1600-01-01"])
def test_filler_day_puts_its_row_in_quarantine_and_the_others_count(cohort, day):
    built = one(cohort, lab("AFP", "35", "ng/mL", date=day), lab("ALT", "35", "U/L"))
    rows = built.labs.set_index("analyte")
    assert (rows.loc["AFP", "status"], rows.loc["AFP", "requirement_id"]) == (
        "quarantined",
        "CLN-06",
    )
    assert rows.loc["AFP", "reason"] == "date: no day of the years 1900 to 2100; leave it empty"
    assert built.table.loc["P1", "alt"] == pytest.approx(np.log10(35))


@pytest.mark.parametrize(("treated", "used"), [("2025-06-20", 0), ("", 1), ("2026-06-01", 1)])
def test_undated_value_of_a_treated_patient_is_not_taken_for_one_before_it(cohort, treated, used):
    """The day of the run (`as_of`) is 2026-03-01: a treatment planned for later has not been."""
    history = [{"patient_id": "P1", "treatment_date": treated}]
    built = one(cohort, lab("AFP", "35", "ng/mL", date=""), history=history)
    row = built.labs.set_index("variable").loc["afp"]
    assert (row["status"], row["value"], row["used"]) == ("ok", 35, bool(used))
    found = [r for r in built.found("CLN-06", "WARN") if "have a date" in r["check"]]
    assert len(found) == 1 - used
    assert all(r["reason"].startswith("1 rows without a date") for r in found)


def test_treatment_in_the_year_9999_is_none(cohort):
    history = [{"patient_id": "P1", "treatment_date": "9999-12-31"}]
    built = one(cohort, lab("ALT", "35", "U/L"), history=history)
    assert built.table.loc["P1", "alt"] == pytest.approx(np.log10(35))


def test_index_from_a_value_beyond_a_limit_carries_a_mark(cohort):
    rows = [lab("AST", "<5", "U/L"), lab("ALT", "30", "U/L"), lab("PLT", "150", "10^9/L")]
    other = [lab(r["analyte"], r["value"].strip("<"), r["unit"], 2) for r in rows]
    built = Built(cohort, [patient(1), patient(2)], [*rows, *other])
    assert built.table["fib4_limit"].to_dict() == {"P1": 1.0, "P2": 0.0}
    assert built.dictionary["role"]["fib4_limit"] == "annotation"
    said = built.indices[built.indices["patient_id"] == "P1"].set_index("index")["reason"]
    assert said["fib4"] == "from a value beyond a limit of detection: ast"
    assert "bmi_limit" not in built.table


def test_row_that_a_check_doubts_says_so_itself(cohort):
    rows = [lab("TBIL", "20", "umol/L"), lab("DBIL", "31", "umol/L"), lab("ALT", "35", "U/L")]
    rows += [lab("GGT", "40", "U/L"), lab("GGT", "60", "U/L")]
    built = one(cohort, *rows)
    doubt = built.labs.set_index("analyte")["doubt"].astype(str)
    assert doubt["TBIL"].startswith("CLE-06") and doubt["DBIL"].startswith("CLE-06")
    assert doubt["ALT"] == doubt["ALB"] == ""
    assert set(doubt["GGT"]) == {"CLE-05: another value of this day"}
