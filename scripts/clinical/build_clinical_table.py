"""The clinical block of the cohort: laboratory rows cleaned, one value per patient, indices,
dictionary, verdicts.

In: labs, patients, history, pathology sheets, variable dictionary, unit table. Out: table and
verdicts of the block, every
laboratory row with raw and canonical value, reasons of missing indices, QC records. Source:
docs/clinical.md.
"""

import json
from pathlib import Path

import pandas as pd

from scripts.clinical import (
    clinical_features,
    column_records,
    drawn_before_consent,
    lab_doubts,
    lab_records,
)
from scripts.clinical.choose_values import mark_used, wide_table
from scripts.clinical.clean_labs import clean
from scripts.clinical.lab_sheet import read_labs
from scripts.clinical.terminology import Dictionary, Units
from scripts.clinical.upper_limits import possible_limits
from scripts.core import job as core_job
from scripts.core.features import (
    VERDICT_COLUMNS,
    Feature,
    join_reasons,
    write_block,
    write_dictionary,
)
from scripts.core.gate import age_of
from scripts.core.plan import load_plan
from scripts.core.sheets import read_sheet

BLOCK = "clinical"
_PERSON = ("age", "sex", "aetiology", "index_date", "diagnosis", "role", "centre")


def read_persons(
    patients: list[dict], history: list[dict], pathology: list[dict], admitted: list[str]
) -> pd.DataFrame:
    """One row per admitted patient (index patient_id): columns of patients, history and the latest
    pathology report.

    The aetiology of the patients sheet wins over that of the history sheet. Booleans become 0 and
    1, missing cells NaN. An age that is not said is that of birth_date at index_date.
    """
    patients = [row | {"age": age_of(row)} for row in patients]
    person = pd.DataFrame(patients).set_index("patient_id").reindex(admitted)
    person = person.reindex(columns=[*_PERSON])
    person["age"] = pd.to_numeric(person["age"])
    person["index_date"] = pd.to_datetime(person["index_date"])
    if history:
        own = pd.DataFrame(history).set_index("patient_id").reindex(admitted)
        if "aetiology" in own:
            person["aetiology"] = person["aetiology"].fillna(own.pop("aetiology"))
        for column in own:
            kinds = {type(value) for value in own[column].dropna()}
            person[column] = (
                own[column].astype(float) if kinds <= {bool, int, float} else own[column]
            )
    if pathology:
        reports = pd.DataFrame(pathology).reindex(columns=["patient_id", "report_date", "mvi"])
        reports = reports.dropna(subset=["mvi"]).sort_values("report_date", na_position="first")
        person["mvi"] = reports.groupby("patient_id")["mvi"].last().reindex(admitted)
    if "treatment_date" not in person:
        person["treatment_date"] = pd.NaT
    # Seconds, not nanoseconds: a filler such as 9999-12-31 means "never"
    person["treatment_date"] = person["treatment_date"].astype("datetime64[s]")
    person["aetiology"] = person["aetiology"].astype(object)
    return person


def feature_table(
    values: pd.DataFrame,
    uln: pd.DataFrame,
    person: pd.DataFrame,
    dictionary: Dictionary,
    settings: dict,
    censored: pd.DataFrame | None = None,
) -> tuple[pd.DataFrame, list[Feature], pd.DataFrame, pd.DataFrame]:
    """Features (patients x features, only those that anybody has), their dictionary, reasons of missing indices, and marks of
    indices that were made from values beyond a limit (`censored`, see `from_limits`)."""
    table, features = clinical_features.predictors(values, person, dictionary)
    inputs = clinical_features.index_inputs(values, uln, person, settings)
    computed, reasons = clinical_features.compute_indices(
        inputs, person["aetiology"], settings["hbv_indices"]
    )
    notes, described = clinical_features.annotations(
        values, person, computed["child_pugh"], settings["bins"], dictionary
    )
    censored = pd.DataFrame(index=values.index) if censored is None else censored
    marks, marked, remarks = clinical_features.from_limits(computed, censored)
    table = pd.concat([table, computed, marks, notes], axis=1).astype(float)
    features = [*features, *clinical_features.index_features(), *marked, *described]
    seen = [f for f in features if table[f.feature].notna().any()]
    return table[[f.feature for f in seen]], one_class_only(seen, table, person), reasons, remarks


def one_class_only(
    features: list[Feature], table: pd.DataFrame, person: pd.DataFrame
) -> list[Feature]:
    """Turn predictors that only one class of the development patients has into annotations: their
    presence is the label."""
    development = person["role"] == "development"
    cases = development & (person["diagnosis"] == "hcc")
    controls = development & (person["diagnosis"] != "hcc")
    out = []
    for feature in features:
        known = table[feature.feature].notna()
        lopsided = cases.any() and controls.any() and known[cases].any() != known[controls].any()
        if feature.role == "predictor" and lopsided:
            text = f"{feature.description}; measured in one class only"
            feature = Feature(feature.feature, text, feature.unit, "annotation", feature.source)
        out.append(feature)
    return out


def verdicts_of(
    labs: pd.DataFrame,
    values: pd.DataFrame,
    core: list[str],
    share_missing: float,
    whole_panel: bool = False,
) -> pd.DataFrame:
    """Verdict and reasons of every patient.

    missing: nothing measured; fail: more than `share_missing` of the core panel is missing (of
    those analytes that anybody in
    the cohort has; with `whole_panel` of the panel as it is, so that a new patient is judged alone as among others); warn: a
    cell was repaired or put in quarantine; else pass.
    """
    measured = [n for n in core if whole_panel or (n in values and values[n].notna().any())]
    panel = values.reindex(columns=measured)
    gap = panel.isna().mean(axis=1) if measured else pd.Series(0.0, values.index)
    nothing = values.isna().all(axis=1)
    noted = labs[labs["status"].isin(["repaired", "quarantined"])]
    noted = noted[noted["requirement_id"] != "CLE-04"]
    reasons: dict[str, list[str]] = {}
    for patient, analyte, status, reason in zip(
        noted["patient_id"], noted["analyte"], noted["status"], noted["reason"], strict=True
    ):
        reasons.setdefault(patient, []).append(f"{analyte} {status}: {reason}")
    rows = []
    for patient, share, none in zip(values.index, gap, nothing, strict=True):
        own = list(dict.fromkeys(reasons.get(patient, [])))
        if none:
            rows.append((patient, BLOCK, "missing", join_reasons([*own, "no laboratory value"])))
        elif share > share_missing:
            text = f"{share:.0%} of the core panel is missing"
            rows.append((patient, BLOCK, "fail", join_reasons([*own, text])))
        else:
            rows.append((patient, BLOCK, "warn" if own else "pass", join_reasons(own)))
    return pd.DataFrame(rows, columns=VERDICT_COLUMNS)


def missing_report(values: pd.DataFrame, person: pd.DataFrame) -> pd.DataFrame:
    """Share of missing values per variable and centre, with the whole cohort as centre "*"."""
    gone = values.isna()
    whole = (
        gone.mean().rename("missing_fraction").reset_index().assign(centre="*", patients=len(gone))
    )
    parts = [whole]
    for centre, rows in gone.groupby(person["centre"]):
        part = rows.mean().rename("missing_fraction").reset_index()
        parts.append(part.assign(centre=centre, patients=len(rows)))
    out = pd.concat(parts, ignore_index=True).rename(columns={"index": "variable"})
    out.columns = ["variable", "missing_fraction", "centre", "patients"]
    return out[["variable", "centre", "patients", "missing_fraction"]]


def _rows(paths) -> list[dict]:
    paths = [paths] if isinstance(paths, str) else list(paths or [])
    return [row for path in paths for row in read_sheet(path, Path(path).name.split(".")[0]).rows]


def declared_factors(settings: dict) -> dict[str, tuple[float, str]]:
    """Factors that a site declares, with the document behind them."""
    document = settings["factor_document"]
    return {"afp_iu_factor": (settings["afp_iu_factor"], document)}


def main(job):
    """Build the clinical table of all admitted patients.

    input: labs, patients, [consents], [history], [pathology], dictionary_table, units; output: table,
    verdicts, dictionary, labs, columns, indices, missing, status, ledger; params: settings, as_of, whole_panel (optional)
    """
    with core_job.step(job) as step:
        settings = job.params.settings
        plan = load_plan()
        admitted = sorted(p for p, entry in plan["patients"].items() if BLOCK in entry["domains"])
        dictionary = Dictionary.read(job.input.dictionary_table)
        units = Units.read(job.input.units, declared_factors(settings))
        person = read_persons(
            _rows(job.input.patients),
            _rows(job.input.get("history")),
            _rows(job.input.get("pathology")),
            admitted,
        )
        path = job.input.labs if isinstance(job.input.labs, str) else job.input.labs[0]
        raw, encoding = read_labs(path)
        in_sheet = len(raw)
        raw = raw[raw["patient_id"].isin(admitted)].reset_index(drop=True)
        raw["patient_id"] = raw["patient_id"].cat.remove_unused_categories()
        step.log.info("%d rows (%s), %d of admitted patients", in_sheet, encoding, len(raw))
        index = person["index_date"].dropna().dt.strftime("%Y-%m-%d").to_dict()
        labs, columns = clean(
            raw,
            dictionary,
            units,
            as_of=plan["as_of"],
            lod_divisor=settings["lod_divisor"],
            dates=settings["dates"],
            index_days=index,
            centre=person["centre"],
            columns=settings["unit_columns"],
            declared=settings["units"],
        )
        labs, unused = possible_limits(
            labs, raw, dictionary, units, settings["uln"], settings["uln_fold"]
        )
        days = (person["index_date"], person["treatment_date"], settings["window_days"])
        labs, concerned = mark_used(labs, *days, plan["as_of"]), {}
        consents = _rows(job.input.get("consents"))
        if consents:
            labs, concerned = drawn_before_consent.withhold(
                labs, _rows(job.input.patients), consents, plan["as_of"]
            )
            labs = mark_used(labs, *days, plan["as_of"]) if concerned else labs
        values = wide_table(labs, "value", admitted)
        uln = wide_table(labs, "uln", admitted)
        limits = labs.assign(limit=(labs["censor"] != "").astype(float))
        table, features, reasons, remarks = feature_table(
            values, uln, person, dictionary, settings, wide_table(limits, "limit", admitted)
        )
        labs = lab_doubts.marked(labs, values, dictionary, settings["outlier_z"])
        verdicts = verdicts_of(
            labs,
            values,
            settings["core_panel"],
            settings["patient_missing"],
            bool(getattr(job.params, "whole_panel", False)),
        )
        column_records.record(step, columns, settings)
        found = [column.as_record() for column in columns]
        step.path(job.output.columns).write_text(
            json.dumps(found, ensure_ascii=False, indent=1) + "\n", encoding="utf-8"
        )
        said = (raw["uln"] != "").to_numpy()
        lab_records.record_upper_limits(step, labs, said, unused, sorted(settings["uln"]))
        with step.block(BLOCK):
            drawn_before_consent.record(step, labs, concerned, bool(consents))
        lab_records.record_all(step, labs, values, person, table, reasons, dictionary, settings)
        if encoding != "utf-8":
            step.log.info("labs.tsv was read as %s", encoding)
        write_block(step.path(job.output.table), table)
        write_dictionary(step.path(job.output.dictionary), features)
        verdicts.to_csv(step.path(job.output.verdicts), sep="\t", index=False, lineterminator="\n")
        missing_report(values, person).to_csv(
            step.path(job.output.missing),
            sep="\t",
            index=False,
            float_format="%.4f",
            lineterminator="\n",
        )
        _write_parquet(step.path(job.output.labs), labs)
        _write_parquet(
            step.path(job.output.indices), pd.concat([reasons, remarks], ignore_index=True)
        )
        counts = labs["status"].value_counts().to_dict()
        step.log.info("rows by status %s; %d features", counts, table.shape[1])


def _write_parquet(path, table: pd.DataFrame) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.Table.from_pandas(table, preserve_index=False), path, compression="zstd")


if __name__ == "__main__":
    core_job.entry(main, globals().get("snakemake"))
