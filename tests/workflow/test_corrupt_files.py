"""One corrupt file per modality: a verdict for that pair, never a crash; the whole file makes good what it spoiled, only that."""

import os
from pathlib import Path

import pytest
import yaml

from scripts.demo.make_cohort import make_cohort
from tests.compare import differences
from tests.workflow.planted import rows_of
from tests.workflow.runs import ROOT, planned_jobs, run_snakemake
from tests.workflow.test_demo import COHORT_STEPS

pytestmark = pytest.mark.long  # runs of three patients with raw files, minutes

IMAGING = {"prepare_volumes", "extract_radiomics", "assess_stability", "collect_block"}
SEQUENCING = {"align_reads", "match_samples", "collect_block", "assess_dispersion"}
NO_MODEL = {"fit_model", "lock_bundle"}  # too few patients for one: the attempt is made again
COHORT = COHORT_STEPS | NO_MODEL


def halved(data: bytes) -> bytes:
    return data[: len(data) // 2]


def flipped(data: bytes) -> bytes:
    """A kilobyte in the middle turned over: the checksum of a gzip member no longer fits."""
    middle = len(data) // 2
    turned = bytes(255 - byte for byte in data[middle : middle + 1000])
    return data[:middle] + turned + data[middle + 1000 :]


def emptied(data: bytes) -> bytes:
    return b""


def scrambled(data: bytes) -> bytes:
    """As long as before, and nothing that any reader knows."""
    return bytes((7 * place + 3) % 251 for place in range(len(data)))


# modality: (block, file, patients whose pair fails, what happens to it, steps that its repair runs beside the cohort steps)
CASES = {
    "ct": ("ct_delayed", "ct/P0001/delayed/*10.dcm", {"P0001"}, halved, IMAGING),
    "mri": ("mri_t2", "mri/P0001/t2.nii.gz", {"P0001"}, halved, IMAGING),
    "us": ("us", "us/P0001/picture.dcm", {"P0001"}, scrambled, IMAGING),
    "lcms": (
        "lcms",
        "lcms/*/P0001.mzML.gz",
        {"P0001"},
        halved,
        {
            "detect_lcms",
            "fit_lcms",
            "fit_lcms_batch",
            "apply_lcms",
            "assess_dispersion",
            "collect_block",
        },
    ),
    "gcms": (
        "gcms",
        "gcms/*/P0002.mzML.gz",
        {"P0002"},
        emptied,
        {"detect_gcms", "fit_gcms", "apply_gcms", "assess_dispersion", "collect_block"},
    ),
    "wes": ("wes", "wes/P0002_R2.fastq.gz", {"P0002"}, halved, SEQUENCING | {"call_variants"}),
    "cfdna": (
        "cfdna",
        "cfdna/P0001_R1.fastq.gz",
        {"P0001"},
        flipped,
        SEQUENCING | {"extract_fragments", "call_variants"},
    ),
    "dda": (
        "dda",
        "dda/P0002.mzML",
        {"P0002"},
        halved,
        {"search_spectra", "infer_proteins", "quantify_proteins", "collect_block"},
    ),
    "dia": (
        "dia",
        "dia/report.tsv",
        {"P0001", "P0003"},  # one report of all runs
        scrambled,
        {"import_dia", "describe_dia", "collect_block"},
    ),
}


def path_of(run: Path, modality: str) -> Path:
    found = list((run / "cohort/raw").glob(CASES[modality][1]))
    assert len(found) == 1, (modality, found)
    return found[0]


def set_up(run: Path) -> Path:
    """The clean cut of the demo; returns its configuration."""
    run.mkdir()
    make_cohort(run / "cohort", seed=20260205, raw=3, table=0, mess=False, workers=2)
    config = yaml.safe_load((ROOT / "config/demo/config.yaml").read_text(encoding="utf-8"))
    config |= {
        "demo": {},
        "model": {"strategies": ["early"], "repeats": 1, "refits": {"number": 40}},
    }
    (run / "config.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    return run / "config.yaml"


def failed_pairs(run: Path) -> set[tuple[str, str]]:
    """(block, patient) of every verdict "fail"."""
    rows = [
        r for path in sorted((run / "results/qc").glob("*.verdicts.tsv")) for r in rows_of(path)
    ]
    return {(r["block"], r["patient_id"]) for r in rows if r["verdict"] == "fail"}


@pytest.fixture(scope="module")
def spoiled(tmp_path_factory):
    """(run folder, configuration, {modality: (bytes, times)}): a finished run with one corrupt file per modality."""
    run = tmp_path_factory.mktemp("spoiled") / "run"
    config, kept = set_up(run), {}
    for modality, (_, _, _, spoil, _) in CASES.items():
        path = path_of(run, modality)
        kept[modality] = path.read_bytes()
        path.write_bytes(spoil(kept[modality]))
    run_snakemake(run, config=config)
    return run, config, kept


def test_every_pair_fails_alone_and_the_report_names_it(spoiled):
    run, _, _ = spoiled
    expected = {(case[0], patient) for case in CASES.values() for patient in case[2]}
    assert failed_pairs(run) == expected
    page = (run / "results/report/report.html").read_text(encoding="utf-8")
    for path in (run / "results/qc").glob("*.verdicts.tsv"):
        for row in rows_of(path):
            if row["verdict"] == "fail":
                assert row["reasons"] and "Traceback" not in row["reasons"]
                assert row["patient_id"] in page


@pytest.mark.parametrize("modality", CASES)
def test_whole_file_reruns_that_chain_and_the_cohort_steps_only(spoiled, modality):
    run, config, kept = spoiled
    path, (_, _, _, spoil, chain) = path_of(run, modality), CASES[modality]
    times = path.stat()
    path.write_bytes(kept[modality])
    try:
        jobs = planned_jobs(run_snakemake(run, "--dry-run", config=config))
    finally:
        path.write_bytes(spoil(kept[modality]))
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert jobs and set(jobs) - chain <= COHORT
    assert jobs["collect_block"] and set(jobs) & chain - {"collect_block"}


def test_repaired_run_equals_one_that_was_never_spoiled(spoiled, tmp_path):
    run, config, kept = spoiled
    for modality, data in kept.items():
        path_of(run, modality).write_bytes(data)
    (
        run / "locks/iterations.tsv"
    ).unlink()  # it remembers that the model was worked on twice, rightly (EVA-05)
    run_snakemake(run, config=config)
    assert failed_pairs(run) == set()
    whole = tmp_path / "run"
    run_snakemake(whole, config=set_up(whole))
    assert differences(whole / "results", run / "results") == []
