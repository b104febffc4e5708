"""The crate of a run: the library reads it back, every hash is right, nobody is named, the same run gives the same bytes."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
from rocrate.rocrate import ROCrate

from scripts.core.config import default_config, freeze_config
from scripts.core.job import Named
from scripts.share import crate, write_crate

PLAN = {
    "as_of": "2026-03-01",
    "purpose": "research",
    "patients": {"HCC-001": {}, "P2": {}},
    "refused": [{"patient_id": "HCC-009"}],
    "assays": {"ct": {"HCC-001": [{"assay_id": "HCC-001_ct"}]}},
}


@pytest.fixture
def job(tmp_path, monkeypatch):
    """A run folder with results of every kind."""
    monkeypatch.chdir(tmp_path)
    files = {
        "results/model/performance.json": '{"auc": 0.91}',
        "results/report/findings.tsv": "subject\nHCC-001\n",
        "results/report/report.html": "<p>sample TUBE7 of the cohort</p>",
        "results/qc/ct.verdicts.tsv": "patient_id\tverdict\nHCC-001_R1\tpass\n",
        "results/features/ct.features.tsv": "feature\tunit\nvolume\tmm3\n",
        "results/features/ct.parquet": "PAR1",
        ".hcc/sheets/samples.tsv": "sample_id\tpatient_id\nTUBE7\tHCC-001\n",
    }
    for name, text in files.items():
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(text, encoding="utf-8")
    Path(".hcc/plan.json").write_text(json.dumps(PLAN), encoding="utf-8")
    freeze_config(default_config() | {"sheets": "/data/hospital/secret_folder/cohort"})
    inputs = {
        "files": [name for name in files if name.startswith("results")],
        "sheets": [".hcc/sheets/samples.tsv"],
    }
    return SimpleNamespace(
        input=Named([], **inputs),
        output=Named([], crate="results/crate", ledger="crate.jsonl"),
        wildcards=Named(),
        params=SimpleNamespace(),
        log=["log.txt"],
        threads=1,
        rule="write_crate",
    )


@pytest.fixture
def made(job) -> Path:
    write_crate.main(job)
    return Path("results/crate")


def entities(folder: Path) -> dict[str, dict]:
    graph = json.loads((folder / crate.METADATA).read_text(encoding="utf-8"))["@graph"]
    return {entity["@id"]: entity for entity in graph}


def test_part_of_a_word_is_seen_too():
    assert {"HCC-001", "R1", "HCC-001_R1", "001"} <= write_crate.parts_of("HCC-001_R1")


def test_library_reads_it_back(made):
    read = ROCrate(made)
    assert read.mainEntity.id == "workflow/Snakefile"
    assert "ComputationalWorkflow" in read.mainEntity.type
    assert read.root_dataset["datePublished"] == "2026-03-01"
    assert crate.problems(made) == []


def test_profiles_of_a_workflow_run_are_named_and_kept(made):
    found = entities(made)
    named = {profile["@id"] for profile in found["./"]["conformsTo"]}
    assert "https://w3id.org/ro/wfrun/workflow/0.5" in named
    run = found["#run"]
    assert run["@type"] == "CreateAction" and run["instrument"] == {"@id": "workflow/Snakefile"}
    assert found["./"]["mentions"] == {"@id": "#run"} or found["./"]["mentions"] == [
        {"@id": "#run"}
    ]
    for link in (
        *run["object"],
        *run["result"],
        *found["workflow/Snakefile"]["softwareRequirements"],
    ):
        assert link["@id"] in found


def test_results_that_name_somebody_are_described_and_not_carried(made):
    found, carried = entities(made), {p.name for p in made.rglob("*") if p.is_file()}
    assert {"performance.json", "ct.features.tsv", "config.json", "Snakefile"} <= carried
    assert (
        not {"findings.tsv", "report.html", "ct.parquet", "ct.verdicts.tsv", "samples.tsv"}
        & carried
    )
    entity = found["#results/features/ct.parquet"]
    # the four bytes PAR1, by sha256sum of GNU coreutils
    digest = "fbc62d3b511368ee275ddc74117d8689b430e1427220e25d30816201d89ca7b6"
    assert (entity["contentSize"], entity["sha256"]) == ("4", digest)
    assert "stays at the site" in entity["conditionsOfAccess"]


def test_nobody_is_named_and_no_folder_of_the_machine(made):
    text = "".join(p.read_text(encoding="utf-8") for p in made.rglob("*") if p.is_file())
    for secret in ("HCC-001", "HCC-009", "TUBE7", "secret_folder"):
        assert secret not in text


def test_parameters_and_versions_are_there(made):
    found = entities(made)
    assert found["#parameter/seed"]["value"] == str(default_config()["seed"])
    assert found["#parameter/patients_admitted"]["value"] == "2"
    assert found["#software/snakemake"]["version"]
    assert json.loads((made / "config.json").read_text())["purpose"] == "research"


@pytest.mark.parametrize(("md5", "verdict"), [("0" * 32, "PASS"), ("", "WARN")])
def test_audit_trail_is_recorded_and_raw_files_without_md5_are_counted(job, md5, verdict):
    row = {"assay_id": "R1", "file": "raw/a.fq.gz", "md5": md5}
    plan = PLAN | {"assays": {"wes": {"HCC-001": [row]}}, "runs": {}}
    Path(".hcc/plan.json").write_text(json.dumps(plan), encoding="utf-8")
    write_crate.main(job)
    [record] = [json.loads(line) for line in Path("crate.jsonl").read_text().splitlines()]
    assert (record["requirement_id"], record["verdict"]) == ("TRC-01", verdict)
    assert ("1 raw files have no md5" in record["reason"]) == (verdict == "WARN")
    found = entities(Path("results/crate"))
    assert [name for name in found if name.startswith("#raw/")] == [f"#raw/wes/{md5}"] * bool(md5)
    assert crate.problems(Path("results/crate")) == []


def test_same_run_gives_the_same_bytes(job, made):
    before = {p: p.read_bytes() for p in made.rglob("*") if p.is_file()}
    write_crate.main(job)
    assert {p: p.read_bytes() for p in made.rglob("*") if p.is_file()} == before


def test_changed_missing_and_undescribed_files_are_seen(made):
    (made / "config.json").write_text("{}")
    (made / "workflow/requirements.lock").unlink()
    (made / "more.txt").write_text("x")
    assert sorted(crate.problems(made)) == [
        "config.json: another size",
        "more.txt: not described",
        "workflow/requirements.lock: not there",
    ]
