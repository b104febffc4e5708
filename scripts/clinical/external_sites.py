"""Papers of the external validation: where its data come from, how many are planned, is the study registered.

In: patients, external_sites, study sheets. Out: checks of MOD-07 and MOD-08. Source: requirements MOD-07 (source, size, diversity
of institutions) and MOD-08 (registration, protocol); what the model does there is judged by validate_external.
"""

from scripts.clinical.checks import Check, examples

SITE_FIELDS = ("data_source", "planned_n", "document_id", "sha256")
STUDY_FIELDS = ("registration_no", "protocol_version", "enrol_start", "document_id", "sha256")


def external_sites(patients: list[dict], sites: list[dict] | None) -> list[Check]:
    """MOD-07: every centre of external patients is described with a document, and not all of them are tertiary hospitals."""
    check = "external site is described"
    centres = sorted({row["centre"] for row in patients if row["role"] == "external"})
    if not centres:
        return []
    if sites is None:
        return [Check("cohort", "MOD-07", check, "NOT_ASSESSED", None, "no external_sites.tsv")]
    described = {row["centre"]: row for row in sites}
    out = []
    for centre in centres:
        row = described.get(centre)
        gone = [name for name in SITE_FIELDS if name not in (row or {})]
        if row is None:
            text = "the centre is not in external_sites.tsv"
            out.append(Check(centre, "MOD-07", check, "NOT_ASSESSED", None, text))
        else:
            verdict, text = (
                ("NOT_ASSESSED", f"not said: {', '.join(gone)}") if gone else ("PASS", "")
            )
            out.append(Check(centre, "MOD-07", check, verdict, row["level"], text))
    levels = {described[centre]["level"] for centre in centres if centre in described}
    if levels == {"tertiary"}:
        text = "all external sites are tertiary hospitals"
        out.append(Check("cohort", "MOD-07", "institutions are diverse", "FAIL", "tertiary", text))
    elif levels:
        shown = ", ".join(sorted(levels))
        out.append(Check("cohort", "MOD-07", "institutions are diverse", "PASS", shown))
    return out


def study_is_registered(patients: list[dict], studies: list[dict] | None) -> list[Check]:
    """MOD-08: the study of the external patients has a registration number, a protocol with its document, a start."""
    check = "study is registered"
    if not any(row["role"] == "external" for row in patients):
        return []
    if not studies:
        return [Check("cohort", "MOD-08", check, "NOT_ASSESSED", None, "no study.tsv")]
    out = []
    for row in studies:
        gone = [name for name in STUDY_FIELDS if name not in row]
        verdict, text = ("NOT_ASSESSED", f"not said: {examples(gone)}") if gone else ("PASS", "")
        out.append(Check("cohort", "MOD-08", check, verdict, row.get("registration_no"), text,
                         evidence=row["study_id"]))  # fmt: skip
    return out
