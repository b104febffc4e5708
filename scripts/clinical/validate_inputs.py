"""What the sheets say before anything is measured: consent gate, identity, history, reference standard, ethics approvals.

In: .hcc/plan.json, patients, history, samples, imaging_studies, ethics_approvals, study sheets. Out: validation.tsv, QC records.
Source: requirements ETH-01 to ETH-07, CLN-01, CLN-02, CLN-04, CLE-05, CLE-06, REF-01. Form and spelling of every sheet are
checked when the workflow is read (scripts/core/plan.py); a sheet with errors never gets here.
"""

import csv
import datetime
from dataclasses import dataclass
from pathlib import Path

from scripts.core import job as core_job
from scripts.core import withdrawal
from scripts.core.gate import needs_proxy
from scripts.core.plan import load_plan
from scripts.core.sheets import read_sheet

COLUMNS = ["subject", "requirement_id", "check", "verdict", "value", "reason"]
GATE_CHECKS = {
    "ETH-01": "base consent",
    "ETH-02": "authorisation of data and samples",
    "ETH-05": "consent before collection",
    "ETH-06": "consent in force",
}
DAYS_PER_MONTH = 30.44


@dataclass(frozen=True)
class Check:
    """One line of validation.tsv and, when it names a requirement, of the ledger."""

    subject: str
    requirement_id: str
    check: str
    verdict: str
    value: str | float | None = None
    reason: str = ""


def gate_checks(plan: dict, patients: list[dict], consent: dict, has_consents: bool) -> list[Check]:
    """ETH-01 to ETH-06: FAIL for every refusal of the gate, PASS for what it let in."""
    if not has_consents:
        document = consent.get("document", "")
        verdict = "ATTESTED" if document else "NOT_ASSESSED"
        reason = f"consents not available: {consent.get('not_available', '')}"
        reason += f" (document {document})" if document else ""
        return [Check("cohort", r, c, verdict, reason=reason) for r, c in GATE_CHECKS.items()]
    out = []
    refused: dict[str, set[str]] = {}
    for row in plan["refused"]:
        where = "patient may enter" if row["domain"] == "*" else f"{row['domain']} may be used"
        out.append(
            Check(row["patient_id"], row["requirement_id"], where, "FAIL", reason=row["reason"])
        )
        refused.setdefault(row["patient_id"], set()).add(row["requirement_id"])
    out += withdrawals(plan["withdrawn"], withdrawal.deleted())
    by_id = {row["patient_id"]: row for row in patients}
    with_dates = {
        p
        for rows in plan["assays"].values()
        for p, runs in rows.items()
        if any("date" in r for r in runs)
    }
    for subject, entry in plan["patients"].items():
        bad = refused.get(subject, set())
        out += [
            Check(subject, r, c, "PASS")
            for r, c in GATE_CHECKS.items()
            if r not in bad and r != "ETH-05"
        ]
        if "ETH-05" not in bad:
            dated = "index_date" in by_id[subject] or subject in with_dates
            reason = "" if dated else "neither index_date nor a date of collection"
            out.append(
                Check(
                    subject,
                    "ETH-05",
                    GATE_CHECKS["ETH-05"],
                    "PASS" if dated else "NOT_ASSESSED",
                    reason=reason,
                )
            )
        if "genomics" in entry["domains"]:
            out.append(Check(subject, "ETH-03", "special notice for genomics", "PASS"))
        verdict = "PASS" if needs_proxy(by_id[subject]) else "NOT_APPLICABLE"
        out.append(Check(subject, "ETH-04", "proxy has signed", verdict))
    return out


def withdrawals(by_centre: dict[str, int], deleted: dict[str, int]) -> list[Check]:
    """ETH-06: how many withdrew their base consent, by centre, and of how many data were deleted; never who."""
    out = []
    for centre, number in sorted(by_centre.items()):
        text = f"base consent withdrawn by {number} patients of {centre}; nothing of them is used or kept"
        out.append(Check(centre, "ETH-06", "consent withdrawn", "FAIL", number, text))
    if deleted["subjects"]:
        number, files = deleted["subjects"], deleted["files"]
        text = f"data of {number} patients deleted after withdrawal, {files} files"
        out.append(Check("cohort", "ETH-06", "data deleted on withdrawal", "PASS", number, text))
    return out


def demographics(patient: dict, age_range: list[float]) -> list[Check]:
    """CLN-01 sex, age and contact; age inside the range of the study."""
    gone = [name for name in ("sex", "age") if name not in patient]
    low, high = age_range
    reason = f"missing: {', '.join(gone)}" if gone else ""
    if "age" in patient and not low <= patient["age"] <= high:
        reason = f"age {patient['age']:g} is outside {low:g} to {high:g}"
    if reason:
        return [
            Check(
                patient["patient_id"], "CLN-01", "demographics", "FAIL", patient.get("age"), reason
            )
        ]
    if "contact_hash" not in patient:
        text = "no contact_hash: contact data are not recorded"
        return [Check(patient["patient_id"], "CLN-01", "demographics", "WARN", reason=text)]
    return [Check(patient["patient_id"], "CLN-01", "demographics", "PASS")]


def identifiers(patient: dict, elsewhere: list[tuple[str, dict]]) -> list[Check]:
    """CLN-02: two identifiers, equal in every sheet that has them. `elsewhere` are (sheet, row) of this patient."""
    subject = patient["patient_id"]
    names = [name for name in ("id1_hash", "id2_hash") if name in patient]
    if len(names) < 2:
        text = f"{len(names)} of 2 identifiers (id1_hash, id2_hash)"
        return [Check(subject, "CLN-02", "two identifiers agree", "NOT_ASSESSED", len(names), text)]
    differ = sorted(
        {
            f"{sheet}.{name}"
            for sheet, row in elsewhere
            for name in names
            if row.get(name, patient[name]) != patient[name]
        }
    )
    text = f"not the patient's: {', '.join(differ)}" if differ else ""
    return [
        Check(
            subject,
            "CLN-02",
            "two identifiers agree",
            "FAIL" if differ else "PASS",
            len(names),
            text,
        )
    ]


def liver_background(patient: dict, history: dict | None) -> list[Check]:
    """CLN-04: aetiology and cirrhosis are known."""
    subject, known = patient["patient_id"], {**(history or {}), **patient}
    gone = [name for name in ("aetiology", "cirrhosis") if name not in known]
    if not gone:
        return [Check(subject, "CLN-04", "liver background", "PASS")]
    verdict = "NOT_ASSESSED" if history is None else "FAIL"
    return [
        Check(subject, "CLN-04", "liver background", verdict, reason=f"missing: {', '.join(gone)}")
    ]


def reference_standard(
    patient: dict, history: dict | None, most_days: float, follow_up_days: float, as_of: str
) -> list[Check]:
    """REF-01: cases have a named standard near the index date; controls have follow-up, or their label is unknown.

    A control whose follow-up cannot be complete yet on `as_of` is not assessed.
    """
    subject, check = patient["patient_id"], "reference standard"
    if patient["diagnosis"] != "hcc":
        if "follow_up_months" not in patient:
            return [
                Check(
                    subject,
                    "REF-01",
                    check,
                    "NOT_ASSESSED",
                    reason="control without follow_up_months",
                )
            ]
        days = patient["follow_up_months"] * DAYS_PER_MONTH
        good = round(days) >= follow_up_days
        index = patient.get("index_date", "")
        if not good and index and (_day(as_of) - _day(index)).days < follow_up_days:
            text = f"follow-up of {follow_up_days:g} d is not over on {as_of}"
            return [Check(subject, "REF-01", check, "NOT_ASSESSED", round(days), text)]
        text = "" if good else f"control followed for {days:.0f} d, {follow_up_days:g} d are wanted"
        return [Check(subject, "REF-01", check, "PASS" if good else "FAIL", round(days), text)]
    standard = (history or {}).get("reference_standard")
    if not standard:
        return [
            Check(
                subject,
                "REF-01",
                check,
                "NOT_ASSESSED",
                reason="no reference_standard in history.tsv",
            )
        ]
    if "reference_date" in history and "index_date" in patient:
        gap = abs(_day(history["reference_date"]) - _day(patient["index_date"])).days
        if gap > most_days:
            text = f"{standard} {gap} d from the index date, at most {most_days:g} d are wanted"
            return [Check(subject, "REF-01", check, "FAIL", gap, text)]
    return [Check(subject, "REF-01", check, "PASS", standard)]


def _day(text: str) -> datetime.date:
    return datetime.date.fromisoformat(text)


def same_person(patients: list[dict]) -> list[Check]:
    """CLE-05: one person enrolled more than once (FAIL on an identifier or person_id, WARN on the contact alone)."""
    out, told = [], set()
    for name, verdict in (
        ("person_id", "FAIL"),
        ("id1_hash", "FAIL"),
        ("id2_hash", "FAIL"),
        ("contact_hash", "WARN"),
    ):
        groups: dict[str, list[dict]] = {}
        for row in patients:
            if name in row:
                groups.setdefault(row[name], []).append(row)
        for rows in groups.values():
            for row in rows[1:] if len(rows) > 1 else []:
                pair = (row["patient_id"], rows[0]["patient_id"])
                if pair in told:
                    continue
                told.add(pair)
                text = (
                    f"same {name} as {pair[1]} of centre {rows[0]['centre']}; both stay in one fold"
                )
                out.append(
                    Check(pair[0], "CLE-05", "person is enrolled once", verdict, pair[1], text)
                )
    if not out:
        out.append(Check("cohort", "CLE-05", "person is enrolled once", "PASS", len(patients)))
    return out


def dates_in_order(patient: dict, as_of: str, studies: list[dict]) -> list[Check]:
    """CLE-06: index date not in the future, enrolment inside the study's time."""
    problems = []
    if patient.get("index_date", "") > as_of:
        problems.append(f"index_date {patient['index_date']} is after {as_of}")
    enrolled = patient.get("enrolment_date")
    spans = [(s.get("enrol_start", ""), s.get("enrol_end", "9999")) for s in studies]
    if enrolled and spans and not any(a <= enrolled <= b for a, b in spans):
        problems.append(f"enrolment_date {enrolled} is outside the study's enrolment")
    if not problems:
        return []
    return [
        Check(patient["patient_id"], "CLE-06", "dates in order", "FAIL", reason="; ".join(problems))
    ]


def ethics_of_centres(patients: list[dict], approvals: list[dict] | None) -> list[Check]:
    """ETH-07: approvals of a centre cover the index dates of all of its patients."""
    out = []
    for centre in sorted({row["centre"] for row in patients}):
        check = "ethics approval covers the collection"
        if approvals is None:
            out.append(
                Check(centre, "ETH-07", check, "NOT_ASSESSED", reason="no ethics_approvals.tsv")
            )
            continue
        spans = [
            (a["valid_from"], a.get("valid_until", "9999-12-31"))
            for a in approvals
            if a["centre"] == centre
        ]
        days = sorted(
            r["index_date"] for r in patients if r["centre"] == centre and "index_date" in r
        )
        bare = [day for day in days if not any(a <= day <= b for a, b in spans)]
        if not spans:
            out.append(Check(centre, "ETH-07", check, "FAIL", reason="no approval of this centre"))
        elif bare:
            text = f"{len(bare)} patients outside the approvals, first on {bare[0]}"
            out.append(Check(centre, "ETH-07", check, "FAIL", len(bare), text))
        else:
            out.append(
                Check(centre, "ETH-07", check, "PASS" if days else "NOT_ASSESSED", len(days))
            )
    return out


def classes_of_centres(patients: list[dict]) -> list[Check]:
    """A centre with cases or controls only: its batch effect cannot be told from the disease."""
    out = []
    for centre in sorted({row["centre"] for row in patients}):
        kinds = {row["diagnosis"] == "hcc" for row in patients if row["centre"] == centre}
        if len(kinds) == 1:
            what = "HCC" if kinds == {True} else "controls"
            text = f"centre {centre} has {what} only: its own effect looks like the disease"
            out.append(Check(centre, "", "centre has both classes", "WARN", reason=text))
    return out


def sheet_lines(plan: dict) -> list[Check]:
    """One line per sheet: its encoding."""
    return [
        Check(name, "", "sheet can be read", "PASS", plan["encodings"].get(name, "utf-8"))
        for name in sorted(plan["sheets"])
    ]


def _rows(paths) -> list[dict] | None:
    paths = [paths] if isinstance(paths, str) else list(paths or [])
    if not paths:
        return None
    return [row for path in paths for row in read_sheet(path, Path(path).name.split(".")[0]).rows]


def all_checks(
    plan: dict, sheets: dict[str, list[dict] | None], consent: dict, settings: dict
) -> list[Check]:
    """Every check of the sheets; `sheets` are rows by name, None for a sheet that the cohort does not have."""
    everybody = sheets["patients"]
    admitted = [row for row in everybody if row["patient_id"] in plan["patients"]]
    history = {row["patient_id"]: row for row in sheets["history"] or []}
    elsewhere: dict[str, list[tuple[str, dict]]] = {}
    for name in ("samples", "imaging_studies"):
        for row in sheets[name] or []:
            elsewhere.setdefault(row["patient_id"], []).append((name, row))
    out = gate_checks(plan, everybody, consent, sheets["consents"] is not None)
    for row in admitted:
        subject = row["patient_id"]
        own = history.get(subject)
        out += demographics(row, settings["age_range"])
        out += identifiers(row, elsewhere.get(subject, []))
        out += liver_background(row, own)
        out += reference_standard(
            row, own, settings["reference_days"], settings["follow_up_days"], plan["as_of"]
        )
        out += dates_in_order(row, plan["as_of"], sheets["study"] or [])
    out += same_person(admitted)
    out += ethics_of_centres(admitted, sheets["ethics_approvals"])
    return out + classes_of_centres(admitted) + sheet_lines(plan)


def main(job):
    """Record what the sheets say.

    input: patients, [consents], [history], [samples], [imaging_studies], [ethics_approvals], [study]
    output: validation, status, ledger; params: settings, consent
    """
    with core_job.step(job) as step:
        names = (
            "patients",
            "consents",
            "history",
            "samples",
            "imaging_studies",
            "ethics_approvals",
            "study",
        )
        sheets = {name: _rows(job.input.get(name)) for name in names}
        checks = all_checks(load_plan(), sheets, job.params.consent, job.params.settings)
        for check in checks:
            if check.check == "sheet can be read":
                continue
            step.check(
                check.requirement_id,
                check.check,
                check.verdict,
                value=check.value,
                reason=check.reason,
                subject=check.subject,
                acts=False,
            )
        with open(step.path(job.output.validation), "w", encoding="utf-8", newline="") as handle:
            writer = csv.writer(handle, delimiter="\t", lineterminator="\n")
            writer.writerow(COLUMNS)
            for check in checks:
                cells = [getattr(check, column) for column in COLUMNS]
                writer.writerow(["" if cell is None else cell for cell in cells])
        bad = sum(check.verdict == "FAIL" for check in checks)
        step.log.info("%d checks, %d of them FAIL", len(checks), bad)


if __name__ == "__main__":
    core_job.entry(main, globals().get("snakemake"))
