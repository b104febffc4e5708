"""A typed sheet of new patients: its clinical values become features by the code that made those of training.

In: the sheet (docs/modelling.md, "Prediction"), the locked bundle with its dictionary, unit table and settings. Out: the clinical
features of every patient in the units of the bundle, and how each value was read. Source: scripts/clinical/clean_labs.py
(values and units), clinical_features.py (logs, codes, indices).
"""

import json
import math
from pathlib import Path

import numpy as np
import pandas as pd

from scripts.clinical.build_clinical_table import declared_factors, feature_table
from scripts.clinical.choose_values import mark_used, wide_table
from scripts.clinical.clean_labs import clean
from scripts.clinical.clinical_features import INDICES
from scripts.clinical.lab_sheet import COLUMNS
from scripts.clinical.terminology import Dictionary, Units
from scripts.clinical.typed_names import BLOCK, TypedNames, read_fields
from scripts.clinical.typed_values import AETIOLOGIES, Typed, TypedReader, aetiology_of
from scripts.clinical.upper_limits import possible_limits
from scripts.core import job as core_job
from scripts.core.locked_bundle import REFERENCES, BundleError, folder_of, read_manifest, verify
from scripts.core.sheets import Problem, SheetErrors
from scripts.core.typed_sheet import TypedSheet, read_typed

TABLES = ("clinical.variables", "clinical.units")
# Columns of `index_inputs` that stand for another variable or field.
_STANDS_FOR = {
    "crea_mg": ("crea",),
    "tbil_mg": ("tbil",),
    "alb_g_dl": ("alb",),
    "dcp_ng": ("dcp", "pivka2"),
    "hbv_copies": ("hbv_dna", "hbv_dna_copies"),
}
TYPED_DIFFERS = 0.01  # a typed index further than this share from the computed one is told of


def rescaled(values: pd.Series, ours: str, theirs: str, variable, units: Units) -> pd.Series | None:
    """A feature in the unit of the bundle; None where it is not known how. ours : the unit that the chain gives."""
    if ours == theirs or {ours, theirs} <= {"1"}:
        return values
    if variable is None or not theirs:
        return None
    power = theirs.startswith("log10(") and theirs.endswith(")")
    inner = theirs[6:-1] if power else theirs
    conversion = units.conversion(variable, inner)
    if conversion.action or conversion.becomes or not inner:
        return None
    plain = 10.0**values if ours.startswith("log10(") else values
    scaled = plain / conversion.factor
    return np.log10(scaled) if power else scaled


def wanted_names(features: list[dict]) -> set[str]:
    """Variables, fields and indices that can change a feature of the model: the features and the inputs of its indices."""
    names = {entry["feature"] for entry in features}
    for index in INDICES:
        if index.name in names:
            for name in index.inputs:
                names |= {name.removesuffix("_points"), *_STANDS_FOR.get(name, ())}
    return names


def typed_rows(typed: Typed) -> pd.DataFrame:
    """Laboratory rows in the form of lab_sheet.read_labs."""
    table = {c: pd.Categorical([row[c] for row in typed.labs]) for c in COLUMNS}
    return pd.DataFrame(table).assign(line=[row["line"] for row in typed.labs])


def cleaned(
    typed: Typed, patients: list[str], dictionary: Dictionary, units: Units, settings: dict
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Values and upper limits (patients x variables), and the cleaned rows."""
    if not typed.labs:
        empty = pd.DataFrame(index=pd.Index(patients, name="patient_id"))
        return empty, empty, pd.DataFrame()
    raw = typed_rows(typed)
    labs, _ = clean(raw, dictionary, units, as_of="", lod_divisor=settings["lod_divisor"])
    labs, _ = possible_limits(labs, raw, dictionary, units, settings["uln"], settings["uln_fold"])
    nobody = pd.Series(pd.NaT, index=patients)
    labs = mark_used(labs, nobody, nobody, settings["window_days"])
    values, uln = (wide_table(labs, column, patients) for column in ("value", "uln"))
    return values, uln, labs


def person_table(typed: Typed, patients: list[str]) -> pd.DataFrame:
    """Fields of the persons as build_clinical_table.read_persons gives them."""
    rows = {}
    for patient in patients:
        own = dict(typed.fields.get(patient, {}))
        aetiology, _ = aetiology_of(own)
        for name in AETIOLOGIES:
            own.pop(f"aetiology_{name}", None)
        rows[patient] = own | {"aetiology": aetiology, "diagnosis": "unknown", "role": "new"}
    person = pd.DataFrame.from_dict(rows, orient="index").reindex(patients)
    for column in ("age", "sex"):
        if column not in person:
            person[column] = np.nan
    person["age"] = pd.to_numeric(person["age"])
    person[["sex", "aetiology"]] = person[["sex", "aetiology"]].astype(object)
    return person.rename_axis("patient_id")


def features_of(
    typed: Typed, patients: list[str], dictionary: Dictionary, units: Units, settings: dict
) -> tuple[pd.DataFrame, dict[str, str], pd.DataFrame, dict[str, list[str]]]:
    """Features as the chain gives them, their units, the cleaned laboratory rows, and notes on typed indices."""
    values, uln, labs = cleaned(typed, patients, dictionary, units, settings)
    person = person_table(typed, patients)
    table, described, *_ = feature_table(values, uln, person, dictionary, settings)
    about = {feature.feature: feature.unit for feature in described}
    for patient in patients:
        _, known = aetiology_of(typed.fields.get(patient, {}))
        for name in set(AETIOLOGIES) - known:
            if f"aetiology_{name}" in table:
                table.loc[patient, f"aetiology_{name}"] = np.nan
    notes: dict[str, list[str]] = {}
    for patient, indices in typed.indices.items():
        for name, number in indices.items():
            about.setdefault(name, next(i.unit for i in INDICES if i.name == name))
            computed = table.loc[patient, name] if name in table else math.nan
            if math.isnan(computed):
                table.loc[patient, name] = number
            elif abs(number - computed) > TYPED_DIFFERS * max(abs(computed), 1e-6):
                text = f"{name} was typed as {number:.6g}; {computed:.6g} follows from the typed values and counts"
                notes.setdefault(patient, []).append(text)
    return table, about, labs, notes


def problems_of(file: str, typed: Typed, labs: pd.DataFrame) -> list[Problem]:
    """One problem for each laboratory value that cannot be used; a unit in a header is one mistake for all its rows."""
    found: dict[tuple, Problem] = {}
    if labs.empty:
        return []
    bad = np.flatnonzero((labs["status"] == "quarantined").to_numpy())
    for i in bad.tolist():
        entry, row = typed.labs[i]["entry"], labs.iloc[i]
        of_unit = row["requirement_id"] == "CLE-03" and entry.column == entry.name
        key = (entry.column, row["reason"]) if of_unit else (entry.column, i)
        line = 1 if of_unit else entry.line
        shown = entry.name if of_unit else f"{row['value_raw']} {row['unit_raw']}".strip()
        name = "" if entry.column == entry.name else f"{entry.name}: "
        found.setdefault(key, Problem(file, line, entry.column, shown, f"{name}{row['reason']}"))
    return list(found.values())


def reading_of(typed: Typed, labs: pd.DataFrame) -> tuple[dict, dict[str, list[str]]]:
    """{patient: {name: {typed, value, unit, censor}}} of values that are used, and notes on how some were read."""
    shown: dict[str, dict] = {}
    notes: dict[str, list[str]] = {}
    for (patient, name), text in typed.texts.items():
        shown.setdefault(patient, {})[name] = {"typed": text}
    for i in range(len(labs)):
        row = labs.iloc[i]
        patient, status = str(row["patient_id"]), row["status"]
        if status in ("ok", "repaired") and row["used"]:
            own = shown.setdefault(patient, {}).setdefault(str(row["variable"]), {})
            own |= {"value": float(row["value"]), "censor": str(row["censor"])}
        else:
            shown.get(patient, {}).pop(str(row["variable"]), None)
        name = typed.labs[i]["entry"].name
        if status == "repaired" or status == "missing" and row["reason"] != "not measured":
            notes.setdefault(patient, []).append(f"{name} {status}: {row['reason']}")
    return shown, notes


def convert(
    sheet: TypedSheet, features: list[dict], folder: Path, settings: dict
) -> tuple[pd.DataFrame, dict]:
    """Clinical features of the patients (in the bundle's units) and the reading (JSON).

    features : entries of bundle.json of the clinical block; folder : references/tables of the bundle; settings : section
    `clinical` of the manifest
    """
    variables, unit_table = (next(folder.glob(f"{name}.*")) for name in TABLES)
    dictionary = Dictionary.read(variables)
    units = Units.read(unit_table, declared_factors(settings))
    wanted = wanted_names(features) | set(read_fields()[0])
    typed = TypedReader(sheet, TypedNames(dictionary, units), wanted).read()
    patients = sorted(set(sheet.patients))
    table, about, labs, notes = features_of(typed, patients, dictionary, units, settings)
    shown, said = reading_of(typed, labs)
    for patient, texts in said.items():
        notes[patient] = [*texts, *notes.get(patient, [])]
    for entry in features:
        name = entry["feature"]
        if name in table:
            variable = dictionary.variables.get(name)
            values = rescaled(table[name], about[name], entry["unit"], variable, units)
            table = table.drop(columns=name) if values is None else table.assign(**{name: values})
    reading = {
        "columns": typed.consumed,
        "unused": typed.unused,
        "typed": typed.typed,
        "values": shown,
        "notes": notes,
        "problems": [
            [p.row, p.column, p.value, p.allowed]
            for p in [*typed.problems, *problems_of(sheet.file, typed, labs)]
        ],
    }
    return table.dropna(how="all").astype(float).rename_axis("patient_id"), reading


def main(job):
    """Read the clinical values of a typed sheet.

    input: new (the sheet), lock
    output: table (Parquet: patients x clinical features in the units of the bundle), reading (JSON), ledger-free
    params: lock, named, bundles (scripts/core/locked_bundle.folder_of)
    """
    with core_job.step(job) as step:
        params = job.params
        table, reading = pd.DataFrame().rename_axis("patient_id"), {"columns": [], "problems": []}
        try:
            folder = folder_of(params.lock, params.named, params.bundles)
            if folder is None:
                raise core_job.Refused("nothing to predict with: no model is locked")
            verify(folder)
            sheet = read_typed(
                job.input.new if isinstance(job.input.new, str) else job.input.new[0]
            )
        except (BundleError, SheetErrors) as error:
            raise core_job.Refused(f"no patient was scored: {error}") from None
        description = json.loads((folder / "bundle.json").read_text(encoding="utf-8"))
        features = [e for e in description["features"] if e["block"] == BLOCK]
        settings = read_manifest(folder).get("settings", {}).get(BLOCK)
        if features and settings and sheet.patients:
            tables = folder / REFERENCES / "tables"
            table, reading = convert(sheet, features, tables, settings)
        else:
            step.log.info("nothing clinical to convert: the columns are taken as they stand")
        table.to_parquet(step.path(job.output.table))
        text = json.dumps(reading, sort_keys=True, indent=1, ensure_ascii=False) + "\n"
        step.path(job.output.reading).write_text(text, encoding="utf-8")
        step.log.info("%d clinical columns, %d features", len(reading["columns"]), table.shape[1])


if __name__ == "__main__":
    core_job.entry(main, globals().get("snakemake"))
