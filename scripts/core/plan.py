"""The plan of a run: sheets checked and frozen, gate computed, blocks named.

In: config and the folder of sheets. Out: `.hcc/plan.json` and `.hcc/sheets/`, written by the main
process only; jobs and
remote processes read nothing else, so a sheet edited while jobs run acts at the next start. Source:
docs/architecture.md.
"""

import datetime
import functools
import json
import os
import re
from collections.abc import Callable
from pathlib import Path

from scripts.core import withdrawal
from scripts.core.assays import assay_rows, default_assay_id
from scripts.core.atomic_file import write_atomically, write_if_changed
from scripts.core.cohort_size import why_no_model
from scripts.core.cross_checks import (
    assay_problems,
    before_birth_problems,
    birth_problems,
    first_days,
    identifier_problems,
    reference_problems,
    references,
)
from scripts.core.gate import DOMAIN_OF_MODALITY, compute_gate, withdrawn_patients
from scripts.core.hashing import digest_of, digest_of_file
from scripts.core.linked_people import people_in_both_roles
from scripts.core.new_patients import role_problems
from scripts.core.privacy import watched
from scripts.core.sheets import (
    Problem,
    SheetErrors,
    is_number,
    read_sheet,
    schema_of,
    sheet_names,
)
from scripts.core.table_stream import stream_table

FOLDER = Path(".hcc")
PLAN = FOLDER / "plan.json"
SHEETS = FOLDER / "sheets"
_CACHE = FOLDER / "digests.json"
# Read at every start, because the gate reads them; the others only when they changed.
GATE_SHEETS = ("patients", "consents", "assays", "given_up", "imaging_studies")
# Options of Snakemake with which it runs no job.
LOOKING = frozenset(
    f"--{name}"
    for name in (
        *("lint", "list-rules", "list", "list-target-rules", "lt", "print-compilation", "dag"),
        *("rulegraph", "filegraph", "d3dag", "summary", "detailed-summary", "report", "unlock"),
        *("list-changes", "lc", "list-input-changes", "li", "list-params-changes", "lp"),
        *("list-untracked", "lu", "cleanup-metadata", "cm", "cleanup-shadow", "archive"),
        *("delete-all-output", "delete-temp-output", "containerize", "generate-unit-tests"),
        *("list-conda-envs", "conda-cleanup-envs", "container-cleanup-images"),
    )
) | {"-l", "-S", "-D"}


def empty_plan() -> dict:
    """The plan of a cohort without sheets: what `--lint` and the making of the demo cohort see."""
    return {
        "as_of": "",
        "purpose": "",
        "patients": {},
        "assays": {},
        "runs": {},
        "refused": [],
        "withdrawn": {},
        "given_up": {},
        "folder": "",
        "sheets": {},
        "tables": [],
        "encodings": {},
        "no_model": "",
        "blocks": {},
    }


def load_plan() -> dict:
    """The plan that the main process wrote."""
    return json.loads(PLAN.read_text(encoding="utf-8"))


def asks_for_plan(arguments: list[str]) -> bool:
    """Whether a call of Snakemake has the target `plan`; a run folder may have that name too."""
    before = ["", *arguments]
    return any(
        word == "plan" and option not in ("--directory", "-d")
        for option, word in zip(before, arguments, strict=False)
    )


def runs_jobs(dry_run: bool, arguments: list[str]) -> bool:
    """Whether a call of Snakemake runs jobs; it says so itself only after the workflow was read."""
    looks = any(word.split("=")[0] in LOOKING for word in arguments)
    return not dry_run and not looks and not asks_for_plan(arguments)


def make_plan(config: dict, *, write: bool) -> dict:
    """Check all sheets, compute the gate, name the blocks; with `write` freeze plan and sheets
    under .hcc/.

    Raises SheetErrors with every problem of every sheet.
    """
    folder = Path(config["sheets"])
    problems = _not_files(folder)
    if problems:
        raise SheetErrors(problems)
    files = _sheet_files(folder)
    cache = _read_cache()
    digests = {name: _digest(path, cache) for name, path in files.items()}
    sheets, encodings = {}, {}
    watch_list = config.get("privacy", {}).get("watch_list", "")
    listed = digest_of_file(watch_list) if watch_list and Path(watch_list).is_file() else ""
    known = functools.cache(lambda: _ids_of(files["patients"]) if "patients" in files else set())
    for name, path in files.items():
        key = _good_key(name, digests, listed)
        before = cache["good"].get(name)
        gate_sheet = name in GATE_SHEETS
        if not gate_sheet and isinstance(before, dict) and before["key"] == key:
            encodings[name] = before["encoding"]
            continue
        try:
            if name.startswith("features/"):
                _check_table(path, known)
                encodings[name] = "utf-8"
            else:
                sheets[name] = read_sheet(path, name)
                encodings[name] = sheets[name].encoding
            cache["good"][name] = {"key": key, "encoding": encodings[name]}
        except SheetErrors as errors:
            problems += errors.problems
    if "patients" not in files:
        allowed = "not there; every cohort needs it (docs/inputs.md)"
        problems.append(Problem(str(folder / "patients.tsv"), 0, "", "", allowed))
    if "consents" not in files and not config.get("consent", {}).get("not_available"):
        allowed = (
            "not there; without consents say so in the config: "
            "consent: {not_available: reason, document: id}"
        )
        problems.append(Problem(str(folder / "consents.tsv"), 0, "", "", allowed))
    as_of = str(config.get("as_of") or datetime.date.today().isoformat())
    if not problems:
        problems = _cross_problems(sheets, folder, files, as_of, watch_list)
        new = bool(config.get("new")) and Path(config["new"]) == folder
        people = sheets["patients"]
        problems += [
            Problem(files["patients"].name, *found)
            for found in role_problems(people.rows, people.lines, new)
        ]
    if problems:
        raise SheetErrors(problems)
    assays = assay_rows(sheets["assays"].rows, folder) if "assays" in sheets else []
    consents = sheets["consents"].rows if "consents" in sheets else None
    plan = compute_gate(
        sheets["patients"].rows,
        consents,
        assays,
        as_of=as_of,
        purpose=config["purpose"],
        given_up=sheets["given_up"].rows if "given_up" in sheets else None,
        examined=_first_examinations(sheets),
    )
    roles = {patient: entry["role"] for patient, entry in plan["patients"].items()}
    if both := people_in_both_roles(sheets["patients"].rows, roles):
        allowed = (
            f"one person in development and external data: {'; '.join(both)}; correct role or ids"
        )
        raise SheetErrors([Problem(files["patients"].name, 0, "", "", allowed)])
    gone = withdrawn_patients(consents, as_of)
    withdrawal.forget(gone, folder, SHEETS, PLAN, delete=write)
    strip, plan["sheets"] = withdrawal.redacted(gone, files, digests, cache, folder)
    plan["folder"] = str(folder)
    plan["tables"] = [
        name.removeprefix("features/")
        for name in files
        if name.startswith("features/") and not name.endswith(".features")
    ]
    plan["encodings"] = {name: e for name, e in sorted(encodings.items()) if e != "utf-8"}
    plan["blocks"] = _blocks(plan)
    plan["no_model"] = why_no_model(sheets["patients"].rows, plan, config, folder)
    if write:
        _freeze(plan, files, strip, cache)
    return plan


def _first_examinations(sheets: dict) -> dict[str, str]:
    """{patient: first day of an imaging study}."""
    days: dict[str, str] = {}
    for row in sheets["imaging_studies"].rows if "imaging_studies" in sheets else []:
        day = row.get("study_datetime", "")[:10]
        if day:
            days[row["patient_id"]] = min(day, days.get(row["patient_id"], day))
    return days


def _not_files(folder: Path) -> list[Problem]:
    """Sheets that are there and cannot be read: a folder, a link to nowhere, no right to read."""
    places = [folder / f"{name}.tsv" for name in sheet_names()]
    return [
        Problem(
            str(path.relative_to(folder)),
            0,
            "",
            "",
            "not a file that can be read (a folder, a broken link, no right?)",
        )
        for path in [*places, *sorted((folder / "features").glob("*.tsv"))]
        if os.path.lexists(path) and not (path.is_file() and os.access(path, os.R_OK))
    ]


def _sheet_files(folder: Path) -> dict[str, Path]:
    files = {
        name: folder / f"{name}.tsv" for name in sheet_names() if (folder / f"{name}.tsv").is_file()
    }
    for path in sorted(p for p in (folder / "features").glob("*.tsv") if p.is_file()):
        files[f"features/{path.name.removesuffix('.tsv')}"] = path
    return files


def _check_table(path: Path, known: Callable[[], set[str]]) -> None:
    """A ready-made feature table: patient_id, then numbers, of somebody in the patients sheet; or its
    dictionary `<block>.features.tsv`. known : gives the ids of that sheet, asked for only where a table was read."""
    if path.name.endswith(".features.tsv"):
        read_sheet(path, "feature_dictionary")
        return
    file = f"features/{path.name}"
    header, rows = stream_table(path)
    problems = []
    if not re.fullmatch(r"[a-z0-9_]+", path.stem):
        problems.append(
            Problem(
                file, 0, "", "", "the file name is the block's name: lower-case letters, digits, _"
            )
        )
    if header[0] != "patient_id":
        problems.append(
            Problem(file, 1, header[0], header[0], "the first column must be patient_id")
        )
    if "" in header[1:]:
        place = header.index("", 1) + 1
        problems.append(
            Problem(file, 1, "", "", f"column {place} has no name; look for a stray tab")
        )
    seen: dict[str, int] = {}
    for number, row in rows:
        if not row[0]:
            problems.append(Problem(file, number, "patient_id", "", "must not be empty"))
        if row[0] in seen:
            problems.append(
                Problem(file, number, "patient_id", row[0], f"already in row {seen[row[0]]}")
            )
        seen[row[0]] = number
        for column, text in zip(header[1:], row[1:], strict=True):
            if text and not _is_number(text):
                problems.append(
                    Problem(file, number, column, text, "allowed: a number, or empty when missing")
                )
    if seen and not problems:
        ids = known()
        if ids and not ids & set(seen):
            first = next(iter(seen))
            allowed = (
                "no patient_id of this table is in patients.tsv: ids must be written alike in both"
            )
            problems.append(Problem(file, seen[first], "patient_id", first, allowed))
    if problems:
        raise SheetErrors(problems)


def _ids_of(patients: Path) -> set[str]:
    """patient_id of every row of the patients sheet; empty when it is broken or names a person, which is told by itself."""
    try:
        sheet = read_sheet(patients, "patients")
    except SheetErrors:
        return set()
    return set() if identifier_problems(sheet) else {row.get("patient_id") for row in sheet.rows}


def _is_number(text: str) -> bool:
    return text.lower() in ("na", "nan") or is_number(text)


def _cross_problems(
    sheets: dict, folder: Path, files: dict[str, Path], as_of: str, watch_list: str
) -> list[Problem]:
    """Problems between sheets, of those that were read; a sheet that is only referred to is read on demand."""

    @functools.cache
    def known(name: str, column: str) -> set[str] | None:
        if name not in files:
            return None
        sheet = sheets.get(name) or read_sheet(files[name], name)
        return {row[column] for row in sheet.rows if column in row}

    problems = birth_problems(sheets["patients"], as_of)
    born = {} if problems else first_days(sheets["patients"].rows)
    listed = None
    if watch_list:
        try:
            listed = watched(watch_list)
        except (OSError, UnicodeError):
            allowed = "a UTF-8 text file, one name, hospital number or address a line"
            problems.append(Problem("config key privacy.watch_list", 0, "", watch_list, allowed))
    for sheet in sheets.values():
        problems += reference_problems(sheet, known) + identifier_problems(sheet, listed)
        problems += before_birth_problems(sheet, born)
    if "assays" in sheets:
        problems += assay_problems(sheets["assays"], folder, default_assay_id)
    return problems


def _blocks(plan: dict) -> dict[str, dict]:
    """{block: {modality, domain, patients: [...], table: bool}}; patients are those with raw
    files."""
    blocks: dict[str, dict] = {}
    for modality, patients in plan["assays"].items():
        for patient, rows in patients.items():
            for block in sorted({row["block"] for row in rows}):
                entry = blocks.setdefault(
                    block,
                    {
                        "modality": modality,
                        "domain": DOMAIN_OF_MODALITY[modality],
                        "patients": [],
                        "table": False,
                    },
                )
                entry["patients"].append(patient)
    for block in plan["given_up"]:
        if block not in blocks:  # nobody is left, but the block and why it is empty must show
            modality = block.split("_")[0]
            domain = DOMAIN_OF_MODALITY[modality]
            blocks[block] = {"modality": modality, "domain": domain, "patients": [], "table": False}
    for name in plan["tables"]:
        modality = name.split("_")[0]
        domain = DOMAIN_OF_MODALITY.get(modality, "")
        blocks.setdefault(
            name, {"modality": modality, "domain": domain, "patients": [], "table": False}
        )["table"] = True
    for name in ("labs", "ihc"):
        block = {"labs": "clinical"}.get(name, name)
        if name in plan["sheets"]:
            entry = blocks.setdefault(
                block, {"modality": block, "domain": block, "patients": [], "table": False}
            )
            entry["sheet"] = name
    for entry in blocks.values():
        entry["patients"].sort()
    return dict(sorted(blocks.items()))


def _good_key(name: str, digests: dict[str, str], listed: str) -> str:
    """Changes with the sheet, its schema, the sheets that it points to and the watch list."""
    if name.startswith("features/"):
        return digest_of([digests[name], "table"])
    others = sorted({digests.get(other, "") for other in references(name).values()})
    return digest_of([digests[name], schema_of(name), others, listed])


def _read_cache() -> dict:
    try:
        return json.loads(_CACHE.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {"files": {}, "good": {}}


def _digest(path: Path, cache: dict) -> str:
    stat = path.stat()
    key, stamp = str(path.resolve()), [stat.st_mtime_ns, stat.st_size]
    if cache["files"].get(key, [None])[0] != stamp:
        cache["files"][key] = [stamp, digest_of_file(path)[:16]]
    return cache["files"][key][1]


def _freeze(plan: dict, files: dict[str, Path], strip: Callable, cache: dict) -> None:
    """Copy the sheets that changed, without the rows that `strip` takes out (of those who withdrew); write plan and cache.
    An unchanged sheet keeps its time stamp."""
    for name, path in files.items():
        frozen = SHEETS / f"{name}.tsv"
        frozen.parent.mkdir(parents=True, exist_ok=True)
        if not frozen.exists() or _digest(frozen, cache) != plan["sheets"][name]:
            write_atomically(frozen, strip(name, path.read_bytes()))
    for frozen in [
        p for p in SHEETS.rglob("*.tsv") if str(p.relative_to(SHEETS).with_suffix("")) not in files
    ]:
        frozen.unlink()
    for record, value in ((PLAN, plan), (_CACHE, cache)):
        text = json.dumps(value, sort_keys=True, ensure_ascii=False, indent=1) + "\n"
        write_if_changed(record, text)
