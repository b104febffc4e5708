"""Every acceptance figure of the methods, measured by one command and kept as a table.

In: the functions that the modules `checks_*.py` of this folder list in CHECKS; the folder of real test data.
Out: the table between the marks in docs/validation.md, and the same on the terminal; exit code 1 when a line does not hold.
Source: the acceptance list of docs/modelling.md.

A check takes the folder of test data (None where there is none) and returns {name, data, measured, limit, holds}: what was
measured on which data, the limit as text, holds True, False, or None with the reason in `measured`.

    python -m tests.methods.validate_methods [-k word] [--list] [--print-only]
"""

import argparse
import datetime
import importlib
import os
import platform
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TABLE = ROOT / "docs" / "validation.md"
START, END = "<!-- figures: written by make validate-methods -->", "<!-- end of figures -->"
HEAD = "| figure | data | measured | limit | holds | date | seconds | machine |"
WORDS = {True: "yes", False: "**no**", None: "not measured"}
Check = Callable[[Path | None], dict]


def test_data() -> Path | None:
    """Folder of the real files (HCC_OMICS_TESTDATA, default ../shared/data), None where it is absent."""
    folder = Path(os.environ.get("HCC_OMICS_TESTDATA", ROOT.parent / "shared" / "data"))
    return folder if folder.is_dir() else None


def machine() -> str:
    """Processor, cores and Python; no name of a host."""
    model = platform.processor() or platform.machine()
    if Path("/proc/cpuinfo").is_file():
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        model = next(
            (ln.split(":")[1].strip() for ln in lines if ln.startswith("model name")), model
        )
    return f"{model}, {os.cpu_count()} cores, Python {platform.python_version()}"


def find_checks(word: str = "") -> list[tuple[str, Check]]:
    """(module.function, function) of all checks whose name holds the word, in a fixed order."""
    found = []
    for path in sorted(Path(__file__).parent.glob("checks_*.py")):
        module = importlib.import_module(f"tests.methods.{path.stem}")
        names = [(f"{path.stem.removeprefix('checks_')}.{c.__name__}", c) for c in module.CHECKS]
        found += [(name, check) for name, check in names if word in name]
    return found


def run_check(check: Check, data: Path | None) -> dict:
    """The line of one check; an exception is a line that does not hold."""
    start = time.perf_counter()
    try:
        line = check(data)
    except Exception as error:
        traceback.print_exc()
        line = {"name": check.__name__, "data": "-", "limit": "", "holds": False}
        line["measured"] = f"{type(error).__name__}: {error}"
    return {**line, "seconds": time.perf_counter() - start}


def _cell(value) -> str:
    return " ".join(str(value).split()).replace("|", "/")


def row_of(line: dict, today: str, where: str) -> str:
    """One line of the table."""
    cells = [line["name"], line["data"], line["measured"], line["limit"]]
    cells += [WORDS[line["holds"]], today, f"{line['seconds']:.1f}", where]
    return "| " + " | ".join(map(_cell, cells)) + " |"


def merge(old: list[str], rows: dict[str, str]) -> list[str]:
    """Rows of this run in place of earlier ones of the same name and data; those of other checks stay."""
    return list(({key_of(row): row for row in old} | rows).values())


def key_of(row: str) -> str:
    """What makes a row that row: its name and its data."""
    return " | ".join(row.split(" | ")[:2]).removeprefix("| ")


def write_table(path: Path, rows: dict[str, str], complete: bool) -> None:
    """Put the rows between the marks of the document; with `complete` rows of checks that no longer exist go."""
    text = path.read_text(encoding="utf-8")
    before, rest = text.split(START)
    old, after = rest.split(END)
    lines = [ln for ln in old.splitlines() if ln.startswith("| ") and ln != HEAD]
    merged = list(rows.values()) if complete else merge(lines, rows)
    table = [HEAD, "|" + "---|" * (HEAD.count("|") - 1), *merged]
    body = "\n".join(table)
    path.write_text(f"{before}{START}\n\n{body}\n\n{END}{after}", encoding="utf-8")


def main(arguments: list[str]) -> int:
    """Run the checks, print and keep their table; 1 when a line does not hold."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-k", default="", metavar="WORD", help="only checks whose name holds WORD")
    parser.add_argument("--list", action="store_true", help="name the checks and stop")
    parser.add_argument("--print-only", action="store_true", help=f"leave {TABLE.name} as it is")
    chosen = parser.parse_args(arguments)
    checks = find_checks(chosen.k)
    if chosen.list:
        print("\n".join(name for name, _ in checks))
        return 0
    if not checks:
        print(f"no check is named like {chosen.k!r}; --list names them", file=sys.stderr)
        return 2
    today, where, data = datetime.date.today().isoformat(), machine(), test_data()
    rows, failed = {}, []
    for name, check in checks:
        line = run_check(check, data)
        print(f"{WORDS[line['holds']]:>12}  {line['name']}: {line['measured']}  ({line['limit']})")
        sys.stdout.flush()
        row = row_of(line, today, where)
        rows[key_of(row)] = row
        failed += [name] if line["holds"] is False else []
    if not chosen.print_only:
        write_table(TABLE, rows, complete=not chosen.k)
    print(f"{len(checks)} lines, {len(failed)} do not hold {failed or ''}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
