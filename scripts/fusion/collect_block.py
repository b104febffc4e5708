"""In: rows and verdicts of patients, a domain's own table, a ready-made table, dictionaries.
Out: one feature table, one dictionary and one verdict per admitted patient of a role.
Source: docs/architecture.md, "The feature contract".
"""

import math
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from scripts.core import job as core_job
from scripts.core.features import (
    DICTIONARY_COLUMNS,
    VERDICT_COLUMNS,
    join_reasons,
    read_row,
    read_status,
    split_reasons,
    write_block,
)
from scripts.core.sheets import read_sheet
from scripts.fusion import blocks

KIND = "stability_kind"  # icc or rsd: which limit the stability is held against
NOT_DESCRIBED = "annotation"  # a feature that a dictionary forgot never reaches a classifier


@dataclass
class Collected:
    """Usable rows {patient: {feature: value}} (a row of a whole table stays a Series: a dict of 3,000
    features takes ten times its memory), and (verdict, reasons) of every patient."""

    rows: dict[str, dict[str, float] | pd.Series] = field(default_factory=dict)
    verdicts: dict[str, tuple[str, list[str]]] = field(default_factory=dict)

    def add(self, patient: str, features, verdict: str, reasons: list[str]):
        """Keep a row (dict or Series) unless it failed or is empty."""
        values = features.to_numpy() if isinstance(features, pd.Series) else features.values()
        has_value = any(not math.isnan(value) for value in values)
        if verdict != "fail" and not has_value:
            verdict, reasons = "missing", [*reasons, "no feature could be measured"]
        self.verdicts[patient] = (verdict, reasons)
        if verdict in ("pass", "warn"):
            self.rows[patient] = features
        else:
            self.rows.pop(patient, None)


def collect_rows(rows: list[str], statuses: list[str], block: str) -> Collected:
    """Rows and verdicts that the per-patient chains left; the folder's name is the patient."""
    found = Collected()
    for row, status in zip(rows, statuses, strict=True):
        verdict, reasons = read_status(status, block)
        found.add(Path(row).parent.name, read_row(row, block), verdict, reasons)
    return found


def collect_table(table: pd.DataFrame, verdicts: pd.DataFrame, block: str) -> Collected:
    """Rows and verdicts of a domain that makes its table for the whole cohort in one step."""
    found = Collected()
    own = verdicts[verdicts["block"] == block] if "block" in verdicts else verdicts
    for line in own.to_dict("records"):
        reasons = split_reasons(line["reasons"])
        features = table.loc[line["patient_id"]] if line["patient_id"] in table.index else {}
        found.add(line["patient_id"], features, line["verdict"], reasons)
    for patient in table.index.difference(own["patient_id"]):
        found.add(patient, table.loc[patient], "pass", [])
    return found


def add_ready_made(found: Collected, table: pd.DataFrame) -> list[str]:
    """Add the rows of a ready-made table; raw files win. Returns patients who have both."""
    both = sorted(set(table.index) & set(found.verdicts))
    for patient in table.index.difference(both):
        found.add(patient, table.loc[patient], "pass", [])
    for patient in both:
        verdict, reasons = found.verdicts[patient]
        found.verdicts[patient] = (verdict, [*reasons, "ready-made row not used: raw files win"])
    return both


def exclude_custody(found: Collected, exclusions: pd.DataFrame, modality: str) -> list[dict]:
    """Drop rows whose sample chain failed. Returns the exclusions that acted."""
    acted = []
    for line in exclusions.to_dict("records"):
        if line["modality"] == modality and line["patient_id"] in found.rows:
            reason = f"sample {line['sample_id']}: {line['reason']} ({line['requirement_id']})"
            found.add(line["patient_id"], {}, "fail", [reason])
            acted.append(line)
    return acted


def add_given_up(found: Collected, given_up: dict[str, str]) -> None:
    """Patients whose jobs were given up fail with that reason, whatever else there is of them."""
    for patient, reason in sorted(given_up.items()):
        found.add(patient, {}, "fail", [f"given up: {reason}"])


def restrict(found: Collected, admitted: list[str], barred: list[str]) -> list[str]:
    """Keep admitted patients only and give each a verdict. Returns patients dropped by consent."""
    dropped = sorted(set(found.rows) & set(barred))
    found.rows = {p: row for p, row in found.rows.items() if p in set(admitted)}
    verdicts = {p: found.verdicts.get(p, ("missing", ["not measured"])) for p in admitted}
    verdicts |= {p: ("missing", ["outside the scope of the consent"]) for p in barred}
    found.verdicts = verdicts
    return dropped


def record_strangers(step, block: str, people: dict[int, str], patients: str) -> None:
    """QC record of rows of a ready-made table, {line of the file: patient_id}, that belong to nobody in the patients sheet.

    Their ids may say too much, so only the lines are named."""
    known = {row["patient_id"] for row in read_sheet(patients, "patients").rows}
    lines = [line for line, patient in people.items() if patient not in known]
    if not lines:
        return
    shown = ", ".join(map(str, lines[:5])) + (" ..." if len(lines) > 5 else "")
    text = (
        f"{len(lines)} rows of features/{block}.tsv have a patient_id that is not in patients.tsv"
    )
    text += f" and are not used: row {shown}"
    step.check("", "ids of the table are known", "WARN", value=len(lines), reason=text, acts=False)
    step.log.warning("%s", text)


def to_table(rows: dict[str, dict[str, float] | pd.Series], order: list[str]) -> pd.DataFrame:
    """Rows as float64 table, patients sorted; described features first, in their order."""
    patients = sorted(rows)
    # Rows of one table share their index: names and places are looked up once.
    shared = {id(r.index): r.index for r in rows.values() if isinstance(r, pd.Series)}
    names = {name for index in shared.values() for name in index}
    names |= {name for row in rows.values() if isinstance(row, dict) for name in row}
    columns = [n for n in order if n in names] + sorted(names - set(order))
    place = {name: number for number, name in enumerate(columns)}
    places = {key: [place[name] for name in index] for key, index in shared.items()}
    values = np.full((len(patients), len(columns)), np.nan)
    for line, patient in enumerate(patients):
        row = rows[patient]
        if isinstance(row, pd.Series):
            values[line, places[id(row.index)]] = row.to_numpy()
        else:
            for name, value in row.items():
                values[line, place[name]] = value
    return pd.DataFrame(values, index=patients, columns=columns)


def merge_dictionary(
    features: list[str], own: pd.DataFrame, ready: pd.DataFrame, stability: pd.DataFrame
) -> tuple[pd.DataFrame, list[str]]:
    """Dictionary of a block's features; the domain's description wins over the ready-made one.

    Without any dictionary every feature is a predictor; where one exists, a feature that it does
    not describe becomes an annotation. Returns the dictionary and the features not described.
    """
    described = pd.concat([own, ready]).drop_duplicates("feature").set_index("feature")
    forgotten = [name for name in features if len(described) and name not in described.index]
    table = described.reindex(features).reindex(
        columns=["description", "unit", "role", "stability", "stability_kind", "source"]
    )
    default = "predictor" if described.empty else NOT_DESCRIBED
    table["role"] = table["role"].fillna(default)
    if "stability" in stability:
        measured = stability.drop_duplicates("feature").set_index("feature")["stability"]
        measured = measured.reindex(features).replace("", None)
        table["stability"] = measured.fillna(table["stability"])
        if "kind" in stability:
            kind = stability.drop_duplicates("feature").set_index("feature")["kind"]
            table["stability_kind"] = kind.reindex(features).where(measured.notna())
    table.index.name = "feature"
    return table.fillna(""), forgotten


def write_tsv(path: Path, table: pd.DataFrame) -> None:
    """Write a table as TSV with short numbers and without index."""
    table.to_csv(path, sep="\t", index=False, float_format="%.6g", lineterminator="\n")


def _record(step, job, found, dropped, both, acted, forgotten) -> None:
    block = job.wildcards.block
    for patient, reason in sorted(job.params.given_up.items()):
        text = f"{block}: given up: {reason}"
        step.check("", "block computed", "FAIL", reason=text, acts=False, subject=patient)
    for line in acted:
        text = f"{block}: sample {line['sample_id']}: {line['reason']}"
        step.check(
            line["requirement_id"],
            "sample chain allows the row",
            "FAIL",
            reason=text,
            acts=False,
            subject=line["patient_id"],
        )
    if dropped:
        step.check(
            "ETH-02",
            "ready-made rows outside the consent dropped",
            "WARN",
            value=len(dropped),
            unit="patients",
            reason=f"{len(dropped)} rows of {block} dropped: outside the scope of the consent",
        )
    if both:
        text = f"{len(both)} patients have raw files and a ready-made row; raw files used"
        step.check("CLE-05", "one source per row", "WARN", value=len(both), reason=text)
    if forgotten:
        text = f"{len(forgotten)} features without description; they are not used as predictors"
        step.check("CLE-04", "features described", "WARN", value=len(forgotten), reason=text)
    if not job.params.domain:
        step.check(
            "ETH-02",
            "domain of the block known",
            "NOT_ASSESSED",
            reason=f"block {block} belongs to no known domain; only the base consent was checked",
        )
    counts = dict.fromkeys(("pass", "warn", "fail", "missing"), 0)
    for verdict, _ in found.verdicts.values():
        counts[verdict] += 1
    step.log.info("%s: %s", block, counts)


def main(job):
    """Collect one block of one role.

    input: rows, statuses, table, table_verdicts, ready, ready_dictionary, dictionary, stability,
           exclusions (each a list of paths, all optional)
    output: table, dictionary, verdicts, status, ledger
    params: modality, domain, admitted, barred (lists of patient_id), given_up {patient_id: reason},
            patients (the frozen sheet)
    """
    with core_job.step(job) as step:
        block = job.wildcards.block

        def given(name: str) -> list[str]:
            value = job.input.get(name, [])
            return [value] if isinstance(value, str) else list(value)

        found = collect_rows(given("rows"), given("statuses"), block)
        for table, verdicts in zip(given("table"), given("table_verdicts"), strict=True):
            found = collect_table(
                blocks.read_made_table(table), blocks.read_verdicts(verdicts), block
            )
        ready = [blocks.read_ready_table(path) for path in given("ready")]
        for table, lines in ready:
            record_strangers(
                step, block, dict(zip(lines, table.index, strict=True)), job.params.patients
            )
        both = [p for table, _ in ready for p in add_ready_made(found, table)]
        acted = [
            line
            for path in given("exclusions")
            for line in exclude_custody(found, blocks.read_tsv(path), job.params.modality)
        ]
        add_given_up(found, job.params.given_up)
        dropped = restrict(found, list(job.params.admitted), list(job.params.barred))
        parts = {}
        for name in ("dictionary", "ready_dictionary", "stability"):
            read = blocks.read_tsv if name == "stability" else blocks.read_dictionary
            parts[name] = next(
                (read(path) for path in given(name)), pd.DataFrame(columns=["feature"])
            )
        order = list(parts["dictionary"]["feature"]) + list(parts["ready_dictionary"]["feature"])
        table = to_table(found.rows, order)
        described, forgotten = merge_dictionary(list(table.columns), *parts.values())
        described["missing_fraction"] = table.isna().mean()
        _record(step, job, found, dropped, both, acted, forgotten)
        write_block(step.path(job.output.table), table)
        write_tsv(
            step.path(job.output.dictionary), described.reset_index()[[*DICTIONARY_COLUMNS, KIND]]
        )
        verdicts = pd.DataFrame(
            [[p, block, v, join_reasons(r)] for p, (v, r) in sorted(found.verdicts.items())],
            columns=VERDICT_COLUMNS,
        )
        write_tsv(step.path(job.output.verdicts), verdicts)


if __name__ == "__main__":
    core_job.entry(main, globals().get("snakemake"))
