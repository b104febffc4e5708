"""A withdrawn consent: the next run deletes every trace of the person, a count stays, nobody else moves."""

import json
import re
import shutil
from base64 import urlsafe_b64decode
from pathlib import Path

import pandas as pd
import pytest

from tests.workflow.runs import planned_jobs, run_snakemake, write_sheet, write_table_cohort

pytestmark = pytest.mark.long  # two runs of a small cohort

GONE, LINKED = "T010", "T014"  # both of centre B, one person enrolled twice
SHARE = "{recipient: Hospital X, purpose: research}"
SCOPE = "clinical;imaging;genomics;metabolomics;proteomics;ihc"


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A finished run of tables with consents, samples and a locked bundle; `GONE` is the first of a linked pair."""
    folder = tmp_path_factory.mktemp("withdrawal")
    config = write_table_cohort(folder, development=60, external=24)
    cohort = folder / "cohort"
    lines = (cohort / "patients.tsv").read_text(encoding="utf-8").splitlines()
    people = [line.split("\t")[0] for line in lines[1:]]
    person = {GONE: "D1", LINKED: "D1"}
    lines = [lines[0] + "\tperson_id", *(f"{n}\t{person.get(n[:4], '')}" for n in lines[1:])]
    (cohort / "patients.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    shared = {"status": "signed", "signed_date": "2025-01-01", "scope_purposes": "research;sharing"}
    consents = [
        {"patient_id": p, "kind": kind, "scope_modalities": SCOPE} | shared | {"special_test": test}
        for p in people
        for kind, test in (("base", ""), ("data_use", ""), ("special", "genomics"))
    ]
    write_sheet(cohort / "consents.tsv", consents)
    samples = [{"sample_id": f"tube-{p[1:]}", "patient_id": p} for p in people]
    write_sheet(cohort / "samples.tsv", [s | {"collected_at": "2025-06-01"} for s in samples])
    config.write_text(
        'sheets: cohort\nas_of: "2026-03-01"\n'
        "model: {strategies: [early], repeats: 1, minimum_class: 5, refits: {number: 40}, interval_refits: 3}\n",
        encoding="utf-8",
    )
    run_snakemake(folder, config=config)
    on_demand = ("share_package", "write_crate")
    run_snakemake(folder, *on_demand, "--config", f"share={SHARE}", config=config)
    return folder


@pytest.fixture(scope="module")
def after(finished, tmp_path_factory):
    """The same run after `GONE` withdrew: what the dry run said, what the run said, and the folder."""
    folder = tmp_path_factory.mktemp("after") / "run"
    shutil.copytree(finished, folder, copy_function=shutil.copy2)
    sheet = folder / "cohort/consents.tsv"
    text = sheet.read_text(encoding="utf-8")
    old = f"{GONE}\tbase\t{SCOPE}\tsigned"
    assert old in text
    sheet.write_text(text.replace(old, old.replace("signed", "withdrawn")), encoding="utf-8")
    dry = run_snakemake(folder, "--dry-run", config=folder / "config.yaml")
    listed = names_in(folder)
    done = run_snakemake(folder, config=folder / "config.yaml")
    return folder, dry, listed, done


def names_in(folder: Path) -> list[str]:
    """Files of a run folder, without the site's own sheets, whose name or content holds an id of `GONE`."""
    ids = re.compile(rf"(?<![A-Za-z0-9])(?:{GONE}|tube-{GONE[1:]})(?![A-Za-z0-9])".encode())
    found = []
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        inside = path.relative_to(folder)
        if inside.parts[0] in ("cohort", "config.yaml"):
            continue
        data = path.read_bytes() + str(inside).encode()
        if inside.parts[:2] == (".snakemake", "metadata"):
            data += urlsafe_b64decode("".join(part.lstrip("@") for part in inside.parts[2:]))
        if path.suffix == ".parquet":
            data += str(
                list(pd.read_parquet(path).reset_index().astype(str).values.ravel())
            ).encode()
        if ids.search(data):
            found.append(str(inside))
    return found


def rows_of(path: Path) -> list[dict]:
    return pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False).to_dict("records")


def test_dry_run_lists_and_deletes_nothing(finished, after):
    _, dry, listed, _ = after
    assert (
        f"Consent withdrawn by 1 patients ({GONE}). Of them a real run would delete:" in dry.stderr
    )
    assert "files below results/features/" in dry.stderr
    assert {"collect_block", "freeze_split", "write_report"} <= set(planned_jobs(dry))
    before = names_in(finished)
    assert before and set(before) <= set(listed)


def test_run_lists_what_it_deletes_before_it_starts_a_job(after):
    said = after[3].stderr
    assert "Of them is deleted now:" in said
    assert said.index("is deleted now") < said.index("Select jobs to execute")


def test_nothing_in_the_run_folder_names_the_person(after):
    assert names_in(after[0]) == []


def people_in_store(folder: Path) -> set[str]:
    """Patient ids of every table of the store; the file itself is compressed."""
    import duckdb

    with duckdb.connect(str(folder / "results/clinical/clinical.duckdb"), read_only=True) as store:
        columns = store.execute(
            "SELECT table_name FROM duckdb_columns() WHERE column_name = 'patient_id' AND NOT internal"
        ).fetchall()
        return {
            str(name)
            for (table,) in columns
            for (name,) in store.execute(f'SELECT DISTINCT patient_id FROM "{table}"').fetchall()
        }


def test_store_is_made_again_without_the_person(finished, after):
    before, now = people_in_store(finished), people_in_store(after[0])
    assert {GONE, LINKED} <= before
    assert GONE not in now and LINKED in now


def test_what_was_made_to_be_shared_goes_and_the_record_of_the_export_stays(finished, after):
    folder = after[0]
    assert list((finished / "results/share").iterdir()) and (finished / "results/crate").is_dir()
    assert not (folder / "results/share").exists() and not (folder / "results/crate").exists()
    [export] = rows_of(folder / "locks/exports.tsv")
    assert export["recipient"] == "Hospital X"


def test_a_count_stays(after):
    folder = after[0]
    [line] = rows_of(folder / "locks/withdrawals.tsv")
    assert line["subjects"] == "1" and int(line["files"]) > 20
    findings = rows_of(folder / "results/report/findings.tsv")
    found = {
        (f["subject"], f["verdict"], f["value"])
        for f in findings
        if f["requirement_id"] == "ETH-06" and f["subject"] in ("B", "cohort")
    }
    assert found == {("B", "FAIL", "1"), ("cohort", "ATTESTED", "1")}
    plan = json.loads((folder / ".hcc/plan.json").read_text(encoding="utf-8"))
    assert plan["withdrawn"] == {"B": 1} and plan["refused"] == []


def test_nobody_else_moves_in_the_split_and_the_linked_patient_keeps_a_group(finished, after):
    before = {r["patient_id"]: r for r in rows_of(finished / "locks/split.tsv")}
    now = {r["patient_id"]: r for r in rows_of(after[0] / "locks/split.tsv")}
    assert set(now) == set(before) - {GONE}
    assert {p: r["part"] for p, r in now.items()} == {p: before[p]["part"] for p in now}
    assert before[LINKED]["group"] == GONE and now[LINKED]["group"] == LINKED


def test_locked_bundle_stays_and_a_decision_about_it_is_asked(finished, after):
    folder = after[0]
    part = {r["patient_id"]: r["part"] for r in rows_of(finished / "locks/split.tsv")}[GONE]
    bundles = list((folder / "bundles").iterdir())
    assert [p.name for p in bundles] == [p.name for p in (finished / "bundles").iterdir()]
    asked = folder / "locks/bundle_withdrawals.tsv"
    if part == "train":
        [line] = rows_of(asked)
        assert (line["bundle"], line["subjects"], line["decision"]) == (
            bundles[0].name,
            "1",
            "open",
        )
    else:
        assert not asked.exists()


def test_report_shows_the_person_as_withdrawn_and_the_numbers_add_up(after):
    page = (after[0] / "results/report/report.html").read_text(encoding="utf-8")
    assert "withdr" in page


def test_next_run_has_nothing_to_do(after):
    again = run_snakemake(after[0], "--dry-run", config=after[0] / "config.yaml")
    assert planned_jobs(again) == {}
    assert "Consent withdrawn" not in again.stderr
