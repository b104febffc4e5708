"""The RO-Crate of a run: workflow, configuration, versions, results with size and hash; nothing that names a person is carried.

In: frozen sheets and configuration, results. Out: a folder with ro-crate-metadata.json, the workflow's files and those results
that name nobody; the others are described by size and hash and stay at the site. QC records.
Source: Workflow Run RO-Crate profile 0.5; requirements SHR-01, TRC-01; docs/clinical.md, "RO-Crate of a run".
"""

import hashlib
import json
import platform
import re
import shutil
from importlib import metadata
from pathlib import Path, PurePath

from scripts import __version__
from scripts.core import job as core_job
from scripts.core.config import frozen_config
from scripts.core.cross_checks import MD5_COLUMNS
from scripts.core.hashing import ROOT, digest_of_file
from scripts.core.plan import load_plan
from scripts.core.privacy import identifier_in
from scripts.core.sheets import read_text_table
from scripts.share import crate

TEXTS = (".json", ".tsv", ".csv", ".md", ".html", ".svg", ".yaml", ".txt")
LARGEST = 20_000_000  # bytes of a result that is carried
WORKFLOW = ("Snakefile", "requirements.lock", "config/config.yaml", "rules/*.smk", "envs/*.yaml")
PACKAGES = ("snakemake", "numpy", "pandas", "scikit-learn", "xgboost-cpu", "mudata", "duckdb")
STAYS = "stays at the site: it may hold one row per person"
SNAKEMAKE = "https://w3id.org/workflowhub/workflow-ro-crate#snakemake"
_IDS = ("patient_id", "sample_id", "label", "assay_id", "study_id", "aliquot_id", "person_id")
_WORD = re.compile(r"[A-Za-z0-9_-]+")


def ids_of(sheets: list[Path], plan: dict) -> set[str]:
    """Every id that stands for a person or something of one, in the sheets and in the plan."""
    found = set(plan["patients"]) | {row["patient_id"] for row in plan["refused"]}
    found |= {r["assay_id"] for p in plan["assays"].values() for rows in p.values() for r in rows}
    for path in sheets:
        header, rows, _, _ = read_text_table(path)
        places = [place for place, column in enumerate(header) if column in _IDS]
        found |= {row[place] for row in rows for place in places}
    return found - {""}


def names_nobody(path: Path, ids: set[str]) -> bool:
    """Whether a result is a text without ids and identifiers, so that it may be carried."""
    if path.suffix not in TEXTS or path.stat().st_size > LARGEST:
        return False
    text = path.read_text(encoding="utf-8", errors="replace")
    if identifier_in(text):
        return False
    return not any(part in ids for word in set(_WORD.findall(text)) for part in parts_of(word))


def parts_of(word: str) -> set[str]:
    """A word and every run of its parts between _ and -: P-1_ct is P-1 too."""
    pieces = re.split(r"([_-])", word)
    ends = range(0, len(pieces), 2)
    return {"".join(pieces[i : j + 1]) for i in ends for j in ends if i <= j}


def without_paths(value):
    """Settings without the folders of this machine: a path becomes its name."""
    if isinstance(value, dict):
        return {key: without_paths(part) for key, part in value.items()}
    if isinstance(value, list):
        return [without_paths(part) for part in value]
    if isinstance(value, str) and "/" in value and " " not in value:
        return PurePath(value).name
    return value


def code_digest() -> str:
    """SHA-256 over names and bytes of all modules."""
    joined = hashlib.sha256()
    for path in sorted((ROOT / "scripts").rglob("*.py")):
        joined.update(str(path.relative_to(ROOT)).encode() + b"\0" + path.read_bytes())
    return joined.hexdigest()


def copy_workflow(folder: Path) -> list[Path]:
    """The workflow's own files, below `workflow/`; the Snakefile first."""
    out = []
    for pattern in WORKFLOW:
        for source in sorted(ROOT.glob(pattern)):
            target = folder / "workflow" / source.relative_to(ROOT)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
            out.append(target)
    return out


def described(made: crate.Crate, path: Path, name: str) -> dict:
    """A file that is not carried: an entity with its size and hash. Returns the reference to it."""
    identifier = f"#{name}"
    made.add(
        identifier,
        "CreativeWork",
        name=name,
        contentSize=str(path.stat().st_size),
        sha256=digest_of_file(path),
        conditionsOfAccess=STAYS,
    )
    return {"@id": identifier}


def add_workflow(made: crate.Crate, files: list[Path]) -> dict:
    """The workflow, its language and what it runs on. Returns the reference to the workflow."""
    made.add(SNAKEMAKE, "ComputerLanguage", name="Snakemake")
    engine = [{"@id": f"#software/{package}"} for package in PACKAGES]
    for package in PACKAGES:
        made.add(
            f"#software/{package}",
            "SoftwareApplication",
            name=package,
            version=metadata.version(package),
        )
    made.add(
        "#software/python", "SoftwareApplication", name="Python", version=platform.python_version()
    )
    main = made.add_file(
        files[0],
        **{"@type": ["File", "SoftwareSourceCode", "ComputationalWorkflow"]},
        name="hcc-omics",
        version=__version__,
        identifier=f"sha256:{code_digest()}",
        programmingLanguage={"@id": SNAKEMAKE},
        softwareRequirements=[*engine, {"@id": "#software/python"}],
    )
    for path in files[1:]:
        made.add_file(path)
    main["hasPart"] = [
        {"@id": p.relative_to(made.folder).as_posix()} for p in files if p.suffix == ".smk"
    ]
    made.crate.mainEntity = main
    return {"@id": main.id}


def build(folder: Path, files: list[Path], sheets: list[Path], plan: dict, settings: dict) -> dict:
    """Fill a folder with the crate; returns {"carried", "described"}: how many results are which."""
    made = crate.Crate(
        folder,
        name="A run of hcc-omics",
        description="Early diagnosis of hepatocellular carcinoma from multi-omics data: workflow, settings, results. "
        "Research use only, not a diagnosis.",
        date=plan["as_of"],
        licence="results: by agreement with the site; workflow: see its LICENSE",
    )
    made.conform(*crate.PROFILES)
    workflow = add_workflow(made, copy_workflow(folder))
    config = folder / "config.json"
    text = json.dumps(without_paths(settings), ensure_ascii=False, indent=1, default=str)
    config.write_text(text + "\n", encoding="utf-8")
    objects = [{"@id": made.add_file(config, name="settings of this run").id}]
    facts = {"as_of": plan["as_of"], "purpose": plan["purpose"], "seed": settings["seed"]}
    facts |= {"patients admitted": len(plan["patients"]), "patients refused": len(plan["refused"])}
    for name, value in facts.items():
        identifier = f"#parameter/{name.replace(' ', '_')}"
        made.add(identifier, "PropertyValue", name=name, value=str(value))
        objects.append({"@id": identifier})
    objects += [described(made, path, f"sheets/{path.name}") for path in sheets]
    for modality, md5 in sorted(set(raw_files(plan))):
        if md5:
            name, own = f"#raw/{modality}/{md5}", {"alternateName": f"md5:{md5}"}
            kept = {"conditionsOfAccess": "stays at the site"}
            made.add(name, "CreativeWork", name=f"raw file, {modality}", **own, **kept)
            objects.append({"@id": name})
    ids, results, counts = ids_of(sheets, plan), [], {"carried": 0, "described": 0}
    for path in files:
        carried = names_nobody(path, ids)
        counts["carried" if carried else "described"] += 1
        if not carried:
            results.append(described(made, path, path.as_posix()))
            continue
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
        results.append({"@id": made.add_file(target).id})
    made.add(
        "#run",
        "CreateAction",
        name="run of hcc-omics",
        instrument=workflow,
        object=objects,
        result=results,
        endTime=plan["as_of"],
        actionStatus={"@id": "http://schema.org/CompletedActionStatus"},
    )
    made.crate.root_dataset.append_to("mentions", {"@id": "#run"})
    made.write()
    return counts


def raw_files(plan: dict) -> list[tuple[str, str]]:
    """(modality, MD5 as it stands in assays.tsv or "") of every raw file, sorted; names of files may hold ids and stay out."""
    rows = [(m, row) for m, runs in plan.get("runs", {}).items() for row in runs]
    rows += [(m, r) for m, own in plan["assays"].items() for runs in own.values() for r in runs]
    pairs = MD5_COLUMNS.items()
    return sorted((m, row.get(md5, "")) for m, row in rows for path, md5 in pairs if row.get(path))


def record(step, plan: dict, counts: dict) -> None:
    """QC record of the audit trail: what the crate holds was read back, and raw files are known by their MD5."""
    unknown = sum(not md5 for _, md5 in raw_files(plan))
    step.check(
        "TRC-01",
        "crate lists sheets, settings, workflow and results with SHA-256, raw files with MD5",
        "NOT_ASSESSED" if not sum(counts.values()) else "WARN" if unknown else "PASS",
        value=sum(counts.values()),
        unit="results",
        reason=f"{unknown} raw files have no md5 in assays.tsv" if unknown else "",
        acts=False,
    )


def main(job):
    """Make the crate.

    input: files (results, relative to the run folder), sheets (frozen); output: crate (directory), ledger
    """
    with core_job.step(job) as step:
        folder = step.path(job.output.crate)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        files = [path for path in sorted(map(Path, job.input.files)) if path.is_file()]
        sheets = sorted(map(Path, job.input.sheets))
        plan = load_plan()
        counts = build(folder, files, sheets, plan, frozen_config())
        wrong = crate.problems(folder)
        if wrong:
            raise ValueError(f"the crate does not describe its files: {'; '.join(wrong[:5])}")
        record(step, plan, counts)
        step.log.info("%s", counts)


if __name__ == "__main__":
    core_job.entry(main, globals().get("snakemake"))
