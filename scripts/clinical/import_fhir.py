"""Import of FHIR R4 resources into the sheets of a cohort: Patient, Observation, Condition, Consent, Specimen.

In: Bundles (JSON), single resources, NDJSON of a bulk export, or folders of them; a salt that stays at the site. Out: a folder
with patients, labs, history, consents, samples, sample_events (.tsv), what had no place (fhir.unmapped.tsv) and what was
refused (fhir.refused.txt). Source: FHIR R4 (4.0.1); docs/clinical.md, "Import of FHIR resources".

    python -m scripts.clinical.import_fhir --bundle export.json --out config/my_sheets --centre C1 --salt-file site.salt

Exit codes: 0 all imported, 1 nothing could be read or written, 2 something was refused (the rest is imported).
"""

import argparse
import csv
import datetime
import os
import secrets
import sys
from pathlib import Path

from scripts.clinical.fhir_cohort import Cohort, Settings, Sheets, unmapped_rows
from scripts.clinical.fhir_files import SUFFIXES, Refused, files_of, read
from scripts.clinical.fhir_observations import ObservationReader
from scripts.clinical.fhir_values import Codes, Pseudonyms
from scripts.clinical.terminology import Dictionary, Units
from scripts.core.hashing import ROOT
from scripts.core.sheets import SheetErrors, read_sheet, schema_of

SALT = Path(".hcc/fhir.salt")
SHORTEST_SALT = 16  # bytes
UNMAPPED, REFUSED = "fhir.unmapped.tsv", "fhir.refused.txt"
UNMAPPED_COLUMNS = ["resource", "system", "code", "text", "unit", "reason", "n"]
SHOWN = 20


class ImportFailed(Exception):
    """Nothing can be imported; the message says what to do."""


def read_salt(path: Path | None) -> bytes:
    """The site's secret. Without a path one is kept in .hcc/fhir.salt of the working folder, made where there is none."""
    if path is None:
        path = SALT
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            opened = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with open(opened, "w", encoding="ascii") as handle:
                handle.write(secrets.token_hex(32) + "\n")
    if not path.is_file():
        raise ImportFailed(f"{path}: no such file; it holds the secret that ids are hashed with")
    salt = path.read_bytes().strip()
    if len(salt) < SHORTEST_SALT:
        raise ImportFailed(f"{path}: {len(salt)} bytes; a salt needs at least {SHORTEST_SALT}")
    return salt


def import_files(paths: list[Path], salt: bytes, settings: Settings) -> Sheets:
    """Read all files and return the rows of the sheets. ImportFailed when there is no file to read."""
    try:
        files = files_of(paths)
    except FileNotFoundError as error:
        raise ImportFailed(f"{error.args[0]}: no such file or folder") from None
    if not files:
        raise ImportFailed(f"no file with the suffix {', '.join(SUFFIXES)} in these folders")
    resources = ROOT / "resources"
    codes = Codes.read(resources / "fhir_codes.tsv")
    dictionary = Dictionary.read(resources / "variable_dictionary.csv")
    reader = ObservationReader(dictionary, Units.read(resources / "units.tsv"), codes)
    cohort = Cohort(reader, codes, Pseudonyms(salt), settings)
    for path in files:
        for place, found in read(path):
            if isinstance(found, Refused):
                cohort.refuse(place, found)
            else:
                cohort.take(place, found)
    return cohort.finish()


def write(sheets: Sheets, folder: Path) -> list[Path]:
    """Write the sheets that have rows, the list of what had no place and of what was refused; all of them or none."""
    tables = {
        f"{name}.tsv": (_columns(name, rows), rows) for name, rows in sheets.rows.items() if rows
    }
    tables[UNMAPPED] = (UNMAPPED_COLUMNS, unmapped_rows(sheets))
    folder.mkdir(parents=True, exist_ok=True)
    temporary = {name: folder / f".tmp{os.getpid()}.{name}" for name in (*tables, REFUSED)}
    try:
        for name, (columns, rows) in tables.items():
            with open(temporary[name], "w", encoding="utf-8", newline="") as handle:
                writer = csv.DictWriter(
                    handle, columns, delimiter="\t", lineterminator="\n", extrasaction="ignore"
                )
                writer.writeheader()
                writer.writerows(rows)
        text = "".join(f"{message}\n" for message in sheets.refused)
        temporary[REFUSED].write_text(text, encoding="utf-8")
        for name, path in temporary.items():
            os.replace(path, folder / name)
    finally:
        for path in temporary.values():
            path.unlink(missing_ok=True)
    return [folder / name for name in temporary]


def _columns(name: str, rows: list[dict[str, str]]) -> list[str]:
    """Columns in the order of the schema: those that are needed, and those that a row has."""
    schema = schema_of(name)
    needed = {*schema["required"], *schema.get("x-columns", [])}
    used = {column for row in rows for column, cell in row.items() if cell}
    return [column for column in schema["properties"] if column in needed | used]


def gaps(folder: Path, names: list[str]) -> list[str]:
    """What a run would still refuse in these sheets: cells that the source did not have."""
    found: list[str] = []
    for name in names:
        try:
            read_sheet(folder / f"{name}.tsv", name)
        except SheetErrors as errors:
            found += [str(problem) for problem in errors.problems]
    return found


def _options(arguments: list[str] | None) -> argparse.Namespace:
    patients = schema_of("patients")["properties"]
    parser = argparse.ArgumentParser(
        prog="python -m scripts.clinical.import_fhir",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    more = {"action": "append", "required": True, "type": Path}
    parser.add_argument("--bundle", metavar="PATH", help="file or folder; may be repeated", **more)
    parser.add_argument("--out", required=True, type=Path, help="folder for the sheets")
    parser.add_argument("--centre", default="C1", help="centre of these patients (default: C1)")
    parser.add_argument("--role", default="development", choices=patients["role"]["enum"])
    parser.add_argument("--salt-file", type=Path, help=f"secret of the site (default: {SALT})")
    parser.add_argument(
        "--index-date",
        type=_day,
        help="day of the work-up of all patients (default: day of the first liver diagnosis, else with most laboratory values)",
    )
    parser.add_argument(
        "--without-diagnosis",
        default="",
        choices=patients["diagnosis"]["enum"],
        help="diagnosis of patients of whom no Condition names a liver disease (default: left empty)",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace sheets that are there")
    return parser.parse_args(arguments)


def _day(text: str) -> str:
    return datetime.date.fromisoformat(text).isoformat()


def _run(given: argparse.Namespace) -> int:
    there = [given.out / f"{name}.tsv" for name in ("patients", "labs", "consents", "samples")]
    there = [str(path) for path in there if path.exists()]
    if there and not given.overwrite:
        raise ImportFailed(f"{', '.join(there)}: already there; give another --out, or --overwrite")
    if not _is_id(given.centre):
        raise ImportFailed(f"--centre {given.centre!r}: allowed: letters, digits, _ and -")
    settings = Settings(given.centre, given.role, given.index_date or "", given.without_diagnosis)
    sheets = import_files(given.bundle, read_salt(given.salt_file), settings)
    write(sheets, given.out)
    names = [name for name, rows in sheets.rows.items() if rows]
    for name in names:
        print(f"{given.out / name}.tsv: {len(sheets.rows[name])} rows")
    unmapped = sum(sheets.unmapped.values())
    print(f"{given.out / UNMAPPED}: {unmapped} things without a place in the sheets")
    missing = gaps(given.out, names)
    if not sheets.rows["patients"]:
        missing.append("no Patient was imported: there is no patients.tsv")
    _say("Needs a hand before a run:", missing)
    _say(f"Refused, the rest is imported ({given.out / REFUSED}):", sheets.refused)
    return 2 if sheets.refused else 0


def _is_id(text: str) -> bool:
    return text.replace("-", "").replace("_", "").isalnum() and text.isascii()


def _say(title: str, lines: list[str]) -> None:
    if lines:
        more = [f"... and {len(lines) - SHOWN} more"] if len(lines) > SHOWN else []
        sys.stderr.write("\n".join([title, *lines[:SHOWN], *more]) + "\n")


def main(arguments: list[str] | None = None) -> int:
    """Import the files that the command line names; returns the exit code."""
    try:
        given = _options(arguments)
    except SystemExit as ended:  # argparse would say 2, which here means that something was refused
        return 1 if ended.code else 0
    try:
        return _run(given)
    except (ImportFailed, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main())
