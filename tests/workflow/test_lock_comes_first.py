"""No step reads an external patient before the model is locked."""

import re
import shutil

import pytest

from tests.bench.large_cohort import write_cohort
from tests.workflow.runs import ROOT, planned_jobs, run_snakemake, write_table_cohort

STEPS_AFTER = {"collect_external_block", "audit_external", "validate_external"}


def with_role(path, patient: str, role: str) -> None:
    """Give one patient of patients.tsv another role."""
    header, *rows = path.read_text(encoding="utf-8").splitlines()
    place = header.split("\t").index("role")
    for number, row in enumerate(rows):
        cells = row.split("\t")
        if cells[0] == patient:
            cells[place] = role
            rows[number] = "\t".join(cells)
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")


def test_lock_is_planned_without_a_job_of_an_external_patient(tmp_path):
    # Raw files of every modality; P00000 is external in this cohort, P00001 made so.
    config = write_cohort(tmp_path, 3)
    with_role(tmp_path / "cohort" / "patients.tsv", "P00001", "external")
    done = run_snakemake(tmp_path, "--dry-run", "locks/bundle.json", config=config)
    jobs = planned_jobs(done)
    assert {"lock_bundle", "audit_cohort", "align_reads"} <= set(jobs)
    assert not STEPS_AFTER & set(jobs)
    said = done.stdout + done.stderr
    assert "P00002" in said and "P00000" not in said and "P00001" not in said


def inputs_of(rule: str) -> str:
    """What stands between `input:` and `output:` of a rule's text."""
    return rule.split("input:")[1].split("output:")[0] if "input:" in rule else ""


def test_every_rule_with_an_external_input_waits_for_the_lock():
    found = set()
    for path in (ROOT / "rules").glob("*.smk"):
        parts = re.split(
            r"^ *(?:rule|use rule \w+ as) (\w+)(?: with)?:$", path.read_text(), flags=re.M
        )
        for name, rule in zip(parts[1::2], parts[2::2], strict=True):
            own = inputs_of(rule)
            if re.search(r"\"external\"|results/external|raw_inputs\(\)", own):
                assert "LOCK_FILE" in own, (
                    f"{name} reads external files and does not wait for the lock"
                )
                found.add(name)
    assert found >= STEPS_AFTER


def without_external_rows(folder) -> None:
    """Take every external patient out of the feature tables; patients.tsv still names them."""
    lines = (folder / "cohort" / "patients.tsv").read_text(encoding="utf-8").splitlines()[1:]
    external = {ln.split("\t")[0] for ln in lines if ln.endswith("external")}
    for table in (folder / "cohort" / "features").glob("*.tsv"):
        rows = table.read_text(encoding="utf-8").splitlines()
        kept = [row for row in rows if row.split("\t")[0] not in external]
        assert len(kept) < len(rows)
        table.write_text("\n".join(kept) + "\n", encoding="utf-8")


@pytest.mark.long
def test_bundle_is_the_same_when_no_external_row_exists(tmp_path):
    """All steps up to the lock run in a folder that holds no value of an external patient, and lock the same bytes."""
    found = {}
    for name in ("with", "without"):
        folder = tmp_path / name
        folder.mkdir()
        config = write_table_cohort(folder, development=60, external=24)
        if name == "without":
            without_external_rows(folder)
        run_snakemake(folder, "locks/bundle.json", config=config)
        assert not (folder / "results" / "external").exists()
        files = sorted(p for p in (folder / "bundles").rglob("*") if p.is_file())
        found[name] = {str(p.relative_to(folder)): p.read_bytes() for p in files}
        shutil.rmtree(folder / "results")
    assert found["with"] and found["with"] == found["without"]
