"""The list of nonconformities: what does not hold, where, about whom, who answers for it, what is to be done.

In: findings, conformance, requirements with their owners. Out: nonconformities.tsv, one line per requirement, status and centre.
Source: requirement TRC-02; docs/report.md, "Nonconformities".
"""

from collections import Counter
from pathlib import Path

from scripts.report.evidence import wanted
from scripts.report.identifiers import write_masked

COLUMNS = [
    *(
        "requirement_id",
        "status",
        "severity",
        "scope",
        "centre",
        "n",
        "subjects",
        "what",
        "owner",
        "action",
    ),
    *("requirement_en", "requirement_zh", "owner_zh", "action_zh"),
]
ORDER = ("block", "exclude", "major", "minor", "info")
MISSING_COUNTS = ("block", "exclude", "major")  # missing evidence of these severities is listed too
SHOWN = 10


def rows_of(findings: list[dict], conformance: dict, requirements: dict) -> list[dict]:
    """Lines of the list, the gravest first.

    Every FAIL is listed. NOT_ASSESSED is listed for severities block, exclude and major: nothing passes for want of evidence.
    """
    groups: dict[tuple, list[dict]] = {}
    for finding in findings:
        requirement = requirements.get(finding["requirement_id"])
        if requirement is None:
            continue
        gap = finding["verdict"] == "NOT_ASSESSED" and requirement["severity"] in MISSING_COUNTS
        if finding["verdict"] == "FAIL" or gap:
            key = (finding["requirement_id"], finding["verdict"], finding["centre"])
            groups.setdefault(key, []).append(finding)
    out = [_row(key, group, requirements[key[0]]) for key, group in groups.items()]
    for name, assessed in conformance["requirements"].items():
        if assessed["missing"] and assessed["severity"] in MISSING_COUNTS:
            gap = {"reason": "admitted patients without any record", "check": "", "subject": ""}
            row = _row((name, "NOT_ASSESSED", ""), [gap], requirements[name])
            out.append(row | {"n": assessed["missing"]})
    numbers = {name: i for i, name in enumerate(requirements)}
    return sorted(
        out,
        key=lambda r: (
            r["status"] != "FAIL",
            ORDER.index(r["severity"]),
            numbers[r["requirement_id"]],
            r["centre"],
        ),
    )


def _row(key: tuple, group: list[dict], requirement: dict) -> dict:
    name, status, centre = key
    subjects = sorted({finding["subject"] for finding in group} - {""})
    more = len(subjects) - SHOWN
    reasons = Counter(finding["reason"] or finding["check"] for finding in group).most_common()
    what = min((-n, text) for text, n in reasons)[1]
    others = len(reasons) - 1
    what += f" (and {others} other reason{'s' * (others > 1)})" if others else ""
    owner = requirement["owner"]
    action, action_zh = owner["action_en"], owner["action_zh"]
    if status == "NOT_ASSESSED":
        asked = wanted(requirement)
        action, action_zh = f"supply the evidence: {asked.en}", f"补充证据：{asked.zh}"
    return {
        "requirement_id": name,
        "status": status,
        "severity": requirement["severity"],
        "scope": "centre" if centre else "cohort",
        "centre": centre,
        "n": len(group),
        "subjects": ", ".join(subjects[:SHOWN]) + (f", and {more} more" if more > 0 else ""),
        "what": what,
        "owner": owner["en"],
        "action": action,
        "requirement_en": requirement["requirement_en"],
        "requirement_zh": requirement["requirement_zh"],
        "owner_zh": owner["zh"],
        "action_zh": action_zh,
    }


def write(path: str | Path, rows: list[dict]) -> None:
    """Write the list as TSV; identifiers of persons are masked."""
    write_masked(path, COLUMNS, rows)
