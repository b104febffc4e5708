"""Tables of a share package: pseudonyms for ids, moved dates, pooled ages, no free text, nothing outside the consent.

In: sheets, cleaned laboratory rows, feature tables, terms of the export. Out: tables as lists of rows, and their columns.
Source: docs/clinical.md, "Share package"; ages above 89 pooled as in 45 CFR 164.514(b)(2) (project default).
"""

import math
from collections import Counter
from dataclasses import dataclass, field

from scripts.core.sheets import schema_of
from scripts.share.pseudonyms import Pseudonyms

# {sheet: domain whose consent its rows need}; a row needs it for the person, not for the file.
SHEETS = {
    "history": "clinical",
    "pathology": "clinical",
    "samples": "",
    "imaging_studies": "imaging",
    "ihc": "ihc",
}
# Text columns with a fixed vocabulary; all other text is free text and stays here.
_WORDED = {"diagnosis_code", "sprec", "intended_assays", "phases", "phase", "marker", "sequence"}
_DROPPED = {"patient_id", "civil_capacity"}
PATIENT_COLUMNS = (
    *("subject", "person", "site", "role", "shared"),
    *("diagnosis", "stage", "sex", "age", "age_pooled", "aetiology", "follow_up_months"),
    *("index_date", "enrolment_date"),
)
_CLINICAL = ("diagnosis", "stage", "sex", "aetiology", "follow_up_months")


@dataclass
class Sharer:
    """Turns rows of the run into rows of the package.

    people : {patient_id: domains} who are shared; patients : {patient_id: row of patients.tsv}
    """

    people: dict[str, list[str]]
    patients: dict[str, dict]
    pseudonyms: Pseudonyms
    oldest_age: float
    dropped_rows: Counter = field(default_factory=Counter)

    def may(self, patient: str, domain: str) -> bool:
        """Whether data of a domain of a patient may leave; with "" whether anything of them may."""
        return patient in self.people and (not domain or domain in self.people[patient])

    def person(self, patient: str) -> str:
        """The same for two enrolments of one person, so that both move by the same days."""
        return self.patients[patient].get("person_id") or patient

    def subject(self, patient: str) -> str:
        """Pseudonym of a patient."""
        return self.pseudonyms.name("S", patient)

    def day(self, patient: str, text: str) -> str:
        """A date of a patient as the recipient sees it."""
        index = self.patients[patient].get("index_date", "")
        return self.pseudonyms.day(self.person(patient), text, index)

    def is_old(self, patient: str) -> bool:
        """Whether the age is above the oldest that is told."""
        return self.patients[patient].get("age", 0) > self.oldest_age

    def _age(self, age: float) -> int:
        """An age in whole years, pooled above the oldest that is told."""
        return math.floor(age if age <= self.oldest_age else self.oldest_age + 1)

    def patient_rows(self) -> list[dict]:
        """One row per shared patient; clinical facts only where the consent covers clinical data."""
        out = []
        for patient, domains in self.people.items():
            row = self.patients[patient]
            new = {"subject": self.subject(patient), "shared": ";".join(domains)}
            new |= {"site": self.pseudonyms.name("C", row["centre"]), "role": row["role"]}
            if "person_id" in row:
                new["person"] = self.pseudonyms.name("P", row["person_id"])
            if "clinical" in domains:
                new |= {column: _cell(row[column]) for column in _CLINICAL if column in row}
                if "age" in row:
                    old = self.is_old(patient)
                    new["age"] = self._age(row["age"])
                    new["age_pooled"] = "yes" if old else "no"
                for column in ("index_date", "enrolment_date"):
                    if column in row:
                        new[column] = self.day(patient, row[column])
            out.append(new)
        return sorted(out, key=lambda row: row["subject"])

    def sheet_rows(self, name: str, rows: list[dict]) -> tuple[list[str], list[dict]]:
        """Columns and rows of a sheet without ids, hashes and free text."""
        kept = {
            column: rule
            for column, rule in schema_of(name)["properties"].items()
            if column not in _DROPPED and _is_told(column, rule)
        }
        columns = ["subject"] + (["sample"] if name == "samples" else []) + list(kept)
        out = []
        for row in rows:
            patient = row["patient_id"]
            if not self.may(patient, SHEETS[name]) or not self._sample_may(name, row):
                self.dropped_rows[name] += 1
                continue
            new = {"subject": self.subject(patient)}
            if name == "samples":
                new["sample"] = self.pseudonyms.name("T", row["sample_id"])
            for column, rule in kept.items():
                if column in row:
                    new[column] = (
                        self.day(patient, row[column]) if _is_moment(rule) else _cell(row[column])
                    )
            out.append(new)
        used = [c for c in columns if any(row.get(c, "") != "" for row in out)]
        return used, sorted(out, key=lambda row: [str(row.get(c, "")) for c in columns])

    def _sample_may(self, name: str, row: dict) -> bool:
        """A tube leaves where one of the kinds of data that it was meant for does, or where none is named."""
        if name != "samples" or "intended_assays" not in row:
            return True
        from scripts.core.gate import DOMAIN_OF_MODALITY

        meant = {DOMAIN_OF_MODALITY.get(m, "clinical") for m in row["intended_assays"].split(";")}
        return bool(meant & set(self.people[row["patient_id"]]))

    def lab_rows(self, labs) -> list[dict]:
        """Usable laboratory values (a table as build_clinical_table writes it): canonical numbers, no printed text."""
        out = []
        usable = labs[labs["status"].isin(["ok", "repaired"]) & (labs["variable"] != "")]
        columns = ["patient_id", "variable", "value", "censor", "date", "used"]
        for row in usable[columns].astype(object).itertuples(index=False):
            if not self.may(row.patient_id, "clinical") or math.isnan(row.value):
                continue
            date = "" if row.date != row.date or row.date is None else str(row.date)[:10]
            out.append(
                {
                    "subject": self.subject(row.patient_id),
                    "variable": row.variable,
                    "value": f"{row.value:.12g}",
                    "censor": row.censor,
                    "day": self.day(row.patient_id, "" if date == "NaT" else date),
                    "used": "yes" if row.used else "no",
                }
            )
        return sorted(out, key=lambda row: tuple(map(str, row.values())))

    def features(self, table, domain: str, age_features: set[str]):
        """A feature table (index patient_id) of those who may be shared, with pseudonyms; ages pooled, and what would give an
        age away left out for those who are pooled."""
        table = table[[self.may(patient, domain) for patient in table.index]].copy()
        old = [self.is_old(patient) for patient in table.index]
        for column in table.columns:
            if column == "age":
                table[column] = [a if math.isnan(a) else self._age(a) for a in table[column]]
            elif column in age_features:
                table.loc[old, column] = math.nan
        table.index = [self.subject(patient) for patient in table.index]
        table.index.name = "subject"
        return table.sort_index()


def _is_moment(rule: dict) -> bool:
    return rule.get("format") == "date" or "HH:MM" in rule.get("x-allowed", "")


def _is_told(column: str, rule: dict) -> bool:
    if column in _WORDED or "enum" in rule or _is_moment(rule):
        return True
    return rule.get("type") in ("number", "integer", "boolean")


def _cell(value) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.12g}" if isinstance(value, float) else str(value)


def small_cells(rows: list[dict], smallest: int) -> tuple[int, int]:
    """(cells, people in them) of site, diagnosis, sex and age by tens that hold fewer than `smallest` people."""
    cells = Counter(
        (
            row.get("site"),
            row.get("diagnosis"),
            row.get("sex"),
            None if "age" not in row else int(row["age"] // 10),
        )
        for row in rows
    )
    small = [n for n in cells.values() if n < smallest]
    return len(small), sum(small)
