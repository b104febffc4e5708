"""The demo cohort: sheets, raw files of every kind, ready-made tables, and the list of what must be
found.

In: seed, numbers of people, mess or clean twin. Out: a folder like a hospital's own
(docs/inputs.md), the same for the
same seed. Source: one latent disease burden (latent.py) drives every simulator.
"""

import importlib
import os
import shutil
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from scripts.core import job as core_job
from scripts.core.hashing import digest_of_file
from scripts.core.sheets import schema_of
from scripts.demo.latent import Person, Simulated, make_people

# The longest first, so that two processes end at about the same time.
SIMULATORS = ("imaging", "metabolomics", "genomics", "proteomics", "clinical", "tables")
MARK = "expected_findings.tsv"  # only a folder with this file is ever overwritten
FINDING_COLUMNS = ["subject", "block", "requirement_id", "verdict", "step", "note"]
MODEL_CLASS = 20  # of each class, so that the training part of 70 % holds model.minimum_class
EXTERNAL_EVENTS = 100  # MOD-07
ENCODINGS = {"labs": "gb18030"}  # as many Chinese laboratory systems export


def write_tsv(path: Path, columns: list[str], rows: list[dict], encoding: str = "utf-8") -> None:
    """Write rows as a tab-separated sheet; a missing or None cell is empty."""
    path.parent.mkdir(parents=True, exist_ok=True)
    cells = [["" if row.get(c) is None else str(row[c]) for c in columns] for row in rows]
    lines = ["\t".join(line) for line in [columns, *cells]]
    path.write_bytes(("\n".join(lines) + "\n").encode(encoding))


def write_sheet(folder: Path, name: str, rows: list[dict]) -> None:
    """Write one sheet with the columns of its schema that any row uses, in the schema's order; none without rows."""
    if not rows:
        return
    known = schema_of(name)["properties"]
    used = {column for row in rows for column in row}
    unknown = sorted(used - set(known))
    if unknown:
        raise ValueError(
            f"the demo writes columns that {name}.schema.yaml does not know: {unknown}"
        )
    columns = [column for column in known if column in used]
    write_tsv(folder / f"{name}.tsv", columns, rows, ENCODINGS.get(name, "utf-8"))


def _simulate(name: str, people: list[Person], folder: Path, seed: int, mess: bool) -> Simulated:
    module = importlib.import_module(f"scripts.demo.simulate_{name}")
    return module.simulate(people, folder, seed, mess)


def _simulate_all(arguments: list[tuple], workers: int) -> list[Simulated]:
    """What every simulator hands back; side by side where the machine has semaphores (some containers lack /dev/shm)."""
    try:
        pool = ProcessPoolExecutor(workers) if workers > 1 else None
    except OSError:
        pool = None
    if pool is None:
        return [_simulate(*argument) for argument in arguments]
    with pool:
        return list(pool.map(_simulate, *zip(*arguments, strict=True)))


def merge(parts: list[Simulated]) -> Simulated:
    """Join what the simulators hand back; two of them may add rows to one sheet."""
    whole = Simulated()
    for part in parts:
        whole.assays += part.assays
        whole.findings += part.findings
        for name, rows in part.sheets.items():
            whole.sheets.setdefault(name, []).extend(rows)
    return whole


def implied_findings(people: list[Person]) -> list[dict]:
    """What a cohort of this size and of these dates fails even without planted mess.

    Every person was enrolled in 2025, before any model of this cohort can have been locked. A small cut may leave a development
    centre with one class.
    """
    developed = Counter(p.hcc for p in people if p.role == "development")
    external = [p for p in people if p.role == "external"]
    common = {"block": "", "verdict": "FAIL"}
    classes: dict[str, set[bool]] = {}
    for person in people:
        if person.role == "development":
            classes.setdefault(person.centre, set()).add(person.hcc)
    out = [
        common
        | {"subject": centre, "step": "validate_inputs", "requirement_id": "OMX-06"}
        | {"note": f"all patients of {centre} are of one class"}
        for centre, kinds in sorted(classes.items())
        if len(kinds) == 1
    ]
    if min(developed[True], developed[False]) < MODEL_CLASS or not external:
        return out
    cases = sum(p.hcc for p in external)
    rows = [("MOD-08", "all external patients were enrolled before the model was locked")]
    if cases < EXTERNAL_EVENTS:
        note = f"at most {cases} external patients have HCC, {EXTERNAL_EVENTS} are asked"
        rows.insert(0, ("MOD-07", note))
    common |= {"subject": "cohort", "step": "validate_external"}
    return out + [common | {"requirement_id": name, "note": note} for name, note in rows]


def make_cohort(
    folder: Path, *, seed: int, raw: int, table: int, mess: bool, workers: int = 1
) -> Simulated:
    """Write a whole cohort into `folder` (which must not exist) and return what was written."""
    folder.mkdir(parents=True)
    people = make_people(seed, raw, table)
    arguments = [(name, people, folder, seed, mess) for name in SIMULATORS]
    whole = merge(_simulate_all(arguments, workers))
    write_sheet(folder, "assays", whole.assays)
    for name, rows in whole.sheets.items():
        write_sheet(folder, name, rows)
    whole.findings += implied_findings(people)
    findings = sorted(whole.findings, key=lambda f: (f["requirement_id"], f["subject"], f["block"]))
    write_tsv(folder / MARK, FINDING_COLUMNS, findings)
    return whole


def synchronise(new: Path, old: Path) -> int:
    """Make `old` equal to `new` and remove `new`; a file with the same bytes keeps its time stamp.
    Returns files changed."""
    changed = 0
    wanted = {path.relative_to(new) for path in new.rglob("*") if path.is_file()}
    for path in sorted(old.rglob("*"), reverse=True) if old.exists() else []:
        if path.is_file() and path.relative_to(old) not in wanted:
            path.unlink()
        elif path.is_dir() and not any(path.iterdir()):
            path.rmdir()
    for relative in sorted(wanted):
        source, target = new / relative, old / relative
        same = target.is_file() and target.stat().st_size == source.stat().st_size
        if same and digest_of_file(target) == digest_of_file(source):
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        os.replace(source, target)
        changed += 1
    shutil.rmtree(new)
    return changed


def main(job):
    """Make the demo cohort.

    output: manifest = <folder>/manifest.tsv; the cohort is written into that folder
    params: seed, raw_patients, table_patients, mess (false = the clean twin)
    """
    with core_job.step(job) as step:
        manifest = Path(job.output.manifest)
        folder = manifest.parent
        if folder.is_dir() and any(folder.iterdir()) and not (folder / MARK).exists():
            raise ValueError(
                f"{folder} holds files that are not a demo cohort; nothing was touched"
            )
        new = folder.with_name(f".tmp{os.getpid()}.{folder.name}")
        shutil.rmtree(new, ignore_errors=True)
        try:
            make_cohort(
                new,
                seed=int(job.params.seed),
                raw=int(job.params.raw_patients),
                table=int(job.params.table_patients),
                mess=bool(job.params.mess),
                workers=int(job.threads),
            )
            files = sorted(path for path in new.rglob("*") if path.is_file())
            rows = [
                {
                    "file": path.relative_to(new),
                    "bytes": path.stat().st_size,
                    "sha256": digest_of_file(path),
                }
                for path in files
            ]
            changed = synchronise(new, folder)
        finally:
            shutil.rmtree(new, ignore_errors=True)
        write_tsv(step.path(manifest), ["file", "bytes", "sha256"], rows)
        step.log.info("%d files, %d of them new or changed", len(rows), changed)


if __name__ == "__main__":
    core_job.entry(main, globals().get("snakemake"))
