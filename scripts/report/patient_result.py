"""The result of one new patient: the verdict on the model first, then probability and calls, or what lacks.

In: a line of predictions.tsv, its contributions, rows of measured.tsv, the bundle, a declared prevalence. Out: the first section
of the patient's page. Source: docs/report.md; docs/modelling.md, "Prediction"; PPV and NPV by Bayes' rule.
"""

from scripts.report import page
from scripts.report.feature_names import block_name, feature_name, pattern_name
from scripts.report.page import (
    Bullets,
    Facts,
    Paragraph,
    Section,
    Text,
    join,
    reason,
    same,
    text,
    text_or,
)

NAMED = 12  # imputed features that a sentence names
WHOLE = "(all)"
NONE, UNKNOWN = "none", "unknown"  # first code of the column verdict where no call may be made
SAME_CUT = 1e-9  # thresholds closer than this are one


def to_number(cell: str | None) -> float | None:
    """The number of a cell, None when it is empty."""
    return float(cell) if cell not in ("", None) else None


def figures_of(line: dict) -> Text:
    """The cross-validated AUC of the blocks that were used, with its interval and number of patients."""
    auc, low, high = (to_number(line.get(key)) for key in ("auc", "auc_low", "auc_high"))
    if auc is None:
        return text("patient.auc_unknown")
    n = to_number(line.get("auc_n"))
    shown = page.interval(auc, low, high)
    return text("patient.auc_of", auc=shown, n="–" if n is None else f"{n:g}")


def verdict_parts(line: dict, bundle: dict) -> list[Paragraph]:
    """What stands before everything else where the model may not be relied upon; [] where it may."""
    codes = [code for code in line.get("verdict", "").split("+") if code]
    blocks, figures = pattern_name(line.get("judged_on", "")), figures_of(line)
    said = []
    if codes[:1] == [NONE]:
        settings = bundle.get("settings", {})
        level = page.percent(settings.get("call_confidence", 0.999), 1)
        shown = {"level": level, "upper": page.number(settings.get("useful_upper", 0.7))}
        said.append(text("patient.no_discrimination", blocks=blocks, figures=figures, **shown))
    elif codes[:1] == [UNKNOWN]:
        said.append(text("patient.unknown_verdict", figures=figures))
    said += [text("patient.void", code=text_or(f"void.{code}", code)) for code in codes[1:]]
    return [Paragraph(sentence, "flag") for sentence in said]


def refusal_parts(line: dict, measured: list[dict], barred: bool) -> list:
    """Why there is no probability, and of each block with too little of its core what lacks, by number and name."""
    if barred:
        return [Paragraph(text("patient.refused_verdict"), "flag")]
    short = [entry for entry in measured if entry["usable"] != "True"]
    reasons = line["refused"].split(" | ")
    reasons = reasons[: len(reasons) - len(short)] or reasons
    why = join(list(map(reason, reasons)), "；", "; ")
    parts: list = [Paragraph(text("patient.refused", reason=why), "flag")]
    for entry in short:
        missing = [feature_name(entry["block"], name) for name in entry["missing"].split()]
        counts = ("measured", "features", "core_measured", "core", "needed")
        shown = {key: entry[key] for key in counts} | {"block": block_name(entry["block"])}
        parts.append(Paragraph(text("patient.lacks", **shown)))
        if missing:
            names = join(missing, "、", ", ")
            parts.append(Bullets([text("patient.missing_core", names=names)]))
    return parts


def result_section(
    line: dict,
    contributions: list[dict],
    measured: list[dict],
    bundle: dict,
    prevalence: float | None = None,
) -> Section:
    """Verdict, probability with its interval, the calls, the blocks used; or why there is no probability."""
    title, use = text("patient.result"), Paragraph(text("patient.use"), "note")
    parts: list = verdict_parts(line, bundle)
    if line["refused"]:
        return Section("result", title, [*parts, *refusal_parts(line, measured, bool(parts)), use])
    many = "class" in line
    items = class_items(line) if many else event_items(line, bundle, prevalence)
    items.append((text("patient.blocks"), pattern_name(line["calibrated_on"]), figures_of(line)))
    if line["flags"]:
        flags = join([reason(flag) for flag in line["flags"].split("; ")], "；", "; ")
        parts.append(Paragraph(text("patient.flagged", flags=flags), "flag"))
    parts.append(Facts(items))
    imputed = imputed_sentence(contributions)
    parts += [Paragraph(imputed, "flag")] if imputed else []
    if not many:
        key = "patient.prevalence_note" if prevalence else "patient.no_prevalence"
        parts.append(Paragraph(text(key), "small"))
    return Section("result", title, [*parts, use])


def imputed_sentence(contributions: list[dict]) -> Text | None:
    """How many features in use were not measured, by name; None when all were."""
    features = [p for p in contributions if p["feature"] not in ("", WHOLE)]
    gone = [p for p in features if p["range"] == "missing"]
    if not gone:
        return None
    names = join([feature_name(p["block"], p["feature"]) for p in gone[:NAMED]], "、", ", ")
    more = text("patient.more", n=len(gone) - NAMED) if len(gone) > NAMED else same("")
    shown = Text(names.zh + more.zh, f"{names.en} {more.en}".strip())
    return text("patient.imputed", n=len(gone), all=len(features), names=shown)


def class_items(line: dict) -> list[tuple]:
    """The class called, where one is, and the probability of each class."""
    start, items = "probability ", []
    if line["class"]:
        items.append((text("patient.class"), text_or(f"class.{line['class']}", line["class"]), ""))
    for key, cell in line.items():
        if key.startswith(start):
            name = key.removeprefix(start)
            shown = page.percent(to_number(cell), 1)
            items.append((text_or(f"class.{name}", name), shown, text("patient.of_class")))
    return items


def event_items(line: dict, bundle: dict, prevalence: float | None = None) -> list[tuple]:
    """Probability with its interval, at the declared prevalence too, and the calls at the thresholds."""
    low, high = to_number(line["low"]), to_number(line["high"])
    comment = text("patient.no_interval")
    if low is not None:
        comment = text("patient.interval", low=page.percent(low, 1), high=page.percent(high, 1))
    probability = to_number(line["probability"])
    items = [(text("patient.probability"), page.percent(probability, 1), comment)]
    if prevalence and line["centre"] not in bundle.get("recalibration", {}):
        share = bundle["training"]["events"] / bundle["training"]["n"]
        label = text("patient.at_prevalence", prevalence=page.percent(prevalence, 1))
        moved = page.percent(at_share(probability, share, prevalence), 1)
        items.append((label, moved, text("patient.share_of_training", share=page.percent(share))))
    cuts = [to_number(line[key]) for key in ("threshold", "threshold_high_specificity")]
    alike = None not in cuts and abs(cuts[0] - cuts[1]) < SAME_CUT
    for key, called, cut, suffix in (
        ("patient.at_youden", "positive", cuts[0], ""),
        ("patient.at_specificity", "positive_high_specificity", cuts[1], "_high_specificity"),
    ):
        if not line[called] or (alike and suffix):
            continue
        label = text("patient.at_both" if alike else key, cut=page.percent(cut, 1))
        shown = text("patient.positive" if line[called] == "yes" else "patient.negative")
        comments = [text("patient.same_thresholds")] if alike else []
        comments += operating_comments(line, suffix, prevalence)
        items.append((label, shown, join([*comments, text("patient.own_threshold")], "；", "; ")))
    return items


def operating_comments(line: dict, suffix: str, prevalence: float | None) -> list[Text]:
    """Sensitivity and specificity of these blocks at a threshold, PPV and NPV at a declared prevalence."""
    values = [to_number(line.get(f"{key}{suffix}")) for key in ("sensitivity", "specificity")]
    if None in values:
        return []
    shown = [text("patient.operating", se=page.percent(values[0]), sp=page.percent(values[1]))]
    if prevalence:
        ppv, npv = (page.percent(v, 1) for v in predictive_values(*values, prevalence))
        at = page.percent(prevalence, 1)
        shown.append(text("patient.predictive", ppv=ppv, npv=npv, prevalence=at))
    return shown


def at_share(probability: float, share: float, prevalence: float) -> float:
    """A probability at another share of events: its odds times the ratio of the two prior odds (Bayes)."""
    odds = probability / max(1 - probability, 1e-12)
    odds *= prevalence / (1 - prevalence) * (1 - share) / share
    return odds / (1 + odds)


def predictive_values(
    sensitivity: float, specificity: float, prevalence: float
) -> tuple[float | None, float | None]:
    """PPV and NPV at a prevalence; None where nobody would be called so."""
    found, alarm = sensitivity * prevalence, (1 - specificity) * (1 - prevalence)
    clear, missed = specificity * (1 - prevalence), (1 - sensitivity) * prevalence
    ppv = found / (found + alarm) if found + alarm else None
    return ppv, clear / (clear + missed) if clear + missed else None
