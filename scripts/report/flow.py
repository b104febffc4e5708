"""The flow of patients: enrolled, admitted by the consent gate, measured, usable, split.

In: Results. Out: counts that add up (checked), the flow diagram, the table of blocks. Source: STARD
2015 item 19 (Bossuyt et al., BMJ 2015;351:h5527), TRIPOD+AI item 20a.
"""

import re
from collections import Counter
from dataclasses import dataclass

from scripts.report import svg
from scripts.report.page import (
    Cell,
    Figure,
    Paragraph,
    Section,
    Table,
    Text,
    join,
    same,
    text,
    text_or,
)
from scripts.report.results import Results

ROLES = ("development", "external")
OUTCOMES = ("used", "warned", "failed", "custody", "consent", "none")
_CUSTODY = re.compile(r"^sample .*\((CHN|BLD|TIS|EXT|PER)-\d+\)$")


@dataclass
class Flow:
    """Numbers of patients at every station.

    refused : {reason: n} of patients kept out as a whole; domains : {(domain, reason): n} of
    admitted patients;
    roles : {role: n}; centres : {role: {centre: n}}; split : {"train", "test", "unassigned": n} of
    development, also the reason of those who are in no class of the outcome; classes : {role: {class: n}},
    left_out : {role: {reason: n}} of those in none, both empty while the outcome is not known;
    blocks : {block: {role: Counter of OUTCOMES}}, `used` without a warning, `warned` used with one
    """

    enrolled: int
    refused: Counter
    admitted: int
    domains: Counter
    roles: Counter
    centres: dict[str, Counter]
    split: Counter
    classes: dict[str, Counter]
    left_out: dict[str, Counter]
    blocks: dict[str, dict[str, Counter]]


def reason_of(refusal: dict) -> str:
    """Key of a refusal's kind in the texts: why the gate kept a patient or a domain out."""
    reason, requirement = refusal["reason"], refusal["requirement_id"]
    for word, key in (
        ("withdrawn", "withdrawn"),
        ("expired", "expired"),
        ("signed only on", "not_yet"),
        ("refused", "declined"),
        ("purpose", "purpose"),
        ("scope", "scope"),
        ("no data use", "no_data_use"),
    ):
        if word in reason:
            return key
    return {
        "ETH-01": "no_base",
        "ETH-03": "no_special",
        "ETH-04": "no_proxy",
        "ETH-05": "after_collection",
    }.get(requirement, "other")


def outcome_of(verdict: str, reasons: list[str]) -> str:
    """Station of one block of one patient (one of OUTCOMES)."""
    if verdict in ("pass", "warn"):
        return "used" if verdict == "pass" else "warned"
    if verdict == "fail":
        return "custody" if any(_CUSTODY.match(reason) for reason in reasons) else "failed"
    return "consent" if "outside the scope of the consent" in reasons else "none"


def count(results: Results) -> Flow:
    """Count every station; ValueError when the numbers do not add up."""
    plan = results.plan
    first: dict[str, str] = {}
    for row in plan["refused"]:
        if row["domain"] == "*":
            first.setdefault(row["patient_id"], reason_of(row))
    refused = Counter(first.values())
    withdrawn = sum(plan["withdrawn"].values())
    if withdrawn:
        refused["withdrawn"] += withdrawn
    measured = {entry["domain"] for entry in plan["blocks"].values()}
    domains = Counter(
        (row["domain"], reason_of(row))
        for row in plan["refused"]
        if row["domain"] in measured and row["patient_id"] in plan["patients"]
    )
    centres = {role: Counter() for role in ROLES}
    for row in plan["patients"].values():
        centres[row["role"]][row["centre"]] += 1
    classes, left_out = {}, {}
    for role in ROLES:
        known = [results.outcome[p] for p in results.admitted(role) if p in results.outcome]
        classes[role] = Counter(name for name, _ in known if name)
        left_out[role] = Counter(why for name, why in known if not name)
    split = Counter(station(results, p) for p in results.admitted("development"))
    blocks = {
        block: {
            role: Counter(outcome_of(*results.verdict(block, p)) for p in results.admitted(role))
            for role in ROLES
        }
        for block in results.blocks
    }
    flow = Flow(
        enrolled=len(results.patients) + withdrawn,
        refused=refused,
        admitted=len(plan["patients"]),
        domains=domains,
        roles=Counter({role: sum(centres[role].values()) for role in ROLES}),
        centres=centres,
        split=split,
        classes=classes,
        left_out=left_out,
        blocks=blocks,
    )
    _check(flow)
    return flow


def station(results: Results, patient: str) -> str:
    """Where a development patient stands: a part of the split, or left_out.<reason> outside the outcome."""
    name, why = results.outcome.get(patient, ("", ""))
    if not name and why:
        return f"left_out.{why}"
    return results.split.get(patient, "unassigned")


def _check(flow: Flow) -> None:
    sums = {
        "enrolled = admitted + refused": (
            flow.enrolled,
            flow.admitted + sum(flow.refused.values()),
        ),
        "admitted = development + external": (flow.admitted, sum(flow.roles.values())),
        "development = train + test + unassigned": (
            flow.roles["development"],
            sum(flow.split.values()),
        ),
    }
    for role in ROLES:
        if flow.classes[role] or flow.left_out[role]:
            parts = sum(flow.classes[role].values()) + sum(flow.left_out[role].values())
            sums[f"{role} = classes + left out"] = (flow.roles[role], parts)
    for block, roles in flow.blocks.items():
        for role, counts in roles.items():
            sums[f"{block}, {role}"] = (flow.roles[role], sum(counts.values()))
    wrong = [
        f"{name}: {left} against {right}" for name, (left, right) in sums.items() if left != right
    ]
    if wrong:
        raise ValueError(f"the flow of patients does not add up: {'; '.join(wrong)}")


def _station(draw, x, y, width, title, n, lines=(), colour=svg.BLUE) -> float:
    """A box with a title, a number and small lines; returns its lower edge."""
    height = 36 + 17 * len(lines)
    draw.box(x, y, width, height, "#fff", svg.RULE, 5)
    draw.box(x, y, 4, height, colour, radius=2)
    draw.text(x + 15, y + 21, title, 13, weight="600")
    draw.text(x + width - 13, y + 21, f"n = {n}", 13, "end", weight="600")
    for position, (label, value) in enumerate(lines):
        draw.text(x + 15, y + 42 + 17 * position, label, 11.5, colour="#55606b")
        draw.text(x + width - 13, y + 42 + 17 * position, value, 11.5, "end", "#55606b")
    return y + (height if lines else 34)


def diagram(flow: Flow) -> str:
    """The flow diagram as SVG."""
    draw = svg.Drawing(940, 0, text("flow.title"))
    left, wide, side = 20, 340, 430
    refused = [(text(f"refusal.{key}"), n) for key, n in sorted(flow.refused.items())]
    domains = [
        (join([text(f"domain.{domain}"), text(f"refusal.{key}")], "：", ": "), n)
        for (domain, key), n in sorted(flow.domains.items())
    ]
    middle = left + wide / 2
    _plain(draw, left, 10, wide, text("flow.enrolled"), flow.enrolled)
    end = (
        _station(
            draw,
            side,
            10,
            490,
            text("flow.refused"),
            sum(flow.refused.values()),
            refused,
            svg.VERMILION,
        )
        if refused
        else _nothing(draw, side, 10, text("flow.refused_none"))
    )
    draw.arrow(left + wide, 27, side, 27)
    admitted = max(end + 22, 70)
    draw.arrow(middle, 44, middle, admitted)
    _plain(draw, left, admitted, wide, text("flow.admitted"), flow.admitted)
    end = admitted + 34
    if domains:
        draw.arrow(left + wide, admitted + 17, side, admitted + 17)
        end = _station(
            draw,
            side,
            admitted,
            490,
            text("flow.domains"),
            sum(flow.domains.values()),
            domains,
            svg.ORANGE,
        )
    roles = end + 34
    fork = roles - 16
    draw.line(middle, admitted + 34, middle, fork, svg.GREY, 1.4)
    draw.line(middle, fork, side + 245, fork, svg.GREY, 1.4)
    draw.arrow(middle, fork, middle, roles)
    draw.arrow(side + 245, fork, side + 245, roles)
    inside = [item for item in flow.split.items() if "." not in item[0]]
    split = [(text(f"flow.{part}"), n) for part, n in sorted(inside, reverse=True)]
    split += _outcome_lines(flow, "development")
    centres = {
        role: [(text("flow.centre", centre=c), n) for c, n in sorted(flow.centres[role].items())]
        for role in ROLES
    }
    ends = [
        _station(
            draw,
            left,
            roles,
            wide,
            text("flow.development"),
            flow.roles["development"],
            split + centres["development"],
        ),
        _station(
            draw,
            side,
            roles,
            490,
            text("flow.external"),
            flow.roles["external"],
            _outcome_lines(flow, "external") + centres["external"],
            svg.GREEN,
        ),
    ]
    draw.height = max(ends) + 12
    return draw.markup()


def _outcome_lines(flow: Flow, role: str) -> list:
    """Patients of a role by class of the outcome, and those in none with the reason."""
    lines = [(text(f"left_out.{why}"), n) for why, n in sorted(flow.left_out[role].items())]
    shown = sorted(flow.classes[role].items())
    return lines + [(text("flow.class", name=text_or(f"class.{c}", c)), n) for c, n in shown]


def _plain(draw, x, y, width, title, n) -> None:
    draw.box(x, y, width, 34, "#fff", svg.RULE, 5)
    draw.box(x, y, 4, 34, svg.BLACK, radius=2)
    draw.text(x + 15, y + 22, title, 13, weight="600")
    draw.text(x + width - 13, y + 22, f"n = {n}", 13, "end", weight="600")


def _nothing(draw, x, y, content) -> float:
    draw.text(x + 10, y + 21, content, 12, colour="#55606b")
    return y + 34


def block_table(flow: Flow, results: Results, role: str) -> Table:
    """What became of every block of the patients of a role; each line adds up to the number of
    patients."""
    rows = []
    for block in results.blocks:
        counts = flow.blocks[block][role]
        usable = counts["used"] + counts["warned"]
        numbers = [counts[key] for key in ("warned", "failed", "custody", "consent", "none")]
        shown = [
            Cell(n, kind) if n else "0"
            for n, kind in zip(numbers, ("warn", "fail", "fail", "", ""), strict=True)
        ]
        rows.append([block_name(block, results), Cell(usable, "strong"), *shown, flow.roles[role]])
    return Table(
        caption=text(f"flow.blocks_{role}", n=flow.roles[role]),
        columns=[
            text("column.block"),
            *(
                text(f"flow.{key}")
                for key in ("usable", "warned", "failed", "custody", "consent", "none", "sum")
            ),
        ],
        rows=rows,
        numeric=tuple(range(1, 8)),
    )


def block_name(block: str, results: Results | None = None) -> Text:
    """Readable name of a block: modality, sequence and phase in words; an unknown part stays as it
    is."""
    parts = block.split("_")
    named = [text_or(f"block.{part}", part) for part in parts]
    return join(named, " ", " ") if len(parts) > 1 else named[0]


def section(results: Results, flow: Flow) -> Section:
    """The section with diagram and tables."""
    parts = [Figure(text("flow.caption"), diagram(flow), "wide")]
    if not flow.blocks:
        parts.append(Paragraph(text("flow.no_blocks"), "note"))
    for role in ROLES:
        if flow.blocks and flow.roles[role]:
            parts.append(block_table(flow, results, role))
        elif not flow.roles[role]:
            parts.append(Paragraph(text(f"flow.no_{role}"), "note"))
    return Section("flow", text("section.flow"), parts)


__all__ = ["Flow", "block_name", "count", "diagram", "outcome_of", "reason_of", "same", "section"]
