"""Diagnoses as ICD-10: what the sheets call a disease, the code that they give, and whether the two agree.

In: patients, history, pathology rows, resources/diagnoses.tsv. Out: one line per diagnosis of a patient, checks of CLE-04.
Source: requirement CLE-04; ICD-10, WHO version of 2019; Chinese terms after GB/T 14396-2016 where it has them (from memory).
"""

import csv
import re
import unicodedata
from pathlib import Path

from scripts.clinical.checks import Check

COLUMNS = ["patient_id", "source", "icd10", "kind", "en", "zh", "said", "agrees"]
CHECK = "diagnosis is coded"
# Codes that a diagnosis of patients.tsv may carry beside those of its own kind.
ALSO = {
    "cirrhosis": {"chronic_hepatitis"},  # cirrhosis that is coded by its cause
    "chronic_liver_disease": {"chronic_hepatitis", "cirrhosis"},
    "chronic_hepatitis": {"chronic_liver_disease"},
}


def plain(term: str) -> str:
    """A term without case, width, blanks and brackets."""
    return re.sub(r"[\s()（）,，.。_-]", "", unicodedata.normalize("NFKC", term)).lower()


def read_terms(path: str | Path) -> tuple[dict[str, dict], dict[str, dict]]:
    """({code: row}, {plain term: row}) of resources/diagnoses.tsv. ValueError when two rows share a term."""
    codes, terms = {}, {}
    with open(path, encoding="utf-8", newline="") as handle:
        for row in csv.DictReader(handle, delimiter="\t"):
            codes[row["icd10"]] = row
            for term in (row["en"], row["zh"], *filter(None, row["synonyms"].split(";"))):
                if terms.setdefault(plain(term), row) is not row:
                    raise ValueError(f"{term} stands in two rows of {Path(path).name}")
    return codes, terms


def code_of(code: str, codes: dict[str, dict]) -> dict | None:
    """The row of a code, or of the three-character category that it belongs to (C22.00 is C22.0)."""
    return codes.get(code) or codes.get(code[:5])


def coded(
    sheets: dict[str, list[dict] | None],
    plan: dict,
    codes: dict[str, dict],
    terms: dict[str, dict],
) -> tuple[list[dict], list[Check]]:
    """Lines of diagnoses.tsv and one CLE-04 check per patient and source.

    PASS: mapped, and code, term and patients.tsv agree. FAIL: they contradict one another, or the code is unknown. WARN: a term
    that the list does not have; the term itself is free text and is not repeated.
    """
    lines, checks = [], []
    for name in ("history", "pathology"):
        for row in sheets.get(name) or []:
            subject = row["patient_id"]
            if subject not in plan["patients"] or not {"diagnosis", "diagnosis_code"} & set(row):
                continue
            line, verdict, reason = _one(
                row, name, plan["patients"][subject]["diagnosis"], codes, terms
            )
            lines.append({"patient_id": subject, "source": name, **line})
            checks.append(Check(subject, "CLE-04", f"{CHECK} in {name}.tsv", verdict,
                                line.get("icd10", ""), reason))  # fmt: skip
    return lines, checks


def share_coded(checks: list[Check], plan: dict) -> Check:
    """How many of the admitted patients have a diagnosis that could be coded at all; checks : those of `coded`."""
    known, total = len({check.subject for check in checks}), len(plan["patients"])
    verdict, text = "PASS", ""
    if not known:
        verdict, text = (
            "NOT_ASSESSED",
            "nobody has a diagnosis_code, or words, in history or pathology",
        )
    elif known < total:
        verdict, text = "WARN", f"{known} of {total} patients have a diagnosis_code, or words of it"
    return Check("cohort", "CLE-04", "patients with a coded diagnosis", verdict, known, text)


def _one(row: dict, name: str, said: str, codes: dict, terms: dict) -> tuple[dict, str, str]:
    by_code = code_of(row["diagnosis_code"], codes) if "diagnosis_code" in row else None
    by_term = terms.get(plain(row["diagnosis"])) if "diagnosis" in row else None
    if "diagnosis_code" in row and by_code is None:
        text = f"code {row['diagnosis_code']} is not in resources/diagnoses.tsv"
        return {"said": said, "agrees": "no"}, "FAIL", text
    found = by_code or by_term
    if found is None:
        text = (
            f"the diagnosis in {name}.tsv is not in resources/diagnoses.tsv; give a diagnosis_code"
        )
        return {"said": said, "agrees": ""}, "WARN", text
    line = {key: found[key] for key in ("icd10", "kind", "en", "zh")} | {"said": said}
    if by_code and by_term and by_code["kind"] != by_term["kind"]:
        text = f"code {by_code['icd10']} ({by_code['en']}), but the words say {by_term['en']}"
        return line | {"agrees": "no"}, "FAIL", text
    if found["kind"] != said and found["kind"] not in ALSO.get(said, set()):
        text = f"{found['icd10']} ({found['en']}), but patients.tsv says {said}"
        return line | {"agrees": "no"}, "FAIL", text
    return line | {"agrees": "yes"}, "PASS", ""
