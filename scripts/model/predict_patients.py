"""In: the lock, new patients (a sheet, or the collected blocks of a folder of sheets). Out: predictions.tsv, contributions.tsv.
Source: docs/modelling.md, "Prediction". What the model cannot read as it was trained ends with a message, never a number.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pandas as pd

from scripts.core import job as core_job
from scripts.core.features import as_measured
from scripts.model import (
    bundle,
    class_predictions,
    classes,
    coverage,
    discrimination,
    interval_refits,
    locked,
    rules,
)
from scripts.model.cohort_tables import Cohort
from scripts.model.contributions import BASE, contributions
from scripts.model.contributions import COLUMNS as PARTS
from scripts.model.new_cohort import RefusedInput, given, not_used, read_as, read_patients
from scripts.model.new_sheet import CLINICAL
from scripts.model.references import differences

COLUMNS = [
    *("bundle", "centre", "probability", "low", "high", "positive", "threshold"),
    *("positive_high_specificity", "threshold_high_specificity", "pattern", "calibrated_on"),
    *discrimination.COLUMNS,
    *("sensitivity", "specificity", "sensitivity_high_specificity", "specificity_high_specificity"),
    *("out_of_range", "outside", "flags", "read_as", "not_used", "refused"),
]
SHOW = "show"  # prediction.without_discrimination: the number, but no call
CUTS = ("threshold", "threshold_high_specificity")
SHOWN = 12  # features out of range


def unknown_centres(cohort: Cohort, description: dict, policy: str) -> dict[str, str]:
    """{patient: why there is no probability} of patients of centres that the model does not know; {} where `policy` is "flag"."""
    if policy == "flag":
        return {}
    known = locked.known_centres(description)
    return {
        patient: f"unknown centre: {centre or 'not given'}; known: {', '.join(sorted(known))}; recalibrate for it, "
        "or set prediction: {unknown_centre: flag}"
        for patient, centre in cohort.obs["centre"].astype(str).items()
        if centre not in known
    }


def refuse(scores: pd.DataFrame, refusals: dict[str, str]) -> None:
    """Take the probability from these patients, for these reasons."""
    for patient, reason in refusals.items():
        if not scores.loc[patient, "refused"]:
            scores.loc[patient, "refused"] = reason
            scores.loc[patient, ["probability", *CUTS]] = float("nan")
            scores.loc[patient, ["positive", "calibrated_on"]] = ""


def outside(description: dict, cohort: Cohort) -> pd.Series:
    """Features out of the training range by name, value, unit and range; the farthest first, at most SHOWN."""
    found: dict[str, list] = {patient: [] for patient in cohort.obs.index}
    for entry in description["features"]:
        table = cohort.tables.get(entry["block"])
        if table is None or entry["feature"] not in table:
            continue
        values = table[entry["feature"]].dropna()
        # A feature that hardly varied in training is not far out because it varies at all.
        size = max(abs(entry["low"]), abs(entry["high"]))
        width = max(entry["high"] - entry["low"], 0.1 * size, 1e-12)
        far = (values - entry["high"]).clip(lower=0) + (entry["low"] - values).clip(lower=0)
        for patient, distance in far[far > 0].items():
            value, unit = as_measured(values[patient], entry["unit"])
            low, high = (as_measured(entry[key], entry["unit"])[0] for key in ("low", "high"))
            text = (
                f"{entry['block']}__{entry['feature']} {value:.6g} {unit}".strip()
                + f" (training {low:.6g} to {high:.6g}"
                + (", check the unit)" if distance > 10 * width else ")")
            )
            found[patient].append((-distance / width, text))
    shown = {p: "; ".join(t for _, t in sorted(lines)[:SHOWN]) for p, lines in found.items()}
    return pd.Series(shown, index=cohort.obs.index, dtype=object)


def add_intervals(scores: pd.DataFrame, model, cohort: Cohort, archive: Path) -> None:
    """Columns low and high: the 95 % interval by the refits in the bundle, NaN without them."""
    scores["low"] = scores["high"] = float("nan")
    if archive.is_file() and scores["probability"].notna().any():
        drawn = interval_refits.log_odds_of_refits(archive.read_bytes(), model, cohort, scores)
        drawn = drawn * scores["centre_slope"].to_numpy(float)
        limits = interval_refits.interval(scores["probability"].to_numpy(float), drawn)
        scores["low"], scores["high"] = limits


def judge(scores: pd.DataFrame, description: dict, computed, calls: list[str]) -> dict[str, str]:
    """Add the verdict on the patterns that were used (discrimination.judged); {patient: why no call may be made}.

    calls : columns that are emptied where no call may be made
    """
    found = discrimination.judged(scores, description, computed)
    scores[found.columns] = found
    barred = (scores["verdict"] != "") & ~scores["verdict"].map(discrimination.may_call)
    scores.loc[barred, calls] = ""
    return {p: discrimination.sentence(scores.loc[p]) for p in scores.index[barred]}


def withhold(scores: pd.DataFrame, barred: dict[str, str], show: str, refused: Callable) -> None:
    """Refuse the patients of whom no call may be made; only flag them when the number is to be shown, or when nothing but the
    verdict of an old bundle is unknown."""
    for patient, why in barred.items():
        unknown = scores.loc[patient, "verdict"] == discrimination.UNKNOWN
        if show == SHOW or unknown:
            flags = scores.loc[patient, "flags"]
            first = why.replace(" | ", "; ")
            scores.loc[patient, "flags"] = f"{first}; {flags}" if flags else first
        else:
            refused({patient: why})


def predict(
    model, description: dict, cohort: Cohort, folder: Path, policy: str, show: str = "refuse"
) -> tuple:
    """Predictions (index patient_id, COLUMNS but bundle, read_as and not_used) and contributions of new patients.

    folder : that of the bundle; policy : refuse or flag patients of unknown centres; show : refuse or show the probabilities
    of a model or pattern without useful discrimination (no call either way). Of three or more classes the columns of
    class_predictions, and no contributions.
    """
    refusals = unknown_centres(cohort, description, policy)
    far = outside(description, rules.withheld(cohort, model.rules))
    if "coupling" in description:
        scores = class_predictions.predict(model, description, cohort, refusals)
        whole = classes.unpacked(model, description)
        figures = partial(class_figures, whole)
        barred = judge(scores, description, figures, ["class"])
        withhold(scores, barred, show, partial(class_predictions.refuse, scores))
        scores["outside"] = far
        return scores, pd.DataFrame(columns=PARTS).rename_axis("patient_id")
    scores = locked.score(model, description, cohort)
    refuse(scores, refusals)
    barred = judge(scores, description, partial(discrimination.of_pattern, model), ["positive"])
    withhold(scores, barred, show, partial(refuse, scores))
    add_intervals(scores, model, cohort, folder / interval_refits.ARCHIVE)
    cut = scores["threshold_high_specificity"]
    called = (scores["probability"] >= cut).map({True: "yes", False: "no"})
    scores["positive_high_specificity"] = called.where(
        cut.notna() & ~scores.index.isin(list(barred)), ""
    )
    scores["outside"] = far
    scores["centre"] = cohort.obs["centre"].astype(str)
    parts = contributions(model, description, cohort, scores)
    return scores, parts


def class_figures(model, names: tuple[str, ...]) -> dict:
    """Macro AUC of a pattern of a bundle that was locked without it."""
    return {"auc": discrimination.class_auc(model, names)}


def by_block(parts: pd.DataFrame) -> pd.DataFrame:
    """Contributions summed over the features of each block: columns base, contribution__<block>."""
    if parts.empty:
        return pd.DataFrame()
    names = parts["block"].map(lambda b: "base" if b == BASE else f"contribution__{b}")
    return parts.groupby([parts.index, names])["contribution"].sum().unstack()


def typed_text(parts: pd.DataFrame, reading: dict) -> list[str]:
    """How the value of each contribution was typed, with its unit; "" where it was not."""
    values = reading.get("values", {})
    return [
        values.get(str(patient), {}).get({"male": "sex"}.get(feature, feature), {}).get("typed", "")
        if block == CLINICAL
        else ""
        for patient, block, feature in zip(
            parts.index, parts["block"], parts["feature"], strict=True
        )
    ]


def check_withdrawals(path: Path, name: str) -> str:
    """ "" or a warning while a decision on withdrawn training subjects is open; RefusedInput once it was to train again."""
    from scripts.core.withdrawal import decision_of

    decision = decision_of(path, name)
    if decision == "retrain":
        raise RefusedInput(
            f"bundle {name} is to be trained again, because of people who withdrew: run the workflow, then relock_bundle"
        )
    return "people of its training withdrew; whether it is kept is not decided" * (
        decision == "open"
    )


def main(job):
    """Score new patients with the locked bundle.

    input: new (sheet) with clinical and reading (of convert_new_sheet), or tables, verdicts and patients (of a folder of
           sheets); lock
    output: predictions (TSV), contributions (TSV), measured (TSV: what each patient has of every block), ledger
    params: lock, named (content hash or empty), bundles, withdrawals, unknown_centre (refuse or flag),
            without_discrimination (refuse or show), chains {name: code digest}; of a folder also blocks, admitted
    """
    with core_job.step(job) as step:
        params = job.params
        try:
            model, description, lock = locked.open_lock(params.lock, params.named, params.bundles)
        except bundle.BundleError as error:
            raise RefusedInput(str(error)) from None
        if model is None:
            raise RefusedInput(f"nothing to predict with: {lock['reason']}")
        folder = Path(params.bundles) / lock["bundle"]
        warning = check_withdrawals(Path(params.withdrawals), lock["bundle"])
        cohort, reading = read_patients(job, model, description)
        scores, parts = predict(
            model,
            description,
            cohort,
            folder,
            params.unknown_centre,
            getattr(params, "without_discrimination", "refuse"),
        )
        measured = coverage.coverage(model, cohort)
        coverage.add_what_lacks(scores, measured)
        scores["read_as"] = read_as(reading, scores.index)
        parts["typed"] = typed_text(parts, reading)
        scores["not_used"] = not_used(given(job, "verdicts"), scores.index)
        if given(job, "tables"):
            changed = differences(folder, dict(params.chains))
            warning = "; ".join([w for w in (warning, *changed) if w])
        if warning:
            scores["flags"] = [f"{f}; {warning}" if f else warning for f in scores["flags"]]
            step.check("MOD-10", "bundle as it was locked", "WARN", reason=warning, acts=False)
        scores["bundle"] = lock["bundle"]
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
        many = "coupling" in description
        columns = class_predictions.columns_of(description) if many else COLUMNS
        table = scores[columns].join(by_block(parts)).rename_axis("patient_id")
        written = (("predictions", table), ("contributions", parts), ("measured", measured))
        for name, found in written:
            path = step.path(getattr(job.output, name))
            found.to_csv(path, sep="\t", float_format="%.12g", lineterminator="\n")


if __name__ == "__main__":
    core_job.entry(main, globals().get("snakemake"))
