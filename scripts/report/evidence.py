"""The evidence that a requirement rests on, as requirements.yaml names it: is it there at all.

In: requirements, the plan, the frozen sheets, the run folder. Out: a NOT_ASSESSED finding for each requirement that a step let
pass although evidence named for it is absent or blank; texts that name the evidence. Source: requirement TRC-02; docs/report.md.
"""

from dataclasses import dataclass
from pathlib import Path

from scripts.core.table_stream import filled_columns
from scripts.report.page import Text

PASSING = ("PASS", "ATTESTED")
NOT_OF_THE_COHORT = ("feature_dictionary",)  # one sheet per table: judged with the table (TRF-03)


@dataclass(frozen=True)
class Evidence:
    """One entry of `evidence`: `kind` is sheet, config or run; `place` the sheet, key or path; `column` of a sheet, else ""."""

    kind: str
    place: str
    column: str = ""

    @classmethod
    def parse(cls, entry: str) -> "Evidence":
        """`sheet.column`, `config: key` or `run: path`. Raises ValueError for anything else."""
        kind, colon, place = entry.partition(": ")
        if colon and kind in ("config", "run") and place:
            return cls(kind, place)
        sheet, dot, column = entry.partition(".")
        if colon or not dot or not sheet or not column:
            raise ValueError(f"{entry!r} is no evidence: sheet.column, config: key or run: path")
        return cls("sheet", sheet, column)

    def text(self) -> Text:
        """The evidence as it is to be typed, with the kind in words."""
        if self.kind == "config":
            return Text(f"配置项 {self.place}", f"configuration key {self.place}")
        if self.kind == "run":
            return Text(f"流程产物 {self.place}", f"{self.place} (made by the workflow)")
        typed = f"{self.place}.{self.column}"
        return Text(typed, typed)


def groups_of(requirement: dict) -> list[list[str]]:
    """Entries of which one of each group must be there; conditional ones are left to the step that judges the requirement."""
    conditional = set(requirement.get("conditional", ()))
    alternatives = [list(group) for group in requirement.get("alternatives", ())]
    grouped = {entry for group in alternatives for entry in group}
    single = [e for e in requirement["evidence"] if e not in grouped and e not in conditional]
    return [[entry] for entry in single] + alternatives


def _units_of(requirement: dict) -> list[tuple[str, ...]]:
    """The entries in their order, those of one group of alternatives together."""
    grouped = {e: tuple(g) for g in requirement.get("alternatives", ()) for e in g}
    return list(dict.fromkeys(grouped.get(e, (e,)) for e in requirement["evidence"]))


def listed(requirement: dict) -> str:
    """The entries as requirements.yaml writes them, alternatives divided by |."""
    return ", ".join(" | ".join(unit) for unit in _units_of(requirement))


def wanted(requirement: dict) -> Text:
    """What is to be supplied, in words: names of columns, keys and artefacts, alternatives joined by "or"."""
    texts = [[Evidence.parse(entry).text() for entry in unit] for unit in _units_of(requirement)]
    return Text(
        "、".join(" 或 ".join(t.zh for t in unit) for unit in texts),
        ", ".join(" or ".join(t.en for t in unit) for unit in texts),
    )


class Available:
    """What of the evidence a cohort has: its frozen sheets and its run folder.

    plan : sheets by name; folder : of the frozen sheets; run : the run folder
    """

    def __init__(self, plan: dict, folder: Path, run: Path = Path()):
        self.plan, self.folder, self.run = plan, folder, run
        self._filled: dict[str, set[str]] = {}

    def has(self, entry: str) -> bool:
        """Whether an entry is there. Of keys of the configuration and dictionaries of tables only the step can tell: True."""
        evidence = Evidence.parse(entry)
        if evidence.kind == "config" or evidence.place in NOT_OF_THE_COHORT:
            return True
        if evidence.kind == "run":
            return self._is_made(evidence.place)
        if evidence.place not in self.plan["sheets"]:
            return False
        return evidence.column in self._columns(evidence.place)

    def _columns(self, sheet: str) -> set[str]:
        if sheet not in self._filled:
            path = self.folder / f"{sheet}.tsv"
            self._filled[sheet] = filled_columns(path) if path.is_file() else set()
        return self._filled[sheet]

    def _is_made(self, place: str) -> bool:
        path = self.run / place
        return any(path.iterdir()) if path.is_dir() else path.is_file() and path.stat().st_size > 0


def missing(requirement: dict, available: Available) -> list[str]:
    """Groups of evidence of which nothing is there: a sheet is absent, a column blank in every row, an artefact not made."""
    return [
        " | ".join(group)
        for group in groups_of(requirement)
        if not any(available.has(entry) for entry in group)
    ]


def without_evidence(
    findings: list[dict], requirements: dict[str, dict], available: Available, step: str
) -> list[dict]:
    """A NOT_ASSESSED finding for every requirement with a passing record and without the evidence that it names."""
    passing = {f["requirement_id"] for f in findings if f["verdict"] in PASSING}
    out = []
    for name in (name for name in requirements if name in passing):
        gone = missing(requirements[name], available)
        if gone:
            row = dict.fromkeys(("centre", "block", "value", "unit", "threshold", "evidence"), "")
            row |= {"requirement_id": name, "severity": requirements[name]["severity"]}
            row |= {"subject": "cohort", "step": step, "check": "evidence is there"}
            row |= {"verdict": "NOT_ASSESSED", "reason": f"missing or blank: {', '.join(gone)}"}
            out.append(row)
    return out
