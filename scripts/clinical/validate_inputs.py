"""What the sheets say before anything is measured: consent gate, identity, history, reference standard, ethics approvals.

In: .hcc/plan.json and the sheets of SHEETS. Out: validation.tsv, QC records. Source: requirements ETH-01 to ETH-07, CLN-01 to
CLN-04, CLE-05, CLE-06, EXT-02, MOD-07, MOD-08, OMX-06, REF-01. Form and spelling of every sheet are checked when the workflow is
read (scripts/core/plan.py); a sheet with errors never gets here.
"""

import csv

from scripts.clinical.checks import Check, day_of, record, rows_of
from scripts.clinical.ethics import (
    collection_days,
    consents_have_documents,
    documents_with_hash,
    ethics_of_centres,
    gate_checks,
    versions_are_approved,
    waivers_have_an_approval,
    withdrawals,
    without_a_day,
)
from scripts.clinical.external_sites import external_sites, study_is_registered
from scripts.core import job as core_job
from scripts.core import withdrawal
from scripts.core.gate import age_of
from scripts.core.linked_people import SAME_PERSON
from scripts.core.plan import load_plan
from scripts.core.run_design import flaws_of

COLUMNS = ["subject", "requirement_id", "check", "verdict", "value", "reason"]
DAYS_PER_MONTH, DAYS_PER_YEAR = 30.44, 365.25
SHEETS = (
    *("patients", "consents", "history", "samples", "imaging_studies", "ethics_approvals"),
    *("study", "external_sites", "qc_documents"),
)
BACKGROUND = ("antiviral", "family_hcc", "alcohol_g_day", "diabetes")  # the rest of CLN-04


def demographics(patient: dict, age_range: list[float]) -> list[Check]:
    """CLN-01 sex, age (or day of birth) and contact; age inside the range of the study."""
    age = age_of(patient)
    gone = [name for name, known in (("sex", patient.get("sex")), ("age", age)) if known is None]
    low, high = age_range
    reason = f"missing: {', '.join(gone)}" if gone else ""
    if age is not None and not low <= age <= high:
        reason = f"age {age:g} is outside {low:g} to {high:g}"
    if reason:
        return [Check(patient["patient_id"], "CLN-01", "demographics", "FAIL", age, reason)]
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
    both = sum(set(names) <= set(row) for _, row in elsewhere)
    verdict, text = "PASS", ""
    if differ:
        verdict, text = "FAIL", f"not the patient's: {', '.join(differ)}"
    elif not both:
        verdict = "NOT_ASSESSED"
        text = "no sample and no examination carries both identifiers: nothing was compared"
    elif both < len(elsewhere):
        verdict = "WARN"
        text = f"{both} of {len(elsewhere)} samples and examinations carry both identifiers"
    return [Check(subject, "CLN-02", "two identifiers agree", verdict, len(names), text)]


def citizen_number(patient: dict) -> list[Check]:
    """CLN-03: the site compared check digit, birth date and sex before it hashed the number, and says what came out."""
    subject, check = patient["patient_id"], "citizen number, birth date and sex agree"
    said = patient.get("id_check")
    if said is None:
        text = "no id_check: the number never reaches the workflow, only the site can compare it"
        return [Check(subject, "CLN-03", check, "NOT_ASSESSED", reason=text)]
    text = "" if said == "agrees" else "the site says that they differ"
    return [Check(subject, "CLN-03", check, "FAIL" if text else "PASS", said, text)]


def liver_background(patient: dict, history: dict | None) -> list[Check]:
    """CLN-04: aetiology and cirrhosis are known (else FAIL), and the rest of the background is said (else WARN)."""
    subject, known = patient["patient_id"], {**(history or {}), **patient}
    gone = [name for name in ("aetiology", "cirrhosis") if name not in known]
    if not gone:
        unsaid = [name for name in BACKGROUND if name not in known]
        text = f"not said: {', '.join(unsaid)}" if unsaid else ""
        return [
            Check(subject, "CLN-04", "liver background", "WARN" if unsaid else "PASS", None, text)
        ]
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
        if not good and index and (day_of(as_of) - day_of(index)).days < follow_up_days:
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
    days = {
        "reference_date": history.get("reference_date"),
        "index_date": patient.get("index_date"),
    }
    gone = [name for name, day in days.items() if day is None]
    if gone:
        text = f"the interval is not known: no {' and no '.join(gone)}"
        return [Check(subject, "REF-01", check, "NOT_ASSESSED", standard, text)]
    gap = abs(day_of(days["reference_date"]) - day_of(days["index_date"])).days
    if gap > most_days:
        text = f"{standard} {gap} d from the index date, at most {most_days:g} d are wanted"
        return [Check(subject, "REF-01", check, "FAIL", gap, text)]
    return [Check(subject, "REF-01", check, "PASS", standard)]


def same_person(patients: list[dict]) -> list[Check]:
    """CLE-05: one person enrolled more than once (FAIL on an identifier or person_id, WARN on the contact alone).

    Not assessed where nobody carries an identifier; a WARN with the share where only some do.
    """
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
    check, total = "person is enrolled once", len(patients)
    known = sum(any(name in row for name in SAME_PERSON) for row in patients)
    if not known:
        text = f"nobody carries {', '.join(SAME_PERSON)}"
        out.append(Check("cohort", "CLE-05", check, "NOT_ASSESSED", 0, text))
    elif known < total:
        text = f"{known} of {total} patients carry an identifier; of the others nobody can tell"
        out.append(Check("cohort", "CLE-05", check, "WARN", known, text))
    elif not out:
        out.append(Check("cohort", "CLE-05", check, "PASS", total))
    return out


def dates_in_order(patient: dict, as_of: str, studies: list[dict]) -> list[Check]:
    """CLE-06: age and day of birth agree, index date not in the future, enrolment inside the study's time.

    Not assessed without an index date: no order of days can be checked.
    """
    subject, check = patient["patient_id"], "dates in order"
    problems = []
    if "birth_date" in patient and {"age", "index_date"} <= set(patient):
        years = (day_of(patient["index_date"]) - day_of(patient["birth_date"])).days / DAYS_PER_YEAR
        if abs(years - patient["age"]) > 1.01:  # completed years, or years of both calendars
            problems.append(f"age {patient['age']:g}, but {years:.1f} years by birth_date")
    if patient.get("index_date", "") > as_of:
        problems.append(f"index_date {patient['index_date']} is after {as_of}")
    enrolled = patient.get("enrolment_date")
    spans = [(s.get("enrol_start", ""), s.get("enrol_end", "9999")) for s in studies]
    if enrolled and spans and not any(a <= enrolled <= b for a, b in spans):
        problems.append(f"enrolment_date {enrolled} is outside the study's enrolment")
    if problems:
        return [Check(subject, "CLE-06", check, "FAIL", reason="; ".join(problems))]
    if "index_date" not in patient:
        return [Check(subject, "CLE-06", check, "NOT_ASSESSED", reason="no index_date")]
    return [Check(subject, "CLE-06", check, "PASS")]


def classes_of_centres(patients: list[dict]) -> list[Check]:
    """OMX-06: a development centre with cases or controls only: its batch effect cannot be told from the disease (FAIL).

    A centre of external patients learns nothing and is only warned of.
    """
    out = []
    for centre in sorted({row["centre"] for row in patients}):
        own = [row for row in patients if row["centre"] == centre]
        kinds = {row["diagnosis"] == "hcc" for row in own}
        if len(kinds) == 1:
            what = "HCC" if kinds == {True} else "controls"
            verdict = "FAIL" if any(row["role"] == "development" for row in own) else "WARN"
            text = f"centre {centre} has {what} only: its own effect looks like the disease"
            text += "; enrol the other class there, or leave the centre out"
            out.append(Check(centre, "OMX-06", "centre has both classes", verdict, reason=text))
    return out


def design_of_runs(plan: dict) -> list[Check]:
    """EXT-02, OMX-06: batches, orders and devices that cannot be corrected."""
    return [
        Check(flaw.subject, flaw.requirement_id, flaw.check, flaw.verdict, reason=flaw.reason)
        for flaw in flaws_of(plan)
    ]


def sheet_lines(plan: dict) -> list[Check]:
    """One line per sheet: its encoding."""
    return [
        Check(name, "", "sheet can be read", "PASS", plan["encodings"].get(name, "utf-8"))
        for name in sorted(plan["sheets"])
    ]


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
    approvals, studies = sheets["ethics_approvals"], sheets["study"] or []
    hashed = documents_with_hash(approvals, sheets["qc_documents"])
    out = gate_checks(plan, everybody, consent, sheets["consents"] is not None, hashed)
    if sheets["consents"] is not None:
        out += withdrawals(plan["withdrawn"], withdrawal.deleted())
    out += consents_have_documents(plan, sheets["consents"])
    out += versions_are_approved(plan, sheets["consents"], approvals)
    for row in admitted:
        subject = row["patient_id"]
        own = history.get(subject)
        out += demographics(row, settings["age_range"])
        out += identifiers(row, elsewhere.get(subject, []))
        out += citizen_number(row)
        out += liver_background(row, own)
        out += reference_standard(
            row, own, settings["reference_days"], settings["follow_up_days"], plan["as_of"]
        )
        out += dates_in_order(row, plan["as_of"], studies)
    out += same_person(admitted)
    days = collection_days(admitted, sheets["samples"], sheets["imaging_studies"], plan)
    undated = without_a_day(admitted, sheets["samples"], sheets["imaging_studies"], plan)
    out += ethics_of_centres(admitted, approvals, days, undated)
    out += waivers_have_an_approval(sheets["consents"], approvals, plan)
    out += external_sites(admitted, sheets["external_sites"])
    out += study_is_registered(admitted, sheets["study"])
    return out + classes_of_centres(admitted) + design_of_runs(plan) + sheet_lines(plan)


def main(job):
    """Record what the sheets say.

    input: patients, and of the other sheets of SHEETS those that the cohort has
    output: validation, status, ledger; params: settings, consent
    """
    with core_job.step(job) as step:
        sheets = {name: rows_of(job.input.get(name)) for name in SHEETS}
        checks = all_checks(load_plan(), sheets, job.params.consent, job.params.settings)
        record(step, [check for check in checks if check.check != "sheet can be read"])
        with open(step.path(job.output.validation), "w", encoding="utf-8", newline="") as handle:
            writer = csv.writer(handle, delimiter="\t", lineterminator="\n")
            writer.writerow(COLUMNS)
            for check in checks:
                cells = [getattr(check, column) for column in COLUMNS]
                writer.writerow(["" if cell is None else cell for cell in cells])


if __name__ == "__main__":
    core_job.entry(main, globals().get("snakemake"))
