"""Conformance: what the evidence of this run says about each requirement of the project's reading
of the draft notes.

In: the QC ledger, resources/requirements.yaml, the plan with its consent gate. Out: findings.tsv
(one check a line), conformance.json (one status a requirement, one verdict a centre),
nonconformities.tsv (what is to be done, by whom). Source: requirement TRC-02, docs/report.md.
"""

import json
from collections import Counter
from pathlib import Path

from scripts.core import job as core_job
from scripts.core.ledger import STATUSES, read_records
from scripts.core.sheets import read_sheet
from scripts.report import evidence, identifiers, nonconformities, whole_run

COLUMNS = [
    "requirement_id",
    "severity",
    "subject",
    "centre",
    "block",
    "step",
    "check",
    "verdict",
    "value",
    "unit",
    "threshold",
    "reason",
    "evidence",
]
# What a requirement with mixed evidence is called: the first of these that occurs. Missing evidence
# comes before
# anything good, so that it can never be shown as a pass.
ORDER = ("FAIL", "NOT_ASSESSED", "WARN", "ATTESTED", "PASS", "NOT_APPLICABLE")
DECISIVE = ("block", "major")
GATE_STEP = "validate_inputs"
GATE_REQUIREMENTS = ("ETH-01", "ETH-02", "ETH-03", "ETH-04", "ETH-05", "ETH-06")
NOT_CONFORMANT, CONFORMANT = "not conformant", "conformant"
FAILED, INCOMPLETE = "requirements fail", "evidence is missing"  # why it is not


def read_requirements(path: str | Path) -> dict[str, dict]:
    """{requirement id: requirement} in the order of the file; `owner` is who answers for it."""
    import yaml

    with open(path, encoding="utf-8") as handle:
        listed = yaml.load(handle, getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    owners = listed["owners"]
    return {
        row["id"]: row | {"owner": owners[row["id"].split("-")[0]]}
        for row in listed["requirements"]
    }


# A step whose sheet is gone did not run for this cohort: what it wrote before is no evidence any more.
SHEET_OF_STEP = {"check_custody": "samples", "build_clinical_table": "labs", "import_ihc": "ihc"}


def individuals(plan: dict) -> dict[str, str]:
    """{id of a patient or of one of its assays: patient} of everybody whom the gate let in; {run
    id: ""} for QC runs."""
    known = {patient: patient for patient in plan["patients"]}
    for patients in plan["assays"].values():
        for patient, rows in patients.items():
            known |= {row["assay_id"]: patient for row in rows}
    for rows in plan["runs"].values():
        known |= {row["assay_id"]: "" for row in rows}
    return known


def current_files(paths: list[str], plan: dict) -> list[str]:
    """The ledger files that belong to this cohort: those of subjects who are no longer admitted are
    left out.

    A file is named by its subject, then modality and block behind dots. A step is taken as one per individual when any of its
    files carries the id of an admitted patient, of an assay or of a QC run; an unknown name in such a folder belongs to
    somebody who left. So does an unknown name that its own records are about (the only patient of a modality left). Names of
    cohort-wide steps ("cohort", a block, a strategy) stay, unless the sheet that they read is no longer there.
    """
    known = individuals(plan)
    gone = {row["patient_id"] for row in plan["refused"] if row["domain"] == "*"}
    name_of = {path: Path(path).name.split(".")[0] for path in paths}
    per_individual = {Path(path).parent.name for path, name in name_of.items() if name in known}
    kept = []
    for path, name in sorted(name_of.items()):
        unknown = name not in known and name not in plan["blocks"] and name != "cohort"
        if SHEET_OF_STEP.get(Path(path).parent.name, "patients") not in plan["sheets"]:
            continue
        if name in gone or (unknown and Path(path).parent.name in per_individual):
            continue
        if unknown and Path(path).is_file() and _is_about(path, name):
            continue
        kept.append(path)
    return kept


def _is_about(path: str, name: str) -> bool:
    return any(record["subject"] == name for record in read_records([path]))


def current_records(records: list[dict], plan: dict) -> list[dict]:
    """Records about admitted subjects and allowed domains.

    Cohort-wide ledger files may still name a patient whom the gate refuses now; only the step of
    the gate itself (GATE_STEP, rerun with every change of the plan) speaks about refused people.
    """
    refused = {(row["patient_id"], row["domain"]) for row in plan["refused"]}
    domain_of_block = {name: block["domain"] for name, block in plan["blocks"].items()}
    return [
        record
        for record in records
        if record["step"] == GATE_STEP
        or (
            (record["subject"], "*") not in refused
            and (record["subject"], domain_of_block.get(record.get("block", ""), "")) not in refused
        )
    ]


def refused_by_gate(finding: dict) -> bool:
    """Whether a finding is a refusal: what it is about never entered the analysis."""
    refused = finding["verdict"] == "FAIL" and finding["step"] == GATE_STEP
    return refused and finding["requirement_id"] in GATE_REQUIREMENTS


def findings_of(
    records: list[dict],
    requirements: dict,
    plan: dict,
    centre_of: dict[str, str],
    exports: str = "",
) -> list[dict]:
    """One finding a record, with severity and centre ("" for the whole cohort); sorted, doubles
    removed.

    `centre_of` is {patient: centre} of everybody who was enrolled. Raises ValueError on a
    requirement id that is not in the list: a misspelt id would silently lose its evidence.
    """
    unknown = sorted({r["requirement_id"] for r in records} - set(requirements) - {""})
    if unknown:
        raise ValueError(f"QC records name requirements that do not exist: {', '.join(unknown)}")
    patient_of = individuals(plan)
    centres = {centre: centre for centre in centre_of.values()}
    findings = {}
    for record in records:
        subject = record["subject"]
        row = {column: record.get(column) for column in COLUMNS}
        row["severity"] = requirements.get(record["requirement_id"], {}).get("severity", "major")
        row["centre"] = (centres | centre_of).get(patient_of.get(subject, subject), "")
        if row["verdict"] == "PASS" and is_attested(requirements, record["requirement_id"]):
            row["verdict"] = "ATTESTED"
        row = {key: "" if value is None else value for key, value in row.items()}
        told = findings.setdefault(tuple(str(row[c]) for c in COLUMNS[:-1]), row)
        both = {e for e in (*told["evidence"].split("; "), row["evidence"]) if e}
        told["evidence"] = "; ".join(sorted(both))
    seen = {row["requirement_id"] for row in findings.values()}
    for name in (name for name in requirements if name not in seen and name != "TRC-02"):
        row = whole_run.without_record(requirements[name], plan, exports)
        row |= {"severity": requirements[name]["severity"], "evidence": ""}
        findings[tuple(str(row[c]) for c in COLUMNS[:-1])] = row
    return [findings[key] for key in sorted(findings)]


def is_attested(requirements: dict, name: str) -> bool:
    """Whether a requirement rests on a person's word with a document: a pass of it is ATTESTED."""
    kind = requirements.get(name, {}).get("evidence_kind", "")
    return kind.startswith("registered+document")


def status_of(verdicts: list[str]) -> str:
    """One status for a requirement from the verdicts of its checks; no evidence is NOT_ASSESSED."""
    return next((status for status in ORDER if status in verdicts), "NOT_ASSESSED")


def without_evidence(requirement: dict, findings: list[dict], plan: dict) -> list[str]:
    """Admitted patients about whom a per-patient requirement has no record at all.

    A record with another subject (the cohort, a block) speaks for everybody.
    """
    if requirement["entity"] != "patient" or not findings:
        return []
    patient_of = individuals(plan)
    subjects = {
        patient_of.get(f["subject"], f["subject"]) for f in findings if not refused_by_gate(f)
    }
    if not subjects or not subjects <= set(plan["patients"]):
        return []
    return sorted(set(plan["patients"]) - subjects)


def assess(requirement: dict, findings: list[dict], plan: dict) -> dict:
    """Status of one requirement with the counts behind it.

    Returns
    -------
    status : the status over all evidence, refused patients included (does the process of the sites
    conform?)
    data_status : the same over what is analysed: without refused patients, and without FAILs of
    severity block or
        exclude about a single subject, because those took the subject, sample or feature out
    counts, subjects : number of checks by verdict, number of subjects seen; failed : subjects with
    a FAIL (sorted)
    missing : number of admitted patients without a record
    """
    missing = without_evidence(requirement, findings, plan)
    gap = ["NOT_ASSESSED"] if missing else []
    used = [
        f["verdict"]
        for f in findings
        if not refused_by_gate(f)
        and not (f["verdict"] == "FAIL" and requirement["severity"] == "exclude")
    ]
    counts = Counter(f["verdict"] for f in findings)
    return {
        "status": status_of([f["verdict"] for f in findings] + gap),
        "data_status": status_of(used + gap),
        "severity": requirement["severity"],
        "clause": requirement["clause"],
        "origin": requirement["origin"],
        "default_source": requirement["default_source"],
        "en": requirement["requirement_en"],
        "zh": requirement["requirement_zh"],
        "counts": {status: counts[status] for status in STATUSES if counts[status]},
        "subjects": len({f["subject"] for f in findings}),
        "failed": sorted({f["subject"] for f in findings if f["verdict"] == "FAIL"}),
        "missing": len(missing),
    }


def verdict_of(assessed: dict[str, dict], status: str = "status") -> str:
    """Conformant only without FAIL and without NOT_ASSESSED among the requirements of severity block or major."""
    return NOT_CONFORMANT if grounds_of(assessed, status) else CONFORMANT


def grounds_of(assessed: dict[str, dict], status: str = "status") -> list[str]:
    """Why it is not conformant: requirements that fail, evidence that is missing, or both."""
    decisive = {row[status] for row in assessed.values() if row["severity"] in DECISIVE}
    words = (("FAIL", FAILED), ("NOT_ASSESSED", INCOMPLETE))
    return [why for word, why in words if word in decisive]


def conformance(findings: list[dict], requirements: dict, plan: dict) -> dict:
    """Status of every requirement and verdict of the cohort and of every centre, as a JSON-like
    dict."""
    by_requirement: dict[str, list[dict]] = {name: [] for name in requirements}
    for finding in findings:
        if finding["requirement_id"] in by_requirement:
            by_requirement[finding["requirement_id"]].append(finding)
    assessed = {
        name: assess(requirement, by_requirement[name], plan)
        for name, requirement in requirements.items()
    }
    own = assessed["TRC-02"]
    recorded = any(finding["step"] != whole_run.STEP for finding in findings)
    if recorded and not by_requirement["TRC-02"]:
        own |= {"status": "PASS", "data_status": "PASS", "counts": {"PASS": 1}, "subjects": 1}
    centres = {}
    for centre in sorted({row["centre"] for row in plan["patients"].values()}):
        inside = {"patients": {p: r for p, r in plan["patients"].items() if r["centre"] == centre}}
        here = {
            name: assess(
                requirement,
                [f for f in by_requirement[name] if f["centre"] in (centre, "")],
                plan | inside,
            )
            for name, requirement in requirements.items()
        }
        here["TRC-02"] = own
        centres[centre] = _verdicts(here) | {"patients": len(inside["patients"])}
    return {
        "wording": "checked against the project's reading of the draft notes; research use, not a diagnosis",
        "as_of": plan["as_of"],
        "verdict": _verdicts(assessed),
        "centres": centres,
        "counts": _status_counts(assessed),
        "unassigned_failures": sum(
            1 for f in findings if f["verdict"] == "FAIL" and not f["requirement_id"]
        ),
        "requirements": assessed,
    }


def _verdicts(assessed: dict[str, dict]) -> dict:
    return {
        "process": verdict_of(assessed),
        "data": verdict_of(assessed, "data_status"),
        "grounds": grounds_of(assessed),
        "data_grounds": grounds_of(assessed, "data_status"),
        "failed": [name for name, row in assessed.items() if row["status"] == "FAIL"],
        "not_assessed": sum(row["status"] == "NOT_ASSESSED" for row in assessed.values()),
    }


def _status_counts(assessed: dict[str, dict]) -> dict[str, int]:
    counts = Counter(row["status"] for row in assessed.values())
    return {status: counts[status] for status in STATUSES}


def write_findings(path: str | Path, findings: list[dict]) -> None:
    """Write findings as TSV; tabs and line ends become spaces, identifiers of persons masked."""
    identifiers.write_masked(path, COLUMNS, findings)


def ledger_files(folders: list[str]) -> list[str]:
    """All ledger files below the folders, `<folder>/<step>/<subject>.jsonl`, sorted."""
    return sorted(str(path) for folder in folders for path in Path(folder).glob("*/*.jsonl"))


def main(job) -> None:
    """Join the ledger with the requirements: findings.tsv, conformance.json, nonconformities.tsv."""
    with core_job.step(job) as step:
        plan = json.loads(Path(job.params.plan).read_text(encoding="utf-8"))
        patients = read_sheet(job.input.patients[0], "patients").rows
        requirements = read_requirements(job.input.requirements)
        files = current_files(ledger_files(job.params.ledgers), plan)
        records = current_records(list(read_records(files)), plan)
        records += identifiers.records(
            list(job.params.searched), getattr(job.params, "watch_list", "")
        )
        records += whole_run.records(plan, requirements, job.params)
        centre_of = {row["patient_id"]: row["centre"] for row in patients}
        exports = getattr(job.params, "exports", "")
        findings = findings_of(records, requirements, plan, centre_of, exports)
        available = evidence.Available(plan, Path(job.params.plan).parent / "sheets")
        findings += evidence.without_evidence(findings, requirements, available, step.rule)
        step.log.info("%d ledger files, %d findings", len(files), len(findings))
        write_findings(step.path(job.output.findings), findings)
        result = conformance(findings, requirements, plan)
        listed = nonconformities.rows_of(findings, result, requirements)
        listing = getattr(job.output, "nonconformities", None)
        if listing:
            nonconformities.write(step.path(listing), listed)
        text = json.dumps(result, ensure_ascii=False, indent=1) + "\n"
        step.path(job.output.conformance).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    core_job.entry(main, globals().get("snakemake"))
