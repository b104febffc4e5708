"""What is found and deleted of withdrawn patients: by name, by content, and by Snakemake's records of what was made from what."""

import json
import sqlite3
from base64 import urlsafe_b64encode
from pathlib import Path

import pytest

from scripts.core import traces, withdrawal
from scripts.core.hashing import person_hash
from scripts.core.names import Names

GONE = Names({"patient_id": {"Pat1"}, "assay_id": {"run-1"}}, set(), {"Pat10"})


def write(path: str, data: str | bytes = "") -> Path:
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(data.encode() if isinstance(data, str) else data)
    return target


def record(output: str, inputs: list[str], log: str = "", params: str = "") -> Path:
    """A record as Snakemake writes it: the file's name is the output in base64."""
    name = urlsafe_b64encode(output.encode()).decode()
    text = json.dumps({"input": inputs, "log": [log or f"logs/{output}"], "params": [params]})
    return write(f".snakemake/metadata/{name}", text)


@pytest.fixture
def run(tmp_path, monkeypatch) -> Path:
    """A run folder: chains of Pat1 and Pat10, a binary table of both, a model made from it, a reference made from nothing."""
    monkeypatch.chdir(tmp_path)
    for patient in ("Pat1", "Pat10"):
        row, status = (f"results/imaging/ct/{patient}/{n}.json" for n in ("row", "status"))
        write(row, "{}")
        write(status, "{}")
        write(f"logs/extract/{patient}.ct.log", "fine\n")
        write(f"benchmarks/extract/{patient}.ct.tsv", "s\n1\n")
        record(row, [f"cohort/{patient}.nii"])
        record(status, [f"cohort/{patient}.nii"])
    rows = [f"results/imaging/ct/{p}/row.json" for p in ("Pat1", "Pat10")]
    write("results/features/ct.parquet", b"PAR1\x00")
    record("results/features/ct.parquet", rows, params="['Pat1', 'Pat10']")
    write("results/model/cv.parquet", b"PAR1\x00")
    record("results/model/cv.parquet", ["results/features/ct.parquet"])
    write("results/genomics/reference/genome.bwt", b"\x00\x01")
    record("results/genomics/reference/genome.bwt", ["reference.fa"])
    write("results/qc/ledger/custody/cohort.jsonl", '{"subject": "run-1"}\n')
    write("logs/collect.log", "parameters ['Pat1', 'Pat10']\ntook 1 s\nPat10 is fine\n")
    write(".snakemake/log/a.snakemake.log", "Job 1: CT of Pat1\nJob 2: CT of Pat10\n")
    write(".snakemake/iocache/latest.pkl", b"\x80\x04Pat1/row.json\x00")
    write("cohort/Pat1.nii", b"raw")
    return tmp_path


def gone_paths() -> set[str]:
    found, _ = traces.find(GONE, [])
    return {str(path) for path in found.paths}


def test_everything_derived_is_found_also_binary_files_without_a_name_in_them(run):
    found = gone_paths()
    assert {"results/features/ct.parquet", "results/model/cv.parquet"} <= found
    assert "results/qc/ledger/custody/cohort.jsonl" in found
    assert ".snakemake/iocache/latest.pkl" in found


def test_what_is_of_others_or_of_nobody_stays(run):
    found, records = traces.find(GONE, [])
    traces.remove(found, records, GONE)
    left = {str(p.relative_to(run)) for p in run.rglob("*") if p.is_file()}
    assert "results/genomics/reference/genome.bwt" in left
    assert {"results/imaging/ct/Pat10/row.json", "logs/extract/Pat10.ct.log"} <= left
    assert "cohort/Pat1.nii" in left  # the site's own folder is not ours
    assert not [name for name in left if "Pat1/" in name or "Pat1." in name][1:]
    assert not Path("results/imaging/ct/Pat1").exists()


def test_logs_lose_their_lines_only(run):
    found, records = traces.find(GONE, [])
    traces.remove(found, records, GONE)
    assert Path("logs/collect.log").read_text() == "took 1 s\nPat10 is fine\n"
    assert Path(".snakemake/log/a.snakemake.log").read_text() == "Job 2: CT of Pat10\n"


def test_records_of_what_was_deleted_go_too(run):
    found, records = traces.find(GONE, [])
    traces.remove(found, records, GONE)
    left = traces.Records(GONE)
    assert set(left.inputs) == {
        "results/imaging/ct/Pat10/row.json",
        "results/imaging/ct/Pat10/status.json",
        "results/genomics/reference/genome.bwt",
    }


def test_what_was_read_from_a_sheet_that_names_them_is_derived(run):
    sheet = write(".hcc/sheets/labs.tsv", "patient_id\tvalue\nPat1\t3\n")
    write("results/clinical/labs.parquet", b"\x00")
    record("results/clinical/labs.parquet", [str(sheet)])
    found, _ = traces.find(GONE, [sheet])
    assert Path("results/clinical/labs.parquet") in found.paths


def test_farthest_derived_goes_first_so_that_a_crash_leaves_a_way_back(run):
    found, _ = traces.find(GONE, [])
    paths = [str(path) for path in found.paths]
    order = ("results/model/cv.parquet", "results/features/ct.parquet")
    assert paths.index(order[0]) < paths.index(order[1])


def test_long_output_names_are_decoded(run):
    output = "results/imaging/ct/Pat1/" + "x" * 300
    name = urlsafe_b64encode(output.encode()).decode()
    write(f".snakemake/metadata/@{name[:254]}/{name[254:]}", json.dumps({"input": []}))
    assert output in traces.Records(GONE).named


def test_binary_result_without_a_record_is_taken_for_theirs(run):
    write("results/old/table.npz", b"PK\x00")
    assert "results/old/table.npz" in gone_paths()


def test_fit_of_a_locked_bundle_stays(run):
    lock = write("locks/bundle.json", '{"bundle": "ab12"}')
    write("results/model/fit/bundle.json", "{}")
    for output in ("results/model/fit", "results/qc/ledger/fit_model/cohort.jsonl"):
        write(f"{output}/x" if output.endswith("fit") else output, "{}")
        record(output, ["results/features/ct.parquet"], log="logs/fit_model.log")
    record(str(lock), ["results/model/fit"], log="logs/lock_bundle.log")
    assert not {p for p in gone_paths() if "fit" in p}
    lock.write_text('{"bundle": null}')
    assert "results/model/fit" in gone_paths()


def test_records_in_a_database_are_read_and_deleted(run):
    database = sqlite3.connect(".snakemake/metadata.db")
    database.execute("CREATE TABLE snakemake_metadata (target, input, log, params)")
    rows = [
        ("results/db/a.parquet", '["results/imaging/ct/Pat1/row.json"]', '["l"]', "[]"),
        ("results/db/b.parquet", '["results/imaging/ct/Pat10/row.json"]', '["m"]', "[]"),
    ]
    database.executemany("INSERT INTO snakemake_metadata VALUES (?, ?, ?, ?)", rows)
    database.commit()
    database.close()
    for name in ("a", "b"):
        write(f"results/db/{name}.parquet", b"\x00")
    found, records = traces.find(GONE, [])
    traces.remove(found, records, GONE)
    assert not Path("results/db/a.parquet").exists() and Path("results/db/b.parquet").exists()
    data = Path(".snakemake/metadata.db").read_bytes()
    assert b"Pat10/row" in data and b"Pat1/row" not in data


def test_split_loses_the_patient_and_a_group_gets_the_next_name(run):
    write(
        "locks/split.tsv",
        "patient_id\tgroup\tstratum\tpart\nB\tB\ts\ttest\nPat1\tPat1\ts\ttrain\nZ\tPat1\ts\ttrain\n",
    )
    withdrawal.forget_split({"Pat1"})
    assert Path("locks/split.tsv").read_text() == (
        "patient_id\tgroup\tstratum\tpart\nB\tB\ts\ttest\nZ\tZ\ts\ttrain\n"
    )


def test_locked_bundles_are_asked_by_hash(run):
    for name, people in (("ab", ["Pat1", "X"]), ("cd", ["X"])):
        persons = [person_hash(person) for person in people]
        write(f"bundles/{name}/bundle.json", json.dumps({"training": {"persons": persons}}))
    assert withdrawal.bundles_with({"Pat1", "Pat7"}) == {"ab": 1}


@pytest.mark.parametrize("place", ["results/imaging/ct/{}/row.json", "logs/extract/{}.log"])
def test_person_who_left_the_sheets_before_withdrawing_is_still_looked_for(run, place):
    write(place.format("Late7"))
    assert withdrawal.left_behind({"Late7", "Never"}, Path(".hcc/sheets"), {}) == {"Late7"}


def test_nothing_left_behind_costs_no_search(run, monkeypatch):
    monkeypatch.setattr(traces, "find", lambda *_: pytest.fail("searched"))
    plan = Path(".hcc/plan.json")
    assert not withdrawal.forget({"Never"}, Path("cohort"), Path(".hcc/sheets"), plan, delete=True)


@pytest.mark.parametrize("step", ["remove", "forget_split", "count"])
def test_count_and_question_survive_a_crash_in_the_middle(run, monkeypatch, step):
    class Crash(BaseException):
        """What kill -9 looks like from inside."""

    write(".hcc/plan.json", '{"patients": {"Pat1": {}}, "assays": {}}')
    bundle = {"training": {"persons": [person_hash("Pat1")]}}
    write("bundles/ab/bundle.json", json.dumps(bundle))
    where, name = {
        "remove": (traces, "remove"),
        "forget_split": (withdrawal, "forget_split"),
        "count": (withdrawal, "append"),
    }[step]
    whole = getattr(where, name)

    def crash(*given):
        whole(*given)
        raise Crash

    forget = ({"Pat1"}, Path("cohort"), Path(".hcc/sheets"), Path(".hcc/plan.json"))
    with monkeypatch.context() as patch, pytest.raises(Crash):
        patch.setattr(where, name, crash)
        withdrawal.forget(*forget, delete=True)
    assert withdrawal.forget(*forget, delete=True)
    lines = withdrawal.read_lines(withdrawal.LOG)
    assert {line["subjects"] for line in lines} == {"1"} and int(lines[0]["files"]) > 3
    assert {q["bundle"] for q in withdrawal.read_lines(withdrawal.BUNDLES)} == {"ab"}
    assert not withdrawal.PENDING.exists()
    assert not withdrawal.forget(*forget, delete=True)


def test_folder_of_a_slurm_log_goes(run):
    write(".snakemake/slurm_logs/rule_x/ct_1003/8.log", "fine\n")
    write(
        ".snakemake/slurm_logs/group_images/9.log", "wildcards: patient=1003, modality=ct\nfine\n"
    )
    gone = Names({"patient_id": {"1003"}}, set(), {"10030"})
    found, records = traces.find(gone, [])
    traces.remove(found, records, gone)
    assert not Path(".snakemake/slurm_logs/rule_x/ct_1003").exists()
    assert Path(".snakemake/slurm_logs/group_images/9.log").read_text() == "fine\n"


def test_person_named_like_a_folder_of_snakemake(run):
    gone = Names({"patient_id": {"metadata"}}, set(), set())
    found, records = traces.find(gone, [])
    traces.remove(found, records, gone)
    assert len(list(Path(".snakemake/metadata").iterdir())) == 7
