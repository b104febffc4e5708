"""In: the cohort, the chosen strategy with its thresholds. Out: results/model/fit, a bundle that
is not locked yet.
Source: docs/modelling.md, "Lock"; requirement MOD-10.
"""

import json
from pathlib import Path

import numpy as np
import pandas as pd

from scripts import __version__
from scripts.core import job as core_job
from scripts.core.hashing import digest_of
from scripts.model import (
    bundle,
    class_performance,
    classes,
    comparators,
    discrimination,
    fused,
    interval_refits,
    rules,
    selection,
)
from scripts.model.cohort_tables import Cohort, predictors, read_cohort
from scripts.model.evaluation import NOT_ASSESSED, rounded
from scripts.model.model_card import model_card
from scripts.model.patterns import describe_patterns

TOLERANCE = 1e-12

_CLASS_CARD = """# Model card: {title}

Research use, not a diagnosis.

- Predicts: the class of {outcome}, one of {classes}; probabilities add up to one, the most probable class is called.
- Trained on: {n} patients of centres {centres}; hcc-omics {version}, seed {seed}.
- Blocks: {blocks}.
- Internal validation (nested cross-validation): macro AUC {macro_auc}; balanced accuracy {balanced_accuracy};
  log loss {log_loss}; {verdict}
- Missing blocks: evidence of the present blocks only, calibrated for that pattern; fewer than {least} usable block(s): refused.
- Not covered: classes that were not trained, children, treated tumours; see the report for limits and subgroups.
"""


def train_chosen(strategy: str, train: Cohort, settings: dict, seed: int):
    """The chosen strategy on the whole training part."""
    allowed, _ = predictors(train, settings)
    if strategy.startswith("block_"):
        block = strategy.removeprefix("block_")
        allowed, strategy = {block: allowed[block]}, "late"
    members = fused.members_of(strategy, allowed, settings)
    learner = classes if train.multiclass else fused
    return learner.train(members, train, settings, seed)


def describe_features(model: fused.FusedModel, train: Cohort) -> list[dict]:
    """Block, feature, unit and training range of every feature, in the order of the members; values that rules withhold do not
    count."""
    train = rules.withheld(train, model.rules)
    columns = dict.fromkeys(column for member in model.members for column in member.columns)
    lines = []
    for block, feature in columns:
        values = train.tables[block][feature].to_numpy(float)
        lines.append(
            {
                "block": block,
                "feature": feature,
                "unit": str(train.dictionaries[block].loc[feature, "unit"]),
                "low": float(np.nanmin(values)),
                "high": float(np.nanmax(values)),
            }
        )
    return lines


def people(obs: pd.DataFrame) -> dict:
    """Who the training patients are, for the model card: {column: {value: patients}}, age as median and range."""
    found: dict = {}
    for column in ("centre", "sex", "diagnosis", "aetiology", "stage"):
        if column in obs:
            counts = obs[column].replace("", np.nan).dropna().astype(str).value_counts()
            found[column] = {value: int(n) for value, n in sorted(counts.items()) if value != "nan"}
    age = pd.to_numeric(obs["age"], errors="coerce").dropna() if "age" in obs else []
    if len(age):
        found["age"] = {
            "median": float(age.median()),
            "low": float(age.min()),
            "high": float(age.max()),
        }
    return found


def data_digest(train: Cohort) -> str:
    """Digest of the training data: labels and every table, independent of file formats."""
    parts = [train.obs["label"].tolist()]
    for block, table in sorted(train.tables.items()):
        values = np.round(table.to_numpy(float), 12)
        hashed = pd.util.hash_pandas_object(pd.DataFrame(values), index=False).tolist()
        parts.append([block, list(table.columns), list(table.index), hashed])
    return digest_of(parts)


def libraries() -> dict[str, str]:
    """Versions of what computes the model."""
    from importlib.metadata import version

    return {n: version(n) for n in ("numpy", "scikit-learn", "scipy", "skops", "xgboost-cpu")}


def describe(
    model,
    train: Cohort,
    performance: dict,
    settings: dict,
    seed: int,
    code: str,
    patterns: list[dict] | None = None,
) -> dict:
    """Everything of bundle.json but the members; `patterns` : those of three or more classes."""
    strategy = performance["selected"]
    entry = performance["strategies"][strategy]
    thresholds = {name: e["threshold"] for name, e in entry.get("thresholds", {}).items()}
    return {
        "status": "ASSESSED",
        "strategy": strategy,
        "title": selection.title_of(strategy),
        "version": __version__,
        "code": code,
        "seed": seed,
        "libraries": libraries(),
        "settings": {
            key: settings[key]
            for key in (
                "minimum_class",
                "minimum_blocks",
                "minimum_observed",
                "minimum_specificity",
                "required_blocks",
                "useful_upper",
                "call_confidence",
            )
        },
        "outcome": train.outcome,
        "interval": "" if patterns else interval_refits.method(model, settings),
        "thresholds": thresholds,
        "features": describe_features(model, train),
        **(
            pattern_lines(model, train, performance, settings, thresholds)
            if patterns is None
            else {"patterns": patterns}
        ),
        "centres": sorted(set(train.obs["centre"].astype(str))),
        "training": {
            "n": len(model.y),
            "events": int(model.y.sum()),
            "people": people(train.obs.loc[model.evidence.index]),
            "persons": sorted(bundle.person_hash(p) for p in model.evidence.index),
            "data_digest": data_digest(train),
        },
        "internal": {"metrics": entry["metrics"], "verdict": performance["verdict"]},
    }


def pattern_lines(
    model, train: Cohort, performance: dict, settings: dict, thresholds: dict
) -> dict[str, list[dict]]:
    """`patterns` and `alone` of bundle.json: calibration, thresholds, and whether each tells the classes apart."""
    groups = train.obs.get("group")
    lines = describe_patterns(model, thresholds)
    return {
        "patterns": discrimination.judged_patterns(model, lines, performance, settings, groups),
        "alone": discrimination.judged_alone(model, lines, performance, settings, groups),
    }


def write_classes(
    folder: Path,
    model: classes.ClassModel,
    train: Cohort,
    performance: dict,
    settings: dict,
    seed: int,
    code: str,
) -> float:
    """Write the bundle of a model of three or more classes; returns how far the reloaded one is off."""
    packed, names = model.packed(), model.classes
    lines = class_performance.describe_patterns(model)
    patterns = discrimination.judged_class_patterns(model, lines, performance, settings)
    description = describe(packed, train, performance, settings, seed, code, patterns)
    description["training"] |= {
        "events": None,
        "classes": {name: int((packed.y == n).sum()) for n, name in enumerate(names)},
    }
    description["coupling"] = {"slope": model.slope, "intercepts": model.intercepts.tolist()}
    (folder / "model_card.md").write_text(class_card(description), encoding="utf-8")
    bundle.write_bundle(folder, packed, rounded_floats(description))
    again = classes.unpacked(*bundle.load_bundle(folder))
    columns = classes.probability_columns(names)
    ours, theirs = (m.score(train)[columns].to_numpy(float) for m in (model, again))
    return float(np.nanmax(np.abs(ours - theirs)))


def class_card(description: dict) -> str:
    """The model card of three or more classes as Markdown."""
    metrics, counts = description["internal"]["metrics"], description["training"]["classes"]
    shown = {
        key: "{value:.3f} (95 % CI {low:.3f}-{high:.3f})".format(**metrics[key])
        for key in ("macro_auc", "balanced_accuracy", "log_loss")
    }
    return _CLASS_CARD.format(
        title=description["title"],
        outcome=description["outcome"]["name"],
        classes=", ".join(f"{name} ({n})" for name, n in counts.items()),
        n=description["training"]["n"],
        centres=", ".join(description["centres"]),
        version=description["version"],
        seed=description["seed"],
        blocks=", ".join(dict.fromkeys(f["block"] for f in description["features"])),
        verdict=description["internal"]["verdict"]["text_en"],
        least=description["settings"]["minimum_blocks"],
        **shown,
    )


def main(job):
    """Fit the chosen strategy on the training part.

    input: cohort, performance
    output: fit (directory: a bundle without lock), ledger
    params: settings (model), seed, code
    """
    with core_job.step(job) as step:
        settings, seed = job.params.settings, int(job.params.seed)
        performance = json.loads(Path(job.input.performance).read_text(encoding="utf-8"))
        folder = step.path(job.output.fit)
        folder.mkdir(parents=True)
        if performance["status"] == NOT_ASSESSED:
            text = {"status": NOT_ASSESSED, "reason": performance["reason"]}
            (folder / "bundle.json").write_text(json.dumps(text, sort_keys=True) + "\n")
            step.check(
                "MOD-10", "model fitted", NOT_ASSESSED, reason=performance["reason"], acts=False
            )
            return
        train = read_cohort(job.input.cohort).part("train")
        model = train_chosen(performance["selected"], train, settings, seed)
        code = str(job.params.code)
        if train.multiclass:
            gap = write_classes(folder, model, train, performance, settings, seed, code)
        else:
            description = describe(model, train, performance, settings, seed, code)
            (folder / "model_card.md").write_text(model_card(description), encoding="utf-8")
            refits = interval_refits.refit(model, train, settings, seed)
            comparators.write(folder, performance, train, settings, seed)
            bundle.write_bundle(folder, model, rounded_floats(description), refits)
            again, _ = bundle.load_bundle(folder)
            ours, theirs = (m.score(train)["probability"].to_numpy() for m in (model, again))
            gap = float(np.nanmax(np.abs(ours - theirs)))
        step.check(
            "MOD-10",
            "reloaded model predicts as the trained one",
            "PASS" if gap <= TOLERANCE else "FAIL",
            value=gap,
            threshold=f"<= {TOLERANCE:g}",
        )
        if gap > TOLERANCE:
            raise ValueError(f"the written model differs from the trained one by {gap:g}")


def rounded_floats(description: dict) -> dict:
    """The description with metrics rounded; ranges and calibration lines stay exact."""
    return {**description, "internal": rounded(description["internal"])}


if __name__ == "__main__":
    core_job.entry(main, globals().get("snakemake"))
