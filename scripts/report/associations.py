"""Which features of different blocks go together, and which of it diagnosis, centre or batch make.

In: associations.json. Out: the section with matrix, network and tables. Source: docs/modelling.md, "Association between blocks";
requirement FUS-05.
"""

import math

from scripts.report import svg
from scripts.report.exploration import small, variable_name
from scripts.report.flow import block_name
from scripts.report.page import (
    Cell,
    Figure,
    Paragraph,
    Section,
    Table,
    join,
    number,
    reason,
    text,
)
from scripts.report.results import Results

WORDS = ("holds", "weakened", "confounded", "masked")
KINDS = {"holds": "pass", "weakened": "", "confounded": "warn", "masked": "missing"}
LIMIT = 0.05
LABELS = 50  # features that are named on either side of the picture


def matrix(found: dict) -> str:
    """Blocks by blocks: canonical correlation below the diagonal, number of associations above."""
    pairs = [p for p in found["pairs"] if not p["reason"]]
    blocks = sorted({p[side] for p in pairs for side in ("first", "second")})
    left, top, wide, high = 150, 140, 62, 25
    draw = svg.Drawing(
        left + wide * len(blocks) + 10,
        top + high * len(blocks) + 8,
        text("association.matrix_title"),
    )
    for place, block in enumerate(blocks):
        draw.text(left - 8, top + high * place + 17, block_name(block), 11.5, "end")
        draw.text(left + wide * (place + 0.5) + 4, top - 6, block_name(block), 11.5, turn=True)
        draw.box(left + wide * place, top + high * place, wide - 2, high - 2, svg.PALE)
    most = max([p["edges"]["holds"] for p in pairs] + [1])
    for pair in pairs:
        i, j = sorted((blocks.index(pair["first"]), blocks.index(pair["second"])))
        held = pair["held_out"] or 0.0
        x, y = left + wide * i, top + high * j
        draw.box(x, y, wide - 2, high - 2, svg.shade(svg.BLUE, 0.9 * max(held, 0.0) ** 1.5))
        star = "*" if pair["q_adjusted"] <= LIMIT else ""
        colour = "#fff" if held > 0.72 else svg.BLACK
        weight = "700" if pair["q"] <= LIMIT else ""
        colour = colour if weight else svg.GREY
        draw.text(x + wide / 2 - 1, y + 16, number(held) + star, 11, "middle", colour, weight)
        x, y, holds = left + wide * j, top + high * i, pair["edges"]["holds"]
        strength = 0.7 * math.log1p(holds) / math.log1p(most)
        draw.box(x, y, wide - 2, high - 2, svg.shade(svg.GREEN, strength))
        draw.text(
            x + wide / 2 - 1, y + 16, str(holds), 11, "middle", svg.BLACK if holds else svg.GREY
        )
    return draw.markup()


def network(edges: list[dict]) -> str:
    """Features on a circle, one arc a block, joined by the associations."""
    nodes = sorted({(e[f"block_{i}"], e[f"feature_{i}"]) for e in edges for i in (1, 2)})
    blocks = sorted({block for block, _ in nodes})
    width, height, radius = 1000, 600, 190
    cx, cy = width / 2, height / 2
    draw = svg.Drawing(width, height, text("association.network_title"))
    gap = 2.0 if len(blocks) > 1 else 0.0
    unit = 2 * math.pi / (len(nodes) + gap * len(blocks))
    angle, place, arcs = -math.pi / 2, {}, {}
    for block in blocks:
        own = [node for node in nodes if node[0] == block]
        arcs[block] = (angle, angle + unit * max(len(own) - 1, 0))
        for node in own:
            place[node] = angle
            angle += unit
        angle += unit * gap

    def at(turn: float, distance: float) -> tuple[float, float]:
        return cx + distance * math.cos(turn), cy + distance * math.sin(turn)

    for edge in sorted(edges, key=lambda e: (e["status"] == "holds", abs(e["rho"]))):
        a, b = (at(place[(edge[f"block_{i}"], edge[f"feature_{i}"])], radius) for i in (1, 2))
        shown = edge["rho_adjusted"] if edge["status"] == "masked" else edge["rho"]
        colour = svg.BLUE if shown > 0 else svg.VERMILION
        dash = "4 3" if edge["status"] in ("confounded", "weakened") else ""
        bent = [_bend(a, b, (cx, cy), t / 12) for t in range(13)]
        draw.path(bent, svg.shade(colour, 0.75), 0.6 + 2.4 * max(abs(shown) - 0.3, 0.0), dash)
    degree = dict.fromkeys(nodes, 0)
    for edge in edges:
        for i in (1, 2):
            degree[(edge[f"block_{i}"], edge[f"feature_{i}"])] += 1
    for position, block in enumerate(blocks):
        colour = svg.SERIES[position % len(svg.SERIES)]
        start, end = arcs[block]
        steps = [start - 0.01 + (end - start + 0.02) * t / 24 for t in range(25)]
        draw.path([at(turn, radius + 9) for turn in steps], colour, 5)
        draw.dots([at(place[node], radius) for node in nodes if node[0] == block], colour, 6)
    for side in (1, -1):
        own = [node for node in nodes if (math.cos(place[node]) >= 0) == (side > 0)]
        own = sorted(own, key=lambda node: (-degree[node], node))[:LABELS]
        own.sort(key=lambda node: at(place[node], radius)[1])
        levels = _apart([at(place[node], radius)[1] for node in own], height)
        for node, level in zip(own, levels, strict=True):
            near, far = at(place[node], radius + 13), cx + side * (radius + 34)
            colour = svg.SERIES[blocks.index(node[0]) % len(svg.SERIES)]
            draw.path([near, (far, level), (far + side * 6, level)], svg.RULE, 0.7)
            label = node[1] if len(node[1]) <= 38 else node[1][:14] + "…" + node[1][-22:]
            words = join([block_name(node[0]), label], " · ", " · ")
            anchor = "start" if side > 0 else "end"
            draw.text(far + side * 9, level + 3.5, words, 9.5, anchor, colour)
    return draw.markup()


def _apart(levels: list[float], height: float, step: float = 11.5) -> list[float]:
    """Sorted levels moved so that neighbours are at least `step` apart and all stay within the height."""
    out: list[float] = []
    for level in levels:
        out.append(max(level, out[-1] + step if out else 8.0))
    limit = height - 8.0
    for position in range(len(out) - 1, -1, -1):
        out[position] = min(out[position], limit)
        limit = out[position] - step
    return out


def _bend(a, b, centre, t: float) -> tuple[float, float]:
    """A point of the quadratic curve from a to b that bends towards the centre."""
    return tuple(
        (1 - t) ** 2 * p + 2 * t * (1 - t) * (0.75 * c + 0.125 * (p + q)) + t**2 * q
        for p, q, c in zip(a, b, centre, strict=True)
    )


def pair_table(found: dict) -> Table:
    """One line a pair of blocks."""
    rows = []
    for p in found["pairs"]:
        head = [block_name(p["first"]), block_name(p["second"]), p["n"]]
        if p["reason"]:
            rows.append([*head, Cell(reason(p["reason"]), "missing", 9)])
            continue
        causes = [
            join([variable_name(c), str(n)], " ", " ") for c, n in sorted(p["causes"].items())
        ]
        row = [number(p["held_out"]), number(p["shrinkage"], 1)]
        row += [Cell(small(p["p"]), "strong" if p["q"] <= LIMIT else ""), small(p["p_adjusted"])]
        row += [str(p["edges"][word]) for word in WORDS]
        rows.append([*head, *row, join(causes, "，", ", ") if causes else "–"])
    names = (
        "first_block",
        "second_block",
        "n",
        "canonical",
        "shrinkage",
        "p_perm",
        "p_held",
        *WORDS,
        "causes",
    )
    return Table(
        caption=text("association.pairs"),
        columns=[text(f"column.{name}") for name in names],
        rows=rows,
        numeric=(2, 3, 4, 5, 6, 7, 8, 9, 10),
        folded=len(rows) > 6,
        printed=False,
    )


def edge_table(found: dict) -> Table:
    """The strongest associations."""
    rows = [
        [
            join([block_name(e["block_1"]), e["feature_1"]], " ", " "),
            join([block_name(e["block_2"]), e["feature_2"]], " ", " "),
            e["n"],
            number(e["rho"]),
            small(e["q"]),
            number(e["rho_adjusted"]),
            number(e["rho_hcc"]),
            number(e["rho_control"]),
            Cell(text(f"word.{e['status']}"), KINDS[e["status"]]),
        ]
        for e in found["shown"]
    ]
    names = (
        "feature_1",
        "feature_2",
        "n",
        "rho",
        "q",
        "rho_held",
        "rho_hcc",
        "rho_control",
        "word",
    )
    return Table(
        caption=text("association.edges"),
        columns=[text(f"column.{name}") for name in names],
        rows=rows,
        numeric=(2, 3, 4, 5, 6, 7),
        notes=[text("association.edges_note")],
        folded=True,
        printed=False,
    )


def sentences(found: dict) -> list:
    """What was found, in words; plain when nothing was."""
    limits, counts = found["limits"], found["edges"]
    shared = {
        "tested": found["tested"],
        "q": f"{limits['q']:g}",
        "rho": f"{limits['minimum_rho']:g}",
    }
    intro = text(
        "association.intro", count=limits["permutations"], resolution=f"{found['resolution']:.4f}"
    )
    parts: list = [Paragraph(intro)]
    if any(counts.values()):
        parts.append(Paragraph(text("association.found", **shared, **counts)))
    else:
        parts.append(Paragraph(text("association.nothing", **shared), "note"))
    done = [p for p in found["pairs"] if not p["reason"]]
    plain, adjusted = (sum(p[q] <= LIMIT for p in done) for q in ("q", "q_adjusted"))
    parts.append(
        Paragraph(text("association.canonical", n=len(done), plain=plain, adjusted=adjusted))
    )
    causes: dict[str, int] = {}
    for pair in done:
        for cause, n in pair["causes"].items():
            causes[cause] = causes.get(cause, 0) + n
    if causes:
        named = [join([variable_name(c), str(n)], " ", " ") for c, n in sorted(causes.items())]
        flag = text("association.flag", n=counts["confounded"], causes=join(named, "，", ", "))
        parts.append(Paragraph(flag, "flag"))
    return parts


def section(results: Results) -> Section:
    """The section; says why when nothing could be compared."""
    found, title = results.associations, text("section.associations")
    if found.get("status") != "ASSESSED":
        why = reason(found.get("reason") or text("association.absent"))
        return Section(
            "associations", title, [Paragraph(text("association.none", reason=why), "note")]
        )
    parts = sentences(found)
    parts.append(Figure(text("association.matrix"), matrix(found), "wide"))
    if found["shown"]:
        drawn = [e for e in found["shown"] if e["status"] in ("holds", "masked", "confounded")]
        if drawn:
            parts.append(Figure(text("association.network", n=len(drawn)), network(drawn), "wide"))
    parts.append(pair_table(found))
    if found["shown"]:
        parts.append(edge_table(found))
    if any(p.get("cut_short") for p in found["pairs"]):
        parts.append(Paragraph(text("association.clipped"), "small"))
    parts += [Paragraph(reason(note), "small") for note in found["notes"]]
    return Section("associations", title, parts)
