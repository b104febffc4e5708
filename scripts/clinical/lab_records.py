"""QC records of the clinical table: every cell that was not simply taken over leaves a line that an
auditor can follow.

In: cleaned rows, the values that count, persons. Out: records through Step.check, subjects are
patients or the cohort.
Source: requirements CLE-01 to CLE-06, CLN-05 to CLN-07, TRF-01, TRF-02.
"""

import numpy as np
import pandas as pd

from scripts.clinical import choose_values
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
        _indices(step, table, reasons)
        _whole(step, labs, settings)


def record_upper_limits(step, unused: list[tuple[str, str, int, int, str]], rows: int) -> None:
    """One WARN per analyte and filled `uln` cell that is not used (`unused`, see upper_limits.py): indices then take the limit
    of the config."""
    check = "upper limits of normal can be read"
    with step.block(BLOCK):
        for analyte, cell, line, size, reason in unused:
            text = f"labs.tsv row {line}: {analyte} uln {cell}: {reason}; the limit of the config counts"
            _note(step, "TRF-02", check, "WARN", value=size, unit="rows", reason=text)
        if not unused:
            _note(step, "TRF-02", check, "PASS", value=rows, unit="rows")


def _note(step, requirement, check, verdict, subject="cohort", **more) -> None:
    step.check(requirement, check, verdict, subject=subject, acts=False, **more)


def _cells(step, labs: pd.DataFrame) -> None:
    """One record per cell in quarantine (FAIL) or repaired (WARN)."""
    noted = labs[
        labs["status"].isin(["repaired", "quarantined"])
        & (labs["requirement_id"] != "CLE-04").to_numpy()
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
        _note(step, "CLE-04", "analyte is known", "PASS", value=len(labs), unit="rows")


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
            _note(step, requirement, check, "PASS", value=len(labs), unit="rows")
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
        _note(step, "CLE-06", "rules between values", "PASS", value=len(values), unit="patients")
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


def _indices(step, table: pd.DataFrame, reasons: pd.DataFrame) -> None:
    gone: dict[str, list[str]] = {}
    for patient, name in zip(reasons["patient_id"], reasons["index"], strict=True):
        gone.setdefault(patient, []).append(name)
    for patient in table.index:
        names = gone.get(patient, [])
        text = f"not computed for want of an input: {', '.join(names)}" if names else ""
        _note(step, "TRF-02", "indices by formula, or missing with a reason", "PASS", patient,
              value=len(names), unit="missing", reason=text)  # fmt: skip


def _whole(step, labs: pd.DataFrame, settings: dict) -> None:
    with_unit = labs["requirement_id"] != "CLE-03"
    if with_unit.all():
        _note(
            step, "CLE-03", "units known and converted once", "PASS", value=len(labs), unit="rows"
        )
    if not (labs["requirement_id"] == "CLE-02").any():
        _note(step, "CLE-02", "values inside the hard range", "PASS", value=len(labs), unit="rows")
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
    limits = int((labs["censor"] != "").sum())
    text = (
        f"{limits} values are limits; below a limit counts as limit / {settings['lod_divisor']:.4g}"
    )
    _note(step, "CLN-07", "limits keep their sign", "PASS", value=limits, unit="rows", reason=text)
    cuts = "; ".join(f"{k}: {', '.join(map(str, v))}" for k, v in settings["bins"].items())
    _note(step, "TRF-01", "declared bins", "PASS", value=len(settings["bins"]), threshold=cuts)
