"""In: the lock, a sheet of new patients (patient_id, centre, block__feature columns). Out:
predictions.tsv.
Source: docs/modelling.md, "Prediction". Values are in the units of the bundle's feature list.
"""

import pandas as pd

from scripts.core import job as core_job
from scripts.core.sheets import SheetErrors, read_text_table
from scripts.model import class_performance, classes, locked
from scripts.model.cohort_tables import Cohort

COLUMNS = [
    "probability",
    "positive",
    "pattern",
    "calibrated_on",
    "out_of_range",
    "flags",
    "refused",
]


def read_new(path: str) -> Cohort:
    """New patients as a cohort without labels.

    Columns: patient_id, optionally centre, then block__feature; empty or NA = missing. A block that
    has no value for a patient counts as not measured. Raises InputDefect.
    """
    try:
        header, rows, lines, _ = read_text_table(path)
    except SheetErrors as error:
        raise core_job.InputDefect(str(error), check="sheet of new patients readable") from None
    if "patient_id" not in header:
        raise core_job.InputDefect("the sheet of new patients needs a column patient_id")
    table = pd.DataFrame(rows, columns=header, dtype=str).set_index("patient_id")
    if table.index.has_duplicates:
        twice = sorted(set(table.index[table.index.duplicated()]))
        raise core_job.InputDefect(f"patient_id twice: {', '.join(twice)}")
    odd = [c for c in table if "__" not in c and c != "centre"]
    if odd:
        raise core_job.InputDefect(
            f"unknown columns {', '.join(odd)}; allowed: patient_id, centre, block__feature"
        )
    values = table.drop(columns="centre", errors="ignore").replace({"": None, "NA": None})
    numbers = values.apply(pd.to_numeric, errors="coerce")
    wrong = numbers.isna() & values.notna()
    if wrong.to_numpy().any():
        row, column = next(zip(*wrong.to_numpy().nonzero(), strict=True))
        where = f"row {lines[row]}, column {values.columns[column]}"
        raise core_job.InputDefect(f"{where}: {values.iloc[row, column]!r} is not a number")
    tables: dict[str, pd.DataFrame] = {}
    for block in sorted({column.split("__", 1)[0] for column in numbers}):
        own = numbers[[c for c in numbers if c.split("__", 1)[0] == block]].astype(float)
        own.columns = [c.split("__", 1)[1] for c in own]
        tables[block] = own.dropna(how="all").sort_index()
    centre = table["centre"] if "centre" in table else pd.Series("", index=table.index)
    obs = pd.DataFrame({"centre": centre.fillna("")}).sort_index()
    return Cohort(obs, tables, {})


def predictions(model, description: dict, cohort: Cohort) -> pd.DataFrame:
    """What is written for every patient; of three or more classes a probability each and the most probable."""
    if "coupling" not in description:
        return locked.score(model, description, cohort)[COLUMNS].round(6)
    found = class_performance.call(classes.unpacked(model, description), description, cohort)
    names = description["outcome"]["classes"]
    columns = dict(zip(classes.probability_columns(names), names, strict=True))
    found = found.rename(columns={c: f"probability {name}" for c, name in columns.items()})
    probabilities = [f"probability {name}" for name in names]
    return found[["class", *probabilities, *COLUMNS[2:]]].round(6)


def main(job):
    """Score new patients with the locked bundle.

    input: new (sheet), lock
    output: predictions (TSV), ledger
    params: lock, named (content hash or empty), bundles
    """
    with core_job.step(job) as step:
        params = job.params
        cohort = read_new(job.input.new)
        model, description, lock = locked.open_lock(params.lock, params.named, params.bundles)
        if model is None:
            raise core_job.InputDefect(f"nothing to predict with: {lock['reason']}")
        known = {(entry["block"], entry["feature"]) for entry in description["features"]}
        given = {(block, column) for block, table in cohort.tables.items() for column in table}
        if not known & given:
            raise core_job.InputDefect(
                "no column of the sheet is a feature of the model; write them as block__feature"
            )
        scores = predictions(model, description, cohort)
        scores.insert(0, "bundle", lock["bundle"])
        refused = int((scores["refused"] != "").sum())
        step.log.info("%d scored, %d refused", len(scores) - refused, refused)
        step.check(
            "MOD-10",
            "predicted with a verified bundle",
            "PASS",
            value=len(scores) - refused,
            unit="patients",
            evidence=lock["bundle"],
        )
        scores.rename_axis("patient_id").to_csv(
            step.path(job.output.predictions), sep="\t", lineterminator="\n"
        )


if __name__ == "__main__":
    core_job.entry(main, globals().get("snakemake"))
