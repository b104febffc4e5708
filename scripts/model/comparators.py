"""In: the chosen strategy's rivals: every block alone, every fitted baseline; scores and rules as published. Out: small locked
models beside the bundle's own, and how they do on patients outside training, paired with the model.
Source: incremental value over the markers of practice (TRIPOD+AI 2024, item 12); requirements FUS-06, MOD-07.
"""

from pathlib import Path

import pandas as pd

from scripts.model import bundle, fused, increments, published
from scripts.model.cohort_tables import Cohort, predictors
from scripts.model.evaluation import NOT_ASSESSED, assess

FOLDER = "comparators"
_KEYS = ("n", "events", "status", "reason")
_PAIRED = ("delta_auc", "p_delong", "net_benefit", "nri", "idi")


def rivals_of(performance: dict, settings: dict) -> list[str]:
    """Blocks alone and fitted baselines that cross-validation could assess."""
    return [
        name
        for name, entry in performance["strategies"].items()
        if entry.get("kind") in ("block", "baseline")
        and entry.get("status") != NOT_ASSESSED
        and name not in settings["published"]
    ]


def write(folder: Path, performance: dict, train: Cohort, settings: dict, seed: int) -> list[str]:
    """Fit every rival on the training part and write it below `folder`/comparators; returns their names.

    Each is a bundle of its own, without the minimum set of blocks of the model.
    """
    own = {**settings, "required_blocks": [], "minimum_blocks": 1}
    allowed, _ = predictors(train, own)
    written = []
    for name in rivals_of(performance, settings):
        if name.startswith("block_") and name.removeprefix("block_") not in allowed:
            continue
        model = fused.train(fused.members_of(name, allowed, own), train, own, seed)
        if model is None:
            continue
        entry = performance["strategies"][name]
        keys = ("minimum_class", "minimum_blocks", "minimum_observed", "required_blocks")
        description = {
            "title": entry["title"],
            "kind": entry["kind"],
            "thresholds": {
                cut: float(found["threshold"]) for cut, found in entry.get("thresholds", {}).items()
            },
            "settings": {key: own[key] for key in keys},
        }
        place = folder / FOLDER / name
        place.mkdir(parents=True)
        bundle.write_bundle(place, model, description)
        written.append(name)
    return written


def score(folder: Path, cohort: Cohort, settings: dict) -> dict[str, tuple[dict, pd.Series, str]]:
    """{rival: (title, kind and thresholds; probabilities of those it can score; why there are none)}.

    folder : of the locked bundle; published scores and rules are worked out as they were published
    """
    found = {}
    for place in sorted(p for p in (folder / FOLDER).glob("*") if p.is_dir()):
        model, description = bundle.load_bundle(place)
        values = model.score(cohort)["probability"].dropna()
        reason = "" if len(values) else "no patient has the features of this baseline"
        found[place.name] = (description, values, reason)
    for name in settings["published"]:
        values, reason = published.score(name, cohort, settings)
        values = values[values.index.isin(cohort.obs.index)].sort_index()
        head = {"title": f"baseline {name}", "kind": "baseline", "thresholds": {"published": 0.5}}
        found[name] = (head, values, reason)
    for name in settings["baselines"]:
        head = {"title": f"baseline {name}", "kind": "baseline", "thresholds": {}}
        why = "the locked bundle holds no fit of this baseline"
        found.setdefault(name, (head, pd.Series(dtype=float), why))
    return found


def judge(
    rivals: dict, probability: pd.Series, cohort: Cohort, cut: float, settings: dict, seed: int
) -> dict[str, dict]:
    """{rival: figures of its own, and what the model adds to it on the patients whom both can score}.

    rivals : as `score` gives them; probability : of the patients whom the model scored; cut : the model's threshold
    """
    groups = cohort.obs["group"].astype(str) if "group" in cohort.obs else None
    out = {}
    for name, (head, values, reason) in sorted(rivals.items()):
        line = {"title": head["title"], "kind": head["kind"]}
        if reason:
            out[name] = line | {"n": 0, "events": 0, "status": NOT_ASSESSED, "reason": reason}
            continue
        table = pd.DataFrame(
            {"label": cohort.obs.loc[values.index, "label"], "probability": values}
        )
        y, p = table["label"].to_numpy(int), table["probability"].to_numpy(float)
        linked = None if groups is None else groups.loc[values.index].to_numpy(str)
        entry = assess(y, p, head["thresholds"], settings, seed, linked)
        line |= {key: entry[key] for key in _KEYS}
        if entry["status"] != NOT_ASSESSED:
            calls = name in settings["published"]
            shown = {"auc": entry["metrics"]["auc"]} if calls else entry["metrics"]
            line |= {"metrics": shown, "thresholds": entry["thresholds"]}
        ours = cohort.obs.loc[probability.index, ["label"]].assign(probability=probability)
        paired = increments.compare(
            ours, table, cut, settings, seed, name in settings["published"], groups
        )
        if paired:
            line |= {key: paired[key] for key in _PAIRED}
            line["paired"] = {"n": paired["n"], "events": paired["events"]}
            line["paired"] |= {"auc": paired["auc"], "auc_baseline": paired["auc_baseline"]}
        out[name] = line
    return out
