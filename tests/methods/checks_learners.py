"""Acceptance figures of learners and fusion: noise, permuted labels, a removed block, time, harmonisation.

In: the folder of real test data, or None (these figures are measured on drawn data, where the truth is known). Out: one dict a
check: name, data, measured, limit, holds. Source: docs/modelling.md; the acceptance list of the project's design note.
"""

import os
import time
import warnings
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd

from scripts.core.config import default_config
from scripts.model import fused, metrics
from scripts.model.cohort_tables import Cohort, predictors
from scripts.model.cross_validate import cross_validate

warnings.filterwarnings("ignore", message="The max_iter was reached")
PROCESSES = 2


def drawn_cohort(n, seed, effect=1.0, features=12, blocks=("a", "b"), missing=0.0, informative=4):
    """Blocks that each see a latent value with `effect` SD between the classes in their first features."""
    rng = np.random.default_rng(seed)
    index = pd.Index([f"P{i:04d}" for i in range(n)])
    label = rng.permutation(np.arange(n) % 2)
    obs = pd.DataFrame(
        {"label": label, "part": "train", "group": index, "centre": "C"}, index=index
    )
    tables, dictionaries = {}, {}
    for block in blocks:
        latent = effect * label + rng.normal(0, 1, n)
        weight = np.where(np.arange(features) < informative, 1.0, 0.0)
        values = latent[:, None] * weight + rng.normal(0, 1, (n, features))
        table = pd.DataFrame(values, index=index, columns=[f"f{i}" for i in range(features)])
        tables[block] = table[rng.random(n) >= missing]
        entry = {"role": "predictor", "unit": "1", "stability": np.nan}
        dictionaries[block] = pd.DataFrame(entry, index=table.columns)
    return Cohort(obs, tables, dictionaries)


def model_settings(**more) -> dict:
    """The model settings of the project, some replaced."""
    return {**default_config()["model"], **more}


def nested_auc(cohort: Cohort, strategy: str, settings: dict, seed: int) -> float:
    """AUC of pooled out-of-fold scores."""
    scores, _ = cross_validate(cohort, strategy, settings, seed)
    own = scores[scores["strategy"] == strategy]
    return metrics.auc(own["label"].to_numpy(int), own["probability"].to_numpy())


def side_by_side(function, arguments: list) -> list:
    """function(*a) of every a, on two processes of one thread each."""
    os.environ["OMP_NUM_THREADS"] = "1"
    with ProcessPoolExecutor(PROCESSES) as pool:
        return list(pool.map(function, *zip(*arguments, strict=True)))


def _noise(seed: int, selection: str) -> float:
    settings = model_settings()
    settings["blocks"]["default"]["selection"] = selection
    cohort = drawn_cohort(100, seed, effect=0.0, features=2000, blocks=("noise",))
    return nested_auc(cohort, "late", settings, seed)


def noise_is_not_learned(folder: Path | None) -> dict:
    """Labels without any relation to 2,000 features: nested cross-validation says a half."""
    found = side_by_side(_noise, [(seed, "f") for seed in range(20)])
    mean = float(np.mean(found))
    return {
        "name": "noise: mean nested AUC",
        "data": "drawn, n 100, p 2,000, 20 seeds, elastic net with F screen",
        "measured": f"{mean:.3f} (SD {np.std(found):.3f})",
        "limit": ".45-.55",
        "holds": 0.45 <= mean <= 0.55,
    }


def selectors_do_not_learn_noise(folder: Path | None) -> dict:
    """The same with mRMR and stability selection inside the folds."""
    means = {
        kind: float(np.mean(side_by_side(_noise, [(seed, kind) for seed in range(10)])))
        for kind in ("mrmr", "stability")
    }
    return {
        "name": "noise: mean nested AUC with mRMR and stability selection",
        "data": "drawn, n 100, p 2,000, 10 seeds each",
        "measured": ", ".join(f"{kind} {value:.3f}" for kind, value in means.items()),
        "limit": ".45-.55",
        "holds": all(0.45 <= value <= 0.55 for value in means.values()),
    }


def selection_outside_the_folds_lies(folder: Path | None) -> dict:
    """The wrong way, shown: the 20 strongest of 2,000 noise features chosen on all patients first."""
    from sklearn.feature_selection import f_classif
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold, cross_val_predict

    found = []
    for seed in range(20):
        cohort = drawn_cohort(100, seed, effect=0.0, features=2000, blocks=("noise",))
        X, y = cohort.tables["noise"].to_numpy(), cohort.labels
        chosen = np.argsort(-f_classif(X, y)[0])[:20]
        folds = StratifiedKFold(5, shuffle=True, random_state=seed)
        p = cross_val_predict(
            LogisticRegression(), X[:, chosen], y, cv=folds, method="decision_function"
        )
        found.append(metrics.auc(y, p))
    mean = float(np.mean(found))
    return {
        "name": "noise, the wrong way (selection outside the folds): mean AUC",
        "data": "drawn, n 100, p 2,000, 20 seeds, 20 features by F on all patients",
        "measured": f"{mean:.3f}",
        "limit": ">= .85 (a demonstration of the leak)",
        "holds": mean >= 0.85,
    }


def _permuted(seed: int, strategy: str) -> float:
    cohort = drawn_cohort(120, 1, effect=1.5, missing=0.2)
    rng = np.random.default_rng(seed)
    cohort.obs["label"] = rng.permutation(cohort.obs["label"].to_numpy())
    return nested_auc(cohort, strategy, model_settings(), seed)


def permuted_labels_are_not_learned(folder: Path | None) -> dict:
    """Labels shuffled over informative blocks with missing rows: nothing is left to find."""
    strategies = ("late", "early", "late_svm", "early_forest")
    means = {
        s: float(np.mean(side_by_side(_permuted, [(seed, s) for seed in range(20)])))
        for s in strategies
    }
    return {
        "name": "permuted labels: mean nested AUC",
        "data": "drawn, 120 patients, two blocks, 20 permutations each",
        "measured": ", ".join(f"{s} {value:.3f}" for s, value in means.items()),
        "limit": ".45-.55",
        "holds": all(0.45 <= value <= 0.55 for value in means.values()),
    }


def removed_block_stays_calibrated(folder: Path | None) -> dict:
    """A block taken from all test patients, for every rule of fusion over blocks."""
    settings, said, good = model_settings(), [], True
    train = drawn_cohort(800, 0, missing=0.2)
    test = drawn_cohort(4000, 9)
    test.tables = {"a": test.tables["a"]}
    allowed, _ = predictors(train, settings)
    inside, _ = cross_validate(train, "late", settings, 0)
    alone = inside[inside["strategy"] == "block_a"]
    own = float(((alone["probability"] - alone["label"]) ** 2).mean())
    for strategy in ("late", "stacking", "late_svm", "late_xgboost"):
        model = fused.train(fused.members_of(strategy, allowed, settings), train, settings, 1)
        p, y = model.score(test)["probability"].to_numpy(), test.labels
        ratio, brier = float(y.sum() / p.sum()), float(((p - y) ** 2).mean())
        benefit = metrics.net_benefit(y, p, 0.5)
        good &= 0.85 <= ratio <= 1.15 and abs(brier - own) <= 0.03 and benefit > 0
        said.append(f"{strategy}: O/E {ratio:.2f}, Brier {brier:.3f}, net benefit {benefit:.2f}")
    return {
        "name": "block removed from the test patients",
        "data": "drawn, 800 training and 4,000 test patients, two blocks",
        "measured": f"{'; '.join(said)} (Brier of the block alone in cross-validation {own:.3f})",
        "limit": "O/E .85-1.15, Brier within .03 of the block's own, net benefit at .5 > 0",
        "holds": bool(good),
    }


def _repeat(strategy: str, repeat: int) -> float:
    cohort = drawn_cohort(320, 3, effect=1.0, features=451, blocks=("omics",), informative=20)
    return nested_auc(cohort, strategy, model_settings(outer_folds=10), 1000 * repeat)


def nested_cross_validation_is_quick(folder: Path | None) -> dict:
    """5 x (10 x 5) of three learners on 320 patients and 451 features, two processes."""
    jobs = [(s, r) for s in ("late", "late_svm", "late_xgboost") for r in range(5)]
    start = time.perf_counter()
    found = side_by_side(_repeat, jobs)
    seconds = time.perf_counter() - start
    aucs = {s: np.mean(found[i * 5 : i * 5 + 5]) for i, s in enumerate(("EN", "SVM", "XGBoost"))}
    shown = ", ".join(f"{name} {value:.2f}" for name, value in aucs.items())
    return {
        "name": "5 x (10 x 5) elastic net + SVM + XGBoost",
        "data": "drawn, 320 patients x 451 features, two processes",
        "measured": f"{seconds:.0f} s (AUC {shown})",
        "limit": "<= 600 s on 2 cores",
        "holds": seconds <= 600,
    }


def _centres(confounded: bool, harmonise: str, seed: int) -> tuple[float, float]:
    """AUC in cross-validation and with each centre left out in turn."""
    cohort = drawn_cohort(240, seed, effect=0.6, features=40, blocks=("omics",))
    rng = np.random.default_rng(seed)
    share = np.where(cohort.labels == 1, 0.85, 0.15) if confounded else np.full(240, 0.5)
    second = rng.random(240) < share
    cohort.obs["centre"] = np.where(second, "C2", "C1")
    shift = rng.normal(0, 1.0, 40)
    cohort.tables["omics"] = cohort.tables["omics"] + second[:, None] * shift
    settings = model_settings(minimum_coverage=0.5)
    settings["blocks"]["default"]["harmonise"] = harmonise
    settings["elastic_net"] = {"c": [0.1], "l1_ratio": [0.5], "max_iter": 200}
    scores, _ = cross_validate(cohort, "late", settings, seed)
    own = scores[scores["strategy"] == "late"]
    inside = metrics.auc(own["label"].to_numpy(int), own["probability"].to_numpy())
    allowed, _ = predictors(cohort, settings)
    outside = []
    for centre in ("C1", "C2"):
        away = cohort.obs["centre"] == centre
        train, test = cohort.subset(cohort.obs.index[~away]), cohort.subset(cohort.obs.index[away])
        model = fused.train(fused.members_of("late", allowed, settings), train, settings, seed)
        outside.append(metrics.auc(test.labels, model.score(test)["probability"].to_numpy()))
    return inside, float(np.mean(outside))


def harmonisation_helps_only_without_confounding(folder: Path | None) -> dict:
    """ComBat or none, centres balanced or confounded with the label; why none is the default."""
    said, inner = [], {}
    for confounded in (False, True):
        for harmonise in ("none", "combat"):
            found = side_by_side(_centres, [(confounded, harmonise, seed) for seed in range(6)])
            inside, outside = np.mean(found, axis=0)
            name = "confounded" if confounded else "balanced"
            said.append(f"{name}, {harmonise}: {inside:.2f} / {outside:.2f}")
            inner[name, harmonise] = inside
    return {
        "name": "harmonisation: AUC in cross-validation / centre left out",
        "data": "drawn, 240 patients, 40 features shifted by centre, 6 seeds",
        "measured": "; ".join(said),
        "limit": "balanced centres: ComBat loses at most .03; confounded ones are the reason for harmonise: none",
        "holds": bool(inner["balanced", "combat"] >= inner["balanced", "none"] - 0.03),
    }


CHECKS = [
    noise_is_not_learned,
    selectors_do_not_learn_noise,
    selection_outside_the_folds_lies,
    permuted_labels_are_not_learned,
    removed_block_stays_calibrated,
    harmonisation_helps_only_without_confounding,
    nested_cross_validation_is_quick,
]
