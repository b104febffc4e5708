"""In: what was measured of one patient's images of a modality, the status of their extraction. Out: verdict per block.
Limits act here alone, so that another limit reads no image again. Source: requirements IMG-CT, IMG-MRI, IMG-US, QCP-03.
"""

import json
from pathlib import Path

from scripts.core import job as core_job
from scripts.imaging import acquisition_checks as checks


def judge_block(step, block: dict, modality: str, limits: dict) -> None:
    """Hold one block against the limits."""
    facts, measured = block["acquisition"], block["measured"]
    found = checks.check_region(measured, limits, modality)
    if modality != "us":
        found += checks.check_slices(facts, modality, limits)
        found += checks.check_phase(block, modality)
    found += checks.check_required_fields(facts, modality, limits)
    if modality == "ct":
        found += checks.check_hounsfield(measured, limits)
    checks.record(step, found, block["assay_id"])
    for assay, finding in checks.check_readings(measured, limits):
        checks.record(step, [finding], assay)


def judge_study(step, blocks: dict[str, dict], limits: dict) -> None:
    """Checks over the phases of one CT study; both phases that look swapped fail."""
    phases = {block["phase"]: name for name, block in blocks.items() if block["phase"]}
    if len(phases) < 2:
        return
    surroundings = {phase: blocks[name]["measured"]["ring_hu"] for phase, name in phases.items()}
    seconds = {phase: blocks[name]["seconds_after_first"] for phase, name in phases.items()}
    reasons = checks.swapped_phases(surroundings, seconds, limits["swapped_hu"])
    apart = checks.several_examinations(seconds)
    for phase, name in phases.items():
        with step.block(name):
            verdict = "FAIL" if phase in reasons else "PASS"
            step.check("IMG-CT", "phases in order", verdict, reason=reasons.get(phase, ""))
            if apart:
                reason = "the phases were acquired more than 12 hours apart: not one examination"
                step.check("IMG-CT", "phases of one examination", "WARN", reason=reason)


def main(job):
    """Verdicts of one patient and modality.

    input: meta (of prepare_volumes), extracted (status of extract_radiomics)
    output: status, ledger
    params: limits; wildcards: patient, modality
    """
    with core_job.step(job) as step:
        limits, modality = job.params.limits, job.wildcards.modality
        extracted = json.loads(Path(job.input.extracted).read_text(encoding="utf-8"))
        text = Path(job.input.meta).read_text(encoding="utf-8")
        blocks = json.loads(text) if text.strip() else {}
        if not extracted["blocks"]:
            step.require(job.input.extracted)
        for name in sorted(extracted["blocks"]):
            with step.block(name):
                if name in blocks:
                    judge_block(step, blocks[name], modality, limits)
                step.require(job.input.extracted, name)
        if modality == "ct":
            judge_study(step, blocks, limits)


if __name__ == "__main__":
    core_job.entry(main, globals().get("snakemake"))
