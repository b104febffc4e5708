"""On which terms data leave: the declared recipient, purpose and kinds of data, and the people whose consent covers them.

In: config key `share`, patients, consents and assays sheets. Out: admitted people by domain, numbers and reasons of those left
out; ExportRefused with one plain message. Source: requirements SHR-01, ETH-02, ETH-06, ETH-08; Implementing Rules of the
Regulation on Human Genetic Resources (China, 2023), article 2: gene and genome data are such resources' information.
"""

from collections import Counter
from dataclasses import dataclass, field

from scripts.core.gate import DOMAINS, compute_gate

SHARING = "sharing"
WORDS = ("diagnosis_service", "research", "product_development")
GENETIC = "genomics"


class ExportRefused(Exception):
    """Nothing leaves. The message says why and what to do."""


@dataclass
class Terms:
    """Who may be shared: {patient_id: domains}; `left_out`: {domain: {reason: n}}, counts of everybody else who was enrolled,
    withdrawn and refused people too; `enrolled`: all of them."""

    people: dict[str, list[str]] = field(default_factory=dict)
    left_out: dict[str, Counter] = field(default_factory=dict)
    enrolled: int = 0

    def count(self, domain: str) -> int:
        """How many people are shared with this kind of data."""
        return sum(domain in domains for domains in self.people.values())


def check_declared(settings: dict) -> None:
    """Raise ExportRefused when the config does not say who receives what for which purpose."""
    example = "--config share='{recipient: Hospital X, purpose: research}'"
    for key in ("recipient", "purpose"):
        if not str(settings[key]).strip():
            raise ExportRefused(f"share_package needs a {key}: {example}")
    unknown = sorted(set(settings["domains"]) - set(DOMAINS))
    if unknown or not settings["domains"]:
        raise ExportRefused(
            f"config key share.domains: {', '.join(unknown) or 'empty'}; allowed: {', '.join(DOMAINS)}"
        )
    if GENETIC in settings["domains"] and not settings["hgr_document"].strip():
        raise ExportRefused(
            "genome data are human genetic resources' information (Implementing Rules of the Regulation on Human Genetic "
            "Resources, 2023, art. 2) and leave only with an approval or filing: name its number in share.hgr_document, or take "
            "genomics out of share.domains"
        )


def purposes_of(settings: dict, run_purpose: str) -> list[str]:
    """Purposes that a consent must name: sharing, and the declared one (in own words: that of the run)."""
    declared = settings["purpose"].strip()
    return [SHARING, declared if declared in WORDS else run_purpose]


def people_to_share(
    plan: dict,
    patients: list[dict],
    consents: list[dict] | None,
    assays: list[dict],
    settings: dict,
    days: list[str],
) -> Terms:
    """People whose consent covers sharing and the purpose on each of these days, by kind of data.

    `assays` are rows of assays.tsv with their block. The whole gate is computed anew, so that a withdrawn, expired or late
    consent keeps a person out here too. Raises ExportRefused when nobody is left.
    """
    if consents is None:
        raise ExportRefused(
            "there are no consents (consent.not_available): whether sharing is covered cannot be shown; add consents.tsv"
        )
    wanted = [d for d in DOMAINS if d in settings["domains"]]
    gates = [
        compute_gate(patients, consents, assays, as_of=day, purpose=purpose)
        for day in sorted(set(days))
        for purpose in purposes_of(settings, plan["purpose"])
    ]
    reasons: dict[tuple[str, str], str] = {}
    for gate in [*reversed(gates), plan]:
        for row in gate["refused"]:
            for domain in wanted if row["domain"] == "*" else [row["domain"]]:
                reasons[row["patient_id"], domain] = f"{row['requirement_id']}: {_plain(row)}"
    withdrawn = sum(plan["withdrawn"].values())
    terms = Terms(enrolled=len(patients) + withdrawn)
    terms.left_out = {
        domain: Counter({"ETH-06: consent withdrawn": withdrawn} if withdrawn else {})
        for domain in wanted
    }
    for patient in sorted(row["patient_id"] for row in patients):
        entry, domains = plan["patients"].get(patient, {"domains": []}), []
        for domain in wanted:
            if domain not in entry["domains"]:
                why = reasons.get((patient, domain), "not admitted to the run")
                terms.left_out[domain][why] += 1
            elif any(
                domain not in g["patients"].get(patient, {}).get("domains", ()) for g in gates
            ):
                why = reasons.get((patient, domain), "not covered on the day of the export")
                terms.left_out[domain][why] += 1
            else:
                domains.append(domain)
        if domains:
            terms.people[patient] = domains
    if not terms.people:
        found = Counter(
            reason for counts in terms.left_out.values() for reason in counts.elements()
        )
        first = found.most_common(1)[0][0] if found else "no patient was admitted"
        raise ExportRefused(
            f"nobody's consent covers sharing of {', '.join(wanted)}, nothing is exported (most often {first})"
        )
    return terms


def _plain(row: dict) -> str:
    """A reason without the dates of one person."""
    return row["reason"].split(" on 2")[0].split(" on 1")[0]
