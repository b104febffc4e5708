"""Protein tables of other programs: which format a file has, and the quantities of one run in it.

In: DIA-NN report or pg_matrix, Spectronaut report, MaxQuant proteinGroups, FragPipe combined_protein, quantms mzTab.
Out: format, runs and text columns of a table. Source: the programs' manuals; docs/proteomics.md.
"""

import gzip
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from scripts.core import job as core_job

if TYPE_CHECKING:
    import pandas as pd

REQUIREMENT = "OMX-03"
COLUMNS = ["accessions", "gene", "name", "quantity"]
FORMATS = {
    "diann_report": "DIA-NN main report",
    "diann_matrix": "DIA-NN pg_matrix",
    "spectronaut_report": "Spectronaut report",
    "spectronaut_pivot": "Spectronaut pivot report",
    "maxquant": "MaxQuant proteinGroups",
    "fragpipe": "FragPipe combined_protein",
    "mztab": "mzTab",
}
RUN_SUFFIXES = (".gz", ".raw", ".d", ".mzml", ".wiff2", ".wiff", ".dia", ".htrms", ".mzxml", ".tdf")
_SUFFIX_OF_RUN = re.compile(r"\.(raw|d|mzml|wiff2?|dia|htrms)$", re.IGNORECASE)


@dataclass(frozen=True)
class Table:
    """A recognised file: its format, its columns and the delimiter (empty for Parquet)."""

    path: Path
    format: str
    columns: list[str]
    delimiter: str


def defect(
    reason: str, evidence: str, check: str = "protein table readable"
) -> core_job.InputDefect:
    """The defect of a protein table, in one plain sentence."""
    return core_job.InputDefect(
        f"{evidence}: {reason}", requirement_id=REQUIREMENT, check=check, evidence=evidence
    )


def _header(path: Path, evidence: str) -> tuple[list[str], str]:
    if not path.is_file():
        raise defect("there is no such file", evidence)
    if path.suffix.lower() == ".parquet":
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            return list(pq.read_schema(path).names), ""
        except (pa.ArrowInvalid, OSError):
            raise defect("the Parquet file is damaged or truncated", evidence) from None
    try:
        opener = gzip.open if path.suffix == ".gz" else open
        with opener(path, "rt", encoding="utf-8-sig") as handle:
            line = handle.readline(1_000_000).rstrip("\r\n")
    except (OSError, EOFError, UnicodeDecodeError):
        raise defect("not a text table (UTF-8) and not Parquet", evidence) from None
    if not line.strip():
        raise defect("the file is empty", evidence)
    delimiter = max("\t,;", key=line.count)
    return [cell.strip('"') for cell in line.split(delimiter)], delimiter


def recognise(path: str | Path, evidence: str) -> Table:
    """Format of a file by its header. InputDefect with the known formats when it is none of them."""
    path = Path(path)
    columns, delimiter = _header(path, evidence)
    have = set(columns)
    name = ""
    if columns[0] in ("MTD", "COM"):
        name = "mztab"
    elif {"Run", "Protein.Group", "Q.Value"} <= have:
        name = "diann_report"
    elif {"Protein.Group", "Genes"} <= have and "Precursor.Id" not in have:
        name = "diann_matrix"
    elif have & {"R.FileName", "R.Raw File Name"} and have & {
        "PG.ProteinGroups",
        "PG.ProteinAccessions",
    }:
        name = "spectronaut_report"
    elif have & {"PG.ProteinGroups", "PG.ProteinAccessions"} and any(
        c.endswith(".PG.Quantity") for c in columns
    ):
        name = "spectronaut_pivot"
    elif {"Protein IDs", "Majority protein IDs"} <= have:
        name = "maxquant"
    elif {"Protein", "Protein ID"} <= have and any(c.endswith(" Intensity") for c in columns):
        name = "fragpipe"
    if not name:
        known = ", ".join(FORMATS.values())
        raise defect(f"unknown table (header not recognised); known: {known}", evidence)
    return Table(path, name, columns, delimiter)


def run_name(text: str) -> str:
    """A run's name as the sheets write it: no folder, no vendor suffix, other characters than [A-Za-z0-9_-] as _."""
    name = re.split(r"[\\/]", text.strip().strip('"'))[-1]
    while name.lower().endswith(RUN_SUFFIXES):
        name = name[: name.rindex(".")]
    return re.sub(r"[^A-Za-z0-9_-]", "_", name)


def the_run(names: list[str], wanted: list[str], evidence: str) -> str:
    """The one of `names` (each as often as the table has it) that is called like one of `wanted` (tried in order).

    InputDefect when none or several are.
    """
    for want in wanted:
        found = [name for name in names if run_name(name) == want]
        if len(found) == 1:
            return found[0]
        if found:
            raise defect(
                f"{len(found)} runs of the table are called {want}", evidence, "run in the table"
            )
    raise defect(
        f"run {' or '.join(wanted)} is not among the {len(names)} runs of the table; name it in sample_id or assay_id "
        "of assays.tsv as the table does",
        evidence,
        "run in the table",
    )


def read_columns(table: Table, columns: list[str], keep=None, evidence: str = "") -> "pd.DataFrame":
    """Some columns as text, read in batches; the index is the line of the file. `keep(batch) -> mask` drops lines early."""
    import pandas as pd
    import pyarrow as pa

    parts, line = [], 2
    try:
        for batch in _batches(table, columns):
            frame = batch.to_pandas()
            frame.index = range(line, line + len(frame))
            line += len(frame)
            for column in frame.columns[
                frame.dtypes == "category"
            ]:  # dictionary columns of Parquet
                frame[column] = frame[column].astype(object)
            parts.append(frame[keep(frame)] if keep is not None else frame)
    except (pa.ArrowInvalid, KeyError, OSError, EOFError) as error:
        line = str(error).splitlines()[0][:100]
        raise defect(f"the table is damaged ({line})", evidence) from None
    if not parts:
        return pd.DataFrame(columns=columns, dtype=str)
    return pd.concat(parts)


def _batches(table: Table, columns: list[str]):
    import pyarrow as pa
    import pyarrow.csv as csv
    import pyarrow.parquet as pq

    if not table.delimiter:
        yield from pq.ParquetFile(table.path).iter_batches(columns=columns)
        return
    with csv.open_csv(
        table.path,
        parse_options=csv.ParseOptions(delimiter=table.delimiter),
        convert_options=csv.ConvertOptions(
            include_columns=columns,
            column_types=dict.fromkeys(columns, pa.string()),
            strings_can_be_null=True,
        ),
    ) as reader:
        yield from reader


def first_of(table: Table, *names: str) -> str:
    """The first of `names` that the table has, or ""."""
    return next((name for name in names if name in table.columns), "")


def mztab_lines(table: Table, evidence: str) -> Iterator[list[str]]:
    """The lines of an mzTab as lists of cells. InputDefect when it is damaged."""
    opener = gzip.open if table.path.suffix == ".gz" else open
    try:
        with opener(table.path, "rt", encoding="utf-8-sig") as handle:
            for line in handle:
                yield line.rstrip("\r\n").split("\t")
    except (OSError, EOFError, UnicodeDecodeError, zlib.error):
        raise defect("the mzTab is damaged or truncated; copy it again", evidence) from None
