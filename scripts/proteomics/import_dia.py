"""In: protein table of another program (DIA-NN, Spectronaut, MaxQuant, FragPipe, mzTab), one patient's run names.
Out: the patient's feature row (log2 quantities at 1 % FDR) and the names of its proteins; other runs are not looked at.
Source: protein_tables.py (formats), run_quantities.py (columns and filters).
"""

import math

from scripts.core import job as core_job
from scripts.core.features import write_row
from scripts.proteomics.protein_names import feature_name
from scripts.proteomics.protein_tables import FORMATS, REQUIREMENT, recognise
from scripts.proteomics.run_quantities import run_quantities

PROTEIN_COLUMNS = ["block", "feature", "gene", "accessions", "name", "source"]


def read_run(path: str, wanted: list[str], settings: dict, evidence: str):
    """Quantities of one run with a column `feature`, and the format's name. Raises InputDefect."""
    table = recognise(path, evidence)
    frame = run_quantities(
        table, wanted, settings["q_value"], settings["contaminant_prefixes"], evidence
    )
    frame["feature"] = [
        feature_name(accessions.split(";"), gene)
        for accessions, gene in zip(frame["accessions"], frame["gene"], strict=True)
    ]
    return frame.drop_duplicates("feature"), FORMATS[table.format]


def mean_log2(runs: list) -> dict[str, float]:
    """Mean log2 quantity per feature over the runs of one patient that have it."""
    values: dict[str, list[float]] = {}
    for frame in runs:
        for feature, quantity in zip(frame["feature"], frame["quantity"], strict=True):
            values.setdefault(feature, []).append(math.log2(quantity))
    return {feature: sum(found) / len(found) for feature, found in sorted(values.items())}


def main(job):
    """Import the runs of one patient.

    input: tables (in the order of the assays); output: row, proteins, status, ledger
    params: settings; names (lists of run names to try), assay_ids, blocks
    """
    import pandas as pd

    settings = job.params.settings
    with core_job.step(job) as step:
        step.require_md5()
        tables = [job.input.tables] if isinstance(job.input.tables, str) else list(job.input.tables)
        assay_ids = getattr(job.params, "assay_ids", [step.subject] * len(tables))
        names = getattr(job.params, "names", [[assay_id] for assay_id in assay_ids])
        blocks = getattr(job.params, "blocks", ["dia"] * len(tables))
        runs: dict[str, list] = {}
        proteins = [pd.DataFrame(columns=PROTEIN_COLUMNS)]
        for path, assay_id, wanted, block in zip(tables, assay_ids, names, blocks, strict=True):
            with step.block(block):
                frame, source = read_run(path, wanted, settings, assay_id)
                step.check(
                    REQUIREMENT,
                    f"proteins at {settings['q_value']:.0%} FDR",
                    "PASS" if len(frame) >= settings["min_proteins"] else "FAIL",
                    value=len(frame),
                    unit="proteins",
                    threshold=f">= {settings['min_proteins']}",
                    evidence=assay_id,
                )
                step.log.info("%s: %s, %d proteins", assay_id, source, len(frame))
                runs.setdefault(block, []).append(frame)
                proteins.append(frame.assign(block=block, source=source)[PROTEIN_COLUMNS])
        rows = {
            block: mean_log2(found) | {"qc_proteins": float(sum(map(len, found)) / len(found))}
            for block, found in runs.items()
        }
        write_row(step.path(job.output.row), rows)
        table = pd.concat([p for p in proteins if len(p)] or proteins, ignore_index=True)
        table.drop_duplicates(["block", "feature"]).to_csv(
            step.path(job.output.proteins), sep="\t", index=False, lineterminator="\n"
        )


if __name__ == "__main__":
    core_job.entry(main, globals().get("snakemake"))
