"""What one sheet says about another, and what no sheet may hold: unknown ids, identifiers of persons, missing files.

In: checked sheets. Out: problems (file, row, column, value, what is allowed). Source: docs/inputs.md; `x-in` in a schema names
the sheet that must hold the value of that column.
"""

import datetime
import os
import re
from collections.abc import Callable
from pathlib import Path

from scripts.core.privacy import identifier_in_words, looks_like_a_name
from scripts.core.sheets import Problem, Sheet, schema_of

MD5_COLUMNS = {"file": "md5", "file2": "file2_md5"}
FILE_COLUMNS = ("file", "file2", "mask")
_HAN = re.compile("[\u4e00-\u9fff]+")
_FREE_TEXT = {("labs", "value")}  # cleaning hides identifiers there and records them (ETH-09)


def references(name: str) -> dict[str, str]:
    """{column: sheet that must hold its values} of a sheet."""
    columns = schema_of(name)["properties"].items()
    return {column: rule["x-in"] for column, rule in columns if "x-in" in rule}


def reference_problems(sheet: Sheet, known: Callable[[str, str], set[str] | None]) -> list[Problem]:
    """Values that the sheet they point to does not have. `known(sheet, column)` is None where the cohort has no such sheet."""
    problems = []
    for column, other in references(sheet.name).items():
        if column not in sheet.columns:
            continue
        allowed = known(other, column)
        if allowed is None:
            continue
        unknown: dict[str, list[int]] = {}
        for row, line in zip(sheet.rows, sheet.lines, strict=True):
            if column in row and row[column] not in allowed:
                unknown.setdefault(row[column], []).append(line)
        for value, lines in unknown.items():
            more = f" ({len(lines)} rows)" if len(lines) > 1 else ""
            text = f"not in {other}.tsv{more}"
            problems.append(Problem(f"{sheet.name}.tsv", lines[0], column, str(value), text))
    return problems


def identifier_problems(sheet: Sheet, watched: re.Pattern | None = None) -> list[Problem]:
    """Cells that look like an identifier of a person, paths that hold what reads like a name, cells with an entry of the watch
    list; the value itself is never repeated."""
    found = []
    for column in sheet.columns:
        if column.endswith(("_hash", "sha256", "md5")):
            continue
        is_path, free = column in FILE_COLUMNS, (sheet.name, column) in _FREE_TEXT
        seen: dict[str, list[str]] = {}
        for place, row in enumerate(sheet.rows):
            value = row.get(column)
            if not isinstance(value, str) or (not watched and len(value) < 6 and value.isascii()):
                continue
            if value not in seen:
                seen[value] = _personal(value, is_path, free, watched)
            if seen[value]:
                found.append((place, column, seen[value]))
    return [
        Problem(
            f"{sheet.name}.tsv",
            sheet.lines[place],
            column,
            "(hidden)",
            f"looks like {what}; use a study id",
        )
        for place, column, kinds in sorted(found, key=lambda entry: entry[0])
        for what in kinds
    ]


def _personal(value: str, is_path: bool, free: bool, watched: re.Pattern | None) -> list[str]:
    listed = ["an entry of the watch list"] if watched and watched.search(value) else []
    if free or len(value) < 3 or (value.isascii() and len(value) < 6):
        return listed
    named = is_path and any(map(looks_like_a_name, _HAN.findall(value)))
    return identifier_in_words(value) + (["a name"] if named else []) + listed


# Days on which something happened to a patient: none of them lies before the day of birth.
DATES = {
    "samples": "collected_at",
    "imaging_studies": "study_datetime",
    "assays": "date",
    "pathology": "report_date",
    "consents": "signed_date",
}
_DAYS_PER_YEAR = 365.25


def birth_problems(sheet: Sheet, as_of: str) -> list[Problem]:
    """Days of birth in patients.tsv that lie in the future or after the index date."""
    problems = []
    for row, line in zip(sheet.rows, sheet.lines, strict=True):
        born = row.get("birth_date")
        if born is None:
            continue
        last = min(as_of, row.get("index_date", as_of))
        if born > last:
            allowed = f"a day of birth on or before {last}"
            problems.append(
                Problem("patients.tsv", line, "birth_date", born, f"allowed: {allowed}")
            )
    return problems


def first_days(patients: list[dict]) -> dict[str, str]:
    """{patient: earliest possible day of birth}, from birth_date or else from age at the index date."""
    days = {}
    for row in patients:
        if "birth_date" in row:
            days[row["patient_id"]] = row["birth_date"]
        elif "age" in row and "index_date" in row:
            index = datetime.date.fromisoformat(row["index_date"])
            years = datetime.timedelta(days=min((row["age"] + 1) * _DAYS_PER_YEAR, 50_000))
            days[row["patient_id"]] = (index - years).isoformat()
    return days


def before_birth_problems(sheet: Sheet, born: dict[str, str]) -> list[Problem]:
    """Samples, images, reports and signatures of a day before the patient was born."""
    column, problems = DATES.get(sheet.name, ""), []
    for row, line in zip(sheet.rows, sheet.lines, strict=True) if column else ():
        first, day = born.get(row.get("patient_id", "")), row.get(column, "")
        if first and day and day[:10] < first:
            allowed = f"before the patient was born (not before {first}); allowed: a day of the patient's life"
            problems.append(Problem(f"{sheet.name}.tsv", line, column, day, allowed))
    return problems


def assay_problems(sheet: Sheet, folder: Path, id_of: Callable[[dict], str]) -> list[Problem]:
    """Runs without patient or with one too many, files that are not there, two rows for one run."""
    problems, ids = [], {}
    for row, line in zip(sheet.rows, sheet.lines, strict=True):
        role = row.get("sample_role", "sample")
        if (role == "sample") != ("patient_id" in row):
            allowed = (
                "a sample needs a patient_id"
                if role == "sample"
                else f"a {role} run has no patient; leave it empty"
            )
            problems.append(
                Problem("assays.tsv", line, "patient_id", row.get("patient_id", ""), allowed)
            )
        for column in FILE_COLUMNS:
            if column in row and not os.path.exists(
                os.path.join(folder, row[column].split("#")[0])
            ):
                problems.append(
                    Problem("assays.tsv", line, column, row[column], f"no such file under {folder}")
                )
            elif column in row and re.search("[{}]", row[column]):
                allowed = (
                    "a path without { and }, which Snakemake takes for wildcards; rename the file"
                )
                problems.append(Problem("assays.tsv", line, column, row[column], allowed))
        for path, column in MD5_COLUMNS.items():
            if column in row and not (folder / row.get(path, "")).is_file():
                allowed = (
                    f"the checksum of a file, but {path} is no file; leave it empty for a folder"
                )
                problems.append(Problem("assays.tsv", line, column, row[column], allowed))
        name = row.get("assay_id") or id_of(row)
        if name in ids:
            allowed = (
                f"same run as row {ids[name]}; tell them apart with phase, sequence, reader, "
                "run_order or assay_id"
            )
            problems.append(Problem("assays.tsv", line, "assay_id", name, allowed))
        ids[name] = line
    return problems
