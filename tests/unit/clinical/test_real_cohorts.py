"""Real cohorts from their sheets to the clinical table: an undeclared coding is refused, units are told apart, visits are chosen.

UCI HCV (615 blood donors and patients, SI units), the Mayo PBC trial and its visits (US units), ILPD (583, US units).
"""

import csv
import datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from scripts.clinical import build_clinical_table, validate_inputs
from scripts.clinical.clean_labs import clean
from scripts.clinical.lab_sheet import read_labs
from scripts.clinical.terminology import Dictionary, Units
from scripts.core.config import default_config
from scripts.core.features import read_block
from scripts.core.plan import make_plan
from scripts.core.sheets import SheetErrors
from tests.unit.clinical.test_build_clinical_table import OUTPUTS, ROOT

pytestmark = pytest.mark.real
CONFIG = {"sheets": ".", "as_of": "2026-03-01", "purpose": "research"}
CONFIG |= {"consent": {"not_available": "public data set", "document": "UCI-571"}}
INDEX = datetime.date(2020, 6, 1)


def rows_of(path: Path) -> list[dict]:
    with open(path, encoding="utf-8-sig", newline="") as handle:
        return list(csv.DictReader(handle))


def person(number, sex: str, age: str, **changes) -> dict:
    row = {
        "patient_id": f"P{number}",
        "centre": "C1",
        "diagnosis": "cirrhosis",
        "role": "development",
    }
    return row | {"sex": sex, "age": age, "index_date": INDEX.isoformat()} | changes


def labs_of(number, row: dict, units: dict[str, tuple[str, str]], day=INDEX) -> list[dict]:
    """Rows of labs.tsv of one row of a wide table: {column: (analyte, unit)}."""
    return [
        {
            "patient_id": f"P{number}",
            "analyte": name,
            "value": row[column],
            "unit": unit,
            "date": day.isoformat(),
        }
        for column, (name, unit) in units.items()
    ]


class Run:
    """The sheets of a cohort, planned and built as a run does it."""

    def __init__(self, cohort, patients: list[dict], labs: list[dict], encoding: str = "utf-8"):
        cohort.sheet("patients", patients, encoding)
        cohort.sheet("labs", labs, encoding)
        self.plan = make_plan(CONFIG, write=True)
        inputs = {
            "labs": ".hcc/sheets/labs.tsv",
            "patients": ".hcc/sheets/patients.tsv",
            "history": [],
            "pathology": [],
        }
        inputs |= {
            "dictionary_table": str(ROOT / "resources" / "variable_dictionary.csv"),
            "units": str(ROOT / "resources" / "units.tsv"),
        }
        job = cohort.job("build_clinical_table", inputs, OUTPUTS, settings=cohort.settings)
        build_clinical_table.main(job)
        self.table = read_block(job.output.table)
        self.labs = pd.read_parquet(job.output.labs)
        self.records = cohort.records(job)
        settings = {
            k: cohort.settings[k] for k in ("age_range", "reference_days", "follow_up_days")
        }
        outputs = {"validation": "validation.tsv", "status": "vs.json", "ledger": "vl.jsonl"}
        job = cohort.job(
            "validate_inputs", {"patients": ".hcc/sheets/patients.tsv"}, outputs,
            settings=settings, consent=CONFIG["consent"],
        )  # fmt: skip
        validate_inputs.main(job)
        self.records += cohort.records(job)

    def failed(self, requirement: str, check: str = "") -> set[str]:
        return {
            r["subject"]
            for r in self.records
            if r["requirement_id"] == requirement and r["verdict"] == "FAIL" and check in r["check"]
        }


def rows_in_doubt(run: Run, variable: str) -> list[str]:
    labs = run.labs[run.labs["variable"] == variable]
    return labs.loc[labs["status"] == "quarantined", "patient_id"].astype(str).tolist()


HCV = {
    "ALB": ("ALB", "g/L"), "ALP": ("ALP", "U/L"), "ALT": ("ALT", "U/L"), "AST": ("AST", "U/L"), "BIL": ("BIL", "umol/L"),
    "CHE": ("CHE", "kU/L"), "CHOL": ("CHOL", "mmol/L"), "CREA": ("CREA", "umol/L"), "GGT": ("GGT", "U/L"), "PROT": ("TP", "g/L"),
}  # fmt: skip
PBC = {
    "bili": ("TBIL", "mg/dL"), "albumin": ("ALB", "g/dL"), "alk.phos": ("ALP", "U/L"), "ast": ("AST", "U/L"),
    "platelet": ("PLT", "10^9/L"), "chol": ("CHOL", "mg/dL"), "protime": ("PT", "s"),
}  # fmt: skip


def test_undeclared_sex_coding_is_one_error_per_code_with_file_row_column_and_what_is_allowed(
    cohort, testdata
):
    rows = rows_of(testdata / "clinical" / "uci_hcv_hcvdat0.csv")
    people = [person(i, row["Sex"], row["Age"]) for i, row in enumerate(rows, 1)]
    with pytest.raises(SheetErrors) as error:
        Run(cohort, people, [lab for i, r in enumerate(rows, 1) for lab in labs_of(i, r, HCV)])
    men, women = (sum(row["Sex"] == code for row in rows) for code in "mf")
    line = 2 + [row["Sex"] for row in rows].index("f")
    said = str(error.value).splitlines()
    assert said == [
        f"patients.tsv, row 2, column sex: 'm': allowed: male, female, 男, 女, 男性, 女性 ({men} rows)",
        f"patients.tsv, row {line}, column sex: 'f': allowed: male, female, 男, 女, 男性, 女性 ({women} rows)",
    ]
    assert not Path(".hcc").exists()


def test_hcv_cohort_with_american_units_in_every_other_row_gives_the_same_table(cohort, testdata):
    rows = rows_of(testdata / "clinical" / "uci_hcv_hcvdat0.csv")
    people = [
        person(i, {"m": "male", "f": "女"}[row["Sex"]], row["Age"]) for i, row in enumerate(rows, 1)
    ]
    plain = [lab for i, row in enumerate(rows, 1) for lab in labs_of(i, row, HCV)]
    first = Run(cohort, people, plain)
    other = {
        "ALB": ("g/dL", 10),
        "BIL": ("mg/dL", 17.1),
        "CREA": ("mg/dL", 88.4),
        "CHOL": ("mg/dL", 0.02586),
    }
    mixed = []
    for number, lab in enumerate(plain):
        unit, factor = other.get(lab["analyte"], ("", 1))
        if unit and number % 2 and lab["value"] not in ("", "NA"):
            lab = lab | {"unit": unit, "value": repr(float(lab["value"]) / factor)}
        mixed.append(lab)
    second = Run(cohort, people, mixed, "gb18030")
    assert first.plan["patients"].keys() == second.plan["patients"].keys()
    # Creatinine of 8 and 9 umol/L may be mg/dL; the same as 0.09 and 0.10 mg/dL is clear.
    gone = set(rows_in_doubt(first, "crea")) - set(rows_in_doubt(second, "crea"))
    raw = {f"P{i}": row["CREA"] for i, row in enumerate(rows, 1)}
    assert sorted(float(raw[patient]) for patient in gone) == [8.0, 9.0]
    left = first.table.index.difference(sorted(gone))
    pd.testing.assert_frame_equal(first.table.loc[left], second.table.loc[left], rtol=1e-9)
    assert (
        second.labs["unit_raw"].astype(str).nunique() > first.labs["unit_raw"].astype(str).nunique()
    )
    assert not second.failed("CLE-03")
    # What is impossible in the source itself.
    assert second.failed("CLE-02") == first.failed("CLE-02") - gone


def test_mislabelled_albumin_is_repaired_as_a_record_or_put_aside(cohort, testdata):
    """Albumin in g/dL under a g/L header: 3.8 is impossible in g/L and plausible in one other common unit."""
    rows = rows_of(testdata / "clinical" / "survival_pbc.csv")[:50]
    people = [person(r["id"], {"m": "male", "f": "female"}[r["sex"]], r["age"]) for r in rows]
    labs = [lab for r in rows for lab in labs_of(r["id"], r, PBC | {"albumin": ("ALB", "g/L")})]
    run = Run(cohort, people, labs)
    alb = run.labs[run.labs["variable"] == "alb"]
    assert set(alb["status"]) == {"repaired"}
    assert run.table.loc["P1", "alb"] == pytest.approx(26.0)
    warned = [r for r in run.records if r["requirement_id"] == "CLE-03" and r["verdict"] == "WARN"]
    assert sum("can be used" in r["check"] and r["check"].startswith("alb") for r in warned) == 50
    assert {r for r in ("CLE-02", "CLE-03") if run.failed(r)} == {"CLE-02", "CLE-03"}


def test_pbc_in_american_units(cohort, testdata):
    rows = rows_of(testdata / "clinical" / "survival_pbc.csv")
    people = [person(r["id"], {"m": "male", "f": "female"}[r["sex"]], r["age"]) for r in rows]
    run = Run(cohort, people, [lab for r in rows for lab in labs_of(r["id"], r, PBC)])
    assert len(run.table) == 418 and len(run.labs) == 418 * len(PBC)
    # id 1: bilirubin 14.5 mg/dL = 247.95 umol/L, albumin 26 g/L, AST 137.95, PLT 190, ULN 35 for women (WS/T 404.1)
    assert run.table.loc["P1", "albi"] == pytest.approx(
        0.66 * np.log10(247.95) - 0.085 * 26, abs=1e-6
    )
    assert run.table.loc["P1", "apri"] == pytest.approx(137.95 / 35 / 190 * 100, abs=1e-6)
    empty = sum(row[column] in ("", "NA") for row in rows for column in PBC)
    assert (run.labs["status"] == "missing").sum() == empty
    assert not run.failed("CLE-03")
    assert "fib4" not in run.table  # no ALT in this trial: missing for everybody, never made up


def test_of_the_pbc_visits_the_one_nearest_to_the_index_date_counts(cohort, testdata):
    """Every patient's index date is put 10 days after the second visit: its values count, 30 days are the window."""
    visits: dict[str, list[dict]] = {}
    for row in rows_of(testdata / "clinical" / "survival_pbcseq.csv"):
        visits.setdefault(row["id"], []).append(row)
    start, people, labs, expected = datetime.date(1980, 1, 1), [], [], {}
    for number, own in visits.items():
        second = own[1] if len(own) > 1 else own[0]
        days = [int(row["day"]) for row in own]
        index = int(second["day"]) + 10
        nearest = min(days, key=lambda d: (abs(d - index), d))
        row = next(r for r in own if int(r["day"]) == nearest)
        # Below the smallest plausible value a log feature counts as that: soft_lo of tbil, 2 umol/L.
        expected[f"P{number}"] = max(float(row["bili"]) * 17.1, 2.0)
        when = (start + datetime.timedelta(days=index)).isoformat()
        sex = {"m": "male", "f": "female"}[own[0]["sex"]]
        people.append(person(number, sex, own[0]["age"], index_date=when))
        for visit in own:
            day = start + datetime.timedelta(days=int(visit["day"]))
            labs += labs_of(number, visit, PBC, day)
    run = Run(cohort, people, labs)
    assert len(run.table) == 312
    found = 10 ** run.table["tbil"]
    pd.testing.assert_series_equal(
        found, pd.Series(expected, name="tbil").reindex(found.index), check_names=False, rtol=1e-9
    )
    used = run.labs[run.labs["used"]]
    assert used["days"].abs().max() <= 30 and len(run.labs) == len(labs)


def test_indian_liver_patients_as_sheets(cohort, testdata):
    """ILPD: 13 duplicate rows, direct above total bilirubin in file lines 248, 263, 281, 25 minors, all as records; none lost."""
    rows = rows_of(testdata / "clinical" / "ilpd_583x11.csv")
    units = {
        "TBN": ("TBIL", "mg/dL"), "DBN": ("DBIL", "mg/dL"), "ALPHOS": ("ALP", "U/L"), "ALAMTRS": ("ALT", "U/L"),
        "ASAMTRS": ("AST", "U/L"), "TPR": ("TP", "g/dL"), "ALB": ("ALB", "g/dL"), "ALBGLBR": ("A/G", ""),
    }  # fmt: skip
    people = [
        person(
            line,
            row["Gender"].lower(),
            row["Age"],
            diagnosis="cirrhosis" if row["Dataset"] == "1" else "healthy",
        )
        for line, row in enumerate(rows, 2)
    ]
    run = Run(cohort, people, [lab for i, r in enumerate(rows, 2) for lab in labs_of(i, r, units)])
    assert len(run.table) == 583 and len(run.labs) == 583 * len(units)
    assert run.failed("CLE-06", "bilirubin") == {"P248", "P263", "P281"}
    twice = [r for r in run.records if r["check"] == "patient stands once"]
    assert len(twice) == 13 and {r["requirement_id"] for r in twice} == {"CLE-05"}
    minors = {f"P{line}" for line, row in enumerate(rows, 2) if float(row["Age"]) < 18}
    assert run.failed("CLN-01") == minors and len(minors) == 25
    assert set(run.labs["status"]) <= {"ok", "repaired", "missing", "quarantined"}


def test_settings_of_this_test_are_the_defaults():
    assert default_config()["clinical"]["window_days"] == 30


REAL_COLUMNS = [  # file, column, analyte, unit that is right, unit that is written instead
    *(("ilpd_583x11", "TBN", "TBIL", "mg/dL", "umol/L"), ("ilpd_583x11", "ALAMTRS", "ALT", "U/L", "ukat/L")),
    *(("ilpd_583x11", "ALB", "ALB", "g/dL", "g/L"), ("ilpd_583x11", "DBN", "DBIL", "mg/dL", "umol/L")),
    *(("survival_pbc", "bili", "TBIL", "mg/dL", "umol/L"), ("survival_pbc", "chol", "CHOL", "mg/dL", "mmol/L")),
    *(("survival_pbc", "ast", "AST", "U/L", "ukat/L"), ("survival_pbc", "platelet", "PLT", "10^9/L", "/uL")),
    *(("survival_pbc", "alk.phos", "ALP", "U/L", "ukat/L"), ("survival_pbcseq", "bili", "TBIL", "mg/dL", "umol/L")),
    *(("uci_hcv_hcvdat0", "BIL", "TBIL", "umol/L", "mg/dL"), ("uci_hcv_hcvdat0", "CREA", "CREA", "umol/L", "mg/dL")),
    *(("uci_hcv_hcvdat0", "ALT", "ALT", "U/L", "ukat/L"), ("uci_hcv_hcvdat0", "GGT", "GGT", "U/L", "ukat/L")),
    *(("uci_hcv_hcvdat0", "CHE", "CHE", "kU/L", "U/L"), ("uci_hcv_hcvdat0", "CHOL", "CHOL", "mmol/L", "mg/dL")),
]  # fmt: skip


@pytest.mark.parametrize(("file", "column", "analyte", "unit", "wrong"), REAL_COLUMNS)
def test_real_column_is_let_be_under_its_unit_and_named_under_another(
    tmp_path, testdata, file, column, analyte, unit, wrong
):
    cells = [row[column] for row in rows_of(testdata / "clinical" / f"{file}.csv")]
    findings = {}
    for written in (unit, wrong):
        path = tmp_path / "labs.tsv"
        lines = [f"P{i}\t{analyte}\t{cell}\t{written}" for i, cell in enumerate(cells)]
        path.write_text("\n".join(["patient_id\tanalyte\tvalue\tunit", *lines, ""]))
        tables = (ROOT / "resources" / "variable_dictionary.csv", ROOT / "resources" / "units.tsv")
        table, findings[written] = clean(
            read_labs(path)[0],
            Dictionary.read(tables[0]),
            Units.read(tables[1]),
            as_of="2026-03-01",
            columns=default_config()["clinical"]["unit_columns"],
        )
        if written == unit:
            truth = table["value"]
    assert not findings[unit]
    assert [(f.unit, f.other) for f in findings[wrong]] == [(wrong, unit)]
    ratio = (table["value"] / truth).dropna()
    assert np.allclose(ratio, 1)
