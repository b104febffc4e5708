"""What the training part looks like without labels: components, factors, clusters, missing blocks, and what they go with.

In: explore.json. Out: the section with figures and tables. Source: docs/modelling.md, "Unsupervised view"; requirement FUS-02.
"""

from scripts.report import scatter, svg
from scripts.report.flow import block_name
from scripts.report.page import (
    Cell,
    Figure,
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
from scripts.report.results import Results

SHOWN = 12
LIMIT = 0.05


def small(value: float | None) -> str:
    """A p or q value: two digits that count, never 0."""
    if value is None:
        return "–"
    return "< 0.001" if value < 0.001 else f"{value:.3f}" if value < 0.1 else f"{value:.2f}"


def variable_name(name: str) -> Text:
    """A variable in words."""
    return text_or(f"variable.{name}", name)


def owner_name(of: str) -> Text:
    """What a component belongs to: a block, all blocks or the factors."""
    known = {"factors": "explore.of_factors", "all blocks": "explore.of_all"}
    return text(known[of]) if of in known else block_name(of)


def component_name(name: str) -> Text:
    """pc1 and factor1 in words."""
    stem = "factor" if name.startswith("factor") else "component"
    return text(f"explore.{stem}", number=name.removeprefix("factor").removeprefix("pc"))


def joint_figure(found: dict) -> str:
    """Components, factors and t-SNE of all blocks: by diagnosis above, by centre below."""
    joint, factors = found["joint"], found["factors"]
    axes = [[text("explore.component", number=i) for i in (1, 2)]]
    names = [component_name(a) for a in factors["points"]["axes"]]
    axes += [(names * 2)[:2], [text("explore.axis", number=i) for i in (1, 2)]]
    panels = [
        (text("explore.pca"), joint["points"]),
        (text("explore.mofa"), factors["points"]),
        (text("explore.tsne"), joint["tsne"]),
    ]
    size, step, width = 292, 334, 1010
    draw = svg.Drawing(width, 2 * (size + 78), text("explore.joint_title"))
    for row, by in enumerate(("diagnosis", "centre")):
        kinds = scatter.palette([points for _, points in panels], by)
        top = row * (size + 78) + 48
        scatter.legend(draw, 20, top - 32, kinds)
        for place, (name, points) in enumerate(panels):
            scatter.panel(draw, 20 + place * step, top, size, points, by, kinds, name, axes[place])
    return draw.markup()


def factor_figure(factors: dict) -> str:
    """Heat map of blocks by factors: per cent of variance in training / test part."""
    left, top, wide, high = 170, 34, 76, 25
    draw = svg.Drawing(
        left + wide * len(factors["names"]) + 10,
        top + high * len(factors["blocks"]) + 8,
        text("explore.factors_title"),
    )
    for column, name in enumerate(factors["names"]):
        weight = "700" if name in factors["above_noise"] else ""
        draw.text(
            left + wide * (column + 0.5),
            top - 10,
            component_name(name),
            11.5,
            "middle",
            weight=weight,
        )
    for row, block in enumerate(factors["blocks"]):
        level = top + high * row
        draw.text(left - 8, level + 17, block_name(block), 11.5, "end")
        for column in range(len(factors["names"])):
            r2 = factors["r2"][row][column] or 0.0
            test = factors["r2_test"][row][column] if factors["r2_test"] else None
            x = left + wide * column
            draw.box(x, level, wide - 2, high - 2, svg.shade(svg.BLUE, 0.85 * r2**0.5))
            beyond = r2 > (factors["noise"].get(block) or 1.0)
            words = f"{100 * r2:.0f}" if test is None else f"{100 * r2:.0f} / {100 * test:.0f}"
            colour = "#fff" if r2 > 0.4 else svg.BLACK if r2 >= 0.005 else svg.GREY
            draw.text(
                x + wide / 2 - 1, level + 16, words, 11, "middle", colour, "700" if beyond else ""
            )
    return draw.markup()


def block_table(found: dict) -> Table:
    """One line a block: components against noise, and what their variance goes with."""
    rows = []
    for entry in found["blocks"]:
        if not entry["used"]:
            continue
        share, variance = entry["share"] + [None], entry["variance"]
        above = Cell(str(entry["above_noise"]), "strong" if entry["above_noise"] else "")
        row = [block_name(entry["block"]), entry["n"], entry["features"]]
        row += [percent(share[0]), percent(share[1]), percent(entry["noise"], 1), above]
        rows.append([*row, *(percent(variance.get(v)) for v in ("label", "centre", "batch"))])
    names = (
        "block",
        "n",
        "features",
        "pc1",
        "pc2",
        "noise",
        "above",
        "by_label",
        "by_centre",
        "by_batch",
    )
    return Table(
        caption=text("explore.table"),
        columns=[text(f"column.{name}") for name in names],
        rows=rows,
        numeric=tuple(range(1, 10)),
    )


def found_table(found: dict) -> Table | Paragraph:
    """Associations found afterwards, by q."""
    tests = [t for t in found["tests"] if t["q"] is not None]
    hits = sorted(
        (t for t in tests if t["q"] <= LIMIT), key=lambda t: (t["q"], t["of"], t["component"])
    )
    if not hits:
        return Paragraph(text("explore.tests_none", all=len(tests)), "small")
    flagged = {(t["of"], t["component"], t["variable"]) for t in found["technical"]}
    rows = []
    for t in hits:
        mark = "warn" if (t["of"], t["component"], t["variable"]) in flagged else ""
        rows.append(
            [
                owner_name(t["of"]),
                component_name(t["component"]),
                Cell(variable_name(t["variable"]), mark),
                text("explore.is_above" if t["above_noise"] else "explore.is_within"),
                percent(t["r2"]),
                small(t["q"]),
                small(t["q_held"]),
            ]
        )
    names = ("of", "component", "variable", "above", "r2", "q", "q_held")
    return Table(
        caption=text("explore.tests", all=len(tests)),
        columns=[text(f"column.{name}") for name in names],
        rows=rows,
        numeric=(4, 5, 6),
        notes=[text("explore.tests_note")],
        folded=True,
        printed=False,
    )


def loading_table(factors: dict) -> Table | None:
    """The features with the largest weights of every factor above noise."""
    rows = []
    for name, top in zip(factors["names"], factors["top"], strict=True):
        if name in factors["above_noise"]:
            listed = [f"{t['block']} {t['feature']} ({number(t['weight'])})" for t in top[:8]]
            rows.append([component_name(name), ", ".join(listed)])
    if not rows:
        return None
    columns = [text("column.component"), text("column.weights")]
    return Table(text("explore.loadings"), columns, rows, folded=True, printed=False)


def cluster_parts(clusters: dict) -> list:
    """The sentence on clusters and how their number was chosen."""
    if clusters["k"] == 1:
        parts: list = [Paragraph(text("explore.no_clusters", reason=reason(clusters["reason"])))]
    else:
        row = clusters["table"][clusters["k"] - 1]
        hits = [
            variable_name(t["variable"])
            for t in clusters["tests"]
            if t["q"] is not None and t["q"] <= LIMIT
        ]
        label = (
            text("explore.cluster_with", names=join(hits, "、", ", "))
            if hits
            else text("explore.cluster_alone")
        )
        sentence = text(
            "explore.clusters",
            k=clusters["k"],
            space=text_or(f"space.{clusters['space']}", clusters["space"]),
            dimensions=clusters["dimensions"],
            silhouette=number(row["silhouette"]),
            agreement=number(row["agreement"]),
            label=label,
        )
        parts = [Paragraph(sentence)]
    if clusters["table"]:
        rows = [
            [
                Cell(str(r["k"]), "strong" if r["k"] == clusters["k"] else ""),
                f"{number(r['gap'], 3)} ± {number(r['gap_error'], 3)}",
                number(r["silhouette"]),
                number(r["agreement"]),
                ", ".join(map(str, r.get("sizes", []))) or "–",
            ]
            for r in clusters["table"]
        ]
        names = ("clusters_k", "gap", "silhouette", "agreement", "sizes")
        columns = [text(f"column.{name}") for name in names]
        table = Table(
            text("explore.cluster_table"), columns, rows, (0, 1, 2, 3), folded=True, printed=False
        )
        parts.append(table)
    return parts


def in_classes(pattern: dict) -> str:
    """Patients of a pattern of blocks, and how many of them are cases, or of each class."""
    if "events" in pattern:
        return f"{pattern['n']} / {pattern['events']}"
    return f"{pattern['n']} ({', '.join(f'{c} {n}' for c, n in pattern['classes'].items())})"


def missing_parts(missing: dict) -> list:
    """Patterns of blocks, and whether having a block goes with diagnosis or centre."""
    patterns = missing["patterns"]
    two = all("events" in p for p in patterns)
    rows = [
        [
            join([block_name(b) for b in p["blocks"]], "、", ", ") if p["blocks"] else "–",
            in_classes(p),
        ]
        for p in patterns[:SHOWN]
    ]
    hits = [t for t in missing["tests"] if t["q"] is not None and t["q"] <= LIMIT]
    named = [
        text(
            "explore.coverage_pair",
            block=block_name(t["block"]),
            variable=variable_name(t["variable"]),
        )
        for t in hits
    ]
    sentence = (
        Paragraph(text("explore.coverage_flag", names=join(named)), "flag")
        if hits
        else Paragraph(text("explore.coverage_none"))
    )
    table = Table(
        text("explore.patterns", shown=len(rows), all=len(patterns)),
        [text("column.blocks_had"), text(f"column.{'n_events' if two else 'n_classes'}")],
        rows,
        (1,),
        folded=True,
        printed=False,
    )
    return [sentence, table] if patterns else []


def flags(found: dict) -> Paragraph:
    """Whether the way of measuring shows in what was found."""
    hits = found["technical"]
    if not hits:
        return Paragraph(text("explore.no_technical"), "good")
    named = [
        text(
            "explore.finding",
            variable=variable_name(t["variable"]),
            of=owner_name(t["of"]),
            component=component_name(t["component"]),
        )
        for t in hits[:SHOWN]
    ]
    return Paragraph(text("explore.technical", n=len(hits), names=join(named)), "flag")


def section(results: Results) -> Section:
    """The section; says why when there is nothing to look at."""
    found, title = results.explore, text("section.explore")
    if found.get("status") != "ASSESSED":
        why = reason(found.get("reason") or text("explore.absent"))
        return Section("explore", title, [Paragraph(text("explore.none", reason=why), "note")])
    joint, factors = found["joint"], found["factors"]
    parts: list = [Paragraph(text("explore.intro", n=found["n"], n_test=found["n_test"]))]
    counts = {"pcs": joint["above_noise"], "factors": len(factors["above_noise"])}
    key = "structure" if any(counts.values()) else "no_structure"
    parts.append(
        Paragraph(
            text(f"explore.{key}", **counts) if key == "structure" else text(f"explore.{key}")
        )
    )
    parts.append(flags(found))
    parts.append(Figure(text("explore.joint"), joint_figure(found), "wide"))
    error = number(factors["projection_error"], 4)
    parts.append(Figure(text("explore.factors", error=error), factor_figure(factors), "wide"))
    parts += cluster_parts(found["clusters"])
    used = [entry for entry in found["blocks"] if entry["used"]]
    panels = [
        (join([block_name(e["block"]), f"({percent(e['share'][0])})"], " ", " "), e["points"])
        for e in used
    ]
    for by in ("diagnosis", "centre"):
        drawn = scatter.grid(panels, by, text("explore.blocks_title"))
        parts.append(Figure(text("explore.blocks", by=text(f"explore.by_{by}")), drawn, "wide"))
    parts += [block_table(found), found_table(found), loading_table(factors)]
    parts.append(Heading(text("explore.missing")))
    parts += missing_parts(found["missing"])
    out = [
        join([block_name(e["block"]), reason(e["reason"])], "：", ": ")
        for e in found["blocks"]
        if not e["used"]
    ]
    if out:
        parts.append(Paragraph(text("explore.left_out", blocks=join(out)), "small"))
    parts += [Paragraph(reason(note), "small") for note in found["notes"]]
    return Section("explore", title, [part for part in parts if part is not None])
