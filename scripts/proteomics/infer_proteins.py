"""In: peptide-spectrum matches of the development runs of one block. Out: the frozen protein reference and the dictionary.
FIT only: protein groups (parsimony, picked FDR, >= 2 peptides), peptide-to-protein map, ion levels and effects.
Source: protein_groups.py, peptide_effects.py; docs/proteomics.md.
"""

from typing import TYPE_CHECKING

from scripts.core import job as core_job
from scripts.core.features import Feature, read_status, write_dictionary
from scripts.proteomics.peptide_effects import fit_effects
from scripts.proteomics.protein_groups import Group, infer_groups
from scripts.proteomics.protein_names import feature_name
from scripts.proteomics.run_checks import check_ends, usual_window, why_unusable
from scripts.proteomics.spectra import REQUIREMENT

if TYPE_CHECKING:
    import pandas as pd

ION_COLUMNS = ["protein", "level", "effect"]
PROTEIN_COLUMNS = ["protein", "feature", "accessions", "gene", "name", "peptides", "q_value"]
QC_FEATURES = [
    Feature("qc_psms", "PSMs of the run at the PSM FDR", "count", "qc", "search_spectra"),
    Feature("qc_proteins", "reference proteins quantified", "count", "qc", "quantify_proteins"),
    Feature("qc_shift", "log2 shift onto the reference profile", "log2", "qc", "quantify_proteins"),
]
TISSUE = ("_tumour", "_adjacent", "_tissue")


def ion_areas(matches: "pd.DataFrame", q_value: float) -> "pd.DataFrame":
    """Log2 areas of target matches at `q_value`: index ion (peptide/charge), one column per subject.

    Of several matches or runs of one subject the largest area counts.
    """
    import numpy as np

    good = matches[(matches["q_value"] <= q_value) & ~matches["is_decoy"] & matches["area"].notna()]
    good = good.assign(ion=good["peptide"] + "/" + good["charge"].astype(str))
    table = good.groupby(["ion", "subject"])["area"].max().unstack("subject")
    return np.log2(table)


def fit_reference(
    matches: "pd.DataFrame", proteins: "pd.DataFrame", settings: dict
) -> tuple["pd.DataFrame", "pd.DataFrame"]:
    """Ion reference (ION_COLUMNS, index ion) and protein table (PROTEIN_COLUMNS) from pooled matches.

    `matches` holds the runs' matches with a column `subject`; `proteins` is the table of prepare_database.
    Raises InputDefect when no protein passes.
    """
    import pandas as pd

    contaminants = set(proteins.loc[proteins["contaminant"] == "true", "accession"])
    groups = [g for g in infer_groups(matches, settings) if not contaminants & set(g.accessions)]
    areas = ion_areas(matches, settings["psm_q_value"])
    group_of = {sequence: g for g in groups for sequence in g.own}
    sequence_of = dict(
        zip(
            matches["peptide"] + "/" + matches["charge"].astype(str),
            matches["sequence"],
            strict=True,
        )
    )
    areas = areas[[sequence_of[ion] in group_of for ion in areas.index]]
    protein_of = {ion: group_of[sequence_of[ion]].leader for ion in areas.index}
    kept = _often_enough(areas, protein_of, settings)
    if not kept:
        raise core_job.InputDefect(
            f"no protein with >= {settings['min_peptides']} peptides at {settings['protein_q_value']:.0%} protein FDR "
            f"and an MS1 area in enough of the {matches['subject'].nunique()} development runs",
            requirement_id=REQUIREMENT,
            check="proteins in the reference",
        )
    areas = areas[[protein_of[ion] in kept for ion in areas.index]]
    reference = fit_effects(areas, protein_of)
    groups = [g for g in groups if g.leader in kept]
    return reference, _protein_table(groups, proteins.set_index("accession"), pd)


def _often_enough(areas: "pd.DataFrame", protein_of: dict[str, str], settings: dict) -> set[str]:
    """Proteins quantified in a large enough share of the runs; the diagnosis is not looked at."""
    import pandas as pd

    seen = areas.notna().groupby(pd.Series(protein_of)).any()
    return set(seen.index[1 - seen.mean(axis=1) <= settings["max_missing"]])


def _protein_table(groups: list[Group], proteins: "pd.DataFrame", pd) -> "pd.DataFrame":
    rows = []
    for g in groups:
        gene = str(proteins.at[g.leader, "gene"])
        name = str(proteins.at[g.leader, "name"])
        feature = feature_name(g.accessions, gene)
        rows.append([g.leader, feature, ";".join(g.accessions), gene, name, len(g.own), g.q_value])
    return pd.DataFrame(rows, columns=PROTEIN_COLUMNS).sort_values("feature", ignore_index=True)


def dictionary_of(table: "pd.DataFrame", block: str) -> list[Feature]:
    """Features of a block. Proteins of tissue are annotation: tissue is taken from cases only."""
    role = "annotation" if block.endswith(TISSUE) else "predictor"
    proteins = [
        Feature(
            row.feature,
            f"{row.name or row.gene or 'protein'} ({row.accessions})",
            "log2 area",
            role,
            f"DDA, {row.peptides} peptides",
        )
        for row in table.itertuples(index=False)
    ]
    return [*proteins, *QC_FEATURES]


def read_matches(
    paths: list[str], statuses: list[str], subjects: list[str], block: str, settings: dict
) -> tuple["pd.DataFrame | None", dict[str, str], tuple[float, float]]:
    """Pooled matches of `block` with a column `subject`, {run left out: why}, and the time that the runs cover (s).

    Runs whose search failed, that are too short or identify too little teach nothing.
    """
    import pandas as pd

    tables, runs = [], {}
    for path, status, subject in zip(paths, statuses, subjects, strict=True):
        if read_status(status, block)[0] != "fail":
            table = pd.read_parquet(path)
            found = table.attrs.get("runs", {})
            runs |= {a: run for a, run in found.items() if run["block"] == block}
            table.attrs = {}
            tables.append(table[table["block"] == block].assign(subject=subject))
    window = usual_window(list(runs.values()))
    left_out = {assay: why_unusable(run, window, settings) for assay, run in runs.items()}
    left_out = {assay: why for assay, why in left_out.items() if why}
    if not tables or (runs and len(left_out) == len(runs)):
        return None, left_out, window
    pooled = pd.concat(tables, ignore_index=True)
    if left_out:
        pooled = pooled[~pooled["assay_id"].isin(set(left_out))]
    kept = [run for assay, run in runs.items() if assay not in left_out]
    return pooled, left_out, usual_window(kept)


def read_proteins(path: str) -> "pd.DataFrame":
    """The protein table of prepare_database, all text."""
    import pandas as pd

    return pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False)


def _aslist(value) -> list[str]:
    return [value] if isinstance(value, str) else list(value)


def main(job):
    """Fit the protein reference of one block on its development runs.

    input: psms, statuses (lists, in the order of params.subjects), database_proteins, database_status
    output: ions, proteins, dictionary, status, ledger; params: settings, subjects
    """
    import pandas as pd

    settings = job.params.settings
    block = job.wildcards.block
    with core_job.step(job) as step:
        ions = pd.DataFrame(columns=ION_COLUMNS, index=pd.Index([], name="ion"))
        table = pd.DataFrame(columns=PROTEIN_COLUMNS)
        try:
            step.require(job.input.database_status)
            matches, left_out, window = read_matches(
                _aslist(job.input.get("psms", [])),
                _aslist(job.input.get("statuses", [])),
                list(job.params.subjects),
                block,
                settings,
            )
            for assay, why in left_out.items():
                reason = f"development run {assay} is left out: {why}"
                step.check(REQUIREMENT, "run can be used", "WARN", evidence=assay, reason=reason)
            if matches is None:
                raise core_job.InputDefect(
                    "no development run passed the search; proteins can only be inferred from development runs",
                    requirement_id=REQUIREMENT,
                    check="development runs for the reference",
                )
            check_ends(step, matches, window, settings)
            ions, table = fit_reference(
                matches, read_proteins(job.input.database_proteins), settings
            )
            ions.attrs = {"start": window[0], "end": window[1]}
            step.check(
                REQUIREMENT,
                "protein groups in the reference",
                "PASS",
                value=len(table),
                threshold=f"protein FDR <= {settings['protein_q_value']}, >= {settings['min_peptides']} peptides",
            )
            runs = matches["subject"].nunique()
            step.log.info("%s: %d runs, %d proteins, %d ions", block, runs, len(table), len(ions))
        except core_job.InputDefect as defect:
            step.defect(defect)
        ions.to_parquet(step.path(job.output.ions), compression="zstd")
        table.to_csv(step.path(job.output.proteins), sep="\t", index=False, float_format="%.6g")
        write_dictionary(step.path(job.output.dictionary), dictionary_of(table, block))


if __name__ == "__main__":
    core_job.entry(main, globals().get("snakemake"))
