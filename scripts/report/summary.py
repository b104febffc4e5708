"""The first page: what came out, in plain words for a clinician.

In: Results and Flow. Out: the summary section. Source: the wording of discrimination follows
Hosmer and Lemeshow (0.7 acceptable, 0.8 good, 0.9 excellent); a claim needs its interval.
"""

from scripts.report import audit, conformity, validation
from scripts.report.curves import estimate
from scripts.report.flow import Flow
from scripts.report.operating import points_of
from scripts.report.page import Bullets, Facts, Paragraph, Section, Text, join, number, reason, text
from scripts.report.performance import assessed, chosen, fact, ranked, strategy_name
from scripts.report.results import Results


def grade(auc: dict) -> str:
    """Key of the word for an AUC: none, weak, acceptable, good, excellent.

    None when the 95 % interval includes 0.5 or its upper bound is below 0.7; weak when the
    estimate is below 0.7.
    """
    if auc.get("low") is None or auc["low"] <= 0.5 or auc["high"] < 0.7:
        return "none"
    steps = ((0.7, "weak"), (0.8, "acceptable"), (0.9, "good"))
    return next((name for bound, name in steps if auc["value"] < bound), "excellent")


def discrimination(results: Results) -> Text:
    """One sentence on the internal discrimination, plain when there is none."""
    performance = results.performance
    if not assessed(performance):
        why = reason(performance.get("reason") or text("performance.no_file"))
        return text("summary.no_model", reason=why)
    entry = chosen(performance)
    auc = entry["metrics"]["auc"]
    word = grade(auc)
    verdict = performance.get("verdict") or {}
    if verdict.get("discrimination") == "void":
        return Text(verdict["text_zh"], verdict["text_en"])
    if verdict.get("discrimination") == "none":
        word = "none"
    name = strategy_name(performance["selected"], entry)
    return text(
        f"summary.discrimination_{word}",
        name=name,
        auc=estimate(auc),
        n=entry["n"],
        events=entry["events"],
    )


def against_single_block(results: Results) -> Text | None:
    """Whether fusion beats the best single block; says so plainly when it does not."""
    performance = results.performance
    if len(results.blocks) < 2:
        return text("summary.fusion_one_block")
    known = [(n, e) for n, e in ranked(performance) if e.get("status") == "ASSESSED"]
    fusions = [(n, e) for n, e in known if e["kind"] == "fusion"]
    block = next(((n, e) for n, e in known if e["kind"] == "block"), None)
    if not fusions or not block:
        return None
    fusion = next(((n, e) for n, e in fusions if n == performance["selected"]), fusions[0])
    own = (n for n, e in known if n == performance["selected"] and e["kind"] == "block")
    single = next(own, block[0])
    names = {
        "fusion": strategy_name(*fusion),
        "block": strategy_name(single, performance["strategies"][single]),
    }
    found = increment(performance, fusion[0], single)
    if found:
        low, high = found["delta"]["low"], found["delta"]["high"]
        key = "better" if low > 0 else "worse" if high < 0 else "same"
        values = {k: number(found[k]) for k in ("auc", "auc_block")}
        delta = estimate(found["delta"])
        return text(f"summary.fusion_{key}", delta=delta, n=found["n"], **names, **values)
    aucs = [fusion[1]["metrics"]["auc"], performance["strategies"][single]["metrics"]["auc"]]
    key = "lower" if aucs[0]["value"] <= aucs[1]["value"] else "higher"
    return text(
        f"summary.fusion_{key}", auc=estimate(aucs[0]), auc_block=estimate(aucs[1]), **names
    )


def increment(performance: dict, fusion: str, block: str) -> dict | None:
    """AUCs of a fusion and a block on the same patients and their difference, or None.

    The file compares the chosen strategy with every other; where the block is the chosen one the
    signs are turned.
    """
    for row in performance.get("increments") or []:
        delta = row.get("delta_auc") or {}
        if delta.get("low") is None:
            continue
        if (row["strategy"], row["baseline"]) == (fusion, block):
            found = {"auc": row["auc"], "auc_block": row["auc_baseline"], "delta": delta}
            return found | {"n": row["n"]}
        if (row["strategy"], row["baseline"]) == (block, fusion):
            turned = {"value": -delta["value"], "low": -delta["high"], "high": -delta["low"]}
            found = {"auc": row["auc_baseline"], "auc_block": row["auc"], "delta": turned}
            return found | {"n": row["n"]}
    return None


def against_afp(results: Results) -> Text | None:
    """Whether the chosen strategy beats AFP alone on the same patients."""
    performance = results.performance
    for row in performance.get("increments") or []:
        delta = row.get("delta_auc") or {}
        if row["baseline"] != "afp" or row["strategy"] != performance["selected"]:
            continue
        if delta.get("low") is None:
            continue
        key = "better" if delta["low"] > 0 else "worse" if delta["high"] < 0 else "same"
        return text(
            f"summary.afp_{key}",
            delta=estimate(delta),
            auc=number(row.get("auc")),
            afp=number(row.get("auc_baseline")),
            n=row["n"],
        )
    return text("summary.afp_absent")


def early(results: Results) -> Text | None:
    """Early stage by itself, because early diagnosis is the goal."""
    for source in (results.external, results.performance):
        for row in source.get("subgroups") or []:
            if row["group"] == "stage" and row["value"] == "early" and row.get("auc"):
                where = text(
                    "summary.external" if source is results.external else "summary.internal"
                )
                return text(
                    "summary.early",
                    where=where,
                    auc=estimate(row["auc"]),
                    sensitivity=estimate(row.get("sensitivity")),
                    n=row["events"],
                )
    return text("summary.early_absent")


def external(results: Results) -> Text:
    """External validation, or that there is none."""
    if not validation.done(results.external):
        return validation.why_not(results, results.external, "external")
    pooled = results.external["pooled"]
    auc = pooled["metrics"]["auc"]
    centres = [
        join([centre, estimate(entry["metrics"]["auc"])], " ", " ")
        for centre, entry in sorted(results.external.get("centres", {}).items())
        if validation.has_auc(entry)
    ]
    tail = "summary.external_done" if grade(auc) != "none" else "summary.external_none"
    return text(
        tail,
        auc=estimate(auc),
        n=pooled["n"],
        events=pooled["events"],
        centres=join(centres, "，", ", "),
    )


def predictive_value(results: Results) -> Text | None:
    """PPV at the lowest stated prevalence: a case-control PPV would mislead."""
    pooled = results.external.get("pooled") if validation.done(results.external) else None
    entry = pooled or (chosen(results.performance) if assessed(results.performance) else None)
    for _, point in points_of(entry or {}):
        at = point.get("at_prevalence") or {}
        if at:
            lowest = min(at, key=float)
            return text(
                "summary.ppv",
                prevalence=f"{100 * float(lowest):g}%",
                ppv=f"{100 * at[lowest]['ppv']['value']:.1f}%"
                if at[lowest]["ppv"]["value"] is not None
                else "–",
                sensitivity=estimate(point.get("sensitivity")),
                specificity=estimate(point.get("specificity")),
            )
    return None


def acquisition(results: Results) -> Text | None:
    """Warn when the result cannot be told apart from how the data were acquired."""
    verdict = results.performance.get("verdict") or {}
    if verdict.get("separable_from_acquisition") is not False:
        return None
    if verdict.get("discrimination") == "void":
        return None  # the first sentence says it
    return Text(
        verdict.get("acquisition_text_zh") or text("summary.acquisition").zh,
        verdict.get("acquisition_text_en") or text("summary.acquisition").en,
    )


def conformance(results: Results) -> Text | None:
    """The verdict of the conformance check in one sentence."""
    found = results.conformance
    if not found:
        return None
    counts = found["counts"]
    return text(
        "summary.conformance",
        verdict=conformity.verdict_cell(found["verdict"]["process"]).content,
        failed=counts["FAIL"],
        missing=counts["NOT_ASSESSED"],
        all=sum(counts.values()),
    )


def tile(label: str, auc: dict | None) -> tuple:
    """An AUC as a tile: label, estimate, interval and what it is."""
    comment = text(f"fact.{label}_comment")
    if not auc:
        return text(f"fact.{label}"), text("summary.not_available"), comment
    value, bounds = fact(auc)
    return text(f"fact.{label}"), value, join([bounds or "–", comment], "；", "; ")


def facts(results: Results, flow: Flow) -> Facts:
    """The tiles at the top."""
    rows = results.plan["patients"].values()
    cases = sum(row["diagnosis"] == "hcc" for row in rows)
    none = text("summary.not_available")
    internal = (
        chosen(results.performance)["metrics"]["auc"] if assessed(results.performance) else None
    )
    outside = (
        results.external["pooled"]["metrics"]["auc"] if validation.done(results.external) else None
    )
    tested = results.test["pooled"]["metrics"]["auc"] if validation.done(results.test) else None
    verdict = results.conformance.get("verdict", {}).get("process")
    return Facts(
        [
            (
                text("fact.patients"),
                str(flow.admitted),
                text(
                    "fact.patients_comment",
                    cases=cases,
                    controls=flow.admitted - cases,
                    refused=sum(flow.refused.values()),
                ),
            ),
            (text("fact.blocks"), str(len(results.blocks)), text("fact.blocks_comment")),
            tile("internal", internal),
            tile("test", tested),
            tile("external", outside),
            (
                text("fact.conformance"),
                conformity.verdict_cell(verdict).content if verdict else none,
                text("fact.conformance_comment"),
            ),
        ]
    )


def section(results: Results, flow: Flow) -> Section:
    """The summary."""
    sentences = [discrimination(results)]
    if assessed(results.performance):
        sentences += [against_single_block(results), against_afp(results), early(results)]
    sentences += [external(results), predictive_value(results), conformance(results)]
    warnings = [acquisition(results)]
    flags = audit.flags(results.audit)
    if flags:
        warnings.append(text("summary.flags", n=len(flags), flags=join(flags)))
    parts: list = [facts(results, flow)]
    parts.append(Bullets([s for s in sentences if s], "summary"))
    parts += [Paragraph(warning, "flag") for warning in warnings if warning]
    return Section("summary", text("section.summary"), parts)
