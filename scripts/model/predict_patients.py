"""In: the lock, new patients (a sheet, or the collected blocks of a folder of sheets). Out: predictions.tsv, contributions.tsv.
Source: docs/modelling.md, "Prediction". What the model cannot read as it was trained ends with a message, never a number.
"""

from pathlib import Path

import pandas as pd

from scripts.core import job as core_job
from scripts.core.sheets import SheetErrors, read_sheet
from scripts.model import bundle, class_predictions, interval_refits, locked, rules
from scripts.model.cohort_tables import Cohort, read_external
from scripts.model.contributions import BASE, contributions
from scripts.model.contributions import COLUMNS as PARTS
from scripts.model.new_sheet import read_new
from scripts.model.references import differences

COLUMNS = [
    *("bundle", "centre", "probability", "low", "high", "positive", "threshold"),
    *("positive_high_specificity", "threshold_high_specificity", "pattern", "calibrated_on"),
    *("out_of_range", "outside", "flags", "not_used", "refused"),
]
CUTS = ("threshold", "threshold_high_specificity")
SHOWN = 12  # problems of a sheet, features out of range


class RefusedInput(core_job.Refused):
    """New patients cannot be scored; the message says where and what to do."""


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
            text = (
                f"{entry['block']}__{entry['feature']} {values[patient]:.6g} {entry['unit']}".strip()
                + f" (training {entry['low']:.6g} to {entry['high']:.6g}"
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


def predict(model, description: dict, cohort: Cohort, folder: Path, policy: str) -> tuple:
    """Predictions (index patient_id, COLUMNS but bundle and not_used) and contributions of new patients.

    folder : that of the bundle; policy : refuse or flag patients of unknown centres. Of three or more classes the
    columns of class_predictions, and no contributions.
    """
    refusals = unknown_centres(cohort, description, policy)
    far = outside(description, rules.withheld(cohort, model.rules))
    if "coupling" in description:
        scores = class_predictions.predict(model, description, cohort, refusals)
        scores["outside"] = far
        return scores, pd.DataFrame(columns=PARTS).rename_axis("patient_id")
    scores = locked.score(model, description, cohort)
    refuse(scores, refusals)
    add_intervals(scores, model, cohort, folder / interval_refits.ARCHIVE)
    cut = scores["threshold_high_specificity"]
    called = (scores["probability"] >= cut).map({True: "yes", False: "no"})
    scores["positive_high_specificity"] = called.where(cut.notna(), "")
    scores["outside"] = far
    scores["centre"] = cohort.obs["centre"].astype(str)
    parts = contributions(model, description, cohort, scores)
    return scores, parts


def by_block(parts: pd.DataFrame) -> pd.DataFrame:
    """Contributions summed over the features of each block: columns base, contribution__<block>."""
    if parts.empty:
        return pd.DataFrame()
    names = parts["block"].map(lambda b: "base" if b == BASE else f"contribution__{b}")
    return parts.groupby([parts.index, names])["contribution"].sum().unstack()


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


def read_patients(job, description: dict) -> Cohort:
    """The new patients; RefusedInput with every problem of their sheet."""
    try:
        if given(job, "new"):
            return read_new(given(job, "new")[0], description)
        return read_folder(job, description)
    except SheetErrors as errors:
        shown = list(map(str, errors.problems[:SHOWN]))
        more = len(errors.problems) - len(shown)
        lines = shown + [f"and {more} more problems"] * (more > 0)
        raise RefusedInput("no patient was scored: " + "\n".join(lines)) from None
    except bundle.BundleError as error:
        raise RefusedInput(f"no patient was scored: {error}") from None


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

    input: new (sheet), or tables, verdicts and patients (of a folder of sheets); lock
    output: predictions (TSV), contributions (TSV), ledger
    params: lock, named (content hash or empty), bundles, withdrawals, unknown_centre (refuse or flag), chains {name: code
            digest}; of a folder also blocks, admitted
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
        cohort = read_patients(job, description)
        scores, parts = predict(model, description, cohort, folder, params.unknown_centre)
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
        for name, found in (("predictions", table), ("contributions", parts)):
            path = step.path(getattr(job.output, name))
            found.to_csv(path, sep="\t", float_format="%.12g", lineterminator="\n")


if __name__ == "__main__":
    core_job.entry(main, globals().get("snakemake"))
