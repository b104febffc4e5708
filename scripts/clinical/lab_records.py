"""QC records of the clinical table: every cell that was not simply taken over leaves a line that an
auditor can follow.

In: cleaned rows, the values that count, persons. Out: records through Step.check, subjects are
patients or the cohort.
Source: requirements CLE-01 to CLE-06, CLN-05 to CLN-07, TRF-01, TRF-02.
"""

import functools

import numpy as np
import pandas as pd

from scripts.clinical import choose_values, lab_evidence
from scripts.clinical.clinical_features import INDICES
from scripts.clinical.drawn_before_consent import REQUIREMENT as CONSENT
from scripts.clinical.terminology import Dictionary

BLOCK = "clinical"


def record_all(
    step, labs, values, person, table, reasons, dictionary: Dictionary, settings
) -> None:
    """Write all records of the block `clinical`. None of them stops the step: verdicts of patients
    are a table of their own."""
    with step.block(BLOCK):
        _cells(step, labs)
        _unknown_analytes(step, labs)
        _counts_per_patient(step, labs)
        _variables(step, values, settings)
        _core_panel(step, values, settings)
        _contradictions(step, labs, values, person)
        _outliers(step, values, dictionary, settings)
        note = functools.partial(_note, step)
        lab_evidence.record_rows(note, labs, person, dictionary)
        _indices(note, table, reasons)
        _whole(step, labs, values, settings)


def record_upper_limits(
    step,
    labs: pd.DataFrame,
    said: np.ndarray,
    unused: list[tuple[str, str, int, int, str]],
    limited: list[str],
) -> None:
    """One WARN per analyte and filled `uln` cell that is not used (`unused`, see upper_limits.py), and how many rows of the
    analytes in `limited` say their limit (`said`: filled cells): for the others indices take that of the config."""
    check = "upper limits of normal can be read"
    with step.block(BLOCK):
        for analyte, cell, line, size, reason in unused:
            text = f"labs.tsv row {line}: {analyte} uln {cell}: {reason}; the limit of the config counts"
            _note(step, "TRF-02", check, "WARN", value=size, unit="rows", reason=text)
        note = functools.partial(_note, step)
        lab_evidence.record_upper_limits(note, labs, said, limited)


def _note(step, requirement, check, verdict, subject="cohort", **more) -> None:
    step.check(requirement, check, verdict, subject=subject, acts=False, **more)


def _cells(step, labs: pd.DataFrame) -> None:
    """One record per cell in quarantine (FAIL) or repaired (WARN)."""
    noted = labs[
        labs["status"].isin(["repaired", "quarantined"])
        & ~labs["requirement_id"].isin(["CLE-04", CONSENT]).to_numpy()
    ]
    columns = ["patient_id", "analyte", "variable", "value_raw", "unit_raw", "status"]
    columns += ["requirement_id", "reason", "line", "value"]
    for row in noted[columns].astype(object).itertuples(index=False):
        fixed = row.status == "repaired"
        _note(
            step,
            row.requirement_id,
            f"{row.variable or row.analyte} can be used",
            "WARN" if fixed else "FAIL",
            row.patient_id,
            value=row.value_raw,
            unit=row.unit_raw,
            threshold=f"taken as {row.value:g}" if fixed else "",
            reason=f"labs.tsv row {row.line}: {row.analyte} {row.value_raw} {row.unit_raw}: {row.reason}",
        )


def _unknown_analytes(step, labs: pd.DataFrame) -> None:
    unknown = labs.loc[(labs["variable"] == "").to_numpy(), "analyte"].astype(str).value_counts()
    for name, count in sorted(unknown.items()):
        text = f"{name!r} is not in the variable dictionary; {count} rows in quarantine"
        _note(
            step, "CLE-04", "analyte is known", "WARN", value=int(count), unit="rows", reason=text
        )
    if unknown.empty:
        verdict = "PASS" if len(labs) else "NOT_ASSESSED"
        _note(step, "CLE-04", "analyte is known", verdict, value=len(labs), unit="rows")


def _counts_per_patient(step, labs: pd.DataFrame) -> None:
    """Rows not measured, repeated, outside the window, without a readable limit: one record per
    patient."""
    kinds = [
        ("CLE-01", "rows with a value", labs["status"] == "missing", "not measured"),
        ("CLE-05", "rows stand once", labs["status"] == "duplicate", "exact duplicate rows"),
        (
            "CLN-06",
            "rows inside the window",
            labs["outside_window"] & labs["date"].notna(),
            "outside the window or treated",
        ),
        (
            "CLN-06",
            "rows of treated patients have a date",
            labs["outside_window"] & labs["date"].isna(),
            "without a date may be from after the treatment and do not count; write the date",
        ),
    ]
    for requirement, check, mask, text in kinds:
        found = labs[np.asarray(mask)]
        grouped = found.groupby("patient_id", observed=True)["analyte"]
        for patient, names in grouped:
            shown = ", ".join(dict.fromkeys(map(str, names.head(6))))
            reason = f"{len(names)} rows {text}: {shown}"
            _note(
                step,
                requirement,
                check,
                "WARN",
                patient,
                value=len(names),
                unit="rows",
                reason=reason,
            )
        if found.empty:
            judged = _judged(requirement, check, labs)
            verdict = "PASS" if judged else "NOT_ASSESSED"
            text = "" if judged else "no row could be judged"
            _note(step, requirement, check, verdict, value=judged, unit="rows", reason=text)
    for row in choose_values.near_duplicates(labs).astype(object).itertuples(index=False):
        text = f"{row.n} different values of {row.variable} on one day; the first row counts"
        _note(
            step,
            "CLE-05",
            "one value a day",
            "WARN",
            str(row.patient_id),
            value=int(row.n),
            reason=text,
        )


def _judged(requirement: str, check: str, labs: pd.DataFrame) -> int:
    """Rows that a check of `_counts_per_patient` could look at: all, those with a value, those with days to compare."""
    if requirement == "CLE-01":
        return len(labs)
    rows = lab_evidence.measured(labs)
    if requirement == "CLN-06":
        return int(rows["days" if check == "rows inside the window" else "date"].notna().sum())
    return len(rows)


def _variables(step, values: pd.DataFrame, settings: dict) -> None:
    limits = settings["variable_missing"]
    for name, share in values.isna().mean().sort_index().items():
        verdict = "WARN" if share > limits["warn"] else "PASS"
        drop = share > limits["drop"]
        text = f"{name}: {share:.0%} missing" + ("; dropped by the models" if drop else "")
        _note(
            step, "CLE-01", f"missing share of {name}", verdict,
            value=float(share), unit="1", threshold=f"<= {limits['warn']}", reason=text,
        )  # fmt: skip


def _core_panel(step, values: pd.DataFrame, settings: dict) -> None:
    core = settings["core_panel"]
    have = values.reindex(columns=core).notna()
    share = have.mean(axis=1)
    for patient, fraction in share.items():
        good = fraction >= settings["core_fraction"]
        gone = [] if good else [name for name in core if not have.loc[patient, name]]
        _note(
            step, "CLN-05", "core panel measured", "PASS" if good else "FAIL", patient,
            value=float(fraction), unit="1", threshold=f">= {settings['core_fraction']}",
            reason=f"missing: {', '.join(gone)}" if gone else "",
        )  # fmt: skip


def _contradictions(step, labs, values, person) -> None:
    broken = choose_values.broken_rules(values)
    for patient, rule, value, limit in broken:
        text = f"{rule}: {value:g} against {limit:g}; both kept, one of them is wrong"
        _note(
            step,
            "CLE-06",
            rule,
            "FAIL",
            patient,
            value=value,
            threshold=f"<= {limit:g}",
            reason=text,
        )
    if not broken:
        lab_evidence.record_pairs(functools.partial(_note, step), values)
    for patient, first in choose_values.same_profiles(values, person):
        text = f"age, sex and every laboratory value equal those of {first}"
        _note(step, "CLE-05", "patient stands once", "WARN", patient, value=first, reason=text)


def _outliers(step, values, dictionary: Dictionary, settings) -> None:
    soft = {name: variable.soft for name, variable in dictionary.variables.items()}
    for patient, name, value, why in choose_values.outliers(values, soft, settings["outlier_z"]):
        text = f"{name} {value:g}: {why}; rare but possible, kept"
        unit = dictionary.variables[name].unit
        _note(
            step,
            "CLE-02",
            f"{name} is plausible",
            "WARN",
            patient,
            value=value,
            unit=unit,
            reason=text,
        )


def _indices(note, table: pd.DataFrame, reasons: pd.DataFrame) -> None:
    gone: dict[str, list[str]] = {}
    for patient, name in zip(reasons["patient_id"], reasons["index"], strict=True):
        gone.setdefault(patient, []).append(name)
    lab_evidence.record_indices(note, table, gone, len(INDICES))


def _whole(step, labs: pd.DataFrame, values: pd.DataFrame, settings: dict) -> None:
    note, some = functools.partial(_note, step), len(lab_evidence.measured(labs))
    whole = "PASS" if some else "NOT_ASSESSED"
    with_unit = labs["requirement_id"] != "CLE-03"
    if with_unit.all():
        _note(step, "CLE-03", "units known and converted once", whole, value=some, unit="rows")
    if not (labs["requirement_id"] == "CLE-02").any():
        _note(step, "CLE-02", "values inside the hard range", whole, value=some, unit="rows")
    factors = ("afp_iu_factor", "pivka2_ng_per_mau", "hbv_copies_per_iu")
    for key in [k for k in factors if settings[k] and settings["factor_document"]]:
        document = settings["factor_document"]
        text = f"{key} {settings[key]:g} is declared by the site"
        _note(
            step,
            "CLE-03",
            "declared factor",
            "ATTESTED",
            value=settings[key],
            evidence=document,
            reason=text,
        )
    lab_evidence.record_limits(note, labs, settings["lod_divisor"])
    lab_evidence.record_bins(note, values, settings["bins"])
