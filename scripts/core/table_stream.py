"""A wide tab-separated table read row by row: what is held in memory is the file, never its cells as text.

In: a feature table (any encoding that sheets may have). Out: header, then rows with their line numbers. Source: the rules of
scripts/core/sheets.py; 5,000 patients x 3,000 features are 15 million cells, 1.6 GB as Python texts.
"""

import csv
import io
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from scripts.core.sheets import Problem, SheetErrors, decode, numbered_records


def stream_table(path: str | Path) -> tuple[list[str], Iterator[tuple[int, list[str]]]]:
    """Header and an iterator over (line number, cells) of a tab-separated file; empty lines are left out.

    Cells are stripped, short rows filled up. SheetErrors when the file cannot be read as a table; a row with more
    cells than the header raises while it is iterated.
    """
    path = Path(path)
    reader = csv.reader(_lines(path), delimiter="\t", strict=True)
    rows = _rows(reader, path)
    first = next(rows, None)
    if first is None:
        raise _unreadable(path, "empty; it needs at least a header line")
    header = first[1]
    if len(set(header)) < len(header):
        text = "this column stands twice; keep one"
        twice = sorted(column for column, n in Counter(header).items() if n > 1)
        raise SheetErrors([Problem(path.name, 1, column, column, text) for column in twice])
    return header, _filled(rows, len(header), path)


def filled_columns(path: str | Path) -> set[str]:
    """Columns of which at least one row says something. Reading stops when nothing can be added."""
    header, rows = stream_table(path)
    blank = dict(enumerate(header))
    for _, cells in rows:
        for place in [place for place in blank if cells[place]]:
            del blank[place]
        if not blank:
            break
    return set(header) - set(blank.values())


def _lines(path: Path) -> Iterator[str]:
    data = path.read_bytes()
    if not data.isascii():
        try:
            data = decode(data)[0].encode()
        except UnicodeError:
            text = "not UTF-8, UTF-16 or GB18030 text; save it as UTF-8"
            raise _unreadable(path, text) from None
    if b"\x00" in data:
        raise _unreadable(path, "not a text file (NUL bytes); export it as tab-separated text")
    if b"\r" in data:
        data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    for line in io.BytesIO(data):
        yield line.decode()


def _rows(reader, path: Path) -> Iterator[tuple[int, list[str]]]:
    try:
        for number, row in numbered_records(reader):
            cells = [cell.strip() for cell in row]
            if any(cells):
                yield number, cells
    except csv.Error as error:
        text = f"not tab-separated text ({error})"
        raise SheetErrors([Problem(path.name, reader.line_num, "", "", text)]) from None


def _filled(rows, width: int, path: Path) -> Iterator[tuple[int, list[str]]]:
    for number, cells in rows:
        if len(cells) > width:
            text = f"{len(cells)} cells under a header of {width} columns; look for a stray tab"
            raise SheetErrors([Problem(path.name, number, "", "", text)])
        yield number, cells + [""] * (width - len(cells))


def _unreadable(path: Path, allowed: str) -> SheetErrors:
    return SheetErrors([Problem(path.name, 0, "", "", allowed)])
