"""People and devices: was everybody qualified and trained, and every device calibrated, on the day of the act.

In: personnel, equipment, and the sheets that name persons and devices; the plan. Out: QC records. Source: requirements PER-01 to
PER-03, and the device part of IMG-CT, IMG-MRI, IMG-US, BLD-04, QCP-01; docs/clinical.md, "People and devices".
"""

from collections import defaultdict

from scripts.clinical.acts import Act, acts_of
from scripts.clinical.checks import Check, day_of, examples, record, rows_of
from scripts.core import job as core_job
from scripts.core.plan import load_plan

SHEETS = (
    *("personnel", "equipment", "samples", "sample_events", "extractions"),
    *("imaging_studies", "annotations", "ihc", "qc_records"),
)
REQUIREMENT_OF_DEVICE = {"ct": "IMG-CT", "mri": "IMG-MRI", "us": "IMG-US", "centrifuge": "BLD-04"}
DAYS_PER_MONTH = 30.44


def licence_problem(act: Act, rows: list[dict]) -> tuple[str, str]:
    """Verdict and reason of one act against the rows of personnel.tsv of the person who did it: PASS, FAIL, NOT_ASSESSED."""
    if not rows:
        return "FAIL", f"{act.person} is not in personnel.tsv"
    fitting = [row for row in rows if not act.posts or row["post"] in act.posts]
    if not fitting:
        return "FAIL", f"{act.person} holds no post of {' or '.join(act.posts)}"
    dated = [row for row in fitting if "valid_until" in row]
    if act.day and dated:
        held = [row for row in dated if row.get("valid_from", "") <= act.day <= row["valid_until"]]
        if not held:
            spans = "; ".join(f"{r.get('valid_from', '')} to {r['valid_until']}" for r in dated)
            return "FAIL", f"licence of {act.person} valid {spans}"
        fitting = held
    elif act.day and not dated:
        return "NOT_ASSESSED", f"no end of validity for the licence of {act.person}"
    if not any({"licence_no", "document_id", "sha256"} <= set(row) for row in fitting):
        return "NOT_ASSESSED", f"no licence number with a hashed certificate for {act.person}"
    if act.timed and not act.day:
        return "NOT_ASSESSED", f"the day is not said on which {act.person} acted"
    return "PASS", ""


def qualifications(acts: list[Act], personnel: list[dict], centre_of: dict) -> list[Check]:
    """PER-01 for every act: one FAIL per patient, person and reason; the rest counted by centre."""
    staff: dict[str, list[dict]] = defaultdict(list)
    for row in personnel:
        staff[row["person_id"]].append(row)
    bad: dict[tuple, list[Act]] = defaultdict(list)
    good: dict[str, list[Act]] = defaultdict(list)
    for act in acts:
        centre = centre_of.get(act.subject, act.subject)
        if not act.person:
            if act.needed:
                bad[(centre, "NOT_ASSESSED", f"{act.what}: nobody is named")].append(act)
            continue
        verdict, reason = licence_problem(act, staff[act.person])
        if verdict == "PASS":
            good[centre].append(act)
        else:
            subject = act.subject if verdict == "FAIL" else centre
            bad[(subject, verdict, reason)].append(act)
    out = []
    for (subject, verdict, reason), found in sorted(bad.items()):
        days = sorted(act.day for act in found if act.day)
        what = examples([act.what for act in found])
        text = f"{reason}; {what} on {days[0]}" if days else f"{reason}; {what}"
        out.append(Check(subject, "PER-01", "qualified for the post on the day", verdict,
                         len(found), text, unit="acts", evidence=found[0].person))  # fmt: skip
    for centre, found in sorted(good.items()):
        people = len({act.person for act in found})
        text = f"{len(found)} acts of {people} persons"
        out.append(Check(centre, "PER-01", "qualified for the post on the day", "PASS",
                         len(found), text, unit="acts"))  # fmt: skip
    return out


def experience_and_training(
    acts: list[Act], personnel: list[dict], settings: dict, centre_of: dict
) -> list[Check]:
    """PER-02 years in the post, PER-03 training before the first act and not too old at any; one record a person."""
    done: dict[str, list[Act]] = defaultdict(list)
    for act in acts:
        if act.person:
            done[act.person].append(act)
    rows_of_person: dict[str, list[dict]] = defaultdict(list)
    for row in personnel:
        rows_of_person[row["person_id"]].append(row)
    out = []
    for person, own in sorted(done.items()):
        rows = rows_of_person.get(person)
        if not rows:
            continue  # PER-01 says so
        subjects = {centre_of.get(act.subject, act.subject) for act in own}
        subject = rows[0].get("centre") or min(subjects)
        posts = {post for act in own for post in act.posts}
        held = [row for row in rows if row["post"] in posts] or rows
        counting = _rows_that_count(held, own)
        out.append(_years(person, subject, counting, settings["min_years"]))
        out.append(_training(person, subject, rows, own, settings["training_months"]))
    return out


def _rows_that_count(rows: list[dict], acts: list[Act]) -> list[dict]:
    """Per post the rows that cover an act, the latest of several; the latest row of the post for an act that none covers."""

    def end(row: dict) -> tuple[str, str]:
        return row.get("valid_until", "9999"), row.get("valid_from", "")

    out = []
    for post in sorted({row["post"] for row in rows}):
        of_post = [row for row in rows if row["post"] == post]
        days = {act.day for act in acts if post in act.posts or not act.posts} or {""}
        for day in sorted(days):
            held = [r for r in of_post if day and r.get("valid_from", "") <= day <= end(r)[0]]
            row = max(held or of_post, key=end)
            out += [] if row in out else [row]
    return out


def _years(person: str, subject: str, rows: list[dict], least: dict[str, float]) -> Check:
    check = "years in the post"
    problems, known = [], []
    unsaid = sorted({row["post"] for row in rows if "years_experience" not in row})
    for row in rows:
        if "years_experience" in row:
            known.append(row["years_experience"])
            if row["years_experience"] < least.get(row["post"], 0):
                problems.append(
                    f"{person}: {row['years_experience']:g} years in {row['post']}, "
                    f"{least[row['post']]:g} are wanted"
                )
    if not problems and (unsaid or not _documented(rows)):
        text = f"{person}: years_experience is not said"
        if not unsaid:
            text = f"{person}: no document_id with its sha256"
        return Check(subject, "PER-02", check, "NOT_ASSESSED", None, text, evidence=person)
    verdict = "FAIL" if problems else "PASS"
    return Check(subject, "PER-02", check, verdict, min(known), "; ".join(problems),
                 "by post: " + ", ".join(f"{k} {v:g}" for k, v in least.items()), "a", person)  # fmt: skip


def _documented(rows: list[dict]) -> bool:
    """Whether a document with its hash stands behind one of the rows: the certificate or the curriculum."""
    return any({"document_id", "sha256"} <= set(row) for row in rows)


def _training(person: str, subject: str, rows: list[dict], own: list[Act], months: float) -> Check:
    check = "trained before the act"
    trained = sorted(row["training_date"] for row in rows if "training_date" in row)
    days = sorted(act.day for act in own if act.day)
    if not trained or not days:
        what = "no training_date" if not trained else "no act has a day"
        return Check(subject, "PER-03", check, "NOT_ASSESSED", None, f"{person}: {what}",
                     evidence=person)  # fmt: skip
    reason = ""
    for day in days:
        before = [t for t in trained if t <= day]
        if not before:
            reason = f"{person}: first trained on {trained[0]}, acted on {day}"
        elif (day_of(day) - day_of(before[-1])).days > months * DAYS_PER_MONTH:
            reason = f"{person}: last trained on {before[-1]}, acted on {day}"
        if reason:
            break
    verdict = "FAIL" if reason else "PASS"
    complete = [row for row in rows if {"training_date", "training_topic"} <= set(row)]
    if not reason and not (complete and _documented(rows)):
        verdict = "NOT_ASSESSED"
        reason = f"{person}: no training_topic, or no document_id with its sha256"
    elif not reason and len(days) < len(own):
        reason = f"{person}: {len(days)} of {len(own)} acts have a day"
    return Check(subject, "PER-03", check, verdict, trained[-1], reason,
                 f"at most {months:g} months before", "", person)  # fmt: skip


def requirement_of(act: Act, kind: str) -> str:
    """The requirement that speaks about a kind of device; laboratory devices of no own requirement count for QCP-01."""
    return REQUIREMENT_OF_DEVICE.get(kind or act.kind, "QCP-01")


def calibrations(acts: list[Act], equipment: list[dict] | None, centre_of: dict) -> list[Check]:
    """Every named device on the day of its use: one FAIL per patient, device and reason; the rest counted by centre."""
    devices: dict[str, list[dict]] = defaultdict(list)
    for row in equipment or []:
        devices[row["equipment_id"]].append(row)
    found: dict[tuple, list[Act]] = defaultdict(list)
    for act in acts:
        if not act.device:
            if act.needed and act.kind in REQUIREMENT_OF_DEVICE:
                centre = centre_of.get(act.subject, act.subject)
                key = (
                    requirement_of(act, ""),
                    centre,
                    "NOT_ASSESSED",
                    f"{act.what}: no equipment_id",
                )
                found[key].append(act)
            continue
        rows = devices[act.device]
        kind = rows[0]["kind"] if rows else act.kind
        centre = centre_of.get(act.subject, act.subject)
        verdict, reason = _calibrated(act, rows, equipment is None)
        subject = act.subject if verdict == "FAIL" else centre
        found[(requirement_of(act, kind), subject, verdict, reason)].append(act)
    out = []
    for (requirement, subject, verdict, reason), own in sorted(found.items()):
        names = examples([act.device for act in own])
        text = f"{reason}; {own[0].what} on {own[0].day}" if verdict == "FAIL" else reason or names
        out.append(Check(subject, requirement, "device calibrated on the day of use", verdict,
                         len(own), text, unit="acts", evidence=names))  # fmt: skip
    return out


def _calibrated(act: Act, rows: list[dict], no_sheet: bool) -> tuple[str, str]:
    if no_sheet:
        return "NOT_ASSESSED", "no equipment.tsv"
    if not rows:
        return "FAIL", f"device {act.device} is not in equipment.tsv"
    if act.kind and not any(row["kind"] in (act.kind, "other") for row in rows):
        return "FAIL", f"device {act.device} is a {rows[0]['kind']}, not a {act.kind}"
    dated = [row for row in rows if "calibration_due" in row]
    if not dated or not act.day:
        return "NOT_ASSESSED", f"device {act.device}: no calibration_due, or no day of the act"
    held = [r for r in dated if r.get("calibrated_on", "") <= act.day <= r["calibration_due"]]
    if held:
        whole = any({"document_id", "sha256", "calibrated_on"} <= set(row) for row in held)
        text = f"{act.device}: no calibrated_on, or no hashed certificate"
        return ("PASS", "") if whole else ("NOT_ASSESSED", text)
    spans = "; ".join(f"{r.get('calibrated_on', '')} to {r['calibration_due']}" for r in dated)
    return "FAIL", f"device {act.device}: calibration valid {spans}"


def all_checks(sheets: dict, plan: dict, settings: dict) -> list[Check]:
    """Every check of people and devices; `sheets` are rows by name, None for a sheet that the cohort does not have."""
    centre_of = {patient: entry["centre"] for patient, entry in plan["patients"].items()}
    acts = acts_of(sheets, plan)
    out = calibrations(acts, sheets["equipment"], centre_of)
    if sheets["personnel"] is None:
        names = ("PER-01", "PER-02", "PER-03")
        text = f"no personnel.tsv; {sum(bool(a.person) for a in acts)} acts name a person"
        return out + [Check("cohort", n, "personnel", "NOT_ASSESSED", None, text) for n in names]
    if not acts:
        text = "no sheet names an act on a sample or an image"
        names = ("PER-01", "PER-02", "PER-03")
        return out + [Check("cohort", n, "personnel", "NOT_ASSESSED", None, text) for n in names]
    out += qualifications(acts, sheets["personnel"], centre_of)
    return out + experience_and_training(acts, sheets["personnel"], settings, centre_of)


def main(job):
    """Judge people and devices on the day of every act.

    input: the sheets of SHEETS, each as a list of no or one path; output: status, ledger; params: settings
    """
    with core_job.step(job) as step:
        sheets = {name: rows_of(job.input.get(name)) for name in SHEETS}
        record(step, all_checks(sheets, load_plan(), job.params.settings))


if __name__ == "__main__":
    core_job.entry(main, globals().get("snakemake"))
