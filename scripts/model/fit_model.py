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
from scripts.model import bundle, class_performance, classes, fused, selection
from scripts.model.cohort_tables import Cohort, predictors, read_cohort
from scripts.model.evaluation import NOT_ASSESSED, rounded

TOLERANCE = 1e-12
_CARD = """# Model card: {title}

Research use, not a diagnosis.

- Predicts: hepatocellular carcinoma against chronic liver disease or other controls, at the time of work-up.
- Trained on: {n} patients ({events} with hcc) of centres {centres}; hcc-omics {version}, seed {seed}.
- Blocks: {blocks}.
- Internal validation (nested cross-validation): AUC {auc}; {verdict}
- Threshold (Youden, training): {threshold:.3f}.
- Missing blocks: evidence of the present blocks only, calibrated for that pattern; fewer than {least} usable block(s): refused.
- Not covered: other diseases, children, treated tumours; see the report for limits and subgroups.
"""

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
    """Block, feature, unit and training range of every feature, in the order of the members."""
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


def describe_patterns(model: fused.FusedModel) -> list[dict]:
    """Patterns of blocks that training showed, with the line that calibrates them."""
    lines = []
    present = model.evidence.notna()
    for key, rows in present.groupby(list(present.columns)):
        key = key if isinstance(key, tuple) else (key,)
        names = tuple(sorted(n for n, has in zip(present.columns, key, strict=True) if has))
        line = model.calibration(names) if names else None
        have = present[list(names)].all(axis=1).to_numpy()
        lines.append(
            {
                "pattern": fused.pattern_name(names),
                "seen": len(rows),
                "n": int(have.sum()),
                "events": int(model.y[have].sum()),
                "intercept": None if line is None else line[0],
                "slope": None if line is None else line[1],
            }
        )
    return sorted(lines, key=lambda line: line["pattern"])


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
            for key in ("minimum_class", "minimum_blocks", "minimum_observed", "required_blocks")
        },
        "outcome": train.outcome,
        "thresholds": {name: e["threshold"] for name, e in entry.get("thresholds", {}).items()},
        "features": describe_features(model, train),
        "patterns": describe_patterns(model) if patterns is None else patterns,
        "centres": sorted(set(train.obs["centre"].astype(str))),
        "training": {
            "n": len(model.y),
            "events": int(model.y.sum()),
            "persons": sorted(bundle.person_hash(p) for p in model.evidence.index),
            "data_digest": data_digest(train),
        },
        "internal": {"metrics": entry["metrics"], "verdict": performance["verdict"]},
    }


def model_card(description: dict) -> str:
    """The model card as Markdown."""
    auc = description["internal"]["metrics"]["auc"]
    return _CARD.format(
        title=description["title"],
        n=description["training"]["n"],
        events=description["training"]["events"],
        centres=", ".join(description["centres"]),
        version=description["version"],
        seed=description["seed"],
        blocks=", ".join(dict.fromkeys(f["block"] for f in description["features"])),
        auc=f"{auc['value']:.3f} (95 % CI {auc['low']:.3f}-{auc['high']:.3f})",
        verdict=description["internal"]["verdict"]["text_en"],
        threshold=description["thresholds"]["youden"],
        least=description["settings"]["minimum_blocks"],
    )


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
    patterns = class_performance.describe_patterns(model)
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
            bundle.write_bundle(folder, model, rounded_floats(description))
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
