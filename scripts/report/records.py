"""The records of the conformance check as one compact part of a page, to be searched in the browser.

In: rows of findings.tsv, whose patient and sample each is. Out: JSON with every text once and one number a cell, shown
fifty at a time by resources/report/records.js. Source: docs/report.md, "Records in the page".
"""

import json
import re
from collections import Counter
from dataclasses import dataclass, field

from scripts.report.page import Text, reason, text

# What an auditor looks for comes first; what did not fit one by one is grouped from the other end.
VERDICTS = ("FAIL", "WARN", "NOT_ASSESSED", "ATTESTED", "PASS", "NOT_APPLICABLE")
FIELDS = (
    "status",
    "requirement",
    "patient",
    "sample",
    "centre",
    "check",
    "value",
    "limit",
    "reason",
    "block",
    "step",
    "n",
)
_GROUP = ("status", "requirement", "centre", "block", "step", "check", "limit")
_WORDS = ("reason", "check", "limit", "value")
_ID = re.compile(r"[A-Za-z0-9_-]+")


@dataclass
class Records:
    """Records that the reader filters by patient, sample, requirement, status and centre.

    listed : rows that stand one by one; grouped : rows that stand in groups; all : both together
    """

    data: str
    requirements: list[str]
    centres: list[str]
    listed: int
    grouped: int
    notes: list = field(default_factory=list)
    template = "records"
    script = "records.js"

    @property
    def verdicts(self) -> list[tuple[str, Text]]:
        """(status, its name) in the order of the filter."""
        return [(name, text(f"status.{name}")) for name in VERDICTS]

    @property
    def columns(self) -> list[tuple[str, Text]]:
        """(field, its heading) of the table."""
        return [(name, text(f"records.{name}")) for name in FIELDS]


def owners(plan: dict, samples: list[dict]) -> dict[str, tuple[str, str]]:
    """{id of a sample, assay or QC run: (patient, sample)}; the patient of a QC run is "".

    samples : rows of samples.tsv, [] when there is none
    """
    found = {row["sample_id"]: (row["patient_id"], row["sample_id"]) for row in samples}
    for patients in plan["assays"].values():
        for patient, rows in patients.items():
            for row in rows:
                found[row["assay_id"]] = (patient, row.get("sample_id") or row["assay_id"])
    for rows in plan["runs"].values():
        found |= {row["assay_id"]: ("", row["assay_id"]) for row in rows}
    return found


def placed(finding: dict, known: dict[str, tuple[str, str]]) -> dict:
    """One finding by the fields of the page.

    The sample is the one that the record is about, or names as its evidence or in its reason.
    """
    subject = finding["subject"]
    patient, own = known.get(subject, (subject, ""))
    named = [own] if own else []
    named += [
        known[word][1]
        for cell in filter(None, (finding.get("evidence"), finding["reason"]))
        for word in _ID.findall(cell)
        if word in known and known[word][0] in (patient, "")
    ]
    return {
        "status": finding["verdict"],
        "requirement": finding["requirement_id"],
        "patient": patient,
        "sample": ", ".join(dict.fromkeys(named)),
        "centre": finding["centre"],
        "block": finding["block"],
        "step": finding["step"],
        "check": finding["check"],
        "value": f"{finding['value']} {finding['unit']}".strip(),
        "limit": finding["threshold"],
        "reason": finding["reason"],
        "n": "1",
    }


def fitted(rows: list[dict], most: int) -> tuple[list[dict], int]:
    """Rows for the page, at most about `most`, and how many of them had to be grouped.

    Failures come first. From the first status on whose rows no longer fit one by one, rows that differ
    only in person, sample, value and reason become one with their number.
    """
    by_status: dict[str, list[dict]] = {name: [] for name in VERDICTS}
    for row in rows:
        by_status[row["status"]].append(row)
    shown: list[dict] = []
    grouped = 0
    for own in by_status.values():
        if len(shown) + len(own) <= most:
            shown += sorted(own, key=lambda row: tuple(row[name] for name in FIELDS[1:]))
            continue
        counts = Counter(tuple(row[name] for name in _GROUP) for row in own)
        empty = dict.fromkeys(FIELDS, "")
        shown += [
            empty | dict(zip(_GROUP, key, strict=True)) | {"n": str(n)}
            for key, n in sorted(counts.items())
        ]
        grouped += len(own)
    return shown, grouped


def packed(rows: list[dict], everybody: list[dict]) -> str:
    """The JSON: of every field its texts, Chinese wordings where known, and a code a row.

    `people` counts all records of every patient by status, those in groups included.
    """
    columns = {}
    for name in FIELDS:
        texts = list(dict.fromkeys(row[name] for row in rows))
        number = {value: code for code, value in enumerate(texts)}
        columns[name] = {"texts": texts, "codes": [number[row[name]] for row in rows]}
        if name in _WORDS:
            chinese = {code: reason(words).zh for code, words in enumerate(texts) if words}
            columns[name]["zh"] = {c: zh for c, zh in chinese.items() if zh != texts[c]}
    people: dict[str, Counter] = {}
    for row in everybody:
        people.setdefault(row["patient"], Counter())[row["status"]] += 1
    counted = {who: [own[v] for v in VERDICTS] for who, own in sorted(people.items()) if who}
    content = {"verdicts": VERDICTS, "columns": columns, "people": counted}
    written = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    return written.replace("<", "\\u003c")  # no text can end the script element


def part(findings: list[dict], known: dict[str, tuple[str, str]], most: int, path: str) -> Records:
    """The part of the page. `most` is how many rows the page takes, `path` where all of them are."""
    rows = [placed(finding, known) for finding in findings]
    shown, grouped = fitted(rows, most)
    notes = [text("records.all", n=len(rows), path=path)]
    if grouped:
        notes = [text("records.grouped", n=len(rows), grouped=grouped, most=most, path=path)]
    return Records(
        data=packed(shown, rows),
        requirements=sorted({row["requirement"] for row in shown if row["requirement"]}),
        centres=sorted({row["centre"] for row in shown if row["centre"]}),
        listed=len(rows) - grouped,
        grouped=grouped,
        notes=notes,
    )
