"""Reading and checking the tab-separated sheets.

In: a sheet (UTF-8 with or without BOM, UTF-16 with BOM, GB18030). Out: rows as dicts with typed values, or a list of
problems (file, row, column, value, what is allowed). Source: the schemas in config/schemas/.
"""

import csv
import datetime
import functools
import io
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from scripts.core.days import NoDay, TwoWays, orders_of, read_day
from scripts.core.hashing import ROOT
from scripts.core.privacy import identifier_in_words

DAY_FORMATS = ("date", "day-or-time")
SCHEMAS = ROOT / "config" / "schemas"
# Other years are fillers of hospital systems: 0001-01-01, 9999-12-31.
FIRST_YEAR, LAST_YEAR = "1900", "2100"
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong in a sheet. `row` is the line of the site's file in which the record begins, 1 = the
    first line (usually the header); 0 = the whole file."""

    file: str
    row: int
    column: str
    value: str
    allowed: str

    def __str__(self) -> str:
        where = f"{self.file}, row {self.row}" if self.row else self.file
        column = f", column {_shown(self.column)}" if self.column else ""
        hidden = _shown(self.value)
        shown = hidden if hidden != str(self.value) else repr(self.value)
        value = f": {shown}" if self.value != "" or self.column else ""
        return f"{where}{column}{value}: {self.allowed}"


def _shown(text: object) -> str:
    """What a message repeats of a cell: nothing of one that holds an identifier of a person."""
    return "(hidden)" if identifier_in_words(str(text)) else str(text)


class SheetErrors(Exception):
    """All problems of all sheets of a cohort, one per line."""

    def __init__(self, problems: list[Problem]):
        self.problems = problems
        super().__init__("\n".join(map(str, problems)))


@dataclass
class Sheet:
    """A checked sheet. `rows` hold only cells that are not empty; `lines` are the lines of the site's file in which they
    begin."""

    name: str
    encoding: str
    columns: list[str]
    rows: list[dict]
    lines: list[int]


def sheet_names() -> list[str]:
    """Names of all sheets that have a schema, without suffix."""
    return sorted(
        path.name.split(".")[0]
        for path in SCHEMAS.glob("*.schema.yaml")
        if path.name != "config.schema.yaml"
    )


@functools.cache
def schema_of(name: str) -> dict:
    """The schema of a sheet as a dict."""
    import yaml

    with open(SCHEMAS / f"{name}.schema.yaml", encoding="utf-8") as handle:
        return yaml.load(handle, getattr(yaml, "CSafeLoader", yaml.SafeLoader))


def decode(data: bytes) -> tuple[str, str]:
    """Text and name of its encoding: UTF-8 (BOM accepted), UTF-16 with BOM, else GB18030. UnicodeError if none fits."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16"), "utf-16"
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("gb18030"), "gb18030"
    if _is_misread_chinese(data, text):
        return data.decode("gb18030"), "gb18030"
    return text, "utf-8"


def _is_misread_chinese(data: bytes, text: str) -> bool:
    """Whether GB18030 bytes happen to be valid UTF-8, as the one character for "female" is ("\u016e" in UTF-8).

    So when UTF-8 gives nothing but rare letters (Latin Extended to N'Ko; not \u00b5, \u00b0, \u03b2, not Chinese) and GB18030
    nothing but the 3,755 most common characters (level 1 of GB 2312: first byte B0 to D7).
    """
    rare = re.findall(r"[^\x00-\x7f]", text)
    if not rare or not all("\u0100" <= c <= "\u036f" or "\u0400" <= c <= "\u07ff" for c in rare):
        return False
    return bool(re.fullmatch(rb"(?:[\x00-\x7f]|[\xb0-\xd7][\xa1-\xfe])*", data))


def numbered_records(reader) -> Iterator[tuple[int, list[str]]]:
    """Records of a csv.reader, each with the line of the file in which it begins, the first line being 1.

    A quoted cell may hold line breaks, so a record may span several lines; a blank line is an empty record.
    """
    start = reader.line_num + 1
    for record in reader:
        yield start, record
        start = reader.line_num + 1


def read_text_table(path: str | Path) -> tuple[list[str], list[list[str]], list[int], str]:
    """Header, rows, line numbers and encoding of a tab-separated file; SheetErrors when it cannot
    be read as one."""
    path = Path(path)
    try:
        text, encoding = decode(path.read_bytes())
    except UnicodeError:
        raise SheetErrors(
            [Problem(path.name, 0, "", "", "not UTF-8, UTF-16 or GB18030 text; save it as UTF-8")]
        ) from None
    if "\x00" in text:
        raise SheetErrors(
            [
                Problem(
                    path.name,
                    0,
                    "",
                    "",
                    "not a text file (NUL bytes); export it as tab-separated text",
                )
            ]
        )
    reader = csv.reader(io.StringIO(text, newline=""), delimiter="\t", strict=True)
    try:
        lines = list(numbered_records(reader))
    except csv.Error as error:
        raise SheetErrors(
            [Problem(path.name, reader.line_num, "", "", f"not tab-separated text ({error})")]
        ) from None
    stripped = ((number, [cell.strip() for cell in row]) for number, row in lines)
    lines = [(number, row) for number, row in stripped if any(row)]
    if not lines:
        raise SheetErrors([Problem(path.name, 0, "", "", "empty; it needs at least a header line")])
    header = lines[0][1]
    problems = [
        Problem(path.name, 1, column, column, "this column stands twice; keep one")
        for column in sorted({c for c in header if c and header.count(c) > 1})
    ]
    problems += [
        Problem(path.name, 1, "", "", f"column {place} has no name; look for a stray tab")
        for place, column in enumerate(header, start=1)
        if not column
    ][:1]
    for number, row in lines[1:]:
        if len(row) > len(header):
            allowed = (
                f"{len(row)} cells under a header of {len(header)} columns; look for a stray tab"
            )
            problems.append(Problem(path.name, number, "", "", allowed))
        if "\t" not in "".join(row):
            continue
        for column, cell in zip(header, row, strict=False):
            if "\t" in cell:
                allowed = (
                    "a quotation mark opens here and closes lines below: whole rows became one cell; "
                    "remove the quotation marks"
                )
                problems.append(Problem(path.name, number, column, "", allowed))
    if problems:
        raise SheetErrors(problems)
    rows = [row + [""] * (len(header) - len(row)) for _, row in lines[1:]]
    return header, rows, [number for number, _ in lines[1:]], encoding


def read_sheet(path: str | Path, name: str | None = None) -> Sheet:
    """Read and check one sheet against its schema (default: the schema of the file's name).
    SheetErrors with all problems."""
    path = Path(path)
    name = name or path.name.split(".")[0]
    schema = schema_of(name)
    header, cells, lines, encoding = read_text_table(path)
    problems = _header_problems(path.name, header, schema)
    checks = [
        (column, _column_check(name, column, place, cells) if _rule_of(schema, column) else None)
        for place, column in enumerate(header)
    ]
    required = [column for column in schema.get("required", []) if column in header]
    rows: list[dict] = []
    wrong: dict[tuple[str, str, str], list[int]] = {}
    for number, row in zip(lines, cells, strict=True):
        typed = {}
        for (column, check), text in zip(checks, row, strict=True):
            if text == "" or check is None:
                continue
            value, allowed = check(text)
            if allowed:
                wrong.setdefault((column, text, allowed), []).append(number)
            typed[column] = value
        for column in required:
            if column not in typed:
                problems.append(Problem(path.name, number, column, "", "must not be empty"))
        rows.append(typed)
    for (
        column,
        text,
        allowed,
    ), found in wrong.items():  # one coding is one mistake, however many rows
        more = f" ({len(found)} rows)" if len(found) > 1 else ""
        problems.append(Problem(path.name, found[0], column, text, allowed + more))
    problems += _uniqueness_problems(path.name, rows, lines, schema)
    if problems:
        raise SheetErrors(sorted(problems, key=lambda p: (p.row, p.column)))
    return Sheet(name, encoding, header, rows, lines)


def rows_of(paths) -> list[dict]:
    """Rows of a sheet that a rule gives as a path or a list of no or one path; [] when the cohort has no such sheet."""
    paths = [paths] if isinstance(paths, str) else list(paths or [])
    return [row for path in paths for row in read_sheet(path, Path(path).name.split(".")[0]).rows]


def write_tsv(path: Path, columns: list[str], rows: list[dict]) -> None:
    """Write rows as a tab-separated table."""
    with open(path, "w", encoding="utf-8", newline="") as handle:
        writer = csv.DictWriter(handle, columns, delimiter="\t", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def _rule_of(schema: dict, column: str) -> dict | None:
    """What a schema says about a column: by its name, else by a pattern of names; None for an unknown column."""
    if column in schema["properties"]:
        return schema["properties"][column]
    patterns = schema.get("patternProperties", {}).items()
    return next((rule for pattern, rule in patterns if re.search(pattern, column)), None)


def _header_problems(file: str, header: list[str], schema: dict) -> list[Problem]:
    known = ", ".join([*schema["properties"], *schema.get("patternProperties", {})])
    problems = [
        Problem(file, 1, column, column, f"unknown column; known columns: {known}")
        for column in header
        if not _rule_of(schema, column)
    ]
    problems += [
        Problem(file, 1, column, "", "this column is required and is missing")
        for column in [*schema.get("required", []), *schema.get("x-columns", [])]
        if column not in header
    ]
    return problems


def _column_check(name: str, column: str, place: int, cells: list[list[str]]):
    """`_cell_check` of a column; where it proves which of day and month stands first, all of its days are read so."""
    is_day = _rule_of(schema_of(name), column).get("format") in DAY_FORMATS
    orders = orders_of(row[place] for row in cells) if is_day else {}
    return _cell_check(name, column, tuple(sorted(orders.items())))


@functools.cache
def _cell_check(name: str, column: str, orders: tuple[tuple[str, str], ...] = ()):
    """A cached function text -> (typed value, what is allowed or "") for one column of one
    sheet; days become ISO days. orders : of day and month, as items of a dict (scripts/core/days.py)."""
    from jsonschema import Draft202012Validator, FormatChecker

    formats = FormatChecker(["date"])
    formats.checks("day-or-time", raises=ValueError)(_starts_with_a_day)
    rule = _rule_of(schema_of(name), column)
    validator = Draft202012Validator(rule, format_checker=formats)
    kind = rule.get("type", "string")
    synonyms = rule.get("x-synonyms", {})
    is_day = rule.get("format") in DAY_FORMATS
    last = "9999" if rule.get("x-no-end") else LAST_YEAR  # expires 9999-12-31: never

    @functools.lru_cache(maxsize=100_000)
    def check(text: str):
        value = _typed(synonyms.get(text, text), kind)
        if is_day:
            try:
                day, time = read_day(text, dict(orders))
                value = f"{day} {time}" if time and rule["format"] == "day-or-time" else day
            except TwoWays:
                return text, "day and month can be either way round; allowed: a day as YYYY-MM-DD"
            except NoDay:
                return text, _allowed(rule)
        if value is None or not validator.is_valid(value):
            return text, _allowed(rule)
        if is_day and not FIRST_YEAR <= value[:4] <= last:
            return text, f"allowed: a day of the years {FIRST_YEAR} to {last}; leave a filler empty"
        return value, ""

    return check


def allows(name: str, column: str, text: str) -> bool:
    """Whether a sheet may hold this text in a column; a table without a schema may hold anything."""
    rule = _rule_of(schema_of(name), column) if name in sheet_names() else None
    return rule is None or not _cell_check(name, column)(text)[1]


def _starts_with_a_day(text: str) -> bool:
    """Whether a text begins with a day of the calendar; ValueError when it does not."""
    return bool(datetime.date.fromisoformat(text[:10]))


def is_number(text: str) -> bool:
    """Whether a text is a finite number in plain digits: "inf", "1e400" and "1_000" are none."""
    return bool(_NUMBER.fullmatch(text)) and math.isfinite(float(text))


def _typed(text: str, kind: str):
    """The value of a cell, None when it is not of this kind. Only plain digits: "nan", "inf" and "1_000" are no numbers."""
    if kind == "integer":
        return int(text) if re.fullmatch(r"[+-]?[0-9]+", text) else None
    if kind == "number":
        return float(text) if _NUMBER.fullmatch(text) else None
    if kind == "boolean":
        return {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}.get(
            text.lower()
        )
    return text


def _allowed(rule: dict) -> str:
    """What a column accepts, in words."""
    if "enum" in rule:
        other = [word for word in rule.get("x-synonyms", {}) if not word.isascii()]
        return f"allowed: {', '.join(map(str, [*rule['enum'], *other]))}"
    if rule.get("format") == "date":
        return "allowed: a day as YYYY-MM-DD (2026/1/10 and 10-Jan-2026 are read, too)"
    if "x-allowed" in rule:
        return f"allowed: {rule['x-allowed']}"
    if "pattern" in rule:
        return f"allowed: text matching {rule['pattern']}"
    bounds = [f">= {rule['minimum']}"] if "minimum" in rule else []
    bounds += [f"<= {rule['maximum']}"] if "maximum" in rule else []
    kind = {"integer": "a whole number", "number": "a number", "boolean": "yes or no"}.get(
        rule.get("type"), "text"
    )
    return f"allowed: {' '.join([kind, *bounds])}"


def _uniqueness_problems(
    file: str, rows: list[dict], lines: list[int], schema: dict
) -> list[Problem]:
    problems = []
    for columns in schema.get("x-unique", []):
        first: dict[tuple, int] = {}
        for row, number in zip(rows, lines, strict=True):
            key = tuple(row.get(column) for column in columns)
            if None in key:
                continue
            if key in first:
                value = " ".join(map(str, key))
                problems.append(
                    Problem(
                        file,
                        number,
                        "+".join(columns),
                        value,
                        f"already in row {first[key]}; must be unique",
                    )
                )
            first.setdefault(key, number)
    return problems
