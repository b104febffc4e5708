"""In: matches of one subject, the frozen protein reference of each of its blocks. Out: its feature row (log2 quantities).
APPLY only: the same code for development, external and new patients; no other patient is looked at.
Source: peptide_effects.py (median polish against frozen ion effects).
"""

import math

from scripts.core import job as core_job
from scripts.core.features import write_row
from scripts.proteomics.infer_proteins import ion_areas
from scripts.proteomics.peptide_effects import apply_effects
from scripts.proteomics.run_checks import check_run
from scripts.proteomics.spectra import REQUIREMENT


def quantify(matches, ions, proteins, settings: dict) -> tuple[dict[str, float], int]:
    """Features of one block and the number of reference ions seen.

    `matches`: the block's matches of one subject; `ions`, `proteins`: the frozen reference (index ion; PROTEIN_COLUMNS).
    """
    import pandas as pd

    areas = ion_areas(matches.assign(subject="this"), settings["psm_q_value"])
    areas = areas["this"] if "this" in areas else pd.Series(dtype=float)
    quantities, shift, seen = apply_effects(areas, ions, settings["min_ions"])
    feature_of = dict(zip(proteins["protein"], proteins["feature"], strict=True))
    row = {feature_of[protein]: float(value) for protein, value in quantities.items()}
    row["qc_shift"] = shift
    row["qc_proteins"] = float(quantities.notna().sum())
    identified = (matches["q_value"] <= settings["psm_q_value"]) & ~matches["is_decoy"]
    row["qc_psms"] = float(identified.sum())
    return row, seen


def check_row(step, row: dict[str, float], total: int, settings: dict) -> None:
    """Record how much of the reference was seen; FAIL under `min_share`, WARN under `low_share`."""
    share = row["qc_proteins"] / total
    verdict = "PASS"
    if share < settings["min_share"]:
        verdict = "FAIL"
    elif share < settings["low_share"]:
        verdict = "WARN"
    step.check(
        REQUIREMENT,
        "reference proteins quantified",
        verdict,
        value=share,
        threshold=f">= {settings['min_share']} (warning under {settings['low_share']})",
        reason=f"{row['qc_proteins']:.0f} of {total} reference proteins quantified",
    )


def main(job):
    """Make the feature row of one subject.

    input: psms, search_status, ions, proteins, reference_status (lists in the order of params.blocks)
    output: row, status, ledger; params: settings, blocks
    """
    import pandas as pd

    settings = job.params.settings
    with core_job.step(job) as step:
        rows = {}
        blocks = list(getattr(job.params, "blocks", ["dda"]))
        inputs = [
            [value] if isinstance(value, str) else list(value)
            for value in (job.input.ions, job.input.proteins, job.input.reference_status)
        ]
        for block, ion_path, protein_path, status in zip(blocks, *inputs, strict=True):
            with step.block(block):
                step.require(job.input.search_status, block)
                step.require(status)
                matches = pd.read_parquet(job.input.psms)
                ions = pd.read_parquet(ion_path)
                proteins = pd.read_csv(
                    protein_path, sep="\t", dtype={"protein": str, "feature": str}
                )
                window = (ions.attrs.get("start", math.nan), ions.attrs.get("end", math.nan))
                own = {
                    a: r for a, r in matches.attrs.get("runs", {}).items() if r["block"] == block
                }
                usable = [check_run(step, a, run, window, settings) for a, run in own.items()]
                if not all(usable):
                    continue  # the verdict is fail, with the reason of the run
                row, seen = quantify(matches[matches["block"] == block], ions, proteins, settings)
                step.log.info("%s: %d of %d reference ions", block, seen, len(ions))
                check_row(step, row, len(proteins), settings)
                rows[block] = row
        write_row(step.path(job.output.row), rows)


if __name__ == "__main__":
    core_job.entry(main, globals().get("snakemake"))
