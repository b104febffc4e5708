"""The chain of custody: may this sample be used, and for what.

In: samples, sample_events, aliquots, extractions, patients, consents sheets, requirements
(severities). Out: verdict of every
sample, exclusions (patient, modality), QC records. Source: requirements BLD-*, TIS-*, CHN-01,
EXT-*; docs/clinical.md.
"""

import datetime
from pathlib import Path

from scripts.clinical.sample_chain import all_checks
from scripts.clinical.samples import USE_OF_MODALITY, Finding, Sample
from scripts.clinical.sprec import sprec
from scripts.core import job as core_job
from scripts.core.gate import DOMAIN_OF_MODALITY, not_consented_on
from scripts.core.plan import load_plan
from scripts.core.sheets import rows_of, write_tsv

EXCLUSION_COLUMNS = ["patient_id", "modality", "sample_id", "requirement_id", "reason"]
VERDICT_COLUMNS = [
    "sample_id",
    "patient_id",
    "label",
    "uses",
    "verdict",
    "sprec",
    "hours_to_spin",
    "reasons",
]
ACTING = ("exclude", "block")
TISSUE = ("tumour", "adjacent", "tissue")
# {use: (kind of extract, requirement)}
EXTRACT_OF_USE = {
    "cfdna": ("cfdna", "EXT-01"),
    "gdna": ("gdna", "EXT-01"),
    "rna": ("rna", "EXT-04"),
    "metabolomics": ("metabolite", "EXT-02"),
}


def gather(
    samples: list[dict], events: list[dict], aliquots: list[dict], extractions: list[dict]
) -> dict[str, Sample]:
    """{sample_id: Sample}; rows about unknown samples are left out."""
    out = {row["sample_id"]: Sample(row) for row in samples}
    for rows, name in ((events, "events"), (aliquots, "aliquots"), (extractions, "extractions")):
        for row in rows:
            if row["sample_id"] in out:
                getattr(out[row["sample_id"]], name).append(row)
    return out


def shared_labels(samples: list[dict]) -> dict[str, str]:
    """{sample_id: reason} of samples whose label also stands on a tube of another patient or
    centre."""
    by_label: dict[str, list[dict]] = {}
    for row in samples:
        by_label.setdefault(row.get("label", row["sample_id"]), []).append(row)
    out = {}
    for label, rows in by_label.items():
        if len({(r["patient_id"], r.get("centre", "")) for r in rows}) < 2:
            continue
        for row in rows:
            others = sorted({r["patient_id"] for r in rows} - {row["patient_id"]})
            where = ", ".join(others) or "the same patient in another centre"
            out[row["sample_id"]] = f"label {label} also stands on a tube of {where}"
    return out


def identity_checks(
    sample: Sample, patient: dict, consent: str, shared: dict[str, str], as_of: str
) -> list[Finding]:
    """Label, dates and identifiers of a sample against the patient: BLD-02, CLE-06, ETH-05, CLN-02.

    `consent` says why none covered the day of collection; "" when one did or consents are not kept.
    """
    row, day = sample.row, sample.row["collected_at"][:10]
    reason = shared.get(row["sample_id"], "")
    out = [Finding("BLD-02", "label is unique", "FAIL" if reason else "PASS", reason)]
    if day > as_of:
        out.append(
            Finding("BLD-02", "collection is past", "FAIL", f"collected on {day}, after {as_of}")
        )
    if "age" in patient and "index_date" in patient:
        index = datetime.date.fromisoformat(patient["index_date"])
        born = (index - datetime.timedelta(days=(patient["age"] + 1) * 365.25)).isoformat()
        if day < born:
            out.append(
                Finding(
                    "CLE-06", "birth before collection", "FAIL", f"collected on {day}, before birth"
                )
            )
    if consent:
        out.append(Finding("ETH-05", "consent before collection", "FAIL", consent))
    both = [n for n in ("id1_hash", "id2_hash") if n in row and n in patient]
    if both:
        differ = [n for n in both if row[n] != patient[n]]
        verdict, text = "PASS", ""
        if differ:
            verdict, text = "FAIL", f"{', '.join(differ)} of the tube is not the patient's"
        elif len(both) < 2:
            verdict, text = "WARN", f"only {both[0]} could be compared"
        out.append(Finding("CLN-02", "identifiers of tube and patient agree", verdict, text))
    return out


def modalities_of(sample: Sample, assays: dict[str, dict[str, list[dict]]]) -> list[str]:
    """Modalities that the sample was used for: the runs of its patient that name it, else those
    that it is meant for.

    A run that names another sample frees this one.
    """
    subject, out = sample.row["patient_id"], []
    wanted = sample.row.get("intended_assays", "").split(";")
    for modality in USE_OF_MODALITY:
        named = {
            r["sample_id"] for r in assays.get(modality, {}).get(subject, []) if "sample_id" in r
        }
        if sample.row["sample_id"] in named or (modality in wanted and not named):
            out.append(modality)
    return out


def run_days(sample: Sample, assays: dict[str, dict[str, list[dict]]]) -> list[str]:
    """Days of the runs that name the sample, in order."""
    subject, name = sample.row["patient_id"], sample.row["sample_id"]
    own = [row for people in assays.values() for row in people.get(subject, ())]
    return sorted(row["date"] for row in own if row.get("sample_id") == name and "date" in row)


def exclusions_of(
    sample: Sample, findings: list[Finding], modalities: list[str], severity: dict[str, str]
) -> list[dict]:
    """Rows of custody.exclusions.tsv: FAILs of a severity that acts, one row per modality that
    needs the spoilt use."""
    out = []
    for modality in modalities:
        for finding in findings:
            hit = not finding.uses or USE_OF_MODALITY[modality] in finding.uses
            if finding.verdict == "FAIL" and hit and severity.get(finding.requirement_id) in ACTING:
                out.append(
                    {
                        "patient_id": sample.row["patient_id"],
                        "modality": modality,
                        "sample_id": sample.row["sample_id"],
                        "requirement_id": finding.requirement_id,
                        "reason": finding.reason,
                    }
                )
    return out


def untraced_runs(plan: dict, samples: dict[str, Sample]) -> list[tuple[str, str, str]]:
    """(patient, assay, sample) of runs that name a sample which samples.tsv does not have, or has
    for another patient."""
    out = []
    for modality in sorted(plan["assays"]):
        for subject, rows in sorted(plan["assays"][modality].items()):
            for row in rows:
                name = row.get("sample_id")
                if name and (name not in samples or samples[name].row["patient_id"] != subject):
                    out.append((subject, row["assay_id"], name))
    return out


def unaccompanied_runs(plan: dict, samples: dict[str, Sample]) -> list[tuple[str, str]]:
    """(patient, modality) with runs of material of the body and no tube that the runs could come from."""
    covered = {
        (sample.row["patient_id"], modality)
        for sample in samples.values()
        for modality in modalities_of(sample, plan["assays"])
    }
    runs = {
        (patient, modality)
        for modality in USE_OF_MODALITY
        for patient in plan["assays"].get(modality, {})
    }
    return sorted(runs - covered)


def of_the_cohort(samples: dict[str, Sample]) -> list[tuple[str, Finding]]:
    """(patient or cohort, finding) of what one sample cannot say: paired normal tissue, missing extracts, no tissue at all."""
    out = []
    tissue = [s for s in samples.values() if s.row.get("specimen") in TISSUE]
    unsaid = sum("specimen" not in sample.row for sample in samples.values())
    if unsaid or not tissue:
        text = "no tissue in samples.tsv"
        verdict = "NOT_ASSESSED" if unsaid else "NOT_APPLICABLE"
        if unsaid:
            text = f"the specimen of {unsaid} of {len(samples)} samples is not said"
        out += [
            ("cohort", Finding(name, check, verdict, text))
            for name, check in (
                ("TIS-01", "cold ischaemia"),
                ("TIS-02", "time in formalin"),
                ("TIS-03", "tumour cells"),
            )
        ]
    kinds: dict[str, set[str]] = {}
    for sample in samples.values():
        kinds.setdefault(sample.row["patient_id"], set()).add(sample.row.get("specimen", ""))
    for patient in sorted({s.row["patient_id"] for s in tissue if s.row["specimen"] == "tumour"}):
        paired = kinds[patient] & {"adjacent", "blood"}
        text = "" if paired else "tumour tissue without adjacent tissue or blood of the patient"
        verdict = "PASS" if paired else "FAIL"
        out.append((patient, Finding("TIS-03", "paired normal sample", verdict, text)))
    for name, sample in sorted(samples.items()):
        for use, (kind, requirement) in EXTRACT_OF_USE.items():
            if use in sample.uses and not any(r["kind"] == kind for r in sample.extractions):
                text = f"sample {name}: no row of {kind} in extractions.tsv"
                finding = Finding(requirement, "extract recorded", "NOT_ASSESSED", text)
                out.append((sample.row["patient_id"], finding))
    return out


def read_severities(path: str | Path) -> dict[str, str]:
    """{requirement id: severity}."""
    import yaml

    with open(path, encoding="utf-8") as handle:
        return {r["id"]: r["severity"] for r in yaml.safe_load(handle)["requirements"]}


def main(job):
    """Check every sample of admitted patients.

    input: samples, [events], [aliquots], [extractions], patients, [consents], requirements; output:
    verdicts, exclusions,
    status, ledger; params: settings
    """
    with core_job.step(job) as step:
        plan, limits = load_plan(), job.params.settings
        severity = read_severities(job.input.requirements)
        patients = {row["patient_id"]: row for row in rows_of(job.input.patients)}
        consents: dict[str, list[dict]] = {}
        for row in rows_of(job.input.get("consents")):
            consents.setdefault(row["patient_id"], []).append(row)
        rows = rows_of(job.input.samples)
        shared = shared_labels(rows)
        samples = gather(
            [row for row in rows if row["patient_id"] in plan["patients"]],
            rows_of(job.input.get("events")),
            rows_of(job.input.get("aliquots")),
            rows_of(job.input.get("extractions")),
        )
        verdicts, exclusions = [], []
        for name, sample in sorted(samples.items()):
            subject = sample.row["patient_id"]
            used = modalities_of(sample, plan["assays"])
            sample.used_for = used
            sample.run_days = run_days(sample, plan["assays"])
            consent = ""
            if subject in consents:
                domains = {DOMAIN_OF_MODALITY.get(m, "clinical") for m in used}
                day = sample.row["collected_at"][:10]
                consent = not_consented_on(
                    patients[subject], consents[subject], day, domains, plan["as_of"]
                )
            findings = identity_checks(sample, patients[subject], consent, shared, plan["as_of"])
            findings += all_checks(sample, limits)
            for finding in findings:
                step.check(
                    finding.requirement_id,
                    finding.check,
                    finding.verdict,
                    value=finding.value,
                    unit=finding.unit,
                    threshold=finding.threshold,
                    evidence=name,
                    reason=f"sample {name}: {finding.reason}" if finding.reason else "",
                    acts=False,
                    subject=subject,
                )
            exclusions += exclusions_of(sample, findings, used, severity)
            verdicts.append(verdict_row(sample, findings))
        for subject, assay, name in untraced_runs(plan, samples):
            text = (
                f"run {assay} names sample {name}, which samples.tsv does not have for this patient"
            )
            step.check(
                "CHN-01", "run traces back to a sample", "FAIL",
                reason=text, evidence=assay, acts=False, subject=subject,
            )  # fmt: skip
        for subject, modality in unaccompanied_runs(plan, samples):
            text = f"{modality} was measured, and no tube of the patient in samples.tsv is meant for it"
            step.check(
                "CHN-01", "run traces back to a sample", "NOT_ASSESSED",
                reason=text, acts=False, subject=subject,
            )  # fmt: skip
        for subject, finding in of_the_cohort(samples):
            step.check(
                finding.requirement_id, finding.check, finding.verdict,
                reason=finding.reason, acts=False, subject=subject,
            )  # fmt: skip
        write_tsv(step.path(job.output.verdicts), VERDICT_COLUMNS, verdicts)
        write_tsv(step.path(job.output.exclusions), EXCLUSION_COLUMNS, exclusions)
        step.log.info("%d samples, %d exclusions", len(verdicts), len(exclusions))


def verdict_row(sample: Sample, findings: list[Finding]) -> dict:
    """One line of custody.tsv."""
    bad = [f for f in findings if f.verdict in ("FAIL", "WARN")]
    failed = any(f.verdict == "FAIL" for f in bad)
    hours = sample.hours_to_spin()
    return {
        "sample_id": sample.row["sample_id"],
        "patient_id": sample.row["patient_id"],
        "label": sample.row.get("label", sample.row["sample_id"]),
        "uses": ";".join(sample.uses),
        "verdict": "fail" if failed else "warn" if bad else "pass",
        "sprec": sprec(sample),
        "hours_to_spin": "" if hours is None else f"{hours:.2f}",
        "reasons": "; ".join(f"{f.requirement_id}: {f.reason}" for f in bad),
    }


if __name__ == "__main__":
    core_job.entry(main, globals().get("snakemake"))
