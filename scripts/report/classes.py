"""Three or more classes: how well they are told apart, inside and outside, with the confusion table.

In: performance.json, test.json and external/performance.json of a multi-class outcome. Out: the sections that stand in for those
of two classes. Source: docs/outputs.md; TRIPOD+AI items 23-25; Hand and Till 2001 for the pairwise AUC.
"""

from scripts.report import audit, curves, performance
from scripts.report.class_figures import class_name, class_table, figures
from scripts.report.flow import Flow, block_name
from scripts.report.ingredients import left_out
from scripts.report.page import (
    Bullets,
    Cell,
    Facts,
    Heading,
    Paragraph,
    Section,
    Table,
    Text,
    join,
    number,
    percent,
    reason,
    text,
    text_or,
)
from scripts.report.performance import assessed, chosen, fact, strategy_name
from scripts.report.results import Results
from scripts.report.validation import flow_note, prospective_note, why_not

METRICS = ("macro_auc", "pairwise_auc", "balanced_accuracy", "accuracy", "log_loss", "brier")


def multiclass(results: Results) -> bool:
    """Whether the models tell three or more classes apart."""
    return results.performance.get("outcome", {}).get("kind") == "multiclass"


def numbers(counts: dict[str, int]) -> Text:
    """Patients by class in one phrase."""
    return join([join([class_name(n), str(k)], " ", " ") for n, k in counts.items()], "，", ", ")


def done(validation: dict) -> bool:
    """Whether a validation gave figures of classes."""
    return validation.get("status") == "ASSESSED" and bool(
        validation.get("pooled", {}).get("per_class")
    )


def comparison(found: dict) -> Table:
    """One line a strategy: patients, AUCs, balanced accuracy, losses; the chosen marked."""

    def order(item):
        value = (item[1].get("metrics", {}).get("macro_auc") or {}).get("value") or 0.0
        kind = item[1].get("kind")
        return performance.KINDS.index(kind) if kind in performance.KINDS else 9, -value, item[0]

    rows = []
    for name, entry in sorted(found["strategies"].items(), key=order):
        label = strategy_name(name, entry)
        if name == found.get("selected"):
            label = join([label, text("performance.chosen")], " ", " ")
        if entry.get("status") != "ASSESSED":
            rows.append([label, str(entry["n"]), Cell(reason(entry["reason"]), "missing", 5)])
            continue
        shown = [curves.estimate(entry["metrics"][key]) for key in METRICS[:3]]
        shown += [number(entry["metrics"][key]["value"], 3) for key in METRICS[4:]]
        strong = "strong" if name == found.get("selected") else ""
        rows.append([Cell(label, strong), str(entry["n"]), *shown])
    names = ("strategy", "n", "macro_auc", "pairwise_auc", "balanced_accuracy", "log_loss", "brier")
    return Table(
        caption=text("classes.comparison"),
        columns=[text(f"column.{name}") for name in names],
        rows=rows,
        numeric=tuple(range(1, 7)),
        notes=[text("classes.comparison_note")],
    )


def tiles(entry: dict) -> list[tuple]:
    """The pooled metrics as tiles."""
    return [(text(f"column.{key}"), *fact(entry["metrics"][key])) for key in METRICS]


def increments(found: dict) -> Table | None:
    """Difference of the macro AUC to every other strategy on the same patients."""
    lines = found.get("increments") or []
    if not lines:
        return None
    strategies = found["strategies"]
    rows = [
        [
            strategy_name(line["baseline"], strategies.get(line["baseline"], {})),
            str(line["n"]),
            number(line["macro_auc"]),
            number(line["macro_auc_baseline"]),
            curves.estimate(line["delta_macro_auc"]),
        ]
        for line in lines
    ]
    names = ("comparison", "n", "macro_auc", "auc_baseline", "delta_auc")
    return Table(
        caption=text("classes.increments"),
        columns=[text(f"column.{name}") for name in names],
        rows=rows,
        numeric=(1, 2, 3, 4),
    )


def parts_table(found: dict) -> list:
    """Subgroups, patterns of blocks and centres with macro AUC and balanced accuracy."""
    tables = []
    for key, lines in (
        ("subgroups", found.get("subgroups") or []),
        ("patterns", found.get("patterns") or []),
        ("centres", [{"value": c, **own} for c, own in (found.get("centres") or {}).items()]),
    ):
        rows = []
        for line in lines:
            blocks = line.get("pattern", "").split("+") if key == "patterns" else []
            label = join([block_name(b) for b in blocks], " + ", " + ") if blocks else line["value"]
            if key == "subgroups":
                group = text_or(f"group.{line['group']}", line["group"])
                value = text_or(f"{line['group']}.{line['value']}", line["value"])
                label = join([group, value], "：", ": ")
            if line.get("status", "ASSESSED") != "ASSESSED":
                why = Cell(reason(line.get("reason") or "–"), "missing", 2)
                rows.append([label, str(line["n"]), why])
                continue
            values = [line.get(k, line.get("metrics", {}).get(k)) for k in METRICS[:3:2]]
            shown = [curves.estimate(v) if isinstance(v, dict) else number(v) for v in values]
            rows.append([label, str(line["n"]), *shown])
        if rows:
            names = ("data", "n", "macro_auc", "balanced_accuracy")
            columns = [text(f"column.{name}") for name in names]
            tables.append(Table(text(f"classes.{key}"), columns, rows, numeric=(1, 2, 3)))
    return tables


def feature_tables(entry: dict) -> Table | None:
    """The features that tell each class from the rest, chosen most often over the folds."""
    rows = [
        [
            class_name(name),
            line["feature"],
            block_name(line["block"]),
            percent(line["selected"]),
            number(line["weight"], 3),
        ]
        for name, lines in (entry.get("features") or {}).items()
        for line in lines[:8]
    ]
    if not rows:
        return None
    columns = [text(f"column.{c}") for c in ("class", "feature", "block", "selected", "weight")]
    return Table(text("classes.features"), columns, rows, numeric=(3, 4), folded=True)


def size_note(found: dict) -> Paragraph | None:
    """How the smallest class compares with what the number of predictors asks for."""
    size = found.get("sample_size") or {}
    if not size.get("minimum"):
        return None
    content = text(
        "classes.sample_size",
        smallest=size["smallest_class"],
        predictors=size["candidate_predictors"],
        minimum=size["minimum"],
    )
    return Paragraph(content, "flag" if size["verdict"] != "PASS" else "")


def section(results: Results) -> Section:
    """Internal validation; says plainly why when there is no model."""
    found, title = results.performance, text("section.performance")
    if not assessed(found):
        parts: list = [
            Paragraph(text("performance.none", reason=reason(found.get("reason") or "–")), "note")
        ]
        if any(e.get("status") == "ASSESSED" for e in found.get("strategies", {}).values()):
            parts.append(comparison(found))
        return Section("performance", title, parts)
    entry, settings = chosen(found), found["settings"]
    intro = text(
        "classes.intro",
        n=found["cohort"]["train"]["n"],
        classes=numbers(found["cohort"]["train"]["classes"]),
        outer=settings["outer_folds"],
        inner=settings["inner_folds"],
        repeats=settings["repeats"],
        resamples=settings["resamples"],
    )
    picked = (
        text("fact.chosen"),
        strategy_name(found["selected"], entry),
        text("performance.rule"),
    )
    parts = [
        Paragraph(intro),
        Facts([picked, *tiles(entry)]),
        comparison(found),
        increments(found),
        *figures(entry),
        class_table(entry),
        *parts_table(found),
        size_note(found),
        feature_tables(entry),
        left_out(found),
    ]
    return Section("performance", title, [part for part in parts if part])


def validation_section(results: Results) -> Section:
    """The locked model on the held-out part and on external patients."""
    parts: list = [Paragraph(text("validation.intro"))]
    for kind, found, title in (
        ("test", results.test, text("forest.test")),
        ("external", results.external, text("validation.external")),
    ):
        if not done(found):
            parts.append(Paragraph(why_not(results, found, kind), "note"))
            continue
        pooled = found["pooled"]
        parts += [Heading(title), flow_note(found), prospective_note(found), Facts(tiles(pooled))]
        parts += [*figures(pooled), class_table(pooled), *parts_table(found)]
    return Section("validation", text("section.validation"), [part for part in parts if part])


def _sentence(key: str, entry: dict) -> Text:
    metrics = entry["metrics"]
    return text(
        f"classes.{key}",
        n=entry["n"],
        auc=curves.estimate(metrics["macro_auc"]),
        accuracy=curves.estimate(metrics["balanced_accuracy"]),
    )


def summary_section(results: Results, flow: Flow) -> Section:
    """The first page: which classes, how well they are told apart, what warns."""
    found = results.performance
    none = (text("summary.not_available"), None)
    facts = [
        (
            text("fact.patients"),
            str(flow.admitted),
            text("classes.outcome_of", name=outcome(found)),
        ),
        (text("fact.blocks"), str(len(results.blocks)), text("fact.blocks_comment")),
    ]
    entries = {
        "internal": chosen(found) if assessed(found) else None,
        "test": results.test["pooled"] if done(results.test) else None,
        "external": results.external["pooled"] if done(results.external) else None,
    }
    for key, entry in entries.items():
        value = fact(entry["metrics"]["macro_auc"]) if entry else none
        facts.append((text(f"classes.tile_{key}"), *value))
    sentences = [_sentence(f"summary_{key}", entry) for key, entry in entries.items() if entry]
    verdict = found.get("verdict") or {}
    if verdict.get("text_zh"):
        sentences.insert(0, Text(verdict["text_zh"], verdict["text_en"]))
    if not entries["internal"]:
        why = reason(found.get("reason") or "–")
        sentences = [text("summary.no_model", reason=why)]
    if not entries["external"]:
        sentences.append(why_not(results, results.external, "external"))
    parts: list = [Facts(facts), Bullets(sentences, "summary")]
    flags = audit.flags(results.audit)
    if flags:
        shown = text("summary.flags", n=len(flags), flags=join(flags[:3]))
        parts.append(Paragraph(shown, "flag"))
    return Section("summary", text("section.summary"), parts)


def outcome(found: dict) -> Text:
    """The name of the outcome."""
    name = found.get("outcome", {}).get("name", "–")
    return text_or(f"outcome.{name}", name)
