"""The protein quantities of one run, for every known table format, with its FDR filters.

In: a recognised table (protein_tables.Table), the run's names, filters. Out: DataFrame accessions, gene, name, quantity.
Source: columns as the manuals of DIA-NN 1.8-2, Spectronaut 14-19, MaxQuant 2, FragPipe 20 and mzTab 1.0 name them.
"""

import re
from typing import TYPE_CHECKING

from scripts.proteomics.foreign_accessions import is_foreign_group
from scripts.proteomics.protein_tables import (
    COLUMNS,
    FORMATS,
    Table,
    defect,
    first_of,
    mztab_lines,
    read_columns,
    the_run,
)
from scripts.proteomics.table_channels import chosen_rows, labelled_columns, names_a_run
from scripts.proteomics.table_numbers import with_numbers

if TYPE_CHECKING:
    import pandas as pd

DIANN_Q = (
    "Q.Value",
    "Global.Q.Value",
    "Lib.Q.Value",
    "PG.Q.Value",
    "Global.PG.Q.Value",
    "Lib.PG.Q.Value",
)
# Unique and total intensities leave out shared peptides, or count them twice: the last choices.
FRAGPIPE_KINDS = ("MaxLFQ", "", "Razor", "Unique", "Total")
TRUE = {"+", "true", "1", "1.0", "yes"}


def _named(frame: "pd.DataFrame", names: dict[str, str]) -> "pd.DataFrame":
    """Rename to COLUMNS; a column that the table lacks ("") becomes empty text."""
    import pandas as pd

    out = pd.DataFrame(index=frame.index)
    for target, source in names.items():
        out[target] = frame[source].fillna("").astype(str) if source else ""
    if "others" not in out:
        out["others"] = ""
    out["quantity"] = frame["quantity"]
    return out


def diann_report(table: Table, wanted: list[str], q_value: float, evidence: str) -> "pd.DataFrame":
    """DIA-NN main report: all q-value columns that the file has must be <= q_value; quantity PG.MaxLFQ, else PG.Quantity."""
    return _long_report(
        table,
        wanted,
        evidence,
        run="Run",
        quantity=first_of(table, "PG.MaxLFQ", "PG.Quantity"),
        limits=dict.fromkeys((c for c in DIANN_Q if c in table.columns), q_value),
        flags=[c for c in ("Decoy",) if c in table.columns],
        channel=first_of(table, "Channel", "Precursor.Id", "Modified.Sequence"),
        names={
            "accessions": "Protein.Group",
            "others": first_of(table, "Protein.Ids"),
            "gene": first_of(table, "Genes"),
            "name": first_of(table, "First.Protein.Description", "Protein.Names"),
        },
    )


def spectronaut_report(
    table: Table, wanted: list[str], q_value: float, evidence: str
) -> "pd.DataFrame":
    """Spectronaut long report: PG.Qvalue and EG.Qvalue where present; quantity PG.Quantity; imputed values dropped."""
    found = [c for c in ("PG.Qvalue", "PG.QValue (Run-Wise)", "EG.Qvalue") if c in table.columns]
    return _long_report(
        table,
        wanted,
        evidence,
        run=first_of(table, "R.FileName", "R.Raw File Name"),
        quantity=first_of(table, "PG.Quantity"),
        limits=dict.fromkeys(found, q_value),
        flags=[c for c in ("EG.IsDecoy", "PG.IsDecoy", "EG.IsImputed") if c in table.columns],
        channel=first_of(table, "EG.Channel", "FG.Channel", "PG.Channel", "R.Channel"),
        names={
            "accessions": first_of(table, "PG.ProteinGroups", "PG.ProteinAccessions"),
            "gene": first_of(table, "PG.Genes"),
            "name": first_of(table, "PG.ProteinDescriptions", "PG.ProteinNames"),
        },
    )


def _long_report(
    table, wanted, evidence, *, run, quantity, limits, flags, channel, names
) -> "pd.DataFrame":
    if not quantity:
        raise defect(f"the report has no protein quantity ({table.format})", evidence)
    used = [run, quantity, *limits, *flags, channel, *names.values()]
    used = list(dict.fromkeys(filter(None, used)))
    known: dict[str, bool] = {}

    def keep(batch):
        for name in batch[run].dropna().unique():
            known.setdefault(name, names_a_run(name, wanted))
        return batch[run].map(known).eq(True)

    frame = read_columns(table, used, keep, evidence)
    frame = chosen_rows(frame, run, channel, sorted(known), wanted, evidence)
    frame = with_numbers(frame, [quantity, *limits], evidence)
    for column, limit in limits.items():
        frame = frame[frame[column] <= limit]
    for column in flags:
        frame = frame[~frame[column].astype(str).str.lower().isin(TRUE)]
    frame = frame.assign(quantity=frame[quantity])
    frame = frame.sort_values([names["accessions"], "quantity"], ascending=[True, False])
    if names.get("others"):  # those of every precursor of the group, not of the kept line alone
        others = frame.groupby(names["accessions"])[names["others"]]
        joined = others.transform(lambda cells: ";".join(sorted(set(cells.dropna().astype(str)))))
        frame = frame.assign(**{names["others"]: joined})
    return _named(frame.drop_duplicates(names["accessions"]), names)


def _column_of(runs: dict[str, str], header: list[str], wanted: list[str], evidence: str) -> str:
    """The column of the wanted run; InputDefect when two columns or runs have its name."""
    names = [runs[column] for column in header if column in runs]
    chosen = the_run(names, wanted, evidence)
    return next(column for column, name in runs.items() if name == chosen)


def _wide(table, runs: dict[str, str], wanted, evidence, *, names, drop=(), limits=None):
    """One column per run: `runs` {column: run's name}."""
    if not runs:
        reason = f"the table has no quantity for each run ({FORMATS[table.format]}); export it with one column per run"
        raise defect(reason, evidence, "quantities in the table")
    column = _column_of(runs, table.columns, wanted, evidence)
    limits = limits or {}
    used = list(dict.fromkeys(filter(None, [column, *drop, *limits, *names.values()])))
    frame = with_numbers(read_columns(table, used, evidence=evidence), [column, *limits], evidence)
    for flag in drop:
        frame = frame[~frame[flag].fillna("").str.lower().isin(TRUE)]
    for name, limit in limits.items():
        frame = frame[frame[name] <= limit]
    return _named(frame.assign(quantity=frame[column]), names)


def diann_matrix(table: Table, wanted: list[str], q_value: float, evidence: str) -> "pd.DataFrame":
    """DIA-NN pg_matrix: already at 1 % by DIA-NN; every column after the descriptions is a run."""
    described = {
        "Protein.Group", "Protein.Ids", "Protein.Names", "Genes", "First.Protein.Description", "N.Sequences",
        "N.Proteotypic.Sequences",
    }  # fmt: skip
    runs = {c: c for c in table.columns if c not in described}
    return _wide(
        table,
        runs,
        wanted,
        evidence,
        names={
            "accessions": "Protein.Group",
            "others": first_of(table, "Protein.Ids"),
            "gene": "Genes",
            "name": first_of(table, "First.Protein.Description", "Protein.Names"),
        },
    )


def spectronaut_pivot(
    table: Table, wanted: list[str], q_value: float, evidence: str
) -> "pd.DataFrame":
    """Spectronaut pivot report: columns "[n] run.PG.Quantity"."""
    runs = {
        c: re.sub(r"^\[\d+\]\s*", "", c).removesuffix(".PG.Quantity")
        for c in table.columns
        if c.endswith(".PG.Quantity")
    }
    return _wide(
        table,
        runs,
        wanted,
        evidence,
        names={
            "accessions": first_of(table, "PG.ProteinGroups", "PG.ProteinAccessions"),
            "gene": first_of(table, "PG.Genes"),
            "name": first_of(table, "PG.ProteinDescriptions", "PG.ProteinNames"),
        },
    )


def maxquant(table: Table, wanted: list[str], q_value: float, evidence: str) -> "pd.DataFrame":
    """MaxQuant proteinGroups: LFQ intensity, else Intensity; reverse, contaminant and only-by-site lines dropped."""
    prefix = "LFQ intensity "
    if not any(c.startswith(prefix) for c in table.columns):
        prefix = "Intensity "
    runs = {c: c.removeprefix(prefix) for c in table.columns if c.startswith(prefix)}
    runs = labelled_columns(table.columns, runs, wanted, evidence)
    flags = ("Reverse", "Potential contaminant", "Contaminant", "Only identified by site")
    return _wide(
        table,
        runs,
        wanted,
        evidence,
        names={
            "accessions": "Majority protein IDs",
            "gene": first_of(table, "Gene names"),
            "name": first_of(table, "Protein names", "Fasta headers"),
        },
        drop=[c for c in flags if c in table.columns],
        limits={"Q-value": q_value} if "Q-value" in table.columns else {},
    )


def fragpipe(table: Table, wanted: list[str], q_value: float, evidence: str) -> "pd.DataFrame":
    """FragPipe combined_protein: MaxLFQ Intensity, else Intensity; before FragPipe 17 Razor Intensity. Filtered at 1 %."""
    kinds: dict[str, dict[str, str]] = {kind: {} for kind in FRAGPIPE_KINDS}
    for column in table.columns:
        match = re.fullmatch(r"(.+?) (?:(MaxLFQ|Razor|Unique|Total) )?Intensity", column)
        if match:
            kinds[match[2] or ""][column] = match[1]
    runs = next((found for found in kinds.values() if found), {})
    runs = {c: name for c, name in runs.items() if name not in FRAGPIPE_KINDS}  # of one run alone
    return _wide(
        table,
        runs,
        wanted,
        evidence,
        names={
            "accessions": "Protein",  # with the prefixes of decoys and contaminants; "Protein ID" has lost them
            "gene": first_of(table, "Gene"),
            "name": first_of(table, "Description"),
            "members": first_of(table, "Indistinguishable Proteins"),
        },
    )


def mztab(table: Table, wanted: list[str], q_value: float, evidence: str) -> "pd.DataFrame":
    """mzTab (quantms): protein_abundance_assay[n] of the assay whose ms_run has the run's name; decoys dropped."""
    import pandas as pd

    meta, header, rows = {}, [], {}
    for line, cells in enumerate(mztab_lines(table, evidence), start=1):
        if cells[0] == "MTD" and len(cells) >= 3:
            meta[cells[1]] = cells[2]
        elif cells[0] == "PRH":
            header = cells[1:]
        elif cells[0] == "PRT":
            if len(cells) != len(header) + 1:
                reason = f"a protein line of the mzTab has {len(cells)} cells, its header {len(header) + 1}; is it cut off?"
                raise defect(reason, evidence)
            rows[line] = cells[1:]
    runs = {}
    for key, value in meta.items():
        match = re.fullmatch(r"(assay\[\d+\])-ms_run_ref", key)
        column = f"protein_abundance_{match[1]}" if match else ""
        if column in header:
            location = meta.get(f"{value.split(',')[0].strip()}-location", "")
            runs[column] = location
    if not header or not runs:
        raise defect("the mzTab holds no protein quantities per assay (PRH, PRT)", evidence)
    frame = pd.DataFrame.from_dict(rows, orient="index", columns=header)
    column = _column_of(runs, header, wanted, evidence)
    for flag in [c for c in header if "decoy" in c.lower()]:
        frame = frame[~frame[flag].str.lower().isin(TRUE)]
    kind = "opt_global_result_type"
    if kind in frame:
        frame = frame[frame[kind] != "protein_details"]
    if "ambiguity_members" in frame:
        members = frame["ambiguity_members"].replace("null", "").str.replace(",", ";")
        frame = frame.assign(accession=members.where(members != "", frame["accession"]))
    score = _q_value_column(meta, header)
    frame = with_numbers(frame, [column, *([score] if score else [])], evidence)
    if score:
        frame = frame[~(frame[score] > q_value)]
    frame = frame.assign(quantity=frame[column]).replace("null", "")
    frame = frame.sort_values(["accession", "quantity"], ascending=[True, False])
    names = {"accessions": "accession", "gene": "", "name": "description"}
    return _named(frame.drop_duplicates("accession"), names)


def _q_value_column(meta: dict[str, str], header: list[str]) -> str:
    """The column of the best protein score that is a q-value, or ""."""
    for key, value in meta.items():
        match = re.fullmatch(r"protein_search_engine_score\[(\d+)\]", key)
        if match and "q-value" in value.lower():
            column = f"best_search_engine_score[{match[1]}]"
            return column if column in header else ""
    return ""


READERS = {
    "diann_report": diann_report,
    "diann_matrix": diann_matrix,
    "spectronaut_report": spectronaut_report,
    "spectronaut_pivot": spectronaut_pivot,
    "maxquant": maxquant,
    "fragpipe": fragpipe,
    "mztab": mztab,
}


def run_quantities(
    table: Table, wanted: list[str], q_value: float, contaminants: list[str], evidence: str
) -> "pd.DataFrame":
    """Quantities > 0 of one run (COLUMNS), without contaminants and decoys; InputDefect when the run is not in the table.

    `contaminants`: prefixes of accessions; a group is dropped when one of its members has one, as in DDA.
    """
    import pandas as pd

    frame = READERS[table.format](table, wanted, q_value, evidence)
    members = frame.get("members", "")
    groups = (frame["accessions"] + ";" + members).map(_accessions)
    foreign = [
        is_foreign_group(group, _accessions(others), contaminants)
        for group, others in zip(groups, frame["others"], strict=True)
    ]
    positive = (frame["quantity"] > 0) & (frame["quantity"] < float("inf"))
    keep = positive & (frame["accessions"] != "") & ~pd.Series(foreign, frame.index, dtype=bool)
    return frame.loc[keep, COLUMNS].sort_values("accessions", ignore_index=True)


def _accessions(text: str) -> list[str]:
    """The accessions of a cell, parted by ; or a comma."""
    return [part.strip() for part in re.split("[;,]", text) if part.strip()]
