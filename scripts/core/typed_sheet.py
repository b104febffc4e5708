"""A table of values that somebody typed or exported: any of the usual layouts as one list of entries.

In: text separated by tabs, commas or semicolons; analytes as columns (unit in the header, in a column beside it, in a row below
it) or as rows (patient, analyte, value, unit). Out: one entry per patient and value, with the line and the column of the file.
Source: docs/modelling.md, "Prediction"; what names and units mean is for the domain that owns them.
"""

import csv
import io
import re
import unicodedata
from dataclasses import dataclass, field
from pathlib import Path

from scripts.core.privacy import identifier_in
from scripts.core.sheets import Problem, SheetErrors, decode, is_number

PATIENT = ("patient_id", "patient", "study_id", "病人编号", "患者编号", "受试者编号", "研究编号")
CENTRE = ("centre", "center", "site", "中心", "研究中心", "中心编号")
ANALYTE = ("analyte", "test", "item", "parameter", "项目", "检验项目", "检测项目", "项目名称")
VALUE = ("value", "result", "结果", "数值", "检验结果", "检测结果", "测定值")
UNIT = ("unit", "units", "单位", "计量单位")
BESIDE = {  # columns of labs.tsv that a long table may have
    "date": ("date", "日期", "采样日期", "检验日期", "检测日期"),
    "laboratory": ("laboratory", "lab", "实验室"),
    "method": ("method", "方法", "检测方法"),
    "uln": ("uln", "正常上限", "参考上限"),
}
PASSED_OVER = (
    "reference",
    "referencerange",
    "range",
    "flag",
    "参考范围",
    "参考值",
    "参考区间",
    "提示",
)
# What Excel, R and laboratory systems write where there is no value.
MISSING = ("", "na", "n/a", "nan", "null", "none", "#n/a")
_PATIENT_ID = re.compile(r"[A-Za-z0-9_-]+")
_UNIT_WORD = "units?|单位"
_UNIT_OF = (
    re.compile(
        rf"(?P<name>.+?)[\s_.\-]*[(\[（［【]?\s*(?:{_UNIT_WORD})\s*[)\]）］】]?", re.I | re.S
    ),
    re.compile(rf"(?:{_UNIT_WORD})[\s_.\-]+(?:of\s+)?(?P<name>.+)", re.I | re.S),
)


@dataclass(frozen=True)
class Entry:
    """One typed value. `column`: what a message calls its column; `name`: the analyte or header as it stands; `unit`: of a
    unit column or row, "" without one; `beside`: date, laboratory, method, uln of a long table."""

    patient: str
    line: int
    column: str
    name: str
    unit: str
    value: str
    beside: dict = field(default_factory=dict)


@dataclass
class TypedSheet:
    """patients: ids in the order of the file; centre: {patient: centre, "" not given}; names: distinct headers or analytes
    in order, {name: column of a message}; long: whether analytes stand in rows."""

    file: str
    patients: list[str]
    centre: dict[str, str]
    names: dict[str, str]
    entries: list[Entry]
    problems: list[Problem]
    long: bool


def fold(text: str) -> str:
    """A header without case, blanks and punctuation."""
    return re.sub(r"[\W_]+", "", unicodedata.normalize("NFKC", text).lower())


_FOLDED = {
    name: {fold(word) for word in words}
    for name, words in (
        *(("patient", PATIENT), ("centre", CENTRE), ("analyte", ANALYTE), ("value", VALUE)),
        *(("unit", UNIT), ("passed", PASSED_OVER), *BESIDE.items()),
    )
}


def is_missing(text: str) -> bool:
    """Whether a cell says that there is no value."""
    return text.strip().lower() in MISSING


def read_typed(path: str | Path) -> TypedSheet:
    """Read a typed table; SheetErrors when it is no table at all. What is wrong with single cells is in `problems`."""
    file = Path(path).name
    header, rows, lines = _table(path)
    problems: list[Problem] = []
    places = {kind: _places(header, kind) for kind in ("patient", "centre", "analyte", "value")}
    for kind in ("patient", "centre"):
        for place in places[kind][1:]:
            allowed = f"the same as column {header[places[kind][0]]}; keep one"
            problems.append(Problem(file, 1, header[place], header[place], allowed))
    if not places["patient"]:
        text = "this column is required and is missing"
        problems.append(Problem(file, 1, "patient_id", "", text))
        return TypedSheet(file, [], {}, {}, [], problems, False)
    long = bool(places["analyte"] and places["value"])
    read = _long if long else _wide
    sheet = read(file, header, rows, lines, {k: p[0] for k, p in places.items() if p}, problems)
    if not sheet.patients and not problems:
        problems.append(Problem(file, 0, "", "", "no patient; it needs one line for each"))
    return sheet


def _table(path: str | Path) -> tuple[list[str], list[list[str]], list[int]]:
    """Header, rows and the line of each; blank lines and empty columns without a name are left out."""
    path = Path(path)
    data = path.read_bytes()
    if data.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        text = "a workbook; save its sheet as text separated by tabs, or as CSV UTF-8"
        raise SheetErrors([Problem(path.name, 0, "", "", text)])
    try:
        text, _ = decode(data)
    except UnicodeError:
        reason = "not UTF-8, UTF-16 or GB18030 text; save it as UTF-8"
        raise SheetErrors([Problem(path.name, 0, "", "", reason)]) from None
    if "\x00" in text:
        reason = "not a text file (NUL bytes); export it as tab-separated text"
        raise SheetErrors([Problem(path.name, 0, "", "", reason)])
    declared = re.match(r"sep=(.)\r?\n", text)  # Excel's own first line
    skipped = 1 if declared else 0
    text = text[declared.end() :] if declared else text
    reader = csv.reader(
        io.StringIO(text, newline=""), delimiter=declared[1] if declared else _delimiter(text)
    )
    found, begins = [], skipped + 1
    for row in reader:  # a record is named by the line where it begins
        found.append((begins, [_cell(cell) for cell in row]))
        begins = skipped + reader.line_num + 1
    found = [(line, row) for line, row in found if any(row)]
    if not found:
        reason = "empty; it needs at least a header line"
        raise SheetErrors([Problem(path.name, 0, "", "", reason)])
    width = max(len(row) for _, row in found)
    table = [row + [""] * (width - len(row)) for _, row in found]
    kept = [i for i in range(width) if any(row[i] for row in table)]
    nameless = [i for i in kept if not table[0][i]]
    if nameless:
        line = next(line for (line, _), row in zip(found, table, strict=True) if row[nameless[0]])
        reason = f"column {nameless[0] + 1} has no name; name it, or look for a stray tab"
        raise SheetErrors([Problem(path.name, line, "", "", reason)])
    cells = [[row[i] for i in kept] for row in table]
    return cells[0], cells[1:], [line for line, _ in found[1:]]


def _delimiter(text: str) -> str:
    """Tab where the header has one, else the more frequent of semicolon and comma outside quotation marks."""
    head = re.sub(r'"[^"]*"', "", next((ln for ln in text.splitlines() if ln.strip()), ""))
    return "\t" if "\t" in head else max(";,", key=head.count) if re.search("[;,]", head) else "\t"


def _cell(text: str) -> str:
    """A cell without outer blanks, no-break spaces and the apostrophe with which Excel marks text."""
    text = text.replace("\u00a0", " ").replace("\u3000", " ").replace("\ufeff", "").strip()
    return text[1:].strip() if text.startswith("'") and len(text) > 1 else text


def _places(header: list[str], kind: str) -> list[int]:
    return [i for i, name in enumerate(header) if fold(name) in _FOLDED[kind]]


def _wide(file, header, rows, lines, places, problems) -> TypedSheet:
    units, unit_columns = _unit_columns(header, rows), set()
    unit_row, taken = _unit_row(header, rows, places["patient"]), []
    if unit_row is not None:
        rows, lines = rows[1:], lines[1:]
    unit_columns = set(units.values())
    passed = {i for kind in (*BESIDE, "passed") for i in _places(header, kind)}
    for i, name in enumerate(header):
        alone = fold(re.sub(r"\.\d+$", "", name)) in _FOLDED["unit"]
        if alone and i not in unit_columns:
            problems.append(
                Problem(file, 1, name, name, "the unit of no column; put it behind one")
            )
        elif i not in {*places.values(), *unit_columns, *passed}:
            taken.append(i)
    sheet = TypedSheet(file, [], {}, {header[i]: header[i] for i in taken}, [], problems, False)
    first: dict[str, int] = {}
    for line, row in zip(lines, rows, strict=True):
        patient = row[places["patient"]]
        problems += _id_problems(file, header[places["patient"]], patient, line)
        if patient in first:
            allowed = f"already in row {first[patient]}; one row for each patient"
            problems.append(Problem(file, line, header[places["patient"]], patient, allowed))
        else:
            first[patient] = line
            sheet.patients.append(patient)
        sheet.centre.setdefault(patient, row[places["centre"]] if "centre" in places else "")
        for i in taken:
            unit = row[units[i]] if i in units else ""
            unit = unit or (unit_row[i] if unit_row else "")
            sheet.entries.append(Entry(patient, line, header[i], header[i], unit, row[i]))
    return sheet


def _unit_columns(header: list[str], rows: list[list[str]]) -> dict[int, int]:
    """{place of a column: place of the column that says its unit}."""
    found: dict[int, int] = {}
    bare = [fold(re.sub(r"^[a-z0-9_]+?__", "", name)) for name in header]
    for i, name in enumerate(header):
        if fold(re.sub(r"\.\d+$", "", name)) in _FOLDED["unit"]:
            if i and i - 1 not in found.values():
                found[i - 1] = i
            continue
        for pattern in _UNIT_OF:
            match = pattern.fullmatch(name)
            own = match and fold(re.sub(r"^[a-z0-9_]+?__", "", match["name"]))
            place = bare.index(own) if own in bare else i - 1
            fits = own and place != i and place >= 0 and bare[place].startswith(own)
            # A column of numbers is no column of units, whatever its name.
            if fits and not any(is_number(row[i]) for row in rows):
                found[place] = i
                break
    return found


def _unit_row(header: list[str], rows: list[list[str]], patient: int) -> list[str] | None:
    """The row below the header when it holds units: no patient (or the word unit), no number anywhere."""
    if not rows or fold(rows[0][patient]) not in {"", *_FOLDED["unit"]}:
        return None
    named = fold(rows[0][patient]) != ""
    others = [cell for i, cell in enumerate(rows[0]) if i != patient and cell]
    numbers = [cell for cell in others if is_number(cell)]
    if set(numbers) - {"1"} or not (named or len(numbers) < len(others)):
        return None
    return ["" if i == patient or cell in ("-", "/") else cell for i, cell in enumerate(rows[0])]


def _long(file, header, rows, lines, places, problems) -> TypedSheet:
    known = {kind: _places(header, kind) for kind in ("unit", "passed", *BESIDE)}
    beside = {kind: known[kind][0] for kind in BESIDE if known[kind]}
    unit = known["unit"][0] if known["unit"] else None
    used = {*places.values(), *(i for own in known.values() for i in own)}
    of_patient = [i for i in range(len(header)) if i not in used]
    sheet = TypedSheet(file, [], {}, {}, [], problems, True)
    said: dict[tuple[str, int], str] = {}
    for line, row in zip(lines, rows, strict=True):
        patient = row[places["patient"]]
        if patient not in sheet.centre:
            problems += _id_problems(file, header[places["patient"]], patient, line)
            sheet.patients.append(patient)
            sheet.centre[patient] = ""
        for i in [*([places["centre"]] if "centre" in places else []), *of_patient]:
            before = said.setdefault((patient, i), row[i]) or row[i]
            if row[i] and before != row[i]:
                allowed = f"another row of this patient says {before!r}; keep one"
                problems.append(Problem(file, line, header[i], row[i], allowed))
            said[patient, i] = before
            if "centre" in places and i == places["centre"]:
                sheet.centre[patient] = before
        name = row[places["analyte"]]
        if not name:
            text = "an analyte without a name"
            problems.append(Problem(file, line, header[places["analyte"]], "", text))
            continue
        if fold(name) in _FOLDED["centre"]:
            sheet.centre[patient] = row[places["value"]]
            continue
        sheet.names.setdefault(name, header[places["analyte"]])
        more = {kind: row[i] for kind, i in beside.items()}
        own = row[unit] if unit is not None else ""
        column = header[places["analyte"]]
        sheet.entries.append(Entry(patient, line, column, name, own, row[places["value"]], more))
    for (patient, i), value in said.items():
        if i in of_patient:
            sheet.names.setdefault(header[i], header[i])
            line = next(
                ln for ln, row in zip(lines, rows, strict=True) if row[places["patient"]] == patient
            )
            sheet.entries.append(Entry(patient, line, header[i], header[i], "", value))
    return sheet


def _id_problems(file: str, column: str, patient: str, line: int) -> list[Problem]:
    kinds = identifier_in(patient)
    if kinds:
        text = f"looks like {kinds[0]}; use a study id"
    elif not _PATIENT_ID.fullmatch(patient):
        text = "allowed: letters, digits, _ and - (a study id, not empty)"
    else:
        return []
    return [Problem(file, line, column, patient, text)]
