"""What reruns after a change, and nothing else: exact sets of jobs on a finished run of two patients with raw files."""

import json
import os
import shutil
import subprocess
import sys
from hashlib import md5
from pathlib import Path

import pytest
import yaml

from scripts.core.names import names_of
from scripts.demo.make_cohort import make_cohort
from tests.workflow.planted import rows_of
from tests.workflow.runs import ROOT, planned_jobs, run_snakemake

pytestmark = pytest.mark.long  # a run of two patients with raw files, minutes

SEED = 20260205
CODE = ("Snakefile", "rules", "scripts", "config", "resources", "envs", "profiles")
PATIENTS, LATER = ("P0001", "P0002"), "P0003"
BIG = 1_000_000  # bytes; Snakemake compares checksums only of smaller files


def copy_code(target: Path) -> Path:
    """The checkout without its tests, for a test that edits it."""
    target.mkdir(parents=True)
    for name in CODE:
        source = ROOT / name
        ignore = shutil.ignore_patterns("__pycache__")
        if source.is_dir():
            shutil.copytree(source, target / name, ignore=ignore, copy_function=shutil.copy2)
        else:
            shutil.copy2(source, target / name)
    return target


def take_out(cohort: Path, patient: str) -> None:
    """Take a patient out of all sheets."""
    names = names_of({patient}, [cohort], {})
    for sheet in sorted(cohort.glob("*.tsv")):
        sheet.write_bytes(names.without_rows(sheet.read_bytes()))


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """(checkout, run folder): a finished run; `cohort.later` holds the sheets with a third patient."""
    base = tmp_path_factory.mktemp("reruns")
    code, run = copy_code(base / "code"), base / "run"
    run.mkdir()
    make_cohort(run / "cohort", seed=SEED, raw=3, table=0, mess=False, workers=2)
    big = run / "cohort/raw/dda/P0002.mzML"
    assert big.stat().st_size > BIG
    sheets = sorted((run / "cohort").glob("*.tsv"))
    assays = run / "cohort/assays.tsv"
    header, *rows = assays.read_text(encoding="utf-8").splitlines()
    digest = md5(big.read_bytes()).hexdigest()
    rows = [f"{row}\t{digest if 'dda/P0002.mzML' in row else ''}" for row in rows]
    assays.write_text("\n".join([f"{header}\tmd5", *rows]) + "\n", encoding="utf-8")
    (run / "cohort.later").mkdir()
    for sheet in sheets:
        shutil.copy2(sheet, run / "cohort.later" / sheet.name)
    take_out(run / "cohort", LATER)
    config = yaml.safe_load((code / "config/demo/config.yaml").read_text(encoding="utf-8"))
    config |= {
        "demo": {},
        "model": {"strategies": ["early"], "repeats": 1, "refits": {"number": 40}},
    }
    (run / "config.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    run_snakemake(run, config=run / "config.yaml", root=code)
    return code, run


@pytest.fixture
def run(finished, tmp_path):
    """A copy of the finished run that a test may change; times are kept."""
    folder = tmp_path / "run"
    shutil.copytree(finished[1], folder, copy_function=shutil.copy2)
    return folder


def jobs_of(folder: Path, code: Path) -> dict[str, int]:
    done = run_snakemake(folder, "--dry-run", config=folder / "config.yaml", root=code)
    return planned_jobs(done)


def edit(path: Path, old: str, new: str) -> None:
    data = path.read_bytes()
    assert old.encode() in data
    path.write_bytes(data.replace(old.encode(), new.encode(), 1))


def change_file(run: Path, code: Path) -> None:
    """Another image under the same name."""
    picture = run / "cohort/raw/us/P0001/picture.dcm"
    picture.write_bytes(picture.read_bytes() + b"\x00\x00")


def touch_small_files(run: Path, code: Path) -> None:
    """Everything under the limit of Snakemake's checksums, sheets too; but no slice of a DICOM folder."""
    for path in (run / "cohort").rglob("*"):
        if path.is_file() and path.stat().st_size < BIG and path.parent.parent.parent.name != "ct":
            os.utime(path)


def touch_big_file_with_md5(run: Path, code: Path) -> None:
    os.utime(run / "cohort/raw/dda/P0002.mzML")


def other_md5(run: Path, code: Path) -> None:
    """Another file, and the sheet says so."""
    big = run / "cohort/raw/dda/P0002.mzML"
    before = md5(big.read_bytes()).hexdigest()
    big.write_bytes(big.read_bytes() + b"\n")
    edit(run / "cohort/assays.tsv", before, md5(big.read_bytes()).hexdigest())


def replace_slice(run: Path, code: Path) -> None:
    """One slice inside a DICOM folder; the folder keeps its time."""
    folder = run / "cohort/raw/ct/P0002/arterial"
    times = folder.stat()
    first = sorted(folder.iterdir())[0]
    first.write_bytes(first.read_bytes() + b"\x00\x00")
    os.utime(folder, ns=(times.st_atime_ns, times.st_mtime_ns))


def add_patient(run: Path, code: Path) -> None:
    for sheet in (run / "cohort.later").glob("*.tsv"):
        shutil.copy2(sheet, run / "cohort" / sheet.name)


def remove_patient(run: Path, code: Path) -> None:
    take_out(run / "cohort", "P0001")


def change_parameter(run: Path, code: Path) -> None:
    config = yaml.safe_load((run / "config.yaml").read_text(encoding="utf-8"))
    config["genomics"]["fragments"]["min_bin_fragments"] = 11
    (run / "config.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")


def change_imaging_limit(run: Path, code: Path) -> None:
    """A limit that only the verdict reads: no image is read again."""
    config = yaml.safe_load((run / "config.yaml").read_text(encoding="utf-8"))
    config.setdefault("imaging", {}).setdefault("ct", {})["dice_min"] = 0.7
    (run / "config.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")


def change_shared_module(run: Path, code: Path) -> None:
    """Code of scripts/imaging/masks.py, which no rule names."""
    with open(code / "scripts/imaging/masks.py", "a", encoding="utf-8") as handle:
        handle.write("\n\nNEW_CONSTANT = 1\n")


def comment_in_shared_module(run: Path, code: Path) -> None:
    with open(code / "scripts/imaging/masks.py", "a", encoding="utf-8") as handle:
        handle.write("# a remark\n")


def comment_in_script(run: Path, code: Path) -> None:
    """Snakemake itself compares the text of a rule's own script."""
    with open(code / "scripts/genomics/extract_fragments.py", "a", encoding="utf-8") as handle:
        handle.write("# a remark\n")


# What follows every change of a table: the audit, every strategy of the model, the report, the store. No model is locked here
# (too few patients), so the fit is made again; where one is locked, nothing refits it (test_tables_only.py).
COHORT = {
    "assemble_cohort": 1,
    "audit_cohort": 1,
    "explore_cohort": 1,
    "associate_blocks": 1,
    "cross_validate": 3,  # early and the two baselines, one repeat
    "select_model": 1,
    "refit_model": 2,  # parts
    "permute_labels": 2,  # parts
    "validate_internal": 1,
    "fit_model": 1,
    "lock_bundle": 1,
    "evaluate_test": 1,
    "assess_conformance": 1,
    "write_report": 1,
    "build_store": 1,
    "write_conformance_report": 1,
    "write_quality_report": 1,
    "print_reports": 2,  # Chinese and English
    "all": 1,
}
SHEET_STEPS = dict.fromkeys(
    (
        *("validate_inputs", "build_clinical_table", "check_custody", "import_ihc"),
        *("check_people", "check_quality_records", "check_examinations"),
    ),
    1,
)
CHANGES = [
    # P0001's ultrasound: its chain, the agreement of its two readers, its block
    (
        change_file,
        {"prepare_volumes": 1, "extract_radiomics": 1, "judge_volumes": 1}
        | {"assess_stability": 1, "collect_block": 1}
        | COHORT,
    ),
    (touch_small_files, {}),
    (touch_big_file_with_md5, {}),
    # P0002's DDA run; the chain of custody looks at all of assays.tsv, and every block at the custody
    (
        other_md5,
        {"search_spectra": 1, "infer_proteins": 1, "quantify_proteins": 1}
        | {"check_custody": 1, "collect_block": 14}
        | COHORT,
    ),
    # P0002's CT, three phases
    (
        replace_slice,
        {"prepare_volumes": 1, "extract_radiomics": 1, "judge_volumes": 1}
        | {"assess_stability": 3, "collect_block": 3}
        | COHORT,
    ),
    # P0003: ultrasound, LC-MS, cfDNA, DIA; what is learned over runs; all that reads the sheets
    (
        add_patient,
        {"prepare_volumes": 1, "extract_radiomics": 1, "judge_volumes": 1, "assess_stability": 1}
        | {"detect_lcms": 1, "fit_lcms_batch": 1, "apply_lcms": 2}  # the batch has one order more
        | {"align_reads": 1, "extract_fragments": 1, "import_dia": 1, "describe_dia": 1}
        | {"assess_dispersion": 1}
        | SHEET_STEPS
        | {"define_outcome": 1, "freeze_split": 1, "collect_block": 14}
        | COHORT,
    ),
    # P0001: nothing of P0002 but what is learned over runs; the 9 blocks that are left
    (
        remove_patient,
        {"fit_lcms": 1, "fit_lcms_batch": 1, "apply_lcms": 1, "assess_stability": 3}
        | {"assess_dispersion": 1}
        | SHEET_STEPS
        | {"define_outcome": 1, "freeze_split": 1, "collect_block": 9}
        | COHORT,
    ),
    (change_parameter, {"extract_fragments": 1, "collect_block": 1} | COHORT),
    # the CT of P0001 and P0002, three phases
    (
        change_imaging_limit,
        {"judge_volumes": 2, "assess_stability": 3, "collect_block": 3} | COHORT,
    ),
    # all imaging: 4 chains, 6 blocks
    (
        change_shared_module,
        {"prepare_volumes": 4, "extract_radiomics": 4, "judge_volumes": 4}
        | {"assess_stability": 6, "collect_block": 6}
        | COHORT,
    ),
    (comment_in_shared_module, {}),
    (comment_in_script, {"extract_fragments": 1, "collect_block": 1} | COHORT),
]


def test_finished_run_has_nothing_to_do_twice(finished):
    code, run = finished
    assert jobs_of(run, code) == {}
    assert jobs_of(run, code) == {}


@pytest.mark.parametrize(("change", "expected"), CHANGES, ids=[f.__name__ for f, _ in CHANGES])
def test_change_reruns_exactly_what_depends_on_it(finished, run, tmp_path, change, expected):
    code = finished[0]
    kept = tmp_path / "scripts"
    shutil.copytree(code / "scripts", kept, copy_function=shutil.copy2)
    try:
        change(run, code)
        assert jobs_of(run, code) == expected
    finally:  # in place: rules name files of the checkout by their path
        shutil.rmtree(code / "scripts")
        shutil.copytree(kept, code / "scripts", copy_function=shutil.copy2)


def test_touch_makes_a_comment_rerun_nothing(finished, run, tmp_path):
    code = finished[0]
    script = code / "scripts/genomics/extract_fragments.py"
    before, times = script.read_bytes(), script.stat()
    try:
        comment_in_script(run, code)
        run_snakemake(run, "--touch", config=run / "config.yaml", root=code)
        assert jobs_of(run, code) == {}
    finally:
        script.write_bytes(before)
        os.utime(script, ns=(times.st_atime_ns, times.st_mtime_ns))


def test_removed_patient_is_in_no_finding(finished, run):
    code = finished[0]
    remove_patient(run, code)
    run_snakemake(run, config=run / "config.yaml", root=code)
    for name in ("results/report/findings.tsv", "results/cohort/split.tsv"):
        assert "P0001" not in (run / name).read_text(encoding="utf-8")
    assert "P0001" not in (run / "results/report/report.html").read_text(encoding="utf-8")


def test_summary_and_report_of_snakemake_work(finished, run):
    code = finished[0]
    done = run_snakemake(run, "--summary", config=run / "config.yaml", root=code)
    assert "update pending" not in done.stdout and "extract_radiomics" in done.stdout
    run_snakemake(run, "--report", "snakemake.html", config=run / "config.yaml", root=code)
    assert (run / "snakemake.html").stat().st_size > 100_000


def test_without_the_sheet_of_samples_custody_is_not_assessed_and_nobody_conforms(finished, run):
    code = finished[0]
    (run / "cohort/samples.tsv").unlink()
    run_snakemake(run, config=run / "config.yaml", root=code)
    found = rows_of(run / "results/report/findings.tsv")
    custody = [r for r in found if r["requirement_id"].startswith(("BLD-", "CHN-"))]
    assert {row["verdict"] for row in custody} == {"NOT_ASSESSED"}
    assert {row["requirement_id"] for row in custody} >= {"BLD-01", "BLD-03", "BLD-06", "CHN-01"}
    report = run / "results/report/conformance.json"
    assert json.loads(report.read_text(encoding="utf-8"))["verdict"]["process"] == "not conformant"
    command = [sys.executable, "-m", "scripts.report.check_conformance"]
    done = subprocess.run([*command, "--input", f"conformance={report}"], cwd=code, check=False)
    assert done.returncode in (3, 4)  # docs/report.md, "Exit codes"
