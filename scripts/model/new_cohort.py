"""In: a job with a typed sheet of new patients, or the collected blocks of their folder. Out: the cohort without labels, how
typed values were read, or one refusal that says what is wrong and what lacks.
Source: docs/modelling.md, "Prediction".
"""

import pandas as pd

from scripts.core import job as core_job
from scripts.core.sheets import SheetErrors, read_sheet
from scripts.model import bundle, coverage
from scripts.model.cohort_tables import Cohort, read_external
from scripts.model.new_sheet import CLINICAL, read_new, read_reading

SHOWN = 12  # problems of a sheet


class RefusedInput(core_job.Refused):
    """New patients cannot be scored; the message says where and what to do."""


def given(job, name: str) -> list[str]:
    """Input files of a name; [] when the rule has none."""
    paths = job.input.get(name, [])
    return [paths] if isinstance(paths, str) else list(paths)


def read_folder(job, description: dict) -> Cohort:
    """New patients of a folder of sheets: the collected blocks that the model uses. BundleError for another unit."""
    paths, sheet = given(job, "tables"), given(job, "patients")[0]
    admitted = set(job.params.admitted)
    rows = [r for r in read_sheet(sheet, "patients").rows if r["patient_id"] in admitted]
    obs = pd.DataFrame(rows).set_index("patient_id").sort_index()
    cohort = read_external(obs, dict(zip(job.params.blocks, paths, strict=True)))
    bundle.check_units(description, cohort.dictionaries)
    return cohort


def not_used(paths: list[str], patients) -> pd.Series:
    """Why blocks of a patient are missing, from the tables of verdicts."""
    found: dict[str, list[str]] = {patient: [] for patient in patients}
    for path in paths:
        table = pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False)
        for line in table.to_dict("records"):
            if line["verdict"] not in ("pass",) and line["patient_id"] in found:
                text = f"{line['block']} {line['verdict']}: {line['reasons']}"
                found[line["patient_id"]].append(text)
    return pd.Series({p: " | ".join(texts) for p, texts in found.items()}, dtype=object)


def read_as(reading: dict, patients) -> list[str]:
    """What has to be said of how typed values of each patient were read, " | " between."""
    notes = reading.get("notes", {})
    unused = reading.get("unused", [])
    said = [f"not used by the model: {', '.join(unused)}"] if unused else []
    return [" | ".join([*notes.get(str(patient), []), *said]) for patient in patients]


def read_patients(job, model, description: dict) -> tuple[Cohort, dict]:
    """The new patients and the reading of their sheet; RefusedInput with every problem of it, and what lacks in it."""
    reading: dict = {"columns": [], "problems": []}
    try:
        if not given(job, "new"):
            return read_folder(job, description), reading
        clinical = None
        if given(job, "reading"):
            clinical = pd.read_parquet(given(job, "clinical")[0])
            reading = read_reading(given(job, "reading")[0])
        return read_new(given(job, "new")[0], description, clinical, reading), reading
    except SheetErrors as errors:
        shown = list(map(str, errors.problems[:SHOWN]))
        more = len(errors.problems) - len(shown)
        shown += [f"and {more} more problems"] * (more > 0)
        shown += what_lacks(model, getattr(errors, "cohort", None), reading)
        raise RefusedInput("no patient was scored: " + " | ".join(shown)) from None
    except bundle.BundleError as error:
        raise RefusedInput(f"no patient was scored: {error}") from None


def what_lacks(model, cohort: Cohort | None, reading: dict) -> list[str]:
    """Of a sheet that is refused: what its patients would lack even if it were right; the first SHOWN sentences."""
    if cohort is None or cohort.obs.empty:
        return []
    tables = dict(cohort.tables)
    table = tables.get(CLINICAL, pd.DataFrame()).reindex(cohort.obs.index)
    for patient, names in reading.get("typed", {}).items():
        for name in names:  # typed, although it could not be read: not missing
            if name not in table or pd.isna(table.loc[patient, name]):
                table.loc[patient, name] = 0.0
    tables[CLINICAL] = table
    lines = coverage.coverage(model, Cohort(cohort.obs, tables, {})).reset_index()
    usable = lines.groupby("patient_id")["usable"].sum()
    least = min(int(model.settings["minimum_blocks"]), len(model.blocks))
    found = [
        f"{line['patient_id']}: {coverage.sentence(line)}"
        for line in lines.to_dict("records")
        if usable[line["patient_id"]] < least and not line["usable"] and line["measured"]
    ]
    return found[:SHOWN]
