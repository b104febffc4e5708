"""In: the verdict of the evaluation, out-of-fold evidence. Out: for the model and every pattern of blocks whether it tells the
classes apart, as codes; and what that means for a new patient.
Source: docs/modelling.md, "Prediction"; TRIPOD+AI (2024), item 23a; interval of an AUC: DeLong (Sun and Xu 2014).
"""

from collections.abc import Callable

import numpy as np
import pandas as pd
from scipy.special import logit, ndtri

from scripts.model import calibrators, fused, metrics, patterns, proportions
from scripts.model.class_metrics import macro_auc

USEFUL, NONE, UNKNOWN = "useful", "none", "unknown"
NOT_SEPARABLE = "not_separable"
# Where the AUC of a pattern comes from.
NESTED, EVIDENCE = "nested", "evidence"
Z95 = 1.959964
CONFIDENCE = 0.999  # of bundles that were locked without `call_confidence`
RESAMPLES, SEED = 400, 1  # of finished scores, for the macro AUC of three or more classes
FOLDS = 5  # in which lines of members are fitted without the patients whom they calibrate
COLUMNS = ["verdict", "judged_on", "auc", "auc_low", "auc_high", "auc_n", "auc_events"]
OPERATING = ("sensitivity", "specificity")


def code_of(auc: dict | None, useful_upper: float, confidence: float = CONFIDENCE) -> str:
    """useful, none or unknown, by an AUC with its 95 % interval (value, low, high).

    none : the interval, widened to `confidence` (its lower half scaled as that of a normal distribution), includes .5, or the
    95 % interval ends below `useful_upper`
    """
    if not auc or auc.get("low") is None or auc.get("high") is None:
        return UNKNOWN
    wide = float(ndtri(0.5 + confidence / 2)) / Z95
    low = auc["value"] - max(1.0, wide) * (auc["value"] - auc["low"])
    return NONE if low <= 0.5 or auc["high"] < useful_upper else USEFUL


def limits_of(settings: dict) -> tuple[float, float]:
    """`useful_upper` and `call_confidence` of the settings of a model."""
    return float(settings.get("useful_upper", 0.7)), float(
        settings.get("call_confidence", CONFIDENCE)
    )


def delong_interval(y: np.ndarray, score: np.ndarray, groups: np.ndarray | None = None) -> dict:
    """AUC with its 95 % interval, within 0 and 1."""
    areas, covariance = metrics.delong(y, score, groups=groups)
    value, error = float(areas[0]), float(np.sqrt(max(covariance[0, 0], 0.0)))
    return {
        "value": value,
        "low": max(0.0, value - Z95 * error),
        "high": min(1.0, value + Z95 * error),
    }


def of_pattern(
    model, names: tuple[str, ...], groups: pd.Series | None = None, cuts: dict | None = None
) -> dict | None:
    """n, events, AUC and, at the thresholds, sensitivity and specificity of a pattern by its out-of-fold evidence.

    Patients : training patients who have at least these members. None when they are too few to calibrate.
    """
    scores = patterns.pattern_scores(model, names)
    if scores is None:
        return None
    y, probability = scores
    have = model.evidence[list(names)].notna().all(axis=1).to_numpy()
    linked = None if groups is None else groups.loc[model.evidence.index[have]].to_numpy(str)
    if cuts is None:
        cuts = patterns.pattern_thresholds(model, names) or {}
    return {
        "n": len(y),
        "events": int(y.sum()),
        "auc": delong_interval(y, cross_fitted(model, names, have, linked), linked),
        "source": EVIDENCE,
        "operating": {
            name: {
                "sensitivity": proportions.proportion(probability >= cut, y == 1, linked),
                "specificity": proportions.proportion(probability < cut, y == 0, linked),
            }
            for name, cut in cuts.items()
        },
    }


def cross_fitted(
    model, names: tuple[str, ...], have: np.ndarray, groups: np.ndarray | None
) -> np.ndarray:
    """Mean evidence of the members with lines that were fitted without the patient, (patients who have all members,).

    The lines of a model were fitted on the same scores that they calibrate; members that are lucky would weigh more. One
    member alone keeps its order under any line.
    """
    evidence = model.evidence.loc[have, list(names)]
    if len(names) == 1:
        return evidence.iloc[:, 0].to_numpy(float)
    y, values = model.y[have], evidence.to_numpy(float)
    linked = np.arange(len(y)).astype(str) if groups is None else groups
    out = np.zeros(values.shape)
    for train, test in fused.inner_folds(y, linked, FOLDS, SEED):
        prior = float(logit(y[train].mean()))
        for position in range(values.shape[1]):
            intercept, slope = calibrators.fit_line(values[train, position], y[train])
            out[test, position] = intercept + slope * values[test, position] - prior
    return model.mean_evidence(pd.DataFrame(out, columns=list(names)), names).to_numpy(float)


def judged_patterns(
    model, lines: list[dict], performance: dict, settings: dict, groups: pd.Series | None = None
) -> list[dict]:
    """The patterns of bundle.json with n, events, auc, source, operating and discrimination of each.

    All members together have the figures of the nested cross-validation, one block alone its own nested AUC where the
    evaluation has it; others those of their out-of-fold evidence, which must not contradict either.
    """
    strategies, chosen = performance["strategies"], performance["selected"]
    limits = limits_of(settings)
    out = []
    for line in lines:
        names = tuple(line["pattern"].split("+"))
        found = of_pattern(model, names, groups, line.get("thresholds")) if line["slope"] else None
        found = found or {"auc": None, "source": "", "operating": {}}
        if len(names) == len(model.members):
            nested = strategies[chosen]
            own = nested.get("thresholds", {})
            found["operating"] = {
                name: {key: own[name][key] for key in OPERATING if key in own[name]} for name in own
            }
        else:
            linear = chosen in ("late", "stacking") or chosen.startswith("block_")
            nested = strategies.get(f"block_{names[0]}") if len(names) == 1 and linear else None
        code = code_of(found["auc"], *limits)
        if nested and nested.get("metrics", {}).get("auc"):
            found |= {"auc": nested["metrics"]["auc"], "source": NESTED}
            found |= {key: nested[key] for key in ("n", "events") if nested.get(key)}
            # Chance rarely fools two ways of leaving patients out at once.
            code = NONE if code == NONE else code_of(found["auc"], *limits)
        shown = {"auc": found["auc"], "source": found["source"], "operating": found["operating"]}
        shown |= {"auc_n": found.get("n"), "auc_events": found.get("events")}
        out.append({**line, **shown, "discrimination": code})
    return out


def judged_alone(
    model, seen: list[dict], performance: dict, settings: dict, groups: pd.Series | None = None
) -> list[dict]:
    """The same of every block alone that no training patient showed alone (`seen` : the patterns that they showed)."""
    known = {line["pattern"] for line in seen}
    names = [m.member.name for m in model.members if m.member.name not in known]
    lines = [{"pattern": n, "slope": line[1]} for n in names if (line := model.calibration((n,)))]
    return judged_patterns(model, lines, performance, settings, groups)


def judged_class_patterns(
    model, lines: list[dict], performance: dict, settings: dict
) -> list[dict]:
    """The same for three or more classes, by the macro AUC; there are no thresholds."""
    limits = limits_of(settings)
    entry = performance["strategies"][performance["selected"]]
    out = []
    for line in lines:
        names = tuple(line["pattern"].split("+"))
        auc, source = class_auc(model, names), EVIDENCE
        if len(names) == len(model.members) and entry["metrics"].get("macro_auc"):
            auc, source = entry["metrics"]["macro_auc"], NESTED
        code = code_of(auc, *limits)
        shown = {"auc": auc, "source": source, "discrimination": code, "auc_n": line["n"]}
        out.append({**line, **shown, "auc_events": None, "operating": {}})
    return out


def class_auc(model, names: tuple[str, ...]) -> dict | None:
    """Macro AUC with the percentiles of its resamples by the out-of-fold evidence of these members; None when too few."""
    odds = []
    for own in model.models:
        line = own.calibration(names)
        if line is None:
            return None
        rows = own.evidence[own.evidence[list(names)].notna().all(axis=1)]
        odds.append(line[0] + line[1] * own.mean_evidence(rows, names))
    table = pd.concat(odds, axis=1).dropna()
    packed = model.packed()
    y = pd.Series(packed.y, index=packed.evidence.index).loc[table.index].to_numpy(int)
    if set(y) != set(range(len(model.classes))):
        return None
    probability = model.couple(table.to_numpy(float))
    counts = metrics.resample_counts(y, RESAMPLES, SEED)
    drawn = [
        metrics.resampled_auc((y == c).astype(int), probability[:, c], counts)
        for c in range(probability.shape[1])
    ]
    return metrics.interval(macro_auc(y, probability), np.mean(drawn, axis=0))


def whole_codes(description: dict) -> list[str]:
    """Codes of the whole model's verdict as its evaluation gave it: useful, none or unknown first, then what voids it."""
    verdict = description.get("internal", {}).get("verdict") or {}
    code = verdict.get("discrimination", UNKNOWN)
    found = [code if code in (USEFUL, NONE) else UNKNOWN]
    void = verdict.get("void") or []
    found += [str(code) for code in ([void] if isinstance(void, str) else list(void))]
    if verdict.get("separable_from_acquisition") is False and NOT_SEPARABLE not in found:
        found.append(NOT_SEPARABLE)
    return found


def figures_of(description: dict, used: str, computed: Callable) -> dict:
    """Figures of the pattern `used` as they were locked; of a bundle locked without them `computed(names)` gives them."""
    for line in [*description.get("patterns", []), *description.get("alone", [])]:
        if line["pattern"] == used and "discrimination" in line:
            return {**line, "n": line.get("auc_n"), "events": line.get("auc_events")}
    return computed(tuple(used.split("+"))) or {}


def judged(scores: pd.DataFrame, description: dict, computed: Callable) -> pd.DataFrame:
    """COLUMNS, and sensitivity and specificity at every threshold, of every scored patient's pattern (index as scores).

    verdict : codes with + between them. useful : the model and the pattern tell the classes apart; none; unknown (the bundle
    carries no verdict); not_separable and other codes : the evaluation is void
    """
    limits = limits_of(description.get("settings", {}))
    whole, rows = whole_codes(description), {}
    for used in sorted(set(scores["calibrated_on"]) - {""}):
        found = figures_of(description, used, computed)
        own = found.get("discrimination") or code_of(found.get("auc"), *limits)
        code = NONE if NONE in (own, whole[0]) else UNKNOWN if UNKNOWN in (own, whole[0]) else own
        auc = found.get("auc") or {}
        line = {"verdict": "+".join([code, *whole[1:]]), "judged_on": used}
        line |= {"auc": auc.get("value"), "auc_low": auc.get("low"), "auc_high": auc.get("high")}
        line |= {"auc_n": found.get("n"), "auc_events": found.get("events")}
        for name, point in (found.get("operating") or {}).items():
            suffix = "" if name == "youden" else f"_{name}"
            line |= {f"{key}{suffix}": point[key]["value"] for key in OPERATING if key in point}
        rows[used] = line
    empty = dict.fromkeys(COLUMNS, "") | dict.fromkeys(COLUMNS[2:])
    table = [rows.get(used, empty) for used in scores["calibrated_on"]]
    suffixes = [
        "" if name == "youden" else f"_{name}" for name in description.get("thresholds", {})
    ]
    columns = [*COLUMNS, *(f"{key}{s}" for s in suffixes for key in OPERATING)]
    return pd.DataFrame(table, index=scores.index).reindex(columns=columns)


def may_call(verdict: str) -> bool:
    """Whether calls may be made under a verdict."""
    return verdict == USEFUL


def sentence(line: pd.Series) -> str:
    """Why no call is made of a patient, from the codes of `judged`."""
    codes = line["verdict"].split("+")
    shown = "not known"
    if line["auc"] is not None and not pd.isna(line["auc"]):
        shown = f"{line['auc']:.2f} (95 % CI {line['auc_low']:.2f} to {line['auc_high']:.2f})"
    said = []
    if codes[0] == NONE:
        text = f"no useful discrimination: cross-validated AUC of {line['judged_on']} {shown}"
        said.append(text)
    elif codes[0] == UNKNOWN:
        said.append("the bundle carries no verdict of its evaluation: discrimination unknown")
    said += [f"the evaluation is void: {code.replace('_', ' ')}" for code in codes[1:]]
    return " | ".join(said)
