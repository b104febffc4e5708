"""Planted identifiers of persons: none of them reaches an output, a log, a benchmark or a record of Snakemake."""

import gzip
import json
from base64 import urlsafe_b64decode
from pathlib import Path

import pandas as pd
import pytest

from scripts.core.plan import make_plan
from scripts.core.sheets import SheetErrors
from scripts.demo.make_cohort import make_cohort
from scripts.report import identifiers
from tests.workflow.runs import ROOT, run_snakemake, write_sheet

# The example number of GB 11643-1999; the others are made up.
NUMBER, MOBILE, HOSPITAL = "11010519491231002X", "13812345678", "ZY00987654"
UNLISTED = "ZY00123987"  # a hospital number that the watch list does not have: with it the sheet would be refused at once
NAME, LATIN = "张三丰", "Zhang^Sanfeng"
PLANTED = [NUMBER, MOBILE, HOSPITAL, UNLISTED, NAME, LATIN, "Sanfeng"]
FOLDERS = ("results", "logs", "benchmarks", ".snakemake", "locks", "bundles")


def hits_in(folder: Path, words: list[str]) -> list[tuple[str, str]]:
    """(file, word) of every word in the text, bytes or name of a file of a run."""
    found = []
    for path in sorted(p for name in FOLDERS for p in (folder / name).rglob("*") if p.is_file()):
        inside = path.relative_to(folder)
        data = path.read_bytes()
        if data[:2] == b"\x1f\x8b":
            data += gzip.decompress(data)
        if path.suffix == ".parquet":
            table = pd.read_parquet(path).reset_index()
            data += "\n".join(table.astype(str).values.ravel()).encode()
        data += str(inside).encode()
        if inside.parts[:2] == (".snakemake", "metadata"):
            data += urlsafe_b64decode("".join(part.lstrip("@") for part in inside.parts[2:]))
        found += [(str(inside), word) for word in words if word.encode() in data]
    return found


@pytest.fixture
def small(tmp_path, monkeypatch) -> Path:
    """A run folder with two patients, a CT and a tube."""
    monkeypatch.chdir(tmp_path)
    people = [
        {"patient_id": f"P{n}", "centre": "C1", "diagnosis": d, "role": "development"}
        for n, d in enumerate(("hcc", "cirrhosis"))
    ]
    write_sheet(tmp_path / "cohort/patients.tsv", people)
    return tmp_path


@pytest.mark.parametrize(
    ("file", "what"),
    [
        (f"raw/{MOBILE}.nii", "a mobile number"),
        (f"raw/CT_{NUMBER}.nii", "a citizen number"),
        (f"raw/{NAME}.nii", "a name"),
        ("raw/zhang_sanfeng.nii", "an entry of the watch list"),
        (f"raw/{HOSPITAL}.nii", "an entry of the watch list"),
    ],
)
def test_file_that_is_named_after_a_person_is_refused_and_nothing_is_written(small, file, what):
    path = small / "cohort" / file
    path.parent.mkdir()
    path.write_bytes(b"image")
    write_sheet(small / "cohort/assays.tsv", [{"patient_id": "P1", "modality": "ct", "file": file}])
    (small / "watch.txt").write_text(f"{LATIN}\n{HOSPITAL}\n", encoding="utf-8")
    config = {"sheets": "cohort", "as_of": "2026-03-01", "purpose": "research"}
    config |= {"consent": {"not_available": "made up"}, "privacy": {"watch_list": "watch.txt"}}
    with pytest.raises(SheetErrors) as error:
        make_plan(config, write=True)
    assert f"assays.tsv, row 2, column file: '(hidden)': looks like {what}" in str(error.value)
    assert not any(word in str(error.value) for word in PLANTED)
    assert not (small / ".hcc").exists()


def test_search_finds_every_planted_kind_and_leaves_numbers_of_measurements_alone(small):
    (small / "watch.txt").write_text(f"{LATIN}\n{HOSPITAL}\n{NAME}\n", encoding="utf-8")
    clean = {
        "a": 0.13812345678,
        "uid": "1.2.840.113619.13812345678.3",
        "sha": "a13812345678b" + "0" * 51,
    }
    (small / "results").mkdir()
    (small / "results/clean.json").write_text(json.dumps(clean), encoding="utf-8")

    def search() -> dict[str, str]:
        found = identifiers.records(["results", ".snakemake"], "watch.txt")
        return {record["check"]: record["verdict"] for record in found}

    assert set(search().values()) == {"PASS"}
    for word, number in ((NUMBER, 0), (MOBILE, 0), (HOSPITAL, 1), (NAME, 1), ("ZHANG SANFENG", 1)):
        (small / "results/leak.tsv").write_text(f"note\t{word}\n", encoding="utf-8")
        assert list(search().values())[number] == "FAIL", word
        (small / "results/leak.tsv").unlink()
    (small / f"results/{MOBILE}.png").write_bytes(b"")
    [record, _] = identifiers.records(["results"], "watch.txt")
    assert record["verdict"] == "FAIL" and MOBILE not in record["reason"]


@pytest.fixture(scope="module")
def planted(tmp_path_factory) -> Path:
    """A finished run of two patients of the demo whose DICOM headers, notes and laboratory cells name persons."""
    import pydicom

    folder = tmp_path_factory.mktemp("planted")
    make_cohort(folder / "cohort", seed=20260205, raw=2, table=0, mess=False)
    for path in (folder / "cohort/raw").rglob("*.dcm"):
        dataset = pydicom.dcmread(path)
        dataset.PatientName, dataset.PatientID = LATIN, HOSPITAL
        dataset.PatientTelephoneNumbers, dataset.OtherPatientIDs = MOBILE, NUMBER
        dataset.PatientComments = dataset.ImageComments = f"{LATIN} {NUMBER}"
        dataset.ReferringPhysicianName = dataset.InstitutionAddress = LATIN
        dataset.StudyDescription = f"CT {HOSPITAL}"
        dataset.save_as(path)
    events = folder / "cohort/sample_events.tsv"
    lines = events.read_text(encoding="utf-8").splitlines()
    lines = [lines[0] + "\tnote", *(f"{line}\t{NAME} spun late" for line in lines[1:])]
    events.write_text("\n".join(lines) + "\n", encoding="utf-8")
    labs = folder / "cohort/labs.tsv"
    text = labs.read_text(encoding="gb18030").rstrip("\n").split("\n")
    columns = text[0].split("\t")
    cells = [
        {"analyte": "AFP", "value": MOBILE, "unit": "ng/mL"},
        {"analyte": "AFP", "value": NAME},
        {"analyte": NAME, "value": "3", "unit": "g/L"},
        {"analyte": "ALT", "value": f"住院号{UNLISTED}", "unit": "U/L"},
    ]
    for row in cells:
        text.append("\t".join({"patient_id": "P0001", **row}.get(c, "") for c in columns))
    labs.write_text("\n".join(text) + "\n", encoding="gb18030")
    (folder / "watch.txt").write_text(f"{LATIN}\n{HOSPITAL}\n", encoding="utf-8")
    run_snakemake(
        folder, "--config", "privacy={'watch_list': 'watch.txt'}", config=ROOT / "config/demo/config.yaml"
    )  # fmt: skip
    return folder


@pytest.mark.long
def test_nothing_that_a_run_writes_names_a_person(planted):
    assert hits_in(planted, PLANTED) == []


@pytest.mark.long
def test_run_itself_searches_and_finds_nothing(planted):
    findings = pd.read_csv(
        planted / "results/report/findings.tsv", sep="\t", dtype=str, keep_default_na=False
    )
    own = findings[
        (findings["requirement_id"] == "ETH-09") & (findings["step"] == "assess_conformance")
    ]
    assert own["verdict"].tolist() == ["PASS", "PASS"]
    hidden = findings[
        (findings["requirement_id"] == "ETH-09") & (findings["step"] == "build_clinical_table")
    ]
    assert len(hidden) >= 2 and set(hidden["verdict"]) == {"FAIL"}  # the cells that were put aside
