"""In: the locked bundle, labelled patients of one centre. Out: a new version of the bundle beside the old one.
Source: recalibration (Steyerberg 2004; Van Calster 2019): intercept, or intercept and slope; thresholds and blocks stay.
"""

import datetime
import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.special import expit

from scripts.core import job as core_job
from scripts.core.hashing import digest_of, digest_of_file, person_hash
from scripts.model import bundle, calibrators, locked, metrics
from scripts.model.cohort_tables import BINARY, read_external
from scripts.model.evaluation import NOT_ASSESSED, assess, rounded
from scripts.model.lock_bundle import LOG_COLUMNS, append_line, line_of, store
from scripts.model.model_card import model_card
from scripts.model.openings import record_opening
from scripts.model.validate_external import external_patients

FOLDS = 5
KEPT = ("n", "events", "metrics", "thresholds")


class RefusedRecalibration(core_job.Refused):
    """There is nothing to recalibrate with; the message says what lacks."""


def fit_line(linear: np.ndarray, y: np.ndarray, method: str) -> tuple[float, float]:
    """Intercept and slope from the bundle's log odds to this centre's; method intercept keeps the slope at 1.

    The line has weak priors (calibrators.fit_line), so a few patients move it a little only.
    """
    if method == "line":
        return calibrators.fit_line(linear, y)
    shift = 0.0
    for _ in range(50):
        p = expit(linear + shift)
        step = (y - p).sum() / max(float((p * (1 - p)).sum()), 1e-9)
        shift += float(np.clip(step, -2, 2))
        if abs(step) < 1e-12:
            break
    return shift, 1.0


def cross_validated(linear: np.ndarray, y: np.ndarray, method: str, seed: int) -> np.ndarray:
    """Probabilities by lines that were fitted without the patient's fold, (patients,)."""
    from sklearn.model_selection import StratifiedKFold

    out = np.full(len(y), np.nan)
    for train, test in StratifiedKFold(FOLDS, shuffle=True, random_state=seed).split(linear, y):
        intercept, slope = fit_line(linear[train], y[train], method)
        out[test] = expit(intercept + slope * linear[test])
    return out


def recalibration(
    scores: pd.DataFrame,
    y: np.ndarray,
    description: dict,
    centre: str,
    method: str,
    settings,
    seed,
    groups: np.ndarray | None = None,
) -> tuple[dict, dict]:
    """The line of a centre for the bundle, and its line of the change log with the same metrics before and after.

    scores : of the centre's patients by the bundle as it is (locked.score); groups : linked patients share one.
    Metrics after are cross-validated in 5 folds.
    """
    p = scores["probability"].to_numpy(float)
    linear = metrics.to_logit(p)
    thresholds = {name: float(cut) for name, cut in description["thresholds"].items()}
    cuts = locked.cuts_of(scores, description)
    before = assess(y, p, thresholds, settings, seed, groups, cuts)
    if before["status"] == NOT_ASSESSED:
        raise RefusedRecalibration(f"centre {centre}: {before['reason']}; nothing was changed")
    moved = cross_validated(linear, y, method, seed)
    after = assess(y, moved, thresholds, settings, seed, groups, cuts)
    intercept, slope = fit_line(linear, y, method)
    earlier = description.get("recalibration", {}).get(centre)
    if earlier:  # the scores hold the earlier line already: one line instead of two
        intercept, slope = (
            intercept + slope * earlier["intercept"],
            slope * earlier["slope"],
        )
    persons = sorted(person_hash(patient) for patient in scores.index)
    line = {
        "intercept": float(intercept),
        "slope": float(slope),
        "method": method,
        "n": len(y),
        "events": int(y.sum()),
        "persons": sorted({*persons, *(earlier["persons"] if earlier else [])}),
    }
    shown = {"centre": centre, "method": method, "n": len(y), "events": int(y.sum())}
    shown |= {"before": {k: before[k] for k in KEPT}, "after": {k: after[k] for k in KEPT}}
    shown["after"]["by"] = f"{FOLDS}-fold cross-validation of the line"
    return line, rounded(shown)


def new_version(bundles: Path, name: str, description: dict) -> str:
    """Write the bundle `name` with another description (and its model card) beside it; returns the new hash."""

    def fill(folder: Path) -> None:
        shutil.copytree(bundles / name, folder, dirs_exist_ok=True)
        whole = json.loads((folder / "bundle.json").read_text(encoding="utf-8")) | description
        text = json.dumps(whole, sort_keys=True, indent=1, ensure_ascii=False) + "\n"
        (folder / "bundle.json").write_text(text, encoding="utf-8")
        (folder / "model_card.md").write_text(model_card(whole), encoding="utf-8")

    bundle.verify(bundles / name)
    return store(bundles, fill)


def labelled(job, centre: str, names: list[str]):
    """External patients of one centre who are in one of the classes, with their blocks; RefusedRecalibration when there
    are none."""
    sheet = job.input.patients if isinstance(job.input.patients, str) else job.input.patients[0]
    obs = external_patients(sheet, list(job.params.admitted), job.input.outcome, names)
    own = obs[obs["centre"].astype(str) == centre]
    if own.empty:
        known = ", ".join(sorted(set(obs["centre"].astype(str)))) or "none"
        raise RefusedRecalibration(
            f"no external patient of centre {centre!r}; centres with external patients: {known}"
        )
    tables = job.input.tables
    tables = [tables] if isinstance(tables, str) else list(tables)
    return read_external(own, dict(zip(job.params.blocks, tables, strict=True))), tables


def main(job):
    """Recalibrate the locked bundle for one centre on its labelled external patients, and lock the new version.

    input: tables (Parquet of every external block), patients (sheet), outcome (outcome.tsv), lock
    output: none; params.lock is written anew, a line goes to params.log, the opening to params.openings
    params: lock, named, bundles, log, openings, asked {centre, method (intercept or line), reason}, settings, seed, blocks,
            admitted
    """
    with core_job.step(job) as step:
        params, asked = job.params, dict(job.params.asked)
        centre, reason = str(asked.get("centre", "")), str(asked.get("reason", "")).strip()
        method = asked.get("method", "line")
        if not centre or not reason:
            raise RefusedRecalibration(
                "say for which centre and why: --config recalibrate='{centre: X, reason: one sentence, method: line}'"
            )
        model, description, lock = locked.open_lock(params.lock, params.named, params.bundles)
        if model is None:
            raise RefusedRecalibration(f"nothing to recalibrate: {lock['reason']}")
        if "coupling" in description:
            raise RefusedRecalibration("models of three or more classes cannot be recalibrated")
        outcome = description.get("outcome") or dict(BINARY)
        cohort, tables = labelled(job, centre, outcome["classes"])
        digest = digest_of([digest_of_file(path) for path in tables])
        record_opening(
            Path(params.openings),
            "recalibration",
            lock["bundle"],
            digest,
            len(cohort.obs),
            int(cohort.obs["label"].sum()),
        )
        bundle.check_units(description, cohort.dictionaries)
        scores = locked.score(model, description, cohort)
        scores = scores[scores["probability"].notna()]
        obs = cohort.obs.loc[scores.index]
        y, groups = obs["label"].to_numpy(int), locked.groups_in(obs)
        line, change = recalibration(
            scores, y, description, centre, method, params.settings, int(params.seed), groups
        )
        change |= {"reason": reason, "from": lock["bundle"]}
        named = new_version(
            Path(params.bundles),
            lock["bundle"],
            {
                "recalibration": description.get("recalibration", {}) | {centre: line},
                "changes": [*description.get("changes", []), change],
            },
        )
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        text = (
            f"recalibrated for {centre} ({method}, n = {len(y)}), from {lock['bundle']}: {reason}"
        )
        append_line(Path(params.log), LOG_COLUMNS, line_of(named, now, text))
        new_lock = {"bundle": named, "locked_at": now, "reason": text}
        path = step.path(params.lock)
        path.write_text(json.dumps(new_lock, sort_keys=True, indent=1, ensure_ascii=False) + "\n")
        step.log.info(
            "bundle %s: intercept %.3f, slope %.3f", named, line["intercept"], line["slope"]
        )


if __name__ == "__main__":
    core_job.entry(main, globals().get("snakemake"))
