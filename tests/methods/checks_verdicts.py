"""Checks of the verdict: cohorts whose truth is known by construction, twenty of each, judged as the workflow does.

In: nothing; the cohorts are drawn. Out: lines of docs/validation.md. Source: docs/modelling.md, "Verdict".
"""

from pathlib import Path

import numpy as np
import pandas as pd

SEEDS = 20
NEEDED = 19  # of twenty
NAMES = ["control", "hcc"]


def draw(kind: str, seed: int, n: int = 120, features: int = 40) -> dict:
    """A drawn cohort: label, patients sheet, one block.

    noise; centre_80 ... centre_100: that share of patients is in the centre of its class, 20 features shift by centre;
    time: cases of 2021-22, controls of 2022-24, 20 features drift by 0.8 SD a year; stage, size: a feature that is known
    of cases only; across: 80 % confounded and 8 features with 1.5 SD between the classes; signal: no confounding;
    five: five markers, two of them with 1.2 SD; two_centres: signal in centres without confounding
    """
    rng = np.random.default_rng(seed)
    y = rng.permutation(np.arange(n) % 2)
    X = rng.normal(size=(n, 5 if kind == "five" else features))
    centre = rng.integers(0, 2, n)
    day = rng.integers(0, 4 * 365, n)
    share = int(kind.split("_")[1]) / 100 if kind.startswith("centre_") else 0.8
    if kind.startswith("centre_") or kind == "across":
        centre = np.where(rng.random(n) < share, y, 1 - y)
        X[:, :20] += 1.2 * centre[:, None]
    if kind == "time":
        day = np.where(y == 1, rng.integers(0, 730, n), rng.integers(365, 4 * 365, n))
        X[:, :20] += 0.8 * day[:, None] / 365
    if kind in ("across", "signal"):
        X[:, -8:] += 1.5 * y[:, None]
    if kind == "five":
        X[:, :2] += 1.2 * y[:, None]
    index = pd.Index([f"P{i:03d}" for i in range(n)])
    table = pd.DataFrame(X, index, [f"f{i}" for i in range(X.shape[1])])
    if kind == "stage":
        table["stage_code"] = y * (1.0 + rng.integers(0, 3, n))
    if kind == "size":
        table["size_cm"] = np.where(y == 1, rng.uniform(1, 5, n), np.nan)
    dates = pd.to_datetime("2021-01-01") + pd.to_timedelta(day, unit="D")
    patients = pd.DataFrame({"patient_id": index, "centre": np.array(["A", "B"])[centre]})
    patients["index_date"] = dates.strftime("%Y-%m-%d")
    return {"y": pd.Series(y, index), "table": table, "patients": patients}


def verdict_of(kind: str, seed: int, settings: dict) -> dict:
    """The verdict of the steps audit_cohort, cross_validate and select_model on a drawn cohort."""
    from scripts.fusion import class_separation, negative_controls
    from scripts.model import confounding, cross_validate, evaluation, selection, verdicts
    from scripts.model.cohort_tables import Cohort

    drawn = draw(kind, seed)
    y, table, patients = drawn["y"], drawn["table"], drawn["patients"]
    index = table.index
    entry = {"role": "predictor", "unit": "", "stability": np.nan}
    dictionary = pd.DataFrame(entry, index=table.columns)
    split = pd.DataFrame({"patient_id": index, "part": "train", "group": index})
    classes = pd.Series(np.array(NAMES)[y], index)
    tables, dictionaries = {"lcms": table}, {"lcms": dictionary}
    audit = {"resamples": settings["resamples"]}
    args = (tables, dictionaries, patients, pd.DataFrame(), split, classes, NAMES, audit, seed)
    controls, scores = negative_controls.control_models(*args)
    leaks = class_separation.single_features(tables, dictionaries, classes, NAMES, 0.99)
    obs = pd.DataFrame({"label": y, "part": "train", "group": index.to_series()}, index)
    obs["centre"] = patients["centre"].to_numpy()
    cohort = Cohort(obs, tables, dictionaries)
    found, _ = cross_validate.cross_validate(cohort, "late", settings, seed)
    mean = selection.mean_over_repeats(found.assign(repeat=0))
    ours = mean[mean["strategy"] == "late"].set_index("patient_id").sort_index()
    label, p = ours["label"].to_numpy(int), ours["probability"].to_numpy(float)
    entry = evaluation.assess(label, p, {}, settings, seed) | {"blocks": ["lcms"]}
    lines = confounding.judge_controls(controls, scores, ours, obs["group"], settings, seed)
    return verdicts.judge(entry, lines, settings, leaks)


RIGHT = {
    "noise": ("no_discrimination",),
    "centre_80": ("no_discrimination", "not_separable"),
    "centre_90": ("no_discrimination", "not_separable"),
    "centre_100": ("not_separable",),
    "time": ("no_discrimination", "not_separable"),
    "stage": ("leak_suspected",),
    "size": ("no_discrimination", "not_separable"),
    "signal": ("discriminates",),
    "across": ("discriminates",),
    "five": ("discriminates",),
}


def settings_of_check() -> dict:
    """The settings of the project with one point of the grid and 300 resamples: the verdict is looked at, not the learner."""
    from scripts.core.config import default_config

    settings = default_config()["model"]
    settings["elastic_net"] = {"c": [0.1], "l1_ratio": [0.2], "max_iter": 100}
    settings["resamples"] = 300
    return settings


def right(kind: str, seeds: int = SEEDS) -> tuple[int, dict[str, int]]:
    """Verdicts of a kind of cohort that are right, and how often each code was given."""
    settings, counts = settings_of_check(), {}
    for seed in range(seeds):
        code = verdict_of(kind, seed, settings)["code"]
        counts[code] = counts.get(code, 0) + 1
    return sum(counts.get(code, 0) for code in RIGHT[kind]), counts


SAID = {
    "noise": "noise, 40 features",
    "centre_80": "80 % of the patients in the centre of their class, features shift by centre only",
    "centre_90": "the same, 90 %",
    "centre_100": "the same, 100 %",
    "time": "cases of 2021-22, controls of 2022-24, features drift",
    "stage": "a stage code, 0 in controls",
    "size": "a size that only cases have",
    "signal": "a signal, nothing confounded",
    "across": "a signal across centres that are confounded by 80 %",
    "five": "five markers, two of them informative",
}


def line_of(kind: str) -> dict:
    """The line of one kind of cohort."""
    found, counts = right(kind)
    codes = ", ".join(f"{code} {n}" for code, n in sorted(counts.items()))
    return {
        "name": f"verdict: {kind}",
        "data": f"made: {SAID[kind]}; 120 patients, {SEEDS} seeds",
        "measured": codes,
        "limit": f"right in >= {NEEDED} of {SEEDS}",
        "holds": found >= NEEDED,
    }


def verdict_noise(_: Path | None) -> dict:
    """Noise has no useful discrimination."""
    return line_of("noise")


def verdict_centre_80(_: Path | None) -> dict:
    """Centre confounded by 80 %: never praised."""
    return line_of("centre_80")


def verdict_centre_90(_: Path | None) -> dict:
    """Centre confounded by 90 %: never praised."""
    return line_of("centre_90")


def verdict_centre_100(_: Path | None) -> dict:
    """Centre is the label: not separable."""
    return line_of("centre_100")


def verdict_time(_: Path | None) -> dict:
    """Time confounded with the label: never praised."""
    return line_of("time")


def verdict_stage(_: Path | None) -> dict:
    """A leaked stage voids the verdict."""
    return line_of("stage")


def verdict_size(_: Path | None) -> dict:
    """A size that only cases have gives no praise."""
    return line_of("size")


def verdict_signal(_: Path | None) -> dict:
    """A signal without confounding is not voided."""
    return line_of("signal")


def verdict_across(_: Path | None) -> dict:
    """A signal across confounded centres is not voided."""
    return line_of("across")


def verdict_five(_: Path | None) -> dict:
    """Five markers are judged like any block."""
    return line_of("five")


CHECKS = [
    verdict_noise,
    verdict_centre_80,
    verdict_centre_90,
    verdict_centre_100,
    verdict_time,
    verdict_stage,
    verdict_size,
    verdict_signal,
    verdict_across,
    verdict_five,
]
