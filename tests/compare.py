"""Whether two results folders are equal in the sense of "reproducible".

In: two folders. Out: the differences, one line each; exit code 1 when there are any.
Source: docs/architecture.md: tables by value, alignments and variants without command lines, the ledger without times,
everything that a model is made of (Parquet, npz, locked bundle) byte by byte.

    python -m tests.compare runs/a/results runs/b/results
"""

import argparse
import csv
import gzip
import io
import json
import math
import re
import sys
from collections.abc import Callable, Iterator
from itertools import zip_longest
from pathlib import Path

TIME_KEYS = {
    "time",
    "locked_at",
    "opened_at",
    "made_at",
    "recorded_at",
    "datePublished",
    "dateCreated",
}
TIME_KEYS |= {"chain"}  # of a log under locks/: a hash over lines with their times
IGNORED_FOLDERS = {".snakemake", ".hcc", "logs", "benchmarks"}
IGNORED_SUFFIXES = {
    ".bai",
    ".csi",
    ".tbi",
    ".crai",
}  # indices of files that are compared themselves
_DATE = re.compile(r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?")
_VCF_NOISE = re.compile(r"^##(?:fileDate|source|reference|\w*[Cc]ommand\w*|bcftools_\w+)=")
_PDF_NOISE = re.compile(rb"/(?:CreationDate|ModDate|ID)\s*[(\[][^)\]]*[)\]]")


def differences(first: Path, second: Path, relative: float = 0.0) -> list[str]:
    """Every difference of two results folders, sorted by path; [] when they are equal.

    relative : largest relative difference at which two numbers of a table still count as equal
    """
    left, right = _files(first), _files(second)
    found = [f"{name}: only in {first}" for name in left.keys() - right.keys()]
    found += [f"{name}: only in {second}" for name in right.keys() - left.keys()]
    for name in left.keys() & right.keys():
        why = difference(left[name], right[name], relative)
        if why:
            found.append(f"{name}: {why}")
    return sorted(found)


def _files(folder: Path) -> dict[str, Path]:
    if not folder.is_dir():
        raise NotADirectoryError(f"{folder} is not a folder")
    return {
        str(path.relative_to(folder)): path
        for path in folder.rglob("*")
        if path.is_file()
        and path.suffix not in IGNORED_SUFFIXES
        and not IGNORED_FOLDERS & set(path.relative_to(folder).parts[:-1])
    }


def difference(first: Path, second: Path, relative: float = 0.0) -> str:
    """The first difference of two files of the same kind in words, "" when they are equal."""
    if first.read_bytes() == second.read_bytes():
        return ""
    if "bundles" in first.parts:
        return "bytes differ"
    suffixes = first.suffixes
    kind = suffixes[-2] if suffixes[-1:] in ([".gz"], [".bgz"]) and len(suffixes) > 1 else None
    kind = kind or first.suffix
    if kind in (".tsv", ".csv"):
        return _tables(first, second, relative, "," if kind == ".csv" else "\t")
    compare = _BY_KIND.get(kind)
    if compare is None:
        return "bytes differ" if _content(first) != _content(second) else ""
    return compare(first, second)


def _content(path: Path) -> bytes:
    data = path.read_bytes()
    return gzip.decompress(data) if data.startswith(b"\x1f\x8b") else data


def _text(path: Path) -> str:
    return _content(path).decode("utf-8")


def _first_of(pairs: Iterator[tuple], what: str) -> str:
    for number, (one, other) in enumerate(pairs, start=1):
        if one != other:
            return f"{what} {number}: {_short(one)} / {_short(other)}"
    return ""


def _short(value: object) -> str:
    return repr(value) if len(repr(value)) < 80 else repr(value)[:77] + "..."


def _tables(first: Path, second: Path, relative: float, delimiter: str) -> str:
    one, other = (
        list(csv.reader(io.StringIO(_text(p)), delimiter=delimiter)) for p in (first, second)
    )
    if not one or not other or one[0] != other[0]:
        return f"columns: {_short(one[:1])} / {_short(other[:1])}"
    if len(one) != len(other):
        return f"rows: {len(one) - 1} / {len(other) - 1}"
    timeless = [column not in TIME_KEYS for column in one[0]]
    for number, (left, right) in enumerate(zip(one, other, strict=True), start=1):
        for keep, column, a, b in zip_longest(timeless, one[0], left, right, fillvalue=""):
            if keep and not _equal_cells(a, b, relative):
                return f"row {number}, column {column}: {_short(a)} / {_short(b)}"
    return ""


def _equal_cells(one: str, other: str, relative: float) -> bool:
    if one == other:
        return True
    try:
        a, b = float(one), float(other)
    except ValueError:
        return False
    return (math.isnan(a) and math.isnan(b)) or math.isclose(a, b, rel_tol=relative, abs_tol=0.0)


def _timeless(value: object) -> object:
    if isinstance(value, dict):
        return {key: _timeless(item) for key, item in value.items() if key not in TIME_KEYS}
    if isinstance(value, list):
        return [_timeless(item) for item in value]
    return value


def _json(first: Path, second: Path) -> str:
    one, other = (json.dumps(_timeless(json.loads(_text(p) or "null"))) for p in (first, second))
    return "" if one == other else "content differs"


def _json_lines(first: Path, second: Path) -> str:
    one, other = (
        [_timeless(json.loads(line)) for line in _text(p).splitlines()] for p in (first, second)
    )
    return _first_of(zip_longest(one, other), "record")


def _vcf(first: Path, second: Path) -> str:
    one, other = (
        [line for line in _text(p).splitlines() if not _VCF_NOISE.match(line)]
        for p in (first, second)
    )
    return _first_of(zip_longest(one, other), "line")


def _alignments(first: Path, second: Path) -> str:
    import pysam

    def lines(path: Path) -> Iterator[str]:
        with pysam.AlignmentFile(str(path), check_sq=False) as reads:
            header = reads.header.to_dict()
            for program in header.get("PG", []):
                program.pop("CL", None)
                program.pop("VN", None)
            yield json.dumps(header)
            for read in reads.fetch(until_eof=True):
                yield read.to_string()

    return _first_of(zip_longest(lines(first), lines(second)), "read (1 = header)")


def _hdf5(first: Path, second: Path) -> str:
    import h5py
    import numpy as np

    def members(path: Path) -> dict[str, tuple]:
        found = {}

        def visit(name: str, item) -> None:
            attributes = {key: np.asarray(value).tolist() for key, value in item.attrs.items()}
            data = np.asarray(item[()] if isinstance(item, h5py.Dataset) else None)
            text = data.dtype.kind == "O"
            found[name] = (
                str(attributes),
                data.dtype.str,
                str(data.tolist()) if text else data.tobytes(),
            )

        with h5py.File(path) as file:
            file.visititems(visit)
        return found

    one, other = members(first), members(second)
    differing = sorted(
        name for name in one.keys() | other.keys() if one.get(name) != other.get(name)
    )
    return f"members differ: {', '.join(differing[:5])}" if differing else ""


def _dated_text(first: Path, second: Path) -> str:
    one, other = (_DATE.sub("DATE", _text(p)).splitlines() for p in (first, second))
    return _first_of(zip_longest(one, other), "line")


def _pdf(first: Path, second: Path) -> str:
    one, other = (_PDF_NOISE.sub(b"", p.read_bytes()) for p in (first, second))
    return "" if one == other else "bytes differ"


def _bytes(first: Path, second: Path) -> str:
    return "bytes differ"


def _database(first: Path, second: Path) -> str:
    """A DuckDB file by its tables, views and rows; where its blocks lie is no content."""
    import duckdb

    found = []
    for path in (first, second):
        with duckdb.connect(str(path), read_only=True) as connection:
            views = connection.execute(
                "SELECT view_name, sql FROM duckdb_views() WHERE NOT internal ORDER BY 1"
            ).fetchall()
            tables = connection.execute(
                "SELECT table_name, sql FROM duckdb_tables() ORDER BY 1"
            ).fetchall()
            rows = [connection.execute(f'FROM "{name}"').fetchall() for name, _ in tables]
        found.append([*views, *tables, *rows])
    return _first_of(zip_longest(*found), "part")


_BY_KIND: dict[str, Callable[[Path, Path], str]] = {
    ".json": _json,
    ".jsonl": _json_lines,
    ".vcf": _vcf,
    ".bam": _alignments,
    ".cram": _alignments,
    ".h5mu": _hdf5,
    ".h5ad": _hdf5,
    ".html": _dated_text,
    ".svg": _dated_text,
    ".pdf": _pdf,
    ".parquet": _bytes,
    ".duckdb": _database,
    ".npz": _bytes,
    ".skops": _bytes,
}


def main(arguments: list[str] | None = None) -> int:
    """Print the differences of two folders; 1 when there are any."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("first", type=Path)
    parser.add_argument("second", type=Path)
    parser.add_argument(
        "--relative", type=float, default=0.0, help="tolerance of numbers in tables (default: none)"
    )
    given = parser.parse_args(arguments)
    found = differences(given.first, given.second, given.relative)
    print("\n".join(found) if found else f"equal: {len(_files(given.first))} files")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
