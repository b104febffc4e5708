"""In: the protein names that the patients' imports found in one block. Out: the dictionary of the block.
Nothing is learned here: names only.
Source: docs/architecture.md, "The feature contract".
"""

from scripts.core import job as core_job
from scripts.core.features import Feature, write_dictionary

TISSUE = ("_tumour", "_adjacent", "_tissue")
QC_FEATURE = Feature("qc_proteins", "proteins at the protein FDR", "count", "qc", "import_dia")


def read_names(paths: list[str], block: str):
    """Every feature of the block once (columns feature, gene, accessions, name, source), sorted."""
    import pandas as pd

    tables = [pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False) for path in paths]
    if not tables:
        return pd.DataFrame(columns=["feature", "gene", "accessions", "name", "source"])
    table = pd.concat(tables, ignore_index=True)
    table = table[table["block"] == block]
    return table.sort_values(["feature", "name"], ascending=[True, False]).drop_duplicates(
        "feature"
    )


def dictionary_of(names, block: str) -> list[Feature]:
    """Features of a block. Proteins of tissue are annotation: tissue is taken from cases only."""
    role = "annotation" if block.endswith(TISSUE) else "predictor"
    return [
        Feature(
            row.feature,
            f"{row.name or row.gene or 'protein'} ({row.accessions})",
            "log2 quantity",
            role,
            row.source,
        )
        for row in names.itertuples(index=False)
    ] + [QC_FEATURE]


def main(job):
    """Write the dictionary of one DIA block. input: proteins (list); output: dictionary, status, ledger."""
    with core_job.step(job) as step:
        given = job.input.get("proteins", [])
        paths = [given] if isinstance(given, str) else list(given)
        names = read_names(paths, job.wildcards.block)
        write_dictionary(
            step.path(job.output.dictionary), dictionary_of(names, job.wildcards.block)
        )


if __name__ == "__main__":
    core_job.entry(main, globals().get("snakemake"))
