"""What reruns after a change, and nothing else: exact sets of jobs on a finished run of two patients with raw files."""

import shutil
from hashlib import md5
from pathlib import Path

import pytest
import yaml

from scripts.core.names import names_of
from scripts.demo.make_cohort import make_cohort
from tests.workflow.runs import ROOT, run_snakemake

pytestmark = pytest.mark.long  # a run of two patients with raw files, minutes

SEED = 20260205
CODE = ("Snakefile", "rules", "scripts", "config", "resources", "envs", "profiles")
PATIENTS, LATER = ("P0001", "P0002"), "P0003"
BIG = 1_000_000  # bytes; Snakemake compares checksums only of smaller files
# Every change of the data reaches these; the audit and every strategy of the model look at the whole cohort.
REPORT = {"assess_conformance": 1, "write_report": 1, "all": 1}


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
    rows = [f"{row}\t{digest if big.name in row else ''}" for row in rows]
    assays.write_text("\n".join([f"{header}\tmd5", *rows]) + "\n", encoding="utf-8")
    (run / "cohort.later").mkdir()
    for sheet in sheets:
        shutil.copy2(sheet, run / "cohort.later" / sheet.name)
    take_out(run / "cohort", LATER)
    config = yaml.safe_load((code / "config/demo/config.yaml").read_text(encoding="utf-8"))
    config |= {"demo": {}, "model": {"strategies": ["early"], "repeats": 1}}
    (run / "config.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    run_snakemake(run, config=run / "config.yaml", root=code)
    return code, run
