"""Tables that the fits write: quality of every candidate, stability of the features handed on.

In: {column: values of the candidates}. Out: TSV files. Source: docs/metabolomics.md.
"""

from pathlib import Path


def write_quality(path: Path, table: dict) -> None:
    """Write the quality of every candidate as TSV."""
    columns = [name for name in table if name != "description"]
    lines = ["\t".join(columns)]
    lines += ["\t".join(_cell(table[c][i]) for c in columns) for i in range(len(table["feature"]))]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _cell(value) -> str:
    if isinstance(value, str):
        return str(value)
    return "" if value != value else f"{float(value):.6g}"


def write_stability(path: Path, table: dict) -> None:
    """Write the stability (QC RSD) of the features handed on, for the feature dictionary."""
    rows = zip(table["feature"], table["rsd"], table["dropped"], strict=True)
    lines = ["feature\tstability\tkind"]
    lines += [f"{name}\t{_cell(rsd)}\trsd" for name, rsd, dropped in rows if not dropped]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
