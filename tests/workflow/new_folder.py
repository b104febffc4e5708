"""New patients from raw files, and what small changes must not move: runs that tests and acceptance figures share."""

import shutil
from pathlib import Path

import pandas as pd

from scripts.core.sheets import read_text_table
from tests.workflow.runs import ROOT, run_snakemake, write_sheet, write_table_cohort

CUT = (
    "demo: {raw_patients: 3, table_patients: 60, mess: false}\n"
    # Side by side: a model that needs every block, whatever the rule of one standard error would choose.
    "model: {strategies: [early], repeats: 1, refits: {number: 40}, interval_refits: 5}\n"
)
MODALITIES = ("lcms", "ct")
FILES = ("file", "file2", "mask")


def read(path: Path) -> list[dict]:
    """Rows of a TSV as text."""
    header, rows, _, _ = read_text_table(path)
    return [dict(zip(header, row, strict=True)) for row in rows]


def write_new_folder(
    cohort: Path, target: Path, named: dict[str, str], modalities=MODALITIES
) -> Path:
    """Sheets of new patients who are people of the cohort under new names; raw files stay where they are.

    named : {patient of the cohort: new id}. Runs of QC, blanks and ladders of their batches come along. Returns `target`.
    """
    patients = [r for r in read(cohort / "patients.tsv") if r["patient_id"] in named]
    for row in patients:
        row |= {"patient_id": named[row["patient_id"]], "role": "new", "diagnosis": "unknown"}
        row |= dict.fromkeys(("person_id", "id1_hash", "id2_hash", "contact_hash", "stage"), "")
    write_sheet(target / "patients.tsv", patients)
    for sheet in ("consents", "labs", "history"):
        rows = [r for r in read(cohort / f"{sheet}.tsv") if r["patient_id"] in named]
        write_sheet(
            target / f"{sheet}.tsv", [r | {"patient_id": named[r["patient_id"]]} for r in rows]
        )
    rows = [r for r in read(cohort / "assays.tsv") if r["modality"] in modalities]
    own = [r for r in rows if r["patient_id"] in named]
    batches = {(r["modality"], r["batch"]) for r in own}
    beside = [r for r in rows if not r["patient_id"] and (r["modality"], r["batch"]) in batches]
    for row in [*own, *beside]:
        row["patient_id"] = named.get(row["patient_id"], "")
        row |= {c: str((cohort / row[c]).resolve()) for c in FILES if row.get(c)}
    write_sheet(target / "assays.tsv", [*own, *beside])
    return target


def cut_run(folder: Path) -> list[Path]:
    """A cut of the demo up to the locked bundle; returns its configuration files."""
    cut = folder / "cut.yaml"
    cut.write_text(CUT, encoding="utf-8")
    configs = [ROOT / "config" / "demo" / "config.yaml", cut]
    for target in ("make_cohort", "locks/bundle.json"):
        run(folder, configs, target)
    return configs


def run(folder: Path, configs: list[Path], *arguments: str, check: bool = True):
    """Snakemake in the run folder with several configuration files."""
    return run_snakemake(folder, *arguments, "--configfile", *map(str, configs), check=check)


def predicted(folder: Path, configs: list[Path], sheets: Path) -> tuple[Path, pd.DataFrame]:
    """`predict` of a folder of new patients: its place and the table of predictions."""
    run(folder, configs, "predict", "--config", f"new={sheets}")
    place = folder / "predictions" / sheets.name
    table = pd.read_csv(place / "results/predictions/predictions.tsv", sep="\t", index_col=0)
    return place, table


def gap(ours: pd.Series, theirs: pd.Series) -> float:
    """Largest difference of two rows over the features of both; infinite when one has a value where the other has none."""
    names = ours.dropna().index.union(theirs.dropna().index)
    difference = (ours.reindex(names) - theirs.reindex(names)).abs()
    return float("inf") if difference.isna().any() or not len(names) else float(difference.max())


def blocks_below(folder: Path) -> dict[str, pd.DataFrame]:
    """{block: table} of a folder of collected blocks."""
    return {p.stem: pd.read_parquet(p) for p in sorted(folder.glob("*.parquet"))}


def compare(folder: Path, together: Path, alone: Path, patient: str, new: str) -> dict[str, float]:
    """{modality: largest gap} of one person's rows in development, together with others and alone."""
    development = blocks_below(folder / "results/features")
    found: dict[str, float] = {}
    both = blocks_below(together / "results/predictions/features")
    single = blocks_below(alone / "results/predictions/features")
    for block, table in both.items():
        modality = block.split("_")[0]
        if new not in table.index:
            continue
        row = table.loc[new]
        gaps = (gap(row, single[block].loc[new]), gap(row, development[block].loc[patient]))
        found[modality] = max(found.get(modality, 0.0), *gaps)
    return found


def rows_apart(folder: Path) -> dict[str, float]:
    """Largest gap per modality between a person's development row, their row as a new patient among others, and alone."""
    configs = cut_run(folder)
    cohort = folder / "cohort"
    two = write_new_folder(cohort, folder / "two", {"P0001": "N0001", "P0002": "N0002"})
    one = write_new_folder(cohort, folder / "one", {"P0001": "N0001"})
    together, _ = predicted(folder, configs, two)
    alone, _ = predicted(folder, configs, one)
    return compare(folder, together, alone, "P0001", "N0001")


def split_of(folder: Path) -> dict[str, str]:
    """{patient: part} of the split of today."""
    return {row["patient_id"]: row["part"] for row in read(folder / "results/cohort/split.tsv")}


def bundle_files(folder: Path) -> dict[str, bytes]:
    """Bytes of every file below bundles/."""
    files = sorted(p for p in (folder / "bundles").rglob("*") if p.is_file())
    return {str(p.relative_to(folder)): p.read_bytes() for p in files}


def checkout(target: Path) -> Path:
    """A copy of what a run needs of this checkout, that may be edited."""
    for name in ("scripts", "rules", "config", "resources", "envs", "profiles"):
        shutil.copytree(ROOT / name, target / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy2(ROOT / "Snakefile", target / "Snakefile")
    return target


def moved_by_small_changes(folder: Path) -> tuple[int, int]:
    """How many patients changed sides and how many files of the bundle changed after one patient more, one less (out of the
    sheet), and a comment in the scripts of split, fit and lock."""
    source, place = checkout(folder / "checkout"), folder / "run"
    place.mkdir()
    config = write_table_cohort(place)
    target = "results/model/test.json"
    run_snakemake(place, target, config=config, root=source)
    before, bundles = split_of(place), bundle_files(place)
    sheet = place / "cohort/patients.tsv"
    text = sheet.read_text(encoding="utf-8").replace("T000\tA\thcc\tdevelopment\n", "")
    sheet.write_text(text + "T900\tA\thcc\tdevelopment\n", encoding="utf-8")
    for name in ("metabolites", "proteins"):
        table = place / f"cohort/features/{name}.tsv"
        lines = table.read_text(encoding="utf-8").splitlines(keepends=True)
        new = lines[1].replace("T000\t", "T900\t")
        kept = [row for row in lines if not row.startswith("T000\t")]
        table.write_text("".join([*kept, new]), encoding="utf-8")
    for name in ("fusion/freeze_split", "model/fit_model", "model/lock_bundle"):
        with open(source / f"scripts/{name}.py", "a", encoding="utf-8") as handle:
            handle.write("# a comment\n")
    run_snakemake(place, target, config=config, root=source)
    after, again = split_of(place), bundle_files(place)
    moved = sum(before[p] != part for p, part in after.items() if p in before)
    names = set(bundles) | set(again)
    changed = sum(bundles.get(name) != again.get(name) for name in names)
    return moved, changed + (set(after) != set(before) - {"T000"} | {"T900"})
