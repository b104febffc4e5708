"""32 broken configurations and sheets: each ends at once with file, row or key, what is allowed, and no traceback."""

import re
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from scripts.core.config import ConfigError, check_config, check_files, default_config
from scripts.core.plan import make_plan
from scripts.core.sheets import SheetErrors
from tests.workflow.runs import run_snakemake, write_sheet

SCOPE = "clinical;imaging;genomics;metabolomics;proteomics;ihc"


@dataclass
class Broken:
    """One way to break a cohort: a change of the configuration, or of a sheet (old text, new text); what must be said."""

    name: str
    words: tuple[str, ...]
    config: dict | None = None
    sheet: str = ""
    old: str = ""
    new: str = ""
    every: bool = False  # replace every occurrence
    command: bool = False  # also run as the command that a user types


CASES = [
    # configuration: the key, and what is allowed
    Broken(
        "unknown key", ("unknown key sheet", "known keys:", "sheets"), {"sheet": "x"}, command=True
    ),
    Broken(
        "unknown nested key",
        ("config key model", "repeat", "known keys:"),
        {"model": {"repeat": 1}},
    ),
    Broken("text for a number", ("config key seed", "'many'", "a whole number"), {"seed": "many"}),
    Broken("number for a group", ("config key model", "a group of keys"), {"model": 3}),
    Broken(
        "value that is not allowed",
        ("config key report.language", "'fr'", "zh, en"),
        {"report": {"language": "fr"}},
    ),
    Broken("unknown purpose", ("config key purpose", "'sale'", "research"), {"purpose": "sale"}),
    Broken("no date", ("config key as_of", "'yesterday'"), {"as_of": "yesterday"}, command=True),
    Broken(
        "unknown strategy",
        ("config key model.strategies", "'best'"),
        {"model": {"strategies": ["best"]}},
    ),
    Broken(
        "alignment format",
        ("config key genomics.alignment_format", "'sam'", "bam, cram"),
        {"genomics": {"alignment_format": "sam"}},
    ),
    Broken(
        "library that is not there",
        ("config key metabolomics.gcms.library: no file 'ei.msp'", "relative to the run folder"),
        {"metabolomics": {"gcms": {"library": "ei.msp"}}},
        command=True,
    ),
    # sheets: the file, the row, what is allowed
    Broken(
        "unknown column",
        ("patients.tsv, row 1, column colour", "known columns:"),
        None,
        "patients",
        "sex",
        "colour",
        command=True,
    ),
    Broken(
        "required column gone",
        ("patients.tsv, row 1, column centre", "required"),
        None,
        "patients",
        "centre",
        "center",
    ),
    Broken(
        "unknown diagnosis",
        ("patients.tsv, row 2, column diagnosis: 'tumour'", "allowed: hcc"),
        None,
        "patients",
        "\thcc\t",
        "\ttumour\t",
    ),
    Broken(
        "sex coded 1",
        ("patients.tsv, row 2, column sex: '1'", "male, female"),
        None,
        "patients",
        "male",
        "1",
    ),
    Broken(
        "sex coded M and W",
        (
            "patients.tsv, row 2, column sex: 'M'",
            "allowed: male, female, 男, 女, 男性, 女性 (2 rows)",
        ),
        None,
        "patients",
        "male",
        "M",
        every=True,
    ),
    Broken(
        "future birth date",
        ("patients.tsv, row 2, column birth_date: '2026-03-02'", "allowed:", "2026-03-01"),
        None,
        "patients",
        "1960-01-01",
        "2026-03-02",
        command=True,
    ),
    Broken(
        "sample before birth",
        ("samples.tsv, row 2, column collected_at: '1959-12-31'", "before the patient was born"),
        None,
        "samples",
        "2025-06-10",
        "1959-12-31",
    ),
    Broken(
        "column twice",
        ("patients.tsv, row 1, column age: 'age'", "stands twice"),
        None,
        "patients",
        "birth_date",
        "age",
    ),
    Broken(
        "hospital number in free text",
        ("samples.tsv, row 2, column collection_site: '(hidden)'", "looks like a hospital number"),
        None,
        "samples",
        "ward 1",
        "住院号 00123456",
    ),
    Broken(
        "name in free text",
        ("samples.tsv, row 2, column collection_site: '(hidden)'", "looks like a name"),
        None,
        "samples",
        "ward 1",
        "姓名：张三丰",
    ),
    Broken(
        "age in words",
        ("patients.tsv, row 2, column age: 'sixty'", "a number"),
        None,
        "patients",
        "\t60",
        "\tsixty",
    ),
    Broken(
        "empty centre",
        ("patients.tsv, row 2, column centre", "must not be empty"),
        None,
        "patients",
        "\tC1\t",
        "\t\t",
    ),
    Broken(
        "patient twice",
        ("patients.tsv, row 3, column patient_id: 'P001'", "already in row 2"),
        None,
        "patients",
        "P002",
        "P001",
    ),
    Broken(
        "id with a space",
        ("patients.tsv, row 2, column patient_id: 'P 001'", "allowed:"),
        None,
        "patients",
        "P001",
        "P 001",
    ),
    Broken(
        "citizen number as id",
        ("patients.tsv, row 2", "(hidden)", "use a study id"),
        None,
        "patients",
        "P001",
        "11010519491231002X",
    ),
    Broken(
        "one cell too many",
        ("patients.tsv, row 2", "stray tab"),
        None,
        "patients",
        "\t60",
        "\t60\tx",
    ),
    Broken(
        "binary file", ("patients.tsv", "not a text file"), None, "patients", "P001", "P\x00001"
    ),
    Broken(
        "unknown patient",
        ("consents.tsv, row 2, column patient_id: 'P900'", "not in patients.tsv"),
        None,
        "consents",
        "P001",
        "P900",
        command=True,
    ),
    Broken(
        "day that does not exist",
        ("consents.tsv, row 2, column signed_date: '2025-02-30'", "YYYY-MM-DD"),
        None,
        "consents",
        "2025-01-01",
        "2025-02-30",
    ),
    Broken(
        "unknown scope",
        ("consents.tsv, row 3, column scope_modalities", "joined by ;"),
        None,
        "consents",
        "clinical;",
        "clinics;",
    ),
    Broken(
        "missing raw file",
        ("assays.tsv, row 2, column file: 'raw/a.mzML'", "no such file under"),
        None,
        "assays",
        "a.nii",
        "raw/a.mzML",
    ),
    Broken(
        "same run twice",
        ("assays.tsv, row 3, column assay_id", "same run as row 2"),
        None,
        "assays",
        "portal",
        "arterial",
    ),
    Broken(
        "unit in a table",
        ("dia.tsv, row 2, column ALB: '3 g/L'", "a number"),
        None,
        "features/dia",
        "3.5",
        "3 g/L",
    ),
]


@pytest.fixture
def cohort(tmp_path, monkeypatch) -> Path:
    """A run folder with a sound cohort of two patients."""
    monkeypatch.chdir(tmp_path)
    people = [
        {"patient_id": "P001", "centre": "C1", "diagnosis": "hcc", "role": "development"},
        {"patient_id": "P002", "centre": "C1", "diagnosis": "cirrhosis", "role": "development"},
    ]
    consents = [
        {
            "patient_id": p["patient_id"],
            "kind": kind,
            "status": "signed",
            "signed_date": "2025-01-01",
        }
        | {"scope_modalities": SCOPE if kind == "data_use" else ""}
        | {"scope_purposes": "research" if kind == "data_use" else ""}
        for p in people
        for kind in ("base", "data_use")
    ]
    assays = [
        {"patient_id": "P001", "modality": "ct", "file": "a.nii", "phase": phase}
        for phase in ("arterial", "portal")
    ]
    folder = tmp_path / "cohort"
    write_sheet(
        folder / "patients.tsv",
        [p | {"sex": "male", "age": 60, "birth_date": "1960-01-01"} for p in people],
    )
    write_sheet(
        folder / "samples.tsv",
        [
            {
                "sample_id": "S1",
                "patient_id": "P002",
                "collected_at": "2025-06-10",
                "collection_site": "ward 1",
            }
        ],
    )
    write_sheet(folder / "consents.tsv", consents)
    write_sheet(folder / "assays.tsv", assays)
    write_sheet(folder / "features/dia.tsv", [{"patient_id": "P001", "ALB": 3.5}])
    (folder / "a.nii").write_bytes(b"raw")
    return tmp_path


def break_it(folder: Path, case: Broken) -> dict:
    """Apply a case; returns the user's configuration."""
    if case.sheet:
        path = folder / "cohort" / f"{case.sheet}.tsv"
        text = path.read_text(encoding="utf-8")
        assert case.old in text
        path.write_text(text.replace(case.old, case.new, -1 if case.every else 1), encoding="utf-8")
    return {"sheets": "cohort", "as_of": "2026-03-01"} | (case.config or {})


def overlaid(default: dict, given: dict) -> dict:
    """The configuration as Snakemake joins it: groups key by key."""
    out = dict(default)
    for key, value in given.items():
        both = isinstance(value, dict) and isinstance(out.get(key), dict)
        out[key] = overlaid(out[key], value) if both else value
    return out


def test_there_are_enough_cases():
    assert len(CASES) >= 25 and len({case.name for case in CASES}) == len(CASES)


def test_sound_cohort_is_planned(cohort):
    config = overlaid(default_config(), {"sheets": "cohort", "as_of": "2026-03-01"})
    check_config(config)
    assert set(make_plan(config, write=False)["patients"]) == {"P001", "P002"}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_error_names_place_and_what_is_allowed(cohort, case):
    config = overlaid(default_config(), break_it(cohort, case))
    with pytest.raises((ConfigError, SheetErrors)) as error:
        check_config(config)
        check_files(config)
        make_plan(config, write=True)
    said = str(error.value)
    assert all(word in said for word in case.words), said
    assert len(said.splitlines()) <= 3, said  # one mistake, no avalanche
    assert not (cohort / ".hcc").exists()


@pytest.mark.parametrize("case", [c for c in CASES if c.command], ids=lambda case: case.name)
def test_command_ends_with_the_message_and_without_a_traceback(cohort, case):
    (cohort / "config.yaml").write_text(yaml.safe_dump(break_it(cohort, case)), encoding="utf-8")
    done = run_snakemake(cohort, config=cohort / "config.yaml", check=False)
    assert done.returncode != 0
    assert all(word in done.stderr for word in case.words), done.stderr
    assert not re.search(r"Traceback|Error in|WorkflowError", done.stderr), done.stderr
    assert not (cohort / "results").exists()
