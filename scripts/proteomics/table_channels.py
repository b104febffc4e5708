"""Channels of multiplexed runs in the tables of other programs: read one by one by name, never taken for the run.

In: rows or columns of a table, the run's names. Out: those of one run and, where it has channels, of the named one.
Source: plexDIA (Derks et al. 2023, Nat Biotechnol 41:50); DIA-NN, Spectronaut and MaxQuant manuals (Channel; L, M, H; reporters).
"""

import re
from typing import TYPE_CHECKING

from scripts.core import job as core_job
from scripts.proteomics.protein_tables import defect, run_name, the_run

if TYPE_CHECKING:
    import pandas as pd

# Labels as DIA-NN writes them into a precursor: (SILAC-K-H), (mTRAQ-n-4).
_LABEL = re.compile(
    r"\((?:SILAC|mTRAQ|dimethyl|tandem\w*|TMT|iTRAQ|\w*plex)[^()]*-([A-Za-z0-9]+)\)", re.IGNORECASE
)
_REPORTER = re.compile(r"Reporter intensity (corrected )?(\d+) (.+)")
_LIGHT_TO_HEAVY = ("L", "M", "H")


def _joined(run: str, channel: str) -> str:
    """The name of a channel as the sheet writes it: r1_4."""
    return run_name(f"{run_name(run)}_{channel}")


def names_a_run(name: str, wanted: list[str]) -> bool:
    """Whether a run of the table is called like one of `wanted`, alone or followed by a channel."""
    own = run_name(name)
    return any(want == own or want.startswith(f"{own}_") for want in wanted)


def _channels(column: "pd.Series", labels: bool) -> "pd.Series":
    """The channel of each row, "" for none; `labels` says that they stand inside the names of precursors."""
    text = column.fillna("").astype(str)
    if labels:
        return text.str.extract(_LABEL, expand=False).fillna("")
    return text.str.strip().replace({"nan": "", "None": "", "NA": ""})


def chosen_rows(
    frame: "pd.DataFrame", run: str, channel: str, runs: list[str], wanted: list[str], evidence: str
) -> "pd.DataFrame":
    """Rows of the run that `wanted` names, or of its channel (r1_4); InputDefect when a run has channels and none is named.

    `runs`: every run of the table; `channel`: the column of channels or of labelled precursors, "" for neither.
    """
    try:
        name = the_run(runs, wanted, evidence)
    except core_job.InputDefect as missing:
        return _rows_of_channel(frame, run, channel, wanted, missing)
    rows = frame[frame[run] == name]
    if not channel:
        return rows
    found = sorted(set(_channels(rows[channel], "hannel" not in channel)))
    if len(found) > 1:
        shown = ", ".join(c or "none" for c in found)
        example = _joined(name, next(c for c in found if c))
        raise defect(
            f"run {run_name(name)} holds several channels ({shown}); give each patient run and channel, such as {example}, in "
            "sample_id or assay_id",
            evidence,
            "one channel",
        )
    return rows


def _rows_of_channel(frame, run, channel, wanted, missing) -> "pd.DataFrame":
    if channel and len(frame):
        channels = _channels(frame[channel], "hannel" not in channel)
        names = [
            _joined(name, one) if one else ""
            for name, one in zip(frame[run], channels, strict=True)
        ]
        for want in wanted:
            rows = frame[[name == want for name in names]]
            if len(rows) and rows[run].nunique() == 1:
                return rows
    raise missing


def labelled_columns(
    columns: list[str], runs: dict[str, str], wanted: list[str], evidence: str
) -> dict[str, str]:
    """{column: run_channel} of a MaxQuant table of labelled samples; `runs` unchanged where nothing is labelled.

    InputDefect when the sum over the channels of a run is asked for.
    """
    out: dict[str, str] = {}
    reporters = [match for match in map(_REPORTER.fullmatch, columns) if match]
    corrected = any(match[1] for match in reporters)
    for match in reporters:
        if bool(match[1]) == corrected:
            out[match[0]] = f"{match[3]}_{match[2]}"
    if not out:
        names = set(runs.values())
        silac = [one for one in _LIGHT_TO_HEAVY if any(n.startswith(f"{one} ") for n in names)]
        if len(silac) < 2:
            return runs
        for column, name in runs.items():
            label, _, rest = name.partition(" ")
            if label in silac and rest:
                out[column] = f"{rest}_{label}"
    sums = {run_name(name.rpartition("_")[0]) for name in out.values()}
    for want in wanted:
        if want in sums:
            channels = sorted(n for n in out.values() if run_name(n).startswith(f"{want}_"))
            raise defect(
                f"run {want} holds several channels ({', '.join(run_name(n) for n in channels)}); give each patient one of them "
                "in sample_id or assay_id",
                evidence,
                "one channel",
            )
    return out
