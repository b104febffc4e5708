"""In: out-of-fold scores of all strategies. Out: what one adds to another on the same patients, and in plain words
whether fusion wins.
Source: DeLong 1988 (linked patients: Obuchowski 1997); net benefit: Vickers 2006; NRI without categories and IDI: Pencina
2008 (Stat Med 27:157) and 2011 (30:11); their caveat: Hilden and Gerds 2014 (Stat Med 33:3405), Kerr 2014 (Epidemiology
25:114).
"""

import numpy as np
import pandas as pd

from scripts.model import metrics
from scripts.model.strategies import level_of

NOTE = (
    "same patients; DeLong on pooled out-of-fold scores is approximate; NRI and IDI can rise for a useless or a "
    "miscalibrated score and are no evidence by themselves"
)


def compare(
    ours: pd.DataFrame,
    other: pd.DataFrame,
    threshold: float,
    settings: dict,
    seed: int,
    calls: bool = False,
    groups: pd.Series | None = None,
) -> dict | None:
    """How much one score adds to another on the patients who have both; None when too few.

    ours, other : index patient_id; label, probability. threshold : of the first net benefit. calls : the
    other is a published score or rule, whose call (0.5 and more) holds at every threshold and whose
    values are no probabilities: no NRI and IDI. groups : index patient_id; linked patients share one.
    """
    both = ours.join(other["probability"].rename("other"), how="inner")
    y = both["label"].to_numpy(int)
    minimum = int(settings["minimum_class"])
    if min(int(y.sum()), int(len(y) - y.sum())) < minimum:
        return None
    a, b = both["probability"].to_numpy(), both["other"].to_numpy()
    linked = None if groups is None else groups.loc[both.index].to_numpy(str)
    counts = metrics.resample_counts(y, int(settings["resamples"]), seed, linked)
    free = metrics.resample_counts(y, int(settings["resamples"]), seed, linked, stratify=False)
    drawn = metrics.resampled_auc(y, a, counts) - metrics.resampled_auc(y, b, counts)
    test = metrics.delong_test(y, a, b, linked)
    cut = min(max(threshold, 0.01), 0.99)
    benefits = [
        benefit_difference(y, a, b, float(t), free, calls)
        for t in settings["net_benefit_thresholds"]
    ]
    found = {
        "n": len(y),
        "events": int(y.sum()),
        "auc": metrics.auc(y, a),
        "auc_baseline": metrics.auc(y, b),
        "delta_auc": metrics.interval(test["difference"], drawn),
        "p_delong": test["p"],
        "delta_net_benefit": benefit_difference(y, a, b, cut, free, calls)["delta"]["value"],
        "net_benefit": benefits,
        "nri": None,
        "idi": None,
        "note": NOTE,
    }
    if not calls:
        found |= {"nri": nri(y, a, b, counts), "idi": idi(y, a, b, counts)}
    return found


def benefit_difference(
    y: np.ndarray, a: np.ndarray, b: np.ndarray, threshold: float, free: np.ndarray, calls: bool
) -> dict:
    """Net benefit of both at a threshold and the difference with its interval.

    free : resamples x patients, not stratified: net benefit depends on the share of events
    """
    odds = threshold / (1 - threshold)
    own = np.where(y == 1, 1.0, -odds)
    gains = [own * (a >= threshold), own * (b >= (0.5 if calls else threshold))]
    difference = gains[0] - gains[1]
    drawn = free @ difference / free.sum(1)
    return {
        "threshold": threshold,
        "value": float(gains[0].mean()),
        "baseline": float(gains[1].mean()),
        "delta": metrics.interval(float(difference.mean()), drawn),
    }


def nri(y: np.ndarray, a: np.ndarray, b: np.ndarray, counts: np.ndarray) -> dict:
    """Net reclassification without categories, -2 to 2: of events up, of others down, and their sum."""
    moved = np.sign(a - b) * np.where(y == 1, 1.0, -1.0)
    parts = {}
    for name, members in (("events", y == 1), ("others", y == 0)):
        own = moved[members]
        drawn = counts[:, members]
        parts[name] = (float(own.mean()), drawn @ own / drawn.sum(1))
    parts["total"] = tuple(x + z for x, z in zip(parts["events"], parts["others"], strict=True))
    return {name: metrics.interval(value, drawn) for name, (value, drawn) in parts.items()}


def idi(y: np.ndarray, a: np.ndarray, b: np.ndarray, counts: np.ndarray) -> dict:
    """Integrated discrimination improvement: gain of the mean difference between the classes."""
    gain = a - b
    sides = [(y == 1, 1.0), (y == 0, -1.0)]
    value = sum(sign * gain[members].mean() for members, sign in sides)
    drawn = sum(sign * (counts[:, m] @ gain[m]) / counts[:, m].sum(1) for m, sign in sides)
    return metrics.interval(float(value), drawn)


def pairs(strategies: dict, chosen: str) -> list[tuple[str, str]]:
    """What is compared: the chosen strategy with all others, and the best of every level of fusion
    with every block and baseline."""
    known = {name: e for name, e in strategies.items() if e["status"] == "ASSESSED"}
    found = [(chosen, other) for other in known if other != chosen]
    best: dict[str, str] = {}
    for name, entry in known.items():
        level = level_of(name)
        value = entry["metrics"]["auc"]["value"]
        if level and (level not in best or value > known[best[level]]["metrics"]["auc"]["value"]):
            best[level] = name
    others = [name for name, entry in known.items() if entry["kind"] != "fusion"]
    found += [(fusion, other) for fusion in sorted(best.values()) for other in others]
    return list(dict.fromkeys(pair for pair in found if pair[0] != pair[1]))


def increments(
    mean: pd.DataFrame,
    strategies: dict,
    chosen: str,
    cut: float,
    settings: dict,
    seed: int,
    groups: pd.Series | None = None,
) -> list[dict]:
    """All comparisons on the patients whom both of a pair can score; groups : index patient_id."""
    tables = {s: own.set_index("patient_id") for s, own in mean.groupby("strategy", sort=True)}
    lines = []
    for one, other in pairs(strategies, chosen):
        calls = other in settings["published"]
        if one in settings["published"]:
            continue
        found = compare(tables[one], tables[other], cut, settings, seed, calls, groups)
        if found:
            lines.append({"strategy": one, "baseline": other, **found})
    return lines


def fusion_verdict(lines: list[dict], strategies: dict, chosen: str | None) -> dict:
    """Whether fusion wins, in plain words: against each block and baseline on the same patients.

    The fusion meant is the chosen one, or the best when a block or nothing was chosen.
    """
    fusions = {
        name: e
        for name, e in strategies.items()
        if e["kind"] == "fusion" and e["status"] == "ASSESSED"
    }
    empty = {"fusion": None, "better": [], "not_shown": [], "worse": []}
    if not fusions or chosen is None:
        text = {"text_en": "Fusion could not be assessed.", "text_zh": "无法评估融合。"}
        return {**empty, **text}
    best = max(fusions, key=lambda name: (fusions[name]["metrics"]["auc"]["value"], name))
    fusion = chosen if chosen in fusions else best
    found = {**empty, "fusion": fusion, "better": [], "not_shown": [], "worse": []}
    for line in lines:
        if line["strategy"] != fusion or strategies[line["baseline"]]["kind"] == "fusion":
            continue
        low, high = line["delta_auc"]["low"], line["delta_auc"]["high"]
        key = "better" if low > 0 else "worse" if high < 0 else "not_shown"
        found[key].append(line["baseline"])
    rivals = sum(len(found[key]) for key in ("better", "not_shown", "worse"))
    won = len(found["better"])
    if not rivals:
        en, zh = "There is nothing to compare fusion with.", "没有可与融合比较的对象。"
    elif won == rivals:
        en = f"Fusion ({fusion}) beats every single block and baseline it could be compared with ({rivals})."
        zh = f"融合（{fusion}）优于全部 {rivals} 个可比较的单一数据类型和基准。"
    else:
        en = (
            f"Fusion ({fusion}) does not win: of {rivals} single blocks and baselines it is better than {won}, "
            f"not shown to be better than {len(found['not_shown'])}, worse than {len(found['worse'])}."
        )
        zh = (
            f"融合（{fusion}）未能胜出：在 {rivals} 个单一数据类型和基准中，优于 {won} 个，"
            f"未能证明优于 {len(found['not_shown'])} 个，不如 {len(found['worse'])} 个。"
        )
    return {**found, "text_en": en, "text_zh": zh}
