"""What no step but the last can say: requirements about the run as a whole, and those that nothing is recorded of.

In: the plan, requirements, the run folder. Out: QC records of the cohort. Source: requirements ETH-10, OMX-05, MOD-01, TRF-03,
SHR-02, TRC-02; docs/report.md.
"""

from pathlib import Path

from scripts.core.gate import DOMAIN_OF_MODALITY
from scripts.core.withdrawal import read_lines
from scripts.report import stored_files
from scripts.report.evidence import listed

STEP = "assess_conformance"
OF_EXPORTS = ("ETH-08", "SHR-01")  # what must hold when data leave the site


def _record(requirement: str, check: str, verdict: str, reason: str = "", value=None) -> dict:
    return {
        "requirement_id": requirement,
        "subject": "cohort",
        "centre": "",
        "block": "",
        "step": STEP,
        "check": check,
        "verdict": verdict,
        "value": value,
        "unit": "",
        "threshold": "",
        "reason": reason,
    }


def is_applicable(requirement: dict, plan: dict) -> bool:
    """Whether the cohort has a modality that the requirement is about; a ready-made table of unknown kind may be any."""
    wanted = requirement.get("applies_to")
    modalities = {block["modality"] for block in plan["blocks"].values()}
    if wanted is None or not modalities or modalities - set(DOMAIN_OF_MODALITY):
        return True
    return bool(modalities & set(wanted))


def without_record(requirement: dict, plan: dict, exports: str = "") -> dict:
    """The finding of a requirement that no step has recorded: not applicable, or not assessed with what would be needed.

    exports : the register of share packages; what must hold of them does not apply while it is empty
    """
    name, check = requirement["id"], "evidence"
    if name in OF_EXPORTS and exports and not read_lines(Path(exports)):
        text = f"nothing was shared: {exports} has no export"
        return _without_none(_record(name, check, "NOT_APPLICABLE", text))
    if not is_applicable(requirement, plan):
        text = f"the cohort has no {', '.join(requirement['applies_to'])}"
        return _without_none(_record(name, check, "NOT_APPLICABLE", text))
    if "not_assessed" in requirement:
        return _without_none(
            _record(name, check, "NOT_ASSESSED", requirement["not_assessed"]["en"])
        )
    text = f"no step recorded anything; evidence would be {listed(requirement)}"
    return _without_none(_record(name, check, "NOT_ASSESSED", text))


def _without_none(record: dict) -> dict:
    return {key: "" if value is None else value for key, value in record.items()}


def records(plan: dict, requirements: dict, params) -> list[dict]:
    """Records of the run as a whole. `params` has link_table, run_folder and sheets, each a path or ""."""
    tasks = requirements["MOD-01"]["check"]["params"]
    absent = [task for task in tasks["tasks"] if task not in tasks["provided"]]
    text = f"{', '.join(tasks['provided'])} runs; not provided: {', '.join(absent)}"
    out = [_record("MOD-01", "entry points of the tasks", "WARN" if absent else "PASS", text)]
    modalities = {b["modality"] for b in plan["blocks"].values()} | set(plan["assays"])
    has, omics = "rnaseq" in modalities, modalities - {"clinical"}
    text = f"RNA-seq is {'in' if has else 'not in'} the cohort; it is accepted and never required"
    if not omics:
        text = "the cohort has no omics data"
    out.append(_record("OMX-05", "RNA-seq is optional", "PASS" if omics else "NOT_ASSESSED", text))
    for name, check, found in (
        ("TRF-03", "tables have a dictionary and a hash", stored_files.tables_have_dictionaries()),
        (
            "SHR-02",
            "bundles hold no patient",
            stored_files.bundles_hold_no_patient(set(plan["patients"])),
        ),
    ):
        if found:
            out.append(_record(name, check, *found))
    return [*out, link_table(getattr(params, "link_table", ""), getattr(params, "apart_from", []))]


def link_table(path: str, apart_from: list[str]) -> dict:
    """ETH-10: the table that joins identifiers and study ids lies outside the run and the sheets, where the config says."""
    check = "link table is kept apart"
    if not path:
        text = "privacy.link_table of the config does not say where the site keeps it"
        return _record("ETH-10", check, "NOT_ASSESSED", text)
    place = Path(path).resolve()
    for folder in map(Path, apart_from):
        if place.is_relative_to(folder.resolve()):
            return _record(
                "ETH-10",
                check,
                "FAIL",
                "the link table lies inside the run or the sheets; move it away",
            )
    if not place.exists():
        text = "nothing is to be seen at the place that the config names; it is taken on trust"
        return _record("ETH-10", check, "WARN", text)
    return _record(
        "ETH-10", check, "PASS", "it lies outside the run folder and the folder of the sheets"
    )
