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
from pathlib import Path

from scripts.core.cross_checks import (
    FILE_COLUMNS,
    assay_problems,
    identifier_problems,
    reference_problems,
    references,
)
from scripts.core.gate import DOMAIN_OF_MODALITY, compute_gate
from scripts.core.hashing import digest_of, digest_of_file
from scripts.core.sheets import (
    Problem,
    SheetErrors,
    read_sheet,
    read_text_table,
    schema_of,
    sheet_names,
)

FOLDER = Path(".hcc")
PLAN = FOLDER / "plan.json"
SHEETS = FOLDER / "sheets"
_CACHE = FOLDER / "digests.json"


def empty_plan() -> dict:
    """The plan of a cohort without sheets: what `--lint` and the making of the demo cohort see."""
    return {
        "as_of": "",
        "purpose": "",
        "patients": {},
        "assays": {},
        "runs": {},
        "refused": [],
        "sheets": {},
        "tables": [],
        "encodings": {},
        "blocks": {},
    }


def load_plan() -> dict:
    """The plan that the main process wrote."""
    return json.loads(PLAN.read_text(encoding="utf-8"))


def make_plan(config: dict, *, write: bool) -> dict:
    """Check all sheets, compute the gate, name the blocks; with `write` freeze plan and sheets
    under .hcc/.

    Raises SheetErrors with every problem of every sheet.
    """
    folder = Path(config["sheets"])
    files = _sheet_files(folder)
    cache = _read_cache()
    digests = {name: _digest(path, cache) for name, path in files.items()}
    problems: list[Problem] = []
    sheets, encodings = {}, {}
    for name, path in files.items():
        key = _good_key(name, digests)
        before = cache["good"].get(name)
        gate_sheet = name in ("patients", "consents", "assays")
        if not gate_sheet and isinstance(before, dict) and before["key"] == key:
            encodings[name] = before["encoding"]
            continue
        try:
            if name.startswith("features/"):
                _check_table(path)
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
    if not problems:
        problems = _cross_problems(sheets, folder, files)
    if problems:
        raise SheetErrors(problems)
    assays = _assay_rows(sheets["assays"].rows, folder) if "assays" in sheets else []
    plan = compute_gate(
        sheets["patients"].rows,
        sheets["consents"].rows if "consents" in sheets else None,
        assays,
        as_of=str(config.get("as_of") or datetime.date.today().isoformat()),
        purpose=config["purpose"],
    )
    plan["sheets"] = digests
    plan["tables"] = [
        name.removeprefix("features/")
        for name in files
        if name.startswith("features/") and not name.endswith(".features")
    ]
    plan["encodings"] = {name: e for name, e in sorted(encodings.items()) if e != "utf-8"}
    plan["blocks"] = _blocks(plan)
    if write:
        _freeze(plan, files, digests, cache)
    return plan


def _sheet_files(folder: Path) -> dict[str, Path]:
    files = {
        name: folder / f"{name}.tsv" for name in sheet_names() if (folder / f"{name}.tsv").is_file()
    }
    for path in sorted((folder / "features").glob("*.tsv")):
        files[f"features/{path.name.removesuffix('.tsv')}"] = path
    return files


def _check_table(path: Path) -> None:
    """A ready-made feature table: patient_id, then numbers; or its dictionary
    `<block>.features.tsv`."""
    if path.name.endswith(".features.tsv"):
        read_sheet(path, "feature_dictionary")
        return
    file = f"features/{path.name}"
    header, rows, lines, _ = read_text_table(path)
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
    seen: dict[str, int] = {}
    for number, row in zip(lines, rows, strict=True):
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
    if problems:
        raise SheetErrors(problems)


def _is_number(text: str) -> bool:
    try:
        return float(text) not in (float("inf"), float("-inf"))
    except ValueError:
        return text == "NA"


def _cross_problems(sheets: dict, folder: Path, files: dict[str, Path]) -> list[Problem]:
    """Problems between sheets, of those that were read; a sheet that is only referred to is read on demand."""

    @functools.cache
    def known(name: str, column: str) -> set[str] | None:
        if name not in files:
            return None
        sheet = sheets.get(name) or read_sheet(files[name], name)
        return {row[column] for row in sheet.rows if column in row}

    problems = []
    for sheet in sheets.values():
        problems += reference_problems(sheet, known) + identifier_problems(sheet)
    if "assays" in sheets:
        problems += assay_problems(sheets["assays"], folder, _default_assay_id)
    return problems


def _default_assay_id(row: dict) -> str:
    parts = [row.get("patient_id") or row.get("sample_role", "sample"), row["modality"]]
    parts += [row[c] for c in ("phase", "sequence", "specimen", "batch", "reader") if c in row]
    parts += [str(row["run_order"])] if "run_order" in row else []
    return "_".join(parts)


def block_of(row: dict) -> str:
    """Name of the feature block that an assay row belongs to: the modality, with phase and sequence
    where given."""
    parts = [row["modality"], *(row[c] for c in ("sequence", "phase") if c in row)]
    if row.get("specimen") in ("tumour", "adjacent", "tissue"):
        parts.append(row["specimen"])
    return "_".join(parts)


def _assay_rows(rows: list[dict], folder: Path) -> list[dict]:
    out = []
    for row in rows:
        row = dict(row)
        row["assay_id"] = row.get("assay_id") or _default_assay_id(row)
        row["block"] = block_of(row)
        for column in FILE_COLUMNS:
            if column in row:
                row[column] = os.path.normpath(folder / row[column])
        out.append(row)
    return out


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


def _good_key(name: str, digests: dict[str, str]) -> str:
    """Changes with the sheet, its schema and the sheets that it points to."""
    if name.startswith("features/"):
        return digest_of([digests[name], "table"])
    others = sorted({digests.get(other, "") for other in references(name).values()})
    return digest_of([digests[name], schema_of(name), others])


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


def _freeze(plan: dict, files: dict[str, Path], digests: dict[str, str], cache: dict) -> None:
    """Copy the sheets that changed; write plan and cache. An unchanged sheet keeps its time
    stamp."""
    for name, path in files.items():
        frozen = SHEETS / f"{name}.tsv"
        frozen.parent.mkdir(parents=True, exist_ok=True)
        if not frozen.exists() or _digest(frozen, cache) != digests[name]:
            _write_atomically(frozen, path.read_bytes())
    for frozen in [
        p for p in SHEETS.rglob("*.tsv") if str(p.relative_to(SHEETS).with_suffix("")) not in files
    ]:
        frozen.unlink()
    _write_if_changed(PLAN, plan)
    _write_if_changed(_CACHE, cache)


def _write_if_changed(path: Path, value: dict) -> None:
    data = (json.dumps(value, sort_keys=True, ensure_ascii=False, indent=1) + "\n").encode()
    if not path.exists() or path.read_bytes() != data:
        _write_atomically(path, data)


def _write_atomically(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".tmp{os.getpid()}.{path.name}")
    temporary.write_bytes(data)
    os.replace(temporary, path)
