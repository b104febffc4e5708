"""What the run left, read once for all sections of the report.

In: plan, patients sheet, verdict tables, split, audit, performance, bundle, findings. Out: one
Results; a part that does not exist is None or empty. Source: docs/outputs.md.
"""

import csv
import json
from dataclasses import dataclass, field
from pathlib import Path

from scripts.core.features import split_reasons
from scripts.core.sheets import read_sheet

VERDICTS = ("pass", "warn", "fail", "missing")


@dataclass
class Results:
    """Everything that the report shows.

    patients : {patient_id: row of patients.tsv} of everybody enrolled; plan : the gate and the
    blocks verdicts, external_verdicts : {block: {patient_id: (verdict, [reasons])}}
    split : {patient_id: "train" or "test"}; outcome : {patient_id: (class, reason of having none)};
    the other parts are the JSON files as they are, {} when
    not there
    """

    patients: dict[str, dict]
    plan: dict
    verdicts: dict[str, dict] = field(default_factory=dict)
    external_verdicts: dict[str, dict] = field(default_factory=dict)
    split: dict[str, str] = field(default_factory=dict)
    outcome: dict[str, tuple[str, str]] = field(default_factory=dict)
    audit: dict = field(default_factory=dict)
    explore: dict = field(default_factory=dict)
    associations: dict = field(default_factory=dict)
    performance: dict = field(default_factory=dict)
    internal: dict = field(default_factory=dict)
    test: dict = field(default_factory=dict)
    external: dict = field(default_factory=dict)
    external_audit: dict = field(default_factory=dict)
    bundle: dict = field(default_factory=dict)
    openings: list[dict] = field(default_factory=list)
    iterations: list[dict] = field(default_factory=list)
    withdrawals: list[dict] = field(default_factory=list)
    conformance: dict = field(default_factory=dict)
    findings: list[dict] = field(default_factory=list)
    settings: dict = field(default_factory=dict)

    def admitted(self, role: str = "") -> list[str]:
        """Patients whom the gate let in, sorted; with `role` those of development or external."""
        found = sorted(self.plan["patients"])
        return [p for p in found if not role or self.plan["patients"][p]["role"] == role]

    def verdict(self, block: str, patient: str) -> tuple[str, list[str]]:
        """Verdict and reasons of one block of one patient; missing when no table names the
        patient."""
        tables = (self.verdicts.get(block, {}), self.external_verdicts.get(block, {}))
        return next((table[patient] for table in tables if patient in table), ("missing", []))

    @property
    def blocks(self) -> list[str]:
        """All blocks of the plan, by domain and name."""
        entries = self.plan["blocks"]
        return sorted(entries, key=lambda name: (entries[name]["domain"], name))


def read_json(path: str | Path | None) -> dict:
    """A JSON file; {} when there is none or it is empty (its step met a defect of the input)."""
    if not path or not Path(path).is_file():
        return {}
    written = Path(path).read_text(encoding="utf-8").strip()
    return json.loads(written) if written else {}


def read_table(path: str | Path | None) -> list[dict]:
    """Rows of a TSV as dicts of text; [] when there is none."""
    if not path or not Path(path).is_file():
        return []
    with open(path, encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle, delimiter="\t"))


def read_verdicts(paths: list[str]) -> dict[str, dict]:
    """{block: {patient_id: (verdict, [reasons])}} of verdict tables."""
    found: dict[str, dict] = {}
    for path in paths:
        for row in read_table(path):
            reasons = split_reasons(row["reasons"])
            found.setdefault(row["block"], {})[row["patient_id"]] = (row["verdict"], reasons)
    return found


def one(value) -> str | None:
    """The single path of an optional input (a list of none or one, or a path)."""
    if not value:
        return None
    return str(value) if isinstance(value, str | Path) else str(value[0])


def many(value) -> list[str]:
    """The paths of an optional input as a list."""
    if not value:
        return []
    return [str(value)] if isinstance(value, str | Path) else [str(path) for path in value]


def read_results(
    inputs, plan: str, openings: str, settings: dict, withdrawals: str = "", iterations: str = ""
) -> Results:
    """Read every input of write_report (see the rule for their names), plan, openings, the questions about bundles whose
    training patients withdrew, and the optimisation log."""
    patients = read_sheet(one(inputs.patients), "patients").rows
    return Results(
        patients={row["patient_id"]: row for row in patients},
        plan=read_json(plan),
        verdicts=read_verdicts(many(inputs.get("verdicts"))),
        external_verdicts=read_verdicts(many(inputs.get("external_verdicts"))),
        split={r["patient_id"]: r["part"] for r in read_table(one(inputs.get("split")))},
        outcome={
            r["patient_id"]: (r["class"], r["reason"])
            for path in many(inputs.get("outcome"))
            for r in read_table(path)
        },
        audit=read_json(one(inputs.get("audit"))),
        explore=read_json(one(inputs.get("explore"))),
        associations=read_json(one(inputs.get("associations"))),
        performance=read_json(one(inputs.get("performance"))),
        internal=read_json(one(inputs.get("internal"))),
        test=read_json(one(inputs.get("test"))),
        external=read_json(one(inputs.get("external"))),
        external_audit=read_json(one(inputs.get("external_audit"))),
        bundle=read_json(one(inputs.get("bundle"))),
        openings=read_table(openings),
        withdrawals=read_table(withdrawals),
        iterations=read_table(iterations),
        conformance=read_json(one(inputs.get("conformance"))),
        findings=read_table(one(inputs.get("findings"))),
        settings=settings,
    )
